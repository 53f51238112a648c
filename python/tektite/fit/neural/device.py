# SPDX-License-Identifier: BSD-3-Clause
"""Where torch evaluates networks."""

from __future__ import annotations

import torch
from torch import nn

from tektite.errors import UnsupportedError


def choose_device(wanted: str) -> torch.device:
    """Device for the key `optimiser.device`: "auto", "cpu" or "cuda".

    Raises
    ------
    UnsupportedError
        "cuda" where torch finds no GPU.
    """
    if wanted == "cuda" and not torch.cuda.is_available():
        raise UnsupportedError(
            f"optimiser.device is cuda, but torch {torch.__version__} finds no GPU: take auto or "
            "cpu, or install torch for CUDA"
        )
    return torch.device("cuda" if wanted != "cpu" and torch.cuda.is_available() else "cpu")


def describe_device(device: torch.device) -> str:
    """Name to print."""
    return f"cuda ({torch.cuda.get_device_name(device)})" if device.type == "cuda" else "cpu"


def device_of(module: nn.Module) -> torch.device:
    """Where the parameters of a module are; the CPU for a module without any."""
    return next((p.device for p in module.parameters()), torch.device("cpu"))
