"""Nobody signs by a clock that is earlier than what was written before."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from causalsig.errors import ReleaseError
from causalsig.records import SiteResult
from causalsig.release import (
    ReleaseIdentity,
    approve,
    build_release,
    new_keys,
    read_signing_key,
    read_trusted,
    write_review,
)
from causalsig.release.chain import EMPTY, Link
from causalsig.release.clock import CLOCK_PLAY, check_clock
from causalsig.release.kept import kept_bytes
from causalsig.release.review import REVIEW_FILE, look, read_review
from causalsig.release.review_log import LogEntry, entry_hash
from causalsig.study.models import Study
from tests.release.memories import memory_for

Make = Callable[..., SiteResult]
MINUTE = timedelta(minutes=1)


def written_at(folder: Path, ahead: timedelta) -> None:
    """Let the log of a review say that all of it happened so much later."""
    review = read_review(folder)
    log: list[LogEntry] = []
    for entry in review.log:
        at = (datetime.now(UTC) + ahead).isoformat(timespec="seconds")
        previous = entry_hash(log[-1]) if log else EMPTY
        log.append(entry.model_copy(update={"at": at, "previous": previous}))
    moved = review.model_copy(update={"log": tuple(log)})
    (folder / REVIEW_FILE).write_bytes(kept_bytes(moved.model_dump(mode="json")))


def test_an_approval_by_a_clock_before_the_document_is_refused(
    tmp_path: Path, study: Study, make_site: Make, identity: ReleaseIdentity
) -> None:
    keys, folder = tmp_path / "keys", tmp_path / "site"
    new_keys(keys)
    release = build_release(make_site(), study=study, identity=identity)
    write_review(folder, release, memory=memory_for(folder))
    look(folder)

    def sign(*, accept_clock: bool = False) -> None:
        approve(
            folder,
            role="operator",
            name="De Operator",
            key=read_signing_key(keys, "operator"),
            trusted=read_trusted(keys),
            outbox=tmp_path / "outbox",
            accept_clock=accept_clock,
        )

    written_at(folder, CLOCK_PLAY + MINUTE)
    with pytest.raises(ReleaseError, match="release-clock-back"):
        sign()
    assert read_review(folder).signatures == ()
    sign(accept_clock=True)
    assert [one.role for one in read_review(folder).signatures] == ["operator"]


@pytest.mark.parametrize(("ahead", "refused"), [(CLOCK_PLAY + MINUTE, True), (CLOCK_PLAY - MINUTE, False)])
def test_the_last_line_of_the_ledger_counts_beyond_what_a_right_clock_moves(
    ahead: timedelta, refused: bool
) -> None:
    def line(number: int, at: datetime) -> Link:
        return Link(number, {"at": at.isoformat(timespec="seconds")}, EMPTY, EMPTY, EMPTY, "")

    now = datetime.now(UTC)
    links = (line(1, now - 9 * CLOCK_PLAY), line(2, now + ahead))
    if refused:
        with pytest.raises(ReleaseError, match="release-clock-back"):
            check_clock((), links)
    else:
        check_clock((), links)


def test_a_moment_that_is_none_and_an_empty_ledger_say_nothing() -> None:
    check_clock((), ())
    check_clock((), (Link(1, {"at": "not a moment"}, EMPTY, EMPTY, EMPTY, ""),))
