"""Review: computed → checked → (approved | refused) → released.

A site's folder holds ``review.json``: the document, its state, and the log of who did what, when, as what
and why. It stays with the provider. Only when operator and output checker, two people with two keys, have
signed the same bytes is ``<site code>.release.json`` (``.profile.json``, ``.monitor.json``) written to the
outbox; that file holds the document and the signatures and nothing of the log.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError, model_validator

from causalsig.errors import ReleaseError
from causalsig.release.approver import check_approver, check_meant, check_role, state_error, without_revoked
from causalsig.release.build import CheckedRelease, schema_error
from causalsig.release.clock import check_clock
from causalsig.release.documents import Closed, Hash
from causalsig.release.envelope import payload_bytes, pre_authentication, seal
from causalsig.release.files import locked, read_bytes, write_atomic
from causalsig.release.kept import kept_bytes, kept_values
from causalsig.release.keys import Role, SigningKey, TrustedKeys
from causalsig.release.kinds import SUFFIXES, SiteDocument, read_site_document
from causalsig.release.ledger import Ledger
from causalsig.release.pool_document import PoolDocument
from causalsig.release.remember import SETS, LedgerTold, Memory, read_waiting, told_of, write_candidate
from causalsig.release.review_log import (
    Log,
    LogEntry,
    Step,
    continued,
    follows,
    seen_since,
    was_refused,
)
from causalsig.release.strict_json import MAX_BYTES, canonical

REVIEW_FILE = "review.json"
APPROVERS: tuple[Role, Role] = ("operator", "checker")
State = Literal["checked", "approved", "refused", "released"]


class SignatureEntry(Closed):
    """One approval's signature."""

    role: Literal["operator", "checker"]
    key_id: Hash
    signature: Annotated[str, Field(pattern=r"^[0-9a-f]{128}$")]


class Review(Closed):
    """``review.json``.

    ``ledger`` is the head of the provider's ledger at the first approval, ``told`` the digest of what it will
    be told.
    """

    kind: Literal["causalsig-review"]
    state: State
    demo: bool
    payload_hash: Hash
    ledger: Hash | None = None
    told: Hash | None = None
    document: Annotated[SiteDocument, Field(discriminator="kind")]
    signatures: tuple[SignatureEntry, ...] = Field(max_length=2)
    log: tuple[LogEntry, ...]

    @model_validator(mode="after")
    def _log_follows(self) -> Review:
        if not follows(self.log):
            raise ValueError("an entry of the log does not follow from the one before it")
        return self

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
    kept, and a document that was refused before stays refused.

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
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with locked(path.parent):
        log: Log = ()
        if path.exists():
            review = read_review(path)
            if review.payload_hash == payload_hash:
                if review.state != "released":
                    _tell(path, review, write_candidate(path.parent, document, payload_hash, memory))
                return path
            if not force:
                raise ReleaseError(
                    "release-exists",
                    expected="no earlier review, or one of the same document",
                    found=f"a review of another document, {review.state}",
                    mend="Look at it (`causalsig release review`); say --force to review the new one.",
                    where=str(path.parent.name),
                )
            log = review.log
        told = write_candidate(path.parent, document, payload_hash, memory)
        state: State = "refused" if was_refused(log, payload_hash) else "checked"
        steps: tuple[Step, ...] = ("computed", "checked")
        for step in steps:
            log = continued(log, step, payload_hash)
        review = Review(
            kind="causalsig-review",
            state=state,
            demo=False,
            payload_hash=payload_hash,
            told=told,
            document=document,
            signatures=(),
            log=log,
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


def look(folder: str | Path) -> Review:
    """Read a review to show it, and say so in its log: what nobody was shown is not approved.

    Raises
    ------
    ReleaseError
        As :func:`read_review`.
    """
    path = Path(folder)
    path = path / REVIEW_FILE if path.is_dir() else path
    review = read_review(path)
    if review.state == "refused" or seen_since(review.log, review.payload_hash):
        return review
    with locked(path.parent):
        review = read_review(path)
        review = review.model_copy(update={"log": continued(review.log, "seen", review.payload_hash)})
        _save(path, review)
    return review


def what_ledger_is_told(folder: str | Path, review: Review) -> LedgerTold:
    """Find what the ledger will be told of a review, and how much it holds; counts of households in bands.

    Raises
    ------
    ReleaseError
        As `read_waiting`, ``ledger-absent``.
    """
    path = Path(folder)
    inside = path if path.is_dir() else path.parent
    return told_of(inside, read_waiting(inside, review.document, review.payload_hash, review.told))


def approve(
    folder: str | Path,
    *,
    role: Literal["operator", "checker"],
    name: str,
    key: SigningKey,
    trusted: TrustedKeys,
    outbox: str | Path,
    payload: str | None = None,
    ledger: Path | None = None,
    demo: bool = False,
    reason: str = "",
    force: bool = False,
    accept_clock: bool = False,
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
    trusted : TrustedKeys
        Public keys of both: the other's approval counts while its key stands.
    outbox : path of the folder for what may leave
    payload : str, optional
        The hash, or its first eight characters or more, of the document that is meant. Default: the one that
        was shown (:func:`look`) since it was made and since the other approved.
    ledger : Path, optional
        The provider's ledger, as who approves knows it; default: the one the run named.
    demo : bool
        A demo approval: part of what is signed, so the pool can tell.
    force : bool
        Replace an earlier release of this site and wave in the outbox.
    accept_clock : bool
        The clock is right though it is earlier than the document, its log or the ledger: that time was wrong.

    Returns
    -------
    Path or None
        The released file when both have approved, else None. Repeating an approval changes nothing; with
        another key of the role it takes the place of the one before. An approval by a key that was revoked
        since is no approval: who gave it has to give it again.

    Raises
    ------
    ReleaseError
        ``release-key-role``, ``release-demo-key``, ``release-same-person``, ``release-mixed-demo``,
        ``release-name``, ``release-not-seen``, ``release-other-payload``, ``release-unknown-key``,
        ``release-tampered``, ``release-clock-back``, ``ledger-no-candidate``, ``ledger-other``,
        ``ledger-absent``.
    RefusedError
        ``release-refused`` when the review was refused; what the ledger refuses (`Ledger.record`), before
        the approval is kept.
    """
    path = Path(folder) / REVIEW_FILE
    with locked(path.parent):
        review = without_revoked(read_review(path), role, trusted)
        check_approver(review, role, name, key, demo)
        waiting = read_waiting(path.parent, review.document, review.payload_hash, review.told, ledger)
        book = Ledger(Path(waiting.ledger))
        if review.state != "released" and not accept_clock:
            check_clock(review.log, book.links())
        if (role, key.public.key_id) not in {(item.role, item.key_id) for item in review.signatures}:
            check_meant(review, payload)
            now = book.admit(waiting.candidate, path.parent / SETS)
            head = review.ledger if review.signatures else now
            document = review.document.model_dump(mode="json")
            signed_bytes = payload_bytes(document, demo=demo, ledger=head, told=review.told)
            signature = key.sign(pre_authentication(signed_bytes)).hex()
            signed = (
                *(item for item in review.signatures if item.role != role),
                SignatureEntry(role=role, key_id=key.public.key_id, signature=signature),
            )
            log = continued(
                review.log, "approved", review.payload_hash, role=role, name=name, reason=reason, key=key
            )
            review = review.model_copy(
                update={
                    "demo": demo,
                    "ledger": head,
                    "signatures": signed,
                    "state": "approved" if len(signed) == len(APPROVERS) else "checked",
                    "log": log,
                }
            )
            _save(path, review)
        if review.state == "checked":
            return None
        book.record(waiting.candidate, path.parent / SETS, key)
        return _release(path, review, Path(outbox), force)


def refuse(
    folder: str | Path, *, role: Literal["operator", "checker"], name: str, reason: str, key: SigningKey
) -> None:
    """Refuse a review, with a reason; it is kept, and the ledger keeps it for every copy of the document.

    Raises
    ------
    ReleaseError
        ``release-released`` when it has left already; ``release-no-reason`` without a reason;
        ``release-key-role``, ``release-name``, ``ledger-no-candidate``.
    """
    path = Path(folder) / REVIEW_FILE
    with locked(path.parent):
        review = read_review(path)
        check_role(key, role)
        if not reason.strip() or not name.strip():
            raise state_error(
                "release-no-reason", "a name and a reason", "none", "Say who refuses it and why."
            )
        if review.state == "released":
            raise state_error(
                "release-released",
                "a review that has not left",
                "a released one",
                "Ask those who have the file to withdraw it.",
            )
        if review.state != "refused":
            log = continued(
                review.log, "refused", review.payload_hash, role=role, name=name, reason=reason, key=key
            )
            waiting = read_waiting(path.parent, review.document, review.payload_hash, review.told)
            Ledger(Path(waiting.ledger)).refuse(review.payload_hash, key)
            update = {"state": "refused", "signatures": (), "ledger": None, "log": log}
            _save(path, review.model_copy(update=update))


def release_name(document: SiteDocument) -> str:
    """Return the name of the released file: the site code, the wave from the second on, and the kind."""
    wave = "" if document.wave == 1 else f".wave{document.wave}"
    return f"{document.site_code}{wave}{SUFFIXES[document.kind]}"


def _again(document: SiteDocument) -> SiteDocument:
    """Validate once more, from bytes: what is written holds the rules however the object was made."""
    return read_site_document(document.model_dump(mode="json"))


def _release(path: Path, review: Review, outbox: Path, force: bool) -> Path:
    """Write the envelope, then say so in the review: a kill between the two is mended by repeating."""
    document = review.document.model_dump(mode="json")
    payload = payload_bytes(document, demo=review.demo, ledger=review.ledger, told=review.told)
    signatures = [(item.key_id, bytes.fromhex(item.signature)) for item in review.signatures]
    target = outbox / release_name(review.document)
    write_atomic(target, seal(payload, signatures), force=force)
    if review.state != "released":
        log = continued(review.log, "released", review.payload_hash)
        _save(path, review.model_copy(update={"state": "released", "log": log}))
    return target


def _tell(path: Path, review: Review, told: str) -> None:
    """Keep what the ledger will be told of a document; if that changed, it has to be approved anew."""
    if told != review.told:
        state: State = "refused" if review.state == "refused" else "checked"
        update = {"told": told, "signatures": (), "ledger": None, "state": state}
        _save(path, review.model_copy(update=update))


def _save(path: Path, review: Review) -> None:
    write_atomic(path, kept_bytes(review.model_dump(mode="json")), force=True, mode=0o600)
