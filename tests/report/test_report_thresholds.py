"""Thresholds on the pages: drawn from released bins alone, and no municipality in what is for all."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from causalsig.crossed import ReleasedBin, ReleasedThreshold
from causalsig.crossed_pooled import CurvePoint, PooledCurve, PooledThresholdRow
from causalsig.estimation import effect_at_cutoff
from causalsig.estimation.threshold_released import table_of_bins
from causalsig.meta import honest_effects
from causalsig.report.numbers import Language
from causalsig.report.pages import MunicipalityPage, NationalPage, OwnThresholds
from causalsig.report.render import municipality_html, national_html
from causalsig.report.threshold_lines import POINTS, line, plotted, points_of
from causalsig.report.threshold_words import own_effect
from tests.report import page_factory as made
from tests.report.threshold_factory import SITE, released

# Two solutions of the same least squares.
AGREES = 1e-9
LANGUAGES: tuple[Language, ...] = ("nl", "en")


def pooled(**changes: object) -> PooledThresholdRow:
    plain = PooledThresholdRow(
        question="threshold", outcome="count_new_arrears_3m", estimand="E1", kind="count", months=3,
        below="letter", above="home_visit", score="amount", honest=False, sites=14, estimate=-0.123,
        std_error=0.03, conf_low=-0.187, conf_high=-0.059, mixture_low=-0.191, mixture_high=-0.052,
        p_value=0.002, largest_bias=None, tau2=0.002, prediction_low=-0.25, prediction_high=0.01,
        publishable=True, reasons=(),
    )  # fmt: skip
    return replace(plain, **changes)  # type: ignore[arg-type]


CURVE = PooledCurve(
    question="threshold", outcome="count_new_arrears_3m", estimand="E1", kind="count", months=3,
    below="letter", above="home_visit", score="amount", sites=14,
    points=(
        CurvePoint(250.0, -0.17, 0.04, -0.276, -0.064),
        CurvePoint(500.0, -0.12, 0.03, -0.1995, -0.0405),
        CurvePoint(1000.0, -0.07, 0.05, -0.2025, 0.0625),
    ),
    doubling=0.05, doubling_error=0.0357, doubling_low=-0.02, doubling_high=0.12, p_value=0.147,
    publishable=True, reasons=(),
)  # fmt: skip


def own_page(*effects: ReleasedThreshold, reasons: tuple[str, ...] = ()) -> MunicipalityPage:
    others = replace(made.pool(), thresholds=(pooled(sites=13),))
    return made.estimated(thresholds=OwnThresholds(effects, reasons), others=others)


def all_page(*, sites: bool = False, **changes: Any) -> NationalPage:
    plain = made.national(sites=sites)
    given: dict[str, Any] = {"thresholds": (pooled(),), "curves": (CURVE,)} | changes
    pool = replace(plain.pool, **given)
    own = (OwnThresholds((released(),), ()),) if sites else ()
    return replace(plain, pool=pool, thresholds=own)


def words_of(html: str) -> str:
    """Give the visible words of a page."""
    bare = re.sub(r"<[^>]+>", " ", re.sub(r"<style.*?</style>", "", html, flags=re.S))
    return re.sub(r"\s+", " ", bare.replace("\xa0", " "))


@pytest.mark.parametrize("degree", [1, 2])
@pytest.mark.parametrize("kernel", ["triangular", "epanechnikov", "uniform"])
def test_both_lines_are_those_of_the_estimate(kernel: Any, degree: Any) -> None:
    block = released()
    sides = [[b for b in block.bins if (b.distance >= 0) is right] for right in (False, True)]
    found = [line(side, 0.6, kernel, degree) for side in sides]
    assert found[0] is not None and found[1] is not None
    jump = found[1][1][-1] - found[0][1][-1]
    again = effect_at_cutoff(
        table_of_bins(block.bins), 0.0, bandwidth=(0.6, 0.9), kernel=kernel, degree=degree
    )
    assert jump == pytest.approx(again.conventional.estimate, rel=AGREES)


def test_lines_that_may_bend_are_not_called_straight() -> None:
    straight, bent = (
        words_of(municipality_html(own_page(replace(released(), degree=degree)), "nl")) for degree in (1, 2)
    )
    assert "De lijnen zijn recht." in straight and "De lijnen zijn recht." not in bent
    assert "De lijnen mogen één keer buigen." in bent


@pytest.mark.parametrize("points", sorted(POINTS.values()))
def test_points_hold_all_bins_once_and_none_crosses_the_cutoff(points: int) -> None:
    block = released()
    drawn = plotted(block, points=points)
    assert drawn is not None
    for side, sign in ((drawn.left, -1), (drawn.right, 1)):
        assert len(side.mean) == points and (np.sign(side.distance) == sign).all()
        inside = [b for b in block.bins if np.sign(b.distance or 1.0) == sign and abs(b.distance) <= 1.2]
        assert side.episodes.sum() == sum(b.episodes for b in inside)
        assert side.episodes @ side.mean == pytest.approx(sum(b.episodes * b.mean for b in inside))
        assert (np.diff(side.distance) > 0).all() and (np.diff(side.edges) > 0).all()
        assert side.density @ np.diff(side.edges) == pytest.approx(side.episodes.sum())
    assert drawn.left.edges[-1] == drawn.right.edges[0] == 0.0


def test_a_points_interval_counts_what_its_bins_differ() -> None:
    alike = points_of(
        [ReleasedBin(50, 0.1, 0.5, 1.0, None, None), ReleasedBin(50, 0.2, 0.5, 1.0, None, None)], 1, 0.95
    )
    apart = points_of(
        [ReleasedBin(50, 0.1, 0.0, 1.0, None, None), ReleasedBin(50, 0.2, 1.0, 1.0, None, None)], 1, 0.95
    )
    assert alike.high[0] - alike.mean[0] == pytest.approx(1.96 * 0.1, rel=1e-3)
    assert apart.high[0] - apart.mean[0] == pytest.approx(1.96 * math.sqrt(1.25 / 100), rel=1e-3)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_municipality_sees_its_threshold_the_others_and_the_plot(language: Language) -> None:
    html = municipality_html(own_page(released()), language)
    said = words_of(html)
    assert (
        'id="threshold"' in html
        and 'id="threshold-wide-title"' in html
        and 'id="threshold-narrow-title"' in html
    )
    assert {"nl": "280 minder", "en": "280 fewer"}[language] in said
    assert {"nl": "In 13 andere gemeenten", "en": "In 13 other municipalities"}[language] in said
    assert {"nl": "123 minder", "en": "123 fewer"}[language] in said
    assert SITE[:8] not in html


def test_the_page_is_the_same_bytes_each_time() -> None:
    assert municipality_html(own_page(released()), "nl") == municipality_html(own_page(released()), "nl")


def test_an_effect_of_the_handling_itself_is_told_where_it_was_released() -> None:
    ratio = released(estimand="E2", estimate=-0.4, std_error=0.1)
    said = words_of(municipality_html(own_page(released(), ratio), "en"))
    assert "a home visit instead of a letter because of the threshold: An estimated 400 fewer" in said
    assert "400 fewer" not in words_of(municipality_html(own_page(released()), "en"))


def test_two_thresholds_are_two_sections() -> None:
    html = municipality_html(own_page(released(), released(period=2, cutoff=750.0)), "en")
    assert 'id="threshold"' in html and 'id="threshold-2"' in html
    ids = re.findall(r'\bid="([^"]+)"', html)
    assert len(set(ids)) == len(ids)


def test_few_signals_a_hole_and_a_bound_of_bias_are_said() -> None:
    html = municipality_html(own_page(released(low=True, donut=True, bias_bound=0.05)), "en")
    said = words_of(html)
    assert (
        "Few signals" in said
        and "exactly the threshold's amount are not counted" in said
        and "how bent" in said
    )
    # Pools of robust effects are not shown beside an honest one.
    assert "In 13 other municipalities" not in said


def test_an_honest_effect_has_its_honest_interval() -> None:
    block = released(bias_bound=0.1)
    found = own_effect(block, 0.95)
    expected = honest_effects([-0.28], [0.08**2 + 2.0**-12 / 12], [0.1])
    assert (found.low, found.high) == pytest.approx((1000 * expected.conf_low, 1000 * expected.conf_high))


def test_where_there_is_no_answer_the_reason_stands() -> None:
    html = municipality_html(own_page(reasons=("gate-heaping",)), "en")
    assert 'id="threshold"' in html and "<svg" not in html.split('id="threshold"')[1].split("</section>")[0]
    assert 'id="threshold"' not in municipality_html(made.estimated(), "en")


def test_a_threshold_without_lines_is_told_without_a_figure() -> None:
    few = released(bins=tuple(b for b in released().bins if abs(b.distance) > 0.6))
    section = municipality_html(own_page(few), "en").split('id="threshold"')[1].split("</section>")[0]
    assert "<svg" not in section and "280 fewer" in words_of(section)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_national_page_has_pooled_rows_and_a_descriptive_curve(language: Language) -> None:
    html = national_html(all_page(), language)
    said = words_of(html)
    assert 'id="threshold-curve"' in html and {"nl": "Beschrijvend", "en": "Descriptive"}[language] in said
    assert "−123" in said and "−50" not in said.split("threshold-curve")[0]
    assert 'id="threshold-site-1"' not in html and SITE[:8] not in html
    assert {"nl": "1.000 euro", "en": "1,000 euro"}[language] in said


def test_what_is_not_publishable_is_the_statisticians() -> None:
    hidden = {
        "thresholds": (pooled(publishable=False, reasons=("pool-few-sites",), estimate=-0.777),),
        "curves": (replace(CURVE, publishable=False, reasons=("pool-dominant-site",)),),
    }
    public, whole = (national_html(all_page(sites=sites, **hidden), "en") for sites in (False, True))
    assert "777" not in words_of(public) and 'id="threshold-curve"' not in public
    assert "777" in words_of(whole) and 'id="threshold-curve"' in whole
    assert 'id="threshold-site-1"' in whole and SITE[:8] in whole


def test_a_page_of_a_study_without_thresholds_has_none() -> None:
    assert 'id="threshold"' not in national_html(made.national(), "nl")
