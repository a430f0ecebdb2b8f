"""A cutoff outside the data, an empty side, three distinct scores, NaN: each is named."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from causalsig.diagnostics.threshold_gates import threshold_gate
from causalsig.errors import EstimationError
from causalsig.estimation import (
    bounded_continuation,
    collapse_scores,
    density_test,
    effect_at_cutoff,
    fill_bins,
    local_randomisation,
    threshold_effect,
)
from causalsig.results import Floats

R = np.random.default_rng(17)
SCORE = np.round(1000.0 * R.beta(2.0, 2.0, 600))
OUTCOME = R.normal(size=600)
Function = Callable[[Any, Any, float], Any]

FUNCTIONS: dict[str, Function] = {
    "threshold_effect": threshold_effect,
    "threshold_effect, honest": lambda x, y, c: threshold_effect(x, y, c, curvature_bound=1e-5),
    "threshold_effect, log": lambda x, y, c: threshold_effect(x, y, c, scale="log"),
    "effect_at_cutoff": lambda x, y, c: effect_at_cutoff(collapse_scores(x, y), c),
    "density_test": lambda x, _, c: density_test(x, c),
    "local_randomisation": lambda x, y, c: local_randomisation(x, y, c, window=200.0),
    "threshold_gate": lambda x, y, c: threshold_gate(collapse_scores(x, y), c),
    "fill_bins": lambda x, y, c: fill_bins(collapse_scores(x, y), c),
    "bounded_continuation": lambda x, y, c: bounded_continuation(
        collapse_scores(x, y), c, c + 10.0, curvature_bound=1e-5
    ),
}
SIDES = {"estimation-cutoff", "estimation-few-scores"}


def refused(function: str, x: Floats, y: Floats, cutoff: float) -> EstimationError:
    with pytest.raises(EstimationError) as raised:
        FUNCTIONS[function](x, y, cutoff)
    return raised.value


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("cutoff", [2000.0, float(SCORE.min())], ids=["outside", "one side empty"])
def test_a_cutoff_without_scores_on_both_sides_is_named(function: str, cutoff: float) -> None:
    error = refused(function, SCORE, OUTCOME, cutoff)
    assert error.code in SIDES and error.where in ("cutoff", "score", "window")


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_cutoff_that_is_no_number_is_named(function: str) -> None:
    assert refused(function, SCORE, OUTCOME, float("nan")).where == "cutoff"


@pytest.mark.parametrize("function", [name for name in FUNCTIONS if name != "local_randomisation"])
def test_three_distinct_scores_are_named_or_a_verdict(function: str) -> None:
    x = np.resize([400.0, 500.0, 600.0], 600)
    if function == "threshold_gate":
        gate = FUNCTIONS[function](x, OUTCOME, 500.0)
        assert not gate.admitted
        assert "gate-threshold-values" in [verdict.code for verdict in gate.verdicts if not verdict.passed]
    elif function == "fill_bins":
        assert FUNCTIONS[function](x, OUTCOME, 500.0).left == 1  # three scores are bins enough to be shown
    else:
        error = refused(function, x, OUTCOME, 500.0)
        assert (error.code, error.where) == ("estimation-few-scores", "score")


def test_three_distinct_scores_are_enough_to_compare_means() -> None:
    x = np.resize([400.0, 500.0, 600.0], 600)
    assert local_randomisation(x, OUTCOME, 500.0, window=100.0).distinct == (1, 2)


def holed(column: Any) -> Any:
    other = np.array(column, dtype=np.float64)
    other[7] = np.nan
    return other


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("where", ["score", "outcome"])
def test_a_missing_number_is_named(function: str, where: str) -> None:
    if (function, where) == ("density_test", "outcome"):
        density_test(SCORE, 500.0)  # asks for no outcome
        return
    x, y = (holed(SCORE), OUTCOME) if where == "score" else (SCORE, holed(OUTCOME))
    error = refused(function, x, y, 500.0)
    assert (error.code, error.where) == ("estimation-missing", where)


@pytest.mark.parametrize("where", ["taken_up", "covariates", "households"])
def test_a_missing_fact_beside_them_is_named(where: str) -> None:
    column = holed(np.ones(600))
    given: dict[str, Any] = {where: column[:, None] if where == "covariates" else column}
    with pytest.raises(EstimationError) as raised:
        threshold_effect(SCORE, OUTCOME, 500.0, **given)
    assert (raised.value.code, raised.value.where) == ("estimation-missing", where)


@pytest.mark.parametrize(
    ("changed", "where", "said"),
    [
        ({"outcome": OUTCOME[:-1]}, "outcome", "599"),
        ({"households": np.arange(599)}, "households", "599"),
        ({"households": np.arange(599).astype(str)}, "households", "599"),
        ({"cutoff": float("nan")}, "cutoff", "NaN"),
        ({"curvature_bound": float("inf")}, "curvature_bound", "infinity"),
        ({"bandwidth": -3.0}, "bandwidth", "a negative number"),
        ({"bandwidth": 0}, "bandwidth", "zero"),
        ({"cutoff": "high"}, "cutoff", "text"),
        ({"cutoff": [400.0, 500.0]}, "cutoff", "several values"),
        ({"donut": None}, "donut", "None"),
    ],
)
def test_what_was_given_instead_is_said(changed: dict[str, Any], where: str, said: str) -> None:
    with pytest.raises(EstimationError) as raised:
        threshold_effect(**({"score": SCORE, "outcome": OUTCOME, "cutoff": 500.0} | changed))
    assert raised.value.where == where and said in str(raised.value)
    assert "treatment" not in str(raised.value)  # there is none here


@pytest.mark.parametrize("variance", ["cluster", "cluster_across"])
@pytest.mark.parametrize("bandwidth", ["mserd", 200.0])
@pytest.mark.parametrize("below", [True, False], ids=["one below", "one in all"])
def test_one_household_on_a_side_is_named(variance: str, bandwidth: Any, below: bool) -> None:
    households = np.where(SCORE < 500.0, 0, np.arange(600) if below else 0)
    with pytest.raises(EstimationError) as raised:
        threshold_effect(SCORE, OUTCOME, 500.0, households=households, variance=variance, bandwidth=bandwidth)
    assert (raised.value.code, raised.value.where) == ("estimation-one-household", "households")


def test_an_outcome_far_from_zero_is_refused_before_its_squares_lose_their_digits() -> None:
    plain = threshold_effect(SCORE, OUTCOME, 500.0).robust
    moved = threshold_effect(SCORE, OUTCOME + 9e3, 500.0).robust
    assert moved.estimate == pytest.approx(plain.estimate, rel=1e-6)
    assert moved.std_error == pytest.approx(plain.std_error, rel=1e-6)
    for beside in ({"outcome": OUTCOME + 1e8}, {"covariates": (OUTCOME + 1e8)[:, None]}):
        with pytest.raises(EstimationError) as raised:
            threshold_effect(**({"score": SCORE, "outcome": OUTCOME, "cutoff": 500.0} | beside))
        assert raised.value.code == "estimation-magnitude"


@pytest.mark.parametrize("function", [name for name in FUNCTIONS if name != "bounded_continuation"])
def test_a_cutoff_as_text_is_no_number(function: str) -> None:
    found = refused(function, SCORE, OUTCOME, "500")  # type: ignore[arg-type]
    assert (found.where, found.found) == ("cutoff", "text")


def test_a_bandwidth_that_is_too_narrow_is_told_one_that_does() -> None:
    with pytest.raises(EstimationError) as caught:
        threshold_effect(SCORE, OUTCOME, 500.0, bandwidth=0.5)
    assert caught.value.where == "bandwidth"
    enough = float(re.findall(r"bandwidth of ([0-9.e+-]+) or more", caught.value.mend)[0])
    assert enough > 0.5
    assert (
        threshold_effect(SCORE, OUTCOME, 500.0, bandwidth=(enough, 10.0 * enough)).bandwidths.left == enough
    )


def test_more_covariates_than_the_episodes_bear_are_refused_with_how_many_they_do() -> None:
    many = R.normal(size=(len(SCORE), 40))
    with pytest.raises(EstimationError, match="estimation-many-covariates") as caught:
        threshold_effect(SCORE, OUTCOME, 500.0, covariates=many)
    assert caught.value.found == "40"
    copies = np.repeat(many[:, :1], 40, axis=1)
    alone = threshold_effect(SCORE, OUTCOME, 500.0, covariates=many[:, :1])
    together = threshold_effect(SCORE, OUTCOME, 500.0, covariates=copies)
    assert together.robust.estimate == pytest.approx(alone.robust.estimate, rel=1e-6)


def test_what_a_reader_must_know_is_noted() -> None:
    homes = np.arange(len(SCORE)) // 2
    taken = (R.random(len(SCORE)) < 0.5).astype(float)
    weak = threshold_effect(SCORE, OUTCOME, 500.0, taken_up=taken, households=homes, bandwidth=300.0)
    assert {"estimation-instrument-weak", "estimation-households-unused"} <= set(weak.notes)
    few = threshold_effect(SCORE, OUTCOME, 500.0, households=np.arange(len(SCORE)) % 15, variance="cluster")
    assert "estimation-few-clusters" in few.notes
    well = threshold_effect(SCORE, OUTCOME, 503.0, households=homes, variance="cluster")
    assert set(well.notes) <= {"estimation-rounded-scores"}


def test_a_round_cutoff_whose_own_score_takes_part_is_noted() -> None:
    noted = {
        (cutoff, donut): "estimation-round-cutoff"
        in threshold_effect(SCORE, OUTCOME, cutoff, donut=donut).notes
        for cutoff in (500.0, 503.0)
        for donut in (0.0, 0.5)
    }
    assert noted == {(500.0, 0.0): True, (500.0, 0.5): False, (503.0, 0.0): False, (503.0, 0.5): False}
    r = np.random.default_rng(3)
    fine = threshold_effect(500.0 + 100.0 * r.normal(size=600), OUTCOME, 500.0)
    assert "estimation-round-cutoff" not in fine.notes  # such scores are rounded to nothing


def test_the_three_ways_are_a_table() -> None:
    found = threshold_effect(SCORE, OUTCOME, 500.0)
    table = found.to_frame()
    assert list(table.index) == ["conventional", "bias_corrected", "robust"]
    assert list(table.columns) == ["estimate", "std_error", "statistic", "p_value", "conf_low", "conf_high"]
    assert table.loc["robust", "conf_high"] == found.robust.conf_high


@pytest.mark.parametrize(
    ("changed", "where", "said"),
    [
        ({"window": -1.0}, "window", "a negative number"),
        ({"permutations": 0}, "permutations", "at least 1"),
        ({"permutations": True}, "permutations", "a whole number"),
        ({"seed": 1.5}, "seed", "a whole number"),
        ({"level": 1.0}, "level", "between 0 and 1"),
        ({"cutoff": "high"}, "cutoff", "text"),
    ],
)
def test_a_lot_says_what_was_given_instead(changed: dict[str, Any], where: str, said: str) -> None:
    asked = {"cutoff": 500.0, "window": 100.0} | changed
    with pytest.raises(EstimationError) as raised:
        local_randomisation(SCORE, OUTCOME, asked.pop("cutoff"), **asked)
    assert raised.value.where == where and said in str(raised.value)


def test_an_unknown_selector_is_told_with_those_there_are() -> None:
    with pytest.raises(EstimationError) as raised:
        threshold_effect(SCORE, OUTCOME, 500.0, bandwidth="ik")
    assert "mserd" in raised.value.expected and raised.value.found == "'ik'"


@pytest.mark.parametrize(
    ("where", "mend"), [("score", "Leave"), ("outcome", "Leave"), ("covariates", "column")]
)
def test_what_to_do_about_a_missing_number_fits_what_is_missing(where: str, mend: str) -> None:
    given: dict[str, Any] = {"score": SCORE, "outcome": OUTCOME, "covariates": np.ones((600, 1)) * R.random()}
    given[where] = holed(given[where].ravel()).reshape(given[where].shape)
    with pytest.raises(EstimationError) as raised:
        threshold_effect(**given, cutoff=500.0)
    assert mend in raised.value.mend
