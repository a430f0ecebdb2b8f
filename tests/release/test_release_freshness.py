"""A municipality whose data are much older than those of the others is not in the pool, and is named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

from causalsig.execution.pool import pool_folder
from causalsig.records import SiteResult
from causalsig.release import ReleaseIdentity, build_release, new_keys, write_review
from causalsig.study.models import Study
from tests.release.desk import approve_both
from tests.release.memories import memory_for

OLD, EDGE, NEWEST = "a" * 64, "b" * 64, "c" * 64


def test_a_site_far_behind_the_newest_extract_is_left_out_whatever_the_day(
    tmp_path: Path, study: Study, make_site: Callable[..., SiteResult]
) -> None:
    keys, outbox = tmp_path / "keys", tmp_path / "outbox"
    new_keys(keys)
    given = (
        (OLD, 1, date(2024, 8, 31)),
        # On the edge: 24 months before the newest, one wave of it older still.
        (EDGE, 1, date(2023, 9, 1)),
        (EDGE, 2, date(2024, 9, 1)),
        (NEWEST, 1, date(2026, 9, 30)),
    )
    for place, (code, wave, day) in enumerate(given):
        site = replace(make_site(seed=place), extracted_on=day)
        identity = ReleaseIdentity(code, f"{place + 1}" * 64, "0.1.0", "c" * 64, wave)
        folder = tmp_path / "sites" / f"{code[0]}{wave}"
        memory = memory_for(folder, first=10_000 * place)
        write_review(folder, build_release(site, study=study, identity=identity), memory=memory)
        approve_both(folder, keys, outbox)

    summary = pool_folder(Path("vroegsignalering"), outbox, keys, tmp_path / "pooled")

    assert summary.pool.left_out == ((OLD, "pool-not-fresh"),)
    assert summary.pool.sites == 2
    # It still hears what the others find.
    assert summary.others == (OLD, EDGE, NEWEST)
