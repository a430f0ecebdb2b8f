"""What to do with an exception nobody foresaw: no text on the screen, a masked record on this machine."""

from __future__ import annotations

import os
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from causalsig.failures import masked_record

INTERNAL_ERROR = 101
_CODE = "internal-error"


def report(error: BaseException) -> str:
    """Write the masked record of `error`; return the message for the operator, without its text."""
    try:
        place = f"Where it happened, with values masked: {_write(masked_record(error))}"
    except OSError:
        place = "Where it happened could not be written down: no folder on this machine is writable"
    return f"causalsig: internal error [{_CODE}], exit code {INTERNAL_ERROR}. {place}"


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
