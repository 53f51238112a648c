# SPDX-License-Identifier: BSD-3-Clause
"""The smooth overlap of atomic positions: environments of atoms as vectors."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tektite import _core
from tektite.features import AtomFeatures, EdgeGradients
from tektite.threads import default_threads

__all__ = [
    "SOAP",
    "EdgeGradients",
    "SOAPTurbo",
    "TurboSpecies",
    "element_mixing",
    "nu_mixing",
    "random_mixing",
]


def _channel_of_elements(elements: list[str], channels: Sequence[Sequence[str]]) -> list[int]:
    """Number of each element's channel, -1 where it has none.

    Raises
    ------
    ValueError
        A channel is empty, or names an element that is unknown or has a channel already.
    """
    channel = [-1] * len(elements)
    for c, members in enumerate(channels):
        for symbol in members:
            if symbol not in elements:
                raise ValueError(f"channels: '{symbol}' is not among the elements")
            if channel[elements.index(symbol)] >= 0:
                raise ValueError(f"channels: '{symbol}' occurs twice")
            channel[elements.index(symbol)] = c
        if not members:
            raise ValueError("channels: a channel has no elements")
    return channel


class SOAP(AtomFeatures):
    """The SOAP power spectrum of every atom.

    There are K (K + 1)/2 (l_max + 1) features with K = n_max n_channels. Formulas and the order of
    the features: the page "SOAP" of the documentation. With the default
    radial basis the features are those of QUIP (quippy's ``soap``, without its last component).

    Parameters
    ----------
    elements : sequence of str
        Chemical symbols; all atoms must be of these.
    cutoff : float
        Angstrom.
    n_max, l_max : int
        Number of radial functions; highest degree of the spherical harmonics (at most 15).
    sigma : float
        Width of the Gaussians that smear the atoms, angstrom.
    cutoff_transition_width : float
        Over which neighbours fade out before the cutoff, angstrom; 0: not at all.
    central_weight : float
        Weight of the central atom's own Gaussian.
    central_all_channels : bool
        Whether the central atom counts in the density of every channel.
    radial_basis : str
        "equispaced_gaussian" (QUIP's) or "gto" (dscribe's).
    basis_error_exponent : float
        Of "equispaced_gaussian".
    channels : sequence of sequences of str, optional
        Elements that share a density; default: one density for each element. Neighbours of an
        element in no channel are not seen.
    normalise : bool
        Whether features are divided by their length.
    mixing : array_like, (n_mixed, n_channels n_max), optional
        Linear combinations of the radial functions of all channels, of which the power spectrum is
        taken instead: fewer features (see `element_mixing` and `random_mixing`).
    mixing_left : int, optional
        Take only products of one of the first `mixing_left` combinations with one of the others
        (see `nu_mixing`).
    precision : str
        "double" or "mixed" (float32 inside).
    threads : int, optional
        Default: see `tektite.threads.default_threads`.
    instruction_set : str
        "automatic", "baseline", "avx2" or "avx512".

    Raises
    ------
    ValueError
        A parameter has no meaning; the message names it.
    UnsupportedError
        The processor lacks the instruction set.
    """

    def __init__(
        self,
        elements: Sequence[str],
        cutoff: float,
        n_max: int = 8,
        l_max: int = 6,
        sigma: float = 0.5,
        *,
        cutoff_transition_width: float = 0.5,
        central_weight: float = 1.0,
        central_all_channels: bool = False,
        radial_basis: str = "equispaced_gaussian",
        basis_error_exponent: float = 10.0,
        channels: Sequence[Sequence[str]] | None = None,
        normalise: bool = True,
        mixing: ArrayLike | None = None,
        mixing_left: int | None = None,
        precision: str = "double",
        threads: int | None = None,
        instruction_set: str = "automatic",
    ):
        super().__init__(elements)
        self.channels = (
            [[e] for e in self.elements] if channels is None else [list(c) for c in channels]
        )
        channel = _channel_of_elements(self.elements, self.channels)
        self.cutoff = float(cutoff)
        self.n_max = int(n_max)
        self.l_max = int(l_max)
        self.parameters = {
            "radial_basis": radial_basis,
            "n_max": self.n_max,
            "l_max": self.l_max,
            "cutoff": self.cutoff,
            "cutoff_transition_width": float(cutoff_transition_width),
            "sigma": float(sigma),
            "basis_error_exponent": float(basis_error_exponent),
            "central_weight": float(central_weight),
            "central_all_channels": bool(central_all_channels),
            "normalise": bool(normalise),
        }
        self.mixing = None if mixing is None else np.array(mixing, dtype=np.float64)
        self.mixing_left = mixing_left
        if mixing_left is not None and (mixing is None or mixing_left < 1):
            raise ValueError("mixing_left must be positive and comes with a mixing matrix")
        self._engine = _core.soap_calculator(
            {
                **self.parameters,
                "kind": "soap",
                "mixing": self.mixing,
                "mixing_left": self.mixing_left or 0,
                "channel": channel,
            },
            precision,
            default_threads() if threads is None else int(threads),
            instruction_set,
        )

    def __repr__(self) -> str:
        return (
            f"SOAP([{', '.join(self.elements)}], cutoff={self.cutoff:g}, n_max={self.n_max}, "
            f"l_max={self.l_max}): {self.n_features} features"
        )

    def model_contents(self) -> tuple[dict[str, Any], dict[str, NDArray]]:
        """See `AtomFeatures.model_contents`."""
        arrays = {} if self.mixing is None else {"descriptor.mixing": self.mixing}
        described = {"kind": "soap", **self.parameters, "channels": self.channels}
        if self.mixing_left is not None:
            described["mixing_left"] = self.mixing_left
        return described, arrays


@dataclasses.dataclass
class TurboSpecies:
    """Neighbours of one species in `SOAPTurbo`; the names are those of docs/soap.md.

    Lengths in angstrom. basis: "poly3" or "poly3gauss". quip_damping: leave out of the damped
    density what quippy leaves out.
    """

    elements: Sequence[str]
    alpha_max: int
    cutoff_soft: float
    cutoff_hard: float
    sigma_r: float
    sigma_t: float
    sigma_r_scaling: float = 0.0
    sigma_t_scaling: float = 0.0
    amplitude_scaling: float = 1.0
    radial_enhancement: int = 0
    central_weight: float = 1.0
    basis: str = "poly3gauss"
    filter: float = 4.0
    quip_damping: bool = False


class SOAPTurbo(AtomFeatures):
    """The soap_turbo variant of SOAP (M. A. Caro, Phys. Rev. B 100, 024112 (2019)).

    The features are those of quippy's ``soap_turbo``, in its order; see docs/soap.md on
    `quip_damping`.

    Parameters
    ----------
    elements : sequence of str
        Chemical symbols; all atoms must be of these.
    l_max : int
        Highest degree of the spherical harmonics (at most 15).
    species : sequence of TurboSpecies
        What neighbours of each species are expanded into.
    compressed : bool
        Only features with the first radial function of a species (quippy's "trivial" compression).
    precision, threads, instruction_set
        See `SOAP`.

    Raises
    ------
    ValueError
        A parameter has no meaning; the message names it.
    UnsupportedError
        The processor lacks the instruction set.
    """

    def __init__(
        self,
        elements: Sequence[str],
        l_max: int,
        species: Sequence[TurboSpecies],
        *,
        compressed: bool = False,
        precision: str = "double",
        threads: int | None = None,
        instruction_set: str = "automatic",
    ):
        if not species:
            raise ValueError("species: there is none")
        super().__init__(elements)
        self.l_max = int(l_max)
        self.species = list(species)
        self.cutoff = float(max(one.cutoff_hard for one in self.species))
        channel = _channel_of_elements(self.elements, [one.elements for one in self.species])
        whole = ("alpha_max", "radial_enhancement", "basis", "quip_damping")
        described = []
        for one in self.species:
            given = dataclasses.asdict(one)
            given["elements"] = list(one.elements)
            described.append(
                {k: v if k in (*whole, "elements") else float(v) for k, v in given.items()}
            )
        self.parameters = {
            "l_max": self.l_max,
            "compressed": bool(compressed),
            "species": described,
        }
        self._engine = _core.soap_calculator(
            {**self.parameters, "kind": "soap_turbo", "channel": channel},
            precision,
            default_threads() if threads is None else int(threads),
            instruction_set,
        )

    def __repr__(self) -> str:
        return (
            f"SOAPTurbo([{', '.join(self.elements)}], cutoff={self.cutoff:g}, "
            f"l_max={self.l_max}): {self.n_features} features"
        )

    def model_contents(self) -> tuple[dict[str, Any], dict[str, NDArray]]:
        """See `AtomFeatures.model_contents`."""
        return {"kind": "soap_turbo", "cutoff": self.cutoff, **self.parameters}, {}


def element_mixing(n_max: int, weights: ArrayLike) -> NDArray[np.float64]:
    """Mixing matrix that joins channels of elements: alchemical compression.

    Parameters
    ----------
    n_max : int
        Radial functions of each channel, which stay apart.
    weights : array_like, (n_mixed_channels, n_channels)
        How much of each channel each new one has.

    Returns
    -------
    array, (n_mixed_channels n_max, n_channels n_max)
    """
    return np.kron(np.asarray(weights, dtype=np.float64), np.eye(n_max))


def random_mixing(n_mixed: int, n_functions: int, seed: int = 0) -> NDArray[np.float64]:
    """Mixing matrix of a random projection of all radial functions, (n_mixed, n_functions).

    Entries are normal, of variance 1/n_mixed, so that scalar products are kept on average.
    """
    rng = np.random.default_rng(seed)
    return rng.normal(scale=n_mixed**-0.5, size=(n_mixed, n_functions))


def nu_mixing(n_max: int, n_channels: int, nu_r: int, nu_s: int) -> dict[str, Any]:
    """Arguments `mixing` and `mixing_left` of `SOAP` for fewer coupled densities.

    Of the two densities that a power spectrum couples, nu_r keep their radial functions apart and
    nu_s their channels; in the others they are summed. J. P. Darby, J. R. Kermode, G. Csányi, npj
    Comput. Mater. 8, 166 (2022).

    Parameters
    ----------
    n_max, n_channels : int
        Radial functions of each channel; number of channels.
    nu_r, nu_s : int
        0, 1 or 2 each; 2 and 2 is the full power spectrum.

    Raises
    ------
    ValueError
        nu_r or nu_s is something else.
    """
    if nu_r not in (0, 1, 2) or nu_s not in (0, 1, 2):
        raise ValueError(f"nu_r and nu_s must be 0, 1 or 2, got {nu_r} and {nu_s}")

    def rows(density: int) -> NDArray[np.float64]:
        radial = np.eye(n_max) if nu_r > density else np.ones((1, n_max))
        channels = np.eye(n_channels) if nu_s > density else np.ones((1, n_channels))
        return np.kron(channels, radial)

    left, right = rows(0), rows(1)
    if left.shape == right.shape:
        return {"mixing": left}
    return {"mixing": np.vstack([left, right]), "mixing_left": len(left)}
