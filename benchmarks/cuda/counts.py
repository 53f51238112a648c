# SPDX-License-Identifier: BSD-3-Clause
"""Operations and bytes of one evaluation, counted from the model: what rates are compared with.

What the algorithm needs, whatever the compiler makes of it; a multiply-add counts as two.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

# Peak rates of one H200 SXM: operations a second outside of the matrix units and bytes a second of
# its memory (NVIDIA's data sheet); of the shared memory of all multiprocessors, 128 bytes each in
# every clock (CUDA C++ Programming Guide, compute capability 9.0), 132 of them at 1.98 GHz.
H200 = {"double": 33.5e12, "mixed": 67e12, "bytes": 4.8e12, "shared": 132 * 128 * 1.98e9}
# Bytes of shared memory that a block may have, and a multiprocessor has.
_SHARED_OF_BLOCK, _SHARED = 227 * 1024, 228 * 1024


@dataclass(frozen=True)
class Work:
    """Of one centre in one kernel, as its threads ask for it: before any cache."""

    operations: float
    bytes: float  # of global memory
    arithmetic: str  # "double" or "mixed"
    shared: float = 0.0  # bytes of shared memory


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


def triplets(cutoff: float) -> int:
    """Pairs of neighbours closer than the cutoff (angstrom)."""
    n = neighbors(cutoff)
    return n * (n - 1) // 2


def of_model(potential: Any) -> dict[str, float]:
    """Sizes of a model of one element that the counts need; empty if its family is not counted.

    ACE: n_base (complex A_nlm with m >= 0), n_columns (radial functions), n_rows, n_terms (of the
    product graph), n_products, n_stored (of the paired products), n_density, l_max; with padding,
    n_base_padded and n_columns_padded. GAP: n_sparse, n_features, n_radial, n_harmonics of the
    first SOAP term, pair_terms, and of the triplets n_sparse_3b, cutoff_3b. Networks: n_weights of
    all members, and the sizes of SOAP.
    """
    from tektite import _core

    if potential.family == "ace":
        sizes = _core.ace_sizes(potential.name)[0]
        n_radial = sizes.pop("n_radial")
        found = {key: float(value) for key, value in sizes.items()}
        others = sizes["n_columns"] - sum(n_radial)  # densities and the core

        def padded(n: int, multiple: int) -> int:
            return -(-n // multiple) * multiple

        found["n_columns_padded"] = float(sum(padded(n, 4) for n in n_radial) + padded(others, 4))
        found["n_base_padded"] = float(sum((k + 1) * padded(n, 2) for k, n in enumerate(n_radial)))
        return found
    if potential.family == "gap":
        _, arrays = _core.read_model_file(potential.name)
        found = {}
        for index, term in enumerate(potential.metadata["terms"]):
            n_sparse = float(len(arrays[f"terms.{index}.weights"]))
            if term["kind"] == "distance_2b":
                found["pair_terms"] = found.get("pair_terms", 0.0) + 1
            elif term["kind"] == "angle_3b" and "n_sparse_3b" not in found:
                found |= {"n_sparse_3b": n_sparse, "cutoff_3b": term["cutoff"]}
            elif term["kind"] == "soap" and "n_sparse" not in found:
                found |= {"n_sparse": n_sparse, **_sizes_of_soap(term)}
        return found
    if potential.family == "neural" and potential.metadata["descriptor"]["kind"] == "soap":
        _, arrays = _core.read_model_file(potential.name)
        weights = sum(float(array.size) for name, array in arrays.items() if "weights" in name)
        return {"n_weights": weights, **_sizes_of_soap(potential.metadata["descriptor"])}
    return {}


def _sizes_of_soap(soap: dict[str, Any]) -> dict[str, float]:
    n_radial = soap["n_max"] * len(soap["channels"])
    return {
        "n_features": n_radial * (n_radial + 1) / 2 * (soap["l_max"] + 1),
        "n_radial": float(n_radial),
        "n_harmonics": float((soap["l_max"] + 1) ** 2),
    }


def of_kernels(
    sizes: dict[str, float],
    cutoff: float,
    skin: float,
    precision: str,
    *,
    in_threads: bool = False,
) -> dict[str, Work]:
    """Work of a centre of the perfect crystal in the kernels that are counted, by name.

    in_threads: ACE with one centre a thread, as where blocks lack shared memory. The counts at the
    heads of edges/edge_chunk.hpp and of the kernels in terms/ in csrc/cuda, for forces without
    virials.
    """
    listed, edges = neighbors(cutoff + skin), neighbors(cutoff)
    found = {
        "GatherEdges": Work(8.0 * listed, 28.0 * listed + 28.0 * edges, "double"),
        "ScatterEdges": Work(3.0 * edges, 52.0 * edges, "double"),
    }
    if "n_base" in sizes:
        count = _ace_in_threads if in_threads else _ace_in_blocks
        found |= count(sizes, edges, precision)
    if "pair_terms" in sizes:
        found["GapPairs"] = Work(
            sizes["pair_terms"] * 40.0 * edges,
            edges * (24.0 + sizes["pair_terms"] * (24 + 48 + 48)),
            "double",
        )
    if "n_sparse_3b" in sizes:
        three = triplets(sizes["cutoff_3b"])
        found["GapTriplets"] = Work(
            three * (60.0 * sizes["n_sparse_3b"] + 80), three * 168.0, "double"
        )
    if "n_harmonics" in sizes:
        found |= _soap(sizes, edges, precision)
    if "n_weights" in sizes:
        b = _bytes_of_real(precision)
        n = sizes["n_weights"]
        found["EvaluateNetworks"] = Work(4 * n, b * (n / 2 + 2 * sizes["n_features"]), precision)
    return found


def _bytes_of_real(precision: str) -> float:
    return 8.0 if precision == "double" else 4.0


def centers_of_block(sizes: dict[str, float], precision: str) -> int:
    """Centres that AceBlockProducts takes together on an H200; 0: not even the fewest fit.

    As plan() in terms/ace/ace_term.cu, but for what does not grow with the stored products.
    """
    b = _bytes_of_real(precision)
    one = 2 * b * sizes["n_stored"] * (1 + sizes["n_density"])
    fewest = 1 if precision == "double" else 2
    for centers in (8, 4):
        if 2 * (centers * one + 1024) <= _SHARED:
            return centers
    for centers in (8, 4, 2, 1):
        if fewest <= centers and centers * one <= _SHARED_OF_BLOCK:
            return centers
    return 0


def _ace_in_blocks(sizes: dict[str, float], edges: int, precision: str) -> dict[str, Work]:
    b = _bytes_of_real(precision)
    n, padded, c = (sizes[k] for k in ("n_base", "n_base_padded", "n_columns_padded"))
    p, s, d = (sizes[k] for k in ("n_products", "n_stored", "n_density"))
    h = (sizes["l_max"] + 1) * (sizes["l_max"] + 2) / 2
    found = {
        "AceBlockForward": Work(
            edges * (30 + 10 * c + 6 * h + 4 * padded),
            edges * (24 + 6 * b * c) + 2 * b * n,
            precision,
            b * edges * (c + 2 * h + 1.5 * padded),
        ),
        "AceBlockBackward": Work(
            edges * (30 + 18 * c + 12 * h + 8 * padded),
            edges * (48 + 6 * b * c) + 2 * b * n,
            precision,
            b * edges * (4 * c + 2 * padded),
        ),
    }
    centers = centers_of_block(sizes, precision)
    if centers:
        found["AceBlockProducts"] = Work(
            2 * p * 4 * d + s * (8 * d + 4) + 22 * (s - n),
            4 * b * n + (2 * p * (2 + d * b) + 16 * (s - n)) / centers,
            precision,
            2 * p * 2 * b + (s - n) * 18 * b + s * (4 * d + 4) * b,
        )
    else:
        found["AceProducts"] = _ace_in_threads(sizes, edges, precision)["AceProducts"]
    return found


def _ace_in_threads(sizes: dict[str, float], edges: int, precision: str) -> dict[str, Work]:
    b = _bytes_of_real(precision)
    n, c, t, r, d = (sizes[k] for k in ("n_base", "n_columns", "n_terms", "n_rows", "n_density"))
    h = (sizes["l_max"] + 1) * (sizes["l_max"] + 2) / 2
    return {
        "AceForward": Work(
            edges * (30 + 10 * c + 12 * h + 4 * n),
            b * edges * (6 * c + c + 4 * h + 1.5 * n),
            precision,
        ),
        "AceProducts": Work(2 * t * (6 + 2 * d), b * (8 * t + 20 * r), precision),
        "AceBackward": Work(
            edges * (30 + 18 * c + 12 * h + 8 * n), b * edges * (6 * c + 3 * c + 3 * n), precision
        ),
    }


def _soap(sizes: dict[str, float], edges: int, precision: str) -> dict[str, Work]:
    b = _bytes_of_real(precision)
    d, k, h = (sizes[key] for key in ("n_features", "n_radial", "n_harmonics"))
    l_max = h**0.5 - 1
    found = {
        "SoapForward": Work(
            edges * (10 * k * (l_max + 1) + 2 * k * h) + k**2 * h,
            b * (edges * k * (h + l_max) + k**2 * h / 2),
            precision,
        ),
        "SoapBackward": Work(
            edges * (18 * k * (l_max + 1) + 4 * k * h) + 2 * k**2 * h,
            b * (edges * k * h + k**2 * h),
            precision,
        ),
    }
    if "n_sparse" in sizes:
        m = sizes["n_sparse"]
        found["SparsePredict"] = Work(4 * m * d + 5 * m, m / 24 * d * (b + 16), "double")
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
    return sum(work.operations / H200[work.arithmetic] for work in counted)


def main(arguments: list[str] | None = None) -> None:
    """Print what each kernel of a model does for a centre, and what would take how long."""
    import argparse

    import tektite

    parser = argparse.ArgumentParser(description="Counted work of a model's kernels on an H200.")
    parser.add_argument("models", nargs="+", help="model files of one element, for silicon")
    parser.add_argument("--skin", type=float, default=1.0)
    parser.add_argument(
        "--in-threads", action="store_true", help="ACE without shared memory, one centre a thread"
    )
    args = parser.parse_args(arguments)
    for path in args.models:
        potential = tektite.load(path)
        sizes = of_model(potential)
        for precision in ("mixed", "double"):
            print(f"{path}, {precision}: a centre, and centres/s if this alone were the limit")
            total: dict[str, float] = {}
            counted = of_kernels(
                sizes, potential.cutoff, args.skin, precision, in_threads=args.in_threads
            )
            for name, work in counted.items():
                values = {
                    work.arithmetic: work.operations,
                    "bytes": work.bytes,
                    "shared": work.shared,
                }
                for kind, value in values.items():
                    total[kind] = total.get(kind, 0.0) + value
                print(f"  {name:17}", *(f"{k} {v:9.3g}" for k, v in values.items()))
            for kind, value in total.items():
                if value == 0:
                    continue
                print(f"  all: {kind:7} {value:9.3g} -> {H200[kind] / value:.2g} centres/s")


if __name__ == "__main__":
    main()
