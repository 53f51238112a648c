# SPDX-License-Identifier: BSD-3-Clause
"""Device libraries with which hosts are tested: two that need no device, and the installed one.

The first two lie in the build folder of ``make``; TEKTITE_TEST_BUILD names another one. The
installed one is there where this machine has a device.
"""

from __future__ import annotations

import os
from pathlib import Path

from tektite import _core
from tektite.errors import UnsupportedError

_BUILD = Path(os.environ.get("TEKTITE_TEST_BUILD", Path(__file__).parents[2] / "build" / "make"))

# Computes with the CPU engine; fails as TEKTITE_DEVICE_DOUBLE says (tests/cpp/device_double.cpp).
DOUBLE = _BUILD / "tests" / "cpp" / "libtektite_device_double.so"

# The device library itself, with the host in the place of the device.
HOST_EXECUTOR = _BUILD / "tests" / "cpp" / "cuda" / "libtektite_cuda_host.so"

LIBRARIES = {"double": DOUBLE, "host executor": HOST_EXECUTOR}
try:
    if _core.device_names():
        LIBRARIES["device"] = Path(_core.device_library()[0])
except UnsupportedError:
    pass  # test_device.py looks at what it says


def library(name: str) -> str:
    """Path of a library, for the environment variable TEKTITE_CUDA_LIBRARY."""
    path = LIBRARIES[name]
    assert path.is_file(), f"{path} is not there: build with `make install`"
    return str(path)
