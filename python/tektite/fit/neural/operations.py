# SPDX-License-Identifier: BSD-3-Clause
"""Descriptors of the engine as differentiable operations of torch.

The features of atoms are functions of positions and of a strain of the cells. Their first
derivative is the engine's contraction with an adjoint; the derivative of that with respect to the
adjoint, which a loss on forces needs, is the engine's directional derivative. So any torch module
on the features trains on energies, forces and stresses, and neither features' gradients nor a
graph over atoms' neighbours are ever held in memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from ase import Atoms
from numpy.typing import NDArray

from tektite.features import AtomFeatures


class Systems:
    """Systems side by side, as the operations want them.

    numbers: (n_atoms,) atomic numbers; offsets: (n_systems + 1,) first atom of each; system:
    (n_atoms,) index of the system of each atom; positions: (n_atoms, 3) angstrom.
    """

    def __init__(self, descriptor: AtomFeatures, frames: Sequence[Atoms]):
        self.descriptor = descriptor
        self.numbers = np.concatenate([a.numbers for a in frames])
        self.species = np.concatenate([descriptor._species(a, k) for k, a in enumerate(frames)])
        self.offsets = np.cumsum([0, *(len(a) for a in frames)]).astype(np.int64)
        self.cells = np.array([a.cell.array for a in frames])
        self.pbc = np.array([a.pbc for a in frames])
        self.positions = torch.from_numpy(np.concatenate([a.positions for a in frames]))
        self.system = torch.repeat_interleave(
            torch.arange(len(frames)), torch.from_numpy(np.diff(self.offsets))
        )

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def _arrays(self, positions: torch.Tensor) -> tuple[NDArray, ...]:
        return positions.detach().numpy(), self.species, self.offsets, self.cells, self.pbc


class _Features(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, positions: torch.Tensor, strains: torch.Tensor, systems: Systems
    ) -> torch.Tensor:
        if torch.any(strains != 0):
            raise ValueError("features are differentiated at zero strain: deform the atoms instead")
        ctx.systems = systems
        ctx.save_for_backward(positions, strains)
        return torch.from_numpy(systems.descriptor._engine.features(*systems._arrays(positions)))

    @staticmethod
    def backward(ctx: Any, adjoint: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        positions, strains = ctx.saved_tensors
        gradient, strain_gradient = _Gradient.apply(adjoint, positions, strains, ctx.systems)
        return gradient, strain_gradient, None


class _Gradient(torch.autograd.Function):
    """Derivatives of sum_i adjoint_i . p_i with respect to positions and strains."""

    @staticmethod
    def forward(
        ctx: Any,
        adjoint: torch.Tensor,
        positions: torch.Tensor,
        strains: torch.Tensor,
        systems: Systems,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        ctx.systems = systems
        ctx.save_for_backward(positions, strains)
        gradient, strain_gradient = systems.descriptor._engine.gradients(
            *systems._arrays(positions), adjoint.detach().numpy()
        )
        # The engine gives r_a dE/dr_b; the strain takes r_b into component a.
        transposed = torch.from_numpy(strain_gradient).transpose(1, 2)
        return torch.from_numpy(gradient), transposed.contiguous()

    @staticmethod
    def backward(
        ctx: Any, along: torch.Tensor, strain_along: torch.Tensor
    ) -> tuple[torch.Tensor | None, ...]:
        positions, strains = ctx.saved_tensors
        tangents = ctx.systems.descriptor._engine.tangents(
            *ctx.systems._arrays(positions),
            along.detach().contiguous().numpy(),
            strain_along.detach().contiguous().numpy(),
        )
        # The second derivative with respect to positions is not computed; NaN, so that whoever
        # asks for it does not take zero for an answer.
        return (
            torch.from_numpy(tangents),
            torch.full_like(positions, float("nan")) if ctx.needs_input_grad[1] else None,
            torch.full_like(strains, float("nan")) if ctx.needs_input_grad[2] else None,
            None,
        )


def features(
    systems: Systems, positions: torch.Tensor, strains: torch.Tensor | None = None
) -> torch.Tensor:
    """Features of all atoms, (n_atoms, n_features), float64, differentiable.

    Parameters
    ----------
    systems : Systems
        What the atoms are; their cells.
    positions : torch.Tensor, (n_atoms, 3)
        Angstrom, float64; normally `systems.positions` with ``requires_grad``.
    strains : torch.Tensor, (n_systems, 3, 3), optional
        Zeros; a derivative with respect to them is that with respect to a homogeneous strain of
        each system (the stress times the volume, for an energy).

    Notes
    -----
    First derivatives with respect to positions and strains may be differentiated again with respect
    to whatever the adjoint depends on (``create_graph=True``), as losses on forces and stresses do.
    Second derivatives with respect to positions are NaN.

    Raises
    ------
    ValueError
        Strains that are not zero, or two atoms at one place.
    """
    if strains is None:
        strains = torch.zeros(len(systems), 3, 3, dtype=torch.float64)
    return _Features.apply(positions, strains, systems)
