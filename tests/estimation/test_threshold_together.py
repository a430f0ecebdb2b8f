"""Many effects at once are those of one call each, whatever else is in the batch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from causalsig.errors import EstimationError
from causalsig.estimation import (
    ScoreTable,
    ThresholdResult,
    collapse_scores,
    effect_at_cutoff,
    effects_at_cutoffs,
)
from causalsig.estimation.threshold_table import restrict_scores

CUTOFF = 500.0
SAME = 1e-9  # of a standard error: two ways to sum the same numbers
EVERYWHERE = (-np.inf, np.inf)


def table_of(seed: int, step: float, *, n: int = 2000, fuzzy: bool = False, p: int = 0) -> ScoreTable:
    r = np.random.default_rng(seed)
    x = np.exp(r.normal(6.0, 1.0, n)).clip(10.0, 8000.0)
    x = np.rint(x / step) * step if step else x
    taken_up = (r.random(n) < np.where(x >= CUTOFF, 0.8, 0.3)).astype(float) if fuzzy else None
    return collapse_scores(
        x,
        r.poisson(0.8, n) + x / 2000.0,
        taken_up=taken_up,
        households=r.integers(0, n // 2, n),
        covariates=r.normal(size=(n, p)) if p else None,
    )


def analyses(scale: str) -> list[dict[str, Any]]:
    """Other bandwidths, donuts and cutoffs; windows of a handful of scores, and of everything."""
    h = 120.0 if scale == "linear" else 0.3
    asked: list[dict[str, Any]] = [{"bandwidth": (f * h, 1.5 * f * h)} for f in (0.4, 1.0, 2.0, 90.0)]
    asked += [{"bandwidth": (h, 0.6 * h)}]
    asked += [{"bandwidth": name} for name in ("mserd", "msetwo", "cerrd", "certwo")]
    asked += [{"donut": d} for d in (1.0, 10.0, 40.0)]
    asked += [{"cutoff": c} for c in (250.0, 333.3, 800.0)]
    asked += [{"cutoff": 330.0, "within": (-np.inf, CUTOFF)}, {"cutoff": 700.0, "within": (CUTOFF, np.inf)}]
    return [{"cutoff": CUTOFF, **own} for own in asked]


def alone(table: ScoreTable, asked: Mapping[str, Any], **options: Any) -> ThresholdResult | EstimationError:
    """Estimate by itself, from a table of the scores that take part."""
    own = {**options, **asked}
    part = restrict_scores(table, *own.pop("within", EVERYWHERE))
    try:
        return effect_at_cutoff(part, own.pop("cutoff"), **own)
    except EstimationError as error:
        return error


def compare(found: ThresholdResult | EstimationError, expected: ThresholdResult | EstimationError) -> None:
    if isinstance(expected, EstimationError):
        assert isinstance(found, EstimationError)
        assert (found.code, str(found)) == (expected.code, str(expected))
        return
    assert isinstance(found, ThresholdResult)
    pairs = [(found, expected), (found.first_stage, expected.first_stage)]
    for mine, theirs in [*pairs, (found.reduced_form, expected.reduced_form)]:
        assert (mine is None) == (theirs is None)
        for name in ("conventional", "bias_corrected", "robust") if theirs is not None else ():
            one, other = getattr(mine, name), getattr(theirs, name)
            assert other.std_error > 0.0
            assert abs(one.estimate - other.estimate) <= SAME * other.std_error
            assert one.std_error == pytest.approx(other.std_error, rel=SAME)
    for name in ("n", "effective_n", "households", "distinct", "notes", "cutoff", "donut"):
        assert getattr(found, name) == getattr(expected, name)
    for name in ("left", "right", "bias_left", "bias_right"):
        assert getattr(found.bandwidths, name) == pytest.approx(getattr(expected.bandwidths, name), rel=1e-8)
    assert found.bandwidths.method == expected.bandwidths.method


@pytest.mark.parametrize("scale", ["linear", "log"])
@pytest.mark.parametrize("step", [0.0, 1.0, 10.0])
@pytest.mark.parametrize(
    ("data", "options"),
    [
        ({}, {}),
        ({}, {"kernel": "epanechnikov", "degree": 2}),
        ({}, {"kernel": "uniform"}),
        ({}, {"variance": "cluster"}),
        ({"fuzzy": True}, {}),
        ({"fuzzy": True}, {"variance": "cluster_across", "kernel": "epanechnikov"}),
        ({"p": 2}, {}),
        ({"p": 2, "fuzzy": True}, {"variance": "cluster"}),
    ],
)
def test_together_is_as_alone(data: dict[str, Any], options: dict[str, Any], step: float, scale: str) -> None:
    table = table_of(11, step, **data)
    asked = analyses(scale)
    together = effects_at_cutoffs(table, asked, scale=scale, **options)
    assert sum(isinstance(one, ThresholdResult) for one in together) >= len(asked) - 2
    for own, found in zip(asked, together, strict=True):
        compare(found, alone(table, own, scale=scale, **options))


def test_recipes_may_differ_within_a_batch() -> None:
    table = table_of(5, 1.0, fuzzy=True)
    recipes: list[dict[str, Any]] = [
        {"kernel": "uniform"},
        {"degree": 2},
        {"scale": "log", "donut": 5.0},
        {"variance": "cluster"},
        {"level": 0.9, "curvature_bound": 1e-5},
        {"kernel": "uniform", "cutoff": 400.0},
    ]
    asked = [{"cutoff": CUTOFF, **own} for own in recipes]
    together = effects_at_cutoffs(table, asked)
    for own, found in zip(asked, together, strict=True):
        compare(found, alone(table, own))
    bounded = together[4]
    assert isinstance(bounded, ThresholdResult) and bounded.honest is not None and bounded.level == 0.9


def test_what_is_refused_leaves_the_others_as_they_are() -> None:
    table = table_of(3, 10.0)
    good = {"cutoff": CUTOFF, "bandwidth": (120.0, 180.0)}
    bad: list[dict[str, Any]] = [
        {"cutoff": 9000.0},
        {"cutoff": CUTOFF, "bandwidth": (15.0, 180.0)},
        {"cutoff": CUTOFF, "within": (480.0, np.inf)},
        {"cutoff": 600.0, "within": (600.0, 900.0)},
        {"cutoff": 600.0, "within": (605.0, 606.0)},
    ]
    together = effects_at_cutoffs(table, [bad[0], good, *bad[1:], {"cutoff": CUTOFF}])
    codes = [one.code for one in together if isinstance(one, EstimationError)]
    assert codes == [
        "estimation-cutoff",
        "estimation-few-scores",
        "estimation-few-scores",
        "estimation-cutoff",
        "estimation-cutoff",
    ]
    compare(together[1], alone(table, good))
    compare(together[-1], alone(table, {"cutoff": CUTOFF}))


def test_an_outcome_that_does_not_vary_is_refused_in_the_middle_of_a_batch() -> None:
    r = np.random.default_rng(1)
    x = np.rint(np.exp(r.normal(6.0, 1.0, 3000)))
    table = collapse_scores(x, np.where(x < 300.0, 1.0, r.poisson(0.8, 3000)))
    asked: list[dict[str, Any]] = [
        {"cutoff": 600.0},
        {"cutoff": 200.0, "within": (0.0, 300.0)},
        {"cutoff": 700.0},
    ]
    together = effects_at_cutoffs(table, asked)
    assert isinstance(together[1], EstimationError) and together[1].code == "estimation-bandwidth"
    for place in (0, 2):
        compare(together[place], alone(table, asked[place]))


def test_scores_without_a_logarithm_may_stay_outside() -> None:
    r = np.random.default_rng(2)
    x = np.rint(r.normal(300.0, 200.0, 3000))
    table = collapse_scores(x, r.normal(size=3000))
    asked = {"cutoff": 300.0, "within": (1.0, np.inf)}
    assert x.min() < 0.0
    whole, part = effects_at_cutoffs(table, [{"cutoff": 300.0}, asked], scale="log")
    assert isinstance(whole, EstimationError) and whole.code == "estimation-cutoff"
    compare(part, alone(table, asked, scale="log"))


def test_covariates_that_follow_the_polynomial_have_no_slope() -> None:
    """Three scores a side: the parabola takes them all, and rounding alone would be left to adjust by."""
    r = np.random.default_rng(4)
    x = np.repeat([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 40)
    y = r.normal(size=240)
    z = np.column_stack([3.0 * x + 7.0, 0.1 * x])
    plain = effect_at_cutoff(collapse_scores(x, y), 4.0, bandwidth=(5.0, 5.0))
    found = effect_at_cutoff(collapse_scores(x, y, covariates=z), 4.0, bandwidth=(5.0, 5.0))
    compare(found, plain)


def test_a_wrong_option_is_an_error_of_the_whole_call() -> None:
    asked = [{"cutoff": CUTOFF}, {"cutoff": CUTOFF, "degree": 7}]
    with pytest.raises(EstimationError, match="estimation-option"):
        effects_at_cutoffs(table_of(3, 10.0), asked)


def test_nothing_asked_is_nothing_found() -> None:
    assert effects_at_cutoffs(table_of(3, 10.0), []) == ()
