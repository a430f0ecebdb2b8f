"""Checks of canonical tables count what does not fit, and nothing where all fits."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from causalsig.simulation import draw_sites, load_scenario, simulate_site
from causalsig.sources import Matching, SiteTables, check_tables, conform
from causalsig.sources.episodes import episodes_by_matching_day

MONTHS = 12
TELLING = {
    "source-acceptance-quick-fix",
    "source-acceptance-without-quick-fix",
    "source-cases-reached",
    "source-reached-declined",
}
"""Findings that tell how a site codes acceptance; they are there for every site."""
BOUNDS = {
    "source-amount-implausible",
    "source-instalment-above-arrears",
    "source-signal-far-off",
    "source-household-implausible",
    "source-repeat-flags-contradicted",
    "source-codes-mostly-unknown",
}
"""Findings of a whole file that is wrong; no invented municipality is."""


def tidy(**changes: pd.DataFrame) -> SiteTables:
    """Twelve months of twelve signals of one creditor; every signal a case with one attempt, on time."""
    received = pd.date_range("2024-01-01", periods=MONTHS, freq="MS").repeat(12) + pd.Timedelta(days=4)
    ids = [str(at) for at in range(len(received))]
    signals = pd.DataFrame(
        {
            "signal_id": ids,
            "household_key": [f"h{at}" for at in ids],
            "received_on": received,
            "creditor_id": "1",
            "creditor_type": "rent",
            "amount_cents": 50_025.0,
            "case_id": ids,
            "forwarded_on": received + pd.Timedelta(days=10),
            **{f"repeat_m{month}": 0.0 for month in range(1, 7)},
        }
    )
    cases = pd.DataFrame({"case_id": ids, "opened_on": signals["forwarded_on"], "result": "declined"})
    cases["household_key"] = signals["household_key"]
    cases["closed_on"] = cases["opened_on"] + pd.Timedelta(days=30)
    attempts = pd.DataFrame({"case_id": ids, "attempted_on": cases["opened_on"] + pd.Timedelta(days=2)})
    attempts["reached"] = 1.0
    attempts["method"] = "letter"
    attempts["attempt_id"] = ids
    frames = {"signals": signals, "cases": cases, "attempts": attempts} | changes
    conformed = {table: conform(table, frame) for table, frame in frames.items()}
    episodes, conformed["signals"]["episode_id"] = episodes_by_matching_day(conformed["signals"], Matching())
    return SiteTables(
        "0001",
        dt.date(2025, 1, 31),
        conformed["signals"],
        conform("episodes", episodes),
        conformed["cases"],
        conformed["attempts"],
        conform("followups", pd.DataFrame({"case_id": []})),
        conform("creditors", pd.DataFrame({"creditor_id": ["1"], "creditor_type": ["rent"]})),
    )


def counts(tables: SiteTables) -> dict[str, int]:
    return {found.code: found.count for found in check_tables(tables) if found.code not in TELLING}


def changed(table: str, column: str, rows: slice, value: object) -> SiteTables:
    frame = getattr(tidy(), table).copy()
    frame.loc[frame.index[rows], column] = value
    return tidy(**{table: frame})


def test_tables_that_fit_have_no_findings():
    assert counts(tidy()) == {}


def test_each_misfit_is_counted_under_its_own_code():
    early, late = pd.Timestamp("2020-01-01"), pd.Timestamp("2025-01-30")
    not_matched = {"source-forwarded-before-matching": 2}
    for table, column, value, rows, expected in (
        ("signals", "household_key", None, 3, {"source-signal-without-household": 3}),
        ("signals", "creditor_id", "9", 2, {"source-signal-without-creditor": 2}),
        ("signals", "repeat_m1", np.nan, 2, {}),
        (
            "signals",
            "case_id",
            None,
            4,
            {"source-case-without-signals": 4, "source-forwarded-without-case": 4},
        ),
        (
            "signals",
            "case_id",
            "none",
            1,
            {
                "source-case-number-without-case": 1,
                "source-case-without-signals": 1,
                "source-episode-of-unknown-case": 1,
            },
        ),
        ("signals", "age", 12.0, 2, {"source-debtor-under-age": 2}),
        ("signals", "age", 140.0, 2, {"source-value-impossible": 2}),
        ("signals", "amount_cents", 0.5, 2, {"source-value-impossible": 2}),
        ("signals", "crisis", 3.0, 2, {"source-value-impossible": 2}),
        ("signals", "creditor_type", "moon", 2, {"source-code-outside-list": 2}),
        ("signals", "arrears_start", late, 2, {"source-arrears-after-signal": 2}),
        ("signals", "arrears_start", pd.Timestamp("1999-12-31"), 2, {"source-date-impossible": 2}),
        ("signals", "forwarded_on", early, 2, {"source-forwarded-before-received": 2, **not_matched}),
        ("signals", "signal_id", None, 2, {"source-missing-key": 2}),
        ("signals", "signal_id", "0", 2, {"source-repeated-key": 1}),
        ("signals", "household_key", "other", 1, {"source-case-household-contradiction": 1}),
        ("cases", "opened_on", early, 2, {"source-case-before-signal": 2}),
        ("cases", "opened_on", pd.NaT, 2, {"source-case-without-opening": 2}),
        (
            "attempts",
            "reached",
            np.nan,
            144,
            {"source-needed-column-empty": 144, "source-reach-unknown": 144},
        ),
        ("cases", "result", "quick_fix", 2, {}),
        ("cases", "result", None, 2, {"source-closed-without-result": 2}),
        ("cases", "closed_on", early, 2, {"source-closed-before-opened": 2, "source-attempt-after-close": 2}),
        ("attempts", "attempted_on", early, 5, {"source-attempt-before-signal": 5}),
        ("attempts", "attempted_on", late, 5, {"source-attempt-after-close": 5}),
        ("attempts", "attempted_on", pd.NaT, 5, {"source-attempt-without-date": 5}),
        ("attempts", "reached", np.nan, 5, {"source-reach-unknown": 5}),
        ("attempts", "case_id", "none", 1, {"source-attempt-outside-cases": 1}),
    ):
        assert counts(changed(table, column, slice(0, rows), value)) == expected, (table, column)


def test_a_matching_day_that_does_not_fit_how_cases_were_opened_is_told():
    signals = tidy().signals
    early = signals.assign(forwarded_on=signals["received_on"])
    # A second signal of the first two cases, a month later.
    again = signals.iloc[:2].assign(signal_id=["x", "y"], received_on=pd.Timestamp("2024-02-05"))
    assert counts(tidy(signals=early)) == {"source-forwarded-before-matching": len(signals)}
    found = counts(tidy(signals=pd.concat([signals, again], ignore_index=True)))
    assert found["source-case-of-several-periods"] == 2


def test_a_creditor_of_no_kind_is_counted():
    tables = tidy()
    creditors = tables.creditors.assign(creditor_type=None)
    assert counts(replace(tables, creditors=creditors)) == {"source-creditor-without-type": 1}


def test_an_accepted_result_needs_a_reached_attempt():
    tables = changed("cases", "result", slice(0, 3), "quick_fix")
    tables.attempts.loc[:1, "reached"] = 0.0
    assert counts(tables) == {"source-accepted-without-reach": 2}


def test_cases_that_outlive_their_signals_show_the_retention_edge():
    # Signals of the first six months are gone; the extract is of 31 January 2025.
    kept = tidy().signals.iloc[72:].reset_index(drop=True)
    found = counts(tidy(signals=kept))
    assert found == {"source-case-without-signals": 72, "source-retention-edge": 7}


def test_a_month_in_which_nothing_came_in_is_a_gap():
    signals = tidy().signals
    silent = signals[signals["received_on"].dt.month != 6].reset_index(drop=True)
    found = counts(tidy(signals=silent))
    assert found["source-month-without-signals"] == 1
    assert found["source-creditor-gap"] == 1


def severities(tables: SiteTables) -> dict[str, tuple[int, str]]:
    return {f.code: (f.count, f.severity) for f in check_tables(tables) if f.code not in TELLING}


@pytest.fixture(scope="module")
def invented() -> SiteTables:
    scenario = load_scenario("ignorable")
    [spec] = draw_sites(scenario, 1, 4, inhabitants=9_000, retention="full")
    return simulate_site(spec, scenario, 4, truth=False).tables


def with_signals(tables: SiteTables, **columns: object) -> SiteTables:
    return replace(tables, signals=tables.signals.assign(**columns))


@pytest.mark.parametrize(
    ("every", "severity"), [(1, "error"), (4, "error"), (10, "error"), (30, "warning"), (200, None)]
)
def test_a_placeholder_for_households_is_seen(invented, every, severity):
    placed = np.arange(len(invented.signals)) % every == 0
    keys = invented.signals["household_key"].astype(object).where(~placed, "0")
    found = severities(with_signals(invented, household_key=keys)).get("source-household-implausible")
    assert found == (None if severity is None else (int(placed.sum()), severity))


def test_flags_are_held_against_the_signals_of_the_months_before(invented):
    code, flags = "source-repeat-flags-contradicted", [f"repeat_m{month}" for month in range(1, 7)]
    assert code not in severities(invented)
    always = with_signals(invented, **dict.fromkeys(flags, 1.0))
    never = with_signals(invented, **dict.fromkeys(flags, 0.0))
    repeats = int((invented.signals[flags] > 0).any(axis=1).sum())
    first = invented.signals["received_on"].min()
    assert severities(never)[code][0] <= repeats
    assert severities(never)[code][0] > 0.9 * repeats  # those of the first months look back at nothing
    assert severities(always)[code][0] > 0.8 * len(invented.signals)
    one = invented.signals.copy()
    looks_back = (one["repeat_m1"] > 0) & (one["received_on"] > first + pd.Timedelta(days=200))
    one.loc[looks_back.idxmax(), "repeat_m1"] = 0.0
    assert severities(replace(invented, signals=one))[code] == (1, "warning")
    assert code not in severities(with_signals(invented, **dict.fromkeys(flags, np.nan)))


@pytest.mark.parametrize("regime", ["strict6", "6-12-18"])
def test_flags_of_months_whose_signals_are_gone_contradict_nothing(regime):
    scenario = load_scenario("ignorable")
    [spec] = draw_sites(scenario, 1, 7, inhabitants=9_000, retention=regime)
    found = severities(simulate_site(spec, scenario, 7, truth=False).tables)
    assert "source-repeat-flags-contradicted" not in found


def test_links_that_are_mostly_broken_are_an_error_and_make_no_retention_edge(invented):
    cases = invented.cases.assign(case_id="x" + invented.cases["case_id"].astype(object))
    found = severities(replace(invented, cases=cases))
    for code in ("source-case-number-without-case", "source-attempt-outside-cases"):
        assert found[code][1] == "error"
    assert "source-retention-edge" not in found
    third = invented.cases["case_id"].astype(object)
    third = third.where(np.arange(len(third)) % 3 > 0, "x" + third)
    found = severities(replace(invented, cases=invented.cases.assign(case_id=third)))
    assert found["source-case-number-without-case"][1] == "warning"
    found = severities(with_signals(invented, creditor_id="x"))
    assert found["source-signal-without-creditor"] == (len(invented.signals), "error")
    found = severities(with_signals(invented, creditor_id=None))
    assert found["source-signal-without-creditor"] == (len(invented.signals), "warning")


def test_codes_that_are_mostly_unknown_are_an_error(invented):
    code = "source-codes-mostly-unknown"
    rows = len(invented.signals)
    assert severities(with_signals(invented, creditor_type="other"))[code] == (rows, "error")
    half = invented.signals["creditor_type"].astype(object).where(np.arange(rows) % 2 == 0, "other")
    assert code not in severities(with_signals(invented, creditor_type=half))
    attempts = invented.attempts.assign(method="other")
    assert severities(replace(invented, attempts=attempts))[code] == (len(attempts), "error")
    cases = invented.cases.assign(result=None)
    found = severities(replace(invented, cases=cases))
    assert found["source-closed-without-result"] == (int(cases["closed_on"].notna().sum()), "error")
    # As in a format that has no closing dates, where a case without a result is one that is open.
    opened = cases.assign(closed_on=pd.Series(pd.NaT, index=cases.index, dtype="datetime64[s]"))
    found = severities(replace(invented, cases=opened, attempts=invented.attempts.assign(wants_help=np.nan)))
    assert found[code][1] == "error"
    # Without results help can still be told from what the resident wants.
    assert code not in severities(replace(invented, cases=opened))


def test_one_date_far_from_all_others_makes_no_months_without_signals():
    for day in ("2003-03-05", "2025-01-30"):
        stray = changed("signals", "received_on", slice(0, 1), pd.Timestamp(day))
        found = counts(replace(stray, extracted_on=dt.date(2026, 1, 31)) if day > "2025" else stray)
        assert "source-month-without-signals" not in found
        assert "source-creditor-began" not in found
    far = changed("signals", "received_on", slice(0, 1), pd.Timestamp("2003-03-05"))
    assert counts(far)["source-signal-far-off"] == 1
    assert "source-signal-far-off" not in counts(tidy())


def test_one_early_attempt_makes_no_months_without_attempts():
    attempts = tidy().attempts
    later = attempts[attempts["attempted_on"].dt.month >= 6].reset_index(drop=True)
    assert counts(tidy(attempts=later)) == {}
    later.loc[0, "attempted_on"] = attempts["attempted_on"].min()
    assert "source-month-without-attempts" not in counts(tidy(attempts=later))


def test_a_site_without_signals_or_cases_can_be_checked():
    empty = tidy()
    none = SiteTables(
        "0001",
        empty.extracted_on,
        *(getattr(empty, table).iloc[:0] for table in ("signals", "episodes", "cases", "attempts")),
        empty.followups,
        empty.creditors,
    )
    assert counts(none) == {}


def scaled(rows: np.ndarray, factor: float, creditor_type: str = "rent") -> SiteTables:
    signals = tidy().signals
    signals.loc[rows, "amount_cents"] *= factor
    return tidy(signals=signals)


def test_a_tenfold_or_hundredfold_jump_is_an_error_whichever_half_of_the_months_it_is_in():
    month = tidy().signals["received_on"].dt.month.to_numpy()
    for months, factor, jumps in (({1}, 10.0, 1), (set(range(7, 13)), 100.0, 6), (set(range(1, 7)), 10.0, 6)):
        tables = scaled(np.isin(month, list(months)), factor)
        found = {f.code: f for f in check_tables(tables)}
        assert found["source-amount-jump"].count == jumps
        assert found["source-amount-jump"].severity == "error"
    assert "source-amount-jump" not in counts(scaled(month == 1, 5.0))


def test_amounts_on_two_scales_within_the_months_are_told():
    some = np.arange(len(tidy().signals)) % 5 == 0
    assert counts(scaled(some, 10.0)) == {"source-amount-two-scales": 1}


def test_a_creditor_far_from_its_kind_is_told():
    signals = tidy().signals
    signals["creditor_id"] = [str(at % 3) for at in range(len(signals))]
    signals.loc[signals["creditor_id"] == "2", "amount_cents"] = 500_250.0
    creditors = conform("creditors", pd.DataFrame({"creditor_id": ["0", "1", "2"], "creditor_type": "rent"}))
    tables = replace(tidy(signals=signals), creditors=creditors)
    assert counts(tables) == {"source-amount-unlike-kind": 1}


@pytest.mark.parametrize(
    ("kind", "factor", "found"),
    [
        ("rent", 1.0, 0),
        ("rent", 10.0, 1),
        ("rent", 0.1, 1),
        ("energy", 0.1, 1),
        ("other", 100.0, 0),
        (None, 100.0, 0),
    ],
)
def test_a_scale_that_no_municipality_has_is_an_error(kind, factor, found):
    tables = scaled(np.ones(len(tidy().signals), dtype=bool), factor)
    tables = replace(tables, signals=tables.signals.assign(creditor_type=kind))
    listed = [f for f in check_tables(tables) if f.code == "source-amount-implausible"]
    assert [(f.count, f.severity) for f in listed] == [(1, "error")] * found


def test_instalments_above_the_arrears_are_an_error_when_most_are():
    signals = tidy().signals.assign(instalment_cents=40_000.0)
    assert counts(tidy(signals=signals)) == {}
    signals.loc[: len(signals) // 2 - 1, "instalment_cents"] = 90_000.0
    assert counts(tidy(signals=signals)) == {}
    signals.loc[: len(signals) // 2, "instalment_cents"] = 90_000.0
    [found] = [f for f in check_tables(tidy(signals=signals)) if f.code not in TELLING]
    assert (found.code, found.count, found.severity) == ("source-instalment-above-arrears", 73, "error")


@pytest.mark.parametrize("inhabitants", [2_000, 30_000])
@pytest.mark.parametrize("retention", ["full", "strict6", "6-12-18"])
def test_an_invented_municipality_of_any_size_and_retention_breaks_none_of_the_bounds(inhabitants, retention):
    scenario = load_scenario("ignorable")
    [spec] = draw_sites(scenario, 1, 4, inhabitants=inhabitants, retention=retention)
    found = check_tables(simulate_site(spec, scenario, 4, truth=False).tables)
    assert BOUNDS & {f.code for f in found} == set()
    assert [f.code for f in found if f.severity == "error"] == []


def test_old_signals_that_were_kept_do_not_hide_the_retention_edge():
    # Of the first six months only the signals of one case in nine are left, as where help was accepted.
    signals = tidy().signals
    kept = signals[(np.arange(len(signals)) >= 72) | (np.arange(len(signals)) % 9 == 0)]
    found = counts(tidy(signals=kept.reset_index(drop=True)))
    assert found["source-retention-edge"] == 7
    assert found["source-retention-survivors"] == 7  # that of the month before may have waited


def test_a_signal_that_was_delivered_twice_is_told():
    signals = tidy().signals
    twice = pd.concat([signals, signals.iloc[:3].assign(signal_id=["x", "y", "z"])], ignore_index=True)
    assert counts(tidy(signals=twice)) == {"source-signal-twice": 3}


def test_creditors_that_begin_stop_or_jump_are_told():
    signals = tidy().signals
    other = signals.assign(
        signal_id=[f"b{at}" for at in range(len(signals))],
        household_key=[f"b{at}" for at in range(len(signals))],
        creditor_id="2",
        case_id=None,
        forwarded_on=pd.NaT,
    )
    creditors = conform("creditors", pd.DataFrame({"creditor_id": ["1", "2"], "creditor_type": "rent"}))
    month = other["received_on"].dt.month
    many = pd.concat(
        [other, *(other[month == 6].assign(household_key=f"c{n}", signal_id=f"{n}") for n in range(3))]
    )
    for theirs, code in (
        (other[month > 4], "source-creditor-began"),
        (other[month < 9], "source-creditor-stopped"),
        (many.assign(signal_id=[f"d{at}" for at in range(len(many))]), "source-creditor-volume-jump"),
    ):
        tables = tidy(signals=pd.concat([signals, theirs], ignore_index=True))
        assert counts(replace(tables, creditors=creditors))[code] == 1


def test_months_without_a_single_attempt_are_told():
    attempts = tidy().attempts
    silent = attempts[~attempts["attempted_on"].dt.month.isin([5, 6])].reset_index(drop=True)
    assert counts(tidy(attempts=silent)) == {"source-month-without-attempts": 2}


def test_how_acceptance_is_coded_is_told_as_counts():
    cases = tidy().cases
    cases["result"] = ["follow_up_help"] * 30 + ["declined"] * 100 + ["not_reached"] * 14
    found = {f.code: f.count for f in check_tables(tidy(cases=cases))}
    assert found == {
        "source-acceptance-without-quick-fix": 30,
        "source-acceptance-talks-elsewhere": 30,
        "source-cases-reached": 144,
        "source-reached-declined": 100,
    }
    cases.loc[:9, "result"] = "quick_fix"
    found = {f.code: f.count for f in check_tables(tidy(cases=cases))}
    assert found["source-acceptance-quick-fix"] == 10
    assert "source-acceptance-talks-elsewhere" not in found


def test_episodes_and_signals_must_name_each_other():
    tables = tidy()
    lost = tables.episodes.iloc[3:].reset_index(drop=True)
    assert counts(replace(tables, episodes=lost)) == {"source-signal-outside-episodes": 3}
    bare = tables.signals.assign(episode_id=None)
    assert counts(replace(tables, signals=bare)) == {
        "source-episode-without-signals": len(tables.episodes),
        "source-signal-outside-episodes": len(bare),
    }


def test_a_table_without_its_columns_or_kinds_is_an_error_and_nothing_else_is_looked_at():
    tables = tidy()
    torn = replace(tables, cases=tables.cases.drop(columns=["result"]))
    assert [(f.code, f.column, f.severity) for f in check_tables(torn)] == [
        ("source-table-column-missing", "result", "error")
    ]
    texts = tables.signals.assign(received_on="2024-01-05")
    assert [f.code for f in check_tables(replace(tables, signals=texts))] == ["source-table-column-kind"]
