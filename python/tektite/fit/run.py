# SPDX-License-Identifier: BSD-3-Clause
"""A fit from beginning to end."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress
from threadpoolctl import threadpool_limits

from tektite import modelfile
from tektite.data import Frame
from tektite.errors import DataError
from tektite.evaluation import Evaluation, evaluate
from tektite.files import write_atomically
from tektite.fit.config import FitConfig, load_config
from tektite.fit.dataset import (
    Distances,
    Target,
    check_groups,
    find_elements,
    isolated_energies,
    make_targets,
    measure_distances,
    read_data,
)
from tektite.fit.export import (
    Contents,
    ace_contents,
    baseline_contents,
    posterior_arrays,
    potential_of,
    sum_contents,
)
from tektite.fit.least_squares import TriangularFactor, combine
from tektite.fit.model import LinearAce
from tektite.fit.radial import cutoffs, make_bonds
from tektite.fit.regression import (
    Solution,
    solve_cross_validation,
    solve_evidence,
    solve_fixed,
)
from tektite.potential import Potential, default_threads
from tektite.references import default_references
from tektite.report import ErrorTable, parity_plot


@dataclasses.dataclass
class FitResult:
    """What a fit gives.

    potential: the model, isolated atoms and baseline included. contents: metadata and arrays of
    its file, without provenance. model, solution: functions and regression. train, test: errors,
    None without data. evaluations: predictions for both. warnings: one sentence each.
    """

    potential: Potential
    contents: Contents
    model: LinearAce
    solution: Solution
    distances: Distances
    energies: NDArray[np.float64]
    energies_source: str
    train: ErrorTable
    test: ErrorTable | None
    evaluations: dict[str, Evaluation]
    warnings: list[str]


def _free_columns(targets: Sequence[Target], n_elements: int) -> NDArray[np.float64]:
    """Independent combinations of the numbers of atoms of each element, (n_elements, n_free).

    With them as columns, the energies of isolated atoms are fitted together with the rest. Fewer
    than elements where the compositions of the data do not tell all of them apart.
    """
    counts = [
        np.bincount(t.species, minlength=n_elements) / len(t.species)
        for t in targets
        if t.energy is not None
    ]
    if not counts:
        return np.zeros((n_elements, 0))
    _, s, vt = np.linalg.svd(np.array(counts), full_matrices=False)
    return vt[s > 1e-6 * s[0]].T


def _accumulate(
    model: LinearAce,
    targets: Sequence[Target],
    free: NDArray[np.float64],
    config: FitConfig,
    threads: int,
    progress: Progress,
) -> list[TriangularFactor]:
    """One triangular factor for each part of the data; frames go to parts in shuffled order."""
    n_parts = config.regression.folds if config.regression.method == "cross_validation" else 1
    if n_parts > len(targets):
        raise DataError(f"regression.folds is {n_parts}, but there are only {len(targets)} frames")
    parts = np.zeros(len(targets), dtype=int)
    if n_parts > 1:
        shuffled = np.random.default_rng(config.regression.seed).permutation(len(targets))
        parts[shuffled] = np.arange(len(targets)) % n_parts
    task = progress.add_task("design matrix", total=sum(t.n_rows for t in targets))
    factors = []
    for part in range(n_parts):
        chosen = [t for t, p in zip(targets, parts) if p == part]
        factors.append(TriangularFactor(free.shape[1] + model.n_functions))
        for n_rows, factor in model.factors(chosen, threads, free):
            factors[-1].add(factor, n_rows)
            progress.advance(task, n_rows)
    return factors


def _solve(
    config: FitConfig, factors: list[TriangularFactor], sizes: NDArray[np.float64]
) -> Solution:
    matrices = [factor.matrix() for factor in factors]
    n_rows = sum(factor.n_rows for factor in factors)
    posterior = config.regression.posterior
    if config.regression.method == "cross_validation":
        return solve_cross_validation(matrices, sizes, n_rows, posterior)
    whole = combine(matrices)
    if config.regression.method == "fixed":
        assert config.regression.strength is not None
        return solve_fixed(whole, sizes, n_rows, config.regression.strength, posterior)
    return solve_evidence(whole, sizes, n_rows, posterior)


def fit_frames(
    config: FitConfig,
    train: Sequence[Frame],
    test: Sequence[Frame] = (),
    progress: Progress | None = None,
    say: Callable[[str], None] = lambda text: None,
) -> FitResult:
    """Fit a linear ACE to frames.

    Parameters
    ----------
    config : FitConfig
        Its `data` and `output` are not used.
    train, test : sequence of Frame
        As `tektite.data.read_frames` gives them.
    progress : rich.progress.Progress, optional
        Shows how far everything is that takes long.
    say : callable
        Receives a few lines on what is being done.

    Raises
    ------
    DataError
        The data do not fit together or hold nothing to fit; names file and frame.
    ValueError
        The configuration makes no sense for these data; names the key.
    """
    progress = progress or Progress(disable=True)
    threads = config.threads or default_threads()
    if not train:
        raise DataError("there are no frames to fit to")
    elements = find_elements(train, config.elements)
    check_groups(train, config.loss)
    cutoff = cutoffs(config.basis, elements)
    distances = measure_distances(progress.track(train, description="distances"), elements, cutoff)
    energies, source = isolated_energies(
        train, distances.isolated, elements, config.isolated_energies
    )
    baseline = baseline_contents(config.baseline, elements, distances)
    targets = make_targets(
        progress.track(
            [f for f, alone in zip(train, distances.isolated) if not alone], description="baseline"
        ),
        elements,
        energies,
        config.loss,
        None if baseline is None else potential_of(baseline, "baseline"),
    )
    targets = [t for t in targets if t.n_rows > 0]
    if not targets:
        raise DataError(
            "nothing to fit: no frame with neighbours has energies, forces or stresses of a "
            "weight above zero"
        )
    bonds = make_bonds(config.basis, config.radial, elements, distances)
    model = LinearAce(config.basis, elements, bonds)
    if model.n_functions == 0:
        raise ValueError("'basis': these limits leave no function at all")
    density = config.prior.density or model.density_scale(targets)
    sizes = model.expected_sizes(config.prior, density)
    n_rows = sum(t.n_rows for t in targets)
    say(f"{model.n_functions} functions, {n_rows} data in {len(targets)} frames")
    warnings = []
    if n_rows < model.n_functions:
        warnings.append(
            f"fewer data ({n_rows}) than functions ({model.n_functions}): the prior decides what "
            "the data do not; do not trust this model far from its training data"
        )
    free = _free_columns(targets if source == "fitted" else [], len(elements))
    # Blocks of rows are done in parallel, each on one thread: BLAS threads would fight over cores.
    with threadpool_limits(1, "blas"):
        factors = _accumulate(model, targets, free, config, threads, progress)
    with threadpool_limits(threads, "blas"):
        task = progress.add_task("regression", total=None)
        solution = _solve(config, factors, sizes)
        progress.remove_task(task)
    energies = energies + free @ solution.free
    shown = ", ".join(f"{s} {e:.6f}" for s, e in zip(elements, energies))
    say(f"isolated-atom energies ({source}), eV: {shown}")
    ace = ace_contents(model, solution.coefficients, energies)
    ace[1].update(posterior_arrays(model, solution))
    contents = sum_contents(ace, baseline, distances)
    potential = potential_of(contents, "fit")
    evaluations, tables = {}, {}
    for name, frames in (("train", train), ("test", test)):
        if not frames:
            continue
        atoms = progress.track((f.atoms for f in frames), len(frames), description=f"{name} errors")
        evaluations[name] = evaluate(atoms, potential, threads=threads)
        tables[name] = ErrorTable()
        for frame, *prediction in zip(
            frames, evaluations[name].energies, evaluations[name].forces, evaluations[name].stresses
        ):
            tables[name].add(frame, *prediction)
    return FitResult(
        potential, contents, model, solution, distances, energies, source,
        tables["train"], tables.get("test"), evaluations, warnings,
    )  # fmt: skip


def _summary(config: FitConfig, result: FitResult) -> dict[str, Any]:
    """Everything that the JSON of errors holds."""
    solution = result.solution
    return {
        "functions": result.model.n_functions,
        "data": solution.n_rows,
        "regression": {
            "method": config.regression.method,
            "strength": solution.strength,
            "noise": solution.noise,
            "effective_parameters": solution.effective,
            "log_evidence": solution.log_evidence,
        },
        "isolated_energies": dict(
            zip(result.model.elements, (float(e) for e in result.energies)),
            source=result.energies_source,
        ),
        "warnings": result.warnings,
        "train": result.train.as_dict(),
        "test": None if result.test is None else result.test.as_dict(),
    }


def _errors_in_brief(table: ErrorTable | None) -> dict[str, Any] | None:
    """Root mean square errors over all groups, for the provenance."""
    if table is None:
        return None
    names = {"energy": "energy_meV_per_atom", "force": "force_eV_per_A", "stress": "stress_GPa"}
    return {names[q]: getattr(table.total, q).rmse for q in names}


def _write(
    config: FitConfig, result: FitResult, frames: dict[str, list[Frame]], config_path: Path
) -> None:
    output = config.output
    assert output.model is not None and output.errors is not None and output.parity is not None
    described = {}
    for kind, files in (("train", config.data.train_files), ("test", config.data.test_files)):
        counts = {str(path): 0 for path in files}
        for frame in frames[kind]:
            counts[frame.source] += 1
        described[kind] = [modelfile.describe_data(path, counts[str(path)]) for path in files]
    metadata, arrays = result.contents
    metadata = dict(
        metadata,
        provenance=modelfile.provenance(
            source=f"tektite fit {config_path.name}",
            data=described,
            level_of_theory=config.data.level_of_theory,
            errors={k: _errors_in_brief(getattr(result, k)) for k in ("train", "test")},
            config=config.model_dump(
                mode="json", by_alias=True, exclude={"data", "output", "threads"}
            ),
        ),
    )
    modelfile.write(output.model, metadata, arrays, default_references(result.model.elements))
    text = json.dumps({"model": output.model.name, **_summary(config, result)}, indent=2)
    write_atomically(output.errors, (text + "\n").encode())
    for name, evaluation in result.evaluations.items():
        path = output.parity.with_name(f"{output.parity.stem}-{name}{output.parity.suffix}")
        parity_plot(
            path,
            frames[name],
            list(evaluation.energies),
            evaluation.forces,
            list(evaluation.stresses),
            f"{output.model.name}, {name}",
        )


def run_config(path: str | Path, console: Console | None = None) -> FitResult:
    """Fit as a configuration file says, print the errors and write all files.

    Raises
    ------
    FileNotFoundError
        The configuration or a data file is missing.
    ValueError, DataError
        See `load_config` and `fit_frames`.
    """
    path = Path(path).expanduser()
    config = load_config(path)
    output = config.output
    assert output.model is not None
    for place in (output.model, output.errors, output.parity):
        if place is not None and not place.parent.is_dir():
            raise FileNotFoundError(f"{path}: there is no folder {place.parent} to write to")
    console = console or Console(file=sys.stdout, highlight=False)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("reading data", total=None)
        train = read_data(config.data.train_files, config.data)
        test = read_data(config.data.test_files, config.data)
        progress.remove_task(task)
        result = fit_frames(config, train, test, progress, console.print)
    solution = result.solution
    console.print(
        f"{config.regression.method}: strength {solution.strength:.3g}, "
        f"{solution.effective:.0f} parameters determined by the data, noise {solution.noise:.3g}"
    )
    for warning in result.warnings:
        console.print(f"[yellow]warning:[/yellow] {warning}")
    _write(config, result, {"train": train, "test": test}, path)
    for name in ("train", "test"):
        table = getattr(result, name)
        if table is not None:
            console.print(table.rich_table(f"{output.model.name}: {name} errors"))
    console.print(f"written: {output.model}, {output.errors} and parity plots")
    return result
