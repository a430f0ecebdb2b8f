"""Review: computed → checked → (approved | refused) → released.

A site's folder holds ``review.json``: the document, its state, and the log of who did what, when, as what
and why. It stays with the provider. Only when operator and output checker, two people with two keys, have
signed the same bytes is ``<site code>.release.json`` (``.profile.json``, ``.monitor.json``) written to the
outbox; that file holds the document and the signatures and nothing of the log.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError, model_validator

from causalsig.errors import RefusedError, ReleaseError
from causalsig.release.build import CheckedRelease, schema_error
from causalsig.release.documents import Closed, Hash
from causalsig.release.envelope import payload_bytes, pre_authentication, seal
from causalsig.release.files import locked, read_bytes, write_atomic
from causalsig.release.kept import kept_bytes, kept_values
from causalsig.release.keys import Role, SigningKey
from causalsig.release.kinds import SUFFIXES, SiteDocument, read_site_document
from causalsig.release.ledger import Ledger
from causalsig.release.pool_document import PoolDocument
from causalsig.release.remember import SETS, Memory, read_waiting, write_candidate
from causalsig.release.strict_json import MAX_BYTES, canonical

REVIEW_FILE = "review.json"
APPROVERS: tuple[Role, Role] = ("operator", "checker")
State = Literal["checked", "approved", "refused", "released"]
Step = Literal["computed", "checked", "approved", "refused", "released"]


class LogEntry(Closed):
    """Who did what, when, as what, why, and over which payload. Stays with the provider."""

    step: Step
    at: str
    role: Literal["site", "operator", "checker"]
    name: str = Field(max_length=200)
    reason: str = Field(max_length=2000)
    payload_hash: Hash


class SignatureEntry(Closed):
    """One approval's signature."""

    role: Literal["operator", "checker"]
    key_id: Hash
    signature: Annotated[str, Field(pattern=r"^[0-9a-f]{128}$")]


class Review(Closed):
    """``review.json``; ``ledger`` is the head of the provider's ledger at the first approval."""

    kind: Literal["causalsig-review"]
    state: State
    demo: bool
    payload_hash: Hash
    ledger: Hash | None = None
    document: Annotated[SiteDocument, Field(discriminator="kind")]
    signatures: tuple[SignatureEntry, ...] = Field(max_length=2)
    log: tuple[LogEntry, ...]

    @model_validator(mode="after")
    def _hash_fits(self) -> Review:
        if document_hash(self.document) != self.payload_hash:
            raise ValueError("the payload hash does not fit the document")
        return self


def document_hash(document: SiteDocument | PoolDocument) -> str:
    """SHA-256, in hexadecimal, over the canonical bytes of a document."""
    return hashlib.sha256(canonical(document.model_dump(mode="json"))).hexdigest()


def write_review(
    folder: str | Path,
    release: CheckedRelease | SiteDocument,
    *,
    memory: Memory,
    force: bool = False,
) -> Path:
    """Put a checked release, or a document that holds every rule of its kind, up for review.

    The same document again changes nothing, whatever its state, so a run that was killed can be repeated.
    Another document is refused unless `force` is given; the log of the earlier one, refusals included, is
    kept.

    Parameters
    ----------
    folder : path of the site's folder
    release : CheckedRelease or SiteDocument
    memory : Memory
        What the ledger has to know of it: written beside the review.
    force : bool

    Returns
    -------
    Path
        The review file.

    Raises
    ------
    ReleaseError
        ``release-exists``.
    """
    path = Path(folder) / REVIEW_FILE
    document = _again(release.document if isinstance(release, CheckedRelease) else release)
    payload_hash = document_hash(document)
    path.parent.mkdir(parents=True, exist_ok=True)
    with locked(path.parent):
        earlier: tuple[LogEntry, ...] = ()
        if path.exists():
            review = read_review(path)
            if review.payload_hash == payload_hash:
                write_candidate(path.parent, document, payload_hash, memory)
                return path
            if not force:
                raise ReleaseError(
                    "release-exists",
                    expected="no earlier review, or one of the same document",
                    found=f"a review of another document, {review.state}",
                    mend="Look at it (`causalsig release review`); say --force to review the new one.",
                    where=str(path.parent.name),
                )
            earlier = review.log
        write_candidate(path.parent, document, payload_hash, memory)
        steps: tuple[Step, ...] = ("computed", "checked")
        log = tuple(_entry(step, "site", "", "", payload_hash) for step in steps)
        review = Review(
            kind="causalsig-review",
            state="checked",
            demo=False,
            payload_hash=payload_hash,
            document=document,
            signatures=(),
            log=(*earlier, *log),
        )
        _save(path, review)
    return path


def read_review(path: str | Path) -> Review:
    """Read a review file, or the one in a folder.

    Raises
    ------
    ReleaseError
        ``release-not-readable``, ``release-not-json`` or ``release-schema``.
    """
    file = Path(path)
    file = file / REVIEW_FILE if file.is_dir() else file
    try:
        return Review.model_validate_json(canonical(kept_values(read_bytes(file, MAX_BYTES))))
    except ValidationError as error:
        raise schema_error(error) from None


def approve(
    folder: str | Path,
    *,
    role: Literal["operator", "checker"],
    name: str,
    key: SigningKey,
    outbox: str | Path,
    demo: bool = False,
    reason: str = "",
    force: bool = False,
) -> Path | None:
    """Sign a review; the second of the two approvals releases it.

    Parameters
    ----------
    folder : path of the site's folder, with ``review.json``
    role : {"operator", "checker"}
    name : str
        Of the person; for the log, which stays with the provider.
    key : SigningKey
        Of that role.
    outbox : path of the folder for what may leave
    demo : bool
        A demo approval: part of what is signed, so the pool can tell.
    force : bool
        Replace an earlier release of this site and wave in the outbox.

    Returns
    -------
    Path or None
        The released file when both have approved, else None. Repeating an approval changes nothing; with
        another key of the role it takes the place of the one before, as after a key was revoked.

    Raises
    ------
    ReleaseError
        ``release-key-role``, ``release-demo-key``, ``release-same-person``, ``release-mixed-demo``.
    RefusedError
        ``release-refused`` when the review was refused; what the ledger refuses (`Ledger.record`), before
        the approval is kept.
    """
    path = Path(folder) / REVIEW_FILE
    with locked(path.parent):
        review = read_review(path)
        _may_approve(review, role, name, key, demo)
        waiting = read_waiting(path.parent, review.payload_hash)
        ledger = Ledger(Path(waiting.ledger))
        if (role, key.public.key_id) not in {(item.role, item.key_id) for item in review.signatures}:
            now = ledger.admit(waiting.candidate, path.parent / SETS)
            head = review.ledger if review.signatures else now
            payload = payload_bytes(review.document.model_dump(mode="json"), demo=demo, ledger=head)
            signature = key.sign(pre_authentication(payload)).hex()
            signed = (
                *(item for item in review.signatures if item.role != role),
                SignatureEntry(role=role, key_id=key.public.key_id, signature=signature),
            )
            review = review.model_copy(
                update={
                    "demo": demo,
                    "ledger": head,
                    "signatures": signed,
                    "state": "approved" if len(signed) == len(APPROVERS) else "checked",
                    "log": (*review.log, _entry("approved", role, name, reason, review.payload_hash)),
                }
            )
            _save(path, review)
        if review.state == "checked":
            return None
        ledger.record(waiting.candidate, path.parent / SETS, key)
        return _release(path, review, Path(outbox), force)


def refuse(folder: str | Path, *, role: Literal["operator", "checker"], name: str, reason: str) -> None:
    """Refuse a review, with a reason; it is kept.

    Raises
    ------
    ReleaseError
        ``release-released`` when it has left already; ``release-no-reason`` without a reason.
    """
    path = Path(folder) / REVIEW_FILE
    with locked(path.parent):
        review = read_review(path)
        if not reason.strip() or not name.strip():
            raise _state_error(
                "release-no-reason", "a name and a reason", "none", "Say who refuses it and why."
            )
        if review.state == "released":
            raise _state_error(
                "release-released",
                "a review that has not left",
                "a released one",
                "Ask those who have the file to withdraw it.",
            )
        if review.state != "refused":
            log = (*review.log, _entry("refused", role, name, reason, review.payload_hash))
            update = {"state": "refused", "signatures": (), "ledger": None, "log": log}
            _save(path, review.model_copy(update=update))


def release_name(document: SiteDocument) -> str:
    """Return the name of the released file: the site code, the wave from the second on, and the kind."""
    wave = "" if document.wave == 1 else f".wave{document.wave}"
    return f"{document.site_code}{wave}{SUFFIXES[document.kind]}"


def _again(document: SiteDocument) -> SiteDocument:
    """Validate once more, from bytes: what is written holds the rules however the object was made."""
    return read_site_document(document.model_dump(mode="json"))


def _may_approve(review: Review, role: Role, name: str, key: SigningKey, demo: bool) -> None:
    check_role(key, role)
    if review.state == "refused":
        raise RefusedError(
            "release-refused",
            expected="a review that nobody refused",
            found="a refused one",
            mend="Make the release again after mending what it was refused for.",
        )
    if key.public.demo and not demo:
        raise _state_error(
            "release-demo-key", "a key of a person", "a demo key", "Say --demo, or use a real key."
        )
    if not name.strip():
        raise _state_error("release-no-name", "the name of who approves", "none", "Say --name.")
    others = [item for item in review.signatures if item.role != role]
    if others and review.demo != demo:
        raise _state_error(
            "release-mixed-demo", "two approvals of one kind", "a demo and a real one", "Approve both alike."
        )
    approved_by = [
        item.name
        for item in review.log
        if item.step == "approved" and item.role != role and item.payload_hash == review.payload_hash
    ]
    same_key = any(item.key_id == key.public.key_id for item in others)
    if same_key or (others and _person(name) in {_person(item) for item in approved_by}):
        raise _state_error(
            "release-same-person",
            "two people: operator and output checker",
            "one in both roles",
            "Have someone else approve it.",
        )


def _person(name: str) -> str:
    return " ".join(name.casefold().split())


def check_role(key: SigningKey, role: Role) -> None:
    """Refuse a key of another role (``release-key-role``)."""
    if key.public.role != role:
        raise _state_error(
            "release-key-role",
            f"the key of the {role}",
            f"that of the {key.public.role}",
            "Use the right key.",
        )


def _release(path: Path, review: Review, outbox: Path, force: bool) -> Path:
    """Write the envelope, then say so in the review: a kill between the two is mended by repeating."""
    document = review.document.model_dump(mode="json")
    payload = payload_bytes(document, demo=review.demo, ledger=review.ledger)
    signatures = [(item.key_id, bytes.fromhex(item.signature)) for item in review.signatures]
    target = outbox / release_name(review.document)
    write_atomic(target, seal(payload, signatures), force=force)
    if review.state != "released":
        entry = _entry("released", "site", "", "", review.payload_hash)
        _save(path, review.model_copy(update={"state": "released", "log": (*review.log, entry)}))
    return target


def _entry(
    step: Step, role: Literal["site", "operator", "checker"], name: str, reason: str, payload_hash: str
) -> LogEntry:
    at = datetime.now(UTC).isoformat(timespec="seconds")
    try:
        return LogEntry(step=step, at=at, role=role, name=name, reason=reason, payload_hash=payload_hash)
    except ValidationError as error:
        raise schema_error(error) from None


def _save(path: Path, review: Review) -> None:
    write_atomic(path, kept_bytes(review.model_dump(mode="json")), force=True, mode=0o600)


def _state_error(code: str, expected: str, found: str, mend: str) -> ReleaseError:
    return ReleaseError(code, expected=expected, found=found, mend=mend)
