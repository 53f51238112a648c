# SPDX-License-Identifier: BSD-3-Clause
"""Reading of QUIP's GAP files: gp.xml and the files of sparse points beside it.

Energies are E = Σ_i e0(Z_i) + Σ of the terms + the pair potential under them. What each term is was
found by comparison with quippy (tests/python/test_convert_quip.py) and is said at its class.
"""

from __future__ import annotations

import dataclasses
import hashlib
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from ase.data import chemical_symbols
from numpy.typing import NDArray

from tektite.convert.quip_keywords import Keywords, same_value
from tektite.convert.xml_values import xml_integer, xml_number, xml_numbers
from tektite.errors import ModelFileError, UnsupportedError

# Files of older versions mean something else by the same keywords (SOAP of the central atom).
_OLDEST_VERSION = 1426512068

_COVARIANCE_TYPES = {1: "ard_se", 2: "dot_product", 3: "bond_real_space", 4: "pp"}


@dataclasses.dataclass
class Term:
    """What every term has; M sparse points of d numbers.

    delta: eV. points: (M, d). point_cutoffs: (M,), the value of the cutoff function at each sparse
    point. alpha: (M,), eV / delta^2. cutoff, cutoff_width: angstrom.
    """

    label: str
    delta: float
    points: NDArray[np.float64]
    point_cutoffs: NDArray[np.float64]
    alpha: NDArray[np.float64]
    cutoff: float
    cutoff_width: float


@dataclasses.dataclass
class Distance2b(Term):
    """Σ over ordered pairs, {Z_i, Z_j} = {z1, z2}, of Σ_s alpha_s c_s k(r_ij, x_s) f_c(r_ij).

    k = delta² exp(-(r - x_s)²/(2 theta²)); f_c falls as a cosine over the last cutoff_width.
    theta: angstrom.
    """

    z1: int
    z2: int
    theta: float


@dataclasses.dataclass
class Angle3b(Term):
    """Σ over centres z and ordered pairs of neighbours (j, k), {Z_j, Z_k} = {z1, z2}.

    Of Σ_s alpha_s c_s k(x, x_s) f_c(r_ij) f_c(r_ik) with x = (r_ij + r_ik, (r_ij - r_ik)², r_jk),
    k = delta² exp(-Σ_d (x - x_s)_d²/(2 theta_d²)). theta: (3,).
    """

    z: int
    z1: int
    z2: int
    theta: NDArray[np.float64]


@dataclasses.dataclass
class Soap(Term):
    """Σ over centres z of Σ_s alpha_s delta² (p · p_s)^zeta, p being the SOAP power spectrum.

    species: atomic numbers of the neighbours, in the file's order. The last of the d numbers of a
    point is the one that QUIP appends for `covariance_sigma0`, here always 0.
    """

    z: int
    species: list[int]
    n_max: int
    l_max: int
    atom_sigma: float
    central_weight: float
    central_reference_all_species: bool
    zeta: float


@dataclasses.dataclass
class TurboSpecies:
    """Parameters of soap_turbo for neighbours of one element; angstrom where lengths.

    z: atomic number.
    """

    z: int
    alpha_max: int
    sigma_r: float
    sigma_t: float
    sigma_r_scaling: float
    sigma_t_scaling: float
    amplitude_scaling: float
    central_weight: float


@dataclasses.dataclass
class SoapTurbo(Term):
    """As `Soap` with soap_turbo's power spectrum; cutoff_width: hard less soft cutoff.

    z: atomic number of the centres; compressed: whether by its mode "trivial".
    """

    z: int
    neighbors: list[TurboSpecies]
    l_max: int
    basis: str
    filter: float
    radial_enhancement: int
    compressed: bool
    zeta: float


@dataclasses.dataclass
class PairSpline:
    """Pair energies ½ Σ_ij V(r_ij) of `IP Glue`: a cubic spline through knots.

    r: (K,) angstrom, ascending; energies: (K,) eV; slopes: V' at the first and the last knot, None
    for a natural end (V'' = 0). Below the first knot V is a straight line with the slope there;
    from the last knot on it is zero.
    """

    z1: int
    z2: int
    r: NDArray[np.float64]
    energies: NDArray[np.float64]
    slopes: tuple[float | None, float | None]


@dataclasses.dataclass
class QuipGap:
    """All of a GAP file. isolated_energies: eV by atomic number, those that are not zero."""

    label: str
    isolated_energies: dict[int, float]
    terms: list[Term]
    core: list[PairSpline]

    def atomic_numbers(self) -> list[int]:
        """All elements that the terms and the core speak of, ascending."""
        found: set[int] = set()
        for term in self.terms:
            for name in ("z", "z1", "z2"):
                found |= {getattr(term, name)} if hasattr(term, name) else set()
            found |= set(getattr(term, "species", ()))
            found |= {neighbor.z for neighbor in getattr(term, "neighbors", ())}
        for pair in self.core:
            found |= {pair.z1, pair.z2}
        return sorted(found)


def _sparse_points(
    coordinates: ElementTree.Element, folder: Path, place: str
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Points (M, d), values of the cutoff function (M,) and alpha (M,)."""
    dimensions = xml_integer(coordinates, "dimensions", place)
    n_points = xml_integer(coordinates, "n_sparseX", place)
    listed = coordinates.findall("sparseX")
    if len(listed) != n_points or n_points < 1 or dimensions < 1:
        raise ModelFileError(f"{place}: n_sparseX is {n_points}, but {len(listed)} are listed")
    if [xml_integer(s, "i", place) for s in listed] != list(range(1, n_points + 1)):
        raise ModelFileError(f"{place}: the sparse points are not numbered from 1")
    name = coordinates.get("sparseX_filename")
    if name is None:
        raise UnsupportedError(f"{place}: sparse points inside the XML file are not supported")
    path = folder / Path(name).name
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file, but {place} keeps its sparse points there")
    content = path.read_bytes()
    checksum = coordinates.get("sparseX_md5sum")
    if checksum and hashlib.md5(content, usedforsecurity=False).hexdigest() != checksum:
        raise ModelFileError(f"{path}: does not fit the checksum in the XML file")
    points = xml_numbers(content.decode("ascii", errors="replace"), str(path))
    if points.size != n_points * dimensions:
        raise ModelFileError(
            f"{path}: holds {points.size} numbers; {n_points} sparse points of {dimensions} are "
            f"{n_points * dimensions}"
        )
    return (
        points.reshape(n_points, dimensions),
        np.array([xml_number(s, "sparseCutoff", place) for s in listed]),
        np.array([xml_number(s, "alpha", place) for s in listed]),
    )


def _term(coordinates: ElementTree.Element, folder: Path, place: str) -> Term:
    description = coordinates.findtext("descriptor")
    if description is None:
        raise ModelFileError(f"{place}: no <descriptor>")
    keywords = Keywords(description, place)
    kind = keywords.kind
    place = keywords.place
    points, cutoffs, alpha = _sparse_points(coordinates, folder, place)
    covariance = xml_integer(coordinates, "covariance_type", place)
    wanted = 1 if kind in ("distance_2b", "angle_3b") else 2
    if covariance != wanted:
        raise UnsupportedError(
            f"{place}: covariance_type {_COVARIANCE_TYPES.get(covariance, covariance)} is not "
            f"supported, only {_COVARIANCE_TYPES[wanted]}"
        )
    if xml_number(coordinates, "signal_mean", place) != 0.0:
        raise UnsupportedError(f"{place}: f0 (signal_mean) other than 0 is not supported")
    if xml_integer(coordinates, "n_permutations", place) != 1:
        raise UnsupportedError(f"{place}: permutations are not supported")
    n_dimensions = points.shape[1]
    common = {
        "label": coordinates.get("label", ""),
        "delta": xml_number(coordinates, "signal_variance", place),
        "points": points,
        "point_cutoffs": cutoffs,
        "alpha": alpha,
        "cutoff": keywords.number("rcut_hard", "cutoff"),
        "cutoff_width": keywords.number("cutoff_transition_width", default="0.5"),
    }
    if "rcut_soft" in keywords.values:
        common["cutoff_width"] = common["cutoff"] - keywords.number("rcut_soft")
    if common["cutoff"] <= 0 or common["cutoff_width"] < 0:
        raise ModelFileError(f"{place}: cutoff and its width must be positive")
    theta = np.ones(0)
    if wanted == 1:
        theta = xml_numbers(coordinates.findtext("theta") or "", f"{place}: theta")
        expected = 1 if kind == "distance_2b" else 3
        if n_dimensions != expected or len(theta) != expected or np.any(theta <= 0):
            raise ModelFileError(
                f"{place}: {expected} dimensions, each with a theta above 0, needed"
            )
    if kind == "distance_2b":
        return Distance2b(
            **common,
            z1=keywords.atomic_number("Z1", default="0"),
            z2=keywords.atomic_number("Z2", default="0"),
            theta=float(theta[0]),
        )
    if kind == "angle_3b":
        return Angle3b(
            **common,
            z=keywords.atomic_number("Z", "Z_center", default="0"),
            z1=keywords.atomic_number("Z1", default="0"),
            z2=keywords.atomic_number("Z2", default="0"),
            theta=theta,
        )
    make = _soap if kind == "soap" else _soap_turbo
    return make(keywords, common, coordinates, n_dimensions)


def _soap(
    keywords: Keywords, common: dict, coordinates: ElementTree.Element, n_dimensions: int
) -> Soap:
    place = keywords.place
    n_species = keywords.integer("n_species", default="1")
    center = keywords.atomic_number("Z", default="0")
    species = [int(s) for s in keywords.text("species_Z", default="0").split()]
    if len(species) != n_species or len(set(species)) != n_species:
        raise ModelFileError(f"{place}: species_Z must name n_species different elements")
    if any(not 0 < s < len(chemical_symbols) for s in species):
        raise UnsupportedError(
            f"{place}: species_Z must name the elements; 0 (any) is not supported"
        )
    n_max, l_max = keywords.integer("n_max"), keywords.integer("l_max")
    n_radial = n_max * n_species
    if n_max < 1 or l_max < 0 or n_dimensions != n_radial * (n_radial + 1) // 2 * (l_max + 1) + 1:
        raise ModelFileError(
            f"{place}: {n_dimensions} dimensions do not fit n_max {n_max}, l_max {l_max} and "
            f"{n_species} species"
        )
    if np.any(common["points"][:, -1] != 0.0):
        raise UnsupportedError(f"{place}: covariance_sigma0 other than 0 is not supported")
    return Soap(
        **common,
        z=center,
        species=species,
        n_max=n_max,
        l_max=l_max,
        atom_sigma=keywords.number("atom_sigma", "atom_gaussian_width"),
        central_weight=keywords.number("central_weight", default="1.0"),
        central_reference_all_species=same_value(
            keywords.text("central_reference_all_species", default="T" if n_species == 1 else "F"),
            "T",
        ),
        zeta=xml_number(coordinates, "zeta", place),
    )


def _soap_turbo(
    keywords: Keywords, common: dict, coordinates: ElementTree.Element, n_dimensions: int
) -> SoapTurbo:
    place = keywords.place
    n = keywords.integer("n_species", default="1")
    index = keywords.integer("central_index", default="1") - 1
    columns = {
        "z": keywords.numbers(n, "species_Z"),
        "alpha_max": keywords.numbers(n, "alpha_max", "n_max"),
        "sigma_r": keywords.numbers(n, "atom_sigma_r", "atom_sigma"),
        "sigma_t": keywords.numbers(n, "atom_sigma_t", "atom_sigma"),
        "sigma_r_scaling": keywords.numbers(
            n, "atom_sigma_r_scaling", "atom_sigma_scaling", default="0.0"
        ),
        "sigma_t_scaling": keywords.numbers(
            n, "atom_sigma_t_scaling", "atom_sigma_scaling", default="0.0"
        ),
        "amplitude_scaling": keywords.numbers(n, "amplitude_scaling", default="1.0"),
        "central_weight": keywords.numbers(n, "central_weight", default="1.0"),
    }
    species = [TurboSpecies(**dict(zip(columns, values))) for values in zip(*columns.values())]
    for entry in species:
        entry.z, entry.alpha_max = int(entry.z), int(entry.alpha_max)
        if not 0 < entry.z < len(chemical_symbols) or entry.alpha_max < 1:
            raise ModelFileError(f"{place}: species_Z or alpha_max is out of range")
    if len({entry.z for entry in species}) != n or not 0 <= index < n:
        raise ModelFileError(f"{place}: species_Z or central_index does not fit n_species {n}")
    mode = keywords.text("compress_mode", default="None").lower()
    if mode not in ("none", "trivial"):
        raise UnsupportedError(f"{place}: compress_mode={mode} is not supported, only trivial")
    l_max = keywords.integer("l_max")
    n_radial = sum(entry.alpha_max for entry in species)
    pairs = n_radial * (n_radial + 1) // 2
    if mode == "trivial":  # those in which one function is the first of its species
        others = n_radial - n
        pairs -= others * (others + 1) // 2
    if l_max < 0 or n_dimensions != pairs * (l_max + 1):
        raise ModelFileError(
            f"{place}: {n_dimensions} dimensions do not fit alpha_max and l_max {l_max}"
        )
    return SoapTurbo(
        **common,
        z=species[index].z,
        neighbors=species,
        l_max=l_max,
        basis=keywords.text("basis", default="poly3").strip("'\""),
        filter=keywords.number("nf", default="4.0"),
        radial_enhancement=keywords.integer("radial_enhancement", default="0"),
        compressed=mode == "trivial",
        zeta=xml_number(coordinates, "zeta", place),
    )


def _pair_splines(glue: ElementTree.Element, place: str) -> Iterator[PairSpline]:
    place = f"{place}: <Glue_params>"
    numbers = {}
    for entry in glue.findall("per_type_data"):
        z = xml_integer(entry, "atomic_num", place)
        if not 0 < z < len(chemical_symbols):
            raise ModelFileError(f"{place}: atomic_num {z} is not an atomic number")
        numbers[xml_integer(entry, "type", place)] = z
        for point in entry.iterfind("potential_density/point"):
            if xml_number(point, "E", place) != 0.0:
                raise UnsupportedError(
                    f"{place}: a potential_density other than 0 is not supported"
                )
    for entry in glue.findall("per_pair_data"):
        types = [xml_integer(entry, name, place) for name in ("type1", "type2")]
        if unknown := [t for t in types if t not in numbers]:
            raise ModelFileError(f"{place}: no <per_type_data> for type {unknown[0]}")
        potential = entry.find("potential_pair")
        if potential is None:
            raise UnsupportedError(f"{place}: <per_pair_data> without <potential_pair>")
        points = potential.findall("point")
        r = np.array([xml_number(p, "r", place) for p in points])
        energies = np.array([xml_number(p, "E", place) for p in points])
        if len(r) < 2 or r[0] <= 0 or np.any(np.diff(r) <= 0):
            raise ModelFileError(
                f"{place}: distances of the pair potential must ascend from above 0"
            )
        slopes = []
        for name in ("y1", "yn"):
            slope = xml_number(potential, name, place) if potential.get(name) is not None else 0.0
            slopes.append(None if slope >= 1e30 else slope)
        first, second = sorted(numbers[t] for t in types)
        yield PairSpline(first, second, r, energies, (slopes[0], slopes[1]))


def _parse(path: Path) -> ElementTree.Element:
    """Root of the XML, without the training data that gap_fit appends."""
    try:
        root = None
        for event, element in ElementTree.iterparse(path, events=("start", "end")):
            if root is None:
                root = element
            if event == "end" and element.tag in ("XYZ_data", "command_line"):
                element.clear()
    except ElementTree.ParseError as error:
        raise ModelFileError(f"{path}: not well-formed XML: {error}") from None
    assert root is not None
    return root


def _check_potential(root: ElementTree.Element, label: str, path: Path) -> bool:
    """Check what `init_args` says the potential is; whether a Glue potential belongs to it."""
    found = root.find("Potential") if root.tag != "Potential" else root
    if found is None:
        return bool(root.findall(".//Glue_params"))
    text = " ".join((found.get("init_args") or "").split())
    parts = re.findall(r"init_args_pot[12]=\{([^}]*)\}", text) if text.startswith("Sum") else [text]
    kinds = []
    for part in parts:
        words = part.split()
        known = all(w.startswith("label=") for w in words[2:])
        if words[:2] not in (["IP", "GAP"], ["IP", "Glue"]) or not known:
            raise UnsupportedError(
                f"{path}: the potential '{text}' is not supported, only IP GAP alone or its sum "
                "with IP Glue"
            )
        kinds.append(words[1])
    if sorted(kinds) not in (["GAP"], ["GAP", "Glue"]):
        raise UnsupportedError(f"{path}: the potential '{text}' is not supported")
    named = re.search(r"IP GAP label=([^\s}]+)", text)
    if named and label and named.group(1) != label:
        raise ModelFileError(f"{path}: the potential is '{named.group(1)}', its data '{label}'")
    return "Glue" in kinds


def _isolated_energies(data: ElementTree.Element | None, path: Path) -> dict[int, float]:
    energies = {}
    for entry in [] if data is None else data.findall("e0"):
        z, value = xml_integer(entry, "Z", str(path)), xml_number(entry, "value", str(path))
        if value != 0.0:
            energies[z] = value
    return energies


def read_gap(path: str | Path) -> QuipGap:
    """Read a GAP file of QUIP; the files of sparse points are looked for beside it.

    Raises
    ------
    FileNotFoundError
        The file, or one of sparse points, is not there.
    ModelFileError
        Damaged or not a GAP file; names the file and the place.
    UnsupportedError
        A descriptor, keyword or kind of potential that Tektite does not compute; names it.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file")
    root = _parse(path)
    all_parameters = [root] if root.tag == "GAP_params" else root.findall(".//GAP_params")
    if len(all_parameters) != 1:
        raise ModelFileError(
            f"{path}: holds {len(all_parameters)} <GAP_params>; a GAP file of QUIP has one"
        )
    parameters = all_parameters[0]
    version = xml_integer(parameters, "gap_version", str(path))
    if version < _OLDEST_VERSION:
        raise UnsupportedError(
            f"{path}: gap_version {version} is too old (before {_OLDEST_VERSION}, 2015)"
        )
    label = parameters.get("label", "")
    with_core = _check_potential(root, label, path)
    terms: list[Term] = []
    for sparse in parameters.findall("gpSparse"):
        for number, coordinates in enumerate(sparse.findall("gpCoordinates"), start=1):
            terms.append(_term(coordinates, path.parent, f"{path}: term {number}"))
    if not terms:
        raise ModelFileError(f"{path}: no <gpCoordinates>, so there is no GAP in it")
    glue: Sequence[ElementTree.Element] = root.findall(".//Glue_params") if with_core else []
    if len(glue) != (1 if with_core else 0):
        raise ModelFileError(f"{path}: IP Glue without exactly one <Glue_params>")
    core = [pair for element in glue for pair in _pair_splines(element, str(path))]
    return QuipGap(label, _isolated_energies(parameters.find("GAP_data"), path), terms, core)
