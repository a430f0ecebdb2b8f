"""A release as an RO-Crate: the signed file, and where it comes from, for readers who do not know causalsig.

Run, check, approvals and release are actions of a Process Run Crate 0.5
(https://w3id.org/ro/wfrun/process/0.5), which PROV calls activities; the check and the approvals are marked
as the disclosure phase of a Five Safes RO-Crate is (https://w3id.org/5s-crate/0.4). The metadata of a crate
for outside is worked out from the signed file, the public keys and a day alone: whoever has those can make
the same crate, so it cannot tell more than they do.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from causalsig.errors import RefusedError, ReleaseError
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
    Digest,
    Entity,
    File,
    Metadata,
    Recorded,
    Ref,
    Root,
    Software,
    Term,
    Work,
)
from causalsig.release.crate_words import WORDS
from causalsig.release.envelope import unseal
from causalsig.release.files import read_bytes
from causalsig.release.keys import TrustedKeys
from causalsig.release.kinds import SiteDocument, read_site_document
from causalsig.release.review import (
    APPROVERS,
    REVIEW_FILE,
    LogEntry,
    document_hash,
    read_review,
    release_name,
)
from causalsig.release.strict_json import MAX_BYTES, canonical
from causalsig.release.withdrawal import withdrawn

Approver = Literal["operator", "checker"]
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
    """The review of a release: its bytes, and what its log says of the document that was released."""

    content: bytes
    log: tuple[LogEntry, ...]


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
        As :func:`causalsig.release.envelope.unseal`; ``release-schema``; ``crate-other-review`` when the
        review is not that of this release.
    RefusedError
        ``crate-withdrawn`` when a signed word that takes it back lies beside the release.
    """
    path = Path(release)
    content = read_bytes(path, MAX_BYTES)
    opened = unseal(content, trusted, APPROVERS, allow_demo=allow_demo)
    document = read_site_document(opened.document)
    if document_hash(document) in withdrawn(path.parent, trusted, allow_demo=allow_demo):
        raise RefusedError(
            "crate-withdrawn",
            expected="a release that was not withdrawn",
            found="one that was",
            mend="Send the signed word (*.withdrawn.json) to whoever had it; make no crate of it.",
        )
    key_ids: dict[Approver, str] = {
        signer.role: signer.key_id for signer in opened.signers if signer.role != "university"
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
            "crate-other-review",
            expected="the review that let this release leave",
            found="another one, or one that is not released",
            mend="Give the folder of the site that this file was released from.",
        )
    log = tuple(entry for entry in review.log if entry.payload_hash == review.payload_hash)
    return _Record(content, log)


def _metadata(released: _Released, record: _Record | None, published: date) -> Metadata:
    inside = record is not None
    described = [*_things(released), *_files(released, record)]
    log = record.log if record else None
    people = _People(log, released.key_ids)
    actions = list(_signed(released, people) if log is None else _recorded(released, people, log))
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
    yield _digest("#lock-digest", "software.lock", document.lock_digest)
    yield Agent(
        id=_SITE,
        type="Organization",
        name=WORDS["site"],
        description=WORDS["site.about"],
        identifier=Ref(id="#site-code"),
    )
    yield _digest("#site-code", "site.code", document.site_code, keyed=True)
    if released.ledger is not None:
        yield _digest("#ledger-head", "ledger.head", released.ledger)


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
    yield _digest(f"{at}-digest", f"{words}.digest", value, keyed=keyed)


def _digest(at: str, words: str, value: str, *, keyed: bool = False) -> Digest:
    return Digest(id=at, name=WORDS[words], property_id="HMAC-SHA256" if keyed else "SHA-256", value=value)


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
        yield _digest(f"#{words}-digest", f"{words}.digest", hashlib.sha256(content).hexdigest())


class _People:
    """Who acted: roles by their keys, and inside, as the review records it, people by name."""

    def __init__(self, log: Sequence[LogEntry] | None, key_ids: Mapping[Approver, str]) -> None:
        self.key_ids, self.inside = key_ids, log is not None
        acts = [(entry.role, entry.name, entry.step) for entry in log or () if entry.role != "site"]
        # The last approval of a role is the one that stands.
        signers = {role: name for role, name, step in acts if step == "approved"}
        told = dict.fromkeys((role, name) for role, name, _ in acts)
        others = [(role, name) for role, name in told if signers.get(role) != name]
        self.ids: dict[tuple[Approver, str], str] = {
            (role, name): f"#{role}" for role, name in signers.items()
        }
        self.ids |= {(role, name): f"#{role}-{at}" for at, (role, name) in enumerate(others, start=2)}

    def ref(self, role: Approver, name: str = "") -> Ref:
        """Give the id of who acted in a role."""
        return Ref(id=self.ids[role, name] if self.inside else f"#{role}")

    def entities(self) -> Iterator[Entity]:
        """Describe everyone, with the keys of those who signed."""
        for role, key_id in sorted(self.key_ids.items()):
            yield _digest(f"#{role}-key", f"key.{role}", key_id)
            if not self.inside:
                yield Agent(
                    id=f"#{role}",
                    type="Person",
                    name=WORDS[f"role.{role}"],
                    description=WORDS["role.about"],
                    identifier=Ref(id=f"#{role}-key"),
                )
        for (acted_as, name), at in self.ids.items():
            key = Ref(id=f"{at}-key") if at == f"#{acted_as}" else None
            yield Recorded(id=at, name=name, identifier=key, job_title=acted_as)


def _signed(released: _Released, people: _People) -> Iterator[Action]:
    """Tell what the signed file itself says was done; when is not in it."""
    yield _run(released)
    yield _check(released)
    for role in people.key_ids:
        yield _approval("approve", f"#approve-{role}", role, people.ref(role))
    yield _release(released)


def _recorded(released: _Released, people: _People, log: Sequence[LogEntry]) -> Iterator[Action]:
    """Tell what the review records of this document, in its order."""
    for number, entry in enumerate(_last_of_each(log), start=1):
        if entry.role != "site":
            step: Literal["approve", "refuse"] = "approve" if entry.step == "approved" else "refuse"
            at = f"#{step}-{entry.role}-{number}"
            yield _approval(step, at, entry.role, people.ref(entry.role, entry.name), entry)
        elif entry.step == "computed":
            yield _run(released, entry.at)
        elif entry.step == "checked":
            yield _check(released, entry.at)
        else:
            yield _release(released, entry.at)


def _last_of_each(entries: Sequence[LogEntry]) -> list[LogEntry]:
    """Keep every act of a person, and of the site's own steps the last: a document may be made again."""
    steps = {entry.step: entry for entry in entries if entry.role == "site"}
    return [entry for entry in entries if entry.role != "site" or steps[entry.step] is entry]


def _run(released: _Released, at: str | None = None) -> Action:
    kind = released.document.kind
    study = (Ref(id="#study"),) if kind == "estimates" else ()
    return Action(
        id="#run",
        type="CreateAction",
        name=WORDS["run" if kind == "estimates" else f"run.{kind}"],
        description=WORDS["run.about"],
        agent=Ref(id=_SITE),
        instrument=Ref(id=_software(released.document)),
        object=(*study, Ref(id="#extract")),
        result=Ref(id=_DOCUMENT),
        end_time=at,
    )


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
    step: Literal["approve", "refuse"], at: str, role: str, agent: Ref, entry: LogEntry | None = None
) -> Action:
    said = entry.reason if entry and entry.reason else None
    failed = step == "refuse"
    return Action(
        id=at,
        type="AssessAction",
        name=WORDS[f"{step}.{role}"],
        description=WORDS[f"{step}.about"],
        agent=agent,
        object=(Ref(id=_DOCUMENT),),
        additional_type=Ref(id=DISCLOSURE_CHECK),
        action_status=FAILED if failed else COMPLETED,
        end_time=entry.at if entry else None,
        error=said if failed else None,
        disambiguating_description=None if failed else said,
    )


def _release(released: _Released, at: str | None = None) -> Action:
    ledger = () if released.ledger is None else (Ref(id="#ledger-head"),)
    return Action(
        id="#release",
        type="CreateAction",
        name=WORDS["release"],
        description=WORDS["release.about"],
        agent=Ref(id=_SITE),
        instrument=Ref(id=_software(released.document)),
        object=(Ref(id=_DOCUMENT), *ledger),
        result=Ref(id=released.name),
        end_time=at,
    )
