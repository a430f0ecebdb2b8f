"""From the released table alone the same estimate follows: what a coordinator can check without the data."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from evidence.claim import Verdict
from evidence.context import Context

CLAIM = """Re-estimated from the bins that leave a site (filled outward, ten households or more, six numbers
a bin within a tenth of the households, on their grids) an effect at the cutoff is within 0.1 standard errors
of the one from the data at n = 20,000: in 95 of 100 sites, at the site's bandwidths, at three quarters and at
one and a half of them, the outcome's jump and that in who is handled. 2,000 and 5,000 episodes, and bins 50
euro wide instead, are tabulated."""
ISSUE = 9
COVERS = (
    "causalsig/estimation/threshold*.py",
    "causalsig/execution/crossed_numbers.py",
    "causalsig/release/crossed*.py",
    "causalsig/release/grid.py",
)

SIZES = (2_000, 5_000, 20_000)
JUDGED = 20_000
WITHIN = 0.1
SHARE = 0.95
REPLICATIONS = 200
CUTOFF = 500.0
FACTORS = (0.75, 1.0, 1.5)
WIDE = 50.0
NUMBERS = 0.1
BESIDE = 20


def run(context: Context) -> Verdict:
    """Draw municipalities of three sizes, release their bins, and estimate again from these."""
    figures: dict[str, Any] = {"replications": REPLICATIONS, "within": WITHIN}
    passed = True
    for n in SIZES:
        rows = context.replicate(partial(_one, n), range(REPLICATIONS), part=f"n-{n}")
        cell = {name: _summary([row[name] for row in rows]) for name in rows[0]}
        figures[f"n = {n:,}"] = cell
        if n == JUDGED:
            judged = [value for name, value in cell.items() if not name.startswith(("bins", "50 euro"))]
            passed = all(value["95 % below"] <= WITHIN for value in judged)
    return {"passed": bool(passed), "figures": figures, "replications": REPLICATIONS, "seed": 0}


def _summary(values: list[float]) -> dict[str, float]:
    found = np.abs(np.array(values))
    return {
        "root mean square": float(np.sqrt(np.mean(found**2))),
        "95 % below": float(np.quantile(found, SHARE)),
    }


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


def _one(n: int, seed: int) -> dict[str, float]:
    """Distances from the estimates of the whole data, in their own robust standard errors."""
    from causalsig.estimation import collapse_scores, effect_at_cutoff
    from causalsig.execution.crossed_numbers import Scored, bin_rows

    made = draw(n, seed)
    outcome = made.pop("outcome")
    scored = Scored(cutoff=CUTOFF, scale="log", **made)
    budget = NUMBERS * len(np.unique(made["households"])) - BESIDE
    rows = bin_rows(scored, outcome, 0.0, smallest=10, numbers=budget)
    released = _as_released(rows)
    both = {"taken_up": made["taken_up"], "households": made["households"]}
    whole = collapse_scores(made["values"], outcome, **both)
    sharp = collapse_scores(made["values"], outcome, households=made["households"])
    options: dict[str, Any] = {"scale": "log", "variance": "cluster_across"}
    chosen = effect_at_cutoff(sharp, CUTOFF, **options).bandwidths
    found: dict[str, float] = {"bins": float(len(rows))}
    tables = {"": released, "50 euro, ": _wide(scored, outcome)}
    for factor in FACTORS:
        given = (factor * chosen.left, factor * chosen.bias_left)
        truth = effect_at_cutoff(whole, CUTOFF, bandwidth=given, **options)
        assert truth.reduced_form is not None and truth.first_stage is not None
        for name, table in tables.items():
            again = effect_at_cutoff(table, 0.0, bandwidth=given)
            assert again.reduced_form is not None and again.first_stage is not None
            pairs = (
                ("outcome", truth.reduced_form.robust, again.reduced_form.robust),
                ("handled", truth.first_stage.robust, again.first_stage.robust),
            )
            for what, one, other in pairs:
                away = (other.estimate - one.estimate) / one.std_error
                found[f"{name}{what}, bandwidth times {factor:g}"] = float(away)
                if factor == 1.0 and not name:
                    found[f"bins, error over error, {what}"] = other.std_error / one.std_error
    return found


def _as_released(rows: Any) -> Any:
    """Put bins on their grids and read them back, as a document would."""
    from causalsig.estimation.threshold_released import table_of_bins
    from causalsig.release.crossed import bin_entries
    from causalsig.release.crossed_read import released_bin

    return table_of_bins(released_bin(entry, "log") for entry in bin_entries(rows, "log"))


def _wide(scored: Any, outcome: Any) -> Any:
    """Bins of fifty euro, exact, whatever is in them: what a histogram would release."""
    from causalsig.crossed import BinRow
    from causalsig.estimation.threshold_released import table_of_bins

    place = np.floor((scored.values - CUTOFF) / WIDE).astype(int)
    rows = []
    for one in np.unique(place):
        here = place == one
        y, d = outcome[here], scored.taken_up[here]
        rows.append(
            BinRow(
                episodes=int(here.sum()),
                households=int(here.sum()),
                distance=float(np.log((CUTOFF + WIDE * (one + 0.5)) / CUTOFF)),
                mean=float(y.mean()),
                variance=float(y.var()),
                taken_up=float(d.mean()),
                covariance=float(np.mean(y * d) - y.mean() * d.mean()),
            )
        )
    return table_of_bins(rows)
