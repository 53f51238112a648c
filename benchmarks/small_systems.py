# SPDX-License-Identifier: BSD-3-Clause
"""What a call costs when there are few atoms: from C, from Python, through ASE, in batches.

NEB, phonons and umbrella windows live at 8 to 216 atoms.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from ase import Atoms
from benchmark_models import Model, crystal, random_model
from c_driver import DriverMissing, make_driver, write_cluster
from machine import cores, pinned
from report import Section, Spread, Table, significant
from rich.progress import Progress
from settings import Settings

import tektite

_CLUSTERS = (2, 4, 8)  # atoms, not periodic, all within the cutoff of each other
_CRYSTALS = (8, 64, 216)


def _cluster(n: int) -> Atoms:
    """Return corners of a cube of 2.2 angstrom, disturbed so that no force vanishes."""
    corners = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)], dtype=float)
    corners += 0.03 * np.random.default_rng(2).normal(size=corners.shape)
    return Atoms(["Si"] * n, 2.2 * corners[:n])


def _time(call: Callable[[], object], seconds: float, repeats: int, threads: int) -> Spread:
    """µs a call; each repeat is the mean of so many calls as take `seconds`."""
    with pinned(cores()[:threads]):
        call()
        start = time.perf_counter()
        call()
        once = max(time.perf_counter() - start, 1e-7)
        n = max(3, round(seconds / once))
        means = []
        for _ in range(repeats):
            start = time.perf_counter()
            for _ in range(n):
                call()
            means.append(1e6 * (time.perf_counter() - start) / n)
    return Spread.of(means)


def _thread_counts() -> list[int]:
    return [1, 2] if len(cores()) > 1 else [1]


def _calls(settings: Settings, tiny: Model, section: Section, advance: Callable[[], None]) -> None:
    """Cost of a call for a model so small that hardly anything else is left."""
    threads = _thread_counts()
    table = Table(
        "A call for a few atoms, µs: median (min-90%) in C, median (min-max) in Python",
        ["call", *(f"{n} atoms" for n in _CLUSTERS)],
    )
    calls = 2000 if settings.quick else 20000
    data: dict[str, dict[int, object]] = {}
    potential = tektite.load(tiny.path)
    try:
        driver = make_driver(settings.scratch)
    except DriverMissing as error:
        table.notes.append(f"No measurement from C: {error}.")
        driver = None
    if driver is not None:
        for precision in ("double", "mixed"):
            for n_threads in threads:
                name = f"C ABI, {precision}, {n_threads} thread{'s'[: n_threads - 1]}"
                data[name] = {}
                for n in _CLUSTERS:
                    path = settings.scratch / f"cluster-{n}"
                    write_cluster(path, _cluster(n), ("Si",), potential.cutoff)
                    t = driver.time(tiny.path, precision, n_threads, path, calls)
                    data[name][n] = Spread(t["median"], t["min"], t["p90"])
                advance()
    for n_threads in threads:
        name = f"Evaluator.evaluate in Python, double, {n_threads} thread{'s'[: n_threads - 1]}"
        data[name] = {}
        evaluator = potential.make_evaluator(threads=n_threads, skin=0.5)
        for n in _CLUSTERS:
            atoms = _cluster(n)
            numbers, positions = atoms.numbers, atoms.positions
            data[name][n] = _time(
                lambda e=evaluator, z=numbers, r=positions: e.evaluate(z, r),
                0.2 * settings.seconds,
                settings.repeats,
                n_threads,
            )
        advance()
    for name, spreads in data.items():
        table.rows.append([name, *(spreads[n].text() for n in _CLUSTERS)])
    table.notes.append(
        f"Model: {tiny.name}, cutoff {potential.cutoff:g} Å. From C: energy, forces and virial "
        "with the neighbours given (benchmarks/driver.c). In Python: with the check of the "
        "neighbour list, its skin 0.5 Å, and new arrays for the results."
    )
    section.tables.append(table)
    section.data["calls"] = data


def _calculator(
    settings: Settings, models: list[Model], section: Section, advance: Callable[[], None]
) -> None:
    """An ASE calculator that is asked for forces after every small displacement."""
    threads = _thread_counts()
    table = Table(
        "ASE calculator, double, forces after a small displacement, µs a call: median (min-max)",
        ["model and atoms", *(f"{t} thread{'s'[: t - 1]}" for t in threads), "µs an atom, best"],
    )
    data: dict[str, object] = {}
    for model in models:
        for n in _CRYSTALS:
            atoms = crystal(model.elements, n)
            spreads = []
            for n_threads in threads:
                atoms.calc = tektite.TektiteCalculator(model.path, threads=n_threads)
                step = np.zeros_like(atoms.positions)
                step[0, 0] = 1e-6

                def call(atoms: Atoms = atoms, step: np.ndarray = step) -> None:
                    np.negative(step, out=step)
                    atoms.positions += step
                    atoms.get_forces()

                spreads.append(_time(call, 0.2 * settings.seconds, settings.repeats, n_threads))
            best = min(s.median for s in spreads) / len(atoms)
            name = f"{model.name}, {len(atoms)} atoms"
            table.rows.append([name, *(s.text() for s in spreads), significant(best)])
            data[name] = dict(zip(threads, spreads))
            advance()
    section.tables.append(table)
    section.data["calculator"] = data


def _batches(
    settings: Settings, models: list[Model], section: Section, advance: Callable[[], None]
) -> None:
    """Time tektite.evaluate on a list of systems."""
    threads = _thread_counts()
    n_systems = 200 if settings.quick else 1000
    table = Table(
        f"tektite.evaluate on {n_systems:,} systems of 8 atoms, µs a system: median (min-max)",
        ["model", *(f"{t} thread{'s'[: t - 1]}" for t in threads)],
    )
    data: dict[str, object] = {}
    rng = np.random.default_rng(3)
    for model in models:
        systems = []
        for _ in range(n_systems):
            atoms = crystal(model.elements, 8)
            atoms.positions += 0.05 * rng.normal(size=atoms.positions.shape)
            systems.append(atoms)
        potential = tektite.load(model.path)
        spreads = []
        for n_threads in threads:
            times = []
            with pinned(cores()[:n_threads]):
                for _ in range(min(3, settings.repeats)):
                    start = time.perf_counter()
                    tektite.evaluate(systems, potential, threads=n_threads)
                    times.append(1e6 * (time.perf_counter() - start) / n_systems)
            spreads.append(Spread.of(times))
        table.rows.append([model.name, *(s.text() for s in spreads)])
        data[model.name] = dict(zip(threads, spreads))
        advance()
    section.tables.append(table)
    section.data["batches"] = data


def measure(settings: Settings, progress: Progress) -> Section:
    """Time calls for few atoms."""
    tiny = random_model(Path(settings.scratch), "tiny")
    chosen = [tiny, settings.models[0]]
    total = 3 * len(_thread_counts()) + len(chosen) * (len(_CRYSTALS) + 1)
    task = progress.add_task("small systems", total=total)
    section = Section("small_systems")

    def advance() -> None:
        progress.advance(task)

    _calls(settings, tiny, section, advance)
    _calculator(settings, chosen, section, advance)
    _batches(settings, chosen, section, advance)
    return section


if __name__ == "__main__":
    from run import main

    main(only="small_systems")
