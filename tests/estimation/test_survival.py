"""Time to an event: identities, the same numbers another way, and coverage."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest
from sklearn.linear_model import LogisticRegression

from causalsig.errors import EstimationError
from causalsig.estimation import Nuisance, difference_in_means, doubly_robust, fit_propensity
from causalsig.estimation.design import RIDGE
from causalsig.estimation.survival import Curves, Times, pseudo_residuals

ROUNDING = 1e-10  # the same sums in another order
SOLVED = 1e-6  # two optimisers of one likelihood
LAST = 5
REPLICATIONS = 120


def draw(seed=0, n=800, censored=True, competing=True, arms=2, last=LAST):
    """Times, events, the true time and event under every arm."""
    r = np.random.default_rng(seed)
    households = np.repeat(np.arange(n), r.integers(1, 4, n))[:n]
    x = np.sqrt(0.5) * (r.normal(size=(n, 2)) + r.normal(size=(n, 2))[households])
    eta = 0.5 * x[:, :1] * np.arange(arms)
    codes = (eta + r.gumbel(size=eta.shape)).argmax(axis=1)
    truth = []
    for arm in range(arms):
        period, ended = np.full(n, last + 1), np.zeros(n, int)
        for t in range(1, last + 1):
            odds = np.exp(np.stack([-2.0 + 0.6 * x[:, 0] - 0.4 * arm, -3.0 + 0.4 * x[:, 1]]))
            odds[1] *= competing
            chance, u = odds / (1 + odds.sum(axis=0)), r.random(n)
            what = np.where(u < chance[0], 1, np.where(u < chance.sum(axis=0), 2, 0))
            hit = (period > last) & (what > 0)
            period[hit], ended[hit] = t, what[hit]
        truth.append((period, ended))
    period = np.stack([t for t, _ in truth])[codes, np.arange(n)]
    ended = np.stack([e for _, e in truth])[codes, np.arange(n)]
    end = np.full(n, last)
    for s in range(last - 1, -1, -1) if censored else ():
        end = np.where(r.random(n) < 1 / (1 + np.exp(3.0 - 0.6 * x[:, 0] - 0.3 * codes)), s, end)
    return x, codes, np.minimum(period, end), np.where(period <= end, ended, 0), households, truth


def test_one_period_without_censoring_is_the_estimator_of_a_binary_outcome():
    x, codes, time, event, households, _ = draw(censored=False, competing=False, last=1)
    for options in ({}, {"estimand": "ATO"}, {"estimand": ("ATT", 1)}, {"target": "sample"}, {"repeats": 2}):
        found = doubly_robust(x, codes, time, event=event, horizons=1, households=households, **options)
        plain = doubly_robust(
            x, codes, (event == 1) * 1.0, outcome_model="logistic", households=households, **options
        )
        np.testing.assert_allclose(found.means, plain.means, atol=SOLVED)
        np.testing.assert_allclose(found.covariance, plain.covariance, atol=SOLVED)
        np.testing.assert_allclose(found.effective_sample_size, plain.effective_sample_size, rtol=SOLVED)
        np.testing.assert_allclose(found.largest_share, plain.largest_share, atol=SOLVED)
        assert found.followed.tolist() == plain.followed.tolist() and found.households_total > 2


def curves(n, seed):
    r = np.random.default_rng(seed)
    event, other, leaving = r.uniform(0.02, 0.2, (3, n, LAST))
    return Curves(event, event + other, np.cumprod(1 - leaving, axis=1)), leaving


def value(t, kind, h, measure):
    """Outcome of an event of a kind at t."""
    return {
        "risk": float(t <= h and kind == 1),
        "free": float(t > h),
        "time_lost": max(h - t, 0) * float(kind == 1),
        "time_free": float(min(t, h)),
    }[measure]


def expected(event, anything, s, h, measure):
    """Mean outcome of those free of events after period s, by enumeration; hazards of one row (H,)."""
    free, total = 1.0, 0.0
    for t in range(s + 1, h + 1):
        total += free * event[t - 1] * value(t, 1, h, measure)
        total += free * (anything[t - 1] - event[t - 1]) * value(t, 2, h, measure)
        free *= 1 - anything[t - 1]
    return total + free * value(h + 1, 0, h, measure)


@pytest.mark.parametrize("measure", ["risk", "free", "time_lost", "time_free"])
def test_the_residual_is_the_weighted_outcome_plus_the_censoring_martingale(measure):
    """Written out with loops, from the other of the two forms of the influence function."""
    _, _, time, event, *_ = draw(n=60)
    given, leaving = curves(60, 1)
    horizons = np.array([1, 3, LAST])
    m, residual = pseudo_residuals(Times(time, event), given, measure, horizons)
    for i, (j, h) in ((i, pair) for i in range(60) for pair in enumerate(horizons)):
        hazards = given.event[i], given.anything[i]
        assert m[j, i] == pytest.approx(expected(*hazards, 0, h, measure), rel=ROUNDING)
        total = 0.0
        if event[i] > 0 or time[i] >= h:
            true_time = time[i] if event[i] > 0 else time[i] + 1
            total = value(true_time, event[i], h, measure) / given.followed[i, min(time[i], h) - 1]
        for s in range(h):
            gone = s == time[i] and event[i] == 0
            if s < time[i] or gone:
                change = (gone - leaving[i, s]) / given.followed[i, s]
                total += expected(*hazards, s, h, measure) * change
        assert residual[j, i] == pytest.approx(total - m[j, i], abs=1e-9)


def every_path(hazards):
    """Periods, events and chances of every path; hazards (3, LAST) of 1, 2 and, from period 0, of leaving."""
    paths, there = [], 1.0
    for t in range(LAST + 1):
        for kind in (1, 2) if t else ():
            paths.append((t, kind, there * hazards[kind - 1, t - 1]))
        there *= 1 - hazards[:2, t - 1].sum() if t else 1.0
        leaves = hazards[2, t] if t < LAST else 1.0
        paths.append((t, 0, there * leaves))
        there *= 1 - leaves
    return [np.array(column) for column in zip(*paths, strict=True)]


@pytest.mark.parametrize("measure", ["risk", "free", "time_lost", "time_free"])
def test_over_every_path_one_model_may_be_wrong_and_not_both(measure):
    """No draw and no noise: the mean over all paths, events of a period before those who leave in it."""
    right, wrong = np.random.default_rng(5).uniform(0.05, 0.25, (2, 3, LAST))
    period, ended, chance = every_path(right)
    assert chance.sum() == pytest.approx(1.0)
    horizons = np.arange(1, LAST + 1)
    truth = [expected(right[0], right[0] + right[1], 0, h, measure) for h in horizons]
    models = {"events": [*wrong[:2], right[2]], "leaving": [*right[:2], wrong[2]], "both": wrong}
    for name, (own, other, leaving) in models.items():
        one = Curves(own[None], (own + other)[None], np.cumprod(1 - leaving)[None])
        every = Curves(
            *(np.repeat(part, len(period), axis=0) for part in (one.event, one.anything, one.followed))
        )
        m, residual = pseudo_residuals(Times(period, ended), every, measure, horizons)
        error = (m + residual) @ chance - truth
        if name == "both":
            assert abs(error[-1]) > 1e-3
        else:
            np.testing.assert_allclose(error, 0.0, atol=ROUNDING)


def test_without_censoring_only_the_plain_residual_is_left():
    _, _, time, event, *_ = draw(n=100, censored=False)
    given, _ = curves(100, 2)
    whole = Curves(given.event, given.anything, np.ones_like(given.event))
    m, residual = pseudo_residuals(Times(time, event), whole, "risk", np.arange(1, LAST + 1))
    seen = [(time <= h) & (event == 1) for h in range(1, LAST + 1)]
    np.testing.assert_allclose(residual, np.array(seen) - m, atol=ROUNDING)


def test_it_is_what_a_plain_loop_computes():
    """Hazards by another library on person-periods written out, and the estimator from its definition."""
    x, codes, time, event, households, _ = draw(n=500, competing=False)
    folds = households % 3
    fitted = fit_propensity(x, codes, households=households, folds=folds)
    found = doubly_robust(x, codes, time, event=event, horizons=[2, LAST], propensity=fitted)
    z = (x - x.mean(axis=0)) / x.std(axis=0)

    def hazards(last, happened, rows, periods):
        """Predict (n, periods) out of fold, with the ridge of the engine on columns of unit variance."""
        out = np.zeros((len(z), len(periods)))
        active = [t for t in periods if np.any(rows & happened & (last == t))]
        for f in range(3):
            train = np.flatnonzero(rows & (folds != f))
            long = np.array([(i, t) for i in train for t in active if last[i] >= t])
            y = np.array([happened[i] and last[i] == t for i, t in long])
            dummies = (long[:, 1:] == np.array(active)[1:]) * 1.0
            middle, spread = dummies.mean(axis=0), dummies.std(axis=0)
            design = np.hstack([z[long[:, 0]], (dummies - middle) / spread])
            model = LogisticRegression(C=2.0 / RIDGE, tol=1e-12, max_iter=1000).fit(design, y)
            for place, t in enumerate(active):
                row = ((np.arange(1, len(active)) == place) * 1.0 - middle) / spread
                held = folds == f
                new = np.hstack([z[held], np.tile(row, (held.sum(), 1))])
                out[held, periods.index(t)] = model.predict_proba(new)[:, 1]
        return out

    for arm in (0, 1):
        rows = codes == arm
        event_hazard = hazards(time, event == 1, rows, list(range(1, LAST + 1)))
        leaving = hazards(np.where(event == 0, time, time - 1), event == 0, rows, list(range(LAST)))
        given = Curves(event_hazard, event_hazard, np.cumprod(1 - leaving, axis=1))
        m, residual = pseudo_residuals(Times(time, event), given, "risk", np.array([2, LAST]))
        w = rows / fitted.probabilities[0][:, arm]
        means = m.mean(axis=1) + residual @ w / w.sum()
        np.testing.assert_allclose(found.means[:, arm], means, atol=SOLVED)


def test_times_are_sums_of_risks():
    x, codes, time, event, households, _ = draw()
    every = np.arange(1, LAST + 1)
    options = {"event": event, "households": households, "seed": 4}
    risk, free, lost, left = (
        doubly_robust(x, codes, time, horizons=every, measure=measure, **options)
        for measure in ("risk", "free", "time_lost", "time_free")
    )
    np.testing.assert_allclose(lost.means[-1], risk.means[:-1].sum(axis=0), atol=ROUNDING)
    np.testing.assert_allclose(lost.influence[-1], risk.influence[:-1].sum(axis=0), atol=ROUNDING)
    np.testing.assert_allclose(left.means[-1], 1 + free.means[:-1].sum(axis=0), atol=ROUNDING)
    np.testing.assert_allclose(lost.means[0], 0.0, atol=ROUNDING)
    np.testing.assert_allclose(left.means[0], 1.0, atol=ROUNDING)
    alone = draw(competing=False)
    options |= {"event": alone[3]}
    one, other = (
        doubly_robust(alone[0], alone[1], alone[2], horizons=3, measure=measure, **options)
        for measure in ("risk", "free")
    )
    np.testing.assert_allclose(one.means + other.means, 1.0, atol=ROUNDING)
    np.testing.assert_allclose(one.covariance, other.covariance, atol=ROUNDING)
    assert one.means.shape == (2,) and risk.means.shape == (LAST, 2)


def test_neither_rows_nor_frames_change_a_byte():
    x, codes, time, event, households, _ = draw(n=400, arms=3)
    mixed = np.random.default_rng(1).permutation(len(time))
    first = doubly_robust(x, codes, time, event=event, horizons=[2, 4], households=households, estimand="ATO")
    frame = pd.DataFrame({"time": time, "event": event, "home": households}).iloc[mixed]
    other = doubly_robust(
        pd.DataFrame(x).iloc[mixed],
        pd.Series(codes).iloc[mixed],
        frame["time"],
        event=frame["event"],
        horizons=[2, 4],
        households=frame["home"],
        estimand="ATO",
    )
    np.testing.assert_array_equal(first.means, other.means)
    np.testing.assert_array_equal(first.covariance, other.covariance)
    np.testing.assert_array_equal(first.influence[:, mixed], other.influence)


def test_who_is_trimmed_takes_the_time_along():
    x, codes, time, event, households, _ = draw()
    found = doubly_robust(
        x, codes, time, event=event, horizons=3, households=households, trim=("symmetric", 0.35), folds=3
    )
    assert "trimmed" in found.estimand and 100 < found.n.sum() < 800


def test_periods_and_arms_in_which_nothing_happens_are_no_obstacle():
    x, codes, time, event, households, _ = draw(n=600)
    none = np.where(codes == 1, 0, event)
    quiet = doubly_robust(x, codes, np.where(codes == 1, LAST, time), event=none, horizons=LAST)
    assert quiet.means[1] == 0.0 and quiet.means[0] > 0.2
    r = np.random.default_rng(3)
    # The event on some day of its month, the end of following at the end of one.
    days = 12 * time - np.where(event > 0, r.integers(0, 12, len(time)), 0)
    many = doubly_robust(x, codes, days, event=event, horizons=[12 * LAST], households=households)
    few = doubly_robust(x, codes, time, event=event, horizons=[LAST], households=households)
    assert np.all(abs(many.means - few.means) < few.std_errors)
    one = np.where((np.arange(len(time)) == np.flatnonzero(event == 1)[0]) | (event != 1), event, 0)
    rare = doubly_robust(x, codes, time, event=one, horizons=LAST, households=households)
    assert np.isfinite(rare.means).all()


def test_intervals_cover_risks_and_times_under_informative_censoring():
    big = [draw(10**6 + i, n=100_000, censored=False)[5] for i in range(2)]
    risk = [np.mean([np.mean((t[a][0] <= LAST) & (t[a][1] == 1)) for t in big]) for a in (0, 1)]
    hits, naive = np.zeros(2), 0
    for seed in range(REPLICATIONS):
        x, codes, time, event, households, _ = draw(seed, n=500)
        found = doubly_robust(x, codes, time, event=event, horizons=LAST, households=households, folds=2)
        hits += abs(found.means - risk) < 1.96 * found.std_errors
        seen = (event > 0) | (time == LAST)
        plain = difference_in_means(None, codes, (event == 1) * 1.0, observed=seen).contrast(1, 0)
        naive += plain.conf_low <= risk[1] - risk[0] <= plain.conf_high
    for count in hits:
        low, high = binomtest(int(count), REPLICATIONS).proportion_ci(0.99)
        assert low <= 0.97 and high >= 0.93, hits
    assert naive < min(hits)


X, CODES, TIME, EVENT, HOUSEHOLDS, _ = draw(n=200)
REFUSED = {
    "no event": {"event": None},
    "no horizon": {"horizons": None},
    "a time without event": {"event": None, "horizons": None, "measure": "time_lost"},
    "part of a period": {"horizons": 2.5},
    "no horizons": {"horizons": []},
    "horizon zero": {"horizons": [0, 2]},
    "days of a year": {"horizons": 365},
    "half a time": {"outcome": TIME + 0.5},
    "an event at once": {"outcome": np.where(EVENT > 0, 0, TIME)},
    "events below zero": {"event": -EVENT},
    "no event of interest": {"event": np.where(EVENT == 1, 2, EVENT)},
    "observed besides": {"observed": EVENT > 0},
    "another measure": {"measure": "median"},
    "in-sample": {"folds": None},
    "trees for hazards": {"nuisance": Nuisance(outcome="boosting")},
}


@pytest.mark.parametrize("change", REFUSED.values(), ids=REFUSED.keys())
def test_times_that_do_not_fit_are_refused(change):
    inputs = {"outcome": TIME, "event": EVENT, "horizons": 3, "households": HOUSEHOLDS} | change
    with pytest.raises(EstimationError, match="estimation-event"):
        doubly_robust(X, CODES, inputs.pop("outcome"), **inputs)


def test_a_horizon_nobody_is_followed_to_is_refused():
    with pytest.raises(EstimationError, match="estimation-positivity"):
        early = np.where(TIME == LAST, 0, EVENT)
        doubly_robust(X, CODES, np.minimum(TIME, LAST - 1), event=early, horizons=LAST, households=HOUSEHOLDS)
