# SPDX-License-Identifier: BSD-3-Clause
"""Reading of reference data (DFT frames) and the conventions in which stresses come."""

from tektite.data.frames import DataKeys, Frame, iterate_frames, read_frames
from tektite.data.stress import STRESS_CONVENTIONS, convert_stress

__all__ = [
    "STRESS_CONVENTIONS",
    "DataKeys",
    "Frame",
    "convert_stress",
    "iterate_frames",
    "read_frames",
]
