"""Readers of what came beside a release: sums and draws of private ones, masked sums, certificates."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from causalsig.execution.certificates import NAME as CERTIFICATE
from causalsig.execution.certificates import certificate_of, with_certificate, write_certificate
from causalsig.execution.certify import Certificate, CertifiedQuestion, record
from causalsig.execution.certify_oracles import Compared
from causalsig.execution.certify_simulation import Simulated
from causalsig.execution.site import release_site
from causalsig.release.chain import Chain
from causalsig.release.envelope import unseal
from causalsig.release.files import read_bytes
from causalsig.release.household_sets import BY_THEMSELVES
from causalsig.release.keys import SigningKey, TrustedKeys, read_signing_key, read_trusted
from causalsig.release.ledger import Ledger
from causalsig.release.life import approve, open_release, read_review
from causalsig.release.masked import RECORD, add_up, contribute, open_keys, open_round, sign_round
from causalsig.release.masked_documents import LEAST_SITES, MaskedKey, MaskedRound, MaskedRow, RosterEntry
from causalsig.release.masked_site import publish_key
from causalsig.release.masked_site import read_private as read_masked_key
from causalsig.release.pools_made import PoolsMade, site_mark
from causalsig.release.private_draw import DRAWS, draw
from causalsig.release.private_waiting import PRIVATE_FILE, read_private
from causalsig.release.remember import LEDGER_FOLDER
from causalsig.release.review import document_hash
from causalsig.release.signed import OpenedRelease
from causalsig.release.strict_json import MAX_BYTES
from causalsig.study.models import Study
from causalsig.study.privacy import Bounds, Privacy
from causalsig.study.read import DEFAULT_STUDY, read_study
from evidence.claims._fuzzed_bytes import Reader, Spoiled, reader_of
from evidence.claims._payload_sites import sound_site

if TYPE_CHECKING:
    from causalsig.records import SiteResult

WORDS: Final = 7
HOUSEHOLDS: Final = 20_000
BOUND: Final = 8.0
LEFT_OUT: Final = "left out"
SHORTER: Final = "lines lost, and nobody can tell"


def kept_readers(top: Path, people: Path) -> dict[str, Reader]:
    """Make good files of these kinds below a folder, signed by these people, and a reader of each."""
    keys = top / "keys"
    shutil.copytree(people, keys, ignore=shutil.ignore_patterns(LEDGER_FOLDER))
    Ledger(keys / LEDGER_FOLDER).create()
    trusted, operator = read_trusted(keys), read_signing_key(keys, "operator")
    private = _private(top, keys, trusted)
    release = open_release(private["private release"].path, trusted=trusted)
    return {
        **private,
        **_masked(top, keys, trusted, release),
        **_certificates(top / "certified", operator),
        "memory of pools": _pools(keys, trusted),
    }


def _pools(keys: Path, trusted: TrustedKeys) -> Reader:
    """Read what is remembered of three pools."""
    memory, key = PoolsMade(keys), read_signing_key(keys, "university")
    for number in range(3):
        sites = frozenset(site_mark(f"{place}", [f"{number}"]) for place in range(8))
        memory.record(
            f"{number}" * 64, sites, {"contact_method/phone": sites, "accepted_help/yes": sites}, key
        )
    good = memory.chain.path.read_bytes()

    def right(spoiled: Spoiled, said: list[Any]) -> bool:
        left = whole_lines(good, spoiled)
        return left is not None and len(said) == left[0]

    def read() -> list[Any]:
        return [one.content for one in memory.verify(trusted)]

    return reader_of(memory.chain.path, read, instead=SHORTER, right=right)


def _private(top: Path, keys: Path, trusted: TrustedKeys) -> dict[str, Reader]:
    operator = read_signing_key(keys, "operator")
    bounds = Bounds(accepted_help=BOUND, contact_method=BOUND)
    privacy = Privacy(epsilon=1.0, epsilon_budget=5.0, bounds=bounds)
    study = read_study(DEFAULT_STUDY).model_copy(update={"privacy": privacy})
    first, second = (_waiting(top, keys, study, code) for code in ("9001", "9002"))
    draw(first, key=operator)
    released = None
    for role, name in (("operator", "One Person"), ("checker", "Another Person")):
        released = approve(
            first,
            role=role,  # type: ignore[arg-type]
            name=name,
            key=read_signing_key(keys, role),  # type: ignore[arg-type]
            trusted=trusted,
            outbox=top / "outbox",
            payload=read_review(first).payload_hash,
        )
    assert released is not None
    file = released
    (drawn,) = (keys / LEDGER_FOLDER / DRAWS).glob("*.json")

    def again() -> Any:
        return read_review(draw(first, key=operator)).payload_hash

    return {
        "private release": reader_of(file, lambda: open_release(file, trusted=trusted), signed=True),
        "private sums": reader_of(second / PRIVATE_FILE, lambda: read_private(second).model_dump()),
        "drawn noise": reader_of(drawn, again),
    }


def _waiting(top: Path, keys: Path, study: Study, code: str) -> Path:
    """Let a sound result wait for its noise."""
    first = HOUSEHOLDS * int(code)
    release_site(
        _with_influence(sound_site(Random(code), study, code)),
        study,
        households={"contact_method:3": map(str, range(first, first + HOUSEHOLDS))},
        known_again=BY_THEMSELVES,
        keys=keys,
        snapshot=code.encode(),
        wave=1,
        folder=top / "sites" / code,
    )
    return top / "sites" / code


def _with_influence(site: SiteResult) -> SiteResult:
    """Give every household influence values, of which only the means matter here."""
    questions = []
    for question in site.questions:
        analyses = []
        for one in question.analyses:
            number = one.result.households_total
            values = np.tile(one.result.means, (number, 1))
            clusters = np.arange(number, dtype=np.int64)
            analyses.append(replace(one, result=replace(one.result, influence=values, clusters=clusters)))
        questions.append(replace(question, analyses=tuple(analyses)))
    return replace(site, questions=tuple(questions))


def _masked(top: Path, keys: Path, trusted: TrustedKeys, release: OpenedRelease) -> dict[str, Reader]:
    """Sites that add to one round; the first one's keys, contribution and record are read again."""
    operator, folder = read_signing_key(keys, "operator"), top / "masked"
    folder.mkdir()
    documents = [
        release.document.model_copy(update={"site_code": f"{number:064x}"}) for number in range(LEAST_SITES)
    ]
    sites = [OpenedRelease(one, False, document_hash(one)) for one in documents]
    published = [publish_key(one, folder / "private", key=operator) for one in sites]
    signed_round = sign_round(
        _round(release, _roster(published, trusted)), key=read_signing_key(keys, "university")
    )
    asked = open_round(signed_round, trusted=trusted)

    def answer(number: int, published: Sequence[bytes]) -> bytes:
        return contribute(
            np.linspace(0.0, 1.0, WORDS) + number,
            release=sites[number],
            asked=asked,
            keys=open_keys(published, trusted=trusted),
            private=read_masked_key(folder / "private", documents[number]),
            record=folder / f"ledger-{number}",
            key=operator,
        )

    answers = [answer(number, published) for number in range(LEAST_SITES)]
    own = next((folder / "private").glob(f"{documents[0].site_code}*"))
    for name, content in {"round": signed_round, "key": published[0], "contribution": answers[0]}.items():
        (folder / f"{name}.json").write_bytes(content)

    def of(name: str, read: Callable[[bytes], Any]) -> Reader:
        path = folder / f"{name}.json"
        return reader_of(path, lambda: read(read_bytes(path, MAX_BYTES)), signed=True)

    return {
        "masked round": of("round", lambda content: open_round(content, trusted=trusted)),
        "masked key": of("key", lambda content: answer(0, [content, *published[1:]])),
        "masked private key": reader_of(own, lambda: read_masked_key(folder / "private", documents[0])),
        "masked contribution": of(
            "contribution",
            lambda content: add_up([content, *answers[1:]], asked, WORDS, trusted=trusted).tolist(),
        ),
        "record of masked sums": _record(folder / "ledger-0" / RECORD, trusted),
    }


def _record(path: Path, trusted: TrustedKeys) -> Reader:
    """Read what a site remembers of its masked sums; of lines that are gone from its end nobody can tell."""
    good = path.read_bytes()

    def right(spoiled: Spoiled, said: list[Any]) -> bool:
        left = whole_lines(good, spoiled)
        return left is not None and len(said) == left[0]

    def read() -> list[Any]:
        return [one.content for one in Chain(path, "masked").links(trusted)]

    return reader_of(path, read, instead=SHORTER, right=right)


def _roster(published: Sequence[bytes], trusted: TrustedKeys) -> tuple[RosterEntry, ...]:
    keys = [MaskedKey(**unseal(one, trusted, ()).document) for one in published]
    pairs = sorted((one.public_key, one.site_code) for one in keys)
    return tuple(RosterEntry(public_key=key, site_code=site) for key, site in pairs)


def _round(release: OpenedRelease, roster: tuple[RosterEntry, ...]) -> MaskedRound:
    row = MaskedRow(
        question="contact_method",
        outcome="any_new_arrears_3m",
        estimand="ATO",
        estimator="doubly_robust",
        arm="phone",
        reference="letter",
    )
    return MaskedRound(
        kind="masked_round",
        schema_version="0.1",
        study_digest=release.document.study_digest,
        wave=release.document.wave,
        stage="units",
        unit_exponent=-6,
        step_exponent=3,
        points=3,
        precision=8,
        rows=(row,),
        variances=(),
        sites_with=(),
        roster=roster,
    )


def _certificates(folder: Path, key: SigningKey) -> dict[str, Reader]:
    """Read a certificate as a run does; one that is not as it was written is left out of the run."""
    folder.mkdir()
    names = ("study", "site", "program", "source")
    inputs = {name: key.public.key_id for name in names}
    figures = {name: 0.5 for name in Simulated.__dataclass_fields__}
    words = {"question": "contact_method", "arm": "phone", "reference": "letter", "code": "certify-sound"}
    numbers = {"replications": 200, "estimated": 200}
    simulated = tuple(
        Simulated(**(figures | words | numbers | {"effect": effect}))  # type: ignore[arg-type]
        for effect in ("null", "modest")
    )
    certificate = Certificate(
        "9001",
        "sound",
        "certify-sound",
        (Compared("a", "b", 1.0, 1.0, 1e-9),),
        (CertifiedQuestion("contact_method", "certify-sound", simulated),),
        200,
        1,
        inputs,
    )
    write_certificate(folder, record(certificate))

    def read() -> Any:
        found = certificate_of(folder, with_certificate(inputs, folder))
        return LEFT_OUT if found is None else asdict(found)

    return {
        "certificate": reader_of(
            folder / CERTIFICATE, read, instead=LEFT_OUT, right=lambda spoiled, said: said == LEFT_OUT
        )
    }


def whole_lines(good: bytes, spoiled: Spoiled) -> tuple[int, int] | None:
    """Lines left of a chain and bytes behind the last of them; None where something else was changed."""
    if not isinstance(spoiled, bytes):
        return 0, spoiled.size
    whole = spoiled[: spoiled.rfind(b"\n") + 1]
    return (whole.count(b"\n"), len(spoiled) - len(whole)) if good.startswith(whole) else None
