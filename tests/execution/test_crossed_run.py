"""One municipality with a rule, as a provider's files: `site run` answers Q3 and puts it up for review."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from causalsig_cli.app import main

from causalsig.execution.invent import inventory_toml
from causalsig.execution.run import RunRequest, run_sites
from causalsig.execution.truth import inventory_site
from causalsig.release.crossed_read import released_moves, released_thresholds
from causalsig.release.keys import new_keys, read_signing_key
from causalsig.release.review import read_review
from causalsig.release.signed_study import sign_study
from causalsig.simulation import draw_sites, load_scenario, simulate_site
from causalsig.simulation.xxllnc import write_workbook
from causalsig.study.read import read_inventory

STUDY = """
schema_version = "0.1"
name = "drempel"
seed = 1
covariates = ["log_amount", "n_creditors", "signals_m1_m3"]
[title]
nl = "Drempel"
en = "Threshold"
[[outcomes]]
id = "any_new_arrears_3m"
kind = "any"
signals = "new_arrears"
months = 3
[questions.contact_method]
reference = "letter"
primary_contrast = ["home_visit", "letter"]
primary_outcome = "any_new_arrears_3m"
outcomes = ["any_new_arrears_3m"]
[questions.threshold]
primary_outcome = "any_new_arrears_3m"
outcomes = ["any_new_arrears_3m"]
[questions.threshold.moving]
curvature = 0.2
costs_eur = { taken_up = 25 }
[nuisance]
folds = 2
[falsification]
placebos = 0
random_causes = 0
subsets = 0
"""
MONTHS = 24


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("town")
    scenario = load_scenario("threshold_change", "modest")
    (spec,) = draw_sites(scenario, 1, 3, inhabitants=50_000, retention="full")
    made = simulate_site(spec, scenario, 1, months=MONTHS, truth=False)
    site = inventory_site(spec, months=MONTHS, extracted_on=scenario.extracted_on)
    (folder / "sources").mkdir()
    write_workbook(made.tables, folder / "sources" / f"{spec.code}.xlsx", name=spec.name)
    (folder / "inventory.toml").write_text(inventory_toml((site,)), encoding="utf-8")
    (folder / "study.toml").write_text(STUDY, encoding="utf-8")
    assert read_inventory(folder / "inventory.toml").sites == (site,)
    new_keys(folder / "keys", demo=True)
    sign_study(folder / "study.toml", key=read_signing_key(folder / "keys", "university"))
    request = RunRequest(
        folder / "study.toml", folder / "inventory.toml", (folder / "sources",), folder / "keys", folder
    )
    (outcome,) = run_sites(request)
    assert outcome.status == "done", outcome
    return outcome.folder


def test_the_run_says_what_became_of_the_threshold(ran: Path) -> None:
    assert json.loads((ran / "run.json").read_text("utf-8"))["threshold"] == "estimated"
    record = json.loads((ran / "site.json").read_text("utf-8"))["thresholds"]
    assert [block["cutoff"] for block in record["blocks"]] == [300.0, 200.0]
    assert record["blocks"][0]["valid_to"] == "2025-03-31"
    assert record["follows"] and record["attrition"][-1]["rule"] == "cohort-rule-valid"


def test_what_is_up_for_review_is_what_a_pool_reads(ran: Path) -> None:
    document = read_review(ran).document
    assert document.kind == "estimates"
    rows = [row for row in released_thresholds(document) if row.estimand == "E1"]
    assert rows and {row.question for row in rows} == {"threshold"}
    for row in rows:
        assert row.bins and all(one.episodes % 5 == 0 for one in row.bins)
        assert row.std_error > 0.0 and abs(row.estimate) < 5 * row.std_error


def ended(*arguments: object) -> int:
    with pytest.raises(SystemExit) as said:
        main([str(one) for one in arguments])
    return int(said.value.code or 0)


def test_what_another_threshold_would_do_is_recorded_released_and_shown(
    ran: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record = json.loads((ran / "site.json").read_text("utf-8"))["thresholds"]["blocks"]
    assert [row["part"] for row in record[0]["moved"]] == [0.5, 0.75, 1.5, 2.0]
    document = read_review(ran).document
    assert document.kind == "estimates"
    released = {(one.cutoff, one.part): one for one in released_moves(document)}
    # Of those near the first threshold nine came back: its effect stays, and all that stands beside it.
    assert {cutoff for cutoff, _ in released} == {200.0}
    for row in record[1]["moved"]:
        one = released[200.0, row["part"]]
        fewest, most = one.households
        assert most is not None and fewest <= row["households"] <= most
        if one.band is None:
            assert one.passed[-1].route == row["band"]["route"]
            assert one.passed[-1].code == "release-arm-floor" and row["basis"]["households"] < 30
            continue
        assert abs(one.band.estimate - row["band"]["estimate"]) <= one.steps / 2
        assert one.band.route == row["band"]["route"]
    assert {one.band is None for one in released.values()} == {True, False}
    assert ended("site", "thresholds", ran) == 0
    text = capsys.readouterr().out
    for block in record:
        assert f"at amount {block['cutoff']:g}" in text
        for row in block["moved"]:
            assert f"contacts a year {row['extra_contacts']:+.0f}" in text
        below, above = block["effects"][0]["households"]
        assert f"{below} households below and {above} above within the bandwidth" in text
    # The first threshold's few handled are too few for a ratio; the second has one.
    first, second = text.split("at amount 200")
    assert "not passed: [gate-first-stage]" in first and "weak: few episodes; 6 of 7 passed" in first
    assert "read the Anderson-Rubin set only" in first and "read the Anderson-Rubin" not in second
    assert "7 of 7 passed" in second and second.count("without the score of the threshold itself") == 1
    handled = record[1]["effects"][0]["handled"]
    assert f"F {handled['f_statistic']:.1f}" in second
    assert f"{handled['effect']['robust']['estimate']:+.3f}" in second
    assert text.count("[estimation-route-without-data]") == len(record)
    assert ended("site", "thresholds", ran, "--format", "json") == 0
    assert json.loads(capsys.readouterr().out) == record
    assert ended("release", "review", ran, "--format", "json") == 0
    fields = {row["place"]: row for row in json.loads(capsys.readouterr().out)["fields"]}
    told = [row for place, row in fields.items() if ".moves[" in place and place.endswith(".estimate")]
    numbers = [one.band.estimate for one in released.values() if one.band is not None]
    assert [row["stands_for"] for row in told] == numbers
    assert ended("release", "review", ran) == 0
    assert "threshold, amount 200, moved to 150 %: " in capsys.readouterr().out


def test_a_folder_without_a_run_is_said_to_be_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ended("site", "thresholds", tmp_path) == 2
    assert "[release-not-readable]" in capsys.readouterr().err
