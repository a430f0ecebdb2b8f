"""What is recorded of households: the ledger tells that a few changed, and nothing else of them."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from causalsig.errors import RefusedError, ReleaseError
from causalsig.recorded import Recorded
from causalsig.release.apart import few_changed
from causalsig.release.files import write_atomic
from causalsig.release.household_sets import (
    HouseholdRecords,
    Told,
    cohort_sets,
    household_coder,
    read_told,
    write_sets,
)
from causalsig.release.keys import new_keys, read_signing_key
from causalsig.release.ledger import SETS, Candidate, Ledger
from causalsig.release.record_digests import household_records, siphash

FLOOR, MANY = 10, 300
KEY = b"p" * 32
WHOLE = "contact_method:3m14"


def returns(changed: int = 0, start: int = 0) -> NDArray[np.float64]:
    """Who returned: every third, and of some the other way round."""
    values = (np.arange(MANY) % 3 == 0).astype(float)
    values[start : start + changed] = 1.0 - values[start : start + changed]
    return values


def told(
    outcome: NDArray[np.float64],
    covariates: NDArray[np.float64] | None = None,
    *,
    key: bytes = KEY,
    order: NDArray[np.int64] | None = None,
    whole: str = WHOLE,
    column: str = "outcome.any",
    arm: str = "home_visit",
) -> Told:
    """A question of 300 episodes, the first 40 of whom were visited."""
    rows = np.arange(MANY) if order is None else order
    episodes = [(f"h{row}", 18_000 + int(row) % 30) for row in rows]
    before = np.zeros((MANY, 2)) if covariates is None else covariates
    recorded = Recorded(episodes, {"covariates": before[rows], column: outcome[rows]}, whole)
    visited = [episode for episode, row in zip(episodes, rows, strict=True) if row < 40]
    code = household_coder(key, "9001")
    sets = cohort_sets(key, "9001", {whole: recorded, f"{whole}.{arm}": visited}, floor=FLOOR, code=code)
    return Told(sets, household_records(key, "9001", [recorded, visited], code))


@pytest.mark.parametrize(
    ("words", "expected"), [(0, 0x726FDB47DD0E0E31), (1, 0x93F5F5799A932462), (2, 0x3F2ACC7F57C29BDB)]
)
def test_siphash_gives_the_published_vectors(words: int, expected: int) -> None:
    message = np.frombuffer(bytes(range(8 * words)), dtype="<u8").astype(np.uint64)
    assert int(siphash(bytes(range(16)), message[None, :])[0]) == expected


@pytest.mark.parametrize(("changed", "found"), [(0, False), (1, True), (9, True), (10, False), (MANY, False)])
def test_a_few_whose_outcome_changed_are_found(changed: int, *, found: bool) -> None:
    near = few_changed(told(returns(changed)), told(returns()), FLOOR)
    assert near == (WHOLE if found else None)


def test_a_few_of_an_arm_are_found_among_many_that_changed() -> None:
    assert few_changed(told(returns(50, start=37)), told(returns()), FLOOR) == f"{WHOLE}.home_visit"
    assert few_changed(told(returns(50, start=40)), told(returns()), FLOOR) is None


def test_an_outcome_that_changed_for_one_is_found_beside_covariates_that_changed_for_all() -> None:
    other = np.ones((MANY, 2))
    assert few_changed(told(returns(), other), told(returns()), FLOOR) is None
    assert few_changed(told(returns(1), other), told(returns()), FLOOR) == WHOLE


def test_one_covariate_of_one_household_is_found() -> None:
    other = np.zeros((MANY, 2))
    other[7, 1] = 0.5
    assert few_changed(told(returns(), other), told(returns()), FLOOR) == WHOLE


def test_the_same_content_is_the_same_in_any_order_and_however_it_is_missing() -> None:
    shuffled = np.random.default_rng(1).permutation(MANY)
    missing, also = np.zeros((MANY, 2)), np.zeros((MANY, 2))
    missing[:5], also[:5] = np.nan, -np.nan
    also[5:] = -0.0
    assert few_changed(told(returns(), also, order=shuffled), told(returns(), missing), FLOOR) is None
    twice = [("a", 1), ("b", 1), ("a", 1)]
    one, other = (
        household_records(
            KEY, "9001", [Recorded(twice, {"n": np.array(values)}, "m")], household_coder(KEY, "9001")
        )[0]
        for values in ([1.0, 2.0, 3.0], [3.0, 2.0, 1.0])
    )
    assert np.array_equal(one.digests, other.digests) and len(one.codes) == 2


def test_a_digest_says_nothing_without_the_key_or_of_another_household() -> None:
    """Equal outcomes of two households have other digests, so no class can be seen in the file."""
    records = {one.column: one for one in told(np.ones(MANY)).records}
    assert len(np.unique(records["outcome.any"].digests)) == MANY
    other = {one.column: one for one in told(np.ones(MANY), key=b"q" * 32).records}
    assert not np.isin(records["outcome.any"].digests, other["outcome.any"].digests).any()


def test_what_is_written_is_read_and_no_other_bytes_are(tmp_path: Path) -> None:
    made = told(returns())
    outside = HouseholdRecords("x", "y", np.array([5], dtype=np.uint64), np.array([7], dtype=np.uint32))
    name = write_sets(tmp_path, made.sets, [*made.records, outside])
    found = read_told(tmp_path, name)
    assert len(found.records[-1].codes) == 0, "of who is in no set nothing is kept"
    for one, other in zip(made.records, found.records[:-1], strict=True):
        assert (one.of, one.column) == (other.of, other.column)
        assert np.array_equal(one.codes, other.codes) and np.array_equal(one.digests, other.digests)
    assert write_sets(tmp_path / "copy", found.sets, found.records) == name, "the ledger's copy has its name"
    content = (tmp_path / f"{name}.set").read_bytes()
    for wrong in (
        content[:-1],
        content[:-4],
        content + bytes(4),
        content.replace(b'"version":3', b'"version":4'),
    ):
        renamed = hashlib.sha256(wrong).hexdigest()
        (tmp_path / f"{renamed}.set").write_bytes(wrong)
        (tmp_path / f"{renamed}.set").chmod(0o600)
        with pytest.raises(ReleaseError, match="sets of households") as caught:
            read_told(tmp_path, renamed)
        assert caught.value.code == "ledger-set"


def test_a_file_in_which_households_are_numbers_of_one_reading_is_refused_and_says_so(tmp_path: Path) -> None:
    made = told(returns())
    name = write_sets(tmp_path, made.sets)
    assert [one.analysis for one in read_told(tmp_path, name).sets] == [one.analysis for one in made.sets]
    line, _, body = (tmp_path / f"{name}.set").read_bytes().partition(b"\n")
    for head in (line.replace(b'"version":3', b'"version":2'), b'["contact_method:3m14"]'):
        content = head + b"\n" + body
        old = hashlib.sha256(content).hexdigest()
        write_atomic(tmp_path / f"{old}.set", content, mode=0o600)
        with pytest.raises(ReleaseError, match="an earlier version") as caught:
            read_told(tmp_path, old)
        assert caught.value.code == "ledger-set"


def test_renamed_outcomes_and_windows_hide_nothing() -> None:
    """Another name, another day to count from, another name of an arm: the same few are found."""
    before = told(returns())
    for whole, column in ((WHOLE, "outcome.any/other"), (f"{WHOLE}5", "outcome.any")):
        for changed, found in ((0, False), (1, True), (9, True), (10, False)):
            near = few_changed(told(returns(changed), whole=whole, column=column), before, FLOOR)
            assert near == (whole if found else None)
    # Of an arm that is called otherwise: thirty are of the arm and twenty-three of these changed before.
    renamed = told(returns(50, start=37), arm="visit")
    assert few_changed(renamed, before, FLOOR) == f"{WHOLE}.visit"
    # What an earlier release counted over the same window is compared with that alone.
    kinds = told(returns(), column="outcome.any/other")
    both = Told(before.sets, (*before.records, *kinds.records))
    assert few_changed(both, both, FLOOR) is None


def test_the_ledger_refuses_a_release_in_which_one_record_changed(tmp_path: Path) -> None:
    new_keys(tmp_path / "keys")
    key, ledger = read_signing_key(tmp_path / "keys", "checker"), Ledger(tmp_path / "ledger")
    ledger.create()

    def candidate(made: Told, number: int) -> Candidate:
        return Candidate(
            kind="estimates",
            site="a" * 64,
            study_digest="b" * 64,
            snapshot=f"{number:064x}",
            wave=number,
            payload_hash=f"{number + 100:064x}",
            numbers=3,
            floor=FLOOR,
            share_per_mille=330,
            sets=write_sets(tmp_path / "sets", made.sets, made.records),
        )

    ledger.record(candidate(told(returns()), 1), tmp_path / "sets", key)
    with pytest.raises(RefusedError) as caught:
        ledger.record(candidate(told(returns(1)), 2), tmp_path / "sets", key)
    assert caught.value.code == "ledger-few-changed" and caught.value.where == WHOLE
    ledger.record(candidate(told(returns(40, start=60)), 3), tmp_path / "sets", key)
    kept = [line["payload_hash"] for line in ledger.rows()]
    assert kept == [f"{101:064x}", f"{103:064x}"]
    assert {path.stem for path in (ledger.folder / SETS).iterdir()} <= {
        path.stem for path in (tmp_path / "sets").iterdir()
    }
