# SPDX-License-Identifier: BSD-3-Clause
"""What all sections of a configuration have in common."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A mapping whose keys are all known; it does not change after it was checked."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())
