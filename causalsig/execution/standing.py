"""Whether a site's earlier run can stand: same inputs, and whole files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from causalsig.errors import ReleaseError
from causalsig.execution.digests import file_digest

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Answers:
    """What a site's ``run.json`` tells of a run that counts.

    Attributes
    ----------
    questions, reasons : dict of str
        Status of each question, and the code of each that has no estimate.
    seconds : dict of float
        By step, and in all.
    peak_mb : int or None
        Memory of the process at its highest.
    finished : str
        UTC.
    """

    questions: dict[str, str]
    reasons: dict[str, str]
    seconds: dict[str, float]
    peak_mb: int | None
    finished: str

    @classmethod
    def of(cls, run: Mapping[str, Any]) -> Answers:
        """Take the answers out of the values of a ``run.json``."""
        return cls(
            dict(run["questions"]),
            dict(run["reasons"]),
            dict(run["seconds"]),
            run.get("peak_mb"),
            str(run["finished"]),
        )


def standing(folder: Path, inputs: dict[str, str], wave: int) -> Answers | None:
    """Answers of an earlier run in ``folder`` with the same inputs whose files are whole; else None.

    Whole are what was found, what waits for approval or for its noise, and what the ledger has to know of it:
    without that nothing could leave, and only another run makes it again.
    """
    try:
        run = json.loads((folder / "run.json").read_text("utf-8"))
        whole = (
            run["inputs"] == inputs
            and run["wave"] == wave
            and file_digest(folder / "site.json") == run["site_digest"]
            and _waits(folder) == run["payload_hash"]
        )
        return Answers.of(run) if whole else None
    except (OSError, ValueError, KeyError, TypeError, RecursionError, ReleaseError):
        return None


def _waits(folder: Path) -> str:
    """Hash of what a run left: of the sums that wait for a private release's noise, else of the review.

    Raises
    ------
    ReleaseError
        Where that, or what the ledger has to know of it, is not as it was written.
    """
    from causalsig.release.household_sets import read_sets
    from causalsig.release.private_waiting import PRIVATE_FILE, read_private, waiting_hash
    from causalsig.release.remember import SETS, read_waiting
    from causalsig.release.review import read_review

    if (folder / PRIVATE_FILE).exists():
        return waiting_hash(read_private(folder))
    review = read_review(folder)
    waiting = read_waiting(folder, review.document, review.payload_hash, review.told)
    read_sets(folder / SETS, waiting.candidate.sets)
    return review.payload_hash
