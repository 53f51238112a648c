# SPDX-License-Identifier: BSD-3-Clause
"""Operations and bytes of one evaluation, counted from the model: what rates are compared with.

What the algorithm needs, whatever the compiler makes of it; a multiply-add counts as two.
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
    the product graph), n_density, l_max. GAP: n_sparse, n_features, n_radial, n_harmonics of the
    first SOAP term.
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


def of_kernels(
    sizes: dict[str, float], cutoff: float, skin: float, precision: str
) -> dict[str, tuple[float, float, str]]:
    """Operations, bytes and arithmetic of one thread of the kernels that are counted, by name.

    A thread is a centre in the perfect crystal. The counts at the heads of edges/edge_chunk.hpp,
    terms/ace/ace_kernels.hpp and terms/gap/gap_kernels.hpp in csrc/cuda, for forces without
    virials; arithmetic: "double" or "mixed".
    """
    listed, edges = neighbors(cutoff + skin), neighbors(cutoff)
    b = 8.0 if precision == "double" else 4.0
    found = {
        "GatherEdges": (8.0 * listed, 28.0 * listed + 28.0 * edges, "double"),
        "ScatterEdges": (3.0 * edges, 52.0 * edges, "double"),
    }
    if "n_base" in sizes:
        n, c, t, r = (sizes[k] for k in ("n_base", "n_columns", "n_terms", "n_rows"))
        table = b * edges * (7 + sizes["l_max"] / 2) * c
        found["AceForward"] = (edges * (30 + 10 * c + 4 * n), table, precision)
        found["AceProducts"] = (16 * t + 20 * r, b * (10 * t + 14 * r), precision)
        found["AceBackward"] = (
            edges * (18 * c + 8 * n),
            b * edges * (8 * c + 2 * n),
            precision,
        )
    if "n_sparse" in sizes:
        m, d, k, h = (sizes[key] for key in ("n_sparse", "n_features", "n_radial", "n_harmonics"))
        l_max = h**0.5 - 1
        found["SoapForward"] = (
            edges * (10 * k * (l_max + 1) + 2 * k * h) + k**2 * h,
            b * (edges * k * (h + l_max) + k**2 * h / 2),
            precision,
        )
        found["SparsePredict"] = (4 * m * d + 5 * m, m / 24 * d * (b + 16), "double")
        found["SoapBackward"] = (
            edges * (18 * k * (l_max + 1) + 4 * k * h) + 2 * k**2 * h,
            b * (edges * k * h + k**2 * h),
            precision,
        )
    return found


def least_seconds(
    sizes: dict[str, float], cutoff: float, skin: float, precision: str
) -> float | None:
    """Seconds that an H200 at its peak rates needs for the counted operations of an atom.

    None if the family is not counted.
    """
    if not sizes:
        return None
    counted = of_kernels(sizes, cutoff, skin, precision).values()
    return sum(work[0] / H200[work[2]] for work in counted)
