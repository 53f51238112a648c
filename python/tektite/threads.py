# SPDX-License-Identifier: BSD-3-Clause
"""How many threads are used where none are asked for."""

from __future__ import annotations

import os


def default_threads() -> int:
    """Return the number of threads used where none is asked for.

    The environment variable ``TEKTITE_NUM_THREADS``, else ``OMP_NUM_THREADS``, else the number of
    processors that this process may use.

    Raises
    ------
    ValueError
        ``TEKTITE_NUM_THREADS`` is not a positive integer.
    """
    own = os.environ.get("TEKTITE_NUM_THREADS", "")
    if own:
        if not own.isdigit() or int(own) < 1:
            raise ValueError(f"TEKTITE_NUM_THREADS must be a positive integer, not '{own}'")
        return int(own)
    openmp = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    if openmp.isdigit() and int(openmp) >= 1:
        return int(openmp)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
