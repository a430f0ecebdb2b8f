"""What went wrong where nobody foresaw it, written down without its values, for the provider only.

The text of an exception, a warning or a print may hold a cell. What is kept of it is its shape: of a
traceback the place in the program and the class, of any other words an x for letters and a 9 for digits.
"""

from __future__ import annotations

import errno
import os
import re
import sys
import tempfile
import traceback
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Final

INTERNAL_ERROR: Final = 101
LOG_DIR: Final = "CAUSALSIG_LOG_DIR"
LONGEST: Final = 200
"""Characters of the shape of one text: more says nothing and fills the log."""
MOST_LINES: Final = 500
_NO_SPACE: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_NOT_PERMITTED: Final = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
_FRAME = re.compile(r'\s*File "(?P<file>[^"]+)", line (?P<line>\d+)(?:,? in (?P<name>\S+))?')
_SAID_AT = re.compile(r"(?P<file>/[^:]+\.py):(?P<line>\d+): (?P<kind>[A-Za-z]+Warning): (?P<text>.*)")


def status_of(error: BaseException) -> str:
    """Give the closed status code of an exception nobody foresaw; its text plays no part.

    Returns
    -------
    str
        What the machine lacked (``run-no-space``, ``run-not-permitted``, ``run-no-memory``), else
        ``internal-error``.
    """
    if isinstance(error, MemoryError):
        return "run-no-memory"
    if isinstance(error, OSError) and error.errno in _NO_SPACE:
        return "run-no-space"
    if isinstance(error, OSError) and error.errno in _NOT_PERMITTED:
        return "run-not-permitted"
    return "internal-error"


def masked_record(error: BaseException) -> str:
    """Describe an exception and its causes by class and place; letters and digits of its text are masked."""
    lines = []
    link: BaseException | None = error
    seen: set[int] = set()
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        lines.append(f"{_class_name(type(link))}: {_shape_of(link)}")
        frames = traceback.extract_tb(link.__traceback__)
        lines.extend(f"  {_place(frame.filename, frame.lineno, frame.name)}" for frame in frames)
        link = link.__cause__ or link.__context__
    return "\n".join(lines) + "\n"


def masked_text(said: str) -> str:
    """Mask what others printed: of frames and warnings the place stays, of anything else the shape."""
    lines = [_masked_line(line) for line in said.splitlines()[:MOST_LINES] if line.strip()]
    return "".join(f"{line}\n" for line in lines)


def keep_record(record: str) -> Path:
    """Write a masked record to this machine's log folder, readable by its owner only.

    Raises
    ------
    OSError
        No folder is writable.
    """
    for folder in _folders():
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
            descriptor, name = tempfile.mkstemp(prefix=f"failure-{stamp}-", suffix=".txt", dir=folder)
        except OSError:
            continue
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(record)
        return Path(name)
    raise OSError("no writable folder")


def shown_name(path: Path, known: frozenset[str] = frozenset()) -> str:
    """Give as much of a source's file name as is ours: the municipality's code and the ending.

    Parameters
    ----------
    path : Path
    known : frozenset of str
        Stems that the format itself prescribes, such as those of canonical tables.
    """
    ending = path.suffix if path.suffix.lower() in _ENDINGS else ""
    if path.stem in known or re.fullmatch(r"[0-9]{4}", path.stem):
        return f"{path.stem}{ending}"
    code = re.match(r"[0-9]{4}(?![0-9])", path.name)
    return f"{code.group() if code else ''}…{ending}"


_ENDINGS: Final = frozenset({".xlsx", ".json", ".csv", ".parquet", ".toml", ".db", ".sqlite"})


def _folders() -> list[Path]:
    """Places for the record, best first: CAUSALSIG_LOG_DIR, the user's state folder, the temporary folder."""
    chosen = os.environ.get(LOG_DIR)
    if chosen:
        return [Path(chosen)]
    state = os.environ.get("XDG_STATE_HOME") or str(Path("~/.local/state").expanduser())
    return [Path(state) / "causalsig", Path(tempfile.gettempdir()) / "causalsig"]


def _masked_line(line: str) -> str:
    frame = _FRAME.match(line)
    if frame:
        return f"  {_place(frame['file'], int(frame['line']), frame['name'] or '')}"
    warned = _SAID_AT.match(line)
    if warned:
        return f"{_place(warned['file'], int(warned['line']), '')}: warning: {_shape(warned['text'])}"
    return _shape(line)


def _class_name(kind: type[BaseException]) -> str:
    """Name of a class that a module holds under that name, else of the nearest base that one does."""
    for one in kind.__mro__:
        if getattr(sys.modules.get(one.__module__), one.__qualname__, None) is one:
            return f"{one.__module__}.{one.__qualname__}"
    return "object"


def _place(file: str, line: int | None, name: str) -> str:
    """Give module and line, without the folders of this machine; a file that is no module is not named."""
    for root in _roots():
        if file.startswith(root):
            inside = f" in {name}" if re.fullmatch(r"<?[A-Za-z_]\w*>?", name, re.ASCII) else ""
            return f"{file.removeprefix(root)}:{line}{inside}"
    return f"elsewhere:{line}"


@cache
def _roots() -> tuple[str, ...]:
    """Folders that modules are imported from, the deepest first."""
    ours = str(Path(__file__).parents[1])
    found = {str(Path(one).resolve()) for one in [ours, *sys.path] if one}
    return tuple(sorted((f"{one}{os.sep}" for one in found), key=len, reverse=True))


def _shape_of(error: BaseException) -> str:
    try:
        return _shape(str(error))
    except Exception:
        return "(no text)"


def _shape(text: str) -> str:
    """Each run of letters is an x, each run of digits a 9."""
    # Whatever counts as a letter or digit in any script goes, so that no name survives in part.
    return re.sub(r"\d+", "9", re.sub(r"[^\W\d_]+", "x", text[: 20 * LONGEST]))[:LONGEST]
