# SPDX-License-Identifier: BSD-3-Clause
"""The configuration of a GAP fit: every key, its default and what it means."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

from pydantic import Field, field_validator, model_validator

from tektite.fit.base_config import BaseFitConfig, Symbol
from tektite.fit.section import Section

_DELTA = "Standard deviation that the prior gives {}, eV."
_N_SPARSE = "Number of sparse points {}."


class Distance2bConfig(Section):
    """Energies of pairs: squared-exponential kernel of the distance, each pair counted once."""

    cutoff: float = Field(5.0, gt=0, description="Cutoff, Å.")
    cutoff_transition_width: float = Field(
        0.5, gt=0, description="Range below the cutoff over which the energy is switched off, Å."
    )
    delta: float = Field(2.0, gt=0, description=_DELTA.format("the energy of a pair"))
    theta: float = Field(1.0, gt=0, description="Length over which the energy varies, Å.")
    n_sparse: int = Field(20, ge=1, description=_N_SPARSE.format("for each pair of elements"))
    sparse_method: Literal["uniform"] = Field(
        "uniform", description="`uniform`: equidistant from the smallest distance to the cutoff."
    )


class Angle3bConfig(Section):
    """Energies of triplets: squared-exponential kernel of (r_ij + r_ik, (r_ij - r_ik)², r_jk)."""

    cutoff: float = Field(3.5, gt=0, description="Cutoff of r_ij and r_ik, Å.")
    cutoff_transition_width: float = Field(
        0.5, gt=0, description="Range below the cutoff over which the energy is switched off, Å."
    )
    delta: float = Field(1.0, gt=0, description=_DELTA.format("the energy of a triplet"))
    theta: list[float] | None = Field(
        None,
        description="Lengths over which the energy varies (Å, Å², Å); null: half the range of each "
        "coordinate in the data.",
    )
    n_sparse: int = Field(
        200, ge=1, description=_N_SPARSE.format("for each element with each pair of neighbours")
    )
    sparse_method: Literal["farthest", "random"] = Field(
        "farthest",
        description="`farthest`: each the one farthest from those before, in units of theta; "
        "`random`.",
    )

    @field_validator("theta")
    @classmethod
    def _three(cls, value: list[float] | None) -> list[float] | None:
        if value is not None and (len(value) != 3 or not all(t > 0 for t in value)):
            raise ValueError("theta must be three numbers above 0")
        return value


class SoapConfig(Section):
    """Energies of atoms: kernel (p · p')^zeta of the SOAP power spectra of their environments."""

    cutoff: float = Field(5.0, gt=0, description="Cutoff, Å.")
    cutoff_transition_width: float = Field(
        0.5, gt=0, description="Range below the cutoff over which neighbours fade, Å."
    )
    n_max: int = Field(8, ge=1, le=32, description="Number of radial functions.")
    l_max: int = Field(6, ge=0, le=15, description="Largest angular momentum.")
    sigma: float = Field(0.5, gt=0, description="Width of the Gaussians that smear the atoms, Å.")
    radial_basis: Literal["equispaced_gaussian", "gto"] = Field(
        "equispaced_gaussian", description="See [SOAP](soap.md)."
    )
    central_weight: float = Field(
        1.0, ge=0, description="Weight of the centre's own Gaussian in the density."
    )
    zeta: float | list[float] = Field(
        4.0,
        description="Power of the kernel, at least 1; of a list that with the largest evidence "
        "(or the smallest loss on left-out frames) is taken.",
    )
    delta: float = Field(1.0, gt=0, description=_DELTA.format("the energy of an atom"))
    n_sparse: int | dict[Symbol, int] = Field(
        1000, description=_N_SPARSE.format("for each element of the centre, or a number for each")
    )
    group_n_sparse: dict[str, int] = Field(
        {},
        description="How many of them come from single groups of frames, by name; the others come "
        "from the remaining groups.",
    )
    sparse_method: Literal["k_means", "cur", "farthest", "random"] = Field(
        "k_means",
        description="How they are chosen from the environments of the training data. `k_means`: "
        "nearest to the means of as many clusters; `cur`: at random, in proportion to leverage "
        "scores; `farthest`: each the one farthest from those before; `random`.",
    )

    @field_validator("zeta")
    @classmethod
    def _zeta(cls, value: float | list[float]) -> float | list[float]:
        values = value if isinstance(value, list) else [value]
        if not values or any(not 1 <= v <= 100 for v in values):
            raise ValueError("zeta must be between 1 and 100")
        return value

    @field_validator("n_sparse")
    @classmethod
    def _n_sparse(cls, value: int | dict[str, int]) -> int | dict[str, int]:
        if any(n < 1 for n in (value.values() if isinstance(value, dict) else [value])):
            raise ValueError("n_sparse must be at least 1")
        return value

    @field_validator("group_n_sparse")
    @classmethod
    def _group_n_sparse(cls, value: dict[str, int]) -> dict[str, int]:
        if any(n < 0 for n in value.values()):
            raise ValueError("group_n_sparse must not be negative")
        return value

    @property
    def zetas(self) -> list[float]:
        """All values to try."""
        return self.zeta if isinstance(self.zeta, list) else [self.zeta]


_ENERGY = "Of the energy: times √n for a frame of n atoms, eV."
_FORCES = "Of a component of the force, eV/Å."
_VIRIAL = "Of a component of the virial (minus stress times volume): times √n, eV."


# Names under which a frame has sigmas of its own.
FRAME_SIGMAS = {"energy": "energy_sigma", "forces": "force_sigma", "virial": "virial_sigma"}


class SigmaConfig(Section):
    """Expected deviation of the data from the model. `.inf` leaves a quantity out.

    The keys `energy_sigma`, `force_sigma` and `virial_sigma` of a frame (extxyz) come first.
    """

    energy: float = Field(0.001, gt=0, description=_ENERGY)
    forces: float = Field(0.05, gt=0, description=_FORCES)
    virial: float = Field(0.05, gt=0, description=_VIRIAL)


class GroupSigmaConfig(Section):
    """Expected deviations in one group of frames; null: as for all."""

    energy: float | None = Field(None, gt=0, description=_ENERGY)
    forces: float | None = Field(None, gt=0, description=_FORCES)
    virial: float | None = Field(None, gt=0, description=_VIRIAL)


class GapRegressionConfig(Section):
    """Hyperparameters and numerics."""

    method: Literal["fixed", "evidence", "cross_validation"] = Field(
        "fixed",
        description="`fixed`: every delta and sigma as given; `evidence`: every delta, and a "
        "factor on all sigmas of each of energies, forces and virials, as make the data most "
        "probable (largest marginal likelihood); `cross_validation`: every delta as gives the "
        "smallest loss on left-out frames.",
    )
    jitter: float = Field(
        1e-8,
        gt=0,
        lt=1,
        description="Added to the diagonal of the covariance of the sparse points, in units of "
        "delta²; raised tenfold as often as needed to make it positive definite, and said so.",
    )
    folds: int = Field(5, ge=2, description="Parts of the data for `cross_validation`.")
    seed: int = Field(
        1,
        ge=0,
        description="Decides which sparse points are drawn and which frame is in which part.",
    )
    posterior: bool = Field(
        True,
        description="Keep in the model file what the variance of each atom's energy needs "
        "(16 bytes times the square of the number of sparse points).",
    )


class GapFitConfig(BaseFitConfig):
    """Configuration of `tektite fit` with `family: gap`."""

    family: Literal["gap"] = Field(description="`gap`; without it a linear ACE is fitted.")
    distance_2b: Distance2bConfig | None = Field(
        Distance2bConfig(), description="Null: without. See below."
    )
    angle_3b: Angle3bConfig | None = Field(None, description="Null: without. See below.")
    soap: SoapConfig | None = Field(SoapConfig(), description="Null: without. See below.")
    sigma: SigmaConfig = Field(SigmaConfig(), description="See below.")
    groups: dict[str, GroupSigmaConfig] = Field(
        {}, description="Sigmas of single groups, by name (`{Surface: {energy: 0.003}}`)."
    )
    regression: GapRegressionConfig = Field(GapRegressionConfig(), description="See below.")

    def without_extras(self) -> GapFitConfig:
        """See `BaseFitConfig`."""
        regression = self.regression.model_copy(update={"posterior": False})
        return self.model_copy(update={"regression": regression})

    @property
    def group_settings(self) -> tuple[str, Collection[str]]:
        """See `BaseFitConfig`."""
        return "groups", self.groups

    @property
    def frame_keys(self) -> Collection[str]:
        """See `BaseFitConfig`."""
        return FRAME_SIGMAS.values()

    @model_validator(mode="after")
    def _something_to_fit(self) -> GapFitConfig:
        terms = {name: getattr(self, name) for name in ("distance_2b", "angle_3b", "soap")}
        if not any(terms.values()):
            raise ValueError("distance_2b, angle_3b and soap are null: there is nothing to fit")
        if self.soap and len(self.soap.zetas) > 1 and self.regression.method == "fixed":
            raise ValueError(
                "soap.zeta is a list, which needs another regression.method than fixed"
            )
        for name, term in terms.items():
            if term is not None and term.cutoff_transition_width > term.cutoff:
                raise ValueError(f"{name}.cutoff_transition_width is larger than the cutoff")
        return self


parse_gap_config = GapFitConfig.parse
load_gap_config = GapFitConfig.load
