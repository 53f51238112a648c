# SPDX-License-Identifier: BSD-3-Clause
"""Whether a model's uncertainties tell where its forces are wrong."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tektite.data import Frame
from tektite.errors import DataError
from tektite.files import write_atomically
from tektite.potential import Potential


@dataclasses.dataclass
class Calibration:
    """Atoms with reference forces; N of them.

    uncertainties: (N,), of the atoms' energies, eV. errors: (N,), length of the difference of
    forces, eV/angstrom.
    """

    uncertainties: NDArray[np.float64]
    errors: NDArray[np.float64]

    @property
    def rank_correlation(self) -> float:
        """Spearman's: 1 if the order of the uncertainties is that of the errors, 0 if unrelated.

        NaN where one of the two is the same for all.
        """
        from scipy.stats import spearmanr  # takes as long to import as all of a small fit

        if np.ptp(self.uncertainties) == 0 or np.ptp(self.errors) == 0:
            return float("nan")
        return float(spearmanr(self.uncertainties, self.errors).statistic)

    def binned(self, n_bins: int = 10) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Root mean squares of uncertainty and error in bins of equally many atoms, (n_bins,) each.

        Bins ascend in the uncertainty; there are fewer where there are fewer atoms.
        """
        order = np.argsort(self.uncertainties, kind="stable")
        parts = np.array_split(order, min(n_bins, len(order)))
        return (
            np.array([np.sqrt(np.mean(self.uncertainties[p] ** 2)) for p in parts]),
            np.array([np.sqrt(np.mean(self.errors[p] ** 2)) for p in parts]),
        )


def calibrate(
    frames: Iterable[Frame], potential: Potential, threads: int | None = None
) -> Calibration:
    """Compare uncertainties with errors of forces, atom by atom.

    Raises
    ------
    UnsupportedError
        The model has no uncertainties.
    DataError
        No frame has forces.
    """
    evaluator = potential.make_evaluator(threads=threads)
    uncertainties, errors = [], []
    for frame in frames:
        if frame.forces is None or len(frame.atoms) == 0:
            continue
        a = frame.atoms
        result = evaluator.evaluate(a.numbers, a.positions, a.cell.array, a.pbc, uncertainties=True)
        uncertainties.append(result["energies_uncertainty"])
        errors.append(np.linalg.norm(result["forces"] - frame.forces, axis=1))
    if not errors:
        raise DataError("no frame has forces, so uncertainties cannot be compared with errors")
    return Calibration(np.concatenate(uncertainties), np.concatenate(errors))


def calibration_plot(path: str | Path, calibration: Calibration, title: str = "") -> None:
    """Write a picture of errors against uncertainties (.png, .pdf, .svg); both axes logarithmic."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.2, 4.4), layout="constrained")
    axes = figure.add_subplot()
    shown = (calibration.uncertainties > 0) & (calibration.errors > 0)
    step = 1 + int(shown.sum()) // 20000
    axes.loglog(
        calibration.uncertainties[shown][::step],
        calibration.errors[shown][::step],
        ".",
        markersize=3,
        alpha=0.35,
        rasterized=True,
        label="atoms",
    )
    axes.loglog(*calibration.binned(), "k-o", markersize=5, label="tenths: root mean squares")
    axes.set_xlabel("uncertainty of the atom's energy, eV")
    axes.set_ylabel("error of the force, eV/Å")
    axes.set_title(title)
    if shown.any():  # symmetry makes some errors all but zero
        top = float(calibration.errors.max())
        axes.set_ylim(max(1e-4 * top, 0.5 * float(calibration.errors[shown].min())), 2.0 * top)
    correlation = f"rank correlation {calibration.rank_correlation:.2f}"
    axes.legend(frameon=False, title=correlation, loc="lower right")
    buffer = io.BytesIO()
    figure.savefig(buffer, format=Path(path).suffix.lstrip(".") or "png", dpi=130)
    write_atomically(path, buffer.getvalue())
