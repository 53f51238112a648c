# SPDX-License-Identifier: BSD-3-Clause
"""Neighbour lists of Tektite beside those of vesin, matscipy and ASE.

Silicon in the diamond structure, atoms displaced at random by 0.05 Å, full lists with new arrays
of all pairs. Time on the clock and, since that suffers on a busy machine, processor time.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import inspect
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ase import Atoms
from ase.build import bulk
from machine import cores, pinned
from report import Section, Spread, Table, significant
from rich.progress import Progress
from settings import Settings

import tektite
from tektite import _core

_CUTOFF = 6.0  # Å
_LARGE = 23  # cubic cells along an edge: 97,336 atoms
_SMALL = (1, 3, 8)

Build = Callable[[Atoms, str], Sequence[object]]
Key = tuple[str, int]  # program, threads


@dataclass(frozen=True)
class _Times:
    """µs an atom."""

    clock: Spread
    processor: Spread


def _silicon(n: int) -> Atoms:
    atoms = bulk("Si", "diamond", a=5.431, cubic=True) * (n, n, n)
    atoms.rattle(0.05, seed=1)
    return atoms


def _ours(threads: int) -> Build:
    return lambda atoms, letters: tektite.neighbor_list(letters, atoms, _CUTOFF, threads=threads)


def _vesin(threads: int) -> Build:
    from vesin import NeighborList

    options = {"cutoff": _CUTOFF, "full_list": True}
    if "n_threads" in inspect.signature(NeighborList).parameters:  # older versions have one thread
        options["n_threads"] = threads
    elif threads > 1:
        raise ImportError("this vesin has no threads")
    return lambda atoms, letters: NeighborList(**options).compute(
        atoms.positions, atoms.cell.array, periodic=True, quantities=letters
    )


def _matscipy(threads: int) -> Build:
    if threads > 1:
        raise ImportError("matscipy has no threads")
    from matscipy.neighbours import neighbour_list

    return lambda atoms, letters: neighbour_list(letters, atoms, _CUTOFF)


def _ase(threads: int) -> Build:
    if threads > 1:
        raise ImportError("ASE has no threads")
    from ase.neighborlist import neighbor_list

    return lambda atoms, letters: neighbor_list(letters, atoms, _CUTOFF)


def _kept(threads: int) -> Build:
    """Return the engine's part alone: rows, without arrays of pairs, in memory already there."""
    neighbors = _core.NeighborList()

    def build(atoms: Atoms, letters: str) -> Sequence[object]:
        neighbors.build(atoms.positions, atoms.cell.array, atoms.pbc, _CUTOFF, n_threads=threads)
        return [()]

    return build


_KEPT = "tektite, list kept, no arrays"
_PROGRAMS: dict[str, Callable[[int], Build]] = {
    "tektite": _ours,
    _KEPT: _kept,
    "vesin": _vesin,
    "matscipy": _matscipy,
    "ase": _ase,
}


def _available(threads: int, notes: list[str]) -> dict[str, Build]:
    found = {}
    for name, make in _PROGRAMS.items():
        try:
            found[name] = make(threads)
        except ImportError as error:
            if threads == 1:
                notes.append(f"Left out: {name} ({error}; pip install {name})")
    return found


def _versions() -> str:
    names = ("tektite", "vesin", "matscipy", "ase", "numpy")
    found = []
    for name in names:
        try:
            found.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            if name == "tektite":
                found.append(f"{name} {tektite.__version__}")
    return ", ".join(found)


def _interleaved(
    builds: dict[Key, Build],
    atoms: Atoms,
    letters: str,
    repeats: int,
    calls: int,
    advance: Callable[[], None],
) -> dict[Key, _Times]:
    """Time each once, then each again."""
    clock: dict[Key, list[float]] = {key: [] for key in builds}
    processor: dict[Key, list[float]] = {key: [] for key in builds}
    scale = 1e6 / (calls * len(atoms))
    for repeat in range(repeats + 1):
        for key, build in builds.items():
            with pinned(cores()[: key[1]]):
                start, start_processor = time.perf_counter(), time.process_time()
                for _ in range(calls):
                    result = build(atoms, letters)
                elapsed = time.perf_counter() - start
                elapsed_processor = time.process_time() - start_processor
            del result
            if repeat > 0:  # the first round loads libraries and starts threads
                clock[key].append(scale * elapsed)
                processor[key].append(scale * elapsed_processor)
            advance()
    return {key: _Times(Spread.of(clock[key]), Spread.of(processor[key])) for key in builds}


def _large_table(
    atoms: Atoms, pairs: float, spreads: dict[str, dict[Key, _Times]], notes: Sequence[str]
) -> Table:
    table = Table(
        f"Neighbour lists of {len(atoms):,} atoms, {pairs:.1f} neighbours within "
        f"{_CUTOFF:g} Å, µs an atom",
        [
            "program",
            "threads",
            "i, j, S",
            "of vesin",
            "processor time",
            "of vesin",
            "i, j, d, D, S",
        ],
        notes=[*notes],
    )
    yardstick = spreads["ijS"].get(("vesin", 1))
    for key, times in spreads["ijS"].items():
        fractions = ["-", "-"]
        if yardstick:
            fractions = [
                significant(times.clock.median / yardstick.clock.median),
                significant(times.processor.median / yardstick.processor.median),
            ]
        table.rows.append(
            [
                key[0],
                str(key[1]),
                times.clock.text(),
                fractions[0],
                times.processor.text(),
                fractions[1],
                "-" if key[0] == _KEPT else spreads["ijdDS"][key].clock.text(),
            ]
        )
    return table


def measure(settings: Settings, progress: Progress) -> Section:
    """Time lists of a large system and of small ones."""
    section = Section("neighbor_lists")
    notes: list[str] = []
    single = _available(1, notes)
    double = _available(2, notes) if len(cores()) > 1 else {}
    repeats = 3 if settings.quick else max(7, settings.repeats)
    n_large = len(single) + len(double) - 1
    total = (repeats + 1) * (2 * n_large + len(_SMALL) * len(single))
    task = progress.add_task("neighbour lists", total=total)

    def advance() -> None:
        progress.advance(task)

    atoms = _silicon(_LARGE)
    builds = {(name, 1): build for name, build in single.items() if name != "ase"}
    builds |= {(name, 2): build for name, build in double.items()}
    pairs = len(tektite.neighbor_list("i", atoms, _CUTOFF))
    spreads = {
        letters: _interleaved(builds, atoms, letters, repeats, 1, advance)
        for letters in ("ijS", "ijdDS")
    }
    table = _large_table(
        atoms,
        pairs / len(atoms),
        spreads,
        [
            f"Median (min-max) of {repeats} calls, all rows in turn; {_versions()}.",
            "Of vesin: as a fraction of one thread of it.",
            "List kept: what an evaluation pays when the list must be built anew.",
            *notes,
        ],
    )
    section.tables.append(table)

    systems = [_silicon(n) for n in _SMALL]
    columns = ["program", *(f"{len(a):,} atoms" for a in systems)]
    small = Table("Neighbour lists of few atoms, one thread, i, j, S, µs a call", columns)
    builds = {(name, 1): build for name, build in single.items()}
    calls = {}
    for system in systems:
        fast = max(1, 20000 // len(system))
        for slow, group in ((False, builds.keys() - {("ase", 1)}), (True, {("ase", 1)})):
            chosen = {key: builds[key] for key in builds if key in group}
            n = max(1, fast // 100) if slow else fast
            found = _interleaved(chosen, system, "ijS", repeats, n, advance)
            calls |= {(name, len(system)): times for (name, _), times in found.items()}
    for name in single:
        row = [calls[name, len(a)].clock.text(scale=len(a)) for a in systems]
        small.rows.append([name, *row])
    section.tables.append(small)
    section.data = {
        "pairs_per_atom": pairs / len(atoms),
        "large": {
            letters: {f"{name}, {threads}": vars(times) for (name, threads), times in found.items()}
            for letters, found in spreads.items()
        },
        "small": {f"{name}, {n}": vars(times) for (name, n), times in calls.items()},
        "versions": _versions(),
    }
    return section


if __name__ == "__main__":
    from run import main

    main(only="neighbor_lists")
