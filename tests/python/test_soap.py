# SPDX-License-Identifier: BSD-3-Clause
"""SOAP: against its definition, other programs and itself turned around."""

from __future__ import annotations

import dataclasses
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule

import tektite
from instruction_sets import INSTRUCTION_SETS, require
from soap_reference import power_spectrum, turbo_power_spectrum
from tektite.soap import TurboSpecies, element_mixing, nu_mixing, random_mixing

COMMON = {"cutoff": 4.2, "n_max": 5, "l_max": 4, "sigma": 0.45, "cutoff_transition_width": 0.8}


def salt() -> Atoms:
    atoms = bulk("NaCl", "rocksalt", a=5.3, cubic=True)
    atoms.rattle(0.25, seed=1)
    atoms.set_cell(atoms.cell.array @ [[1, 0.1, 0], [0, 1.03, -0.07], [0.02, 0, 0.97]], True)
    return atoms


def tiny() -> Atoms:
    """One atom in a skewed cell much smaller than the cutoff."""
    return Atoms("Na", cell=[[2.4, 0.3, 0], [0, 2.6, 0.2], [0.1, 0, 2.5]], pbc=True)


def slab() -> Atoms:
    atoms = salt() * (1, 1, 2)
    atoms.pbc = (True, True, False)
    return atoms


def make(elements=("Na", "Cl"), **changes) -> tektite.SOAP:
    return tektite.SOAP(elements, **{**COMMON, "threads": 1, **changes})


def turbo_species(**changes) -> list[TurboSpecies]:
    common = {"cutoff_soft": 3.8, "cutoff_hard": 4.2, "radial_enhancement": 1, **changes}
    sodium = {"alpha_max": 4, "sigma_r": 0.5, "sigma_t": 0.4, "sigma_r_scaling": 0.05}
    chlorine = {"alpha_max": 3, "sigma_r": 0.4, "sigma_t": 0.5, "sigma_t_scaling": 0.04}
    return [
        TurboSpecies(["Na"], **sodium, amplitude_scaling=2.0, **common),
        TurboSpecies(["Cl"], **chlorine, amplitude_scaling=0.0, central_weight=0.8, **common),
    ]


def make_turbo(compressed=False, l_max=4, **changes) -> tektite.SOAPTurbo:
    species = turbo_species(**changes)
    return tektite.SOAPTurbo(["Na", "Cl"], l_max, species, compressed=compressed, threads=1)


@pytest.mark.parametrize("basis", ["equispaced_gaussian", "gto"])
@pytest.mark.parametrize("normalise", [True, False])
def test_definition(basis, normalise):
    """Every feature equals a quadrature over the smeared density."""
    options = {"radial_basis": basis, "normalise": normalise, "central_weight": 0.7}
    for atoms in (salt()[:5], tiny()):
        features = make(**options).features(atoms)
        for center in range(min(2, len(atoms))):
            expected = power_spectrum(atoms, center, [["Na"], ["Cl"]], **COMMON, **options)
            scale = np.abs(expected).max()
            np.testing.assert_allclose(features[center], expected, rtol=0, atol=2e-9 * scale)


def test_channels():
    atoms = salt()
    together = make(channels=[["Na", "Cl"]])
    assert together.n_features == 5 * 6 // 2 * 5
    np.testing.assert_allclose(
        together.features(atoms)[5],
        power_spectrum(atoms, 5, [["Na", "Cl"]], **COMMON),
        rtol=0,
        atol=2e-9,
    )
    # Channels in another order permute features; an element without a channel is not seen.
    blind = make(channels=[["Cl"]])
    expected = power_spectrum(atoms, 0, [["Cl"]], **COMMON)
    np.testing.assert_allclose(blind.features(atoms)[0], expected, rtol=0, atol=2e-9)
    everywhere = make(central_all_channels=True).features(atoms)[3]
    expected = power_spectrum(atoms, 3, [["Na"], ["Cl"]], **COMMON, central_all_channels=True)
    np.testing.assert_allclose(everywhere, expected, rtol=0, atol=2e-9)


@pytest.mark.parametrize("isa", INSTRUCTION_SETS)
@pytest.mark.parametrize("n_max", [1, 4, 7, 13])
def test_instruction_sets_and_precisions(isa, n_max):
    """All paths agree, at sizes that do and do not fill the kernels' tiles."""
    require(isa)
    l_max = {1: 0, 4: 9, 7: 6, 13: 3}[n_max]
    atoms = salt() * (2, 1, 1)
    options = {"n_max": n_max, "l_max": l_max, "sigma": 0.4}
    reference = make(**options, instruction_set="baseline")
    rng = np.random.default_rng(0)
    adjoint = rng.normal(size=(len(atoms), reference.n_features))
    expected, strain = reference.gradient(atoms, adjoint)
    double = make(**options, instruction_set=isa, threads=2)
    np.testing.assert_allclose(
        double.features(atoms), reference.features(atoms), rtol=0, atol=1e-12
    )
    gradient, strain_gradient = double.gradient(atoms, adjoint)
    scale = np.abs(expected).max()
    np.testing.assert_allclose(gradient, expected, rtol=0, atol=1e-11 * scale)
    np.testing.assert_allclose(strain_gradient, strain, rtol=0, atol=1e-10 * np.abs(strain).max())
    mixed = make(**options, instruction_set=isa, precision="mixed")
    explicit = reference.edge_gradients(atoms)
    scale_of_edges = max(1e-2, np.abs(explicit.gradients).max())
    for soap, tolerance in ((double, 1e-12), (mixed, 1e-5)):
        found = soap.edge_gradients(atoms)
        np.testing.assert_array_equal(found.neighbors, explicit.neighbors)
        np.testing.assert_allclose(found.vectors, explicit.vectors, rtol=0, atol=1e-14)
        np.testing.assert_allclose(
            found.gradients, explicit.gradients, rtol=0, atol=tolerance * scale_of_edges
        )
    np.testing.assert_allclose(mixed.features(atoms), reference.features(atoms), rtol=0, atol=3e-6)
    np.testing.assert_allclose(
        mixed.gradient(atoms, adjoint)[0], expected, rtol=0, atol=1e-4 * scale
    )


@pytest.mark.parametrize("atoms", [salt(), tiny(), slab(), molecule("NaCl")])
@pytest.mark.parametrize("variant", ["plain", "raw", "mixed", "nu", "turbo", "compressed"])
def test_gradients(atoms, variant):
    """Contracted and explicit gradients agree with each other and with finite differences."""
    soap = {
        "plain": make,
        "raw": lambda: make(normalise=False),
        "mixed": lambda: make(mixing=random_mixing(6, 10)),
        "nu": lambda: make(**nu_mixing(5, 2, 1, 2)),
        "turbo": make_turbo,
        "compressed": lambda: make_turbo(True, basis="poly3"),
    }[variant]()
    rng = np.random.default_rng(3)
    adjoint = rng.normal(size=(len(atoms), soap.n_features))

    def energy(moved):
        return np.sum(adjoint * soap.features(moved))

    gradient, strain_gradient = soap.gradient(atoms, adjoint)
    edges = soap.edge_gradients(atoms)
    np.testing.assert_allclose(edges.features, soap.features(atoms), rtol=0, atol=1e-14)
    centers = np.repeat(np.arange(len(atoms)), np.diff(edges.first))
    dE_dr = np.einsum("edf,ef->ed", edges.gradients, adjoint[centers])
    explicit = np.zeros((len(atoms), 3))
    np.add.at(explicit, edges.neighbors, dE_dr)
    np.subtract.at(explicit, centers, dE_dr)
    scale = max(1e-2, np.abs(gradient).max())
    np.testing.assert_allclose(explicit, gradient, rtol=0, atol=1e-11 * scale)
    np.testing.assert_allclose(
        edges.vectors.T @ dE_dr, strain_gradient, rtol=0, atol=1e-10 * np.abs(strain_gradient).max()
    )
    h = 2e-4
    direction = rng.normal(size=(len(atoms), 3))
    strain = rng.normal(size=(3, 3))

    def moved(step):
        other = atoms.copy()
        other.positions += step * direction
        return energy(other)

    def strained(step):
        other = atoms.copy()
        deformation = np.eye(3) + step * strain
        other.set_cell(atoms.cell.array @ deformation)
        other.positions = atoms.positions @ deformation
        return energy(other)

    for function, analytic in (
        (moved, np.sum(gradient * direction)),
        (strained, np.sum(strain_gradient * strain)),
    ):
        numeric = (8 * (function(h) - function(-h)) - function(2 * h) + function(-2 * h)) / (12 * h)
        assert abs(numeric - analytic) < 1e-7 * max(1e-1, abs(analytic))


def test_gradients_that_are_held_stay_as_they_are() -> None:
    """Memory is used again only when nobody has it, whichever thread asks."""
    soap = tektite.SOAP(["Si"], cutoff=4.0, n_max=3, l_max=2, sigma=0.5)
    systems = []
    for seed in range(6):
        atoms = bulk("Si", cubic=True)
        atoms.rattle(0.1, seed=seed)
        systems.append(atoms)
    expected = []
    for atoms in systems:
        mine = tektite.SOAP(["Si"], cutoff=4.0, n_max=3, l_max=2, sigma=0.5)
        expected.append(mine.edge_gradients(atoms).gradients)
        soap.edge_gradients(atoms)  # dropped at once
    part = soap.edge_gradients(systems[0]).gradients[3:5]  # holds the memory as well
    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(lambda a: soap.edge_gradients(a).gradients, systems))
    for mine, its in zip(found, expected):
        np.testing.assert_array_equal(mine, its)
    np.testing.assert_array_equal(part, expected[0][3:5])


def test_memory_of_gradients_is_used_again():
    """In a loop that holds each result until the next is there, two pieces of memory take turns."""
    soap, atoms = make(), salt()
    gradients = soap.edge_gradients(atoms).gradients
    first = weakref.ref(gradients.base)
    gradients = soap.edge_gradients(atoms).gradients
    second = weakref.ref(gradients.base)
    assert first() is not None and second() is not first()
    for memory in (first, second, first):
        gradients = soap.edge_gradients(atoms).gradients
        assert gradients.base is memory() and gradients.ctypes.data % 64 == 0
    np.testing.assert_array_equal(gradients, make().edge_gradients(atoms).gradients)
    # Memory is not kept for much smaller results.
    del gradients
    gradients = soap.edge_gradients(atoms[:2]).gradients
    gradients = soap.edge_gradients(atoms[:2]).gradients
    assert first() is None and second() is None
    np.testing.assert_array_equal(gradients, make().edge_gradients(atoms[:2]).gradients)


@pytest.mark.parametrize("precision", ["double", "mixed"])
@pytest.mark.parametrize("isa", INSTRUCTION_SETS)
def test_large_results(isa, precision):
    """Results that are written past the caches are bit for bit those of some centres at a time."""
    require(isa)
    atoms = salt() * (3, 3, 3)
    options = {"instruction_set": isa, "precision": precision}
    soap = make(cutoff=5.0, n_max=4, l_max=6, channels=[["Na", "Cl"]], **options, threads=2)
    whole = soap.edge_gradients(atoms)
    assert whole.gradients.nbytes > 8 << 20 and 3 * soap.n_features % 8 != 0
    lanes = 16  # at most, so that a block has the same centres in both
    for start in range(0, len(atoms), 4 * lanes):
        centers = np.arange(start, min(start + 4 * lanes, len(atoms)))
        some = soap.edge_gradients(atoms, centers)
        assert some.gradients.nbytes < 8 << 20
        rows = slice(whole.first[centers[0]], whole.first[centers[-1] + 1])
        np.testing.assert_array_equal(whole.neighbors[rows], some.neighbors)
        np.testing.assert_array_equal(whole.gradients[rows], some.gradients)
        np.testing.assert_array_equal(whole.features[centers], some.features[centers])


def test_selected_centers():
    atoms = salt()
    soap = make()
    everything, some = soap.edge_gradients(atoms), soap.edge_gradients(atoms, [5, 2, 5])
    np.testing.assert_array_equal(np.flatnonzero(np.diff(some.first)), [2, 5])
    for i in (2, 5):
        a, b = slice(*everything.first[i : i + 2]), slice(*some.first[i : i + 2])
        np.testing.assert_array_equal(everything.neighbors[a], some.neighbors[b])
        np.testing.assert_allclose(everything.gradients[a], some.gradients[b], rtol=0, atol=1e-13)
    with pytest.raises(ValueError, match="no atom 8"):
        soap.edge_gradients(atoms, [8])


def test_invariances():
    """Rotations, translations, permutations, supercells."""
    atoms = salt()
    features = make().features(atoms)
    turned = atoms.copy()
    turned.rotate(37, (1, 2, -0.5), rotate_cell=True)
    turned.positions += [0.3, -7.1, 2.2]
    np.testing.assert_allclose(make().features(turned), features, rtol=0, atol=1e-10)
    order = np.random.default_rng(0).permutation(len(atoms))
    np.testing.assert_allclose(make().features(atoms[order]), features[order], rtol=0, atol=1e-12)
    super_cell = make().features(atoms * (1, 2, 1))
    np.testing.assert_allclose(super_cell, np.tile(features, (2, 1)), rtol=0, atol=1e-12)


def test_many_systems():
    """Lists give what single systems give, averages their means; empty ones are empty."""
    soap = make(threads=2)
    systems = [salt(), tiny(), slab(), Atoms(), molecule("NaCl"), Atoms("Cl")]
    many = soap.features(systems)
    for atoms, rows in zip(systems, many, strict=True):
        assert rows.shape == (len(atoms), soap.n_features)
        np.testing.assert_allclose(rows, soap.features(atoms), rtol=0, atol=1e-13)
    del systems[3], many[3]
    np.testing.assert_allclose(soap.averages(systems), [r.mean(axis=0) for r in many], atol=1e-15)
    assert soap.features([]) == []
    with pytest.raises(ValueError, match="system 1 has no atoms"):
        soap.averages([salt(), Atoms()])


def test_lonely_atoms():
    """One atom: the centre's own density; with no weight, nothing, and no division by zero."""
    alone = Atoms("Na")
    assert np.linalg.norm(make().features(alone)) == pytest.approx(1, abs=1e-12)
    nothing = make(central_weight=0.0)
    assert np.all(nothing.features(alone) == 0)
    gradient, strain = nothing.gradient(alone, np.ones((1, nothing.n_features)))
    assert np.all(gradient == 0) and np.all(strain == 0)
    assert nothing.edge_gradients(alone).gradients.shape == (0, 3, nothing.n_features)


def test_smooth_at_the_cutoff():
    """Features change with the square of the distance to the cutoff, and not at all beyond."""
    soap = make()
    at = [
        soap.features(Atoms("Na2", [[0, 0, 0], [0, 0, COMMON["cutoff"] + d]]))[0]
        for d in (-1e-3, -5e-4, 0.0, 1.0)
    ]
    far, near = np.linalg.norm(at[0] - at[3]), np.linalg.norm(at[1] - at[3])
    assert 3.5 < far / near < 4.5
    np.testing.assert_array_equal(at[2], at[3])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_max": 0}, "n_max must be 1 to 64"),
        ({"l_max": 16}, "l_max must be 0 to 15"),
        ({"sigma": 0.0}, "sigma"),
        ({"cutoff": -1.0}, "cutoff must be positive"),
        ({"cutoff_transition_width": 5.0}, "transition width"),
        ({"central_weight": np.nan}, "central_weight"),
        ({"radial_basis": "polynomial"}, "unknown radial basis 'polynomial'"),
        ({"n_max": 40}, "linearly dependent"),
        ({"precision": "half"}, "precision"),
        ({"channels": [["Na"], ["Na"]]}, "'Na' occurs twice"),
        ({"channels": [["K"]]}, "'K' is not among"),
        ({"elements": ["Na", "Xx"]}, "'Xx' is not a chemical symbol"),
    ],
)
def test_bad_parameters(changes, message):
    with pytest.raises(ValueError, match=message):
        make(**changes)


def test_bad_systems():
    soap = make()
    with pytest.raises(tektite.UnknownSpeciesError, match="system 1: atom 0 is K"):
        soap.features([salt(), Atoms("K")])
    with pytest.raises(ValueError, match="same place"):
        soap.features(Atoms("Na2", positions=np.zeros((2, 3))))
    with pytest.raises(ValueError, match=r"shape \(8, 275\)"):
        soap.gradient(salt(), np.zeros((8, 3)))
    broken = salt()
    broken.positions[3, 1] = np.nan
    with pytest.raises((tektite.NotFiniteError, ValueError), match="3"):
        soap.features(broken)


@pytest.mark.parametrize("basis", ["poly3", "poly3gauss"])
@pytest.mark.parametrize("enhancement", [0, 1, 2])
@pytest.mark.parametrize("compressed", [False, True])
def test_turbo_definition(basis, enhancement, compressed):
    """Every feature equals a quadrature over the density."""
    changes = {"basis": basis, "radial_enhancement": enhancement}
    soap = make_turbo(compressed, **changes)
    for atoms in (salt()[:5], tiny()):
        features = soap.features(atoms)
        for center in {0, len(atoms) - 1}:
            expected = turbo_power_spectrum(atoms, center, 4, turbo_species(**changes), compressed)
            np.testing.assert_allclose(features[center], expected, rtol=0, atol=2e-9)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"basis": "poly4"}, "unknown radial basis 'poly4'"),
        ({"cutoff_soft": 4.3}, "soft cutoff"),
        ({"cutoff_hard": 200.0}, "hard cutoff"),
        ({"radial_enhancement": 3}, "radial_enhancement"),
        ({"filter": 0.0}, "filter"),
        ({"l_max": 20}, "l_max"),
    ],
)
def test_bad_turbo_parameters(changes, message):
    with pytest.raises(ValueError, match=message):
        make_turbo(**changes)


def test_mixing():
    """Joined channels, rotations of all functions, and random projections."""
    atoms = salt()
    joined = make(mixing=element_mixing(5, [[1.0, 1.0]]), central_all_channels=False)
    expected = make(channels=[["Na", "Cl"]])
    np.testing.assert_allclose(joined.features(atoms), expected.features(atoms), rtol=0, atol=1e-11)
    # The kernel of two atoms does not depend on the orthonormal basis of the expansion.
    rotation = np.linalg.qr(np.random.default_rng(1).normal(size=(10, 10)))[0]
    rotated, plain = make(mixing=rotation).features(atoms), make().features(atoms)
    assert np.abs(rotated - plain).max() > 0.1
    np.testing.assert_allclose(rotated @ rotated.T, plain @ plain.T, rtol=0, atol=1e-10)
    few = make(mixing=random_mixing(4, 10))
    assert few.n_features == 4 * 5 // 2 * 5
    assert np.abs(np.linalg.norm(few.features(atoms), axis=1) - 1).max() < 1e-12
    with pytest.raises(ValueError, match="10 columns"):
        make(mixing=np.ones((4, 9)))


@pytest.mark.parametrize("nu_r", [0, 1, 2])
@pytest.mark.parametrize("nu_s", [0, 1, 2])
def test_nu_mixing(nu_r, nu_s):
    """Sums over radial functions and channels in one or both of the densities."""
    atoms = salt()
    soap = make(**nu_mixing(5, 2, nu_r, nu_s), normalise=False)
    p = make(normalise=False).features(atoms).reshape(len(atoms), -1, 5)
    # All products c_a c_b of the full power spectrum, [channel, n, channel, n].
    a, b = np.tril_indices(10)
    full = np.zeros((len(atoms), 10, 10, 5))
    full[:, a, b] = full[:, b, a] = p * np.where(a == b, 1, np.sqrt(0.5))[:, None]
    full = full.reshape(len(atoms), 2, 5, 2, 5, 5)
    for axis, nu, density in ((1, nu_s, 0), (2, nu_r, 0), (3, nu_s, 1), (4, nu_r, 1)):
        if nu <= density:
            full = full.sum(axis=axis, keepdims=True)
    left = full.shape[1] * full.shape[2]
    full = full.reshape(len(atoms), left, -1, 5)
    if full.shape[1] == full.shape[2]:
        a, b = np.tril_indices(left)
        expected = full[:, a, b] * np.where(a == b, 1, np.sqrt(2))[:, None]
    else:
        expected = full.swapaxes(1, 2)
    expected = expected.reshape(len(atoms), -1)
    assert soap.n_features == expected.shape[1]
    scale = np.abs(expected).max()
    np.testing.assert_allclose(soap.features(atoms), expected, rtol=0, atol=1e-10 * scale)


def test_bad_mixing():
    with pytest.raises(ValueError, match="comes with a mixing matrix"):
        make(mixing_left=3)
    with pytest.raises(ValueError, match="smaller than the number"):
        make(mixing=np.eye(10), mixing_left=10)
    with pytest.raises(ValueError, match="0, 1 or 2"):
        nu_mixing(5, 2, 3, 2)


def test_quippy_turbo():
    """Features of quippy's soap_turbo, with what it leaves out near the soft cutoff."""
    descriptors = pytest.importorskip("quippy.descriptors")
    atoms = salt()
    species = [dataclasses.replace(s, quip_damping=True) for s in turbo_species()]

    def both(name):
        return " ".join(str(getattr(s, name)) for s in species)

    for compressed in (False, True):
        text = (
            f"soap_turbo l_max=4 alpha_max={{{both('alpha_max')}}} "
            f"atom_sigma_r={{{both('sigma_r')}}} atom_sigma_t={{{both('sigma_t')}}} "
            f"atom_sigma_r_scaling={{{both('sigma_r_scaling')}}} "
            f"atom_sigma_t_scaling={{{both('sigma_t_scaling')}}} "
            f"amplitude_scaling={{{both('amplitude_scaling')}}} "
            f"central_weight={{{both('central_weight')}}} "
            "zeta=2 rcut_soft=3.8 rcut_hard=4.2 scaling_mode=polynomial radial_enhancement=1 "
            "n_species=2 species_Z={11 17} central_index=2 basis=poly3gauss add_species=F"
        )
        expected = descriptors.Descriptor(text + " compress_mode=trivial" * compressed).calc(atoms)
        ours = tektite.SOAPTurbo(["Na", "Cl"], 4, species, compressed=compressed).features(atoms)
        np.testing.assert_allclose(ours[atoms.symbols == "Cl"], expected["data"], rtol=0, atol=5e-7)


def test_quippy():
    """Features of quippy's soap, both with and without normalisation."""
    descriptors = pytest.importorskip("quippy.descriptors")
    atoms = salt()
    for normalise in (True, False):
        text = (
            "soap cutoff=4.2 cutoff_transition_width=0.8 n_max=5 l_max=4 atom_sigma=0.45 "
            "central_weight=0.9 n_Z=1 Z=11 n_species=2 species_Z={{11 17}} "
            f"normalise={'T' if normalise else 'F'}"
        )
        expected = descriptors.Descriptor(text.replace("{{", "{").replace("}}", "}")).calc(atoms)
        features = make(central_weight=0.9, normalise=normalise).features(atoms)
        np.testing.assert_allclose(
            features[atoms.symbols == "Na"], expected["data"][:, :-1], rtol=0, atol=1e-8
        )


def test_dscribe():
    """The features of dscribe (Gaussian-type orbitals), all neighbours well inside the cutoff."""
    dscribe = pytest.importorskip("dscribe.descriptors")
    rng = np.random.default_rng(5)
    atoms = Atoms("Na2Cl3", positions=rng.normal(scale=1.3, size=(5, 3)))
    expected = dscribe.SOAP(
        species=["Na", "Cl"], r_cut=8.0, n_max=4, l_max=3, sigma=0.5, rbf="gto", periodic=False
    )
    other = expected.create(atoms)
    soap = tektite.SOAP(
        ["Na", "Cl"],
        8.0,
        4,
        3,
        0.5,
        cutoff_transition_width=0.0,
        radial_basis="gto",
        normalise=False,
    )
    ours = soap.features(atoms).reshape(5, -1, 4)
    a, b = np.tril_indices(8)
    for first, second in (("Na", "Na"), ("Na", "Cl"), ("Cl", "Cl")):
        theirs = other[:, expected.get_location((first, second))]
        i, j = (4 * ["Na", "Cl"].index(s) for s in (first, second))
        for k in range(4):
            matrix = np.zeros((5, 8, 8))
            matrix[:, a, b] = matrix[:, b, a] = (
                ours[:, :, k] * np.where(a == b, 1, np.sqrt(0.5)) * np.pi * np.sqrt(8)
            )
            block = matrix[:, i : i + 4, j : j + 4]
            rows, columns = np.triu_indices(4) if i == j else np.indices((4, 4)).reshape(2, -1)
            size = len(rows)
            np.testing.assert_allclose(
                block[:, rows, columns],
                theirs[:, k * size : (k + 1) * size],
                rtol=0,
                atol=1e-7 * np.abs(theirs).max(),
            )
