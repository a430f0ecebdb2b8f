"""Thresholds over sites: like is pooled with like, biases do not average out, and a curve is nobody's."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from causalsig.crossed import ReleasedBin, ReleasedThreshold
from causalsig.errors import PoolError
from causalsig.meta import honest_effects, random_effects
from causalsig.pooling.pool import DOMINANT_SITE, FEW_SITES
from causalsig.pooling.threshold_weights import bins_of_cutoffs, network_variances
from causalsig.pooling.thresholds import (
    GATE,
    SITES_BEYOND,
    last_wave_of_each,
    thresholds_of_sites,
)
from causalsig.records import PoolResult
from causalsig.release.pool_document import PoolDocument, build_pool_document, pool_result
from causalsig.study.models import Pooling

STEP = 2.0**-6
CUTOFFS = (150.0, 250.0, 250.0, 300.0, 500.0, 500.0, 500.0, 500.0, 750.0, 750.0, 1000.0, 1000.0, 1500.0)
CHOICES = Pooling()
# Two fits of the same numbers.
AGREES = 1e-9
# A bin of n lends the nearest neighbours' variance n / (n - 1).
BINS = 0.02


def block(site: int, **changes: object) -> ReleasedThreshold:
    rng = np.random.default_rng(site)
    plain = ReleasedThreshold(
        site=f"{site:064d}", question="threshold", outcome="count_new_arrears_3m", estimand="E1",
        kind="count", months=3, below="letter", above="home_visit", score="amount", scale="log",
        cutoff=CUTOFFS[site % len(CUTOFFS)], period=1, estimate=float(rng.normal(-0.1, 0.06)),
        std_error=0.05 + 0.01 * (site % 4), bias_bound=None, steps=STEP,
        bandwidths=(0.5, 0.5, 0.8, 0.8), admitted=True, low=False, donut=False, primary=True, bins=(),
    )  # fmt: skip
    return replace(plain, **changes)  # type: ignore[arg-type]


def sites(count: int = 13) -> list[ReleasedThreshold]:
    return [block(site) for site in range(count)]


def test_effects_are_pooled_with_the_noise_that_rounding_adds() -> None:
    given = sites()
    [row] = thresholds_of_sites(given, CHOICES).rows
    y = [one.estimate for one in given]
    v = [one.std_error**2 + STEP**2 / 12 for one in given]
    named = random_effects(y, v, interval="knapp-hartung-floored")
    mixed = random_effects(y, v)
    assert row.sites == 13 and row.publishable and row.reasons == ()
    assert row.estimate == pytest.approx(named.coefficients[0], rel=AGREES)
    assert (row.conf_low, row.conf_high) == pytest.approx((named.conf_low[0], named.conf_high[0]), rel=AGREES)
    assert (row.mixture_low, row.mixture_high) == pytest.approx((mixed.conf_low[0], mixed.conf_high[0]))
    assert row.largest_bias is None and row.prediction_low < row.conf_low


@pytest.mark.parametrize(
    "other",
    [
        {"below": "no_contact"},
        {"above": "phone"},
        {"estimand": "E2"},
        {"outcome": "any_new_arrears_3m", "kind": "any"},
        {"score": "months"},
        {"bias_bound": 0.02},
    ],
)
def test_only_like_is_pooled_with_like(other: dict[str, object]) -> None:
    given = [block(site, **(other if site >= 7 else {})) for site in range(13)]
    rows = thresholds_of_sites(given, CHOICES).rows
    assert sorted(row.sites for row in rows) == [6, 7]


def test_a_site_whose_gate_failed_is_left_out_and_named_to_the_statistician() -> None:
    given = [*sites(), block(20, admitted=False, estimate=9.0)]
    found = thresholds_of_sites(given, CHOICES)
    assert found.rows[0].sites == 13 and found.left_out == ((f"{20:064d}", GATE),)


def test_honest_effects_keep_the_mean_of_their_bounds() -> None:
    given = [block(site, bias_bound=0.02 + 0.01 * (site % 3)) for site in range(13)]
    found = thresholds_of_sites(given, CHOICES)
    [row] = found.rows
    expected = honest_effects(
        [one.estimate for one in given],
        [one.std_error**2 + STEP**2 / 12 for one in given],
        [one.bias_bound for one in given],
        interval="knapp-hartung-floored",
    )
    assert row.honest and row.largest_bias == pytest.approx(expected.largest_bias, rel=AGREES)
    assert row.largest_bias is not None and 0.02 < row.largest_bias < 0.04
    assert (row.conf_low, row.conf_high) == pytest.approx((expected.conf_low, expected.conf_high), rel=AGREES)
    assert row.p_value is None and np.isnan(row.prediction_low) and found.curves == ()


def test_several_cutoffs_of_one_site_are_one_site() -> None:
    twice = [*sites(), block(3, period=2, cutoff=400.0, estimate=-0.5, std_error=0.01)]
    [row] = thresholds_of_sites(twice, CHOICES).rows
    assert row.sites == 13
    once = [*sites()]
    a, b = (0.08**2 + STEP**2 / 12), (0.01**2 + STEP**2 / 12)
    both = 1 / (1 / a + 1 / b)
    mean = both * (once[3].estimate / a - 0.5 / b)
    once[3] = replace(once[3], estimate=mean, std_error=float(np.sqrt(both)), steps=0.0)
    assert row.estimate == pytest.approx(thresholds_of_sites(once, CHOICES).rows[0].estimate, rel=AGREES)


def test_one_effect_of_a_site_twice_is_refused() -> None:
    with pytest.raises(PoolError) as caught:
        thresholds_of_sites([*sites(), block(3)], CHOICES)
    assert caught.value.code == "pool-site-twice"


def test_two_cutoffs_of_one_period_are_both_of_their_site() -> None:
    [row] = thresholds_of_sites([*sites(), block(3, cutoff=800.0, estimate=-0.4)], CHOICES).rows
    assert row.sites == 13


def test_a_later_wave_takes_the_place_of_an_earlier_one_unless_it_has_nothing() -> None:
    first = [block(3), block(3, estimand="E2"), block(3, outcome="any_new_arrears_3m")]
    second, third = [block(3, estimate=-0.4)], list[ReleasedThreshold]()
    assert last_wave_of_each([first, [block(4)], second, third]) == (block(3, estimate=-0.4), block(4))


@pytest.mark.parametrize(("count", "shown"), [(6, False), (7, True)])
def test_too_few_sites_are_pooled_and_not_shown(count: int, shown: bool) -> None:
    [row] = thresholds_of_sites(sites(count), CHOICES).rows
    assert row.publishable is shown
    assert row.reasons == (() if shown else (FEW_SITES,))


def test_a_giant_site_is_pooled_and_not_shown() -> None:
    giant = [block(s, estimate=-0.1, std_error=0.005 if s == 4 else 0.1) for s in range(13)]
    [row] = thresholds_of_sites(giant, CHOICES).rows
    assert not row.publishable and DOMINANT_SITE in row.reasons


def test_a_curve_is_told_at_round_cutoffs_between_those_of_several_sites() -> None:
    found = thresholds_of_sites(sites(39), CHOICES)
    [curve] = found.curves
    cutoffs = sorted(CUTOFFS * 3)
    told = [point.cutoff for point in curve.points]
    assert curve.refusal is None and curve.publishable and curve.sites == 39
    assert sum(c <= told[0] for c in cutoffs) >= SITES_BEYOND
    assert sum(c >= told[-1] for c in cutoffs) >= SITES_BEYOND
    assert all(point.conf_low < point.estimate < point.conf_high for point in curve.points)
    per_doubling = (curve.points[-1].estimate - curve.points[0].estimate) / np.log2(told[-1] / told[0])
    assert curve.doubling == pytest.approx(per_doubling, rel=AGREES)


def test_the_outermost_site_is_not_an_end_of_the_line() -> None:
    [curve] = thresholds_of_sites(sites(), CHOICES).curves
    told = [point.cutoff for point in curve.points]
    assert (told[0], told[-1]) == (250.0, 1000.0)


@pytest.mark.parametrize(
    "given",
    [
        [block(site) for site in range(9)],
        [block(site, cutoff=(250.0, 500.0, 1000.0)[site % 3]) for site in range(13)],
        [block(site, cutoff=250.0) for site in range(13)],
        # Many cutoffs, but all inner ones alike: nothing is left between the outermost sites.
        [block(s, cutoff=(100.0, 110.0, 500.0, 900.0, 950.0)[(0, 1, 3, 4, *(2,) * 9)[s]]) for s in range(13)],
    ],
)
def test_without_enough_cutoffs_there_is_no_curve_and_a_code_says_so(given: list[ReleasedThreshold]) -> None:
    found = thresholds_of_sites(given, CHOICES)
    [curve] = found.curves
    assert curve.refusal == "meta-few-cutoffs" and curve.points == () and not curve.publishable
    assert len(found.rows) == 1


@pytest.mark.parametrize("slope", [0.0, 0.05])
@pytest.mark.parametrize("interval", ["knapp-hartung", "knapp-hartung-floored", "mixture"])
def test_effects_that_agree_to_the_last_digit_have_no_curve_and_a_document(
    slope: float, interval: Any
) -> None:
    given = [block(s, estimate=-0.1 + slope * math.log(CUTOFFS[s % 13]), std_error=0.0123) for s in range(13)]
    choices = Pooling(interval=interval)
    found = thresholds_of_sites(given, choices)
    [curve] = found.curves
    assert curve.refusal == "meta-no-spread" and not curve.publishable
    result = PoolResult(
        study_digest="a" * 64, kind="all", method=f"REML, {interval}", level=0.95, sites=13, contrasts=(),
        means=(), left_out=(), demo=False, thresholds=found.rows, curves=found.curves,
    )  # fmt: skip
    back = pool_result(PoolDocument.model_validate_json(build_pool_document(result).model_dump_json()))
    assert [one.refusal for one in back.curves] == ["meta-no-spread"]
    # Alike to the last digit and unfloored, nothing says how sure the mean is: then no number stands there.
    told = slope != 0.0 or interval != "knapp-hartung"
    assert [math.isfinite(row.estimate) for row in back.thresholds] == [told]
    assert back.thresholds[0].publishable == told


def test_months_have_no_curve() -> None:
    assert (
        thresholds_of_sites([block(s, score="months", cutoff=3.0) for s in range(13)], CHOICES).curves == ()
    )


def with_bins(site: int, seed: int, **changes: object) -> ReleasedThreshold:
    """Give a block bins of two sizes of municipality, and a standard error that strayed."""
    rng = np.random.default_rng(seed)
    size = 40 * (1 + site % 2)
    bins = tuple(ReleasedBin(size, round(-0.975 + 0.05 * k, 3), 0.8, 1.2, None, None) for k in range(40))
    error = 0.1 / (1 + site % 2) ** 0.5 * float(np.exp(0.3 * rng.standard_normal()))
    return block(site, **({"bins": bins, "std_error": error} | changes))


def test_the_pool_takes_the_spread_of_outcomes_from_the_network_and_the_design_from_the_site() -> None:
    given = [with_bins(site, site) for site in range(12)]
    found = network_variances(given, bins_of_cutoffs(given)) - STEP**2 / 12
    # All sites of one size have one variance, and those twice as large half of it, whatever was estimated.
    assert found[::2] == pytest.approx(np.full(6, found[0])) and found[0] == pytest.approx(
        2 * found[1], rel=BINS
    )
    released = np.array([one.std_error**2 for one in given])
    assert (1 / found).sum() == pytest.approx((1 / found**2 * released).sum())
    other = [replace(one, outcome="any_new_arrears_3m", bins=()) for one in given]
    assert network_variances(other, bins_of_cutoffs([*given, *other])) == pytest.approx(found + STEP**2 / 12)


@pytest.mark.parametrize("changes", [{"bins": ()}, {"bias_bound": 0.02}])
def test_where_a_design_is_not_known_the_released_variances_stand(changes: dict[str, object]) -> None:
    given = [with_bins(site, site, **(changes if site == 3 else {})) for site in range(12)]
    found = network_variances(given, bins_of_cutoffs(given))
    assert found == pytest.approx([one.std_error**2 + STEP**2 / 12 for one in given])


def test_a_ratio_keeps_its_own_first_stage_in_its_variance() -> None:
    jumps = [(-0.1, 0.5 if site < 6 else 1.0) for site in range(12)]
    given = [with_bins(site, site, estimand="E2", jumps=jumps[site]) for site in range(12)]
    found = network_variances(given, bins_of_cutoffs(given)) - STEP**2 / 12
    assert found[0] == pytest.approx(4 * found[6])
