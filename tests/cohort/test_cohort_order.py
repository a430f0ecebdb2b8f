"""What a municipality's rows are called, and where they stand, changes no bit of its cohorts."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from causalsig.cohort import Cohort, build_cohort, plan_cohorts, secondary_plans
from causalsig.cohort.content import content_order, hashes_of, sums_of_events
from causalsig.cohort.events import first_of, places_of, rank_of_texts, text_codes
from causalsig.study.read import read_study
from tests.cohort.small_tables import DAY, MATCHING, signal, site, tables

STUDY = read_study("vroegsignalering")
PLANS = (plan_cohorts(STUDY)[0], plan_cohorts(STUDY)[2], *secondary_plans(STUDY))
CREDITORS = ("rent", "water", "energy")
ALONE = np.zeros(8, dtype=np.uint64)
KEYS = ("household_key", "case_id", "attempt_id", "creditor_id")


def life(seed: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[dict[str, Any]]]:
    """Signals, cases and attempts of thirty households over ten months."""
    rng = np.random.default_rng(seed)
    rows = [
        signal(
            f"h{i % 30}",
            date(2025, 3, 1) + int(rng.integers(0, 300)) * DAY,
            CREDITORS[int(rng.integers(3))],
            int(rng.integers(1, 9)) * 12_345,
            age=float(rng.integers(18, 90)),
            forwarded_on=date(2025, 3, 1),
        )
        for i in range(120)
    ]
    for row in rows:  # one case a household and matching day
        day = row["received_on"]
        row["case_id"] = f"c{row['household_key']}-{12 * day.year + day.month + (day.day > MATCHING.day)}"
    ids = list(dict.fromkeys(row["case_id"] for row in rows))
    cases = [{"case_id": name, "opened_on": date(2025, 3, 1), "closed_on": date(2025, 3, 2)} for name in ids]
    attempts = [
        {
            "attempt_id": f"a{i}",
            "case_id": row["case_id"],
            "attempted_on": row["received_on"] + int(rng.integers(0, 40)) * DAY,
            "method": ("phone", "letter", "home_visit")[int(rng.integers(3))],
            "reached": float(rng.integers(2)),
            "wants_help": float(rng.integers(2)),
        }
        for i, row in enumerate(rows[:90])
    ]
    return rows, cases, attempts


def assert_same(ours: Cohort, theirs: Cohort) -> None:
    assert ours.covariate_names == theirs.covariate_names
    assert ours.attrition == theirs.attrition and ours.refusals == theirs.refusals
    assert ours.treatment.tolist() == theirs.treatment.tolist()
    for name in ("covariates", "time_zero", "households"):
        assert getattr(ours, name).tobytes() == getattr(theirs, name).tobytes()
    for name, values in ours.outcomes.items():
        assert values.tobytes() == theirs.outcomes[name].tobytes()


@settings(max_examples=8, deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(st.randoms(use_true_random=False), st.integers(0, 3))
def test_order_and_names_of_rows_change_no_bit(random: Any, seed: int) -> None:
    rows, cases, attempts = life(seed)
    plain = [build_cohort(tables(rows, cases, attempts), plan, STUDY, site(), MATCHING) for plan in PLANS]
    assert plain[1].size > 40
    names = {key: sorted({r[key] for t in (rows, cases, attempts) for r in t if r.get(key)}) for key in KEYS}
    other = {key: dict(zip(ids, random.sample(ids, len(ids)), strict=True)) for key, ids in names.items()}
    told = [
        [row | {key: other[key][row[key]] for key in KEYS if row.get(key)} for row in listed]
        for listed in (rows, cases, attempts)
    ]
    for listed in told:
        random.shuffle(listed)
    for plan, before in zip(PLANS, plain, strict=True):
        assert_same(before, build_cohort(tables(*told), plan, STUDY, site(), MATCHING))


def test_households_that_differ_are_told_apart_by_their_rows_only() -> None:
    """Equal rows of two households, and a third one that has one of them: three households, one order."""
    rng = np.random.default_rng(7)
    households = np.array([5, 5, 8, 8, 2])
    day = np.array([10, 40, 10, 40, 10])
    numbers = [np.array([[0.5], [1.5], [0.5], [1.5], [0.5]])]
    arms = np.zeros(5, dtype=np.int64)
    seen = set()
    for _ in range(20):
        names = rng.permutation(9)[households]
        place = rng.permutation(5)
        order, codes = content_order(names[place], day[place], arms, [numbers[0][place]], ALONE[:5])
        rows = place[order]
        assert len(set(codes)) == 3 and (np.diff(codes) >= 0).all()
        seen.add((tuple(day[rows]), tuple(codes)))
    assert len(seen) == 1


def test_no_number_is_told_apart_from_another_spelling_of_itself() -> None:
    np.testing.assert_array_equal(hashes_of(np.array([0.0, np.nan])), hashes_of(np.array([-0.0, -np.nan])))
    assert len(set(hashes_of(np.arange(1000.0)).tolist())) == 1000


def test_households_equal_in_a_cohort_are_told_apart_by_what_happened_to_them() -> None:
    """Their place decides folds and sums of whatever looks at more than the cohort does."""
    day, arms, numbers = np.array([10, 10]), np.zeros(2, dtype=np.int64), [np.ones((2, 1))]
    events = hashes_of(np.array([11.0, 12.0, 12.0]), np.array([0.0, 1.0, 0.0]))
    lives = sums_of_events(np.array([0, 1, -1]), events, 2)
    there = content_order(np.array([0, 1]), day, arms, numbers, lives)[0]
    back = content_order(np.array([0, 1]), day, arms, numbers, lives[::-1].copy())[0]
    assert there.tolist() == back[::-1].tolist()


def test_texts_become_numbers_and_missing_ones_none() -> None:
    first, second, names = text_codes(["b", None, "a"], ["a", "c"])
    assert first.tolist() == [0, -1, 1] and second.tolist() == [1, 2]
    assert names.tolist() == ["b", "a", "c"]
    assert places_of(["c", None, "z", "b"], names).tolist() == [2, -1, -1, 0]
    assert rank_of_texts(names).tolist() == [1, 0, 2]


@pytest.mark.parametrize("rows", [0, 7])
def test_the_first_of_each_group_is_the_smallest_key(rows: int) -> None:
    rng = np.random.default_rng(rows)
    groups, keys = rng.integers(0, 3, rows), rng.permutation(rows)
    found = first_of(groups, keys)
    assert keys[found].tolist() == [keys[groups == group].min() for group in np.unique(groups)]
