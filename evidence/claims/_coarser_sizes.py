"""How coarsely precision would have to be told for sizes to stay hidden, and what the pool would pay."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from causalsig.attack.findings import SiteFindings
from causalsig.attack.judge import SURPRISE
from causalsig.attack.sizes import band_of
from causalsig.pooling import pool_arms
from causalsig.release.build import released_arms
from causalsig.release.documents import EstimatesDocument
from causalsig.release.grid import BANDS

if TYPE_CHECKING:
    from causalsig.records import ReleasedArms
    from causalsig.study.models import Study

ERRORS: Final = (1.0, 1.26, 1.41, 2.0, 4.0, 16.0)
"""Standard errors are rounded up to powers of these; 1: as released."""
EFFECTIVE: Final = (1.0, 2.0, 4.0, 16.0, 64.0)
"""Effective sizes are rounded down to powers of these."""
OFFSETS: Final = np.linspace(0.0, 1.0, 5, endpoint=False)
LOTS: Final = 20
"""Orders by lot of releases that then look alike."""
POOLS: Final = (10, 30)
"""Municipalities of a pool; and all of them."""
DISJOINT: Final = 6
"""Pools of a size, at most, over which the cost is averaged."""
QUESTION: Final = "contact_method"

Size = Callable[["ReleasedArms", float, float], float]


def coarser_sizes(
    sites: Sequence[SiteFindings], documents: Mapping[str, EstimatesDocument], study: Study
) -> dict[str, Any]:
    """Repeat the attack on sizes with coarser releases, and pool these.

    Returns
    -------
    dict
        `of` releases; right `by chance`; `called above chance from` so many right; and rows with `told`,
        `factor`, `right` (mean over offsets of the grid and lots) and, where standard errors are coarser,
        `wider`: the standard error of the pool over that of the pool of what was released, by number of
        municipalities.
    """
    first = {one.site: block for one in sites for block in _risks(documents[one.site])[:1]}
    seen = [one for one in sites if one.site in first]
    bands = {one.site: BANDS.index(band_of(documents[one.site])) for one in seen}
    shared = Counter(bands.values())
    chance = sum(1.0 / shared[bands[one.site]] for one in seen)

    def right(size: Size, factor: float, public: str = "households") -> float:
        by_public = sorted(seen, key=lambda one: (getattr(one, public), one.signals, one.municipality))
        found = []
        for offset in OFFSETS if factor > 1.0 else (0.0,):
            told = {one.site: size(first[one.site], factor, offset) for one in seen}
            for lot in range(LOTS):
                drawn = np.random.default_rng(lot).random(len(seen))
                alike = dict(zip((one.site for one in seen), drawn.tolist(), strict=True))
                by_release = sorted(seen, key=lambda one: (bands[one.site], told[one.site], alike[one.site]))
                found.append(sum(a.site == b.site for a, b in zip(by_release, by_public, strict=True)))
        return round(float(np.mean(found)), 1)

    rows = []
    primary = [block for one in seen for block in released_arms(documents[one.site]) if block.primary]
    plain = _errors_of_pools(primary, study, 1.0)
    for factor in ERRORS:
        errors = _errors_of_pools(primary, study, factor)
        wider = {str(size): round(float(np.mean(errors[size] / plain[size])), 3) for size in plain}
        rows.append(
            {
                "told": "standard errors",
                "factor": factor,
                "right": right(_by_errors, factor),
                "right by signals alone": right(_by_errors, factor, "signals"),
                "wider": wider,
            }
        )
    rows += [
        {"told": "effective sizes", "factor": factor, "right": right(_by_effective, factor)}
        for factor in EFFECTIVE
    ]
    rows.append({"told": "the band alone", "factor": None, "right": right(_nothing, 1.0)})
    return {
        "of": len(seen),
        "by chance": round(chance, 2),
        "called above chance from": _fewest(len(seen), chance / len(seen)),
        "rows": rows,
    }


def _fewest(tried: int, chance: float) -> int:
    """Give the fewest successes that are called above chance."""
    from scipy.stats import binom

    return next(right for right in range(tried + 1) if binom.sf(right - 1, tried, chance) < SURPRISE)


def _risks(document: EstimatesDocument) -> list[ReleasedArms]:
    return [block for block in released_arms(document) if block.kind == "any"]


def _power(value: float, factor: float, offset: float, whole: Callable[[float], int]) -> float:
    """Round to a power of a factor, of a grid that begins at an offset."""
    step = math.log(factor)
    return math.exp(step * (whole(math.log(value) / step - offset) + offset))


def _up(value: float) -> int:
    return math.ceil(value - 1e-9)


def _down(value: float) -> int:
    return math.floor(value + 1e-9)


def _by_errors(block: ReleasedArms, factor: float, offset: float) -> float:
    """Households that the arms must have: the sum of p(1-p) / SE²."""
    total = 0.0
    for at, mean in enumerate(block.means):
        error = math.sqrt(block.covariance[at][at])
        error = error if factor == 1.0 else _power(error, factor, offset, _up)
        total += max(mean * (1.0 - mean), error**2) / error**2
    return total


def _by_effective(block: ReleasedArms, factor: float, offset: float) -> float:
    sizes = block.effective_sizes
    return sum(size if factor == 1.0 else _power(size, factor, offset, _down) for size in sizes)


def _nothing(block: ReleasedArms, factor: float, offset: float) -> float:
    return 0.0


def _errors_of_pools(
    blocks: Sequence[ReleasedArms], study: Study, factor: float
) -> dict[int, np.ndarray[Any, Any]]:
    """Pool disjoint lots of sites whose errors are coarser; give the primary contrast's standard errors."""
    coarse = [block if factor == 1.0 else _coarser(block, factor) for block in blocks]
    found = {}
    for size in (*POOLS, len(coarse)):
        lots = [coarse[at : at + size] for at in range(0, len(coarse) - size + 1, size)][:DISJOINT]
        if lots:
            found[size] = np.array([_pooled_error(lot, study) for lot in lots])
    return found


def _coarser(block: ReleasedArms, factor: float) -> ReleasedArms:
    """Round the errors up; the grid of each mean follows its error, a quarter of it or a little more."""
    errors = np.sqrt(np.diag(block.covariance))
    told = np.array([_power(float(error), factor, 0.0, _up) for error in errors])
    covariance = np.array(block.covariance) * np.outer(told / errors, told / errors)
    steps = tuple(2.0 ** math.ceil(math.log2(error / 4.0)) for error in told)
    means = tuple(round(mean / step) * step for mean, step in zip(block.means, steps, strict=True))
    return replace(block, covariance=tuple(map(tuple, covariance.tolist())), steps=steps, means=means)


def _pooled_error(blocks: Sequence[ReleasedArms], study: Study) -> float:
    result = pool_arms(blocks, study, "0" * 64)
    pair = study.asked[QUESTION].primary_contrast
    return next(row.std_error for row in result.contrasts if row.primary and (row.arm, row.reference) == pair)
