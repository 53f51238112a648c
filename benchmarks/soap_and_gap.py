# SPDX-License-Identifier: BSD-3-Clause
"""SOAP power spectra and a Gaussian approximation potential beside the programs made for them.

Silicon in the diamond structure, atoms displaced at random by 0.1 Å, n_max 8, l_max 6, cutoff 5 Å.
The potential has 20 sparse points for pairs and 1,000 for SOAP and is made here by gap_fit from
random frames; quippy evaluates the file of gap_fit, Tektite the same converted.
"""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.build import bulk
from ase.io import write
from machine import cores, pinned
from report import Section, Spread, Table, significant
from rich.progress import Progress
from settings import Settings

import tektite
from tektite.convert import convert

_SMALL, _LARGE = 2, 4  # cubic cells along an edge: 64 and 512 atoms
_OPTIONS = {"cutoff": 5.0, "n_max": 8, "l_max": 6, "sigma": 0.5, "cutoff_transition_width": 0.5}
_QUIP = "soap cutoff=5.0 cutoff_transition_width=0.5 n_max=8 l_max=6 atom_sigma=0.5 n_species=1"
_TERMS = (
    "{distance_2b cutoff=5.0 cutoff_transition_width=1.0 covariance_type=ard_se theta_uniform=1.0 "
    "n_sparse=20 delta=1.0 sparse_method=uniform : "
    f"{_QUIP} zeta=4 delta=1.0 n_sparse=1000 sparse_method=random covariance_type=dot_product}}"
)

Call = Callable[[], object]


def _silicon(n: int) -> Atoms:
    atoms = bulk("Si", "diamond", a=5.431, cubic=True) * (n, n, n)
    atoms.rattle(0.1, seed=1)
    return atoms


def _timed(calls: dict[str, Call], repeats: int, advance: Callable[[], None]) -> dict[str, Spread]:
    """Seconds of each call; every one once, then every one again."""
    found: dict[str, list[float]] = {name: [] for name in calls}
    for repeat in range(repeats + 1):
        for name, call in calls.items():
            # What is fast is timed over several calls, each round as long as the clock needs.
            start = time.perf_counter()
            n = 0
            while n == 0 or time.perf_counter() - start < 0.05:
                result = call()
                n += 1
            if repeat > 0:  # the first round allocates
                found[name].append((time.perf_counter() - start) / n)
            del result
            advance()
    return {name: Spread.of(values) for name, values in found.items()}


def _versions(*names: str) -> str:
    found = [f"tektite {tektite.__version__}"]
    for name in names:
        try:
            found.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            continue
    return ", ".join(found)


def _others(atoms: Atoms, notes: list[str]) -> dict[str, tuple[Call, Call]]:
    """Values, and values with explicit gradients, by the programs that are installed."""
    found: dict[str, tuple[Call, Call]] = {}
    try:
        from quippy.descriptors import Descriptor

        quippy = Descriptor(_QUIP)
        found["quippy"] = (lambda: quippy.calc(atoms), lambda: quippy.calc(atoms, grad=True))
    except ImportError as error:
        notes.append(f"Left out: quippy ({error}; pip install quippy-ase)")
    try:
        from dscribe.descriptors import SOAP

        dscribe = SOAP(
            species=["Si"], r_cut=5.0, n_max=8, l_max=6, sigma=0.5, rbf="gto", periodic=True
        )
        # Its gradients come with respect to all atoms for all centres: gigabytes for this system.
        found["dscribe"] = (lambda: dscribe.create(atoms), lambda: None)
    except ImportError as error:
        notes.append(f"Left out: dscribe ({error}; pip install dscribe)")
    try:
        from featomic import SoapPowerSpectrum

        featomic = SoapPowerSpectrum(
            cutoff={"radius": 5.0, "smoothing": {"type": "ShiftedCosine", "width": 0.5}},
            density={"type": "Gaussian", "width": 0.5},
            basis={
                "type": "TensorProduct",
                "max_angular": 6,
                "radial": {"type": "Gto", "max_radial": 7},
            },
        )
        found["featomic"] = (
            lambda: featomic.compute(atoms),
            lambda: featomic.compute(atoms, gradients=["positions"]),
        )
    except ImportError as error:
        notes.append(f"Left out: featomic ({error}; pip install featomic)")
    return found


def _soap(settings: Settings, repeats: int, advance: Callable[[], None]) -> tuple[Table, dict]:
    atoms = _silicon(_LARGE)
    notes: list[str] = []
    others = _others(atoms, notes)
    values: dict[str, Call] = {}
    gradients: dict[str, Call] = {}
    contracted: dict[str, Call] = {}
    for precision in ("double", "mixed"):
        soap = tektite.SOAP(["Si"], **_OPTIONS, threads=1, precision=precision)
        adjoint = np.random.default_rng(0).normal(size=(len(atoms), soap.n_features))
        name = f"tektite, {precision}"
        values[name] = lambda soap=soap: soap.features(atoms)
        gradients[name] = lambda soap=soap: soap.edge_gradients(atoms)
        contracted[name] = lambda soap=soap, adjoint=adjoint: soap.gradient(atoms, adjoint)
    for name, (value, gradient) in others.items():
        values[name] = value
        if name != "dscribe":
            gradients[name] = gradient
    times = [_timed(calls, repeats, advance) for calls in (values, gradients, contracted)]
    table = Table(
        f"SOAP of {len(atoms)} Si atoms, one core, µs an atom",
        ["program", "values", "of the fastest other", "explicit gradients", "contracted gradient"],
        notes=[
            f"Median (min-max) of {repeats} rounds, all rows in turn; neighbour lists included; "
            f"{_versions('quippy-ase', 'dscribe', 'featomic')}.",
            "Contracted: dE/dr for a given dE/dp of every atom, values included.",
            *notes,
        ],
    )
    scale = 1e6 / len(atoms)
    fastest = min((times[0][name].median for name in others), default=None)
    for name in values:
        fraction = significant(times[0][name].median / fastest) if fastest else "-"
        cells = [t[name].text(scale) if name in t else "-" for t in times]
        table.rows.append([name, cells[0], fraction, *cells[1:]])
    names = ("values", "explicit", "contracted")
    return table, {n: {k: vars(s) for k, s in t.items()} for n, t in zip(names, times, strict=True)}


def _fitted(folder: Path) -> Path:
    """Make a potential with gap_fit; its energies mean nothing. Return the XML file.

    Raises
    ------
    ImportError
        There is no gap_fit, or it failed.
    """
    rng = np.random.default_rng(0)
    frames = []
    for _ in range(20):
        atoms = bulk("Si", "diamond", a=5.431 * rng.uniform(0.93, 1.1), cubic=True) * _SMALL
        atoms.rattle(rng.uniform(0.02, 0.3), rng=rng)
        distances = atoms.get_all_distances(mic=True)
        atoms.info["energy_of_bonds"] = float(-0.1 * np.sum(np.exp(-((distances / 2.5) ** 2))))
        frames.append(atoms)
    write(folder / "frames.xyz", frames)
    program = Path(sys.executable).parent / "gap_fit"
    if not program.is_file():
        raise ImportError("there is no gap_fit; pip install quippy-ase")
    done = subprocess.run(
        [
            str(program),
            "at_file=frames.xyz",
            f"gap={_TERMS}",
            "default_sigma={0.001 0.05 0.0 0.0}",
            "energy_parameter_name=energy_of_bonds",
            "force_parameter_name=none",
            "virial_parameter_name=none",
            "e0_method=average",
            "do_copy_at_file=F",
            "gp_file=gap.xml",
        ],
        cwd=folder,
        capture_output=True,
        text=True,
    )
    if done.returncode != 0 or not (folder / "gap.xml").is_file():
        raise ImportError(f"gap_fit failed: {(done.stderr or done.stdout)[-300:]}")
    return folder / "gap.xml"


def _gap(settings: Settings, repeats: int, advance: Callable[[], None]) -> tuple[Table, dict]:
    from quippy.potential import Potential as QuipPotential

    source = _fitted(settings.scratch)
    model = convert(source, settings.scratch / "gap.mlip")
    quippy = QuipPotential("", param_filename=str(source))
    atoms = _silicon(_LARGE)
    calls: dict[str, Call] = {}
    results = {}

    def by_quippy() -> None:
        quippy.results.clear()
        quippy.calculate(atoms, ["energy", "forces", "stress"])
        results["quippy"] = (quippy.results["energy"], quippy.results["forces"].copy())

    for precision in ("double", "mixed"):
        evaluator = model.make_evaluator(precision, threads=1)

        def ours(evaluator=evaluator, precision=precision) -> None:
            r = evaluator.evaluate(atoms.numbers, atoms.positions, atoms.cell.array, atoms.pbc)
            results[precision] = (r["energy"], r["forces"])

        calls[f"tektite, {precision}"] = ours
    calls["quippy"] = by_quippy
    times = _timed(calls, repeats, advance)
    table = Table(
        f"GAP of pairs and SOAP, 1,000 sparse points, {len(atoms)} Si atoms, one core",
        ["program", "µs an atom", "of quippy", "dE, eV an atom", "largest dF, eV/Å"],
        notes=[
            f"Energies, forces and stress; median (min-max) of {repeats} rounds, all rows in turn; "
            f"neighbour lists included; {_versions('quippy-ase')}.",
            "dE, dF: difference to quippy.",
        ],
    )
    for name, spread in times.items():
        energy, forces = results[name.removeprefix("tektite, ")]
        errors = ["-", "-"]
        if name != "quippy":
            errors = [
                f"{abs(energy - results['quippy'][0]) / len(atoms):.1e}",
                f"{np.abs(forces - results['quippy'][1]).max():.1e}",
            ]
        fraction = significant(spread.median / times["quippy"].median)
        table.rows.append([name, spread.text(1e6 / len(atoms)), fraction, *errors])
    return table, {name: vars(spread) for name, spread in times.items()}


def measure(settings: Settings, progress: Progress) -> Section:
    """Time descriptors and the potential."""
    section = Section("soap_and_gap")
    repeats = 2 if settings.quick else settings.repeats
    task = progress.add_task("SOAP and GAP", total=None)

    def advance() -> None:
        progress.advance(task)

    with pinned(cores()[:1]):
        table, section.data["soap"] = _soap(settings, repeats, advance)
        section.tables.append(table)
        try:
            table, section.data["gap"] = _gap(settings, repeats, advance)
            section.tables.append(table)
        except ImportError as error:
            section.tables[-1].notes.append(f"Left out: GAP ({error})")
    return section


if __name__ == "__main__":
    from run import main

    main(only="soap_and_gap")
