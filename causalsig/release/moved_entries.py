"""Another cutoff as it leaves: the effect on its band on a grid, by which route, or why there is none.

Households of the band, and with them the contacts, follow from the counts that stand beside the threshold.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, get_args

from pydantic import Field, model_validator

from causalsig.release.jump_entries import JumpEntry, WidthEntry
from causalsig.release.value_types import Closed, Code, RuleCode

OwnRoute = Literal["changed_band", "changed_jumps", "continuation"]
"""Routes that a site can answer by alone, the strongest first; others are asked where sites are pooled."""
OWN_ROUTES: tuple[str, ...] = get_args(OwnRoute)


class PassedEntry(Closed):
    """A stronger route without an answer."""

    route: OwnRoute
    code: Code


class MoveEntry(Closed):
    """One other cutoff; ``months`` are those that the counts of its threshold are over."""

    percent: Annotated[int, Field(ge=10, le=1000)]
    months: Annotated[int, Field(ge=1, le=600)]
    route: OwnRoute | None
    effect: tuple[JumpEntry, ...] = Field(max_length=1)
    bias_bound: tuple[WidthEntry, ...] = Field(max_length=1)
    passed: tuple[PassedEntry, ...] = Field(max_length=len(OWN_ROUTES))
    held: RuleCode | None

    @model_validator(mode="after")
    def _one_answer(self) -> MoveEntry:
        if self.effect and (self.route is None or self.held is not None):
            raise ValueError("an effect of another threshold has no route, or was held back")
        if self.bias_bound and not self.effect:
            raise ValueError("a bound of bias stands beside no effect")
        if not self.effect and self.route is not None and self.held is None:
            raise ValueError("a route answered, and neither the effect nor why it stays is told")
        places = [OWN_ROUTES.index(one.route) for one in self.passed]
        last = len(OWN_ROUTES) if self.route is None else OWN_ROUTES.index(self.route)
        if places != sorted(set(places)) or any(place >= last for place in places):
            raise ValueError("routes passed are not in order, or not stronger than the one that answered")
        return self


def move_numbers(entry: MoveEntry) -> int:
    """Count free numbers: an estimate, its error, and a bound of its bias."""
    return 2 * len(entry.effect) + len(entry.bias_bound)


def check_moves(
    entries: Sequence[MoveEntry], households: Sequence[tuple[int, int | None]], *, arm: int
) -> None:
    """Refuse an effect on a band that has fewer households than an arm needs, by its own counts."""
    for entry, (_, most) in zip(entries, households, strict=True):
        if entry.effect and most is not None and most < arm:
            raise ValueError("the band of a moved threshold lies below the floor of households")
