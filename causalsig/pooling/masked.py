"""Pooling from masked sums: what a site adds at each stage, and the pool that the sums give.

The plain pool weights by each site's effective sizes with one variance of a household for the whole network.
So there are two stages over one roster: ``units`` sums what gives these variances, ``grid`` the terms of the
restricted likelihood at every declared tau². What needs the sites apart is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, NoReturn

import numpy as np
from numpy.typing import NDArray

from causalsig.errors import PoolError, RefusedError
from causalsig.meta.on_grid import INTERVALS, TERMS, GridFit, GridInterval, fit_on_grid, grid_terms
from causalsig.pooling.pool import DOMINANT_PAIR, DOMINANT_SITE, FEW_SITES, ROUNDING
from causalsig.records import ReleasedArms

if TYPE_CHECKING:
    from causalsig.release.masked import Sealed
    from causalsig.release.masked_documents import MaskedRow
    from causalsig.study.models import Pooling

Floats = NDArray[np.float64]
NeedsSites = Literal["mixture", "others", "influence", "classes", "waves", "tau2_interval"]
SIZES = 2.0**-10
"""Effective sizes enter in units of 1,024 households, so that the sum can hold their squares."""
UNIT_TERMS = 5
LEAST_ERROR = 0.25
"""Smallest standard error of a site's contrast, in units of the round."""


def masked_size(asked: Sealed) -> int:
    """Words of a contribution to a round."""
    document = asked.document
    each = UNIT_TERMS if document.stage == "units" else 1 + document.points * len(TERMS)
    return len(document.rows) * each


def terms_of(blocks: Sequence[ReleasedArms], asked: Sealed) -> Floats:
    """Give what a site adds at the stage of a round: :func:`unit_terms`, or :func:`row_terms`."""
    if asked.document.stage == "units":
        return unit_terms(blocks, asked.document.rows)
    return row_terms(blocks, asked, asked.variances())


def unit_terms(blocks: Sequence[ReleasedArms], rows: Sequence[MaskedRow]) -> Floats:
    """Give a site's part of the stage ``units``, (rows, 5).

    Of each row a one where the site has the contrast, then size and size²·variance of both arms.

    Raises
    ------
    RefusedError
        ``pool-masked-apart`` for several waves of one site, and for an arm of which only a class left.
    """
    found = np.zeros((len(rows), UNIT_TERMS))
    for row, asked in enumerate(rows):
        block = _block_of(blocks, asked)
        for place, arm in enumerate((asked.arm, asked.reference)):
            if block is not None and arm in block.arms:
                sizes, covariance, _ = _arms_of(block, (arm,))
                size = float(sizes[0]) * SIZES
                found[row, 1 + 2 * place : 3 + 2 * place] = (size, size * float(sizes[0] * covariance[0, 0]))
        found[row, 0] = block is not None and {asked.arm, asked.reference} <= set(block.arms)
    return found


def units_of(sums: Floats) -> Floats:
    """Variance of one household of both arms of each row, (rows, 2), from the summed `unit_terms`."""
    found = np.asarray(sums).reshape(-1, UNIT_TERMS)[:, 1:].reshape(-1, 2, 2)
    if not (found > 0.0).all():
        raise too_few("no site has one of the arms")
    return np.asarray(found[..., 1] / found[..., 0])


def sites_with(sums: Floats) -> tuple[int, ...]:
    """Sites that have each row, from the summed `unit_terms`."""
    return tuple(round(float(count)) for count in np.asarray(sums).reshape(-1, UNIT_TERMS)[:, 0])


def row_terms(blocks: Sequence[ReleasedArms], asked: Sealed, units: Floats) -> Floats:
    """Give a site's part of the stage ``grid``, (rows, 1 + points · 5).

    Of each row a one where the site has the contrast, and its terms; else zeros.

    Raises
    ------
    RefusedError
        ``pool-masked-apart`` as :func:`unit_terms`; ``pool-masked-unit`` for a standard error under a quarter
        of the round's unit: what the sums tell was measured for larger ones.
    """
    rows, grid = asked.document.rows, asked.tau2()
    unit = 2.0**asked.document.unit_exponent
    found = np.zeros((len(rows), 1 + len(grid) * len(TERMS)))
    for row, which in enumerate(rows):
        block = _block_of(blocks, which)
        if block is not None and {which.arm, which.reference} <= set(block.arms):
            estimate, variance = _contrast(_arms_of(block, (which.arm, which.reference)), units[row])
            if variance < (LEAST_ERROR * unit) ** 2:
                raise _too_fine(asked.document.unit_exponent)
            terms = grid_terms([estimate / unit], [variance / unit**2], grid)
            found[row] = [1.0, *terms.ravel()]
    return found


def masked_interval(choices: Pooling) -> GridInterval:
    """Give the study's interval, if sums can give it.

    Raises
    ------
    PoolError
        ``pool-masked-method`` where the study pools with another method than REML or with the mixture.
    """
    interval = next((name for name in INTERVALS if name == choices.interval), None)
    if choices.tau2 != "REML" or interval is None:
        raise PoolError(
            "pool-masked-method",
            expected="a study that pools by REML, with an interval that sums can give",
            found=f"{choices.tau2}, {choices.interval}",
            mend="Pool the releases plainly, or declare the other method in the study beforehand.",
        )
    return interval


def pool_from_sums(sums: Floats, asked: Sealed, choices: Pooling) -> tuple[GridFit, ...]:
    """Pool every row, on the scale of the outcome.

    Raises
    ------
    PoolError
        As :func:`masked_interval`.
    RefusedError
        ``pool-masked-few``: fewer sites have the contrast than the study's floor.
    MetaError
        As :func:`causalsig.meta.on_grid.fit_on_grid`.
    """
    interval = masked_interval(choices)
    rows, grid = asked.document.rows, asked.tau2()
    table = np.asarray(sums).reshape(len(rows), -1)
    found = []
    for row in table:
        sites = round(float(row[0]))
        if sites < choices.min_sites:
            raise too_few("fewer have this contrast")
        terms = row[1:].reshape(len(grid), len(TERMS))
        fit = fit_on_grid(terms, grid, sites, interval=interval, level=choices.level)
        found.append(fit.scaled(2.0**asked.document.unit_exponent))
    return tuple(found)


def reasons_to_hold_masked(fit: GridFit, choices: Pooling) -> tuple[str, ...]:
    """Codes why municipalities are not shown the pool, by what no weight can exceed."""
    reasons = (
        (FEW_SITES, fit.sites < choices.min_sites),
        (DOMINANT_SITE, fit.largest_weight > choices.max_site_weight + ROUNDING),
        (DOMINANT_PAIR, fit.two_largest_weights > choices.max_two_site_weight + ROUNDING),
    )
    return tuple(code for code, holds in reasons if holds)


def refuse_apart(what: NeedsSites) -> NoReturn:
    """Refuse what masked sums cannot give.

    Raises
    ------
    RefusedError
        ``pool-masked-apart``
    """
    raise RefusedError(
        "pool-masked-apart",
        expected="an answer that follows from sums over sites",
        found=f"{what}, which needs the sites apart",
        mend="Pool the releases plainly for it, where the agreements allow that.",
    )


def _block_of(blocks: Sequence[ReleasedArms], row: MaskedRow) -> ReleasedArms | None:
    """Return the site's block of a row, if it has one; refuse several, and an arm of which a class left."""
    key = (row.question, row.outcome, row.estimand, row.estimator)
    mine = [one for one in blocks if (one.question, one.outcome, one.estimand, one.estimator) == key]
    if len(mine) > 1:
        refuse_apart("waves")
    # Left out it would bias the pool: few events are no chance.
    if mine and {row.arm, row.reference} & {one.arm for one in mine[0].classes}:
        refuse_apart("classes")
    return mine[0] if mine else None


def _arms_of(block: ReleasedArms, arms: tuple[str, ...]) -> tuple[Floats, Floats, Floats]:
    """Sizes (K,), covariance with that of rounding (K, K) and means (K,) of these arms."""
    at = [block.arms.index(arm) for arm in arms]
    whole = np.asarray(block.covariance) + np.diag(np.square(block.steps) / 12.0)
    return np.asarray(block.effective_sizes)[at], whole[np.ix_(at, at)], np.asarray(block.means)[at]


def _contrast(arms: tuple[Floats, Floats, Floats], units: Floats) -> tuple[float, float]:
    """Difference and its variance, as :func:`causalsig.meta.covariances_by_effective_size` has it."""
    sizes, covariance, means = arms
    scale = np.sqrt(units / (np.diagonal(covariance) * sizes))
    scaled: Any = covariance * np.outer(scale, scale)
    return float(means[0] - means[1]), float(scaled[0, 0] + scaled[1, 1] - 2.0 * scaled[0, 1])


def _too_fine(exponent: int) -> RefusedError:
    return RefusedError(
        "pool-masked-unit",
        expected=f"a standard error of at least {LEAST_ERROR} units of 2^{exponent}",
        found="a smaller one at this site",
        mend="Nothing was written. Ask for a round with a smaller unit, in the next wave.",
    )


def too_few(found: str) -> RefusedError:
    """Make the refusal of a contrast at too few sites."""
    return RefusedError(
        "pool-masked-few",
        expected="as many sites with the contrast as the study asks for a pool",
        found=found,
        mend="Leave the contrast out of the next round.",
    )
