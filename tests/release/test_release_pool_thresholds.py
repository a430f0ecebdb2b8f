"""Pooled thresholds as they leave: on their grids, never stronger, and of enough sites."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from causalsig.crossed_pooled import CurvePoint, PooledCurve, PooledThresholdRow
from causalsig.errors import ReleaseError
from causalsig.records import PoolResult
from causalsig.release import grid
from causalsig.release.pool_document import PoolDocument, build_pool_document, pool_result

ROW = PooledThresholdRow(
    question="threshold", outcome="count_new_arrears_3m", estimand="E1", kind="count", months=3,
    below="letter", above="home_visit", score="amount", honest=False, sites=14, estimate=-0.1234,
    std_error=0.0321, conf_low=-0.1929, conf_high=-0.0539, mixture_low=-0.1949, mixture_high=-0.0519,
    p_value=0.0019, largest_bias=None, tau2=0.0023, prediction_low=-0.25, prediction_high=0.004,
    publishable=True, reasons=(),
)  # fmt: skip
HONEST = replace(
    ROW, honest=True, p_value=None, largest_bias=0.0213, prediction_low=math.nan, prediction_high=math.nan
)
CURVE = PooledCurve(
    question="threshold", outcome="count_new_arrears_3m", estimand="E1", kind="count", months=3,
    below="letter", above="home_visit", score="amount", sites=14,
    points=(
        CurvePoint(250.0, -0.17, 0.04, -0.276, -0.064),
        CurvePoint(500.0, -0.12, 0.03, -0.1995, -0.0405),
        CurvePoint(1000.0, -0.07, 0.05, -0.2025, 0.0625),
    ),
    doubling=0.05, doubling_error=0.0357,
    doubling_low=-0.02, doubling_high=0.12, p_value=0.147, publishable=True, reasons=(),
)  # fmt: skip


def pool(**changes: object) -> PoolResult:
    plain = PoolResult(
        study_digest="a" * 64, kind="all", method="REML, knapp-hartung-floored", level=0.95, sites=14,
        contrasts=(), means=(), left_out=(), demo=False, thresholds=(ROW, HONEST), curves=(CURVE,),
    )  # fmt: skip
    return replace(plain, **changes)  # type: ignore[arg-type]


def written(result: PoolResult) -> PoolDocument:
    """Write it, and read what was written."""
    text = build_pool_document(result).model_dump_json()
    return PoolDocument.model_validate_json(text)


@pytest.mark.parametrize("place", [0, 1])
def test_effects_come_back_to_half_a_step_and_never_stronger(place: int) -> None:
    found, given = pool_result(written(pool())).thresholds[place], (ROW, HONEST)[place]
    step = 2.0 ** grid.step_exponent(0.033)
    assert abs(found.estimate - given.estimate) <= step / 2
    assert given.std_error <= found.std_error <= given.std_error * 1.1
    for low, high in (("conf_low", "conf_high"), ("mixture_low", "mixture_high")):
        assert getattr(given, low) - step <= getattr(found, low) <= getattr(given, low)
        assert getattr(given, high) <= getattr(found, high) <= getattr(given, high) + step
    if place:
        assert found.p_value is None and math.isnan(found.prediction_low)
        assert found.largest_bias == 0.022
    else:
        assert found.largest_bias is None and found.p_value == 0.002


def test_a_curve_comes_back_on_its_grid() -> None:
    [found] = pool_result(written(pool())).curves
    assert [point.cutoff for point in found.points] == [250.0, 500.0, 1000.0]
    for point, given in zip(found.points, CURVE.points, strict=True):
        step = 2.0 ** grid.step_exponent(point.std_error)
        assert abs(point.estimate - given.estimate) <= step / 2
        assert point.conf_low <= given.conf_low and point.conf_high >= given.conf_high
    assert found.doubling_low <= -0.02 and found.doubling_high >= 0.12 and found.p_value == 0.147
    assert found.refusal is None and found.publishable


def test_writing_twice_changes_nothing() -> None:
    once = written(pool())
    assert build_pool_document(pool_result(once), package_version=once.package_version) == once


def test_without_a_line_a_code_says_so() -> None:
    names = ("doubling", "doubling_error", "doubling_low", "doubling_high", "p_value")
    nothing: dict[str, Any] = dict.fromkeys(names, math.nan)
    curve = replace(
        CURVE,
        points=(),
        publishable=False,
        reasons=("meta-few-cutoffs",),
        refusal="meta-few-cutoffs",
        **nothing,
    )
    [found] = pool_result(written(pool(curves=(curve,)))).curves
    assert found.points == () and found.refusal == "meta-few-cutoffs" and math.isnan(found.doubling)


def test_a_municipality_gets_the_publishable_effects_and_no_curve() -> None:
    hidden = replace(ROW, above="phone", sites=5, publishable=False, reasons=("pool-few-sites",))
    found = pool_result(written(pool(kind="others", thresholds=(replace(ROW, sites=6), hidden))))
    assert [row.above for row in found.thresholds] == ["home_visit"] and found.curves == ()


def test_the_statistician_sees_what_is_not_publishable() -> None:
    hidden = replace(ROW, sites=2, publishable=False, reasons=("pool-few-sites",))
    [found] = pool_result(written(pool(thresholds=(hidden,)))).thresholds
    assert found.sites == 2 and found.reasons == ("pool-few-sites",)


@pytest.mark.parametrize(
    "changes",
    [
        {"thresholds": (replace(ROW, sites=6),)},
        {"curves": (replace(CURVE, sites=6),)},
        {"thresholds": (replace(ROW, reasons=("pool-few-sites",)),)},
        {"thresholds": (replace(ROW, largest_bias=0.02),)},
        {"thresholds": (replace(HONEST, largest_bias=None),)},
        {"thresholds": (replace(ROW, above="letter"),)},
        {"thresholds": (replace(ROW, above="a name in free text"),)},
        {"curves": (replace(CURVE, refusal="meta-few-cutoffs"),)},
        {"curves": (replace(CURVE, points=CURVE.points[::-1]),)},
        {"curves": (replace(CURVE, points=CURVE.points[:1]),)},
    ],
)
def test_what_cannot_be_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ReleaseError) as caught:
        build_pool_document(pool(**changes))
    assert caught.value.code == "release-schema"


def test_undefined_numbers_stay_out() -> None:
    alone = replace(ROW, conf_low=math.nan, publishable=False, reasons=("pool-few-sites",), sites=1)
    document = written(pool(thresholds=(alone,)))
    assert document.thresholds[0].numbers is None
    assert math.isnan(pool_result(document).thresholds[0].estimate)
