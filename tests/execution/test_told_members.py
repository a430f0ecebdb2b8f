"""Whom the ledger is told that a document is of: every denominator, and few who went are found in one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from causalsig.counts import ShareCount
from causalsig.execution.analyse import analyse_site
from causalsig.execution.monitor import CENTS, monitor_of
from causalsig.execution.site import matching_of
from causalsig.records import SiteResult
from causalsig.release.apart import few_apart
from causalsig.release.household_sets import CohortSet, cohort_sets
from causalsig.sources.monitor_members import monitor_members
from causalsig.sources.schema import SiteTables
from causalsig.study.inventory import Site
from causalsig.study.models import Study

FLOOR = 10
OF_CASES = frozenset({"reached", "accepted"})


def sets(members: Mapping[str, Any]) -> tuple[CohortSet, ...]:
    return cohort_sets(b"p" * 32, "9001", members, floor=FLOOR)


def told(tables: SiteTables, site: Site, since: str | None = None) -> dict[str, list[tuple[str, int]]]:
    return monitor_members(
        tables,
        guaranteed_months=site.guaranteed_months,
        threshold_cents=site.rule.threshold_eur * CENTS,
        since=since,
    )


def without(tables: SiteTables, keys: set[str]) -> SiteTables:
    """The same extract after some households were erased."""

    def rest(frame: pd.DataFrame) -> pd.DataFrame:
        return frame[~frame["household_key"].isin(keys)].reset_index(drop=True)

    cases = rest(tables.cases)
    attempts = tables.attempts[tables.attempts["case_id"].isin(cases["case_id"])].reset_index(drop=True)
    return replace(
        tables,
        signals=rest(tables.signals),
        episodes=rest(tables.episodes),
        cases=cases,
        attempts=attempts,
    )


def months_before(tables: SiteTables, month: str) -> SiteTables:
    """An extract of the last day before a month, as far as signals go."""
    end = np.datetime64(month, "D")
    early = tables.signals["received_on"].to_numpy("datetime64[D]") < end
    return replace(
        tables,
        signals=tables.signals[early].reset_index(drop=True),
        extracted_on=(end - 1).astype(object),
    )


def test_every_share_of_a_monitor_is_of_a_set_that_is_told(invented: Mapping[str, Any]) -> None:
    here = invented["9003"]
    members, counts = told(here.tables, here.site), monitor_of(here.tables, here.site)
    checked = 0
    for cell in counts.shares:
        if not isinstance(cell, ShareCount) or (cell.figure == "mix" and cell.group != "multiple"):
            continue  # of those whose earlier signals are known, a part of the month's
        figure, _, part = cell.figure.partition("_by_")
        of = {"reached": "offered", "accepted": "reached"}.get(figure, "signals")
        name = f"monitor.{of}" + (f".{part}.{cell.group}" if figure in OF_CASES and part else "")
        name += f".{cell.month}" if cell.month else ""
        if cell.households:
            assert len({key for key, _ in members[name]}) == cell.households, name
            checked += 1
    assert checked > 100
    assert len({key for key, _ in members["everybody"]}) == counts.households


@pytest.mark.parametrize(("erased", "refused"), [(1, True), (9, True), (40, False)])
def test_households_erased_before_a_later_monitor_are_found(
    invented: Mapping[str, Any], erased: int, *, refused: bool
) -> None:
    here = invented["9001"]
    counts = monitor_of(here.tables, here.site)
    before = sets(told(months_before(here.tables, counts.last + "-01"), here.site))
    month = here.tables.signals["received_on"].dt.strftime("%Y-%m")
    gone = sorted(set(here.tables.signals["household_key"][month == counts.first]))
    assert len(gone) >= 80, "a month with households enough to erase"
    later = without(here.tables, set(gone[:erased]))
    first = f"monitor.signals.{counts.first}"
    month_alone = [one for one in sets(told(later, here.site)) if one.analysis == first]
    near = few_apart(month_alone, before, FLOOR)
    assert near == (first if refused else None)
    if refused:
        assert few_apart(sets(told(later, here.site)), before, FLOOR) is not None
        # Only the last month, which nobody was told of: that may leave.
        new = sets(told(later, here.site, since=counts.last))
        assert {one.analysis for one in new if ".signals." in one.analysis} == {
            f"monitor.signals.{counts.last}"
        }
        assert few_apart(new, before, FLOOR) is None


def test_a_monitor_since_a_month_tells_no_earlier_one(invented: Mapping[str, Any]) -> None:
    here = invented["9003"]
    counts = monitor_of(here.tables, here.site)
    later = monitor_of(here.tables, here.site, since=counts.last)
    assert (later.first, later.last) == (counts.last, counts.last)
    whole = {(c.figure, c.group): c for c in counts.shares if c.month == counts.last}
    assert all(whole[c.figure, c.group] == c for c in later.shares if c.month == counts.last and c.households)


@pytest.fixture(scope="module")
def wave(invented: Mapping[str, Any], study: Study) -> tuple[SiteResult, dict[str, list[tuple[str, int]]]]:
    """What a site with estimates tells, and of whom."""
    here, members = invented["9001"], dict[str, Any]()
    result = analyse_site(
        here.tables, study, here.site, matching_of(here.site), members=members.__setitem__, thresholds=False
    )
    return result, members


def test_every_arm_of_every_window_is_told(wave: tuple[SiteResult, dict[str, Any]]) -> None:
    result, members = wave
    analyses = [one for question in result.questions for one in question.analyses]
    assert analyses
    for one in analyses:
        if one.estimator != "doubly_robust":
            continue
        for arm, households in zip(one.result.arms, one.result.households, strict=True):
            (name,) = (
                n for n in members if n.startswith(f"{one.question}:{one.months}m") and n.endswith(f".{arm}")
            )
            assert len({key for key, _ in members[name]}) == int(households)
    regions = {region for question in result.questions for region in question.regions}
    named = [{key for key, _ in rows} for name, rows in members.items() if "n_creditors>=" in name]
    assert {region.households for region in regions} <= {len(one) for one in named}


@pytest.mark.parametrize(("erased", "refused"), [(0, False), (1, True), (9, True), (10, False)])
def test_a_household_erased_from_one_arm_is_found_whatever_came_elsewhere(
    wave: tuple[SiteResult, dict[str, Any]], erased: int, *, refused: bool
) -> None:
    _, members = wave
    before = sets(members)
    name = next(one for one in members if one.endswith(".home_visit"))
    whole = name.removesuffix(".home_visit")
    letter = f"{whole}.letter"
    elsewhere = {key for one in (".letter", ".phone", ".none") for key, _ in members.get(whole + one, ())}
    gone = set(sorted({key for key, _ in members[name]} - elsewhere)[:erased])
    assert len(gone) == erased
    new = [(f"new {number}", 18_000) for number in range(50)]
    later = {one: [row for row in members[one] if row[0] not in gone] for one in (whole, name, letter)}
    later[whole] += new
    later[letter] += new
    near = few_apart(sets({name: later[name]}), before, FLOOR)
    assert near == (name if refused else None)
    assert (few_apart(sets(later), before, FLOOR) is not None) == refused
    # A next wave is of other episodes, also of the same households.
    wave_two = {one: [(key, day + 200) for key, day in rows] for one, rows in members.items()}
    assert few_apart(sets(wave_two), before, FLOOR) is None
