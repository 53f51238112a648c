# SPDX-License-Identifier: BSD-3-Clause
"""The pair style beside others: hybrid, hybrid/overlay, scaled, excluded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ase import Atoms

import tektite
from lammps_runs import (
    Observed,
    assert_same,
    data_file,
    in_process,
    mlip,
    observe,
    run,
    setup_commands,
    thermo_rows,
)

TYPES = ["Si", "O"]
QUANTITIES = ("energy", "forces", "pressure", "energies", "stresses", "centroid")
LJ = "lj/cut 4.0"
LJ_COEFFICIENTS = "* * lj/cut 0.02 2.0"


def combine(*terms: tuple[float, Observed]) -> Observed:
    first = terms[0][1]
    sums = {
        name: sum(factor * np.asarray(getattr(part, name)) for factor, part in terms)
        for name in QUANTITIES
    }
    return Observed(ids=first.ids, positions=first.positions, log="", **sums)


@pytest.mark.parametrize("newton", ["on", "off"])
def test_overlay_adds(newton: str, models: dict[str, Path], crystal: Atoms, tmp_path: Path) -> None:
    data = data_file(tmp_path / "data", crystal, TYPES)
    setup = setup_commands(data, crystal, newton=newton)
    model = models["ace-O-Si"]
    together = observe(
        tmp_path,
        setup,
        f"pair_style hybrid/overlay mlip precision double {LJ}\n"
        f"pair_coeff * * mlip {model} Si O\npair_coeff {LJ_COEFFICIENTS}",
        ranks=2,
    )
    ours = observe(tmp_path, setup, mlip(model, TYPES), ranks=2)
    lj = observe(tmp_path, setup, f"pair_style {LJ}\npair_coeff * * 0.02 2.0", ranks=2)
    assert_same(together, combine((1, ours), (1, lj)))


def test_two_models_in_one_overlay(models: dict[str, Path], crystal: Atoms, tmp_path: Path) -> None:
    data = data_file(tmp_path / "data", crystal, TYPES)
    setup = setup_commands(data, crystal, newton="off")
    a, b = models["ace-O-Si"], models["table-Si-O"]
    together = observe(
        tmp_path,
        setup,
        "pair_style hybrid/overlay mlip mlip\n"
        f"pair_coeff * * mlip 1 {a} Si O\npair_coeff * * mlip 2 {b} Si O",
        ranks=2,
    )
    parts = [observe(tmp_path, setup, mlip(model, TYPES), ranks=2) for model in (a, b)]
    assert_same(together, combine((1, parts[0]), (1, parts[1])))


@pytest.mark.parametrize("newton", ["on", "off"])
def test_null_types_are_not_seen(
    newton: str, models: dict[str, Path], crystal: Atoms, tmp_path: Path
) -> None:
    """Si by the model, everything with O by Lennard-Jones: as if each were alone."""
    data = data_file(tmp_path / "data", crystal, TYPES)
    setup = setup_commands(data, crystal, newton=newton)
    model = models["ace-Si"]
    together = observe(
        tmp_path,
        setup,
        f"pair_style hybrid mlip {LJ}\npair_coeff * * mlip {model} Si NULL\n"
        "pair_coeff 1 2 lj/cut 0.02 2.0\npair_coeff 2 2 lj/cut 0.03 2.1",
        ranks=2,
    )
    assert "not seen by this style" in together.log
    lj = observe(
        tmp_path,
        setup,
        f"pair_style hybrid {LJ} zero 4.0\npair_coeff 1 1 zero\n"
        "pair_coeff 1 2 lj/cut 0.02 2.0\npair_coeff 2 2 lj/cut 0.03 2.1",
        ranks=1,
    )
    silicon = crystal[crystal.symbols == "Si"]
    alone = tektite.load(model).make_evaluator(threads=1)
    expected = alone.evaluate(silicon.numbers, silicon.positions, silicon.cell.array, True)
    forces = lj.forces.copy()
    forces[crystal.symbols == "Si"] += expected["forces"]
    size = np.abs(forces).max()
    np.testing.assert_allclose(together.forces, forces, rtol=0, atol=1e-10 * size)
    energies = lj.energies.copy()
    energies[crystal.symbols == "Si"] += expected["energies"]
    np.testing.assert_allclose(together.energies, energies, rtol=0, atol=1e-10)
    assert together.energy == pytest.approx(lj.energy + expected["energy"], abs=1e-9)


def test_overlay_with_null(models: dict[str, Path], crystal: Atoms, tmp_path: Path) -> None:
    """Under overlay another style may act on every pair, also on those that the model sees."""
    data = data_file(tmp_path / "data", crystal, TYPES)
    setup = setup_commands(data, crystal)
    model = models["ace-Si"]
    together = observe(
        tmp_path,
        setup,
        f"pair_style hybrid/overlay mlip {LJ}\npair_coeff * * mlip {model} NULL O\n".replace(
            "NULL O", "Si NULL"
        )
        + f"pair_coeff {LJ_COEFFICIENTS}",
        ranks=1,
    )
    lj = observe(tmp_path, setup, f"pair_style {LJ}\npair_coeff * * 0.02 2.0", ranks=1)
    silicon = crystal[crystal.symbols == "Si"]
    expected = (
        tektite.load(model)
        .make_evaluator(threads=1)
        .evaluate(silicon.numbers, silicon.positions, silicon.cell.array, True)
    )
    forces = lj.forces.copy()
    forces[crystal.symbols == "Si"] += expected["forces"]
    np.testing.assert_allclose(together.forces, forces, rtol=0, atol=1e-10 * np.abs(forces).max())


@pytest.mark.parametrize("newton", ["on", "off"])
@pytest.mark.parametrize("units", ["metal", "real"])
def test_scale(
    units: str, newton: str, models: dict[str, Path], crystal: Atoms, tmp_path: Path
) -> None:
    """Fix adapt scales the energies of the centres of a type, and all that follows from them."""
    data = data_file(tmp_path / "data", crystal, TYPES)
    setup = setup_commands(data, crystal, units=units, newton=newton)
    pair = mlip(models["ace-O-Si"], TYPES)

    def scaled(silicon: float, oxygen: float) -> Observed:
        extra = (
            f"variable a equal {silicon}\nvariable b equal {oxygen}\n"
            "fix adapt all adapt 1 pair mlip scale 1 1 v_a pair mlip scale 2 2 v_b\n"
        )
        return observe(tmp_path, setup, pair, ranks=2, extra=extra)

    whole = observe(tmp_path, setup, pair, ranks=2)
    silicon, oxygen = scaled(1, 0), scaled(0, 1)
    assert np.abs(silicon.forces).max() > 0.1 and np.abs(oxygen.forces).max() > 0.1
    assert_same(combine((1, silicon), (1, oxygen)), whole)
    assert_same(combine((0.3, silicon), (-2.5, oxygen)), scaled(0.3, -2.5))
    assert_same(combine((0.7, whole)), scaled(0.7, 0.7))


def test_excluded_pairs_are_not_seen(
    models: dict[str, Path], crystal: Atoms, tmp_path: Path
) -> None:
    data = data_file(tmp_path / "data", crystal, TYPES)
    setup = setup_commands(data, crystal)
    seen = observe(
        tmp_path,
        setup,
        mlip(models["table-Si-O"], TYPES),
        extra="neigh_modify exclude type 1 2",
        ranks=2,
    )
    evaluator = tektite.load(models["table-Si-O"]).make_evaluator(threads=1)
    for symbol in TYPES:
        chosen = crystal.symbols == symbol
        part = crystal[chosen]
        expected = evaluator.evaluate(part.numbers, part.positions, part.cell.array, True)
        np.testing.assert_allclose(seen.forces[chosen], expected["forces"], rtol=0, atol=1e-10)


def test_molecular_atoms(models: dict[str, Path], tmp_path: Path) -> None:
    """Neighbours that are bonded carry marks in the list's upper bits."""
    atoms = Atoms("OSiO", [[0, 0, 0], [1.9, 0, 0], [2.3, 1.7, 0.4]], cell=[12, 12, 12], pbc=True)
    atoms.positions += 3.0
    lines = ["bonds", "", "3 atoms", "2 atom types", "1 bond types", "2 bonds", ""]
    lines += ["0 12 xlo xhi", "0 12 ylo yhi", "0 12 zlo zhi", "", "Masses", "", "1 28", "2 16", ""]
    lines += ["Atoms # bond", ""]
    for i, (symbol, r) in enumerate(zip(atoms.symbols, atoms.positions), 1):
        lines.append(f"{i} 1 {TYPES.index(symbol) + 1} " + " ".join(repr(float(x)) for x in r))
    lines += ["", "Bonds", "", "1 1 1 2", "2 1 2 3"]
    (tmp_path / "data").write_text("\n".join(lines) + "\n")
    setup = """
units metal
atom_style bond
special_bonds lj/coul 0.5 0.5 0.5
read_data data
bond_style zero
bond_coeff *
"""
    seen = observe(tmp_path, setup, mlip(models["ace-O-Si"], TYPES), ranks=0)
    evaluator = tektite.load(models["ace-O-Si"]).make_evaluator(threads=1)
    expected = evaluator.evaluate(atoms.numbers, atoms.positions)
    np.testing.assert_allclose(seen.forces, expected["forces"], rtol=0, atol=1e-9)


def test_swapped_types(models: dict[str, Path], crystal: Atoms, tmp_path: Path) -> None:
    """Fix atom/swap changes types without a new neighbour list."""
    data_file(tmp_path / "data", crystal, TYPES)
    log = run(
        tmp_path,
        f"""
{setup_commands(tmp_path / "data", crystal)}
{mlip(models["ace-O-Si"], TYPES)}
fix swap all atom/swap 1 5 12345 50000.0 ke no types 1 2
neigh_modify every 1000 delay 1000 check no
thermo_style custom step pe f_swap[2]
thermo_modify format float %25.17g
run 4
write_dump all custom swapped.dump id type x y z modify sort id format float %.17g
""",
        ranks=2,
    )
    last = thermo_rows(log)[-1]
    assert last["f_swap[2]"] > 0
    table = np.loadtxt(tmp_path / "swapped.dump", skiprows=9)
    swapped = Atoms(
        [TYPES[int(t) - 1] for t in table[:, 1]], table[:, 2:5], cell=crystal.cell, pbc=True
    )
    assert list(swapped.symbols) != list(crystal.symbols)
    evaluator = tektite.load(models["ace-O-Si"]).make_evaluator(threads=1)
    expected = evaluator.evaluate(swapped.numbers, swapped.positions, swapped.cell.array, True)[
        "energy"
    ]
    assert last["PotEng"] == pytest.approx(expected, rel=1e-10)


def test_respa_as_one_level(models: dict[str, Path], crystal: Atoms, tmp_path: Path) -> None:
    """Under rRESPA the whole style belongs to one level; the energies are the same."""
    data_file(tmp_path / "data", crystal, TYPES)
    start = setup_commands(tmp_path / "data", crystal) + mlip(models["table-Si-O"], TYPES)
    start += "velocity all create 600 4\nfix nve all nve\ntimestep 0.0005\n"
    start += "thermo_style custom step pe etotal press\nthermo_modify format float %25.17g\n"
    plain = thermo_rows(in_process(tmp_path, start + "run 10\n"))
    respa = thermo_rows(in_process(tmp_path, start + "run_style respa 2 1 pair 2\nrun 10\n"))
    assert len(plain) == len(respa) == 2
    for a, b in zip(plain, respa):
        assert b["PotEng"] == pytest.approx(a["PotEng"], rel=1e-10)
        assert b["Press"] == pytest.approx(a["Press"], rel=1e-9)
