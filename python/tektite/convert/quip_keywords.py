# SPDX-License-Identifier: BSD-3-Clause
"""Keywords of the descriptors in QUIP's GAP files: which are known, and which mean nothing here."""

from __future__ import annotations

import re

import numpy as np
from ase.data import chemical_symbols

from tektite.errors import ModelFileError, UnsupportedError

# Keywords of a descriptor that only the fit used.
_OF_THE_FIT = {
    "delta", "energy_scale", "f0", "n_sparse", "config_type_n_sparse", "sparse_method",
    "lengthscale_factor", "theta_fac", "lengthscale_uniform", "theta_uniform", "lengthscale_file",
    "theta_file", "theta", "sparse_file", "mark_sparse_atoms", "add_species", "covariance_type",
    "zeta", "print_sparse_index", "unique_hash_tolerance", "unique_descriptor_tolerance",
    "prefactor", "xml_version",
}  # fmt: skip

# Keywords with one meaning that is supported: the default and other ways to write it.
_FIXED = {
    "distance_2b": {
        "resid_name": "", "only_intra": "F", "only_inter": "F", "n_exponents": "1",
        "exponents": "1", "tail_exponent": "0", "tail_range": "1.0",
    },
    "angle_3b": {},
    "soap": {
        "cutoff_dexp": "0", "cutoff_scale": "1.0", "cutoff_rate": "1.0", "average": "F",
        "diagonal_radial": "F", "covariance_sigma0": "0.0", "normalise": "T", "n_Z": "1",
        "basis_error_exponent": "10.0", "nu_R": "2", "nu_S": "2", "Z_mix": "F", "R_mix": "F",
        "sym_mix": "F", "coupling": "T", "K": "0", "mix_shift": "0", "Z_map": "",
        "radial_basis": "EQUISPACED_GAUSS",
    },
    "soap_turbo": {"scaling_mode": "polynomial", "compress_file": "None"},
}  # fmt: skip

_READ = {
    "distance_2b": {"cutoff", "cutoff_transition_width", "Z1", "Z2"},
    "angle_3b": {"cutoff", "cutoff_transition_width", "Z", "Z_center", "Z1", "Z2"},
    "soap": {
        "cutoff", "cutoff_transition_width", "l_max", "n_max", "atom_sigma", "atom_gaussian_width",
        "central_weight", "central_reference_all_species", "n_species", "species_Z", "Z",
    },
    "soap_turbo": {
        "cutoff", "cutoff_transition_width", "rcut_hard", "rcut_soft", "l_max", "n_species", "nf",
        "radial_enhancement", "basis", "compress_mode", "central_index", "alpha_max", "n_max",
        "atom_sigma", "atom_sigma_r", "atom_sigma_t", "atom_sigma_scaling", "atom_sigma_r_scaling",
        "atom_sigma_t_scaling", "amplitude_scaling", "central_weight", "species_Z",
    },
}  # fmt: skip


def same_value(given: str, wanted: str) -> bool:
    """Whether two texts mean the same word, number or truth value."""
    if given.strip().upper() == wanted.upper():
        return True
    try:
        return float(given) == float(wanted)
    except ValueError:
        truths = {"T": "T", "TRUE": "T", ".TRUE.": "T", "F": "F", "FALSE": "F", ".FALSE.": "F"}
        return truths.get(given.strip().upper(), given) == truths.get(wanted.upper(), wanted)


class Keywords:
    """Keywords of one descriptor, checked: what is not supported is refused by name.

    place: for messages.

    Raises
    ------
    UnsupportedError
        A descriptor or keyword that is not known, or a value that is not supported.
    ModelFileError
        (also from the methods) A value is missing or malformed.
    """

    def __init__(self, text: str, place: str):
        self.place = f"{place} ('{text.split()[0] if text.split() else ''}')"
        self.kind = text.split()[0] if text.split() else ""
        if self.kind not in _READ:
            raise UnsupportedError(
                f"{place}: the descriptor '{self.kind}' is not supported; supported are "
                f"{', '.join(_READ)}"
            )
        rest = text.strip()[len(self.kind) :]
        self.values: dict[str, str] = {}
        for name, value in re.findall(r"([^\s=]+)\s*=\s*(\{[^}]*\}|\S+)", rest):
            self.values[name] = value.strip("{}").strip()
        fixed = _FIXED[self.kind]
        for name, value in self.values.items():
            if name in fixed:
                if not same_value(value, fixed[name]):
                    raise UnsupportedError(
                        f"{self.place}: {name}={value} is not supported, only '{fixed[name]}'"
                    )
            elif name not in _READ[self.kind] | _OF_THE_FIT:
                raise UnsupportedError(f"{self.place}: the keyword '{name}' is not known")

    def text(self, *names: str, default: str | None = None) -> str:
        """Value of the first of these names that occurs."""
        for name in names:
            if name in self.values:
                return self.values[name]
        if default is None:
            raise ModelFileError(f"{self.place}: the keyword '{names[0]}' is missing")
        return default

    def number(self, *names: str, default: str | None = None) -> float:
        """The same as a number."""
        return self._parse(self.text(*names, default=default), names[0])

    def _parse(self, text: str, name: str) -> float:
        try:
            value = float(re.sub("[dD]", "e", text))
        except ValueError:
            value = np.nan
        if not np.isfinite(value):
            raise ModelFileError(f"{self.place}: {name}={text} is not a number")
        return value

    def integer(self, *names: str, default: str | None = None) -> int:
        """The same as an integer."""
        value = self.number(*names, default=default)
        if value != int(value):
            raise ModelFileError(f"{self.place}: {names[0]}={value} is not an integer")
        return int(value)

    def numbers(self, n: int, *names: str, default: str | None = None) -> list[float]:
        """The same as n numbers, of which one may stand for all."""
        words = self.text(*names, default=default).split()
        found = [self._parse(word, names[0]) for word in words]
        if len(found) not in (1, n):
            raise ModelFileError(f"{self.place}: {names[0]} needs {n} values, not {len(found)}")
        return found * n if len(found) == 1 else found

    def atomic_number(self, *names: str, default: str | None = None) -> int:
        """The same as an atomic number; 0, any element, is refused."""
        value = self.integer(*names, default=default)
        if value == 0:
            raise UnsupportedError(
                f"{self.place}: {names[0]}=0 (any element) is not supported; gap_fit's add_species "
                "writes one descriptor for each"
            )
        if not 0 < value < len(chemical_symbols):
            raise ModelFileError(f"{self.place}: {names[0]}={value} is not an atomic number")
        return value
