"""Strategies that cannot be told apart at time zero: what cloning, censoring and weighting give."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from causalsig.errors import EstimationError
from causalsig.estimation import (
    PersonPeriods,
    clone_censor_weight,
    clone_design,
    difference_in_means,
    inverse_probability,
    overlap_weighting,
)

ROUNDING = 1e-9  # the same sums in another order, after a search that stops at a gradient of 1e-10
RESAMPLES = 150
BOOTSTRAP = 4.0 / np.sqrt(2 * RESAMPLES)  # four standard errors of a standard error from resamples
DEVIATIONS = 4.0  # of the difference of estimate and simulated truth
PERIODS = 4
ARMS = {"accepted": 1, "not_accepted": 0}


def episodes(n, seed=0, start=None, twice=False, effect=-1.0):
    """Help is accepted week by week; new batches lead to acceptance and to the outcome, and help stops them.

    `start` (n, PERIODS) gives the chances to accept; default the natural ones.
    """
    r = np.random.default_rng(seed)
    x = np.repeat(r.normal(size=n // 2), 2) if twice else r.normal(size=n)
    batches, accepted, periods = np.zeros(n), np.zeros(n), []
    when = np.full(n, PERIODS)
    for t in range(PERIODS):
        if t:
            batches = batches + (r.random(n) < 0.25 * np.exp(0.2 * x) * np.where(accepted > 0, 0.4, 1.0))
        chance = 1 / (1 + np.exp(2.6 - 0.5 * x - 0.9 * batches))
        if start is not None:
            chance = start(t, chance)
        now = (r.random(n) < chance) & (accepted == 0)
        rows = np.flatnonzero(accepted == 0)
        periods.append((rows, np.full(len(rows), t), np.column_stack([x, batches])[rows], now[rows] * 1))
        accepted[now], when[now] = 1.0, t
    y = 0.5 * x + 0.8 * batches + effect * accepted + r.normal(size=n)
    table = PersonPeriods(*(np.concatenate(part) for part in zip(*periods, strict=True)))
    baseline = pd.DataFrame({"x": x, "batches": batches, "when": when, "accepted": accepted.astype(int)})
    return table, y, baseline


def never(t, chance):
    return np.zeros_like(chance)


def last(t, chance):
    return np.ones_like(chance) if t == PERIODS - 1 else chance


def timed(hazards):
    return lambda t, chance: np.full_like(chance, hazards[t])


def test_without_covariates_it_is_the_difference_in_means():
    table, y, known = episodes(500, twice=True)
    bare = PersonPeriods(table.episode, table.period, table.covariates[:, :0], table.event)
    pairs = np.arange(500) // 2
    found = clone_censor_weight(bare, y, strategies={"no": 0, "yes": 1}, households=pairs)
    plain = difference_in_means(None, known["accepted"], y, households=pairs)
    np.testing.assert_allclose(found.means, plain.means, rtol=ROUNDING)
    np.testing.assert_allclose(found.covariance, plain.covariance, rtol=ROUNDING)
    np.testing.assert_allclose(found.influence, plain.influence, atol=1e-7)
    np.testing.assert_allclose(found.checks.quantiles, 1.0, rtol=ROUNDING)
    np.testing.assert_array_equal(found.n, plain.n)
    np.testing.assert_array_equal(found.households, plain.households)
    np.testing.assert_allclose(found.effective_sample_size, plain.effective_sample_size)


@pytest.mark.parametrize("estimand", ["ATE", "ATO", "ATM", "entropy", ("ATT", 2), ("ATU", 0)])
@pytest.mark.parametrize("grace", ["observed", "natural"])
def test_one_period_is_weighting_by_the_propensity(grace, estimand):
    """A strategy that is told at once is a treatment at time zero, with as many kinds as there are."""
    r = np.random.default_rng(2)
    x, pairs = r.normal(size=(400, 2)), np.arange(400) // 2
    utility = np.column_stack([np.zeros(400), 0.5 * x[:, 0], 0.5 * x[:, 1]]) + r.gumbel(size=(400, 3))
    kind = utility.argmax(axis=1)
    y, seen = x[:, 0] + kind + r.normal(size=400), r.random(400) < 0.8
    table = PersonPeriods(np.arange(400), np.zeros(400, dtype=int), x, kind)
    given = {"households": pairs, "observed": seen, "estimand": estimand}
    found = clone_censor_weight(table, y, grace=grace, **given)
    usual = overlap_weighting if estimand in ("ATO", "ATM", "entropy") else inverse_probability
    plain = usual(x, kind, y, folds=None, **given)
    assert found.arms == plain.arms == (0, 1, 2)
    np.testing.assert_allclose(found.means, plain.means, rtol=ROUNDING)
    np.testing.assert_allclose(found.covariance, plain.covariance, rtol=ROUNDING)
    np.testing.assert_allclose(found.effective_sample_size, plain.effective_sample_size, rtol=ROUNDING)
    np.testing.assert_array_equal(found.followed, plain.followed)


def test_batches_that_cause_acceptance_bias_the_landmark_and_not_the_clones():
    n = 60_000
    table, y, known = episodes(n)
    natural = known["when"].value_counts().reindex(range(PERIODS), fill_value=0).to_numpy()
    left = natural[::-1].cumsum()[::-1]
    without = episodes(n, seed=1, start=never)[1]
    starts = {
        "observed": timed(natural / left),
        "uniform": timed(1 / np.arange(PERIODS, 0, -1)),
        "natural": last,
    }
    for grace, start in starts.items():
        found = clone_censor_weight(table, y, strategies=ARMS, grace=grace)
        with_help = episodes(n, seed=2, start=start)[1]
        truth = np.array([with_help.mean(), without.mean()])
        noise = np.sqrt(found.std_errors**2 + [with_help.var() / n, without.var() / n])
        assert (np.abs(found.means - truth) < DEVIATIONS * noise).all(), grace
    effect = with_help.mean() - without.mean()
    # By day 28 with what was known at time zero, or with what came later and help itself changed.
    for covariates in (known[["x"]], known[["x", "batches"]]):
        landmark = inverse_probability(covariates, known["accepted"], y, folds=None).contrast(1, 0)
        assert abs(landmark.estimate - effect) > 5 * landmark.std_error


def test_the_variance_is_that_of_resampled_households():
    table, y, _ = episodes(700, seed=4, twice=True)
    seen = np.random.default_rng(1).random(700) < 0.85
    rows = pd.DataFrame({"episode": table.episode, "period": table.period, "event": table.event})
    rows[["x", "batches"]] = table.covariates

    def fit(picked):
        # Episodes 2 g and 2 g + 1 are those of household g; a household drawn twice is two households.
        chosen = np.column_stack([2 * picked, 2 * picked + 1]).ravel()
        again = pd.DataFrame({"episode": chosen, "place": np.arange(len(chosen))}).merge(rows, on="episode")
        part = PersonPeriods(again["place"], again["period"], again[["x", "batches"]], again["event"])
        return clone_censor_weight(
            part,
            y[chosen],
            strategies=ARMS,
            observed=seen[chosen],
            households=np.arange(len(chosen)) // 2,
        )

    found = fit(np.arange(350))
    r = np.random.default_rng(0)
    drawn = np.array([fit(r.integers(0, 350, 350)).means for _ in range(RESAMPLES)])
    both = np.column_stack([drawn, drawn[:, 0] - drawn[:, 1]])
    errors = [*found.std_errors, found.contrast("accepted", "not_accepted").std_error]
    np.testing.assert_allclose(errors, both.std(axis=0, ddof=1), rtol=BOOTSTRAP)


def test_neither_rows_nor_ids_change_a_byte():
    table, y, _ = episodes(300, twice=True)
    mixed, moved = (np.random.default_rng(k).permutation(m) for k, m in ((1, len(table.event)), (2, 300)))
    pairs = np.arange(300) // 2
    place = np.argsort(moved)  # episode i becomes episode place[i]
    other = PersonPeriods(
        place[table.episode][mixed], table.period[mixed], table.covariates[mixed], table.event[mixed]
    )
    first = clone_censor_weight(table, y, strategies=ARMS, households=pairs, truncate=("quantile", 0.95))
    second = clone_censor_weight(
        other, y[moved], strategies=ARMS, households=pairs[moved], truncate=("quantile", 0.95)
    )
    np.testing.assert_array_equal(first.means, second.means)
    np.testing.assert_array_equal(first.covariance, second.covariance)
    np.testing.assert_array_equal(first.influence[moved], second.influence)


def test_the_design_knows_the_weights_and_no_outcome():
    table, y, _ = episodes(500, twice=True)
    pairs = np.arange(500) // 2
    design = clone_design(table, strategies=ARMS, households=pairs, estimands=("ATE", "ATO"))
    for estimand in ("ATE", "ATO"):
        found = clone_censor_weight(table, y, strategies=ARMS, households=pairs, estimand=estimand)
        sizes = design.effective_sample_size[estimand]
        np.testing.assert_allclose(sizes, found.effective_sample_size, rtol=ROUNDING)
        weights = design.weights[estimand]
        means = [np.average(y[design.follows == a], weights=weights[design.follows == a]) for a in (0, 1)]
        np.testing.assert_allclose(means, found.means, rtol=ROUNDING)
    np.testing.assert_array_equal(design.checks.started, found.checks.started)
    with pytest.raises(EstimationError, match="none on b"):
        clone_design(table, strategies={"a": 1, "b": 2}, households=pairs)


def test_what_the_design_fitted_is_not_fitted_again(monkeypatch):
    table, y, _ = episodes(500, twice=True)
    given = {"strategies": ARMS, "households": np.arange(500) // 2}
    design = clone_design(table, **given, estimands=("ATE", "ATO"))
    alone = [clone_censor_weight(table, y, **given, estimand=estimand) for estimand in ("ATE", "ATO")]
    for fitter in ("fit_periods", "fit_target"):
        monkeypatch.setattr(f"causalsig.estimation.clone_censoring.{fitter}", None)
    for one, estimand in zip(alone, ("ATE", "ATO"), strict=True):
        again = clone_censor_weight(table, y, **given, estimand=estimand, design=design)
        np.testing.assert_array_equal(again.means, one.means)
        np.testing.assert_array_equal(again.covariance, one.covariance)
        np.testing.assert_array_equal(again.influence, one.influence)


@pytest.mark.parametrize(
    "other",
    [
        {"strategies": {arm: 1 - event for arm, event in ARMS.items()}},
        {"households": np.arange(300)},
        {"person_periods": "another table"},
    ],
    ids=lambda other: next(iter(other)),
)
def test_a_design_of_something_else_is_refused(other):
    table, y, _ = episodes(300)
    given = {"person_periods": table, "strategies": ARMS, "households": np.arange(300) // 2}
    design = clone_design(**given)
    if "person_periods" in other:
        other = {"person_periods": episodes(300, twice=True)[0]}
    with pytest.raises(EstimationError, match="design was made of"):
        clone_censor_weight(outcome=y, **(given | other), design=design)


def test_several_outcomes_are_the_same_as_one_at_a_time():
    table, y, _ = episodes(300)
    both = np.column_stack([y, (y > 0).astype(float)])
    seen = np.random.default_rng(3).random((300, 2)) < 0.9
    together = clone_censor_weight(table, both, strategies=ARMS, observed=seen)
    for j in range(2):
        alone = clone_censor_weight(table, both[:, j], strategies=ARMS, observed=seen[:, j])
        np.testing.assert_allclose(together.outcome(j).means, alone.means, rtol=ROUNDING)
        np.testing.assert_allclose(together.outcome(j).covariance, alone.covariance, rtol=ROUNDING)
        np.testing.assert_allclose(together.outcome(j).influence, alone.influence, atol=1e-7)
        assert together.outcome(j).checks is together.checks
    assert together.means.shape == (2, 2) and together.to_frame().shape == (4, 6)


def test_the_name_of_the_estimand_tells_timing_and_truncation():
    table, y, _ = episodes(400)
    names = {
        ("observed", None): "ATE",
        ("uniform", None): "ATE uniform grace",
        ("natural", ("at", 5.0)): "ATE natural grace truncated (at 5)",
    }
    for (grace, rule), name in names.items():
        found = clone_censor_weight(table, y, strategies=ARMS, grace=grace, truncate=rule)
        assert found.estimand == name and found.method == "clone_censor_weight"
        helped = clone_censor_weight(
            table, y, strategies=ARMS, grace=grace, truncate=rule, estimand=("ATT", "accepted")
        )
        assert helped.estimand == (name.replace("ATE", "ATT"), "accepted")
        assert ("estimation-weights-truncated" in found.notes) == (rule is not None)


def test_a_truncation_that_no_weight_reaches_changes_nothing():
    table, y, _ = episodes(400)
    plain = clone_censor_weight(table, y, strategies=ARMS)
    wide = clone_censor_weight(table, y, strategies=ARMS, truncate=("at", 1e6))
    tight = clone_censor_weight(table, y, strategies=ARMS, truncate=("at", 1.5))
    np.testing.assert_array_equal(plain.means, wide.means)
    np.testing.assert_array_equal(plain.covariance, wide.covariance)
    assert wide.checks.truncated.tolist() == [0, 0]
    assert (tight.checks.truncated > 0).all() and (tight.checks.largest == 1.5).all()
    assert (tight.effective_sample_size > plain.effective_sample_size).all()


def test_stabilised_weights_are_one_on_average():
    table, y, _ = episodes(20_000)
    for grace in ("observed", "uniform", "natural"):
        checks = clone_censor_weight(table, y, strategies=ARMS, grace=grace).checks
        np.testing.assert_allclose(checks.mean, 1.0, atol=0.02)


def test_a_period_in_which_nothing_happens_is_certain():
    table, y, _ = episodes(600)
    later = PersonPeriods(
        np.concatenate([np.arange(600), table.episode]),
        np.concatenate([np.zeros(600, dtype=int), table.period + 1]),
        np.vstack([np.zeros((600, 2)), table.covariates]),
        np.concatenate([np.zeros(600, dtype=int), table.event]),
    )
    found, plain = (clone_censor_weight(t, y, strategies=ARMS) for t in (later, table))
    np.testing.assert_allclose(found.means, plain.means, rtol=ROUNDING)
    np.testing.assert_allclose(found.covariance, plain.covariance, rtol=ROUNDING)
    assert found.checks.at_risk.tolist() == [600, *plain.checks.at_risk]


def test_a_covariate_that_decides_what_happens_is_shrunk_and_told():
    table, y, _ = episodes(300)
    decided = PersonPeriods(
        table.episode, table.period, np.column_stack([table.covariates, table.event]), table.event
    )
    found = clone_censor_weight(decided, y, strategies=ARMS)
    assert "logistic-separation-ridge" in found.notes
    assert np.isfinite(found.covariance).all()


N = 40
TABLE, Y, _ = episodes(N, seed=5)
FIELDS = {name: getattr(TABLE, name) for name in ("episode", "period", "covariates", "event")}


def with_rows(keep=slice(None), **changes):
    return {"person_periods": SimpleNamespace(**{k: v[keep] for k, v in (FIELDS | changes).items()})}


def at(array, place, value):
    result = np.array(array, dtype=float)
    result[place] = value
    return result


EARLY = int(np.flatnonzero((TABLE.event == 0) & (TABLE.period < PERIODS - 1))[0])
CLOSED = int(np.flatnonzero((TABLE.event == 1) & (TABLE.period > 0))[0])
LATE = TABLE.period == PERIODS - 1
REFUSED = {
    "an episode beyond the outcomes": (with_rows(episode=at(TABLE.episode, 0, N)), "estimation-periods"),
    "an episode without rows": (with_rows(TABLE.episode != 3), "estimation-periods"),
    "a period missing": (with_rows(np.arange(len(TABLE.event)) != EARLY), "estimation-periods"),
    "a period twice": (with_rows([*range(len(TABLE.event)), 0]), "estimation-periods"),
    "half a period": (with_rows(period=at(TABLE.period, 0, 0.5)), "estimation-periods"),
    "a row after the event": (with_rows(event=at(TABLE.event, EARLY, 1)), "estimation-periods"),
    "an end without an event": (with_rows(event=at(TABLE.event, CLOSED, 0)), "estimation-periods"),
    "an event of -2": (with_rows(event=at(TABLE.event, CLOSED, -2)), "estimation-periods"),
    "no covariate value": (with_rows(covariates=at(TABLE.covariates, (0, 0), np.nan)), "estimation-missing"),
    "a row of covariates missing": (with_rows(covariates=TABLE.covariates[1:]), "estimation-length"),
    "words for events": (with_rows(event=np.full(len(TABLE.event), "ja")), "estimation-dtype"),
    "a vector of covariates": (with_rows(covariates=TABLE.covariates[:, 0]), "estimation-shape"),
    "too few outcomes": ({"outcome": Y[:-1]}, "estimation-periods"),
    "an outcome missing": ({"outcome": at(Y, 0, np.nan)}, "estimation-missing"),
    "too few households": ({"households": np.arange(N - 1)}, "estimation-length"),
    "one household": ({"households": np.zeros(N)}, "estimation-one-household"),
    "one strategy": ({"strategies": {"accepted": 1}}, "estimation-one-arm"),
    "an event twice": ({"strategies": {"a": 1, "b": 1}}, "estimation-option"),
    "a strategy to be lost": ({"strategies": {"a": 1, "b": -1}}, "estimation-option"),
    "a strategy nobody follows": ({"strategies": {"a": 1, "b": 2, "c": 0}}, "estimation-empty-arm"),
    "an unknown estimand": ({"estimand": "LATE"}, "estimation-estimand"),
    "an estimand of another arm": ({"estimand": ("ATT", "helped")}, "estimation-estimand"),
    "an unknown grace": ({"grace": "short"}, "estimation-option"),
    "an unknown truncation": ({"truncate": ("above", 3.0)}, "estimation-option"),
    "a quantile of one": ({"truncate": ("quantile", 1.0)}, "estimation-option"),
    "a weight of zero": ({"truncate": ("at", 0.0)}, "estimation-option"),
    "a level of one": ({"level": 1.0}, "estimation-level"),
    "nobody followed": ({"observed": np.zeros(N, dtype=bool)}, "estimation-all-censored"),
}


@pytest.mark.parametrize(("change", "code"), REFUSED.values(), ids=REFUSED.keys())
def test_bad_input_is_named_and_never_shown(change, code):
    inputs = {"person_periods": TABLE, "outcome": Y, "strategies": ARMS} | change
    with pytest.raises(EstimationError) as caught:
        clone_censor_weight(inputs.pop("person_periods"), inputs.pop("outcome"), **inputs)
    assert caught.value.code == code


def test_a_strategy_followed_but_never_observed_is_refused():
    _, y, known = episodes(N, seed=5)
    with pytest.raises(EstimationError, match="none on accepted"):
        clone_censor_weight(TABLE, y, strategies=ARMS, observed=known["accepted"].to_numpy() == 0)


def test_a_natural_grace_period_needs_someone_who_starts_at_its_end():
    table, y, _ = episodes(300, start=lambda t, chance: np.zeros_like(chance) if t == 3 else chance)
    with pytest.raises(EstimationError, match="start accepted in the last period"):
        clone_censor_weight(table, y, strategies=ARMS, grace="natural")
    assert np.isfinite(clone_censor_weight(table, y, strategies=ARMS).covariance).all()
