# SPDX-License-Identifier: BSD-3-Clause
"""What a GAP is fitted to: data less everything that is fixed, and their expected deviations."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from tektite.data import Frame
from tektite.errors import DataError
from tektite.fit.dataset import Target, species_of
from tektite.fit.gap.config import GapFitConfig
from tektite.potential import Potential

_FRAME_KEYS = {"energy": "energy_sigma", "forces": "force_sigma", "virial": "virial_sigma"}


def check_groups(frames: Iterable[Frame], config: GapFitConfig) -> None:
    """Check that every group with sigmas of its own has a frame.

    Raises
    ------
    DataError
        Names the group and those that there are.
    """
    groups = sorted({frame.group for frame in frames})
    for name in config.groups:
        if name not in groups:
            raise DataError(
                f"groups has '{name}', but the groups of the data are {', '.join(groups)}"
            )


def sigmas_of(frame: Frame, config: GapFitConfig) -> dict[str, float]:
    """Sigmas of a frame's energy, forces and virial; energy and virial without the factor √n.

    Raises
    ------
    DataError
        A sigma of the frame itself is not a positive number; names it.
    """
    result = {}
    group = config.groups.get(frame.group)
    for name, key in _FRAME_KEYS.items():
        value = None if group is None else getattr(group, name)
        result[name] = getattr(config.sigma, name) if value is None else value
        if key in frame.atoms.info:
            try:
                result[name] = float(frame.atoms.info[key])
            except (TypeError, ValueError):
                result[name] = np.nan
            if not result[name] > 0:
                raise DataError(
                    f"{frame.label}: {key} is {frame.atoms.info[key]!r}, not a positive number"
                )
    return result


def make_gap_targets(
    frames: Iterable[Frame],
    elements: Sequence[str],
    energies: NDArray[np.float64],
    config: GapFitConfig,
    baseline: Potential | None,
) -> list[Target]:
    """Subtract isolated atoms and baseline; the weights of the targets are 1/sigma."""
    evaluator = None if baseline is None else baseline.make_evaluator(threads=1)
    targets = []
    for frame in frames:
        species = species_of(frame, elements)
        root = np.sqrt(len(species))
        sigma = sigmas_of(frame, config)
        weights = {
            "energy": 1.0 / (sigma["energy"] * root),
            "forces": 1.0 / sigma["forces"],
            "virial": 1.0 / (sigma["virial"] * root),
        }
        fixed = None
        if evaluator is not None:
            a = frame.atoms
            fixed = evaluator.evaluate(a.numbers, a.positions, a.cell.array, a.pbc)
        energy, forces, virial = None, None, None
        if frame.energy is not None and weights["energy"] > 0:
            energy = frame.energy - float(energies[species].sum())
            energy -= 0.0 if fixed is None else fixed["energy"]
        if frame.forces is not None and weights["forces"] > 0:
            forces = frame.forces - (0.0 if fixed is None else fixed["forces"])
        if frame.stress is not None and weights["virial"] > 0:
            stress = frame.stress - (0.0 if fixed is None else fixed["stress"])
            virial = -frame.atoms.get_volume() * stress
        targets.append(
            Target(
                frame,
                species,
                energy,
                forces,
                virial,
                weights["energy"],
                weights["forces"],
                weights["virial"],
            )
        )
    return targets
