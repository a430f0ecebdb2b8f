"""One site through three formats: the same cohorts and monitor figures, but for what one cannot carry."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from causalsig.cohort.build import build_cohort, plan_cohorts, site_facts
from causalsig.counts import MonitorCounts
from causalsig.execution.invented_files import SourceFormat, write_source
from causalsig.execution.monitor import monitor_of
from causalsig.execution.site import read_site
from causalsig.execution.truth import inventory_site
from causalsig.records import AttritionRow
from causalsig.simulation import draw_sites, load_scenario, simulate_site
from causalsig.sources.monitor import LOOK_BACK
from causalsig.study.read import read_study

SEED, INHABITANTS, MONTHS = 4, 40_000, 24
FORMATS: tuple[SourceFormat, ...] = ("xxllnc-2026", "ddas-1.2", "parquet")
ROUNDED = 0.005
"""Share of episodes that whole euros lift to the threshold: 1 or 2 in 2,800 at sites of 60,000."""
LEFT_OUT = (0.06, 0.12)
"""Share of a cohort that DDAS leaves out beyond the others, because a case may still be open: 8 to 9 in
100 at three sites of 60,000, as docs/sources.md says."""
SAME_REACH = 0.01
"""Relative. Cases reached are the same; which of the others were in an open case is partly inferred."""


@dataclass(frozen=True)
class Reading:
    """What a run would start from, of one format."""

    attrition: dict[tuple[str, int], tuple[AttritionRow, ...]]
    monitor: MonitorCounts


@pytest.fixture(scope="module")
def readings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Reading]:
    folder: Path = tmp_path_factory.mktemp("agreement")
    scenario, study = load_scenario("ignorable"), read_study("vroegsignalering")
    [spec] = draw_sites(scenario, 1, SEED, inhabitants=INHABITANTS, retention="full")
    made = simulate_site(spec, scenario, SEED, months=MONTHS, truth=False).tables
    site = inventory_site(spec, months=MONTHS)
    found = {}
    for form in FORMATS:
        tables = read_site(write_source(made, folder / form, form, name=spec.name), site).tables
        facts = site_facts(tables)
        found[form] = Reading(
            {
                (plan.question, plan.months): build_cohort(
                    tables, plan, study, site, spec.matching, facts=facts
                ).attrition
                for plan in plan_cohorts(study)
            },
            monitor_of(tables, site),
        )
    return found


def of_window(counts: MonitorCounts) -> dict[tuple[str, str], Any]:
    return {(share.figure, share.group): share for share in counts.shares if share.month is None}


def test_workbook_and_tables_agree_to_the_last_household(readings: dict[str, Reading]) -> None:
    assert readings["xxllnc-2026"] == readings["parquet"]


def test_ddas_has_the_same_flow_until_open_cases(readings: dict[str, Reading]) -> None:
    for plan, rows in readings["ddas-1.2"].attrition.items():
        for row, other in zip(rows, readings["xxllnc-2026"].attrition[plan], strict=True):
            assert row.rule == other.rule
            if row.rule in ("cohort-entry-window", "cohort-linked"):
                assert row == other
            if row.rule == "cohort-above-threshold":
                assert 0 <= row.episodes_after - other.episodes_after <= ROUNDED * other.episodes_after


def test_ddas_leaves_out_episodes_whose_household_may_still_be_helped(readings: dict[str, Reading]) -> None:
    assert len(readings["ddas-1.2"].attrition) >= 3
    for plan, rows in readings["ddas-1.2"].attrition.items():
        whole = readings["xxllnc-2026"].attrition[plan][-1].episodes_after
        assert LEFT_OUT[0] < 1 - rows[-1].episodes_after / whole < LEFT_OUT[1], plan


def test_monitor_figures_of_ddas_are_those_of_the_workbook(readings: dict[str, Reading]) -> None:
    ddas, book = readings["ddas-1.2"].monitor, readings["xxllnc-2026"].monitor
    assert ddas.rates == book.rates and ddas.households == book.households
    found, expected = of_window(ddas), of_window(book)
    assert found.keys() == expected.keys()
    for place, share in expected.items():
        figure, group = place
        if figure == "reached" or figure == "reached_by_creditor":
            assert found[place].numerator == share.numerator
        elif (figure, group) not in {("mix", "single"), ("mix", "successive")}:
            assert found[place] == share, place
    assert found["reached", ""].value == pytest.approx(expected["reached", ""].value, rel=SAME_REACH)


def test_without_flags_ddas_looks_back_at_the_signals_it_holds(readings: dict[str, Reading]) -> None:
    ddas, book = (
        {s.month: s for s in readings[form].monitor.shares if (s.figure, s.group) == ("mix", "successive")}
        for form in ("ddas-1.2", "xxllnc-2026")
    )
    months = sorted(month for month in book if month is not None)
    assert all(ddas[month].denominator == 0 for month in months[: len(LOOK_BACK)])
    assert all(ddas[month] == book[month] for month in months[len(LOOK_BACK) :])
    assert ddas[None].denominator > 0
