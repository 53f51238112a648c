# SPDX-License-Identifier: BSD-3-Clause
"""The configuration of a linear or non-linear ACE: every key, its default and what it means."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import Field, field_validator, model_validator

from tektite.fit.base_config import BaseFitConfig, Pairs
from tektite.fit.config_file import place
from tektite.fit.loss_config import LossConfig, WeightedByLoss
from tektite.fit.section import Section
from tektite.fit.training_config import TrainingConfig


class BasisConfig(Section):
    """Which functions the model has: all invariant products within these limits."""

    cutoff: float | Pairs | Literal["automatic"] = Field(
        5.5,
        description="Cutoff, Å, or one for each pair (`{Si-O: 5, default: 5.5}`); `automatic`: the "
        "radius of a sphere that holds `cutoff_atoms` atoms at the median number density of the "
        "periodic training frames.",
    )
    cutoff_atoms: float = Field(
        33.0, gt=1, description="Atoms within an `automatic` cutoff, the centre included."
    )
    n_max: list[int] = Field(
        [14, 10, 8, 5],
        min_length=1,
        max_length=8,
        description="Number of radial functions for rank 1, 2, ... (rank: number of factors A, "
        "body order less one). Its length is the largest rank.",
    )
    l_max: list[int] = Field(
        [0, 7, 5, 4], description="Largest angular momentum for rank 1 (always 0), 2, ..."
    )
    max_degree: list[float] | None = Field(
        [20, 11, 9.6, 8],
        description="Limit of Σ (n + l_weight·l) over the factors, n from 0, for rank 1, 2, ...; "
        "null: none.",
    )
    l_weight: float = Field(0.7, ge=0, description="Weight of l against n in the degree.")

    @model_validator(mode="after")
    def _lengths(self) -> BasisConfig:
        for name in ("l_max", "max_degree"):
            value = getattr(self, name)
            if value is not None and len(value) != len(self.n_max):
                raise ValueError(
                    f"{name} has {len(value)} values but n_max has {len(self.n_max)}: give one "
                    "for each rank in both"
                )
        return self

    @property
    def n_radial(self) -> int:
        """Radial functions that the basis needs."""
        return max(self.n_max)


class RadialConfig(Section):
    """Radial functions g_k(r)."""

    kind: Literal["Polynomial", "SBessel", "ChebExpCos", "ChebPow"] = Field(
        "Polynomial",
        description="`Polynomial`: orthogonal polynomials of a transformed distance under a smooth "
        "envelope; the others as in pacemaker.",
    )
    r_0: float | Pairs | None = Field(
        None,
        description="Polynomial: distance (Å) at which the transform resolves best, or one "
        "for each pair; null: 0.9 √(d r_c), d being the mean nearest-neighbour distance of the "
        "pair in the data and r_c its cutoff.",
    )
    p: float = Field(2.0, gt=0, description="Polynomial: the transform falls as r^-p.")
    q: float = Field(4.0, ge=1, description="Polynomial: it leaves 1 as r^q at short distance.")
    a: float | None = Field(
        None,
        gt=0,
        description="Polynomial: prefactor of the transform; null: steepest at r_0.",
    )
    envelope: float = Field(
        3.0,
        ge=2,
        description="Polynomial: exponent of the envelope at the cutoff; 3 makes the energy twice "
        "continuously differentiable there.",
    )
    lambda_: float = Field(
        5.0, alias="lambda", gt=0, description="ChebExpCos and ChebPow: decay of the distance."
    )
    inner_cutoff: float | Pairs | None = Field(
        None,
        description="Below it (Å) the radial functions are switched off, so that only the baseline "
        "acts; null: 0.9 times the smallest distance of the pair in the data; 0: never.",
    )
    inner_cutoff_width: float = Field(
        0.4, gt=0, description="Range over which they are switched off, Å."
    )


class PriorConfig(Section):
    """Coefficients are expected to be of order s^-rank (1 + Σ (n + l_weight·l))^-exponent."""

    exponent: float = Field(2.0, ge=0, description="0: plain ridge regression.")
    l_weight: float = Field(0.7, ge=0, description="Weight of l against n.")
    density: float | None = Field(
        None,
        gt=0,
        description="s, the typical size of A; null: its root mean square in the training data.",
    )


class RegressionConfig(Section):
    """How strongly the prior acts."""

    method: Literal["evidence", "cross_validation", "fixed"] = Field(
        "evidence",
        description="`evidence`: largest marginal likelihood of Bayesian linear regression; "
        "`cross_validation`: smallest loss on left-out frames; `fixed`: `strength`.",
    )
    strength: float | None = Field(
        None, gt=0, description="λ of the penalty λ Σ (c/scale)², for `fixed`."
    )
    folds: int = Field(5, ge=2, description="Parts of the data for `cross_validation`.")
    seed: int = Field(1, ge=0, description="Decides which frame is in which part.")
    posterior: bool = Field(
        True,
        description="Keep the posterior covariance of the coefficients of a linear model in its "
        "file (4 bytes times the square of the number of functions).",
    )

    @model_validator(mode="after")
    def _strength(self) -> RegressionConfig:
        if (self.method == "fixed") != (self.strength is not None):
            raise ValueError("strength is needed with method 'fixed', and only there")
        return self


class CommitteeConfig(Section):
    """Further sets of coefficients, whose spread is the uncertainty of each atom.

    The model itself is that of all data and does not depend on them. All else, radial functions
    above all, is shared by the members, so that the descriptor is evaluated once for all of them.
    """

    kind: Literal["posterior", "bootstrap", "seed"] = Field(
        "posterior",
        description="`posterior`: drawn from the posterior of the linear model, or, after a "
        "`training`, of the first density with all else as trained; needs `regression.posterior`. "
        "`bootstrap`: fitted to frames drawn with replacement, beginning with the model itself, in "
        "the last stage of a `training`. `seed`: trained in all stages from other random "
        "numbers; needs a `training`.",
    )
    members: int = Field(16, ge=0, le=256, description="Their number; 0: none.")
    seed: int = Field(1, ge=0, description="Decides all draws.")

    @field_validator("members")
    @classmethod
    def _members(cls, value: int) -> int:
        if value == 1:
            raise ValueError("a committee has at least 2 members, or 0: none")
        return value


AnyAce = TypeVar("AnyAce", bound="AceConfig")


class AceConfig(Section):
    """One ACE: its functions, and how they are fitted."""

    basis: BasisConfig = Field(BasisConfig(), description="See below.")
    radial: RadialConfig = Field(RadialConfig(), description="See below.")
    prior: PriorConfig = Field(PriorConfig(), description="See below.")
    regression: RegressionConfig = Field(RegressionConfig(), description="See below.")
    committee: CommitteeConfig = Field(CommitteeConfig(), description="See below.")
    training: TrainingConfig | None = Field(
        None, description="Training of a non-linear model; null: the model stays linear. See below."
    )

    @property
    def has_committee(self) -> bool:
        """Whether there is to be a committee."""
        committee = self.committee
        return committee.members > 0 and (
            committee.kind != "posterior" or self.regression.posterior
        )

    @model_validator(mode="after")
    def _committee(self: AnyAce) -> AnyAce:
        if self.committee.kind == "seed" and self.training is None:
            raise ValueError(
                "committee.kind is seed, but nothing in a linear fit is random: take bootstrap or "
                "posterior, or add a training"
            )
        if self.committee.kind == "seed" and self.training and self.training.start is not None:
            raise ValueError("committee.kind is seed, but training.start leaves nothing to chance")
        asked = "committee" in self.model_fields_set and self.committee.members > 0
        if asked and not self.has_committee:
            raise ValueError("a committee of kind posterior needs regression.posterior: true")
        return self

    def without_uncertainties(self: AnyAce) -> AnyAce:
        """Return the same without committee and posterior, which do not change the model."""
        committee = self.committee.model_copy(update={"members": 0})
        regression = self.regression.model_copy(update={"posterior": False})
        return self.model_copy(update={"committee": committee, "regression": regression})

    def placed(self: AnyAce, folder: Path) -> AnyAce:
        """Return the same with its paths relative to a folder."""
        if self.training is None:
            return self
        files = place(self.training.validation.files, folder)
        validation = self.training.validation.model_copy(update={"files": files})
        start = place(self.training.start, folder)
        training = self.training.model_copy(update={"validation": validation, "start": start})
        return self.model_copy(update={"training": training})


class FitConfig(AceConfig, WeightedByLoss, BaseFitConfig):
    """Configuration of `tektite fit`. Relative paths are relative to the configuration file."""

    family: Literal["ace"] = Field(
        "ace",
        description="Family of the model; [`gap`](gap.md), [`neural`](neural.md) and "
        "[`average`](average.md) have keys of their own.",
    )
    loss: LossConfig = Field(LossConfig(), description="See below.")

    def without_extras(self) -> FitConfig:
        """See `BaseFitConfig`."""
        return self.without_uncertainties()

    def resolved(self, path: Path) -> dict[str, Any]:
        """See `BaseFitConfig`."""
        return super().resolved(path) | {"training": self.placed(path.parent).training}


parse_config = FitConfig.parse
load_config = FitConfig.load
