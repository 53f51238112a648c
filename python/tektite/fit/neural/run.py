# SPDX-License-Identifier: BSD-3-Clause
"""A neural fit from beginning to end."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from tektite.ace import ACE
from tektite.data import Frame
from tektite.errors import DataError
from tektite.evaluation import Evaluation
from tektite.features import AtomFeatures
from tektite.fit.dataset import (
    Distances,
    Target,
    check_groups,
    find_elements,
    isolated_energies,
    make_targets,
    measure_distances,
    read_data,
)
from tektite.fit.export import Contents, baseline_contents, potential_of, sum_contents
from tektite.fit.neural.config import NeuralFitConfig, load_neural_config
from tektite.fit.neural.network import Readout, lone_features, neural_contents
from tektite.fit.neural.training import Epoch, Training
from tektite.fit.radial import cutoffs, make_bonds
from tektite.fit.run import check_output, errors_of, print_errors, write_results
from tektite.potential import Potential, default_threads
from tektite.report import ErrorTable
from tektite.soap import SOAP


@dataclasses.dataclass
class NeuralFitResult:
    """What a neural fit gives.

    potential: the model, isolated atoms and baseline included. contents: metadata and arrays of
    its file, without provenance. histories: losses by epoch, one list a member. train, test:
    errors, None without data. evaluations: predictions for both. warnings: one sentence each.
    """

    potential: Potential
    contents: Contents
    histories: list[list[Epoch]]
    n_parameters: int
    train: ErrorTable
    test: ErrorTable | None
    evaluations: dict[str, Evaluation]
    warnings: list[str]


def _descriptor(
    config: NeuralFitConfig, elements: Sequence[str], distances: Distances, threads: int
) -> AtomFeatures:
    if config.descriptor.kind == "soap":
        parameters = config.descriptor.model_dump(exclude={"kind"})
        return SOAP(elements, threads=threads, **parameters)
    bonds = make_bonds(config.basis, config.radial, elements, distances)
    limits = {key: getattr(config.basis, key) for key in ("n_max", "l_max", "max_degree")}
    return ACE(elements, bonds, **limits, l_weight=config.basis.l_weight, threads=threads)


def _scaling(
    descriptor: AtomFeatures, targets: Sequence[Target], n_elements: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and spread of the features of each element, (n_elements, n_features).

    One spread for all features of an element (the root mean square over them): small components
    are small because they hardly matter, and their noise must not be blown up.
    """
    rows = np.concatenate(descriptor.features([t.frame.atoms for t in targets]))
    species = np.concatenate([t.species for t in targets])
    mean, spread = np.zeros((2, n_elements, descriptor.n_features))
    for e in range(n_elements):
        mine = rows[species == e]
        mean[e] = mine.mean(axis=0)
        each = mine.std(axis=0)
        overall = float(np.sqrt(np.mean(each**2))) or 1.0
        spread[e] = np.maximum(each, 0.1 * overall)
    return mean, spread


def _identity(config: NeuralFitConfig, frames: Sequence[Frame], member: int) -> str:
    """Tells apart fits that must not go on from each other's checkpoints."""
    digest = hashlib.sha256()
    settings = config.model_dump(mode="json", exclude={"data", "output", "threads"})
    settings["optimiser"].pop("checkpoint_seconds")
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

    Parameters
    ----------
    config : NeuralFitConfig
        Its `data` and `output` are not used.
    train, test : sequence of Frame
        As `tektite.data.read_frames` gives them.
    progress : rich.progress.Progress, optional
        Shows how far everything is that takes long.
    say : callable
        Receives a few lines on what is being done.
    checkpoint : Path, optional
        Where checkpoints are kept while the fit runs; ``-0``, ``-1``, ... is added for the member.

    Raises
    ------
    DataError
        The data do not fit together or hold nothing to fit, names file and frame; the training
        diverged; a checkpoint belongs to another fit.
    ValueError
        The configuration makes no sense for these data; names the key.
    """
    progress = progress or Progress(disable=True)
    threads = config.threads or default_threads()
    if not train:
        raise DataError("there are no frames to fit to")
    elements = find_elements(train, config.elements)
    check_groups(train, config.loss)
    if config.descriptor.kind == "ace":
        cutoff = cutoffs(config.basis, elements)
    else:
        cutoff = np.full((len(elements), len(elements)), config.descriptor.cutoff)
    distances = measure_distances(progress.track(train, description="distances"), elements, cutoff)
    energies, source = isolated_energies(
        train, distances.isolated, elements, config.isolated_energies
    )
    baseline = baseline_contents(config.baseline, elements, distances)
    targets = make_targets(
        progress.track(
            [f for f, alone in zip(train, distances.isolated) if not alone], description="baseline"
        ),
        elements,
        energies,
        config.loss,
        None if baseline is None else potential_of(baseline, "baseline"),
    )
    targets = [t for t in targets if t.n_rows > 0]
    if not targets:
        raise DataError("nothing to fit: no frame with neighbours has data of a weight above zero")
    descriptor = _descriptor(config, elements, distances, threads)
    mean, spread = _scaling(descriptor, targets, len(elements))
    alone = lone_features(descriptor)
    scale = float(
        np.std([t.energy / len(t.species) for t in targets if t.energy is not None] or [1.0])
    )
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
        )
        if member == 0:
            n_parameters = sum(p.numel() for p in readout.parameters())
            say(
                f"{descriptor.n_features} features, {n_parameters} parameters a member, "
                f"{len(targets) - n_validation} frames and {n_validation} kept back"
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
    shown = ", ".join(f"{s} {e:.6f}" for s, e in zip(elements, energies))
    say(f"isolated-atom energies ({source}), eV: {shown}")
    neural = neural_contents(
        descriptor, members, config.network.hidden, config.network.activation, energies
    )
    contents = sum_contents(neural, baseline, distances)
    potential = potential_of(contents, "fit")
    evaluations, tables = errors_of(potential, train, test, threads, progress)
    for file in files:
        file.unlink(missing_ok=True)
    return NeuralFitResult(
        potential, contents, histories, n_parameters, tables["train"], tables.get("test"),
        evaluations, [],
    )  # fmt: skip


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
        "warnings": result.warnings,
        "train": result.train.as_dict(),
        "test": None if result.test is None else result.test.as_dict(),
    }


def run_config(
    path: str | Path, console: Console | None = None, restart: bool = False
) -> NeuralFitResult:
    """Fit as a configuration file says, print the errors and write all files.

    restart: forget what a fit that was killed had reached.

    Raises
    ------
    FileNotFoundError
        The configuration or a data file is missing.
    ValueError, DataError
        See `load_neural_config` and `fit_neural_frames`.
    """
    path = Path(path).expanduser()
    config = load_neural_config(path)
    check_output(config.output, path)
    assert config.output.model is not None
    checkpoint = config.output.model.with_suffix(".checkpoint")
    if restart:
        for member in range(config.network.members):
            _member_file(checkpoint, member).unlink(missing_ok=True)
    console = console or Console(file=sys.stdout, highlight=False)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as progress:
        task = progress.add_task("reading data", total=None)
        train = read_data(config.data.train_files, config.data)
        test = read_data(config.data.test_files, config.data)
        progress.remove_task(task)
        result = fit_neural_frames(
            config,
            train,
            test,
            progress,
            console.print,
            checkpoint,
        )
    frames = {"train": train, "test": test}
    write_results(config, result, _summary(result), frames, path)
    print_errors(config.output, result, console)
    return result
