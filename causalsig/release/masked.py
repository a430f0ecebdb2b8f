"""Masked sums: what a site adds to a pool leaves so that only the sum over all sites can be read.

Three signed documents. A site publishes a ``masked_key`` for a study and wave; the university signs a
``masked_round``, with the roster of those keys and all that is computed; a site answers with one
``masked_contribution``, made from a release that operator and output checker approved and that itself stays.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from numpy.typing import NDArray
from pydantic import Field

from causalsig.errors import RefusedError, ReleaseError
from causalsig.release.approver import check_role
from causalsig.release.build import read_model
from causalsig.release.chain import Chain
from causalsig.release.documents import EstimatesDocument
from causalsig.release.envelope import seal_alone, unseal
from causalsig.release.keys import Role, SigningKey, TrustedKeys
from causalsig.release.masks import MOST_SITES, Words, add_masks, bad_roster, fixed_point, from_words
from causalsig.release.review import document_hash
from causalsig.release.signed import OpenedRelease
from causalsig.release.strict_json import canonical
from causalsig.release.value_types import ArmCode, Closed, Hash, QuestionCode
from causalsig.study.base import Slug

LEAST_SITES = 10
"""A sum over fewer sites tells each of them too much of the others."""
MOST_WORDS = 60_000
RECORD = "masked.jsonl"
Words64 = Annotated[str, Field(pattern=r"^([0-9a-f]{16})+$", max_length=16 * MOST_WORDS)]


class MaskedKey(Closed):
    """Kind ``masked_key``: the X25519 key of a site, for one study and wave."""

    kind: Literal["masked_key"]
    schema_version: Literal["0.1"]
    study_digest: Hash
    wave: int = Field(ge=1, le=999)
    site_code: Hash
    public_key: Hash


class MaskedRow(Closed):
    """A contrast that is pooled: an arm against the question's reference."""

    question: QuestionCode
    outcome: Slug
    estimand: Literal["ATO", "ATE"]
    estimator: Literal["doubly_robust", "clone_censor_weight"]
    arm: ArmCode
    reference: ArmCode


class MaskedRound(Closed):
    """Kind ``masked_round``: who is in the sum, and of what; nothing in it is chosen after contributions.

    The grid is ``tau = j · 2^(unit_exponent - step_exponent)`` for j from 0 to ``points - 1``; estimates
    enter in units of ``2^unit_exponent``.
    """

    kind: Literal["masked_round"]
    schema_version: Literal["0.1"]
    study_digest: Hash
    wave: int = Field(ge=1, le=999)
    stage: Literal["units", "grid"]
    unit_exponent: int = Field(ge=-20, le=10)
    step_exponent: int = Field(ge=0, le=8)
    points: int = Field(ge=3, le=257)
    rows: tuple[MaskedRow, ...] = Field(min_length=1, max_length=40)
    roster: tuple[Hash, ...] = Field(min_length=LEAST_SITES, max_length=MOST_SITES)


class MaskedContribution(Closed):
    """Kind ``masked_contribution``: words that tell nothing without those of the whole roster."""

    kind: Literal["masked_contribution"]
    schema_version: Literal["0.1"]
    round: Hash
    public_key: Hash
    words: Words64


@dataclass(frozen=True, slots=True)
class Sealed:
    """A round as it was signed: its document, whether it is a demo, and the digest that binds the masks."""

    document: MaskedRound
    demo: bool
    digest: str

    def tau2(self) -> NDArray[np.float64]:
        """Grid of tau², in squared units, (points,)."""
        steps = np.arange(self.document.points) * 2.0**-self.document.step_exponent
        return np.asarray(np.square(steps), dtype=np.float64)


def new_masked_key(release: OpenedRelease, *, key: SigningKey) -> tuple[bytes, bytes]:
    """Make a site's key pair for the study and wave of an approved release.

    Returns
    -------
    (bytes, bytes)
        The private key (32 bytes; keep it with mode 0600), and the signed ``masked_key`` to publish.

    Raises
    ------
    ReleaseError
        ``release-key-role`` when the signing key is not the operator's.
    """
    check_role(key, "operator")
    private = X25519PrivateKey.generate()
    document = MaskedKey(
        kind="masked_key",
        schema_version="0.1",
        study_digest=release.document.study_digest,
        wave=release.document.wave,
        site_code=release.document.site_code,
        public_key=private.public_key().public_bytes_raw().hex(),
    )
    return private.private_bytes_raw(), _seal(document, key, release.demo)


def sign_round(document: MaskedRound, *, key: SigningKey) -> bytes:
    """Sign a round with the university's key.

    Raises
    ------
    ReleaseError
        ``release-key-role``; ``release-masked-roster`` when the roster is not sorted with each key once.
    """
    check_role(key, "university")
    _check_roster(document)
    return _seal(document, key, False)


def open_round(content: bytes, *, trusted: TrustedKeys, allow_demo: bool = False) -> Sealed:
    """Verify a round.

    Raises
    ------
    ReleaseError
        As :func:`causalsig.release.envelope.unseal`; ``release-schema``, ``release-masked-roster``.
    """
    opened = unseal(content, trusted, ("university",), allow_demo=allow_demo)
    document = read_model(MaskedRound, opened.document)
    _check_roster(document)
    digest = hashlib.sha256(canonical(document.model_dump(mode="json"))).hexdigest()
    return Sealed(document, opened.demo, digest)


def contribute(
    values: NDArray[np.float64],
    *,
    release: OpenedRelease,
    asked: Sealed,
    keys: Sequence[bytes],
    private: bytes,
    record: Path,
    key: SigningKey,
    trusted: TrustedKeys,
    allow_demo: bool = False,
) -> bytes:
    """Mask what a site adds, and sign it.

    The record remembers first, so that a site adds to one roster only and masks one thing only with a mask:
    two sums over rosters that differ by a site are that site's own numbers.

    Parameters
    ----------
    values : array of float
        What the round asks for, of this release (:mod:`causalsig.pooling.masked`).
    release : OpenedRelease
        As :func:`causalsig.release.signed.open_release` verified it: signed by operator and output checker.
    asked : Sealed
    keys : sequence of bytes
        The signed ``masked_key`` of every site of the roster, as received.
    private : bytes
    record : Path
        Folder of the provider's ledger.
    key : SigningKey
        The operator's.
    trusted : TrustedKeys
        Whose word is taken for the keys of the roster.

    Returns
    -------
    bytes
        The signed ``masked_contribution``.

    Raises
    ------
    RefusedError
        ``release-masked-range``, ``release-masked-once``.
    ReleaseError
        ``release-masked-roster``, ``release-masked-other``, ``release-key-role``; as ``unseal`` for the keys.
    """
    check_role(key, "operator")
    document, round_ = release.document, asked.document
    if (document.study_digest, document.wave) != (round_.study_digest, round_.wave):
        raise _other("a round of another study or wave than the release")
    _check_vouched(asked, document, private, keys, trusted, allow_demo)
    words = fixed_point(np.asarray(values, dtype=np.float64).ravel())
    masked = add_masks(words, private, [bytes.fromhex(one) for one in round_.roster], asked.digest.encode())
    answer = MaskedContribution(
        kind="masked_contribution",
        schema_version="0.1",
        round=asked.digest,
        public_key=_public(private),
        words=masked.astype(">u8").tobytes().hex(),
    )
    _remember(record, release, asked, hashlib.sha256(words.tobytes()).hexdigest(), key)
    return _seal(answer, key, release.demo or asked.demo)


def add_up(
    contributions: Sequence[bytes],
    asked: Sealed,
    size: int,
    *,
    trusted: TrustedKeys,
    allow_demo: bool = False,
) -> NDArray[np.float64]:
    """Sum the contributions of the whole roster; the masks cancel.

    Parameters
    ----------
    size : int
        Words a contribution has.

    Returns
    -------
    (size,) array

    Raises
    ------
    RefusedError
        ``release-masked-missing``, naming places in the roster: without every site the sum is noise.
    ReleaseError
        ``release-masked-other``: of another round, of no site of the roster, twice of one, or of another
        size; as :func:`causalsig.release.envelope.unseal`.
    """
    total, seen = np.zeros(size, dtype=np.uint64), set()
    for content in contributions:
        opened = unseal(content, trusted, ("operator",), allow_demo=allow_demo)
        found = read_model(MaskedContribution, opened.document)
        if found.round != asked.digest or found.public_key not in asked.document.roster:
            raise _other("a contribution to another round, or of a site that is not in the roster")
        if found.public_key in seen:
            raise _other("two contributions of one site")
        words = _words(found)
        if words.size != size:
            raise _other("a contribution of another size than the round asks for")
        seen.add(found.public_key)
        total += words
    missing = [place for place, one in enumerate(asked.document.roster, start=1) if one not in seen]
    if missing:
        raise RefusedError(
            "release-masked-missing",
            expected=f"contributions of all {len(asked.document.roster)} sites of the roster",
            found="none of place " + ", ".join(map(str, missing)),
            mend="Wait for them. If one cannot come, nothing is read of this round: pool plainly, or wait "
            "for the next wave.",
        )
    return from_words(total)


def _seal(document: Closed, key: SigningKey, demo: bool) -> bytes:
    return seal_alone(document.model_dump(mode="json"), key, demo=demo or key.public.demo)


def _words(found: MaskedContribution) -> Words:
    return np.frombuffer(bytes.fromhex(found.words), dtype=">u8").astype(np.uint64)


def _public(private: bytes) -> str:
    return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw().hex()


def _check_roster(document: MaskedRound) -> None:
    if list(document.roster) != sorted(set(document.roster)):
        raise bad_roster("one that is not sorted, or has a key twice")


def _check_vouched(
    asked: Sealed,
    document: EstimatesDocument,
    private: bytes,
    keys: Sequence[bytes],
    trusted: TrustedKeys,
    allow_demo: bool,
) -> None:
    """Refuse a roster with a key that no operator vouches for: the coordinator could have made it."""
    operator: tuple[Role, ...] = ("operator",)
    sites: dict[str, str] = {}
    for content in keys:
        one = read_model(MaskedKey, unseal(content, trusted, operator, allow_demo=allow_demo).document)
        if (one.study_digest, one.wave) == (document.study_digest, document.wave):
            sites[one.public_key] = one.site_code
    roster = asked.document.roster
    if not set(roster) <= set(sites) or len({sites[one] for one in roster}) != len(roster):
        raise bad_roster("a key without an operator's signature for this study and wave, or two of one site")
    mine = _public(private)
    if mine not in roster or sites[mine] != document.site_code:
        raise bad_roster("one in which the key of this release's site is not")


def _remember(record: Path, release: OpenedRelease, asked: Sealed, words: str, key: SigningKey) -> None:
    document, roster = release.document, "".join(asked.document.roster)
    line = {
        "roster": hashlib.sha256(roster.encode()).hexdigest(),
        "round": asked.digest,
        "payload": document_hash(document),
        "words": words,
        "site": document.site_code,
        "stage": asked.document.stage,
        "study": document.study_digest,
        "wave": document.wave,
    }
    chain = Chain(record / RECORD, "masked")
    with chain.held() as links:
        whose = ("site", "study", "wave")
        earlier = [link.content for link in links if all(link.content[name] == line[name] for name in whose)]
        if line in earlier:
            return
        same_stage = any(one["stage"] == line["stage"] for one in earlier)
        if same_stage or any(one[name] != line[name] for one in earlier for name in ("roster", "payload")):
            raise RefusedError(
                "release-masked-once",
                expected="one roster, one release and one round of a stage for each study and wave",
                found="an earlier contribution that differs",
                mend="Nothing was written: two sums that differ by a site tell its numbers. Repeat the "
                "earlier round, or wait for the next wave.",
            )
        chain.append(links, line, key)


def _other(found: str) -> ReleaseError:
    return ReleaseError(
        "release-masked-other",
        expected="what belongs to this round",
        found=found,
        mend="Take the files of one round together, unchanged.",
    )
