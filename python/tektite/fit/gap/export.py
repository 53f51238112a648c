# SPDX-License-Identifier: BSD-3-Clause
"""Metadata and arrays of the model file of a GAP fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from tektite.fit.export import Contents
from tektite.fit.gap.regression import GapSolution
from tektite.fit.gap.term import Term


def gap_contents(
    terms: Sequence[Term],
    solution: GapSolution,
    deltas: Mapping[str, float],
    elements: Sequence[str],
    energies: NDArray[np.float64],
    with_variance: bool,
) -> Contents:
    """Return metadata and arrays (family "gap").

    deltas: eV, by kind of term; energies: of isolated atoms, (n_elements,) eV.
    """
    described, arrays, begin = [], {}, 0
    for k, term in enumerate(terms):
        described.append({**term.metadata(elements), "delta": float(deltas[term.kind])})
        arrays[f"terms.{k}.sparse_points"] = np.ascontiguousarray(term.sparse_points)
        arrays[f"terms.{k}.weights"] = solution.weights[begin : begin + term.n_points]
        begin += term.n_points
    if with_variance:
        arrays["variance.prior_factor"] = np.ascontiguousarray(solution.prior_factor)
        arrays["variance.posterior_factor"] = np.ascontiguousarray(solution.posterior_factor)
    metadata = {
        "family": "gap",
        "elements": list(elements),
        "cutoff": max(entry["cutoff"] for entry in described),
        "isolated_energies": [float(e) for e in energies],
        "terms": described,
    }
    return metadata, arrays
