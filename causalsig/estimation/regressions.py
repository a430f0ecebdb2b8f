"""Models of an outcome, or of being followed, within one arm: least squares and logistic.

Cross-fitted least squares come from moments: Gram matrices a (fold, arm) are made in one pass, and the fit
without a fold is the total less that fold. Its ridge value is chosen by generalised cross-validation (Golub,
Heath and Wahba 1979, doi:10.1080/00401706.1979.10489751), so that an arm of a few dozen episodes does not fit
its noise.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from causalsig.errors import EstimationError
from causalsig.estimation.design import DEPENDENT, RIDGE, SEPARATED, SEPARATION_RIDGE
from causalsig.estimation.multinomial import Fit, Solver, factorise, fit, hessian, penalty, probabilities
from causalsig.results import Floats, Integers

RIDGE_GRID = np.geomspace(1e-4, 1e2, 19)
"""Candidate ridge values, as a share of the rows fitted."""
LARGEST_SHARE_OF_ROWS = 0.5
"""Effective parameters of a candidate stay below this share of the rows, where the criterion is reliable."""


@dataclass(frozen=True, slots=True, eq=False)
class ArmModel:
    """In-sample fit of one arm, as arrays (n,) over all rows.

    Predictions, their slope to the linear predictor, the residual of the scores with zeros outside the rows
    fitted, and the solver of the information matrix (None: nothing was fitted).
    """

    predicted: Floats
    slope: Floats
    residual: Floats
    solve: Solver | None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Gram:
    """Solver of the Gram matrix of the rows of one arm, for all outcomes followed in them, and notes."""

    solve: Solver
    notes: tuple[str, ...]


def gram_of(x: Floats, rows: Floats) -> Gram:
    """Factorise the Gram matrix of one arm; where columns depend on each other there, the shortest solution.

    That solution is the limit of ever smaller ridges.
    """
    gram = x.T @ (x * rows[:, None])
    values = np.linalg.eigvalsh(gram)
    dependent = values[0] <= DEPENDENT**2 * values[-1]
    return Gram(factorise(gram), ("estimation-outcome-dependent",) if dependent else ())


def least_squares(x: Floats, y: Floats, rows: Floats, gram: Gram) -> ArmModel:
    """Fit ordinary least squares on the rows of one arm, predict all: y, rows (n,), rows 0 or 1."""
    predicted = x @ gram.solve(x.T @ (rows * y))
    return ArmModel(predicted, np.ones(len(x)), rows * (y - predicted), gram.solve, gram.notes)


def logistic(x: Floats, y: Floats, rows: Floats) -> ArmModel:
    """Fit logistic regression by maximum likelihood on the rows of one arm, predict all."""
    keep = rows > 0
    rate = float(y[keep].mean())
    if rate in (0.0, 1.0):
        return ArmModel(np.full(len(x), rate), np.zeros(len(x)), np.zeros(len(x)), None)
    model, notes = fit_binary(x[keep], y[keep], 0.0)
    predicted = probabilities(x, model.coefficients)[:, 0]
    return ArmModel(predicted, predicted * (1 - predicted), rows * (y - predicted), model.solve, notes)


def cross_fitted_logistic(
    x: Floats, y: Floats, rows: Floats, folds: Integers
) -> tuple[Floats, tuple[str, ...]]:
    """Predict every row from the rows of one arm outside its fold: (n,), and notes.

    A training set in which all outcomes agree predicts that outcome.
    """
    keep = rows > 0
    predicted = np.full(len(x), float(y[keep].mean()))
    if predicted[0] in (0.0, 1.0):
        return predicted, ()
    full, notes = fit_binary(x[keep], y[keep], RIDGE)
    shrink = penalty(2, x.shape[1], SEPARATION_RIDGE if notes else RIDGE)
    for f in range(int(folds.max()) + 1):
        train, held = keep & (folds != f), folds == f
        rate = float(y[train].mean())
        predicted[held] = rate
        if rate not in (0.0, 1.0):
            rest, target = x[train], np.array([y[train], 1.0 - y[train]]).T
            near = hessian(rest, probabilities(rest, full.coefficients)) + shrink
            model = fit(rest, target, shrink, full.coefficients, factorise(near))
            predicted[held] = probabilities(x[held], model.coefficients)[:, 0]
            notes += () if model.converged else ("logistic-not-converged",)
    return predicted, notes


def cross_fitted_least_squares(
    x: Floats, y: Floats, seen: Floats, codes: Integers, arms: int, folds: Integers
) -> Floats:
    """Predict every row and arm from the rows of that arm outside the row's fold.

    Parameters
    ----------
    x : (n, P) standard design; y, seen : (n, J); codes, folds : (n,)

    Returns
    -------
    (J, n, K)
    """
    middle = np.sum(seen * y, axis=0) / np.sum(seen, axis=0)
    y = seen * (y - middle)
    predicted = np.empty((y.shape[1], len(x), arms))
    groups: dict[bytes, list[int]] = {}
    for j in range(y.shape[1]):
        groups.setdefault(seen[:, j].tobytes(), []).append(j)
    for columns in groups.values():
        followed = seen[:, columns[0]] > 0
        for arm in range(arms):
            fitted = _leave_fold_out(x, y[:, columns], followed & (codes == arm), folds)
            for f, coefficients in enumerate(fitted):
                held = folds == f
                values = x[held] @ coefficients + middle[columns]
                for column, j in enumerate(columns):
                    predicted[j, held, arm] = values[:, column]
    return predicted


def _leave_fold_out(x: Floats, y: Floats, rows: Floats, folds: Integers) -> list[Floats]:
    """Coefficients (P, J) without each fold, from moments."""
    parts = []
    for f in range(int(folds.max()) + 1):
        inside = rows & (folds == f)
        z = np.hstack([x[inside], y[inside]])
        parts.append(z.T @ z)
    whole = np.sum(parts, axis=0)
    return [ridge_solution(whole - part, x.shape[1]) for part in parts]


def ridge_solution(moments: Floats, width: int) -> Floats:
    """Ridge by generalised cross-validation from the moments of [x, y], x with an intercept first: (P, J)."""
    n = round(float(moments[0, 0]))
    if n < 1:
        raise EstimationError(
            "estimation-empty-cell",
            expected="followed episodes of every arm outside every fold",
            found="an arm without any outside one fold",
            mend="The arm has too few episodes followed to the end: leave it out, or use fewer folds.",
            where="folds",
        )
    mean = moments[0] / n
    centred = moments - n * np.outer(mean, mean)
    squares = np.diagonal(centred)[width:]
    s, q = np.linalg.eigh(centred[1:width, 1:width])
    s = np.maximum(s, 0.0)[None, :]
    z = q.T @ centred[1:width, width:]
    ridge = n * RIDGE_GRID[:, None]
    left = squares - ((s + 2 * ridge) / (s + ridge) ** 2) @ z**2
    used = 1.0 + np.sum(s / (s + ridge), axis=1)
    criterion = left / np.maximum(n - used, 0.5)[:, None] ** 2
    # The largest ridge always stays, for a cell of very few rows.
    criterion[:-1][used[:-1] > LARGEST_SHARE_OF_ROWS * n] = np.inf
    chosen = ridge[np.argmin(criterion, axis=0), 0]
    slopes = q @ (z / (s.T + chosen))
    return np.vstack([mean[width:] - mean[1:width] @ slopes, slopes])


def fit_binary(x: Floats, y: Floats, ridge: float) -> tuple[Fit, tuple[str, ...]]:
    """Fit a logistic model of y (n,), 0 or 1, with a larger ridge where the covariates decide it."""
    target = np.array([y, 1.0 - y]).T
    start = np.zeros((1, x.shape[1]))
    start[0, 0] = np.log(y.mean() / (1.0 - y.mean()))
    model = fit(x, target, penalty(2, x.shape[1], ridge), start)
    if model.converged and (ridge > 0 or probabilities(x, model.coefficients).min() >= SEPARATED):
        return model, ()
    again = fit(x, target, penalty(2, x.shape[1], SEPARATION_RIDGE), start)
    return again, ("logistic-separation-ridge",)
