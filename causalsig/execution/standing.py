"""Whether a site's earlier run can stand: same inputs, and whole files."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from causalsig.errors import ReleaseError
from causalsig.execution.digests import file_digest

if TYPE_CHECKING:
    from pathlib import Path

Answers = tuple[dict[str, str], dict[str, str]]
"""Status of each question, and the code of each that has no estimate."""


def standing(folder: Path, inputs: dict[str, str], wave: int) -> Answers | None:
    """Answers of an earlier run in ``folder`` with the same inputs whose files are whole; else None."""
    try:
        run = json.loads((folder / "run.json").read_text("utf-8"))
        whole = (
            run["inputs"] == inputs
            and run["wave"] == wave
            and file_digest(folder / "site.json") == run["site_digest"]
            and _computed(folder) == run["payload_hash"]
        )
        return (dict(run["questions"]), dict(run["reasons"])) if whole else None
    except (OSError, ValueError, KeyError, TypeError, ReleaseError):
        return None


def _computed(folder: Path) -> str:
    """Hash of what a run left: of the sums that wait for a private release's noise, else of the review."""
    from causalsig.release.life import read_review
    from causalsig.release.private_waiting import PRIVATE_FILE, read_private, waiting_hash

    if (folder / PRIVATE_FILE).exists():
        return waiting_hash(read_private(folder))
    return read_review(folder).payload_hash
