"""The strongest route that holds is the answer; with none, the reasons are. And what that costs."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from causalsig.errors import EstimationError
from causalsig.estimation import BandEffect, ask_route, collapse_scores, moved_threshold
from causalsig.estimation.moving import CostPerAvoided, cost_per_avoided, strongest
from causalsig.estimation.moving_continuation import bounded_continuation
from causalsig.estimation.moving_results import ROUTES, Check, Route, band_effect, check_within

NORMAL_95 = 1.959963984540054
FAILING = Check("estimation-trends-differ", 1.0, 0.1, 0.0, False)
REFUSAL = EstimationError("estimation-no-other-site", expected="one", found="none", mend="Wait.")


def found(route: Route, estimate: float = -0.2, error: float = 0.05, **more: Any) -> BandEffect:
    return band_effect(route, (500.0, 700.0), estimate, error, level=0.95, episodes=300.0, **more)


def moved(to: float = 400.0, **options: Any) -> Any:
    answers = options.pop("answers", {"continuation": found("continuation")})
    return moved_threshold(500.0, to, answers, **({"episodes": 100.0} | options))


def test_the_first_route_that_holds_is_the_answer_whatever_the_others_say() -> None:
    answers: dict[Route, Any] = {route: found(route, -0.1 * k) for k, route in enumerate(ROUTES)}
    for first, route in enumerate(ROUTES):
        left = {name: answers[name] for name in ROUTES[first:]}
        for order in list(permutations(left))[:6]:
            effect, passed = strongest({name: left[name] for name in order})
            assert effect is answers[route]
            assert [one.route for one in passed] == list(ROUTES[:first])


def test_every_route_passed_over_says_why() -> None:
    answers: dict[Route, Any] = {
        "changed_band": found("changed_band", checks=(FAILING,)),
        "constant_bias": REFUSAL,
        "safe_cutoffs": found("safe_cutoffs", error=float("nan")),
        "continuation": found("continuation"),
    }
    effect, passed = strongest(answers)
    assert effect is answers["continuation"]
    assert [one.code for one in passed] == [
        "estimation-trends-differ",
        "estimation-route-without-data",
        "estimation-no-other-site",
        "estimation-band-empty",
    ]


def test_without_a_route_the_contacts_are_counted_and_the_effect_is_not_there() -> None:
    result = moved(answers={"changed_band": REFUSAL}, contacts_each=2.0, contact_cost=30.0)
    assert result.code == "estimation-no-route" and result.route is None
    assert result.extra_contacts == 200.0
    assert np.isnan([result.change, result.conf_low, result.conf_high]).all()
    assert result.cost is None
    assert len(result.passed) == len(ROUTES)


def test_a_lower_threshold_brings_the_handling_and_a_higher_one_takes_it() -> None:
    lower, higher = moved(400.0), moved(600.0)
    assert lower.change == pytest.approx(-20.0) and higher.change == pytest.approx(20.0)
    assert lower.extra_contacts == 100.0 and higher.extra_contacts == -100.0
    assert lower.conf_low < lower.change < lower.conf_high
    assert (higher.conf_low, higher.conf_high) == pytest.approx((-lower.conf_high, -lower.conf_low))


def test_more_contacts_than_there_is_room_for_are_flagged() -> None:
    assert moved(capacity=99.0).over_capacity is True
    assert moved(capacity=100.0).over_capacity is False
    assert moved(600.0, capacity=0.0).over_capacity is False
    assert moved().over_capacity is None


def cost(result: Any) -> CostPerAvoided:
    assert result.cost is not None
    return result.cost  # type: ignore[no-any-return]


def test_the_cost_of_an_avoided_signal_is_what_is_spent_over_each_end_of_what_is_avoided() -> None:
    result = moved(contact_cost=30.0)
    ratio = cost(result)
    assert ratio.spent == 3000.0 and ratio.estimate == pytest.approx(150.0) and ratio.code is None
    assert ratio.interval.low == pytest.approx(3000.0 / -result.conf_low)
    assert ratio.interval.high == pytest.approx(3000.0 / -result.conf_high)


def test_the_cost_has_no_end_where_perhaps_nothing_is_avoided() -> None:
    ratio = cost(moved(answers={"continuation": found("continuation", -0.05)}, contact_cost=30.0))
    assert not ratio.interval.bounded and ratio.code == "estimation-cost-unbounded"
    # Whatever the sign, no cost in between is supported.
    assert ratio.estimate in ratio.interval and 0.0 not in ratio.interval


def test_money_for_more_signals_is_called_that() -> None:
    ratio = cost(moved(answers={"continuation": found("continuation", 0.3)}, contact_cost=30.0))
    assert ratio.interval.bounded and ratio.code == "estimation-nothing-avoided"
    saved = cost(moved(600.0, answers={"continuation": found("continuation")}, contact_cost=30.0))
    assert saved.spent == -3000.0 and saved.estimate == pytest.approx(150.0) and saved.code is None


def test_nothing_spent_has_no_cost() -> None:
    assert moved(contact_cost=0.0).cost is None


@given(
    change=st.floats(-50.0, 50.0).filter(lambda v: abs(v) > 0.01),
    error=st.floats(0.1, 30.0),
    avoided=st.floats(-120.0, 120.0).filter(lambda v: abs(v) > 0.01),
)
def test_the_set_of_costs_is_that_of_the_numbers_avoided(change: float, error: float, avoided: float) -> None:
    """A cost is in the set when the number avoided that it stands for is in the interval."""
    ends = (change - NORMAL_95 * error, change + NORMAL_95 * error)
    ratio = cost_per_avoided(1000.0, change, ends, 0.95)
    assert ratio is not None
    near = min(abs(-avoided - end) for end in ends) < 1e-6 * (1.0 + abs(avoided))
    assert near or (1000.0 / avoided in ratio.interval) == (ends[0] <= -avoided <= ends[1])


def test_a_bias_within_its_bound_makes_the_interval_longer_by_no_more_than_twice_itself() -> None:
    plain, biased = found("continuation"), found("continuation", largest_bias=0.08)
    longer = (biased.conf_high - biased.conf_low) - (plain.conf_high - plain.conf_low)
    assert 0.0 < longer < 0.16


def test_a_check_of_nothing_is_two_sided_and_one_of_a_bound_is_as_strict_at_the_bound() -> None:
    from scipy.stats import norm

    assert check_within("estimation-too-curved", 1.5, 1.0).p_value == pytest.approx(2.0 * norm.sf(1.5))
    at_bound = check_within("estimation-too-curved", 5.0 + 1.6448536, 1.0, 5.0)
    assert at_bound.p_value == pytest.approx(0.05, abs=1e-6)
    assert check_within("estimation-too-curved", 0.5, 0.0, 1.0).passed
    assert not check_within("estimation-too-curved", 1.5, 0.0, 1.0).passed


def test_a_refusal_is_kept_and_bad_input_is_raised() -> None:
    r = np.random.default_rng(1)
    x = np.round(1000.0 * r.beta(2.0, 2.0, 800))
    table = collapse_scores(x, r.normal(size=800))
    refused = ask_route(bounded_continuation, table, 500.0, 950.0, curvature_bound=1e-4)
    assert isinstance(refused, EstimationError) and refused.code == "estimation-beyond-bandwidth"
    with pytest.raises(EstimationError, match="estimation-option"):
        ask_route(bounded_continuation, table, 500.0, 520.0, curvature_bound=-1.0)


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "the threshold it is": ({"to": 500.0}, "to"),
    "a place that is no number": ({"to": np.nan}, "to"),
    "fewer than no episodes": ({"episodes": -1.0}, "episodes"),
    "a negative price": ({"contact_cost": -1.0}, "contact_cost"),
    "a negative capacity": ({"capacity": -1.0}, "capacity"),
    "contacts that are no number": ({"contacts_each": "two"}, "contacts_each"),
    "an unknown route": ({"answers": {"hope": REFUSAL}}, "answers"),
    "an answer under another name": ({"answers": {"changed_band": found("continuation")}}, "answers"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_gets_an_error_that_names_it(case: str) -> None:
    options, where = BAD[case]
    with pytest.raises(EstimationError) as raised:
        moved(**options)
    assert (raised.value.code, raised.value.where) == ("estimation-option", where)
