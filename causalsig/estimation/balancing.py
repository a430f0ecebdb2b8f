"""Entropy balancing: the weights nearest to equal that balance every covariate exactly.

Within arm a the followed rows get weights ``w_i ∝ exp(λ'(x_i - t))`` with ``Σ w_i x_i = t``, t the mean of
the covariates in the population of the estimand; λ minimises the convex dual ``log Σ exp(λ'(x_i - t))``.
Hainmueller (2012), doi:10.1093/pan/mpr025. The mean ``Σ w_i y_i`` has influence
``w_i (y_i - ψ - (x_i - t)'β) + g_i (x_i - t)'β / Σ g`` a row, β the slope of y on x within the arm under
these weights: the scores of λ and t stacked in; it is right when the log weights or the outcome are linear in
the covariates (Zhao and Percival 2017, doi:10.1515/jci-2016-0010).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from causalsig.errors import EstimationError
from causalsig.estimation.design import standard_design
from causalsig.estimation.inference import Influence, arm_means
from causalsig.estimation.multinomial import factorise
from causalsig.estimation.prepare import Prepared, prepare_sample
from causalsig.estimation.request import Request, effect_function
from causalsig.estimation.standardisation import population
from causalsig.results import ArmMeans, Floats

BALANCED = 1e-9
"""Largest difference left of a standardised mean: rounding of the sums, far below any that matters."""
ITERATIONS = 200
SLACK = 1e-7
"""What of a covariate stays unbalanced in the linear programme before it is named."""


@effect_function()
def entropy_balancing(request: Request) -> ArmMeans:
    """Estimate arm means under weights that give every arm the covariate means of one population.

    Censoring needs no model of its own: the followed rows of an arm are balanced to everybody.

    Parameters
    ----------
    estimand : "ATE", ("ATT", arm) or ("ATU", arm)
    folds, repeats, seed, nuisance, propensity : nothing is split and no treatment is modelled; taken so that
        estimators can be exchanged
    others : as in `Request`

    Returns
    -------
    ArmMeans
        ``method`` "entropy_balancing".

    Raises
    ------
    EstimationError
        ``estimation-unbalanced`` names the arm and the covariates that no weights can balance; otherwise
        whatever is wrong with the input.
    """
    prepared = prepare_sample(request, ("ATE", "ATT", "ATU"))
    order, arms = prepared.sample.order, len(prepared.sample.arms)
    design, kept, notes = standard_design(prepared.sample.covariates[order])
    x, codes = design[:, 1:], prepared.sample.codes[order]
    y, seen = prepared.outcomes.values[order], prepared.outcomes.observed[order]
    names = _names(request.covariates, kept)
    g = population(prepared)[order]
    share = g / g.sum()
    aim = share @ x
    values, weights = np.empty((y.shape[1], len(x), arms)), np.empty((y.shape[1], len(x), arms))
    patterns: dict[tuple[bytes, int], Floats] = {}
    for j, a in np.ndindex(y.shape[1], arms):
        rows = (codes == a) & seen[:, j]
        key = (rows.tobytes(), a)
        if key not in patterns:
            patterns[key] = np.zeros(len(x))
            patterns[key][rows] = _balance(x[rows] - aim, names, prepared, a)
        w = patterns[key]
        values[j, :, a] = _influence(x - aim, y[:, j], w, share)
        weights[j, :, a] = len(x) * w
    found = Influence(values, weights, values.mean(axis=1)[None], arms * x.shape[1], notes)
    return arm_means(found, prepared, method="entropy_balancing")


def entropy_weights(gap: Floats) -> Floats | None:
    """Find positive weights with sum one and ``Σ w gap = 0``; None when there are none.

    Parameters
    ----------
    gap : (m, p)
        Standardised covariates less the means they should get.
    """
    dual = np.zeros(gap.shape[1])

    def evaluate(at: Floats) -> tuple[float, Floats]:
        eta = gap @ at
        top = float(eta.max(initial=-np.inf))
        w = np.exp(eta - top)
        total = float(w.sum())
        return top + float(np.log(total)), w / total

    value, w = evaluate(dual)
    for _ in range(ITERATIONS):
        mean = w @ gap
        if np.abs(mean).max(initial=0.0) <= BALANCED:
            return w
        spread = gap - mean
        step = factorise(spread.T @ (spread * w[:, None]))(mean)
        length, slope = 1.0, 1e-4 * float(mean @ step)
        # Near the solution the gain is below the rounding of the value.
        rounding = 1e-13 * (1.0 + abs(value))
        trial = evaluate(dual - step)
        while not trial[0] <= value - length * slope + rounding and length > 1e-9:
            length *= 0.5
            trial = evaluate(dual - length * step)
        if length <= 1e-9:
            break
        dual, (value, w) = dual - length * step, trial
    return w if np.abs(w @ gap).max(initial=0.0) <= BALANCED else None


def _balance(gap: Floats, names: list[str], prepared: Prepared, a: int) -> Floats:
    w = entropy_weights(gap)
    if w is None:
        raise EstimationError(
            "estimation-unbalanced",
            expected=f"weights of {prepared.sample.arms[a]} that give it the means of the population",
            found=f"none that balance {', '.join(_unbalanced(gap, names))}",
            mend="Leave these covariates or the arm out, make them coarser, or ask for the ATO.",
            where="covariates",
        )
    return w


def _unbalanced(gap: Floats, names: list[str]) -> list[str]:
    """Name the covariates that stay apart when as little as possible does (a linear programme)."""
    from scipy.optimize import linprog

    rows, width = gap.shape
    slack = np.hstack([np.eye(width), -np.eye(width)])
    equal = np.vstack([np.hstack([gap.T, slack]), np.concatenate([np.ones(rows), np.zeros(2 * width)])])
    cost = np.concatenate([np.zeros(rows), np.ones(2 * width)])
    found = linprog(cost, A_eq=equal, b_eq=np.append(np.zeros(width), 1.0), method="highs")
    left = found.x[rows : rows + width] + found.x[rows + width :] if found.x is not None else np.ones(width)
    apart = [name for name, size in zip(names, left, strict=True) if size > SLACK]
    # At the edge of what the arm holds some rows would need a weight of zero: none apart, yet no solution.
    return apart or names


def _influence(gap: Floats, y: Floats, w: Floats, share: Floats) -> Floats:
    """Influence (n,) with Σ w y as its mean."""
    mean = float(w @ y)
    centre = w @ gap
    spread = gap - centre
    fitted = np.zeros(len(y))
    if gap.shape[1]:
        beta = factorise(spread.T @ (spread * w[:, None]))(spread.T @ (w * (y - mean)))
        fitted = gap @ beta
    by_row = len(y) * (w * (y - mean - fitted) + share * fitted)
    return np.asarray(mean + by_row - by_row.mean())


def _names(covariates: Any, kept: tuple[int, ...]) -> list[str]:
    """Column names of a frame, or positions."""
    columns = getattr(covariates, "columns", None)
    return [f"column {j}" if columns is None else str(columns[j]) for j in kept]
