"""Several files at once, as a folder or as one zip file: the same files, the same bytes."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

from causalsig.errors import ReleaseError
from causalsig.release.files import sweep, write_atomic

_FIRST_DAY = (1980, 1, 1, 0, 0, 0)
"""A zip file gives each file a time, and can give none earlier: it tells nothing."""
_UNIX = 3


def write_files(
    out: str | Path, files: Mapping[str, bytes], *, force: bool = False, mode: int = 0o644
) -> Path:
    """Write files into a folder, or into one zip file when the name ends in ``.zip``.

    A folder holds these files and no others: what an earlier run left there could leave with them. What a
    kill left of a file is swept away.

    Parameters
    ----------
    out : path
    files : mapping of name to bytes
        Names with ``/`` between folders; in a zip file in this order.
    force : bool
        Replace files of the same names.
    mode : int
        Of each file.

    Raises
    ------
    ReleaseError
        ``release-exists``; ``release-folder-in-use`` when the folder holds anything else.
    """
    target = Path(out)
    if target.suffix == ".zip" and not target.is_dir():
        write_atomic(target, _zipped(files), force=force, mode=mode)
        return target
    for path in (target / name for name in files):
        if path.parent.is_dir():
            sweep(path)
    found = {path.relative_to(target).as_posix() for path in target.rglob("*") if not path.is_dir()}
    if target.is_file() or found - set(files):
        raise ReleaseError(
            "release-folder-in-use",
            expected="a new folder, or one that holds an earlier answer to the same question",
            found="other files",
            mend="Name another folder: what lies there could leave with what is written now.",
            where=target.name,
        )
    for name, content in files.items():
        write_atomic(target / name, content, force=force, mode=mode)
    return target


def _zipped(files: Mapping[str, bytes]) -> bytes:
    """Pack files as they are, with nothing of this machine: no time, no user, no compression library."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, _FIRST_DAY)
            entry.create_system, entry.external_attr = _UNIX, 0o644 << 16
            archive.writestr(entry, content)
    return packed.getvalue()
