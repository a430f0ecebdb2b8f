"""The monitor counts what the national monitor counts, and the generator agrees to the last household."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from causalsig.counts import MonitorCounts, RateCount, ShareCount
from causalsig.errors import SourceError
from causalsig.simulation import SimulatedSite, draw_sites, load_scenario, simulate_site
from causalsig.simulation.calibration import window_parts
from causalsig.simulation.sites import guaranteed_months
from causalsig.sources import cells, monitor
from causalsig.sources.monitor import LOOK_BACK, MONTHS_TO_CLOSE, monitor_counts
from causalsig.sources.monitor_absent import leave_out_absent
from causalsig.sources.schema import SiteTables

EXACT = 1e-12
"""Both are quotients of the same two integers."""
SCENARIO = load_scenario("ignorable")


def simulate(retention: str, inhabitants: int = 9_000) -> SimulatedSite:
    [spec] = draw_sites(SCENARIO, 1, 4, inhabitants=inhabitants, retention=retention)  # type: ignore[arg-type]
    return simulate_site(spec, SCENARIO, 4, truth=False)


def counted(made: SimulatedSite, tables: SiteTables | None = None) -> MonitorCounts:
    return monitor_counts(
        tables or made.tables,
        inhabitants=made.spec.inhabitants,
        guaranteed_months=guaranteed_months(made.spec),
        threshold_cents=made.spec.threshold_eur * 100.0,
    )


def overall(counts: MonitorCounts) -> dict[str, float]:
    """The generator's names for the monitor's figures of the whole window."""
    rates = {r.figure: r.value for r in counts.rates if r.month is None}
    shares = {(s.figure, s.group): s for s in counts.shares if s.month is None}
    names = {
        "share_health": ("signals_by_creditor", "health_insurance"),
        "share_rent": ("signals_by_creditor", "rent"),
        "share_energy": ("signals_by_creditor", "energy"),
        "share_water": ("signals_by_creditor", "water"),
        "share_single": ("mix", "single"),
        "share_multiple": ("mix", "multiple"),
        "share_successive": ("mix", "successive"),
        "reached": ("reached", ""),
        "reached_written_only": ("reached_by_method", "written_only"),
        "reached_any_phone": ("reached_by_method", "phone"),
        "reached_any_home_visit": ("reached_by_method", "home_visit"),
        "accepted_of_reached": ("accepted", ""),
    }
    return {
        "signals_per_1000_a_month": rates["signals_per_1000"],
        "signals_an_episode": rates["signals_per_episode"],
        **{name: shares[place].value for name, place in names.items()},
    }


@pytest.fixture(scope="module")
def made() -> SimulatedSite:
    return simulate("full")


@pytest.mark.parametrize("retention", ["full", "strict6", "6-12-18"])
def test_every_figure_equals_the_generators(retention: str) -> None:
    site = simulate(retention)
    expected = window_parts(site, guaranteed_months(site.spec), months_to_close=MONTHS_TO_CLOSE)
    found = overall(counted(site))
    assert len(found) == 14
    for name, value in found.items():
        assert value == pytest.approx(np.divide(*expected[name]), abs=EXACT), name


def test_months_add_up_to_the_window(made: SimulatedSite) -> None:
    counts = counted(made)
    for figure in ("mix", "signals_by_creditor", "reached", "accepted"):
        listed = [share for share in counts.shares if share.figure == figure]
        for group in {share.group for share in listed}:
            parts = [share for share in listed if share.group == group and share.month is not None]
            [whole] = [share for share in listed if share.group == group and share.month is None]
            assert sum(part.numerator for part in parts) == whole.numerator, (figure, group)
            assert sum(part.denominator for part in parts) == whole.denominator, (figure, group)


def test_households_are_counted_once_in_a_cell(made: SimulatedSite) -> None:
    counts = counted(made)
    signals = made.tables.signals
    inside = signals[signals["received_on"] >= pd.Timestamp(f"{counts.first}-01")]
    [rate] = [r for r in counts.rates if (r.figure, r.month) == ("signals_per_1000", None)]
    by_household = inside["household_key"].value_counts()
    assert (rate.households, counts.households) == (len(by_household), len(by_household))
    assert (rate.largest, rate.two_largest) == (by_household.iloc[0], by_household.iloc[:2].sum())
    assert rate.numerator == len(inside) > rate.households
    [rent] = [s for s in counts.shares if (s.group, s.month) == ("rent", None) and s.figure.startswith("sig")]
    has_rent = inside["creditor_type"] == "rent"
    assert rent.households_with == inside["household_key"][has_rent].nunique()
    assert rent.households_without == inside["household_key"][~has_rent].nunique()


def test_the_order_of_the_rows_and_the_names_of_households_change_nothing(made: SimulatedSite) -> None:
    rng = np.random.default_rng(2)
    frames = {}
    for name in ("signals", "episodes", "cases", "attempts"):
        frame = getattr(made.tables, name)
        frame = frame.iloc[rng.permutation(len(frame))].reset_index(drop=True)
        if "household_key" in frame:
            frame["household_key"] = "x" + frame["household_key"].astype(object)
        frames[name] = frame
    assert counted(made, replace(made.tables, **frames)) == counted(made)


def test_an_unfinished_month_is_not_counted(made: SimulatedSite) -> None:
    earlier = replace(made.tables, extracted_on=made.tables.extracted_on - timedelta(days=3))
    whole, cut = counted(made), counted(made, earlier)
    assert whole.last == f"{made.tables.extracted_on:%Y-%m}"
    assert np.datetime64(cut.last) == np.datetime64(whole.last) - 1
    assert np.datetime64(whole.contact_last or "") == np.datetime64(whole.last) - 2


def without_flags(tables: SiteTables) -> SiteTables:
    return replace(tables, signals=tables.signals.assign(**dict.fromkeys(LOOK_BACK, np.nan)))


def mix_by_month(counts: MonitorCounts) -> dict[tuple[str, str], ShareCount]:
    return {(s.group, s.month): s for s in counts.shares if s.figure == "mix" and s.month is not None}


def test_signals_still_held_tell_what_the_flags_tell(made: SimulatedSite) -> None:
    flagged, held = (mix_by_month(counted(made, t)) for t in (made.tables, without_flags(made.tables)))
    months = sorted({month for _, month in flagged})
    known = months[len(LOOK_BACK) :]
    assert known
    for group in ("single", "multiple", "successive"):
        for month in known:
            assert held[group, month] == flagged[group, month]
        for month in months[: len(LOOK_BACK)]:
            assert (held[group, month].denominator == 0) == (group != "multiple")


def test_signals_before_the_window_tell_of_its_first_months(
    made: SimulatedSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(monitor, "LONGEST_WINDOW", 12)
    flagged, held = (mix_by_month(counted(made, t)) for t in (made.tables, without_flags(made.tables)))
    assert len(flagged) == 3 * 12 and held == flagged


def test_a_source_that_keeps_signals_for_six_months_tells_no_look_back(made: SimulatedSite) -> None:
    counts = monitor_counts(without_flags(made.tables), inhabitants=9_000, guaranteed_months=6)
    mix = {s.group: s for s in counts.shares if s.figure == "mix" and s.month is None}
    assert mix["single"].denominator == mix["successive"].denominator == 0
    assert mix["multiple"].denominator > 0


def since(tables: SiteTables, day: str) -> SiteTables:
    signals = tables.signals
    return replace(tables, signals=signals[signals["received_on"] >= day].reset_index(drop=True))


def with_stray(tables: SiteTables, day: str, count: int = 1) -> SiteTables:
    signals = tables.signals.copy()
    signals.loc[: count - 1, "received_on"] = pd.Timestamp(day)
    return replace(tables, signals=signals)


@pytest.mark.parametrize("inhabitants", [2_000, 9_000, 30_000])
def test_a_few_stray_signals_set_neither_end_of_the_window(inhabitants: int) -> None:
    made = simulate("full", inhabitants)
    late = since(made.tables, "2026-01-01")
    plain = counted(made, late)
    assert plain.first in ("2026-01", "2026-02") and plain.last == "2026-06"
    for day, count in (("2024-08-03", 1), ("2025-02-01", 3)):
        stray = counted(made, with_stray(late, day, count))
        assert (stray.first, stray.last) == (plain.first, plain.last), (day, count)
    signals = made.tables.signals
    until = signals[signals["received_on"] < "2025-10-01"].reset_index(drop=True)
    ended = replace(made.tables, signals=until)
    lasts = {counted(made, tables).last for tables in (ended, with_stray(ended, "2026-04-02"))}
    # Where ten households take months to come together, the months they take.
    assert lasts == {"2025-09"} if inhabitants > 2_000 else lasts <= {"2025-07", "2025-08", "2025-09"}


def test_the_window_does_not_reach_back_beyond_the_retention_edge() -> None:
    made = simulate("strict6", 30_000)
    longer = monitor_counts(made.tables, inhabitants=30_000, guaranteed_months=18)
    assert longer.first == counted(made).first == "2026-01"
    # Some signals of every earlier month outlive it, because help was accepted.
    signals = made.tables.signals
    old = signals.iloc[:120].assign(
        received_on=pd.date_range("2025-01-03", periods=120, freq="D").as_unit("s"),
        signal_id=[f"old{n}" for n in range(120)],
        case_id=None,
    )
    kept = replace(made.tables, signals=pd.concat([old, signals], ignore_index=True))
    assert monitor_counts(kept, inhabitants=30_000, guaranteed_months=18).first == "2026-01"


def test_what_no_look_back_can_tell_is_left_out_by_name(made: SimulatedSite) -> None:
    bare = monitor_counts(without_flags(made.tables), inhabitants=9_000, guaranteed_months=6)
    found = leave_out_absent(bare, "all_signals")
    assert [(a.figure, a.group, a.reason) for a in found.absent] == [
        ("mix", group, "source-repeat-flags-missing") for group in ("single", "successive")
    ]
    assert {s.group for s in found.shares if s.figure == "mix"} == {"multiple"}
    assert found.rates == bare.rates
    # With flags, or with signals of more than half a year, nothing is absent.
    for counts in (counted(made), counted(made, without_flags(made.tables))):
        assert leave_out_absent(counts, "all_signals") == counts


def test_of_a_source_of_cases_only_figures_over_cases_are_left(made: SimulatedSite) -> None:
    counts = counted(made)
    found = leave_out_absent(counts, "cases_only")
    assert found.rates == ()
    assert {s.figure for s in counts.shares} - {s.figure for s in found.shares} == {
        "mix",
        "signals_by_creditor",
        "reached",
        "reached_by_creditor",
    }
    assert {a.reason for a in found.absent} == {"source-cases-only"}


def test_without_a_whole_month_there_is_no_monitor(made: SimulatedSite) -> None:
    first = made.tables.signals["received_on"].min().date()
    tables = replace(made.tables, extracted_on=date(first.year, first.month, 20))
    with pytest.raises(SourceError, match="source-no-whole-month"):
        counted(made, tables)


def test_a_site_without_cases_still_counts_its_signals(made: SimulatedSite) -> None:
    tables = replace(
        made.tables,
        cases=made.tables.cases.iloc[:0],
        attempts=made.tables.attempts.iloc[:0],
        signals=made.tables.signals.assign(case_id=None),
        episodes=made.tables.episodes.assign(case_id=None),
    )
    counts = counted(made, tables)
    [reached] = [s for s in counts.shares if s.figure == "reached" and s.month is None]
    assert reached.numerator == 0 and reached.denominator > 0


def test_cells_are_counted_as_a_loop_would() -> None:
    rng = np.random.default_rng(5)
    cell, household = rng.integers(-1, 4, 300), rng.integers(-1, 30, 300)
    yes = rng.random(300) < 0.4
    found = cells.shares(cell, household, yes, 4)
    largest, both = cells.largest_two(cell, household, 4)
    for at in range(4):
        here = cell == at
        assert found.denominator[at] == here.sum() and found.numerator[at] == (here & yes).sum()
        assert found.households[at] == len(set(household[here]) - {-1})
        assert found.households_with[at] == len(set(household[here & yes]) - {-1})
        assert found.households_without[at] == len(set(household[here & ~yes]) - {-1})
        sizes = sorted((np.sum(here & (household == h)) for h in range(30)), reverse=True)
        assert (largest[at], both[at]) == (sizes[0], sizes[0] + sizes[1])


def test_an_earlier_item_is_looked_for_as_a_loop_would() -> None:
    rng = np.random.default_rng(6)
    months, households = rng.integers(-9, 12, 200), rng.integers(-1, 30, 200)
    months[:5] = np.iinfo(np.int64).min
    month, household = rng.integers(0, 12, 80), rng.integers(0, 40, 80)
    found = cells.seen_before(month, household, months, households, 6)
    for at in range(80):
        own = months[households == household[at]]
        assert found[at] == bool(((own < month[at]) & (own >= month[at] - 6)).any())
    assert found.any() and not found.all()
    nothing = cells.seen_before(month, household, months, np.full(200, -1), 6)
    assert not nothing.any()


def test_no_items_is_no_households() -> None:
    none = np.empty(0, np.int64)
    assert cells.distinct(none, none, 3).tolist() == [0, 0, 0]
    assert [part.tolist() for part in cells.largest_two(none, none, 2)] == [[0, 0], [0, 0]]


def test_a_rate_and_a_share_say_what_they_are() -> None:
    assert RateCount("signals_per_1000", None, 9, 2.0, 3, 4, 5).value == 4.5
    assert ShareCount("mix", "single", None, 1, 4, 4, 1, 3).value == 0.25
