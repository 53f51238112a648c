# SPDX-License-Identifier: BSD-3-Clause
"""The command line, run in this process."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import ase.build
import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.stress import voigt_6_to_full_3x3_stress
from typer.testing import CliRunner

import tektite
from tektite.cli.app import app


def run(*arguments: object, code: int = 0, width: int = 200) -> str:
    """Output and errors of a command that ends with `code`."""
    result = CliRunner(env={"COLUMNS": str(width), "TERM": "dumb", "NO_COLOR": "1"}).invoke(
        app, [str(a) for a in arguments]
    )
    assert result.exit_code == code, result.output
    assert "Traceback" not in result.output
    return result.output


def error_line(*arguments: object) -> str:
    """The one line that a failing command prints."""
    lines = run(*arguments, code=1).strip().splitlines()
    assert len(lines) == 1, lines
    assert lines[0].startswith("error: ")
    return lines[0]


@pytest.fixture
def data(tmp_path: Path, morse_path: Path) -> Path:
    """Frames of two groups whose reference is the model itself, off by known errors."""
    frames = []
    for k, group in enumerate(["crystal", "crystal", "cluster"]):
        atoms = ase.build.bulk("Si", "fcc", a=3.5 + 0.05 * k, cubic=True)
        atoms.rattle(0.05, seed=k)
        if group == "cluster":
            atoms.pbc = False
            atoms.cell = None
        result = tektite.evaluate(atoms, morse_path)
        atoms.info |= {"group": group, "energy": result.energies[0] + 4e-3}
        atoms.arrays["forces"] = result.forces[0] + 0.1
        if group == "crystal":
            atoms.info["stress"] = voigt_6_to_full_3x3_stress(result.stresses[0])
        frames.append(atoms)
    path = tmp_path / "data.extxyz"
    ase.io.write(path, frames, format="extxyz", write_results=False)
    return path


def test_help_and_version() -> None:
    text = run("--help")
    for command in ("info", "check", "convert", "evaluate", "validate", "fit", "survive", "doctor"):
        assert re.search(rf"^\W*{command}\b", text, re.M)
    assert run("--version") == f"tektite {tektite.__version__}\n"
    assert re.fullmatch(r"\d+\.\d+\.\d+", tektite.__version__)
    assert "Usage" in run("evaluate", code=2)
    assert "No such command" in run("evalaute", code=2)


def test_runs_as_a_program(morse_path: Path) -> None:
    program = "from tektite.cli import main; main()"
    for arguments, code in ((["info", str(morse_path)], 0), (["info", "none.mlip"], 1)):
        done = subprocess.run(
            [sys.executable, "-c", program, *arguments], capture_output=True, text=True
        )
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr


def test_info(model_folder: Path) -> None:
    text = run("info", model_folder / "ace-O-Si.mlip")
    for part in ("family", "ace", "O, Si", "cutoff", "isolated atom O", "functions.coefficients"):
        assert part in text
    assert "reference.positions" not in text
    contents = json.loads(run("info", "--json", model_folder / "ace-O-Si.mlip"))
    assert contents["metadata"]["elements"] == ["O", "Si"]
    assert contents["arrays"]["functions.rank"]["dtype"] == "int32"


def test_info_shows_where_a_model_comes_from(model_folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "a.mlip"
    text = run("convert", model_folder / "zbl-Si.mlip", target, "--level-of-theory", "PBE [500 eV]")
    assert "wrote" in text
    assert "2 reference structures" in text
    text = run("info", target)
    assert "PBE [500 eV]" in text
    assert "source_sha256" in text


def test_check(model_folder: Path, tmp_path: Path) -> None:
    for precision in ("double", "mixed"):
        text = run("check", model_folder / "ace-Si.mlip", "--precision", precision)
        assert "passed" in text
        assert "path taken" in text
    run("convert", model_folder / "ace-Si.mlip", tmp_path / "a.mlip", "--no-references")
    assert "no reference structures" in error_line("check", tmp_path / "a.mlip")
    assert "'single'" in error_line("check", model_folder / "ace-Si.mlip", "--precision", "single")


def test_check_fails_on_another_model(morse_path: Path, tmp_path: Path) -> None:
    import safetensors.numpy

    from tektite import modelfile

    contents = modelfile.read(morse_path)
    contents.arrays["table.values"] *= 1.001
    safetensors.numpy.save_file(
        contents.arrays, tmp_path / "a.mlip", {"tektite": json.dumps(contents.metadata)}
    )
    text = run("check", tmp_path / "a.mlip", code=1)
    assert "does not reproduce the model" in text
    assert "passed" not in text


def test_evaluate(morse_path: Path, data: Path, tmp_path: Path) -> None:
    json_path, plot = tmp_path / "errors.json", tmp_path / "parity.png"
    text = run("evaluate", morse_path, data, "--json", json_path, "--plot", plot)
    rows = {line.split()[1]: line for line in text.splitlines() if "│" in line}
    assert "1.00 / 1.00" in rows["crystal"]
    assert "0.1000 / 0.1000" in rows["cluster"]
    errors = json.loads(json_path.read_text())
    assert errors["groups"]["crystal"]["n_frames"] == 2
    assert errors["all"]["energy"]["rmse"] == pytest.approx(1.0, abs=1e-4)
    assert errors["all"]["force"]["rmse"] == pytest.approx(0.1, abs=1e-6)
    assert errors["groups"]["cluster"]["stress"]["count"] == 0
    assert errors["all"]["stress"]["rmse"] == pytest.approx(0.0, abs=1e-5)
    assert plot.read_bytes().startswith(b"\x89PNG")
    assert json.loads(run("evaluate", morse_path, data, "--json", "-"))["all"] == errors["all"]


def test_evaluate_with_other_keys(morse_path: Path, data: Path) -> None:
    frames = ase.io.read(data, ":")
    for atoms in frames:
        forces, energy = atoms.get_forces(), atoms.get_potential_energy()
        atoms.calc = None
        atoms.info["E"], atoms.arrays["F"], atoms.info["kind"] = energy, forces, "x"
    path = data.with_name("other.xyz")
    ase.io.write(path, frames, format="extxyz")
    keys = ["--energy-key", "E", "--forces-key", "F", "--stress-key", "none", "--group-key", "kind"]
    text = run("evaluate", morse_path, path, *keys)
    assert "1.00 / 1.00" in text
    assert "GPa" not in text
    assert "'energy' for energy; keys found: per frame ['E'" in error_line(
        "evaluate", morse_path, path
    )


def test_evaluate_published_data(shared_data: Path) -> None:
    """The published potential on other people's data, stresses in VASP's convention."""
    output = run(
        "evaluate",
        shared_data / "ace" / "XPOT-Si.yace",
        shared_data / "zuo2020" / "si_zuo2020_test.extxyz",
        "--stress-key",
        "virial_stress_kbar_xx_yy_zz_xy_yz_zx",
        "--stress-convention",
        "vasp-kbar",
        "--json",
        "-",
    )
    errors = json.loads(output)
    assert errors["all"]["n_frames"] == 25
    # Another functional's data: energies are shifted, forces and stresses must be close.
    assert errors["all"]["force"]["rmse"] < 0.3
    assert errors["groups"]["Elastic"]["stress"]["rmse"] < 1.5


def test_errors_are_one_clear_line(morse_path: Path, data: Path, tmp_path: Path) -> None:
    assert "none.mlip" in error_line("info", tmp_path / "none.mlip")
    (tmp_path / "bad.mlip").write_bytes(morse_path.read_bytes()[:-3])
    assert "bad.mlip" in error_line("check", tmp_path / "bad.mlip")
    (tmp_path / "bad.yace").write_text("elements: [Si]\nE0: [0]\n")
    assert "bad.yace" in error_line("convert", tmp_path / "bad.yace", tmp_path / "a.mlip")
    assert not (tmp_path / "a.mlip").exists()
    assert "none.extxyz" in error_line("evaluate", morse_path, tmp_path / "none.extxyz")
    (tmp_path / "empty.extxyz").write_text("")
    assert "empty" in error_line("evaluate", morse_path, tmp_path / "empty.extxyz")
    assert "vasp-kbar" in error_line("evaluate", morse_path, data, "--stress-convention", "kbar")
    alien = Atoms("Ge", info={"energy": 1.0})
    alien.arrays["forces"] = np.zeros((1, 3))
    ase.io.write(tmp_path / "alien.xyz", alien, format="extxyz", write_results=False)
    assert "system 0: atom 0 is Ge" in error_line("evaluate", morse_path, tmp_path / "alien.xyz")
    assert "no folder" in error_line("convert", morse_path, tmp_path / "none" / "a.mlip")


def test_debug_shows_the_traceback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = CliRunner().invoke(app, ["--debug", "info", str(tmp_path / "none.mlip")])
    assert isinstance(result.exception, FileNotFoundError)
    monkeypatch.setenv("TEKTITE_DEBUG", "1")
    result = CliRunner().invoke(app, ["info", str(tmp_path / "none.mlip")])
    assert isinstance(result.exception, FileNotFoundError)


def test_a_defect_is_called_one(morse_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(path: object) -> None:
        raise KeyError("colour")

    monkeypatch.setattr("tektite.potential.load", broken)
    assert "KeyError: 'colour' (a defect of Tektite" in error_line("info", morse_path)
