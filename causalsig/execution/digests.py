"""What went into a run, as digests: whether a result can stand, and which snapshot a release is of."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from causalsig.sources.findings import ReadResult


def file_digest(path: Path) -> str:
    """SHA-256 of a file, or of the names and contents of all files in a folder, in hexadecimal."""
    if path.is_dir():
        total = hashlib.sha256()
        for part in sorted(part for part in path.rglob("*") if part.is_file()):
            total.update(f"{part.relative_to(path).as_posix()} {file_digest(part)}\n".encode())
        return total.hexdigest()
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def source_digest(path: Path) -> str | None:
    """Digest of a source as it lies there, by which an earlier run is kept unread; None of a database."""
    from causalsig.sources.database_address import is_address_file

    return None if is_address_file(path) else file_digest(path)


def snapshot_of(kind: str, site: str, digest: str) -> bytes:
    """Digest of what a document is of: one municipality's part of a source, for one kind of document.

    Without it, documents of several municipalities in one file, or a site's profile and its estimates, would
    carry the same snapshot and could be laid side by side.
    """
    return hashlib.sha256(f"{kind}\n{site}\n{digest}".encode()).digest()


def content_digest(read: ReadResult) -> str:
    """SHA-256 over what was read of one municipality: canonical tables, extract date and findings.

    This is what a snapshot is of: a file that is saved again, packed anew or given in another order or format
    is the same extract. A database cannot be read twice in one moment, so its digest is that of the very
    tables that are analysed. The order of rows does not count, nor what the source holds of other
    municipalities.
    """
    from causalsig.sources.schema import TABLES

    total = hashlib.sha256()

    def add(name: str, values: object) -> None:
        total.update(f"{name} {json.dumps(values, default=str)}\n".encode())

    tables = read.tables
    add("extracted_on", tables.extracted_on.isoformat())
    add("findings", [[f.code, f.table, f.column, f.count, f.severity] for f in read.findings])
    for table in TABLES:
        frame = getattr(tables, table)
        add(table, [[column, str(frame[column].dtype)] for column in frame.columns])
        columns = [_plain(frame[column].to_numpy()) for column in frame.columns]
        for row in sorted(json.dumps(row, default=str) for row in zip(*columns, strict=True)):
            total.update(f"{row}\n".encode())
    return total.hexdigest()


def _plain(values: NDArray[Any]) -> list[Any]:
    """Give the values of a column as JSON has them; a date as its number of days, hours or less."""
    plain: list[Any] = (values.astype("int64") if values.dtype.kind == "M" else values).tolist()
    return plain
