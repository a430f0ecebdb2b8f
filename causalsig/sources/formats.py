"""Every format a source may have, in one table: a new vendor is a new file and a new row here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from causalsig.errors import SourceError
from causalsig.failures import shown_name
from causalsig.sources.database_address import is_address_file
from causalsig.sources.workbook_tabs import tab_names
from causalsig.sources.xxllnc_layout import SIGNALS_TAB

if TYPE_CHECKING:
    from datetime import date

    from causalsig.sources.amounts import AmountLocale
    from causalsig.sources.findings import Carries, ReadResult
    from causalsig.sources.schema import Matching

Source = Path | str
_HEAD: Final = 4096
_TABLES: Final = frozenset({".parquet", ".csv"})


@dataclass(frozen=True, slots=True)
class Format:
    """How a source of one format is recognised and read.

    Attributes
    ----------
    title : str
        What a person calls it.
    reader : str
        ``module:function`` under :mod:`causalsig.sources`; the module is loaded when it is used.
    lister : str
        The same of what gives the labels (:func:`causalsig.sources.municipality.label`) of all municipalities
        in one source; none where it does not say.
    fits : callable
        Whether a path, or a URL as text, is of this format, without reading its rows.
    has_locale : bool
        Whether amounts are texts whose notation can be declared.
    carries : {"all_signals", "cases_only"}
        Of which signals it has rows. Without those that became no case there is no later signal to count:
        questions and figures that need them are refused.
    """

    title: str
    reader: str
    lister: str
    fits: Callable[[Source], bool]
    has_locale: bool = False
    carries: Carries = "all_signals"


def _is_url(source: Source) -> bool:
    return isinstance(source, str) and "://" in source


def _is_database(source: Source) -> bool:
    return _is_url(source) or is_address_file(Path(source))


def is_folder_of_tables(source: Source) -> bool:
    """Whether a path is a folder of canonical tables."""
    folder = Path(source)
    return folder.is_dir() and any(
        path.suffix.lower() in _TABLES and path.stem.casefold().split("-")[0] == "signals"
        for path in folder.iterdir()
    )


def _is_json(source: Source) -> bool:
    path = Path(source)
    if path.suffix.lower() == ".json":
        return path.is_file()
    return _head(path).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{")


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(_HEAD)
    except OSError:
        return b""


def _tabs(source: Source) -> list[str]:
    return [" ".join(name.casefold().split()) for name in tab_names(Path(source))]


def _is_workbook_of_tabs(source: Source) -> bool:
    tabs = _tabs(source)
    return SIGNALS_TAB.casefold() in tabs or len(tabs) > 1


def _is_workbook(source: Source) -> bool:
    # A file that only has the name of a workbook goes to the reader of workbooks, which says what is wrong.
    return bool(_tabs(source))


FORMATS: Final[Mapping[str, Format]] = MappingProxyType(
    {
        "database": Format(
            "a SQL database", "database:read_database", "database:municipalities", _is_database
        ),
        "canonical": Format(
            "a folder of canonical tables",
            "canonical:read_canonical",
            "canonical:municipalities",
            is_folder_of_tables,
        ),
        "xxllnc_2026": Format(
            "an xxllnc workbook of 2026",
            "xxllnc_2026:read_xxllnc_2026",
            "xxllnc_2026:municipalities",
            _is_workbook_of_tabs,
            True,
        ),
        "xxllnc_flat": Format(
            "an xxllnc flat sheet of 2024 or 2025",
            "xxllnc_flat:read_xxllnc_flat",
            "xxllnc_flat:municipalities",
            _is_workbook,
            True,
            "cases_only",
        ),
        "ddas": Format("DDAS-Vroegsignalering JSON", "ddas:read_ddas", "ddas_json:municipalities", _is_json),
    }
)
"""By name, in the order in which they are tried."""


def detect_format(source: Source) -> str:
    """Name of the format of a file, folder or database, told by its shape and never by its cells.

    Raises
    ------
    SourceError
        ``source-not-found`` or ``source-format-unknown``.
    """
    if not _is_url(source) and not Path(source).exists():
        raise SourceError(
            "source-not-found",
            expected="a source",
            found="nothing at that path",
            mend="Check the path.",
            where=shown_name(Path(source)),
        )
    for name, one in FORMATS.items():
        if one.fits(source):
            return name
    if not Path(source).is_dir() and Path(source).suffix.lower() == ".xlsx":
        return "xxllnc_2026"
    raise SourceError(
        "source-format-unknown",
        expected="; ".join(one.title for one in FORMATS.values()),
        found="none of these",
        mend="Look whether it is the file you meant; a folder of canonical tables holds signals.parquet or "
        "signals.csv.",
        where=shown_name(Path(source)),
    )


def parts_of(source: Source) -> list[Source]:
    """Files that make up one source: a folder that is no format itself stands for the files in it."""
    if _is_url(source) or not Path(source).is_dir() or is_folder_of_tables(source):
        return [source]
    # The files of an open editor and hidden ones are no part of an export.
    inside = [path for path in sorted(Path(source).iterdir()) if not path.name.startswith(("~$", "."))]
    return [path for path in inside if path.is_file() or is_folder_of_tables(path)]


def read_source(
    source: Source | Sequence[Source],
    *,
    municipality: str,
    matching: Matching,
    format: str | None = None,
    name: str | None = None,
    amount_locale: AmountLocale | None = None,
    extracted_on: date | None = None,
    household_secret: bytes | None = None,
    **options: Any,
) -> ReadResult:
    """Read one municipality from a source of any format.

    Parameters
    ----------
    source : Path, str or a sequence of them
        A file, a folder, a database URL or the TOML file that names a database; or several of one format, a
        year split over files, whose rows follow each other. What occurs in two of them is refused.
    municipality : str
        The municipality's code, text with leading zeros.
    matching : Matching
        How the municipality turns signals into episodes (from the inventory).
    format : str, optional
        A name in ``FORMATS``; without it the source tells.
    name : str, optional
        The municipality's name as the source writes it.
    amount_locale : {"nl", "en"}, optional
        Notation of amounts stored as text; formats with typed amounts do not need it.
    extracted_on : datetime.date, optional
        Date of the extract; without it the source tells, with a finding.
    household_secret : bytes, optional
        Of 16 to 64 bytes, the same for every extract of a municipality: with it
        :attr:`~causalsig.sources.findings.ReadResult.known_again` says which household is which one in
        another extract. The tables are the same with and without it.
    **options
        What only this format's reader takes.

    Raises
    ------
    SourceError
        ``source-format-unknown``, ``source-formats-mixed``, or what the reader of the format raises.
    """
    given = [source] if isinstance(source, Path | str) else list(source)
    parts = [part for one in given for part in parts_of(one)]
    chosen = _one_format(parts, format)
    if chosen.has_locale:
        options["amount_locale"] = amount_locale
    read: Callable[..., ReadResult] = _load(chosen.reader)
    result = read(
        parts[0] if len(parts) == 1 else parts,
        municipality=municipality,
        matching=matching,
        name=name,
        extracted_on=extracted_on,
        household_secret=household_secret,
        **options,
    )
    return replace(result, carries=chosen.carries)


def municipalities_in(source: Source) -> frozenset[str]:
    """Labels of all municipalities in a source, by name or by code; none where the source does not say.

    Labels are values from the data: compare them with those of the inventory, and tell no others.

    Raises
    ------
    SourceError
        As :func:`read_source`.
    """
    parts = parts_of(source)
    listed: Callable[[Source], frozenset[str]] = _load(_one_format(parts, None).lister)
    return frozenset().union(*(listed(part) for part in parts))


def _load(place: str) -> Any:
    module, function = place.split(":")
    return getattr(import_module(f"causalsig.sources.{module}"), function)


def _one_format(parts: Sequence[Source], asked: str | None) -> Format:
    if asked is not None and asked not in FORMATS:
        raise SourceError(
            "source-format-unknown",
            expected="a format out of " + ", ".join(FORMATS),
            found="another word",
            mend="Leave the format out, and the source tells.",
        )
    if not parts:
        raise SourceError(
            "source-not-found",
            expected="a source",
            found="an empty folder",
            mend="Check the path.",
        )
    names = {asked or detect_format(part) for part in parts}
    if len(names) > 1 or (len(parts) > 1 and names == {"database"}):
        raise SourceError(
            "source-formats-mixed",
            expected="one database, or files of one format",
            found=f"{len(parts)} sources that are not",
            mend="Read each format by itself, or keep only one export of the period.",
        )
    return FORMATS[names.pop()]
