# SPDX-License-Identifier: BSD-3-Clause
"""Weights of a loss: the section `loss`, which linear, non-linear and neural models share."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from tektite.fit.section import Section


class WeightsConfig(Section):
    """Weights of one group of frames. 0 leaves the quantity out."""

    energy: float = Field(10.0, ge=0, description="w_E of the loss.")
    forces: float = Field(1.0, ge=0, description="w_F of the loss.")
    stress: float = Field(0.3, ge=0, description="w_S of the loss.")


class GroupWeightsConfig(Section):
    """Factors of one group on the default weights."""

    energy: float = Field(1.0, ge=0, description="Multiplies w_E.")
    forces: float = Field(1.0, ge=0, description="Multiplies w_F.")
    stress: float = Field(1.0, ge=0, description="Multiplies w_S.")


class WeightingConfig(Section):
    """Factors of single frames on w_E, w_F and w_S."""

    kind: Literal["uniform", "frame", "hull", "balanced"] = Field(
        "uniform",
        description="`uniform`: 1; `frame`: the number `key` of each frame; `hull`: scale/(scale + "
        "E), E being the energy per atom above the convex hull of the training data; `balanced`: "
        "(N/(G·N_g))^(`balance`/2) for the N_g of all N atoms that are in its group, one of G.",
    )
    key: str = Field("weight", description="frame: name of the factor.")
    scale: float = Field(0.5, gt=0, description="hull: in eV/atom.")
    balance: float = Field(
        1.0,
        ge=0,
        le=1,
        description="balanced: 1 gives small groups the weight of large ones; 0: uniform. Frames "
        "of one atom are no group.",
    )

    @property
    def frame_keys(self) -> list[str]:
        """Names of the numbers of frames that are used."""
        return [self.key] if self.kind == "frame" else []


class LossConfig(Section):
    """Loss = Σ_frames [w_E² ΔE²/n^a + w_F² |ΔF|² + w_S² |ΔW|²/n^a].

    ΔE in eV, ΔF in eV/Å, ΔW = V Δσ in eV (six components); n atoms; a = 1 (`sqrt_n`) or 2 (`n`).
    """

    weights: WeightsConfig = Field(WeightsConfig(), description="Weights of all groups.")
    groups: dict[str, GroupWeightsConfig] = Field(
        {}, description="Factors for single groups, by name (`{Surface: {energy: 2}}`)."
    )
    weighting: WeightingConfig = Field(WeightingConfig(), description="See below.")
    energy_scaling: Literal["sqrt_n", "n"] = Field(
        "sqrt_n",
        description="Energies and virials are divided by √n (errors of extensive, independent "
        "contributions) or by n (errors per atom).",
    )


class WeightedByLoss:
    """What `BaseFitConfig` asks of a family, for those with a section `loss`."""

    if TYPE_CHECKING:
        loss: LossConfig

    @property
    def group_settings(self) -> tuple[str, Collection[str]]:
        """See `BaseFitConfig`."""
        return "loss.groups", self.loss.groups

    @property
    def frame_keys(self) -> Collection[str]:
        """See `BaseFitConfig`."""
        return self.loss.weighting.frame_keys
