"""A source with cases only answers no question about returns, whatever its cases look like."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import pytest

from causalsig.execution.carried import COVARIATES, NEEDS_ALL_SIGNALS, OUTCOMES, unanswerable
from causalsig.execution.monitor import monitor_site
from causalsig.execution.run import run_sites
from causalsig.execution.site import read_site
from causalsig.release.monitor_document import MonitorDocument
from causalsig.report.monitor import monitor_view
from causalsig.report.numbers import Language
from causalsig.simulation.export.flat_sheet import write_flat_sheet
from causalsig.sources.carries import CARRIES
from causalsig.sources.formats import FORMATS
from causalsig.sources.monitor_absent import OF_ALL_SIGNALS
from causalsig.study.models import SignalSet, Study
from causalsig.texts import text


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_of_cases_declares_it(name: str) -> None:
    of_a_case = CARRIES[name]["signals", "received_on"] == "first"
    assert FORMATS[name].carries == ("cases_only" if of_a_case else "all_signals")


def test_every_outcome_and_the_covariates_of_earlier_signals_need_them(study: Study) -> None:
    assert frozenset(get_args(SignalSet)) == OUTCOMES
    assert set(study.covariates) > COVARIATES
    bare = study.model_copy(update={"covariates": ("crisis",)})
    for asked in (study, bare):
        found = unanswerable(asked, "cases_only")
        assert found.keys() == asked.asked.keys()
        for question, result in found.items():
            assert (result.question, result.status, result.analyses) == (question, "refused", ())
            assert [(r.code, r.outcome) for r in result.refusals] == [(NEEDS_ALL_SIGNALS, None)]
    assert unanswerable(study, "all_signals") == {}


def test_a_run_refuses_the_flat_sheet_before_anyone_is_compared(
    provider: Any, invented: Any, tmp_path: Path
) -> None:
    found = invented["9001"]
    sheet = provider.sources / "9001.xlsx"
    write_flat_sheet(found.tables, sheet, names=[found.spec.name])
    assert read_site(sheet, found.site).carries == "cases_only"
    [outcome] = run_sites(provider.request(tmp_path / "run", only=("9001",)))
    assert outcome.questions == dict.fromkeys(("accepted_help", "contact_method"), "refused")
    assert set(outcome.reasons.values()) == {NEEDS_ALL_SIGNALS}
    for question in json.loads((outcome.folder / "site.json").read_text())["questions"]:
        assert question["attrition"] == question["verdicts"] == question["analyses"] == []
    document = json.loads((outcome.folder / "review.json").read_text())["document"]
    for entry in document["questions"]:
        assert [refusal["code"] for refusal in entry["refusals"]] == [NEEDS_ALL_SIGNALS]
        assert not entry["analyses"]


def test_a_monitor_of_the_flat_sheet_withholds_what_rests_on_all_signals(
    provider: Any, invented: Any, tmp_path: Path
) -> None:
    found = invented["9001"]
    sheet = provider.sources / "9001.xlsx"
    write_flat_sheet(found.tables, sheet, names=[found.spec.name])
    made = monitor_site(sheet, found.site, keys=provider.keys, folder=tmp_path / "monitor")
    document = made.document
    assert isinstance(document, MonitorDocument)
    assert document.rates == ()
    assert {entry.figure for entry in document.shares} == {
        "reached_by_method",
        "accepted",
        "accepted_by_method",
        "accepted_by_creditor",
    }
    assert {(entry.figure, entry.group, entry.reason) for entry in document.absent} == {
        (figure, "", "source-cases-only") for figure in OF_ALL_SIGNALS
    }
    assert not {held.table.removesuffix("_by_month") for held in document.suppressions} & {*OF_ALL_SIGNALS}
    for language in get_args(Language):
        page = monitor_view(document, made.payload_hash, language)
        [section] = [section for section in page.sections if section.id == "absent"]
        assert "source-cases-only" not in str(section) and len(section.bullets) == 1
        assert page.answer.headline == text("site.monitor.headline-absent", language)
