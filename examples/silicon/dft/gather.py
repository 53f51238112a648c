"""Gather the CP2K results into a train and a test file.

Frames whose calculation is missing, failed or did not converge are left out and counted. Where
the same molecule was computed with several multiplicities, the one of lowest energy is kept. The
test frames are drawn group by group with a fixed seed; groups of fewer than three frames stay in
the train file, as do frames of very high energy, which are there to close holes.
"""

from __future__ import annotations

import argparse
from collections import Counter, defaultdict
from pathlib import Path

import ase.io
import numpy as np
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from cp2k_output import parse_output
from tqdm import tqdm


def collect(frames: list[Atoms], work: Path, max_force: float) -> tuple[list[Atoms], Counter[str]]:
    """Return the frames with their results, and how many were left out for which reason."""
    gathered: list[Atoms] = []
    dropped: Counter[str] = Counter()
    for atoms in tqdm(frames, unit="frame"):
        output = work / atoms.info["name"] / "frame.out"
        if not output.exists():
            dropped["not computed"] += 1
            continue
        try:
            result = parse_output(output)
        except ValueError:
            dropped["incomplete output"] += 1
            continue
        if not result.converged:
            dropped["not converged"] += 1
            continue
        if "multiplicity" in atoms.info and result.spin is None:
            dropped["not spin-polarised"] += 1
            continue
        if np.linalg.norm(result.forces, axis=1).max() > max_force:
            dropped[f"a force above {max_force} eV/A"] += 1
            continue
        new = Atoms(atoms.symbols, positions=atoms.positions, cell=atoms.cell, pbc=atoms.pbc)
        new.info = {"group": atoms.info["group"], "name": atoms.info["name"]}
        values = {"energy": result.energy, "forces": result.forces}
        if result.stress is not None:
            values["stress"] = result.stress
        new.calc = SinglePointCalculator(new, **values)
        gathered.append(new)
    return gathered, dropped


def lowest_states(frames: list[Atoms]) -> list[Atoms]:
    """Of molecules with the same positions keep the one of lowest energy."""
    best: dict[bytes, Atoms] = {}
    for atoms in frames:
        if not atoms.pbc.any():
            key = atoms.positions.round(6).tobytes()
            if key not in best or atoms.get_potential_energy() < best[key].get_potential_energy():
                best[key] = atoms
    kept = {id(atoms) for atoms in best.values()}
    return [atoms for atoms in frames if atoms.pbc.any() or id(atoms) in kept]


def split(
    frames: list[Atoms], fraction: float, seed: int, train_above: float = np.inf
) -> tuple[list[Atoms], list[Atoms]]:
    """Split into train and test frames, stratified by group.

    Frames whose energy per atom is more than `train_above` (eV) over the lowest one are train
    frames.
    """
    energies = {id(a): a.get_potential_energy() / len(a) for a in frames}
    limit = min(energies.values(), default=0.0) + train_above
    groups: dict[str, list[Atoms]] = defaultdict(list)
    for atoms in frames:
        groups[atoms.info["group"]].append(atoms)
    rng = np.random.default_rng(seed)
    train: list[Atoms] = []
    test: list[Atoms] = []
    for group in sorted(groups, key=lambda name: (name != "isolated_atom", name)):
        members = sorted(groups[group], key=lambda atoms: atoms.info["name"])
        train += [atoms for atoms in members if energies[id(atoms)] > limit]
        members = [atoms for atoms in members if energies[id(atoms)] <= limit]
        count = 0 if len(members) < 3 else max(1, round(fraction * len(members)))
        chosen = set(rng.permutation(len(members))[:count].tolist())
        for index, atoms in enumerate(members):
            (test if index in chosen else train).append(atoms)
    return train, test


def main() -> None:
    """Parse the command line, gather and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("frames", type=Path, help="extxyz file written by make_frames.py")
    parser.add_argument("work", type=Path, help="folder of the calculations")
    parser.add_argument("output", type=Path, help="folder for the two data files")
    parser.add_argument("--test-fraction", type=float, default=0.15)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--max-force", type=float, default=60.0, help="eV/A")
    parser.add_argument(
        "--train-above",
        type=float,
        default=2.0,
        help="eV/atom over the lowest: such frames close holes and are always train frames",
    )
    args = parser.parse_args()
    frames = ase.io.read(args.frames, index=":")
    gathered, dropped = collect(frames, args.work, args.max_force)
    final = lowest_states(gathered)
    train, test = split(final, args.test_fraction, args.seed, args.train_above)
    args.output.mkdir(parents=True, exist_ok=True)
    for name, part in (("train", train), ("test", test)):
        ase.io.write(args.output / f"si_pbe_{name}.extxyz", part, format="extxyz")
    in_train = Counter(atoms.info["group"] for atoms in train)
    in_test = Counter(atoms.info["group"] for atoms in test)
    print("| group | train | test | atoms |\n| --- | ---: | ---: | ---: |")
    for group in sorted(in_train | in_test):
        sizes = sorted({len(atoms) for atoms in final if atoms.info["group"] == group})
        text = ", ".join(map(str, sizes))
        print(f"| {group} | {in_train[group]} | {in_test[group]} | {text} |")
    print(f"| all | {len(train)} | {len(test)} | {sum(map(len, final))} in all |")
    print(f"higher spin states: {len(gathered) - len(final)}; left out: {dict(dropped)}")


if __name__ == "__main__":
    main()
