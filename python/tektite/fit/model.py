# SPDX-License-Identifier: BSD-3-Clause
"""The linear model: its functions, their expected sizes, and rows of the design matrix."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tektite import _core
from tektite.fit.config import BasisConfig, PriorConfig
from tektite.fit.dataset import Target
from tektite.fit.least_squares import triangular_factor


def block_limit(n_functions: int) -> int:
    """Rows of the design matrix that are worked on at once, if a frame has not more."""
    return max(2 * n_functions, 1000)


class LinearAce:
    """All independent ACE functions within limits, for given bonds.

    Attributes
    ----------
    basis : AceBasis
        Its functions, numbered 0 .. K over all centre elements.
    descriptor : AceDescriptor
        Computes them.
    bonds : list of dict
        One for each ordered pair of elements.
    config : BasisConfig
        The limits that the functions were made from.
    """

    def __init__(self, config: BasisConfig, elements: Sequence[str], bonds: list[dict[str, Any]]):
        self.elements = list(elements)
        self.bonds = bonds
        self.basis = _core.AceBasis(
            len(elements), config.n_max, config.l_max, config.max_degree or [], config.l_weight
        )
        self.descriptor = _core.AceDescriptor(bonds, self.basis)
        self.config = config

    @property
    def limits(self) -> dict[str, Any]:
        """Limits of the basis, from which it can be made again."""
        names = ("n_max", "l_max", "max_degree", "l_weight")
        return {name: getattr(self.config, name) for name in names}

    @property
    def n_functions(self) -> int:
        """Number of functions over all centre elements."""
        return self.basis.n_functions

    def density_scale(self, targets: Sequence[Target], n_atoms: int = 1000) -> float:
        """Root mean square of A_nlm over n, l, m and about `n_atoms` atoms of the targets."""
        n_max = max(self.config.n_max[1:], default=0)
        if n_max == 0:
            return 1.0
        pairs = _core.AceBasis(len(self.elements), [0, n_max], [0, max(self.config.l_max)])
        descriptor = _core.AceDescriptor(self.bonds, pairs)
        factors = pairs.describe()
        n, angular, species = (factors[key].reshape(-1, 2) for key in ("n", "l", "species"))
        # For a factor with itself, B = (-1)^l sum_m |A_nlm|^2 / sqrt(2 l + 1).
        square = (n[:, 0] == n[:, 1]) & (species[:, 0] == species[:, 1])
        per_m = 1.0 / np.sqrt(2.0 * angular[square, 0] + 1.0)
        total, atoms = 0.0, 0
        step = max(1, sum(len(t.species) for t in targets) // n_atoms)
        for target in targets[::step] if step < len(targets) else targets[:1]:
            f = target.frame
            values = descriptor.values(f.positions, target.species, f.cell, f.pbc)
            centers = factors["center"][square]
            mine = target.species[:, None] == centers[None, :]
            per_atom = (np.abs(values[:, square]) * per_m * mine).sum(axis=1) / mine.sum(axis=1)
            total += float(per_atom.sum())
            atoms += len(target.species)
        return float(np.sqrt(total / atoms)) if total > 0 else 1.0

    def expected_sizes(self, prior: PriorConfig, density: float) -> NDArray[np.float64]:
        """Expected size of each coefficient up to a common factor, (K,): see `PriorConfig`."""
        factors = self.basis.describe()
        degrees = np.add.reduceat(
            factors["n"] + prior.l_weight * factors["l"], factors["first_factor"][:-1]
        )
        return density ** -factors["rank"].astype(float) * (1.0 + degrees) ** -prior.exponent

    def factors(
        self, targets: Sequence[Target], threads: int, free: NDArray[np.float64]
    ) -> Iterator[tuple[int, NDArray[np.float64]]]:
        """Triangular factors of the weighted rows of the design matrix, block by block of targets.

        Columns: n_free + K + 1, the last being the right-hand side. free: (n_elements, n_free),
        combinations of the numbers of atoms of each element that are columns of their own, the
        first. Blocks, and their order, do not depend on the number of threads, each of which holds
        the rows of one block: those of one target or about 2 K.

        Yields (number of rows, factor).
        """
        blocks: list[list[Target]] = []
        limit = block_limit(self.n_functions)
        for target in targets:
            if not blocks or sum(t.n_rows for t in blocks[-1]) + target.n_rows > limit:
                blocks.append([])
            blocks[-1].append(target)
        with ThreadPoolExecutor(threads) as pool:
            waiting: deque[Future] = deque()
            for block in blocks:
                waiting.append(pool.submit(self._factor, block, free))
                if len(waiting) > threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()

    def _factor(
        self, block: list[Target], free: NDArray[np.float64]
    ) -> tuple[int, NDArray[np.float64]]:
        n_rows, n_free = sum(t.n_rows for t in block), free.shape[1]
        rows = np.zeros((n_rows, n_free + self.n_functions + 1), order="F")
        begin = 0
        for target in block:
            place = rows[begin : begin + target.n_rows]
            self._fill(target, place[:, n_free:-1], place[:, -1])
            if target.energy is not None:
                counts = np.bincount(target.species, minlength=len(self.elements))
                place[0, :n_free] = target.weight_energy * (counts @ free)
            begin += target.n_rows
        return n_rows, triangular_factor(rows)

    def _fill(self, target: Target, rows: NDArray[np.float64], values: NDArray[np.float64]) -> None:
        """Weighted rows of one target, (n_rows, K): energy, forces, virial, what it has of them."""
        frame = target.frame
        derivatives = target.forces is not None or target.virial is not None
        energies, forces, virials = self.descriptor.design(
            frame.positions, target.species, frame.cell, frame.pbc, derivatives
        )
        begin = 0
        if target.energy is not None:
            rows[0] = target.weight_energy * energies
            values[0] = target.weight_energy * target.energy
            begin = 1
        if target.forces is not None:
            place = slice(begin, begin + target.forces.size)
            np.multiply(forces.T, target.weight_forces, out=rows[place])
            values[place] = target.weight_forces * target.forces.ravel()
            begin = place.stop
        if target.virial is not None:
            np.multiply(virials.T, target.weight_virial, out=rows[begin:])
            values[begin:] = target.weight_virial * target.virial
