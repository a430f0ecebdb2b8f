"""May this person approve this review: the key, the other's approval, and what was looked at."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

from causalsig.errors import RefusedError, ReleaseError
from causalsig.release.envelope import check_signature, payload_bytes
from causalsig.release.review_log import check_signatures, seen_since

if TYPE_CHECKING:
    from causalsig.release.keys import Role, SigningKey, TrustedKeys
    from causalsig.release.review import Review

_SHORTEST = 8
"""Characters of a payload's hash that name it, at least."""


def check_approver(review: Review, role: Role, name: str, key: SigningKey, demo: bool) -> None:
    """Refuse a wrong key, a refused review, and one person in both roles.

    Raises
    ------
    ReleaseError
        ``release-key-role``, ``release-demo-key``, ``release-no-name``, ``release-mixed-demo``,
        ``release-same-person``.
    RefusedError
        ``release-refused``.
    """
    check_role(key, role)
    if review.state == "refused":
        raise RefusedError(
            "release-refused",
            expected="a review that nobody refused",
            found="a refused one",
            mend="Make the release again after mending what it was refused for.",
        )
    if key.public.demo and not demo:
        raise state_error(
            "release-demo-key", "a key of a person", "a demo key", "Say --demo, or use a real key."
        )
    if not name.strip():
        raise state_error("release-no-name", "the name of who approves", "none", "Say --name.")
    others = [item for item in review.signatures if item.role != role]
    if others and review.demo != demo:
        raise state_error(
            "release-mixed-demo", "two approvals of one kind", "a demo and a real one", "Approve both alike."
        )
    approved_by = [
        item.name
        for item in review.log
        if item.step == "approved" and item.role != role and item.payload_hash == review.payload_hash
    ]
    same_key = any(item.key_id == key.public.key_id for item in others)
    if same_key or (others and _person(name) in {_person(item) for item in approved_by}):
        raise state_error(
            "release-same-person",
            "two people: operator and output checker",
            "one in both roles",
            "Have someone else approve it.",
        )


def check_meant(review: Review, payload: str | None) -> None:
    """Refuse to sign what is not what the person looked at."""
    if payload is None and not seen_since(review.log, review.payload_hash):
        raise state_error(
            "release-not-seen",
            "a document that was shown since it was made, and since the other person approved it",
            "one that was not",
            "Look at it first (causalsig release review FOLDER), or name the payload: --payload HASH.",
        )
    if payload is not None and (len(payload) < _SHORTEST or not review.payload_hash.startswith(payload)):
        raise state_error(
            "release-other-payload",
            f"a document whose hash begins as you say, with {_SHORTEST} characters or more",
            "another",
            "It was made again since you looked. Look at it: causalsig release review FOLDER.",
        )


def without_revoked(review: Review, role: Role, trusted: TrustedKeys) -> Review:
    """Check what the other signed, and take an approval away whose key was revoked since."""
    check_signatures(review.log, trusted)
    document = review.document.model_dump(mode="json")
    payload = payload_bytes(document, demo=review.demo, ledger=review.ledger, told=review.told)
    standing = []
    for item in review.signatures:
        known = trusted.find(item.key_id)
        if known is not None and known.state == "revoked":
            continue
        if item.role != role:
            check_signature(item.key_id, bytes.fromhex(item.signature), payload, trusted)
        standing.append(item)
    if len(standing) == len(review.signatures):
        return review
    return review.model_copy(update={"signatures": tuple(standing), "state": "checked"})


def _person(name: str) -> str:
    """Bring a name to one form: one person who types it in two ways is one person."""
    letters = unicodedata.normalize("NFKD", name.casefold())
    kept = (letter for letter in letters if not unicodedata.combining(letter))
    return " ".join("".join(letter if letter.isalnum() else " " for letter in kept).split())


def check_role(key: SigningKey, role: Role) -> None:
    """Refuse a key of another role (``release-key-role``)."""
    if key.public.role != role:
        raise state_error(
            "release-key-role",
            f"the key of the {role}",
            f"that of the {key.public.role}",
            "Use the right key.",
        )


def state_error(code: str, expected: str, found: str, mend: str) -> ReleaseError:
    """Make an error of a step that may not be taken."""
    return ReleaseError(code, expected=expected, found=found, mend=mend)
