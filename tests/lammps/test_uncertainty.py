# SPDX-License-Identifier: BSD-3-Clause
"""Per-atom uncertainties through fix pair: of an engine that counts neighbours, of a committee."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import ase.build
import numpy as np
import pytest
from ase import Atoms
from ase.neighborlist import neighbor_list

from lammps_runs import KCAL_PER_EV, data_file, environment, read_dump, run, setup_commands
from random_models import random_ace
from tektite import TektiteCalculator, modelfile

HEADER = Path(__file__).parents[2] / "csrc" / "include" / "tektite"

# The "uncertainty" of a centre is the number of its neighbours within 3 angstrom, in eV.
ENGINE = """
#include "tektite.h"
static int model;
int tektite_abi_version(void) { return TEKTITE_ABI_VERSION; }
const char* tektite_version(void) { return "counting"; }
const char* tektite_last_error(void) { return ""; }
tektite_status tektite_model_load(const char* path, tektite_model** m) {
    *m = (tektite_model*)&model;
    return 0;
}
void tektite_model_free(tektite_model* m) {}
const char* tektite_model_family(const tektite_model* m) { return "counting"; }
double tektite_model_cutoff(const tektite_model* m) { return 3.0; }
int tektite_model_n_elements(const tektite_model* m) { return 1; }
const char* tektite_model_element(const tektite_model* m, int i) { return i == 0 ? "Si" : 0; }
double tektite_model_isolated_energy(const tektite_model* m, int i) { return 0; }
double tektite_model_minimum_distance(const tektite_model* m, int i, int j) { return 0; }
int tektite_model_has_uncertainty(const tektite_model* m) { return 1; }
const char* tektite_model_metadata(const tektite_model* m) { return "{}"; }
tektite_status tektite_model_check(const tektite_model* m, int precision, int* n_structures,
                                   double* energy_error, double* force_error, int* passed) {
    *n_structures = 0;
    *energy_error = *force_error = 0;
    *passed = 1;
    return 0;
}
tektite_status tektite_evaluator_create(const tektite_model* m, int precision, int threads,
                                        tektite_evaluator** e) {
    *e = (tektite_evaluator*)&model;
    return 0;
}
void tektite_evaluator_free(tektite_evaluator* e) {}
const char* tektite_evaluator_description(tektite_evaluator* e) { return "counting"; }
size_t tektite_evaluator_memory(const tektite_evaluator* e) { return 0; }
tektite_status tektite_evaluate(tektite_evaluator* e, const tektite_cluster* c,
                                const tektite_results* r) {
    for (int64_t k = 0; k < c->n_centers; ++k) {
        const int i = c->centers[k];
        for (int n = 0; n < c->neighbor_counts[i]; ++n) {
            const int j = c->neighbor_rows[i][n] & c->neighbor_mask;
            double r2 = 0;
            for (int d = 0; d < 3; ++d) {
                const double x = c->positions[3 * j + d] - c->positions[3 * i + d];
                r2 += x * x;
            }
            if (r2 < 9.0 && r->atom_uncertainties) r->atom_uncertainties[i] += 1.0;
        }
        if (r->energy) *r->energy += 1.0;
    }
    return 0;
}
/* Nothing of this is asked for without `device cuda`: 1 is a failure. */
tektite_status tektite_device_count(int* count) { return 1; }
tektite_status tektite_device_name(int device, char* name, size_t size) { return 1; }
tektite_status tektite_model_load_on_device(const char* path, const tektite_device_options* options,
                                            tektite_model** m) {
    return 1;
}
tektite_status tektite_evaluate_open(tektite_evaluator* e, const tektite_open_cluster* c,
                                     const tektite_results* r) {
    return 1;
}
tektite_status tektite_closest_pairs(tektite_evaluator* e, double* distances, int32_t* pairs) {
    return 1;
}
tektite_status tektite_atom_beyond_skin(tektite_evaluator* e, int64_t* atom) {
    return 1;
}
"""


@pytest.fixture(scope="module")
def counting(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the engine, as libtektite.so."""
    compilers = ("cc", "gcc", "clang")
    compiler = os.environ.get("CC") or next(filter(None, map(shutil.which, compilers)), None)
    if not compiler:
        pytest.skip(f"no C compiler: none of {compilers}, and CC is not set")
    folder = tmp_path_factory.mktemp("counting")
    names = set(re.findall(r"\b(tektite_\w+)\(", (HEADER / "tektite.h").read_text()))
    assert names == set(re.findall(r"\b(tektite_\w+)\(", ENGINE)), "the C ABI has changed"
    (folder / "engine.c").write_text(ENGINE)
    options = ["-shared", "-fPIC", "-w", f"-I{HEADER}", "-o", folder / "libtektite.so"]
    subprocess.run([compiler, *options, folder / "engine.c"], check=True)
    return folder


@pytest.mark.parametrize(
    ("ranks", "flag", "units"), [(1, 0, "metal"), (1, 1, "real"), (2, 0, "real"), (3, 1, "metal")]
)
def test_fix_pair(ranks: int, flag: int, units: str, counting: Path, tmp_path: Path) -> None:
    """With the flag, uncertainties come along with the forces; without it, when asked for."""
    atoms = ase.build.bulk("Si", "diamond", a=5.43, cubic=True) * (2, 2, 2)
    atoms.rattle(0.3, seed=3)
    data_file(tmp_path / "data", atoms, ["Si"])
    (tmp_path / "any.mlip").touch()
    env = environment()
    env["LD_LIBRARY_PATH"] = f"{counting}:{env['LD_LIBRARY_PATH']}"
    run(
        tmp_path,
        f"""
{setup_commands(tmp_path / "data", atoms, units=units)}
pair_style mlip
pair_coeff * * any.mlip Si
fix u all pair 2 mlip uncertainty {flag}
velocity all create 3000 8
fix move all nve
timestep {0.001 if units == "metal" else 1.0}
dump d all custom 2 d.dump id x y z f_u
dump_modify d sort id format float %.17g
run 20
group some id 1:20
delete_atoms group some
run 2
fix v all pair 1 mlip uncertainty {flag}
run 2
""",
        ranks=ranks,
        env=env,
    )
    table = read_dump(tmp_path / "d.dump")
    assert len(table) == 44
    unit = 1.0 if units == "metal" else KCAL_PER_EV
    frames = (tmp_path / "d.dump").read_text().split("ITEM: TIMESTEP\n")[1:]
    seen = set()
    for frame in frames:
        rows = np.array([line.split() for line in frame.splitlines()[8:]], dtype=float)
        moved = atoms[: len(rows)].copy()
        moved.positions = rows[:, 1:4]
        counts = np.bincount(neighbor_list("i", moved, 3.0), minlength=len(rows))
        np.testing.assert_allclose(rows[:, 4], unit * counts, rtol=1e-14)
        seen |= set(counts)
    assert len(seen) > 3


@pytest.mark.parametrize(("ranks", "precision"), [(1, "double"), (2, "mixed")])
def test_committee(ranks: int, precision: str, crystal: Atoms, tmp_path: Path) -> None:
    """What LAMMPS gives for a committee is what the calculator gives."""
    metadata, arrays = random_ace(["O", "Si"], seed=4)
    coefficients = arrays["functions.coefficients"]
    rng = np.random.default_rng(8)
    members = 1.0 + 0.1 * rng.normal(size=(len(coefficients), 6, coefficients.shape[1]))
    arrays["committee.coefficients"] = coefficients[:, None, :] * members
    modelfile.write(tmp_path / "committee.mlip", metadata, arrays)
    crystal.calc = TektiteCalculator(tmp_path / "committee.mlip", threads=1)
    expected = crystal.calc.get_property("energies_uncertainty", crystal)
    assert np.std(expected) > 0.01
    data_file(tmp_path / "data", crystal, ["Si", "O"])
    output = run(
        tmp_path,
        f"""
{setup_commands(tmp_path / "data", crystal)}
pair_style mlip precision {precision}
pair_coeff * * committee.mlip Si O
fix u all pair 1 mlip uncertainty 1
dump d all custom 1 d.dump id x y z f_u
dump_modify d sort id format float %.17g
run 0
""",
        ranks=ranks,
    )
    assert "with uncertainties" in output
    table = read_dump(tmp_path / "d.dump")
    tolerance = 1e-10 if precision == "double" else 1e-4
    np.testing.assert_allclose(table[:, -1], expected, rtol=tolerance, atol=tolerance)
