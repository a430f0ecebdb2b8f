"""Small folders and databases of canonical tables, of which one cell can be replaced before they are read."""

from __future__ import annotations

import csv
import datetime as dt
import io
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evidence.claims._mutated_formats import Column, Format, Place, arguments, scratch_folder, small_site
from evidence.claims._mutations import WORKBOOK_KINDS, Role

if TYPE_CHECKING:
    from causalsig.sources.findings import ReadResult

_KIND_ROLES: Mapping[str, Role] = {
    "key": "key",
    "date": "date",
    "cents": "amount",
    "number": "number",
    "flag": "flag",
    "code": "code",
}


_TYPED_KINDS = tuple(kind for kind in WORKBOOK_KINDS if kind not in ("float that is none", "yes", "no"))
"""In a typed column that float is how a missing value is written, and truth becomes 1 or 0, numbers like any
other."""


def _role(table: str, column: str) -> Role:
    from causalsig.sources.schema import TABLES

    if column in ("district", "municipality", "attempt_id"):
        return "free"
    return _KIND_ROLES[TABLES[table][column]]


def canonical_csv() -> Format:
    """Make a folder of canonical CSV files, of which the one with the changed cell is written anew."""
    from causalsig.simulation.export.canonical import write_canonical
    from causalsig.sources.canonical import read_canonical

    tables = small_site()
    folder = scratch_folder() / "canonical"
    write_canonical(tables, folder, form="csv")
    contents: dict[str, list[list[str]]] = {}
    lines: dict[str, list[str]] = {}
    for path in sorted(folder.glob("*.csv")):
        with path.open(encoding="utf-8", newline="") as stream:
            contents[path.name] = list(csv.reader(stream))
        lines[path.name] = [_csv_line(row) for row in contents[path.name]]
    columns = tuple(
        Column(
            f"{name}.{header}",
            _role(name[:-4], header),
            tuple((name, row, at) for row in range(1, len(rows))),
        )
        for name, rows in contents.items()
        for at, header in enumerate(rows[0])
    )

    def read(change: tuple[Place, Any] | None) -> ReadResult:
        if change is None:
            return read_canonical(folder, extracted_on=tables.extracted_on, **arguments(tables))
        (name, row, at), value = change
        cells = [*contents[name][row][:at], _as_text(value), *contents[name][row][at + 1 :]]
        try:
            _write_lines(folder / name, [*lines[name][:row], _csv_line(cells), *lines[name][row + 1 :]])
            return read_canonical(folder, extracted_on=tables.extracted_on, **arguments(tables))
        finally:
            _write_lines(folder / name, lines[name])

    return Format(tuple(column for column in columns if column.places), read)


def _as_text(value: Any) -> str:
    if value is None:
        return ""
    return value.isoformat() if isinstance(value, dt.date | dt.time) else str(value)


def _csv_line(cells: Sequence[str]) -> str:
    line = io.StringIO(newline="")
    csv.writer(line).writerow(cells)
    return line.getvalue()


def _write_lines(path: Path, lines: Sequence[str]) -> None:
    # Half characters are written as bytes that are no UTF-8, as a careless program would.
    path.write_bytes("".join(lines).encode("utf-8", "surrogatepass"))


def canonical_parquet() -> Format:
    """Make a folder of canonical Parquet files.

    A value that the column's type can hold takes its place in it; any other makes a column of texts.
    """
    import pyarrow.parquet as pq

    from causalsig.simulation.export.canonical import write_canonical
    from causalsig.sources.canonical import read_canonical

    tables = small_site()
    folder = scratch_folder() / "parquet"
    write_canonical(tables, folder, form="parquet")
    contents = {path.stem: pq.read_table(path) for path in sorted(folder.glob("*.parquet"))}
    columns = tuple(
        Column(
            f"{name}.{header}", _role(name, header), tuple((name, row, header) for row in range(len(table)))
        )
        for name, table in contents.items()
        for header in table.column_names
        if len(table)
    )

    def read(change: tuple[Place, Any] | None) -> ReadResult:
        if change is None:
            return read_canonical(folder, extracted_on=tables.extracted_on, **arguments(tables))
        (name, row, header), value = change
        table = contents[name]
        at = table.column_names.index(header)
        try:
            changed = table.set_column(at, header, _arrow_with(table.column(at), row, value))
            pq.write_table(changed, folder / f"{name}.parquet")
            return read_canonical(folder, extracted_on=tables.extracted_on, **arguments(tables))
        finally:
            pq.write_table(table, folder / f"{name}.parquet")

    return Format(columns, read, _TYPED_KINDS)


def _arrow_with(column: Any, row: int, value: Any) -> Any:
    import pyarrow as pa

    cells = column.to_pylist()
    try:
        return pa.array([*cells[:row], value, *cells[row + 1 :]], column.type)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        cells[row] = value
        return pa.array([None if cell is None else _as_text(cell) for cell in cells], pa.string())


def database() -> Format:
    """Make a SQLite database of canonical tables, in which a column may hold anything."""
    from causalsig.simulation.export.database import write_database
    from causalsig.sources.database import read_database
    from causalsig.sources.schema import TABLES

    tables = small_site()
    path = scratch_folder() / "canonical.sqlite"
    url = f"sqlite:///{path}"
    write_database(tables, url)
    columns = tuple(
        Column(
            f"{name}.{header}",
            _role(name, header),
            tuple((name, row + 1, header) for row in range(len(getattr(tables, name)))),
        )
        for name, kinds in TABLES.items()
        for header in kinds
        if len(getattr(tables, name))
    )

    def read(change: tuple[Place, Any] | None) -> ReadResult:
        if change is None:
            return read_database(url, extracted_on=tables.extracted_on, **arguments(tables))
        (name, row, header), value = change
        before = _replace_cell(path, name, row, header, _bound(value))
        try:
            return read_database(url, extracted_on=tables.extracted_on, **arguments(tables))
        finally:
            _replace_cell(path, name, row, header, before)

    return Format(columns, read, _TYPED_KINDS)


def _bound(value: Any) -> Any:
    """Value as a driver can pass it on."""
    if value is None or (isinstance(value, int | float) and abs(value) < 2**63):
        return value
    return _as_text(value)


def _replace_cell(path: Path, table: str, row: int, column: str, value: Any) -> Any:
    """Write a cell, whatever the type of its column; return what it held."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA synchronous = OFF")
        [[before]] = connection.execute(f'SELECT "{column}" FROM "{table}" WHERE rowid = ?', [row])
        connection.execute(f'UPDATE "{table}" SET "{column}" = ? WHERE rowid = ?', [value, row])
    return before
