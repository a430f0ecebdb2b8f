"""A release as an RO-Crate: the signed file, and where it comes from, for readers who do not know causalsig.

Run, check, approvals and release are actions of a Process Run Crate 0.5
(https://w3id.org/ro/wfrun/process/0.5), which PROV calls activities; the check and the approvals are marked
as the disclosure phase of a Five Safes RO-Crate is (https://w3id.org/5s-crate/0.4). The metadata of a crate
for outside is worked out from the signed file, the public keys and a day alone: whoever has those can make
the same crate, so it cannot tell more than they do.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from causalsig.errors import ReleaseError
from causalsig.release.build import schema_error
from causalsig.release.crate_entities import (
    COMPLETED,
    DISCLOSURE_CHECK,
    FAILED,
    LICENSE,
    METADATA,
    PROFILE,
    SPECIFICATION,
    Action,
    Agent,
    Descriptor,
    Entity,
    File,
    Metadata,
    Ref,
    Root,
    Software,
    Term,
    Work,
)
from causalsig.release.crate_people import Approver, People, digest
from causalsig.release.crate_words import WORDS
from causalsig.release.envelope import unseal
from causalsig.release.files import read_bytes
from causalsig.release.keys import TrustedKeys
from causalsig.release.kinds import SiteDocument, read_site_document
from causalsig.release.review import (
    APPROVERS,
    REVIEW_FILE,
    document_hash,
    read_review,
    release_name,
)
from causalsig.release.review_log import LogEntry
from causalsig.release.strict_json import MAX_BYTES, canonical
from causalsig.release.withdrawal import refuse_withdrawn

_DOCUMENT, _SITE = "#document", "#site"


@dataclass(frozen=True, slots=True)
class _Released:
    """A verified release: its bytes, what it holds, and who signed it."""

    content: bytes
    document: SiteDocument
    demo: bool
    ledger: str | None
    key_ids: Mapping[Approver, str]

    @property
    def name(self) -> str:
        return release_name(self.document)


@dataclass(frozen=True, slots=True)
class _Record:
    """The review of a release: its bytes, its log, and the id of every document that a person judged."""

    content: bytes
    log: tuple[LogEntry, ...]
    documents: Mapping[str, str]


def crate_files(
    release: str | Path,
    *,
    trusted: TrustedKeys,
    published: date,
    allow_demo: bool = False,
    review: str | Path | None = None,
) -> dict[str, bytes]:
    """Make the files of a crate: the release byte for byte, and ``ro-crate-metadata.json``.

    Parameters
    ----------
    release : path of the released file
    trusted : TrustedKeys
    published : date
        Day that the crate gives as its own. Asked for, so that the same question has the same answer.
    allow_demo : bool
        Whether a demo approval counts; the crate then says that it is one.
    review : path of the site's folder, optional
        With it the crate holds the record of the review, with names, times and reasons: for the provider
        only.

    Returns
    -------
    dict of name to bytes

    Raises
    ------
    ReleaseError
        As :func:`causalsig.release.envelope.unseal`; ``release-schema``; ``release-other-review`` when the
        review is not that of this release.
    RefusedError
        ``release-withdrawn`` when a signed word that takes it back lies beside the release.
    """
    path = Path(release)
    content = read_bytes(path, MAX_BYTES)
    opened = unseal(content, trusted, APPROVERS, allow_demo=allow_demo)
    document = read_site_document(opened.document)
    refuse_withdrawn(path, document_hash(document), trusted, allow_demo=allow_demo)
    key_ids: dict[Approver, str] = {
        one.role: one.key_id for one in opened.signers if one.role != "university"
    }
    released = _Released(content, document, opened.demo, opened.ledger, key_ids)
    record = None if review is None else _read_record(Path(review), document)
    try:
        metadata = _metadata(released, record, published)
    except ValidationError as error:
        raise schema_error(error) from None
    files = {METADATA: canonical(metadata.values()) + b"\n", released.name: content}
    return files if record is None else files | {REVIEW_FILE: record.content}


def _read_record(folder: Path, document: SiteDocument) -> _Record:
    path = folder / REVIEW_FILE if folder.is_dir() else folder
    content = read_bytes(path, MAX_BYTES)
    review = read_review(path)
    if review.state != "released" or review.payload_hash != document_hash(document):
        raise ReleaseError(
            "release-other-review",
            expected="the review that let this release leave",
            found="another one, or one that is not released",
            mend="Give the folder of the site that this file was released from.",
        )
    judged = dict.fromkeys(entry.payload_hash for entry in review.log if entry.role != "site")
    earlier = [payload_hash for payload_hash in judged if payload_hash != review.payload_hash]
    documents = {payload_hash: f"{_DOCUMENT}-{at}" for at, payload_hash in enumerate(earlier, start=2)}
    return _Record(content, review.log, {review.payload_hash: _DOCUMENT} | documents)


def _metadata(released: _Released, record: _Record | None, published: date) -> Metadata:
    inside = record is not None
    described = [*_things(released), *_files(released, record), *_earlier(record)]
    people = People(record.log if record else None, released.key_ids)
    actions = list(_signed(released, people) if record is None else _recorded(released, people, record))
    kind = released.document.kind
    files = [entity for entity in described if isinstance(entity, File)]
    root = Root(
        id="./",
        name=WORDS[f"root.{kind}"],
        description=WORDS["root.inside" if inside else "root.outside"],
        date_published=published.isoformat(),
        conforms_to=Ref(id=PROFILE),
        license=Ref(id="#terms"),
        author=Ref(id=_SITE),
        publisher=Ref(id=_SITE),
        has_part=tuple(Ref(id=one.id) for one in files),
        main_entity=Ref(id=released.name),
        mentions=tuple(Ref(id=one.id) for one in actions),
        creative_work_status="demo" if released.demo else None,
    )
    descriptor = Descriptor(id=METADATA, about=Ref(id="./"), conforms_to=Ref(id=SPECIFICATION))
    return Metadata(inside=inside, graph=(descriptor, root, *described, *people.entities(), *actions))


def _things(released: _Released) -> Iterator[Entity]:
    """Describe what the release says of itself: study, extract, document, software, site, ledger."""
    document = released.document
    yield Work(id=PROFILE, name=WORDS["profile"], version="0.5")
    yield Work(id="#terms", name=WORDS["terms"], description=WORDS["terms.about"])
    yield Term(id=DISCLOSURE_CHECK, name=WORDS["disclosure"])
    yield Work(id=LICENSE, name=WORDS["licence"])
    if document.kind == "estimates":
        yield from _known_by("study", "#study", document.study_digest)
    yield from _known_by("extract", "#extract", document.snapshot, keyed=True, month=document.extracted)
    yield from _known_by("document", _DOCUMENT, document_hash(document))
    yield Software(
        id=_software(document),
        description=WORDS["software.about"],
        version=document.package_version,
        license=Ref(id=LICENSE),
        identifier=Ref(id="#lock-digest"),
    )
    yield digest("#lock-digest", "software.lock", document.lock_digest)
    yield Agent(
        id=_SITE,
        type="Organization",
        name=WORDS["site"],
        description=WORDS["site.about"],
        identifier=Ref(id="#site-code"),
    )
    yield digest("#site-code", "site.code", document.site_code, keyed=True)
    if released.ledger is not None:
        yield digest("#ledger-head", "ledger.head", released.ledger)


def _software(document: SiteDocument) -> str:
    return f"pkg:generic/causalsig@{document.package_version}"


def _known_by(
    words: str, at: str, value: str, *, keyed: bool = False, month: str | None = None
) -> Iterator[Entity]:
    """Describe a thing that is not in the crate, and the digest that it is known by."""
    yield Work(
        id=at,
        name=WORDS[words],
        description=WORDS[f"{words}.about"],
        identifier=Ref(id=f"{at}-digest"),
        date_created=month,
    )
    yield digest(f"{at}-digest", f"{words}.digest", value, keyed=keyed)


def _files(released: _Released, record: _Record | None) -> Iterator[Entity]:
    held = [("file", released.name, released.content)]
    held += [("review", REVIEW_FILE, record.content)] if record else []
    for words, name, content in held:
        yield File(
            id=name,
            name=WORDS[words],
            description=WORDS[f"{words}.about"],
            content_size=str(len(content)),
            identifier=Ref(id=f"#{words}-digest"),
            is_based_on=Ref(id=_DOCUMENT),
        )
        yield digest(f"#{words}-digest", f"{words}.digest", hashlib.sha256(content).hexdigest())


def _earlier(record: _Record | None) -> Iterator[Entity]:
    for payload_hash, at in (record.documents if record else {}).items():
        if at != _DOCUMENT:
            yield from _known_by("earlier", at, payload_hash)


def _signed(released: _Released, people: People) -> Iterator[Action]:
    """Tell what the signed file itself says was done; when is not in it."""
    yield _run(released)
    yield _check(released)
    for role in people.key_ids:
        yield _approval("approve", f"#approve-{role}", role, people.ref(role))
    yield _release(released)


def _recorded(released: _Released, people: People, record: _Record) -> Iterator[Action]:
    """Tell what the review records, in its order: of earlier documents what people said of them."""
    site = {entry.step: entry for entry in record.log if entry.role == "site"}  # the last of each step
    for number, entry in enumerate(record.log, start=1):
        if entry.role != "site":
            step: Literal["approve", "refuse"] = "approve" if entry.step == "approved" else "refuse"
            at = f"#{step}-{entry.role}-{number}"
            document = record.documents[entry.payload_hash]
            yield _approval(step, at, entry.role, people.ref(entry.role, entry.name), document, entry)
        elif site[entry.step] is not entry:
            continue
        elif entry.step == "computed":
            yield _run(released, entry.at)
        elif entry.step == "checked":
            yield _check(released, entry.at)
        elif entry.step == "released":
            yield _release(released, entry.at)


def _run(released: _Released, at: str | None = None) -> Action:
    kind = released.document.kind
    study = ["#study"] if kind == "estimates" else []
    words = "run" if kind == "estimates" else f"run.{kind}"
    return _made(released, "run", words, [*study, "#extract"], _DOCUMENT, at)


def _check(released: _Released, at: str | None = None) -> Action:
    return Action(
        id="#check",
        type="AssessAction",
        name=WORDS["check"],
        description=WORDS["check.about"],
        agent=Ref(id=_SITE),
        instrument=Ref(id=_software(released.document)),
        object=(Ref(id=_DOCUMENT),),
        additional_type=Ref(id=DISCLOSURE_CHECK),
        end_time=at,
    )


def _approval(
    step: Literal["approve", "refuse"],
    at: str,
    role: str,
    agent: Ref,
    document: str = _DOCUMENT,
    entry: LogEntry | None = None,
) -> Action:
    said = entry.reason if entry and entry.reason else None
    failed = step == "refuse"
    return Action(
        id=at,
        type="AssessAction",
        name=WORDS[f"{step}.{role}"],
        description=WORDS[f"{step}.about"],
        agent=agent,
        object=(Ref(id=document),),
        additional_type=Ref(id=DISCLOSURE_CHECK),
        action_status=FAILED if failed else COMPLETED,
        end_time=entry.at if entry else None,
        error=said if failed else None,
        disambiguating_description=None if failed else said,
    )


def _release(released: _Released, at: str | None = None) -> Action:
    ledger = [] if released.ledger is None else ["#ledger-head"]
    return _made(released, "release", "release", [_DOCUMENT, *ledger], released.name, at)


def _made(released: _Released, step: str, words: str, used: list[str], result: str, at: str | None) -> Action:
    """Tell of a step in which the package made something of something."""
    return Action(
        id=f"#{step}",
        type="CreateAction",
        name=WORDS[words],
        description=WORDS[f"{step}.about"],
        agent=Ref(id=_SITE),
        instrument=Ref(id=_software(released.document)),
        object=tuple(Ref(id=one) for one in used),
        result=Ref(id=result),
        end_time=at,
    )
