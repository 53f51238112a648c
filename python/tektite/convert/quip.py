# SPDX-License-Identifier: BSD-3-Clause
"""GAP files of QUIP as model files (families "gap" and, for a core potential, "pair")."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ase.data import chemical_symbols
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from tektite.convert.quip_xml import (
    Angle3b,
    Distance2b,
    PairSpline,
    QuipGap,
    Soap,
    SoapTurbo,
    Term,
    read_gap,
)
from tektite.errors import UnsupportedError

Contents = tuple[dict[str, Any], dict[str, NDArray]]

# Å; between such points a polynomial of degree five follows a cubic spline to 1e-6 eV.
_TABLE_SPACING = 2.5e-4

# eV; a larger jump at its end is not made smooth silently.
_LARGEST_JUMP = 1e-3


def _term_metadata(term: Term) -> dict[str, Any]:
    """Metadata of a term without what all kinds share."""
    symbol = chemical_symbols
    if isinstance(term, Distance2b):
        return {
            "kind": "distance_2b",
            "elements": [symbol[term.z1], symbol[term.z2]],
            "theta": term.theta,
        }
    if isinstance(term, Angle3b):
        return {
            "kind": "angle_3b",
            "center": symbol[term.z],
            "neighbors": [symbol[term.z1], symbol[term.z2]],
            "theta": [float(t) for t in term.theta],
        }
    if isinstance(term, SoapTurbo):
        return _turbo_metadata(term)
    assert isinstance(term, Soap)
    return {
        "kind": "soap",
        "centers": [symbol[term.z]],
        "channels": [[symbol[z]] for z in term.species],
        "radial_basis": "equispaced_gaussian",
        "n_max": term.n_max,
        "l_max": term.l_max,
        "sigma": term.atom_sigma,
        "central_weight": term.central_weight,
        "central_all_channels": term.central_reference_all_species,
        "zeta": term.zeta,
    }


def _turbo_metadata(term: SoapTurbo) -> dict[str, Any]:
    species = [
        {
            "elements": [chemical_symbols[entry.z]],
            "basis": term.basis,
            "alpha_max": entry.alpha_max,
            "cutoff_soft": term.cutoff - term.cutoff_width,
            "cutoff_hard": term.cutoff,
            "filter": term.filter,
            "sigma_r": entry.sigma_r,
            "sigma_t": entry.sigma_t,
            "sigma_r_scaling": entry.sigma_r_scaling,
            "sigma_t_scaling": entry.sigma_t_scaling,
            "amplitude_scaling": entry.amplitude_scaling,
            "radial_enhancement": term.radial_enhancement,
            "central_weight": entry.central_weight,
            "quip_damping": True,
        }
        for entry in term.neighbors
    ]
    return {
        "kind": "soap_turbo",
        "centers": [chemical_symbols[term.z]],
        "species": species,
        "l_max": term.l_max,
        "compressed": term.compressed,
        "zeta": term.zeta,
    }


def gap_contents(gap: QuipGap, elements: Sequence[int]) -> Contents:
    """Metadata and arrays (family "gap") of the terms; elements: atomic numbers."""
    terms, arrays = [], {}
    for k, term in enumerate(gap.terms):
        described = {**_term_metadata(term), "cutoff": term.cutoff, "delta": term.delta}
        if not isinstance(term, SoapTurbo):
            described["cutoff_transition_width"] = term.cutoff_width
        terms.append(described)
        # QUIP sums over ordered pairs, and ordered pairs of neighbours; the file counts each once.
        factor = 1.0 if isinstance(term, Soap | SoapTurbo) else 2.0
        points = term.points[:, :-1] if isinstance(term, Soap) else term.points
        arrays[f"terms.{k}.sparse_points"] = np.ascontiguousarray(points)
        arrays[f"terms.{k}.weights"] = factor * term.alpha * term.point_cutoffs
    metadata = {
        "family": "gap",
        "elements": [chemical_symbols[z] for z in elements],
        "cutoff": max(term.cutoff for term in gap.terms),
        "isolated_energies": [gap.isolated_energies.get(z, 0.0) for z in elements],
        "terms": terms,
    }
    return metadata, arrays


def _table(pair: PairSpline, n_points: int) -> NDArray[np.float64]:
    """V, V', V'' on n_points from the first to the last knot, (n_points, 3)."""
    conditions = tuple((2, 0.0) if slope is None else (1, slope) for slope in pair.slopes)
    spline = CubicSpline(pair.r, pair.energies, bc_type=conditions)
    grid = np.linspace(pair.r[0], pair.r[-1], n_points)
    values = np.stack([spline(grid, k) for k in range(3)], axis=1)
    values[0, 2] = 0.0  # a straight line below the first knot
    values[-1] = 0.0
    return values


def core_contents(pairs: Sequence[PairSpline], elements: Sequence[int], path: Path) -> Contents:
    """Metadata and arrays (family "pair", kind "table") of the core potential.

    Raises
    ------
    UnsupportedError
        A pair occurs twice, or its potential does not end at zero.
    """
    found: dict[tuple[int, int], PairSpline] = {}
    for pair in pairs:
        name = f"{chemical_symbols[pair.z1]}-{chemical_symbols[pair.z2]}"
        if (pair.z1, pair.z2) in found:
            raise UnsupportedError(f"{path}: two core potentials for {name}")
        if abs(pair.energies[-1]) > _LARGEST_JUMP:
            raise UnsupportedError(
                f"{path}: the core potential of {name} ends at {pair.energies[-1]:g} eV, not 0"
            )
        found[pair.z1, pair.z2] = pair
    length = max(pair.r[-1] - pair.r[0] for pair in pairs)
    n_points = int(np.ceil(length / _TABLE_SPACING)) + 1
    keys = [(a, b) for k, a in enumerate(elements) for b in elements[k:]]
    first, last = np.full(len(keys), 0.5), np.zeros(len(keys))
    values = np.zeros((len(keys), n_points, 3))
    for k, key in enumerate(keys):
        if key in found:
            first[k], last[k] = found[key].r[[0, -1]]
            values[k] = _table(found[key], n_points)
    metadata = {
        "family": "pair",
        "kind": "table",
        "elements": [chemical_symbols[z] for z in elements],
        "cutoff": float(last.max()),
        "isolated_energies": [0.0] * len(elements),
    }
    return metadata, {"table.first": first, "table.last": last, "table.values": values}


def quip_contents(path: str | Path) -> Contents:
    """Metadata and arrays of a model file that computes what QUIP does for a GAP file.

    Raises
    ------
    FileNotFoundError, ModelFileError, UnsupportedError
        See `tektite.convert.quip_xml.read_gap` and `core_contents`.
    """
    path = Path(path).expanduser()
    gap = read_gap(path)
    elements = gap.atomic_numbers()
    contents = gap_contents(gap, elements)
    if not gap.core:
        return contents
    children = [contents, core_contents(gap.core, elements, path)]
    metadata = {
        "family": "sum",
        "elements": children[0][0]["elements"],
        "cutoff": max(child[0]["cutoff"] for child in children),
        "isolated_energies": children[0][0]["isolated_energies"],
        "children": [child[0] for child in children],
    }
    arrays = {
        f"{k}.{name}": values
        for k, child in enumerate(children)
        for name, values in child[1].items()
    }
    return metadata, arrays
