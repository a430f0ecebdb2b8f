"""One file of a canonical table, CSV or Parquet, opened without trusting it and read in batches.

Only the columns asked for are read. What Arrow says of a damaged file may quote it, so it never passes.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from causalsig.errors import SourceError
from causalsig.failures import shown_name
from causalsig.sources.schema import TABLES
from causalsig.sources.workbook import normalise

if TYPE_CHECKING:
    from pathlib import Path

    from causalsig.sources.csv_dialect import CsvDialect

ROWS_A_BATCH: Final = 131_072
BYTES_A_BLOCK: Final = 8 << 20
LONGEST_HEADER: Final = 65_536
"""Characters in which a header must end."""


@dataclass(frozen=True, slots=True)
class TableFile:
    """An opened file: which canonical columns it has, and their rows in batches.

    Attributes
    ----------
    columns : tuple of str
        Canonical columns present, and ``municipality`` when it is.
    batches : callable
        Of a list of columns: Arrow arrays by name, batch after batch.
    """

    columns: tuple[str, ...]
    batches: Callable[[Sequence[str]], Iterator[dict[str, Any]]]


def open_parquet(path: Path, table: str) -> TableFile:
    """Open a Parquet file of a canonical table.

    Raises
    ------
    SourceError
        ``source-table-unreadable``, ``source-duplicate-column``, or ``source-column-type`` for dates and
        numbers that are stored as text.
    """
    import pyarrow.parquet as pq

    with _ours(path):
        schema = pq.read_schema(path)
        types = dict(zip(schema.names, schema.types, strict=False))
    found = _canonical(schema.names, table, path)
    for name, column in found.items():
        _check_type(table, name, types[column], path)

    def batches(names: Sequence[str]) -> Iterator[dict[str, Any]]:
        with _ours(path), pq.ParquetFile(path) as file:
            wanted = [found[name] for name in names]
            for batch in file.iter_batches(ROWS_A_BATCH, columns=wanted, use_threads=False):
                yield {name: batch.column(found[name]) for name in names}

    return TableFile(tuple(found), batches)


def open_csv(path: Path, table: str, dialect: CsvDialect) -> TableFile:
    """Open a CSV file of a canonical table, every cell as text.

    Raises
    ------
    SourceError
        ``source-table-unreadable`` or ``source-duplicate-column``.
    """
    with _ours(path):
        header, has_rows = _header(path, dialect)
    found = _canonical(header, table, path)
    places = [f"c{at}" for at in range(len(header))]
    at = {name: places[header.index(column)] for name, column in found.items()}

    def batches(names: Sequence[str]) -> Iterator[dict[str, Any]]:
        import pyarrow as pa
        from pyarrow import csv as arrow_csv

        if not has_rows or not names:
            yield {name: pa.array([], pa.string()) for name in names}
            return
        with _ours(path):
            reader = arrow_csv.open_csv(
                path,
                read_options=arrow_csv.ReadOptions(
                    use_threads=False,
                    block_size=BYTES_A_BLOCK,
                    skip_rows=1,
                    column_names=places,
                    encoding="utf8" if _is_utf8(dialect) else dialect.encoding,
                ),
                parse_options=arrow_csv.ParseOptions(
                    delimiter=dialect.delimiter, quote_char=dialect.quote, newlines_in_values=True
                ),
                convert_options=arrow_csv.ConvertOptions(
                    include_columns=[at[name] for name in names],
                    column_types={at[name]: pa.string() for name in names},
                    strings_can_be_null=False,
                ),
            )
            with reader:
                for batch in reader:
                    yield {name: batch.column(at[name]) for name in names}

    return TableFile(tuple(found), batches)


def _header(path: Path, dialect: CsvDialect) -> tuple[list[str], bool]:
    encoding = "utf-8-sig" if _is_utf8(dialect) else dialect.encoding
    with path.open(encoding=encoding, newline="") as stream:
        line = stream.readline(LONGEST_HEADER)
        cells = next(csv.reader([line], delimiter=dialect.delimiter, quotechar=dialect.quote), [])
        return cells, bool(stream.read(1))


def _is_utf8(dialect: CsvDialect) -> bool:
    return dialect.encoding.casefold().replace("_", "-") in ("utf-8", "utf8", "utf-8-sig")


def _canonical(header: Sequence[str], table: str, path: Path) -> dict[str, str]:
    """Columns of the file by canonical name."""
    wanted = {*TABLES[table], "municipality"}
    found: dict[str, str] = {}
    for column in header:
        name = normalise(column)
        if name not in wanted:
            continue
        if name in found:
            raise SourceError(
                "source-duplicate-column",
                expected=f"one column '{name}'",
                found="two of that name",
                mend="Remove or rename the one that does not belong to the table.",
                where=shown_name(path, frozenset(TABLES)),
            )
        found[name] = column
    return found


def _check_type(table: str, name: str, kind: Any, path: Path) -> None:
    import pyarrow.types as is_

    if is_.is_dictionary(kind):
        kind = kind.value_type
    role = TABLES[table].get(name, "key")
    is_text = is_.is_string(kind) or is_.is_large_string(kind)
    is_number = is_.is_integer(kind) or is_.is_floating(kind) or is_.is_decimal(kind) or is_.is_boolean(kind)
    fits = {
        "key": is_text or is_.is_integer(kind),
        "code": is_text,
        "date": is_.is_date(kind) or (is_.is_timestamp(kind) and kind.tz is None),
    }.get(role, is_number)
    if not fits and not is_.is_null(kind):
        expected = {
            "key": "text or whole numbers",
            "code": "text",
            "date": "dates or timestamps without a zone",
        }
        raise SourceError(
            "source-column-type",
            expected=f"{expected.get(role, 'numbers')} in column '{name}'",
            found="another type",
            mend="Write the column with its type; a date stored as text can be read in two ways.",
            where=shown_name(path, frozenset(TABLES)),
        )


@contextmanager
def _ours(path: Path) -> Iterator[None]:
    """Let nothing of Arrow's own messages pass: they may quote cells."""
    try:
        yield
    except (SourceError, MemoryError):
        raise
    except Exception:
        raise SourceError(
            "source-table-unreadable",
            expected="a whole CSV file in its declared dialect, or a whole Parquet file",
            found="one that cannot be read to its end",
            mend="Export it again; for CSV, compare dialect.toml with how the file is written.",
            where=shown_name(path, frozenset(TABLES)),
        ) from None
