"""A masked pool on files: keys, round, contributions, and what the coordinator reads from their sum."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from causalsig.errors import RefusedError, ReleaseError
from causalsig.pooling.masked import (
    masked_interval,
    masked_size,
    pool_from_sums,
    reasons_to_hold_masked,
    sites_with,
    terms_of,
    too_few,
    units_of,
)
from causalsig.release.build import read_model, released_arms, released_censored
from causalsig.release.files import read_bytes, write_atomic
from causalsig.release.keys import read_signing_key, read_trusted
from causalsig.release.masked import add_up, contribute, not_of_round, open_keys, open_round, sign_round
from causalsig.release.masked_documents import (
    VARIANCE_BITS,
    MaskedRound,
    MaskedRow,
    RosterEntry,
    least_sites,
)
from causalsig.release.masked_site import publish_key, read_private, standing_releases
from causalsig.release.strict_json import MAX_BYTES
from causalsig.study.digest import study_digest
from causalsig.study.read import read_study

if TYPE_CHECKING:
    from causalsig.meta.on_grid import GridFit
    from causalsig.release.masked import Sealed
    from causalsig.study.models import Pooling, Study

KEY_SUFFIX = ".masked-key.json"


@dataclass(frozen=True, slots=True)
class Grid:
    """What a round declares of its numbers; see :class:`causalsig.release.masked_documents.MaskedRound`."""

    unit_exponent: int = -6
    step_exponent: int = 2
    points: int = 17
    precision: int = 8


@dataclass(frozen=True, slots=True)
class MaskedSum:
    """What the sum of a round gives: the next round, or of each contrast its pool and why it is held back."""

    next_round: Path | None
    left_out: tuple[MaskedRow, ...] = ()
    pooled: tuple[tuple[MaskedRow, GridFit, tuple[str, ...]], ...] = ()


def publish_keys(
    releases: Sequence[Path], keys: Path, private: Path, ledger: Path, out: Path, *, allow_demo: bool = False
) -> list[Path]:
    """Make the key of each site for the study and wave of its release; return the files to send.

    Raises
    ------
    ReleaseError, RefusedError
        As :func:`causalsig.release.masked_site.standing_releases` and ``publish_key``;
        ``release-masked-other`` for two releases of one site.
    """
    trusted, key = read_trusted(keys), read_signing_key(keys, "operator")
    found = []
    standing = standing_releases(releases, ledger, trusted=trusted, allow_demo=allow_demo)
    if len({release.document.site_code for _, release in standing}) != len(standing):
        raise not_of_round("two releases of one site: of several studies or waves")
    for _, release in standing:
        path = out / f"{release.document.site_code}{KEY_SUFFIX}"
        write_atomic(path, publish_key(release, private, key=key), force=True)
        found.append(path)
    return found


def begin_round(
    study_path: Path,
    site_keys: Path,
    keys: Path,
    out: Path,
    numbers: Grid,
    *,
    signing: Path | None = None,
    every_arm: bool = False,
    allow_demo: bool = False,
    force: bool = False,
) -> Path:
    """Declare a round over all sites whose keys are in a folder, and sign it.

    Its rows are the study's primary contrasts; with `every_arm` each arm of these questions against its
    reference.

    Raises
    ------
    ReleaseError
        ``release-masked-other`` for keys of another study or of several waves; ``release-masked-roster``,
        ``release-not-readable``, ``release-exists``.
    PoolError
        ``pool-masked-method``: a study that pools as sums cannot.
    RefusedError
        ``release-masked-sites``: fewer sites than such a round needs.
    """
    study, trusted = read_study(study_path), read_trusted(keys)
    masked_interval(study.pooling)
    digest = study_digest(study)
    vouched = open_keys(_contents(site_keys, KEY_SUFFIX), trusted=trusted, allow_demo=allow_demo)
    found = tuple(vouched.sites.values())
    if {one.study_digest for one in found} != {digest} or len({one.wave for one in found}) != 1:
        raise not_of_round("keys of another study, or of several waves")
    roster = sorted((one.public_key, one.site_code) for one in found)
    document = MaskedRound(
        kind="masked_round",
        schema_version="0.1",
        study_digest=digest,
        wave=found[0].wave,
        stage="units",
        unit_exponent=numbers.unit_exponent,
        step_exponent=numbers.step_exponent,
        points=numbers.points,
        precision=numbers.precision,
        rows=_rows(study, every_arm),
        variances=(),
        sites_with=(),
        roster=tuple(RosterEntry(public_key=key, site_code=site) for key, site in roster),
    )
    key = read_signing_key(signing or keys, "university")
    write_atomic(out, sign_round(document, key=key), force=force)
    return out


def contribute_releases(
    round_: Path,
    releases: Sequence[Path],
    site_keys: Path,
    keys: Path,
    private: Path,
    ledger: Path,
    out: Path,
    *,
    allow_demo: bool = False,
) -> list[Path]:
    """Answer a round for each site of which an approved release is given; return the files to send.

    Releases of another study or wave, which lie in the same folder, are passed over. Every site's numbers are
    computed before the first contribution is made, so that one that cannot answer uses up no other's turn.

    Raises
    ------
    ReleaseError, RefusedError
        As :func:`causalsig.release.masked.open_round` and ``contribute``, :func:`standing_releases`, and
        :func:`causalsig.pooling.masked.terms_of`, naming the site; ``release-masked-other`` when none is
        of the round's study and wave.
    """
    trusted, key = read_trusted(keys), read_signing_key(keys, "operator")
    asked = open_round(read_bytes(round_, MAX_BYTES), trusted=trusted, allow_demo=allow_demo)
    published = open_keys(_contents(site_keys, KEY_SUFFIX), trusted=trusted, allow_demo=allow_demo)
    whose = (asked.document.study_digest, asked.document.wave)
    ready = []
    for _, release in standing_releases(releases, ledger, trusted=trusted, allow_demo=allow_demo):
        document = release.document
        if (document.study_digest, document.wave) == whose:
            with _naming(document.site_code):
                blocks = (*released_arms(document), *released_censored(document))
                ready.append((release, terms_of(blocks, asked), read_private(private, document)))
    if not ready:
        raise not_of_round("releases of another study or wave only")
    found = []
    for release, terms, own in ready:
        site = release.document.site_code
        with _naming(site):
            answer = contribute(
                terms, release=release, asked=asked, keys=published, private=own, record=ledger, key=key
            )
        path = out / f"{site}{_suffix(asked)}"
        write_atomic(path, answer, force=True)
        found.append(path)
    return found


@contextmanager
def _naming(site: str) -> Iterator[None]:
    """Say of which of many sites an error is."""
    try:
        yield
    except (RefusedError, ReleaseError) as error:
        raise type(error)(
            error.code,
            expected=error.expected,
            found=error.found,
            mend=error.mend,
            where=f"site {site[:12]}",
        ) from None


def sum_round(
    study_path: Path,
    round_: Path,
    contributions: Path,
    keys: Path,
    out: Path | None,
    *,
    signing: Path | None = None,
    allow_demo: bool = False,
    force: bool = False,
) -> MaskedSum:
    """Sum a round: of the stage ``units`` comes the signed one of the stage ``grid``, of that the pool.

    Contrasts that fewer sites have than a round needs are left out of the second.

    Raises
    ------
    RefusedError
        ``release-masked-missing``, naming the sites; ``pool-masked-few``.
    ReleaseError
        ``release-masked-other``; as :func:`causalsig.release.masked.open_round`.
    PoolError, MetaError
        As :func:`causalsig.pooling.masked.pool_from_sums`.
    """
    study, trusted = read_study(study_path), read_trusted(keys)
    asked = open_round(read_bytes(round_, MAX_BYTES), trusted=trusted, allow_demo=allow_demo)
    if asked.document.study_digest != study_digest(study):
        raise not_of_round("a round of another study")
    received = _contents(contributions, _suffix(asked))
    sums = add_up(received, asked, masked_size(asked), trusted=trusted, allow_demo=allow_demo)
    if asked.document.stage == "grid":
        return MaskedSum(None, pooled=_pooled(sums, asked, study.pooling))
    document, left_out = _next_round(sums, asked, study.pooling)
    out = out or round_.with_name("grid.round.json")
    key = read_signing_key(signing or keys, "university")
    write_atomic(out, sign_round(document, key=key), force=force)
    return MaskedSum(out, left_out)


def _pooled(
    sums: np.ndarray, asked: Sealed, choices: Pooling
) -> tuple[tuple[MaskedRow, GridFit, tuple[str, ...]], ...]:
    fits = pool_from_sums(sums, asked, choices)
    return tuple(
        (row, fit, reasons_to_hold_masked(fit, choices))
        for row, fit in zip(asked.document.rows, fits, strict=True)
    )


def _next_round(
    sums: np.ndarray, asked: Sealed, choices: Pooling
) -> tuple[MaskedRound, tuple[MaskedRow, ...]]:
    document = asked.document
    least = max(choices.min_sites, least_sites(document.points, document.precision))
    counts = sites_with(sums)
    kept = [row for row, count in enumerate(counts) if count >= least]
    if not kept:
        raise too_few(f"fewer than {least} have any of them")
    table = np.asarray(sums).reshape(len(counts), -1)[kept]
    variances = np.rint(units_of(table).ravel() * 2.0**VARIANCE_BITS)
    values = document.model_dump() | {
        "stage": "grid",
        "rows": tuple(document.rows[row] for row in kept),
        "sites_with": tuple(counts[row] for row in kept),
        "variances": tuple(int(one) for one in variances),
        "roster": document.roster,
    }
    left_out = tuple(row for place, row in enumerate(document.rows) if place not in kept)
    return read_model(MaskedRound, MaskedRound.model_construct(**values).model_dump(mode="json")), left_out


def _rows(study: Study, every_arm: bool) -> tuple[MaskedRow, ...]:
    """Contrasts of the primary outcome of each question that compares arms, under its primary estimand."""
    found = []
    for name, question in study.asked.items():
        contrasts: list[tuple[str, str]] = [question.primary_contrast]
        if every_arm:
            contrasts = [(arm, question.reference) for arm in question.arms if arm != question.reference]
        shared = {
            "question": name,
            "outcome": question.primary_outcome,
            "estimand": study.estimands_of(name)[0],
            "estimator": question.estimator,
        }
        found += [
            MaskedRow.model_validate(shared | {"arm": arm, "reference": reference})
            for arm, reference in contrasts
        ]
    return tuple(found)


def _suffix(asked: Sealed) -> str:
    return f".masked-{asked.document.stage}.json"


def _contents(folder: Path, suffix: str) -> list[bytes]:
    paths = sorted(folder.glob(f"*{suffix}")) if folder.is_dir() else []
    if not paths:
        raise ReleaseError(
            "release-not-readable",
            expected=f"a folder with the sites' files (*{suffix})",
            found="none",
            mend="Give the folder in which what the sites sent was put.",
            where=folder.name,
        )
    return [read_bytes(path, MAX_BYTES) for path in paths]
