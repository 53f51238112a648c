# SPDX-License-Identifier: BSD-3-Clause
"""The regression against gap_fit's, for the same data, sparse points and sigmas."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import ase.io
import numpy as np
import pytest

import tektite
from fit_data import label, silicon_structures
from random_models import MODELS
from tektite.convert import convert
from tektite.convert.quip_xml import Distance2b, read_gap
from tektite.fit.dataset import make_targets
from tektite.fit.export import potential_of
from tektite.fit.gap.config import parse_gap_config
from tektite.fit.gap.export import gap_contents
from tektite.fit.gap.pair_term import PairTerm
from tektite.fit.gap.regression import Hyperparameters, SparseGp, cholesky_with_jitter
from tektite.fit.gap.rows import BlockSum, Design
from tektite.fit.gap.sigmas import SigmaWeights
from tektite.fit.gap.soap_term import SoapSource, SoapTerm
from tektite.potential import Potential

PAIRS = (
    "distance_2b cutoff=4.0 covariance_type=ard_se delta=1.0 theta_uniform=1.0 n_sparse=8 "
    "sparse_method=uniform"
)
SOAP = (
    "soap l_max=4 n_max=5 cutoff=4.5 atom_sigma=0.5 delta=0.6 zeta=2 covariance_type=dot_product "
    "n_sparse=20 sparse_method=cur_points"
)


# gap_fit's covariances of sparse pairs have their cutoff functions in them, which multiplies the
# jitter of those near the cutoff.
@pytest.mark.parametrize(("gap", "tolerance"), [(SOAP, 1e-4), (f"{PAIRS} : {SOAP}", 0.02)])
def test_predictions_are_those_of_gap_fit(tmp_path: Path, gap: str, tolerance: float) -> None:
    """Energies, forces and virials in the data; one group with sigmas of its own."""
    pytest.importorskip("quippy")
    morse = Potential.from_arrays(*MODELS["table-Si"]())
    structures = [s for s in silicon_structures(14) if s.pbc.all()]
    frames, test = label(structures[:8], morse, "bulk"), label(structures[8:], morse)
    for frame in frames[5:]:
        frame.group = "other"
    written = []
    for frame in frames:
        atoms = frame.atoms.copy()
        atoms.info = {"dft_energy": frame.energy, "config_type": frame.group}
        v = -frame.atoms.get_volume() * frame.stress
        # Nine numbers in a row: what ASE makes of a matrix gap_fit passes over in silence.
        atoms.info["dft_virial"] = v[[0, 5, 4, 5, 1, 3, 4, 3, 2]]
        atoms.arrays["dft_forces"] = frame.forces
        written.append(atoms)
    ase.io.write(tmp_path / "train.xyz", written, format="extxyz")
    jitter = 1e-8
    command = [
        str(Path(sys.executable).parent / "gap_fit"),
        "at_file=train.xyz",
        f"gap={{{gap}}}",
        "default_sigma={0.01 0.1 0.2 0.0}",
        "config_type_sigma={other:0.05:0.3:0.4:0.0}",
        "energy_parameter_name=dft_energy",
        "force_parameter_name=dft_forces",
        "virial_parameter_name=dft_virial",
        "e0={Si:-4.0}",
        f"sparse_jitter={jitter}",
        "do_copy_at_file=F",
        "gp_file=gp.xml",
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout[-500:] + done.stderr[-500:]
    assert f"virials (property name: dft_virial) found: {6 * len(frames)}" in done.stdout
    theirs = convert(tmp_path / "gp.xml", tmp_path / "gp.mlip", references=False)

    config = parse_gap_config(
        {
            "family": "gap",
            "data": {"train": "unused"},
            "distance_2b": {"cutoff": 4.0, "delta": 2.0, "n_sparse": 8},
            "soap": {"cutoff": 4.5, "n_max": 5, "l_max": 4, "zeta": 2, "delta": 0.6},
            "sigma": {"energy": 0.01, "forces": 0.1, "virial": 0.2},
            "groups": {"other": {"energy": 0.05, "forces": 0.3, "virial": 0.4}},
        }
    )
    assert config.distance_2b is not None and config.soap is not None
    terms = [
        PairTerm(config.distance_2b, (0, 0), term.points[:, 0])
        if isinstance(term, Distance2b)
        else SoapTerm(config.soap, 0, term.points[:, :-1], 2.0)
        for term in read_gap(tmp_path / "gp.xml").terms
    ]
    energies = np.array([-4.0])
    targets = make_targets(frames, ["Si"], energies, SigmaWeights(config), None)
    design = Design(terms, SoapSource(config.soap, ["Si"]))
    sums = {kind: BlockSum(design.n_points + 1) for kind in ("energy", "forces", "virial")}
    for _, blocks in design.accumulate(targets, 1):
        for kind, block in blocks.items():
            sums[kind].add(block)
    regression = SparseGp(
        [rows.result() for rows in sums.values()],
        [cholesky_with_jitter(t.prior_covariance(), jitter)[0] for t in terms],
        range(len(terms)),
    )
    deltas = {"distance_2b": 2.0, "soap": 0.6}
    each = np.array([deltas[t.kind] for t in terms])
    solution = regression.solve(Hyperparameters(each, np.ones(3)))
    ours = potential_of(gap_contents(terms, solution, deltas, ["Si"], energies, False), "ours")

    systems = [f.atoms for f in test]
    mine, other = tektite.evaluate(systems, ours), tektite.evaluate(systems, theirs)
    spread = np.concatenate([f.forces for f in test]).std()
    difference = np.abs(np.concatenate(mine.forces) - np.concatenate(other.forces)).max()
    assert difference < tolerance * spread
    np.testing.assert_allclose(mine.energies, other.energies, atol=tolerance * spread)
