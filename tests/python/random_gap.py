# SPDX-License-Identifier: BSD-3-Clause
"""Small random GAP models, and what they give by a plain evaluation of the formulas."""

from __future__ import annotations

from typing import Any

import numpy as np
from ase import Atoms
from ase.neighborlist import neighbor_list

import tektite
from systems import random_system
from tektite.soap import TurboSpecies

_SOAP = {
    "cutoff": 4.3,
    "cutoff_transition_width": 1.1,
    "radial_basis": "equispaced_gaussian",
    "n_max": 4,
    "l_max": 3,
    "sigma": 0.6,
}


def soap_of(
    term: dict[str, Any], elements: list[str], mixing: np.ndarray | None = None
) -> tektite.SOAP | tektite.SOAPTurbo:
    """Return the descriptor that a SOAP term of a model file describes."""
    options = {k: v for k, v in term.items() if k not in ("kind", "centers", "delta", "zeta")}
    if term["kind"] == "soap_turbo":
        species = [TurboSpecies(**one) for one in options["species"]]
        compressed = options["compressed"]
        return tektite.SOAPTurbo(
            elements, options["l_max"], species, compressed=compressed, threads=1
        )
    return tektite.SOAP(elements, **options, mixing=mixing, threads=1)


def _turbo(term: dict[str, Any], elements: list[str], k: int) -> dict[str, Any]:
    species = [
        {
            "elements": [element],
            "basis": ["poly3gauss", "poly3"][(k + e) % 2],
            "alpha_max": 4 - e,
            "cutoff_soft": 3.7,
            "cutoff_hard": 4.3 - 0.2 * e,
            "filter": 4.0,
            "sigma_r": 0.5,
            "sigma_r_scaling": 0.05,
            "sigma_t": 0.6,
            "sigma_t_scaling": 0.02,
            "amplitude_scaling": 1.5,
            "radial_enhancement": 1,
            "central_weight": 0.9,
        }
        for e, element in enumerate(elements)
    ]
    kept = {key: term[key] for key in ("centers", "delta", "zeta", "cutoff")}
    return {"kind": "soap_turbo", **kept, "l_max": 3, "compressed": k == 0, "species": species}


def random_gap(
    elements: list[str],
    seed: int,
    n_sparse: int = 20,
    variance: bool = True,
    variant: str = "full",
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Metadata and arrays of a GAP with a SOAP term for each element, pairs and triplets.

    variant: what the SOAP terms are like: "full", "mixing" or "turbo".
    """
    rng = np.random.default_rng(seed)
    terms, arrays = [], {}

    def add(term: dict[str, Any], points: np.ndarray) -> None:
        prefix = f"terms.{len(terms)}."
        terms.append(term)
        arrays[prefix + "sparse_points"] = points
        arrays[prefix + "weights"] = rng.normal(size=len(points))

    for k, center in enumerate(elements):
        term = {
            "kind": "soap",
            "centers": [center],
            "channels": [[e] for e in elements],
            "delta": 0.4,
            "zeta": [4, 2.5, 1][k],
            "central_weight": 0.8,
            **_SOAP,
            "n_max": 4 + k,
        }
        mixing = None
        if variant == "mixing":
            mixing = rng.normal(size=(5, len(elements) * term["n_max"]))
            arrays[f"terms.{len(terms)}.mixing"] = mixing
        elif variant == "turbo":
            term = _turbo(term, elements, k)
        soap = soap_of(term, elements, mixing)
        samples = [random_system(elements, 100 * seed + s, 6, (True, True, True)) for s in range(8)]
        rows = np.concatenate([soap.features(a)[a.symbols == center] for a in samples])
        add(term, rows[: n_sparse + k])
    for i, first in enumerate(elements):
        for second in elements[i:]:
            term = {
                "kind": "distance_2b",
                "elements": [first, second],
                "cutoff": 3.9 + 0.1 * i,
                "cutoff_transition_width": 0.9,
                "delta": 0.5,
                "theta": 0.8,
            }
            add(term, np.linspace(1.2, 3.8, 7)[:, None])
    term = {
        "kind": "angle_3b",
        "center": elements[0],
        "neighbors": [elements[0], elements[-1]],
        "cutoff": 3.2,
        "cutoff_transition_width": 0.6,
        "delta": 0.2,
        "theta": [1.1, 1.4, 0.9],
    }
    add(term, rng.uniform([3.0, 0.0, 1.5], [6.0, 2.0, 5.0], size=(9, 3)))
    metadata = {
        "family": "gap",
        "elements": elements,
        "cutoff": 4.3,
        "isolated_energies": [float(e) for e in rng.normal(size=len(elements))],
        "terms": terms,
    }
    if variance:
        n = sum(len(a) for name, a in arrays.items() if name.endswith("weights"))
        # Factors that belong to no data, but small enough for positive variances.
        arrays["variance.prior_factor"] = 0.05 * np.tril(rng.normal(size=(n, n))) / np.sqrt(n)
        arrays["variance.posterior_factor"] = 0.2 * np.tril(rng.normal(size=(n, n))) / np.sqrt(n)
    return metadata, arrays


def _cutoff(r: np.ndarray, term: dict[str, Any]) -> np.ndarray:
    width = term["cutoff_transition_width"]
    t = np.clip((r - term["cutoff"] + width) / width, 0, 1)
    return 0.5 + 0.5 * np.cos(np.pi * t)


def evaluate(
    metadata: dict[str, Any], arrays: dict[str, np.ndarray], atoms: Atoms
) -> tuple[np.ndarray, np.ndarray]:
    """Atomic energies and standard deviations by the formulas of docs/file-format.md."""
    elements = metadata["elements"]
    symbols = np.array(atoms.get_chemical_symbols())
    energies = np.array([metadata["isolated_energies"][elements.index(s)] for s in symbols])
    covariances, prior = [], np.zeros(len(atoms))
    i, j, distances, vectors = neighbor_list("ijdD", atoms, metadata["cutoff"])
    for k, term in enumerate(metadata["terms"]):
        points = arrays[f"terms.{k}.sparse_points"]
        weights = arrays[f"terms.{k}.weights"]
        variance = term["delta"] ** 2
        covariance = np.zeros((len(atoms), len(weights)))
        if term["kind"] in ("soap", "soap_turbo"):
            mixing = arrays.get(f"terms.{k}.mixing")
            features = soap_of(term, elements, mixing).features(atoms)
        for atom in range(len(atoms)):
            edges = np.flatnonzero((i == atom) & (distances < term["cutoff"]))
            if term["kind"] in ("soap", "soap_turbo"):
                if symbols[atom] in term["centers"]:
                    p = features[atom]
                    covariance[atom] = variance * (points @ p) ** term["zeta"]
                    prior[atom] += variance * (p @ p) ** term["zeta"]
                continue
            if term["kind"] == "distance_2b":
                pair = sorted(term["elements"])
                edges = [e for e in edges if sorted((symbols[atom], symbols[j[e]])) == pair]
                x, theta = distances[edges][:, None], np.array([term["theta"]])
                f = 0.5 * _cutoff(distances[edges], term)
            else:
                first, second = term["neighbors"]
                x, f, theta = [], [], np.array(term["theta"])
                for a in edges if symbols[atom] == term["center"] else []:
                    for b in edges:
                        ends = (symbols[j[a]], symbols[j[b]])
                        if ends == (first, second) and (a < b or first != second):
                            r = distances[[a, b]]
                            opposite = np.linalg.norm(vectors[a] - vectors[b])
                            x.append([r.sum(), (r[0] - r[1]) ** 2, opposite])
                            f.append(_cutoff(r, term).prod())
                x, f = np.reshape(x, (-1, 3)), np.array(f)

            def kernel(x, y, theta=theta):
                return np.exp(-0.5 * (((x[:, None] - y) / theta) ** 2).sum(axis=2))

            covariance[atom] = variance * f @ kernel(x, points)
            prior[atom] += variance * f @ kernel(x, x) @ f
        energies += covariance @ weights
        covariances.append(covariance)
    if "variance.prior_factor" not in arrays:
        return energies, np.zeros(0)
    covariance = np.hstack(covariances)
    a, b = (covariance @ arrays[f"variance.{w}_factor"].T for w in ("prior", "posterior"))
    return energies, np.sqrt(np.maximum(0, prior - (a**2).sum(axis=1) + (b**2).sum(axis=1)))
