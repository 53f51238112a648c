# SPDX-License-Identifier: BSD-3-Clause
"""Writes GAP files as QUIP reads them, of random numbers, for tests of their conversion."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from ase.data import atomic_numbers

LABEL = "GAP_random"


def _coordinates(
    folder: Path,
    number: int,
    descriptor: str,
    points: np.ndarray,
    rng: np.random.Generator,
    *,
    scale: float,
    theta: list[float] | None = None,
    zeta: float | None = None,
    delta: float = 0.7,
) -> str:
    """One term; `points` (M, d) go to a file of their own."""
    n_points, dimensions = points.shape
    text = "".join(f"{x:.17e}\n" for x in points.ravel())
    name = f"gp.xml.sparseX.{LABEL}{number}"
    (folder / name).write_text(text)
    checksum = hashlib.md5(text.encode()).hexdigest()
    kernel = f'covariance_type="{1 if zeta is None else 2}"'
    if zeta is not None:
        kernel += f' zeta="{zeta}"'
    lines = [
        f'<gpCoordinates label="{LABEL}{number}" dimensions="{dimensions}" '
        f'signal_variance="{delta}" signal_mean="0.0" sparsified="T" n_permutations="1" {kernel} '
        f'n_sparseX="{n_points}" sparseX_filename="{name}" sparseX_md5sum="{checksum}">'
    ]
    if theta is not None:
        lines.append(f"<theta> {' '.join(map(str, theta))} </theta>")
    lines.append(f"<descriptor>{descriptor}</descriptor>")
    ones = " ".join(str(k + 1) for k in range(dimensions))
    lines.append(f'<permutation i="1">{ones}</permutation>')
    for k in range(n_points):
        cutoff = 1.0 if zeta is not None else rng.uniform(0.3, 1.0)
        alpha = scale * rng.normal()
        lines.append(f'<sparseX i="{k + 1}" alpha="{alpha:.17g}" sparseCutoff="{cutoff:.17g}"/>')
    lines.append("</gpCoordinates>")
    return "\n".join(lines)


def pair_term(folder: Path, number: int, pair: tuple[str, str], rng: np.random.Generator) -> str:
    """`distance_2b` with six sparse points and a cutoff of 4.2 Å."""
    z = [atomic_numbers[s] for s in pair]
    return _coordinates(
        folder,
        number,
        f"distance_2b cutoff=4.2 covariance_type=ard_se delta=0.7 theta_uniform=0.8 n_sparse=6 "
        f"sparse_method=uniform Z1={z[0]} Z2={z[1]}",
        rng.uniform(1.8, 4.2, (6, 1)),
        rng,
        scale=0.3,
        theta=[0.8],
    )


def triplet_term(
    folder: Path, number: int, center: str, pair: tuple[str, str], rng: np.random.Generator
) -> str:
    """`angle_3b` with five sparse points and a cutoff of 3.4 Å."""
    z = [atomic_numbers[s] for s in (center, *pair)]
    points = np.stack(
        [rng.uniform(4, 6.5, 5), rng.uniform(0, 0.4, 5), rng.uniform(2, 5, 5)], axis=1
    )
    return _coordinates(
        folder,
        number,
        f"angle_3b cutoff=3.4 cutoff_transition_width=0.6 covariance_type=ard_se theta_fac=0.5 "
        f"n_sparse=5 Z={z[0]} Z1={z[1]} Z2={z[2]}",
        points,
        rng,
        scale=0.05,
        theta=[1.1, 0.9, 1.3],
    )


def soap_term(
    folder: Path,
    number: int,
    center: str,
    species: list[str],
    rng: np.random.Generator,
    keywords: str = "",
    n_max: int = 4,
    l_max: int = 3,
    zeta: float = 3.0,
) -> str:
    """`soap` with seven sparse points and a cutoff of 4 Å."""
    n = n_max * len(species)
    points = np.abs(rng.normal(size=(7, n * (n + 1) // 2 * (l_max + 1))))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    listed = " ".join(str(atomic_numbers[s]) for s in species)
    return _coordinates(
        folder,
        number,
        f"soap l_max={l_max} n_max={n_max} cutoff=4.0 atom_sigma=0.5 delta=0.7 zeta={zeta} "
        f"covariance_type=dot_product n_species={len(species)} Z={atomic_numbers[center]} "
        f"species_Z={{{listed} }} {keywords}",
        np.hstack([points, np.zeros((7, 1))]),
        rng,
        scale=0.4,
        zeta=zeta,
    )


def turbo_term(
    folder: Path,
    number: int,
    center: int,
    species: list[str],
    rng: np.random.Generator,
    basis: str = "poly3gauss",
    alpha_max: tuple[int, int] = (5, 4),
    filter_widths: float = 4.0,
    scale: float = 0.4,
) -> str:
    """`soap_turbo`, compressed, with seven sparse points; center: index into species."""
    n, l_max = len(species), 3
    alpha_max = alpha_max[:n]
    functions, others = sum(alpha_max), sum(alpha_max) - n
    size = (functions * (functions + 1) // 2 - others * (others + 1) // 2) * (l_max + 1)
    points = np.abs(rng.normal(size=(7, size)))
    points /= np.linalg.norm(points, axis=1, keepdims=True)

    def listed(*values: float) -> str:
        text = " ".join(map(str, values[:n]))
        return text if n == 1 else f"{{{text}}}"

    return _coordinates(
        folder,
        number,
        f"soap_turbo l_max={l_max} alpha_max={listed(*alpha_max)} atom_sigma_r={listed(0.4, 0.5)} "
        f"atom_sigma_t={listed(0.4, 0.45)} atom_sigma_r_scaling={listed(0.1, 0.0)} "
        f"atom_sigma_t_scaling={listed(0.1, 0.05)} rcut_hard=4.0 rcut_soft=3.5 basis={basis} "
        f"nf={filter_widths} scaling_mode=polynomial amplitude_scaling={listed(1.0, 1.5)} "
        f"n_species={n} "
        f"species_Z={listed(*(atomic_numbers[s] for s in species))} radial_enhancement=1 "
        f"central_index={center + 1} central_weight={listed(1.0, 0.7)} compress_mode=trivial "
        "add_species=F delta=0.7 zeta=3 covariance_type=dot_product n_sparse=7",
        points,
        rng,
        scale=scale,
        zeta=3.0,
    )


def glue(pairs: dict[tuple[str, str], tuple[str, np.ndarray]]) -> str:
    """`<Glue_params>` with pair potentials: for each pair its attributes and points (K, 2)."""
    symbols = sorted({s for pair in pairs for s in pair}, key=atomic_numbers.__getitem__)
    lines = [f'<Glue_params n_types="{len(symbols)}">']
    for k, symbol in enumerate(symbols):
        lines.append(
            f'<per_type_data type="{k + 1}" atomic_num="{atomic_numbers[symbol]}">'
            '<density num_points="2" density_y1="0.0" density_yn="0.0">'
            '<point a="0.5" rho="0.0"/><point a="3.0" rho="0.0"/></density>'
            '<potential_density num_points="2"><point rho="0.0" E="0.0"/>'
            '<point rho="1.0" E="0.0"/></potential_density></per_type_data>'
        )
    for (a, b), (attributes, points) in pairs.items():
        i, j = symbols.index(a) + 1, symbols.index(b) + 1
        knots = "".join(f'<point r="{r:.17g}" E="{e:.17g}"/>' for r, e in points)
        lines.append(
            f'<per_pair_data type1="{i}" type2="{j}"><potential_pair num_points="{len(points)}" '
            f"{attributes}>{knots}</potential_pair></per_pair_data>"
        )
    return "\n".join([*lines, "</Glue_params>"])


def write_gap(
    folder: Path,
    terms: list[str],
    energies: dict[str, float],
    core: str = "",
    version: int = 1700000000,
) -> Path:
    """Write gp.xml of terms (files of sparse points are there already); energies: e0, eV."""
    kind = f"IP GAP label={LABEL}"
    if core:
        kind = f"Sum init_args_pot1={{IP Glue}} init_args_pot2={{{kind}}}"
    e0 = "\n".join(f'<e0 Z="{atomic_numbers[s]}" value="{e}"/>' for s, e in energies.items())
    body = "\n".join(terms)
    path = folder / "gp.xml"
    path.write_text(
        f'<{LABEL}>\n<Potential label="{LABEL}" init_args="{kind}"/>\n{core}\n'
        f'<GAP_params label="{LABEL}" gap_version="{version}">\n'
        f'<GAP_data do_core="{"T" if core else "F"}">\n{e0}\n</GAP_data>\n'
        f'<gpSparse label="{LABEL}" n_coordinate="{len(terms)}" fitted="T">\n{body}\n</gpSparse>\n'
        f"<command_line><![CDATA[ gap_fit ... ]]></command_line>\n</GAP_params>\n</{LABEL}>\n"
    )
    return path
