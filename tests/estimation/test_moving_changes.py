"""What a threshold that really moved tells: the band it moved over, and the jumps at both its places."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from causalsig.errors import EstimationError
from causalsig.estimation import (
    changed_band,
    changed_jumps,
    collapse_scores,
    difference_in_discontinuities,
    effect_at_cutoff,
)
from causalsig.estimation.moving_weights import boundary_limit
from causalsig.results import Floats

ROUNDING = 1e-9  # the same numbers summed another way
CHANGE: dict[str, Any] = {"changed": 12, "before": 700.0, "after": 500.0}


def town(seed: int = 1, n: int = 4000, noise: float = 0.5, **world: float) -> dict[str, Floats]:
    """Whole euros, 24 months, a threshold down from 700 to 500 in month 12; effect -0.2 plus a slope."""
    r = np.random.default_rng(seed)
    amount = np.round(1200.0 * r.beta(2.0, 2.0, n))
    month = r.integers(0, 24, n).astype(float)
    late = month >= 12
    handled = amount >= np.where(late, 500.0, 700.0)
    inside = (amount >= 500.0) & (amount < 700.0)
    effect = -0.2 + world.get("slope", 0.0) * (amount - 500.0)
    mean = 0.8 + 0.001 * amount + 0.02 * month + world.get("drift", 0.0) * month * inside
    mean = mean + effect * handled + world.get("rival", 0.0) * ((amount >= 500.0) + 2.0 * (amount >= 700.0))
    households = np.arange(n) // 2
    shared = 0.5 * noise * r.normal(size=n // 2)[households]
    return {
        "score": amount,
        "outcome": mean + shared + noise * r.normal(size=n),
        "month": month,
        "households": households,
    }


def by_dummies(data: dict[str, Floats], band: tuple[float, float], beside: tuple[float, float]) -> Floats:
    """The same regression with a column a month, and its sandwich by household: coefficient and error."""
    x = data["score"]
    inside = (x >= band[0]) & (x < band[1])
    keep = inside | ((x >= beside[0]) & (x < beside[1]))
    month, y, home = data["month"][keep], data["outcome"][keep], data["households"][keep]
    z = inside[keep].astype(float)
    months = np.unique(month)
    design = np.column_stack([z * (month >= 12), z, *[(month == m).astype(float) for m in months]])
    bread = np.linalg.inv(design.T @ design)
    errors = y - design @ (bread @ design.T @ y)
    meat = np.zeros_like(bread)
    for one in np.unique(home):
        score = design[home == one].T @ errors[home == one]
        meat += np.outer(score, score)
    n, k, groups = len(y), design.shape[1], len(np.unique(home))
    variance = (bread @ meat @ bread)[0, 0] * groups / (groups - 1) * (n - 1) / (n - k)
    return np.array([(bread @ design.T @ y)[0], np.sqrt(variance)])


def test_the_band_is_the_regression_with_a_column_a_month() -> None:
    data = town(n=1200)
    found = changed_band(**data, **CHANGE, comparison=(300.0, 500.0))
    wanted = by_dummies(data, (500.0, 700.0), (300.0, 500.0))
    assert [found.estimate, found.std_error] == pytest.approx(wanted, rel=ROUNDING)
    assert found.holds and found.conf_low < -0.2 < found.conf_high


def test_a_drift_within_its_bound_is_at_most_the_bias_that_is_told() -> None:
    """Without noise the whole error of a drifting band is the drift's; the steady one is the worst."""
    told = {**CHANGE, "comparison": (300.0, 500.0)}
    steady, still = town(noise=0.0, drift=0.004), town(noise=0.0)
    found = changed_band(**steady, **told, drift_bound=0.004)
    apart = found.estimate - changed_band(**still, **told).estimate
    assert apart == pytest.approx(found.largest_bias, rel=1e-6)
    wild = dict(still)
    inside = (still["score"] >= 500.0) & (still["score"] < 700.0)
    steps = np.random.default_rng(3).choice([-0.004, 0.004], 24).cumsum()
    wild["outcome"] = still["outcome"] + inside * steps[still["month"].astype(int)]
    moved = changed_band(**wild, **told).estimate - changed_band(**still, **told).estimate
    assert abs(moved) < found.largest_bias


def test_the_breakdown_is_the_drift_at_which_the_interval_reaches_zero() -> None:
    data, told = town(), {**CHANGE, "comparison": (300.0, 500.0)}
    found = changed_band(**data, **told)
    assert found.breakdown is not None and found.breakdown > 0.0
    ends = [changed_band(**data, **told, drift_bound=f * found.breakdown).conf_high for f in (0.99, 1.01)]
    assert ends[0] < 0.0 < ends[1]
    flat = town()
    flat["outcome"] = np.random.default_rng(4).normal(size=len(flat["score"]))
    assert changed_band(**flat, **told).breakdown == 0.0


def test_a_drift_within_its_bound_passes_the_check_and_one_beyond_does_not() -> None:
    told = {**CHANGE, "comparison": (300.0, 500.0), "drift_bound": 0.02}
    assert changed_band(**town(drift=0.02), **told).holds
    assert not changed_band(**town(drift=0.06), **told).holds


def test_a_constant_effect_without_noise_is_found_exactly() -> None:
    data = town(noise=0.0)
    data["outcome"] = data["outcome"] - 0.001 * data["score"]
    found = changed_band(**data, **CHANGE, comparison=(700.0, 900.0))
    assert found.estimate == pytest.approx(-0.2, abs=ROUNDING)


def test_a_threshold_that_goes_up_gives_the_effect_of_what_is_lost() -> None:
    """Time turned round, the threshold of a town goes up, and the effect of being handled stays."""
    data = town()
    down = changed_band(**data, **CHANGE, comparison=(300.0, 500.0))
    data["month"] = 23.0 - data["month"]
    up = changed_band(**data, changed=12, before=500.0, after=700.0, comparison=(300.0, 500.0))
    assert up.estimate == pytest.approx(down.estimate, rel=ROUNDING)
    assert up.std_error == pytest.approx(down.std_error, rel=ROUNDING)


def test_bands_that_drift_apart_fail_the_check() -> None:
    found = changed_band(**town(drift=0.05), **CHANGE, comparison=(300.0, 500.0))
    assert not found.holds
    assert found.checks[0].code == "estimation-trends-differ"
    assert found.checks[0].estimate == pytest.approx(0.05, abs=0.02)


def test_the_limit_is_that_of_the_tables_of_scores() -> None:
    data = town()
    found = effect_at_cutoff(collapse_scores(data["score"], data["outcome"]), 500.0, bandwidth=(120.0, 180.0))
    x = data["score"] - 500.0
    right = boundary_limit(x[x >= 0.0], data["outcome"][x >= 0.0], 120.0, 180.0)
    left = boundary_limit(-x[x < 0.0], data["outcome"][x < 0.0], 120.0, 180.0)
    assert right.value - left.value == pytest.approx(found.robust.estimate, rel=ROUNDING)


def test_errors_of_both_periods_know_that_they_share_households() -> None:
    """With every episode twice, once in each period, nothing is left of the difference or its error."""
    data = town(n=2000)
    once = {name: column[data["month"] < 12] for name, column in data.items()}
    twice = {name: np.concatenate([column, column]) for name, column in once.items()}
    twice["month"][len(once["month"]) :] += 12.0
    apart = difference_in_discontinuities(**twice, **CHANGE, bandwidth=150.0)
    assert apart.difference.estimate == pytest.approx(0.0, abs=ROUNDING)
    assert apart.difference.std_error == pytest.approx(0.0, abs=ROUNDING)
    assert apart.there.std_error > 0.01


def test_what_else_jumps_drops_out() -> None:
    data = town(noise=0.0, rival=0.4, slope=0.0005)
    # Without noise the months would be all that is left: they differ between the sides of a threshold.
    data["outcome"] = data["outcome"] - 0.02 * data["month"]
    for at, effect in (("before", -0.1), ("after", -0.2)):
        found = difference_in_discontinuities(**data, **CHANGE, at=at, bandwidth=150.0)
        assert found.difference.estimate == pytest.approx(effect, abs=ROUNDING)
        assert found.there.estimate > 0.1


def test_between_two_jumps_the_effect_goes_along_a_line() -> None:
    data = town(noise=0.0, slope=0.0005, n=20_000)
    data["outcome"] = data["outcome"] - 0.02 * data["month"]
    found = changed_jumps(**data, **CHANGE, bandwidth=150.0)
    inside = (data["score"] >= 500.0) & (data["score"] < 700.0) & (data["month"] >= 12)
    truth = (-0.2 + 0.0005 * (data["score"][inside] - 500.0)).mean()
    assert found.estimate == pytest.approx(truth, abs=ROUNDING)
    assert found.episodes == inside.sum()
    bent = changed_jumps(**data, **CHANGE, bandwidth=150.0, effect_curvature=1e-5)
    away = (data["score"][inside] - 500.0) * (700.0 - data["score"][inside])
    assert bent.largest_bias == pytest.approx(0.5e-5 * away.mean(), rel=ROUNDING)
    assert bent.conf_low < found.conf_low and bent.conf_high > found.conf_high


def test_a_fact_from_before_that_jumps_with_the_threshold_fails_the_check() -> None:
    data = town(n=8000)
    crossed = data["score"] >= np.where(data["month"] >= 12, 500.0, 700.0)
    earlier = crossed + np.random.default_rng(5).normal(size=8000) * 0.3
    found = changed_jumps(**data, **CHANGE, earlier=earlier)
    assert [check.passed for check in found.checks] == [True, False]


def test_a_jump_that_grows_by_itself_fails_the_check() -> None:
    data = town(n=8000)
    data["outcome"] = data["outcome"] + 0.15 * data["month"] * (data["score"] >= 500.0)
    found = changed_jumps(**data, **CHANGE)
    assert not found.holds and found.checks[0].code == "estimation-jump-moved"


def test_order_of_rows_changes_no_more_than_rounding() -> None:
    data = town()
    shuffled = np.random.default_rng(2).permutation(4000)
    other = {name: column[shuffled] for name, column in data.items()}
    one, two = (changed_jumps(**rows, **CHANGE, bandwidth=150.0) for rows in (data, other))
    assert two.estimate == pytest.approx(one.estimate, rel=ROUNDING)
    assert two.std_error == pytest.approx(one.std_error, rel=ROUNDING)
    one, two = (changed_band(**rows, **CHANGE, comparison=(300.0, 500.0)) for rows in (data, other))
    assert two.estimate == pytest.approx(one.estimate, rel=ROUNDING)


GOOD = town()


def with_hole(name: str) -> Floats:
    column = GOOD[name].astype(float)
    column[7] = np.nan
    return column


BOTH: dict[str, tuple[dict[str, Any], str, str]] = {
    "a threshold that stayed": ({"after": 700.0}, "estimation-band-not-changed", "same one"),
    "a band beyond the change": ({"band": (600.0, 800.0)}, "estimation-band-not-changed", "reaches beyond"),
    "a band the wrong way round": ({"band": (700.0, 500.0)}, "estimation-option", "band"),
    "no number for the month": ({"changed": "May"}, "estimation-option", "changed"),
    "a change after all months": ({"changed": 99}, "estimation-band-empty", "before and"),
    "a missing score": ({"score": with_hole("score")}, "estimation-missing", "score"),
    "a missing outcome": ({"outcome": with_hole("outcome")}, "estimation-missing", "outcome"),
    "a missing month": ({"month": with_hole("month")}, "estimation-missing", "month"),
    "a shorter month": ({"month": GOOD["month"][:-1]}, "estimation-length", "month"),
    "fewer households": ({"households": GOOD["households"][:-1]}, "estimation-length", "households"),
    "a level of 95": ({"level": 95}, "estimation-option", "level"),
}
BAND: dict[str, tuple[dict[str, Any], str, str]] = {
    "a comparison that changed": ({"comparison": (400.0, 600.0)}, "estimation-comparison-changed", "between"),
    "a comparison on both sides": ({"comparison": (0.0, 1200.0)}, "estimation-comparison-changed", "below"),
    "an empty comparison": ({"comparison": (-20.0, -10.0)}, "estimation-band-empty", "0 in one of the four"),
    "a comparison of one number": ({"comparison": 300.0}, "estimation-option", "comparison"),
    "two months before the change": ({"changed": 2}, "estimation-few-periods", "2"),
}
JUMPS: dict[str, tuple[dict[str, Any], str, str]] = {
    "thresholds beyond the scores": ({"after": 3000.0}, "estimation-cutoff", "below it"),
    "an unknown scale": ({"scale": "root"}, "estimation-option", "scale"),
    "a curvature below zero": ({"effect_curvature": -1.0}, "estimation-option", "effect_curvature"),
    "a missing earlier fact": ({"earlier": with_hole("outcome")}, "estimation-missing", "earlier"),
}


@pytest.mark.parametrize("case", BOTH | BAND)
def test_the_band_names_what_is_wrong(case: str) -> None:
    options, code, words = (BOTH | BAND)[case]
    with pytest.raises(EstimationError, match=words) as raised:
        changed_band(**(GOOD | CHANGE | {"comparison": (300.0, 500.0)} | options))
    assert raised.value.code == code


@pytest.mark.parametrize("case", BOTH | JUMPS)
def test_the_jumps_name_what_is_wrong(case: str) -> None:
    options, code, words = (BOTH | JUMPS)[case]
    with pytest.raises(EstimationError, match=words) as raised:
        changed_jumps(**(GOOD | CHANGE | options))
    assert raised.value.code == code


def test_a_place_that_is_neither_threshold_is_named() -> None:
    with pytest.raises(EstimationError, match="before or after") as raised:
        difference_in_discontinuities(**GOOD, **CHANGE, at="between")
    assert raised.value.where == "at"
