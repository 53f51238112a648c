# SPDX-License-Identifier: BSD-3-Clause
"""Training of one member: mini-batches, validation, checkpoints."""

from __future__ import annotations

import ast
import copy
import dataclasses
import io
import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tektite.errors import DataError
from tektite.features import AtomFeatures
from tektite.files import write_atomically
from tektite.fit.dataset import Target
from tektite.fit.neural.config import OptimiserConfig
from tektite.fit.neural.device import device_of
from tektite.fit.neural.network import Readout, predict
from tektite.fit.neural.operations import Systems


@dataclasses.dataclass
class Epoch:
    """Losses (mean over frames) after one pass; validation is NaN where nothing is kept back."""

    number: int
    train: float
    validation: float


class Batch:
    """Some frames with their targets as tensors; the weights of what a frame lacks are zero."""

    def __init__(self, descriptor: AtomFeatures, targets: Sequence[Target]):
        self.systems = Systems(descriptor, [t.frame.atoms for t in targets])
        self.species = torch.from_numpy(np.concatenate([t.species for t in targets])).long()
        counts = [len(t.species) for t in targets]
        self.energies = torch.tensor([t.energy or 0.0 for t in targets], dtype=torch.float64)
        self.energy_weights = torch.tensor(
            [0.0 if t.energy is None else t.weight_energy for t in targets], dtype=torch.float64
        )
        self.forces = torch.from_numpy(
            np.concatenate(
                [
                    np.zeros((n, 3)) if t.forces is None else t.forces
                    for t, n in zip(targets, counts)
                ]
            )
        )
        self.force_weights = torch.from_numpy(
            np.repeat([0.0 if t.forces is None else t.weight_forces for t in targets], counts)
        )
        self.virials = torch.from_numpy(
            np.array([np.zeros(6) if t.virial is None else t.virial for t in targets])
        )
        self.virial_weights = torch.tensor(
            [0.0 if t.virial is None else t.weight_virial for t in targets], dtype=torch.float64
        )

    def loss(self, readout: torch.nn.Module, create_graph: bool) -> torch.Tensor:
        """Loss of the configuration, summed over the frames."""
        energies, forces, virials = predict(readout, self.systems, self.species, create_graph)
        return (
            ((energies - self.energies) * self.energy_weights).square().sum()
            + ((forces - self.forces) * self.force_weights[:, None]).square().sum()
            + ((virials - self.virials) * self.virial_weights[:, None]).square().sum()
        )


class Training:
    """One member on its way. Everything that decides what comes next is in `state`."""

    def __init__(
        self,
        readout: Readout,
        descriptor: AtomFeatures,
        train: Sequence[Target],
        validation: Sequence[Target],
        config: OptimiserConfig,
        seed: int,
        checkpoint: Path | None,
        identity: str,
    ):
        """identity: of configuration and data; a checkpoint of another one is not used."""
        self.readout = readout
        self.descriptor = descriptor
        self.train = list(train)
        self.validation = [
            Batch(descriptor, validation[k : k + config.batch_size])
            for k in range(0, len(validation), config.batch_size)
        ]
        self.n_validation = len(validation)
        self.config = config
        self.checkpoint = checkpoint
        self.identity = identity
        self.rng = np.random.default_rng(seed)
        self.optimiser = torch.optim.AdamW(
            readout.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
        )
        self.history: list[Epoch] = []
        self.average_gradient = 0.0
        self.best = copy.deepcopy(readout.state_dict())
        self.best_loss = math.inf
        self.batches_per_epoch = math.ceil(len(self.train) / config.batch_size)

    def run(self, advance: Callable[[Epoch], None]) -> None:
        """Train to the end, from a checkpoint if there is one; afterwards the readout is the best.

        advance: called after each epoch; on resumption also for those done before.
        """
        self._resume()
        for epoch in self.history:
            advance(epoch)
        saved = time.monotonic()
        while len(self.history) < self.config.epochs:
            advance(self._epoch())
            if time.monotonic() - saved > self.config.checkpoint_seconds:
                self._save()
                saved = time.monotonic()
        self._save()
        self.readout.load_state_dict(self.best)

    def _epoch(self) -> Epoch:
        number = len(self.history)
        order = self.rng.permutation(len(self.train))
        total = 0.0
        for step in range(self.batches_per_epoch):
            chosen = order[step * self.config.batch_size : (step + 1) * self.config.batch_size]
            done = (number + step / self.batches_per_epoch) / self.config.epochs
            rate = 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * done))
            for group in self.optimiser.param_groups:
                group["lr"] = rate * self.config.learning_rate
            self.optimiser.zero_grad()
            loss = Batch(self.descriptor, [self.train[k] for k in chosen]).loss(self.readout, True)
            if not torch.isfinite(loss):
                raise DataError(
                    f"the training diverged in epoch {number + 1}: lower optimiser.learning_rate"
                )
            (loss / len(chosen)).backward()
            self._clip()
            self.optimiser.step()
            total += loss.item()
        validation = float("nan")
        if self.validation:
            sums = [batch.loss(self.readout, False).item() for batch in self.validation]
            validation = sum(sums) / self.n_validation
        if not self.validation or validation < self.best_loss:
            self.best_loss = validation
            self.best = copy.deepcopy(self.readout.state_dict())
        self.history.append(Epoch(number + 1, total / len(self.train), validation))
        return self.history[-1]

    def _clip(self) -> None:
        """Shorten a gradient far longer than those before it; one frame must not undo the rest."""
        limit = self.config.max_gradient * (self.average_gradient or math.inf)
        norm = float(torch.nn.utils.clip_grad_norm_(self.readout.parameters(), limit))
        norm = min(norm, limit)
        self.average_gradient = (
            0.98 * self.average_gradient + 0.02 * norm if self.average_gradient else norm
        )

    def _state(self) -> dict[str, Any]:
        return {
            "identity": self.identity,
            "readout": self.readout.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "best": self.best,
            "best_loss": self.best_loss,
            "average_gradient": self.average_gradient,
            "rng": repr(self.rng.bit_generator.state),
            "history": [list(dataclasses.astuple(epoch)) for epoch in self.history],
        }

    def _save(self) -> None:
        if self.checkpoint is not None:
            buffer = io.BytesIO()
            torch.save(self._state(), buffer)
            write_atomically(self.checkpoint, buffer.getvalue())

    def _resume(self) -> None:
        if self.checkpoint is None or not self.checkpoint.is_file():
            return
        try:
            state = torch.load(
                self.checkpoint, weights_only=True, map_location=device_of(self.readout)
            )
        except Exception as error:
            raise DataError(f"{self.checkpoint}: not a checkpoint; delete it: {error}") from None
        if not isinstance(state, dict) or state.get("identity") != self.identity:
            raise DataError(
                f"{self.checkpoint}: the checkpoint of another configuration or other data; "
                "delete it to begin anew"
            )
        self.readout.load_state_dict(state["readout"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.best = state["best"]
        self.best_loss = state["best_loss"]
        self.average_gradient = state["average_gradient"]
        self.rng.bit_generator.state = ast.literal_eval(state["rng"])
        self.history = [Epoch(*epoch) for epoch in state["history"]]
