"""Bins filled outward from a cutoff hold enough households, straddle nothing, and give the estimate back."""

from __future__ import annotations

import numpy as np
import pytest

from causalsig.errors import EstimationError
from causalsig.estimation import collapse_scores, effect_at_cutoff
from causalsig.estimation.threshold_bins import fill_bins
from causalsig.results import Floats

CLOSE = 0.1  # standard errors: what the issue asks of 20,000 episodes


def site(seed: int, n: int) -> tuple[Floats, Floats]:
    r = np.random.default_rng(seed)
    amount = np.maximum(np.round(r.gamma(2.0, 300.0, n)), 1.0)
    mean = 0.8 + 0.3 * np.log(amount / 500.0) - 0.2 * (amount >= 500.0)
    return amount, r.poisson(np.maximum(mean, 0.05)).astype(float)


def test_no_bin_is_small_straddles_the_cutoff_or_has_one_outcome_for_all() -> None:
    amount, outcome = site(1, 3000)
    households = np.random.default_rng(2).integers(0, 1200, 3000)
    bins = fill_bins(collapse_scores(amount, outcome, households=households), 500.0)
    assert bins.high[bins.left - 1] < 500.0 <= bins.low[bins.left]
    assert (bins.high[:-1] < bins.low[1:]).all()
    assert bins.moments.counts.sum() == 3000
    for low, high, counted in zip(bins.low, bins.high, bins.households, strict=True):
        inside = (amount >= low) & (amount <= high)
        assert counted == len(np.unique(households[inside])) >= 10
        assert len(np.unique(outcome[inside])) > 1


def test_bins_next_to_the_cutoff_are_closed_as_soon_as_they_may() -> None:
    amount, outcome = site(3, 3000)
    bins = fill_bins(collapse_scores(amount, outcome), 500.0)
    for place, inner in ((bins.left, bins.high[bins.left] - 1.0), (bins.left - 1, bins.low[bins.left - 1])):
        assert bins.households[place] >= 10
        if place == bins.left:
            assert ((amount >= 500.0) & (amount <= inner)).sum() < 10
        else:
            assert ((amount < 500.0) & (amount > inner)).sum() < 10


@pytest.mark.parametrize("scale", ["linear", "log"])
def test_the_estimate_from_the_bins_is_close_to_that_from_all(scale: str) -> None:
    amount, outcome = site(4, 20_000)
    table = collapse_scores(amount, outcome)
    plain = effect_at_cutoff(table, 500.0, scale=scale)
    h = (plain.bandwidths.left, plain.bandwidths.bias_left)
    again = effect_at_cutoff(fill_bins(table, 500.0).table, 500.0, scale=scale, bandwidth=h)
    assert abs(again.robust.estimate - plain.robust.estimate) < CLOSE * plain.robust.std_error
    assert again.robust.std_error == pytest.approx(plain.robust.std_error, rel=0.1)


def test_a_side_that_fills_no_bin_is_refused() -> None:
    score = np.concatenate([np.arange(9.0), np.full(100, 20.0)])
    with pytest.raises(EstimationError, match="one bin of 10"):
        fill_bins(collapse_scores(score, np.arange(109.0)), 15.0)


def test_outcomes_that_never_vary_fill_no_bin() -> None:
    score = np.arange(200.0)
    with pytest.raises(EstimationError, match="estimation-few-scores"):
        fill_bins(collapse_scores(score, np.ones(200)), 100.0)
