"""A country on disk: any format, any number of workers, waves in folders, and nothing made twice."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from causalsig.errors import SimulationError
from causalsig.execution.invent import (
    InventedCountry,
    country_specs,
    expected_table,
    invent_country,
    invent_site,
    inventory_toml,
    remove_country,
)
from causalsig.execution.invented_files import SOURCE_FORMATS, SourceFormat, source_name
from causalsig.execution.site import read_site
from causalsig.execution.truth import inventory_site
from causalsig.simulation import simulate_site
from causalsig.study.inventory import Site
from causalsig.study.read import read_inventory

SMALL = InventedCountry(
    "base", None, sites=3, small_strict=0, seed=4, months=12, inhabitants=2_000, format="parquet", truth=False
)

EXTRACTS = ("2025-09-30", "2025-12-31", "2026-03-31", "2026-06-30")


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("country")
    invent_country(SMALL, folder, workers=2)
    return folder


def test_any_number_of_workers_gives_the_same_files(made: Path, tmp_path: Path) -> None:
    sites = invent_country(SMALL, tmp_path, workers=1)
    assert files(tmp_path) == files(made)
    assert [site.code for site in sites] == ["9001", "9002", "9003"]
    assert all(site.signals > 10 for site in sites)


def test_without_the_truth_there_is_no_truth_file(made: Path) -> None:
    assert sorted(path.name for path in made.iterdir()) == ["inventory.toml", "sources", "synthetic.sha256"]


def test_an_inventory_with_lists_reads_back_as_it_was_written(tmp_path: Path) -> None:
    scenario, [spec] = country_specs(replace(SMALL, sites=1))
    entry = inventory_site(spec, months=30, extracted_on=scenario.extracted_on)
    narrowed = Site.model_validate(
        entry.model_dump()
        | {
            "earlier_extracts": (date(2025, 3, 31), date(2025, 6, 30)),
            "creditor_agreements": ({"creditor": "Water", "starts_on": date(2024, 1, 1)},),
        }
    )
    path = tmp_path / "inventory.toml"
    path.write_text(inventory_toml((entry, narrowed.model_copy(update={"code": "9002"}))), encoding="utf-8")
    assert read_inventory(path).sites == (entry, narrowed.model_copy(update={"code": "9002"}))


@pytest.mark.parametrize("form", SOURCE_FORMATS)
def test_every_format_is_read_back_as_the_same_municipality(form: SourceFormat, tmp_path: Path) -> None:
    country = replace(SMALL, format=form, sites=1)
    scenario, [spec] = country_specs(country)
    site = invent_site(spec, scenario, country, tmp_path)
    tables = simulate_site(spec, scenario, country.seed, months=country.months, truth=False).tables
    assert site.signals == len(tables.signals)
    inventory_entry = inventory_site(spec, months=country.months, extracted_on=scenario.extracted_on)
    read = read_site(tmp_path / "sources" / source_name(spec.code, form), inventory_entry).tables
    # Each of these two keeps what it has a place for: one signal a case, and cases that have a signal.
    if form != "xxllnc-flat":
        assert len(read.signals) == len(tables.signals)
    if not form.startswith("ddas"):
        assert len(read.cases) == len(tables.cases)


def test_what_was_made_before_an_interruption_is_not_made_again(made: Path, tmp_path: Path) -> None:
    scenario, specs = country_specs(SMALL)
    (tmp_path / ".made").mkdir()
    first = invent_site(specs[0], scenario, SMALL, tmp_path)
    kept = tmp_path / "sources" / "9001" / "signals.parquet"
    kept.write_bytes(b"made before")
    assert invent_site(specs[0], scenario, SMALL, tmp_path) == first
    assert kept.read_bytes() == b"made before"
    other = replace(SMALL, seed=5)
    assert invent_site(country_specs(other)[1][0], scenario, other, tmp_path) != first
    assert kept.read_bytes() != b"made before"


def test_each_wave_is_a_country_of_its_own(tmp_path: Path) -> None:
    country = replace(SMALL, scenario="waves", sites=1, months=15, inhabitants=1_000)
    invent_country(country, tmp_path, workers=1)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["wave-1", "wave-2", "wave-3", "wave-4"]
    for wave in range(1, 5):
        inventory = read_inventory(tmp_path / f"wave-{wave}" / "inventory.toml")
        tables = read_site(tmp_path / f"wave-{wave}" / "sources" / "9001", inventory.sites[0]).tables
        assert tables.extracted_on == inventory.sites[0].extracted_on
        assert tables.extracted_on.isoformat() == EXTRACTS[wave - 1]


def test_too_many_waves_for_the_months_are_refused(tmp_path: Path) -> None:
    country = replace(SMALL, scenario="waves", sites=1, months=12)
    scenario, [spec] = country_specs(country)
    with pytest.raises(SimulationError, match="first wave") as caught:
        invent_site(spec, scenario, country, tmp_path)
    assert caught.value.code == "simulation-months"


def test_an_earlier_country_is_replaced_whole_and_nothing_else_is_touched(tmp_path: Path) -> None:
    invent_country(replace(SMALL, sites=2, truth=True, format="sql"), tmp_path, workers=1)
    own = tmp_path / "sources" / "notes.txt"
    own.write_text("mine", "utf-8")
    remove_country(tmp_path)
    assert list(files(tmp_path)) == ["sources/notes.txt"]
    invent_country(replace(SMALL, sites=1), tmp_path, workers=1)
    assert {name.split("/")[1] for name in files(tmp_path) if "/" in name} == {"9001", "notes.txt"}


def test_waves_of_an_earlier_country_are_removed(tmp_path: Path) -> None:
    country = replace(SMALL, scenario="waves", sites=1, months=15, inhabitants=1_000)
    invent_country(country, tmp_path, workers=1)
    remove_country(tmp_path)
    assert not list(tmp_path.iterdir())


def test_municipalities_of_an_attempt_that_was_interrupted_do_not_stay(tmp_path: Path) -> None:
    (tmp_path / ".made").mkdir()
    scenario, specs = country_specs(SMALL)
    invent_site(specs[2], scenario, SMALL, tmp_path)
    assert (tmp_path / "sources" / "9003").is_dir()
    invent_country(replace(SMALL, sites=1), tmp_path, workers=1)
    assert [path.name for path in (tmp_path / "sources").iterdir()] == ["9001"]


def test_the_smallest_size_is_what_is_asked_for_or_what_the_scenario_says() -> None:
    def smallest(country: InventedCountry) -> int:
        return min(spec.inhabitants for spec in country_specs(country)[1])

    drawn = replace(SMALL, sites=40, inhabitants=None, scenario="ignorable")
    assert smallest(drawn) >= 60_000 > smallest(replace(drawn, minimum=10_000)) >= 10_000
    assert smallest(replace(drawn, scenario="tiny_sites")) < 10_000
    assert smallest(replace(drawn, scenario="tiny_sites", minimum=10_000)) >= 10_000


def test_what_is_expected_knows_the_rule_and_the_months_of_a_cohort() -> None:
    country = InventedCountry("threshold_change", None, 1, 0, 1, months=24, inhabitants=40_000)
    scenario, [spec] = country_specs(country)
    [(_, _, counts)] = expected_table(country)
    truth = simulate_site(spec, scenario, 1, months=24, six_months=False).truth
    assert truth is not None
    assert counts["eligible_episodes"] == pytest.approx(len(truth), rel=0.15)
    visits = (truth.received["contact_method"] == 3).sum()
    assert counts["home_visit"] == pytest.approx(visits, rel=0.25)
    [(_, _, six)] = expected_table(replace(country, retention="strict6"))
    assert (six["entry_months"], six["accepted"]) == (2.0, 0.0)
