"""Power before anybody joins: by formula, by simulation, and what cannot be asked."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from causalsig.errors import SimulationError
from causalsig.execution import power_pilots
from causalsig.execution.power import (
    QuestionPower,
    approximate_power,
    power_curve,
    replicate_power,
    summarise,
)
from causalsig.execution.power_design import PowerDesign, known_spec, primary_plans
from causalsig.execution.power_pilots import Lessons, learn
from causalsig.execution.power_plot import power_figure
from causalsig.execution.power_sites import entry_months
from causalsig.execution.replications import kept_replications
from causalsig.execution.truth import inventory_site
from causalsig.simulation import draw_sites
from causalsig.study.inventory import Inventory
from causalsig.study.models import Study
from causalsig.study.read import read_study

FEW = PowerDesign(sites=4, inhabitants=150_000, retention="full")
PILOT = 25_000


@cache
def study() -> Study:
    return read_study("vroegsignalering")


@cache
def lessons() -> Lessons:
    return learn(FEW, study(), inhabitants=PILOT)


def formula(**changes: Any) -> dict[str, Any]:
    found = approximate_power(replace(FEW, **changes), study(), lessons=lessons(), draws=12)
    return {one.question: one for one in found}


def test_more_municipalities_give_more_power_and_narrower_intervals():
    few, many = formula(), formula(sites=16)
    for question in ("accepted_help", "contact_method"):
        assert many[question].width < 0.6 * few[question].width
    assert many["accepted_help"].power > few["accepted_help"].power
    assert few["accepted_help"].effect < -0.01


def test_small_municipalities_are_not_admitted():
    assert formula(inhabitants=8_000)["accepted_help"].admitted == 0.0
    found = formula(inhabitants=8_000)["accepted_help"]
    assert (found.power, found.width, found.effect) == (0.0, None, None)
    assert formula()["contact_method"].admitted > 0.9


def test_where_nothing_works_the_curve_is_below_the_level():
    curve = power_curve(FEW, study(), lessons(), multiples=(0.0, 2.0), draws=12)
    (nothing, false_alarms), (twice, power) = curve["accepted_help"]
    assert nothing == 0.0 and false_alarms <= 0.05
    assert twice < -0.02 and power > false_alarms


def test_signals_kept_for_six_months_leave_no_entry_for_accepted_help():
    plans = {plan.question: plan for plan in primary_plans(study())}
    law = FEW.law()
    [spec] = draw_sites(law, 1, 1, inhabitants=50_000, retention="strict6")
    site = inventory_site(spec, months=30)
    months = {
        name: entry_months(site, spec.matching, plan, study(), law.extracted_on)
        for name, plan in plans.items()
    }
    assert months == {"accepted_help": 0.0, "contact_method": 2.0}


def test_waves_of_extracts_that_hold_the_same_months_are_refused():
    design = replace(FEW, waves=3)
    with pytest.raises(SimulationError, match="the same episodes") as caught:
        design.specs(design.law(), 0)
    assert caught.value.code == "simulation-power"
    six = replace(design, retention="strict6")
    assert len(six.specs(six.law(), 0)) == 4


def test_waves_are_the_scenarios_own_unless_others_are_asked_for():
    assert PowerDesign(scenario="waves").law().waves == 4
    assert PowerDesign(scenario="waves", waves=2).law().waves == 2
    assert PowerDesign().law().waves == 1


def test_a_design_that_contradicts_itself_is_refused():
    sites = tuple(inventory_site(spec, months=30) for spec in draw_sites(FEW.law(), 2, 3))
    both = Inventory(schema_version="0.1", provider="Voorbeeld", sites=sites)
    for said in ({"sites": 2}, {"inhabitants": 50_000}, {"minimum": 50_000}, {"retention": "full"}):
        with pytest.raises(SimulationError, match=f"an inventory and {next(iter(said))}") as caught:
            PowerDesign(inventory=both, **said)  # type: ignore[arg-type]
        assert caught.value.code == "simulation-power"
    with pytest.raises(SimulationError, match="both inhabitants and minimum"):
        PowerDesign(inhabitants=50_000, minimum=20_000)


def test_who_withdrew_is_not_asked_and_what_is_kept_is_what_the_inventory_says():
    first, second = (
        inventory_site(spec, months=30) for spec in draw_sites(FEW.law(), 2, 3, inhabitants=200_000)
    )
    left = second.agreement.model_copy(update={"withdrawn_on": date(2026, 1, 1)})
    gone = second.model_copy(update={"agreement": left})
    short = first.model_copy(update={"retention_months": 7})
    design = PowerDesign(inventory=Inventory(schema_version="0.1", provider="V", sites=(short, gone)))
    [spec] = design.specs(design.law(), 0)
    assert (spec.code, design.months_of(spec), design.site_of(spec).guaranteed_months) == (first.code, 7, 7)
    found = {one.question: one for one in approximate_power(design, study(), lessons=lessons(), draws=12)}
    assert found["accepted_help"].admitted == 0.0
    with pytest.raises(SimulationError, match="only those that have withdrawn"):
        PowerDesign(inventory=Inventory(schema_version="0.1", provider="V", sites=(gone,)))


def test_what_the_inventory_says_is_kept_and_the_rest_is_drawn():
    [drawn, other] = draw_sites(FEW.law(), 2, 3)
    site = inventory_site(other, months=30).model_copy(update={"inhabitants": 44_000})
    known = known_spec(site, drawn)
    assert (known.code, known.inhabitants, known.retention) == (other.code, 44_000, other.retention)
    assert known.threshold_eur == other.threshold_eur
    assert (known.policy, known.capacity_visit) == (drawn.policy, drawn.capacity_visit)


def test_strength_scales_the_log_of_every_hazard_ratio():
    once, twice = FEW.law().hazard_ratios, replace(FEW, strength=2.0).law().hazard_ratios
    assert twice.accepted == pytest.approx(once.accepted**2) and twice.written == pytest.approx(
        once.written**2
    )
    assert replace(FEW, strength=0.0).law().hazard_ratios.accepted == 1.0


def test_a_whole_study_is_simulated_and_counted():
    design = PowerDesign(sites=1, inhabitants=60_000, retention="full", months=24)
    row = replicate_power(design, study(), 0)
    assert row == replicate_power(design, study(), 0)
    assert row["contact_method"]["admitted"] == 1
    low, high = row["contact_method"]["low"], row["contact_method"]["high"]
    assert low < high
    refused = {"sites": 1, "admitted": 0, "low": None, "high": None}
    found = {one.question: one for one in summarise([row, row | {"contact_method": refused}], study())}
    assert found["contact_method"].admitted == 0.5
    assert found["contact_method"].width == pytest.approx(high - low)
    assert found["contact_method"].power == (low > 0.0 or high < 0.0) / 2


def test_replications_that_are_kept_are_not_run_again(tmp_path: Path):
    path = tmp_path / "kept.jsonl"
    assert kept_replications(abs, [-3, -1], path, workers=1) == [3, 1]
    path.write_text(
        path.read_text("utf-8").replace('"result": 3', '"result": 33') + '{"number": -7, "res', "utf-8"
    )
    finished: list[int] = []
    found = kept_replications(abs, [-3, -1, -2], path, workers=1, on_finish=lambda: finished.append(1))
    assert found == [33, 1, 2] and len(finished) == 3
    assert [json.loads(line)["number"] for line in path.read_text("utf-8").splitlines()] == [-3, -1, -2]


def test_the_command_prints_a_table_and_writes_a_figure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    from causalsig_cli import power

    monkeypatch.setattr(power_pilots, "learn", lambda design, study: lessons())
    power.command(fast=True, sites=3, inhabitants=90_000, retention="full", out=tmp_path)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["question", "by", "sites", "admitted", "effect", "width", "power"]
    assert lines[1].split()[:3] == ["accepted_help", "formula", "3"]
    table = json.loads((tmp_path / "power.json").read_text("utf-8"))
    assert {row["question"] for row in table["approximate"]} == set(table["curves"])
    again = power_figure(table["curves"], [QuestionPower(**row) for row in table["approximate"]], ())
    assert b"home_visit against letter" in again and again == (tmp_path / "power.svg").read_bytes()
