# SPDX-License-Identifier: BSD-3-Clause
"""A model file to go on from: fine-tuning, and adding of elements."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tektite import _core, modelfile
from tektite.data import Frame
from tektite.errors import DataError
from tektite.fit.config import BasisConfig, FitConfig
from tektite.fit.dataset import Distances, energies_of_atoms_apart, find_elements
from tektite.fit.export import Contents
from tektite.fit.trainable import TrainableAce

Array = NDArray[np.float64]

_LIMITS = ("n_max", "l_max", "max_degree", "l_weight")


class Start:
    """An ACE model, with or without a baseline, as trained by Tektite.

    Parameters
    ----------
    path : Path
        A ``.mlip`` file of family ``ace``, or a sum of that and ``pair``.

    Attributes
    ----------
    elements : list of str
        Of the file; further ones are appended, so that numbers of species stay what they are.
    energies : dict
        Of isolated atoms, eV, by element.
    limits : dict
        Limits of the basis.

    Raises
    ------
    FileNotFoundError, ModelFileError
        See `tektite.modelfile.read`.
    DataError
        Not such a model.
    """

    def __init__(self, path: Path):
        self.path = path
        contents = modelfile.read(path)
        metadata, arrays = contents.metadata, contents.arrays
        self.baseline: Contents | None = None
        self._minimum = np.array(metadata.get("minimum_distances", []), dtype=np.float64)
        if metadata["family"] == "sum":
            children = metadata["children"]
            families = [child["family"] for child in children]
            if families != ["ace", "pair"]:
                raise DataError(
                    f"{path}: training goes on from 'ace', or a sum of 'ace' and 'pair', not from "
                    f"a sum of {' and '.join(families)}"
                )
            self.baseline = (children[1], _part(arrays, "1."))
            ace: Contents = (children[0], _part(arrays, "0."))
            ace[0]["isolated_energies"] = metadata["isolated_energies"]
        else:
            ace = (metadata, arrays)
        try:
            self.model = TrainableAce.from_contents(*ace)
        except DataError as error:
            raise DataError(f"{path}: {error}") from None
        self.elements = list(self.model.elements)
        self.energies = dict(zip(self.elements, ace[0]["isolated_energies"]))
        self.limits = {key: ace[0]["basis"][key] for key in _LIMITS}
        embeddings = ace[0]["embeddings"]
        self.prefactors = np.array([e["prefactors"] for e in embeddings])
        self.exponents = np.array([e["exponents"] for e in embeddings])
        # from_contents takes radial coefficients from the bonds, which hold them as in the file.
        self._bonds = self.model.bonds

    def check(self, config: FitConfig) -> None:
        """Check that a configuration does not contradict the file.

        Raises
        ------
        ValueError
            Names the key that does.
        """
        for key in set(_LIMITS) & config.basis.model_fields_set:
            if getattr(config.basis, key) != self.limits[key]:
                raise ValueError(
                    f"'basis.{key}' is {getattr(config.basis, key)}, but that of training.start, "
                    f"{self.path}, is {self.limits[key]}: leave it out"
                )
        assert config.training is not None
        given = {"kind", "exponents", "prefactors"} & config.training.embedding.model_fields_set
        for key in sorted(given):
            raise ValueError(f"'training.embedding.{key}' is that of training.start: leave it out")
        if config.elements is not None:
            raise ValueError("'elements' are those of training.start and of the data: leave it out")

    def basis(self, config: BasisConfig) -> BasisConfig:
        """Limits of the file, with the cutoff of the configuration, for pairs that are new."""
        return config.model_copy(update=self.limits)

    def all_elements(self, frames: Sequence[Frame]) -> list[str]:
        """Elements of the file, then those that only the frames have, alphabetically."""
        found = set(find_elements(frames, None))
        return self.elements + sorted(found - set(self.elements))

    def cutoffs(self, cutoffs: Array) -> Array:
        """Cutoffs of all pairs, (n_elements, n_elements), with those of the file."""
        result, n = np.array(cutoffs), len(self.elements)
        result[:n, :n] = np.array([bond["cutoff"] for bond in self._bonds]).reshape(n, n)
        return result

    def isolated_energies(
        self,
        frames: Sequence[Frame],
        isolated: Sequence[bool],
        elements: Sequence[str],
        wanted: Mapping[str, float] | str | None,
    ) -> tuple[Array, str]:
        """Energies of isolated atoms (n_elements,), eV: of the file, else as given, else of frames.

        Raises
        ------
        DataError
            An element that the file lacks has none.
        """
        known = dict(wanted) if isinstance(wanted, Mapping) else {}
        known |= self.energies
        apart = [f for f, alone in zip(frames, isolated) if alone and f.energy is not None]
        found, determined = energies_of_atoms_apart(apart, elements)
        for symbol, energy, certain in zip(elements, found, determined):
            if symbol not in known and not certain:
                raise DataError(
                    f"{symbol} is added to {self.path.name}: give its energy in isolated_energies, "
                    "or a frame of an atom without neighbours"
                )
            known.setdefault(symbol, float(energy))
        return np.array([known[s] for s in elements]), f"of {self.path.name}"

    def bonds(self, bonds: Sequence[Mapping[str, Any]], n_elements: int) -> list[dict[str, Any]]:
        """Bonds of all pairs with those of the file where it has them."""
        n = len(self.elements)
        result = [dict(bond) for bond in bonds]
        for a in range(n):
            for b in range(n):
                result[a * n_elements + b] = dict(self._bonds[a * n + b])
        return result

    def baseline_with(self, made: Contents | None, elements: Sequence[str]) -> Contents | None:
        """Baseline of the file, extended to further elements by one made for all.

        Raises
        ------
        ValueError
            The file has a baseline that cannot be extended.
        """
        n = len(self.elements)
        if self.baseline is None or len(elements) == n:
            return self.baseline
        metadata, arrays = self.baseline
        if made is None or metadata["kind"] != "zbl" or made[0]["kind"] != "zbl":
            raise ValueError(
                "'baseline': elements are only added to a model whose baseline is zbl, and with zbl"
            )
        extended = {name: np.array(values) for name, values in made[1].items()}
        for name in ("zbl.inner", "zbl.outer"):
            extended[name][:n, :n] = arrays[name]
        return dict(made[0], cutoff=float(extended["zbl.outer"].max())), extended

    def distances(self, measured: Distances) -> Distances:
        """Smallest distances of the data of the file and of new data together."""
        minimum = measured.minimum.copy()
        n = len(self.elements)
        if self._minimum.shape == (n, n):
            old = self._minimum
            new = minimum[:n, :n]
            both = np.where((new > 0) & (old > 0), np.minimum(new, old), np.maximum(new, old))
            minimum[:n, :n] = both
        return dataclasses.replace(measured, minimum=minimum)

    def extended(self, values: Array, n_elements: int) -> Array:
        """Prefactors or exponents (n_elements, n_density); new elements get those of the first."""
        extra = np.repeat(values[:1], n_elements - len(values), axis=0)
        return np.concatenate([values, extra])

    def coefficients(self, basis: _core.AceBasis) -> tuple[Array, NDArray[np.bool_]]:
        """Coefficients (n_functions, n_density) for a basis, and which functions the file has.

        Those that it lacks are zero.

        Raises
        ------
        DataError
            The file has a function that the basis lacks.
        """
        places = {name: k for k, name in enumerate(_names(basis))}
        old = self.model.coefficients
        result = np.zeros((basis.n_functions, old.shape[1]))
        known = np.zeros(basis.n_functions, dtype=bool)
        for name, values in zip(_names(self.model.basis), old):
            if name not in places:
                raise DataError(f"{self.path}: a function of the model is not in the basis")
            result[places[name]], known[places[name]] = values, True
        return result, known


def _part(arrays: Mapping[str, NDArray], prefix: str) -> dict[str, NDArray]:
    return {
        name[len(prefix) :]: values for name, values in arrays.items() if name.startswith(prefix)
    }


def _names(basis: _core.AceBasis) -> list[tuple]:
    """What tells each function from the others: centre, factors, number within its product."""
    described = basis.describe()
    first = described["first_factor"]
    names: list[tuple] = []
    counts: dict[tuple, int] = {}
    for k, center in enumerate(described["center"]):
        place = slice(int(first[k]), int(first[k + 1]))
        factors = (described[key][place].tolist() for key in ("species", "n", "l"))
        name = (int(center), *zip(*factors))
        counts[name] = counts.get(name, -1) + 1
        names.append((*name, counts[name]))
    return names
