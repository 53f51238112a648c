# SPDX-License-Identifier: BSD-3-Clause
"""Error tables, their JSON and the parity plot."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.units import GPa
from rich.console import Console

from tektite.data import Frame
from tektite.report import ErrorStatistics, ErrorTable, parity_plot


def make_frame(group: str, n: int = 2, **values) -> Frame:
    values = {"energy": None, "forces": None, "stress": None, **values}
    return Frame(Atoms(f"Si{n}", np.zeros((n, 3))), **values, group=group, index=0, source="x")


def test_statistics() -> None:
    statistics = ErrorStatistics()
    assert statistics.rmse is None
    statistics.add([3.0, -4.0])
    statistics.add(np.zeros((2, 1)))
    assert statistics.rmse == pytest.approx(2.5)
    assert statistics.mae == pytest.approx(1.75)
    assert statistics.maximum == 4.0


def test_table_by_group() -> None:
    table = ErrorTable()
    forces, stress = np.ones((2, 3)), np.full(6, GPa)
    solid = make_frame("solid", energy=-1.0, forces=forces, stress=stress)
    table.add(solid, -1.004, forces + 0.5, stress * 3)
    table.add(make_frame("liquid", 4, energy=1.0), 1.008, np.zeros((4, 3)), None)
    table.add(make_frame("liquid", forces=forces), 1.0, forces, np.full(6, np.nan))
    data = json.loads(json.dumps(table.as_dict()))
    assert data["groups"]["solid"]["energy"]["rmse"] == pytest.approx(2.0)
    assert data["groups"]["solid"]["stress"]["mae"] == pytest.approx(2.0)
    assert data["groups"]["liquid"]["n_frames"] == 2
    assert data["groups"]["liquid"]["n_atoms"] == 6
    assert data["groups"]["liquid"]["stress"]["rmse"] is None
    assert data["all"]["energy"]["count"] == 2
    assert data["all"]["force"]["rmse"] == pytest.approx(np.sqrt(0.125))
    console = Console(width=100, record=True, file=open("/dev/null", "w"))
    console.print(table.rich_table("title"))
    text = console.export_text()
    for part in ("title", "solid", "liquid", "meV/atom", "GPa", "2.00 / 2.00", "0.5000 / 0.5000"):
        assert part in text


def test_parity_plot(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    forces = rng.normal(size=(2, 3))
    frames = [
        make_frame("a", energy=1.0, forces=forces, stress=np.ones(6)),
        make_frame("b", energy=2.0, forces=forces),
    ]
    for name in ("plot.png", "plot.svg"):
        parity_plot(
            tmp_path / name, frames, [1.1, 2.1], [forces, forces], [np.ones(6), np.zeros(6)]
        )
        assert (tmp_path / name).stat().st_size > 5000
    parity_plot(tmp_path / "empty.png", [], [], [])
