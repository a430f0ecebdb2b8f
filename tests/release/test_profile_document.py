"""A profile and a monitor carry bands and grid steps of cells of enough households, and nothing else."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from causalsig.codes import CREDITOR_TYPES
from causalsig.counts import (
    AbsentFigure,
    FindingCount,
    HouseholdCount,
    MonitorCounts,
    ProfileCounts,
    RateCount,
    ScaleCount,
    ShareCount,
)
from causalsig.errors import RefusedError, ReleaseError
from causalsig.release import ReleaseIdentity, grid, rate_grid
from causalsig.release.cell_rules import rules, sift, sift_counts
from causalsig.release.kinds import FIELDS, MODELS, SUFFIXES, read_site_document
from causalsig.release.monitor_document import GROUPS, MonitorDocument, build_monitor
from causalsig.release.paths import exported_paths, leaves
from causalsig.release.profile_document import (
    ACCEPTANCE,
    CODE_LISTS,
    COLUMNS,
    LINKS,
    AcceptanceEntry,
    LinkEntry,
    ProfileDocument,
    build_profile,
)
from causalsig.release.vocabulary import rule_codes
from causalsig.report.profile import profile_view
from causalsig.sources.profile import CODED, FLAGS
from causalsig.sources.schema import TABLES
from causalsig.study.models import Disclosure
from causalsig.texts import catalogue

IDENTITY = ReleaseIdentity("a" * 64, "b" * 64, "0.1.0", "c" * 64)
DAY = date(2026, 6, 30)
FLOOR = 10


def share(figure: str, group: str, month: str | None, with_it: int, without: int) -> ShareCount:
    """A share of episodes, one a household."""
    total = with_it + without
    return ShareCount(figure, group, month, with_it, max(total, 1), total, with_it, without)


def rate(figure: str, month: str | None, households: int, largest: int = 1) -> RateCount:
    return RateCount(figure, month, households + largest - 1, 50.0, households, largest, largest + 1)


def monitor(
    shares: tuple[ShareCount, ...],
    rates: tuple[RateCount, ...] = (),
    households: int = 5000,
    absent: tuple[AbsentFigure, ...] = (),
) -> MonitorDocument:
    counts = MonitorCounts(DAY, "2026-01", "2026-06", "2026-04", households, rates, shares, absent)
    return build_monitor(counts, identity=IDENTITY)


def profile(**changes: Any) -> ProfileDocument:
    values: dict[str, Any] = {
        "extracted_on": DAY,
        "households": 4321,
        "amounts": "nl",
        "scale": (),
        "findings": (),
        "codes": (),
        "months": (),
        "missing": (),
        "links": (),
        "acceptance": (),
    }
    return build_profile(ProfileCounts(**(values | changes)), identity=IDENTITY)


FULL_PROFILE = profile(
    scale=(ScaleCount("rent", "usual", 900), ScaleCount("water", "above", 20)),
    findings=(
        FindingCount("source-absurd-age", "signals", "age", 40),
        FindingCount("source-retention-edge", "signals", "received_on", None),
        FindingCount("source-odd-key", "cases", "case_id", 9),
    ),
    codes=(
        HouseholdCount("signals", "", "", 4321),
        HouseholdCount("signals", "creditor_type", "rent", 4000),
        HouseholdCount("signals", "creditor_type", "mortgage", 7),
    ),
    months=(
        HouseholdCount("signals", "received_on", "2026-05", 321),
        HouseholdCount("signals", "received_on", "2026-06", 3),
    ),
    missing=(
        ShareCount("signals", "age", None, 40, 4400, 4321, 40, 4300),
        ShareCount("signals", "arrears_start", None, 4400, 4400, 4321, 4321, 0),
        ShareCount("signals", "district", None, 7, 4400, 4321, 7, 4320),
    ),
    links=(share("signals_to_cases", "", None, 900, 100),),
    acceptance=(share("accepted_of_reached", "", None, 200, 400),),
)
FULL_MONITOR = monitor(
    (
        share("mix", "single", None, 600, 400),
        *(share("reached", "", f"2026-0{month}", 40, 160) for month in (1, 2, 3, 4)),
    ),
    (rate("signals_per_1000", None, 900), rate("signals_per_1000", "2026-05", 120)),
    absent=(
        AbsentFigure("mix", "successive", "source-repeat-flags-missing"),
        AbsentFigure("accepted", "", "source-cases-only"),
    ),
)


@pytest.mark.parametrize("kind", sorted(MODELS))
def test_every_exported_field_is_in_the_table_and_no_other(kind: str) -> None:
    assert set(exported_paths(MODELS[kind])) == set(FIELDS[kind])
    rules_and_words = {*rule_codes(), "code list", "public", "keyed hash", "named in the study"}
    assert {field.rule for field in FIELDS[kind].values()} <= rules_and_words


def test_the_scale_of_amounts_leaves_as_a_verdict_of_twenty_households() -> None:
    counted = (ScaleCount("rent", "usual", 20), ScaleCount("energy", "above", 2 * FLOOR - 1))
    document = profile(scale=counted)
    assert [(entry.creditor_type, entry.scale) for entry in document.scale] == [("rent", "usual")]
    held = {item.table for item in document.suppressions}
    assert "scale" in held and held == {item.table for item in profile(scale=()).suppressions}


@pytest.mark.parametrize("document", [FULL_PROFILE, FULL_MONITOR], ids=["profile", "monitor"])
def test_only_integers_codes_and_months_leave(document: ProfileDocument | MonitorDocument) -> None:
    for place, path, value in leaves(document.model_dump(mode="json")):
        assert path in FIELDS[document.kind], path
        assert value is None or isinstance(value, int | str), place
        if isinstance(value, str):
            assert re.fullmatch(r"[A-Za-z0-9_.+-]{0,64}", value), place
    assert "2026-06-30" not in document.model_dump_json()
    assert read_site_document(document.model_dump(mode="json")) == document


def test_the_profile_speaks_of_the_canonical_tables_only() -> None:
    assert {name: set(columns) for name, columns in COLUMNS.items()} == {
        name: set(columns) for name, columns in TABLES.items()
    }
    assert set(CODE_LISTS) == {*CODED, *FLAGS}
    for place, codes in CODED.items():
        assert CODE_LISTS[place] == (*codes, "missing")
    assert set(get_args(LinkEntry.model_fields["link"].annotation)) == set(LINKS)
    assert set(get_args(AcceptanceEntry.model_fields["figure"].annotation)) == set(ACCEPTANCE)


@pytest.mark.parametrize("language", ["nl", "en"])
def test_the_page_has_a_word_for_everything_a_document_can_hold(language: str) -> None:
    texts = catalogue(language)
    names = [f"site.column.{column}" for columns in COLUMNS.values() for column in columns]
    names += [f"site.table.{table}" for table in COLUMNS]
    names += [f"site.links.{link}" for link in LINKS] + [f"site.acceptance.{name}" for name in ACCEPTANCE]
    tables = ["findings", "missing", "links", "acceptance", "signals_per_1000", "signals_per_episode"]
    names += [f"site.held.{table}" for table in (*tables, *GROUPS)]
    assert [name for name in names if name not in texts] == []


def test_a_cell_below_the_floor_is_not_there() -> None:
    assert [entry.code for entry in FULL_PROFILE.findings] == ["source-absurd-age", "source-retention-edge"]
    assert [entry.households for entry in FULL_PROFILE.findings] == ["30-99", None]
    assert [(entry.code, entry.households) for entry in FULL_PROFILE.codes] == [("rent", "3000+")]
    assert [(entry.month, entry.households) for entry in FULL_PROFILE.months] == [("2026-05", "300-999")]
    assert [entry.state for entry in FULL_PROFILE.missing] == ["mixed", "nearly_all", "nearly_none"]
    held = {(item.table, item.rule) for item in FULL_PROFILE.suppressions}
    assert ("codes_signals_creditor_type", "release-cell-floor") in held
    assert ("months_signals", "release-cell-floor") in held


def test_an_empty_cell_and_a_small_one_look_the_same() -> None:
    documents = [
        profile(
            codes=(
                HouseholdCount("signals", "", "", 4321),
                HouseholdCount("signals", "creditor_type", "rent", 4000),
                HouseholdCount("signals", "creditor_type", "mortgage", small),
            ),
            missing=(ShareCount("signals", "age", None, small, 4400, 4321, small, 4310),),
            findings=(FindingCount("source-absurd-age", "signals", "age", small),),
        )
        for small in (0, 1, 9)
    ]
    assert documents[0] == documents[1] == documents[2]


def test_a_unknown_finding_leaves_as_other() -> None:
    made = profile(findings=(FindingCount("Jan Jansen", "signals", "", 40),))
    assert [entry.code for entry in made.findings] == ["other"]


def test_what_the_format_does_not_carry_is_said_and_has_no_share() -> None:
    made = profile(not_carried=("wants_help_of_accepted",))
    [entry] = made.acceptance
    assert (entry.state, entry.value, entry.households) == ("not_carried", None, None)
    page = profile_view(made, "d" * 64, "en")
    [section] = [section for section in page.sections if section.id == "acceptance"]
    assert section.tables[0].rows[0][1] == "not in this format"
    with pytest.raises(ReleaseError, match="release-schema"):
        profile(not_carried=("a_figure_of_ones_own",))


def test_a_code_outside_its_list_never_leaves() -> None:
    made = profile(
        codes=(
            HouseholdCount("signals", "", "", 4321),
            HouseholdCount("signals", "creditor_type", "De Melder BV", 4000),
        )
    )
    assert made.codes == ()


def test_too_small_a_site_is_refused() -> None:
    with pytest.raises(RefusedError, match="release-cell-floor"):
        profile(households=9)
    with pytest.raises(RefusedError, match="release-cell-floor"):
        monitor((), households=9)


def test_names_that_are_not_declared_have_no_place() -> None:
    with pytest.raises(ReleaseError, match="release-schema"):
        monitor((share("mix", "kring Noord", None, 100, 100),))
    with pytest.raises(ReleaseError, match="release-schema"):
        profile(missing=(ShareCount("signals", "Naam medewerker", None, 40, 400, 400, 40, 360),))


def changed(document: Any, *path: Any, value: Any) -> str:
    values: Any = json.loads(document.model_dump_json())
    inner = values
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = value
    return json.dumps(values)


@pytest.mark.parametrize(
    ("document", "path", "value"),
    [
        (FULL_PROFILE, ("remark",), "free text"),
        (FULL_PROFILE, ("households",), "under-10"),
        (FULL_PROFILE, ("codes", 0, "households"), "under-10"),
        (FULL_PROFILE, ("codes", 0, "households"), 4000),
        (FULL_PROFILE, ("codes", 0, "code"), "de Melder"),
        (FULL_PROFILE, ("codes", 0, "column"), "district"),
        (FULL_PROFILE, ("findings", 0, "column"), "Naam medewerker"),
        (FULL_PROFILE, ("findings", 0, "code"), "not-a-finding"),
        (FULL_PROFILE, ("months", 0, "month"), "2026-05-17"),
        (FULL_PROFILE, ("missing", 0, "value"), 0.01),
        (FULL_PROFILE, ("missing", 0, "value"), 900),
        (FULL_PROFILE, ("missing", 0, "value_exponent"), -20),
        (FULL_PROFILE, ("missing", 0, "state"), "nearly_none"),
        (FULL_PROFILE, ("missing", 1, "households"), "10-29"),
        (FULL_PROFILE, ("missing", 1, "state"), "not_carried"),
        (FULL_PROFILE, ("acceptance", 0, "state"), "not_carried"),
        (FULL_PROFILE, ("floors", "min_households_cell"), 5),
        (FULL_PROFILE, ("site_code",), "0363"),
        (FULL_MONITOR, ("shares", 0, "group"), "Jansen"),
        (FULL_MONITOR, ("shares", 0, "value_exponent"), -12),
        (FULL_MONITOR, ("shares", 1, "month"), "2026-02"),
        (FULL_MONITOR, ("shares", 1, "month"), "2025-02"),
        (FULL_MONITOR, ("rates", 0, "value"), 4),
        (FULL_MONITOR, ("rates", 0, "households"), "under-10"),
        (FULL_MONITOR, ("households",), "10-29"),
        (FULL_MONITOR, ("first",), "2026-01-15"),
        (FULL_MONITOR, ("absent", 0, "group"), "single"),
        (FULL_MONITOR, ("absent", 0, "group"), ""),
        (FULL_MONITOR, ("absent", 0, "group"), "kring Noord"),
        (FULL_MONITOR, ("absent", 1, "figure"), "signals_per_1000"),
        (FULL_MONITOR, ("absent", 1, "reason"), "because"),
    ],
)
def test_what_the_schema_does_not_allow_is_refused(
    document: ProfileDocument | MonitorDocument, path: tuple[Any, ...], value: Any
) -> None:
    model: Any = MODELS[document.kind]
    assert model.model_validate_json(document.model_dump_json()) == document
    with pytest.raises(ValidationError):
        model.model_validate_json(changed(document, *path, value=value))


def test_another_kind_is_no_document() -> None:
    with pytest.raises(ReleaseError, match="release-schema"):
        read_site_document({"kind": "gossip"})
    assert set(SUFFIXES) == set(MODELS)


@given(st.integers(FLOOR, 20_000), st.integers(0, 1_000))
def test_a_share_is_kept_to_half_a_step_and_no_finer_than_a_quarter_of_its_error(
    households: int, per_mille: int
) -> None:
    band = grid.band(households)
    value = per_mille / 1000
    exponent = rate_grid.share_exponent(band)
    steps = rate_grid.share_steps(value, band)
    assert abs(grid.from_steps(steps, exponent) - value) <= 2.0**exponent / 2
    assert 2.0**exponent >= (value * (1 - value) / households) ** 0.5 / 4


@given(st.integers(FLOOR, 20_000), st.floats(1e-3, 1e3))
def test_a_rate_has_one_form_kept_to_half_a_step_and_no_finer_than_a_quarter_of_its_error(
    households: int, value: float
) -> None:
    band = grid.band(households)
    steps, exponent = rate_grid.rate_steps(value, band)
    assert rate_grid.is_rate_form(steps, band)
    assert abs(grid.from_steps(steps, exponent) - value) <= 2.0**exponent / 2
    assert 2.0**exponent >= value / grid.band_limits(band)[0] ** 0.5 / 4 * (1 - 1e-12)
    assert rate_grid.rate_steps(grid.from_steps(steps, exponent), band) == (steps, exponent)


def test_a_band_below_the_floor_has_no_grid() -> None:
    with pytest.raises(ValueError, match="fewer than 10"):
        rate_grid.share_exponent("under-10")


MONTHS = (None, "2026-01", "2026-02", "2026-03")
COUNTS = st.sampled_from((0, 0, 1, 4, 9, 10, 12, 25, 60, 400))


@st.composite
def tables_of_shares(draw: st.DrawFn) -> tuple[ShareCount, ...]:
    """Signals by kind of creditor and month: each signal of another household, the groups add up."""
    groups = tuple(CREDITOR_TYPES)[:5]
    counts = {(group, month): draw(COUNTS) for group in groups for month in MONTHS[1:]}
    for group in groups:
        counts[group, None] = sum(counts[group, month] for month in MONTHS[1:])
    totals = {month: sum(counts[group, month] for group in groups) for month in MONTHS}
    return tuple(
        share("signals_by_creditor", group, month, counts[group, month], totals[month] - counts[group, month])
        for month in MONTHS
        for group in groups
    )


@settings(max_examples=150, deadline=None)
@given(tables_of_shares())
def test_no_cell_of_fewer_than_ten_households_is_in_the_bytes_or_follows_from_them(
    cells: tuple[ShareCount, ...],
) -> None:
    document = monitor(cells)
    shown = {(entry.group, entry.month) for entry in document.shares}
    by_name = {(cell.group, cell.month): cell for cell in cells}
    for name in shown:
        cell = by_name[name]
        assert min(cell.households, cell.households_with, cell.households_without) >= FLOOR
    groups = {group for group, _ in by_name}
    families = [[(group, month) for group in groups] for month in MONTHS]
    families += [[(group, month) for month in MONTHS[1:]] for group in groups]
    for family in families:
        if not shown & set(family):
            continue  # nothing to subtract from
        hidden = [by_name[name].households_with for name in family if name not in shown]
        # What subtraction leaves over is nothing, or too much to be a small cell.
        assert sum(hidden) == 0 or sum(hidden) >= FLOOR


@settings(max_examples=100, deadline=None)
@given(st.lists(COUNTS, min_size=6, max_size=6), st.integers(1, 8))
def test_a_rate_of_few_households_or_of_one_dominant_one_is_not_there(
    households: list[int], largest: int
) -> None:
    months = [f"2026-0{number}" for number in range(1, 7)]
    cells = [rate("signals_per_1000", month, n, largest) for month, n in zip(months, households, strict=True)]
    released, _ = sift(cells, Disclosure(), budget=100)
    for cell in released:
        assert isinstance(cell, RateCount)
        assert cell.households >= FLOOR and cell.largest <= cell.numerator / 2
    hidden = sum(cell.households for cell in cells if cell not in released)
    assert not released or hidden == 0 or hidden >= FLOOR


@settings(max_examples=150, deadline=None)
@given(st.lists(COUNTS, min_size=2, max_size=8))
def test_bands_never_tell_that_a_hidden_code_is_not_empty(counts: list[int]) -> None:
    cells = [HouseholdCount("cases", "result", f"code{n}", count) for n, count in enumerate(counts)]
    total = sum(counts)
    released, _ = sift_counts(cells, total, Disclosure())
    assert all(cell.households >= FLOOR and band == grid.band(cell.households) for cell, band in released)
    hidden = [cell.households for cell in cells if cell not in {kept for kept, _ in released}]
    if hidden and 0 < max(hidden) < FLOOR:
        ends = [grid.band_limits(band)[1] for _, band in released]
        most = float("inf") if None in ends else sum(end for end in ends if end is not None)
        assert not released or grid.band_limits(grid.band(total))[0] <= most


def test_numbers_beyond_a_tenth_of_the_households_stay_inside_by_table() -> None:
    cells = tuple(
        share("reached", "", month, 50, 50) for month in (None, "2026-01", "2026-02", "2026-03", "2026-04")
    )
    document = monitor(cells, households=30)
    assert [entry.month for entry in document.shares] == [None]
    assert ("reached_by_month", "release-parameters") in {
        (item.table, item.rule) for item in document.suppressions
    }


def test_a_site_may_tighten_its_floors() -> None:
    counts = MonitorCounts(
        DAY, "2026-01", "2026-06", None, 5000, (), (share("mix", "single", None, 15, 400),)
    )
    assert len(build_monitor(counts, identity=IDENTITY).shares) == 1
    tighter = build_monitor(counts, identity=IDENTITY, floors=Disclosure(min_households_cell=20))
    assert tighter.shares == () and tighter.floors.min_households_cell == 20


def test_every_rule_has_a_text() -> None:
    texts: Mapping[str, str] = catalogue("nl")
    for rule in rules():
        assert rule.code in rule_codes() and f"release.rules.{rule.code}.title" in texts and rule.source


def test_the_counts_decide_not_the_order_of_the_cells() -> None:
    cells = (share("mix", "single", None, 600, 400), share("mix", "multiple", None, 4, 996))
    one = sift(cells, Disclosure(), budget=10)[0]
    other = sift(cells[::-1], Disclosure(), budget=10)[0]
    assert set(one) == set(other) == set()
    assert replace(cells[0], numerator=599).value == 0.599


@pytest.mark.parametrize(("document", "table"), [(FULL_PROFILE, "links"), (FULL_MONITOR, "mix_by_month")])
def test_what_was_held_back_is_named_by_a_table_of_a_list(document: Any, table: str) -> None:
    values = document.model_dump(mode="json")
    known = {"rule": "release-cell-floor", "table": table}
    type(document).model_validate_json(json.dumps(values | {"suppressions": [known]}))
    for name in ("mw_jansen", "codes_signals_household_key", "findings_of_9001"):
        spoiled = json.dumps(values | {"suppressions": [known | {"table": name}]})
        with pytest.raises(ValidationError, match="no table of this kind"):
            type(document).model_validate_json(spoiled)
