# SPDX-License-Identifier: BSD-3-Clause
"""The instruction sets whose kernels can be compared on this processor."""

from __future__ import annotations

import pytest

import tektite

INSTRUCTION_SETS = ("baseline", "avx2", "avx512")


def is_available(isa: str) -> bool:
    """Whether this processor and this build have it."""
    try:
        tektite.SOAP(["Si"], 3.0, 1, 0, instruction_set=isa)
    except tektite.UnsupportedError:
        assert isa != "baseline"
        return False
    return True


def available() -> list[str]:
    """Those that are available; the first is "baseline"."""
    return [isa for isa in INSTRUCTION_SETS if is_available(isa)]


def require(isa: str) -> None:
    """Skip the test where the instruction set is not available."""
    if not is_available(isa):
        pytest.skip(f"{isa} is not available on this processor or in this build")


def beyond_baseline() -> list[str]:
    """Those that can be compared with the baseline; skips the test where there are none."""
    found = available()[1:]
    if not found:
        pytest.skip("only the baseline is available: there is nothing to compare it with")
    return found
