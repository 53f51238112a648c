# SPDX-License-Identifier: BSD-3-Clause
"""Configuration of the training of non-linear models: the section `training` and what it holds."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from tektite.fit.section import Section


class EmbeddingConfig(Section):
    """E_i = Σ_p w_p F(φ_p; m_p), φ_p = Σ_k c_kp B_k: densities p of every atom i."""

    kind: Literal["FinnisSinclairShiftedScaled", "FinnisSinclair"] = Field(
        "FinnisSinclairShiftedScaled",
        description="F(φ; m): sign(φ) |φ|^m away from the origin, where it is made linear as in "
        "pacemaker; φ itself for m = 1.",
    )
    exponents: list[float] = Field(
        [1.0, 0.5],
        min_length=1,
        max_length=6,
        description="m of each density; their number is that of the densities. The first should "
        "be 1: it begins as the linear model.",
    )
    prefactors: list[float] | None = Field(None, description="w of each density; null: 1 each.")
    fit_prefactors: bool = Field(False, description="Fit all w but that of the first density.")
    fit_exponents: bool = Field(False, description="Fit all m but that of the first density.")
    exponent_bounds: tuple[float, float] = Field(
        (0.1, 10.0), description="Fitted exponents stay within."
    )

    @model_validator(mode="after")
    def _consistent(self) -> EmbeddingConfig:
        if self.prefactors is not None and len(self.prefactors) != len(self.exponents):
            raise ValueError("prefactors must have one value for each of the exponents")
        low, high = self.exponent_bounds
        if not 0 < low < high:
            raise ValueError("exponent_bounds must be two positive numbers that ascend")
        if not all(low <= m <= high for m in self.exponents[1:]):
            raise ValueError("exponents (but the first) must lie within exponent_bounds")
        return self


class HuberConfig(Section):
    """Residuals beyond these count linearly instead of quadratically. Null: quadratically."""

    energy: float | None = Field(None, gt=0, description="Of the energy per atom, eV.")
    forces: float | None = Field(None, gt=0, description="Of the length of ΔF of an atom, eV/Å.")
    stress: float | None = Field(None, gt=0, description="Of each component of V Δσ / n, eV.")


class SmoothnessConfig(Section):
    """Penalties on trained radial functions, summed over bonds, n and l (Å, R without unit)."""

    amplitude: float = Field(0.0, ge=0, description="Multiplies ∫ r² |R| dr.")
    slope: float = Field(0.0, ge=0, description="Multiplies ∫ |R'| dr.")
    curvature: float = Field(0.0, ge=0, description="Multiplies ∫ |R''| dr.")

    @property
    def any(self) -> bool:
        """Whether a penalty acts."""
        return self.amplitude > 0 or self.slope > 0 or self.curvature > 0


class PenaltyConfig(Section):
    """What is added to the loss.

    c are the coefficients, s their standard deviations under the prior of the linear fit and σ that
    of its weighted residuals, so that l2 = 1 is what the linear model was found with. c_0 is 0, or
    the coefficients of `start`.
    """

    l2: float = Field(1.0, ge=0, description="Multiplies σ² Σ ((c - c_0)/s)².")
    l1: float = Field(
        0.0, ge=0, description="Multiplies σ² Σ |(c - c_0)/s| (rounded at the origin)."
    )
    radial_width: float = Field(
        0.3,
        gt=0,
        description="Expected size of changes of radial coefficients: adds σ² Σ (ΔR_nlk/width)².",
    )
    smoothness: SmoothnessConfig = Field(SmoothnessConfig(), description="See below.")


class StageConfig(Section):
    """One stage of the training."""

    optimizer: Literal["lbfgs", "bfgs", "adam", "adamw"] = Field(
        "lbfgs", description="`lbfgs`, `bfgs`: of scipy, all frames at once; the others: batches."
    )
    iterations: int = Field(
        300, ge=1, description="Largest number of iterations (`lbfgs`, `bfgs`) or epochs."
    )
    kappa: float | None = Field(
        None,
        ge=0,
        le=1,
        description="Share of the forces: energies and virials of the loss are multiplied by "
        "2 (1 - κ), forces by 2 κ; null or 0.5: as the weights say.",
    )
    memory: int = Field(40, ge=1, description="lbfgs: steps remembered.")
    tolerance: float = Field(
        1e-7,
        ge=0,
        description="lbfgs, bfgs: stop when the relative decrease of an iteration is below.",
    )
    batch_size: int = Field(16, ge=1, description="adam, adamw: frames in a batch.")
    learning_rate: float = Field(
        0.05, gt=0, description="adam, adamw: in standard deviations of the linear posterior."
    )
    betas: tuple[float, float] = Field((0.9, 0.999), description="adam, adamw: decay of moments.")
    weight_decay: float = Field(0.0, ge=0, description="adamw: towards the start, per step.")
    plateau_factor: float = Field(
        0.5, gt=0, lt=1, description="adam, adamw: the learning rate is multiplied by it ..."
    )
    plateau_patience: int = Field(
        10, ge=1, description="... when the loss was not improved for so many epochs."
    )
    validate_every: int = Field(
        10, ge=1, description="Iterations between two looks at the validation (adam: each epoch)."
    )
    stop_patience: int | None = Field(
        None,
        ge=1,
        description="End the stage when so many looks in a row did not improve; null: never.",
    )


class ValidationConfig(Section):
    """Frames that are not fitted to but decide which model is the best."""

    fraction: float = Field(0.0, ge=0, lt=1, description="Share of the training frames.")
    files: list[Path] = Field([], description="Or files of their own.")

    @model_validator(mode="after")
    def _one(self) -> ValidationConfig:
        if self.fraction > 0 and self.files:
            raise ValueError("give a fraction or files, not both")
        return self


class TrainingConfig(Section):
    """Training of a non-linear model, beginning with the linear one. Without this section the
    linear model is the result.
    """

    embedding: EmbeddingConfig = Field(EmbeddingConfig(), description="See below.")
    radial: Literal["fixed", "all", "pair", "bond"] = Field(
        "fixed",
        description="Whether radial coefficients R_nl = Σ_k c_nlk g_k are trained: one set for "
        "`all` bonds, for each `pair` of elements, or for each `bond` (ordered pair).",
    )
    huber: HuberConfig = Field(HuberConfig(), description="See below.")
    penalty: PenaltyConfig = Field(PenaltyConfig(), description="See below.")
    stages: list[StageConfig] = Field(
        [StageConfig()], min_length=1, description="One after the other, each from the best before."
    )
    ladder: list[float] = Field(
        [1.0],
        min_length=1,
        description="Growing shares of the functions, the simplest first, the last being 1; all "
        "stages are done for each.",
    )
    validation: ValidationConfig = Field(ValidationConfig(), description="See below.")
    initial_density: float = Field(
        1.0,
        gt=0,
        description="Mean of the densities after the first where training begins, by pair "
        "functions; they are made different by `seed`.",
    )
    freeze: list[str] = Field(
        [],
        description="Blocks of parameters that stay, with wildcards: `coefficients/Si`, "
        "`radial/Si-O`, `prefactors/*`, `exponents/*`.",
    )
    start: Path | None = Field(
        None,
        description="A model file to go on from (fine-tuning); its elements, basis, bonds, "
        "embedding, isolated atoms and baseline are kept, and c_0 are its coefficients. Elements "
        "that only the data have are added. Null: from the linear model.",
    )
    seed: int = Field(1, ge=0, description="Decides all that is random.")

    @model_validator(mode="after")
    def _ladder(self) -> TrainingConfig:
        if self.ladder[-1] != 1.0 or any(
            not 0 < a < b for a, b in zip(self.ladder, self.ladder[1:])
        ):
            raise ValueError("ladder must ascend from above 0 to 1")
        return self
