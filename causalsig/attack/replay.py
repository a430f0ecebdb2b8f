"""Every attack on a folder of releases, beside the invented data that they were made of."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from causalsig.attack import (
    changed_record,
    code_dictionary,
    erasure,
    fine_bins,
    float_channel,
    overlapping,
    paired_reports,
    pool_minus_own,
    saturated_dummies,
    sizes,
    successive_pools,
    tree_leaves,
)
from causalsig.attack.attacks import Attack, Trial
from causalsig.attack.findings import SiteFindings, attack_site
from causalsig.attack.judge import Row, judge
from causalsig.attack.learned import trials_of
from causalsig.attack.pools import groups_of
from causalsig.errors import RefusedError, ReleaseError, SourceError
from causalsig.execution.given import find_sources
from causalsig.execution.pool import open_folder, refuse_mixture
from causalsig.execution.processes import process_pool
from causalsig.execution.site import read_site
from causalsig.execution.synthetic import require_synthetic
from causalsig.release.build import site_code
from causalsig.release.keys import provider_is_demo, read_provider_key, read_trusted
from causalsig.release.signed import read_release
from causalsig.study.digest import study_digest
from causalsig.study.read import read_inventory, read_study
from causalsig.study.site_policy import under_policy
from causalsig.threads import one_thread

if TYPE_CHECKING:
    from causalsig.release.documents import EstimatesDocument
    from causalsig.study.models import Study

DIFFERENCING: Final = (erasure, overlapping, changed_record)
ATTACKS: Final[tuple[Attack, ...]] = (
    *(one.ATTACK for one in DIFFERENCING),
    float_channel.ATTACK,
    saturated_dummies.ATTACK,
    fine_bins.ATTACK,
    tree_leaves.ATTACK,
    code_dictionary.ATTACK,
    sizes.ATTACK,
    pool_minus_own.ATTACK,
    successive_pools.ATTACK,
    paired_reports.ATTACK,
)
"""In the order of the table: households first."""


@dataclass(frozen=True, slots=True)
class ReplayRequest:
    """What is attacked.

    Attributes
    ----------
    releases : Path
        Folder with ``*.release.json``.
    data : Path
        Folder that `causalsig simulate` made: ``sources/`` and ``inventory.toml``.
    study : Path
    keys : Path
        Folder with the public keys, the provider's key and its ledger; only read.
    workers : int
    """

    releases: Path
    data: Path
    study: Path
    keys: Path
    workers: int = 2


@dataclass(frozen=True, slots=True)
class Task:
    """One municipality that is attacked, and where its release and its extract are."""

    request: ReplayRequest
    municipality: str
    source: Path
    release: Path


def replay(
    request: ReplayRequest,
    *,
    tasks: Sequence[Task] | None = None,
    on_finish: Callable[[], None] | None = None,
) -> tuple[Row, ...]:
    """Replay every attack, on and off, and judge it.

    Raises
    ------
    RefusedError
        ``attack-not-synthetic``: the data are not known to be invented, or the keys are not a demo's.
    ReleaseError
        ``attack-no-release``: no release is of these municipalities; ``attack-other-data``.
    SourceError
        ``site-internal-error``: the system ended a process.
    """
    tell = on_finish or (lambda: None)
    found: list[SiteFindings] = []
    with process_pool(request.workers) as pool:
        futures = [pool.submit(attack_one, task) for task in tasks or plan(request)]
        try:
            for future in as_completed(futures):
                found.append(future.result())
                tell()
        except BrokenProcessPool:
            raise SourceError(
                "site-internal-error",
                expected="every process to end by itself",
                found="one that was ended from outside",
                mend="Start again; with fewer --workers when the machine was short of memory.",
            ) from None
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
    trusted = read_trusted(request.keys)
    opened = open_folder(request.releases, trusted, allow_demo=True)
    documents = {item.document.site_code: item.document for _, item in opened}
    study = read_study(request.study)
    return judged(found, documents, study)


def plan(request: ReplayRequest) -> list[Task]:
    """Find the release and the source of every municipality, and refuse what may be real."""
    inventory = read_inventory(request.data / "inventory.toml")
    if not provider_is_demo(request.keys):
        raise _not_synthetic("keys of a provider that are no demo's")
    digest = study_digest(read_study(request.study))
    opened = open_folder(request.releases, read_trusted(request.keys), allow_demo=True)
    refuse_mixture(opened, digest)
    by_code = {item.document.site_code: path for path, item in opened}
    key = read_provider_key(request.keys)
    sources = find_sources((request.data / "sources",), inventory).by_site
    tasks = []
    for site in inventory.sites:
        release = by_code.get(site_code(key, site.code, digest))
        if release is not None and site.code in sources:
            source = sources[site.code]
            try:
                require_synthetic(source, site.code)
            except RefusedError as error:
                raise _not_synthetic(error.found) from None
            tasks.append(Task(request, site.code, source, release))
    if not tasks:
        raise ReleaseError(
            "attack-no-release",
            expected="releases of the municipalities of these data",
            found=f"{len(opened)} release(s), none of them theirs",
            mend="Give the data, the study and the keys that the releases were made with.",
        )
    return tasks


def attack_one(task: Task) -> SiteFindings:
    """Read one municipality again and replay the attacks on its household."""
    request = task.request
    site = read_inventory(request.data / "inventory.toml").site(task.municipality)
    assert site is not None
    study = under_policy(read_study(request.study), site.policy)
    document = read_release(task.release, trusted=read_trusted(request.keys), allow_demo=True)
    with one_thread(), tempfile.TemporaryDirectory() as scratch:
        read = read_site(task.source, site, read_provider_key(request.keys))
        return attack_site(site, study, read, document, request.keys, Path(scratch))


def judged(
    found: Sequence[SiteFindings], documents: Mapping[str, EstimatesDocument], study: Study
) -> tuple[Row, ...]:
    """Replay the attacks on municipalities, add those on households, and judge all."""
    sites = sorted(found, key=lambda one: one.site)
    trials: list[Trial] = [trial for one in sites for trial in one.trials]
    differences = [difference for one in sites for difference in one.differences]
    for attack in DIFFERENCING:
        trials += trials_of(attack.ATTACK, [one for one in differences if one.attack == attack.ATTACK.name])
    if sites:
        trials += code_dictionary.trials(sites, documents[sites[0].site].study_digest)
    trials += sizes.trials(sites, documents)
    groups = groups_of(sites, documents, study)
    for between in (pool_minus_own, paired_reports):
        trials += between.trials(groups)
    trials += successive_pools.trials(groups_of(sites, documents, study, successive_pools.TOGETHER))
    return judge(ATTACKS, trials)


def _not_synthetic(found: str) -> RefusedError:
    return RefusedError(
        "attack-not-synthetic",
        expected="invented data as `causalsig simulate` leaves them, and a demo's keys",
        found=found,
        mend="An attack needs the truth about households, so it is replayed on invented data only.",
    )
