# SPDX-License-Identifier: BSD-3-Clause
"""Model file of the mean of several ACE models."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tektite.errors import DataError
from tektite.fit.committee import COMMITTEE
from tektite.fit.export import Contents


def _parts(contents: Contents) -> list[Contents]:
    """The children of a sum, or the model alone."""
    metadata, arrays = contents
    if metadata["family"] != "sum":
        return [contents]
    return [
        (child, {n.removeprefix(f"{k}."): a for n, a in arrays.items() if n.startswith(f"{k}.")})
        for k, child in enumerate(metadata["children"])
    ]


def _share(ace: Contents, n: int) -> Contents:
    """An ACE times 1/n, one of n in a mean.

    Deviations within its committee are multiplied by √n besides: in quadrature, as a sum adds
    them, n of them give their root mean square. That is the uncertainty of a mean of models whose
    errors are the same, as those of the same data mostly are.
    """
    metadata, arrays = dict(ace[0]), dict(ace[1])
    metadata["embeddings"] = [
        {**embedding, "prefactors": [w / n for w in embedding["prefactors"]]}
        for embedding in metadata["embeddings"]
    ]
    metadata["isolated_energies"] = [e / n for e in metadata["isolated_energies"]]
    # The limits of the basis are for training that goes on from a file, which takes no share.
    metadata.pop("basis", None)
    arrays = {name: a for name, a in arrays.items() if not name.startswith("posterior.")}
    if COMMITTEE in arrays:
        members = arrays[COMMITTEE]
        mean = members.mean(axis=1, keepdims=True)
        arrays[COMMITTEE] = mean + np.sqrt(n) * (members - mean)
    return metadata, arrays


def check_baseline(first: Contents, other: Contents, name: str) -> None:
    """Check that two models have the same baseline, of which a mean has only one.

    Raises
    ------
    DataError
        They differ, as when one was trained from a file, or when a pair of elements comes closer
        than one cutoff but not the other; says so with the name of the other model.
    """
    baselines = [_parts(contents)[1:] for contents in (first, other)]
    same = len(baselines[0]) == len(baselines[1])
    for (its_metadata, its_arrays), (metadata, arrays) in zip(*baselines):
        same = same and its_metadata == metadata and its_arrays.keys() == arrays.keys()
        same = same and all(np.array_equal(its_arrays[key], arrays[key]) for key in arrays)
    if not same:
        raise DataError(
            f"{name} has another baseline than member 1, so that they have no mean: give "
            "baseline.inner and baseline.outer for every pair, or baseline.kind: none, and train "
            "all or none of the members from a file"
        )


def average_contents(members: Sequence[Contents]) -> Contents:
    """Return the mean of models as a sum of their shares.

    members: metadata and arrays of each, an ACE or the sum of one and a baseline, with the same
    elements in all. Raises as `check_baseline`.
    """
    for k, member in enumerate(members[1:]):
        check_baseline(members[0], member, f"member {k + 2}")
    n = len(members)
    parts = [_parts(member) for member in members]
    children = [_share(part[0], n) for part in parts] + parts[0][1:]
    metadata = {
        "family": "sum",
        "elements": members[0][0]["elements"],
        "cutoff": max(child[0]["cutoff"] for child in children),
        "isolated_energies": np.sum(
            [child[0]["isolated_energies"] for child in children], axis=0
        ).tolist(),
        "children": [child[0] for child in children],
        # A member does not see distances beyond its cutoff.
        "minimum_distances": np.max(
            [member[0]["minimum_distances"] for member in members], axis=0
        ).tolist(),
    }
    arrays = {
        f"{k}.{name}": values
        for k, child in enumerate(children)
        for name, values in child[1].items()
    }
    return metadata, arrays
