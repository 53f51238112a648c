# SPDX-License-Identifier: BSD-3-Clause
"""Conversion of other programs' potentials to model files."""

from __future__ import annotations

import os
from pathlib import Path

from tektite import modelfile
from tektite.convert.quip import quip_contents
from tektite.modelfile import ModelContents
from tektite.potential import Potential
from tektite.references import default_references

__all__ = ["convert"]


def _is_xml(path: str | os.PathLike) -> bool:
    path = Path(path).expanduser()
    if not path.is_file():
        return False
    with open(path, "rb") as file:
        return file.read(256).lstrip().startswith(b"<")


def convert(
    source: str | os.PathLike,
    target: str | os.PathLike,
    *,
    level_of_theory: str | None = None,
    authors: str | None = None,
    references: bool = True,
) -> Potential:
    """Convert a ``.yace`` or QUIP's ``gp.xml`` (or rewrite a ``.mlip``) to a ``.mlip`` file.

    Parameters
    ----------
    source, target : str or path
        What to read, and where to write; a file that is there is replaced.
    level_of_theory, authors : str, optional
        Noted in the file.
    references : bool
        Whether to add reference structures (`tektite.references.default_references`), with which
        ``tektite check`` proves the model on another machine.

    Returns
    -------
    Potential
        Loaded from the new file.

    Raises
    ------
    FileNotFoundError, ModelFileError, UnsupportedError
        About the source, as `tektite.load` or, for XML, `tektite.convert.quip_xml.read_gap`.
    OSError
        The target cannot be written.
    """
    contents = ModelContents(*quip_contents(source)) if _is_xml(source) else modelfile.read(source)
    metadata = dict(contents.metadata)
    old = metadata.get("provenance", {})
    new = modelfile.provenance(
        source=Path(source).name,
        source_sha256=modelfile.sha256(source),
        level_of_theory=level_of_theory,
        authors=authors,
    )
    metadata["provenance"] = {**old, **new}
    structures = default_references(metadata["elements"]) if references else []
    return modelfile.write(target, metadata, contents.arrays, structures)
