"""Files that are whole or not there: temporary file, fsync, then a rename or a link that cannot overwrite.

A writer holds a lock on its temporary file until that has its name. One that nobody holds is what a kill
left, and goes when the same file is written again.
"""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from causalsig.errors import ReleaseError

_RANDOM = 8
"""Characters that `tempfile.mkstemp` adds to a name."""


def write_atomic(path: Path, content: bytes, *, force: bool = False, mode: int = 0o644) -> bool:
    """Write a whole file or nothing.

    Returns
    -------
    bool
        False when the file already held these bytes and was left alone.

    Raises
    ------
    ReleaseError
        ``release-exists`` when another content is there and `force` is not given.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    sweep(path)
    if path.exists() and path.read_bytes() == content:
        return False
    descriptor, name = _temporary(path)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            if force:
                os.replace(name, path)
            else:
                _link(name, path)
    finally:
        Path(name).unlink(missing_ok=True)
    sync_folder(path.parent)
    return True


def _temporary(path: Path) -> tuple[int, str]:
    """Make a temporary file beside a path, and lock it; its name is the path's and eight characters."""
    import fcntl

    while True:
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
        with suppress(OSError):  # a file system without locks: nothing is swept there either
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        if os.fstat(descriptor).st_nlink:
            return descriptor, name
        os.close(descriptor)  # swept away between its making and its lock


def sweep(path: Path) -> None:
    """Remove the temporary files of a path whose writers are gone: what a kill left."""
    import fcntl

    prefix = f".{path.name}-"
    for name in os.listdir(path.parent):
        if not name.startswith(prefix) or len(name) != len(prefix) + _RANDOM:
            continue
        with suppress(OSError):
            descriptor = os.open(path.parent / name, os.O_RDONLY | os.O_NOFOLLOW)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                os.unlink(path.parent / name)
            finally:
                os.close(descriptor)


def _link(name: str, path: Path) -> None:
    """Put the file in place; unlike a rename, a link fails when something is there."""
    try:
        os.link(name, path)
    except FileExistsError:
        raise _exists(path) from None
    except OSError:  # a file system without hard links
        if path.exists():
            raise _exists(path) from None
        os.replace(name, path)


def _exists(path: Path) -> ReleaseError:
    return ReleaseError(
        "release-exists",
        expected="no file of this name, or one with the same content",
        found="a file with other content",
        mend="Write to another folder, or say --force to replace it.",
        where=path.name,
    )


def is_private(path: Path) -> bool:
    """Say whether only its owner can read and change a file, and put another in its place.

    A folder with the sticky bit lets nobody replace what is somebody else's.
    """
    own = os.stat(path)
    above = os.stat(Path(path).parent)
    closed = stat.S_IMODE(own.st_mode) & 0o077 == 0 and own.st_uid in (os.geteuid(), 0)
    return closed and (above.st_mode & 0o022 == 0 or bool(above.st_mode & stat.S_ISVTX))


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a folder while its review changes: two people who approve at once both stay on the record."""
    import fcntl

    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        raise _not_readable(folder) from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)  # lets the lock go


def sync_folder(folder: Path) -> None:
    """Force to disk which files a folder holds."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_bytes(path: Path, limit: int) -> bytes:
    """Read a file of at most `limit` bytes.

    Raises
    ------
    ReleaseError
        ``release-not-readable`` or ``release-too-large``.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            content = file.read(limit + 1)
    except OSError:
        raise _not_readable(path) from None
    if len(content) > limit:
        raise ReleaseError(
            "release-too-large",
            expected=f"at most {limit} bytes",
            found="a larger file",
            mend="A release is never this large; check where the file comes from.",
            where=path.name,
        )
    return content


def _not_readable(path: Path) -> ReleaseError:
    return ReleaseError(
        "release-not-readable",
        expected="a file or folder that can be read",
        found="none, or no permission to read it",
        mend="Check the path and its permissions.",
        where=path.name,
    )
