"""The disclosure rules of cells: counts, shares and rates of a profile and a monitor.

The same reason codes and the same floors as :mod:`causalsig.release.rules`, on cells instead of estimates. A
cell that is held back must not follow from those beside it: a family (the months of a figure, or the groups
that add up) hides either nothing at all or at least one cell that itself meets the floor. Such a second cell
is listed under the same reason as the first: another one would tell that the first is small and not empty.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from causalsig.counts import HouseholdCount, RateCount, ShareCount
from causalsig.release import grid
from causalsig.release.registry import Rule, rule, rules_of
from causalsig.study.models import Disclosure

Cell = ShareCount | RateCount

CELL_FLOOR, CLASS_FLOOR, BUDGET = "release-cell-floor", "release-class-floor", "release-parameters"


@dataclass(frozen=True, slots=True)
class Held:
    """That something of a figure was held back, by which rule, and whether it was cells by month."""

    rule: str
    figure: str
    by_month: bool


def rules() -> tuple[Rule, ...]:
    """Return the rules on a cell in the order in which they run."""
    return rules_of("cell")


@rule("cell", CELL_FLOOR, "10 households: ESSnet/DwB, ABS, acro", ("min_households_cell",))
def _cell_floor(cell: Cell, floors: Disclosure) -> bool:
    return cell.households >= floors.min_households_cell


@rule(
    "cell",
    CLASS_FLOOR,
    "10 households with and without: ESSnet/DwB, ABS; a rate goes with its count",
    ("min_households_cell",),
)
def _class_floor(cell: Cell, floors: Disclosure) -> bool:
    floor = floors.min_households_cell
    return isinstance(cell, RateCount) or min(cell.households_with, cell.households_without) >= floor


@rule(
    "cell",
    "release-dominance",
    "largest 50 %, two largest 67 % of the signals: ABS",
    ("max_largest_weight", "max_two_largest_weight"),
)
def _dominance(cell: Cell, floors: Disclosure) -> bool:
    if isinstance(cell, ShareCount):
        return True
    largest = cell.largest <= floors.max_largest_weight * cell.numerator
    return largest and cell.two_largest <= floors.max_two_largest_weight * cell.numerator


def sift(cells: Sequence[Cell], floors: Disclosure, *, budget: int) -> tuple[list[Cell], list[Held]]:
    """Decide which cells leave: the rules cell by cell, then the budget, then what subtraction would tell.

    Parameters
    ----------
    cells : sequence of ShareCount or RateCount
        Every cell of each table, empty ones too, in the order in which they matter.
    floors : Disclosure
    budget : int
        How many numbers may leave; a table that does not fit is held back as a whole.

    Returns
    -------
    released : list of cells, in the order given
    held : list of Held
        Each once; ``release-cell-floor`` is also said of a table whose missing cells are empty.
    """
    reasons: dict[int, str] = {}
    judges = rules()
    for place, cell in enumerate(cells):
        broken = next((one.code for one in judges if not one.function(cell, floors)), None)
        if broken is not None:
            reasons[place] = broken
    _keep_within(cells, reasons, budget)
    families = _families(cells)
    # Holding a cell back in one family may open another: again until nothing changes.
    while sum(_complement(family, cells, reasons, floors) for family in families):
        pass
    released = [cell for place, cell in enumerate(cells) if place not in reasons]
    held = {
        Held(code, cells[place].figure, cells[place].month is not None) for place, code in reasons.items()
    }
    return released, sorted(held, key=lambda item: (item.figure, item.by_month, item.rule))


@rule(
    "table", BUDGET, "released numbers at most 10 % of the households: vantage6 GLM", ("max_parameter_share",)
)
def _keep_within(cells: Sequence[Cell], reasons: dict[int, str], budget: int) -> None:
    """Hold back the tables that come after what fits."""
    tables: dict[tuple[str, bool], list[int]] = {}
    for place, cell in enumerate(cells):
        tables.setdefault((cell.figure, cell.month is not None), []).append(place)
    spent = 0
    for places in tables.values():
        left = [place for place in places if place not in reasons]
        if spent + len(left) > budget:
            reasons.update(dict.fromkeys(left, BUDGET))
        else:
            spent += len(left)


def _families(cells: Sequence[Cell]) -> list[list[int]]:
    """Return the sets of cells that add up to something known: months of a group, and groups of a month."""
    found: dict[tuple[object, ...], list[int]] = {}
    for place, cell in enumerate(cells):
        group = cell.group if isinstance(cell, ShareCount) else ""
        if cell.month is not None:
            found.setdefault((cell.figure, "group", group), []).append(place)
        if group:
            found.setdefault((cell.figure, "month", cell.month), []).append(place)
    return [family for family in found.values() if len(family) > 1]


@rule("table", CELL_FLOOR, "own: complementary suppression in tables", ("min_households_cell",))
def _complement(
    family: Sequence[int], cells: Sequence[Cell], reasons: dict[int, str], floors: Disclosure
) -> int:
    """Hold back the smallest cells of a family until what is hidden cannot be told; return how many."""
    added = 0
    shown = sorted(
        (place for place in family if place not in reasons), key=lambda place: (_sizes(cells[place]), place)
    )
    while shown and not _is_safe([cells[p] for p in family if p in reasons], floors.min_households_cell):
        reasons[shown.pop(0)] = CELL_FLOOR
        added += 1
    return added


def _sizes(cell: Cell) -> tuple[int, ...]:
    """Give the households of a cell that subtraction could tell, the smallest first."""
    if isinstance(cell, RateCount):
        return (cell.households,)
    return tuple(sorted((cell.households_with, cell.households_without)))


def _is_safe(hidden: Sequence[Cell], floor: int) -> bool:
    """Say whether the sum of the hidden cells is nothing, or holds a cell that meets the floor by itself.

    Households of two cells may be the same, so the sum of two small cells is no larger cell.
    """
    columns: Iterable[tuple[int, ...]] = zip(
        *(
            (c.households,)
            if isinstance(c, RateCount)
            else (c.households, c.households_with, c.households_without)
            for c in hidden
        ),
        strict=True,
    )
    return all(not any(column) or max(column) >= floor for column in columns)


@rule("count", CELL_FLOOR, "10 households: ESSnet/DwB, ABS, acro", ("min_households_cell",))
def sift_counts(
    cells: Sequence[HouseholdCount], total: int, floors: Disclosure
) -> tuple[list[tuple[HouseholdCount, str]], bool]:
    """Decide which counts of households leave, as bands.

    Bands do not subtract, so what is hidden can be told only when the total's lower end exceeds all that the
    shown bands can hold; then the smallest shown ones are held back too.

    Parameters
    ----------
    cells : sequence of HouseholdCount
        Of one table: every code of a list.
    total : int
        Distinct households in the table.

    Returns
    -------
    released : list of (HouseholdCount, band)
    held : bool
        Whether a code is not there: too small, empty, or needed to hide one that is.
    """
    floor = floors.min_households_cell
    shown = sorted(
        (cell for cell in cells if cell.households >= floor), key=lambda cell: (-cell.households, cell.code)
    )
    hidden = [cell.households for cell in cells if cell.households < floor]
    least = grid.band_limits(grid.band(total))[0]
    while shown and any(hidden) and max(hidden) < floor and least > _most(shown):
        hidden.append(shown.pop().households)
    kept = set(shown)
    return [(cell, grid.band(cell.households)) for cell in cells if cell in kept], bool(hidden)


def _most(cells: Sequence[HouseholdCount]) -> float:
    ends = [grid.band_limits(grid.band(cell.households))[1] for cell in cells]
    return sum(float("inf") if end is None else end for end in ends)
