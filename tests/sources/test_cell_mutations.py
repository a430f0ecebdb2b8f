"""A cell with anything in it leads to a finding or an error of our own, and shows up nowhere."""

from __future__ import annotations

from collections import Counter

import pytest

from causalsig.errors import SourceError
from causalsig.sources.findings import Finding, ReadResult
from evidence.claims._mutated_files import file_mutation
from evidence.claims._mutated_formats import small_site
from evidence.claims._mutations import FITS, KINDS, MISSING, Value, judge, make_value
from evidence.claims.cell_mutations import FORMATS, format_of, mutate
from evidence.claims.mutated_cohorts import into_cohorts

MUTATIONS = 105
FIRST = 1_000_000
"""Beyond the hundred thousand of the claim, so that the test adds to it."""
FILES = (0, 7, 1009)
"""Few: each goes through four commands and a run of the study."""


def test_mutations_over_all_formats_end_well():
    done = [mutate(number) for number in range(FIRST, FIRST + MUTATIONS)]
    assert [row for row in done if row[2] in ("crash", "leak", "silent")] == []
    assert Counter(name for name, *_ in done) == dict.fromkeys(FORMATS, MUTATIONS // len(FORMATS))
    assert Counter(outcome for _, _, outcome, _ in done)["found"] > MUTATIONS // 3


def test_what_was_read_goes_on_into_the_cohorts():
    done = [mutate(number, into_cohorts) for number in range(FIRST, FIRST + 2 * len(FORMATS))]
    assert [row for row in done if row[2] in ("crash", "leak", "silent")] == []


@pytest.mark.parametrize("name", ["canonical Parquet", "database", "canonical CSV"])
def test_a_number_beyond_all_sense_is_found_in_typed_columns_too(name):
    made, baseline = format_of(name)
    [column] = [column for column in made.columns if column.name.endswith("n_creditors")]
    value = make_value("huge number", 1)
    judged = judge(lambda: made.read((column.places[0], value.value)), value, baseline, column.role)
    assert judged.outcome in ("found", "refused")


@pytest.mark.parametrize("number", FILES)
def test_mutated_workbooks_go_through_every_command(number):
    where, judged = file_mutation(number)
    assert judged.outcome == "found", where


def word() -> Value:
    return make_value("word", 1)


def result_with(*codes: str) -> ReadResult:
    return ReadResult(small_site(), tuple(Finding(code, "signals", "", 1, "warning") for code in codes))


def test_a_leak_is_seen_wherever_it_is():
    value = word()

    def shown() -> ReadResult:
        print(f"read {value.value.upper()} so far")
        return result_with()

    def told() -> ReadResult:
        raise SourceError("source-corrupt", expected="a date", found=value.value, mend="Mend it.")

    assert judge(shown, value, (), "date").outcome == "leak"
    assert judge(told, value, (), "date").outcome == "leak"
    assert judge(result_with, value, (), "date", after=lambda _: value.value).outcome == "leak"


def test_another_exception_is_a_crash_and_a_bad_value_that_passes_is_silent():
    def fails() -> ReadResult:
        raise ValueError("could not convert")

    assert judge(fails, word(), (), "date").outcome == "crash"
    assert judge(result_with, word(), (), "date").outcome == "silent"
    assert judge(result_with, word(), (), "free").outcome == "nothing to find"
    assert judge(result_with, make_value("empty", 1), (), "date").outcome == "nothing to find"
    assert judge(lambda: result_with("source-odd-key"), word(), (), "key").outcome == "found"


def test_every_kind_of_value_can_be_made_and_most_can_be_recognised():
    values = [make_value(kind, 1) for kind in KINDS]
    assert len({value.kind for value in values}) == len(KINDS)
    assert all(fitting <= set(KINDS) for fitting in FITS.values())
    assert sum(bool(value.marks) for value in values) > 0.7 * len(KINDS)
    assert set(KINDS) >= MISSING
