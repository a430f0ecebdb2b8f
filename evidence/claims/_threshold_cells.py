"""One replication of each simulated design at a cutoff: whether the interval covered, and what it used."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from evidence.claims._threshold_designs import EFFECT, draw

N = 3000
"""Episodes of a middle-sized municipality."""
CURVATURE = 1.0
"""Bound, and curvature, of the discrete design: its mean is the worst the bound allows on either side."""
MONTHS = 12
"""Distinct scores a side of the discrete design."""
DOSES = (0.0, 0.02, 0.04, 0.06, 0.12)
"""Smaller heaps than `HEAP_SHARE`: most are too small for a test of heaping to see."""
HEAP_SHARE, HEAP_HARM = 0.25, 0.8
"""Of scores close to the cutoff, those moved to it, and what they differ in outcome."""
STEP, NEAR = 0.01, 0.2
"""Step of the heaped scores, in which ``± 2`` steps are the donut; and how close is close."""


def _row(jump: Any, truth: float) -> dict[str, Any]:
    return {
        "covered": bool(jump.conf_low <= truth <= jump.conf_high),
        "error": float(jump.estimate - truth),
        "std_error": float(jump.std_error) if np.isfinite(jump.std_error) else 0.0,
    }


def sharp(seed: int) -> dict[str, Any]:
    from causalsig.estimation import threshold_effect

    data = draw(seed, N)
    narrow = threshold_effect(data["score"], data["outcome"], 0.0, bandwidth="cerrd")
    return _row(threshold_effect(data["score"], data["outcome"], 0.0).robust, EFFECT) | {
        "covered, cerrd": _row(narrow.robust, EFFECT)["covered"]
    }


def rounded(seed: int) -> dict[str, Any]:
    """Scores of forty distinct values."""
    from causalsig.estimation import threshold_effect

    data = draw(seed, N)
    score = np.floor(data["score"] / 0.05) * 0.05 + 0.025
    # The mean is that of the rounded score: rounding itself moves nobody over the cutoff.
    shift = _mean(score) - _mean(data["score"])
    return _row(threshold_effect(score, data["outcome"] + shift, 0.0).robust, EFFECT)


def _mean(x: Any) -> Any:
    return 0.5 * x - 0.7 * x**2 + 0.6 * x**3


def fuzzy(seed: int) -> dict[str, Any]:
    from causalsig.estimation import threshold_effect

    data = draw(seed, N, fuzzy=True)
    found = threshold_effect(data["score"], data["outcome"], 0.0, taken_up=data["taken_up"])
    narrow = threshold_effect(
        data["score"], data["outcome"], 0.0, taken_up=data["taken_up"], bandwidth="cerrd"
    )
    assert found.confidence_set is not None
    return _row(found.robust, EFFECT) | {
        "covered, cerrd": _row(narrow.robust, EFFECT)["covered"],
        "in the set": EFFECT in found.confidence_set,
    }


def clustered(seed: int, *, apart: bool = False) -> dict[str, Any]:
    """Households of several episodes whose scores and outcomes go together; `apart`: all on one side."""
    from causalsig.estimation import threshold_effect

    score, outcome, households = _households(seed, apart)
    options: dict[str, Any] = {"households": households, "variance": "cluster"}
    plain = threshold_effect(score, outcome, 0.0)
    found = threshold_effect(score, outcome, 0.0, **options)
    across = threshold_effect(score, outcome, 0.0, **(options | {"variance": "cluster_across"}))
    return _row(found.robust, EFFECT) | {
        "covered across": _row(across.robust, EFFECT)["covered"],
        "covered by episodes": _row(plain.robust, EFFECT)["covered"],
    }


def _households(seed: int, apart: bool) -> tuple[Any, Any, Any]:
    """Episodes of one household have scores close together, so most households are on one side."""
    r = np.random.default_rng([seed, 3])
    households = np.repeat(np.arange(N // 4), 4)
    centre = 2.0 * r.beta(2.0, 3.0, N // 4) - 0.8
    score = centre[households] + 0.05 * r.normal(size=len(households))
    if apart:
        score = np.copysign(score, centre[households])
    shared = 0.5 * r.normal(size=N // 4)
    outcome = (
        _mean(score) + EFFECT * (score >= 0.0) + shared[households] + 0.5 * r.normal(size=len(households))
    )
    return score, outcome, households


def discrete(seed: int, *, months: int = MONTHS) -> dict[str, Any]:
    """Few distinct scores and the worst mean the bound allows: honest covers at its level, not above it."""
    from causalsig.estimation import threshold_effect

    r = np.random.default_rng([seed, 4])
    x = (r.integers(-months, months, N) + 0.5) / months
    mean = 0.2 * x + 0.5 * CURVATURE * np.sign(x) * x**2
    outcome = mean + EFFECT * (x >= 0.0) + 0.7 * r.normal(size=N)
    found = threshold_effect(x, outcome, 0.0, curvature_bound=CURVATURE)
    assert found.honest is not None
    flat = threshold_effect(x, outcome - mean, 0.0, curvature_bound=CURVATURE).honest
    assert flat is not None
    return _row(found.honest, EFFECT) | {"covered, no curvature": _row(flat, EFFECT)["covered"]}


def heaped(seed: int, *, dose: float = HEAP_SHARE) -> dict[str, Any]:
    """Move some who are close to the cutoff onto it: they come back more often."""
    from causalsig.diagnostics.threshold_gates import ThresholdSettings, threshold_gate
    from causalsig.estimation import collapse_scores, effect_at_cutoff

    r = np.random.default_rng([seed, 5])
    data = draw(seed, N, decimals=2)
    moved = (np.abs(data["score"]) < NEAR) & (r.random(N) < dose)
    score = np.rint(np.where(moved, 0.0, data["score"]) / STEP)
    outcome = data["outcome"] + HEAP_HARM * moved + EFFECT * (moved & (data["score"] < 0.0))
    table = collapse_scores(score, outcome)
    gate = threshold_gate(table, 0.0, settings=ThresholdSettings(donut=2.0))
    plain = effect_at_cutoff(table, 0.0)
    primary = effect_at_cutoff(table, 0.0, donut=gate.donut)
    return _row(primary.robust, EFFECT) | {
        "covered without the gate": _row(plain.robust, EFFECT)["covered"],
        "gate saw a heap": not gate.verdicts[0].passed,
        "standard error over the plain one": float(primary.robust.std_error / plain.robust.std_error),
    }


CELLS: dict[str, Callable[[int], dict[str, Any]]] = {
    "sharp": sharp,
    "rounded": rounded,
    "fuzzy": fuzzy,
    "clustered": clustered,
    "clustered, no household on both sides": partial(clustered, apart=True),
    "discrete": discrete,
    **{f"discrete, {few} scores a side": partial(discrete, months=few) for few in (3, 4, 6)},
    "heaped": heaped,
    **{f"heaped, {100 * dose:g} %": partial(heaped, dose=dose) for dose in DOSES},
}
