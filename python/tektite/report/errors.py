# SPDX-License-Identifier: BSD-3-Clause
"""Errors by group of frames, accumulated frame by frame."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
from ase.units import GPa
from numpy.typing import ArrayLike
from rich.table import Table

from tektite.data import Frame

QUANTITIES = ("energy", "force", "stress")
UNITS = {"energy": "meV/atom", "force": "eV/Å", "stress": "GPa"}


@dataclasses.dataclass
class ErrorStatistics:
    """Mean errors over a number of values; nothing of the values themselves is kept."""

    count: int = 0
    sum_of_squares: float = 0.0
    sum_of_absolutes: float = 0.0
    maximum: float = 0.0

    def add(self, deviations: ArrayLike) -> None:
        """Add deviations (prediction minus reference) of any shape."""
        deviations = np.asarray(deviations, dtype=np.float64).ravel()
        self.count += deviations.size
        self.sum_of_squares += float(deviations @ deviations)
        self.sum_of_absolutes += float(np.abs(deviations).sum())
        self.maximum = max(self.maximum, float(np.abs(deviations).max(initial=0.0)))

    @property
    def rmse(self) -> float | None:
        """Root mean square, None without values."""
        return math.sqrt(self.sum_of_squares / self.count) if self.count else None

    @property
    def mae(self) -> float | None:
        """Mean absolute deviation, None without values."""
        return self.sum_of_absolutes / self.count if self.count else None


@dataclasses.dataclass
class SlopeStatistics:
    """Least-squares line through the origin of predictions against references."""

    products: float = 0.0
    squares: float = 0.0

    def add(self, references: ArrayLike, predictions: ArrayLike) -> None:
        """Add references and predictions of the same shape."""
        references = np.asarray(references, dtype=np.float64).ravel()
        self.products += float(references @ np.asarray(predictions, dtype=np.float64).ravel())
        self.squares += float(references @ references)

    @property
    def slope(self) -> float | None:
        """Σ prediction·reference / Σ reference², None without a reference that is not zero."""
        return self.products / self.squares if self.squares > 0 else None


@dataclasses.dataclass
class GroupErrors:
    """Errors of the frames of one group.

    energy: of the energy per atom, meV/atom; force: of the components, eV/angstrom; stress: of
    the six components, GPa. force_slope: of predicted against reference force components; below 1
    the model is too soft. energy_sum: sum of the deviations of the energy per atom, meV.
    """

    n_frames: int = 0
    n_atoms: int = 0
    energy: ErrorStatistics = dataclasses.field(default_factory=ErrorStatistics)
    force: ErrorStatistics = dataclasses.field(default_factory=ErrorStatistics)
    stress: ErrorStatistics = dataclasses.field(default_factory=ErrorStatistics)
    force_slope: SlopeStatistics = dataclasses.field(default_factory=SlopeStatistics)
    energy_sum: float = 0.0

    @property
    def energy_offset(self) -> float | None:
        """Mean deviation of the energy per atom, meV, None without values."""
        return self.energy_sum / self.energy.count if self.energy.count else None

    def as_dict(self) -> dict[str, Any]:
        """Plain numbers for JSON; None where there is no reference."""
        result: dict[str, Any] = {"n_frames": self.n_frames, "n_atoms": self.n_atoms}
        for quantity in QUANTITIES:
            statistics: ErrorStatistics = getattr(self, quantity)
            result[quantity] = {
                "unit": UNITS[quantity],
                "count": statistics.count,
                "rmse": statistics.rmse,
                "mae": statistics.mae,
                "max": statistics.maximum if statistics.count else None,
            }
        result["energy"]["offset"] = self.energy_offset
        result["force"]["slope"] = self.force_slope.slope
        return result


class ErrorTable:
    """Errors of predictions against reference frames, by group and over all frames."""

    def __init__(self) -> None:
        self.groups: dict[str, GroupErrors] = {}
        self.total = GroupErrors()

    def add(
        self,
        frame: Frame,
        energy: float | None,
        forces: ArrayLike | None,
        stress: ArrayLike | None,
    ) -> None:
        """Add one frame's prediction.

        energy: eV; forces: (n, 3) eV/angstrom; stress: (6,) eV/angstrom^3. None or NaN stresses,
        and whatever the frame has no reference for, are left out.
        """
        for errors in (self.groups.setdefault(frame.group, GroupErrors()), self.total):
            errors.n_frames += 1
            errors.n_atoms += frame.n_atoms
            if frame.energy is not None and energy is not None and frame.n_atoms:
                deviation = 1e3 * (energy - frame.energy) / frame.n_atoms
                errors.energy.add(deviation)
                errors.energy_sum += deviation
            if frame.forces is not None and forces is not None:
                errors.force.add(np.asarray(forces) - frame.forces)
                errors.force_slope.add(frame.forces, forces)
            if frame.stress is not None and stress is not None and np.all(np.isfinite(stress)):
                errors.stress.add((np.asarray(stress) - frame.stress) / GPa)

    def as_dict(self) -> dict[str, Any]:
        """``{"groups": {name: ...}, "all": ...}`` with plain numbers, for JSON."""
        return {
            "groups": {name: errors.as_dict() for name, errors in sorted(self.groups.items())},
            "all": self.total.as_dict(),
        }

    def rich_table(self, title: str | None = None) -> Table:
        """Return a table to print with rich: one row a group and one for all."""
        table = Table(title=title)
        table.add_column("group")
        for heading in ("frames", "atoms"):
            table.add_column(heading, justify="right")
        shown = [q for q in QUANTITIES if getattr(self.total, q).count]
        for quantity in shown:
            table.add_column(f"{quantity}, {UNITS[quantity]}\nRMSE / MAE", justify="right")
        rows = sorted(self.groups.items())
        if len(rows) == 1 and rows[0][0] == "all":
            rows = []
        for name, errors in [*rows, ("all", self.total)]:
            cells = [name, str(errors.n_frames), str(errors.n_atoms)]
            for quantity in shown:
                statistics: ErrorStatistics = getattr(errors, quantity)
                decimals = 2 if quantity == "energy" else 4 if quantity == "force" else 3
                values = [statistics.rmse, statistics.mae]
                shown_values = ["-" if v is None else f"{v:.{decimals}f}" for v in values]
                cells.append(" / ".join(shown_values))
            table.add_row(*cells, style="bold" if errors is self.total else None)
        return table
