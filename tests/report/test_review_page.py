"""The page of an output checker shows every value of the document, once, and nothing that is not in it."""

from __future__ import annotations

import json
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from causalsig.records import SiteResult
from causalsig.release import ReleaseIdentity, build_release, write_review
from causalsig.release.kinds import SiteDocument
from causalsig.release.life import Review, read_review, refuse
from causalsig.release.paths import leaves
from causalsig.report.render import POLICY, review_html
from causalsig.report.review import shown
from causalsig.report.review_rows import review_rows
from causalsig.study.models import Study
from tests.release.conftest import identity, make_site, study  # noqa: F401
from tests.release.desk import run
from tests.release.memories import memory_for
from tests.release.test_profile_document import FULL_MONITOR, FULL_PROFILE


class Values(HTMLParser):
    """Every value of the page by its place, and the tags that are used."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, str]] = []
        self.tags: set[str] = set()
        self.place: str | None = None
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.place = dict(attrs).get("data-place")

    def handle_data(self, data: str) -> None:
        if self.place is not None:
            self.found.append((self.place, data))
            self.place = None


@pytest.fixture
def reviewed(
    study: Study,  # noqa: F811
    make_site: Callable[..., SiteResult],  # noqa: F811
    identity: ReleaseIdentity,  # noqa: F811
    tmp_path: Path,
) -> Callable[[str], Path]:
    made: dict[str, SiteDocument] = {
        "estimates": build_release(make_site(), study=study, identity=identity).document,
        "profile": FULL_PROFILE,
        "monitor": FULL_MONITOR,
    }

    def put_up(kind: str) -> Path:
        folder = tmp_path / kind
        write_review(folder, made[kind], memory=memory_for(folder))
        return folder

    return put_up


def in_document(review: Review) -> list[tuple[str, str]]:
    return [(place, shown(value)) for place, _, value in leaves(review.document.model_dump(mode="json"))]


@pytest.mark.parametrize("kind", ["estimates", "profile", "monitor"])
@pytest.mark.parametrize("language", ["nl", "en"])
def test_every_value_of_the_document_stands_there_once_and_no_other(
    kind: str, language: Any, reviewed: Callable[[str], Path]
) -> None:
    review = read_review(reviewed(kind))
    page = review_html(review, language)
    assert sorted(Values(page).found) == sorted(in_document(review))
    assert review.payload_hash in page
    for row in review_rows(review.document, language):
        assert row.rule in page.replace("&#39;", "'")


def test_another_value_is_another_page(reviewed: Callable[[str], Path]) -> None:
    folder = reviewed("monitor")
    values = json.loads((folder / "review.json").read_text())["document"]
    changed = {**values, "extracted": "2026-05"}
    other = folder.parent / "other"
    write_review(other, type(FULL_MONITOR).model_validate_json(json.dumps(changed)), memory=memory_for(other))
    before, after = (Values(review_html(read_review(one))).found for one in (folder, other))
    assert set(after) - set(before) == {("extracted", "2026-05")}


def test_nothing_runs_and_nothing_is_loaded_whatever_a_name_holds(reviewed: Callable[[str], Path]) -> None:
    folder = reviewed("profile")
    refuse(folder, role="checker", name="<script>x</script>", reason="<img src=https://x.example>")
    page = review_html(read_review(folder))
    assert POLICY in page.replace("&#39;", "'")
    assert not Values(page).tags & {"script", "img", "link", "iframe", "form", "object"}
    assert "&lt;script&gt;" in page and "https://" not in page.replace("src=https://x.example", "")


def test_the_command_writes_it_for_its_owner_only(
    reviewed: Callable[[str], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "page.html"
    assert run("release", "review", reviewed("estimates"), "--html", target, "--language", "nl") == 0
    assert capsys.readouterr().out.split() == [str(target)]
    assert target.stat().st_mode & 0o777 == 0o600
    text = target.read_text("utf-8")
    assert "Wat er naar buiten zou gaan" in text and 'lang="nl"' in text


def test_what_a_number_stands_for_is_told_wherever_it_is_not_the_number(
    reviewed: Callable[[str], Path],
) -> None:
    rows = {row.path: row for row in review_rows(read_review(reviewed("estimates")).document, "en")}
    at = "questions[].analyses[]."
    assert rows[f"{at}correlations[]"].stands_for == rows[f"{at}correlations[]"].value / 20
    assert rows[f"{at}arms[].effective_size"].stands_for == 2 ** (
        rows[f"{at}arms[].effective_size"].value / 2
    )
    assert rows["floors.max_largest_weight_per_mille"].stands_for == 0.5
    assert rows["questions[].verdicts[].threshold"].stands_for is not None
    assert rows[f"{at}months"].stands_for is None and rows[f"{at}arms[].households"].stands_for is None
