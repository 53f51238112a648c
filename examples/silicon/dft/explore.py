"""Make frames that a fitted potential visits, so that the next fit knows what it got wrong.

Small cells are melted and expanded by molecular dynamics with the potential itself, through
`pair_style mlip`. Where the potential has a hole, the dynamics finds it: the frames there are what
the data lacks.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import ase.io
import numpy as np
from ase import Atoms, units
from ase.build import bulk
from ase.md.langevin import Langevin
from ase.md.velocitydistribution import MaxwellBoltzmannDistribution
from make_frames import A0, min_distance
from tqdm import tqdm

import tektite

VOLUMES = (0.8, 0.9, 1.0, 1.2, 1.5, 2.0, 3.0)
TEMPERATURES = (2000.0, 3500.0)


def explore(atoms: Atoms, temperature: float, steps: int, samples: int, seed: int) -> list[Atoms]:
    """Return equidistant frames of NVT dynamics with the calculator of `atoms`."""
    rng = np.random.default_rng(seed)
    MaxwellBoltzmannDistribution(atoms, temperature_K=2 * temperature, rng=rng)
    dynamics = Langevin(
        atoms, 1.0 * units.fs, temperature_K=temperature, friction=0.02 / units.fs, rng=rng
    )
    frames = []
    for _ in range(samples):
        dynamics.run(steps // samples)
        frame = Atoms(atoms.symbols, positions=atoms.positions, cell=atoms.cell, pbc=True)
        frame.wrap()
        frames.append(frame)
    return frames


def main() -> None:
    """Parse the command line, run and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", help="potential to run")
    parser.add_argument("output", type=Path, help="extxyz file to write")
    parser.add_argument("--label", default="explored", help="group, and begin of the frames' names")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--samples", type=int, default=2, help="frames of each run")
    parser.add_argument("--min-distance", type=float, default=1.3, help="no closer atoms (A)")
    args = parser.parse_args()
    cubic = bulk("Si", "diamond", a=A0, cubic=True)
    frames = []
    for number, volume in enumerate(tqdm(VOLUMES, unit="volume")):
        for temperature in TEMPERATURES:
            cell = cubic.copy()
            cell.set_cell(cubic.cell.array * volume ** (1 / 3), scale_atoms=True)
            cell.calc = tektite.TektiteCalculator(args.model)
            seed = args.seed * 1000 + number * 10 + int(temperature > 3000)
            for frame in explore(cell, temperature, 6000, args.samples, seed):
                if min_distance(frame) < args.min_distance:
                    continue
                frame.info["group"] = args.label
                frame.info["name"] = f"{args.label}_{args.seed}{len(frames):03d}"
                frames.append(frame)
    ase.io.write(args.output, frames, format="extxyz")
    print(f"{len(frames)} frames")


if __name__ == "__main__":
    main()
