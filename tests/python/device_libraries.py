# SPDX-License-Identifier: BSD-3-Clause
"""Device libraries with which hosts are tested where there is no device.

They lie in the build folder of ``make``; TEKTITE_TEST_BUILD names another one.
"""

from __future__ import annotations

import os
from pathlib import Path

_BUILD = Path(os.environ.get("TEKTITE_TEST_BUILD", Path(__file__).parents[2] / "build" / "make"))

# Computes with the CPU engine; fails as TEKTITE_DEVICE_DOUBLE says (tests/cpp/device_double.cpp).
DOUBLE = _BUILD / "tests" / "cpp" / "libtektite_device_double.so"

LIBRARIES = {"double": DOUBLE}


def library(name: str) -> str:
    """Path of a library, for the environment variable TEKTITE_CUDA_LIBRARY."""
    path = LIBRARIES[name]
    assert path.is_file(), f"{path} is not there: build with `make install`"
    return str(path)
