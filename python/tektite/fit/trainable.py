# SPDX-License-Identifier: BSD-3-Clause
"""An ACE with parameters to train: energies, forces and exact gradients of losses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import scipy.sparse
import scipy.sparse.linalg
from numpy.typing import ArrayLike, NDArray

from tektite import _core
from tektite.errors import DataError
from tektite.fit.config import BasisConfig
from tektite.fit.export import Contents
from tektite.fit.prepared_frames import PreparedFrames, Structure
from tektite.threads import default_threads

EmbeddingKind = Literal["FinnisSinclair", "FinnisSinclairShiftedScaled"]
RadialKind = Literal["fixed", "all", "pair", "bond"]

# The core density is zero in trainable models: these values only have to be valid.
_CORE_CUTOFFS = {"rho_core_cutoff": 1e5, "drho_core_cutoff": 250.0}


class TrainableAce:
    """E_i = sum_p w_p F(phi_p; m_p), phi_p = sum_k c_kp B_k; R_nl = sum_k c_nlk g_k.

    Energies are without those of isolated atoms and without repulsive baselines.

    Parameters
    ----------
    basis : BasisConfig
        Limits of the functions B_k (its cutoffs are those of the bonds).
    elements : sequence of str
        Chemical symbols; species are indices into it.
    bonds : list of dict
        One for each ordered pair of elements, as from `tektite.fit.radial.make_bonds`: g_k and the
        first c_nlk.
    prefactors, exponents : array_like, shape (n_density,) or (n_elements, n_density)
        w_p and m_p, or their first values where they are fitted. Exponents are positive.
    embedding : str
        Which F, see docs/file-format.md. Of exponent 1 it is the identity in both.
    radial : {"fixed", "all", "pair", "bond"}
        Whether the c_nlk are parameters, and for what there is one set: all bonds, each pair of
        elements, each ordered pair.
    fit_prefactors, fit_exponents : bool
        Whether they are parameters.

    Attributes
    ----------
    blocks : dict of str to slice
        Where each kind of parameter is: "coefficients/Si" ((functions of the centre, n_density) in
        row-major order), "radial/all" or "radial/Si-O" ((n_max, l_max + 1, n_base)),
        "prefactors/Si" and "exponents/Si" ((n_density,)).

    Raises
    ------
    ValueError
        Sizes do not fit, or several bonds that are to share coefficients have different sizes.
    """

    def __init__(
        self,
        basis: BasisConfig,
        elements: Sequence[str],
        bonds: Sequence[Mapping[str, Any]],
        *,
        prefactors: ArrayLike = (1.0,),
        exponents: ArrayLike = (1.0,),
        embedding: EmbeddingKind = "FinnisSinclairShiftedScaled",
        radial: RadialKind = "fixed",
        fit_prefactors: bool = False,
        fit_exponents: bool = False,
    ):
        self.elements = list(elements)
        self.bonds = [dict(bond) for bond in bonds]
        self.embedding = embedding
        self.radial = radial
        n = len(self.elements)
        self.n_density = int(np.shape(np.atleast_1d(prefactors))[-1])
        first = [
            np.array(np.broadcast_to(np.asarray(v, dtype=np.float64), (n, self.n_density)))
            for v in (prefactors, exponents)
        ]
        self._limits = {
            key: getattr(basis, key) for key in ("n_max", "l_max", "max_degree", "l_weight")
        }
        self.basis = _core.AceBasis(
            n, basis.n_max, basis.l_max, basis.max_degree or [], basis.l_weight
        )
        self._trainer = _core.AceTrainer(
            self.basis,
            self.bonds,
            embedding,
            *first,
            *_CORE_CUTOFFS.values(),
            radial == "fixed",
        )
        self.blocks: dict[str, slice] = {}
        self._parameter_of = self._name_parameters(fit_prefactors, fit_exponents)
        self._is_parameter = self._parameter_of >= 0
        self._places = self._parameter_of[self._is_parameter]
        self._n_parameters = max((b.stop for b in self.blocks.values()), default=0)

    def _name_parameters(self, fit_prefactors: bool, fit_exponents: bool) -> NDArray[np.int64]:
        """Fill `blocks`; return which parameter each number of the engine is, -1: none."""
        layout = self._trainer.layout
        target = np.full(layout["size"], -1, dtype=np.int64)

        def add(name: str, begin: int, size: int) -> None:
            if name not in self.blocks:
                stop = max((b.stop for b in self.blocks.values()), default=0)
                self.blocks[name] = slice(stop, stop + size)
            block = self.blocks[name]
            if block.stop - block.start != size:
                raise ValueError(f"bonds of different sizes cannot share '{name}'")
            target[begin : begin + size] = np.arange(block.start, block.stop)

        first = self.basis.first_function * self.n_density
        for e, symbol in enumerate(self.elements):
            add(f"coefficients/{symbol}", int(first[e]), int(first[e + 1] - first[e]))
        if self.radial != "fixed":
            for b, bond in enumerate(self.bonds):
                pair = [b // len(self.elements), b % len(self.elements)]
                if self.radial == "pair":
                    pair.sort()
                name = "-".join(self.elements[e] for e in pair)
                size = int(np.size(bond["coefficients"]))
                add(f"radial/{'all' if self.radial == 'all' else name}", layout["radial"][b], size)
        for kind, fitted in (("prefactors", fit_prefactors), ("exponents", fit_exponents)):
            for e, symbol in enumerate(self.elements if fitted else []):
                add(f"{kind}/{symbol}", layout[kind] + e * self.n_density, self.n_density)
        return target

    @property
    def n_functions(self) -> int:
        """Number of functions over all centre elements."""
        return self.basis.n_functions

    @property
    def cutoff(self) -> float:
        """The largest cutoff, Å."""
        return self._trainer.cutoff

    @property
    def n_parameters(self) -> int:
        """Number of parameters, P."""
        return self._n_parameters

    @property
    def parameters(self) -> NDArray[np.float64]:
        """All parameters, (P,), a copy; assign to change them."""
        values = np.empty(self._n_parameters)
        values[self._places] = self._trainer.parameters[self._is_parameter]
        return values

    @parameters.setter
    def parameters(self, values: ArrayLike) -> None:
        values = np.asarray(values, dtype=np.float64)
        if values.shape != (self._n_parameters,):
            raise ValueError(f"parameters must have the shape ({self._n_parameters},)")
        full = self._trainer.parameters
        full[self._is_parameter] = values[self._places]
        self._trainer.set_parameters(full)

    @property
    def coefficients(self) -> NDArray[np.float64]:
        """c_kp of all functions, (n_functions, n_density), a copy."""
        size = self.n_functions * self.n_density
        return self._trainer.parameters[:size].reshape(-1, self.n_density)

    @coefficients.setter
    def coefficients(self, values: ArrayLike) -> None:
        values = np.asarray(values, dtype=np.float64)
        if values.shape != (self.n_functions, self.n_density):
            raise ValueError(
                f"coefficients must have the shape ({self.n_functions}, {self.n_density})"
            )
        full = self._trainer.parameters
        full[: values.size] = values.ravel()
        self._trainer.set_parameters(full)

    @property
    def embeddings(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Prefactors and exponents, (n_elements, n_density) each, as they are now."""
        layout, full, shape = self._trainer.layout, self._trainer.parameters, (-1, self.n_density)
        size = len(self.elements) * self.n_density
        first, second = (
            full[begin : begin + size].reshape(shape)
            for begin in (layout["prefactors"], layout["exponents"])
        )
        return first, second

    @property
    def trained_bonds(self) -> list[dict[str, Any]]:
        """The bonds with the radial coefficients as they are now."""
        full, bonds = self._trainer.parameters, []
        for begin, bond in zip(self._trainer.layout["radial"], self.bonds):
            shape = np.shape(bond["coefficients"])
            values = full[begin : begin + int(np.prod(shape))].reshape(shape)
            bonds.append({**bond, "coefficients": values})
        return bonds

    def initialize(
        self, sizes: ArrayLike, seed: int, linear: ArrayLike | None = None, scale: float = 1e-2
    ) -> None:
        """Set the coefficients to random numbers, or those of the first density to given ones.

        sizes: (n_functions,) expected sizes, see `LinearAce.expected_sizes`; the random numbers are
        normal with `scale` times these as standard deviations. linear: (n_functions,) coefficients
        of a linear fit for density 0, which should then have exponent and prefactor 1.
        """
        sizes = np.asarray(sizes, dtype=np.float64).reshape(-1, 1)
        noise = np.random.default_rng(seed).normal(size=(self.n_functions, self.n_density))
        coefficients = scale * sizes * noise
        if linear is not None:
            coefficients[:, 0] = linear
        self.coefficients = coefficients

    def prepare(
        self, frames: Sequence[Structure], threads: int | None = None, hold: float = float("inf")
    ) -> PreparedFrames:
        """Make the neighbour lists of frames (positions, cell, pbc, species).

        positions: (n, 3) Å; cell: (3, 3) Å, rows are lattice vectors; pbc: 3 bools; species: (n,)
        indices of elements. hold: bytes of neighbour lists that are kept; the others are made anew
        whenever they are needed, with the same results.

        Raises
        ------
        ValueError
            Names the frame that makes no sense.
        """
        threads = threads or default_threads()
        return PreparedFrames(frames, len(self.elements), self.cutoff, threads, hold)

    def _indices(self, frames: PreparedFrames, indices: ArrayLike | None) -> NDArray[np.int64]:
        if indices is None:
            return np.arange(len(frames))
        chosen = np.asarray(indices, dtype=np.int64)
        for frame in chosen[(chosen < 0) | (chosen >= len(frames))]:
            raise ValueError(f"frame {frame} is not one of the {len(frames)} that were prepared")
        return chosen

    def evaluate(
        self,
        frames: PreparedFrames,
        indices: ArrayLike | None = None,
        threads: int | None = None,
        forces: bool = True,
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Energies (n,) in eV, forces (N, 3) in eV/Å and virials (n, 6) in eV of some frames.

        indices: (n,) which frames, in what order; None: all. N: number of their atoms, which follow
        each other in the order of `indices`. Virials: xx yy zz yz xz xy, minus volume times stress.
        forces: False leaves forces and virials empty. The results do not depend on `threads`.
        """
        threads = threads or default_threads()
        parts = [
            self._trainer.evaluate(part, places, threads, forces)
            for part, places, _ in frames.parts(self._indices(frames, indices))
        ]
        if len(parts) == 1:
            return parts[0]
        return tuple(np.concatenate(values) for values in zip(*parts))

    def gradient(
        self,
        frames: PreparedFrames,
        indices: ArrayLike | None,
        dL_denergies: ArrayLike | None,
        dL_dforces: ArrayLike | None,
        dL_dvirials: ArrayLike | None,
        threads: int | None = None,
    ) -> NDArray[np.float64]:
        """dL/dparameters, (P,), of a loss L of what `evaluate` returns for the same indices.

        dL_denergies: (n,); dL_dforces: (N, 3); dL_dvirials: (n, 6); None: L does not depend on it.
        The result does not depend on `threads`.
        """
        threads = threads or default_threads()
        chosen = self._indices(frames, indices)
        sizes = (len(chosen), int(frames.n_atoms[chosen].sum()), len(chosen))
        given = []
        for d, size in zip((dL_denergies, dL_dforces, dL_dvirials), sizes):
            given.append(None if d is None else np.asarray(d, dtype=np.float64))
            if d is not None and len(given[-1]) != size:
                raise ValueError(
                    f"derivatives of the loss have a wrong size: {len(given[-1])}, not {size}"
                )
        full = np.zeros(len(self._parameter_of))
        done = [0, 0, 0]
        for part, places, which in frames.parts(chosen):
            ends = [done[0] + len(which), done[1] + int(frames.n_atoms[which].sum())]
            ends.append(ends[0])
            pieces = [
                np.empty(0) if d is None else d[begin:end]
                for d, begin, end in zip(given, done, ends)
            ]
            full += self._trainer.gradient(part, places, threads, *pieces)
            done = ends
        return np.bincount(self._places, full[self._is_parameter], self._n_parameters)

    def contents(self, isolated_energies: ArrayLike) -> Contents:
        """Metadata and arrays (family "ace") of the model as it is, for `tektite.modelfile.write`.

        isolated_energies: (n_elements,) eV.
        """
        layout, full = self._trainer.layout, self._trainer.parameters
        embeddings, parts = [], []
        for e in range(len(self.elements)):
            values = {}
            for kind in ("prefactors", "exponents"):
                begin = layout[kind] + e * self.n_density
                values[kind] = full[begin : begin + self.n_density].tolist()
            embeddings.append({"kind": self.embedding, **values, **_CORE_CUTOFFS})
        for begin, bond in zip(layout["radial"], self.bonds):
            parts.append(full[begin : begin + np.size(bond["coefficients"])])
        metadata = {
            "family": "ace",
            "elements": self.elements,
            "cutoff": self.cutoff,
            "isolated_energies": [float(e) for e in np.asarray(isolated_energies)],
            "embeddings": embeddings,
            "bonds": [
                {k: v for k, v in bond.items() if k != "coefficients"} for bond in self.bonds
            ],
            "basis": self._limits,
        }
        functions = self.basis.combine(self.coefficients)
        arrays = {f"functions.{name}": values for name, values in functions.items()}
        arrays["bonds.coefficients"] = np.concatenate(parts)
        arrays["bonds.offsets"] = np.cumsum([0, *(len(p) for p in parts)], dtype=np.int64)
        return metadata, arrays

    @classmethod
    def from_contents(
        cls,
        metadata: Mapping[str, Any],
        arrays: Mapping[str, NDArray],
        basis: BasisConfig | None = None,
        **options: Any,
    ) -> TrainableAce:
        """Return the model of metadata and arrays of family "ace", to train on.

        basis: its limits where the metadata lack the key "basis". options: `radial`,
        `fit_prefactors` and `fit_exponents` of the constructor.

        Raises
        ------
        DataError
            Another family, or no such model: says why.
        """
        if metadata.get("family") != "ace":
            raise DataError(f"family '{metadata.get('family')}' cannot be trained; only 'ace'")
        if basis is None:
            if "basis" not in metadata:
                raise DataError("the model does not say the limits of its basis: give them")
            basis = BasisConfig(**metadata["basis"])
        embeddings = metadata["embeddings"]
        kinds = {e["kind"] for e in embeddings}
        densities = {len(e["prefactors"]) for e in embeddings}
        if len(kinds) > 1 or len(densities) > 1:
            raise DataError("elements with different embeddings cannot be trained")
        bonds = []
        offsets, values = arrays["bonds.offsets"], arrays["bonds.coefficients"]
        for bond, begin, end in zip(metadata["bonds"], offsets[:-1], offsets[1:]):
            shape = (bond["n_max"], bond["l_max"] + 1, bond["n_base"])
            bonds.append({**bond, "coefficients": np.reshape(values[begin:end], shape)})
        model = cls(
            basis,
            metadata["elements"],
            bonds,
            prefactors=[e["prefactors"] for e in embeddings],
            exponents=[e["exponents"] for e in embeddings],
            embedding=kinds.pop(),
            **options,
        )
        model.coefficients = model._split(arrays)
        return model

    def _split(self, arrays: Mapping[str, NDArray]) -> NDArray[np.float64]:
        """Coefficients of the functions from those of their terms in a model file."""
        expected = self.basis.combine(np.zeros((self.n_functions, self.n_density)))
        for name, values in expected.items():
            given = arrays.get(f"functions.{name}")
            same = given is not None and np.shape(given) == np.shape(values)
            if not same or (name != "coefficients" and not np.array_equal(given, values)):
                raise DataError("the functions of the model are not those of its basis")
        first, columns, values = self.basis.coupling_matrix()
        terms = np.asarray(arrays["functions.coefficients"])
        matrix = scipy.sparse.csr_matrix((values, columns, first), (self.n_functions, len(terms)))
        found = scipy.sparse.linalg.spsolve((matrix @ matrix.T).tocsc(), matrix @ terms)
        found = found.reshape(self.n_functions, self.n_density)
        if not np.allclose(matrix.T @ found, terms, rtol=1e-8, atol=1e-10 * np.abs(terms).max()):
            raise DataError("the functions of the model are not invariants of its basis")
        return found
