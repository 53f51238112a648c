# SPDX-License-Identifier: BSD-3-Clause
"""Metadata and arrays of the model file of a linear fit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tektite.fit.config import BaselineConfig
from tektite.fit.dataset import Distances
from tektite.fit.model import LinearAce
from tektite.fit.radial import pair_values
from tektite.fit.regression import Solution
from tektite.potential import Potential

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


def baseline_contents(
    config: BaselineConfig, elements: Sequence[str], distances: Distances
) -> Contents | None:
    """Return metadata and arrays (family "pair") of the baseline; None without one.

    Raises
    ------
    ValueError
        Inner and outer cutoffs do not fit; names the pair.
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
        "kind": "zbl",
        "elements": list(elements),
        "cutoff": float(outer.max()),
        "isolated_energies": [0.0] * len(elements),
    }
    return metadata, {"zbl.inner": inner, "zbl.outer": outer}


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
