# SPDX-License-Identifier: BSD-3-Clause
"""Model file of the mean of several ACE models."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

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


def average_contents(members: Sequence[Contents]) -> Contents:
    """Return the mean of models as a sum of their shares.

    members: metadata and arrays of each, an ACE or the sum of one and a baseline; the elements and
    the baseline, which is taken from the first, are the same in all.
    """
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
        "minimum_distances": members[0][0]["minimum_distances"],
    }
    arrays = {
        f"{k}.{name}": values
        for k, child in enumerate(children)
        for name, values in child[1].items()
    }
    return metadata, arrays
