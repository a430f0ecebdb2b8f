"""The mark of invented data: what may be shown row by row, because nobody in it exists.

Beside the inventory of invented municipalities lies ``synthetic.sha256``, with the digest of every file of
their sources in the form that ``sha256sum --check`` reads. A source is taken for invented only when its code
is one that no real municipality has **and** every byte of it is listed there: a real export put in the place
of an invented one, or an invented one without its mark, is refused.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from causalsig.errors import RefusedError
from causalsig.execution.digests import file_digest
from causalsig.release.files import write_atomic

INVENTED: Final = "9"
"""How the code of a municipality that never existed begins; no real one does."""
MARK: Final = "synthetic.sha256"


def write_mark(folder: Path, sources: Iterable[Path]) -> Path:
    """Write the mark of invented sources into a folder, in place of an earlier one.

    Parameters
    ----------
    folder : Path
        That of the inventory.
    sources : iterable of Path
        Files, or folders of tables, somewhere in `folder`.
    """
    files = sorted({file for source in sources for file in _files(source)})
    lines = [f"{file_digest(file)}  {file.relative_to(folder).as_posix()}\n" for file in files]
    path = folder / MARK
    write_atomic(path, "".join(lines).encode(), force=True)
    return path


def require_synthetic(source: Path, code: str) -> None:
    """Refuse a source that is not known to be invented.

    Parameters
    ----------
    source : Path
        A file or folder, with the mark one or two folders up.
    code : str
        The municipality's.

    Raises
    ------
    RefusedError
        ``cohort-trace-not-synthetic``: a code of a real municipality, no mark, or a file that is not the one
        that was marked.
    """
    if not code.startswith(INVENTED):
        raise _not_synthetic("a municipality code that real municipalities have")
    folder = next((up for up in (source.parent, source.parent.parent) if (up / MARK).is_file()), None)
    if folder is None:
        raise _not_synthetic(f"no {MARK} beside the inventory")
    marked = _read(folder / MARK)
    files = _files(source)
    if not files or any(
        marked.get(file.relative_to(folder).as_posix()) != file_digest(file) for file in files
    ):
        raise _not_synthetic("a source other than the one that was marked")


def _files(source: Path) -> list[Path]:
    """Every file of a source; of a file that names a SQLite database also the database."""
    if source.is_dir():
        return [path for path in source.rglob("*") if path.is_file()]
    if source.suffix == ".toml":
        return [source, source.with_suffix(".db")] if source.with_suffix(".db").is_file() else []
    return [source] if source.is_file() else []


def _read(mark: Path) -> dict[str, str]:
    """Digest of each file that is marked; lines of another form mark nothing."""
    lines = (line.split("  ", 1) for line in mark.read_text("utf-8").splitlines())
    return {parts[1]: parts[0] for parts in lines if len(parts) == 2}


def _not_synthetic(found: str) -> RefusedError:
    return RefusedError(
        "cohort-trace-not-synthetic",
        expected="invented data as `causalsig simulate` leaves them",
        found=found,
        mend="A trace shows one household's rows, so it is made of invented data only. Make some with "
        "`causalsig simulate`, and give the source where that has put it.",
    )
