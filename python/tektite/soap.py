# SPDX-License-Identifier: BSD-3-Clause
"""The smooth overlap of atomic positions: environments of atoms as vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

from tektite import _core
from tektite.features import AtomFeatures, EdgeGradients
from tektite.potential import default_threads

__all__ = ["SOAP", "EdgeGradients"]


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
    precision : str
        "double" or "mixed" (float32 inside).
    threads : int, optional
        Default: see `tektite.potential.default_threads`.
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
        precision: str = "double",
        threads: int | None = None,
        instruction_set: str = "automatic",
    ):
        super().__init__(elements)
        self.channels = (
            [[e] for e in self.elements] if channels is None else [list(c) for c in channels]
        )
        channel = [-1] * len(self.elements)
        for c, members in enumerate(self.channels):
            for symbol in members:
                if symbol not in self.elements:
                    raise ValueError(f"channels: '{symbol}' is not among the elements")
                if channel[self.elements.index(symbol)] >= 0:
                    raise ValueError(f"channels: '{symbol}' occurs twice")
                channel[self.elements.index(symbol)] = c
            if not members:
                raise ValueError("channels: a channel has no elements")
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
        self._engine = _core.soap_calculator(
            {**self.parameters, "channel": channel},
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
        return {"kind": "soap", **self.parameters, "channels": self.channels}, {}
