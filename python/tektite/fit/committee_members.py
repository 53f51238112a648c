# SPDX-License-Identifier: BSD-3-Clause
"""Members of a committee: the same model fitted again, to other data or from another start.

All members share basis, radial functions, embedding, baseline and isolated atoms with the model of
all data, so that its file needs one descriptor evaluation for all.
"""

from __future__ import annotations

import dataclasses
import fnmatch
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.progress import Progress

from tektite.fit.checkpoint import Checkpoint, State
from tektite.fit.committee import committee_array
from tektite.fit.config import CommitteeConfig, FitConfig, RegressionConfig
from tektite.fit.dataset import Target
from tektite.fit.linear import LinearFit, LinearProblem, solve_linear
from tektite.fit.model import LinearAce
from tektite.fit.nonlinear import NonlinearFit, train_nonlinear
from tektite.threads import default_threads

Array = NDArray[np.float64]


def resampled(targets: Sequence[Target], seed: Sequence[int]) -> list[Target]:
    """As many targets drawn with replacement; one drawn k times counts k-fold in the loss."""
    draws = np.random.default_rng(seed).integers(len(targets), size=len(targets))
    counts = np.bincount(draws, minlength=len(targets))
    return [
        dataclasses.replace(
            target,
            weight_energy=root * target.weight_energy,
            weight_forces=root * target.weight_forces,
            weight_virial=root * target.weight_virial,
        )
        for target, root in zip(targets, np.sqrt(counts))
        if root > 0
    ]


def _problem(linear: LinearFit, nonlinear: NonlinearFit | None) -> LinearProblem:
    """The linear problem that members share: radial functions and isolated atoms are found."""
    energies = linear.energies if nonlinear is None else nonlinear.energies
    model = linear.model
    if nonlinear is not None:
        model = LinearAce(model.config, linear.elements, nonlinear.model.trained_bonds)
    shift = energies - linear.data.energies
    targets = [
        t if t.energy is None else dataclasses.replace(t, energy=t.energy - shift[t.species].sum())
        for t in linear.targets
    ]
    data = dataclasses.replace(linear.data, energies=energies, targets=targets)
    free = np.zeros((len(linear.elements), 0))
    return LinearProblem(data, model, linear.distances, free, [])


class Members:
    """Makes the members of a committee one after the other.

    Parameters
    ----------
    config : FitConfig
        With a committee of kind `bootstrap` or `seed`.
    linear : LinearFit
        Of all data.
    nonlinear : NonlinearFit or None
        The model trained from there; None: members are linear.
    folder : Path or None
        Where members are kept until all is written, so that a fit that was killed goes on.
    belongs_to : str
        Fingerprint of configuration and data.
    at_once : int or None
        See `solve_linear`.
    hold : float
        See `train_nonlinear`.
    """

    def __init__(
        self,
        config: FitConfig,
        linear: LinearFit,
        nonlinear: NonlinearFit | None,
        folder: Path | None,
        belongs_to: str,
        at_once: int | None = None,
        hold: float = float("inf"),
    ):
        # The prior is that of all data: members differ in nothing but the draw.
        regression = RegressionConfig(
            method="fixed", strength=linear.solution.strength, posterior=False
        )
        self._config = config.model_copy(update={"regression": regression})
        self._linear, self._nonlinear = linear, nonlinear
        self._folder, self._belongs_to = folder, belongs_to
        self._at_once, self._hold = at_once, hold
        self._problem = _problem(linear, nonlinear)

    @property
    def _committee(self) -> CommitteeConfig:
        return self._config.committee

    def array(self, progress: Progress, say: Callable[[str], None]) -> Array:
        """Array "committee.coefficients" of the model file."""
        n = self._committee.members
        task = progress.add_task("committee", total=n)
        members = []
        for k in range(n):
            checkpoint = self._checkpoint(k)
            state = checkpoint.load()
            if state is None:
                members.append(self.coefficients(k))
                checkpoint.save(State(1, members[-1], {}, {}))
                if checkpoint.folder is not None:
                    shutil.rmtree(checkpoint.folder / "training", ignore_errors=True)
            else:
                members.append(state.start)
            progress.advance(task)
        progress.remove_task(task)
        say(f"committee: {n} members, {self._committee.kind}")
        return committee_array(self._problem.model.basis, np.array(members))

    def _checkpoint(self, member: int, name: str = "") -> Checkpoint:
        if self._folder is None:
            return Checkpoint(None, "")
        self._folder.mkdir(exist_ok=True)
        folder = self._folder / f"member-{member}"
        folder.mkdir(exist_ok=True)
        return Checkpoint(folder / name, self._belongs_to)

    def coefficients(self, member: int) -> Array:
        """Coefficients of a member, (n_functions, n_density)."""
        committee = self._committee
        targets = self._problem.data.targets
        if committee.kind == "bootstrap":
            targets = resampled(targets, [committee.seed, member, 4])
        data = dataclasses.replace(self._problem.data, targets=targets)
        problem = dataclasses.replace(self._problem, data=data)
        quiet = Progress(disable=True)
        linear = solve_linear(
            self._config, problem, quiet, lambda text: None, self._at_once, self._linear.sizes
        )
        if self._nonlinear is None:
            return linear.solution.coefficients[:, None]
        return self._trained(member, linear)

    def _trained(self, member: int, linear: LinearFit) -> Array:
        assert self._nonlinear is not None and self._config.training is not None
        training = self._config.training
        model = self._nonlinear.model
        # Units of the loss and the strength of the penalties are those of the model itself.
        solution = dataclasses.replace(linear.solution, noise=self._linear.solution.noise)
        linear = dataclasses.replace(linear, solution=solution)
        update: dict = {"radial": "fixed", "start": None}
        embedding = {
            "prefactors": None,
            "fit_prefactors": False,
            "fit_exponents": False,
        }
        start: Array | None = model.coefficients
        if self._committee.kind == "bootstrap":
            update |= {"ladder": [1.0], "stages": training.stages[-1:]}
        else:
            update["seed"] = int(
                np.random.default_rng([self._committee.seed, member, 5]).integers(2**31)
            )
            start = None
        update["embedding"] = training.embedding.model_copy(update=embedding)
        update["freeze"] = [
            name
            for name in model.blocks
            if name.startswith("coefficients/")
            and any(fnmatch.fnmatch(name, pattern) for pattern in training.freeze)
        ]
        found = train_nonlinear(
            linear,
            self._problem.model.config,
            training.model_copy(update=update),
            [],
            self._checkpoint(member, "training"),
            self._config.threads or default_threads(),
            hold=self._hold,
            like=model,
            coefficients=start,
            center=self._nonlinear.center,
        )
        return found.model.coefficients
