"""What a site of a masked pool keeps: its X25519 key, and which of its releases it may add."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from causalsig.errors import RefusedError, ReleaseError
from causalsig.release.documents import EstimatesDocument
from causalsig.release.files import write_atomic
from causalsig.release.kept import kept_bytes
from causalsig.release.keys import SigningKey, TrustedKeys, read_secret
from causalsig.release.kinds import SUFFIXES
from causalsig.release.ledger import Ledger
from causalsig.release.masked import new_masked_key
from causalsig.release.signed import OpenedRelease, open_release
from causalsig.release.withdrawal import refuse_withdrawn

_KIND = "causalsig-masked-key"
_ROLE = "masked"


def standing_releases(
    paths: Sequence[Path], ledger: Path, *, trusted: TrustedKeys, allow_demo: bool = False
) -> list[tuple[Path, OpenedRelease]]:
    """Open releases that a site may add to a masked pool: approved by both, in the ledger, not taken back.

    Parameters
    ----------
    paths : sequence of Path
        Released files, and folders with them (``*.release.json``).
    ledger : Path
        Folder of the provider's ledger.

    Raises
    ------
    ReleaseError
        As :func:`causalsig.release.signed.open_release`; ``ledger-not-released`` for one the ledger does not
        know; ``release-not-readable`` where a folder has none.
    RefusedError
        ``release-withdrawn`` by the word beside it, ``ledger-withdrawn`` by the ledger.
    """
    rows = Ledger(ledger).rows()
    events = {
        event: {row["payload_hash"] for row in rows if row["event"] == event}
        for event in ("released", "withdrawn")
    }
    found = []
    for path in _files(paths):
        release = open_release(path, trusted=trusted, allow_demo=allow_demo)
        refuse_withdrawn(path, release.payload_hash, trusted, allow_demo=allow_demo)
        if release.payload_hash not in events["released"]:
            raise ReleaseError(
                "ledger-not-released",
                expected="a release that this ledger has",
                found="another",
                mend="Give the ledger of the provider that released it.",
                where=path.name[:12],
            )
        if release.payload_hash in events["withdrawn"]:
            raise RefusedError(
                "ledger-withdrawn",
                expected="a release that was not withdrawn",
                found="one that was",
                mend="What was taken back never leaves again, in a sum neither: leave the site out.",
                where=path.name[:12],
            )
        found.append((path, release))
    return found


def publish_key(release: OpenedRelease, folder: Path, *, key: SigningKey) -> bytes:
    """Sign the public key of a site for the study and wave of a release; make the pair where it has none.

    The private key is a file of its own in `folder`, for its owner only; one that is there is used again.

    Returns
    -------
    bytes
        The signed ``masked_key``.

    Raises
    ------
    ReleaseError
        As :func:`read_private` and :func:`causalsig.release.masked.new_masked_key`.
    """
    path = _key_path(folder, release.document)
    if path.exists():
        return new_masked_key(release, key=key, private=read_private(folder, release.document))[1]
    private, published = new_masked_key(release, key=key)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    secret = {"demo": release.demo, "kind": _KIND, "private": private.hex(), "role": _ROLE}
    write_atomic(path, kept_bytes(secret), mode=0o600)
    return published


def read_private(folder: Path, document: EstimatesDocument) -> bytes:
    """Read a site's private key for the study and wave of a release.

    Raises
    ------
    ReleaseError
        ``release-not-readable``, ``release-key``, ``release-key-mode``.
    """
    return read_secret(_key_path(folder, document), _KIND, _ROLE)[0]


def _key_path(folder: Path, document: EstimatesDocument) -> Path:
    study, wave = document.study_digest[:12], document.wave
    return Path(folder) / f"{document.site_code}.{study}.{wave}.{_ROLE}.key"


def _files(paths: Sequence[Path]) -> list[Path]:
    found: list[Path] = []
    for path in map(Path, paths):
        inside = sorted(path.glob(f"*{SUFFIXES['estimates']}")) if path.is_dir() else [path]
        if not inside:
            raise ReleaseError(
                "release-not-readable",
                expected=f"a folder with approved releases (*{SUFFIXES['estimates']})",
                found="none",
                mend="Give the outbox that `causalsig release approve` wrote to.",
                where=path.name,
            )
        found.extend(inside)
    return found
