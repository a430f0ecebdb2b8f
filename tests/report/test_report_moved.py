"""Moved thresholds on the pages: what is counted, what it does, by which route, or why it is not said."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from causalsig.moved import BandRow, PassedRoute, PooledMove, ReleasedMove
from causalsig.records import Verdict
from causalsig.report.numbers import Language
from causalsig.report.pages import OwnGates, OwnMove, OwnThresholds
from causalsig.report.render import municipality_html, national_html
from causalsig.report.threshold_moved import change_of, cost_per_avoided
from tests.report import page_factory as made
from tests.report.test_report_thresholds import CURVE, SITE, all_page, pooled, released, words_of

LANGUAGES: tuple[Language, ...] = ("nl", "en")
NAN = float("nan")


def move(part: float = 0.75, **changes: Any) -> ReleasedMove:
    sign = 1.0 if part < 1.0 else -1.0
    plain = ReleasedMove(
        site=SITE, question="threshold", outcome="count_new_arrears_3m", kind="count", months=3,
        below="letter", above="home_visit", score="amount", scale="log", cutoff=500.0, period=1, part=part,
        households=(100, 299), contacts=(sign * 40.0, sign * 119.6), band=None, steps=0.0,
        passed=(), years=2.0,
    )  # fmt: skip
    return replace(plain, **changes)


def band(route: Any = "constant_bias", estimate: float = -0.28, bias: float = 0.0) -> BandRow:
    return BandRow(route, estimate, 0.06, bias, estimate - 0.12 - bias, estimate + 0.12 + bias)


NO_ROUTE = OwnMove(
    move(0.5, passed=(PassedRoute("changed_band", "estimation-route-without-data"),
                      PassedRoute("continuation", "estimation-beyond-bandwidth"))),
    None, 0, 40.0, 60.0,
)  # fmt: skip
DOWN = OwnMove(move(), band(), 9, 40.0, 60.0)
UP = OwnMove(move(1.5), band("continuation", -0.2, 0.03), 0, 40.0, 60.0)
UNSURE = OwnMove(
    move(2.0, households=(3000, None), contacts=(-900.0, None)), band("changed_band", 0.02), 0, 40.0
)
GATES = OwnGates(
    "amount", 500.0, "letter", "home_visit",
    (Verdict("design", "gate-threshold-size", True, NAN, 50.0, None, None),
     Verdict("design", "gate-heaping", False, 6.42, 3.0, None, None),
     Verdict("design", "gate-density", False, 0.01, 0.05, None, None),
     Verdict("design", "gate-jump-before", True, 0.44, 0.05, None, None)),
    ("release-arm-floor",), donut=True,
)  # fmt: skip
POOLED = PooledMove(
    question="threshold", outcome="count_new_arrears_3m", kind="count", months=3, below="letter",
    above="home_visit", score="amount", part=0.75, sites=14,
    by_route=(("changed_band", 3), ("constant_bias", 11)), unanswered=2, estimate=-0.1234, std_error=0.0321,
    conf_low=-0.1929, conf_high=-0.0539, largest_bias=0.0, tau2=0.0023, prediction_low=-0.25,
    prediction_high=0.004, publishable=True, reasons=(),
)  # fmt: skip


def own_page(*moves: OwnMove) -> Any:
    others = replace(made.pool(), thresholds=(pooled(sites=13),))
    return made.estimated(thresholds=OwnThresholds((released(),), (), moves, (GATES,)), others=others)


def test_down_the_band_gets_the_handling_and_up_it_loses_it() -> None:
    down, up = change_of(DOWN), change_of(UP)
    assert down is not None and up is not None and change_of(NO_ROUTE) is None
    assert down.each == pytest.approx((-0.28, -0.40, -0.16)) and up.each == pytest.approx((0.2, 0.05, 0.35))
    # 100 to 299 households in two years, at either end of the interval.
    assert down.a_year == pytest.approx((-0.40 * 149.5, -0.16 * 50.0))
    assert up.a_year == pytest.approx((0.05 * 50.0, 0.35 * 149.5))


def test_cost_is_price_over_what_is_avoided_and_nothing_where_that_may_be_nothing() -> None:
    # 40 contacts a year by 50 households a year: 0.8 contacts each, at 40 euro.
    assert cost_per_avoided(DOWN) == pytest.approx((32 / 0.28, 32 / 0.40, 32 / 0.16))
    assert cost_per_avoided(UP) == pytest.approx((32 / 0.2, 32 / 0.35, 32 / 0.05))
    assert cost_per_avoided(UNSURE) is None
    assert cost_per_avoided(replace(DOWN, price=None)) is None
    assert cost_per_avoided(OwnMove(move(kind="days"), band(), 9, 40.0)) is None


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_municipality_reads_each_candidate_with_its_route_or_its_reasons(language: Language) -> None:
    html = municipality_html(own_page(DOWN, UP, UNSURE, NO_ROUTE), language)
    said = words_of(html)
    nl = language == "nl"
    for expected in (
        "375 euro", "750 euro", "1.000 euro" if nl else "1,000 euro",
        "40 tot 120 meer" if nl else "40 to 120 more",
        "40 tot 120 minder" if nl else "40 to 120 fewer",
        "minstens 900 minder" if nl else "at least 900 fewer",
        "280 minder" if nl else "280 fewer",
        "114 (80 tot 200)" if nl else "114 (80 to 200)",
        "9 gemeenten met een andere drempel" if nl else "9 municipalities with another threshold",
        "niet krommer" if nl else "bends no more",
        "niet te zeggen" if nl else "cannot be said",
    ):  # fmt: skip
        assert expected in said, expected
    assert said.index("250 euro") < said.index("375 euro") < said.index("750 euro")
    assert SITE[:8] not in html


def test_room_is_judged_at_both_ends() -> None:
    within = replace(DOWN, capacity=120.0)
    over = replace(DOWN, capacity=39.0)
    for own, expected in ((within, "Deze contacten passen"), (over, "zoveel contacten passen niet. Er"),
                          (DOWN, "misschien passen zoveel"), (UP, None)):  # fmt: skip
        said = words_of(municipality_html(own_page(own), "nl"))
        assert ("ruimte voor" in said) == (expected is not None)
        assert expected is None or expected in said


@pytest.mark.parametrize("language", LANGUAGES)
def test_checks_of_a_threshold_are_told_with_why_something_is_missing(language: Language) -> None:
    html = municipality_html(own_page(), language)
    said = words_of(html)
    assert 'id="threshold-checks"' in html
    assert ("6,42" if language == "nl" else "6.42") in said
    assert {"nl": "Aan beide kanten zijn er minstens 50", "en": "There are at least 50 on both"}[
        language
    ] in said
    assert {"nl": "Let op", "en": "Note"}[language] in said
    assert {"nl": "De redenen:", "en": "The reasons:"}[language] in said


def test_without_an_effect_the_checks_say_why() -> None:
    page = made.estimated(thresholds=OwnThresholds((), ("gate-threshold-size",), (), (GATES,)))
    assert 'id="threshold-checks"' in municipality_html(page, "nl")


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_national_page_shows_pooled_moves_that_may_be_shown_and_no_routes(language: Language) -> None:
    hidden = replace(POOLED, part=0.5, publishable=False, estimate=-0.777, reasons=("pool-few-sites",))
    said = words_of(national_html(all_page(moves=(POOLED, hidden)), language))
    assert "75 %" in said and "50 %" not in said and "777" not in said
    route = {"nl": "vast verschil", "en": "constant gap"}[language]
    assert route not in said
    whole = words_of(national_html(all_page(sites=True, moves=(POOLED, hidden)), language))
    assert route in whole and "777" in whole


def test_where_no_line_is_drawn_the_page_says_why() -> None:
    refused = replace(CURVE, points=(), refusal="meta-few-cutoffs", publishable=False)
    assert "Te weinig drempels voor een lijn" in words_of(national_html(all_page(curves=(refused,)), "nl"))
    assert "Te weinig drempels" not in words_of(national_html(all_page(), "nl"))


@pytest.mark.parametrize(
    ("bias", "expected", "other"),
    [
        (0.0, "small drift between the groups is not seen", "move apart slowly"),
        (0.05, "move apart slowly", "is not seen"),
    ],
)
def test_a_drift_is_said_to_be_unseen_or_allowed_for(bias: float, expected: str, other: str) -> None:
    own = replace(DOWN, band=band("changed_band", bias=bias))
    said = words_of(municipality_html(own_page(own), "en"))
    assert expected in said and other not in said
