"""The record of a run, for the provider: how every site ended, how long it took, with which versions."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from causalsig import __version__
from causalsig.errors import ReleaseError, SourceError
from causalsig.execution.worker import write_json

if TYPE_CHECKING:
    from causalsig.execution.run import RunRequest, SiteOutcome
    from causalsig.study.inventory import Inventory

NAME: Final = "run.json"
_STAMP: Final = "%Y-%m-%dT%H:%M:%SZ"
_LIBRARIES: Final = ("numpy", "scipy", "pandas", "scikit-learn", "pydantic", "cryptography")


def head_of(request: RunRequest) -> dict[str, object]:
    """Say of what a record is: rows of another study or wave are no earlier rows."""
    from causalsig.study.digest import study_digest
    from causalsig.study.read import read_study

    study = read_study(request.study)
    return {"study_digest": study_digest(study), "seed": study.seed, "wave": request.wave}


def write_record(
    request: RunRequest,
    inventory: Inventory,
    outcomes: Sequence[SiteOutcome],
    *,
    head: dict[str, object],
    versions: dict[str, Any],
    seconds: float,
    ended: bool,
) -> None:
    """Write how every site ended so far; sites that were not asked for keep their earlier row."""
    now = time.strftime(_STAMP, time.gmtime())
    rows = earlier_rows(request.out, head)
    for outcome in outcomes:
        row: dict[str, Any] = {
            name: getattr(outcome, name) for name in ("site", "status", "code", "message", "seconds")
        }
        row |= {"questions": outcome.questions, "reasons": outcome.reasons, "peak_mb": outcome.peak_mb}
        rows[outcome.site] = row | {"finished": outcome.finished or now}
    values = {
        "kind": "sites",
        **head,
        "package_version": __version__,
        "versions": versions,
        "workers": request.workers,
        "limits": {"memory_gb": request.limits.memory_gb, "minutes": request.limits.minutes},
        "seconds": round(seconds, 3),
        "state": "ended" if ended else "going on",
        "finished": now,
        "sites": [rows[site.code] for site in inventory.sites if site.code in rows],
    }
    write_json(request.out / NAME, values)


def versions_of(isolated: bool) -> dict[str, Any]:
    """Name what ran: Python, the libraries, the digest of all that is installed, and whether in rooms."""
    import platform
    from importlib.metadata import version

    from causalsig.execution.site import lock_digest

    return {
        "python": platform.python_version(),
        **{name: version(name) for name in _LIBRARIES},
        "lock_digest": lock_digest(),
        "isolated": isolated,
    }


def earlier_rows(out: Path, head: dict[str, object]) -> dict[str, dict[str, Any]]:
    """Rows of an earlier run of the same study and wave, by site; of another one nothing is kept."""
    try:
        earlier = json.loads((out / NAME).read_text("utf-8"))
        same = all(earlier[name] == value for name, value in head.items())
        return {row["site"]: row for row in earlier["sites"]} if same else {}
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return {}


def failed_before(request: RunRequest) -> tuple[str, ...]:
    """Codes of the sites that failed in the earlier run in this folder, or that a kill broke off."""
    rows = earlier_rows(request.out, head_of(request))
    failed = {code for code, row in rows.items() if row.get("status") == "failed"}
    begun = {path.parent.name for path in request.out.glob("sites/*/job.json")}
    return tuple(sorted(failed | begun))


def check_clock(request: RunRequest) -> None:
    """Refuse to run by a clock that was set back: agreements that ended would be in force again.

    Raises
    ------
    SourceError
        ``run-clock-back``
    """
    from causalsig.release.clock import is_behind

    if is_behind(_times(request)):
        raise SourceError(
            "run-clock-back",
            expected="a clock that is later than the last run and the last release",
            found="one that is earlier",
            mend="Set the clock of this machine right; if it is right and the earlier time was wrong, say "
            "--accept-clock.",
        )


def _times(request: RunRequest) -> list[datetime]:
    """Give when the last run in the folder was recorded and when the ledger's last line was written."""
    from causalsig.release.clock import last_line
    from causalsig.release.ledger import Ledger
    from causalsig.release.remember import LEDGER_FOLDER

    found = []
    try:
        said = json.loads((request.out / NAME).read_text("utf-8"))["finished"]
        found.append(datetime.strptime(said, _STAMP).replace(tzinfo=UTC))
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        pass
    # Whether the ledger holds is judged where something is to leave.
    with suppress(ReleaseError, OSError, ValueError, KeyError):
        found += last_line(Ledger(request.keys / LEDGER_FOLDER).chain.links())
    return found
