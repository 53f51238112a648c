# SPDX-License-Identifier: BSD-3-Clause
"""However the atoms are spread over ranks, and whatever newton is, the numbers are the same."""

from __future__ import annotations

from pathlib import Path

import ase.build
import numpy as np
import pytest
from ase import Atoms

from lammps_runs import (
    ATM,
    BAR,
    KCAL_PER_EV,
    Observed,
    assert_same,
    data_file,
    empty_box,
    lone_molecule,
    mlip,
    observe,
    run,
    setup_commands,
)

TYPES = ["Si", "O"]


@pytest.fixture
def reference(models: dict[str, Path], crystal: Atoms, tmp_path: Path) -> Observed:
    setup = setup_commands(data_file(tmp_path / "data", crystal, TYPES), crystal)
    return observe(tmp_path, setup, mlip(models["ace-O-Si"], TYPES), ranks=0)


@pytest.mark.parametrize("newton", ["on", "off", "off on", "on off"])
@pytest.mark.parametrize("ranks", [1, 2, 4])
def test_ranks_and_newton(
    ranks: int,
    newton: str,
    reference: Observed,
    models: dict[str, Path],
    crystal: Atoms,
    tmp_path: Path,
) -> None:
    setup = setup_commands(tmp_path / "data", crystal, newton=newton)
    assert_same(observe(tmp_path, setup, mlip(models["ace-O-Si"], TYPES), ranks), reference)


def test_eight_ranks(
    reference: Observed, models: dict[str, Path], crystal: Atoms, tmp_path: Path
) -> None:
    setup = setup_commands(tmp_path / "data", crystal, newton="off")
    assert_same(observe(tmp_path, setup, mlip(models["ace-O-Si"], TYPES), ranks=8), reference)


def test_tiled_decomposition(
    reference: Observed, models: dict[str, Path], crystal: Atoms, tmp_path: Path
) -> None:
    for newton in ("on", "off"):
        setup = setup_commands(tmp_path / "data", crystal, newton=newton, more="comm_style tiled")
        setup += "balance 1.0 rcb\n"
        seen = observe(tmp_path, setup, mlip(models["ace-O-Si"], TYPES), ranks=4)
        assert_same(seen, reference)


def test_ghost_range_follows_cutoff(
    reference: Observed, models: dict[str, Path], crystal: Atoms, tmp_path: Path
) -> None:
    """LAMMPS never lets the ghosts reach less far than the neighbour list."""
    for more in ("comm_modify cutoff 2.0", "neighbor 1.0 multi\ncomm_modify mode multi"):
        setup = setup_commands(tmp_path / "data", crystal) + more + "\n"
        seen = observe(tmp_path, setup, mlip(models["ace-O-Si"], TYPES), ranks=2)
        assert_same(seen, reference)


@pytest.mark.parametrize("newton", ["on", "off"])
def test_trajectory(newton: str, models: dict[str, Path], crystal: Atoms, tmp_path: Path) -> None:
    """Atoms move between ranks; at the end they are where one rank puts them."""
    data = data_file(tmp_path / "data", crystal, TYPES)
    setup = setup_commands(data, crystal, newton=newton)
    pair = mlip(models["table-Si-O"], TYPES)
    md = "velocity all create 1500 4 loop all\nfix nve all nve\ntimestep 0.001\nneighbor 0.3 bin\n"
    alone = observe(tmp_path, setup, pair, ranks=1, steps=60, extra=md)
    shared = observe(tmp_path, setup, pair, ranks=4, steps=60, extra=md)
    assert "Neighbor list builds = 0" not in shared.log
    assert_same(shared, alone, relative=1e-7)  # trajectories part exponentially from rounding
    np.testing.assert_allclose(shared.positions, alone.positions, rtol=0, atol=1e-8)


@pytest.mark.parametrize("newton", ["on", "off"])
def test_ranks_without_atoms(newton: str, models: dict[str, Path], tmp_path: Path) -> None:
    atoms = lone_molecule()
    data = data_file(tmp_path / "data", atoms, TYPES)
    setup = setup_commands(data, atoms, newton=newton, more="processors * 1 1")
    pair = mlip(models["ace-O-Si"], TYPES)
    alone = observe(tmp_path, setup, pair, ranks=1)
    assert np.abs(alone.forces).max() > 0.1
    assert_same(observe(tmp_path, setup, pair, ranks=4), alone)


def test_no_atoms_at_all(models: dict[str, Path], tmp_path: Path) -> None:
    log = run(
        tmp_path,
        f"""
{empty_box(2)}
{mlip(models["ace-O-Si"], TYPES)}
thermo_style custom step pe press
run 2
""",
        ranks=2,
    )
    assert "Loop time" in log


def test_deleted_atoms_and_ids_with_gaps(
    models: dict[str, Path], crystal: Atoms, tmp_path: Path
) -> None:
    rng = np.random.default_rng(2)
    keep = np.sort(rng.permutation(64)[:50])
    ids = 5 * rng.permutation(64) + 3
    data = data_file(tmp_path / "data", crystal, TYPES, ids=ids)
    setup = setup_commands(data, crystal)
    gone = " ".join(str(i) for i in np.delete(ids, keep))
    pair = mlip(models["ace-O-Si"], TYPES)
    # Deleted between two runs, so that every array is too long for the second.
    deleted = observe(
        tmp_path,
        setup,
        pair,
        ranks=2,
        extra=f"run 0\ngroup gone id {gone}\ndelete_atoms group gone compress no",
    )
    data_file(tmp_path / "data", crystal[keep], TYPES, ids=ids[keep])
    assert_same(observe(tmp_path, setup, pair, ranks=1), deleted)


def test_units_real(
    reference: Observed, models: dict[str, Path], crystal: Atoms, tmp_path: Path
) -> None:
    for newton in ("on", "off"):
        setup = setup_commands(tmp_path / "data", crystal, units="real", newton=newton)
        seen = observe(tmp_path, setup, mlip(models["ace-O-Si"], TYPES), ranks=2)
        for name in ("energy", "forces", "energies"):
            setattr(seen, name, getattr(seen, name) / KCAL_PER_EV)
        for name in ("pressure", "stresses", "centroid"):
            setattr(seen, name, getattr(seen, name) / (KCAL_PER_EV * ATM) * BAR)
        assert_same(seen, reference)


def test_many_neighbors(models: dict[str, Path], tmp_path: Path) -> None:
    """More than 600 neighbours in the list, most of them in the skin."""
    atoms = ase.build.bulk("Si", "fcc", a=3.6, cubic=True) * (2, 2, 2)
    atoms.rattle(0.05, seed=1)
    data = data_file(tmp_path / "data", atoms, TYPES)
    setup = setup_commands(data, atoms)
    pair = mlip(models["ace-O-Si"], TYPES)
    near = observe(tmp_path, setup, pair, ranks=0)
    far = observe(tmp_path, setup + "neighbor 7.0 bin\n", pair, ranks=0)
    neighbors = [float(x.split("=")[1]) for x in far.log.splitlines() if "Ave neighs/atom" in x]
    assert neighbors[0] > 600
    assert_same(far, near)
