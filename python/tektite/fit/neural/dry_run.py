# SPDX-License-Identifier: BSD-3-Clause
"""`tektite fit --dry-run` of neural fits: features, memory and time, without fitting anything."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence

import numpy as np
import torch
from rich.progress import Progress

from tektite.data import Frame
from tektite.fit.estimate import Estimate, common_numbers, sample
from tektite.fit.neural.config import NeuralFitConfig
from tektite.fit.neural.device import choose_device, describe_device
from tektite.fit.neural.memory import plan_memory
from tektite.fit.neural.network import Readout, lone_features
from tektite.fit.neural.run import prepare_neural
from tektite.fit.neural.training import Batch
from tektite.threads import default_threads


@dataclasses.dataclass(kw_only=True)
class NeuralEstimate(Estimate):
    """What a neural fit will need; device: where networks are evaluated."""

    n_features: int
    members: int
    device: str

    def sizes(self) -> list[tuple[str, str]]:
        """See `Estimate`."""
        return [
            ("features", str(self.n_features)),
            ("members", str(self.members)),
            ("networks on", self.device),
        ]


def estimate(
    config: NeuralFitConfig,
    train: Sequence[Frame],
    test: Sequence[Frame] = (),
    progress: Progress | None = None,
) -> NeuralEstimate:
    """Estimate what `fit_neural_frames` will need; errors as there."""
    progress = progress or Progress(disable=True)
    threads = config.threads or default_threads()
    device = choose_device(config.optimiser.device)
    data, descriptor = prepare_neural(config, train, threads, progress)
    torch.set_num_threads(1)
    shape = (len(data.elements), descriptor.n_features)
    network = config.network
    readout = Readout(
        np.zeros(shape),
        np.ones(shape),
        lone_features(descriptor),
        network.hidden,
        network.activation,
        1.0,
        torch.Generator().manual_seed(0),
    ).to(device)
    some, share = sample(data.targets)
    batches = [
        some[k : k + config.optimiser.batch_size]
        for k in range(0, len(some), config.optimiser.batch_size)
    ]
    times = []
    for training in (True, True, False):  # the first one warms up
        begin = time.perf_counter()
        for batch in batches:
            loss = Batch(descriptor, batch).loss(readout, training)
            if training:
                loss.backward()
        times.append(share * (time.perf_counter() - begin))
    kept_back = config.optimiser.validation
    epoch = (1 - kept_back) * times[1] + kept_back * times[2]
    n_all = sum(f.n_atoms for f in [*train, *test])
    return NeuralEstimate(
        **common_numbers(train, data, threads, plan_memory(config, data, descriptor, n_all)),
        n_parameters=network.members * sum(p.numel() for p in readout.parameters()),
        seconds={"training": config.optimiser.epochs * network.members * epoch},
        n_features=descriptor.n_features,
        members=network.members,
        device=describe_device(device),
    )
