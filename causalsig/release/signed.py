"""Reading and writing what has been signed: releases of sites, and pools.

Signatures are checked first, then the schema; only then is a number read.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from causalsig.errors import ReleaseError
from causalsig.records import PoolResult
from causalsig.release.approver import check_role
from causalsig.release.build import read_content, read_model
from causalsig.release.documents import EstimatesDocument
from causalsig.release.envelope import Opened, seal_alone, unseal
from causalsig.release.files import read_bytes, write_atomic
from causalsig.release.keys import PublicKey, SigningKey, TrustedKeys
from causalsig.release.kinds import SiteDocument, read_site_document
from causalsig.release.pool_document import PoolDocument, pool_result
from causalsig.release.review import APPROVERS, document_hash
from causalsig.release.strict_json import MAX_BYTES, is_written_so


@dataclass(frozen=True, slots=True)
class OpenedRelease:
    """A release that was verified: its document, whether it is a demo, and the hash of its document."""

    document: EstimatesDocument
    demo: bool
    payload_hash: str


@dataclass(frozen=True, slots=True)
class Verified:
    """What can be said of a signed file of any kind after it was verified.

    `study_digest` is None of a profile and a monitor. Of a pool None are `ledger`, the head of the provider's
    ledger when it was first approved; `told`, the digest of what the ledger was told; `program`, of what ran.
    """

    kind: Literal["estimates", "profile", "monitor", "pool"]
    demo: bool
    study_digest: str | None
    payload_hash: str
    ledger: str | None
    told: str | None
    program: str | None
    signers: tuple[PublicKey, ...]


def open_release(path: str | Path, *, trusted: TrustedKeys, allow_demo: bool = False) -> OpenedRelease:
    """Verify a release and read it: signatures first, then the schema, then the numbers.

    Raises
    ------
    ReleaseError
        One code for each way a file can be wrong (see :func:`causalsig.release.envelope.unseal`), and
        ``release-schema``. Never another exception, whatever the bytes.
    """
    opened = unseal(read_bytes(Path(path), MAX_BYTES), trusted, APPROVERS, allow_demo=allow_demo)
    document = read_content(EstimatesDocument, opened.content)
    return OpenedRelease(document, opened.demo, _hash_of(document, opened))


def _hash_of(document: EstimatesDocument, opened: Opened) -> str:
    """Hash a document as :func:`document_hash` does, of the bytes it came in where it is written just so."""
    if is_written_so(document.model_dump(mode="json"), opened.content):
        return hashlib.sha256(opened.content).hexdigest()
    return document_hash(document)


def read_release(path: str | Path, *, trusted: TrustedKeys, allow_demo: bool = False) -> EstimatesDocument:
    """Verify a release and return its document; see :func:`open_release`."""
    return open_release(path, trusted=trusted, allow_demo=allow_demo).document


def read_site_release(
    path: str | Path, *, trusted: TrustedKeys, allow_demo: bool = False
) -> tuple[SiteDocument, bool]:
    """Verify a site's release of whatever kind; return its document, and whether it is a demo.

    Raises
    ------
    ReleaseError
        As :func:`open_release`.
    """
    opened = unseal(read_bytes(Path(path), MAX_BYTES), trusted, APPROVERS, allow_demo=allow_demo)
    return read_site_document(opened.document), opened.demo


def write_pool(path: str | Path, document: PoolDocument, *, key: SigningKey, force: bool = False) -> Path:
    """Sign a pool with the university's key and write it.

    Raises
    ------
    ReleaseError
        ``release-key-role`` when the key is not the university's; ``release-exists``.
    """
    check_role(key, "university")
    demo = document.demo or key.public.demo
    write_atomic(Path(path), seal_alone(document.model_dump(mode="json"), key, demo=demo), force=force)
    return Path(path)


def read_pool(
    path: str | Path, *, trusted: TrustedKeys, allow_demo: bool = False, recipient: str | None = None
) -> PoolResult:
    """Verify a pool and decode it.

    Parameters
    ----------
    recipient : str, optional
        Site code the pool of the others must be meant for.

    Raises
    ------
    ReleaseError
        As :func:`open_release`; ``release-other-recipient``.
    """
    opened = unseal(read_bytes(Path(path), MAX_BYTES), trusted, ("university",), allow_demo=allow_demo)
    document = read_model(PoolDocument, opened.document)
    if recipient is not None and document.recipient not in (None, recipient):
        raise ReleaseError(
            "release-other-recipient",
            expected="the pool of the others for this municipality",
            found="that of another",
            mend="Take the file that carries this municipality's site code.",
        )
    return pool_result(document)


def verify(path: str | Path, *, trusted: TrustedKeys, allow_demo: bool = False) -> Verified:
    """Verify a signed file of whatever kind: signatures of its roles, then its schema.

    Raises
    ------
    ReleaseError
        As :func:`open_release`.
    """
    content = read_bytes(Path(path), MAX_BYTES)
    opened = unseal(content, trusted, (), allow_demo=allow_demo)
    pool = opened.document.get("kind") == "pool"
    opened = unseal(content, trusted, ("university",) if pool else APPROVERS, allow_demo=allow_demo)
    document: PoolDocument | SiteDocument
    document = read_model(PoolDocument, opened.document) if pool else read_site_document(opened.document)
    study = getattr(document, "study_digest", None)
    return Verified(
        kind=document.kind,
        demo=opened.demo,
        study_digest=study,
        payload_hash=document_hash(document),
        ledger=opened.ledger,
        told=opened.told,
        program=getattr(document, "lock_digest", None),
        signers=opened.signers,
    )
