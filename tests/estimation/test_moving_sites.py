"""What sites with another threshold tell of the scores in between, from their tables alone."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pytest

from causalsig.crossed import ReleasedBin, ReleasedThreshold
from causalsig.errors import EstimationError
from causalsig.estimation import SiteBins, bounded_gap, constant_bias, released_bins, safe_cutoff, site_bins
from causalsig.estimation.moving_gaps import gap_slopes
from causalsig.estimation.moving_sites import extrapolate, look_across
from causalsig.estimation.moving_weights import curve_weights
from causalsig.results import Floats

ROUNDING = 1e-9  # the same numbers summed another way
PLACES = np.linspace(-1.0, 1.0, 81) + 0.0125
EFFECT, TILT = -0.2, 0.3


def table(
    cutoff: float,
    level: float = 0.0,
    slope: float = 0.0,
    *,
    seed: int | None = None,
    works: float = 1.0,
    n: float = 20.0,
) -> SiteBins:
    """A site on a parabola, with an effect along a line; noise of ``0.5 / n`` a bin where there is a seed."""
    mean = 0.9 + level + slope * PLACES + 0.3 * PLACES - 0.2 * PLACES**2
    mean = mean + works * (EFFECT + TILT * PLACES) * (cutoff <= PLACES)
    if seed is not None:
        mean = mean + np.sqrt(0.5 / n) * np.random.default_rng(seed).normal(size=len(PLACES))
    return site_bins(cutoff, PLACES, np.full(81, n), mean, np.full(81, 0.5))


def truth(low: float, high: float) -> float:
    inside = (low <= PLACES) & (high > PLACES)
    return float((EFFECT + TILT * PLACES[inside]).mean())


@pytest.mark.parametrize(("to", "others"), [(0.3, (0.5, 0.3)), (-0.3, (-0.5, -0.3)), (0.5, (0.7,))])
def test_parabolas_a_constant_apart_give_the_effect_on_the_band(to: float, others: tuple[float, ...]) -> None:
    site = table(0.0, level=0.15)
    found = constant_bias(site, to, [table(c, level=-0.1 * k) for k, c in enumerate(others)])
    assert found.estimate == pytest.approx(truth(min(0.0, to), max(0.0, to)), abs=ROUNDING)
    assert (found.low, found.high) == (min(0.0, to), max(0.0, to))
    assert found.holds


def test_a_gap_that_slopes_is_missed_by_its_slope_times_the_mean_distance() -> None:
    site = table(0.0, slope=0.4)
    flat, steep = table(0.6), table(0.6)
    found = constant_bias(site, 0.5, [flat, steep])
    inside = (PLACES >= 0.0) & (PLACES < 0.5)
    missed = 0.4 * PLACES[inside].mean()
    assert found.estimate - truth(0.0, 0.5) == pytest.approx(missed, abs=ROUNDING)
    bounded = bounded_gap(site, 0.5, [flat, steep], slope_bound=0.4)
    assert bounded.largest_bias == pytest.approx(missed, abs=ROUNDING)
    assert bounded.conf_low < truth(0.0, 0.5) < bounded.conf_high
    slopes, _ = gap_slopes(extrapolate(site, 0.5, [flat, steep]))
    assert slopes == pytest.approx([0.4, 0.4], abs=1e-6)


def test_a_gap_without_slope_is_a_constant_one() -> None:
    site, others = table(0.0, seed=1), [table(0.6, seed=2), table(0.8, seed=3)]
    one, two = constant_bias(site, 0.4, others), bounded_gap(site, 0.4, others, slope_bound=0.0)
    assert (one.estimate, one.std_error, one.conf_low) == (two.estimate, two.std_error, two.conf_low)


def test_the_interval_is_longer_the_faster_gaps_may_change() -> None:
    site, others = table(0.0, seed=1), [table(0.6, seed=2)]
    found = [bounded_gap(site, 0.4, others, slope_bound=b) for b in (0.0, 0.1, 0.2, 0.8)]
    lengths = [one.conf_high - one.conf_low for one in found]
    assert lengths == sorted(lengths) and len(set(lengths)) == 4


def test_the_error_is_that_of_independent_means_of_bins() -> None:
    """Every mean moved alone says by how much it counts; squares of that times variances are the variance."""
    site, others = table(0.0, seed=1), [table(0.6, seed=2)]
    found = constant_bias(site, 0.4, others)
    total = 0.0
    for which in range(2):
        for b in range(81):
            moved = [table(0.0, seed=1), table(0.6, seed=2)]
            mean = moved[which].mean.copy()
            mean[b] += 1e-4
            moved[which] = site_bins(moved[which].cutoff, PLACES, np.full(81, 20.0), mean, np.full(81, 0.5))
            h_same = extrapolate(moved[0], 0.4, moved[1:])
            # The bandwidth follows the own site's means; a move this small hardly changes it.
            total += ((h_same.estimate - found.estimate) / 1e-4) ** 2 * 0.5 / 19.0
    assert np.sqrt(total) == pytest.approx(found.std_error, rel=0.05)


def test_sites_are_weighed_by_their_precision_and_only_those_that_reach_take_part() -> None:
    site = table(0.0, level=0.1)
    near, far, exact = table(0.2, seed=4), table(0.7, seed=5), table(0.7, n=20_000.0)
    found = extrapolate(site, 0.5, [near, far, exact])
    assert found.sites == 2
    alone = constant_bias(site, 0.5, [exact])
    assert found.estimate == pytest.approx(alone.estimate, abs=0.01)


@pytest.mark.parametrize(("cutoff", "to", "far"), [(0.0, 0.4, 0.6), (0.6, 0.2, 0.0)])
def test_the_estimate_is_the_sum_of_its_weights_times_means_up_and_down(
    cutoff: float, to: float, far: float
) -> None:
    site, others = table(cutoff, seed=1), [table(far, seed=2), table(0.3, seed=3), table(far, seed=4)]
    found = extrapolate(site, to, others)
    parts = [(site, found.own), *((others[place], weights) for place, _, weights in found.others)]
    assert [place for place, _, _ in found.others] == [0, 2]
    assert sum(w @ one.mean for one, w in parts) == pytest.approx(found.estimate, abs=1e-12)
    assert sum(w**2 @ one.errors for one, w in parts) == pytest.approx(found.std_error**2, rel=1e-12)
    # Of a common level nothing is left.
    assert sum(w.sum() for _, w in parts) == pytest.approx(0.0, abs=1e-9)


def test_leaving_a_site_out_is_never_having_seen_it() -> None:
    site, others = table(0.0, seed=1), [table(0.6, seed=2), table(0.6, seed=3), table(0.7, seed=4)]
    left, never = look_across(site, 0.4, others).together({1}), extrapolate(site, 0.4, others[::2])
    assert (left.estimate, left.std_error) == (never.estimate, never.std_error)
    assert [place for place, _, _ in left.others] == [0, 2]
    with pytest.raises(EstimationError) as caught:
        look_across(site, 0.4, others[:1]).together({0})
    assert caught.value.code == "estimation-no-other-site"


def test_clustering_makes_errors_larger() -> None:
    site, other = table(0.0, seed=1), table(0.6, seed=2)
    plain = constant_bias(site, 0.4, [other])
    doubled = [
        SiteBins(one.cutoff, one.score, one.episodes, one.mean, one.variance, 4.0) for one in (site, other)
    ]
    assert constant_bias(doubled[0], 0.4, doubled[1:]).std_error == pytest.approx(2.0 * plain.std_error)


def test_gaps_that_slope_fail_the_check() -> None:
    site, others = table(0.0, slope=1.0, seed=1, n=60.0), [table(0.8, seed=2, n=60.0)]
    found = constant_bias(site, 0.7, others)
    assert not found.holds and found.checks[0].code == "estimation-bias-not-constant"
    steep = bounded_gap(site, 0.7, others, slope_bound=0.1)
    assert not steep.holds and steep.checks[0].code == "estimation-bias-too-steep"
    assert bounded_gap(site, 0.7, others, slope_bound=1.0).holds


def test_weights_of_a_curve_take_parabolas_as_they_are() -> None:
    at = np.array([-0.9, 0.013, 0.98])
    weights = curve_weights(PLACES, np.arange(1.0, 82.0), at, 0.3)
    assert weights @ np.ones(81) == pytest.approx(np.ones(3), abs=ROUNDING)
    parabola = 1.0 - 2.0 * PLACES + 5.0 * PLACES**2
    assert weights @ parabola == pytest.approx(1.0 - 2.0 * at + 5.0 * at**2, abs=ROUNDING)


def test_a_lower_threshold_is_chosen_where_it_surely_helps() -> None:
    site = table(0.0, works=1.0, n=200.0, seed=1)
    others = [table(-0.6, n=200.0, seed=2), table(0.6, n=200.0, seed=6)]
    found = safe_cutoff(site, (-0.4, -0.2, 0.2, 0.4), others, slope_bound=0.05)
    assert found.moved and found.cutoff == -0.4
    rows = {row.cutoff: row for row in found.candidates}
    assert rows[-0.4].conf_low < rows[-0.4].worst < rows[-0.4].gain
    assert rows[0.4].gain < 0.0
    dear = safe_cutoff(site, (-0.4, -0.2, 0.2, 0.4), others, slope_bound=0.05, price=0.5)
    assert dear.moved and dear.cutoff > 0.0  # handling that costs more than it brings is better left


def test_staying_put_is_the_choice_where_the_bound_leaves_room_for_harm() -> None:
    site, others = table(0.0, seed=1), [table(-0.6, seed=2), table(0.6, seed=3)]
    found = safe_cutoff(site, (-0.4, 0.4), others, slope_bound=10.0)
    assert (found.moved, found.cutoff) == (False, 0.0)
    assert len(found.candidates) == 2


def test_a_candidate_that_no_site_reaches_is_refused_and_never_chosen() -> None:
    found = safe_cutoff(table(0.0, n=200.0), (-0.9, -0.4), [table(-0.6, n=200.0)], slope_bound=0.01)
    assert found.refused == ((-0.9, "estimation-no-other-site"),)
    assert found.cutoff == -0.4


def released(
    scale: Literal["log", "linear"], cutoff: float, std_error: float, **more: Any
) -> ReleasedThreshold:
    r = np.random.default_rng(8)
    bins = tuple(
        ReleasedBin(20, float(place), float(mean), 0.5, None, None)
        for place, mean in zip(PLACES, 0.9 + 0.15 * r.normal(size=81), strict=True)
    )
    options: dict[str, Any] = {
        "bandwidths": (0.5, 0.5, 0.8, 0.8),
        "bias_bound": None,
        "estimand": "E1",
    } | more
    return ReleasedThreshold(
        site="s", question="threshold", outcome="any_all_6m", kind="any", months=6, below="letter",
        above="home_visit", score="amount", scale=scale, cutoff=cutoff, period=1, estimate=0.0,
        std_error=std_error, steps=0.005, admitted=True, low=False, donut=False, primary=True, bins=bins,
        **options,
    )  # fmt: skip


def test_released_tables_stand_on_one_scale() -> None:
    logs, euros = released_bins(released("log", 500.0, 0.01)), released_bins(released("linear", 500.0, 0.01))
    assert logs.cutoff == pytest.approx(np.log(500.0)) and euros.cutoff == 500.0
    assert logs.score - logs.cutoff == pytest.approx(PLACES)
    assert euros.score - euros.cutoff == pytest.approx(PLACES)
    assert (logs.episodes == 20.0).all() and logs.variance == pytest.approx(np.full(81, 0.5))


def test_what_clustering_added_at_the_site_is_added_to_every_bin() -> None:
    plain = released_bins(released("log", 500.0, 0.01))
    assert plain.inflation == 1.0
    once, twice = (released_bins(released("log", 500.0, e)).inflation for e in (0.5, 1.0))
    assert twice == pytest.approx(4.0 * once) and once > 1.0
    unlike: dict[str, Any] = {"bandwidths": (0.5, 0.6, 0.8, 0.8)}
    assert released_bins(released("log", 500.0, 1.0, **unlike)).inflation == 1.0
    ratio: dict[str, Any] = {"estimand": "E2", "jumps": (0.1, 0.5), "jump_errors": (1.0, 0.1)}
    assert released_bins(released("log", 500.0, 9.0, **ratio)).inflation == pytest.approx(twice)


COLUMNS: dict[str, Floats] = {
    "score": PLACES,
    "episodes": np.full(81, 20.0),
    "mean": np.ones(81),
    "variance": np.full(81, 0.5),
}


def spoilt(name: str, value: float) -> dict[str, Any]:
    column = COLUMNS[name].copy()
    column[3] = value
    return {name: column}


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "a threshold above the bins": ({"cutoff": 2.0}, "estimation-cutoff"),
    "a threshold below the bins": ({"cutoff": -2.0}, "estimation-cutoff"),
    "a threshold that is no number": ({"cutoff": np.nan}, "estimation-option"),
    "scores that do not ascend": (spoilt("score", 0.5), "estimation-score-bins"),
    "a missing mean": (spoilt("mean", np.nan), "estimation-score-bins"),
    "a bin without episodes": (spoilt("episodes", 0.0), "estimation-score-bins"),
    "a bin without variance": (spoilt("variance", 0.0), "estimation-score-bins"),
    "columns of several lengths": ({"mean": np.ones(80)}, "estimation-shape"),
    "no bins": ({name: np.zeros(0) for name in COLUMNS}, "estimation-cutoff"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_table_that_cannot_be_is_named(case: str) -> None:
    options, code = BAD[case]
    with pytest.raises(EstimationError) as raised:
        site_bins(**({"cutoff": 0.0} | COLUMNS | options))
    assert raised.value.code == code


REFUSED: dict[str, tuple[float, list[SiteBins], str]] = {
    "no other site": (0.4, [], "estimation-no-other-site"),
    "no site that reaches": (0.4, [table(0.3)], "estimation-no-other-site"),
    "sites on the other side only": (0.4, [table(-0.5)], "estimation-no-other-site"),
    "nobody in between": (0.005, [table(0.5)], "estimation-band-empty"),
    "a threshold that is no number": (np.nan, [table(0.5)], "estimation-option"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_route_without_an_answer_says_why(case: str) -> None:
    to, others, code = REFUSED[case]
    with pytest.raises(EstimationError) as raised:
        constant_bias(table(0.0), to, others)
    assert raised.value.code == code
    with pytest.raises(EstimationError) as raised:
        bounded_gap(table(0.0), to, others, slope_bound=0.1)
    assert raised.value.code == code
