"""Moved thresholds over sites: each one's strongest route, errors that go together, and what may be shown."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from causalsig.crossed import ReleasedBin, ReleasedThreshold
from causalsig.errors import PoolError
from causalsig.estimation import constant_bias, released_bins
from causalsig.meta import random_effects
from causalsig.moved import BandRow, PassedRoute, PooledMove, ReleasedMove
from causalsig.pooling.moved import MovedThresholds
from causalsig.study.models import Pooling

CHOICES = Pooling()
HALF = 0.5
EFFECT = -0.2
LOW, FAR = 500.0, 1000.0
"""Cutoffs: a site at 1,000 euro may come down to half, as sites at 500 show."""
NO_DATA = "estimation-route-without-data"


def curve(log_amount: Any) -> Any:
    x = log_amount - np.log(LOW)
    return 0.9 + 0.25 * x - 0.12 * x**2


def block(site: int, cutoff: float, **changes: object) -> ReleasedThreshold:
    """Release one site: bins of 100 episodes on either side of its cutoff."""
    tilt: Any = changes.pop("tilt", 0.0)
    r = np.random.default_rng([site, 41])
    distance = np.linspace(-1.6, 1.6, 64) + 0.025
    x = distance + np.log(cutoff)
    mean = curve(x) + 0.02 * site + tilt * x + EFFECT * (distance >= 0.0) + 0.02 * r.normal(size=64)
    plain = ReleasedThreshold(
        site=f"{site:064d}", question="threshold", outcome="count_new_arrears_3m", estimand="E1",
        kind="count", months=3, below="letter", above="home_visit", score="amount", scale="log",
        cutoff=cutoff, period=1, estimate=EFFECT, std_error=0.05, bias_bound=None, steps=2.0**-7,
        bandwidths=(0.6, 0.6, 0.9, 0.9), admitted=True, low=False, donut=False, primary=True,
        bins=tuple(ReleasedBin(100, d, m, 0.25, None, None) for d, m in zip(distance, mean, strict=True)),
    )  # fmt: skip
    return replace(plain, **changes)  # type: ignore[arg-type]


def move(of: ReleasedThreshold, part: float = HALF, **changes: object) -> ReleasedMove:
    names = ("site", "question", "outcome", "kind", "months", "below", "above", "score", "scale", "cutoff")
    plain = ReleasedMove(
        **{name: getattr(of, name) for name in names}, period=of.period, part=part, households=(100, 299),
        contacts=(40.0, 120.0), band=None, steps=0.0,
        passed=(PassedRoute("changed_band", NO_DATA), PassedRoute("changed_jumps", NO_DATA),
                PassedRoute("continuation", "estimation-beyond-bandwidth")),
    )  # fmt: skip
    return replace(plain, **changes)  # type: ignore[arg-type]


def own(route: Any, estimate: float, std_error: float = 0.05, bias: float = 0.0) -> BandRow:
    half = 1.96 * std_error + bias
    return BandRow(route, estimate, std_error, bias, estimate - half, estimate + half)


def network(high: int = 8, low: int = 8) -> list[ReleasedThreshold]:
    """So many sites at 1,000 euro, that may come down, and so many at 500, that show what is there."""
    return [block(s, FAR) for s in range(high)] + [block(high + s, LOW) for s in range(low)]


def small(blocks: list[ReleasedThreshold]) -> list[ReleasedThreshold]:
    """Give the same sites with a fifth of the episodes."""
    return [replace(b, bins=tuple(replace(one, episodes=20) for one in b.bins)) for b in blocks]


def pool(blocks: list[ReleasedThreshold], moves: list[ReleasedMove], bound: float | None = 0.1) -> Any:
    return MovedThresholds(moves, blocks, CHOICES, bound)


def test_an_answer_by_sites_is_that_of_the_estimator_on_the_same_tables() -> None:
    blocks = network(1, 7)
    [found] = pool(blocks, [move(blocks[0])]).answers()
    tables = [released_bins(one) for one in blocks]
    same = constant_bias(tables[0], float(np.log(FAR * HALF)), tables[1:])
    assert found.band == BandRow(
        same.route, same.estimate, same.std_error, 0.0, same.conf_low, same.conf_high
    )
    assert found.others == 7 and [one.route for one in found.passed] == ["changed_band", "changed_jumps"]


@pytest.mark.parametrize(
    ("route", "bound", "taken"),
    [
        ("changed_band", 0.1, "changed_band"),
        ("changed_jumps", 0.1, "changed_jumps"),
        ("continuation", 0.1, "constant_bias"),
    ],
)
def test_the_strongest_route_is_taken_whatever_it_says(route: Any, bound: float, taken: str) -> None:
    blocks = network(1, 7)
    [found] = pool(blocks, [move(blocks[0], band=own(route, 0.4))], bound).answers()
    assert found.band.route == taken


def test_where_gaps_slope_the_bound_answers_and_without_one_the_own_line() -> None:
    blocks = [block(0, FAR, tilt=0.3), *network(0, 7)]
    # Sites 0 and 7 are one site's code apart: only the first slopes.
    mine = move(blocks[0], band=own("continuation", -0.1, bias=0.05))
    others = [replace(one, site=f"{9 + k:064d}") for k, one in enumerate(blocks[1:])]
    steep, bounded = pool([blocks[0], *others], [mine], None), pool([blocks[0], *others], [mine], 0.4)
    [line], [gap] = steep.answers(), bounded.answers()
    assert gap.band.route == "safe_cutoffs" and gap.band.largest_bias > 0.0
    assert line.band == mine.band
    assert PassedRoute("constant_bias", "estimation-bias-not-constant") in line.passed
    assert PassedRoute("safe_cutoffs", NO_DATA) in line.passed


@pytest.mark.parametrize(
    "other",
    [{"above": "phone"}, {"outcome": "any_new_arrears_3m"}, {"score": "months"}, {"scale": "linear"}],
)
def test_only_tables_of_the_same_pair_and_outcome_answer(other: dict[str, object]) -> None:
    blocks = [block(0, FAR), *(replace(one, **other) for one in network(0, 7))]  # type: ignore[arg-type]
    [found] = pool(blocks, [move(blocks[0])]).answers()
    assert found.band is None
    assert PassedRoute("constant_bias", "estimation-no-other-site") in found.passed


def test_the_error_of_the_pool_is_that_of_all_bins_moving_together() -> None:
    """Draw every site's bins again: the pool strays as much as it says, and more than naive pooling says."""
    blocks = [*network(8, 0), *small(network(8, 1)[8:])]
    moves = [move(one) for one in blocks[:8]]
    r = np.random.default_rng(5)
    estimates, said, naive = [], [], []
    for _ in range(60):
        drawn = [
            replace(
                one,
                bins=tuple(
                    replace(b, mean=b.mean + float(r.normal() * np.sqrt(b.variance / b.episodes)))
                    for b in one.bins
                ),
            )
            for one in blocks
        ]
        # A bound that nothing exceeds: the check of the gap then never chooses among the draws.
        found = pool(drawn, moves, 100.0)
        [row] = found.pooled()
        bands = [one.band for one in found.answers() if one.band is not None]
        plain = random_effects(
            [band.estimate for band in bands], [band.std_error**2 for band in bands], interval="wald"
        )
        estimates.append(row.estimate)
        said.append(row.std_error)
        naive.append(plain.std_errors[0])
    spread = float(np.std(estimates))
    # The floor of Knapp and Hartung may only make it larger; a spread of sixty is known to a tenth.
    assert 0.8 * spread < np.mean(said) < 1.5 * spread
    assert np.mean(naive) < 0.8 * spread


def test_all_routes_together_are_one_row_with_the_worst_of_bounds() -> None:
    blocks = network()
    moves = [move(one) for one in blocks[:6]]
    moves += [
        move(blocks[6], band=own("changed_band", -0.25)),
        move(blocks[7], band=own("changed_jumps", -0.15)),
    ]
    [row] = pool(blocks, moves).pooled()
    assert isinstance(row, PooledMove)
    assert row.by_route == (("changed_band", 1), ("changed_jumps", 1), ("constant_bias", 6))
    assert (row.sites, row.unanswered, row.largest_bias) == (8, 0, 0.0)
    assert row.conf_low < EFFECT < row.conf_high and row.prediction_low < row.prediction_high
    alone = [replace(one, cutoff=2.0 * FAR) for one in blocks[:8]]
    bound = [move(one, band=own("continuation", EFFECT, bias=0.04)) for one in alone]
    [biased] = pool(alone, bound).pooled()
    assert biased.largest_bias == pytest.approx(0.04) and np.isnan(biased.prediction_low)
    assert biased.conf_low < EFFECT - 0.04 and biased.conf_high > EFFECT + 0.04


def test_a_site_that_lends_its_table_and_answers_itself_makes_the_pool_less_sure() -> None:
    blocks = network(6, 2)
    moves = [move(one) for one in blocks[:6]]
    stranger = block(50, 2.0 * FAR)
    band = own("changed_band", EFFECT)
    [apart] = pool([*blocks, stranger], [*moves, move(stranger, band=band)]).pooled()
    [lender] = pool(blocks, [*moves, move(blocks[6], band=band)]).pooled()
    assert lender.sites == apart.sites == 7
    assert lender.std_error > apart.std_error


def test_two_cutoffs_of_a_site_are_one_site() -> None:
    blocks = [*network(), replace(block(0, 900.0), period=2)]
    moves = [move(one) for one in (*blocks[:8], blocks[-1])]
    [row] = pool(blocks, moves).pooled()
    assert row.sites == 8


def test_without_any_route_a_code_says_so() -> None:
    blocks = network(7, 0)
    [row] = pool(blocks, [move(one) for one in blocks]).pooled()
    assert row.refusal == "estimation-no-route" and row.reasons == ("estimation-no-route",)
    assert (row.sites, row.unanswered) == (0, 7) and not row.publishable and np.isnan(row.estimate)


def test_the_pool_of_the_others_has_never_seen_the_site() -> None:
    blocks = network()
    moves = [move(one) for one in blocks[:8]]
    everyone = pool(blocks, moves)
    for gone in (blocks[0], blocks[-1]):
        [without] = everyone.pooled(gone.site)
        kept = [one for one in blocks if one.site != gone.site]
        [never] = pool(kept, [one for one in moves if one.site != gone.site]).pooled()
        assert without.estimate == pytest.approx(never.estimate, abs=1e-12)
        assert without.std_error == pytest.approx(never.std_error, rel=1e-9)
    assert everyone.pooled(blocks[-1].site)[0].estimate != everyone.pooled()[0].estimate


@pytest.mark.parametrize(("high", "low", "code"), [(6, 8, "pool-few-sites"), (8, 1, "pool-dominant-site")])
def test_too_few_answers_or_one_site_behind_them_all_is_not_shown(high: int, low: int, code: str) -> None:
    blocks = [*network(high, 0), *(network(0, low) if low > 1 else small(network(0, low)))]
    blocks = [replace(one, site=f"{place:064d}") for place, one in enumerate(blocks)]
    [row] = pool(blocks, [move(one) for one in blocks[:high]]).pooled()
    assert not row.publishable and code in row.reasons
    [fine] = pool(network(), [move(one) for one in network()[:8]]).pooled()
    assert fine.publishable and fine.reasons == ()


def test_a_page_sees_an_answer_by_others_only_of_enough_of_them() -> None:
    blocks = network(2, 6)
    moves = [move(blocks[0]), move(blocks[1], band=own("changed_band", -0.1))]
    found = pool(blocks, moves)
    [mine] = found.by_others(blocks[0].site)
    assert mine.sites == 6 and mine.band == found.answers()[0].band and mine.cutoff == FAR
    assert found.by_others(blocks[1].site) == ()
    assert pool(network(2, 5), moves).by_others(blocks[0].site) == ()
    large = [replace(b, episodes=b.episodes * 100) for b in blocks[-1].bins]
    giant = replace(blocks[-1], bins=tuple(large), std_error=0.005)
    assert pool([*blocks[:-1], giant], moves).by_others(blocks[0].site) == ()


def test_one_candidate_of_a_site_twice_is_refused() -> None:
    blocks = network()
    with pytest.raises(PoolError) as caught:
        pool(blocks, [move(blocks[0]), move(blocks[0])])
    assert caught.value.code == "pool-site-twice"
