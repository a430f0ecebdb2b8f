"""Random counts for profiles and monitors, and what the handbook says of the documents made of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import date
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from causalsig.counts import (
    AbsentFigure,
    FindingCount,
    HouseholdCount,
    MonitorCounts,
    ProfileCounts,
    RateCount,
    ScaleCount,
    ShareCount,
)
from causalsig.release.monitor_document import GROUPS
from causalsig.release.profile_document import ACCEPTANCE, CODE_LISTS, COLUMNS, LINKS
from causalsig.study.models import Disclosure
from evidence.claims._payload_grids import BANDS, ROUNDING
from evidence.claims._payload_judged import Judged
from evidence.claims._payload_oracle import band_of, share_step

if TYPE_CHECKING:
    from random import Random

MONTHS: Final = ("2026-01", "2026-02", "2026-03")
FEW: Final = (0, 0, 1, 3, 9, 10, 11, 14, 15, 30, 99)
Cell = ShareCount | RateCount
Counts = MonitorCounts | ProfileCounts


@cache
def floors_of(number: int) -> Disclosure:
    """Floors of a site: the house's, or tighter ones."""
    return Disclosure(
        min_households_cell=(10, 10, 15)[number],
        max_parameter_share=(0.1, 0.05, 0.1)[number],
        max_largest_weight=(0.5, 0.5, 0.4)[number],
    )


def random_monitor(draw: Random) -> tuple[Disclosure, MonitorCounts]:
    """Draw the counts of a monitor: some figures, over all and by month."""
    total = draw.choice((9, 10, 40, 150, 400, 900, 3000, 9000))
    shares, rates = [], []
    for figure in draw.sample(sorted(GROUPS), 3):
        for group in GROUPS[figure]:
            shares.append(_share(draw, figure, group, None, total))
            if draw.random() < 0.5:
                shares += [_share(draw, figure, group, month, total // 3) for month in MONTHS]
    shares = [one for one in shares if one.denominator]
    for month in (None, *MONTHS):
        rates.append(_rate(draw, month, total if month is None else total // 3))
    absent = (AbsentFigure("signals_per_episode", "", "source-cases-only"),) if draw.random() < 0.3 else ()
    counts = MonitorCounts(
        date(2026, 4, 2), MONTHS[0], MONTHS[-1], MONTHS[1], total, tuple(r for r in rates if r.numerator),
        tuple(shares), absent,
    )  # fmt: skip
    return floors_of(draw.randrange(3)), counts


def _size(draw: Random, total: int) -> int:
    return min(draw.choice(FEW), total) if draw.random() < 0.3 else draw.randint(0, total)


def _share(draw: Random, figure: str, group: str, month: str | None, total: int) -> ShareCount:
    households = _size(draw, total)
    part = min(_size(draw, households), households)
    return ShareCount(figure, group, month, part, households, households, part, households - part)


def _rate(draw: Random, month: str | None, total: int) -> RateCount:
    households = _size(draw, total)
    signals = households + draw.randint(0, households)
    top = draw.choice((1, 2, int(signals * 0.45), int(signals * 0.51)))
    two = top + draw.choice((1, int(signals * 0.1), int(signals * 0.3)))
    return RateCount("signals_per_1000", month, signals, draw.uniform(1.0, 90.0), households, top, two)


def random_profile(draw: Random) -> tuple[Disclosure, ProfileCounts]:
    """Draw the counts of a profile."""
    total = draw.choice((9, 10, 40, 40, 60, 60, 150, 400, 3000, 9000))
    codes = []
    for (table, column), names in draw.sample(sorted(CODE_LISTS.items()), 3):
        own = [HouseholdCount(table, column, name, _size(draw, total)) for name in names]
        # Every household has a code, so no total is more than all of them together.
        rest = max(total - sum(cell.households for cell in own[1:]), own[0].households)
        codes += [HouseholdCount(table, column, names[0], min(rest, total)), *own[1:]]
    codes += [HouseholdCount(table, "", "", total) for table in {cell.table: None for cell in codes}]
    months = tuple(HouseholdCount("signals", "received_on", month, _size(draw, total)) for month in MONTHS)
    missing = [
        _share(draw, "signals", column, None, total) for column in draw.sample(sorted(COLUMNS["signals"]), 4)
    ]
    links = [_share(draw, name, "", None, total) for name in draw.sample(LINKS, 3)]
    acceptance = [_share(draw, name, "", None, total) for name in draw.sample(ACCEPTANCE, 3)]
    findings = tuple(
        FindingCount(code, "signals", "age", draw.choice((None, *FEW)))
        for code in draw.sample(("source-repeat-flags-missing", "nobody-knows-this", "source-cases-only"), 2)
    )
    scale = (ScaleCount("rent", "usual", draw.choice((19, 20, 29, 30, 90))),)
    counts = ProfileCounts(
        date(2026, 4, 2), total, "nl", scale, findings, tuple(codes), months,
        tuple(one for one in missing if one.denominator), tuple(one for one in links if one.denominator),
        tuple(one for one in acceptance if one.denominator),
    )  # fmt: skip
    return floors_of(draw.randrange(3)), counts


def judge_monitor(floors: Disclosure, counts: MonitorCounts, document: Mapping[str, Any]) -> Judged:
    """Hold a monitor against its counts."""
    told = Judged()
    shown = {(one["figure"], "", one["month"]): one for one in document["rates"]}
    shown |= {(one["figure"], one["group"], one["month"]): one for one in document["shares"]}
    counted: list[Cell] = [*counts.rates, *counts.shares]
    cells = {_key(one): one for one in counted}
    if not set(shown) <= set(cells):
        told.wrong.append("closed: a cell of nothing")
    for key, cell in cells.items():
        told.check("cell-floor", cell.households >= floors.min_households_cell, key in shown)
        told.check("class-floor", _classes(cell) >= floors.min_households_cell, key in shown)
        told.check("dominance", _spread(cell, floors), key in shown)
        if key in shown:
            told.wrong += _on_its_grid(cell, shown[key])
    for family in _families(cells.values()):
        hidden = [cell for cell in family if _key(cell) not in shown]
        safe = _safe(hidden, floors.min_households_cell)
        told.check("follows", safe, len(hidden) < len(family))
    tables = {
        (c.figure if c.month is None else f"{c.figure}_by_month") for k, c in cells.items() if k not in shown
    }
    if not tables <= {one["table"] for one in document["suppressions"]}:
        told.wrong.append("listed: a cell")
    most = floors.max_parameter_share * counts.households
    told.check("numbers", len(shown) <= most + ROUNDING, True)
    told.held["numbers"] += any(one["rule"] == "release-parameters" for one in document["suppressions"])
    if document["households"] != band_of(counts.households):
        told.wrong.append("bands: households")
    return told


def _key(cell: Cell) -> tuple[str, str, str | None]:
    return cell.figure, cell.group if isinstance(cell, ShareCount) else "", cell.month


def _classes(cell: Cell) -> float:
    rate = isinstance(cell, RateCount)
    return math.inf if rate else min(cell.households_with, cell.households_without)  # type: ignore[union-attr]


def _spread(cell: Cell, floors: Disclosure) -> bool:
    if isinstance(cell, ShareCount):
        return True
    one, two = cell.largest / cell.numerator, cell.two_largest / cell.numerator
    return one <= floors.max_largest_weight + ROUNDING and two <= floors.max_two_largest_weight + ROUNDING


def _on_its_grid(cell: Cell, shown: Mapping[str, Any]) -> list[str]:
    step = 2.0 ** shown["value_exponent"]
    found = ["bands: a cell"] * (shown["households"] != band_of(cell.households))
    if isinstance(cell, ShareCount) and shown["value_exponent"] != share_step(shown["households"]):
        found.append("grid: a share off the grid of its band")
    if abs(cell.value - shown["value"] * step) > step / 2 * (1 + 1e-6):
        found.append("grid: a value that is not the nearest step")
    return found


def _families(cells: Any) -> list[list[Cell]]:
    """Cells that add up to something known: months of a group, and groups of a month or of the whole."""
    found: dict[tuple[object, ...], list[Cell]] = {}
    for cell in cells:
        figure, group, month = _key(cell)
        if month is not None:
            found.setdefault((figure, "months of", group), []).append(cell)
        if group:
            found.setdefault((figure, "groups of", month), []).append(cell)
    return [family for family in found.values() if len(family) > 1]


def _safe(hidden: Sequence[Cell], floor: int) -> bool:
    """Nothing follows where all hidden cells are empty, or one of them meets the floor by itself."""
    columns: list[tuple[int, ...]] = []
    for cell in hidden:
        rest = (cell.households_with, cell.households_without) if isinstance(cell, ShareCount) else ()
        columns.append((cell.households, *rest))
    return all(max(column) == 0 or max(column) >= floor for column in zip(*columns, strict=True))


def judge_profile(floors: Disclosure, counts: ProfileCounts, document: Mapping[str, Any]) -> Judged:
    """Hold a profile against its counts."""
    told, floor = Judged(), floors.min_households_cell
    held = {one["table"] for one in document["suppressions"]}
    codes = {(one["table"], one["column"], one["code"]): one["households"] for one in document["codes"]}
    codes |= {(one["table"], "received_on", one["month"]): one["households"] for one in document["months"]}
    for cell in (*counts.codes, *counts.months):
        key = (cell.table, cell.column, cell.code)
        if cell.column:
            told.check("cell-floor", cell.households >= floor, key in codes)
        if key in codes and codes[key] != band_of(cell.households):
            told.wrong.append("bands: a code")
    _follow(counts.codes, codes, floor, told)
    entries = {("signals", one["column"]): one for one in document["missing"]}
    entries |= {(one["link"], ""): one for one in document["links"]}
    entries |= {(one["figure"], ""): one for one in document["acceptance"]}
    mixed = 0
    for share in (*counts.missing, *counts.links, *counts.acceptance):
        entry = entries.get((share.figure, share.group))
        both = share.households_with >= floor and share.households_without >= floor
        told.check("class-floor", both, entry is not None and entry["state"] == "mixed")
        told.check("cell-floor", share.households >= floor, entry is not None)
        if entry is not None and entry["state"] == "mixed":
            mixed += 1
            told.wrong += _on_its_grid(share, entry)
        few = {"nearly_all": share.households_without, "nearly_none": share.households_with}
        if entry is not None and few.get(entry["state"], 0) >= floor:
            told.wrong.append("grid: a state that is not so")
        if entry is None and not held & {"missing", "links", "acceptance"}:
            told.wrong.append("listed: a share")
    told.check("numbers", mixed <= floors.max_parameter_share * counts.households + ROUNDING, True)
    told.held["numbers"] += any(one["rule"] == "release-parameters" for one in document["suppressions"])
    shown = {one["creditor_type"] for one in document["scale"]}
    for one in counts.scale:
        told.check("median", one.households >= 2 * floor, one.creditor_type in shown)
    largest = [n for finding in counts.findings if (n := finding.households) is not None]
    if len(document["findings"]) > sum(n >= floor for n in largest) + len(counts.findings) - len(largest):
        told.wrong.append("cell-floor")
    return told


def _follow(
    cells: Sequence[HouseholdCount], shown: Mapping[tuple[str, str, str], str], floor: int, told: Judged
) -> None:
    """Of a column with a known total: what the bands leave over must not be a few households."""
    for table, column in {(cell.table, cell.column) for cell in cells if cell.column}:
        own = [cell for cell in cells if (cell.table, cell.column) == (table, column)]
        total = next(cell.households for cell in cells if (cell.table, cell.column) == (table, ""))
        hidden = [cell.households for cell in own if (table, column, cell.code) not in shown]
        most = sum(BANDS[shown[table, column, c.code]][1] for c in own if (table, column, c.code) in shown)
        few = any(hidden) and max(hidden) < floor
        known = BANDS[band_of(total)][0] > most
        told.check("follows", not (few and known), most > 0)
