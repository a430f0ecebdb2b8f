"""Sorting, matching and grouping by arrays gives what pandas gives."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from causalsig.sources.arrears import BEFORE, DAYS_A_MONTH, is_new_arrears, new_arrears
from causalsig.sources.episodes import cases_of_episodes, episodes_by_matching_day, matching_dates
from causalsig.sources.lookup import look_up
from causalsig.sources.rows import first_days, is_in, keep_rows, repeated, sort_rows
from causalsig.sources.schema import Matching, conform

KEYS = st.sampled_from([None, "a", "b", "c", "\U0001f3e0", "\ufdfa"])
DAYS = st.sampled_from([None, "2024-01-01", "2024-01-15", "2024-01-16", "2024-02-29", "2024-03-01"])
NUMBERS = st.sampled_from([None, 0.0, 1.0, -3.5])
ROWS = st.lists(st.tuples(KEYS, KEYS, DAYS, NUMBERS), max_size=12)
MATCHINGS = [Matching(), Matching("weekly", 3), Matching("monthly", 1)]


def frame_of(rows: list[tuple[str | None, str | None, str | None, float | None]]) -> pd.DataFrame:
    key, other, day, number = zip(*rows, strict=True) if rows else ((), (), (), ())
    return pd.DataFrame(
        {
            "key": pd.Series(key, dtype=object),
            "other": pd.Series(other, dtype=object),
            "day": np.array(day, dtype="datetime64[s]"),
            "number": np.array(number, dtype="float64"),
        }
    )


@given(ROWS, st.permutations(["key", "other", "day", "number"]), st.integers(1, 4), st.booleans())
@settings(deadline=None)
def test_rows_are_sorted_as_pandas_sorts_them(rows, columns, size, missing_first):
    frame, by = frame_of(rows), columns[:size]
    place = "first" if missing_first else "last"
    expected = frame.sort_values(by, kind="stable", na_position=place, ignore_index=True)
    pd.testing.assert_frame_equal(sort_rows(frame, by, missing_first=missing_first), expected)


@given(ROWS)
@settings(deadline=None)
def test_rows_are_kept_and_matched_as_pandas_does(rows):
    frame = frame_of(rows)
    positive = (frame["number"] > 0).to_numpy()
    kept = keep_rows(frame, positive)
    pd.testing.assert_frame_equal(kept, frame[positive].reset_index(drop=True))
    assert repeated(frame["key"]) == frame["key"].dropna().duplicated().sum()
    known = pd.concat([kept["key"], kept["other"]]).dropna()
    assert is_in(frame["key"], kept["key"], kept["other"]).tolist() == frame["key"].isin(known).tolist()
    unique = pd.Series(frame["other"].dropna().unique(), dtype=object)
    expected = frame.groupby("key")["day"].min().reindex(unique).to_numpy("datetime64[s]")
    np.testing.assert_array_equal(first_days(unique, frame["key"], frame["day"]), expected)


@given(ROWS)
@settings(deadline=None)
def test_looking_up_takes_the_first_and_keeps_the_type(rows):
    frame = frame_of(rows)
    table = frame[frame["key"].notna()].set_index("key")
    for name in ("other", "day", "number"):
        expected = table[name][~table.index.duplicated()].reindex(frame["other"].to_numpy())
        found = look_up(frame["other"], table[name])
        assert found.dtype == expected.dtype
        assert found.isna().tolist() == expected.isna().tolist()
        assert found.dropna().tolist() == expected.dropna().tolist()


def test_whole_numbers_that_are_not_found_are_missing():
    found = look_up(pd.Series(["b", "x"]), pd.Series([1, 2], index=["a", "b"]))
    assert found[0] == 2
    assert np.isnan(found[1])


def episodes_by_pandas(signals: pd.DataFrame, matching: Matching) -> tuple[pd.DataFrame, pd.Series]:
    """The episodes and the episode of each signal, grouped by pandas."""
    linked = signals["household_key"].notna() & signals["received_on"].notna()
    matched = matching_dates(signals["received_on"].to_numpy("datetime64[D]"), matching)
    frame = signals.assign(matched_on=matched.astype("datetime64[s]"))[linked]
    grouped = frame.groupby(["household_key", "matched_on"], sort=True)
    in_order = frame.sort_values(["received_on", "case_id"], na_position="last")
    episodes = (
        in_order.groupby(["household_key", "matched_on"], sort=True)
        .agg(
            period_start=("received_on", "min"),
            period_end=("received_on", "max"),
            n_creditors=("creditor_id", "nunique"),
            case_id=("case_id", "first"),
        )
        .reset_index()
    )
    episodes.insert(0, "episode_id", [f"e{i}" for i in range(len(episodes))])
    names = pd.Series([None] * len(signals), index=signals.index, dtype=object)
    names[linked] = episodes["episode_id"].to_numpy()[grouped.ngroup().to_numpy()]
    return episodes, names


def new_arrears_one_by_one(signals: pd.DataFrame) -> list[float]:
    """Flag of new arrears of each row, from the creditor's signal before it on the same household."""
    flags = []
    signals = signals.fillna({"creditor_id": "unknown"})
    for row in signals.itertuples():
        same = signals[
            (signals["household_key"] == row.household_key) & (signals["creditor_id"] == row.creditor_id)
        ].sort_values([*BEFORE], na_position="last")
        place = same.index.tolist().index(row.Index) if row.Index in same.index else 0
        before = same.iloc[place - 1] if place else None
        since = np.nan if before is None else (row.received_on - before["received_on"]).days / DAYS_A_MONTH
        amounts = is_new_arrears(
            np.round([since]),
            np.array([row.amount_cents]),
            np.array([np.nan if before is None else before["amount_cents"]]),
            np.array([row.instalment_cents]),
        )
        by_start = before is None or row.arrears_start > before["received_on"]
        flags.append(float(amounts[0] if pd.isna(row.arrears_start) else by_start))
    return flags


@given(st.lists(st.tuples(KEYS, DAYS, KEYS, KEYS), max_size=15), st.sampled_from(MATCHINGS))
@settings(deadline=None)
def test_episodes_are_those_of_pandas(rows, matching):
    household, received, creditor, case = zip(*rows, strict=True) if rows else ((), (), (), ())
    signals = conform(
        "signals",
        pd.DataFrame(
            {
                "household_key": pd.Series(household, dtype=object),
                "received_on": np.array(received, dtype="datetime64[s]"),
                "creditor_id": pd.Series(creditor, dtype=object),
                "case_id": pd.Series(case, dtype=object),
            }
        ),
    )
    episodes, names = episodes_by_matching_day(signals, matching)
    expected, expected_names = episodes_by_pandas(signals, matching)
    pd.testing.assert_frame_equal(conform("episodes", episodes), conform("episodes", expected))
    assert [name or None for name in names] == [None if pd.isna(name) else name for name in expected_names]


TWO_CASES = {
    "forwarded_on": (["2024-01-10", None, "2024-01-09"], 2),
    "received_on": (["2024-01-05", "2024-01-04", "2024-01-06"], 1),
    "amount_cents": ([3e4, 2e4, 1e4], 2),
}
"""What three signals of an episode say, and which of them comes first."""


@pytest.mark.parametrize("told", TWO_CASES)
@pytest.mark.parametrize("names", [("a", "b", "c"), ("c", "b", "a"), ("b", "c", "a")])
def test_of_several_cases_neither_rows_nor_names_decide(told, names):
    values, first = TWO_CASES[told]
    frame = pd.DataFrame(
        {"household_key": "h", "received_on": "2024-01-05", "case_id": names, "episode_id": "e", told: values}
    )
    dated = [name for name in ("received_on", "forwarded_on") if name in frame]
    frame = frame.astype(dict.fromkeys(dated, "datetime64[s]"))
    for order in permutations(range(3)):
        signals = conform("signals", frame.iloc[list(order)].reset_index(drop=True))
        episodes, _ = episodes_by_matching_day(signals, Matching())
        assert episodes["case_id"].tolist() == [names[first]]
        assert cases_of_episodes(signals).to_dict() == {"e": names[first]}


@pytest.mark.parametrize("table", ["signals", "episodes"])
def test_a_table_without_columns_has_all_of_them_after(table):
    whole = conform(table, pd.DataFrame(index=range(2)))
    assert whole.isna().all().all()
    assert set(whole.dtypes.astype(str)) == {"object", "datetime64[s]", "float64"}


ARREARS = st.lists(st.tuples(KEYS, KEYS, DAYS, DAYS, st.sampled_from([None, 5e3, 1e4, 3e4])), max_size=15)


@given(ARREARS)
@settings(deadline=None)
def test_new_arrears_are_those_of_the_signal_before(rows):
    household, creditor, received, start, amount = zip(*rows, strict=True) if rows else ((),) * 5
    signals = conform(
        "signals",
        pd.DataFrame(
            {
                "signal_id": pd.Series([f"s{row}" for row in range(len(rows))], dtype=object),
                "household_key": pd.Series(household, dtype=object),
                "creditor_id": pd.Series(creditor, dtype=object),
                "received_on": np.array(received, dtype="datetime64[s]"),
                "arrears_start": np.array(start, dtype="datetime64[s]"),
                "amount_cents": np.array(amount, dtype="float64"),
                "instalment_cents": np.full(len(rows), 1e4),
            }
        ),
    )
    assert new_arrears(signals).tolist() == new_arrears_one_by_one(signals)
