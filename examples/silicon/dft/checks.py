"""Measure how well the level of theory is converged, and check forces and stress.

``convergence`` changes one setting at a time for two frames, a strained and rattled cubic cell of
diamond (a semiconductor) and a distorted beta-tin cell (a metal), and prints the changes.
``gradients`` compares forces and stress with central differences of the energy for the metal,
where the free energy and the internal energy differ.
"""

from __future__ import annotations

import argparse
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.build import bulk
from ase.units import Hartree
from cp2k_output import Result, parse_output
from run_cp2k import OUTPUT_NAME, Settings, kpoint_grid, run_frame

TZV2P = {"basis": "TZV2P-MOLOPT-GTH"}
VARIANTS: dict[str, list[tuple[str, dict[str, object]]]] = {
    "diamond8": [
        (
            "250 Ry, REL_CUTOFF 40 Ry, EPS_DEFAULT 1e-10",
            {"cutoff": 250.0, "rel_cutoff": 40.0, "eps_default": "1.0E-10"},
        ),
        ("k-point spacing 0.20 1/A", {"kspacing": 0.20}),
        ("basis TZV2P-MOLOPT-GTH", TZV2P),
    ],
    "beta_tin2": [
        ("k-point spacing 0.20 1/A", {"kspacing": 0.20}),
        ("kT 0.05 eV, spacing 0.20 1/A", {"kspacing": 0.20, "temperature": 580.226}),
        ("basis TZV2P-MOLOPT-GTH", TZV2P),
    ],
}


def test_frames() -> dict[str, Atoms]:
    """Return the two frames of the measurements."""
    diamond = bulk("Si", "diamond", a=5.43, cubic=True)
    diamond.rattle(0.08, seed=1)
    strain = np.array([[0.02, 0.01, 0.0], [0.01, -0.015, 0.01], [0.0, 0.01, 0.01]])
    diamond.set_cell(diamond.cell.array @ (np.eye(3) + strain), scale_atoms=True)
    a, c = 4.81, 2.65
    tin = Atoms(
        "Si2",
        cell=[[-a / 2, a / 2, c / 2], [a / 2, -a / 2, c / 2], [a / 2, a / 2, -c / 2]],
        scaled_positions=[[0, 0, 0], [0.75, 0.25, 0.5]],
        pbc=True,
    )
    tin.positions[1] += [0.10, 0.04, -0.06]
    tin.set_cell(tin.cell.array @ (np.eye(3) + strain), scale_atoms=True)
    return {"diamond8": diamond, "beta_tin2": tin}


def compute(atoms: Atoms, folder: Path, settings: Settings, command: str) -> Result:
    """Run one single point and return its result."""
    run_frame(atoms, folder, settings, command)
    result = parse_output(folder / OUTPUT_NAME)
    if not result.converged:
        raise RuntimeError(f"{folder}: the SCF did not converge")
    return result


def convergence(work: Path, command: str, names: list[str]) -> None:
    """Print, as a Markdown table, what each variant changes."""
    frames = test_frames()
    print("| frame | change | energy, meV/atom | force, meV/A | stress, GPa | time |")
    print("| --- | --- | ---: | ---: | ---: | ---: |")
    for name in names:
        atoms = frames[name]
        base = compute(atoms, work / f"{name}_base", Settings(), command)
        grid = "x".join(map(str, kpoint_grid(atoms, Settings().kspacing)))
        largest = np.abs(base.forces).max()
        print(f"| {name} | none; k-points {grid}, largest force {largest:.2f} eV/A | | | | 1 |")
        for index, (label, change) in enumerate(VARIANTS[name]):
            settings = replace(Settings(), **change)
            result = compute(atoms, work / f"{name}_{index}", settings, command)
            energy = (result.energy - base.energy) / len(atoms) * 1e3
            force = np.abs(result.forces - base.forces).max() * 1e3
            stress = np.abs(result.stress - base.stress).max() * 160.21766
            print(
                f"| {name} | {label} | {energy:+.2f} | {force:.1f} | {stress:.3f} "
                f"| {result.seconds / base.seconds:.1f} |",
                flush=True,
            )


def entropy_term(folder: Path) -> float:
    """Return CP2K's electronic entropic energy (-TS) in eV."""
    text = (folder / OUTPUT_NAME).read_text()
    return float(re.findall(r"Electronic entropic energy:\s+(\S+)", text)[-1]) * Hartree


def gradients(work: Path, command: str) -> None:
    """Compare forces and stress with central differences."""
    settings = replace(Settings(), eps_scf="1.0E-8")
    atoms = test_frames()["beta_tin2"]
    grid = kpoint_grid(atoms, settings.kspacing)
    base = compute(atoms, work / "gradient_base", settings, command)
    step, strain = 0.02, 0.005
    print("| quantity | printed by CP2K | free energy F | internal energy F + TS |")
    print("| --- | ---: | ---: | ---: |")
    for label, component in (("force x, atom 1 (eV/A)", 0),):
        values = []
        for sign in (1, -1):
            moved = atoms.copy()
            moved.positions[0, component] += sign * step
            folder = work / f"gradient_{component}_{sign}"
            energy = compute(moved, folder, settings, command).energy
            values.append((energy, energy - entropy_term(folder)))
        free, internal = -(np.array(values[0]) - np.array(values[1])) / (2 * step)
        print(f"| {label} | {base.forces[0, component]:.5f} | {free:.5f} | {internal:.5f} |")
    for label, i, j, voigt in (("stress xx", 0, 0, 0), ("stress yz", 1, 2, 3)):
        values = []
        for sign in (1, -1):
            tensor = np.zeros((3, 3))
            tensor[i, j] += 0.5 * sign * strain
            tensor[j, i] += 0.5 * sign * strain
            moved = atoms.copy()
            moved.set_cell(atoms.cell.array @ (np.eye(3) + tensor), scale_atoms=True)
            if kpoint_grid(moved, settings.kspacing) != grid:
                raise RuntimeError("the strain changes the k-point grid")
            folder = work / f"gradient_{i}{j}_{sign}"
            energy = compute(moved, folder, settings, command).energy
            values.append((energy, energy - entropy_term(folder)))
        free, internal = (np.array(values[0]) - np.array(values[1])) / (
            2 * strain * atoms.get_volume()
        )
        print(f"| {label} (eV/A^3) | {base.stress[voigt]:.6f} | {free:.6f} | {internal:.6f} |")


def main() -> None:
    """Parse the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("convergence", "gradients"))
    parser.add_argument("work", type=Path, help="folder for the calculations")
    parser.add_argument("--command", default="cp2k.psmp", help="how CP2K is started")
    parser.add_argument("--frames", nargs="*", default=list(VARIANTS), choices=list(VARIANTS))
    args = parser.parse_args()
    if args.what == "convergence":
        convergence(args.work, args.command, args.frames)
    else:
        gradients(args.work, args.command)


if __name__ == "__main__":
    main()
