# SPDX-License-Identifier: BSD-3-Clause
"""k-fold cross-validation of a fit of any family, and the choice of keys by it."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from rich.progress import Progress
from rich.table import Table

from tektite.data import Frame
from tektite.errors import DataError
from tektite.evaluation import evaluate
from tektite.files import write_atomically
from tektite.fit.base_config import BaseFitConfig, CrossValidationConfig
from tektite.fit.checkpoint import fingerprint
from tektite.fit.config_file import parse_section
from tektite.fit.dataset import WeightsOf
from tektite.potential import Potential
from tektite.report import ErrorTable

AnyConfig = TypeVar("AnyConfig", bound=BaseFitConfig)
Fit = Callable[[Any, Sequence[Frame]], Potential]

_QUANTITIES = {"energy": "energy_meV_per_atom", "force": "force_eV_per_A"}


def parts(frames: Sequence[Frame], config: CrossValidationConfig) -> NDArray[np.int64]:
    """Which part each frame is left out with, (n,); -1: never, as frames of one atom.

    Raises
    ------
    DataError
        There are fewer frames than parts.
    """
    several = np.array([k for k, frame in enumerate(frames) if frame.n_atoms > 1], dtype=int)
    if len(several) < config.folds:
        raise DataError(
            f"cross_validation.folds is {config.folds}, but there are only {len(several)} frames "
            "of more than one atom"
        )
    place = np.full(len(frames), -1, dtype=np.int64)
    order = np.random.default_rng([config.seed, 2]).permutation(several)
    place[order] = np.arange(len(several)) % config.folds
    return place


def with_values(config: AnyConfig, values: dict[str, Any]) -> AnyConfig:
    """Return the configuration with other values of some keys, "section.key" each.

    Raises
    ------
    ValueError
        Names the key that is not known, or whose value is wrong.
    """
    content = config.model_dump(by_alias=True, exclude_unset=True)
    for path, value in values.items():
        place: Any = content
        *sections, last = path.split(".")
        for depth, name in enumerate(sections):
            if isinstance(place, list):
                if not name.isdecimal() or int(name) >= len(place):
                    raise ValueError(
                        f"'cross_validation.grid': the configuration does not write out "
                        f"'{'.'.join(sections[: depth + 1])}'"
                    )
                place = place[int(name)]
            else:
                if place.get(name) is None:
                    place[name] = {}
                place = place[name]
        place[last] = value
    return parse_section(type(config), content, Path("cross_validation.grid"))


def candidates(config: AnyConfig) -> list[tuple[dict[str, Any], AnyConfig]]:
    """All combinations of the grid, with their configurations; errors as `with_values`."""
    assert config.cross_validation is not None
    grid = config.cross_validation.grid
    found = []
    for combination in itertools.product(*grid.values()):
        values = dict(zip(grid, combination))
        found.append((values, with_values(config, values)))
    return found


def _errors(
    potential: Potential, frames: Sequence[Frame], weights_of: WeightsOf, threads: int | None
) -> dict[str, Any]:
    """Loss of left-out frames, root mean square errors, and how many data these are of."""
    found = evaluate((f.atoms for f in frames), potential, threads=threads)
    table, loss = ErrorTable(), 0.0
    for k, frame in enumerate(frames):
        table.add(frame, found.energies[k], found.forces[k], found.stresses[k])
        w_energy, w_forces, w_virial = weights_of(frame)
        if frame.energy is not None:
            loss += (w_energy * (found.energies[k] - frame.energy)) ** 2
        if frame.forces is not None:
            loss += w_forces**2 * float(((found.forces[k] - frame.forces) ** 2).sum())
        if frame.stress is not None:
            difference = frame.atoms.get_volume() * (found.stresses[k] - frame.stress)
            loss += w_virial**2 * float((difference**2).sum())
    result: dict[str, Any] = {"n_frames": len(frames), "loss": float(loss)}
    for quantity, name in _QUANTITIES.items():
        statistics = getattr(table.total, quantity)
        result[name] = {"rmse": statistics.rmse, "count": statistics.count}
    return result


def together(folds: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Errors of all parts together, from those of each."""
    result: dict[str, Any] = {
        "n_frames": sum(fold["n_frames"] for fold in folds),
        "loss": math.fsum(fold["loss"] for fold in folds),
    }
    for name in _QUANTITIES.values():
        known = [fold[name] for fold in folds if fold[name]["count"]]
        count = sum(part["count"] for part in known)
        square = math.fsum(part["count"] * part["rmse"] ** 2 for part in known)
        result[name] = {"rmse": math.sqrt(square / count) if count else None, "count": count}
    return result


class CrossValidation:
    """Fits without each part of the frames in turn, for every combination of a grid.

    Parameters
    ----------
    config : BaseFitConfig
        With `cross_validation`.
    frames : sequence of Frame
        To fit to.
    fit : callable
        Model of a configuration and of frames.
    weights_of : callable
        Weights of the loss that combinations are compared by: those of `config`.
    path : Path or None
        Where results are written as they come; those of a run of the same configuration and data
        that was killed are taken from there.
    """

    def __init__(
        self,
        config: BaseFitConfig,
        frames: Sequence[Frame],
        fit: Fit,
        weights_of: WeightsOf,
        path: Path | None = None,
    ):
        assert config.cross_validation is not None
        self._settings = config.cross_validation
        self._config, self._frames, self._fit = config, frames, fit
        self._weights_of, self._path = weights_of, path
        self._belongs_to = fingerprint(config, {"train": frames})
        self._candidates = candidates(config)
        self._parts = parts(frames, self._settings)
        self.results: list[dict[str, Any]] = [
            {"values": values, "folds": [], "all": None} for values, _ in self._candidates
        ]

    def run(self, progress: Progress) -> BaseFitConfig:
        """Do what is not done yet; return the configuration with the smallest loss.

        Raises
        ------
        DataError, ValueError
            Those of the fit, with the number of the part before the message.
        """
        self._resume()
        n_folds = self._settings.folds
        task = progress.add_task("cross-validation", total=n_folds * len(self._candidates))
        for (_, config), result in zip(self._candidates, self.results):
            progress.advance(task, len(result["folds"]))
            for fold in range(len(result["folds"]), n_folds):
                result["folds"].append(self._one(config, fold))
                self._write(complete=False)
                progress.advance(task)
            result["all"] = together(result["folds"])
        progress.remove_task(task)
        self._write(complete=True)
        return self._candidates[self.best][1]

    @property
    def best(self) -> int:
        """Which combination has the smallest loss, the first of equals."""
        return int(np.argmin([result["all"]["loss"] for result in self.results]))

    def _one(self, config: BaseFitConfig, fold: int) -> dict[str, Any]:
        rest = [f for f, part in zip(self._frames, self._parts) if part != fold]
        out = [f for f, part in zip(self._frames, self._parts) if part == fold]
        try:
            potential = self._fit(config.without_extras(), rest)
            return _errors(potential, out, self._weights_of, config.threads)
        except (DataError, ValueError) as error:
            raise type(error)(f"cross-validation, part {fold + 1}: {error}") from error

    def _resume(self) -> None:
        if self._path is None or not self._path.is_file():
            return
        try:
            stored = json.loads(self._path.read_text(encoding="utf-8"))
            if stored["belongs_to"] == self._belongs_to and not stored["complete"]:
                self.results = stored["candidates"]
        except (ValueError, KeyError, TypeError):
            # Damaged or something else: it is made anew.
            return

    def _write(self, complete: bool) -> None:
        if self._path is None:
            return
        content = {
            "belongs_to": self._belongs_to,
            "complete": complete,
            "chosen": self.results[self.best]["values"] if complete else None,
            "candidates": self.results,
        }
        write_atomically(self._path, (json.dumps(content, indent=2) + "\n").encode())

    def table(self) -> Table:
        """Errors of all parts together for each combination, and of each part for the best."""
        table = Table(title="errors on frames left out")
        for heading in ("fit", "frames", "loss", "energy, meV/atom", "force, eV/Å"):
            table.add_column(heading, justify="left" if heading == "fit" else "right")
        for k, result in enumerate(self.results):
            values = ", ".join(f"{key} {value}" for key, value in result["values"].items())
            chosen = k == self.best
            if chosen:
                for number, fold in enumerate(result["folds"]):
                    _add_row(table, f"part {number + 1}", fold, "")
            _add_row(table, values or "all", result["all"], "bold" if chosen else "")
        return table


def _add_row(table: Table, name: str, errors: dict[str, Any], style: str) -> None:
    cells = [name, str(errors["n_frames"]), f"{errors['loss']:.5g}"]
    for quantity, decimals in zip(_QUANTITIES.values(), (2, 4)):
        rmse = errors[quantity]["rmse"]
        cells.append("-" if rmse is None else f"{rmse:.{decimals}f}")
    table.add_row(*cells, style=style)
