"""Folders of canonical tables: what is written is read back; what cannot be read is refused or counted."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from causalsig.errors import SourceError
from causalsig.simulation import draw_sites, load_scenario, simulate_site
from causalsig.simulation.export.canonical import write_canonical
from causalsig.sources import CsvDialect, Matching, ReadResult, SiteTables, read_canonical
from causalsig.sources.schema import TABLES

MATCHING = Matching("monthly", 15)
CANARY = "Zq7canary"
DIALECTS = [None, CsvDialect(";", "'", "cp1252"), CsvDialect("\t", '"', "utf-16")]


@cache
def _simulated() -> tuple[SiteTables, ...]:
    scenario = load_scenario("ignorable")
    specs = draw_sites(scenario, 2, 5, inhabitants=15_000, retention="full")
    sites = []
    for spec in specs:
        site = simulate_site(replace(spec, matching=MATCHING), scenario, 5, months=8, truth=False).tables
        absurd = (site.signals["age"] < 0) | (site.signals["age"] > 120)
        sites.append(replace(site, signals=site.signals.assign(age=site.signals["age"].mask(absurd))))
    return tuple(sites)


@pytest.fixture
def site() -> SiteTables:
    return _simulated()[0]


def read(folder: Any, site: SiteTables, **options: Any) -> ReadResult:
    arguments = {
        "municipality": site.municipality,
        "matching": MATCHING,
        "extracted_on": site.extracted_on,
    }
    return read_canonical(folder, **{**arguments, **options})


def assert_same(left: SiteTables, right: SiteTables, *, but: tuple[str, ...] = ()) -> None:
    for table in TABLES:
        a, b = (getattr(side, table).drop(columns=list(but), errors="ignore") for side in (left, right))
        pd.testing.assert_frame_equal(a, b, obj=table)


def assert_original(read_back: SiteTables, original: SiteTables) -> None:
    """Same rows by key; household keys only up to their naming."""
    for table, key in (("signals", "signal_id"), ("cases", "case_id"), ("attempts", "attempt_id")):
        a, b = (getattr(side, table).set_index(key).sort_index() for side in (read_back, original))
        for name in a.columns.drop("household_key", errors="ignore"):
            x, y = ([None if pd.isna(cell) else cell for cell in side[name]] for side in (a, b))
            assert x == y, f"{table} {name}"
        if "household_key" in a:
            assert (pd.factorize(a["household_key"])[0] == pd.factorize(b["household_key"])[0]).all()


def codes(result: ReadResult) -> set[str]:
    return {finding.code for finding in result.findings}


def refusal(call: Any) -> str:
    with pytest.raises(SourceError) as caught:
        call()
    message = str(caught.value)
    assert caught.value.__cause__ is None and caught.value.mend
    assert CANARY not in message
    return caught.value.code


def rewrite(path: Path, **columns: Any) -> None:
    """Replace (or with None drop) columns of a Parquet file."""
    table = pq.read_table(path)
    for name, values in columns.items():
        at = table.column_names.index(name)
        table = table.remove_column(at) if values is None else table.set_column(at, name, values)
    pq.write_table(table, path)


def test_parquet_is_read_back(tmp_path, site):
    write_canonical(site, tmp_path)
    result = read(tmp_path, site)
    assert_original(result.tables, site)
    assert not [finding for finding in result.findings if finding.severity == "error"]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_csv_in_its_declared_dialect_is_what_parquet_is(tmp_path, site, dialect):
    write_canonical(site, tmp_path / "parquet")
    write_canonical(site, tmp_path / "csv", form="csv", dialect=dialect)
    assert_same(read(tmp_path / "csv", site).tables, read(tmp_path / "parquet", site).tables)


def test_a_dialect_that_is_not_declared_is_not_guessed(tmp_path, site):
    write_canonical(site, tmp_path, form="csv", dialect=DIALECTS[1])
    (tmp_path / "dialect.toml").unlink()
    assert refusal(lambda: read(tmp_path, site)) == "source-missing-column"
    assert read(tmp_path, site, dialect=DIALECTS[1]).tables.municipality == site.municipality
    for text in ('delimiter = "x"', "delimiter = 1", f'{CANARY} = ";"', "[", 'encoding = "no-such"'):
        (tmp_path / "dialect.toml").write_text(text, "utf-8")
        assert refusal(lambda: read(tmp_path, site)) == "source-dialect-invalid"


def test_the_same_tables_give_the_same_bytes(tmp_path, site):
    for form in ("parquet", "csv"):
        for name in ("a", "b"):
            write_canonical(site, tmp_path / form / name, form=form)
        for path in (tmp_path / form / "a").iterdir():
            assert path.read_bytes() == (tmp_path / form / "b" / path.name).read_bytes()


@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_one_municipality_is_taken_out_of_several(tmp_path, form):
    sites = _simulated()
    write_canonical(sites[0], tmp_path / "alone", form=form)
    write_canonical(sites, tmp_path / "both", form=form)
    for number, name in ((sites[0].municipality, None), ("0001", f" Gemeente {sites[0].municipality}")):
        result = read(tmp_path / "both", sites[0], municipality=number, name=name)
        assert_same(read(tmp_path / "alone", sites[0]).tables, result.tables)
        assert "source-other-municipality" in codes(result)
    assert (
        refusal(lambda: read(tmp_path / "both", sites[0], municipality="0001"))
        == "source-municipality-not-found"
    )


def test_tables_that_do_not_say_whose_they_are_follow_the_signals(tmp_path):
    first, second = _simulated()
    renamed = {
        name: getattr(second, name).assign(
            **{
                column: "x" + getattr(second, name)[column]
                for column, kind in TABLES[name].items()
                if kind == "key" and column in ("case_id", "signal_id", "episode_id", "attempt_id")
            }
        )
        for name in TABLES
    }
    write_canonical([first, replace(second, **renamed)], tmp_path)
    for table in ("cases", "attempts", "followups", "episodes"):
        rewrite(tmp_path / f"{table}.parquet", municipality=None)
    write_canonical(first, tmp_path / "alone")
    assert_same(read(tmp_path, first).tables, read(tmp_path / "alone", first).tables)


@settings(
    max_examples=4,
    deadline=None,
    phases=(Phase.generate,),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.integers(0, 2**32 - 1))
def test_shuffled_rows_and_split_files_change_nothing(tmp_path_factory, site, seed):
    folder, rng = tmp_path_factory.mktemp("shuffled"), np.random.default_rng(seed)
    write_canonical(site, folder / "whole")
    expected = read(folder / "whole", site)
    shuffled = {
        name: getattr(site, name).iloc[rng.permutation(len(getattr(site, name)))].reset_index(drop=True)
        for name in TABLES
    }
    write_canonical(replace(site, **shuffled), folder / "one")
    (folder / "two").mkdir()
    for path in sorted((folder / "one").iterdir()):
        table = pq.read_table(path)
        cut = int(rng.integers(0, table.num_rows + 1))
        pq.write_table(table.slice(0, cut), folder / "one" / f"{path.stem}-a.parquet")
        pq.write_table(table.slice(cut), folder / "two" / path.name)
        path.unlink()
    result = read([folder / "two", folder / "one"], site)
    assert_same(expected.tables, result.tables)
    assert expected.findings == result.findings


@settings(
    max_examples=4,
    deadline=None,
    phases=(Phase.generate,),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.integers(0, 2**32 - 1))
def test_renamed_ids_change_only_ids(tmp_path_factory, site, seed):
    folder, rng = tmp_path_factory.mktemp("renamed"), np.random.default_rng(seed)
    write_canonical(site, folder / "before")
    households = site.signals["household_key"].dropna().unique()
    new = dict(zip(households, [f"{n:09d}" for n in rng.permutation(len(households))], strict=True))
    tables = {
        name: getattr(site, name).assign(household_key=getattr(site, name)["household_key"].map(new))
        for name in ("signals", "episodes", "cases")
    }
    write_canonical(replace(site, **tables), folder / "after")
    a, b = (read(folder / name, site) for name in ("before", "after"))
    for table, key in (("signals", "signal_id"), ("episodes", "episode_id"), ("cases", "case_id")):
        x, y = (getattr(one.tables, table).set_index(key).sort_index() for one in (a, b))
        pd.testing.assert_frame_equal(x.drop(columns="household_key"), y.drop(columns="household_key"))
        assert (pd.factorize(x["household_key"])[0] == pd.factorize(y["household_key"])[0]).all()
    # A key of digits only among hexadecimal ones is oddly shaped: that is about the names.
    found = [[f for f in one.findings if f.code != "source-odd-key"] for one in (a, b)]
    assert found[0] == found[1]


def test_nothing_of_the_household_key_or_of_other_columns_is_kept(tmp_path, site):
    write_canonical(site, tmp_path)
    signals = pq.read_table(tmp_path / "signals.parquet")
    keys = [None if key is None else f"{CANARY}{key}" for key in signals["household_key"].to_pylist()]
    signals = signals.append_column("street", pa.array([CANARY] * len(signals)))
    at = signals.column_names.index("household_key")
    pq.write_table(signals.set_column(at, "household_key", pa.array(keys)), tmp_path / "signals.parquet")
    tables = read(tmp_path, site).tables
    for table in TABLES:
        assert CANARY not in getattr(tables, table).to_csv()


def test_what_can_be_derived_need_not_be_there(tmp_path, site):
    write_canonical(site, tmp_path)
    expected = read(tmp_path, site)
    (tmp_path / "episodes.parquet").unlink()
    rewrite(tmp_path / "signals.parquet", episode_id=None, creditor_type=None, new_arrears=None)
    rewrite(tmp_path / "cases.parquet", household_key=None)
    result = read(tmp_path, site)
    assert_same(expected.tables, result.tables, but=("episode_id",))
    assert "source-optional-column-missing" not in codes(result)
    rewrite(tmp_path / "signals.parquet", district=None)
    assert "source-optional-column-missing" in codes(read(tmp_path, site))


@pytest.mark.parametrize("table", ["signals", "cases", "attempts", "creditors"])
def test_a_missing_table_is_named(tmp_path, site, table):
    write_canonical(site, tmp_path)
    (tmp_path / f"{table}.parquet").unlink()
    with pytest.raises(SourceError, match=f"no {table}") as caught:
        read(tmp_path, site)
    assert caught.value.code == "source-missing-tab"


@pytest.mark.parametrize(
    ("table", "column", "values", "code"),
    [
        ("signals", "received_on", pa.string(), "source-column-type"),
        ("signals", "amount_cents", pa.string(), "source-column-type"),
        ("attempts", "reached", pa.string(), "source-column-type"),
        ("signals", "received_on", pa.timestamp("us", "Europe/Amsterdam"), "source-column-type"),
        ("attempts", "method", pa.int64(), "source-column-type"),
        ("signals", "household_key", pa.float64(), "source-column-type"),
    ],
)
def test_a_column_of_another_type_is_refused(tmp_path, site, table, column, values, code):
    write_canonical(site, tmp_path)
    rows = pq.read_metadata(tmp_path / f"{table}.parquet").num_rows
    rewrite(tmp_path / f"{table}.parquet", **{column: pa.nulls(rows, values)})
    assert refusal(lambda: read(tmp_path, site)) == code


def test_half_cents_unknown_codes_and_impossible_ages_are_counted(tmp_path, site):
    write_canonical(site, tmp_path)
    signals, attempts = (pq.read_table(tmp_path / f"{name}.parquet") for name in ("signals", "attempts"))
    cents = signals["amount_cents"].cast(pa.float64()).to_pylist()
    rewrite(
        tmp_path / "signals.parquet",
        amount_cents=pa.array([0.5, -100.0, *cents[2:]]),
        age=pa.array([-7973.0, *signals["age"].to_pylist()[1:]]),
    )
    methods = [CANARY, *attempts["method"].to_pylist()[1:]]
    rewrite(tmp_path / "attempts.parquet", method=pa.array(methods))
    found = {finding.code: finding.count for finding in read(tmp_path, site).findings}
    for code in (
        "source-unreadable-amount", "source-negative-amount", "source-absurd-age", "source-unknown-code"
    ):  # fmt: skip
        assert found[code] == 1, code


def test_files_that_are_damaged_or_doubled_are_refused(tmp_path, site):
    write_canonical(site, tmp_path)
    path = tmp_path / "signals.parquet"
    whole = path.read_bytes()
    for spoiled in (
        b"",
        whole[: len(whole) // 2],
        whole[:2000] + b"\0" * 2000 + whole[4000:],
        CANARY.encode(),
    ):
        path.write_bytes(spoiled)
        assert refusal(lambda: read(tmp_path, site)) == "source-table-unreadable"
    path.write_bytes(whole)
    (tmp_path / "signals.csv").write_text("signal_id\n1\n", "utf-8")
    assert refusal(lambda: read(tmp_path, site)) == "source-table-twice"
    (tmp_path / "signals.csv").unlink()
    (tmp_path / "signals-2.parquet").write_bytes(whole)
    assert refusal(lambda: read(tmp_path, site)) == "source-duplicate-keys"
    assert refusal(lambda: read(tmp_path / "absent", site)) == "source-not-found"


MUTANTS = [
    CANARY,
    f'"{CANARY}',
    f"{CANARY};{CANARY},{CANARY}",
    "1e999",
    "99-99-9999",
    "-5",
    "=1+1",
    "\u202e\x07",
]


def test_any_changed_csv_cell_ends_in_findings_or_our_own_error(tmp_path, site):
    write_canonical(site, tmp_path, form="csv")
    rng = np.random.default_rng(7)
    base = read(tmp_path, site).findings
    outcomes: list[Any] = []
    for at in range(24):
        path = tmp_path / f"{('signals', 'cases', 'attempts', 'creditors')[at % 4]}.csv"
        whole = path.read_text("utf-8")
        lines = whole.split("\n")
        row = int(rng.integers(0, len(lines) - 1))
        cells = lines[row].split(",")
        cells[int(rng.integers(len(cells)))] = MUTANTS[at % len(MUTANTS)]
        path.write_text("\n".join([*lines[:row], ",".join(cells), *lines[row + 1 :]]), "utf-8")
        try:
            findings = read(tmp_path, site).findings
            assert CANARY not in repr(findings)
            outcomes.append(findings)
        except SourceError as error:
            assert CANARY not in str(error)
            outcomes.append(error.code)
        path.write_text(whole, "utf-8")
    assert {type(outcome) for outcome in outcomes} == {tuple, str}
    assert sum(outcome != base for outcome in outcomes) >= len(outcomes) / 2
