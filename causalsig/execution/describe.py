"""What a profile and a monitor have in common: a source is read, a document made, and put up for review."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from causalsig.execution.digests import content_digest, snapshot_of, source_digest
from causalsig.execution.site import lock_digest, read_site
from causalsig.execution.worker import write_json
from causalsig.silence import silenced
from causalsig.threads import one_thread

if TYPE_CHECKING:
    from causalsig.release.build import ReleaseIdentity
    from causalsig.release.household_sets import Member
    from causalsig.release.kinds import SiteDocument
    from causalsig.sources.findings import ReadResult
    from causalsig.study.inventory import Site


@dataclass(frozen=True, slots=True)
class Described:
    """A document that waits for approval.

    Attributes
    ----------
    document : SiteDocument
    payload_hash : str
    folder : Path
        With ``review.json`` and ``run.json``; they stay with the provider.
    errors : tuple of str
        Codes of findings that would stop a run of a study.
    """

    document: SiteDocument
    payload_hash: str
    folder: Path
    errors: tuple[str, ...]


Build = Callable[["ReadResult", "ReleaseIdentity"], "SiteDocument"]
OfWhom = Callable[["ReadResult"], "Mapping[str, Iterable[Member]]"]


def describe(
    kind: str,
    source: Path,
    site: Site,
    build: Build,
    of_whom: OfWhom,
    *,
    keys: Path,
    folder: Path,
    wave: int,
    force: bool,
) -> Described:
    """Read a source, build the document of this kind, and put it up for review in ``folder``.

    `of_whom` gives, for the ledger, the households of everything the document can tell.

    Raises
    ------
    SourceError
        The source is not a readable export of this municipality.
    RefusedError
        ``release-cell-floor``: too few households for anything to leave.
    ReleaseError
        ``release-exists``: another document is under review there, and ``force`` is not given.
    """
    from causalsig import __version__
    from causalsig.release.build import ReleaseIdentity, site_code, snapshot_hash
    from causalsig.release.keys import read_provider_key
    from causalsig.release.life import document_hash, memory_of, write_review

    begin = time.perf_counter()
    key = read_provider_key(keys)
    found = source_digest(source)
    with one_thread(), silenced():
        read = read_site(source, site, key)
        content = content_digest(read)
        # The kind stands where a study's digest would: codes of a profile, a monitor and a study do not link.
        identity = ReleaseIdentity(
            site_code=site_code(key, site.code, kind),
            snapshot=snapshot_hash(key, snapshot_of(kind, site.code, content)),
            package_version=__version__,
            lock_digest=lock_digest(),
            wave=wave,
        )
        document = build(read, identity)
        households = of_whom(read)
    memory = memory_of(keys, key, site.code, site.floors, households, read.known_again)
    write_review(folder, document, memory=memory, force=force)
    payload_hash = document_hash(document)
    write_json(
        folder / "run.json",
        {
            "kind": kind,
            "site": site.code,
            "wave": wave,
            "inputs": {"source": found or content},
            "content_digest": content,
            "package_version": __version__,
            "payload_hash": payload_hash,
            "seconds": round(time.perf_counter() - begin, 3),
        },
    )
    errors = sorted({finding.code for finding in read.findings if finding.severity == "error"})
    return Described(document, payload_hash, folder, tuple(errors))
