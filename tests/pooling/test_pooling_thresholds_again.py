"""A site's number from its own table of bins: the same, at other choices too, and noticed where it is not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from causalsig.crossed import ReleasedBin, ReleasedThreshold
from causalsig.errors import PoolError
from causalsig.estimation import collapse_scores, effect_at_cutoff, fill_bins
from causalsig.estimation.threshold_results import ThresholdResult
from causalsig.pooling.thresholds_again import DONUTS, FACTORS, estimate_again, noise_of

CUTOFF = 500.0
H, B = 0.6, 0.9
EPISODES = 8000
# Bins of ten households or so against every euro.
BINNED = 0.25


def drawn(handled: bool = False, **fit: Any) -> tuple[ThresholdResult, ReleasedThreshold]:
    """Give an invented municipality's own result, and what it releases of it."""
    rng = np.random.default_rng(31)
    amount = np.rint(np.exp(rng.normal(np.log(550), 0.8, EPISODES))).clip(20, 9000)
    above = amount >= CUTOFF
    visited = rng.random(EPISODES) < np.where(above, 0.9, 0.1) if handled else above
    signals = rng.poisson(0.8 * np.exp(0.2 * np.log(amount / CUTOFF)) - 0.25 * visited)
    taken = visited.astype(float) if handled else None
    table = collapse_scores(np.log(amount / CUTOFF), signals, taken_up=taken)
    own = effect_at_cutoff(table, 0.0, bandwidth=(H, B), **fit)
    bins = fill_bins(table, 0.0, smallest=20)
    jumps = own.reduced_form or own
    n = bins.moments.counts
    mean = bins.moments.sums / n[:, None]
    second = bins.moments.products / n[:, None, None] - mean[:, :, None] * mean[:, None, :]
    released = ReleasedThreshold(
        site="0" * 64, question="threshold", outcome="count_new_arrears_3m", estimand="E1", kind="count",
        months=3, below="letter", above="home_visit", score="amount", scale="log", cutoff=CUTOFF, period=1,
        estimate=jumps.robust.estimate, std_error=jumps.robust.std_error, bias_bound=None, steps=2.0**-6,
        bandwidths=(H, H, B, B), admitted=True, low=False, donut=False, primary=True,
        bins=tuple(
            ReleasedBin(
                5 * round(n[k] / 5), float(bins.score[k]), float(mean[k, 0]), float(second[k, 0, 0]),
                float(mean[k, 1]) if handled else None, float(second[k, 0, 1]) if handled else None,
            )
            for k in range(len(n))
        ), **fit,
    )  # fmt: skip
    return own, released


def test_the_table_gives_the_sites_number() -> None:
    own, block = drawn()
    found = estimate_again(block)
    assert found.agrees and found.away is not None and found.away < BINNED
    assert found.rows[0].kind == "table"
    assert found.rows[0].std_error == pytest.approx(own.robust.std_error, rel=0.1)


@pytest.mark.parametrize("degree", [1, 2])
@pytest.mark.parametrize("kernel", ["triangular", "epanechnikov", "uniform"])
def test_the_table_is_fitted_as_the_site_fitted(kernel: str, degree: int) -> None:
    own, block = drawn(kernel=kernel, degree=degree)
    found = estimate_again(block, factors=(), donuts=())
    assert found.agrees and found.away is not None and found.away < BINNED
    assert found.rows[0].std_error == pytest.approx(own.robust.std_error, rel=0.1)


def test_what_bins_may_move_grows_with_degree_and_with_an_abrupt_kernel() -> None:
    plain = noise_of("triangular", 1, 40, 40)
    assert plain == noise_of("epanechnikov", 1, 40, 40) < noise_of("triangular", 2, 40, 40)
    assert plain < noise_of("uniform", 1, 40, 40) < noise_of("uniform", 1, 10, 40)


def test_other_choices_are_those_the_site_would_have_made() -> None:
    _, block = drawn()
    found = estimate_again(block, donuts=())
    kinds = [row.kind for row in found.rows]
    assert kinds == ["table", *["bandwidth"] * len(FACTORS), "placebo below", "placebo above"]
    placebo = [row for row in found.rows if row.kind.startswith("placebo")]
    assert placebo[0].value < 0.0 < placebo[1].value
    for row in placebo:
        assert row.conf_low is not None and row.conf_high is not None and row.conf_low < 0.0 < row.conf_high
    widths = [row.std_error for row in found.rows[1:5]]
    assert widths == sorted(widths, key=lambda error: -(error or 0.0))


def test_a_hole_at_the_cutoff_leaves_out_the_bins_there() -> None:
    _, block = drawn()
    found = estimate_again(block, factors=())
    holes = [row for row in found.rows if row.kind == "donut"]
    assert [row.value for row in holes] == list(DONUTS)
    errors = [row.std_error for row in holes]
    assert errors == sorted(errors, key=lambda error: error or 0.0)


def test_the_effect_of_the_handling_is_the_ratio() -> None:
    own, block = drawn(handled=True)
    assert own.reduced_form is not None
    crossing = estimate_again(block)
    ratio = estimate_again(
        replace(block, estimand="E2", estimate=own.robust.estimate, std_error=own.robust.std_error)
    )
    assert crossing.agrees and ratio.agrees
    assert crossing.rows[0].estimate is not None and ratio.rows[0].estimate is not None
    assert abs(ratio.rows[0].estimate) > abs(crossing.rows[0].estimate)


def test_a_number_that_its_table_does_not_give_is_noticed() -> None:
    own, block = drawn()
    false = replace(block, estimate=block.estimate + own.robust.std_error)
    found = estimate_again(false)
    assert found.agrees is False and found.away is not None and found.allowed is not None
    assert found.away > found.allowed


def test_where_a_choice_leaves_too_little_a_code_says_so() -> None:
    _, block = drawn()
    found = estimate_again(replace(block, bandwidths=(H, H, B, B)), donuts=(50.0,))
    [hole] = [row for row in found.rows if row.kind == "donut"]
    assert hole.estimate is None and hole.reason == "estimation-few-scores"


def test_without_bins_it_is_refused() -> None:
    _, block = drawn()
    for without in (replace(block, bins=(), primary=False), replace(block, estimand="E2")):
        with pytest.raises(PoolError) as caught:
            estimate_again(without)
        assert caught.value.code == "pool-no-bins"
