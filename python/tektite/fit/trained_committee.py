# SPDX-License-Identifier: BSD-3-Clause
"""Committees of trained models: the posterior of the coefficients of their first density."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from tektite.fit.committee import committee_array
from tektite.fit.least_squares import TriangularFactor
from tektite.fit.linear import LinearFit
from tektite.fit.model import LinearAce
from tektite.fit.nonlinear import NonlinearFit
from tektite.fit.regression import posterior_draws


def trained_committee(
    linear: LinearFit,
    nonlinear: NonlinearFit,
    n_members: int,
    seed: int,
    threads: int,
) -> NDArray[np.float64] | None:
    """Array "committee.coefficients" for a trained model; None if its first density is not linear.

    The energy is linear in the coefficients c_k1 of a density of exponent 1. With all other
    parameters where the training has left them, among them the radial functions, their posterior
    is that of Bayesian linear regression, with the prior of the linear fit and the noise that the
    trained model leaves. Members are drawn from it; they differ in these coefficients alone, so
    the spread leaves out what the other parameters contribute.
    """
    model = nonlinear.model
    metadata, _ = model.contents(nonlinear.energies)
    if any(e["exponents"][0] != 1.0 or e["prefactors"][0] == 0 for e in metadata["embeddings"]):
        return None
    trained = LinearAce(linear.model.config, linear.elements, model.trained_bonds)
    n_free = linear.free.shape[1]
    factor = TriangularFactor(n_free + trained.n_functions)
    # Blocks of rows are done in parallel, each on one thread: BLAS threads would fight over cores.
    with threadpool_limits(1, "blas"):
        for n_rows, part in trained.factors(linear.targets, threads, linear.free):
            factor.add(part, n_rows)
    metrics = nonlinear.problem.metrics(nonlinear.trained.parameters, nonlinear.problem.train)
    normal = np.random.default_rng([seed, 3]).normal(size=(trained.n_functions, n_members))
    with threadpool_limits(threads, "blas"):
        deviations = posterior_draws(
            factor.matrix(),
            linear.sizes,
            factor.n_rows,
            linear.solution.strength,
            np.sqrt(metrics.mean_loss),
            normal,
        )
    first = np.diff(model.basis.first_function)
    weights = np.repeat([e["prefactors"][0] for e in metadata["embeddings"]], first)
    members = np.repeat(model.coefficients[None], n_members, axis=0)
    members[:, :, 0] += (deviations / weights[:, None]).T
    return committee_array(model.basis, members)
