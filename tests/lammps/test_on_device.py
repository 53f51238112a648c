# SPDX-License-Identifier: BSD-3-Clause
"""``pair_style mlip device cuda`` without a device: all that is LAMMPS's side equals the CPU."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms

from device_libraries import LIBRARIES, library
from lammps_runs import (
    Observed,
    assert_same,
    data_file,
    empty_box,
    lone_molecule,
    mlip,
    observe,
    run,
    setup_commands,
    thermo_rows,
)

TYPES = ["Si", "O"]
THERMO = "thermo_style custom step pe press\nthermo_modify format float %25.17g\n"
MD = "velocity all create 1500 4 loop all\nfix nve all nve\ntimestep 0.001\n"


@pytest.fixture(params=list(LIBRARIES), autouse=True)
def device(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("TEKTITE_CUDA_LIBRARY", library(request.param))
    return request.param


# For what the double alone can do: fail.
only_double = pytest.mark.parametrize("device", ["double"], indirect=True)


def both(
    folder: Path, setup: str, model: Path, ranks: int = 1, settings: str = "", **more
) -> tuple[Observed, Observed]:
    """The same run with device cpu and device cuda."""
    cpu = observe(folder, setup, mlip(model, TYPES, settings), ranks, **more)
    return cpu, observe(folder, setup, mlip(model, TYPES, f"{settings} device cuda"), ranks, **more)


@pytest.mark.parametrize(
    ("model", "ranks", "newton"),
    [
        ("ace-O-Si", 1, "on"),
        ("ace-O-Si", 4, "off"),
        ("ace-O-Si", 2, "off on"),
        ("sum-Si-O", 4, "on"),
        ("gap-O-Si", 1, "off"),
    ],
)
def test_equals_cpu(
    model: str,
    ranks: int,
    newton: str,
    models: dict[str, Path],
    crystal: Atoms,
    tmp_path: Path,
) -> None:
    setup = setup_commands(data_file(tmp_path / "data", crystal, TYPES), crystal, newton=newton)
    cpu, gpu = both(tmp_path, setup, models[model], ranks)
    assert "Neighbor list info" in cpu.log and "Nlocal" in gpu.log
    # No list: neither asked for nor built.
    assert "1 neighbor lists" in cpu.log and "1 neighbor lists" not in gpu.log
    assert_same(gpu, cpu)


def test_mixed_precision(models: dict[str, Path], crystal: Atoms, tmp_path: Path) -> None:
    setup = setup_commands(data_file(tmp_path / "data", crystal, TYPES), crystal)
    cpu, gpu = both(tmp_path, setup, models["ace-O-Si"], 2, "precision mixed")
    assert re.search(r"Tektite [^\n]*: [^\n]*device 0[^\n]*mixed", gpu.log)
    assert_same(gpu, cpu, relative=2e-5)
    assert not np.array_equal(gpu.forces, both(tmp_path, setup, models["ace-O-Si"], 2)[1].forces)


def test_units_real(models: dict[str, Path], crystal: Atoms, tmp_path: Path) -> None:
    """A factor between the engine's numbers and LAMMPS's."""
    data = data_file(tmp_path / "data", crystal, TYPES)
    setup = setup_commands(data, crystal, units="real", newton="off")
    cpu, gpu = both(tmp_path, setup, models["ace-O-Si"], 2)
    assert_same(gpu, cpu)


@pytest.mark.parametrize("newton", ["on", "off"])
def test_trajectory(newton: str, models: dict[str, Path], crystal: Atoms, tmp_path: Path) -> None:
    """Lists are kept and made anew as LAMMPS says; atoms change ranks."""
    setup = setup_commands(data_file(tmp_path / "data", crystal, TYPES), crystal, newton=newton)
    cpu, gpu = both(tmp_path, setup, models["smooth"], 4, steps=60, extra=MD + "neighbor 0.3 bin\n")
    for seen in (cpu, gpu):
        assert "Neighbor list builds = 0" not in seen.log
    np.testing.assert_allclose(gpu.positions, cpu.positions, rtol=0, atol=1e-9)
    assert_same(gpu, cpu, relative=1e-8)


def test_barostat(models: dict[str, Path], crystal: Atoms, tmp_path: Path) -> None:
    """The box changes at every step, the list does not."""
    setup = setup_commands(data_file(tmp_path / "data", crystal, TYPES), crystal)
    npt = "velocity all create 900 4 loop all\nfix npt all npt temp 900 900 0.1 tri 0 0 0.5\n"
    cpu, gpu = both(tmp_path, setup, models["smooth"], 2, steps=40, extra=npt)
    np.testing.assert_allclose(gpu.positions, cpu.positions, rtol=0, atol=1e-9)


def test_no_edges_between_runs(models: dict[str, Path], crystal: Atoms, tmp_path: Path) -> None:
    """Minimisation, another run without setup, deleted atoms, changed types: no stale list."""
    data = data_file(tmp_path / "data", crystal, TYPES)
    extra = f"""
min_style cg
minimize 0 1e-3 12 30
{MD}
run 5
run 5 pre no
group gone id 7 8 9 20:40:5
delete_atoms group gone compress no
run 2
set atom 50*60 type 2
"""
    cpu, gpu = both(
        tmp_path, setup_commands(data, crystal), models["smooth"], 2, steps=3, extra=extra
    )
    assert len(cpu.ids) == 64 - 8
    np.testing.assert_allclose(gpu.positions, cpu.positions, rtol=0, atol=1e-8)
    assert_same(gpu, cpu, relative=1e-7)


def test_types_change_without_a_new_list(
    models: dict[str, Path], crystal: Atoms, tmp_path: Path
) -> None:
    setup = setup_commands(data_file(tmp_path / "data", crystal, TYPES), crystal)
    swap = f"{MD}fix swap all atom/swap 1 20 29494 3000 ke no types 1 2\nneigh_modify delay 50\n"
    cpu, gpu = both(tmp_path, setup, models["smooth"], 2, steps=4, extra=swap)
    np.testing.assert_allclose(gpu.positions, cpu.positions, rtol=0, atol=1e-9)
    np.testing.assert_allclose(gpu.energies, cpu.energies, rtol=0, atol=1e-7)


@pytest.mark.parametrize("newton", ["on", "off"])
def test_ranks_without_atoms(newton: str, models: dict[str, Path], tmp_path: Path) -> None:
    atoms = lone_molecule()
    data = data_file(tmp_path / "data", atoms, TYPES)
    setup = setup_commands(data, atoms, newton=newton, more="processors * 1 1")
    cpu, gpu = both(tmp_path, setup, models["ace-O-Si"], 4)
    assert np.abs(cpu.forces).max() > 0.1
    assert_same(gpu, cpu)


def test_no_atoms_at_all(models: dict[str, Path], tmp_path: Path) -> None:
    pair = mlip(models["ace-O-Si"], TYPES, "device cuda")
    assert "Loop time" in run(tmp_path, f"{empty_box(2)}{pair}run 2\n", ranks=2)


def test_wide_ghosts_and_multi(models: dict[str, Path], crystal: Atoms, tmp_path: Path) -> None:
    """However LAMMPS is told to make ghosts, they reach as far as the model's cutoff and skin."""
    data = data_file(tmp_path / "data", crystal, TYPES)
    reference, _ = both(tmp_path, setup_commands(data, crystal), models["ace-O-Si"], 2)
    pair = mlip(models["ace-O-Si"], TYPES, "device cuda")
    for more in (
        "comm_modify cutoff 2.0",
        "comm_modify cutoff 9.5",
        "neighbor 1.0 multi\ncomm_modify mode multi",
        "comm_style tiled\nbalance 1.0 rcb",
    ):
        setup = setup_commands(data, crystal) + more + "\n"
        assert_same(observe(tmp_path, setup, pair, ranks=2), reference)


def test_overlay_and_unseen_types(models: dict[str, Path], crystal: Atoms, tmp_path: Path) -> None:
    setup = setup_commands(data_file(tmp_path / "data", crystal, TYPES), crystal)
    seen = []
    for where in ("cpu", "cuda"):
        pair = f"""
pair_style hybrid/overlay mlip device {where} lj/cut 4.0
pair_coeff * * mlip {models["ace-O-Si"]} Si NULL
pair_coeff * * lj/cut 0.02 2.0
"""
        seen.append(observe(tmp_path, setup, pair, ranks=2))
    assert_same(seen[1], seen[0])


def test_scale(models: dict[str, Path], crystal: Atoms, tmp_path: Path) -> None:
    setup = setup_commands(data_file(tmp_path / "data", crystal, TYPES), crystal)
    whole = "fix adapt all adapt 1 pair mlip scale * * v_half\nvariable half equal 0.25\n"
    cpu, gpu = both(tmp_path, setup, models["ace-O-Si"], 2, extra=whole)
    assert_same(gpu, cpu)
    one = (
        "variable one equal 0.25\nvariable other equal -1.5\n"
        "fix adapt all adapt 1 pair mlip scale 1 1 v_one pair mlip scale 2 2 v_other\n"
    )
    cpu, gpu = both(tmp_path, setup, models["ace-O-Si"], 2, extra=one)
    assert_same(gpu, cpu)


def test_atoms_beyond_the_skin(models: dict[str, Path], crystal: Atoms, tmp_path: Path) -> None:
    """A list that LAMMPS makes too late is told, once."""
    setup = setup_commands(data_file(tmp_path / "data", crystal, TYPES), crystal)
    pair = mlip(models["ace-O-Si"], TYPES, "device cuda")
    move = "neigh_modify every 1000 delay 1000 check no\nfix move all move linear 40.0 0 0\n"
    for steps, warned in ((2, False), (40, True)):
        log = run(tmp_path, f"{setup}{pair}{move}run {steps}\n")
        assert log.count("more than half of the skin") == warned


REFUSED = {
    "excluded pairs": ("{pair}neigh_modify exclude type 1 2\nrun 0", "neigh_modify exclude"),
    "reduced ghosts": (
        "neighbor 1.0 multi\ncomm_modify mode multi reduce/multi\n{pair}run 0",
        "multi/reduce",
    ),
    "another style's pairs": (
        "pair_style hybrid mlip device cuda lj/cut 4.0\npair_coeff * * mlip {model} Si O\n"
        "pair_coeff 1 2 lj/cut 0.02 2.0\nrun 0",
        "it cannot leave the pairs of types 1 and 2 to another sub-style",
    ),
    "threads": ("pair_style mlip device cuda threads 2", "threads are for device cpu"),
    "a wrong device": ("pair_style mlip device gpu", "device is cpu or cuda, not 'gpu'"),
    "a wrong choice": ("pair_style mlip deterministic on", "deterministic is yes or no, not 'on'"),
    "a wrong keyword": ("pair_style mlip devise cuda", "does not know the keyword 'devise'"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case: str, models: dict[str, Path], crystal: Atoms, tmp_path: Path) -> None:
    commands, message = REFUSED[case]
    setup = setup_commands(data_file(tmp_path / "data", crystal, TYPES), crystal)
    pair = mlip(models["ace-O-Si"], TYPES, "device cuda")
    log = run(
        tmp_path, setup + commands.format(pair=pair, model=models["ace-O-Si"]), ranks=2, fails=True
    )
    assert message in " ".join(log.split())


def test_bonded_pairs(models: dict[str, Path], tmp_path: Path) -> None:
    """Special bonds leave out pairs; a device cannot."""
    (tmp_path / "data").write_text(
        "bonds\n\n3 atoms\n1 bonds\n2 atom types\n1 bond types\n0 20 xlo xhi\n0 20 ylo yhi\n"
        "0 20 zlo zhi\n\nMasses\n\n1 28\n2 16\n\nAtoms # bond\n\n1 1 1 1 1 1\n2 1 2 2.6 1.2 1\n"
        "3 1 1 1.3 2.9 1.4\n\nBonds\n\n1 1 1 2\n"
    )
    for special, fails in (("", True), ("special_bonds lj/coul 1 1 1\n", False)):
        log = run(
            tmp_path,
            f"units metal\natom_style bond\nread_data data\nbond_style zero\nbond_coeff * 1.6\n"
            f"{special}{mlip(models['ace-O-Si'], TYPES, 'device cuda')}run 0\n",
            fails=fails,
        )
        assert ("it cannot leave out bonded pairs" in log) == fails


def test_same_place(models: dict[str, Path], crystal: Atoms, tmp_path: Path) -> None:
    crystal.positions[12] = crystal.positions[40]
    setup = setup_commands(data_file(tmp_path / "data", crystal, TYPES), crystal)
    pair = mlip(models["ace-O-Si"], TYPES, "device cuda")
    log = " ".join(run(tmp_path, f"{setup}{pair}run 0\n", fails=True).split())
    assert re.search(r"atoms (13|41) \(\w+\) and (13|41) \(\w+\) are at the same place", log)


def test_closer_than_training(with_minimum: Path, tmp_path: Path) -> None:
    """The same warning as on the CPU."""
    places = [[1, 1, 1], [2.9, 1, 1], [4, 4, 4], [5.7, 4, 4]]
    atoms = Atoms("Si2OSi", places, cell=[12, 12, 12], pbc=True)
    setup = setup_commands(data_file(tmp_path / "data", atoms, TYPES), atoms)
    said = []
    for settings, ranks in (("", 1), ("device cuda", 1), ("device cuda", 4)):
        log = run(tmp_path, f"{setup}{mlip(with_minimum, TYPES, settings)}run 0\n", ranks=ranks)
        said.append(re.findall(r"WARNING: Pair style mlip: (.*extrapolates)", log))
    assert len(said[0]) == 1 and re.search(r"atoms [12] .* [12] .* are 1.9 ang.* is 2:", said[0][0])
    assert said[1] == said[0] and len(said[2]) == 1


def test_repeated_pair_style(models: dict[str, Path], crystal: Atoms, tmp_path: Path) -> None:
    """The coefficients stay; the model moves between CPU and device."""
    setup = setup_commands(data_file(tmp_path / "data", crystal, TYPES), crystal)
    commands = setup + mlip(models["ace-O-Si"], TYPES) + THERMO + "run 0\n"
    for settings in ("device cuda", "device cuda deterministic yes", ""):
        commands += f"pair_style mlip {settings}\nrun 0\n"
    log = run(tmp_path, commands, ranks=2)
    energies = [row["PotEng"] for row in thermo_rows(log)]
    assert len(energies) == 4
    np.testing.assert_allclose(energies, energies[0], rtol=1e-12)
    paths = re.findall(r"  Tektite \S+: (.*)", log)
    assert ["device 0" in path for path in paths] == [False, True, True, False]
    assert "deterministic" in paths[2] and "deterministic" not in paths[1]


@only_double
def test_restart(
    models: dict[str, Path],
    crystal: Atoms,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    setup = setup_commands(data_file(tmp_path / "data", crystal, TYPES), crystal)
    pair = mlip(models["ace-O-Si"], TYPES, "device cuda deterministic yes precision mixed")
    written = run(tmp_path, f"{setup}{pair}{THERMO}run 0\nwrite_restart restart\n", ranks=2)
    again = f"read_restart restart\n{THERMO}run 0\n"
    log = run(tmp_path, again, ranks=2)
    assert "device 0, mixed, deterministic" in log
    for name, value in thermo_rows(written)[-1].items():
        assert thermo_rows(log)[-1][name] == pytest.approx(value, rel=1e-12)
    # Where there is no device.
    monkeypatch.setenv("TEKTITE_DEVICE_DOUBLE", "no-card")
    log = run(tmp_path, again, ranks=2, fails=True)
    assert "asks for device cuda, but there is no device 0" in log
    anew = f"read_restart restart\n{mlip(models['ace-O-Si'], TYPES)}{THERMO}run 0\n"
    energy = thermo_rows(run(tmp_path, anew, ranks=2))[-1]["PotEng"]
    assert energy == pytest.approx(thermo_rows(written)[-1]["PotEng"], rel=1e-6)


@only_double
def test_ranks_share_devices(models: dict[str, Path], crystal: Atoms, tmp_path: Path) -> None:
    """The double has two devices."""
    setup = setup_commands(data_file(tmp_path / "data", crystal, TYPES), crystal)
    pair = mlip(models["ace-O-Si"], TYPES, "device cuda")
    log = run(tmp_path, f"{setup}{pair}run 0\n", ranks=4)
    assert re.search(r"  device 0 of \S+: ranks 0 2\n  device 1 of \S+: ranks 1 3\n", log)
    assert re.search(r"Pair style mlip: .* centres in .*; \S+ MB on the device for the rank", log)
    alone = run(tmp_path, f"{setup}{pair}run 0\n", ranks=1)
    assert re.search(r"  device 0 of \S+: rank 0\n", alone) and "device 1" not in alone


@only_double
@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("no-driver", "there is no CUDA driver on this machine"),
        ("no-card", "there is no device 0"),
        ("other-version", "belongs to version 0.0.1 of Tektite"),
        ("out-of-memory", "the device's memory is full: 12 atoms would fit"),
        ("device-lost", "the device failed: launch failure"),
    ],
)
def test_device_errors(
    how: str,
    message: str,
    models: dict[str, Path],
    crystal: Atoms,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TEKTITE_DEVICE_DOUBLE", how)
    setup = setup_commands(data_file(tmp_path / "data", crystal, TYPES), crystal)
    pair = mlip(models["ace-O-Si"], TYPES, "device cuda")
    log = run(tmp_path, f"{setup}{pair}run 0\n", ranks=2, fails=True)
    assert message in log
    assert "timestep" not in log.split(message)[1].split("\n")[0]


@only_double
def test_no_device_library(
    models: dict[str, Path],
    crystal: Atoms,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TEKTITE_CUDA_LIBRARY", str(tmp_path / "nothing.so"))
    setup = setup_commands(data_file(tmp_path / "data", crystal, TYPES), crystal)
    pair = mlip(models["ace-O-Si"], TYPES, "device cuda")
    log = run(tmp_path, f"{setup}{pair}run 0\n", ranks=2, fails=True)
    assert "there is no device library" in log and "nothing.so" in log
