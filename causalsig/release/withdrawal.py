"""Taking a release back: a signed word to whoever has it that it counts no longer.

What was told cannot be untold: the ledger goes on comparing later releases with it. A pool made after the
word arrives leaves the site out; one made before stands as it was.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from causalsig.errors import RefusedError, ReleaseError
from causalsig.release.build import read_model
from causalsig.release.envelope import seal_alone, unseal
from causalsig.release.files import read_bytes, sync_folder, write_atomic
from causalsig.release.keys import SigningKey, TrustedKeys
from causalsig.release.kinds import SUFFIXES
from causalsig.release.ledger import Ledger
from causalsig.release.review import APPROVERS
from causalsig.release.signed import verify
from causalsig.release.strict_json import MAX_BYTES
from causalsig.release.value_types import Closed, Hash

SUFFIX = ".withdrawn.json"
Reason = Literal["erasure", "error", "agreement_ended", "other"]


class WithdrawalDocument(Closed):
    """Kind ``withdrawal``: which signed document counts no longer."""

    kind: Literal["withdrawal"]
    schema_version: Literal["0.1"]
    of: Literal["estimates", "profile", "monitor"]
    payload_hash: Hash
    reason: Reason


def withdraw(
    file: Path,
    *,
    ledger: Path,
    reason: Reason,
    key: SigningKey,
    trusted: TrustedKeys,
    allow_demo: bool = False,
) -> Path:
    """Take a released file back.

    The ledger remembers first; then ``NAME.withdrawn.json`` is written beside the file, and the file removed.
    Repeating it after a kill brings it to its end.

    Returns
    -------
    Path
        The signed word, to be sent to everyone who had the file.

    Raises
    ------
    ReleaseError
        As `verify`; ``ledger-not-released``, ``release-key-role``.
    """
    file = Path(file)
    if not file.exists() and (told := _told_before(file, trusted, allow_demo)) is not None:
        return told
    found = verify(file, trusted=trusted, allow_demo=allow_demo)
    if found.kind == "pool" or key.public.role not in APPROVERS:
        raise ReleaseError(
            "release-key-role",
            expected="a site's release, and the key of operator or output checker",
            found="another kind of file, or another key",
            mend="Those who let it leave take it back; a pool is made again instead.",
            where=file.name[:12],
        )
    Ledger(ledger).withdraw(found.payload_hash, key)
    document = WithdrawalDocument(
        kind="withdrawal", schema_version="0.1", of=found.kind, payload_hash=found.payload_hash, reason=reason
    )
    word = seal_alone(document.model_dump(mode="json"), key, demo=found.demo or key.public.demo)
    target = file.with_name(file.name.removesuffix(SUFFIXES[found.kind]) + SUFFIX)
    write_atomic(target, word, force=True)
    file.unlink()
    sync_folder(file.parent)
    return target


def _told_before(file: Path, trusted: TrustedKeys, allow_demo: bool) -> Path | None:
    """Return the signed word that stands where a withdrawn file stood; None where there is none."""
    for suffix in SUFFIXES.values():
        word = file.with_name(file.name.removesuffix(suffix) + SUFFIX)
        if file.name.endswith(suffix) and word.exists():
            _read(word, trusted, allow_demo)
            return word
    return None


def withdrawn(folder: Path, trusted: TrustedKeys, *, allow_demo: bool = False) -> frozenset[str]:
    """Read every signed word of a folder; return the hashes of the documents that count no longer.

    Raises
    ------
    ReleaseError
        As :func:`causalsig.release.envelope.unseal`; ``release-unsigned``, ``release-schema``.
    """
    words = sorted(Path(folder).glob(f"*{SUFFIX}"))
    return frozenset(_read(path, trusted, allow_demo).payload_hash for path in words)


def refuse_withdrawn(
    file: str | Path, payload_hash: str, trusted: TrustedKeys, *, allow_demo: bool = False
) -> None:
    """Refuse a released file when a signed word that takes it back lies beside it.

    Raises
    ------
    RefusedError
        ``release-withdrawn``.
    ReleaseError
        As :func:`withdrawn`.
    """
    if payload_hash in withdrawn(Path(file).parent, trusted, allow_demo=allow_demo):
        raise RefusedError(
            "release-withdrawn",
            expected="a release that was not withdrawn",
            found="one that was",
            mend="It counts no longer: send the signed word (*.withdrawn.json) to whoever had it.",
            where=Path(file).name[:12],
        )


def verify_word(path: str | Path, *, trusted: TrustedKeys, allow_demo: bool = False) -> WithdrawalDocument:
    """Verify a signed word of withdrawal.

    Raises
    ------
    ReleaseError
        As :func:`withdrawn`.
    """
    return _read(Path(path), trusted, allow_demo)


def _read(path: Path, trusted: TrustedKeys, allow_demo: bool) -> WithdrawalDocument:
    opened = unseal(read_bytes(path, MAX_BYTES), trusted, (), allow_demo=allow_demo)
    if not any(signer.role in APPROVERS for signer in opened.signers):
        raise ReleaseError(
            "release-unsigned",
            expected="a signature of operator or checker",
            found="none of either",
            mend="Ask the provider for it again.",
            where=path.name[:12],
        )
    return read_model(WithdrawalDocument, opened.document)
