"""Whether a site's number is its table's: no honest site is accused, and who is one error off is found."""

from __future__ import annotations

from dataclasses import replace

import pytest
from causalsig_cli._thresholds import judged

from causalsig.pooling.thresholds_again import FEWEST_BINS, bins_within, estimate_again
from evidence.claims._threshold_check import checked, released

FEW, MIDDLE, MANY = 2_000, 8_000, 20_000
SITES = 20


@pytest.mark.parametrize("episodes", [FEW, MIDDLE])
def test_no_honest_site_is_accused(episodes: int) -> None:
    found = [checked(episodes, seed) for seed in range(100, 100 + SITES)]
    assert not any(one["accused, crossing"] or one["accused, handling"] for one in found)
    assert any(one["can be checked"] for one in found) is (episodes == MIDDLE)


def test_a_site_that_is_one_standard_error_off_is_found() -> None:
    assert all(checked(MANY, seed)["one error off, found"] for seed in range(100, 106))


def test_what_is_printed_says_how_far_and_how_far_is_allowed() -> None:
    crossing, _ = released(MANY, 1)
    own = estimate_again(crossing, factors=(), donuts=())
    off = replace(crossing, estimate=crossing.estimate + crossing.std_error)
    assert judged(own).startswith("agrees: ")
    assert judged(own).endswith(f"up to {own.allowed:.2f} is allowed")
    assert judged(estimate_again(off, factors=(), donuts=())).startswith("DOES NOT AGREE: ")


def test_few_bins_say_that_they_cannot_tell_however_wrong_the_number() -> None:
    crossing, _ = released(FEW, 1)
    assert 0 < min(bins_within(crossing)) < FEWEST_BINS
    wrong = estimate_again(replace(crossing, estimate=crossing.estimate + 3.0 * crossing.std_error))
    assert judged(wrong).startswith("cannot be checked from so few bins: ")
    assert wrong.agrees is None and wrong.allowed is None and wrong.away is not None and wrong.away > 1.0


def test_what_is_allowed_shrinks_with_bins_and_never_below_half_a_step() -> None:
    blocks = [released(episodes, 2)[0] for episodes in (MIDDLE, MANY)]
    allowed = [estimate_again(block, factors=(), donuts=()).allowed for block in blocks]
    assert allowed[0] is not None and allowed[1] is not None
    half = [block.steps / (2.0 * block.std_error) for block in blocks]
    assert allowed[0] - half[0] > 1.5 * (allowed[1] - half[1]) > 0.0
    assert allowed[1] < 0.5
