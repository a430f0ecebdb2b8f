"""Small sources of every format with canaries planted: in one column, in all of them, or around the cells."""

from __future__ import annotations

import copy
import csv
import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal

from evidence.claims._canary_words import AMOUNT, BIRTH, CANARIES
from evidence.claims._mutated_formats import small_site

Dose = Literal["few", "all"]
"""One cell of each kind, which leaves a source readable; or every cell of the column."""
TOWN: Final = "Voorbeeldstad"
NAME: Final = CANARIES[0].value
Rows = list[list[Any]]
Tables = dict[str, Rows]
SPARED: Final = 4
"""Of so many cells one is planted at most: a column of which most cells cannot be read is refused."""
AROUND: Final = ("file name", "extra column", "column of that name", "column twice", "name of a column")
"""Canaries beside the cells: what a file, a column that nobody asked for, or one of the format is called."""
EXTRA_SHEET: Final = "extra sheet"
_NAMES_SITE: Final = ("Gemeente", "municipality", "gemeentecode")


@dataclass(frozen=True, slots=True)
class Layout:
    """A format whose sources can be planted.

    Attributes
    ----------
    columns : tuple of str
        ``table.column``, and what can be planted around the cells.
    write : callable
        Takes a folder, the code of the municipality, what is planted and the dose; returns the source.
    """

    columns: tuple[str, ...]
    write: Callable[[Path, str, Collection[str], Dose], Path]


def inside(columns: Collection[str]) -> list[str]:
    """Columns whose cells can all be planted at once: without the one that says whose the rows are."""
    return [
        column
        for column in columns
        if column not in (*AROUND, EXTRA_SHEET) and not column.endswith(_NAMES_SITE)
    ]


def planted(tables: Mapping[str, Rows], columns: Collection[str], dose: Dose) -> Tables:
    """Copy tables, header first, with canaries in these columns; each kind in turn."""
    made: Tables = {table: [[*row] for row in rows] for table, rows in tables.items()}
    for table, rows in made.items():
        for at, header in enumerate(list(rows[0])):
            if f"{table}.{header}" in columns:
                _fill(rows, at, dose)
    first = next(iter(made.values()))
    if "extra column" in columns:
        _add(first, "Toelichting")
    if "column of that name" in columns:
        _add(first, NAME)
    if "column twice" in columns:
        _add(first, NAME)
        _add(first, NAME)
    if "name of a column" in columns:
        first[0][-1] = NAME
    return made


def _fill(rows: Rows, at: int, dose: Dose) -> None:
    step = 1 if dose == "all" else max((len(rows) - 1) // len(CANARIES), SPARED)
    for number, row in enumerate(rows[1::step]):
        if dose == "all" or number < len(CANARIES):
            # Of a short column not every kind has a turn: the next column begins with another one.
            row[at] = CANARIES[(number + at) % len(CANARIES)].value


def _add(rows: Rows, header: str) -> None:
    rows[0].append(header)
    for number, row in enumerate(rows[1:]):
        row.append(CANARIES[number % len(CANARIES)].value)


def source_name(code: str, columns: Collection[str], ending: str) -> str:
    """Name of a source; one with the canary begins with the code all the same."""
    return f"{code} {NAME} 4321{ending}" if "file name" in columns else f"{code}{ending}"


def workbook() -> Layout:
    """Make the workbook of 2026."""
    from causalsig.simulation.xxllnc import workbook_tabs

    return _workbook(workbook_tabs(small_site(), name=TOWN))


def flat_sheet() -> Layout:
    """Make the flat sheet of 2024 and 2025."""
    from causalsig.simulation.export.flat_sheet import TAB, flat_columns

    cells = flat_columns(small_site(), name=TOWN, locale="nl")
    return _workbook({TAB: [list(cells), *map(list, zip(*cells.values(), strict=True))]})


def _workbook(tabs: Mapping[str, Rows]) -> Layout:
    from causalsig.simulation.xxllnc import write_tabs

    def write(folder: Path, code: str, columns: Collection[str], dose: Dose) -> Path:
        path = folder / source_name(code, columns, ".xlsx")
        made = planted(tabs, columns, dose)
        if EXTRA_SHEET in columns:
            made["Zqvogel 4321"] = [[NAME], *([canary.value] for canary in CANARIES)]
        write_tabs(made, path)
        return path

    return Layout((*_names(tabs), *AROUND, EXTRA_SHEET), write)


def _names(tables: Mapping[str, Rows]) -> tuple[str, ...]:
    return tuple(f"{table}.{header}" for table, rows in tables.items() if rows[1:] for header in rows[0])


def ddas(version: str = "1.2") -> Layout:
    """Make a file of the national exchange standard."""
    from causalsig.simulation.export.ddas import ddas_file
    from causalsig.sources.ddas_versions import VERSIONS

    whole = ddas_file([small_site()], VERSIONS[version])  # type: ignore[index]
    code = small_site().municipality
    paths: dict[str, None] = {}
    _leaves(whole, (), lambda path, holder, key: paths.setdefault(path))

    def write(folder: Path, new: str, columns: Collection[str], dose: Dose) -> Path:
        made = json.loads(json.dumps(whole).replace(f'"{code}"', f'"{new}"'))
        seen: dict[str, int] = {}

        def plant(path: str, holder: Any, key: Any) -> None:
            if path in columns:
                number = seen.setdefault(path, 0)
                seen[path] += 1
                if dose == "all" or number < len(CANARIES):
                    holder[key] = CANARIES[number % len(CANARIES)].value

        _leaves(made, (), plant)
        if "extra column" in columns:
            made[NAME] = [canary.value for canary in CANARIES]
        path = folder / source_name(new, columns, ".json")
        path.write_text(json.dumps(made), encoding="utf-8")
        return path

    return Layout((*paths, "file name", "extra column"), write)


def _leaves(value: Any, path: tuple[str, ...], do: Callable[[str, Any, Any], Any]) -> None:
    """Visit every value that is no object and no list, in the order of the file."""
    pairs = list(value.items()) if isinstance(value, dict) else list(enumerate(value))
    for key, inner in pairs:
        here = (*path, key) if isinstance(key, str) else path
        if isinstance(inner, dict | list):
            _leaves(inner, here, do)
        else:
            do(".".join(here), value, key)


@cache
def _canonical() -> Tables:
    from causalsig.simulation.export.canonical import text_cells
    from causalsig.sources.schema import TABLES

    made: Tables = {}
    for table, kinds in TABLES.items():
        frame = getattr(small_site(), table)
        cells = [text_cells(frame[name], kind) for name, kind in kinds.items()]
        rows = [list(row) for row in zip(*cells, strict=True)]
        made[table] = [["municipality", *kinds], *([small_site().municipality, *row] for row in rows)]
    return made


def _for(code: str) -> Tables:
    tables = copy.deepcopy(_canonical())
    for rows in tables.values():
        for row in rows[1:]:
            row[0] = code
    return tables


def canonical_csv() -> Layout:
    """Make a folder of canonical CSV files."""

    def write(folder: Path, code: str, columns: Collection[str], dose: Dose) -> Path:
        target = folder / source_name(code, columns, "")
        target.mkdir(parents=True)
        for table, rows in planted(_for(code), columns, dose).items():
            with (target / f"{table}.csv").open("w", encoding="utf-8", newline="") as stream:
                csv.writer(stream).writerows(rows)
        return target

    return Layout((*_names(_canonical()), *AROUND), write)


def canonical_parquet() -> Layout:
    """Make a folder of canonical Parquet files.

    Few canaries are put in as the column's type, where it is one of numbers or dates; many make it one of
    texts.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    from causalsig.simulation.export.canonical import write_canonical

    def write(folder: Path, code: str, columns: Collection[str], dose: Dose) -> Path:
        target = folder / source_name(code, columns, "")
        write_canonical(small_site(), target, form="parquet")
        for table, rows in planted(_for(code), columns, dose).items():
            path = target / f"{table}.parquet"
            typed = pq.read_table(path)
            for at, header in enumerate(rows[0]):
                cells = pa.array([row[at] or None for row in rows[1:]], pa.string())
                if header not in typed.column_names:
                    typed = typed.append_column(header, cells)
                elif header == "municipality" or f"{table}.{header}" in columns:
                    if dose == "few" and header != "municipality":
                        cells = _typed(typed.column(header), cells)
                    typed = typed.set_column(typed.column_names.index(header), header, cells)
            pq.write_table(typed, path)
        return target

    return Layout((*_names(_canonical()), "file name", "extra column", "column of that name"), write)


def _typed(column: Any, cells: Any) -> Any:
    """Put canaries that a number or a date can be in the place of the texts; a flag holds none."""
    import pyarrow as pa

    values = {canary.value for canary in CANARIES}
    if pa.types.is_string(column.type):
        return cells
    stand_in = (
        BIRTH if pa.types.is_date(column.type) else None if pa.types.is_boolean(column.type) else AMOUNT
    )
    old = column.to_pylist()
    new = [stand_in if cell in values else was for cell, was in zip(cells.to_pylist(), old, strict=True)]
    return pa.array(new, column.type)


def database() -> Layout:
    """Make a SQLite database of canonical tables, named by a TOML file."""
    import sqlite3
    from contextlib import closing

    def write(folder: Path, code: str, columns: Collection[str], dose: Dose) -> Path:
        path = folder / source_name(code, columns, ".toml")
        store = path.with_suffix(".db")
        with closing(sqlite3.connect(store)) as connection, connection:
            for table, rows in planted(_for(code), columns, dose).items():
                names = ", ".join(f'"{header}"' for header in rows[0])
                connection.execute(f'CREATE TABLE "{table}" ({names})')
                marks = ", ".join("?" * len(rows[0]))
                cells = [[cell if cell != "" else None for cell in row] for row in rows[1:]]
                connection.executemany(f'INSERT INTO "{table}" VALUES ({marks})', cells)
        path.write_text(f"url = {json.dumps(f'sqlite:///{store}')}\n", encoding="utf-8")
        return path

    return Layout((*_names(_canonical()), "file name", "extra column", "column of that name"), write)


LAYOUTS: Final[Mapping[str, Callable[[], Layout]]] = {
    "xxllnc 2026": workbook,
    "xxllnc flat sheet": flat_sheet,
    "DDAS 1.2": ddas,
    "DDAS 0.9": lambda: ddas("0.9"),
    "canonical CSV": canonical_csv,
    "canonical Parquet": canonical_parquet,
    "database": database,
}
"""A new format is one entry."""


@cache
def layout_of(name: str) -> Layout:
    """Build the small source of a format once a process."""
    return LAYOUTS[name]()
