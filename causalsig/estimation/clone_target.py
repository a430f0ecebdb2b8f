"""Whom the means of strategies speak of: everybody, or those for whom several strategies are possible.

A tilt h of the covariates at time zero multiplies the weights of every strategy alike; see `tilting`. Its
propensities are of the strategy followed in the end, given what was known at time zero.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from causalsig.estimation.clone_weights import fit_logistic
from causalsig.estimation.design import standard_design
from causalsig.estimation.multinomial import Fit, indicators, probabilities
from causalsig.estimation.person_periods import Courses
from causalsig.estimation.tilting import tilt
from causalsig.results import Arm, Estimand, Floats, Integers


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """Tilt of each episode, and the model it comes from.

    Attributes
    ----------
    h : (n,), 1 for who follows no strategy
    rows : (r,) int, episodes that follow one: those fitted
    x : (r, P); p, residual, slope : (r, K), slope is ∂h/∂π
    full : Fit, None for the ATE
    notes : stable codes
    """

    h: Floats
    rows: Integers
    x: Floats
    p: Floats
    residual: Floats
    slope: Floats
    full: Fit | None
    notes: tuple[str, ...]

    @property
    def parameters(self) -> int:
        """Free coefficients."""
        return 0 if self.full is None else self.full.coefficients.size


def fit_target(courses: Courses, follows: Integers, estimand: Estimand, arms: tuple[Arm, ...]) -> Target:
    """Fit who follows which strategy by the covariates of the first period, and tilt."""
    h = np.ones(len(follows))
    rows = np.flatnonzero(follows < len(arms)).astype(np.int64)
    if estimand == "ATE":
        nothing = np.zeros((0, 0))
        return Target(h, rows, nothing, nothing, nothing, nothing, None, ())
    # What changes by period is constant in the first: that says nothing of the data.
    x, _, _ = standard_design(courses.covariates[courses.first[rows]])
    followed = indicators(follows[rows], len(arms))
    full, notes = fit_logistic(x, followed)
    p = probabilities(x, full.coefficients)
    h[rows], slope = tilt(p, estimand, arms)
    return Target(h, rows, x, p, followed - p, slope, full, notes)


def through_target(target: Target, pull: Floats) -> Floats:
    """Carry ``Σ_i pull_i · ∂log h_i`` to every episode's influence on the propensities: (n, K)."""
    found = np.zeros_like(pull)
    if target.full is None:
        return found
    n, p = len(pull), target.p
    for a in range(pull.shape[1]):
        by_p = (pull[target.rows, a] / target.h[target.rows])[:, None] * target.slope
        by_eta = p * (by_p - np.sum(by_p * p, axis=1, keepdims=True))
        v = target.full.solve((by_eta[:, :-1].T @ target.x).ravel())
        moved = target.x @ v.reshape(-1, target.x.shape[1]).T
        found[target.rows, a] = n * np.sum(target.residual[:, :-1] * moved, axis=1)
    return found
