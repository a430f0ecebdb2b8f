"""Contact by group over sites: mean shares, beside those of everybody in the same sites."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import fmean
from typing import TYPE_CHECKING

import numpy as np

from causalsig.contacted import PooledContactRow, ReleasedContact
from causalsig.errors import PoolError
from causalsig.pooling.pool import reasons_to_hold

if TYPE_CHECKING:
    from causalsig.study.models import Pooling

Key = tuple[str, str, str]


def contacts_of_sites(
    parts: Iterable[ReleasedContact], choices: Pooling, *, without: str | None = None
) -> tuple[PooledContactRow, ...]:
    """Take the mean share of every group and arm over the sites, each site counting once.

    A mean over municipalities, not over households: their numbers are known in bands only, and one large city
    would otherwise be the figure. Beside it stands the mean share among everybody of the same sites. A site
    that held a share back is not in its mean; small shares are held back more often, so a mean may be a
    little high, and the shares of a group need not add up to one.

    Publishable as effects of groups are: where more sites than the study asks for carry it, so that the mean
    without any of them is of enough too.

    Parameters
    ----------
    parts : iterable of ReleasedContact
        At most one a site, question and group.
    choices : Pooling
    without : str, optional
        Code of the site that this pool of the others is for; see
        :func:`causalsig.pooling.groups.groups_of_sites`.

    Raises
    ------
    PoolError
        ``pool-site-twice``.
    """
    found: dict[Key, dict[str, dict[str, float]]] = {}
    for part in (part for part in parts if part.site != without):
        sites = found.setdefault((part.question, part.family, part.group), {})
        if part.site in sites:
            raise PoolError(
                "pool-site-twice",
                expected="each site once",
                found="two releases of one site for the same group",
                mend="Keep one release a site: the older one was replaced or copied.",
                where=f"{part.question}, {part.group or 'everybody'}",
            )
        sites[part.site] = dict(part.shares)
    fewest = choices.min_sites + (without is None)
    return tuple(
        row
        for (question, family, group), sites in sorted(found.items())
        for row in _rows((question, family, group), sites, found[question, "", ""], choices, fewest)
    )


def _rows(
    key: Key,
    sites: dict[str, dict[str, float]],
    everybody: dict[str, dict[str, float]],
    choices: Pooling,
    fewest: int,
) -> list[PooledContactRow]:
    rows = []
    for arm in sorted({arm for shares in sites.values() for arm in shares}):
        # An arm that a site shows of a group it shows of everybody.
        behind = [site for site, shares in sites.items() if arm in shares and arm in everybody.get(site, ())]
        weights = np.full(len(behind), 1.0 / max(len(behind), 1))
        if behind:
            rows.append(
                PooledContactRow(
                    *key,
                    arm,
                    len(behind),
                    fmean(sites[site][arm] for site in behind),
                    fmean(everybody[site][arm] for site in behind),
                    len(behind) >= fewest and not reasons_to_hold(weights, choices),
                )
            )
    return rows


def one_part_a_wave(parts: Iterable[ReleasedContact]) -> tuple[ReleasedContact, ...]:
    """Take of each site and question what its last wave that has shares released.

    Parts come in the order of their waves, everybody before the groups.
    """
    last: dict[tuple[str, str], list[ReleasedContact]] = {}
    for part in parts:
        if not part.group:
            last[part.site, part.question] = []
        last.setdefault((part.site, part.question), []).append(part)
    return tuple(part for found in last.values() for part in found)
