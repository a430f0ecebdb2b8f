"""The clock of a machine, held against what was written by it before: in a log, a ledger, an earlier run."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from causalsig.errors import ReleaseError

if TYPE_CHECKING:
    from causalsig.release.chain import Link
    from causalsig.release.review_log import Log

CLOCK_PLAY: Final = timedelta(minutes=10)
"""What a clock that is kept right may be moved back."""


def is_behind(times: Iterable[datetime]) -> bool:
    """Say whether this machine's clock is earlier than one of these moments, by more than `CLOCK_PLAY`."""
    now = datetime.now(UTC)
    return any(at - now > CLOCK_PLAY for at in times)


def moments(stamps: Iterable[object]) -> list[datetime]:
    """Read moments as a log or a ledger writes them (ISO 8601, UTC); what is none is left out."""
    found = []
    for stamp in stamps:
        try:
            at = datetime.fromisoformat(str(stamp))
        except ValueError:
            continue
        found.append(at if at.tzinfo else at.replace(tzinfo=UTC))
    return found


def last_line(links: tuple[Link, ...]) -> list[datetime]:
    """Give the moment of a ledger's last line; nothing of an empty one."""
    return moments(link.content.get("at") for link in links[-1:])


def check_clock(log: Log, links: tuple[Link, ...]) -> None:
    """Refuse to sign by a clock that was set back: the log and the ledger would tell another order.

    Parameters
    ----------
    log : tuple of LogEntry
        Of the review: when its document was made, and each step since.
    links : tuple of Link
        Of the ledger that the release will be told to.

    Raises
    ------
    ReleaseError
        ``release-clock-back``
    """
    if is_behind([*moments(entry.at for entry in log), *last_line(links)]):
        raise ReleaseError(
            "release-clock-back",
            expected="a clock that is later than the document, its log and the last line of the ledger",
            found="one that is earlier",
            mend="Set the clock of this machine right; if it is right and the earlier time was wrong, say "
            "--accept-clock.",
        )
