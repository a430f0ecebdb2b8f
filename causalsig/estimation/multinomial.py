"""Multinomial logistic regression by Newton's method, on all rows and leaving each fold out.

Leave-fold-out fits start at the full fit with the Hessian of the other folds, which one pass over the rows
gives for every fold. From there on only gradients are computed: limited-memory BFGS pairs correct the factor
(Nocedal and Wright 2006, Numerical Optimization, algorithm 7.4), which costs a tenth of a new Hessian a step.

Arm K - 1 is the base: coefficients B are (K - 1, P), probabilities softmax of [x B^T, 0]. The ridge penalty
is ``ρ/2 Σ_k |β_k - β̄|²`` over all K arms (β of the base is 0): the fit does not depend on the base.
Böhning (1992), doi:10.1007/BF00048682.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from causalsig.results import Floats, Integers

GRADIENT_TOLERANCE = 1e-10
"""Largest mean score, columns of variance 1 or less: moves a probability by less than 1e-7."""
ITERATIONS = 60
KEEP_FACTOR = 0.9
"""A factor is kept while a step leaves less than this share of the gradient."""
PAIRS = 12
"""Corrections of a factor that are kept."""
SMALLEST_STEP = 1e-4

Solver: TypeAlias = Callable[[Floats], Floats]


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """Coefficients (K - 1, P), a solver of the penalised Hessian, and whether Newton converged.

    The solver is that of the solution, or the one `fit` was started with.
    """

    coefficients: Floats
    solve: Solver
    converged: bool


def probabilities(x: Floats, coefficients: Floats) -> Floats:
    """Softmax probabilities (n, K), adding to one.

    An arm's column is contiguous: sums over a few arms are several times faster that way.
    """
    eta = np.zeros((len(coefficients) + 1, len(x)))
    np.matmul(coefficients, x.T, out=eta[:-1])
    eta -= eta.max(axis=0)
    np.exp(eta, out=eta)
    return np.asarray((eta / eta.sum(axis=0)).T, dtype=np.float64)


def indicators(codes: Integers, arms: int) -> Floats:
    """One column an arm, 1 where the row is in it."""
    return np.asarray((codes == np.arange(arms)[:, None]).T, dtype=np.float64)


def penalty(arms: int, columns: int, ridge: float) -> Floats:
    """Matrix of the ridge penalty; the first column of the design is the intercept, never shrunk."""
    shrink = np.full(columns, ridge)
    shrink[0] = 0.0
    return np.asarray(np.kron(np.eye(arms - 1) - 1.0 / arms, np.diag(shrink)), dtype=np.float64)


def hessian(x: Floats, p: Floats) -> Floats:
    """Information ``Σ_i (diag(p_i) - p_i p_i') ⊗ x_i x_i'`` of the free arms."""
    free, columns = p.shape[1] - 1, x.shape[1]
    blocks = np.empty((free, columns, free, columns))
    for k in range(free):
        for m in range(k, free):
            # One array times itself: BLAS then computes half of a symmetric product.
            root = x * np.sqrt(p[:, k] * ((1.0 - p[:, k]) if k == m else p[:, m]))[:, None]
            block = root.T @ root
            blocks[k, :, m, :] = blocks[m, :, k, :] = block if k == m else -block
    return blocks.reshape(free * columns, free * columns)


def scores(x: Floats, residual: Floats) -> Floats:
    """Total score of the free arms, flat: ``Σ_i (1{A_i = k} - p_ik) x_i``."""
    return np.asarray((residual[:, :-1].T @ x).ravel())


def factorise(matrix: Floats) -> Solver:
    """Give a solver: Cholesky, or the pseudo-inverse when columns carry no information."""
    from scipy.linalg import LinAlgError, cho_factor, cho_solve, eigh

    try:
        factor = cho_factor(matrix, lower=True)
        diagonal = np.diagonal(factor[0])
        if diagonal.min() > 1e-7 * diagonal.max():
            return lambda b: np.asarray(cho_solve(factor, b))
    except LinAlgError:
        pass
    values, vectors = eigh(matrix)
    keep = values > 1e-11 * values[-1]
    root = vectors[:, keep]
    inverse = (root / values[keep]) @ root.T
    return lambda b: np.asarray(inverse @ b)


def corrected(gradient: Floats, solve: Solver, pairs: list[tuple[Floats, Floats]]) -> Floats:
    """Apply the inverse of the factor, corrected by what gradients have shown since it was made.

    ``pairs`` are (change of the coefficients, change of the gradient), oldest first. Without pairs this is
    the factor's own step.
    """
    useful = [(s, g, 1.0 / float(s @ g)) for s, g in pairs if float(s @ g) > 0.0]
    q, shares = gradient.copy(), []
    for s, g, rho in reversed(useful):
        share = rho * float(s @ q)
        shares.append(share)
        q -= share * g
    step = solve(q)
    for (s, g, rho), share in zip(useful, reversed(shares), strict=True):
        step = step + s * (share - rho * float(g @ step))
    return step


def fit(x: Floats, y: Floats, shrink: Floats, start: Floats, solve: Solver | None = None) -> Fit:
    """Minimise the penalised negative log-likelihood.

    Parameters
    ----------
    x : (n, P), first column 1; y : (n, K) indicators; shrink : penalty matrix
    start : (K - 1, P)
    solve : solver of a Hessian near the start, renewed when it stops helping
    """
    arms, given = y.shape[1], solve

    def evaluate(b: Floats) -> tuple[float, Floats, Floats]:
        p = probabilities(x, b.reshape(arms - 1, -1))
        pull = shrink @ b
        value = -float(np.sum(np.log(np.maximum(np.sum(p * y, axis=1), 1e-300)))) + 0.5 * float(b @ pull)
        return value, pull - scores(x, y - p), p

    b = start.ravel().copy()
    value, gradient, p = evaluate(b)
    pairs: list[tuple[Floats, Floats]] = []
    converged = False
    for _ in range(ITERATIONS):
        size = np.abs(gradient).max()
        converged = bool(size <= GRADIENT_TOLERANCE * len(x))
        if converged:
            break
        fresh = solve is None
        if solve is None:
            solve, pairs = factorise(hessian(x, p) + shrink), []
        step, length = corrected(gradient, solve, pairs), 1.0
        trial = evaluate(b - step)
        while not trial[0] <= value + 1e-9 * abs(value) and length > SMALLEST_STEP:
            length *= 0.5
            trial = evaluate(b - length * step)
        if not trial[0] <= value + 1e-9 * abs(value):
            if fresh:
                break
            solve = None
            continue
        pairs = [*pairs, (-length * step, trial[1] - gradient)][-PAIRS:]
        b = b - length * step
        value, gradient, p = trial
        if np.abs(gradient).max() > KEEP_FACTOR * size:
            solve = None
    # Influence needs the Hessian at the solution; a leave-fold-out fit is never asked for its own.
    final = factorise(hessian(x, p) + shrink) if given is None else given
    return Fit(b.reshape(arms - 1, -1), final, converged)


def fit_leaving_out(
    x: Floats, y: Floats, shrink: Floats, full: Fit, folds: Integers
) -> tuple[list[Floats], bool]:
    """Fit without each fold in turn, starting at the full fit.

    Returns
    -------
    coefficients of every fold, and whether all converged
    """
    p = probabilities(x, full.coefficients)
    labels = range(int(folds.max()) + 1)
    parts = [hessian(x[folds == f], p[folds == f]) for f in labels]
    whole = np.sum(parts, axis=0) + shrink
    found, converged = [], True
    for f in labels:
        keep = folds != f
        one = fit(x[keep], np.asfortranarray(y[keep]), shrink, full.coefficients, factorise(whole - parts[f]))
        found.append(one.coefficients)
        converged &= one.converged
    return found, converged
