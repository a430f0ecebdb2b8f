"""Effects by group as pages show them: a municipality's own, and the pool's, family by family."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite
from typing import TYPE_CHECKING

from causalsig.pooling.groups import pool_groups
from causalsig.release.grouped_entries import GROUPS
from causalsig.report.effects import SCALE, Shown

if TYPE_CHECKING:
    from causalsig.grouped import PooledDifference, PooledGroupRow, ReleasedGroups
    from causalsig.report.pages import QuestionSpec

ESTIMATOR = "doubly_robust"
"""Effects of groups are made of its scores; of accepted help, answered with clones, by the landmark's."""


@dataclass(frozen=True, slots=True)
class GroupRow:
    """One group: its effect here, in the pool, and in the pool less that of the family's first group."""

    group: str
    own: Shown | None = None
    pooled: Shown | None = None
    difference: Shown | None = None


@dataclass(frozen=True, slots=True)
class Family:
    """The groups of one family that have a number, in the code list's order.

    ``own_p`` and ``pooled_p`` test that they have one effect, adjusted (Holm) for the families of the page;
    None where a family has no such test.
    """

    family: str
    rows: tuple[GroupRow, ...]
    own_p: float | None = None
    pooled_p: float | None = None

    def said(self, level: float) -> tuple[str, str]:
        """Say whether the groups differ here and in the pool: "differ", "alike", or "" without a test."""
        own, pooled = (
            "" if p is None else "differ" if p <= 1.0 - level else "alike"
            for p in (self.own_p, self.pooled_p)
        )
        return own, pooled


def families_of(
    spec: QuestionSpec,
    own: Sequence[ReleasedGroups],
    pooled: Iterable[PooledGroupRow],
    *,
    level: float,
    alone: bool = True,
    unpublished: bool = False,
) -> tuple[Family, ...]:
    """Line up what is known of a question's groups.

    Intervals hold together within a family. Where a municipality is too small to stand alone, its own figure
    of a group stands beside that of the pool, or not at all.

    Parameters
    ----------
    spec : QuestionSpec
    own : sequence of ReleasedGroups
        Of the question; empty on a page of all municipalities, and where the question's own answer is not
        shown.
    pooled : iterable of PooledGroupRow
    level : float
    alone : bool
        The municipality's own figures may stand without the pool's.
    unpublished : bool
        Show rows that are not publishable as well: for the statistician.
    """
    blocks = {
        block.family: block
        for block in own
        if (block.question, block.outcome) == (spec.question, spec.outcome)
    }
    estimand = next((block.estimand for block in blocks.values()), spec.robust_estimand)
    wanted = (spec.question, spec.outcome, estimand, ESTIMATOR, *spec.contrast)
    rows: dict[str, dict[str, PooledGroupRow]] = {}
    for row in pooled:
        same = (row.question, row.outcome, row.estimand, row.estimator, row.arm, row.reference) == wanted
        if same and isfinite(row.conf_low) and (row.publishable or unpublished):
            rows.setdefault(row.family, {})[row.group] = row
    found = [_family(name, blocks.get(name), rows.get(name, {}), level, alone) for name in spec.families]
    return _adjusted([one for one in found if one.rows])


def _family(
    family: str, block: ReleasedGroups | None, pooled: Mapping[str, PooledGroupRow], level: float, alone: bool
) -> Family:
    own, own_p = ({}, None) if block is None else own_effects(block, level)
    shown = {group: one for group, one in own.items() if alone or group in pooled}
    rows = tuple(
        GroupRow(
            group,
            shown.get(group),
            show_row(pooled[group]) if group in pooled else None,
            show_difference(pooled[group].difference) if group in pooled else None,
        )
        for group in GROUPS[family]
        if group in shown or group in pooled
    )
    tests = [row.p_of_family for row in pooled.values()]
    return Family(family, rows, own_p if len(shown) == len(own) else None, tests[0] if tests else None)


def own_effects(block: ReleasedGroups, level: float) -> tuple[dict[str, Shown], float | None]:
    """Give a site's effects with intervals that hold together, and the test that they are one.

    From what was released alone: a pool of one site is that site.
    """
    [pool] = pool_groups([block], level=level)
    band = pool.fit.simultaneous()
    bands = dict(zip(block.groups, block.households, strict=bool(block.households)))
    numbers = zip(band.estimates, band.conf_low, band.conf_high, band.std_errors, strict=True)
    shown = {
        group: replace(_shown(row), households=bands.get(group))
        for group, row in zip(pool.groups, numbers, strict=True)
    }
    return shown, float(pool.fit.against(0).joint.p_value) if len(shown) > 1 else None


def _shown(numbers: Iterable[float]) -> Shown:
    """Put an estimate, both ends of its interval and its standard error on the page's scale."""
    estimate, low, high, std_error = (float(value) * SCALE for value in numbers)
    return Shown(estimate, low, high, std_error)


def show_row(row: PooledGroupRow) -> Shown:
    """Put a pooled group on the page's scale."""
    return replace(_shown((row.estimate, row.conf_low, row.conf_high, row.std_error)), sites=row.sites)


def show_difference(found: PooledDifference | None) -> Shown | None:
    """Put a difference between groups on the page's scale."""
    if found is None:
        return None
    return _shown((found.estimate, found.conf_low, found.conf_high, found.std_error))


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Adjust p-values so that the chance of any false finding among them is kept (Holm 1979)."""
    adjusted: dict[str, float] = {}
    largest = 0.0
    for done, name in enumerate(sorted(p_values, key=lambda name: p_values[name])):
        largest = max(largest, min(1.0, (len(p_values) - done) * p_values[name]))
        adjusted[name] = largest
    return adjusted


def _adjusted(families: list[Family]) -> tuple[Family, ...]:
    own = holm({one.family: one.own_p for one in families if one.own_p is not None})
    pooled = holm({one.family: one.pooled_p for one in families if one.pooled_p is not None})
    return tuple(
        Family(one.family, one.rows, own.get(one.family), pooled.get(one.family)) for one in families
    )
