# SPDX-License-Identifier: BSD-3-Clause
"""Neural readouts: one network for each element, in torch and as a model file."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from ase import Atoms
from numpy.typing import NDArray
from torch import nn

from tektite.features import AtomFeatures
from tektite.fit.neural.device import device_of
from tektite.fit.neural.operations import Systems, features

ACTIVATIONS: dict[str, type[nn.Module]] = {"tanh": nn.Tanh, "silu": nn.SiLU}


class Readout(nn.Module):
    """Energies of atoms from features: a feed-forward network for each element.

    The energy of an atom without neighbours is zero: what its network gives for that is subtracted.
    Features are shifted by their mean and divided by their spread over the training data; the
    output is multiplied by `scale` (eV).

    J. Behler, M. Parrinello, Phys. Rev. Lett. 98, 146401 (2007).
    """

    def __init__(
        self,
        mean: NDArray[np.float64],
        spread: NDArray[np.float64],
        alone: NDArray[np.float64],
        hidden: Sequence[int],
        activation: str,
        scale: float,
        generator: torch.Generator,
    ):
        """mean, spread, alone: (n_elements, n_features); alone: of atoms without neighbours."""
        super().__init__()
        self.register_buffer("mean", torch.from_numpy(mean))
        self.register_buffer("spread", torch.from_numpy(spread))
        self.register_buffer("alone", torch.from_numpy(alone))
        self.scale = scale
        self.networks = nn.ModuleList()
        for _ in range(len(mean)):
            widths = [mean.shape[1], *hidden, 1]
            layers: list[nn.Module] = []
            for n_in, n_out in itertools.pairwise(widths):
                layer = nn.Linear(n_in, n_out, dtype=torch.float64)
                with torch.no_grad():
                    layer.weight.normal_(0.0, n_in**-0.5, generator=generator)
                    layer.bias.zero_()
                layers += [layer, ACTIVATIONS[activation]()]
            self.networks.append(nn.Sequential(*layers[:-1]))

    def forward(self, rows: torch.Tensor, species: torch.Tensor) -> torch.Tensor:
        """(n_atoms, n_features), (n_atoms,) -> energies (n_atoms,) eV."""
        energies = torch.zeros(len(rows), dtype=torch.float64, device=rows.device)
        for k, network in enumerate(self.networks):
            mine = torch.nonzero(species == k).flatten()
            if len(mine):
                values = network((rows[mine] - self.mean[k]) / self.spread[k]).flatten()
                alone = network((self.alone[k] - self.mean[k]) / self.spread[k])
                energies = energies.index_add(0, mine, self.scale * (values - alone))
        return energies

    def layers(self, element: int) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
        """Weights and biases of an element's layers with all scaling folded in."""
        linear = [m for m in self.networks[element] if isinstance(m, nn.Linear)]
        out = []
        for position, layer in enumerate(linear):
            weights = layer.weight.detach().cpu().numpy().copy()
            biases = layer.bias.detach().cpu().numpy().copy()
            if position == 0:
                weights = weights / self.spread[element].cpu().numpy()
                biases = biases - weights @ self.mean[element].cpu().numpy()
            if position == len(linear) - 1:
                weights, biases = self.scale * weights, self.scale * biases
            out.append((weights, biases))
        return out


def lone_features(descriptor: AtomFeatures) -> NDArray[np.float64]:
    """Features of an atom of each element without neighbours, (n_elements, n_features)."""
    return np.concatenate(descriptor.features([Atoms(symbol) for symbol in descriptor.elements]))


def predict(
    readout: nn.Module, systems: Systems, species: torch.Tensor, create_graph: bool = False
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Energies (n_systems,), forces (n_atoms, 3) and virials (n_systems, 6) of any readout.

    readout(features, species) gives the energies of atoms, eV. Virials are minus the derivative
    with respect to a strain, in ASE's order, eV. With `create_graph` all three may be
    differentiated with respect to the parameters of the readout.
    """
    positions = systems.positions.clone().requires_grad_(True)
    strains = torch.zeros(len(systems), 3, 3, dtype=torch.float64, requires_grad=True)
    # Descriptors are the engine's, on the CPU; a copy to another device is differentiable, too.
    device = device_of(readout)
    rows = features(systems, positions, strains).to(device)
    atoms = readout(rows, species.to(device)).cpu()
    energies = torch.zeros(len(systems), dtype=torch.float64).index_add(0, systems.system, atoms)
    gradient, strain = torch.autograd.grad(
        energies.sum(), (positions, strains), create_graph=create_graph
    )
    symmetric = -0.5 * (strain + strain.transpose(1, 2)).reshape(-1, 9)
    return energies, -gradient, symmetric[:, [0, 4, 8, 5, 2, 1]]


def neural_contents(
    descriptor: AtomFeatures,
    members: Sequence[Readout],
    hidden: Sequence[int],
    activation: str,
    isolated_energies: NDArray[np.float64],
) -> tuple[dict[str, Any], dict[str, NDArray]]:
    """Metadata and arrays of a model file (family "neural" in docs/file-format.md)."""
    description, arrays = descriptor.model_contents()
    metadata = {
        "family": "neural",
        "elements": list(descriptor.elements),
        "cutoff": descriptor.cutoff,
        "isolated_energies": [float(e) for e in isolated_energies],
        "descriptor": description,
        "activation": activation,
        "hidden": list(hidden),
        "members": len(members),
    }
    for m, readout in enumerate(members):
        for e in range(len(descriptor.elements)):
            for k, (weights, biases) in enumerate(readout.layers(e)):
                arrays[f"networks.{m}.{e}.{k}.weights"] = weights
                arrays[f"networks.{m}.{e}.{k}.biases"] = biases
    return metadata, arrays
