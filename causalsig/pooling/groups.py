"""Effects of groups over sites: every family in one model, its differences, and whether there are any."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

from causalsig.errors import PoolError
from causalsig.grouped import PooledDifference, PooledGroupRow, ReleasedGroups
from causalsig.meta import MultivariateRandomEffects, multivariate_random_effects
from causalsig.pooling.joint import FREE_FROM, Structure
from causalsig.pooling.pool import reasons_to_hold
from causalsig.release.grouped_entries import GROUPS

if TYPE_CHECKING:
    from causalsig.study.models import Pooling


@dataclass(frozen=True, slots=True)
class PooledGroups:
    """One family of groups over the sites.

    Attributes
    ----------
    head : ReleasedGroups
        Some site's block: question, outcome, estimand, contrast and family of all.
    groups : tuple of str, length p
        Those at two sites or more; the others are in `left_out`.
    sites : (p,) tuple of int
        Sites behind each.
    fit : MultivariateRandomEffects
        ``fit.simultaneous()`` gives effects that hold together, ``fit.against(j)`` differences with a group.
    left_out : tuple of str
    """

    head: ReleasedGroups
    groups: tuple[str, ...]
    sites: tuple[int, ...]
    fit: MultivariateRandomEffects
    left_out: tuple[str, ...]


def pool_groups(blocks: Iterable[ReleasedGroups], *, level: float = 0.95) -> tuple[PooledGroups, ...]:
    """Pool the effects of groups, family by family.

    The joint covariance within a site is used, so that a difference between two groups is compared within
    sites first: a site where everything works better moves both. A group that a site lacks is missing.

    Parameters
    ----------
    blocks : iterable of ReleasedGroups
        At most one a site and family; of one question, outcome, estimand and contrast each.
    level : float

    Raises
    ------
    PoolError
        ``pool-site-twice``.
    MetaError
        As `multivariate_random_effects`.
    """
    ordered = sorted(blocks, key=lambda block: (*_key(block), block.site))
    found = (_pool(tuple(family), level) for _, family in groupby(ordered, key=_key))
    return tuple(one for one in found if one is not None)


def groups_of_sites(
    blocks: Iterable[ReleasedGroups], choices: Pooling, *, without: str | None = None
) -> tuple[PooledGroupRow, ...]:
    """Pool the effects of groups and write one row a group.

    Publishable where more sites than the study asks for carry the group, so that the pool without any of them
    is of enough too, and no one or two of them decide it.

    Parameters
    ----------
    blocks : iterable of ReleasedGroups
    choices : Pooling
    without : str, optional
        Code of the site that this pool of the others is for: it is left out, and as many sites as the study
        asks for are enough.
    """
    kept = (block for block in blocks if block.site != without)
    fewest = choices.min_sites + (without is None)
    return tuple(
        row for pool in pool_groups(kept, level=choices.level) for row in _rows(pool, choices, fewest)
    )


def _rows(pool: PooledGroups, choices: Pooling, fewest: int) -> list[PooledGroupRow]:
    band, head, fit = pool.fit.simultaneous(), pool.head, pool.fit
    shown = [_publishable(pool, place, choices, fewest) for place in range(len(pool.groups))]
    test = float(fit.against(0).joint.p_value) if len(pool.groups) > 1 and all(shown) else None
    differences = _differences(fit)
    return [
        PooledGroupRow(
            question=head.question,
            outcome=head.outcome,
            estimand=head.estimand,
            estimator=head.estimator,
            arm=head.arm,
            reference=head.reference,
            family=head.family,
            group=group,
            sites=pool.sites[place],
            estimate=float(band.estimates[place]),
            std_error=float(band.std_errors[place]),
            conf_low=float(band.conf_low[place]),
            conf_high=float(band.conf_high[place]),
            p_of_family=test if test is not None and np.isfinite(test) else None,
            publishable=shown[place],
            difference=differences[place] if shown[0] and shown[place] else None,
        )
        for place, group in enumerate(pool.groups)
    ]


def _differences(fit: MultivariateRandomEffects) -> list[PooledDifference | None]:
    """Compare every group with the first, together."""
    size = len(fit.tau2)
    if size == 1:
        return [None]
    found = fit.simultaneous(np.eye(size)[1:] - np.eye(size)[0])
    numbers = zip(found.estimates, found.std_errors, found.conf_low, found.conf_high, strict=True)
    return [None, *(PooledDifference(*(float(value) for value in row)) for row in numbers)]


def _publishable(pool: PooledGroups, place: int, choices: Pooling, fewest: int) -> bool:
    """Whether a group's effect may be shown: it rests on enough sites, and on no one or two of them."""
    data = pool.fit.inputs
    variances = data.covariances[:, place, place][data.present[:, place]]
    weights = 1.0 / (variances + float(np.nan_to_num(pool.fit.tau2[place])))
    return len(weights) >= fewest and not reasons_to_hold(weights / weights.sum(), choices)


def one_block_a_wave(blocks: Iterable[ReleasedGroups]) -> tuple[ReleasedGroups, ...]:
    """Take the last wave of each site and family: later ones have more households and more groups.

    Blocks come in the order of their waves.
    """
    last = {(block.site, *_key(block)): block for block in blocks}
    return tuple(last.values())


def _key(block: ReleasedGroups) -> tuple[str, ...]:
    asked = (block.question, block.outcome, block.estimand, block.estimator)
    return (*asked, block.arm, block.reference, block.family)


def _pool(blocks: tuple[ReleasedGroups, ...], level: float) -> PooledGroups | None:
    """Pool one family; None where no group is at two sites."""
    if len({block.site for block in blocks}) < len(blocks):
        raise PoolError(
            "pool-site-twice",
            expected="each site once",
            found="two releases of one site for the same family of groups",
            mend="Keep one release a site: the older one was replaced or copied.",
            where=f"{blocks[0].question}, {blocks[0].family}",
        )
    known = GROUPS.get(blocks[0].family, ())
    found = dict.fromkeys(name for block in blocks for name in block.groups)
    names = tuple(sorted(found, key=lambda name: known.index(name) if name in known else len(known)))
    effects = np.full((len(blocks), len(names)), np.nan)
    covariances = np.full((len(blocks), len(names), len(names)), np.nan)
    for row, block in enumerate(blocks):
        places = np.array([names.index(name) for name in block.groups])
        effects[row, places] = block.estimates
        rounding = np.diag(np.square(block.steps) / 12.0)
        covariances[row][np.ix_(places, places)] = np.asarray(block.covariance) + rounding
    sites = np.sum(~np.isnan(effects), axis=0)
    keep = sites >= min(2, len(blocks))
    if not keep.any():
        return None
    rows = ~np.isnan(effects[:, keep]).all(axis=1)
    p = int(keep.sum())
    enough = int(rows.sum()) * p >= FREE_FROM * p * (p + 1) // 2
    structure: Structure = "unstructured" if enough else "compound-symmetric"
    fit = multivariate_random_effects(
        effects[rows][:, keep], covariances[rows][:, keep][:, :, keep], structure=structure, level=level
    )
    return PooledGroups(
        head=blocks[0],
        groups=tuple(name for name, kept in zip(names, keep, strict=True) if kept),
        sites=tuple(sites[keep].tolist()),
        fit=fit,
        left_out=tuple(name for name, kept in zip(names, keep, strict=True) if not kept),
    )
