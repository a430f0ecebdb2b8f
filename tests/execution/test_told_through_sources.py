"""A household erased from a source's files, and nobody else, is another household to the ledger.

Readers number households anew, so one that is gone moves the numbers of all behind it: what is erased from
tables that were read already does not show that, and so these tests write the files and read them again.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from causalsig.attack.extracts import read_again, without_households
from causalsig.cohort.build import build_cohort, plan_cohorts
from causalsig.errors import RefusedError
from causalsig.execution.invented_files import SOURCE_FORMATS, SourceFormat, write_source
from causalsig.execution.monitor import CENTS
from causalsig.execution.run import run_sites
from causalsig.execution.site import matching_of, read_site
from causalsig.release.apart import few_apart, few_changed, strangers
from causalsig.release.household_sets import Told, cohort_sets, everybody, household_coder, households_of
from causalsig.release.life import look
from causalsig.release.record_digests import household_records
from causalsig.simulation.xxllnc import write_workbook
from causalsig.sources.findings import ReadResult
from causalsig.sources.monitor_members import everybody_of, monitor_members
from causalsig.sources.profile_members import profile_members
from causalsig.sources.schema import SiteTables
from causalsig.study.inventory import Site
from causalsig.study.models import Study
from tests.release.desk import approve_both

FLOOR, KEY = 10, b"p" * 32
CARRIES_ALL = [form for form in SOURCE_FORMATS if form != "xxllnc-flat"]
"""Of a sheet of cases alone no household is known, so nothing is told of any."""


def told(read: ReadResult, site: Site) -> Told:
    """What a monitor and a profile tell the ledger of."""
    assert read.known_again is not None
    members: Mapping[str, Any] = {
        "profile": profile_members(read.tables),
        **monitor_members(
            read.tables,
            guaranteed_months=site.guaranteed_months,
            threshold_cents=site.rule.threshold_eur * CENTS,
        ),
        "everybody": everybody_of(read.tables),
    }
    code = household_coder(KEY, site.code, read.known_again)
    sets = cohort_sets(KEY, site.code, members, floor=FLOOR, code=code)
    return Told(sets, household_records(KEY, site.code, members.values(), code))


def reading(tables: SiteTables, site: Site, folder: Path, form: SourceFormat) -> ReadResult:
    return read_site(write_source(tables, folder, form, name=site.name), site, KEY)


def erased(tables: SiteTables, many: int) -> SiteTables:
    """Without the first households of all, by key: so that every number behind them moves."""
    known = sorted(set(tables.signals["household_key"].dropna()))
    return without_households(tables, known[:many])


@pytest.mark.parametrize("form", CARRIES_ALL)
def test_one_household_erased_is_one_household(
    invented: Mapping[str, Any], tmp_path: Path, form: SourceFormat
) -> None:
    here = invented["9003"]
    site = here.site.model_copy(update={"extracted_on": here.tables.extracted_on})
    first = reading(here.tables, site, tmp_path / "first", form)
    before = told(first, site)
    again = told(reading(here.tables, site, tmp_path / "again", form), site)
    assert [one.analysis for one in again.sets] == [one.analysis for one in before.sets]
    assert all(np.array_equal(a.codes, b.codes) for a, b in zip(again.sets, before.sets, strict=True))
    assert few_changed(again, before, FLOOR) is None
    for many, refused in ((1, True), (9, True), (40, False)):
        later = reading(erased(here.tables, many), site, tmp_path / f"{many}", form)
        after = told(later, site)
        ours, theirs = (set(households_of(everybody(one.sets)).tolist()) for one in (after, before))
        assert (len(theirs - ours), len(ours - theirs)) == (many, 0)
        assert strangers(after.sets, before.sets) is None
        whole = [[one for one in sets if one.analysis == "profile"] for sets in (after.sets, before.sets)]
        assert (few_apart(whole[0], whole[1], FLOOR) is not None) == refused
        assert few_changed(after, before, FLOOR) is None, "of those who stayed nothing changed"


def test_the_tables_are_the_same_with_and_without_a_key(invented: Mapping[str, Any], tmp_path: Path) -> None:
    here = invented["9003"]
    for form in CARRIES_ALL:
        written = write_source(here.tables, tmp_path / form, form, name=here.site.name)
        plain, keyed, other = (read_site(written, here.site, key) for key in (None, KEY, b"q" * 32))
        assert plain.known_again is None
        assert keyed.known_again is not None and other.known_again is not None
        assert keyed.known_again.keys() == other.known_again.keys()
        assert not set(keyed.known_again.values()) & set(other.known_again.values())
        for name in ("signals", "episodes", "cases"):
            assert getattr(plain.tables, name).equals(getattr(keyed.tables, name)), (form, name)
        named = set(keyed.tables.signals["household_key"].dropna())
        assert named <= keyed.known_again.keys()
        assert "known_again" not in repr(keyed)


def test_an_attacked_extract_is_read_from_files_and_known_again(
    invented: Mapping[str, Any], study: Study, tmp_path: Path
) -> None:
    here = invented["9001"]
    site = here.site
    first = reading(here.tables, site, tmp_path / "first", "xxllnc-2026")
    assert first.known_again is not None
    victim = sorted(first.known_again)[0]
    later = read_again(first, without_households(first.tables, [victim]), site, tmp_path)
    assert later.known_again is not None
    assert set(first.known_again.values()) - set(later.known_again.values()) == {first.known_again[victim]}
    # The numbers moved, and each still stands for the household that it is.
    plan = plan_cohorts(study)[0]
    cohorts = [build_cohort(one.tables, plan, study, site, matching_of(site)) for one in (first, later)]
    episodes = [
        {
            (read.known_again[key], day): row.tolist()
            for key, day, row in zip(
                cohort.household_keys.tolist(), cohort.time_zero.tolist(), cohort.covariates, strict=True
            )
        }
        for read, cohort in zip((first, later), cohorts, strict=True)
    ]
    common = episodes[0].keys() & episodes[1].keys()
    assert len(common) >= len(episodes[0]) - 3 and len(common) > 100
    assert all(episodes[0][one] == episodes[1][one] for one in common)
    moved = cohorts[0].household_keys[:50].tolist() != cohorts[1].household_keys[:50].tolist()
    assert moved, "or this test would say nothing"


def test_two_releases_of_one_household_apart_do_not_leave_together(
    provider: Any, invented: Mapping[str, Any], tmp_path: Path
) -> None:
    """From workbook to ledger, as the commands do it."""
    here = invented["9001"]

    def leaves(many: int) -> Path:
        source = provider.sources / "9001.xlsx"
        write_workbook(erased(here.tables, many), source, name=here.spec.name)
        out = tmp_path / f"out-{many}"
        (outcome,) = run_sites(provider.request(out, sources=(source,), only=("9001",)))
        assert outcome.status == "done"
        folder = out / "sites" / "9001"
        look(folder)
        return approve_both(folder, provider.keys, tmp_path / f"outbox-{many}", demo=True)

    assert leaves(0).exists()
    with pytest.raises(RefusedError) as caught:
        leaves(1)
    assert caught.value.code == "ledger-few-apart"
    assert leaves(400).exists()
