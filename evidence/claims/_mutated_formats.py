"""Small sources of every format, of which one cell can be replaced before they are read.

Canonical tables are in ``_mutated_tables``.
"""

from __future__ import annotations

import json
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from evidence.claims._mutations import KINDS, WORKBOOK_KINDS, Role

if TYPE_CHECKING:
    from causalsig.sources.findings import ReadResult
    from causalsig.sources.schema import SiteTables
    from causalsig.sources.workbook import Sheet

MONTHS: Final = 18
SEED: Final = 404
HOUSEHOLDS: Final = 32
FOLLOWED: Final = 2
INTERIM: Final = 12
"""So many households of an invented municipality, with all that belongs to them; among them those of the
first follow-ups and interim attempts. The fewest with every column, code and link, and enough for what is
only checked in a sample of ten, twenty or fifty."""
Place = Any
"""Where a cell is, in the format's own terms."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a format: its name, what it holds, and where its cells are."""

    name: str
    role: Role
    places: tuple[Place, ...]


@dataclass(frozen=True, slots=True)
class Format:
    """A source whose cells can be replaced.

    Attributes
    ----------
    columns : tuple of Column
    read : callable
        Takes a place and a value and reads the source with that value there; None reads it as it is.
    kinds : tuple of str
        Kinds of values that the format can carry.
    """

    columns: tuple[Column, ...]
    read: Callable[[tuple[Place, Any] | None], ReadResult]
    kinds: tuple[str, ...] = KINDS


@cache
def small_site() -> SiteTables:
    """Cut a small part of an invented municipality, with whole households."""
    from causalsig.simulation import draw_sites, load_scenario, simulate_site

    scenario = load_scenario("ignorable", "modest")
    [spec] = draw_sites(scenario, 1, SEED, inhabitants=2_000, retention="full")
    tables: SiteTables = simulate_site(spec, scenario, SEED, months=MONTHS, truth=False).tables
    signals, owner = tables.signals, tables.cases.set_index("case_id")["household_key"]
    interim = tables.attempts.loc[tables.attempts["is_final"] == 0, "case_id"]
    # Few cases have them, and of fewer than ten identifiers none is odd.
    first = [*owner[tables.followups["case_id"][:FOLLOWED]], *owner[interim[:INTERIM]]]
    households = set(list(dict.fromkeys([*first, *signals["household_key"].dropna()]))[:HOUSEHOLDS])
    cases = tables.cases[tables.cases["household_key"].isin(households)]

    def of(name: str, column: str, kept: set[str]) -> Any:
        frame = getattr(tables, name)
        return frame[frame[column].isin(kept)].reset_index(drop=True)

    numbers = set(cases["case_id"])
    return replace(
        tables,
        signals=of("signals", "household_key", households),
        episodes=of("episodes", "household_key", households),
        cases=cases.reset_index(drop=True),
        attempts=of("attempts", "case_id", numbers),
        followups=of("followups", "case_id", numbers),
    )


def arguments(tables: SiteTables) -> dict[str, Any]:
    """Whom and how to read, as the inventory would say."""
    from causalsig.sources.schema import Matching

    return {"municipality": tables.municipality, "matching": Matching()}


_WORKBOOK_ROLES: Mapping[str, Role] = {
    "key": "key",
    "date": "date",
    "amount": "amount",
    "age": "number",
    "flag": "flag",
    "crisis": "code",
    "wants_help": "flag",
    "method": "code",
    "daypart": "code",
    "result": "code",
    "creditor_type": "code",
}


def xxllnc_2026() -> Format:
    """Make the workbook as the sheets read from it: writing one for every mutation takes too long."""
    from causalsig.simulation.xxllnc import workbook_tabs
    from causalsig.sources.workbook import sheet_from_rows
    from causalsig.sources.xxllnc_2026 import read_sheets
    from causalsig.sources.xxllnc_layout import MAPPING

    tables = small_site()
    tabs = workbook_tabs(tables, name="Voorbeeldstad")
    roles: dict[tuple[str, str], Role] = {
        (tab, column.header): _WORKBOOK_ROLES[column.role]
        for tab, columns in MAPPING.items()
        for column in columns
    }
    roles["Signalen", "Wijk"] = "free"
    columns = tuple(
        Column(
            f"{tab}.{header}",
            roles.get((tab, header), "free"),
            tuple((tab, row, at) for row in range(1, len(rows))),
        )
        for tab, rows in tabs.items()
        for at, header in enumerate(rows[0])
    )
    sheets = {tab.casefold(): sheet_from_rows(tab, rows) for tab, rows in tabs.items()}

    def read(change: tuple[Place, Any] | None) -> ReadResult:
        return read_sheets(
            sheets if change is None else _changed_sheets(tabs, sheets, *change),
            name=None,
            declared_locale=None,
            extracted_on=tables.extracted_on,
            **arguments(tables),
        )

    return Format(tuple(column for column in columns if column.places), read, WORKBOOK_KINDS)


def _changed_sheets(
    tabs: Mapping[str, Sequence[Sequence[Any]]], sheets: Mapping[str, Sheet], place: Place, value: Any
) -> dict[str, Sheet]:
    from causalsig.sources.workbook import sheet_from_rows

    tab, row, at = place
    rows = list(tabs[tab])
    rows[row] = [*rows[row][:at], value, *rows[row][at + 1 :]]
    return {**sheets, tab.casefold(): sheet_from_rows(tab, rows)}


def xxllnc_flat() -> Format:
    """Make the flat sheet of 2024 and 2025, as the sheet read from it."""
    from causalsig.simulation.export.flat_sheet import flat_columns
    from causalsig.sources import xxllnc_flat_layout as layout
    from causalsig.sources.workbook import sheet_from_rows
    from causalsig.sources.xxllnc_flat import read_sheet

    tables = small_site()
    headers = layout.headers()
    cells = flat_columns(tables, name="Voorbeeldstad", locale="nl")
    empty = [""] * len(tables.cases)
    rows = [headers, *map(list, zip(*(cells.get(header, empty) for header in headers), strict=True))]
    roles = _flat_roles()
    places = {header: tuple((row, at) for row in range(1, len(rows))) for at, header in enumerate(headers)}
    columns = tuple(Column(header, roles.get(header, "free"), places[header]) for header in headers)

    def read(change: tuple[Place, Any] | None) -> ReadResult:
        changed = list(rows)
        if change is not None:
            (row, at), value = change
            changed[row] = [*rows[row][:at], value, *rows[row][at + 1 :]]
        return read_sheet(
            sheet_from_rows("Export", changed),
            name=None,
            declared_locale=None,
            extracted_on=tables.extracted_on,
            **arguments(tables),
        )

    return Format(columns, read, WORKBOOK_KINDS)


def _flat_roles() -> dict[str, Role]:
    from causalsig.sources import xxllnc_flat_layout as layout

    prefixes = [layout.interim_prefix(number) for number in range(1, layout.INTERIM + 1)]
    named = [
        *((column.header, column.role) for column in layout.CASE if column.target != "district"),
        *(
            (layout.creditor_prefix(number) + column.header, column.role)
            for number in range(1, layout.CREDITORS + 1)
            for column in layout.CREDITOR
        ),
        *(
            (prefix + column.header, column.role)
            for prefix in (*prefixes, layout.FINAL_PREFIX)
            for column in layout.ATTEMPT
        ),
        (layout.FINAL_PREFIX + layout.RESULT.header, layout.RESULT.role),
    ]
    return {header: _WORKBOOK_ROLES[role] for header, role in named}


_JSON_ROLES: Mapping[str, Role] = {
    "ID": "key",
    "bedrag": "amount",
    "crisissignaal": "flag",
    "bereikt": "flag",
    "status": "code",
    "type": "code",
    "soort": "code",
    "dagdeel": "code",
    "resultaat": "code",
    "huisnummer": "address",
    "postcode": "key",
    "burgerservicenummer": "key",
}


def ddas(version: str = "1.2") -> Format:
    """Make a file of the national exchange standard; every mutation is a real one."""
    from causalsig.simulation.export.ddas import ddas_file
    from causalsig.sources.ddas import read_ddas
    from causalsig.sources.ddas_versions import VERSIONS

    tables = small_site()
    whole = ddas_file([tables], VERSIONS[version])  # type: ignore[index]
    found: dict[str, list[Place]] = defaultdict(list)
    for path in _walk(whole):
        found[".".join("*" if isinstance(step, int) else step for step in path)].append(path)
    columns = tuple(
        Column(name, _json_role(whole, places[0]), tuple(places)) for name, places in found.items()
    )
    target = scratch_folder() / f"ddas-{version}.json"

    def read(change: tuple[Place, Any] | None) -> ReadResult:
        content = whole if change is None else _replaced(whole, *change)
        target.write_text(json.dumps(content, default=str), encoding="utf-8")
        return read_ddas(target, **arguments(tables))

    return Format(columns, read)


def _walk(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    if path:
        yield path
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _walk(item, (*path, key))
    elif isinstance(value, list):
        for at, item in enumerate(value):
            yield from _walk(item, (*path, at))


def _json_role(whole: Any, path: tuple[str | int, ...]) -> Role:
    if any(str(step).startswith("aanleverende") for step in path):
        return "free"
    value = whole
    for step in path:
        value = value[step]
    if isinstance(value, list | dict):
        return "structure"
    name = str(path[-1])
    if "datum" in name.casefold() and name != "aanleverdatumEnTijd":
        return "date"
    return _JSON_ROLES.get(name, "free")


def _replaced(whole: Any, path: Sequence[str | int], value: Any) -> Any:
    """Copy along the path only."""
    if not path:
        return value
    copy = whole.copy()
    copy[path[0]] = _replaced(whole[path[0]], path[1:], value)
    return copy


@cache
def scratch_folder() -> Path:
    """Make a folder that goes when the process ends."""
    kept = tempfile.TemporaryDirectory(prefix="cell-mutations-")
    _KEPT.append(kept)
    return Path(kept.name)


_KEPT: list[tempfile.TemporaryDirectory[str]] = []
"""Folders that go when the process ends."""
