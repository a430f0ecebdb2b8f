"""What leaves of another cutoff than a site's own: the effect on its band, above the floors of any effect.

The counts of the threshold already tell how many households a band has, and so the contacts; what they cost
is said where it is read. Bands of several candidates lie within one another, also those of two places of a
threshold that moved: what two effects together would tell of the few households in between stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from causalsig.release import grid
from causalsig.release.crossed_grids import broken_floor, jump_entry, width_entry
from causalsig.release.moved_entries import OWN_ROUTES, MoveEntry, PassedEntry, move_numbers
from causalsig.release.vocabulary import to_code

if TYPE_CHECKING:
    from causalsig.crossed import ThresholdBlock
    from causalsig.moved import MovedRow
    from causalsig.release.rules import Limits

MONTHS_OF_A_YEAR = 12
SMALLEST_BOUND = grid.from_two_digits(10, grid.MIN_SE_EXPONENT)
"""A bound of bias below it is written as this."""


def moves_of(block: ThresholdBlock, limits: Limits) -> tuple[MoveEntry, ...]:
    """Write every candidate cutoff of a threshold whose own effect leaves, in order of its place."""
    found = (_entry(row, _broken(row, limits) or _few_apart(row, limits)) for row in block.moved)
    return tuple(sorted(found, key=lambda entry: entry.percent))


def within_budget(entries: Sequence[MoveEntry], left: float) -> tuple[tuple[MoveEntry, ...], bool]:
    """Take effects out, the furthest from the threshold first, until their numbers are within a budget.

    Returns
    -------
    entries : tuple of MoveEntry
    over : bool, whether one was taken out
    """
    kept, over = list(entries), False
    for place in sorted(range(len(kept)), key=lambda at: -abs(kept[at].percent - 100)):
        if sum(map(move_numbers, kept)) <= left:
            break
        if kept[place].effect:
            kept[place], over = _without_effect(kept[place], "release-parameters"), True
    return tuple(kept), over


def _entry(row: MovedRow, held: str | None) -> MoveEntry:
    band = row.band
    own = tuple(one for one in row.passed if one.route in OWN_ROUTES)
    effect = None if band is None else jump_entry(band.estimate, band.std_error)
    entry = MoveEntry(
        percent=round(100 * row.part),
        months=round(MONTHS_OF_A_YEAR * row.years),
        route=None if band is None else band.route,  # type: ignore[arg-type]  # a site has no other
        effect=() if effect is None else (effect,),
        bias_bound=(width_entry(max(band.largest_bias, SMALLEST_BOUND), up=True),)
        if band is not None and effect is not None and band.largest_bias > 0.0
        else (),
        passed=tuple(PassedEntry(route=one.route, code=to_code(one.code)) for one in own),  # type: ignore[arg-type]
        held="release-grid" if band is not None and effect is None else None,
    )
    return entry if held is None else _without_effect(entry, held)


def _without_effect(entry: MoveEntry, code: str) -> MoveEntry:
    return MoveEntry.model_validate(entry.model_dump() | {"effect": (), "bias_bound": (), "held": code})


def _broken(row: MovedRow, limits: Limits) -> str | None:
    """Return the code of the first floor that a band, or its effect, does not hold."""
    if row.households < limits.disclosure.min_households_cell:
        return "release-cell-floor"
    if row.band is None:
        return None
    if row.basis is None:
        return "release-arm-floor"
    return broken_floor(
        limits,
        households=min(row.households, row.basis.households),
        fewest_of_a_kind=min(row.basis.households_with, row.basis.households_without),
        shares=(row.basis.largest_share, row.basis.two_largest_share),
        std_error=row.band.std_error,
    )


def _few_apart(row: MovedRow, limits: Limits) -> str | None:
    """Say whether a few households only tell a band's episodes from those of another candidate.

    Counted are households of the episodes that differ: those that have another episode in both tell as much.
    """
    apart = None if row.basis is None else row.basis.apart
    few = apart is not None and apart < limits.disclosure.min_households_cell
    return "release-nested-difference" if few else None
