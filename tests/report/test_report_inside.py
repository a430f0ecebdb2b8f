"""The statistician's page of one site shows what site.json holds, says that it stays, and fetches nothing."""

from __future__ import annotations

import json
import re
import stat
from pathlib import Path
from typing import Any

import pytest
from causalsig_cli.app import main

from causalsig.errors import ReportError
from causalsig.report.numbers import Language
from causalsig.report.render import inside_html
from tests.report.inside_factory import site_json

HOSTILE = "<script>9001</script>"


@pytest.fixture(scope="module")
def record() -> dict[str, Any]:
    return site_json(HOSTILE)


def words(html: str) -> str:
    bare = re.sub(r"<[^>]+>", " ", re.sub(r"<style.*?</style>", "", html, flags=re.S))
    return re.sub(r"\s+", " ", bare.replace("\xa0", " "))


@pytest.mark.parametrize("language", ["nl", "en"])
def test_it_shows_exact_counts_and_says_that_it_stays(record: dict[str, Any], language: Language) -> None:
    html = inside_html(record, language, version="0.1.0")
    found = words(html)
    thousands = "." if language == "nl" else ","
    assert f"3{thousands}026" in found and f"2{thousands}086" in found
    assert ("Niet vrijgeven" if language == "nl" else "Not for release") in found
    assert "30 juni 2026" in found if language == "nl" else "30 June 2026" in found
    for size in (420, 310, 260, 230, 510):
        assert str(size) in found


def test_covariates_are_drawn_and_listed_and_a_refused_question_has_its_code(record: dict[str, Any]) -> None:
    found = words(inside_html(record, version="0.1.0"))
    assert found.count("log_amount") == 3  # narrow and wide figure, and the table
    assert "Niet gehaald" in found and "cohort-no-entry-window" in found
    assert "1 van de 2 vragen hebben een schatting" in found


def test_a_hostile_code_is_escaped_and_nothing_is_fetched(record: dict[str, Any]) -> None:
    html = inside_html(record, version="0.1.0")
    assert "<script" not in html and "&lt;script&gt;9001" in html
    assert "default-src &#39;none&#39;" in html and not re.search(r'(?:src|href)="(?!#)', html)


def test_numbers_that_are_not_there_are_left_empty(record: dict[str, Any]) -> None:
    gaps = json.loads(json.dumps(record))
    for row in gaps["questions"][0]["analyses"][0]["contrasts"]:
        row |= {"estimate": None, "conf_low": None, "conf_high": None, "p_value": None}
    found = words(inside_html(gaps, version="0.1.0"))
    assert "None" not in found and "nan" not in found


@pytest.mark.parametrize("other", [{}, {"kind": "release", "questions": []}, {"kind": "site"}])
def test_another_file_is_refused(other: dict[str, Any]) -> None:
    with pytest.raises(ReportError, match="report-not-site"):
        inside_html(other, version="0.1.0")


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["report", "site", *map(str, arguments)])
    return int(ended.value.code or 0)


def test_the_command_writes_it_for_its_owner_only(
    record: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("CAUSALSIG_LOG_DIR", str(tmp_path / "log"))
    given, page = tmp_path / "site.json", tmp_path / "inside.html"
    given.write_text(json.dumps(record), encoding="utf-8")
    assert run(given, "-o", page) == 0
    assert "does not leave" in capsys.readouterr().err
    assert stat.S_IMODE(page.stat().st_mode) == 0o600
    (tmp_path / "other.json").write_text('{"kind": "Voorbeeldstad"', encoding="utf-8")
    assert run(tmp_path / "other.json", "-o", tmp_path / "other.html") == 2
    told = capsys.readouterr()
    assert "report-not-site" in told.err and "Voorbeeldstad" not in told.err + told.out
