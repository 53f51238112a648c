# SPDX-License-Identifier: BSD-3-Clause
"""Expected deviations of the data, which are the weights of a GAP fit."""

from __future__ import annotations

import numpy as np

from tektite.data import Frame
from tektite.errors import DataError
from tektite.fit.gap.config import FRAME_SIGMAS, GapFitConfig


def sigmas_of(frame: Frame, config: GapFitConfig) -> dict[str, float]:
    """Sigmas of a frame's energy, forces and virial; energy and virial without the factor √n.

    Raises
    ------
    DataError
        A sigma of the frame itself is not a positive number; names it.
    """
    result = {}
    group = config.groups.get(frame.group)
    info = frame.atoms.info
    for name, key in FRAME_SIGMAS.items():
        value = None if group is None else getattr(group, name)
        result[name] = getattr(config.sigma, name) if value is None else value
        if key in info:
            try:
                result[name] = float(info[key])
            except (TypeError, ValueError):
                result[name] = np.nan
            if not result[name] > 0:
                raise DataError(f"{frame.label}: {key} is {info[key]!r}, not a positive number")
    return result


class SigmaWeights:
    """Factors of the rows of each frame: 1/sigma, and 1/(sigma √n) of energy and virial.

    Raises
    ------
    DataError
        When called, as `sigmas_of`.
    """

    def __init__(self, config: GapFitConfig):
        self._config = config

    def __call__(self, frame: Frame) -> tuple[float, float, float]:
        """Return the factors of energy, forces and virial."""
        root = np.sqrt(frame.n_atoms)
        sigma = sigmas_of(frame, self._config)
        return (
            1.0 / (sigma["energy"] * root),
            1.0 / sigma["forces"],
            1.0 / (sigma["virial"] * root),
        )
