"""What the weights of clones look like: to be judged before an effect is believed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from causalsig.estimation.clone_weights import CloneWeights, Grace, Truncation
from causalsig.estimation.person_periods import LOST, Courses
from causalsig.results import Floats, Integers

QUANTILES = (0.01, 0.25, 0.5, 0.75, 0.99)


@dataclass(frozen=True, slots=True, eq=False)
class WeightChecks:
    """What the weights look like; counts and summaries, to be judged before an effect is believed.

    Weights are stabilised, before truncation 1 on average where the model holds; the tilt of the estimand and
    loss to follow-up after the grace period are not in them.

    Attributes
    ----------
    grace, truncation : as asked for
    at_risk : (T,) int, episodes at risk in each period
    on_strategy : (T, K) int, clones not yet censored at the end of each period
    started : (T, K) int, episodes that follow the strategy, by the period in which they start it; those who
        start nothing in the last
    mean, std, largest : (K,), of the weights of who follows the strategy
    quantiles : (K, 5), the 1st, 25th, 50th, 75th and 99th percentile
    truncated : (K,) int, weights that were truncated
    smallest_probability : (K,), smallest fitted probability of a period in any weight
    lost : int, episodes lost to follow-up in the grace period
    """

    grace: Grace
    truncation: Truncation | None
    at_risk: Integers
    on_strategy: Integers
    started: Integers
    mean: Floats
    std: Floats
    largest: Floats
    quantiles: Floats
    truncated: Integers
    smallest_probability: Floats
    lost: int


def weight_checks(
    courses: Courses, weights: CloneWeights, arms: int, grace: Grace, truncate: Truncation | None
) -> WeightChecks:
    """Summaries of the weights of each strategy."""
    follows, periods = weights.follows, courses.periods
    started, on_strategy = np.zeros((2, periods, arms), dtype=np.int64)
    # Until something happens, or the grace period is over, an episode is on every strategy.
    undecided = courses.ends[:, None] > np.arange(periods)
    for a in range(arms):
        mine = follows == a
        started[:, a] = np.bincount(courses.ends[mine], minlength=periods)
        on_strategy[:, a] = np.sum(undecided | mine[:, None], axis=0)
    each = [weights.weights[follows == a] for a in range(arms)]
    return WeightChecks(
        grace=grace,
        truncation=truncate,
        at_risk=np.bincount(courses.period, minlength=periods).astype(np.int64),
        on_strategy=on_strategy,
        started=started,
        mean=np.array([w.mean() for w in each]),
        std=np.array([w.std() for w in each]),
        largest=np.array([w.max() for w in each]),
        quantiles=np.array([np.quantile(w, QUANTILES) for w in each]),
        truncated=np.bincount(follows[weights.capped > 0], minlength=arms)[:arms].astype(np.int64),
        smallest_probability=np.array([weights.smallest[follows == a].min() for a in range(arms)]),
        lost=int(np.sum(courses.outcome == LOST)),
    )
