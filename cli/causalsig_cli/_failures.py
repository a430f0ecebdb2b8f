"""What to do with an exception nobody foresaw: no text on the screen, a masked record on this machine."""

from __future__ import annotations

import os
import re
import tempfile
import traceback
from datetime import UTC, datetime
from pathlib import Path

INTERNAL_ERROR = 101
_CODE = "internal-error"


def report(error: BaseException) -> str:
    """Write the masked record of `error`; return the message for the operator, without its text."""
    try:
        place = f"Where it happened, with values masked: {_write(masked_record(error))}"
    except OSError:
        place = "Where it happened could not be written down: no folder on this machine is writable"
    return f"causalsig: internal error [{_CODE}], exit code {INTERNAL_ERROR}. {place}"


def masked_record(error: BaseException) -> str:
    """Describe an exception and its causes by type and place; letters and digits of its text are masked."""
    lines = []
    link: BaseException | None = error
    seen: set[int] = set()
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        lines.append(f"{type(link).__module__}.{type(link).__qualname__}: {_mask(link)}")
        frames = traceback.extract_tb(link.__traceback__)
        lines.extend(f"  {frame.filename}:{frame.lineno} in {frame.name}" for frame in frames)
        link = link.__cause__ or link.__context__
    return "\n".join(lines) + "\n"


def _mask(error: BaseException) -> str:
    """Keep the shape of the text: each run of letters is an x, each run of digits a 9."""
    try:
        shape = str(error)
    except Exception:
        return "(no text)"
    # Whatever counts as a letter or digit in any script goes, so that no name survives in part.
    return re.sub(r"\d+", "9", re.sub(r"[^\W\d_]+", "x", shape))


def _write(record: str) -> Path:
    for folder in _folders():
        try:
            folder.mkdir(parents=True, exist_ok=True)
            stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
            descriptor, name = tempfile.mkstemp(prefix=f"failure-{stamp}-", suffix=".txt", dir=folder)
        except OSError:
            continue
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(record)
        return Path(name)
    raise OSError("no writable folder")


def _folders() -> list[Path]:
    """Places for the record, best first: CAUSALSIG_LOG_DIR, the user's state folder, the temporary folder."""
    chosen = os.environ.get("CAUSALSIG_LOG_DIR")
    if chosen:
        return [Path(chosen)]
    state = os.environ.get("XDG_STATE_HOME") or str(Path("~/.local/state").expanduser())
    return [Path(state) / "causalsig", Path(tempfile.gettempdir()) / "causalsig"]
