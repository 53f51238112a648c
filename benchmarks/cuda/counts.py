# SPDX-License-Identifier: BSD-3-Clause
"""Operations and bytes of one evaluation, counted from the model: what rates are compared with.

What the algorithm needs, whatever the compiler makes of it; a multiply-add counts as two. For ACE
these are the counts at the head of csrc/cuda/terms/ace/ace_kernels.hpp, forward and backward.
"""

from __future__ import annotations

import math
from typing import Any

# Peak rates of one H200 SXM (NVIDIA's data sheet), operations a second outside of the matrix units,
# and bytes a second of its memory.
H200 = {"double": 33.5e12, "mixed": 67e12, "bytes": 4.8e12}


def neighbors(cutoff: float, lattice: float = 5.43) -> int:
    """Neighbours of an atom of the perfect diamond lattice closer than the cutoff (angstrom)."""
    reach = math.ceil(cutoff / lattice) + 1
    corners = [(0, 0, 0), (0, 0.5, 0.5), (0.5, 0, 0.5), (0.5, 0.5, 0)]
    basis = corners + [(x + 0.25, y + 0.25, z + 0.25) for x, y, z in corners]
    count = 0
    span = range(-reach, reach + 1)
    for i in span:
        for j in span:
            for k in span:
                for x, y, z in basis:
                    r2 = lattice**2 * ((i + x) ** 2 + (j + y) ** 2 + (k + z) ** 2)
                    count += 0 < r2 < cutoff**2
    return count


def of_model(potential: Any) -> dict[str, float]:
    """Sizes of a model of one element that the counts need; empty if its family is not counted.

    ACE: n_base (complex A_nlm with m >= 0), n_columns (radial functions), n_rows and n_terms (of
    the product graph), n_density. GAP: n_sparse, n_features, n_radial, n_harmonics of the first
    SOAP term.
    """
    from tektite import _core

    if potential.family == "ace":
        return {key: float(value) for key, value in _core.ace_sizes(potential.name)[0].items()}
    if potential.family == "gap":
        _, arrays = _core.read_model_file(potential.name)
        terms = potential.metadata["terms"]
        index = next(k for k, term in enumerate(terms) if term["kind"] == "soap")
        soap = terms[index]
        n_radial = soap["n_max"] * len(soap["channels"])
        return {
            "n_sparse": float(len(arrays[f"terms.{index}.weights"])),
            "n_features": n_radial * (n_radial + 1) / 2 * (soap["l_max"] + 1),
            "n_radial": float(n_radial),
            "n_harmonics": float((soap["l_max"] + 1) ** 2),
        }
    return {}


def operations(sizes: dict[str, float], cutoff: float) -> float | None:
    """Floating-point operations of energy and forces of an atom in the perfect crystal.

    None if the family is not counted.
    """
    edges = neighbors(cutoff)
    if "n_base" in sizes:
        n_base, columns = sizes["n_base"], sizes["n_columns"]
        per_edge = 30 + 28 * columns + 12 * n_base
        graph = 16 * sizes["n_terms"] + 20 * sizes["n_rows"]
        return edges * per_edge + graph
    if "n_sparse" in sizes:
        density = sizes["n_radial"] * sizes["n_harmonics"]
        # Density and its gradient; power spectrum there and back; kernel there and back.
        spectrum = 6 * density * (sizes["n_radial"] + 1) / 2
        return edges * (30 + 6 * density) + spectrum + 4 * sizes["n_sparse"] * sizes["n_features"]
    return None


def of_kernels(
    sizes: dict[str, float], cutoff: float, skin: float, precision: str
) -> dict[str, tuple[float, float]]:
    """Operations and bytes of one thread (one centre) of the kernels that are counted, by name.

    The counts at the heads of csrc/cuda/edges/edge_chunk.hpp and terms/ace/ace_kernels.hpp, for
    forces without virials.
    """
    listed, edges = neighbors(cutoff + skin), neighbors(cutoff)
    found = {
        "GatherEdges": (8.0 * listed, 28.0 * listed + 28.0 * edges),
        "ScatterEdges": (3.0 * edges, 52.0 * edges),
    }
    if "n_base" in sizes:
        n, c, t, r = (sizes[k] for k in ("n_base", "n_columns", "n_terms", "n_rows"))
        b = 8.0 if precision == "double" else 4.0
        table = b * edges * (7 + sizes["l_max"] / 2) * c
        found["AceForward"] = (edges * (30 + 10 * c + 4 * n), table)
        found["AceProducts"] = (16 * t + 20 * r, b * (10 * t + 14 * r))
        found["AceBackward"] = (edges * (18 * c + 8 * n), b * edges * (8 * c + 2 * n))
    return found
