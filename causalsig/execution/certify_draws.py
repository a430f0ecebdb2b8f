"""Cohorts that resemble a site's and hold none of its episodes, drawn from moments, with their truth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from causalsig.execution.certify_traits import draw_traits, shared_and_own

if TYPE_CHECKING:
    from causalsig.cohort.build import Cohort
    from causalsig.cohort.person_periods import PeriodTable
    from causalsig.cohort.plan import CohortPlan
    from causalsig.execution.certify_moments import Later, Moments

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
POPULATION: Final = 20_000
"""Households on which intercepts are set and the truth is worked out, from risks and not from outcomes."""
POPULATION_SEED: Final = 7
STEPS: Final = 100
SETTLED: Final = 1e-12


@dataclass(frozen=True, slots=True, eq=False)
class Law:
    """How a cohort is drawn: a site's moments, with intercepts that give them back and an effect put in.

    Attributes
    ----------
    moments : Moments
    treatment : (K - 1, 1 + p)
        The site's log odds of arms, on a scale at which they are spread as at the site.
    outcome : (1 + p,)
        The same of the outcome.
    arm_shifts : (K - 1,) or (T,)
        Added to the log odds of an arm, or of the event in a period.
    outcome_shift : float
        Added to the log odds of the outcome.
    effect : float
        Added to the log odds of the outcome in the arm of the primary contrast; 0 is no effect.
    arm : str
        That arm.
    truth : dict of str to tuple of float
        By estimand, true mean outcome of each arm.
    """

    moments: Moments
    treatment: Floats
    outcome: Floats
    arm_shifts: tuple[float, ...]
    outcome_shift: float
    effect: float
    arm: str
    truth: dict[str, tuple[float, ...]]


def law_of(moments: Moments, arm: str, ratio: float) -> Law:
    """Set intercepts so that arms and outcome are as frequent as at the site, and put an effect in.

    Parameters
    ----------
    moments : Moments
    arm : str
        Arm with the effect.
    ratio : float
        Its risk over what it would be without an effect, on average; 1 is no effect.
    """
    rng = np.random.default_rng(POPULATION_SEED)
    _, z = draw_people(moments, POPULATION, rng)
    treatment = _spread_as(np.array(moments.treatment), z, np.array(moments.treatment_spread))
    outcome = _spread_as(np.array([moments.outcome]), z, np.array([moments.outcome_spread]))[0]
    if moments.later is None:
        shifts, chances = _arm_shifts(z @ treatment.T, moments)
    else:
        shifts, chances = _period_shifts(z @ treatment[0], moments)
    eta = z @ outcome
    late = None if moments.later is None else moments.later

    def risks(shift: float) -> Floats:
        return _expected_risk(eta + shift, late)

    base = _solve(lambda shift: float(risks(shift).mean()), moments.risk)
    without = float(risks(base).mean())
    effect = 0.0 if ratio == 1.0 else _solve(lambda d: float(risks(base + d).mean()), ratio * without)
    means = np.column_stack([risks(base + (effect if name == arm else 0.0)) for name in moments.arms])
    tilt = 1.0 / (1.0 / np.maximum(chances, 1e-12)).sum(axis=1)
    truth = {
        "ATE": tuple(means.mean(axis=0).tolist()),
        "ATO": tuple(((tilt[:, None] * means).sum(axis=0) / tilt.sum()).tolist()),
    }
    return Law(moments, treatment, outcome, shifts, base, effect, arm, truth)


def _spread_as(coefficients: Floats, z: Floats, wanted: Floats) -> Floats:
    """Scale the slopes of log odds so that these vary as much as at the site; arms then overlap as there."""
    found = (z @ coefficients.T).std(axis=0)
    scale = np.where(found > 0.0, wanted / np.where(found > 0.0, found, 1.0), 1.0)
    scaled: Floats = coefficients * scale[:, None]
    scaled[:, 0] = coefficients[:, 0]
    return scaled


def _expected_risk(eta: Floats, later: Later | None) -> Floats:
    """Risk of each episode, averaged over whether it has a signal in the grace period: (n,)."""
    plain = _logistic(eta)
    if later is None:
        return plain
    share = 1.0 - float(np.prod(1.0 - np.array(later.signals)))
    return np.asarray((1.0 - share) * plain + share * _logistic(eta + later.on_outcome))


def _logistic(eta: Floats) -> Floats:
    return np.asarray(1.0 / (1.0 + np.exp(-eta)))


def _solve(rate: Callable[[float], float], wanted: float) -> float:
    """Shift at which an increasing rate has the value that is wanted, by bisection."""
    low, high = -30.0, 30.0
    for _ in range(STEPS):
        middle = (low + high) / 2.0
        low, high = (middle, high) if rate(middle) < wanted else (low, middle)
    return (low + high) / 2.0


def _arm_shifts(eta: Floats, moments: Moments) -> tuple[tuple[float, ...], Floats]:
    """Shifts at which arms have their shares, and everybody's chances (n, K)."""
    wanted = np.array(moments.shares)
    shift = np.zeros(eta.shape[1])
    chances = _softmax(eta)
    for _ in range(STEPS):
        off = np.log(wanted / chances.mean(axis=0))
        shift += off[:-1] - off[-1]
        chances = _softmax(eta + shift)
        if np.abs(off).max() < SETTLED:
            break
    return tuple(shift.tolist()), chances


def _softmax(eta: Floats) -> Floats:
    whole = np.column_stack([eta, np.zeros(len(eta))])
    e = np.exp(whole - whole.max(axis=1, keepdims=True))
    return np.asarray(e / e.sum(axis=1, keepdims=True))


def _period_shifts(eta: Floats, moments: Moments) -> tuple[tuple[float, ...], Floats]:
    """Shifts at which the event has its hazard in every period, and chances of the arms (n, K)."""
    later = moments.later
    assert later is not None
    without, after = np.ones(len(eta)), np.zeros(len(eta))
    shifts = []
    for t, hazard in enumerate(later.hazards):
        without, after = without * (1.0 - later.signals[t]), after + without * later.signals[t]
        if hazard == 0.0:
            shifts.append(float("-inf"))
            continue
        period, total = later.periods[t], float((without + after).sum())

        def rate(
            s: float,
            period: float = period,
            at: tuple[Floats, Floats] = (without, after),
            total: float = total,
        ) -> float:
            first, second = _logistic(eta + period + s), _logistic(eta + period + s + later.after_signal)
            return float((at[0] * first + at[1] * second).sum()) / total

        shifts.append(_solve(rate, hazard))
        without = without * (1.0 - _logistic(eta + period + shifts[-1]))
        after = after * (1.0 - _logistic(eta + period + shifts[-1] + later.after_signal))
    nothing = without + after
    chances = [1.0 - nothing if arm == later.starts else nothing for arm in moments.arms]
    return tuple(shifts), np.column_stack(chances)


def draw_people(moments: Moments, households: int, rng: np.random.Generator) -> tuple[Integers, Floats]:
    """Draw episodes: household of each (n,), and intercept with standardised covariates (n, 1 + p)."""
    sizes = 1 + rng.choice(len(moments.sizes), size=households, p=np.array(moments.sizes))
    household = np.repeat(np.arange(households), sizes)
    x = _covariates(moments, household, rng)
    spread = np.array(moments.spread)
    z = (x - np.array(moments.centre)) / np.where(spread > 0, spread, 1.0)
    return household, np.column_stack([np.ones(len(x)), z])


def _covariates(moments: Moments, household: Integers, rng: np.random.Generator) -> Floats:
    """Cut normal scores, shared in part by the episodes of a household, into what is known: (n, p)."""
    traits, households = len(moments.traits), int(household.max()) + 1
    shape = (traits, traits)
    shared, own = shared_and_own(
        np.array(moments.correlations).reshape(shape), np.array(moments.shared).reshape(shape)
    )
    scores = (rng.standard_normal((households, traits)) @ shared.T)[household]
    scores = scores + rng.standard_normal((len(household), traits)) @ own.T
    x = draw_traits(moments.traits, scores, len(moments.centre))
    for place, of in moments.squares:
        x[:, place] = x[:, of] ** 2
    return x


def draw_cohort(
    law: Law, plan: CohortPlan, names: tuple[str, ...], seed: int
) -> tuple[Cohort, PeriodTable | None]:
    """Draw a cohort of the site's size, with its table by period where clones answer the question.

    Parameters
    ----------
    law : Law
    plan : CohortPlan
        With its primary outcome only.
    names : tuple of str
        Names of the covariates.
    seed : int
    """
    from causalsig.cohort.build import Cohort

    moments, rng = law.moments, np.random.default_rng([seed, 1])
    household, z = draw_people(moments, moments.households, rng)
    eta = z @ law.outcome + law.outcome_shift
    if moments.later is None:
        chances = _softmax(z @ law.treatment.T + np.array(law.arm_shifts))
        codes = (rng.random(len(z))[:, None] > np.cumsum(chances, axis=1)[:, :-1]).sum(axis=1)
        arm = np.array(moments.arms, dtype=object)[codes]
        rows = None
    else:
        ends, states = _lives(law, z, rng)
        last = len(moments.later.hazards)
        other = next(name for name in moments.arms if name != moments.later.starts)
        arm = np.where(ends < last, moments.later.starts, other).astype(object)
        eta = eta + moments.later.on_outcome * (states[0][-1] > 0)
        rows = (ends, states)
    spread = np.array(moments.spread)
    covariates = z[:, 1:] * np.where(spread > 0, spread, 1.0) + np.array(moments.centre)
    y = _outcomes(eta + law.effect * (arm == law.arm), household, moments.outcome_within, rng)
    cohort = Cohort(
        plan=plan,
        arms=plan.arms,
        treatment=arm,
        households=household,
        household_keys=household.astype(str).astype(object),
        time_zero=np.zeros(len(z), dtype=np.int64),
        covariates=covariates,
        covariate_names=names,
        outcomes={plan.settings.primary_outcome: y},
        attrition=(),
        refusals=(),
    )
    return cohort, None if rows is None else _table(law, cohort, *rows)


def _outcomes(eta: Floats, household: Integers, within: float, rng: np.random.Generator) -> Floats:
    """Outcomes whose risk is that of eta, and that go together within a household."""
    from scipy.special import ndtr

    shared = rng.standard_normal(int(household.max()) + 1)
    score = np.sqrt(within) * shared[household] + np.sqrt(1.0 - within) * rng.standard_normal(len(eta))
    return np.asarray(ndtr(score) < _logistic(eta), dtype=np.float64)


Lives = tuple[Integers, NDArray[np.bool_]]
"""Signals so far before each period (T, n), and whether the first one is new arrears (n,)."""


def _lives(law: Law, z: Floats, rng: np.random.Generator) -> tuple[Integers, Lives]:
    """Period of the event, T for none (n,), and what happened before each period."""
    moments = law.moments
    later = moments.later
    assert later is not None
    n, periods = len(z), len(later.hazards)
    eta = z @ law.treatment[0]
    ends, signals = np.full(n, periods), np.zeros((periods, n), dtype=np.int64)
    new = rng.random(n) < later.new
    for t in range(periods):
        before = signals[t - 1] if t else np.zeros(n, dtype=np.int64)
        chance = np.where(before == 0, later.signals[t], later.more / max(periods - 1, 1) * (before == 1))
        signals[t] = before + (rng.random(n) < chance)
        hazard = _logistic(eta + later.periods[t] + law.arm_shifts[t] + later.after_signal * (signals[t] > 0))
        happens = (ends == periods) & (rng.random(n) < hazard)
        ends[happens] = t
    return ends, (signals, new)


def _table(law: Law, cohort: Cohort, ends: Integers, lives: Lives) -> PeriodTable:
    """Write the drawn lives as the cohort room would have: rows at risk, with the site's own columns."""
    from causalsig.cohort.person_periods import PeriodTable

    later = law.moments.later
    assert later is not None
    signals, new = lives
    lengths = np.minimum(ends, len(later.hazards) - 1) + 1
    episode = np.repeat(np.arange(len(ends)), lengths)
    period = np.arange(len(episode)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    happened = {
        "since_signals>=1": signals >= 1,
        "since_signals>=2": signals >= 2,
        "since_new_arrears>=1": (signals >= 1) & new,
    }
    columns = []
    for name in later.names:
        when, _, what = name.rpartition(": ")
        column = happened[what][period, episode]
        columns.append(column & (period == int(when.split()[1])) if when else column)
    varying = np.column_stack(columns) if columns else np.zeros((len(episode), 0))
    return PeriodTable(
        episode=episode,
        period=period,
        covariates=np.hstack([cohort.covariates[episode], varying.astype(np.float64)]),
        names=(*cohort.covariate_names, *later.names),
        event=(period == ends[episode]).astype(np.int64),
        strategies={arm: int(arm == later.starts) for arm in law.moments.arms},
        edges=np.array(later.edges, dtype=np.int64),
    )
