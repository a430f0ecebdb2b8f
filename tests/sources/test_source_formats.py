"""One municipality through every format: what two formats both carry is the same, whichever is read."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from causalsig.errors import SourceError
from causalsig.simulation import draw_sites, load_scenario, simulate_site
from causalsig.simulation.export.canonical import write_canonical
from causalsig.simulation.export.database import write_database
from causalsig.simulation.export.ddas import write_ddas
from causalsig.simulation.export.flat_sheet import write_flat_sheet
from causalsig.simulation.xxllnc import write_workbook
from causalsig.sources.carries import CARRIES, both_carry
from causalsig.sources.formats import FORMATS, detect_format, read_source
from causalsig.sources.schema import TABLES, SiteTables

SEED = 3
PAIRS = list(itertools.combinations(CARRIES, 2))


@pytest.fixture(scope="module")
def invented() -> tuple[SiteTables, Any]:
    """A simulated municipality whose arrears have a start, as only some formats carry it."""
    scenario = load_scenario("ignorable")
    spec = draw_sites(scenario, 1, SEED, inhabitants=15_000, retention="full")[0]
    site = simulate_site(spec, scenario, SEED, months=10, truth=False).tables
    start = site.signals["received_on"] - pd.Timedelta(days=40)
    return replace(site, signals=site.signals.assign(arrears_start=start.astype("datetime64[s]"))), spec


@pytest.fixture(scope="module")
def sources(invented: tuple[SiteTables, Any], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    site, spec = invented
    folder = tmp_path_factory.mktemp("formats")
    write_workbook(site, folder / "book.xlsx", name=spec.name)
    write_flat_sheet(site, folder / "flat.xlsx", names=[spec.name])
    write_ddas(site, folder / "ddas.json")
    write_canonical(site, folder / "tables")
    url = f"sqlite:///{folder / 'site.db'}"
    write_database(site, url)
    return {
        "xxllnc_2026": folder / "book.xlsx",
        "xxllnc_flat": folder / "flat.xlsx",
        "ddas": folder / "ddas.json",
        "canonical": folder / "tables",
        "database": url,
    }


@pytest.fixture(scope="module")
def readings(invented: tuple[SiteTables, Any], sources: dict[str, Any]) -> dict[str, SiteTables]:
    site, spec = invented
    options = {"municipality": spec.code, "name": spec.name, "matching": spec.matching}
    return {
        name: read_source(source, extracted_on=site.extracted_on, **options).tables
        for name, source in sources.items()
    }


def lined_up(name: str, read: SiteTables, site: SiteTables) -> dict[str, pd.DataFrame]:
    """Tables of a reading with the names of the original: signals, cases and episodes by its keys."""
    ordered = site.signals.sort_values(["case_id", "received_on", "signal_id"])
    first = ordered.dropna(subset="case_id").groupby("case_id")["signal_id"].first()
    signals = read.signals
    if name == "xxllnc_flat":
        signals = signals[signals["signal_id"].str.endswith("-1")]
        signals = signals.assign(signal_id=signals["case_id"].map(first))
    case_of = dict(zip(site.signals["signal_id"], site.signals["case_id"], strict=True))
    pairs = signals[signals["case_id"].notna()]
    original = {
        key: case_of[signal] for signal, key in zip(pairs["signal_id"], pairs["case_id"], strict=True)
    }
    if CARRIES[name]["cases", "case_id"] == "exact":
        original = {key: key for key in read.cases["case_id"]}
    episodes = read.episodes.assign(
        first=read.episodes["episode_id"].map(read.signals.groupby("episode_id")["signal_id"].min())
    )
    cases = read.cases.assign(case_id=read.cases["case_id"].map(original))
    return {
        "signals": signals.assign(case_id=signals["case_id"].map(original)).set_index(
            "signal_id", drop=False
        ),
        "cases": cases[cases["case_id"].notna()].set_index("case_id", drop=False),
        "episodes": episodes.set_index("first"),
        "creditors": read.creditors.set_index("creditor_id", drop=False),
        "attempts": read.attempts.assign(case_id=read.attempts["case_id"].map(original)),
        "followups": read.followups.assign(case_id=read.followups["case_id"].map(original)),
    }


def cells(values: pd.Series, in_euros: bool) -> list[Any]:
    if values.dtype.kind == "M":
        return [None if pd.isna(value) else value.date() for value in values]
    plain = [None if pd.isna(value) else value for value in values]
    return [None if cell is None else int(cell + 50) // 100 for cell in plain] if in_euros else plain


def as_rows(frame: pd.DataFrame, columns: list[str]) -> list[tuple[str, ...]]:
    return sorted(
        tuple(map(str, row)) for row in zip(*(cells(frame[name], False) for name in columns), strict=True)
    )


@pytest.mark.parametrize(("left", "right"), PAIRS)
def test_what_two_formats_carry_is_the_same(left, right, invented, readings):
    site, _ = invented
    a, b = (lined_up(name, readings[name], site) for name in (left, right))
    shared = both_carry(left, right)
    compared = 0
    for table in ("signals", "cases", "episodes", "creditors"):
        index = a[table].index.intersection(b[table].index)
        for column in [name for place, name in shared if place == table]:
            in_euros = "euro" in {CARRIES[name][table, column] for name in (left, right)}
            x, y = (cells(side[table].loc[index, column], in_euros) for side in (a, b))
            assert x == y, f"{table} {column}"
            assert len(index) >= 0.9 * min(len(a[table]), len(b[table])) > 0, table
            compared += 1
    for table in ("attempts", "followups"):
        columns = [name for place, name in shared if place == table]
        if columns:
            known = set(a["cases"].index) & set(b["cases"].index)
            names = sorted({*columns, "case_id"})
            x, y = (as_rows(side[table][side[table]["case_id"].isin(known)], names) for side in (a, b))
            assert x == y and len(x) > 0, table
            compared += len(columns)
    assert compared >= 10


def test_every_format_says_of_every_column_whether_it_carries_it():
    columns = {(table, name) for table, kinds in TABLES.items() for name in kinds}
    assert set(CARRIES) == set(FORMATS)
    for name, carried in CARRIES.items():
        assert set(carried) == columns, name


def test_a_column_that_is_said_not_to_be_carried_is_empty(readings):
    filled: list[tuple[str, str, str]] = []
    for name, tables in readings.items():
        for (table, column), carry in CARRIES[name].items():
            values = getattr(tables, table)[column]
            if carry == "no" and column not in ("signal_id", "creditor_id", "creditor_type"):
                filled += [(name, table, column)] * bool(values.notna().any())
            elif carry in ("exact", "euro", "first"):
                assert values.notna().any(), f"{name} {table} {column}"
    assert filled == []


def test_the_source_tells_its_format(sources):
    assert {detect_format(source) for source in sources.values()} == set(FORMATS)
    for name, source in sources.items():
        assert detect_format(source) == name


def refusal(call) -> str:
    with pytest.raises(SourceError) as caught:
        call()
    assert caught.value.mend and caught.value.__cause__ is None
    return caught.value.code


def test_what_is_no_source_is_refused(tmp_path, sources, invented):
    _, spec = invented
    options = {"municipality": spec.code, "matching": spec.matching}
    (tmp_path / "notes.txt").write_text("no data", "utf-8")
    (tmp_path / "empty").mkdir()
    assert refusal(lambda: detect_format(tmp_path / "absent.xlsx")) == "source-not-found"
    assert refusal(lambda: detect_format(tmp_path / "notes.txt")) == "source-format-unknown"
    assert refusal(lambda: read_source(tmp_path / "empty", **options)) == "source-not-found"
    book = sources["xxllnc_2026"]
    assert refusal(lambda: read_source(book, format="excel", **options)) == "source-format-unknown"
    mixed = [book, sources["canonical"]]
    assert refusal(lambda: read_source(mixed, **options)) == "source-formats-mixed"
    (tmp_path / "cut.xlsx").write_bytes(Path(book).read_bytes()[:5000])
    assert refusal(lambda: read_source(tmp_path / "cut.xlsx", **options)) == "source-corrupt"


def test_the_same_file_twice_is_refused(sources, invented):
    _, spec = invented
    options = {"municipality": spec.code, "name": spec.name, "matching": spec.matching}
    for name in ("xxllnc_2026", "xxllnc_flat", "canonical"):
        source = sources[name]
        assert refusal(lambda source=source: read_source([source, source], **options)) == (
            "source-duplicate-keys"
        )


def halves(site: SiteTables) -> list[SiteTables]:
    """A year in two exports: cases opened later, and later signals of no case, in the second."""
    opened = site.cases["opened_on"].median()
    late = set(site.cases.loc[site.cases["opened_on"] > opened, "case_id"])
    parts = []
    for second in (False, True):
        chosen = site.signals["case_id"].isin(late) | (
            site.signals["case_id"].isna() & (site.signals["received_on"] > opened)
        )
        rows = {"signals": site.signals[chosen == second].reset_index(drop=True)}
        for table in ("cases", "attempts", "followups"):
            frame = getattr(site, table)
            rows[table] = frame[frame["case_id"].isin(late) == second].reset_index(drop=True)
        episodes = site.episodes["episode_id"].isin(rows["signals"]["episode_id"])
        parts.append(replace(site, **rows, episodes=site.episodes[episodes].reset_index(drop=True)))
    return parts


def test_a_year_split_over_workbooks_is_read_as_one(tmp_path, invented, readings):
    site, spec = invented
    for at, part in enumerate(halves(site)):
        write_workbook(part, tmp_path / f"part-{at}.xlsx", name=spec.name)
    read = read_source(
        tmp_path,
        municipality=spec.code,
        name=spec.name,
        matching=spec.matching,
        extracted_on=site.extracted_on,
    ).tables
    for table in TABLES:
        pd.testing.assert_frame_equal(
            getattr(read, table), getattr(readings["xxllnc_2026"], table), obj=table
        )


def test_texts_are_python_objects_whatever_is_installed(readings):
    for name, tables in readings.items():
        for table, kinds in TABLES.items():
            for column, kind in kinds.items():
                if kind in ("key", "code"):
                    values = getattr(tables, table)[column].to_numpy()
                    assert values.dtype == np.dtype(object), f"{name} {table} {column}"
                    assert {type(value) for value in values} <= {str, type(None)}
