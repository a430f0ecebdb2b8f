"""Opening a workbook without trusting it: every failure is one of our errors, and none quotes a cell."""

from __future__ import annotations

import datetime as dt
import zipfile
from dataclasses import dataclass
from itertools import compress
from pathlib import Path
from typing import TYPE_CHECKING

from causalsig.errors import SourceError
from causalsig.failures import shown_name

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

Cell = str | float | int | bool | dt.date | dt.time | dt.timedelta | None

_ZIP_MAGIC = b"PK\x03\x04"
_OLE_MAGIC = b"\xd0\xcf\x11\xe0"
_ENCRYPTED_STREAM = "EncryptedPackage".encode("utf-16-le")


def normalise(header: object) -> str:
    """Header or tab name as it is compared: lower case, single blanks, none around it."""
    return " ".join(str(header).casefold().split())


@dataclass(frozen=True, slots=True)
class Sheet:
    """One tab: normalised headers and its rows below them, blank rows left out."""

    name: str
    header: tuple[str, ...]
    rows: Sequence[Sequence[Cell]]

    def __len__(self) -> int:
        return len(self.rows)

    def has(self, column: str) -> bool:
        """Whether the tab has this column."""
        return normalise(column) in self.header

    def column(self, column: str) -> list[Cell]:
        """Cells of a column; booleans as the format writes them, Ja and Nee.

        Raises
        ------
        SourceError
            ``source-duplicate-column`` when two columns carry this name.
        """
        key = normalise(column)
        if self.header.count(key) > 1:
            raise SourceError(
                "source-duplicate-column",
                expected=f"one column '{column}'",
                found=f"{self.header.count(key)} columns of that name",
                mend="Remove or rename the one that does not belong to the export.",
                where=f"tab {self.name}",
            )
        at = self.header.index(key)
        # True equals 1 in Python, so booleans become text before anything looks them up by value.
        return [("Ja" if row[at] else "Nee") if type(row[at]) is bool else row[at] for row in self.rows]

    def take(self, keep: Sequence[bool]) -> Sheet:
        """Keep the rows for which ``keep`` is true."""
        return Sheet(self.name, self.header, list(compress(self.rows, keep)))


def sheet_from_rows(name: str, rows: Sequence[Sequence[Cell]]) -> Sheet:
    """Tab from its rows, the first one being the header."""
    if not rows:
        return Sheet(name, (), [])
    header = tuple(normalise(cell) for cell in rows[0])
    return Sheet(name, header, [row for row in rows[1:] if any(row)])


def open_workbook(path: Path, tabs: Collection[str]) -> Mapping[str, Sheet]:
    """Tabs of an .xlsx workbook, by normalised name; others than ``tabs`` are never read.

    Raises
    ------
    SourceError
        ``source-not-found``, ``source-unreadable``, ``source-empty``, ``source-wrong-type``,
        ``source-encrypted`` or ``source-corrupt``.
    """
    _check_container(path)
    wanted = {normalise(tab) for tab in tabs}
    from python_calamine import CalamineWorkbook

    try:
        with CalamineWorkbook.from_path(path) as book:
            return {
                normalise(name): sheet_from_rows(name, book.get_sheet_by_name(name).to_python())
                for name in book.sheet_names
                if normalise(name) in wanted
            }
    except (KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except BaseException:
        # The reader's own messages may quote cells, and a panic in it is no Exception: both stop here.
        raise _corrupt(path) from None


def _check_container(path: Path) -> None:
    mend = "Give the path of the .xlsx file the provider exported."
    if not path.is_file():
        raise SourceError(
            "source-not-found",
            expected="a workbook",
            found="no file there",
            mend=mend,
            where=shown_name(path),
        )
    try:
        with path.open("rb") as stream:
            magic = stream.read(4)
            rest = stream.read() if magic == _OLE_MAGIC else b""
    except OSError:
        raise SourceError(
            "source-unreadable",
            expected="a workbook this user may read",
            found="a file that cannot be opened",
            mend="Check the file's permissions.",
            where=shown_name(path),
        ) from None
    if not magic:
        raise SourceError(
            "source-empty",
            expected="a workbook",
            found="a file of zero bytes",
            mend="Export it again.",
            where=shown_name(path),
        )
    if _ENCRYPTED_STREAM in rest:
        raise _encrypted(path)
    if magic != _ZIP_MAGIC:
        raise _wrong_type(path)
    _check_zip(path)


def _check_zip(path: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            if any(entry.flag_bits & 1 for entry in entries):
                raise _encrypted(path)
            if not any(entry.filename == "xl/workbook.xml" for entry in entries):
                raise _wrong_type(path)
    except SourceError:
        raise
    except Exception:
        raise _corrupt(path) from None


def _encrypted(path: Path) -> SourceError:
    return SourceError(
        "source-encrypted",
        expected="a workbook without a password",
        found="an encrypted one",
        mend="Save it without a password inside the protected environment.",
        where=shown_name(path),
    )


def _wrong_type(path: Path) -> SourceError:
    return SourceError(
        "source-wrong-type",
        expected="an Excel workbook (.xlsx)",
        found="a file of another type",
        mend="Export or save it as .xlsx; renaming a file does not change its type.",
        where=shown_name(path),
    )


def _corrupt(path: Path) -> SourceError:
    return SourceError(
        "source-corrupt",
        expected="a whole Excel workbook",
        found="a damaged one",
        mend="Copy or export it again; compare sizes to see whether it was cut off.",
        where=shown_name(path),
    )
