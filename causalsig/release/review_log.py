"""The log of a review: who did what, when, as what, why and over which payload, as a chain.

Every entry holds the hash of the one before it. An approval and a refusal are signed with the key of who
gives it, so nothing before the last of them can be changed, added or left out without that person's key. It
stays with the provider.
"""

from __future__ import annotations

import hashlib
import unicodedata
from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import Field

from causalsig.errors import ReleaseError
from causalsig.release.chain import EMPTY
from causalsig.release.keys import SigningKey, TrustedKeys
from causalsig.release.strict_json import canonical
from causalsig.release.value_types import Closed, Hash

Step = Literal["computed", "checked", "seen", "approved", "refused", "released"]
LogRole = Literal["site", "operator", "checker"]
LONGEST_NAME, LONGEST_REASON = 200, 2000


class LogEntry(Closed):
    """One step; ``previous`` is the hash of the entry before it, 64 zeros for the first.

    ``seen`` says that the review was shown; it names nobody, since nobody signs to look.
    """

    step: Step
    at: str
    role: LogRole
    name: str = Field(max_length=LONGEST_NAME)
    reason: str = Field(max_length=LONGEST_REASON)
    payload_hash: Hash
    previous: Hash
    key_id: Hash | None = None
    signature: Annotated[str, Field(pattern=r"^[0-9a-f]{128}$")] | None = None


Log = tuple[LogEntry, ...]


def continued(
    log: Log,
    step: Step,
    payload_hash: str,
    *,
    role: LogRole = "site",
    name: str = "",
    reason: str = "",
    key: SigningKey | None = None,
) -> Log:
    """Add a step to a log, signed where somebody answers for it.

    Raises
    ------
    ReleaseError
        ``release-name`` for a name or reason that is too long or that could pass for another line.
    """
    for text, longest in ((name, LONGEST_NAME), (reason, LONGEST_REASON)):
        _check_text(text, longest)
    entry = LogEntry(
        step=step,
        at=datetime.now(UTC).isoformat(timespec="seconds"),
        role=role,
        name=name,
        reason=reason,
        payload_hash=payload_hash,
        previous=entry_hash(log[-1]) if log else EMPTY,
    )
    if key is not None:
        signed = {"key_id": key.public.key_id, "signature": key.sign(_message(entry)).hex()}
        entry = entry.model_copy(update=signed)
    return (*log, entry)


def entry_hash(entry: LogEntry) -> str:
    """SHA-256, in hexadecimal, over the canonical bytes of an entry."""
    return hashlib.sha256(canonical(entry.model_dump(mode="json"))).hexdigest()


def follows(log: Log) -> bool:
    """Say whether every entry holds the hash of the one before it."""
    before = EMPTY
    for entry in log:
        if entry.previous != before:
            return False
        before = entry_hash(entry)
    return True


def check_signatures(log: Log, trusted: TrustedKeys) -> None:
    """Check every signed entry whose key is among those trusted.

    Keys that nobody here has are those of people of earlier years; what such a one signed is not read as an
    approval anywhere.

    Raises
    ------
    ReleaseError
        ``release-tampered``.
    """
    for entry in log:
        key = None if entry.key_id is None else trusted.find(entry.key_id)
        if key is not None and not key.verifies(bytes.fromhex(entry.signature or ""), _message(entry)):
            raise ReleaseError(
                "release-tampered",
                expected="a log whose signatures fit what it says",
                found=f"a step of the {entry.role} that does not",
                mend="Somebody changed the review after it was signed. Run the site again, and find out who.",
            )


def seen_since(log: Log, payload_hash: str) -> bool:
    """Say whether a payload was shown after it was made, and after the last approval of it.

    So whoever approves has it shown first: the operator what the site made, the checker what the operator
    approved.
    """
    for entry in reversed(log):
        if entry.payload_hash != payload_hash or entry.step in ("computed", "checked", "approved"):
            return False
        if entry.step == "seen":
            return True
    return False


def was_refused(log: Log, payload_hash: str) -> bool:
    """Say whether somebody refused a payload."""
    return any(entry.step == "refused" and entry.payload_hash == payload_hash for entry in log)


def _message(entry: LogEntry) -> bytes:
    bare = entry.model_dump(mode="json", exclude={"key_id", "signature"})
    return b"causalsig-review-log\n" + canonical(bare)


def _check_text(text: str, longest: int) -> None:
    # A line break prints as a line of its own, and a control character can hide what a terminal showed.
    hidden = any(unicodedata.category(letter) in ("Cc", "Cf", "Cs", "Zl", "Zp") for letter in text)
    if hidden or len(text) > longest:
        raise ReleaseError(
            "release-name",
            expected=f"a name or reason on one line, of at most {longest} letters",
            found="another text",
            mend="Type it without line breaks and other control characters.",
        )
