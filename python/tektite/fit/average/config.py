# SPDX-License-Identifier: BSD-3-Clause
"""The configuration of an average of several ACE models."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from tektite.fit.base_config import BaseFitConfig
from tektite.fit.config import AceConfig, FitConfig
from tektite.fit.loss_config import LossConfig, WeightedByLoss


class AverageFitConfig(WeightedByLoss, BaseFitConfig):
    """Configuration of the mean of several ACE models, all fitted to the same data."""

    family: Literal["average"] = Field("average", description="Family of the model.")
    loss: LossConfig = Field(LossConfig(), description="Of each member.")
    members: list[AceConfig] = Field(
        min_length=2,
        max_length=16,
        description="The models, at least two: a list of mappings with the keys `basis`, `radial`, "
        "`prior`, `regression`, `committee` and `training` of [linear and non-linear "
        "ACE](fitting.md#all-keys).",
    )

    def without_extras(self) -> AverageFitConfig:
        """See `BaseFitConfig`."""
        members = [member.without_uncertainties() for member in self.members]
        return self.model_copy(update={"members": members})

    def resolved(self, path: Path) -> dict[str, Any]:
        """See `BaseFitConfig`."""
        members = [member.placed(path.parent) for member in self.members]
        return super().resolved(path) | {"members": members}

    def member_configs(self) -> list[FitConfig]:
        """Return a configuration of each member alone; their `output` is that of the average."""
        shared = {
            name: getattr(self, name)
            for name in FitConfig.model_fields
            if name in self.model_fields_set and name not in ("family", "cross_validation")
        }
        # What was resolved is not among what was set.
        shared |= {"data": self.data, "baseline": self.baseline, "output": self.output}
        return [
            FitConfig(**shared, **{name: getattr(member, name) for name in member.model_fields_set})
            for member in self.members
        ]
