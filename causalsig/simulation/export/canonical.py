"""Invented municipalities as a folder of canonical tables, Parquet or CSV."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from causalsig.sources.csv_dialect import FILE, CsvDialect
from causalsig.sources.schema import TABLES, SiteTables

if TYPE_CHECKING:
    import pandas as pd

    from causalsig.sources.schema import Kind


def write_canonical(
    tables: SiteTables | Sequence[SiteTables],
    folder: Path | str,
    *,
    form: Literal["parquet", "csv"] = "parquet",
    dialect: CsvDialect | None = None,
) -> None:
    """Write municipalities as one folder of canonical tables, told apart by column ``municipality``.

    Parameters
    ----------
    tables : SiteTables or a sequence of them
        Not changed.
    folder : Path or str
        Made when it is not there; files of the same names are replaced.
    form : {"parquet", "csv"}
        Parquet with dates, whole cents and flags typed; CSV with ISO dates, whole cents and 1 or 0.
    dialect : CsvDialect, optional
        Of the CSV files; one that is given is declared in ``dialect.toml`` too.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    sites = [tables] if isinstance(tables, SiteTables) else list(tables)
    if form == "csv" and dialect is not None:
        (folder / FILE).write_text(_declaration(dialect), "utf-8")
    for table in TABLES:
        parts = [(site.municipality, getattr(site, table)) for site in sites]
        if form == "parquet":
            _write_parquet(table, parts, folder / f"{table}.parquet")
        else:
            _write_csv(table, parts, folder / f"{table}.csv", dialect or CsvDialect())


def _declaration(dialect: CsvDialect) -> str:
    quote = "'\"'" if dialect.quote == '"' else '"\'"'
    delimiter = dialect.delimiter.replace("\t", "\\t")
    return f'delimiter = "{delimiter}"\nquote = {quote}\nencoding = "{dialect.encoding}"\n'


def _write_parquet(table: str, parts: Sequence[tuple[str, pd.DataFrame]], path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns: dict[str, Any] = {
        "municipality": pa.chunked_array(
            [pa.array([code] * len(frame), pa.string()) for code, frame in parts], pa.string()
        )
    }
    for name, kind in TABLES[table].items():
        columns[name] = pa.chunked_array([_arrow(frame[name], kind) for _, frame in parts])
    pq.write_table(pa.table(columns), path)


def _arrow(values: pd.Series, kind: Kind) -> Any:
    import pyarrow as pa

    if kind == "date":
        return pa.array(values.to_numpy("datetime64[D]"), pa.date32())
    if kind in ("key", "code"):
        return pa.array(values.to_numpy(dtype=object), pa.string(), from_pandas=True)
    floats = pa.array(values.to_numpy("float64"), from_pandas=True)
    return floats.cast({"cents": pa.int64(), "flag": pa.bool_()}.get(kind, pa.float64()))


def _write_csv(
    table: str, parts: Sequence[tuple[str, pd.DataFrame]], path: Path, dialect: CsvDialect
) -> None:
    with path.open("w", encoding=dialect.encoding, newline="") as stream:
        writer = csv.writer(stream, delimiter=dialect.delimiter, quotechar=dialect.quote, lineterminator="\n")
        writer.writerow(["municipality", *TABLES[table]])
        for code, frame in parts:
            cells = [text_cells(frame[name], kind) for name, kind in TABLES[table].items()]
            writer.writerows([code, *row] for row in zip(*cells, strict=True))


def text_cells(values: pd.Series, kind: Kind) -> list[str]:
    """Cells of a canonical column as text: ISO dates, whole numbers without a decimal part, blanks."""
    if kind == "date":
        return [
            "" if day == "NaT" else day for day in np.datetime_as_string(values.to_numpy("datetime64[D]"))
        ]
    if kind in ("key", "code"):
        return ["" if cell is None or cell != cell else str(cell) for cell in values.to_numpy(dtype=object)]
    return [
        "" if cell != cell else str(int(cell)) if cell == int(cell) else str(cell)
        for cell in values.to_numpy("float64").tolist()
    ]
