# SPDX-License-Identifier: BSD-3-Clause
"""Similarity of atoms to the atoms of a reference."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from tektite.soap import SOAP


def power(products: NDArray[np.float64], zeta: float) -> NDArray[np.float64]:
    """(p · p')^zeta; products below 0 by rounding count as 0."""
    return np.maximum(products, 0.0) ** zeta


def features_by_element(systems: Iterable[Atoms], soap: SOAP) -> dict[int, NDArray[np.float64]]:
    """Normalised features of all atoms, (n, n_features), by atomic number."""
    found: dict[int, list[NDArray[np.float64]]] = {}
    for atoms in systems:
        features = normalised(soap.features(atoms))
        for z in np.unique(atoms.numbers):
            found.setdefault(int(z), []).append(features[atoms.numbers == z])
    return {z: np.concatenate(parts) for z, parts in found.items()}


def normalised(features: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rows divided by their lengths; rows of zeros stay."""
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    return features / np.where(lengths > 0, lengths, 1.0)


def atom_similarity(
    systems: Atoms | Iterable[Atoms],
    reference: Atoms | Iterable[Atoms],
    soap: SOAP,
    *,
    zeta: float = 4.0,
    how: str = "mean",
) -> NDArray[np.float64] | list[NDArray[np.float64]]:
    """Similarity of each atom to the atoms of the same element in a reference, 0 to 1.

    With a crystal as the reference it tells crystalline from disordered surroundings, atom by atom
    (V. L. Deringer et al., Nature 589, 59 (2021), used the average kernel this way).

    Parameters
    ----------
    systems : Atoms or iterable of Atoms
        Whose atoms are asked for.
    reference : Atoms or iterable of Atoms
        All of their atoms are the reference.
    soap : SOAP
        Must know all elements.
    zeta : float
        Power of the kernel (p_i · p_j)^zeta; larger is more sensitive.
    how : str
        "mean" over the atoms of the reference, or "max": the most similar of them.

    Returns
    -------
    (n,) for one system, otherwise a list of such. 0 for elements that the reference lacks.

    Raises
    ------
    ValueError
        `how` is unknown, zeta below 1, or the reference has no atoms.
    TektiteError
        As `SOAP.features`.
    """
    if how not in ("mean", "max"):
        raise ValueError(f"how must be 'mean' or 'max', not '{how}'")
    if not zeta >= 1:
        raise ValueError(f"zeta must be at least 1, not {zeta}")
    targets = features_by_element([reference] if isinstance(reference, Atoms) else reference, soap)
    if not targets:
        raise ValueError("the reference has no atoms")
    reduce = np.mean if how == "mean" else np.max
    results = []
    for atoms in [systems] if isinstance(systems, Atoms) else systems:
        features = normalised(soap.features(atoms))
        values = np.zeros(len(atoms))
        for z, points in targets.items():
            mine = atoms.numbers == z
            if mine.any():
                values[mine] = reduce(power(features[mine] @ points.T, zeta), axis=1)
        results.append(values)
    return results[0] if isinstance(systems, Atoms) else results
