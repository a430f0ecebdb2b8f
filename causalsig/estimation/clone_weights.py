"""Weights of clones that are still on their strategy at the end of the grace period.

Every episode is a clone on each of K strategies; a clone is censored when its episode deviates. An episode
that starts m in period t stays on strategy m with weight ``N / Π_s P_s``, where ``P_s`` is the fitted
probability that it did what kept it on the strategy, period by period. The numerators N stabilise the weights
(Robins, Hernán and Brumback 2000, doi:10.1097/00001648-200009000-00011): they depend on strategy and period
only, so that the weights still balance the covariates.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from causalsig.errors import EstimationError
from causalsig.estimation.design import RIDGE, SEPARATED, SEPARATION_RIDGE, standard_design
from causalsig.estimation.multinomial import Fit, fit, indicators, penalty, probabilities
from causalsig.estimation.person_periods import NOTHING, Courses
from causalsig.results import Arm, Floats, Integers

Grace: TypeAlias = Literal["observed", "uniform", "natural"]
Truncation: TypeAlias = tuple[Literal["at", "quantile"], float]
GRACES: tuple[Grace, ...] = ("observed", "uniform", "natural")


@dataclass(frozen=True, slots=True, eq=False)
class PeriodModel:
    """Pooled multinomial logistic regression of what happens in a period.

    Attributes
    ----------
    kinds : (M,) int, events that occur; nothing comes last, as the base
    rows : (r,) int, rows of the table that were fitted: those of periods in which anything happened
    episode, period : (r,) int, of those rows
    x : (r, P); p, happened : (r, M)
    full : Fit
    notes : stable codes
    """

    kinds: Integers
    rows: Integers
    episode: Integers
    period: Integers
    x: Floats
    p: Floats
    happened: Floats
    full: Fit
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class CloneWeights:
    """Who stayed on which strategy, with which weight.

    Attributes
    ----------
    follows : (n,) int, place of the strategy the episode is on at the end; K for none
    weights : (n,) stabilised, after truncation; 0 for who follows none
    capped : (n,) bool, truncated
    cell : (n,) int, numerator the weight has; -1 for none
    shares : (C,) share of the episodes in each cell, what numerators are made of
    smallest : (n,) smallest probability in the weight's denominator; 1 for none
    slope : (r, M), derivative of the logarithm of the denominator to the linear predictors; 0 for none
    """

    follows: Integers
    weights: Floats
    capped: Integers
    cell: Integers
    shares: Floats
    smallest: Floats
    slope: Floats


def fit_periods(courses: Courses) -> PeriodModel:
    """Fit what happens in a period on period and covariates, all episodes at risk pooled.

    D'Agostino et al. (1990), doi:10.1002/sim.4780091214. A period in which nothing happens to anyone is
    certain, and left out. At least two different events must occur.
    """
    busy = np.flatnonzero(np.bincount(courses.period[courses.event != NOTHING], minlength=courses.periods))
    rows = np.flatnonzero(np.isin(courses.period, busy)).astype(np.int64)
    period, event = courses.period[rows], courses.event[rows]
    x, _, notes = standard_design(
        np.hstack([indicators(np.searchsorted(busy, period), len(busy))[:, 1:], courses.covariates[rows]])
    )
    present = np.unique(event)
    kinds = np.concatenate([present[present != NOTHING], present[present == NOTHING]])
    happened = np.asarray(event[:, None] == kinds, dtype=np.float64)
    full, said = fit_logistic(x, happened)
    p = probabilities(x, full.coefficients)
    return PeriodModel(kinds, rows, courses.episode[rows], period, x, p, happened, full, (*notes, *said))


def fit_logistic(x: Floats, happened: Floats) -> tuple[Fit, tuple[str, ...]]:
    """Maximum likelihood, with a ridge when the covariates (nearly) decide what happens.

    A ridge of one observation bounds a sparse category and leaves the rest as it is; a larger one is used
    when that does not settle.
    """
    kinds, columns = happened.shape[1], x.shape[1]
    share = happened.mean(axis=0)
    start = np.zeros((kinds - 1, columns))
    start[:, 0] = np.log(share[:-1] / share[-1])
    free = fit(x, happened, penalty(kinds, columns, 0.0), start)
    if free.converged and probabilities(x, free.coefficients).min() >= SEPARATED:
        return free, ()
    for ridge in (RIDGE, SEPARATION_RIDGE):
        again = fit(x, happened, penalty(kinds, columns, ridge), start)
        if again.converged:
            return again, ("logistic-separation-ridge",)
    return again, ("logistic-separation-ridge", "logistic-not-converged")


def who_follows(courses: Courses, events: tuple[int, ...]) -> Integers:
    """Place of the strategy each episode is on at the end of the grace period, K for none: (n,)."""
    matches = courses.outcome[:, None] == np.array(events)
    return np.where(matches.any(axis=1), matches.argmax(axis=1), len(events)).astype(np.int64)


def clone_weights(
    courses: Courses,
    model: PeriodModel,
    arms: tuple[Arm, ...],
    events: tuple[int, ...],
    grace: Grace,
    truncate: Truncation | None,
) -> CloneWeights:
    """Weight the clones that stay.

    Parameters
    ----------
    events : length K, the event each strategy asks for; 0 for none in the grace period
    """
    follows = who_follows(courses, events)
    followed = follows < len(events)
    stays = _stays(courses, model, follows, np.array([*events, NOTHING]), grace)
    reached = np.sum(stays * model.p, axis=1)
    slope = np.where(followed[model.episode][:, None], stays * model.p / reached[:, None] - model.p, 0.0)
    n = len(follows)
    denominator = np.exp(np.bincount(model.episode, weights=np.log(reached), minlength=n))
    smallest = np.ones(n)
    np.minimum.at(smallest, model.episode, reached)
    cell, shares, factor = _numerators(courses, follows, arms, events, grace)
    weights = np.where(followed, factor / denominator, 0.0)
    capped = np.zeros(n, dtype=np.int64)
    if truncate is not None:
        for a in range(len(arms)):
            rows = follows == a
            cap = truncate[1] if truncate[0] == "at" else np.quantile(weights[rows], truncate[1])
            capped[rows] = weights[rows] > cap
            weights[rows] = np.minimum(weights[rows], cap)
    return CloneWeights(follows, weights, capped, cell, shares, np.where(followed, smallest, 1.0), slope)


def _stays(courses: Courses, model: PeriodModel, follows: Integers, events: Integers, grace: Grace) -> Floats:
    """Mark the events of a period that keep an episode on the strategy it follows: (r, M).

    What happened; with a natural grace period, before the last one, nothing as well as the strategy's event.
    """
    if grace != "natural":
        return model.happened
    early = model.period < courses.periods - 1
    allowed = (model.kinds == NOTHING) | (model.kinds == events[follows][model.episode][:, None])
    starts = (events[follows] != NOTHING)[model.episode] & early
    return np.where(starts[:, None], allowed, model.happened).astype(np.float64)


def _numerators(
    courses: Courses, follows: Integers, arms: tuple[Arm, ...], events: tuple[int, ...], grace: Grace
) -> tuple[Integers, Floats, Floats]:
    """Cell of each episode, share of the episodes in each cell, and each episode's numerator."""
    n, ends = len(follows), courses.ends
    followed = follows < len(events)
    label = follows * courses.periods + (ends if grace == "observed" else 0)
    cell = np.full(n, -1, dtype=np.int64)
    cell[followed] = np.unique(label[followed], return_inverse=True)[1]
    shares = np.bincount(cell[followed]) / n
    factor = np.where(followed, shares[cell], 0.0)
    for a, event in enumerate(events):
        if event == NOTHING:
            continue
        starts = np.unique(ends[follows == a])
        if grace == "uniform":
            factor[follows == a] /= len(starts)
        if grace == "natural" and starts[-1] < courses.periods - 1:
            raise EstimationError(
                "estimation-natural-grace",
                expected=f"episodes that start {arms[a]} in the last period of a natural grace period",
                found="none",
                mend='Use grace="observed", or longer periods.',
                where="grace",
            )
    return cell, shares, factor
