"""What the ledger is told is recorded of households: a return, a result or a code that changed is seen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from causalsig.attack.extracts import without_later_signals
from causalsig.execution.analyse import analyse_site
from causalsig.execution.monitor import CENTS
from causalsig.execution.site import matching_of
from causalsig.recorded import Recorded
from causalsig.release.apart import few_apart, few_changed
from causalsig.release.household_sets import Member, Told, cohort_sets, household_coder
from causalsig.release.record_digests import household_records
from causalsig.sources.monitor_members import monitor_members
from causalsig.sources.profile_members import profile_members
from causalsig.sources.schema import SiteTables
from causalsig.study.inventory import Site
from causalsig.study.models import Study

FLOOR, KEY = 10, b"p" * 32


def told(members: Mapping[str, Iterable[Member]]) -> Told:
    code = household_coder(KEY, "9001")
    sets = cohort_sets(KEY, "9001", members, floor=FLOOR, code=code)
    return Told(sets, household_records(KEY, "9001", members.values(), code))


def of_monitor(tables: SiteTables, site: Site) -> Told:
    cents = site.rule.threshold_eur * CENTS
    return told(monitor_members(tables, guaranteed_months=site.guaranteed_months, threshold_cents=cents))


def with_changed(tables: SiteTables, name: str, column: str, rows: Any, value: object) -> SiteTables:
    frame: pd.DataFrame = getattr(tables, name).copy()
    frame.loc[frame.index[rows], column] = value
    return replace(tables, **{name: frame})


@pytest.mark.parametrize(("changed", "found"), [(0, False), (1, True), (9, True)])
def test_a_few_cases_of_which_the_result_changed_are_seen(
    invented: Mapping[str, Any], changed: int, *, found: bool
) -> None:
    here = invented["9003"]
    before = of_monitor(here.tables, here.site)
    window = next(one for one in before.sets if one.analysis == "monitor.reached")
    cases = here.tables.cases
    inside = np.isin(
        household_coder(KEY, "9001")(
            (str(key), int(month.astype(int)))
            for key, month in zip(
                cases["household_key"], cases["opened_on"].to_numpy("datetime64[M]"), strict=True
            )
        ),
        window.codes,
    )
    accepted = np.flatnonzero(inside & cases["result"].isin(["quick_fix", "follow_up_help"]).to_numpy())
    later = with_changed(here.tables, "cases", "result", accepted[:changed], "declined")
    after = of_monitor(later, here.site)
    assert few_apart(after.sets, before.sets, FLOOR) is None, "the households are the same"
    near = few_changed(after, before, FLOOR)
    assert (near is not None) == found
    assert near is None or near.startswith(("monitor.offered", "monitor.reached"))


def test_a_creditor_that_changed_in_one_signal_is_seen(invented: Mapping[str, Any]) -> None:
    here = invented["9003"]
    last = here.tables.signals["received_on"].to_numpy().argsort()[-200]
    other = "water" if here.tables.signals["creditor_type"].iloc[last] != "water" else "rent"
    later = with_changed(here.tables, "signals", "creditor_type", [last], other)
    for before, after in (
        (of_monitor(here.tables, here.site), of_monitor(later, here.site)),
        (told({"profile": profile_members(here.tables)}), told({"profile": profile_members(later)})),
    ):
        assert few_changed(after, before, FLOOR) in ("monitor.signals", "profile")
        assert few_changed(before, before, FLOOR) is None


def test_a_return_taken_away_from_one_household_is_seen(invented: Mapping[str, Any], study: Study) -> None:
    here = invented["9001"]

    def analysed(tables: SiteTables) -> dict[str, Any]:
        members: dict[str, Any] = {}
        analyse_site(
            tables, study, here.site, matching_of(here.site), members=members.__setitem__, thresholds=False
        )
        return members

    first = analysed(here.tables)
    whole = next(one for one in first.values() if isinstance(one, Recorded) and len(one.members) >= 100)
    column = next(name for name in whole.columns if name.startswith("outcome.any"))
    households = [key for key, _ in whole.members]
    returned = whole.columns[column] == 1.0
    key, day = next(
        episode
        for episode, yes in zip(whole.members, returned, strict=True)
        if yes and households.count(episode[0]) == 1
    )
    before = told(first)
    assert few_changed(told(analysed(here.tables)), before, FLOOR) is None, "the same content is the same"
    after = told(analysed(without_later_signals(here.tables, key, day)))
    assert few_changed(after, before, FLOOR) is not None
