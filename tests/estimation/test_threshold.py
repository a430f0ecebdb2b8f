"""What the estimators at a cutoff claim, and what they refuse."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from causalsig.diagnostics.threshold_gates import ThresholdSettings, threshold_gate
from causalsig.errors import EstimationError
from causalsig.estimation import ThresholdResult, collapse_scores, effect_at_cutoff, threshold_effect
from causalsig.estimation.threshold_honest import critical_value, largest_bias
from causalsig.results import Floats

ROUNDING = 1e-9  # the same numbers summed, or scaled, another way
EXACT = 1e-12


def invented(seed: int = 1, n: int = 2000, step: float = 0.0, jump: float = 0.4) -> dict[str, Floats]:
    """Amounts around 500, counts as outcome, covariates that explain some of it."""
    r = np.random.default_rng(seed)
    amount = 1000.0 * r.beta(2.0, 2.0, n)
    amount = amount if step == 0.0 else np.maximum(np.round(amount / step), 1.0) * step
    z = r.normal(size=n)
    mean = 0.8 + 0.002 * (amount - 500.0) + 0.3 * z + jump * (amount >= 500.0)
    return {"score": amount, "outcome": mean + r.normal(size=n), "z": z[:, None]}


def ends(found: ThresholdResult) -> list[float]:
    jumps = (found.conventional, found.bias_corrected, found.robust)
    return [value for jump in jumps for value in jump.to_dict().values()]


def test_a_line_a_side_is_found_exactly_and_without_bias() -> None:
    data = invented(jump=0.0)
    x = data["score"]
    found = threshold_effect(
        x, 3.0 - 0.01 * x + (x >= 500.0) * (2.0 + 0.02 * (x - 500.0)), 500.0, bandwidth=150.0
    )
    assert found.conventional.estimate == pytest.approx(2.0, abs=ROUNDING)
    assert found.robust.estimate == pytest.approx(2.0, abs=ROUNDING)


def test_a_parabola_a_side_is_found_exactly_by_the_corrected_estimate_only() -> None:
    x = invented()["score"] - 500.0
    found = threshold_effect(x, np.where(x >= 0.0, 1.0 + 0.001 * x**2, -0.002 * x**2), 0.0, bandwidth=150.0)
    assert found.robust.estimate == pytest.approx(1.0, abs=ROUNDING)
    assert abs(found.conventional.estimate - 1.0) > 0.1


def test_the_order_of_the_rows_changes_no_byte() -> None:
    data = invented(step=10.0)
    shuffled = np.random.default_rng(2).permutation(len(data["score"]))
    households = np.arange(2000) // 2
    options: dict[str, Any] = {"bandwidth": "msetwo", "variance": "cluster"}
    first = threshold_effect(
        data["score"], data["outcome"], 500, households=households, covariates=data["z"], **options
    )
    again = threshold_effect(
        data["score"][shuffled],
        data["outcome"][shuffled],
        500,
        households=households[shuffled],
        covariates=data["z"][shuffled],
        **options,
    )
    assert ends(first) == ends(again)
    assert first.bandwidths == again.bandwidths


@settings(max_examples=25, deadline=None)
@given(
    factor=st.sampled_from([0.01, 3.0, 250.0]),
    shift=st.sampled_from([-400.0, 0.0, 1234.5]),
    stretch=st.sampled_from([-2.0, 0.1, 40.0]),
    selector=st.sampled_from(["mserd", "certwo", 120.0]),
)
def test_units_do_not_matter(factor: float, shift: float, stretch: float, selector: Any) -> None:
    data = invented(step=5.0)
    plain = threshold_effect(data["score"], data["outcome"], 500.0, bandwidth=selector)
    wide = selector * factor if isinstance(selector, float) else selector
    other = threshold_effect(
        factor * data["score"] + shift,
        stretch * data["outcome"] + 7.0,
        factor * 500.0 + shift,
        bandwidth=wide,
    )
    # A score moved by rounding to the other side would be another analysis.
    assert other.n == plain.n
    assert other.bandwidths.left == pytest.approx(factor * plain.bandwidths.left, rel=1e-6)
    assert other.robust.estimate == pytest.approx(stretch * plain.robust.estimate, rel=1e-6)
    assert other.robust.std_error == pytest.approx(abs(stretch) * plain.robust.std_error, rel=1e-6)


def test_whole_scores_counted_in_place_are_the_same_as_sorted_ones() -> None:
    data = invented(step=1.0)
    counted = threshold_effect(data["score"], data["outcome"], 500.0)
    sorted_ = threshold_effect(data["score"] + 0.5, data["outcome"], 500.5)
    assert ends(counted) == pytest.approx(ends(sorted_), rel=ROUNDING)


def test_one_table_serves_every_outcome() -> None:
    data = invented(step=1.0)
    outcomes = np.column_stack([data["outcome"], data["outcome"] > 1.0])
    table = collapse_scores(data["score"], outcomes, covariates=data["z"])
    for j in range(2):
        alone = threshold_effect(data["score"], outcomes[:, j], 500.0, covariates=data["z"])
        assert ends(effect_at_cutoff(table, 500.0, outcome=j)) == pytest.approx(ends(alone), rel=ROUNDING)


def test_a_donut_is_the_analysis_without_those_scores() -> None:
    data = invented(step=1.0)
    outside = np.abs(data["score"] - 500.0) > 2.0
    left_out = threshold_effect(data["score"][outside], data["outcome"][outside], 500.0)
    assert ends(threshold_effect(data["score"], data["outcome"], 500.0, donut=2.0)) == pytest.approx(
        ends(left_out), rel=ROUNDING
    )


def test_the_log_scale_is_the_analysis_of_logarithms() -> None:
    data = invented(step=1.0)
    logs = np.log(data["score"] / 500.0)
    found = threshold_effect(data["score"], data["outcome"], 500.0, scale="log")
    assert ends(found) == pytest.approx(ends(threshold_effect(logs, data["outcome"], 0.0)), rel=ROUNDING)


def test_households_of_one_episode_cluster_as_episodes() -> None:
    data = invented()
    names = [f"h{i}" for i in range(2000)]
    one = threshold_effect(data["score"], data["outcome"], 500, households=names, variance="cluster")
    two = threshold_effect(data["score"], data["outcome"], 500, households=names, variance="cluster_across")
    assert ends(one) == ends(two)
    assert one.households == one.effective_n


def test_treatment_that_everybody_takes_up_gives_the_sharp_effect() -> None:
    data = invented()
    crossed = (data["score"] >= 500.0).astype(float)
    sharp = threshold_effect(data["score"], data["outcome"], 500.0)
    fuzzy = threshold_effect(data["score"], data["outcome"], 500.0, taken_up=crossed)
    assert ends(fuzzy) == pytest.approx(ends(sharp), rel=1e-6)
    assert fuzzy.first_stage is not None and fuzzy.first_stage.robust.estimate == pytest.approx(1.0)


def test_a_weak_first_stage_leaves_the_confidence_set_without_ends() -> None:
    data = invented()
    taken = (np.random.default_rng(3).random(2000) < 0.5).astype(float)
    found = threshold_effect(data["score"], data["outcome"], 500.0, taken_up=taken)
    assert found.first_stage is not None and found.first_stage.f_statistic < 4.0
    assert found.confidence_set is not None and not found.confidence_set.bounded


def test_the_effective_size_counts_those_with_weight() -> None:
    data = invented(step=10.0)
    near = data["score"][np.abs(data["score"] - 500.0) < 100.0]
    found = threshold_effect(data["score"], data["outcome"], 500.0, bandwidth=100.0)
    assert found.effective_n == ((near < 500.0).sum(), (near >= 500.0).sum())
    assert sum(found.n) == 2000
    assert "estimation-rounded-scores" in found.notes


def test_an_honest_interval_is_longer_the_more_curvature_is_allowed() -> None:
    data = invented(step=50.0)
    lengths = []
    for bound in (0.0, 1e-6, 1e-5, 1e-4):
        honest = threshold_effect(data["score"], data["outcome"], 500.0, curvature_bound=bound).honest
        assert honest is not None
        lengths.append(honest.conf_high - honest.conf_low)
    assert lengths == sorted(lengths) and lengths[0] < lengths[-1]


def test_the_largest_bias_of_a_line_is_that_of_a_parabola() -> None:
    """Of a local line with positive kernel weights the worst function is ``t²/2`` itself."""
    x = np.sort(np.random.default_rng(4).random(40))
    weights = np.linalg.inv(np.vander(x, 2, increasing=True).T @ np.vander(x, 2, increasing=True))
    w = (weights @ np.vander(x, 2, increasing=True).T)[0]
    assert largest_bias(x, w) == pytest.approx(abs(w @ x**2) / 2.0, rel=ROUNDING)


def test_the_largest_bias_is_reached_by_no_function_within_the_bound() -> None:
    """Weights of any sign: piecewise parabolas whose second derivative jumps between -1 and 1 stay below."""
    r = np.random.default_rng(5)
    x = np.sort(r.random(12))
    w = r.normal(size=12)
    bound, grid = largest_bias(x, w), np.linspace(0.0, 1.0, 20001)
    kernel = np.array([(w * np.maximum(x - s, 0.0)).sum() for s in grid])
    assert bound == pytest.approx(np.abs(kernel).mean(), rel=1e-3)  # a rectangle rule on a fine grid


def test_the_largest_bias_is_that_of_the_worst_mean_without_noise() -> None:
    x = (np.arange(-600.0, 600.0) % 24 - 12.0 + 0.5) / 12.0
    found = threshold_effect(x, 0.5 * np.sign(x) * x**2, 0.0, curvature_bound=1.0, bandwidth=0.6).honest
    assert found is not None
    assert abs(found.estimate) == pytest.approx(found.largest_bias, rel=ROUNDING)
    assert found.std_error == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize(("ratio", "value"), [(0.0, 1.959964), (0.5, 2.181477), (1.0, 2.646113)])
def test_critical_values_are_those_of_a_shifted_normal(ratio: float, value: float) -> None:
    from scipy.stats import ncx2

    assert critical_value(ratio, 0.95) == pytest.approx(value, abs=1e-3)
    assert critical_value(ratio, 0.95) == pytest.approx(np.sqrt(ncx2.ppf(0.95, 1, ratio**2)), rel=1e-8)


def test_three_distinct_values_a_side_are_enough_with_a_curvature_bound() -> None:
    r = np.random.default_rng(6)
    months = r.integers(1, 7, 900).astype(float)
    outcome = 0.1 * months + (months >= 4) + r.normal(size=900)
    found = threshold_effect(months, outcome, 4, curvature_bound=0.05)
    assert found.honest is not None and found.honest.conf_low < 1.0 < found.honest.conf_high
    assert found.bandwidths.method == "honest"
    with pytest.raises(EstimationError, match="estimation-bandwidth"):
        threshold_effect(months, outcome, 4)


def test_the_three_ways_are_rows_with_the_columns_every_result_has() -> None:
    data = invented()
    rows = threshold_effect(data["score"], data["outcome"], 500.0).to_dict()
    assert list(rows) == ["conventional", "bias_corrected", "robust"]
    columns = ["estimate", "std_error", "statistic", "p_value", "conf_low", "conf_high"]
    assert all(list(row) == columns for row in rows.values())


def changed(column: Floats, place: int, value: float) -> Floats:
    other = column.copy()
    other[place] = value
    return other


GOOD = invented(step=1.0)
BAD: dict[str, tuple[dict[str, Any], str, str]] = {
    "a cutoff above the scores": ({"cutoff": 2000.0}, "estimation-cutoff", "all scores below"),
    "a cutoff below the scores": ({"cutoff": -5.0}, "estimation-cutoff", "all scores above"),
    "a cutoff that is no number": ({"cutoff": np.nan}, "estimation-option", "cutoff"),
    "three distinct scores": (
        {"score": np.resize([400.0, 500.0, 600.0], 2000)},
        "estimation-few-scores",
        "at least 3 distinct",
    ),
    "a donut that leaves nothing": ({"donut": 2000.0}, "estimation-few-scores", "donut"),
    "a missing score": ({"score": changed(GOOD["score"], 7, np.nan)}, "estimation-missing", "score"),
    "a missing outcome": ({"outcome": changed(GOOD["outcome"], 7, np.nan)}, "estimation-missing", "outcome"),
    "an infinite outcome": (
        {"outcome": changed(GOOD["outcome"], 7, np.inf)},
        "estimation-magnitude",
        "outcome",
    ),
    "a shorter outcome": ({"outcome": GOOD["outcome"][:-1]}, "estimation-length", "outcome"),
    "no episodes": ({"score": [], "outcome": []}, "estimation-shape", "score"),
    "two outcomes": ({"outcome": np.ones((2000, 2))}, "estimation-shape", "outcome"),
    "an outcome that never varies": ({"outcome": np.ones(2000)}, "estimation-bandwidth", "varies"),
    "a treatment that never varies": (
        {"taken_up": np.ones(2000), "bandwidth": 100.0},
        "estimation-first-stage",
        "jumps",
    ),
    "clusters without households": ({"variance": "cluster"}, "estimation-option", "households"),
    "an unknown kernel": ({"kernel": "gaussian"}, "estimation-option", "kernel"),
    "an unknown selector": ({"bandwidth": "ik"}, "estimation-option", "bandwidth"),
    "a bandwidth of nothing": ({"bandwidth": 0.0}, "estimation-option", "bandwidth"),
    "three bandwidths": ({"bandwidth": (1.0, 2.0, 3.0)}, "estimation-option", "bandwidth"),
    "a bandwidth with two scores in it": ({"bandwidth": 2.0}, "estimation-few-scores", "bandwidth"),
    "a cubic": ({"degree": 3}, "estimation-option", "degree"),
    "a level of 95": ({"level": 95}, "estimation-option", "level"),
    "a negative donut": ({"donut": -1.0}, "estimation-option", "donut"),
    "logarithms of nothing": (
        {"score": changed(GOOD["score"], 7, 0.0), "scale": "log"},
        "estimation-cutoff",
        "log scale",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_gets_an_error_that_names_it(case: str) -> None:
    options, code, words = BAD[case]
    given_ = {"score": GOOD["score"], "outcome": GOOD["outcome"], "cutoff": 500.0} | options
    with pytest.raises(EstimationError, match=words) as raised:
        threshold_effect(**given_)
    assert raised.value.code == code


def test_an_unknown_option_of_a_table_is_named() -> None:
    table = collapse_scores(GOOD["score"], GOOD["outcome"])
    with pytest.raises(EstimationError, match="bandwith"):
        effect_at_cutoff(table, 500.0, bandwith=10.0)


def test_results_are_frozen() -> None:
    found = threshold_effect(GOOD["score"], GOOD["outcome"], 500.0)
    with pytest.raises(AttributeError):
        found.cutoff = 1.0  # type: ignore[misc]
    assert replace(found, cutoff=1.0).cutoff == 1.0


@pytest.mark.parametrize("kernel", ["triangular", "epanechnikov", "uniform"])
@pytest.mark.parametrize(("side", "degree"), [(3, 1), (4, 1), (4, 2), (5, 2), (6, 1), (7, 2)])
def test_few_distinct_scores_keep_their_honest_interval(side: int, degree: int, kernel: str) -> None:
    r = np.random.default_rng(side)
    x = (r.integers(-side, side, 3000) + 0.5) / side
    y = 0.5 * np.sign(x) * x**2 + 0.4 * (x >= 0.0) + 0.5 * r.normal(size=3000)
    found = threshold_effect(x, y, 0.0, curvature_bound=1.0, degree=degree, kernel=kernel)
    assert found.honest is not None and found.distinct == (side, side)
    inside = np.abs(x) <= found.honest.bandwidth
    assert found.honest.effective_n == (np.sum(inside & (x < 0)), np.sum(inside & (x >= 0)))
    jump = found.robust
    assert np.isfinite([jump.estimate, jump.std_error]).all() and jump.std_error > 0.0
    assert found.bandwidths.bias_left >= found.bandwidths.left > 0.0
    options = {"curvature_bound": 1.0, "degree": degree, "kernel": kernel}
    gate = threshold_gate(collapse_scores(x, y), 0.0, settings=ThresholdSettings(donut=0.01), **options)
    assert gate.admitted
    assert {v.code: v.value for v in gate.verdicts}["gate-threshold-size"] == min(found.honest.effective_n)
