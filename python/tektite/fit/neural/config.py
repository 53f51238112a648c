# SPDX-License-Identifier: BSD-3-Clause
"""The configuration of a neural fit: every key, its default and what it means."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator, model_validator

from tektite.fit.base_config import BaseFitConfig
from tektite.fit.config import BasisConfig, RadialConfig
from tektite.fit.loss_config import LossConfig, WeightedByLoss
from tektite.fit.section import Section


class DescriptorConfig(Section):
    """What the networks see. All keys but `kind` are those of SOAP."""

    kind: Literal["soap", "ace"] = Field(
        "soap",
        description="`soap`: the components of the SOAP power spectrum; `ace`: the functions of an "
        "atomic cluster expansion within the limits of `basis`, of the functions of `radial`.",
    )
    cutoff: float = Field(5.0, gt=0, description="Cutoff, Å.")
    cutoff_transition_width: float = Field(
        1.0, ge=0, description="Range below the cutoff over which neighbours fade, Å."
    )
    n_max: int = Field(8, ge=1, le=32, description="Number of radial functions.")
    l_max: int = Field(6, ge=0, le=15, description="Largest angular momentum.")
    sigma: float = Field(0.5, gt=0, description="Width of the Gaussians that smear the atoms, Å.")
    radial_basis: Literal["equispaced_gaussian", "gto"] = Field(
        "equispaced_gaussian", description="See [SOAP](soap.md)."
    )
    normalise: bool = Field(
        False,
        description="Whether the vector is divided by its length, which hides how many neighbours "
        "there are.",
    )


class NetworkConfig(Section):
    """One feed-forward network for each element, several members for an uncertainty."""

    hidden: list[int] = Field([64, 64], description="Widths of the hidden layers.")
    activation: Literal["tanh", "silu"] = Field("silu", description="Between the layers.")
    members: int = Field(
        1,
        ge=1,
        le=100,
        description="Networks trained from different random numbers. Their mean is the model, "
        "their spread its uncertainty; the descriptor is evaluated once for all of them.",
    )

    @field_validator("hidden")
    @classmethod
    def _widths(cls, value: list[int]) -> list[int]:
        if any(not 1 <= width <= 65536 for width in value) or len(value) > 64:
            raise ValueError("hidden must be a list of at most 64 widths from 1 to 65536")
        return value


class OptimiserConfig(Section):
    """AdamW in mini-batches; the learning rate falls along half a cosine to 1 % of its start."""

    epochs: int = Field(300, ge=1, description="Passes through the training data.")
    batch_size: int = Field(8, ge=1, description="Frames of one step.")
    learning_rate: float = Field(3e-3, gt=0, description="At the start.")
    weight_decay: float = Field(1e-4, ge=0, description="Of AdamW.")
    max_gradient: float = Field(
        10.0, gt=0, description="Longer gradients are shortened to this multiple of their average."
    )
    validation: float = Field(
        0.1,
        ge=0,
        lt=1,
        description="Share of the training frames that is kept back; the parameters with the "
        "smallest loss on them are the result. 0: the last parameters.",
    )
    seed: int = Field(1, ge=0, description="Of weights, batches and the frames kept back.")
    device: Literal["auto", "cpu", "cuda"] = Field(
        "auto",
        description="Where torch evaluates the networks: `auto`: on a GPU if torch finds one. "
        "Descriptors are evaluated by the engine on the CPU. Which was taken is printed.",
    )
    checkpoint_seconds: float = Field(
        30.0,
        ge=0,
        description="A run that was killed goes on from its last checkpoint, written this often.",
    )


class NeuralFitConfig(WeightedByLoss, BaseFitConfig):
    """Configuration of `tektite fit` with `family: neural`.

    Needs torch (`pip install tektite[train]`); the model runs without.
    """

    family: Literal["neural"] = Field(description="`neural`; without it a linear ACE is fitted.")
    descriptor: DescriptorConfig = Field(DescriptorConfig(), description="See below.")
    basis: BasisConfig = Field(
        BasisConfig(),
        description="With `descriptor.kind: ace`.",
    )
    radial: RadialConfig = Field(
        RadialConfig(),
        description="With `descriptor.kind: ace`.",
    )
    network: NetworkConfig = Field(NetworkConfig(), description="See below.")
    loss: LossConfig = Field(LossConfig(), description="See below.")
    optimiser: OptimiserConfig = Field(OptimiserConfig(), description="See below.")

    @model_validator(mode="after")
    def _sections_of_the_descriptor(self) -> NeuralFitConfig:
        if self.descriptor.kind == "soap":
            wrong = sorted({"basis", "radial"} & self.model_fields_set)
        else:
            wrong = sorted(f"descriptor.{k}" for k in self.descriptor.model_fields_set - {"kind"})
        if wrong:
            raise ValueError(
                f"{', '.join(wrong)}: not a key of the descriptor '{self.descriptor.kind}'"
            )
        return self


load_neural_config = NeuralFitConfig.load
