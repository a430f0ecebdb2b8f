"""A folder of CSV or Parquet files named after the canonical tables.

``signals.parquet`` or ``signals.csv``, ``cases``, ``attempts``, ``creditors``, and if there are any
``episodes`` and ``followups``. A table may be split over files: ``signals-2024.parquet``,
``signals-2025.parquet``. Several municipalities stand apart by a column ``municipality``. Amounts are whole
cents, dates ISO or dd-mm-yyyy, flags 1 and 0 (or Ja and Nee), codes those of :mod:`causalsig.codes`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from causalsig.errors import SourceError
from causalsig.failures import shown_name
from causalsig.sources.assemble import REQUIRED, assemble, check_columns
from causalsig.sources.canonical_columns import TableReader
from causalsig.sources.csv_dialect import CsvDialect, read_dialect
from causalsig.sources.findings import FindingList, ReadResult
from causalsig.sources.municipality import choose_labels, label
from causalsig.sources.schema import TABLES
from causalsig.sources.table_files import TableFile, open_csv, open_parquet

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet
    from datetime import date

    import pandas as pd

    from causalsig.sources.schema import Matching

MUNICIPALITY: Final = "municipality"
SUFFIXES: Final = (".parquet", ".csv")


def read_canonical(
    folder: Path | str | Sequence[Path | str],
    *,
    municipality: str,
    matching: Matching,
    name: str | None = None,
    extracted_on: date | None = None,
    dialect: CsvDialect | None = None,
    household_secret: bytes | None = None,
) -> ReadResult:
    """Read one municipality from a folder (or several) of canonical tables.

    Only the canonical columns are read; others (names, streets) never leave the file. Household keys are
    replaced by keys without meaning. Columns may stand in any order.

    Parameters
    ----------
    folder : Path, str or a sequence of them
        Of several folders the rows of a table follow each other; a key that occurs twice is refused.
    municipality : str
        The municipality's code, text with leading zeros.
    matching : Matching
        How the municipality turns signals into episodes; used when there is no table of episodes.
    name : str, optional
        Its name as column ``municipality`` may write it.
    extracted_on : datetime.date, optional
        Date of the extract; without it the latest date in the tables, with a finding.
    dialect : CsvDialect, optional
        How the CSV files are written; without it ``dialect.toml`` in the folder, else comma and UTF-8.
    household_secret : bytes, optional
        As :func:`causalsig.sources.formats.read_source`.

    Returns
    -------
    ReadResult

    Raises
    ------
    SourceError
        The folder does not hold the canonical tables in a readable form; the code says why.
    """
    findings = FindingList()
    folders = [Path(folder)] if isinstance(folder, Path | str) else [Path(one) for one in folder]
    files: dict[str, list[TableFile]] = {}
    for one in folders:
        for table, opened in _open_tables(one, dialect or read_dialect(one)).items():
            files.setdefault(table, []).extend(opened)
    check_columns({table: _columns(opened) for table, opened in files.items()}, findings)
    wanted, several = _municipality(files, municipality, name, findings)
    return assemble(
        {table: _read(table, opened, wanted, several, findings) for table, opened in files.items()},
        municipality=municipality,
        matching=matching,
        extracted_on=extracted_on,
        unsaid=frozenset(one for one in files if several and MUNICIPALITY not in _columns(files[one])),
        findings=findings,
        household_secret=household_secret,
    )


def municipalities(folder: Path | str) -> frozenset[str]:
    """Labels of all municipalities in a folder of canonical tables; none when its signals do not say."""
    signals = _open_tables(Path(folder), read_dialect(Path(folder))).get("signals", [])
    return _labels([file for file in signals if MUNICIPALITY in file.columns])


def table_paths(folder: Path) -> dict[str, list[Path]]:
    """Files of each canonical table in a folder, in the order of their names."""
    found: dict[str, list[Path]] = {}
    for path in sorted(folder.iterdir()):
        table = path.stem.casefold().split("-", 1)[0]
        if path.suffix.lower() in SUFFIXES and table in TABLES and path.is_file():
            found.setdefault(table, []).append(path)
    return found


def _open_tables(folder: Path, dialect: CsvDialect) -> dict[str, list[TableFile]]:
    if not folder.is_dir():
        raise SourceError(
            "source-not-found",
            expected="a folder of canonical tables",
            found="no folder there",
            mend="Give the folder that holds signals.parquet or signals.csv.",
            where=shown_name(folder),
        )
    found: dict[str, list[TableFile]] = {}
    for table, paths in table_paths(folder).items():
        if len({path.suffix.lower() for path in paths}) > 1:
            raise SourceError(
                "source-table-twice",
                expected="every table as CSV or as Parquet",
                found=f"table {table} as both",
                mend="Keep the one you mean.",
                where=shown_name(folder),
            )
        found[table] = [
            open_csv(path, table, dialect) if path.suffix.lower() == ".csv" else open_parquet(path, table)
            for path in paths
        ]
    return found


def _columns(files: Sequence[TableFile]) -> frozenset[str]:
    """Canonical columns that every file of a table has."""
    return frozenset.intersection(*(frozenset(file.columns) for file in files))


def _municipality(
    files: Mapping[str, Sequence[TableFile]], municipality: str, name: str | None, findings: FindingList
) -> tuple[AbstractSet[str], bool]:
    signals = files["signals"]
    if MUNICIPALITY not in _columns(signals):
        findings.add("source-municipality-unconfirmed", "signals", severity="info")
        return set(), False
    # Signals that all lack the name are those of the municipality that the cases name.
    cases = files["cases"] if MUNICIPALITY in _columns(files["cases"]) else ()
    present = _labels(signals) or _labels(cases)
    return choose_labels(
        present, municipality, name, where="table signals", table="signals", findings=findings
    )


def _labels(signals: Sequence[TableFile]) -> frozenset[str]:
    present: set[str] = set()
    for file in signals:
        for batch in file.batches([MUNICIPALITY]):
            present |= {label(cell) for cell in batch[MUNICIPALITY].unique().to_pylist()}
    return frozenset(present) - {""}


def _read(
    table: str, files: Sequence[TableFile], wanted: AbstractSet[str], several: bool, findings: FindingList
) -> pd.DataFrame:
    present = _columns(files)
    reader = TableReader(table, present)
    columns = [*reader.columns]
    apart = MUNICIPALITY in present and bool(wanted)
    for file in files:
        batches = file.batches([*columns, MUNICIPALITY] if apart else columns)
        for batch in _kept(batches, table, wanted, several, findings) if apart else batches:
            reader.add_arrow(batch)
    return reader.frame(REQUIRED[table], findings)


def _kept(
    batches: Iterator[dict[str, Any]],
    table: str,
    wanted: AbstractSet[str],
    several: bool,
    findings: FindingList,
) -> Iterator[dict[str, Any]]:
    """Rows of the wanted municipality; a row that names none is kept when there is only one."""
    import pyarrow as pa

    blank = other = 0
    for batch in batches:
        encoded = batch.pop(MUNICIPALITY)
        if not pa.types.is_dictionary(encoded.type):
            encoded = encoded.dictionary_encode()
        labels = [*(label(cell) for cell in encoded.dictionary.to_pylist()), ""]
        at = encoded.indices.fill_null(len(labels) - 1).to_numpy(zero_copy_only=False)
        none = _flags(not one for one in labels)[at]
        ours = _flags(one in wanted for one in labels)[at]
        blank += int(none.sum())
        other += int((~ours & ~none).sum())
        mask = pa.array(ours | (none & (not several)))
        yield {name: column.filter(mask) for name, column in batch.items()}
    findings.add("source-municipality-blank", table, count=blank)
    findings.add("source-other-municipality", table, count=other, severity="info")


def _flags(values: Iterator[bool]) -> Any:
    import numpy as np

    return np.fromiter(values, np.bool_)
