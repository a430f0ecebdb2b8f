"""The university's step on files: a folder of releases in, ``pool.json`` and ``others/`` out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from causalsig.errors import PoolError, ReleaseError
from causalsig.execution.pools_apart import PoolsApart
from causalsig.execution.pools_behind import Pooled
from causalsig.pooling import pool_arms, pool_of_others
from causalsig.pooling.balance import balance_of_sites
from causalsig.pooling.contacts import contacts_of_sites, one_part_a_wave
from causalsig.pooling.controls import controls_of_sites
from causalsig.pooling.groups import groups_of_sites, one_block_a_wave
from causalsig.pooling.moved import MovedThresholds
from causalsig.pooling.rules import one_rule_a_wave, pool_rules
from causalsig.pooling.thresholds import last_wave_of_each, thresholds_of_sites
from causalsig.pooling.waves import one_block_a_site
from causalsig.release.beside import released_balance
from causalsig.release.build import released_arms, released_censored
from causalsig.release.contacts import released_contacts
from causalsig.release.crossed_read import released_moves, released_thresholds
from causalsig.release.given import released_rules
from causalsig.release.grouped import released_groups
from causalsig.release.keys import read_signing_key, read_trusted
from causalsig.release.pool_document import build_pool_document, pool_result
from causalsig.release.signed import open_release, write_pool
from causalsig.release.withdrawal import withdrawn
from causalsig.study.digest import study_digest
from causalsig.study.read import read_study

if TYPE_CHECKING:
    from causalsig.records import PoolResult
    from causalsig.release.keys import TrustedKeys
    from causalsig.release.signed import OpenedRelease

SUFFIX = ".release.json"
NOTHING_RELEASED = "pool-no-estimate"
NOT_FRESH = "pool-not-fresh"


@dataclass(frozen=True, slots=True)
class PoolSummary:
    """What pooling wrote: the pool as its file says it, the file, and the sites with a pool of the others.

    ``programs`` are the digests of what ran at the sites: more than one, and not all ran the same code.
    ``held`` says that nothing of it may be shown: beside an earlier pool it would tell what one or two sites
    found.
    """

    pool: PoolResult
    path: Path
    others: tuple[str, ...]
    programs: tuple[str, ...] = ()
    held: bool = False


def pool_folder(
    study_path: Path,
    releases: Path,
    keys: Path,
    out: Path,
    *,
    signing: Path | None = None,
    allow_demo: bool = False,
    force: bool = False,
) -> PoolSummary:
    """Verify every release of a folder, pool them, and write what goes back to the provider.

    Everything is verified and computed before the first file is written.

    Parameters
    ----------
    study_path : Path
        The study that was run.
    releases : Path
        Folder with ``*.release.json``.
    keys : Path
        Folder with the public keys of operator and output checker.
    out : Path
        Gets ``pool.json`` and ``others/<site code>.json``.
    signing : Path, optional
        Folder with the university's private key; default ``keys``.
    allow_demo : bool
        Accept demo approvals; the pool is then marked as a demo.
    force : bool
        Replace earlier files with other content.

    Raises
    ------
    PoolError
        No releases, releases of another study, a site twice.
    ReleaseError
        A release that is not whole, not signed or not of the schema.
    RefusedError
        ``pool-few-changed``: another pool was made meanwhile, and beside it this one would tell what one or
        two sites found.
    """
    study = read_study(study_path)
    digest = study_digest(study)
    trusted = read_trusted(keys)
    key = read_signing_key(signing or keys, "university")
    opened = open_folder(releases, trusted, allow_demo)
    refuse_mixture(opened, digest)
    every_code = {item.document.site_code for _, item in opened}
    opened, behind = only_fresh(opened, study.pooling.max_months_behind)
    blocks = one_block_a_site(
        block
        for _, item in opened
        for block in (*released_arms(item.document), *released_censored(item.document))
    )
    codes = sorted(every_code)
    silent = every_code - behind - {block.site for block in blocks}
    demo = any(item.demo for _, item in opened)
    reasons = dict.fromkeys(silent, NOTHING_RELEASED) | dict.fromkeys(behind, NOT_FRESH)
    left_out = tuple(sorted(reasons.items()))
    balance = [block for _, item in opened for block in released_balance(item.document)]
    by_wave = sorted((item.document for _, item in opened), key=lambda document: document.wave)
    groups = one_block_a_wave(block for document in by_wave for block in released_groups(document))
    rules = one_rule_a_wave(block for document in by_wave for block in released_rules(document))
    contacts = one_part_a_wave(part for document in by_wave for part in released_contacts(document))
    crossings = last_wave_of_each(map(released_thresholds, by_wave))
    thresholds = thresholds_of_sites(crossings, study.pooling)
    asked = study.questions.threshold
    moved = MovedThresholds(
        last_wave_of_each(map(released_moves, by_wave)),
        crossings,
        study.pooling,
        None if asked is None else asked.moving.slope_bound,
    )
    controls, calibrated = controls_of_sites(blocks, study)
    pool = replace(
        pool_arms(blocks, study, digest, left_out=left_out, demo=demo),
        balance=balance_of_sites(balance, study),
        controls=controls,
        calibrated=calibrated,
        groups=groups_of_sites(groups, study.pooling),
        rules=pool_rules(rules, study),
        contacts=contacts_of_sites(contacts, study.pooling),
        thresholds=thresholds.rows,
        curves=thresholds.curves,
        moves=moved.pooled(),
    )
    given = Pooled(blocks, groups, rules, contacts, balance, crossings, moved.answers())
    apart = PoolsApart(signing or keys, digest, opened, given, key)
    others = {
        code: replace(
            pool_of_others(blocks, code, study, digest, demo=demo),
            groups=groups_of_sites(groups, study.pooling, without=code),
            contacts=contacts_of_sites(contacts, study.pooling, without=code),
            thresholds=thresholds_of_sites(crossings, study.pooling, without=code).rows,
            moves=moved.pooled(code),
            moved_by_others=moved.by_others(code),
        )
        for code in codes
    }
    document = build_pool_document(apart.hold(pool))
    of_others = {
        code: build_pool_document(apart.hold(result), recipient=code) for code, result in others.items()
    }
    path = out / "pool.json"
    if path.exists() and not force:
        write_pool(path, document, key=key)  # before anything is remembered that is not made
    apart.record((document, *of_others.values()))
    write_pool(path, document, key=key, force=force)
    _forget(out / "others", codes)
    for code, mine in of_others.items():
        write_pool(out / "others" / f"{code}.json", mine, key=key, force=force)
    programs = tuple(sorted({item.document.lock_digest for _, item in opened}))
    return PoolSummary(pool_result(document), path, tuple(others), programs, apart.held)


def _forget(folder: Path, codes: list[str]) -> None:
    """Remove the pool of the others of a site that has left: it speaks of a pool that no longer stands."""
    for path in folder.glob("*.json"):
        if path.stem not in codes:
            path.unlink()


def open_folder(
    releases: Path, trusted: TrustedKeys, allow_demo: bool = False
) -> list[tuple[Path, OpenedRelease]]:
    """Verify and read every release of a folder that was not withdrawn; at least one."""
    gone = withdrawn(releases, trusted, allow_demo=allow_demo)
    found = [(path, _open(path, trusted, allow_demo)) for path in _files(releases)]
    standing = [(path, item) for path, item in found if item.payload_hash not in gone]
    if not standing:
        raise PoolError(
            "pool-all-withdrawn",
            expected="a release that was not withdrawn",
            found=f"{len(found)} that were",
            mend="There is nothing to pool until a site releases again.",
        )
    return standing


def _files(releases: Path) -> list[Path]:
    found = sorted(releases.glob(f"*{SUFFIX}")) if releases.is_dir() else []
    if not found:
        raise PoolError(
            "pool-no-releases",
            expected=f"a folder with at least one file *{SUFFIX}",
            found="none",
            mend="Give the folder the provider's approved releases are in.",
            where=str(releases),
        )
    return found


def _open(path: Path, trusted: TrustedKeys, allow_demo: bool) -> OpenedRelease:
    """Open a release; an error says which of the many files it is about."""
    try:
        return open_release(path, trusted=trusted, allow_demo=allow_demo)
    except ReleaseError as error:
        raise ReleaseError(
            error.code,
            expected=error.expected,
            found=error.found,
            mend=error.mend,
            where=f"{path.name}, {error.where}" if error.where not in ("", path.name) else path.name,
        ) from None


def refuse_mixture(opened: list[tuple[Path, OpenedRelease]], digest: str) -> None:
    """Refuse releases of another study, two of one wave of a site, and two waves of one extract."""
    seen: dict[tuple[str, int], Path] = {}
    extracts: dict[tuple[str, str], Path] = {}
    for path, item in opened:
        if item.document.study_digest != digest:
            raise PoolError(
                "pool-other-study",
                expected=f"releases of the study with digest {digest[:12]}",
                found=f"one of {item.document.study_digest[:12]}",
                mend="Pool the releases of one study at a time, with the study file they were made with.",
                where=path.name,
            )
        code = (item.document.site_code, item.document.wave)
        if code in seen:
            raise PoolError(
                "pool-site-twice",
                expected="each site and wave once",
                found="two releases of one wave of a site",
                mend="Keep the one that was approved last.",
                where=f"{seen[code].name}, {path.name}",
            )
        seen[code] = path
        extract = (item.document.site_code, item.document.snapshot)
        if extract in extracts:
            raise PoolError(
                "pool-extract-twice",
                expected="each extract of a site in one wave",
                found="two waves of a site that were made of one and the same extract",
                mend="Ask the provider which of the two is right, and to withdraw the other.",
                where=f"{extracts[extract].name}, {path.name}",
            )
        extracts[extract] = path


def only_fresh(
    opened: list[tuple[Path, OpenedRelease]], months: int
) -> tuple[list[tuple[Path, OpenedRelease]], frozenset[str]]:
    """Leave out the sites whose last extract is more than so many months before the newest one of all.

    Age is counted within the pool and not from today, so the same releases give the same pool on any day. A
    site that does keep up keeps its earlier waves.

    Returns
    -------
    fresh : list of (path, release)
    behind : frozenset of str
        Codes of the sites that were left out.
    """
    last: dict[str, str] = {}
    for _, item in opened:
        code = item.document.site_code
        last[code] = max(last.get(code, ""), item.document.extracted)
    newest = max(map(_months, last.values()))
    behind = frozenset(code for code, month in last.items() if newest - _months(month) > months)
    return [(path, item) for path, item in opened if item.document.site_code not in behind], behind


def _months(month: str) -> int:
    year, of_year = month.split("-")
    return 12 * int(year) + int(of_year)
