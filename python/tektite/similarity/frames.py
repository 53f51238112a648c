# SPDX-License-Identifier: BSD-3-Clause
"""Similarity of whole structures, and choice of structures that differ."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from tektite.similarity.kernels import normalised, power
from tektite.similarity.selection import choose_farthest
from tektite.soap import SOAP


@dataclasses.dataclass
class Averages:
    """Power spectra of structures averaged over their atoms.

    vectors: (n_systems, n_elements * n_features), of length 1: for each element in turn the sum of
    the normalised features of its atoms, the whole normalised.
    """

    vectors: NDArray[np.float64]

    def kernel(self, other: Averages | None = None, zeta: float = 4.0) -> NDArray[np.float64]:
        """(v_a · v_b)^zeta, (n_systems, n_systems of `other`, default itself); 1 if equal."""
        return power(self.vectors @ (self if other is None else other).vectors.T, zeta)


def average_features(systems: Iterable[Atoms], soap: SOAP) -> Averages:
    """Average features of structures (see `Averages`), which must have atoms.

    Raises
    ------
    ValueError
        A structure has no atoms; names it.
    TektiteError
        As `SOAP.features`.
    """
    rows = []
    for k, atoms in enumerate(systems):
        if len(atoms) == 0:
            raise ValueError(f"system {k} has no atoms")
        features = normalised(soap.features(atoms))
        symbols = np.array(atoms.get_chemical_symbols())
        rows.append(np.concatenate([features[symbols == s].sum(axis=0) for s in soap.elements]))
    n = soap.n_features * len(soap.elements)
    return Averages(normalised(np.array(rows, dtype=np.float64).reshape(-1, n)))


def average_kernel(
    first: Atoms, second: Atoms, soap: SOAP, *, zeta: float = 4.0, normalise: bool = True
) -> float:
    """Mean of (p_i · p_j)^zeta over atoms i of one and j of another structure.

    Atoms of different elements count 0. `normalise` divides by the root of the product of each
    structure's kernel with itself, so that the result is 1 for equal structures.

    Raises
    ------
    ValueError
        A structure has no atoms.
    """
    value = frame_kernel([first], soap, [second], zeta=zeta, normalise=normalise)
    return float(value[0, 0])


def frame_kernel(
    systems: Sequence[Atoms],
    soap: SOAP,
    others: Sequence[Atoms] | None = None,
    *,
    zeta: float = 4.0,
    normalise: bool = True,
) -> NDArray[np.float64]:
    """`average_kernel` of every structure with every other one, (n_systems, n_others).

    others: default `systems`. Features of all structures are held; work grows with the product
    of the numbers of atoms. `average_features` is cheaper for many.

    Raises
    ------
    ValueError
        A structure has no atoms.
    """
    rows = _Features(systems, soap)
    columns = rows if others is None else _Features(others, soap)
    result = np.array([[a.mean_power(b, zeta) for b in columns.all] for a in rows.all])
    if normalise:
        mine, theirs = (
            np.array([a.mean_power(a, zeta) for a in features.all]) for features in (rows, columns)
        )
        result /= np.sqrt(mine[:, None] * theirs[None, :])
    return result


@dataclasses.dataclass
class _FrameFeatures:
    n_atoms: int
    by_element: dict[int, NDArray[np.float64]]

    def mean_power(self, other: _FrameFeatures, zeta: float) -> float:
        total = 0.0
        for z, features in self.by_element.items():
            if z in other.by_element:
                total += float(power(features @ other.by_element[z].T, zeta).sum())
        return total / (self.n_atoms * other.n_atoms)


class _Features:
    def __init__(self, systems: Iterable[Atoms], soap: SOAP):
        self.all = []
        for k, atoms in enumerate(systems):
            if len(atoms) == 0:
                raise ValueError(f"system {k} has no atoms")
            features = normalised(soap.features(atoms))
            self.all.append(
                _FrameFeatures(
                    len(atoms),
                    {int(z): features[atoms.numbers == z] for z in np.unique(atoms.numbers)},
                )
            )


def farthest_frames(averages: Averages, n: int, first: int = 0) -> NDArray[np.intp]:
    """Choose n structures, each the one least similar to all before; indices in that order.

    Fewer where all that are left equal a chosen one. The order does not depend on zeta.

    Raises
    ------
    ValueError
        n is below 1, or there is no structure `first`.
    """
    if n < 1:
        raise ValueError(f"the number of structures to choose must be at least 1, not {n}")
    if not 0 <= first < len(averages.vectors):
        raise ValueError(f"there is no structure {first}, only {len(averages.vectors)}")
    return choose_farthest(averages.vectors, n, first)


def unique_frames(averages: Averages, tolerance: float = 1e-4) -> NDArray[np.intp]:
    """Structures without those that resemble an earlier one; ascending indices.

    tolerance: distance |v_a - v_b| of the average features (0 to √2) up to which two count as the
    same. Averages forget how many atoms there are, so that a supercell equals its cell.

    Raises
    ------
    ValueError
        The tolerance is negative.
    """
    if not tolerance >= 0:
        raise ValueError(f"the tolerance must not be negative, but is {tolerance}")
    kept: list[int] = []
    stored = np.empty_like(averages.vectors)
    for k, vector in enumerate(averages.vectors):
        # |a - b| from the difference, since 1 - a · b loses half the digits.
        distance = np.linalg.norm(stored[: len(kept)] - vector, axis=1)
        if len(kept) == 0 or distance.min() > tolerance:
            stored[len(kept)] = vector
            kept.append(k)
    return np.array(kept, dtype=np.intp)
