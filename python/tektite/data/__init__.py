# SPDX-License-Identifier: BSD-3-Clause
"""Reading of reference data (DFT frames) and the conventions in which stresses come."""

from tektite.data.frames import DataKeys, Frame, iterate_frames, read_frames
from tektite.data.packed import pack_frames
from tektite.data.sources import find_files
from tektite.data.stress import STRESS_CONVENTIONS, convert_stress

__all__ = [
    "STRESS_CONVENTIONS",
    "DataKeys",
    "Frame",
    "convert_stress",
    "find_files",
    "iterate_frames",
    "pack_frames",
    "read_frames",
]
