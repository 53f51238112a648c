# SPDX-License-Identifier: BSD-3-Clause
"""Maps of structures: kernel principal components, and their picture."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tektite.files import write_atomically


@dataclasses.dataclass
class KernelMap:
    """coordinates: (n, n_components); explained: (n_components,), share of the variance."""

    coordinates: NDArray[np.float64]
    explained: NDArray[np.float64]


def kernel_map(kernel: ArrayLike, n_components: int = 2) -> KernelMap:
    """Kernel principal component analysis (B. Schölkopf et al., Neural Comput. 10, 1299 (1998)).

    Parameters
    ----------
    kernel : array_like, (n, n)
        Symmetric, for example of `Averages.kernel` or `frame_kernel`.
    n_components : int
        Coordinates wanted; those beyond the rank are zero.

    Returns
    -------
    KernelMap
        Coordinates whose distances approximate sqrt(K_aa + K_bb - 2 K_ab), largest variance first;
        of each component the largest coordinate is positive.

    Raises
    ------
    ValueError
        The kernel is not a symmetric matrix of finite numbers.
    """
    kernel = np.asarray(kernel, dtype=np.float64)
    if kernel.ndim != 2 or kernel.shape[0] != kernel.shape[1] or len(kernel) == 0:
        raise ValueError(f"a kernel is a square matrix, not of shape {kernel.shape}")
    if not np.all(np.isfinite(kernel)) or not np.allclose(kernel, kernel.T, atol=1e-10):
        raise ValueError("a kernel must be symmetric and finite")
    centered = kernel - kernel.mean(axis=0) - kernel.mean(axis=1)[:, None] + kernel.mean()
    values, vectors = np.linalg.eigh(0.5 * (centered + centered.T))
    values, vectors = np.maximum(values[::-1], 0.0), vectors[:, ::-1]
    total = float(values.sum())
    n = min(n_components, len(kernel))
    coordinates = np.zeros((len(kernel), n_components))
    coordinates[:, :n] = vectors[:, :n] * np.sqrt(values[:n])
    largest = np.abs(coordinates).argmax(axis=0)
    coordinates *= np.where(coordinates[largest, range(n_components)] < 0, -1.0, 1.0)
    explained = np.zeros(n_components)
    explained[:n] = values[:n] / total if total > 0 else 0.0
    return KernelMap(coordinates, explained)


def map_plot(
    path: str | Path,
    points: KernelMap,
    groups: Sequence[str],
    *,
    values: ArrayLike | None = None,
    label: str = "",
    chosen: Sequence[int] = (),
    title: str = "",
) -> None:
    """Write a picture of the first two components (.png, .pdf, .svg).

    Parameters
    ----------
    path : str or path
        Where to write.
    points : KernelMap
        Of n structures, with two components at least.
    groups : sequence of str, (n,)
        Each group has a colour and a place in the legend, unless `values` are given.
    values : array_like, (n,)
        Colours instead, with a scale; NaN: grey.
    label : str
        Name of the scale of the values.
    chosen : sequence of int
        Structures with a ring around them.
    title : str
        Above the picture.

    Raises
    ------
    ValueError
        The numbers of points, groups and values differ, or the suffix is not one that can be drawn.
    """
    from matplotlib.figure import Figure

    x = points.coordinates
    if len(groups) != len(x) or (values is not None and len(np.ravel(values)) != len(x)):
        raise ValueError("points, groups and values must be as many")
    figure = Figure(figsize=(7.0, 4.8), layout="constrained")
    axes = figure.add_subplot()
    if values is None:
        names = np.array(groups)
        for k, name in enumerate(dict.fromkeys(groups)):
            part = x[names == name]
            style = {"color": f"C{k % 10}", "marker": "o^sDv"[k // 10 % 5], "alpha": 0.8}
            axes.scatter(part[:, 0], part[:, 1], s=22, label=name, **style)
        figure.legend(loc="outside right center", frameon=False, fontsize="small")
    else:
        numbers = np.ravel(np.asarray(values, dtype=np.float64))
        axes.scatter(*x[np.isnan(numbers), :2].T, s=22, color="0.8")
        shown = axes.scatter(x[:, 0], x[:, 1], s=22, c=numbers, cmap="viridis")
        figure.colorbar(shown, label=label)
    if len(chosen):
        axes.scatter(
            x[list(chosen), 0], x[list(chosen), 1], s=90, facecolors="none", edgecolors="k"
        )
    for k, set_label in enumerate((axes.set_xlabel, axes.set_ylabel)):
        set_label(f"component {k + 1} ({points.explained[k]:.0%} of the variance)")
    axes.set_title(title)
    buffer = io.BytesIO()
    figure.savefig(buffer, format=Path(path).suffix.lstrip(".") or "png", dpi=130)
    write_atomically(path, buffer.getvalue())
