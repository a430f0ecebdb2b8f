"""Models of an outcome within one arm that is a count, or a share between 0 and 1: quasi-likelihood.

Poisson with a log link for counts and logistic for shares need only the mean to be right (Gourieroux, Monfort
and Trognon 1984, doi:10.2307/1913472; Papke and Wooldridge 1996,
doi:10.1002/(SICI)1099-1255(199611)11:6<619::AID-JAE418>3.0.CO;2-1). Both links are canonical: a fit without
penalty leaves residuals that add to zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from causalsig.estimation.design import RIDGE, SEPARATED, SEPARATION_RIDGE
from causalsig.estimation.multinomial import Solver, factorise
from causalsig.estimation.regressions import ArmModel
from causalsig.results import Floats, Integers

Family: TypeAlias = Literal["poisson", "logistic"]
GRADIENT_TOLERANCE = 1e-10
"""Largest mean score, as a share of the mean of the outcome: predictions then hold to about 1e-9."""
ITERATIONS = 100
LARGEST_STEP = 5.0
"""Of a linear predictor in one iteration: keeps the exponential from overflowing far from the solution."""


@dataclass(frozen=True, slots=True, eq=False)
class _Fit:
    coefficients: Floats
    solve: Solver
    converged: bool


def mean_of(eta: Floats, family: Family) -> Floats:
    """Inverse link."""
    if family == "poisson":
        return np.asarray(np.exp(np.minimum(eta, 500.0)))
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(eta, -500.0, 500.0))))


def in_sample(x: Floats, y: Floats, rows: Floats, family: Family) -> ArmModel:
    """Fit the rows of one arm by maximum quasi-likelihood, predict all: y, rows (n,), rows 0 or 1."""
    keep = rows > 0
    trivial = _trivial(y[keep], family)
    if trivial is not None:
        return ArmModel(np.full(len(x), trivial), np.zeros(len(x)), np.zeros(len(x)), None)
    model, notes = fit_or_shrink(x[keep], y[keep], 0.0, family)
    predicted = mean_of(x @ model.coefficients, family)
    slope = predicted if family == "poisson" else predicted * (1.0 - predicted)
    return ArmModel(predicted, slope, rows * (y - predicted), model.solve, notes)


def cross_fitted(
    x: Floats, y: Floats, rows: Floats, folds: Integers, family: Family
) -> tuple[Floats, tuple[str, ...]]:
    """Predict every row from the rows of one arm outside its fold: (n,), and notes."""
    keep = rows > 0
    trivial = _trivial(y[keep], family)
    if trivial is not None:
        return np.full(len(x), trivial), ()
    full, notes = fit_or_shrink(x[keep], y[keep], RIDGE, family)
    ridge = SEPARATION_RIDGE if notes else RIDGE
    predicted = np.empty(len(x))
    for f in range(int(folds.max()) + 1):
        train, held = keep & (folds != f), folds == f
        rate = _trivial(y[train], family)
        if rate is not None:
            predicted[held] = rate
            continue
        model = _fit(x[train], y[train], ridge, family, full.coefficients)
        predicted[held] = mean_of(x[held] @ model.coefficients, family)
        notes += () if model.converged else ("estimation-outcome-not-converged",)
    return predicted, notes


def _trivial(y: Floats, family: Family) -> float | None:
    """Give the mean where no coefficient is finite: all 0, or all 1."""
    mean = float(y.mean()) if len(y) else 0.0
    return mean if mean == 0.0 or (family == "logistic" and mean == 1.0) else None


def fit_or_shrink(x: Floats, y: Floats, ridge: float, family: Family) -> tuple[_Fit, tuple[str, ...]]:
    """Fit, with a larger ridge when the covariates decide where the outcome is 0 (or 1)."""
    start = np.zeros(x.shape[1])
    mean = float(y.mean())
    start[0] = np.log(mean) if family == "poisson" else np.log(mean / (1.0 - mean))
    model = _fit(x, y, ridge, family, start)
    predicted = mean_of(x @ model.coefficients, family)
    edge = predicted.min() if family == "poisson" else min(predicted.min(), 1.0 - predicted.max())
    if model.converged and (ridge > 0.0 or edge >= SEPARATED * mean):
        return model, ()
    again = _fit(x, y, SEPARATION_RIDGE, family, start)
    notes: tuple[str, ...] = ("estimation-outcome-separation",)
    return again, notes if again.converged else (*notes, "estimation-outcome-not-converged")


def _fit(x: Floats, y: Floats, ridge: float, family: Family, start: Floats) -> _Fit:
    """Newton's method on the penalised quasi-likelihood, halving steps that do not help."""
    shrink = np.full(x.shape[1], ridge)
    shrink[0] = 0.0
    tolerance = GRADIENT_TOLERANCE * len(x) * max(float(np.abs(y).mean()), 1e-12)

    def objective(b: Floats) -> float:
        eta = x @ b
        log_total = np.exp(np.minimum(eta, 500.0)) if family == "poisson" else np.logaddexp(0.0, eta)
        return float(np.sum(log_total - y * eta) + 0.5 * np.sum(shrink * b**2))

    b, value, converged = start.copy(), objective(start), False
    for _ in range(ITERATIONS):
        mean = mean_of(x @ b, family)
        gradient = shrink * b - x.T @ (y - mean)
        weight = mean if family == "poisson" else mean * (1.0 - mean)
        solve = factorise(x.T @ (x * weight[:, None]) + np.diag(shrink))
        converged = bool(np.abs(gradient).max() <= tolerance)
        if converged:
            break
        step = solve(gradient)
        length = min(1.0, LARGEST_STEP / max(float(np.abs(x @ step).max()), 1e-300))
        trial = objective(b - length * step)
        while not trial <= value + 1e-12 * abs(value) and length > 1e-8:
            length *= 0.5
            trial = objective(b - length * step)
        if not trial <= value + 1e-12 * abs(value):
            break
        b, value = b - length * step, trial
    return _Fit(b, solve, converged)
