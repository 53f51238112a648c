# SPDX-License-Identifier: BSD-3-Clause
"""What every fit begins with, whatever the family: from frames to what is fitted to."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from rich.progress import Progress

from tektite.data import Frame
from tektite.errors import DataError
from tektite.fit.base_config import BaseFitConfig
from tektite.fit.dataset import (
    Distances,
    Target,
    WeightsOf,
    find_elements,
    isolated_energies,
    make_targets,
    measure_distances,
)
from tektite.fit.export import Contents, baseline_contents, potential_of
from tektite.potential import Potential

if TYPE_CHECKING:
    from tektite.fit.start import Start

# Total energies of the heaviest atoms, with all electrons, are a million eV.
MOST_ENERGY, MOST_FORCE = 1e7, 1e7  # eV an atom, eV/angstrom


@dataclasses.dataclass
class Preparation:
    """Data as a fit sees them.

    targets: frames in which atoms have neighbours, less isolated atoms and baseline. energies:
    (n_elements,) eV of the isolated atoms, energies_source: how they were found. baseline: contents
    of its file, or None. weights: of single frames.
    """

    elements: list[str]
    distances: Distances
    baseline: Contents | None
    energies: NDArray[np.float64]
    energies_source: str
    targets: list[Target]
    weights: WeightsOf

    @property
    def n_rows(self) -> int:
        """Number of energies, components of forces and of virials that are fitted to."""
        return sum(t.n_rows for t in self.targets)

    def baseline_potential(self) -> Potential | None:
        """Return the baseline as a potential."""
        return None if self.baseline is None else potential_of(self.baseline, "baseline")

    def more_targets(self, frames: Iterable[Frame]) -> list[Target]:
        """Other frames in the same way, those without data of a weight above zero left out."""
        return make_targets(
            frames, self.elements, self.energies, self.weights, self.baseline_potential()
        )

    def describe(self, energies: NDArray[np.float64]) -> str:
        """One line on isolated atoms, whose energies the fit may have changed."""
        shown = ", ".join(f"{s} {e:.6f}" for s, e in zip(self.elements, energies))
        return f"isolated-atom energies ({self.energies_source}), eV: {shown}"


def check_groups(frames: Iterable[Frame], key: str, names: Collection[str]) -> None:
    """Check that every group with settings of its own has a frame.

    Raises
    ------
    DataError
        Names the key, the group and those that there are.
    """
    groups = sorted({frame.group for frame in frames})
    for name in names:
        if name not in groups:
            raise DataError(
                f"{key} has '{name}', but the groups of the data are {', '.join(groups)}"
            )


def check_values(frames: Iterable[Frame]) -> None:
    """Check that frames have atoms, and numbers that can be energies and forces.

    Raises
    ------
    DataError
        Names the frame, and says what it has.
    """
    for frame in frames:
        if frame.n_atoms == 0:
            raise DataError(f"{frame.label}: has no atoms")
        if frame.energy is not None and abs(frame.energy) > MOST_ENERGY * frame.n_atoms:
            raise DataError(
                f"{frame.label}: an energy of {frame.energy:.4g} eV, for {frame.n_atoms} atoms, is "
                "more than any atom has; is it in eV?"
            )
        if frame.forces is None:
            continue
        largest = np.abs(frame.forces).max(axis=1)
        atom = int(largest.argmax())
        if largest[atom] > MOST_FORCE:
            raise DataError(
                f"{frame.label}: a force of {largest[atom]:.4g} eV/Å on atom {atom} is more than "
                "any atom feels; is it in eV/Å?"
            )


def prepare(
    config: BaseFitConfig,
    train: Sequence[Frame],
    cutoffs_of: Callable[[list[str]], NDArray[np.float64]],
    weights_of: Callable[[list[Frame], list[str]], WeightsOf],
    progress: Progress,
    start: Start | None = None,
) -> Preparation:
    """Find elements, distances, isolated atoms, baseline and weights; subtract what is fixed.

    Parameters
    ----------
    config : BaseFitConfig
        Its keys that all families have.
    train : sequence of Frame
        What is fitted to.
    cutoffs_of : callable
        Cutoffs of all pairs, (n_elements, n_elements), angstrom, from the elements.
    weights_of : callable
        Weights of single frames, from the frames in which atoms have neighbours and the elements.
    progress : rich.progress.Progress
        Shows how far everything is that takes long.
    start : Start, optional
        A model whose elements, isolated atoms and baseline are to be used.

    Raises
    ------
    DataError
        The data do not fit together or hold nothing to fit; names file and frame.
    ValueError
        The configuration makes no sense for these data; names the key.
    """
    if not train:
        raise DataError("there are no frames to fit to")
    check_values(train)
    check_groups(train, *config.group_settings)
    if start is None:
        elements = find_elements(train, config.elements)
    else:
        elements = start.all_elements(train)
    cutoffs = cutoffs_of(elements)
    distances = measure_distances(progress.track(train, description="distances"), elements, cutoffs)
    baseline = baseline_contents(config.baseline, elements, distances)
    find_energies = isolated_energies if start is None else start.isolated_energies
    energies, source = find_energies(train, distances.isolated, elements, config.isolated_energies)
    if start is not None:
        baseline = start.baseline_with(baseline, elements)
    near = [f for f, alone in zip(train, distances.isolated) if not alone]
    weights = weights_of(near, elements)
    prepared = Preparation(elements, distances, baseline, energies, source, [], weights)
    prepared.targets = prepared.more_targets(progress.track(near, description="baseline"))
    if not prepared.targets:
        raise DataError(
            "nothing to fit: no frame with neighbours has energies, forces or stresses of a "
            "weight above zero"
        )
    return prepared
