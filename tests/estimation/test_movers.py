"""Returns are counted at an address: what moving can do to them, against every population of small size."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from scipy.stats import norm

from causalsig.errors import EstimationError
from causalsig.estimation import difference_in_means
from causalsig.estimation.identified_sets import critical_value, identified_set
from causalsig.estimation.movers import mover_bounds, share_moved

ROUNDING = 1e-9
SOLVED = 1e-6  # of a root found by bisection to 1e-12, through a distribution function
REPLICATIONS = 200


def means_of(treatment, outcome):
    return difference_in_means(None, treatment, outcome)


def rate_of(share, days):
    """Yearly rate with which a share has moved by a day: the inverse of the formula, solved apart."""
    return -np.log(1.0 - share) * 365.25 / days


def test_a_rate_a_month_and_a_rate_a_year_agree():
    monthly = 1.0 - (1.0 - 0.009) ** (151 / (365.25 / 12))
    assert share_moved(-12 * np.log(1.0 - 0.009), 151) == pytest.approx(monthly, rel=ROUNDING)


@pytest.mark.parametrize("returned", range(7))
def test_nothing_assumed_gives_the_extremes_over_all_populations(returned):
    """Six households, two of whom moved: whoever they are, and whatever became of them."""
    address = np.array([1] * returned + [0] * (6 - returned), dtype=float)
    reached = set()
    for movers in product((0, 1), repeat=6):
        if sum(movers) == 2:
            for elsewhere in product((0.0, 1.0), repeat=2):
                own = address.copy()
                own[np.flatnonzero(movers)] = elsewhere
                reached.add(own.mean())
    treatment = np.repeat(["a", "b"], 6)
    result = means_of(treatment, np.concatenate([address, [0, 1, 0, 1, 0, 1]]))
    rate = rate_of(2 / 6, 100)
    found = mover_bounds(result, "a", "b", yearly_turnover=(0.0, rate), until_day=100)
    assert found.means[0].low == pytest.approx(min(reached), abs=ROUNDING)
    assert found.means[0].high == pytest.approx(max(reached), abs=ROUNDING)
    assert found.contrast.low == pytest.approx(found.means[0].low - found.means[1].high, abs=ROUNDING)
    assert found.contrast.high == pytest.approx(found.means[0].high - found.means[1].low, abs=ROUNDING)


def population(own, moved, occupants):
    """Means at the address when movers are like stayers and occupants return as they do."""
    return (1 - moved) * own + moved * occupants


def table(share_a, share_b, n=1000):
    """A thousand episodes an arm with exactly these shares of returns."""
    outcome = [np.arange(n) < round(n * share) for share in (share_a, share_b)]
    return means_of(np.repeat(["a", "b"], n), np.concatenate(outcome).astype(float))


@pytest.mark.parametrize(("moved_a", "moved_b"), [(0.02, 0.02), (0.02, 0.08), (0.08, 0.05)])
@pytest.mark.parametrize(("occupants_a", "occupants_b"), [(0.02, 0.02), (0.02, 0.1), (0.1, 0.06)])
def test_unrelated_moving_bounds_every_world_within_the_ranges(moved_a, moved_b, occupants_a, occupants_b):
    a, b = 0.25, 0.4
    result = table(population(a, moved_a, occupants_a), population(b, moved_b, occupants_b), n=10_000)
    found = mover_bounds(
        result,
        "a",
        "b",
        yearly_turnover=(rate_of(0.02, 151), rate_of(0.08, 151)),
        until_day=151,
        moving="unrelated",
        occupants_return=(0.02, 0.1),
    )
    assert found.moved == pytest.approx((0.02, 0.08), rel=ROUNDING)
    slack = 1e-4  # shares of 10,000 are rounded
    assert found.means[0].low - slack <= a <= found.means[0].high + slack
    assert found.means[1].low - slack <= b <= found.means[1].high + slack
    assert found.contrast.low - slack <= a - b <= found.contrast.high + slack


def test_unrelated_bounds_are_reached():
    """A world at each end: bounds that were wider than need be would not be met."""
    a, b, ends = 0.25, 0.4, []
    for own_a, own_b in ((0.02, 0.1), (0.1, 0.02)):
        result = table(population(a, 0.08, own_a), population(b, 0.08, own_b), n=10_000)
        found = mover_bounds(
            result,
            "a",
            "b",
            yearly_turnover=(rate_of(0.08, 151),) * 2,
            until_day=151,
            moving="unrelated",
            occupants_return=(0.02, 0.1),
        )
        ends.append((found.contrast.low, found.contrast.high))
    assert ends[0][0] == pytest.approx(a - b, abs=2e-4) or ends[0][1] == pytest.approx(a - b, abs=2e-4)
    assert ends[1][0] == pytest.approx(a - b, abs=2e-4) or ends[1][1] == pytest.approx(a - b, abs=2e-4)
    assert ends[0] != ends[1]


def test_the_same_occupants_in_both_arms_only_shrink_an_effect():
    a, b, moved = 0.25, 0.4, 0.05
    result = table(population(a, moved, 0.07), population(b, moved, 0.07), n=10_000)
    found = mover_bounds(
        result,
        "a",
        "b",
        yearly_turnover=(0.0, rate_of(moved, 151)),
        until_day=151,
        moving="same_occupants",
    )
    plain = result.contrast("a", "b")
    assert found.contrast.low == pytest.approx(a - b, abs=2e-4)
    assert found.contrast.high == pytest.approx(plain.estimate, rel=ROUNDING)
    assert found.contrast.low_error == pytest.approx(plain.std_error / (1 - moved), rel=ROUNDING)


def test_without_movers_nothing_changes():
    result = table(0.3, 0.4)
    plain = result.contrast("a", "b")
    for moving in ("anything", "unrelated", "same_occupants"):
        found = mover_bounds(result, "a", "b", yearly_turnover=(0.0, 0.0), until_day=151, moving=moving)
        assert found.contrast.low == found.contrast.high == pytest.approx(plain.estimate, rel=ROUNDING)
        half = norm.ppf(0.975) * plain.std_error
        assert found.contrast.conf_high == pytest.approx(plain.estimate + half, rel=SOLVED)


def test_the_critical_value_goes_from_two_sided_to_one_sided():
    assert critical_value(0.0, 1.0, 0.95) == pytest.approx(norm.ppf(0.975), rel=SOLVED)
    assert critical_value(50.0, 1.0, 0.95) == pytest.approx(norm.ppf(0.95), rel=SOLVED)
    middle = critical_value(0.7, 1.0, 0.95)
    assert norm.cdf(middle + 0.7) - norm.cdf(-middle) == pytest.approx(0.95, rel=SOLVED)
    assert critical_value(0.7, 0.0, 0.95) == pytest.approx(norm.ppf(0.95), rel=SOLVED)


@pytest.mark.parametrize("length", [0.0, 0.5, 3.0])
def test_the_interval_covers_the_worst_placed_effect(length):
    """An effect at a bound is covered least: it still is at the level asked for."""
    r = np.random.default_rng(4)
    noise = r.normal(size=(20_000, 2))
    found = identified_set(0.0, length, 1.0, 1.0)
    half = -found.conf_low
    # Both bounds move together, as those of `mover_bounds` do.
    covered = (noise[:, 0] - half <= 0.0) & (noise[:, 0] + length + half >= 0.0)
    assert covered.mean() == pytest.approx(0.95, abs=0.005)  # 3.3 standard errors of 20,000 draws


def test_bounds_cover_in_simulated_moving():
    """Households move at random times, at an address whose new occupants return less: all three hold."""
    a, b, rate, days = 0.25, 0.4, 0.108, 151
    hits = dict.fromkeys(("anything", "unrelated", "same_occupants"), 0)
    for seed in range(REPLICATIONS):
        r = np.random.default_rng(seed)
        treatment = np.repeat(["a", "b"], 500)
        own = r.random(1000) < np.where(treatment == "a", a, b)
        moved = r.exponential(1 / rate, 1000) * 365.25 < days
        address = np.where(moved, r.random(1000) < 0.06, own)
        result = means_of(treatment, address.astype(float))
        for moving in hits:
            found = mover_bounds(
                result,
                "a",
                "b",
                yearly_turnover=(0.05, 0.15),
                until_day=days,
                moving=moving,
                occupants_return=(0.03, 0.1),
            )
            hits[moving] += a - b in found.contrast
    # 190 expected of 200 where bounds are nearly tight; 180 is 3.3 standard errors below.
    assert min(hits.values()) >= 180


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"yearly_turnover": (0.2, 0.1)}, "estimation-bounds"),
        ({"yearly_turnover": (-0.1, 0.1)}, "estimation-bounds"),
        ({"yearly_turnover": (0.1, np.inf)}, "estimation-bounds"),
        ({"yearly_turnover": (0.1, 3.0)}, "estimation-bounds"),
        ({"occupants_return": (0.1, 1.2)}, "estimation-bounds"),
        ({"moving": "never"}, "estimation-bounds"),
        ({"until_day": 0}, "estimation-bounds"),
        ({"arm": "c"}, "estimation-unknown-arm"),
    ],
)
def test_what_makes_no_sense_is_refused(changes, code):
    arguments = {"arm": "a", "reference": "b", "yearly_turnover": (0.05, 0.15), "until_day": 151} | changes
    arm, reference = arguments.pop("arm"), arguments.pop("reference")
    with pytest.raises(EstimationError) as caught:
        mover_bounds(table(0.3, 0.4), arm, reference, **arguments)
    assert caught.value.code == code


def test_numbers_and_several_outcomes_are_refused():
    treatment, numbers = np.repeat(["a", "b"], 50), np.arange(100.0)
    for outcome, code in ((numbers, "estimation-bounds"), (np.ones((100, 2)), "estimation-one-outcome")):
        with pytest.raises(EstimationError) as caught:
            mover_bounds(means_of(treatment, outcome), "a", "b", yearly_turnover=(0, 0.1), until_day=151)
        assert caught.value.code == code
    with pytest.raises(EstimationError, match="lower bound"):
        identified_set(1.0, 0.0, 0.1, 0.1)
