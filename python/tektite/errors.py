# SPDX-License-Identifier: BSD-3-Clause
"""The exceptions that Tektite raises. Each is also the built-in exception that fits it.

Missing files raise ``FileNotFoundError`` and meaningless arguments ``ValueError``.
"""

from __future__ import annotations


class TektiteError(Exception):
    """Base of the exceptions below."""


class ModelFileError(TektiteError, ValueError):
    """A model file is damaged, not a model file, or written by a newer Tektite."""


class DataError(TektiteError, ValueError):
    """A data file is empty, malformed, or lacks the keys asked for."""


class UnsupportedError(TektiteError, NotImplementedError):
    """Meaningful, but this build, this processor or this model cannot do it."""


class UnknownSpeciesError(TektiteError, ValueError):
    """A chemical element that the model does not know."""


class NotFiniteError(TektiteError, FloatingPointError):
    """A position, energy or force is NaN or infinite."""


class InternalError(TektiteError, RuntimeError):
    """A defect of Tektite itself: please report it."""


class LammpsError(TektiteError, RuntimeError):
    """LAMMPS, MPI or the plugin is missing or does not fit."""


class CloserThanTrainingWarning(UserWarning):
    """Two atoms are closer than any pair of these elements in the training data."""
