# SPDX-License-Identifier: BSD-3-Clause
"""Rows Σ^-½ [K_NM y] of a fit, as triangular factors of energies, forces and virials apart."""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from tektite.fit.dataset import Target
from tektite.fit.gap.pair_term import PairTerm
from tektite.fit.gap.regression import DataFactor
from tektite.fit.gap.soap_term import SoapSource, SoapTerm
from tektite.fit.gap.term import Rows, Term
from tektite.fit.gap.triplet_term import TripletTerm
from tektite.fit.least_squares import TriangularFactor, triangular_factor
from tektite.neighbors import neighbor_list

KINDS = ("energy", "forces", "virial")


@dataclasses.dataclass
class Block:
    """Rows of one kind of some frames: either the rows or, where they are many, their factor."""

    matrix: NDArray[np.float64]
    n_rows: int
    log_sigmas: float


class BlockSum:
    """Rows of one kind, collected; memory for about 4 (M + 1)² numbers at most."""

    def __init__(self, n_columns: int):
        self._factor = TriangularFactor(n_columns - 1)
        self._waiting: list[NDArray[np.float64]] = []
        self._n_columns = n_columns
        self._n_rows = 0
        self._log_sigmas = 0.0

    def add(self, block: Block) -> None:
        """Add the rows of a block."""
        self._n_rows += block.n_rows
        self._log_sigmas += block.log_sigmas
        self._waiting.append(block.matrix)
        if sum(len(m) for m in self._waiting) >= 2 * self._n_columns:
            self._flush()

    def _flush(self) -> None:
        rows = np.asfortranarray(np.concatenate(self._waiting))
        self._waiting = []
        self._factor.add(triangular_factor(rows), len(rows))

    def result(self) -> DataFactor | None:
        """Everything added, None if that is nothing."""
        if self._n_rows == 0:
            return None
        if self._factor.n_rows and self._waiting:
            self._flush()
        matrix = self._factor.matrix() if self._factor.n_rows else np.concatenate(self._waiting)
        return DataFactor(matrix, self._n_rows, self._log_sigmas)


class Design:
    """Computes rows for given terms.

    Parameters
    ----------
    terms : sequence of Term
        Their columns come in this order.
    source : SoapSource, optional
        Needed if one of the terms is a SoapTerm.
    """

    def __init__(self, terms: Sequence[Term], source: SoapSource | None):
        self.terms = list(terms)
        self.source = source
        ends = np.cumsum([t.n_points for t in terms])
        self.parts = [slice(e - t.n_points, e) for t, e in zip(terms, ends)]
        self.n_points = int(ends[-1])
        cutoffs = [t.config.cutoff for t in terms if isinstance(t, PairTerm | TripletTerm)]
        self._edge_cutoff = max(cutoffs, default=0.0)

    def rows(self, target: Target) -> Rows:
        """Covariances of one frame's energy and, where the target has any, forces and virial."""
        atoms, species = target.frame.atoms, target.species
        derivatives = target.forces is not None or target.virial is not None
        rows = Rows.zeros(len(atoms), self.n_points, derivatives)
        if self._edge_cutoff > 0:
            edges = neighbor_list("ijdD", atoms, self._edge_cutoff, threads=1)
            for term, part in zip(self.terms, self.parts):
                if isinstance(term, PairTerm | TripletTerm):
                    term.add_rows(species, edges, rows.columns(part))
        for term, part in zip(self.terms, self.parts):
            if isinstance(term, SoapTerm):
                assert self.source is not None
                self.source.add_rows(term, atoms, rows.columns(part))
        return rows

    def _blocks(self, targets: Sequence[Target]) -> dict[str, Block]:
        """Weighted rows of some targets, by kind; those of more rows than columns as a factor."""
        n_columns = self.n_points + 1
        counts = {
            "energy": sum(t.energy is not None for t in targets),
            "forces": sum(t.forces.size for t in targets if t.forces is not None),
            "virial": sum(6 for t in targets if t.virial is not None),
        }
        matrices = {k: np.empty((n, n_columns), order="F") for k, n in counts.items() if n > 0}
        begin = dict.fromkeys(KINDS, 0)
        log_sigmas = dict.fromkeys(KINDS, 0.0)
        for target in targets:
            rows = self.rows(target)
            for kind, covariances, values, weight in (
                ("energy", rows.energy[None], target.energy, target.weight_energy),
                ("forces", rows.forces, target.forces, target.weight_forces),
                ("virial", rows.virial, target.virial, target.weight_virial),
            ):
                if values is None:
                    continue
                n = np.size(values)
                place = matrices[kind][begin[kind] : begin[kind] + n]
                np.multiply(covariances.reshape(n, -1), weight, out=place[:, :-1])
                place[:, -1] = weight * np.ravel(values)
                begin[kind] += n
                log_sigmas[kind] -= n * np.log(weight)
        return {
            kind: Block(
                triangular_factor(m) if len(m) > n_columns else m, counts[kind], log_sigmas[kind]
            )
            for kind, m in matrices.items()
        }

    def accumulate(
        self, targets: Sequence[Target], threads: int
    ) -> Iterator[tuple[int, dict[str, Block]]]:
        """Blocks of rows of all targets; (number of rows, blocks by kind) each time.

        Blocks, and their order, do not depend on the number of threads, each of which holds the
        rows of one block: those of one target or about 2 M.
        """
        groups: list[list[Target]] = []
        limit = max(2 * self.n_points, 1000)
        for target in targets:
            if not groups or sum(t.n_rows for t in groups[-1]) + target.n_rows > limit:
                groups.append([])
            groups[-1].append(target)
        with ThreadPoolExecutor(threads) as pool:
            waiting: deque[tuple[int, Future]] = deque()
            for group in groups:
                n_rows = sum(t.n_rows for t in group)
                waiting.append((n_rows, pool.submit(self._blocks, group)))
                if len(waiting) > threads:
                    n_rows, future = waiting.popleft()
                    yield n_rows, future.result()
            while waiting:
                n_rows, future = waiting.popleft()
                yield n_rows, future.result()
