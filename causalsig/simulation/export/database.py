"""Invented municipalities as canonical tables of a SQL database."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from causalsig.sources.schema import TABLES, SiteTables

if TYPE_CHECKING:
    import pandas as pd

    from causalsig.sources.schema import Kind

ROWS_AT_ONCE = 10_000


def write_database(tables: SiteTables | Sequence[SiteTables], url: str, *, schema: str | None = None) -> None:
    """Write municipalities as canonical tables, told apart by column ``municipality``.

    Parameters
    ----------
    tables : SiteTables or a sequence of them
        Not changed.
    url : str
        SQLAlchemy URL of an empty database or schema that may be written.
    schema : str, optional
        Schema for the tables; it must be there.

    Raises
    ------
    sqlalchemy.exc.SQLAlchemyError
        The database cannot be written, or a table of that name is there.
    """
    from sqlalchemy import Column, MetaData, Table, Text, create_engine, insert
    from sqlalchemy.pool import NullPool

    sites = [tables] if isinstance(tables, SiteTables) else list(tables)
    engine = create_engine(url, poolclass=NullPool, hide_parameters=True)
    described = {
        name: Table(
            name,
            MetaData(),
            Column("municipality", Text, nullable=False),
            *(Column(column, _type(kind)) for column, kind in kinds.items()),
            schema=schema,
        )
        for name, kinds in TABLES.items()
    }
    with engine.begin() as connection:
        for name, table in described.items():
            table.create(connection, checkfirst=False)
            for site in sites:
                rows = _rows(site.municipality, name, getattr(site, name))
                for start in range(0, len(rows), ROWS_AT_ONCE):
                    connection.execute(insert(table), rows[start : start + ROWS_AT_ONCE])
    engine.dispose()


def _type(kind: Kind) -> Any:
    from sqlalchemy import BigInteger, Boolean, Date, Float, Text

    return {"date": Date, "cents": BigInteger, "flag": Boolean, "number": Float}.get(kind, Text)


def _rows(municipality: str, table: str, frame: pd.DataFrame) -> list[dict[str, Any]]:
    cells = [_cells(frame[name], kind) for name, kind in TABLES[table].items()]
    names = ["municipality", *TABLES[table]]
    return [dict(zip(names, [municipality, *row], strict=True)) for row in zip(*cells, strict=True)]


def _cells(values: pd.Series, kind: Kind) -> list[Any]:
    if kind == "date":
        return values.to_numpy("datetime64[D]").astype(object).tolist()  # NaT becomes None
    if kind in ("key", "code"):
        return [None if cell is None or cell != cell else str(cell) for cell in values.to_numpy(dtype=object)]
    turn = {"cents": int, "flag": bool}.get(kind, float)
    return [None if cell != cell else turn(cell) for cell in values.to_numpy("float64").tolist()]
