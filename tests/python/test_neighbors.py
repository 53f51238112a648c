# SPDX-License-Identifier: BSD-3-Clause
"""tektite.neighbor_list against ASE's, on every pair."""

from __future__ import annotations

import itertools

import ase.neighborlist
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, fcc111, graphene, molecule
from ase.geometry import complete_cell
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import tektite
from tektite import _core
from tektite.errors import NotFiniteError

LETTERS = "ijdDS"


def assert_same_pairs(atoms, cutoff, **options):
    """Compare all pairs as multisets and their distances; return the number of pairs."""
    ours = dict(zip(LETTERS, tektite.neighbor_list(LETTERS, atoms, cutoff, **options)))
    theirs = dict(zip(LETTERS, ase.neighborlist.neighbor_list(LETTERS, atoms, cutoff, **options)))
    assert (np.diff(ours["i"]) >= 0).all()
    for arrays in (ours, theirs):
        order = np.lexsort((*arrays["S"].T, arrays["j"], arrays["i"]))
        for letter in LETTERS:
            arrays[letter] = arrays[letter][order]
    # Rounding decides about a pair within 1e-12 of a cutoff, and ASE sums S @ cell differently.
    for letter in "ijS":
        np.testing.assert_array_equal(ours[letter], theirs[letter])
    np.testing.assert_allclose(ours["d"], theirs["d"], rtol=0, atol=1e-12)
    np.testing.assert_allclose(ours["D"], theirs["D"], rtol=0, atol=1e-12)
    return len(ours["i"])


def brute_force(atoms, cutoff):
    """All (i, j, S) from every image near, as a sorted list of tuples."""
    dual = np.linalg.inv(complete_cell(atoms.cell)).T
    reach = cutoff * np.linalg.norm(dual, axis=1)
    scaled = atoms.positions @ dual.T
    spread = np.ptp(scaled, axis=0)
    ranges = [
        np.arange(-n, n + 1) if periodic else [0]
        for n, periodic in zip(np.ceil(reach + spread).astype(int) + 1, atoms.pbc)
    ]
    pairs = []
    for shift in itertools.product(*ranges):
        vectors = atoms.positions[None] - atoms.positions[:, None] + np.array(shift) @ atoms.cell
        near = np.linalg.norm(vectors, axis=2) < cutoff
        if not any(shift):
            np.fill_diagonal(near, False)
        pairs += [(*map(int, pair), *map(int, shift)) for pair in np.argwhere(near)]
    return sorted(pairs)


def as_tuples(atoms, cutoff, **options):
    i, j, shifts = tektite.neighbor_list("ijS", atoms, cutoff, **options)
    return sorted(map(tuple, np.column_stack([i, j, shifts]).tolist()))


@st.composite
def any_system(draw):
    """A system and a cutoff: any cell and periodicity, atoms also outside the cell."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    length = draw(st.sampled_from([1.0, 3.0, 8.0, 20.0]))
    kind = draw(st.sampled_from(["general", "skewed", "left-handed", "orthorhombic", "tiny"]))
    cell = length * (np.eye(3) + 0.4 * rng.uniform(-1, 1, (3, 3)))
    if kind == "skewed":
        cell[1] += draw(st.integers(-3, 3)) * cell[0]
        cell[2] += draw(st.integers(-3, 3)) * cell[1]
    elif kind == "left-handed":
        cell = cell[[1, 0, 2]]
    elif kind == "orthorhombic":
        cell = np.diag(length * rng.uniform(0.5, 1.5, 3))
    elif kind == "tiny":
        cell *= 0.5
    pbc = draw(st.tuples(st.booleans(), st.booleans(), st.booleans()))
    for axis in range(3):
        if not pbc[axis] and draw(st.booleans()):
            cell[axis] = 0
    spread = draw(st.sampled_from([0.5, 1.0, 3.0]))
    n_atoms = draw(st.integers(1, 12))
    positions = length * spread * rng.uniform(-1, 1, (n_atoms, 3))
    cutoff = length * draw(st.sampled_from([0.1, 0.4, 0.9, 1.7]))
    return Atoms(np.ones(n_atoms), positions, cell=cell, pbc=pbc), cutoff


@settings(max_examples=300)
@given(any_system(), st.sampled_from([1, 2]))
def test_agrees_with_ase(system, threads):
    atoms, cutoff = system
    # ASE tries all pairs in bins of the larger of cutoff and 3 angstrom: keep that affordable.
    heights = 1 / np.linalg.norm(np.linalg.inv(complete_cell(atoms.cell)), axis=0)
    images = np.prod((2 * np.ceil(max(cutoff, 3) / heights) + 1)[atoms.pbc])
    assume(images * len(atoms) ** 2 < 3e5)
    assert_same_pairs(atoms, cutoff)
    assert as_tuples(atoms, cutoff, threads=threads) == brute_force(atoms, cutoff)


@settings(max_examples=50)
@given(st.integers(0, 2**32 - 1), st.integers(-40, 40), st.integers(-40, 40))
def test_very_skewed_cells(seed, first, second):
    rng = np.random.default_rng(seed)
    compact = Atoms("Si5", rng.uniform(-4, 4, (5, 3)), pbc=True)
    compact.cell = 3 * (np.eye(3) + 0.3 * rng.uniform(-1, 1, (3, 3)))
    skew = np.array([[1, 0, 0], [first, 1, 0], [second, first, 1]])
    skewed = compact.copy()
    skewed.set_cell(skew @ compact.cell)
    i, j, shifts, vectors = tektite.neighbor_list("ijSD", skewed, 5.0)
    # The same lattice: S of the skewed cell times the skew is S of the compact one.
    found = sorted(map(tuple, np.column_stack([i, j, shifts @ skew]).tolist()))
    assert found == brute_force(compact, 5.0)
    expected = skewed.positions[j] - skewed.positions[i] + shifts @ skewed.cell.array
    np.testing.assert_allclose(vectors, expected, rtol=0, atol=1e-11)


@pytest.mark.parametrize(
    ("atoms", "cutoff"),
    [
        (bulk("Si"), 11.0),
        (bulk("Cu", cubic=True), 2.7),
        (fcc111("Al", (3, 3, 3), vacuum=8.0), 6.0),
        (fcc111("Al", (2, 2, 2)), 5.0),  # a slab whose third cell vector is zero
        (graphene(), 4.0),
        (Atoms("C2", [[0, 0, 0], [0.3, 0, 1.2]], cell=[0, 0, 2.5], pbc=[False, False, True]), 9.0),
        (molecule("C60"), 3.0),
        (molecule("isobutane", cell=[30, 30, 30], pbc=True), 2.0),  # across the faces of the box
        (Atoms("H", [[7, -3, 1e4]], cell=[1, 1, 1], pbc=True), 3.2),
        (Atoms("H"), 5.0),
        (Atoms(), 5.0),
        (Atoms(cell=[3, 3, 3], pbc=True), 5.0),
        (Atoms("H3", np.zeros((3, 3))), 1.0),  # on one place: neighbours at distance zero
    ],
)
def test_systems(atoms, cutoff):
    assert_same_pairs(atoms, cutoff)
    assert_same_pairs(atoms, cutoff, self_interaction=True)


@pytest.mark.parametrize("repeat", [1, 2, 5])
def test_at_the_cutoff(repeat):
    """A distance of exactly the cutoff is no pair, as in ASE; the distances here are exact."""
    atoms = Atoms("Po", cell=[2, 2, 2], pbc=True) * (repeat, repeat, repeat)
    assert assert_same_pairs(atoms, 4.0) == 26 * len(atoms)
    assert assert_same_pairs(atoms, np.nextafter(4.0, 5.0)) == 32 * len(atoms)


def test_threads_and_instruction_sets(monkeypatch):
    atoms = bulk("Si", cubic=True) * (14, 14, 14)
    atoms.rattle(0.1, seed=3)
    rng = np.random.default_rng(5)
    atoms.positions += rng.integers(-2, 3, (len(atoms), 3)) @ atoms.cell.array
    expected = tektite.neighbor_list(LETTERS, atoms, 5.0, threads=1)
    assert len(expected[0]) > 25 * len(atoms)
    for isa, threads in [("", 2), ("", 7), ("baseline", 1), ("baseline", 3)]:
        if isa:
            monkeypatch.setenv("TEKTITE_ISA", isa)
        for ours, reference in zip(
            tektite.neighbor_list(LETTERS, atoms, 5.0, threads=threads), expected
        ):
            np.testing.assert_array_equal(ours, reference)


def test_order_and_types():
    atoms = bulk("NaCl", "rocksalt", a=5.6)
    arrays = tektite.neighbor_list("SDdjiS", atoms, 4.0)
    assert [a.dtype for a in arrays] == [np.int32, float, float, np.int64, np.int64, np.int32]
    assert [a.shape[1:] for a in arrays] == [(3,), (3,), (), (), (), (3,)]
    single = tektite.neighbor_list("d", atoms, 4.0)
    assert isinstance(single, np.ndarray)
    np.testing.assert_array_equal(single, arrays[2])
    empty = tektite.neighbor_list("ijdDS", Atoms(), 4.0)
    assert [a.shape for a in empty] == [(0,), (0,), (0,), (0, 3), (0, 3)]


@given(st.integers(0, 2**32 - 1), st.booleans())
def test_cutoffs_of_elements_and_atoms(seed, self_interaction):
    rng = np.random.default_rng(seed)
    atoms = Atoms(rng.choice(["H", "C", "O", "X"], 20), rng.uniform(0, 6, (20, 3)), pbc=True)
    atoms.cell = 6 * np.eye(3) + rng.uniform(-1, 1, (3, 3))
    options = {"self_interaction": self_interaction}
    assert assert_same_pairs(atoms, rng.uniform(0, 2, 20), **options)
    assert_same_pairs(atoms, list(rng.uniform(0, 2, 20)), **options)
    assert_same_pairs(
        atoms, {("H", "C"): 2.5, (8, "C"): 3.1, (1, 1): 1.2, ("X", "X"): 4}, **options
    )
    assert assert_same_pairs(atoms, {("Si", "Si"): 3.0}, **options) == 0
    assert assert_same_pairs(atoms, np.zeros(20), **options) == 0
    assert_same_pairs(atoms, ase.neighborlist.natural_cutoffs(atoms), **options)


@pytest.mark.parametrize(
    ("quantities", "cutoff", "error", "words"),
    [
        ("", 3.0, ValueError, "quantities"),
        ("ijx", 3.0, ValueError, "'ijx'"),
        ("ij", 0.0, ValueError, "cutoff"),
        ("ij", -2, ValueError, "cutoff"),
        ("ij", np.nan, ValueError, "cutoff"),
        ("ij", np.inf, ValueError, "cutoff"),
        ("ij", "3", TypeError, "str"),
        ("ij", None, TypeError, "NoneType"),
        ("ij", True, TypeError, "bool"),
        ("ij", [1.0, 2.0, 3.0], ValueError, "(3,)"),
        ("ij", [1.0, -2.0], ValueError, "atom 1"),
        ("ij", [np.nan, 2.0], ValueError, "atom 0"),
        ("ij", ["a", 2.0], TypeError, "radii"),
        ("ij", {("H", "Zz"): 2.0}, ValueError, "'Zz'"),
        ("ij", {("H", 999): 2.0}, ValueError, "999"),
        ("ij", {"HO": 2.0}, ValueError, "pairs"),
        ("ij", {("H", "O"): -2.0}, ValueError, "-2.0"),
        ("ij", {("H", "O"): "2"}, ValueError, "'2'"),
        ("ij", {("H", "O"): 2.0, ("O", "H"): 3.0}, ValueError, "two different"),
    ],
)
def test_bad_arguments(quantities, cutoff, error, words):
    atoms = Atoms("HO", [[0, 0, 0], [0, 0, 1]])
    with pytest.raises(error, match=words.replace("(", r"\(").replace(")", r"\)")):
        tektite.neighbor_list(quantities, atoms, cutoff)


def test_bad_systems():
    atoms = bulk("Si", cubic=True)
    atoms.positions[5, 1] = np.nan
    with pytest.raises(NotFiniteError, match="atom 5 "):
        tektite.neighbor_list("ij", atoms, 3.0)
    with pytest.raises(ValueError, match="direction 2"):
        tektite.neighbor_list("ij", Atoms("H", cell=[1, 1, 0], pbc=True), 3.0)
    with pytest.raises(ValueError, match="linearly dependent"):
        tektite.neighbor_list(
            "ij", Atoms("H", cell=[[1, 0, 0], [0, 1, 0], [3, 4, 0]], pbc=True), 3.0
        )
    with pytest.raises(ValueError, match="threads"):
        tektite.neighbor_list("ij", bulk("Si"), 3.0, threads=0)


def test_skin():
    """The list of `update` holds all pairs within the cutoff while atoms and cell move."""
    rng = np.random.default_rng(11)
    atoms = bulk("Si", cubic=True) * (2, 2, 2)
    neighbors = _core.NeighborList()
    built = 0
    for step in range(60):
        atoms.positions += 0.02 * rng.normal(size=(len(atoms), 3))
        if step > 20:
            strain = np.eye(3) + 1e-3 * rng.normal(size=(3, 3))
            atoms.set_cell(atoms.cell @ strain, scale_atoms=True)
        args = (atoms.positions, atoms.cell.array, atoms.pbc)
        built += neighbors.update(*args, cutoff=4.0, skin=0.8)
        i, j, d, shifts = neighbors.edges(atoms.positions, "ijdS")
        near = d < 4.0
        found = np.column_stack([i, j, shifts])[near].tolist()
        assert sorted(map(tuple, found)) == as_tuples(atoms, 4.0)
    assert 2 <= built <= 30
    with pytest.raises(ValueError, match="64 atoms, not 63"):
        neighbors.edges(atoms.positions[1:], "ij")
