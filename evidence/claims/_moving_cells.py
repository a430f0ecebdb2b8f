"""One replication of every route to a moved threshold: whether it covered, and whether it was refused."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from evidence.claims._moving_worlds import CHANGED, NEW, OLD, N, bent, bins, effect, moved

LARGE = 20_000
"""Episodes of a large municipality: jumps need more of them than bands do."""
BOUND = 0.2
"""Declared: how fast gaps between sites may change, a unit of the logarithm."""
CURVATURE = 1.0
"""Declared: of the mean, a squared unit of the logarithm."""
DRIFT = 0.01
"""Declared: of the band from its comparison, a month; half of what the check without a bound must see."""
CANDIDATES = (-0.4, -0.2, 0.2, 0.4)


def _row(found: Any, truth: float) -> dict[str, Any]:
    return {
        "covered": bool(found.conf_low <= truth <= found.conf_high),
        "refused": not found.holds,
        "error": float(found.estimate - truth),
        "std_error": float(found.std_error),
        "largest_bias": float(found.largest_bias),
    }


def band(seed: int, *, drift_bound: float = 0.0, **world: Any) -> dict[str, Any]:
    from causalsig.estimation import changed_band

    data = moved(seed, **world)
    truth = data.pop("truth")
    change: dict[str, Any] = {"changed": CHANGED, "before": OLD, "after": NEW}
    return _row(changed_band(**data, **change, comparison=(-1.0, NEW), drift_bound=drift_bound), truth)


def jumps(seed: int, **world: Any) -> dict[str, Any]:
    from causalsig.estimation import changed_jumps

    data = moved(seed, LARGE, **world)
    truth = data.pop("truth")
    change: dict[str, Any] = {"changed": CHANGED, "before": OLD, "after": NEW}
    plain = changed_jumps(**data, **change)
    return _row(plain, truth)


def _sites(
    seed: int, cutoff: float, others: tuple[float, ...], *, slope: float = 0.0, works: float = 1.0
) -> tuple[Any, list[Any], Any]:
    r = np.random.default_rng([seed, 22])
    site, x = bins(r, cutoff, level=0.1, slope=slope, works=works)
    levels = np.linspace(0.0, -0.05, len(others))
    return site, [bins(r, c, level=v, works=works)[0] for c, v in zip(others, levels, strict=True)], x


def _truth(x: Any, one: float, other: float) -> float:
    inside = (x >= min(one, other)) & (x < max(one, other))
    return float(effect(x[inside]).mean())


def constant(seed: int, *, cutoff: float = 0.0, to: float = 0.5, slope: float = 0.0) -> dict[str, Any]:
    from causalsig.estimation import constant_bias

    far = 0.7 if to > cutoff else 0.0
    site, others, x = _sites(seed, cutoff, (far, far), slope=slope)
    return _row(constant_bias(site, to, others), _truth(x, cutoff, to))


def safe(seed: int, *, slope: float) -> dict[str, Any]:
    from causalsig.estimation import bounded_gap

    site, others, x = _sites(seed, 0.0, (0.7, 0.7), slope=slope)
    return _row(bounded_gap(site, 0.5, others, slope_bound=BOUND), _truth(x, 0.0, 0.5))


def choice(seed: int, *, works: float) -> dict[str, Any]:
    """Gaps as steep as declared; without any effect every move is one too many."""
    from causalsig.estimation import safe_cutoff

    slope = BOUND if seed % 2 else -BOUND
    site, others, _ = _sites(seed, 0.0, (0.7, -0.7), slope=slope, works=works)
    found = safe_cutoff(site, CANDIDATES, others, slope_bound=BOUND)
    lowered = found.cutoff < 0.0
    return {
        "moved": found.moved,
        "lowered": lowered,
        "wrong way": found.moved and not lowered,
        "refused": len(found.refused),
    }


def continued(seed: int, *, to: float = 0.2, bend: float = CURVATURE) -> dict[str, Any]:
    from causalsig.estimation import bounded_continuation, collapse_scores

    data = bent(seed, bend)
    x = data["score"]
    inside = (x >= min(0.0, to)) & (x < max(0.0, to))
    sign = 1.0 if to > 0.0 else -1.0
    truth = sign * float((data["mean"] - data["hidden"])[inside].mean())
    table = collapse_scores(x, data["mean"] + data["noise"])
    return _row(bounded_continuation(table, 0.0, to, curvature_bound=CURVATURE), truth)


def too_far(seed: int) -> dict[str, Any]:
    from causalsig.errors import EstimationError
    from causalsig.estimation import bounded_continuation, collapse_scores

    data = bent(seed, CURVATURE)
    table = collapse_scores(data["score"], data["mean"] + data["noise"])
    try:
        bounded_continuation(table, 0.0, 1.5, curvature_bound=CURVATURE)
    except EstimationError as error:
        return {"refused": error.code == "estimation-beyond-bandwidth"}
    return {"refused": False}


A_LITTLE_WRONG: dict[str, Callable[[int], dict[str, Any]]] = {
    "band-drifts-a-quarter": partial(band, drift=0.005),
    "band-drifts-half": partial(band, drift=0.01),
    "jumps-rival-doubles": partial(jumps, rival=0.15, rival_grows=1.0),
    "sites-gap-slopes-a-quarter": partial(constant, slope=0.2),
    "sites-gap-slopes-half": partial(constant, slope=0.4),
    "safe-half-as-steep-again": partial(safe, slope=1.5 * BOUND),
    "safe-twice-as-steep": partial(safe, slope=2.0 * BOUND),
    "continued-half-as-curved-again": partial(continued, bend=1.5 * CURVATURE),
    "continued-twice-as-curved": partial(continued, bend=2.0 * CURVATURE),
}
"""Shown, not judged: no check sees all of these."""
CELLS: dict[str, Callable[[int], dict[str, Any]]] = {
    "band": band,
    "band-drifts": partial(band, drift=0.02),
    "band-drifts-as-declared": partial(band, drift=DRIFT, drift_bound=DRIFT),
    "band-drifts-the-other-way-as-declared": partial(band, drift=-DRIFT, drift_bound=DRIFT),
    "band-drifts-half-of-declared": partial(band, drift=0.5 * DRIFT, drift_bound=DRIFT),
    "band-drifts-beyond-declared": partial(band, drift=4.0 * DRIFT, drift_bound=DRIFT),
    "band-other-event": partial(band, event=0.3),
    "jumps-rival": partial(jumps, rival=0.15),
    "jumps-rival-grows": partial(jumps, rival=0.15, rival_grows=9.0),
    "sites-up": constant,
    "sites-down": partial(constant, cutoff=0.7, to=0.2),
    "sites-gap-slopes": partial(constant, slope=0.8),
    "safe-slope": partial(safe, slope=BOUND),
    "safe-slope-down": partial(safe, slope=-BOUND),
    "safe-too-steep": partial(safe, slope=5.0 * BOUND),
    "choice-no-effect": partial(choice, works=0.0),
    "choice-effect": partial(choice, works=1.0),
    "continued-up": continued,
    "continued-down": partial(continued, to=-0.2),
    "continued-too-curved": partial(continued, bend=6.0 * CURVATURE),
    "continued-too-far": too_far,
    **A_LITTLE_WRONG,
}
EPISODES = {"jumps": LARGE, "elsewhere": N}
