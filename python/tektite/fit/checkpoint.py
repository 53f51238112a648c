# SPDX-License-Identifier: BSD-3-Clause
"""Checkpoints of a training: where it is, so that a run that was killed goes on."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tektite.data import Frame
from tektite.errors import DataError
from tektite.files import write_atomically
from tektite.fit.base_config import BaseFitConfig
from tektite.modelfile import sha256


def fingerprint(config: BaseFitConfig, sets: Mapping[str, Sequence[Frame]]) -> str:
    """SHA-256 of a configuration and of frames: a checkpoint belongs to one such pair."""
    left_out = {"data", "output", "threads", "memory_limit"}
    described = config.model_dump(mode="json", by_alias=True, exclude=left_out)
    training = getattr(config, "training", None)
    if training is not None and training.start is not None:
        described["start"] = sha256(training.start)
    digest = hashlib.sha256(json.dumps(described, sort_keys=True).encode())
    for frames in sets.values():
        for f in frames:
            values = [f.numbers, f.positions, f.cell, f.pbc]
            values += [np.array(v) for v in (f.energy, f.forces, f.stress) if v is not None]
            for array in values:
                digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def checkpoint_folder(config: BaseFitConfig, restart: bool) -> Path:
    """Folder NAME.training beside the model of a configuration; restart: delete it first."""
    assert config.output.model is not None
    folder = config.output.model.with_suffix(".training")
    if restart and folder.is_dir():
        shutil.rmtree(folder)
    return folder


@dataclasses.dataclass
class State:
    """Where a training is.

    stage: stages done. start, best: parameters where the present stage began, and the best so far;
    optimizer: arrays of a stage in progress (Adam); notes: numbers and texts to go on with.
    """

    stage: int
    start: NDArray[np.float64]
    optimizer: dict[str, NDArray]
    notes: dict[str, Any]


class Checkpoint:
    """Folder with the state of one training; None: nothing is kept.

    Raises
    ------
    DataError
        The folder holds the state of another configuration or of other data, or a damaged one.
    """

    def __init__(self, folder: Path | None, belongs_to: str):
        self.folder = folder
        self.belongs_to = belongs_to
        if folder is not None:
            folder.mkdir(exist_ok=True)

    @property
    def _file(self) -> Path | None:
        return None if self.folder is None else self.folder / "state.npz"

    def journal_path(self, stage: int) -> Path | None:
        """Where the journal of a stage is kept."""
        return None if self.folder is None else self.folder / f"stage-{stage}.journal"

    def load(self) -> State | None:
        """Return the state, or None if there is none yet."""
        if self._file is None or not self._file.is_file():
            return None
        try:
            with np.load(io.BytesIO(self._file.read_bytes()), allow_pickle=False) as stored:
                arrays = {name: stored[name] for name in stored.files}
            header = json.loads(str(arrays.pop("header")))
            state = State(header["stage"], arrays.pop("start"), arrays, header["notes"])
        except Exception as error:  # whatever a damaged file provokes in numpy
            raise DataError(
                f"{self._file}: damaged ({error}); delete {self.folder} to begin anew"
            ) from None
        if header["belongs_to"] != self.belongs_to:
            raise DataError(
                f"{self.folder} holds a training of another configuration or other data; "
                "'tektite fit --restart' deletes it and begins anew"
            )
        return state

    def save(self, state: State) -> None:
        """Write the state, atomically."""
        if self._file is None:
            return
        header = {"stage": state.stage, "notes": state.notes, "belongs_to": self.belongs_to}
        buffer = io.BytesIO()
        np.savez(buffer, header=json.dumps(header), start=state.start, **state.optimizer)
        write_atomically(self._file, buffer.getvalue())
