# SPDX-License-Identifier: BSD-3-Clause
"""Neighbour lists with the conventions of :func:`ase.neighborlist.neighbor_list`."""

from __future__ import annotations

import numbers
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tektite import _core
from tektite.threads import default_threads

if TYPE_CHECKING:
    from ase import Atoms

_LETTERS = "ijdDS"


def neighbor_list(
    quantities: str,
    atoms: Atoms,
    cutoff: float | Mapping[tuple[str | int, str | int], float] | ArrayLike,
    self_interaction: bool = False,
    *,
    threads: int | None = None,
) -> NDArray | tuple[NDArray, ...]:
    """List all pairs of atoms within a cutoff, periodic images included.

    Both (i, j, S) and (j, i, -S) are listed, sorted by i; the order within an i is reproducible but
    otherwise unspecified. A pair exactly at the cutoff is left out; atoms on the same place are a
    pair of distance zero. The cell may be any, also left-handed, very skewed or much smaller than
    the cutoff, and atoms may lie outside it; S refers to the positions as they are.

    Parameters
    ----------
    quantities : str
        What to return, in this order: ``i`` and ``j`` (atom indices), ``d`` (distance, angstrom),
        ``D`` (vector ``positions[j] - positions[i] + S @ cell``, angstrom), ``S`` (number of cell
        vectors that the pair crosses; zero along free directions).
    atoms : ase.Atoms
        Positions, cell and pbc are read.
    cutoff : float, mapping or array_like, (n,)
        A distance (angstrom); or a mapping from pairs of elements (symbols or atomic numbers, in
        either order) to distances, pairs of elements that are not in it being no neighbours; or a
        radius for each atom, neighbours being those whose spheres overlap (d < r_i + r_j).
    self_interaction : bool
        Whether to list each atom as its own neighbour (i = j, S = 0) as well.
    threads : int, optional
        Default: as for the evaluation of potentials (``TEKTITE_NUM_THREADS``, ``OMP_NUM_THREADS``,
        all processors). The result does not depend on it.

    Returns
    -------
    array or tuple of arrays
        One array for each letter, or the array itself for a single letter: ``i``, ``j`` int64 (m,);
        ``d`` float64 (m,); ``D`` float64 (m, 3); ``S`` int32 (m, 3).

    Raises
    ------
    ValueError
        An unknown letter; a cutoff that is not positive and finite, names an unknown element or
        does not fit the atoms; a periodic direction without a cell vector.
    TypeError
        A cutoff of another kind.
    NotFiniteError
        A position that is not finite; names the atom.
    """
    if not quantities or any(letter not in _LETTERS for letter in quantities):
        raise ValueError(
            f"quantities must be letters out of i, j, d, D and S, such as 'ijS', not {quantities!r}"
        )
    if threads is None:
        threads = default_threads()
    largest, pair_cutoffs = _cutoffs(cutoff, atoms)
    positions = np.ascontiguousarray(atoms.positions, dtype=np.float64)
    cell = np.asarray(atoms.cell, dtype=np.float64)

    if pair_cutoffs is None:
        neighbors = _core.NeighborList()
        neighbors.build(positions, cell, atoms.pbc, largest, n_threads=threads)
        result = neighbors.edges(positions, quantities, self_interaction, n_threads=threads)
    else:
        wanted = quantities + "".join(letter for letter in "ijd" if letter not in quantities)
        neighbors = _core.NeighborList()
        # A largest cutoff of zero leaves nothing over, whatever the list holds.
        neighbors.build(positions, cell, atoms.pbc, largest or 1.0, n_threads=threads)
        arrays = neighbors.edges(positions, wanted, self_interaction, n_threads=threads)
        found = dict(zip(wanted, arrays))
        keep = found["d"] < pair_cutoffs(found["i"], found["j"])
        result = tuple(found[letter][keep] for letter in quantities)
    return result[0] if len(quantities) == 1 else result


def _cutoffs(cutoff, atoms):
    """Return the largest cutoff and, where pairs differ, a function of (i, j)."""
    if isinstance(cutoff, Mapping):
        return _element_cutoffs(cutoff, atoms.numbers)
    if isinstance(cutoff, numbers.Real) and not isinstance(cutoff, (bool, np.bool_)):
        if not (np.isfinite(cutoff) and cutoff > 0):
            raise ValueError(f"the cutoff must be positive and finite, not {cutoff}")
        return float(cutoff), None
    if isinstance(cutoff, (list, tuple, np.ndarray)):
        return _radii(cutoff, len(atoms))
    raise TypeError(
        "the cutoff must be a number, a mapping from pairs of elements to numbers, or one radius "
        f"for each atom, not {type(cutoff).__name__}"
    )


def _radii(cutoff, n_atoms):
    try:
        radii = np.asarray(cutoff, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise TypeError(f"the radii of the atoms are not all numbers: {error}") from None
    if radii.ndim == 0:
        return _cutoffs(float(radii), None)
    if radii.shape != (n_atoms,):
        raise ValueError(
            f"there must be one radius for each of the {n_atoms} atoms; the shape is {radii.shape}"
        )
    bad = ~(np.isfinite(radii) & (radii >= 0))
    if bad.any():
        atom = int(np.argmax(bad))
        raise ValueError(
            f"the radius of atom {atom} is {radii[atom]}; it must be finite and not negative"
        )
    return 2 * float(radii.max(initial=0)), lambda i, j: radii[i] + radii[j]


def _element_cutoffs(cutoff, atomic_numbers):
    given = {}
    for pair, value in cutoff.items():
        if not isinstance(pair, tuple) or len(pair) != 2:
            raise ValueError(f"the cutoffs must be given for pairs of elements, not for {pair!r}")
        if not isinstance(value, numbers.Real) or not (np.isfinite(value) and value >= 0):
            raise ValueError(f"the cutoff of {pair} is {value!r}; it must be finite, not negative")
        key = tuple(sorted(_atomic_number(element, pair) for element in pair))
        if given.setdefault(key, float(value)) != value:
            raise ValueError(f"two different cutoffs for {pair}: {given[key]} and {value}")
    elements, kinds = np.unique(np.asarray(atomic_numbers), return_inverse=True)
    table = np.array(
        [[given.get((min(a, b), max(a, b)), 0.0) for b in elements] for a in elements]
    ).reshape(len(elements), len(elements))
    return float(table.max(initial=0)), lambda i, j: table[kinds[i], kinds[j]]


def _atomic_number(element, pair):
    from ase.data import atomic_numbers, chemical_symbols

    if isinstance(element, str) and element in atomic_numbers:
        return atomic_numbers[element]
    if isinstance(element, numbers.Integral) and 0 <= element < len(chemical_symbols):
        return int(element)
    raise ValueError(
        f"unknown element {element!r} in the cutoff of {pair}: use symbols or atomic numbers"
    )
