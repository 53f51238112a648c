# SPDX-License-Identifier: BSD-3-Clause
"""Kernels of SOAP power spectra (`soap` of docs/file-format.md)."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from tektite.fit.gap.config import SoapConfig
from tektite.fit.gap.term import VOIGT, Rows, Term
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

    def add_rows(
        self,
        features: NDArray[np.float64],
        centers: NDArray[np.intp],
        gradients: Iterable[CenterGradient],
        rows: Rows,
    ) -> None:
        """Add this term's part of the rows of one frame.

        features: (n, D) power spectra of all atoms; centers: those of this element; gradients: of
        each of these centres, in this order (not used where rows has no forces); rows: the columns
        of this term.

        Per centre with m neighbours the work is one product of (3m + 6, D) with (D, M): 43 Mflop
        for 28 neighbours, D = 252 and M = 1000.
        """
        if len(centers) == 0:
            return
        products = np.maximum(features[centers] @ self.points.T, 0.0)
        slopes = products ** (self.zeta - 1.0)
        rows.energy += np.einsum("ij,ij->j", slopes, products)
        if rows.forces is None:
            return
        assert rows.virial is not None
        slopes *= -self.zeta
        transposed = self.points.T
        for gradient, slope in zip(gradients, slopes):
            block = gradient.rows @ transposed
            block *= slope
            n = len(gradient.atoms)
            rows.forces[gradient.atoms] += block[: 3 * n].reshape(n, 3, -1)
            rows.virial += block[3 * n :]


class CenterGradient:
    """Gradient of one centre's power spectrum.

    Attributes
    ----------
    atoms : (k,)
        Different atoms that it depends on, the centre among them.
    rows : (3 k + 6, D)
        Derivatives with respect to their positions, and to the strain in ASE's order.
    """

    def __init__(
        self,
        center: int,
        neighbors: NDArray[np.intp],
        vectors: NDArray[np.float64],
        derivatives: NDArray[np.float64],
    ):
        """Collect edges: neighbors (m,), vectors (m, 3), derivatives (m, 3, D) of p to vectors."""
        n_edges, _, n_features = derivatives.shape
        self.atoms, place = np.unique(np.append(neighbors, center), return_inverse=True)
        k = len(self.atoms)
        self.rows = np.zeros((3 * k + 6, n_features))
        by_atom = self.rows[: 3 * k].reshape(k, 3, n_features)
        if k == n_edges + 1:
            by_atom[place[:-1]] = derivatives
        else:  # images of one atom, or of the centre
            np.add.at(by_atom, place[:-1], derivatives)
        by_atom[place[-1]] -= derivatives.sum(axis=0)
        # The derivative with respect to strain_ab is Σ over edges of vector_a d/dvector_b, made
        # symmetric; it is so already for the invariant p.
        strain = np.tensordot(vectors, derivatives, axes=(0, 0))
        for row, (alpha, beta) in zip(self.rows[3 * k :], VOIGT):
            row[:] = strain[alpha, beta]


class SoapSource:
    """Power spectra of frames, and their gradients, from the engine; for any number of threads."""

    # Centres whose gradients are held at once: 20 MB for 30 neighbours and 252 features.
    _CHUNK = 32

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
        return self._local.soap

    def features(self, atoms: Atoms) -> NDArray[np.float64]:
        """Power spectra of all atoms, (n, D)."""
        return self._soap().features(atoms)

    def gradients(self, atoms: Atoms, centers: NDArray[np.intp]) -> Iterator[CenterGradient]:
        """Gradients of the power spectra of some atoms, one after the other."""
        for begin in range(0, len(centers), self._CHUNK):
            chunk = centers[begin : begin + self._CHUNK]
            edges = self._soap().edge_gradients(atoms, chunk)
            for center in chunk:
                part = slice(edges.first[center], edges.first[center + 1])
                yield CenterGradient(
                    int(center), edges.neighbors[part], edges.vectors[part], edges.gradients[part]
                )


def make_soap_terms(
    config: SoapConfig,
    symbols: Sequence[str],
    features: Sequence[NDArray[np.float64]],
    seed: int,
) -> list[SoapTerm]:
    """Terms, one for each element, with sparse points chosen; zeta is the first of the list.

    features: for each element, (N, D), the power spectra of all its atoms in the data; none where
    N = 0.

    Raises
    ------
    ValueError
        n_sparse is a mapping that lacks an element, or has one that the data have not; names it.
    """
    if isinstance(config.n_sparse, dict):
        for symbol in {*symbols} ^ {*config.n_sparse}:
            verb = "lacks" if symbol in symbols else "has"
            raise ValueError(
                f"soap.n_sparse {verb} {symbol}; the elements are {', '.join(symbols)}"
            )
    terms = []
    for element, x in enumerate(features):
        n = config.n_sparse
        if isinstance(n, dict):
            n = n[symbols[element]]
        if len(x) == 0:
            continue
        rng = np.random.default_rng([seed, element])
        if config.sparse_method == "cur":
            chosen = selection.choose_cur(x, n, rng)
        elif config.sparse_method == "farthest":
            chosen = selection.choose_farthest(x, n)
        else:
            chosen = selection.choose_random(x, n, rng)
        terms.append(SoapTerm(config, element, x[chosen], config.zetas[0]))
    return terms


def with_zeta(terms: Sequence[Term], zeta: float) -> list[Term]:
    """The same terms with another zeta in those of SOAP."""
    return [
        SoapTerm(t.config, t.element, t.points, zeta) if isinstance(t, SoapTerm) else t
        for t in terms
    ]
