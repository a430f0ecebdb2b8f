"""Invented municipalities in the format asked for, one source a municipality, as a run takes them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, get_args

from causalsig.release.files import write_atomic

if TYPE_CHECKING:
    from causalsig.sources.schema import SiteTables

SourceFormat = Literal["xxllnc-2026", "xxllnc-flat", "ddas-1.2", "ddas-0.9", "parquet", "csv", "sql"]
SOURCE_FORMATS: Final[tuple[SourceFormat, ...]] = get_args(SourceFormat)
_ENDINGS: Final[dict[SourceFormat, str]] = {
    "xxllnc-2026": ".xlsx",
    "xxllnc-flat": ".xlsx",
    "ddas-1.2": ".json",
    "ddas-0.9": ".json",
    "parquet": "",
    "csv": "",
    "sql": ".toml",
}


def source_name(code: str, form: SourceFormat) -> str:
    """Name of a municipality's source: a file, or a folder of canonical tables."""
    return code + _ENDINGS[form]


def write_source(
    tables: SiteTables, folder: Path, form: SourceFormat, *, name: str, mixed_locales: float = 0.0
) -> Path:
    """Write one municipality's source, which replaces an earlier one; return its path.

    Parameters
    ----------
    tables : SiteTables
        Not changed.
    folder : Path
        Made when it is not there.
    form : {"xxllnc-2026", "xxllnc-flat", "ddas-1.2", "ddas-0.9", "parquet", "csv", "sql"}
        ``parquet`` and ``csv`` are folders of canonical tables; ``sql`` is a SQLite database and the
        file that names it, which is the source.
    name : str
        The municipality's name, for formats that write it.
    mixed_locales : float
        Share of amounts in the other notation; only the workbook of 2026 writes them as text.
    """
    path = folder / source_name(tables.municipality, form)
    folder.mkdir(parents=True, exist_ok=True)
    if form == "xxllnc-2026":
        from causalsig.simulation.xxllnc import write_workbook

        write_workbook(tables, path, name=name, mixed_locales=mixed_locales)
    elif form == "xxllnc-flat":
        from causalsig.simulation.export.flat_sheet import write_flat_sheet

        write_flat_sheet(tables, path, names=[name])
    elif form == "ddas-1.2" or form == "ddas-0.9":
        from causalsig.simulation.export.ddas import write_ddas

        write_ddas(tables, path, version="1.2" if form == "ddas-1.2" else "0.9")
    elif form == "sql":
        _write_sqlite(tables, path)
    else:
        from causalsig.simulation.export.canonical import write_canonical

        write_canonical(tables, path, form=form)
    return path


def _write_sqlite(tables: SiteTables, path: Path) -> None:
    from causalsig.simulation.export.database import write_database

    database = path.with_suffix(".db")
    database.unlink(missing_ok=True)
    write_database(tables, f"sqlite:///{database}")
    write_atomic(path, f'url = "sqlite:///{database.name}"\n'.encode(), force=True)
