# SPDX-License-Identifier: BSD-3-Clause
"""What mixed precision costs in accuracy: against double, frame by frame, and in NVE.

Frames: the structures beside a published model (NAME_mlpace.extxyz: strained, hot, defective
crystals, clusters, dimers deep in the core), or, where there are none, those that
tektite.references makes; and molecular dynamics at 2,000 K.
"""

from __future__ import annotations

from collections.abc import Sequence

import ase.io
import ase.units
import numpy as np
from ase import Atoms
from ase.md.langevin import Langevin
from ase.md.velocitydistribution import MaxwellBoltzmannDistribution
from benchmark_models import Model, crystal
from lammps_timing import nve_input, run, thermo_table
from report import Section, Table, significant
from rich.progress import Progress
from settings import Settings

import tektite
from tektite.references import default_references

_HOT = 2000  # K
_NVE_ATOMS = 64


def _binds(model: Model) -> bool:
    """Whether the model is of a material; those of random coefficients have short timesteps."""
    return model.timestep >= 0.5


def _reference_frames(model: Model) -> list[Atoms]:
    path = model.path.with_name(f"{model.path.stem}_mlpace.extxyz")
    if path.is_file():
        return ase.io.read(path, ":")
    return [atoms for _, atoms in default_references(model.elements)]


def _hot_frames(model: Model, quick: bool) -> list[Atoms]:
    atoms = crystal(model.elements, 64)
    atoms.calc = tektite.TektiteCalculator(model.path)
    rng = np.random.default_rng(9)
    MaxwellBoltzmannDistribution(atoms, temperature_K=_HOT, rng=rng)
    thermostat = Langevin(
        atoms,
        1.0 * ase.units.fs,
        temperature_K=_HOT,
        friction=0.05 / ase.units.fs,
        fixcm=False,
        rng=rng,
    )
    frames = []
    for _ in range(5 if quick else 20):
        thermostat.run(10 if quick else 25)
        frames.append(Atoms(atoms))
    return frames


def _errors(model: Model, frames: Sequence[Atoms]) -> dict[str, float]:
    double = tektite.evaluate(frames, model.path)
    mixed = tektite.evaluate(frames, model.path, precision="mixed")
    sizes = np.array([len(a) for a in frames])
    energy = np.abs(mixed.energies - double.energies) / sizes
    exact = np.concatenate(double.forces)
    difference = np.concatenate(mixed.forces) - exact
    size = np.linalg.norm(exact, axis=1)
    error = np.linalg.norm(difference, axis=1)
    return {
        "frames": len(frames),
        "atoms": int(sizes.sum()),
        "energy_rms": float(np.sqrt(np.mean(energy**2))),
        "energy_max": float(energy.max()),
        "force_rms": float(np.sqrt(np.mean(difference**2))),
        "force_max": float(error.max()),
        "force_relative": float((error / np.maximum(size, 1.0)).max()),
        "largest_force": float(size.max()),
    }


def _drift(settings: Settings, model: Model, precision: str, steps: int) -> dict[str, float]:
    """Slope of the total energy of an NVE run with its standard error, meV an atom and ns."""
    pair = f"pair_style mlip precision {precision}\npair_coeff * * {model.path} "
    pair += " ".join(model.elements)
    commands = nve_input(
        pair, steps, warm=200, timestep=1.0, temperature=600.0, skin=1.0, thermo=10
    )
    atoms = crystal(model.elements, _NVE_ATOMS)
    log = run(settings.program, atoms, model.elements, commands).log
    step, temperature, energy = thermo_table(log).T
    ns = 1e-6 * (step - step[0])  # 1 fs a step
    mev = 1e3 * (energy - energy[0]) / len(atoms)
    (slope, offset), covariance = np.polyfit(ns, mev, 1, cov=True)
    return {
        "ps": float(1e3 * ns[-1]),
        "temperature": float(temperature.mean()),
        "drift": float(slope),
        "drift_error": float(np.sqrt(covariance[0, 0])),
        "fluctuation": float(np.std(mev - slope * ns - offset)),
    }


def measure(settings: Settings, progress: Progress) -> Section:
    """Compare mixed with double."""
    binding = [model for model in settings.models if _binds(model)]
    total = len(settings.models) + 3 * len(binding)
    task = progress.add_task("mixed precision", total=total)
    section = Section("accuracy_mixed")
    table = Table(
        "Mixed against double precision",
        [
            "model and frames",
            "frames",
            "energy, meV/atom: rms",
            "max",
            "force, meV/Å: rms of components",
            "max of vectors",
            "max relative",
            "largest force, eV/Å",
        ],
    )
    for model in settings.models:
        sets = {"reference": _reference_frames(model)}
        progress.advance(task)
        if _binds(model):
            sets[f"MD at {_HOT:,} K"] = _hot_frames(model, settings.quick)
            progress.advance(task)
        for name, frames in sets.items():
            e = _errors(model, frames)
            table.rows.append(
                [
                    f"{model.name}, {name}",
                    str(e["frames"]),
                    significant(1e3 * e["energy_rms"]),
                    significant(1e3 * e["energy_max"]),
                    significant(1e3 * e["force_rms"]),
                    significant(1e3 * e["force_max"]),
                    f"{e['force_relative']:.1e}",
                    significant(e["largest_force"]),
                ]
            )
            section.data[f"{model.name}, {name}"] = e
    table.notes.append("Relative: to the force on the atom, or to 1 eV/Å where that is larger.")
    section.tables.append(table)
    if not binding:
        table.notes.append("No drift: random coefficients hold no crystal together.")
        return section
    drift = Table(
        f"Drift of the total energy in NVE, {_NVE_ATOMS} atoms, LAMMPS, 1 fs",
        ["model", "precision", "ps", "K", "drift, meV/atom/ns", "fluctuation, meV/atom"],
    )
    steps = 1000 if settings.quick else 20000
    for model in binding:
        for precision in ("double", "mixed"):
            d = _drift(settings, model, precision, steps)
            progress.advance(task)
            drift.rows.append(
                [
                    model.name,
                    precision,
                    f"{d['ps']:.1f}",
                    f"{d['temperature']:.0f}",
                    f"{d['drift']:.2g} ± {d['drift_error']:.1g}",
                    significant(d["fluctuation"]),
                ]
            )
            section.data[f"drift, {model.name}, {precision}"] = d
    drift.notes.append(
        "Least-squares slope with its standard error; fluctuation: what remains about that line, "
        "in double that of the integrator at this timestep."
    )
    section.tables.append(drift)
    return section


if __name__ == "__main__":
    from run import main

    main(only="accuracy_mixed")
