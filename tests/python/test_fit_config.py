# SPDX-License-Identifier: BSD-3-Clause
from __future__ import annotations

from pathlib import Path

import pytest

from tektite.fit import load_config, parse_config
from tektite.fit.families import load_any
from tektite.fit.reference import documented, update

MINIMAL = {"data": {"train": "train.extxyz"}}


@pytest.mark.parametrize("page", documented())
def test_reference_in_the_documentation_is_up_to_date(page: str) -> None:
    text = (Path(__file__).parents[2] / "docs" / f"{page}.md").read_text(encoding="utf-8")
    assert update(text, documented()[page]) == text, (
        f"run: python -m tektite.fit.reference docs/{page}.md"
    )


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        ({}, ["'data' is missing"]),
        ({"data": {}}, ["'data.train' is missing"]),
        ({**MINIMAL, "bassis": {}}, ["'bassis' is not known", "did you mean 'basis'?"]),
        ({**MINIMAL, "basis": {"cut_off": 5}}, ["'basis.cut_off'", "did you mean 'cutoff'?"]),
        (
            {**MINIMAL, "loss": {"groups": {"Surface": {"force": 2}}}},
            ["'loss.groups.Surface.force' is not known", "energy, forces, stress"],
        ),
        ({**MINIMAL, "basis": {"cutoff": "far"}}, ["'basis.cutoff'"]),
        ({**MINIMAL, "basis": {"n_max": [5, 3]}}, ["'basis'", "one for each rank"]),
        ({**MINIMAL, "elements": ["Sj"]}, ["'elements'", "'Sj' is not a chemical symbol"]),
        ({**MINIMAL, "elements": ["Si", "Si"]}, ["'elements'", "different"]),
        ({**MINIMAL, "isolated_energies": "guess"}, ["'isolated_energies'", "from_data"]),
        ({**MINIMAL, "regression": {"method": "fixed"}}, ["'regression'", "strength"]),
        ({**MINIMAL, "committee": {"members": 1}}, ["'committee.members'", "at least 2"]),
        ({**MINIMAL, "committee": {"kind": "seed"}}, ["committee.kind", "linear fit", "bootstrap"]),
        (
            {**MINIMAL, "committee": {"members": 4}, "regression": {"posterior": False}},
            ["committee", "regression.posterior: true"],
        ),
        ({**MINIMAL, "radial": {"lambda_": 3.0}}, ["'radial.lambda_'", "'lambda'"]),
        ({**MINIMAL, "radial": {"envelope": 1.0}}, ["'radial.envelope'"]),
        ({"data": {"train": "x", "stress_convention": "bar"}}, ["stress_convention", "'bar'"]),
        ("text", ["mapping"]),
    ],
)
def test_errors_name_the_key(content: object, parts: list[str]) -> None:
    with pytest.raises(ValueError) as error:
        parse_config(content, "si.yaml")
    for part in ["si.yaml", *parts]:
        assert part in str(error.value)


def test_all_errors_are_named_at_once() -> None:
    with pytest.raises(ValueError, match=r"'bad'") as error:
        parse_config({**MINIMAL, "bad": 1, "basis": {"worse": 2}}, "x.yaml")
    assert "'basis.worse'" in str(error.value)


def test_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    path = tmp_path / "si.yaml"
    path.write_text("data: {train: [a.extxyz, /b.extxyz], test: c.extxyz}\n")
    config = load_config(path)
    assert config.data.train_files == [tmp_path / "a.extxyz", Path("/b.extxyz")]
    assert config.data.test_files == [tmp_path / "c.extxyz"]
    assert config.output.model == tmp_path / "si.mlip"
    assert config.output.errors == tmp_path / "si.errors.json"
    path.write_text("data: {train: a.extxyz}\noutput: {model: out/m.mlip}\n")
    assert load_config(path).output.errors == tmp_path / "out" / "m.errors.json"


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("data: {train: a\n", "not valid YAML"),
        ("data: {train: a.extxyz}\ndata: {train: b.extxyz}\n", "'data' occurs twice"),
        ("", "mapping"),
    ],
)
def test_malformed_files(tmp_path: Path, text: str, part: str) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(ValueError, match=part) as error:
        load_config(path)
    assert "bad.yaml" in str(error.value)
    with pytest.raises(FileNotFoundError, match=r"none.yaml"):
        load_config(tmp_path / "none.yaml")


def test_family(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    for family, part in [("gpa", "'gpa'; there are: ace, gap, neural"), ("[ace]", "there are")]:
        path.write_text(f"family: {family}\ndata: {{train: a.extxyz}}\n")
        with pytest.raises(ValueError, match=part):
            load_any(path)
    path.write_text("family: gap\ndata: {train: a.extxyz, trian: b}\n")
    with pytest.raises(ValueError, match=r"x.yaml: 'data.trian' is not known; did you mean"):
        load_any(path)
