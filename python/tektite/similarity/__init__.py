# SPDX-License-Identifier: BSD-3-Clause
"""How much environments and structures resemble one another (docs/similarity.md)."""

from tektite.similarity.frames import (
    Averages,
    average_features,
    average_kernel,
    farthest_frames,
    frame_kernel,
    unique_frames,
)
from tektite.similarity.kernels import atom_similarity
from tektite.similarity.maps import KernelMap, kernel_map, map_plot
from tektite.similarity.model import write_similarity_model

__all__ = [
    "Averages",
    "KernelMap",
    "atom_similarity",
    "average_features",
    "average_kernel",
    "farthest_frames",
    "frame_kernel",
    "kernel_map",
    "map_plot",
    "unique_frames",
    "write_similarity_model",
]
