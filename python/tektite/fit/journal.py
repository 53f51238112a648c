# SPDX-License-Identifier: BSD-3-Clause
"""A record of what an optimiser asked for, so that a killed run can be played again.

Optimisers of scipy keep their state to themselves. But they are functions of the answers they get:
given the same values and gradients again they ask for the same points again. So every answer is
appended to a file, and a run that was killed is started anew and gets its answers from there, until
they end. That takes milliseconds and leads to the same state, bit for bit.
"""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

_HEADER = struct.Struct("<4sIQI")  # magic, CRC of the question, numbers, CRC of the numbers
_MAGIC = b"tkj1"


class Journal:
    """Answers (arrays of numbers) to questions (arrays, known by their checksum), in order.

    path: the file, which may hold answers of an earlier run; None: nothing is kept. A record cut
    off by a kill, and what comes after a question that was not asked before, is dropped.

    Attributes
    ----------
    replayed : int
        Answers that came from the file.
    """

    def __init__(self, path: Path | None):
        self.replayed = 0
        self._path = path
        self._file: BinaryIO | None = None
        self._old = b""
        self._place = 0
        if path is not None and path.is_file():
            self._old = path.read_bytes()

    def recall(self, question: NDArray[np.float64]) -> NDArray[np.float64] | None:
        """Return the answer of the earlier run, or None if that did not come so far."""
        header = self._old[self._place : self._place + _HEADER.size]
        if len(header) < _HEADER.size:
            return None
        magic, asked, n, check = _HEADER.unpack(header)
        begin = self._place + _HEADER.size
        body = self._old[begin : begin + 8 * n]
        if (
            magic != _MAGIC
            or len(body) < 8 * n
            or asked != zlib.crc32(np.ascontiguousarray(question).tobytes())
            or check != zlib.crc32(body)
        ):
            self._old = self._old[: self._place]
            return None
        self._place = begin + 8 * n
        self.replayed += 1
        return np.frombuffer(body, dtype="<f8").copy()

    def note(self, question: NDArray[np.float64], answer: NDArray[np.float64]) -> None:
        """Append an answer. It is in the hands of the operating system when this returns."""
        if self._path is None:
            return
        if self._file is None:
            self._file = open(self._path, "r+b" if self._path.is_file() else "w+b")
            self._file.truncate(self._place)
            self._file.seek(self._place)
        body = np.ascontiguousarray(answer, dtype="<f8").tobytes()
        asked = zlib.crc32(np.ascontiguousarray(question).tobytes())
        self._file.write(_HEADER.pack(_MAGIC, asked, len(body) // 8, zlib.crc32(body)) + body)
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None
