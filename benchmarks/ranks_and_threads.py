# SPDX-License-Identifier: BSD-3-Clause
"""How the time scales with MPI ranks, threads and atoms, and how much memory an atom takes."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from benchmark_models import Model, crystal
from lammps_timing import PRINT_PEAK_MEMORY, Timing, nve_input, run
from machine import cores, pinned
from report import Section, Spread, Table, significant
from rich.progress import Progress
from settings import Settings

import tektite

_SIZES = (1000, 4096, 32768, 262144)
_PARALLEL = 32768


def _model(settings: Settings) -> Model:
    """bench-standard if it is there: not so slow that a quarter of a million atoms take minutes."""
    named = {model.name: model for model in settings.models}
    return named.get("bench-standard", settings.models[-1])


def _repeats(settings: Settings) -> int:
    return min(settings.repeats, 3)


def _run(
    settings: Settings,
    model: Model,
    n_atoms: int,
    precision: str,
    steps: int,
    ranks: int = 1,
    threads: int = 1,
) -> Timing:
    names = " ".join(model.elements)
    pair = (
        f"pair_style mlip precision {precision} threads {threads}\n"
        f"pair_coeff * * {model.path} {names}"
    )
    commands = nve_input(pair, steps, warm=2, timestep=model.timestep, skin=settings.skin)
    atoms = crystal(model.elements, n_atoms)
    return run(settings.program, atoms, model.elements, commands, ranks=ranks, threads=threads)


def _python(
    model: Model, n_atoms: int, precision: str, threads: int, skin: float, calls: int
) -> float:
    """Seconds of one evaluation in Python; with skin 0 each builds a neighbour list."""
    atoms = crystal(model.elements, n_atoms)
    evaluator = tektite.load(model.path).make_evaluator(precision, threads, skin)
    step = 1e-5 * np.random.default_rng(5).normal(size=atoms.positions.shape)
    with pinned(cores()[:threads]):
        positions = atoms.positions
        arguments = (atoms.cell.array, atoms.pbc)
        evaluator.evaluate(atoms.numbers, positions, *arguments)
        start = time.perf_counter()
        for k in range(calls):
            evaluator.evaluate(atoms.numbers, positions + (k + 1) * step, *arguments)
        return (time.perf_counter() - start) / calls


def _parallel(
    settings: Settings, model: Model, section: Section, advance: Callable[[], None]
) -> None:
    n_atoms = 4096 if settings.quick else _PARALLEL
    table = Table(
        f"One and two cores, {model.name}, {n_atoms:,} atoms",
        ["what", "precision", "1 core, µs an atom", "2 cores", "efficiency"],
    )
    section.tables.append(table)
    if len(cores()) < 2:
        table.notes.append("Not measured: this process may use one core only.")
        return
    for precision in ("double", "mixed"):
        trial = _run(settings, model, n_atoms, precision, 2)
        per_step = trial.seconds / trial.steps
        steps = settings.steps_for(per_step)
        calls = max(2, settings.steps_for(per_step, 0.5 * settings.seconds))

        def lammps(
            ranks: int, threads: int, precision: str = precision, steps: int = steps
        ) -> float:
            return _run(settings, model, n_atoms, precision, steps, ranks, threads).microseconds

        def python(
            threads: int, skin: float, precision: str = precision, calls: int = calls
        ) -> float:
            return 1e6 / n_atoms * _python(model, n_atoms, precision, threads, skin, calls)

        # What is timed, on how many cores.
        timed: dict[tuple[str, int], Callable[[], float]] = {
            ("LAMMPS", 1): lambda f=lammps: f(1, 1),
            ("LAMMPS, ranks", 2): lambda f=lammps: f(2, 1),
            ("LAMMPS, threads", 2): lambda f=lammps: f(1, 2),
        }
        pairs = {"LAMMPS, ranks": "LAMMPS", "LAMMPS, threads": "LAMMPS"}
        if precision == "double":
            for name, skin in (("Python, threads", 1.0), ("Python, threads, new list", 0.0)):
                timed[name, 1] = lambda f=python, skin=skin: f(1, skin)
                timed[name, 2] = lambda f=python, skin=skin: f(2, skin)
                pairs[name] = name
        times: dict[tuple[str, int], list[float]] = {key: [] for key in timed}
        for _ in range(_repeats(settings)):
            for key, measure_once in timed.items():
                times[key].append(measure_once())
                advance()
        for name, single in pairs.items():
            one, two = Spread.of(times[single, 1]), Spread.of(times[name, 2])
            efficiency = one.median / (2 * two.median)
            table.rows.append([name, precision, one.text(), two.text(), f"{100 * efficiency:.0f}%"])
            section.data[f"{name}, {precision}"] = {
                "one": one,
                "two": two,
                "efficiency": efficiency,
            }
    table.notes.append(
        "With threads, LAMMPS's own part (neighbour lists, ghosts, time integration) stays on one "
        "core; with ranks it is shared too. New list: the neighbour list is built at every call."
    )


def _sizes(settings: Settings, model: Model, section: Section, advance: Callable[[], None]) -> None:
    sizes = _SIZES[:-1] if settings.quick else _SIZES
    precisions = ("double", "mixed")
    times: dict[tuple[int, str], list[float]] = {}
    per_atom: dict[str, float] = {}
    for _ in range(_repeats(settings)):
        for n in sizes:
            for precision in precisions:
                # About the same time for every size, at least two steps.
                steps = settings.steps_for(per_atom.get(precision, 1e-5) * n)
                timing = _run(settings, model, n, precision, steps)
                times.setdefault((timing.atoms, precision), []).append(timing.microseconds)
                per_atom.setdefault(precision, 1e-6 * timing.microseconds)
                advance()
    spreads = {key: Spread.of(values) for key, values in times.items()}
    counts = sorted({n for n, _ in spreads})
    table = Table(
        f"Time and the number of atoms, {model.name}, LAMMPS, one core, µs an atom and step",
        ["atoms", *precisions],
        [[f"{n:,}", *(spreads[n, p].text() for p in precisions)] for n in counts],
    )
    section.tables.append(table)
    section.data["sizes"] = {f"{n}, {p}": s for (n, p), s in spreads.items()}


def _memory(
    settings: Settings, model: Model, section: Section, advance: Callable[[], None]
) -> None:
    sizes = (4096, 32768) if settings.quick else (32768, 262144)
    cutoff, names = tektite.load(model.path).cutoff, " ".join(model.elements)
    pairs = {
        "LAMMPS alone (pair_style zero, full list)": (
            f"pair_style zero {cutoff} full\npair_coeff * *"
        ),
        **{
            f"with pair_style mlip, {p}": (
                f"pair_style mlip precision {p}\npair_coeff * * {model.path} {names}"
            )
            for p in ("double", "mixed")
        },
    }
    table = Table(
        f"Memory, {model.name}, one rank",
        [
            "what",
            *(f"{n:,} atoms, MB" for n in sizes),
            "bytes an atom more",
            "of these beyond LAMMPS alone",
        ],
    )
    alone = 0.0
    for name, pair in pairs.items():
        peaks = []
        counts = []
        for n in sizes:
            commands = nve_input(pair, 1, warm=1, timestep=model.timestep, skin=settings.skin)
            atoms = crystal(model.elements, n)
            timing = run(settings.program, atoms, model.elements, commands + PRINT_PEAK_MEMORY)
            peaks.append(timing.peak_memory)
            counts.append(timing.atoms)
            advance()
        if 0 in peaks:
            table.notes.append(f"{name}: this system does not tell the memory of a process.")
            continue
        slope = (peaks[1] - peaks[0]) / (counts[1] - counts[0])
        alone = alone or slope
        beyond = slope - alone
        table.rows.append(
            [
                name,
                *(f"{peak / 1e6:.0f}" for peak in peaks),
                significant(slope),
                "-" if beyond == 0 else significant(beyond),
            ]
        )
        section.data[name] = {"peaks": peaks, "atoms": counts, "bytes_per_atom": slope}
    table.notes.append(
        "Peak of the resident memory (VmHWM). LAMMPS counts its ghosts too: they are a smaller "
        "share of more atoms."
    )
    section.tables.append(table)


def measure(settings: Settings, progress: Progress) -> Section:
    """Measure ranks, threads, sizes and memory."""
    model = _model(settings)
    section = Section("ranks_and_threads")
    runs = (3 + 4 + 3 if len(cores()) > 1 else 0) + 2 * (3 if settings.quick else 4)
    task = progress.add_task("ranks and threads", total=runs * _repeats(settings) + 6)

    def advance() -> None:
        progress.advance(task)

    _parallel(settings, model, section, advance)
    _sizes(settings, model, section, advance)
    _memory(settings, model, section, advance)
    return section


if __name__ == "__main__":
    from run import main

    main(only="ranks_and_threads")
