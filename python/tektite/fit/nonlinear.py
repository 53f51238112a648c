# SPDX-License-Identifier: BSD-3-Clause
"""From the linear fit to a trained non-linear model."""

from __future__ import annotations

import dataclasses
import fnmatch
import itertools
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tektite.errors import DataError
from tektite.fit.checkpoint import Checkpoint
from tektite.fit.config import BasisConfig
from tektite.fit.dataset import Target
from tektite.fit.least_squares import combine, triangular_factor
from tektite.fit.linear import LinearFit
from tektite.fit.penalties import Penalties, Smoothness
from tektite.fit.problem import Problem, make_data_set
from tektite.fit.start import Start
from tektite.fit.trainable import TrainableAce
from tektite.fit.trainer import Row, Trained, Trainer
from tektite.fit.training_config import TrainingConfig
from tektite.fit.variables import Bounded, Scaled, Transform, Variables, Whitened

Array = NDArray[np.float64]


def make_model(
    linear: LinearFit, basis: BasisConfig, config: TrainingConfig, like: TrainableAce | None = None
) -> TrainableAce:
    """Return a model whose first density is the linear one; with the embeddings of `like`, if any.

    The others begin as pair densities: g_0 summed over the neighbours, scaled so that they are
    `initial_density` in the mean. So they are away from the origin, where embeddings bend most.
    """
    embedding = config.embedding
    exponents: ArrayLike = embedding.exponents
    prefactors: ArrayLike = embedding.prefactors or [1.0] * len(embedding.exponents)
    if like is not None:
        prefactors, exponents = like.embeddings
    model = TrainableAce(
        basis,
        linear.elements,
        linear.model.bonds,
        prefactors=prefactors,
        exponents=exponents,
        embedding=embedding.kind if like is None else like.embedding,
        radial=config.radial,
        fit_prefactors=embedding.fit_prefactors,
        fit_exponents=embedding.fit_exponents,
    )
    coefficients = np.zeros((model.n_functions, model.n_density))
    coefficients[:, 0] = linear.solution.coefficients
    pair, mean = _pair_densities(linear)
    random = np.random.default_rng(config.seed)
    for p in range(1, model.n_density):
        factors = 1.0 + 0.3 * random.uniform(-1, 1, size=len(pair)) if p > 1 else np.ones(len(pair))
        coefficients[pair, p] = config.initial_density * factors / mean
    model.coefficients = coefficients
    return model


def _pair_densities(linear: LinearFit, n_targets: int = 50) -> tuple[NDArray[np.int64], Array]:
    """Functions of rank 1 with n = 0, and the mean for each, over atoms, of all of its centre."""
    functions = linear.model.basis.describe()
    first = functions["first_factor"][:-1]
    pair = np.flatnonzero((functions["rank"] == 1) & (functions["n"][first] == 0))
    centers = functions["center"][pair]
    sums, counts = np.zeros(len(linear.elements)), np.zeros(len(linear.elements))
    for target in linear.targets[:: max(1, len(linear.targets) // n_targets)]:
        f = target.frame
        values = linear.model.descriptor.values(f.positions, target.species, f.cell, f.pbc)
        for e in range(len(linear.elements)):
            mine = target.species == e
            sums[e] += values[np.ix_(mine, pair[centers == e])].sum()
            counts[e] += mine.sum()
    mean = np.where(sums != 0, sums / np.maximum(counts, 1), 1.0)
    return pair, mean[centers]


def make_model_from(
    linear: LinearFit, start: Start, basis: BasisConfig, config: TrainingConfig
) -> tuple[TrainableAce, NDArray[np.bool_]]:
    """Return the model of a file, extended to further elements, and which functions it had.

    Functions of elements that are new begin at zero.
    """
    n = len(linear.elements)
    model = TrainableAce(
        basis,
        linear.elements,
        linear.model.bonds,
        prefactors=start.extended(start.prefactors, n),
        exponents=start.extended(start.exponents, n),
        embedding=start.model.embedding,
        radial=config.radial,
        fit_prefactors=config.embedding.fit_prefactors,
        fit_exponents=config.embedding.fit_exponents,
    )
    own = [np.ravel(bond["coefficients"]) for bond in linear.model.bonds]
    made = model.contents(np.zeros(n))[1]["bonds.coefficients"]
    if not np.array_equal(np.concatenate(own), made):
        raise DataError(
            f"training.radial is {config.radial}, but the bonds that would share radial functions "
            "have different ones in training.start: choose 'bond', 'pair' or 'fixed'"
        )
    model.coefficients, known = start.coefficients(model.basis)
    return model, known


@dataclasses.dataclass
class Preconditioner:
    """Makes variables in which the loss is as round as the linear fit knows it to be.

    curvature: (P + n_free,) estimated diagonal of the Gauss-Newton matrix at the first start.
    """

    model: TrainableAce
    linear: LinearFit
    config: TrainingConfig
    curvature: Array

    def __call__(self, start: Array, share: float) -> Variables:
        """Variables for the simplest `share` of the functions of each centre."""
        model, config = self.model, self.config
        n_density = model.n_density
        frozen = self.frozen()
        active = self._simplest(share) & ~frozen[: model.n_functions * n_density : n_density]
        functions = np.flatnonzero(active)
        transforms: list[Transform] = []
        if len(functions):
            transforms += [self._density(p, functions) for p in range(n_density)]
        for name, block in model.blocks.items():
            kind = name.split("/")[0]
            places = np.arange(block.start, block.stop)
            if kind != "radial":
                places = places[1:]
            places = places[~frozen[places]]
            if kind == "radial":
                stiffness = self.curvature[places] + config.penalty.radial_width**-2
                transforms.append(Scaled(places, 1.0 / np.sqrt(stiffness)))
            elif kind == "prefactors":
                transforms.append(Scaled(places, 1.0 / np.sqrt(self.curvature[places] + 1.0)))
            elif kind == "exponents":
                low, high = config.embedding.exponent_bounds
                slope = start[places] * np.log(high / low) / 4
                scale = 1.0 / (slope * np.sqrt(self.curvature[places]) + 0.5)
                transforms.append(Bounded(places, start[places], low, high, scale))
        return Variables(start, transforms)

    def _density(self, p: int, functions: NDArray[np.int64]) -> Whitened:
        """Variables for the coefficients of density p; with the first one, shifts of energies."""
        n_free = self.linear.free.shape[1]
        columns, indices = n_free + functions, functions * self.model.n_density + p
        if p == 0:
            columns = np.concatenate([np.arange(n_free), columns])
            indices = np.concatenate([self.model.n_parameters + np.arange(n_free), indices])
        # Densities differ from the first one by the slope of their embedding, squared.
        factor = self._factor(columns, self._slope_ratio(p))
        return Whitened(indices, factor, self.linear.solution.noise)

    def solve_linear_part(
        self, problem: Problem, start: Array, functions: NDArray[np.int64] | None = None
    ) -> Array:
        """Best coefficients of the first density, and shifts, with all the rest as it is.

        functions: only these; None: all.

        In whitened variables the loss is |z - z_best|² + constant, so that one step of half the
        gradient is exact; a second one removes rounding.
        """
        if functions is None:
            functions = np.arange(self.model.n_functions)
        transform = self._density(0, functions)
        for _ in range(2):
            variables = Variables(start, [transform])
            _, gradient, _ = problem.value_and_gradient(start)
            start = variables.parameters(
                -0.5 * variables.pull_back(np.zeros(variables.n), gradient)
            )
        return start

    def frozen(self) -> NDArray[np.bool_]:
        """Which parameters stay, (P,)."""
        names = list(self.model.blocks)
        frozen = np.zeros(self.model.n_parameters, dtype=bool)
        for pattern in self.config.freeze:
            matching = fnmatch.filter(names, pattern)
            if not matching:
                raise DataError(
                    f"training.freeze: '{pattern}' is none of the blocks {', '.join(names)}"
                )
            for name in matching:
                frozen[self.model.blocks[name]] = True
        return frozen

    def _simplest(self, share: float) -> NDArray[np.bool_]:
        """The functions of largest expected size of each centre, (K,)."""
        active = np.ones(self.model.n_functions, dtype=bool)
        first = self.model.basis.first_function
        for begin, end in itertools.pairwise(first):
            order = np.argsort(-self.linear.sizes[begin:end], kind="stable")
            active[begin + order[int(np.ceil(share * (end - begin))) :]] = False
        return active

    def _slope_ratio(self, p: int) -> float:
        """Root of the mean curvature of the coefficients of density p over that of the first."""
        if p == 0:
            return 1.0
        size = self.model.n_functions * self.model.n_density
        curvature = self.curvature[:size].reshape(-1, self.model.n_density)
        weights = self.linear.sizes**2
        first, mine = weights @ curvature[:, 0], weights @ curvature[:, p]
        return float(np.sqrt(mine / first)) if first > 0 and mine > 0 else 1.0

    def _factor(self, columns: NDArray[np.int64], ratio: float) -> Array:
        """U of the normal equations of some columns times `ratio`, prior included."""
        linear = self.linear
        n_free = linear.free.shape[1]
        chosen = np.asfortranarray(linear.factor[:-1, columns]) * ratio
        if len(columns) != linear.factor.shape[1] - 1:
            chosen = triangular_factor(np.asfortranarray(chosen))
        penalised = columns >= n_free
        prior = np.zeros(len(columns))
        strength = linear.solution.strength * max(self.config.penalty.l2, 1e-8)
        prior[penalised] = np.sqrt(strength) / linear.sizes[columns[penalised] - n_free]
        factor = combine([chosen, np.asfortranarray(np.diag(prior))])
        diagonal = np.abs(np.diag(factor))
        if diagonal.min() <= 1e-14 * diagonal.max():
            raise DataError("the functions are not independent on these data; raise penalty.l2")
        return np.triu(factor)


def make_penalties(
    model: TrainableAce, linear: LinearFit, config: TrainingConfig, center: Array
) -> Penalties:
    """Penalties of the configuration; center: (n_functions, n_density) coefficients."""
    n_density = model.n_density
    noise, strength = linear.solution.noise, linear.solution.strength
    widths = np.repeat(noise * linear.sizes / np.sqrt(strength), n_density)
    radial = [block for name, block in model.blocks.items() if name.startswith("radial/")]
    first = model.bonds[0]
    shape = (first["n_max"], first["l_max"] + 1, first["n_base"])
    smoothness = None
    if config.penalty.smoothness.any and radial:
        # One bond stands for those that share its coefficients.
        smoothness = Smoothness(model.bonds[: len(radial)], config.penalty.smoothness)
    return Penalties(
        config.penalty,
        np.arange(model.n_functions * n_density),
        widths,
        center.ravel(),
        radial,
        model.parameters,
        smoothness,
        shape,
        noise,
    )


@dataclasses.dataclass
class NonlinearFit:
    """A trained model, energies of its isolated atoms (eV), and how the training went.

    center: (n_functions, n_density), what the penalty drew coefficients to.
    """

    model: TrainableAce
    energies: Array
    trained: Trained
    problem: Problem
    center: Array


def train_nonlinear(
    linear: LinearFit,
    basis: BasisConfig,
    config: TrainingConfig,
    validation: Sequence[Target],
    checkpoint: Checkpoint,
    threads: int,
    watch: Callable[[int, int, Row | None], None] = lambda stage, iteration, row: None,
    start_model: Start | None = None,
    hold: float = float("inf"),
    like: TrainableAce | None = None,
    coefficients: Array | None = None,
    center: Array | None = None,
) -> NonlinearFit:
    """Train on the targets of a linear fit, beginning with its result or with a model of a file.

    hold: bytes of neighbour lists to keep. like: a model whose embeddings are to be used.
    coefficients: (n_functions, n_density) to begin with, in place of those of the linear model.
    center: the same, what the penalty draws coefficients to; None: zero, or those of `start_model`.

    Raises
    ------
    DataError
        `freeze` names no block; the checkpoint belongs to something else.
    """
    new_functions: NDArray[np.int64] | None = None
    if start_model is None:
        model = make_model(linear, basis, config, like)
    else:
        model, known = make_model_from(linear, start_model, start_model.basis(basis), config)
        new_functions = np.flatnonzero(~known)
    data = make_data_set(model, linear.targets, config.huber, threads, hold)
    held = None
    if validation:
        left = hold - data.prepared.memory
        held = make_data_set(model, validation, config.huber, threads, left)
    if center is None:
        center = np.zeros_like(model.coefficients) if start_model is None else model.coefficients
    penalties = make_penalties(model, linear, config, center)
    problem = Problem(model, data, linear.free, linear.solution.noise, penalties, threads)
    shifts = linear.solution.free if start_model is None else np.zeros(linear.free.shape[1])
    start = np.concatenate([model.parameters, shifts])
    curvature = problem.curvature(start, config.seed)
    preconditioner = Preconditioner(model, linear, config, curvature)
    preconditioner.frozen()
    if coefficients is not None:
        start[: coefficients.size] = coefficients.ravel()
    elif new_functions is None or len(new_functions):
        start = preconditioner.solve_linear_part(problem, start, new_functions)
    watched = {"validation": held} if held is not None else {}
    trainer = Trainer(problem, config, preconditioner, held, watched, checkpoint, watch)
    trained = trainer.run(start)
    n = model.n_parameters
    model.parameters = trained.parameters[:n]
    trained.warnings += _bound_warnings(model, config)
    energies = linear.data.energies + linear.free @ trained.parameters[n:]
    return NonlinearFit(model, energies, trained, problem, center)


def _bound_warnings(model: TrainableAce, config: TrainingConfig) -> list[str]:
    low, high = config.embedding.exponent_bounds
    margin = 0.01 * np.log(high / low)
    found = []
    for name, block in model.blocks.items():
        if name.startswith("exponents/"):
            for p, m in enumerate(model.parameters[block]):
                if p > 0 and min(np.log(m / low), np.log(high / m)) < margin:
                    found.append(
                        f"{name}: the exponent of density {p + 1} ended on its bound, {m:.3g}"
                    )
    return found
