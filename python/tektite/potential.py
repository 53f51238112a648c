# SPDX-License-Identifier: BSD-3-Clause
"""Loaded models."""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from ase.data import atomic_numbers, chemical_symbols
from numpy.typing import ArrayLike, NDArray

from tektite import _core
from tektite.errors import UnknownSpeciesError
from tektite.evaluator import Evaluator
from tektite.threads import default_threads


def _device_index(device: str) -> int | None:
    """Number of the device that "cuda" or "cuda:N" names; None: "cpu"."""
    if device == "cpu":
        return None
    match = re.fullmatch(r"cuda(?::(\d{1,3}))?", device)
    if match is None:
        raise ValueError(f"unknown device '{device}': use 'cpu', 'cuda' or 'cuda:N'")
    return int(match.group(1) or 0)


class Potential:
    """A loaded model: immutable, shareable between calculators and threads.

    Use `tektite.load`, or `from_arrays` for a model that is not in a file.
    """

    def __init__(
        self,
        model: _core.Model,
        source: str | tuple[str, dict[str, NDArray], str],
        device: str = "cpu",
        deterministic: bool = False,
    ):
        self._model = model
        self._source = source
        self.device = device
        self.deterministic = deterministic
        self.metadata: dict[str, Any] = json.loads(model.metadata)
        self._species_of_number = np.full(len(chemical_symbols), -1, dtype=np.int32)
        for index, symbol in enumerate(model.elements):
            self._species_of_number[atomic_numbers[symbol]] = index

    @classmethod
    def from_arrays(
        cls, metadata: Mapping[str, Any], arrays: Mapping[str, ArrayLike], name: str = "<arrays>"
    ) -> Potential:
        """Make a potential from what a model file would hold (docs/file-format.md).

        Parameters
        ----------
        metadata : mapping
            The metadata object of the file; the format version and the units may be left out.
        arrays : mapping
            Arrays by name; float64, float32, int64 or int32.
        name : str
            For messages.

        Raises
        ------
        ModelFileError
            An array or a key is missing or does not fit.
        UnsupportedError
            The family of models is not known.
        """
        from tektite.modelfile import complete_metadata

        text = json.dumps(complete_metadata(metadata))
        plain = {key: np.asarray(value) for key, value in arrays.items()}
        return cls(_core.Model.from_arrays(text, plain, name), (text, plain, name))

    @property
    def name(self) -> str:
        """The path of the file, or the name given."""
        return self._source if isinstance(self._source, str) else self._source[2]

    def to(self, device: str, *, deterministic: bool = False) -> Potential:
        """Return this model on the CPU or on a GPU.

        Parameters
        ----------
        device : str
            "cpu", "cuda" (the first GPU that this process sees), or "cuda:N".
        deterministic : bool
            On a GPU: whether the same input must give the same bits, which costs time. (The CPU
            always does for the same number of threads.)

        Raises
        ------
        ValueError
            Another device.
        UnsupportedError
            There is no device library, driver or card, or the model has a part that the device
            side lacks; says which.
        """
        index = _device_index(device)
        if device == self.device and (index is None or deterministic == self.deterministic):
            return self
        if index is None:
            return _restore(self._source, "cpu", False)
        if isinstance(self._source, str):
            model = _core.Model.load_on_device(self._source, index, deterministic)
        else:
            from tektite import modelfile

            text, arrays, _ = self._source
            with tempfile.TemporaryDirectory(prefix="tektite-") as folder:
                path = Path(folder) / "model.mlip"
                modelfile.write(path, json.loads(text), arrays)
                model = _core.Model.load_on_device(str(path), index, deterministic)
        return Potential(model, self._source, device, deterministic)

    @property
    def family(self) -> str:
        """Family of models, such as "ace", "pair" or "sum"."""
        return self._model.family

    @property
    def elements(self) -> list[str]:
        """Chemical symbols; their order defines the species indices."""
        return self._model.elements

    @property
    def cutoff(self) -> float:
        """Largest distance at which atoms interact, angstrom."""
        return self._model.cutoff

    @property
    def isolated_energies(self) -> dict[str, float]:
        """Energy of the isolated atom of each element, eV; contained in all energies."""
        return dict(zip(self.elements, self._model.isolated_energies))

    @property
    def minimum_distances(self) -> NDArray[np.float64]:
        """Smallest distances in the training data, (n_elements, n_elements), angstrom.

        0 where it is not known.
        """
        return self._model.minimum_distances

    @property
    def has_uncertainty(self) -> bool:
        """Whether the model gives an uncertainty for each atom."""
        return self._model.has_uncertainty

    @property
    def n_references(self) -> int:
        """Number of reference structures that came with the model."""
        return self._model.n_references

    def species(self, numbers: ArrayLike) -> NDArray[np.int32]:
        """Species indices of atomic numbers, (n,) each.

        Raises
        ------
        UnknownSpeciesError
            Names the first atom whose element the model does not know.
        """
        numbers = np.asarray(numbers, dtype=np.intp)
        in_table = (numbers >= 0) & (numbers < len(self._species_of_number))
        species = np.where(in_table, self._species_of_number[np.where(in_table, numbers, 0)], -1)
        if np.any(species < 0):
            atom = int(np.argmax(species < 0))
            number = int(numbers[atom])
            symbol = chemical_symbols[number] if in_table[atom] else f"atomic number {number}"
            raise UnknownSpeciesError(
                f"atom {atom} is {symbol}, which {self.name} does not know; it was made for "
                f"{', '.join(self.elements)}"
            )
        return species.astype(np.int32)

    def make_evaluator(
        self,
        precision: str = "double",
        threads: int | None = None,
        skin: float = 0.0,
        instruction_set: str = "automatic",
    ) -> Evaluator:
        """Make an evaluator: see `Evaluator`."""
        return Evaluator(self, precision, threads, skin, instruction_set)

    def check(self, precision: str = "double", threads: int | None = None) -> dict[str, Any]:
        """Recompute the reference structures that came with the model.

        Returns
        -------
        dict
            ``n_structures``; ``energy_error`` (largest, eV/atom); ``force_error`` (largest
            component, eV/angstrom); ``passed``; ``worst`` (name of the worst structure).
        """
        return self._model.check(precision, threads or default_threads(), "automatic")

    def __repr__(self) -> str:
        return (
            f"Potential('{self.name}', family='{self.family}', "
            f"elements=[{', '.join(self.elements)}], cutoff={self.cutoff:g}"
            f"{'' if self.device == 'cpu' else f', device={self.device!r}'})"
        )

    def __deepcopy__(self, memo: dict) -> Potential:
        return self

    def __reduce__(self) -> tuple:
        return (_restore, (self._source, self.device, self.deterministic))


def _from_text(text: str, arrays: dict[str, NDArray], name: str) -> Potential:
    return Potential(_core.Model.from_arrays(text, arrays, name), (text, arrays, name))


def _restore(
    source: str | tuple[str, dict[str, NDArray], str], device: str, deterministic: bool
) -> Potential:
    potential = load(source) if isinstance(source, str) else _from_text(*source)
    return potential.to(device, deterministic=deterministic)


def load(path: str | os.PathLike, device: str = "cpu", *, deterministic: bool = False) -> Potential:
    """Load a model from a ``.mlip`` or a ``.yace`` file.

    Parameters
    ----------
    path : str or path
        The file.
    device, deterministic
        Where it shall run: see `Potential.to`.

    Raises
    ------
    FileNotFoundError
        There is no such file, or it cannot be read.
    ModelFileError
        The file is damaged, or written by a newer Tektite.
    UnsupportedError
        The file asks for something that this version cannot do, or there is no such device.
    """
    path = Path(path).expanduser()
    potential = Potential(_core.Model.load(str(path)), str(path.absolute()))
    return potential.to(device, deterministic=deterministic)
