# SPDX-License-Identifier: BSD-3-Clause
"""Kernels of SOAP power spectra (`soap` of docs/file-format.md)."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from tektite.fit.gap.config import SoapConfig
from tektite.fit.gap.term import Rows, Term
from tektite.similarity import selection
from tektite.soap import SOAP


class SoapTerm(Term):
    """Σ_s weight_s (p_i · p_s)^zeta for centres of one element.

    Attributes
    ----------
    element : int
        Index of the centres' element.
    points : (M, D)
        Normalised power spectra p_s.
    zeta : float
    """

    def __init__(self, config: SoapConfig, element: int, points: NDArray[np.float64], zeta: float):
        super().__init__("soap", len(points))
        self.config = config
        self.element = element
        self.points = np.ascontiguousarray(points)
        self.zeta = zeta

    @property
    def sparse_points(self) -> NDArray[np.float64]:
        """As in the model file, (M, D)."""
        return self.points

    def prior_covariance(self) -> NDArray[np.float64]:
        """Covariance of the energies of the sparse points, in units of delta²."""
        # A product of normalised vectors may exceed 1, and one with no neighbour be 0, by rounding.
        return np.maximum(self.points @ self.points.T, 0.0) ** self.zeta

    def metadata(self, symbols: Sequence[str]) -> dict[str, Any]:
        """As in the model file, without delta."""
        c = self.config
        return {
            "kind": "soap",
            "centers": [symbols[self.element]],
            "channels": [[symbol] for symbol in symbols],
            "cutoff": c.cutoff,
            "cutoff_transition_width": c.cutoff_transition_width,
            "radial_basis": c.radial_basis,
            "n_max": c.n_max,
            "l_max": c.l_max,
            "sigma": c.sigma,
            "central_weight": c.central_weight,
            "zeta": self.zeta,
        }


class SoapSource:
    """Power spectra of frames, and rows of terms, from the engine; for any number of threads."""

    def __init__(self, config: SoapConfig, symbols: Sequence[str]):
        self._make = partial(
            SOAP,
            symbols,
            config.cutoff,
            config.n_max,
            config.l_max,
            config.sigma,
            cutoff_transition_width=config.cutoff_transition_width,
            central_weight=config.central_weight,
            radial_basis=config.radial_basis,
        )
        self._local = threading.local()
        self.n_features = self._soap().n_features

    def _soap(self) -> SOAP:
        """The calculator of this thread."""
        if not hasattr(self._local, "soap"):
            self._local.soap = self._make(threads=1)
            self._local.points = weakref.WeakKeyDictionary()
        return self._local.soap

    def features(self, atoms: Atoms) -> NDArray[np.float64]:
        """Power spectra of all atoms, (n, D)."""
        return self._soap().features(atoms)

    def add_rows(self, term: SoapTerm, atoms: Atoms, rows: Rows) -> None:
        """Add a term's part of the rows of one frame; rows: the columns of this term.

        Per centre with m neighbours this is one product of (3m, D) with (D, M): 42 Mflop for 28
        neighbours, D = 252 and M = 1000.
        """
        soap = self._soap()
        points = self._local.points
        if term not in points:
            points[term] = soap._engine.make_covariance_rows(term.points, term.zeta)
        soap._engine.add_covariances(
            points[term],
            atoms.positions,
            soap._species(atoms, 0),
            atoms.cell.array,
            atoms.pbc,
            term.element,
            rows.energy,
            rows.forces,
            rows.virial,
        )


def make_soap_terms(
    config: SoapConfig,
    symbols: Sequence[str],
    features: Sequence[NDArray[np.float64]],
    seed: int,
    groups: Sequence[NDArray[np.str_]] | None = None,
) -> list[SoapTerm]:
    """Terms, one for each element, with sparse points chosen; zeta is the first of the list.

    features: for each element, (N, D), the power spectra of all its atoms in the data; none where
    N = 0. groups: for each element, (N,), of whose frames they are; None: all of one group.

    Raises
    ------
    ValueError
        n_sparse is a mapping that lacks an element, or has one that the data have not; names it.
        Or group_n_sparse has a group that the data have not, or more points than n_sparse.
    """
    if isinstance(config.n_sparse, dict):
        for symbol in {*symbols} ^ {*config.n_sparse}:
            verb = "lacks" if symbol in symbols else "has"
            raise ValueError(
                f"soap.n_sparse {verb} {symbol}; the elements are {', '.join(symbols)}"
            )
    if groups is None:
        groups = [np.zeros(len(x), dtype=str) for x in features]
    known = {str(name) for names in groups for name in names}
    for name in config.group_n_sparse:
        if name not in known:
            raise ValueError(
                f"soap.group_n_sparse has '{name}', but the groups of the data are "
                f"{', '.join(sorted(known))}"
            )
    terms = []
    for element, (x, names) in enumerate(zip(features, groups)):
        n = config.n_sparse
        if isinstance(n, dict):
            n = n[symbols[element]]
        if len(x) == 0:
            continue
        others = n - sum(config.group_n_sparse.values())
        if others < 0:
            raise ValueError(f"soap.group_n_sparse has more than the {n} points of n_sparse")
        single = np.isin(names, list(config.group_n_sparse))
        wanted = [(names == name, k) for name, k in config.group_n_sparse.items()]
        rng = np.random.default_rng([seed, element])
        parts = []
        for mask, number in [*wanted, (~single, others)]:
            candidates = np.flatnonzero(mask)
            if number and len(candidates):
                parts.append(candidates[_choose(config.sparse_method, x[candidates], number, rng)])
        if not parts:
            continue
        together = np.concatenate(parts)
        chosen = selection.without_copies(x, together, len(together)) if single.any() else together
        terms.append(SoapTerm(config, element, x[chosen], config.zetas[0]))
    return terms


def _choose(
    method: str, features: NDArray[np.float64], n: int, rng: np.random.Generator
) -> NDArray[np.intp]:
    if method == "farthest":
        return selection.choose_farthest(features, n)
    methods = {
        "k_means": selection.choose_k_means,
        "cur": selection.choose_cur,
        "random": selection.choose_random,
    }
    return methods[method](features, n, rng)


def with_zeta(terms: Sequence[Term], zeta: float) -> list[Term]:
    """The same terms with another zeta in those of SOAP."""
    return [
        SoapTerm(t.config, t.element, t.points, zeta) if isinstance(t, SoapTerm) else t
        for t in terms
    ]
