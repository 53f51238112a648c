# SPDX-License-Identifier: BSD-3-Clause
"""What a fit is made to: frames with energies, forces and virials less everything that is fixed."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from ase.data import atomic_numbers, chemical_symbols, covalent_radii
from numpy.typing import NDArray

from tektite.data import DataKeys, Frame, iterate_frames, pack_frames
from tektite.errors import DataError
from tektite.fit.base_config import DataConfig
from tektite.neighbors import neighbor_list
from tektite.potential import Potential

# Factors of the rows of a frame's energy, forces and virial.
WeightsOf = Callable[[Frame], tuple[float, float, float]]


@dataclasses.dataclass(slots=True)
class Target:
    """One frame as the fit sees it.

    species: (n,) indices; energy: eV less isolated atoms and baseline; forces: (n, 3) eV/angstrom
    less baseline; virial: (6,) eV, minus volume times stress in ASE's order, less baseline. None:
    not in the data or of weight zero. weight_*: factors of the rows.
    """

    frame: Frame
    species: NDArray[np.int32]
    energy: float | None
    forces: NDArray[np.float64] | None
    virial: NDArray[np.float64] | None
    weight_energy: float
    weight_forces: float
    weight_virial: float

    @property
    def n_rows(self) -> int:
        """Number of rows of the design matrix."""
        return (
            (self.energy is not None)
            + (0 if self.forces is None else self.forces.size)
            + (0 if self.virial is None else 6)
        )


def read_data(
    paths: Sequence[Path],
    config: DataConfig,
    keep: Collection[str] = (),
    advance: Callable[[], None] = lambda: None,
) -> list[Frame]:
    """Read all frames of some files, packed (`tektite.data.pack_frames`).

    keep: names of further numbers of the frames that are needed; advance: called after each frame.

    Raises
    ------
    FileNotFoundError, DataError
        As `tektite.data.iterate_frames`; or a group has no convention for its stresses.
    """
    keys = DataKeys(
        config.energy_key,
        config.forces_key,
        config.stress_key,
        config.stress_convention,
        config.group_key,
    )

    def frames() -> Iterator[Frame]:
        for path in paths:
            for frame in iterate_frames(path, keys):
                yield frame
                advance()

    return pack_frames(frames(), keep)


def find_elements(frames: Sequence[Frame], elements: Sequence[str] | None) -> list[str]:
    """Elements of a fit; all that occur in the frames must be among those given.

    Raises
    ------
    DataError
        Names the first frame with another element.
    """
    known = None if elements is None else {atomic_numbers[s] for s in elements}
    found: set[int] = set()
    for frame in frames:
        here = set(np.unique(frame.numbers).tolist())
        found |= here
        if known is not None and here - known:
            symbol = chemical_symbols[min(here - known)]
            raise DataError(f"{frame.label}: contains {symbol}, which is not in 'elements'")
    if elements is None:
        if 0 in found:
            first = next(f for f in frames if 0 in f.numbers)
            raise DataError(f"{first.label}: contains X, which is no element")
        return sorted(chemical_symbols[z] for z in found)
    for symbol in elements:
        if atomic_numbers[symbol] not in found:
            raise DataError(f"no frame of the training data contains {symbol}; 'elements' has it")
    return list(elements)


def species_of(frame: Frame, elements: Sequence[str]) -> NDArray[np.int32]:
    """Index into `elements` of each atom.

    Raises
    ------
    DataError
        Names the frame with another element.
    """
    index = np.full(len(chemical_symbols), -1, dtype=np.int32)
    index[[atomic_numbers[s] for s in elements]] = np.arange(len(elements))
    species = index[frame.numbers]
    if (species < 0).any():
        symbol = chemical_symbols[frame.numbers[np.argmin(species)]]
        raise DataError(
            f"{frame.label}: contains {symbol}, but the elements are {', '.join(elements)}"
        )
    return species


@dataclasses.dataclass
class Distances:
    """Distances between neighbours in the training data, (n_elements, n_elements) each, angstrom.

    minimum: smallest distance of the pair, 0 where the data have none within the cutoff. nearest:
    mean distance of an atom's nearest neighbour of the other element, from covalent radii where
    the data have none. isolated: for each frame, whether no atom has a neighbour. n_edges: number
    of neighbours of all atoms.
    """

    minimum: NDArray[np.float64]
    nearest: NDArray[np.float64]
    isolated: list[bool]
    n_edges: int = 0

    def minimum_or_estimate(self) -> NDArray[np.float64]:
        """`minimum`, with 0.9 times the sum of covalent radii where the data have no pair."""
        return np.where(self.minimum > 0, self.minimum, 0.9 * self.nearest)


def measure_distances(
    frames: Iterable[Frame], elements: Sequence[str], cutoffs: NDArray[np.float64]
) -> Distances:
    """Measure distances in frames (see `Distances`); cutoffs: (n_elements, n_elements), angstrom.

    Raises
    ------
    DataError
        Names the first frame in which two atoms are on the same place.
    """
    n = len(elements)
    minimum = np.full((n, n), np.inf)
    sums, counts = np.zeros((n, n)), np.zeros((n, n))
    isolated, n_edges = [], 0
    for frame in frames:
        species = species_of(frame, elements)
        i, j, d = neighbor_list("ijd", frame.atoms, float(cutoffs.max()))
        within = d < cutoffs[species[i], species[j]]
        i, j, d = i[within], j[within], d[within]
        isolated.append(len(d) == 0)
        n_edges += len(d)
        if len(d) and d.min() < 1e-3:
            pair = int(np.argmin(d))
            raise DataError(f"{frame.label}: atoms {i[pair]} and {j[pair]} are on the same place")
        for b in range(n):
            to_b = species[j] == b
            nearest = np.full(len(species), np.inf)
            np.minimum.at(nearest, i[to_b], d[to_b])
            for a in range(n):
                values = nearest[(species == a) & np.isfinite(nearest)]
                if len(values):
                    minimum[a, b] = min(minimum[a, b], values.min())
                    sums[a, b] += values.sum()
                    counts[a, b] += len(values)
    radii = np.array([covalent_radii[atomic_numbers[s]] for s in elements])
    sums, counts = sums + sums.T, counts + counts.T
    nearest = np.where(counts > 0, sums / np.maximum(counts, 1), radii[:, None] + radii[None, :])
    return Distances(np.where(np.isfinite(minimum), minimum, 0.0), nearest, isolated, n_edges)


def energies_of_atoms_apart(
    frames: Sequence[Frame], elements: Sequence[str]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Energies of isolated atoms from frames in which no atom has a neighbour, (n_elements,).

    A single atom, or several far apart, whose energy is the sum. By least squares; the second
    array tells which are determined.
    """
    counts = np.array(
        [np.bincount(species_of(f, elements), minlength=len(elements)) for f in frames]
    )
    counts = counts.reshape(-1, len(elements)).astype(np.float64)
    weight = 1.0 / np.maximum(counts.sum(axis=1, keepdims=True), 1.0)
    energies = np.array([f.energy for f in frames], dtype=np.float64)
    inverse = np.linalg.pinv(counts * weight, rcond=1e-10)
    determined = np.abs(inverse @ (counts * weight) - np.eye(len(elements))).max(axis=0) < 1e-8
    return inverse @ (energies * weight[:, 0]), determined


def isolated_energies(
    frames: Sequence[Frame],
    isolated: Sequence[bool],
    elements: Sequence[str],
    wanted: dict[str, float] | str | None,
) -> tuple[NDArray[np.float64], str]:
    """Energies of the isolated atoms, (n_elements,) eV, and how they were found.

    wanted: `isolated_energies` of the configuration.

    Raises
    ------
    DataError
        An element has no energy given, or no frame to take it from.
    """
    if isinstance(wanted, dict):
        if missing := [s for s in elements if s not in wanted]:
            raise DataError(f"isolated_energies lacks {', '.join(missing)}")
        if extra := [s for s in wanted if s not in elements]:
            raise DataError(f"isolated_energies has {', '.join(extra)}, which the data have not")
        return np.array([wanted[s] for s in elements], dtype=np.float64), "given"
    apart = [f for f, alone in zip(frames, isolated) if alone and f.energy is not None]
    found, determined = energies_of_atoms_apart(apart, elements)
    if determined.all() and wanted != "fit":
        return found, "from the data"
    if wanted == "from_data":
        raise DataError(
            "isolated_energies is from_data, but no frame of atoms without neighbours tells that "
            f"of {elements[int(np.argmin(determined))]}"
        )
    rows = [f for f in frames if f.energy is not None]
    if not rows:
        raise DataError("isolated_energies cannot be fitted: no frame has an energy")
    counts = np.array([np.bincount(species_of(f, elements), minlength=len(elements)) for f in rows])
    per_atom = 1.0 / counts.sum(axis=1)
    energies = np.array([f.energy for f in rows])
    solution, *_ = np.linalg.lstsq(counts * per_atom[:, None], energies * per_atom, rcond=1e-10)
    return solution, "fitted"


def make_targets(
    frames: Iterable[Frame],
    elements: Sequence[str],
    energies: NDArray[np.float64],
    weights_of: WeightsOf,
    baseline: Potential | None,
) -> list[Target]:
    """Subtract isolated atoms (energies: (n_elements,) eV) and baseline.

    Frames without data of a weight above zero are left out.
    """
    evaluator = None if baseline is None else baseline.make_evaluator(threads=1)
    targets = []
    for frame in frames:
        species = species_of(frame, elements)
        weights = weights_of(frame)
        fixed = None
        if evaluator is not None:
            fixed = evaluator.evaluate(frame.numbers, frame.positions, frame.cell, frame.pbc)
        energy, forces, virial = None, None, None
        if frame.energy is not None and weights[0] > 0:
            energy = frame.energy - float(energies[species].sum())
            energy -= 0.0 if fixed is None else fixed["energy"]
        if frame.forces is not None and weights[1] > 0:
            forces = frame.forces
            # Most baselines are zero at the distances of the data: then forces are held once.
            if fixed is not None and fixed["forces"].any():
                forces = forces - fixed["forces"]
        if frame.stress is not None and weights[2] > 0:
            stress = frame.stress - (0.0 if fixed is None else fixed["stress"])
            virial = -frame.atoms.get_volume() * stress
        target = Target(frame, species, energy, forces, virial, *weights)
        if target.n_rows > 0:
            targets.append(target)
    return targets
