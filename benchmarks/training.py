# SPDX-License-Identifier: BSD-3-Clause
"""What one gradient of a loss costs beside the energies and forces of the same frames.

A loss gradient is one evaluation of energies, forces and virials, and one gradient of any function
of them with respect to all parameters. Silicon (or a 1:1 mixture) in the diamond structure, 16
frames of 64 atoms, displaced at random by 0.1 Å; one thread.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from ase.build import bulk
from machine import cores, pinned
from report import Section, Spread, Table
from rich.progress import Progress
from settings import Settings

from tektite.fit.config import BasisConfig, RadialConfig
from tektite.fit.dataset import Distances
from tektite.fit.radial import make_bonds
from tektite.fit.trainable import PreparedFrames, TrainableAce

_CLOSEST, _NEAREST = 1.9, 2.4  # Å, for the radial functions

_SMALL = {
    "cutoff": 5.0,
    "n_max": [10, 6, 5, 3],
    "l_max": [0, 4, 3, 2],
    "max_degree": [10, 8, 7, 5],
}
_MEDIUM = {
    "cutoff": 5.5,
    "n_max": [12, 8, 6, 4],
    "l_max": [0, 5, 4, 3],
    "max_degree": [12, 9, 8, 6],
}


@dataclass(frozen=True)
class _Case:
    name: str
    basis: dict[str, Any]
    exponents: tuple[float, ...]
    radial: str
    elements: tuple[str, ...] = ("Si",)


_CASES = (
    _Case("linear", _MEDIUM, (1.0,), "fixed"),
    _Case("1 density, radial", _MEDIUM, (1.0,), "bond"),
    _Case("2 densities", _MEDIUM, (1.0, 0.5), "fixed"),
    _Case("2 densities, radial", _MEDIUM, (1.0, 0.5), "bond"),
    _Case("4 densities, radial", _MEDIUM, (1.0, 0.5, 2.0, 0.75), "bond"),
    _Case("2 densities, radial, large", {}, (1.0, 0.5), "bond"),
    _Case("2 densities, radial, SiGe", _SMALL, (1.0, 0.5), "bond", ("Si", "Ge")),
)


def _model(case: _Case) -> TrainableAce:
    basis = BasisConfig(**case.basis)
    n = len(case.elements)
    distances = Distances(np.full((n, n), _CLOSEST), np.full((n, n), _NEAREST), [])
    model = TrainableAce(
        basis,
        case.elements,
        make_bonds(basis, RadialConfig(), case.elements, distances),
        prefactors=np.ones(len(case.exponents)),
        exponents=case.exponents,
        radial=case.radial,
    )
    model.initialize(np.full(model.n_functions, model.n_functions**-0.5), seed=0, scale=0.1)
    return model


def _frames(model: TrainableAce, n_frames: int = 16) -> PreparedFrames:
    rng = np.random.default_rng(1)
    frames = []
    for _ in range(n_frames):
        atoms = bulk("Si", "diamond", a=5.431, cubic=True) * (2, 2, 2)
        positions = atoms.positions + 0.1 * rng.normal(size=(len(atoms), 3))
        species = np.arange(len(atoms)) % len(model.elements)
        frames.append((positions, atoms.cell.array, True, species))
    return model.prepare(frames, threads=1)


def _seconds(call: Callable[[], object], n_calls: int) -> float:
    start = time.perf_counter()
    for _ in range(n_calls):
        call()
    return (time.perf_counter() - start) / n_calls


def _times(
    model: TrainableAce,
    frames: PreparedFrames,
    repeats: int,
    seconds: float,
    advance: Callable[[], None],
) -> tuple[list[float], list[float]]:
    """Return the seconds of evaluations and gradients, in turn."""
    rng = np.random.default_rng(2)
    n, n_atoms = len(frames), int(frames.offsets[-1])
    weights = (rng.normal(size=n), rng.normal(size=(n_atoms, 3)), rng.normal(size=(n, 6)))
    evaluate = partial(model.evaluate, frames, threads=1)
    gradient = partial(model.gradient, frames, None, *weights, threads=1)
    gradient()  # warm up
    n_calls = max(1, round(seconds / _seconds(evaluate, 1)))
    evaluations, gradients = [], []
    for _ in range(repeats):
        evaluations.append(_seconds(evaluate, n_calls))
        gradients.append(_seconds(gradient, n_calls))
        advance()
    return evaluations, gradients


def measure(settings: Settings, progress: Progress) -> Section:
    """Time evaluations and gradients of several models."""
    section = Section("training")
    repeats = 2 * settings.repeats + 1
    task = progress.add_task("training", total=len(_CASES) * repeats)
    table = Table(
        "Gradient of a loss with respect to all parameters, one thread",
        [
            "model",
            "functions",
            "parameters",
            "energies, forces, virials: µs an atom",
            "gradient: µs an atom",
            "both, of the first",
        ],
        notes=[
            f"Median (min-max) of {repeats} rounds on a pinned core; the last column is that of "
            "(evaluation + gradient) / evaluation within a round: what a loss and its gradient "
            "cost. Radial: with trainable radial functions."
        ],
    )
    for case in _CASES:
        model = _model(case)
        frames = _frames(model)
        with pinned(cores()[:1]):
            evaluations, gradients = _times(
                model, frames, repeats, 0.1 * settings.seconds, partial(progress.advance, task)
            )
        ratio = Spread.of([(e + g) / e for e, g in zip(evaluations, gradients)])
        evaluation, gradient = Spread.of(evaluations), Spread.of(gradients)
        per_atom = 1e6 / int(frames.offsets[-1])
        table.rows.append(
            [
                case.name,
                f"{model.n_functions:,}",
                f"{model.n_parameters:,}",
                evaluation.text(per_atom),
                gradient.text(per_atom),
                ratio.text(),
            ]
        )
        section.data[case.name] = {
            "n_functions": model.n_functions,
            "n_parameters": model.n_parameters,
            "atoms": int(frames.offsets[-1]),
            "evaluation_s": evaluation,
            "gradient_s": gradient,
            "loss_gradient_of_evaluation": ratio,
        }
    section.tables.append(table)
    return section


if __name__ == "__main__":
    from run import main

    main(only="training")
