"""Municipalities with a threshold, as they are released: what a check from the table says of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from causalsig.crossed import ReleasedThreshold
from causalsig.release import grid

CUTOFF = 500.0
NUMBERS = 0.1
"""A household may be told in this many numbers, at most."""
BESIDE = 20
"""Numbers that a threshold has beside its bins."""
SCALE: dict[str, Any] = {"scale": "log", "variance": "cluster_across"}


def draw(n: int, seed: int) -> dict[str, Any]:
    """Whole euros with heaps, returns that fall with crossing, households of one or several episodes."""
    r = np.random.default_rng([seed, n])
    amount = np.rint(np.exp(r.normal(6.3, 1.0, n))).clip(20.0, 12_000.0)
    heaped = r.random(n) < 0.1
    amount[heaped] = np.maximum(50.0 * np.rint(amount[heaped] / 50.0), 50.0)
    households = r.integers(0, max(int(0.8 * n), 1), n)
    crossed = amount >= CUTOFF
    handled = (r.random(n) < np.where(crossed, 0.65, 0.15)).astype(float)
    distance = np.log(amount / CUTOFF)
    risk = 0.25 + 0.06 * distance - 0.02 * distance**2 - 0.08 * handled
    returned = (r.random(n) < np.clip(risk, 0.02, 0.9)).astype(float)
    return {"values": amount, "households": households, "taken_up": handled, "outcome": returned}


def bins_of(scored: Any, outcome: Any) -> tuple[Any, ...]:
    """Fill a site's bins, put them on their grids and read them back, as a document would."""
    from causalsig.execution.crossed_numbers import bin_rows
    from causalsig.release.crossed import bin_entries
    from causalsig.release.crossed_read import released_bin

    budget = NUMBERS * len(np.unique(scored.households)) - BESIDE
    rows = bin_rows(scored, outcome, 0.0, smallest=10, numbers=budget)
    return tuple(released_bin(entry, "log") for entry in bin_entries(rows, "log"))


def released(n: int, seed: int, **fit: Any) -> tuple[ReleasedThreshold, ReleasedThreshold]:
    """Give one site's effects as they leave it: of crossing (E1), and of the handling (E2).

    ``fit`` is the study's kernel and degree.
    """
    from causalsig.estimation import collapse_scores, effect_at_cutoff
    from causalsig.execution.crossed_numbers import Scored

    made = draw(n, seed)
    outcome = made.pop("outcome")
    bins = bins_of(Scored(cutoff=CUTOFF, scale="log", **made), outcome)
    sharp = collapse_scores(made["values"], outcome, households=made["households"])
    own = effect_at_cutoff(sharp, CUTOFF, **SCALE, **fit)
    widths = (own.bandwidths.left, own.bandwidths.bias_left)
    both = collapse_scores(made["values"], outcome, taken_up=made["taken_up"], households=made["households"])
    ratio = effect_at_cutoff(both, CUTOFF, bandwidth=widths, **SCALE, **fit)
    assert ratio.first_stage is not None
    h, b = (grid.from_two_digits(*grid.two_digits_up(width)) for width in widths)
    error = grid.from_two_digits(*grid.two_digits_up(own.robust.std_error))
    exponent = grid.step_exponent(error)
    crossing = ReleasedThreshold(
        site="0" * 64,
        question="threshold",
        outcome="any_new_arrears_6m",
        estimand="E1",
        kind="any",
        months=6,
        below="none",
        above="taken_up",
        score="amount",
        scale="log",
        cutoff=CUTOFF,
        period=1,
        estimate=grid.from_steps(grid.to_steps(own.robust.estimate, exponent), exponent),
        std_error=error,
        bias_bound=None,
        steps=grid.from_steps(1, exponent),
        bandwidths=(h, h, b, b),
        admitted=True,
        low=False,
        donut=False,
        primary=True,
        bins=bins,
        **fit,
    )
    share = abs(ratio.first_stage.robust.estimate)
    handling = replace(
        crossing,
        estimand="E2",
        estimate=ratio.robust.estimate,
        std_error=ratio.robust.std_error,
        steps=crossing.steps / share,
    )
    return crossing, handling


def checked(n: int, seed: int, **fit: Any) -> dict[str, bool]:
    """Check one site's true numbers, and the number of crossing when it is one standard error off."""
    from causalsig.pooling.thresholds_again import estimate_again

    crossing, handling = released(n, seed, **fit)
    off = crossing.std_error if seed % 2 else -crossing.std_error
    blocks = {"crossing": crossing, "handling": handling}
    blocks["one error off"] = replace(crossing, estimate=crossing.estimate + off)
    said = {name: estimate_again(block, factors=(), donuts=()).agrees for name, block in blocks.items()}
    return {
        "can be checked": said["crossing"] is not None,
        "accused, crossing": said["crossing"] is False,
        "accused, handling": said["handling"] is False,
        "one error off, found": said["one error off"] is False,
    }
