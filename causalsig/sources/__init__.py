"""How a provider's data is read: canonical tables, their checks, and one adapter a format."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from causalsig.sources.canonical import read_canonical
    from causalsig.sources.checks import check_tables
    from causalsig.sources.csv_dialect import CsvDialect
    from causalsig.sources.database import read_database
    from causalsig.sources.ddas import read_ddas
    from causalsig.sources.findings import Finding, ReadResult
    from causalsig.sources.formats import detect_format, read_source
    from causalsig.sources.schema import Matching, SiteTables, conform
    from causalsig.sources.xxllnc_2026 import read_xxllnc_2026
    from causalsig.sources.xxllnc_flat import read_xxllnc_flat

__all__ = [
    "CsvDialect",
    "Finding",
    "Matching",
    "ReadResult",
    "SiteTables",
    "check_tables",
    "conform",
    "detect_format",
    "read_canonical",
    "read_database",
    "read_ddas",
    "read_source",
    "read_xxllnc_2026",
    "read_xxllnc_flat",
]

_HOMES = {
    "CsvDialect": "csv_dialect",
    "Finding": "findings",
    "ReadResult": "findings",
    "Matching": "schema",
    "SiteTables": "schema",
    "conform": "schema",
    "check_tables": "checks",
    "detect_format": "formats",
    "read_canonical": "canonical",
    "read_database": "database",
    "read_ddas": "ddas",
    "read_source": "formats",
    "read_xxllnc_2026": "xxllnc_2026",
    "read_xxllnc_flat": "xxllnc_flat",
}


def __getattr__(name: str) -> object:
    """Load an export when it is first asked for, so that importing the room stays light."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
