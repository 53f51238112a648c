# SPDX-License-Identifier: BSD-3-Clause
"""Metadata and arrays of the model file of a linear fit."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tektite.errors import DataError
from tektite.fit.base_config import BaselineConfig
from tektite.fit.dataset import Distances
from tektite.fit.model import LinearAce
from tektite.fit.radial import by_pair, pair_values
from tektite.potential import Potential

if TYPE_CHECKING:
    from tektite.fit.regression import Solution

Contents = tuple[dict[str, Any], dict[str, NDArray]]


def ace_contents(
    model: LinearAce, coefficients: ArrayLike, energies: NDArray[np.float64]
) -> Contents:
    """Return metadata and arrays (family "ace") of the functions with given coefficients, (K,)."""
    bonds = [{k: v for k, v in bond.items() if k != "coefficients"} for bond in model.bonds]
    parts = [np.ravel(bond["coefficients"]) for bond in model.bonds]
    linear = {
        "kind": "FinnisSinclairShiftedScaled",
        "prefactors": [1.0],
        "exponents": [1.0],
        "rho_core_cutoff": 1e5,
        "drho_core_cutoff": 250.0,
    }
    metadata = {
        "family": "ace",
        "elements": model.elements,
        "cutoff": max(bond["cutoff"] for bond in model.bonds),
        "isolated_energies": [float(e) for e in energies],
        "embeddings": [linear] * len(model.elements),
        "bonds": bonds,
        "basis": model.limits,
    }
    functions = model.basis.combine(np.asarray(coefficients, dtype=np.float64).reshape(-1, 1))
    arrays = {f"functions.{name}": values for name, values in functions.items()}
    arrays["bonds.coefficients"] = np.concatenate(parts)
    arrays["bonds.offsets"] = np.cumsum([0, *(len(p) for p in parts)], dtype=np.int64)
    return metadata, arrays


def posterior_arrays(model: LinearAce, solution: Solution) -> dict[str, NDArray]:
    """Arrays that keep the posterior of a linear fit (docs/fitting.md)."""
    if solution.posterior_factor is None:
        return {}
    first, columns, values = model.basis.coupling_matrix()
    return {
        "posterior.coefficients": solution.coefficients,
        "posterior.factor": solution.posterior_factor.astype(np.float32),
        "posterior.coupling_first": first,
        "posterior.coupling_columns": columns,
        "posterior.coupling_values": values,
    }


def read_table(path: Path) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Distances and energies of a table of the baseline, (points,) each.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    DataError
        Not two columns of numbers with distances that ascend from above 0.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file (baseline.files)")
    try:
        table = np.loadtxt(path, ndmin=2)
    except ValueError as error:
        raise DataError(f"{path}: not a table of numbers: {error}") from None
    if table.shape[1] != 2 or len(table) < 6 or not np.all(np.isfinite(table)):
        raise DataError(f"{path}: needs two columns (distance, energy) and at least 6 lines")
    if table[0, 0] <= 0 or np.any(np.diff(table[:, 0]) <= 0):
        raise DataError(f"{path}: distances must be positive and ascend")
    return table[:, 0], table[:, 1]


def _switched_table(
    path: Path, inner: float, outer: float, n_points: int = 2001
) -> tuple[float, NDArray[np.float64]]:
    """First distance, and V, V', V'' on a grid up to `outer`, (n_points, 3), times the switch.

    The switch is 1 - 10 t^3 + 15 t^4 - 6 t^5 between inner and outer, as for ZBL.
    """
    distances, energies = read_table(path)
    if distances[0] >= inner or distances[-1] < outer:
        raise DataError(
            f"{path}: the table must reach from below {inner:g} Å (baseline.inner) to {outer:g} Å "
            "(baseline.outer)"
        )
    from scipy.interpolate import make_interp_spline  # slow to import

    spline = make_interp_spline(distances, energies, k=5)
    r = np.linspace(distances[0], outer, n_points)
    t = np.clip((r - inner) / (outer - inner), 0.0, 1.0)
    s = np.array(
        [
            1 - t**3 * (10 - 15 * t + 6 * t**2),
            -30 * (t * (1 - t)) ** 2 / (outer - inner),
            -60 * t * (1 - t) * (1 - 2 * t) / (outer - inner) ** 2,
        ]
    )
    v = np.array([spline(r, k) for k in range(3)])
    columns = [v[0] * s[0], v[1] * s[0] + v[0] * s[1], v[2] * s[0] + 2 * v[1] * s[1] + v[0] * s[2]]
    values = np.stack(columns, axis=1)
    values[-1] = 0.0
    return float(r[0]), values


def baseline_contents(
    config: BaselineConfig, elements: Sequence[str], distances: Distances
) -> Contents | None:
    """Return metadata and arrays (family "pair") of the baseline; None without one.

    Raises
    ------
    ValueError
        Inner and outer cutoffs do not fit, or a pair is not one of the elements; names it.
    FileNotFoundError, DataError
        See `read_table`, or a table does not reach far enough.
    """
    if config.kind == "none":
        return None
    outer = pair_values(config.outer, elements, distances.minimum_or_estimate(), "baseline.outer")
    inner = pair_values(config.inner, elements, 0.6 * outer, "baseline.inner")
    for a, b in np.argwhere((inner >= outer) & (outer > 0)):
        raise ValueError(
            f"'baseline': inner ({inner[a, b]:g} Å) must be below outer ({outer[a, b]:g} Å) for "
            f"{elements[a]}-{elements[b]}"
        )
    metadata = {
        "family": "pair",
        "kind": config.kind,
        "elements": list(elements),
        "cutoff": float(outer.max()),
        "isolated_energies": [0.0] * len(elements),
    }
    if config.kind == "zbl":
        return metadata, {"zbl.inner": inner, "zbl.outer": outer}
    files = by_pair(config.files or {}, elements, "baseline.files")
    pairs = [(a, b) for a in range(len(elements)) for b in range(a, len(elements))]
    tables = {p: _switched_table(files[p], inner[p], outer[p]) for p in pairs if p in files}
    n_points = len(next(iter(tables.values()))[1])
    nothing = (0.5, np.zeros((n_points, 3)))
    metadata["cutoff"] = max(float(outer[p]) for p in tables)
    return metadata, {
        "table.first": np.array([tables.get(p, nothing)[0] for p in pairs]),
        "table.last": np.array([outer[p] if p in tables else 0.0 for p in pairs]),
        "table.values": np.array([tables.get(p, nothing)[1] for p in pairs]),
    }


def sum_contents(first: Contents, second: Contents | None, distances: Distances) -> Contents:
    """Return the sum of two models as a model of its own, or the first alone."""
    metadata, arrays = dict(first[0]), dict(first[1])
    if second is not None:
        children = [first[0], second[0]]
        metadata = {
            "family": "sum",
            "elements": first[0]["elements"],
            "cutoff": max(child["cutoff"] for child in children),
            "isolated_energies": first[0]["isolated_energies"],
            "children": children,
        }
        arrays = {
            f"{k}.{name}": values
            for k, contents in enumerate((first, second))
            for name, values in contents[1].items()
        }
    metadata["minimum_distances"] = distances.minimum.tolist()
    return metadata, arrays


def potential_of(contents: Contents, name: str) -> Potential:
    """Return the potential that the engine makes of metadata and arrays."""
    return Potential.from_arrays(contents[0], contents[1], name)
