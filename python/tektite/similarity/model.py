# SPDX-License-Identifier: BSD-3-Clause
"""Similarity to a reference as a model file, so that LAMMPS can compute it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

import numpy as np
from ase import Atoms
from ase.data import chemical_symbols
from numpy.typing import NDArray

from tektite import modelfile
from tektite.potential import Potential
from tektite.similarity.kernels import features_by_element
from tektite.soap import SOAP


def write_similarity_model(
    path: str | os.PathLike,
    reference: Atoms | Iterable[Atoms],
    soap: SOAP,
    *,
    zeta: float = 4.0,
) -> Potential:
    """Write a model whose atomic energies are similarities to a reference (in units of eV).

    What `atom_similarity` gives with ``how="mean"``: the kernel averaged over the reference is
    itself a kernel expansion, so that a file of the family "gap" holds it. In LAMMPS,
    ``compute pe/atom`` shows it where the file is the pair style's, as in a rerun of a trajectory.

    Parameters
    ----------
    path : str or path
        Usually ends in ``.mlip``. A file that is there is replaced.
    reference : Atoms or iterable of Atoms
        All of their atoms are the reference.
    soap : SOAP
        Must know all elements and normalise its features.
    zeta : float
        Power of the kernel.

    Returns
    -------
    Potential
        Loaded from the new file.

    Raises
    ------
    ValueError
        The reference has no atoms, zeta is below 1, or the features are not normalised.
    TektiteError
        As `SOAP.features`.
    OSError
        The file cannot be written.
    """
    if not zeta >= 1:
        raise ValueError(f"zeta must be at least 1, not {zeta}")
    if not soap.parameters["normalise"]:
        raise ValueError("a similarity model needs a SOAP with normalise=True")
    targets = features_by_element([reference] if isinstance(reference, Atoms) else reference, soap)
    if not targets:
        raise ValueError("the reference has no atoms")
    description, described_arrays = soap.model_contents()
    terms: list[dict[str, Any]] = []
    arrays: dict[str, NDArray[np.float64]] = {}
    for number, points in sorted(targets.items()):
        prefix = f"terms.{len(terms)}."
        common = {"centers": [chemical_symbols[number]], "delta": 1.0, "zeta": float(zeta)}
        terms.append({**description, **common})
        arrays[prefix + "sparse_points"] = points
        arrays[prefix + "weights"] = np.full(len(points), 1.0 / len(points))
        for name, array in described_arrays.items():
            arrays[prefix + name.removeprefix("descriptor.")] = array
    metadata = {
        "family": "gap",
        "elements": soap.elements,
        "cutoff": soap.cutoff,
        "isolated_energies": [0.0] * len(soap.elements),
        "terms": terms,
        "provenance": modelfile.provenance(source="similarity to a reference"),
    }
    return modelfile.write(path, metadata, arrays)
