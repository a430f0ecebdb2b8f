"""Masked sums: what a site adds to a pool leaves so that only the sum over all sites can be read.

Three signed documents. A site publishes a ``masked_key`` for a study and wave; the university signs a
``masked_round``, with the roster of those keys and all that is computed; a site answers with one
``masked_contribution``, made from a release that operator and output checker approved and that itself stays.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from numpy.typing import NDArray

from causalsig.errors import RefusedError, ReleaseError
from causalsig.release.approver import check_role
from causalsig.release.build import read_model
from causalsig.release.chain import Chain
from causalsig.release.documents import EstimatesDocument
from causalsig.release.envelope import seal_alone, unseal
from causalsig.release.keys import SigningKey, TrustedKeys
from causalsig.release.masked_documents import (
    LEAST_SITES,
    VARIANCE_BITS,
    MaskedContribution,
    MaskedKey,
    MaskedRound,
    least_sites,
)
from causalsig.release.masks import MOST_SITES, Words, add_masks, bad_roster, fixed_point, from_words
from causalsig.release.review import document_hash
from causalsig.release.signed import OpenedRelease
from causalsig.release.strict_json import canonical
from causalsig.release.value_types import Closed

RECORD = "masked.jsonl"
_SHOWN = 12
_MOST_NAMED = 20


@dataclass(frozen=True, slots=True)
class Vouched:
    """Keys of sites that operators signed, by public key; made by :func:`open_keys` only."""

    sites: Mapping[str, MaskedKey]


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

    def variances(self) -> NDArray[np.float64]:
        """Variance of one household of arm and reference of each row, (rows, 2)."""
        steps = np.asarray(self.document.variances, dtype=np.float64)
        return steps.reshape(len(self.document.rows), 2) * 2.0**-VARIANCE_BITS


def new_masked_key(
    release: OpenedRelease, *, key: SigningKey, private: bytes | None = None
) -> tuple[bytes, bytes]:
    """Make a site's key pair for the study and wave of an approved release.

    Parameters
    ----------
    private : bytes, optional
        The private key where the site has one for this study and wave; its public key is signed again.

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
    private = X25519PrivateKey.generate().private_bytes_raw() if private is None else private
    document = MaskedKey(
        kind="masked_key",
        schema_version="0.1",
        study_digest=release.document.study_digest,
        wave=release.document.wave,
        site_code=release.document.site_code,
        public_key=_public(private),
    )
    return private, _seal(document, key, release.demo)


def sign_round(document: MaskedRound, *, key: SigningKey) -> bytes:
    """Sign a round with the university's key.

    Raises
    ------
    ReleaseError
        ``release-key-role``; ``release-masked-roster`` when the roster is not sorted with each key and each
        site once.
    RefusedError
        ``release-masked-sites`` for fewer sites in the roster, or with a contrast, than :func:`least_sites`
        asks.
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
    RefusedError
        ``release-masked-sites``, so that no site answers a round that would tell too much of it.
    """
    opened = unseal(content, trusted, ("university",), allow_demo=allow_demo)
    document = read_model(MaskedRound, opened.document)
    _check_roster(document)
    digest = hashlib.sha256(canonical(document.model_dump(mode="json"))).hexdigest()
    return Sealed(document, opened.demo, digest)


def open_keys(contents: Sequence[bytes], *, trusted: TrustedKeys, allow_demo: bool = False) -> Vouched:
    """Verify the signed ``masked_key`` of every site, as received.

    Raises
    ------
    ReleaseError
        As :func:`causalsig.release.envelope.unseal`; ``release-schema``.
    """
    opened = (unseal(one, trusted, ("operator",), allow_demo=allow_demo) for one in contents)
    keys = [read_model(MaskedKey, one.document) for one in opened]
    return Vouched({one.public_key: one for one in keys})


def contribute(
    values: NDArray[np.float64],
    *,
    release: OpenedRelease,
    asked: Sealed,
    keys: Vouched,
    private: bytes,
    record: Path,
    key: SigningKey,
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
    keys : Vouched
        The keys that operators vouch for, every site's of the roster among them.
    private : bytes
    record : Path
        Folder of the provider's ledger.
    key : SigningKey
        The operator's.

    Returns
    -------
    bytes
        The signed ``masked_contribution``.

    Raises
    ------
    RefusedError
        ``release-masked-range``, ``release-masked-once``.
    ReleaseError
        ``release-masked-roster``, ``release-masked-other``, ``release-key-role``.
    """
    check_role(key, "operator")
    document, round_ = release.document, asked.document
    if (document.study_digest, document.wave) != (round_.study_digest, round_.wave):
        raise not_of_round("a round of another study or wave than the release")
    _check_vouched(asked, document, private, keys)
    words = fixed_point(_rounded(np.asarray(values, dtype=np.float64).ravel(), round_.precision))
    roster = [bytes.fromhex(one.public_key) for one in round_.roster]
    masked = add_masks(words, private, roster, asked.digest.encode())
    answer = MaskedContribution(
        kind="masked_contribution",
        schema_version="0.1",
        round=asked.digest,
        public_key=_public(private),
        payload_hash=document_hash(document),
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
        ``release-masked-missing``, naming the site codes: without every site the sum is noise.
    ReleaseError
        ``release-masked-other``: of another round, of no site of the roster, twice of one, or of another
        size; as :func:`causalsig.release.envelope.unseal`.
    """
    total, seen = np.zeros(size, dtype=np.uint64), set()
    roster = {one.public_key: one.site_code for one in asked.document.roster}
    for content in contributions:
        opened = unseal(content, trusted, ("operator",), allow_demo=allow_demo)
        found = read_model(MaskedContribution, opened.document)
        if found.round != asked.digest or found.public_key not in roster:
            raise not_of_round("a contribution to another round, or of a site that is not in the roster")
        if found.public_key in seen:
            raise not_of_round("two contributions of one site")
        words = _words(found)
        if words.size != size:
            raise not_of_round("a contribution of another size than the round asks for")
        seen.add(found.public_key)
        total += words
    missing = [site for key, site in roster.items() if key not in seen]
    if missing:
        raise RefusedError(
            "release-masked-missing",
            expected=f"contributions of all {len(roster)} sites of the roster",
            found=f"{len(missing)} missing: {_named(missing)}",
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


def _rounded(values: NDArray[np.float64], precision: int) -> NDArray[np.float64]:
    """Keep so many binary digits behind the point: what a site gives finer is what its sums tell of it."""
    return np.asarray(np.rint(values * 2.0**precision) * 2.0**-precision, dtype=np.float64)


def _named(sites: Sequence[str]) -> str:
    shown = ", ".join(site[:_SHOWN] for site in sorted(sites)[:_MOST_NAMED])
    return shown if len(sites) <= _MOST_NAMED else f"{shown} and {len(sites) - _MOST_NAMED} more"


def _check_roster(document: MaskedRound) -> None:
    keys = [one.public_key for one in document.roster]
    if keys != sorted(set(keys)) or len({one.site_code for one in document.roster}) != len(keys):
        raise bad_roster("one that is not sorted, or has a key or a site twice")
    least = least_sites(document.points, document.precision)
    fewest = min((len(keys), *document.sites_with))
    if fewest < least:
        some = f"at least {least} sites" if least <= MOST_SITES else "fewer points or fewer digits"
        raise RefusedError(
            "release-masked-sites",
            expected=f"{some} for {document.points} points with {document.precision} binary digits",
            found=f"{fewest} sites",
            mend="With fewer the sums tell single sites. Declare fewer points or fewer digits, or pool more "
            f"sites: no round is allowed under {LEAST_SITES}.",
        )


def _check_vouched(asked: Sealed, document: EstimatesDocument, private: bytes, keys: Vouched) -> None:
    """Refuse a roster with a key that no operator vouches for: the coordinator could have made it."""
    sites = {
        public: one.site_code
        for public, one in keys.sites.items()
        if (one.study_digest, one.wave) == (document.study_digest, document.wave)
    }
    listed = {one.public_key: one.site_code for one in asked.document.roster}
    if any(sites.get(key) != site for key, site in listed.items()):
        raise bad_roster("a key without an operator's signature for this study, wave and site")
    if listed.get(_public(private)) != document.site_code:
        raise bad_roster("one in which the key of this release's site is not")


def _remember(record: Path, release: OpenedRelease, asked: Sealed, words: str, key: SigningKey) -> None:
    document, roster = release.document, "".join(one.public_key for one in asked.document.roster)
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


def not_of_round(found: str) -> ReleaseError:
    """Make the refusal of what belongs to another round, study or wave."""
    return ReleaseError(
        "release-masked-other",
        expected="what belongs to this round",
        found=found,
        mend="Take the files of one round together, unchanged.",
    )
