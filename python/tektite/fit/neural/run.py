# SPDX-License-Identifier: BSD-3-Clause
"""A neural fit from beginning to end."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import Progress

from tektite.ace import ACE
from tektite.data import Frame
from tektite.features import AtomFeatures
from tektite.fit.dataset import Target, WeightsOf
from tektite.fit.export import sum_contents
from tektite.fit.memory import check_memory, limit_of
from tektite.fit.neural.config import NeuralFitConfig
from tektite.fit.neural.device import choose_device, describe_device
from tektite.fit.neural.memory import ADVICE, plan_memory
from tektite.fit.neural.network import Readout, lone_features, neural_contents
from tektite.fit.neural.training import Epoch, Training
from tektite.fit.preparation import Preparation, prepare
from tektite.fit.radial import cutoffs, make_bonds, resolve_cutoff
from tektite.fit.results import BaseFitResult, Frames, common_results, finish
from tektite.fit.weighting import LossWeights
from tektite.potential import Potential
from tektite.soap import SOAP
from tektite.threads import default_threads

# Whose features are in memory at once when their mean is taken.
_FRAMES_AT_ONCE = 256


@dataclasses.dataclass(kw_only=True)
class NeuralFitResult(BaseFitResult):
    """What a neural fit gives, besides what every fit does.

    histories: losses by epoch, one list a member. n_parameters: of each member.
    """

    histories: list[list[Epoch]]
    n_parameters: int


def prepare_neural(
    config: NeuralFitConfig, train: Sequence[Frame], threads: int, progress: Progress
) -> tuple[Preparation, AtomFeatures]:
    """Find all that does not depend on networks; errors as `fit_neural_frames`."""
    with_ace = config.descriptor.kind == "ace"
    basis = resolve_cutoff(config.basis, train) if with_ace else config.basis

    def cutoffs_of(elements: list[str]) -> NDArray[np.float64]:
        if with_ace:
            return cutoffs(basis, elements)
        return np.full((len(elements), len(elements)), config.descriptor.cutoff)

    data = prepare(config, train, cutoffs_of, partial(LossWeights, config.loss), progress)
    if not with_ace:
        parameters = config.descriptor.model_dump(exclude={"kind"})
        return data, SOAP(data.elements, threads=threads, **parameters)
    bonds = make_bonds(basis, config.radial, data.elements, data.distances)
    limits = {key: getattr(basis, key) for key in ("n_max", "l_max", "max_degree", "l_weight")}
    return data, ACE(data.elements, bonds, **limits, threads=threads)


def _scaling(
    descriptor: AtomFeatures, targets: Sequence[Target], n_elements: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and spread of the features of each element, (n_elements, n_features).

    One spread for all features of an element (the root mean square over them): small components
    are small because they hardly matter, and their noise must not be blown up.
    """
    sums, squares = np.zeros((2, n_elements, descriptor.n_features))
    counts, shift = np.zeros(n_elements), np.zeros((n_elements, descriptor.n_features))
    for begin in range(0, len(targets), _FRAMES_AT_ONCE):
        some = targets[begin : begin + _FRAMES_AT_ONCE]
        rows = np.concatenate(descriptor.features([t.frame.atoms for t in some]))
        species = np.concatenate([t.species for t in some])
        for e in range(n_elements):
            mine = rows[species == e]
            if len(mine) and counts[e] == 0:
                # Close to the mean, so that the difference of squares below is exact enough.
                shift[e] = mine.mean(axis=0)
            counts[e] += len(mine)
            sums[e] += (mine - shift[e]).sum(axis=0)
            squares[e] += ((mine - shift[e]) ** 2).sum(axis=0)
    mean = sums / counts[:, None]
    each = np.sqrt(np.maximum(squares / counts[:, None] - mean**2, 0.0))
    overall = np.sqrt(np.mean(each**2, axis=1))
    overall[overall == 0] = 1.0
    return mean + shift, np.maximum(each, 0.1 * overall[:, None])


def _identity(config: NeuralFitConfig, frames: Sequence[Frame], member: int) -> str:
    """Tells apart fits that must not go on from each other's checkpoints."""
    digest = hashlib.sha256()
    settings = config.model_dump(mode="json", exclude={"data", "output", "threads", "memory_limit"})
    for key in ("checkpoint_seconds", "device"):
        settings["optimiser"].pop(key)
    settings["network"].pop("members")
    digest.update(json.dumps([settings, member], sort_keys=True).encode())
    for frame in frames:
        digest.update(frame.atoms.positions.tobytes() + frame.atoms.numbers.tobytes())
        digest.update(repr(frame.energy).encode())
    return digest.hexdigest()


def _member_file(checkpoint: Path, member: int) -> Path:
    return checkpoint.with_name(f"{checkpoint.stem}-{member}{checkpoint.suffix}")


def fit_neural_frames(
    config: NeuralFitConfig,
    train: Sequence[Frame],
    test: Sequence[Frame] = (),
    progress: Progress | None = None,
    say: Callable[[str], None] = lambda text: None,
    checkpoint: Path | None = None,
) -> NeuralFitResult:
    """Fit networks to frames.

    Arguments and errors as `tektite.fit.fit_frames`. checkpoint: where checkpoints are kept while
    the fit runs; ``-0``, ``-1``, ... is added for the member. One that belongs to another fit is a
    DataError, and so is a training that diverges.
    """
    progress = progress or Progress(disable=True)
    threads = config.threads or default_threads()
    data, descriptor = prepare_neural(config, train, threads, progress)
    elements, targets = data.elements, data.targets
    mean, spread = _scaling(descriptor, targets, len(elements))
    alone = lone_features(descriptor)
    scale = float(
        np.std([t.energy / len(t.species) for t in targets if t.energy is not None] or [1.0])
    )
    device = choose_device(config.optimiser.device)
    n_all = sum(f.n_atoms for frames in (train, test) for f in frames)
    plan = plan_memory(config, data, descriptor, n_all)
    check_memory(plan, limit_of(config.memory_limit), say, ADVICE)
    # Operations of torch are small here; its threads would only get in the engine's way.
    torch.set_num_threads(1)
    members, histories, files = [], [], []
    for member in range(config.network.members):
        seed = config.optimiser.seed + 1000 * member
        order = np.random.default_rng(seed).permutation(len(targets))
        n_validation = round(config.optimiser.validation * len(targets))
        if n_validation == len(targets):
            raise ValueError("optimiser.validation keeps all frames back")
        readout = Readout(
            mean,
            spread,
            alone,
            config.network.hidden,
            config.network.activation,
            scale or 1.0,
            torch.Generator().manual_seed(seed),
        ).to(device)
        if member == 0:
            n_parameters = sum(p.numel() for p in readout.parameters())
            say(
                f"{descriptor.n_features} features, {n_parameters} parameters a member, "
                f"{len(targets) - n_validation} frames and {n_validation} kept back; networks on "
                f"{describe_device(device)}"
            )
        if checkpoint is not None:
            files.append(_member_file(checkpoint, member))
        training = Training(
            readout,
            descriptor,
            [targets[k] for k in order[n_validation:]],
            [targets[k] for k in order[:n_validation]],
            config.optimiser,
            seed,
            files[-1] if files else None,
            _identity(config, train, member),
        )
        task = progress.add_task(f"member {member + 1}", total=config.optimiser.epochs)

        def advance(epoch: Epoch, task: Any = task, member: int = member) -> None:
            text = f"member {member + 1}: loss {epoch.train:.4g}"
            if not math.isnan(epoch.validation):
                text += f", validation {epoch.validation:.4g}"
            progress.update(task, completed=epoch.number, description=text)

        training.run(advance)
        members.append(readout)
        histories.append(training.history)
    say(data.describe(data.energies))
    neural = neural_contents(
        descriptor, members, config.network.hidden, config.network.activation, data.energies
    )
    contents = sum_contents(neural, data.baseline, data.distances)
    results = common_results(contents, train, test, threads, progress)
    for file in files:
        file.unlink(missing_ok=True)
    return NeuralFitResult(**results, warnings=[], histories=histories, n_parameters=n_parameters)


def _summary(result: NeuralFitResult) -> dict[str, Any]:
    """Everything that the JSON of errors holds."""
    return {
        "parameters": result.n_parameters,
        "histories": [
            {
                "train": [epoch.train for epoch in history],
                "validation": [
                    None if math.isnan(epoch.validation) else epoch.validation for epoch in history
                ],
            }
            for history in result.histories
        ],
    }


def fit_potential(config: NeuralFitConfig, train: Sequence[Frame]) -> Potential:
    """Fit for nothing but the potential."""
    return fit_neural_frames(config, train).potential


def weights_of(
    config: NeuralFitConfig, frames: Sequence[Frame], elements: Sequence[str]
) -> WeightsOf:
    """Weights of single frames in the loss."""
    return LossWeights(config.loss, frames, elements)


def run(
    config: NeuralFitConfig, frames: Frames, path: Path, progress: Progress, restart: bool
) -> NeuralFitResult:
    """Fit as a configuration of the file `path` says: see `tektite.fit.families.run_config`."""
    assert config.output.model is not None
    console = progress.console
    checkpoint = config.output.model.with_suffix(".checkpoint")
    if restart:
        for member in range(config.network.members):
            _member_file(checkpoint, member).unlink(missing_ok=True)
    train, test = frames["train"], frames["test"]
    result = fit_neural_frames(config, train, test, progress, console.print, checkpoint)
    finish(config, result, _summary(result), frames, path, console)
    return result
