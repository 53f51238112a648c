# SPDX-License-Identifier: BSD-3-Clause
"""Pictures of a model's errors."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import IO

import numpy as np
from ase.units import GPa
from numpy.typing import ArrayLike

from tektite.data import Frame

_MAX_POINTS = 50_000


def parity_plot(
    path: str | Path | IO[bytes],
    frames: Sequence[Frame],
    energies: Sequence[float],
    forces: Sequence[ArrayLike],
    stresses: Sequence[ArrayLike] | None = None,
    title: str = "",
) -> None:
    """Write a picture of predictions against references, one panel a quantity, one colour a group.

    energies: eV; forces: (n, 3) eV/angstrom each; stresses: (6,) eV/angstrom^3 each, NaN where
    there is none. The suffix of `path` chooses the format; an open
    file becomes a PNG. A quantity without any reference has
    no panel; above 50,000 values of a group an evenly spaced choice of them is drawn.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    points: dict[str, dict[str, list[np.ndarray]]] = {}
    for k, frame in enumerate(frames):
        n = max(frame.n_atoms, 1)
        pairs = [
            ("energy, eV/atom", frame.energy, energies[k], 1.0 / n),
            ("force, eV/Å", frame.forces, forces[k], 1.0),
            ("stress, GPa", frame.stress, None if stresses is None else stresses[k], 1.0 / GPa),
        ]
        for name, reference, prediction, factor in pairs:
            if reference is None or prediction is None or not np.all(np.isfinite(prediction)):
                continue
            both = factor * np.stack([np.ravel(reference), np.ravel(prediction)])
            points.setdefault(name, {}).setdefault(frame.group, []).append(both)

    names = [name for name in ("energy, eV/atom", "force, eV/Å", "stress, GPa") if name in points]
    figure = Figure(figsize=(4.2 * max(len(names), 1), 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    for axes, name in zip(figure.subplots(1, max(len(names), 1), squeeze=False)[0], names):
        low, high = np.inf, -np.inf
        for group, parts in sorted(points[name].items()):
            both = np.concatenate(parts, axis=1)
            low, high = min(low, both.min()), max(high, both.max())
            both = both[:, :: 1 + both.shape[1] // _MAX_POINTS]
            axes.plot(*both, ".", markersize=2, label=group, rasterized=True)
        axes.plot([low, high], [low, high], "k-", linewidth=0.6)
        axes.set(xlabel=f"reference {name}", ylabel=f"model {name}", aspect="equal")
        if name == names[0]:
            axes.legend(fontsize="small", markerscale=4)
    if title:
        figure.suptitle(title)
    figure.savefig(path, dpi=150)
