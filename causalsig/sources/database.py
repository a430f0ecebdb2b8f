"""Canonical tables in a SQL database: read-only, in one moment, in chunks.

The address may carry a password. It stands in no message, finding or record; what drivers say is never passed
on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from causalsig.errors import SourceError
from causalsig.sources.assemble import REQUIRED, assemble, check_columns
from causalsig.sources.canonical_columns import TableReader, plain
from causalsig.sources.database_address import DatabaseAddress, read_address
from causalsig.sources.findings import FindingList, ReadResult
from causalsig.sources.municipality import choose_labels, label
from causalsig.sources.schema import TABLES
from causalsig.sources.workbook import normalise

if TYPE_CHECKING:
    from datetime import date

    import pandas as pd
    from sqlalchemy import Connection
    from sqlalchemy.engine import URL

    from causalsig.sources.schema import Matching

MUNICIPALITY: Final = "municipality"
ROWS_A_CHUNK: Final = 20_000

Columns = dict[str, dict[str, str]]
"""Canonical column to the database's own spelling, by canonical table."""


def read_database(
    address: str | Path,
    *,
    municipality: str,
    matching: Matching,
    name: str | None = None,
    extracted_on: date | None = None,
    schema: str | None = None,
    rows_a_chunk: int = ROWS_A_CHUNK,
    household_secret: bytes | None = None,
) -> ReadResult:
    """Read one municipality from canonical tables (or views) of a database.

    Nothing is written: the connection is read-only, and all tables are read in one transaction, so that they
    fit together. Only canonical columns are selected, and only the municipality's rows where a column
    ``municipality`` says whose they are.

    Parameters
    ----------
    address : str or Path
        SQLAlchemy URL of SQLite or PostgreSQL, such as ``postgresql+pg8000://reader@host/database``; or the
        TOML file that names the database (:func:`causalsig.sources.database_address.read_address`).
    municipality : str
        The municipality's code, text with leading zeros.
    matching : Matching
        How the municipality turns signals into episodes; used when there is no table of episodes.
    name : str, optional
        Its name as column ``municipality`` may write it.
    extracted_on : datetime.date, optional
        Date of the extract; without it the latest date in the tables, with a finding.
    schema : str, optional
        Schema of the tables; without it the file's, or the database's default one.
    rows_a_chunk : int
        Rows in memory as driver objects at a time.
    household_secret : bytes, optional
        As :func:`causalsig.sources.formats.read_source`.

    Returns
    -------
    ReadResult

    Raises
    ------
    SourceError
        ``source-database-url``, ``source-database-kind``, ``source-database-driver``,
        ``source-database-failed``, ``source-not-found``, what a file that names it lacks, or what the tables
        themselves lack.
    """
    findings = FindingList()
    place = _address(address)
    schema = schema or place.schema
    with _connect(place.url) as connection:
        columns = _columns(connection, schema)
        check_columns({table: frozenset(names) for table, names in columns.items()}, findings)
        wanted, several = _municipality(connection, columns, schema, municipality, name, findings)
        frames = {
            table: _read(connection, table, columns[table], schema, wanted, rows_a_chunk, findings)
            for table in columns
        }
    return assemble(
        frames,
        municipality=municipality,
        matching=matching,
        extracted_on=extracted_on,
        unsaid=frozenset(one for one in columns if several and MUNICIPALITY not in columns[one]),
        findings=findings,
        household_secret=household_secret,
    )


def municipalities(address: str | Path) -> frozenset[str]:
    """Labels of all municipalities in a database; none when its table of signals does not say."""
    place = _address(address)
    with _connect(place.url) as connection:
        columns = _columns(connection, place.schema)
        return frozenset(_labels(connection, "signals", columns, place.schema).values()) - {""}


def _address(address: str | Path) -> DatabaseAddress:
    if isinstance(address, str):
        return DatabaseAddress(_parse(address))
    place = read_address(address)
    return DatabaseAddress(_parse(place.url), place.schema)


def _parse(url: str | URL) -> URL:
    from sqlalchemy.engine import make_url

    try:
        parsed = make_url(url)
        kind = parsed.get_backend_name()
    except Exception:
        raise SourceError(
            "source-database-url",
            expected="a SQLAlchemy URL, such as postgresql+pg8000://reader@host/database",
            found="text that is none",
            mend="Special characters in a password are written as %40 and the like.",
        ) from None
    if kind not in _READ_ONLY:
        raise SourceError(
            "source-database-kind",
            expected="a database that can be opened read-only: " + ", ".join(sorted(_READ_ONLY)),
            found="another kind",
            mend="Export the tables as Parquet instead, or copy them to one of these.",
        )
    if kind == "sqlite" and not _is_there(parsed.database):
        raise SourceError(
            "source-not-found",
            expected="a SQLite database",
            found="no file there",
            mend="Check the path; after sqlite:/// an absolute path begins with one more stroke.",
        )
    return parsed


def _is_there(database: str | None) -> bool:
    return bool(database) and Path(str(database)).is_file()


def _read_only_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql("PRAGMA query_only = ON")
    connection.exec_driver_sql("BEGIN")


def _read_only_postgresql(connection: Connection) -> None:
    connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")


_READ_ONLY: Final = MappingProxyType({"sqlite": _read_only_sqlite, "postgresql": _read_only_postgresql})
"""Databases that are read, and how nothing can be written to each."""


@contextmanager
def _connect(url: URL) -> Iterator[Connection]:
    """Open a read-only connection; a failure inside becomes our own error without the driver's text."""
    from sqlalchemy import create_engine
    from sqlalchemy.pool import NullPool

    try:
        engine = create_engine(url, poolclass=NullPool, hide_parameters=True)
    except ModuleNotFoundError:
        raise SourceError(
            "source-database-driver",
            expected="the driver that the URL names to be installed",
            found="that it is not",
            mend="Install it beside causalsig; for PostgreSQL: pg8000, with postgresql+pg8000:// in the URL.",
        ) from None
    except Exception:
        raise _failed("opened") from None
    try:
        with engine.connect() as connection:
            _READ_ONLY[url.get_backend_name()](connection)
            yield connection
    except (SourceError, MemoryError):
        raise
    except Exception:
        raise _failed("read") from None
    finally:
        engine.dispose()


def _failed(what: str) -> SourceError:
    return SourceError(
        "source-database-failed",
        expected=f"a database that can be {what}",
        found="that it cannot",
        mend="Try the same address, user and schema with the database's own client.",
    )


def _columns(connection: Connection, schema: str | None) -> Columns:
    from sqlalchemy import inspect

    inspector = inspect(connection)
    there = {
        normalise(name): name
        for name in [*inspector.get_table_names(schema), *inspector.get_view_names(schema)]
    }
    found: Columns = {}
    for table in TABLES:
        if table not in there:
            continue
        names = [str(column["name"]) for column in inspector.get_columns(there[table], schema)]
        wanted = {*TABLES[table], MUNICIPALITY}
        found[table] = {normalise(name): name for name in names if normalise(name) in wanted}
    return found


def _select(connection: Connection, table: str, names: Mapping[str, str], schema: str | None) -> Any:
    """Select of columns by their own spelling, labelled with the canonical names; nothing is converted."""
    from sqlalchemy import column, select
    from sqlalchemy import table as named

    columns: list[Any] = [column(own).label(canonical) for canonical, own in names.items()]
    return select(*columns).select_from(named(table, schema=schema))


def _municipality(
    connection: Connection,
    columns: Columns,
    schema: str | None,
    municipality: str,
    name: str | None,
    findings: FindingList,
) -> tuple[list[Any], bool]:
    """Values of ``municipality`` that select ours, none when all rows are; and whether there are others."""
    if MUNICIPALITY not in columns["signals"]:
        findings.add("source-municipality-unconfirmed", "signals", severity="info")
        return [], False
    labels = _labels(connection, "signals", columns, schema)
    if not set(labels.values()) - {""}:
        # Signals that all lack the name are those of the municipality that the cases name.
        labels = _labels(connection, "cases", columns, schema)
    wanted, several = choose_labels(
        set(labels.values()) - {""},
        municipality,
        name,
        where="table signals",
        table="signals",
        findings=findings,
    )
    if not several:
        return [], False
    return [cell for cell, written in labels.items() if written in wanted], True


def _labels(connection: Connection, table: str, columns: Columns, schema: str | None) -> dict[Any, str]:
    """Label of each value of ``municipality`` in a table."""
    if MUNICIPALITY not in columns.get(table, {}):
        return {}
    own = {MUNICIPALITY: columns[table][MUNICIPALITY]}
    cells = connection.execute(_select(connection, table, own, schema).distinct())
    return {row[0]: label(plain(row[0])) for row in cells}


def _read(
    connection: Connection,
    table: str,
    names: Mapping[str, str],
    schema: str | None,
    wanted: list[Any],
    rows_a_chunk: int,
    findings: FindingList,
) -> pd.DataFrame:
    from sqlalchemy import column

    reader = TableReader(table, names)
    query = _select(connection, table, {name: names[name] for name in reader.columns}, schema)
    if wanted and MUNICIPALITY in names:
        query = query.where(column(names[MUNICIPALITY]).in_(wanted))
        findings.add("source-other-municipality", table, severity="info")
    options = {"stream_results": True, "yield_per": rows_a_chunk}
    for rows in connection.execute(query, execution_options=options).partitions():
        reader.add_rows(rows)
    return reader.frame(REQUIRED[table], findings)
