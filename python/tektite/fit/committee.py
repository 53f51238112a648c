# SPDX-License-Identifier: BSD-3-Clause
"""Committees: several sets of coefficients in one model, whose spread is its uncertainty."""

from __future__ import annotations

import os
from collections.abc import Mapping

import numpy as np
import scipy.sparse
from numpy.typing import ArrayLike, NDArray

from tektite import _core, modelfile
from tektite.errors import DataError
from tektite.potential import Potential
from tektite.references import default_references

COMMITTEE = "committee.coefficients"


def committee_array(basis: _core.AceBasis, members: ArrayLike) -> NDArray[np.float64]:
    """Array "committee.coefficients" of a model file from the coefficients of each member.

    members: (n_members, n_functions, n_density); all else of the model they share.

    Raises
    ------
    ValueError
        Fewer than 2 members, or a wrong number of functions.
    """
    members = np.asarray(members, dtype=np.float64)
    if members.ndim != 3 or len(members) < 2 or members.shape[1] != basis.n_functions:
        raise ValueError(
            f"members must have the shape (at least 2, {basis.n_functions}, n_density), "
            f"not {members.shape}"
        )
    n_members, n_functions, n_density = members.shape
    columns = members.transpose(1, 0, 2).reshape(n_functions, n_members * n_density)
    terms = basis.combine(columns)["coefficients"]
    return np.reshape(terms, (-1, n_members, n_density))


def draw_committee(
    arrays: Mapping[str, NDArray], n_members: int, seed: int, prefix: str = ""
) -> NDArray[np.float64]:
    """Array "committee.coefficients" with members drawn from the posterior of a linear fit.

    arrays: those of a model file with `posterior.*` (docs/fitting.md), under a prefix where the
    model is part of a sum ("0."). The standard deviation of the members' energies estimates that of
    the posterior with a relative error of 1/sqrt(2 (n_members - 1)).

    Raises
    ------
    DataError
        The model has no posterior.
    ValueError
        Fewer than 2 members.
    """
    if n_members < 2:
        raise ValueError(f"a committee needs at least 2 members, not {n_members}")
    names = ("factor", "coupling_first", "coupling_columns", "coupling_values")
    if any(f"{prefix}posterior.{name}" not in arrays for name in names):
        raise DataError("the model has no posterior: fit it with 'regression.posterior: true'")
    factor, first, columns, values = (arrays[f"{prefix}posterior.{name}"] for name in names)
    coefficients = np.asarray(arrays[f"{prefix}functions.coefficients"], dtype=np.float64)
    noise = np.random.default_rng(seed).normal(size=(len(factor), n_members))
    coupling = scipy.sparse.csr_matrix((values, columns, first), (len(factor), len(coefficients)))
    deviations = coupling.T @ (np.asarray(factor, dtype=np.float64) @ noise)
    return coefficients[:, None, :] + deviations[:, :, None]


def add_committee(
    model: str | os.PathLike, output: str | os.PathLike, n_members: int = 16, seed: int = 0
) -> Potential:
    """Write a model with a committee drawn from its posterior to another file (or the same).

    Returns
    -------
    Potential
        Loaded back from the file.

    Raises
    ------
    DataError, ValueError
        See `draw_committee`.
    FileNotFoundError, ModelFileError
        See `tektite.modelfile.read`.
    """
    contents = modelfile.read(model)
    prefix = "0." if contents.metadata["family"] == "sum" else ""
    drawn = draw_committee(contents.arrays, n_members, seed, prefix)
    arrays = {**contents.arrays, f"{prefix}{COMMITTEE}": drawn}
    references = default_references(contents.metadata["elements"])
    return modelfile.write(output, contents.metadata, arrays, references)
