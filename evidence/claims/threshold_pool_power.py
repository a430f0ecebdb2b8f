"""Pooled thresholds find a jump of -0.1 as often as the formula of a planner says, and cover it."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from causalsig.crossed import ReleasedBin, ReleasedThreshold
from causalsig.estimation.threshold_table import ScoreTable
from causalsig.pooling.thresholds import thresholds_of_sites
from causalsig.release import grid
from causalsig.study.models import Pooling
from evidence.claim import Verdict
from evidence.claims._threshold_towns import Town, draw, estimate, expected_error
from evidence.context import Context
from evidence.montecarlo import mean_and_error, observed_figures

CLAIM = """Twenty and sixty municipalities with a cutoff, whole-euro amounts with heaps and 2,000 to 16,000
episodes each, whose effects of crossing are -0.1 later signals on average (0.8 without) and differ by a
standard deviation of 0.05: their estimates and standard errors, rounded to the release's grid and pooled by
the package, differ from zero as often as the analytic figure says, within 5 points. The study's interval,
Knapp-Hartung's with its factor floored at one, covers the mean effect as often as the same formula says of
it, within 2 points, also with no effect: that is more than 95 %, the price of the floor. The mixture interval
covers at least 93 %. The analytic figure: a normal with mean 0.1 / sqrt(1 / sum(1 / (s_i^2 + 0.05^2))) beyond
the interval's critical value, its factor chi-square with one degree of freedom less than sites; s_i^2 is the
variance of the local regression's weighted sum in the law of scores and outcomes, at the median of the
bandwidths that forty other draws of such a municipality choose. Where that figure is near one it cannot
fail, so sixty are judged with half the effect too, and twenty with half the episodes."""
ISSUE = 9
COVERS = (
    "causalsig/crossed*.py",
    "causalsig/estimation/threshold*.py",
    "causalsig/meta/*.py",
    "causalsig/pooling/thresholds.py",
    "causalsig/release/grid.py",
    "evidence/claims/_threshold_towns.py",
)

JUMP, SPREAD = -0.1, 0.05
SIZES, CUTOFFS = (2000, 4000, 8000, 16_000), (250.0, 400.0, 500.0, 750.0)
CELLS = {
    "20 sites": (20, JUMP, 1000, 1),
    "60 sites": (60, JUMP, 400, 1),
    "20 sites, no effect": (20, 0.0, 400, 1),
    "60 sites, half the effect": (60, JUMP / 2.0, 1000, 1),
    "20 sites half that size": (20, JUMP, 1000, 2),
}
"""Sites, mean effect, replications, and by what sizes are divided."""
BATCH = 5
EPISODES_A_BIN = 60
PILOTS = 40
APART, COVERED_APART = 0.05, 0.02
CONSERVATIVE = (0.93, 1.0)
CHOICES = Pooling()


def run(context: Context) -> Verdict:
    """Replicate every cell, and judge power against the formula."""
    kinds = [(place, divided) for divided in (1, 2) for place in range(len(SIZES) * len(CUTOFFS))]
    pilots = context.replicate(_pilot, range(len(kinds)), part="bandwidths")
    errors = {
        _towns(place + 1, divided)[place]: e for (place, divided), e in zip(kinds, pilots, strict=False)
    }
    figures: dict[str, Any] = {"jump": JUMP, "spread between municipalities": SPREAD}
    figures["expected standard errors"] = {f"{t.episodes} at {t.cutoff:g}": e for t, e in errors.items()}
    passed = True
    for name, (sites, jump, total, divided) in CELLS.items():
        part = name.replace(",", "").replace(" ", "-")
        batches = context.replicate(partial(_batch, name), range(total // BATCH), part=part)
        rows = [row for batch in batches for row in batch]
        cell = _judged(rows, jump, 1.0 - analytic_power(0.0, sites))
        towns = _towns(sites, divided)
        if jump and all(town in errors for town in towns):
            pooled = sum(1.0 / (errors[town] ** 2 + SPREAD**2) for town in towns) ** -0.5
            analytic = analytic_power(abs(jump) / pooled, sites)
            found = sum(row["found"] for row in rows)
            cell["analytic power"] = analytic
            cell["power"] = observed_figures(found, len(rows), (analytic - APART, analytic + APART))
        passed = passed and all(v["passed"] for v in cell.values() if isinstance(v, dict))
        # A power that was not held against the formula is none that was found.
        passed = passed and ("power" in cell or not jump)
        figures[name] = cell
    return {"passed": bool(passed), "figures": figures, "replications": CELLS["20 sites"][2], "seed": 0}


def analytic_power(shift: float, sites: int, level: float = 0.95) -> float:
    """Chance that the pool of k sites differs from zero: a planner's formula.

    ``P(|Z + δ| > t sqrt(max(1, Q / df)))`` with Z normal, Q chi-square with df = k - 1 degrees of freedom, t
    the critical value of Student's t with as many, and δ, `shift`, the effect over the error of its pooled
    mean. Without an effect it is how often the interval misses.
    """
    from scipy.special import chdtri, ndtr, stdtrit

    df = sites - 1
    # The mean over the factor, at the middles of a thousand equally likely parts.
    factor = np.maximum(1.0, chdtri(df, (np.arange(1000) + 0.5) / 1000) / df)
    beyond = stdtrit(df, 0.5 + level / 2.0) * np.sqrt(factor)
    return float((ndtr(shift - beyond) + ndtr(-shift - beyond)).mean())


def _towns(count: int, divided: int = 1) -> list[Town]:
    """So many municipalities: every size with every cutoff, in turn."""
    kinds = [
        Town(size // divided, cutoff)
        for turn in range(len(CUTOFFS))
        for size, cutoff in zip(SIZES, (*CUTOFFS[turn:], *CUTOFFS[:turn]), strict=True)
    ]
    return [kinds[k % len(kinds)] for k in range(count)]


def _pilot(place: int) -> float:
    """Give the expected standard error of a kind of municipality, at the bandwidths it usually chooses."""
    count = len(SIZES) * len(CUTOFFS)
    town = _towns(count, 1 + place // count)[place % count]
    rng = np.random.default_rng([9, 4, place])
    widths = [estimate(draw(town, JUMP, rng), town)[2] for _ in range(PILOTS)]
    h, b = (float(v) for v in np.median(widths, axis=0))
    return expected_error(town, JUMP, (h, b))


def _batch(name: str, batch: int) -> list[dict[str, Any]]:
    return [_one(name, batch * BATCH + k) for k in range(BATCH)]


def _one(name: str, seed: int) -> dict[str, Any]:
    sites, jump, _, divided = CELLS[name]
    rng = np.random.default_rng([9, list(CELLS).index(name), seed])
    blocks = []
    for place, town in enumerate(_towns(sites, divided)):
        own = jump + SPREAD * rng.standard_normal()
        blocks.append(_released(place, town, draw(town, own, rng)))
    [row] = thresholds_of_sites(blocks, CHOICES).rows
    return {
        "error": row.estimate - jump,
        "std_error": row.std_error,
        "found": row.conf_low > 0.0 or row.conf_high < 0.0,
        "found by the mixture": row.mixture_low > 0.0 or row.mixture_high < 0.0,
        "covered": row.conf_low <= jump <= row.conf_high,
        "covered by the mixture": row.mixture_low <= jump <= row.mixture_high,
    }


def _released(place: int, town: Town, table: ScoreTable) -> ReleasedThreshold:
    """Estimate, put the estimate on the grid of a release, and fill the bins that go with it."""
    found, error, (h, b) = estimate(table, town)
    rounded = grid.from_two_digits(*grid.two_digits_up(error))
    step = grid.step_exponent(rounded)
    return ReleasedThreshold(
        site=f"{place:064d}",
        question="threshold",
        outcome="count_new_arrears_3m",
        estimand="E1",
        kind="count",
        months=3,
        below="letter",
        above="home_visit",
        score="amount",
        scale="log",
        cutoff=town.cutoff,
        period=1,
        estimate=grid.from_steps(grid.to_steps(found, step), step),
        std_error=rounded,
        bias_bound=None,
        steps=2.0**step,
        bandwidths=(h, h, b, b),
        admitted=True,
        low=False,
        donut=False,
        primary=True,
        bins=_bins(table, town),
    )


def _bins(table: ScoreTable, town: Town) -> tuple[ReleasedBin, ...]:
    """Fill bins outward from the cutoff: of as many episodes as six numbers a bin ask for.

    Of a bin the pool needs no more than where it lies and how many it holds.
    """
    bins: list[ReleasedBin] = []
    for side in (table.values < town.cutoff, table.values >= town.cutoff):
        counts, distance = table.all.counts[side], np.log(table.values[side] / town.cutoff)
        outward = np.argsort(np.abs(distance))
        place = (np.cumsum(counts[outward]) // EPISODES_A_BIN).astype(int)
        n = np.bincount(place, weights=counts[outward])
        x = np.bincount(place, weights=(counts * distance)[outward])
        bins += [
            ReleasedBin(5 * round(m / 5), t / m, 0.0, 1.0, None, None)
            for m, t in zip(n, x, strict=True)
            if m > 2
        ]
    return tuple(bins)


def _judged(rows: list[dict[str, Any]], jump: float, covers: float) -> dict[str, Any]:
    bias, error = mean_and_error([row["error"] for row in rows])
    cell: dict[str, Any] = {
        "bias": bias,
        "bias, its error": error,
        "mean standard error over spread": sum(row["std_error"] for row in rows)
        / len(rows)
        / error
        / len(rows) ** 0.5,
        "found by the mixture": sum(row["found by the mixture"] for row in rows) / len(rows),
    }
    if not jump:
        cell["found"] = sum(row["found"] for row in rows) / len(rows)
    cell["analytic coverage"] = covers
    bands = {
        "covered": (covers - COVERED_APART, covers + COVERED_APART),
        "covered by the mixture": CONSERVATIVE,
    }
    for key, band in bands.items():
        cell[key] = observed_figures(sum(row[key] for row in rows), len(rows), band)
    return cell
