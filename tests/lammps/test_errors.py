# SPDX-License-Identifier: BSD-3-Clause
"""What misuse and bad structures get: a message that says what is wrong and what to do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ase import Atoms

import tektite
from lammps_runs import data_file, in_process, mlip, run, setup_commands
from random_models import morse_table
from tektite import modelfile

TYPES = ["Si", "O"]
GOOD = "pair_style mlip\npair_coeff * * {model} Si O\n"

MISUSE = {
    "unknown keyword": ("pair_style mlip presicion mixed", ["'presicion'", "precision", "threads"]),
    "missing value": ("pair_style mlip precision", ["a value is missing after 'precision'"]),
    "unknown precision": ("pair_style mlip precision single", ["'single'", "double or mixed"]),
    "threads": ("pair_style mlip threads 0", ["threads must be 1 or more, not 0"]),
    "input of another mlip": (
        "pair_style mlip mlip.ini",
        ["'mlip.ini' belongs to", "MLIP-2", "pair_coeff * *"],
    ),
    "input of another mlip, version 3": (
        "pair_style mlip load_from=pot.almtp",
        ["'load_from=pot.almtp' belongs to"],
    ),
    "types named": ("pair_style mlip\npair_coeff 1 1 {model} Si O", ["* *"]),
    "no file": ("pair_style mlip\npair_coeff * *", ["lacks the name of the model file"]),
    "no species": ("pair_style mlip\npair_coeff * * {model}", ["names 0 elements", "2 atom types"]),
    "too few species": ("pair_style mlip\npair_coeff * * {model} Si", ["names 1 elements"]),
    "too many species": ("pair_style mlip\npair_coeff * * {model} Si O O", ["names 3 elements"]),
    "unknown element": (
        "pair_style mlip\npair_coeff * * {model} Si Ge",
        ["no element 'Ge' (type 2)", "it has: O Si"],
    ),
    "NULL alone": ("pair_style mlip\npair_coeff * * {model} Si NULL", ["type 2 is NULL", "hybrid"]),
    "all NULL": (
        "pair_style hybrid mlip zero 3.0\npair_coeff * * mlip {model} NULL NULL",
        ["every type is NULL"],
    ),
    "file missing": (
        "pair_style mlip\npair_coeff * * nowhere.mlip Si O",
        ["cannot read the model file nowhere.mlip", "LAMMPS_POTENTIALS"],
    ),
    "file truncated": (
        "pair_style mlip\npair_coeff * * truncated.mlip Si O",
        ["truncated.mlip"],
    ),
    "not a model": ("pair_style mlip\npair_coeff * * data Si O", ["data"]),
    "coefficients not set": ("pair_style mlip\nrun 0", ["All pair coeffs are not set"]),
    "pair_write": (GOOD + "pair_write 1 1 10 r 1.0 2.0 table x", ["does not support pair_write"]),
    "group/group": (
        GOOD + "compute g all group/group all\nrun 0",
        ["does not support compute group/group"],
    ),
    "inner respa": (
        GOOD + "run_style respa 2 2 inner 1 3.0 4.0 outer 2\nrun 0",
        ["does not support rRESPA inner/middle/outer"],
    ),
    "ghosts of half lists": (
        GOOD + "neighbor 1.0 multi\ncomm_modify mode multi reduce/multi\nrun 0",
        ["full neighbor list"],
    ),
    "no uncertainty": (
        GOOD + "fix u all pair 1 mlip uncertainty 0\nrun 0",
        ["cannot extract", "uncertainty"],
    ),
}


@pytest.mark.parametrize("case", MISUSE)
def test_misuse(case: str, models: dict[str, Path], crystal: Atoms, tmp_path: Path) -> None:
    commands, expected = MISUSE[case]
    data_file(tmp_path / "data", crystal, TYPES)
    whole = models["ace-O-Si"].read_bytes()
    (tmp_path / "truncated.mlip").write_bytes(whole[: len(whole) // 2])
    script = setup_commands(tmp_path / "data", crystal) + commands.format(model=models["ace-O-Si"])
    with pytest.raises(Exception) as error:
        in_process(tmp_path, script + "\n")
    for words in expected:
        assert words in str(error.value)


@pytest.mark.parametrize("units", ["lj", "si", "electron"])
def test_other_units_are_refused(units: str, tmp_path: Path) -> None:
    log = run(
        tmp_path,
        f"units {units}\nregion r block 0 9 0 9 0 9\ncreate_box 1 r\npair_style mlip\n",
        fails=True,
    )
    assert f"units metal or real, not with units {units}" in log


def test_failure_on_all_ranks_is_told_once(tmp_path: Path) -> None:
    log = run(
        tmp_path,
        "units metal\nregion r block 0 9 0 9 0 9\ncreate_box 1 r\npair_style mlip\n"
        "pair_coeff * * nowhere.mlip Si\n",
        ranks=4,
        fails=True,
    )
    assert log.count("cannot read the model file nowhere.mlip") == 1


def test_summary(models: dict[str, Path], crystal: Atoms, tmp_path: Path) -> None:
    """What pair_coeff prints: type to element, cutoff, isolated atoms, precision, path."""
    data_file(tmp_path / "data", crystal, ["Si", "O"])
    log = run(
        tmp_path,
        setup_commands(tmp_path / "data", crystal)
        + f"pair_style mlip\npair_coeff * * {models['ace-O-Si']} Si O\n",
        ranks=2,
    )
    potential = modelfile.load(models["ace-O-Si"])
    assert f"cutoff {potential.cutoff:g} angstrom" in log
    assert "family ace" in log and "double" in log and "1 thread" in log
    assert f"{potential.n_references} reference structures recomputed" in log
    rows = [line.split() for line in log.splitlines() if line.split()[1:2] in (["Si"], ["O"])]
    assert [row[:2] for row in rows] == [["1", "Si"], ["2", "O"]]
    for row in rows:
        expected = potential.isolated_energies[row[1]]
        assert float(row[2]) == pytest.approx(expected, rel=1e-9)


def test_wrong_reference_structures(
    models: dict[str, Path], crystal: Atoms, tmp_path: Path
) -> None:
    """A file whose numbers do not fit its reference structures is refused."""
    contents = modelfile.read(models["table-Si-O"])
    contents.arrays["table.values"] = contents.arrays["table.values"] * 1.01
    raw = modelfile.to_bytes(contents.metadata, contents.arrays)
    (tmp_path / "changed.mlip").write_bytes(raw)
    data_file(tmp_path / "data", crystal, TYPES)
    log = run(
        tmp_path,
        setup_commands(tmp_path / "data", crystal) + mlip(Path("changed.mlip"), TYPES),
        ranks=2,
        fails=True,
    )
    assert "changed.mlip does not give what it gave where it was made" in log
    assert "eV/atom" in log and "tektite check changed.mlip" in log


# ---- structures that no model can make sense of


def pair_of_atoms(distance: float) -> Atoms:
    atoms = Atoms("SiO", [[0, 0, 0], [distance, 0, 0]], cell=[14, 14, 14], pbc=True)
    atoms.positions += 6.0
    return atoms


@pytest.mark.parametrize("ranks", [1, 2])
def test_atoms_at_one_place(ranks: int, models: dict[str, Path], tmp_path: Path) -> None:
    atoms = pair_of_atoms(0.0)
    data_file(tmp_path / "data", atoms, TYPES, ids=[17, 23])
    script = setup_commands(tmp_path / "data", atoms) + mlip(models["ace-O-Si"], TYPES) + "run 0\n"
    log = run(tmp_path, script, ranks=ranks, fails=True)
    assert "at step 0: atoms " in log and "are at the same place" in log
    assert "17 (Si)" in log and "23 (O)" in log


def test_position_not_finite(models: dict[str, Path], crystal: Atoms, tmp_path: Path) -> None:
    """An atom that another force throws to infinity between two neighbour lists."""
    data_file(tmp_path / "data", crystal, TYPES)
    script = f"""
{setup_commands(tmp_path / "data", crystal)}
{mlip(models["ace-O-Si"], TYPES)}
group one id 30
fix push one addforce 1e308 0 0
fix more one addforce 1e308 0 0
fix move all nve
neigh_modify every 100 delay 100 check no
run 5
"""
    log = run(tmp_path, script, ranks=1, fails=True)
    assert "Pair style mlip at step 1: the position of atom 30 (" in log
    assert "is not finite" in log


def test_force_not_finite(tmp_path: Path) -> None:
    """Atoms so close that the repulsion overflows."""
    metadata, arrays = morse_table(["Si", "O"])
    values = arrays["table.values"]
    values[:, 0] = [1e300, -1e308, 1e308]
    arrays["table.first"][:] = 1.0
    modelfile.write(tmp_path / "steep.mlip", metadata, arrays, [])
    atoms = pair_of_atoms(0.001)
    data_file(tmp_path / "data", atoms, TYPES, ids=[17, 23])
    script = setup_commands(tmp_path / "data", atoms)
    script += mlip(Path("steep.mlip"), TYPES) + "run 0\n"
    log = run(tmp_path, script, fails=True)
    assert "Pair style mlip at step 0: the " in log and "not finite" in log
    assert "17 (Si)" in log and "23 (O)" in log and "0.001 angstrom apart" in log


@pytest.mark.parametrize("ranks", [1, 2])
def test_closer_than_training(ranks: int, with_minimum: Path, tmp_path: Path) -> None:
    """Two atoms fly together: one warning that names step, ids, elements, distance; a count."""
    atoms = pair_of_atoms(2.4)
    data_file(tmp_path / "data", atoms, TYPES, ids=[17, 23])
    log = run(
        tmp_path,
        f"""
{setup_commands(tmp_path / "data", atoms)}
pair_style hybrid/overlay mlip zero 5.0
pair_coeff * * mlip {with_minimum.name} Si O
pair_coeff * * zero
velocity all set 0 0 0
set atom 23 vx -180.0
fix move all nve
timestep 0.0003
neigh_modify every 5 delay 0 check no
dump d all custom 1 d.dump id x
dump_modify d sort id format float %.17g
run 40
""",
        ranks=ranks,
    )
    frames = (tmp_path / "d.dump").read_text().split("ITEM: TIMESTEP\n")[1:]
    distances = []
    for frame in frames:
        a, b = (float(line.split()[1]) for line in frame.splitlines()[-2:])
        distances.append(b - a)
    below = [step for step, distance in enumerate(distances) if distance < 1.8]
    assert 3 < len(below) < 40
    assert log.count("the model extrapolates") == 1
    first, closest = below[0], int(np.argmin(distances))
    if ranks == 1:
        assert f"{distances[first]:.4f}".rstrip("0") + f" angstrom apart at step {first}," in log
    assert "17 (Si)" in log and "23 (O)" in log
    assert "the closest such pair in the training data is 1.8" in log
    assert f"in {len(below)} force evaluations" in log
    last_line = next(line for line in log.splitlines() if "force evaluations" in line)
    worst = f"{distances[closest]:.4f}".rstrip("0")
    assert f"{worst} angstrom apart at step {closest}," in last_line


def test_nothing_said_above_the_minimum(with_minimum: Path, tmp_path: Path) -> None:
    atoms = pair_of_atoms(1.801)
    data_file(tmp_path / "data", atoms, TYPES)
    script = setup_commands(tmp_path / "data", atoms) + mlip(with_minimum, TYPES) + "run 0\n"
    log = run(tmp_path, script)
    assert "extrapolates" not in log and "training data" not in log


def test_nothing_half_done_after_an_error(
    models: dict[str, Path], crystal: Atoms, tmp_path: Path
) -> None:
    """In a Python session LAMMPS goes on after a refused command."""
    data = data_file(tmp_path / "data", crystal, TYPES)
    lmp = tektite.lammps(cmdargs=["-log", "none", "-screen", "none"])
    try:
        lmp.commands_string(setup_commands(data, crystal).replace("data data", f"data {data}"))
        lmp.commands_string(mlip(models["table-Si-O"], TYPES))
        lmp.command("run 0")
        before = lmp.get_thermo("pe")
        for refused in (
            f"pair_coeff * * {models['ace-O-Si']} Si Ge",
            "pair_coeff * * nowhere.mlip Si O",
            "pair_style mlip precision single",
        ):
            with pytest.raises(Exception, match="Pair style mlip"):
                lmp.command(refused)
            lmp.command("run 0")
            assert lmp.get_thermo("pe") == pytest.approx(before, rel=1e-12)
        lmp.commands_string(mlip(models["table-Si-O"], TYPES))
        lmp.command("run 0")
        assert lmp.get_thermo("pe") == pytest.approx(before, rel=1e-12)
    finally:
        lmp.close()
