"""ACRO's results hold every value that would leave once, beside its rule, and nothing that a person typed."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from causalsig.records import SiteResult
from causalsig.release import ReleaseIdentity, build_release, new_keys, write_review
from causalsig.release.kinds import FIELDS, SiteDocument
from causalsig.release.paths import leaves
from causalsig.release.reading import held_back, read_leaves
from causalsig.release.review import Review, read_review
from causalsig.report.acro import acro_files
from causalsig.study.models import Study
from tests.release.conftest import identity, make_site, study  # noqa: F401
from tests.release.desk import approve_both, run
from tests.release.memories import memory_for
from tests.release.test_profile_document import FULL_MONITOR, FULL_PROFILE

Make = Callable[..., SiteResult]
SMALL = (420, 310, 260, 230, 25)


def reviewed(document: SiteDocument, folder: Path) -> Review:
    write_review(folder, document, memory=memory_for(folder))
    return read_review(folder)


def results(files: dict[str, bytes]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = json.loads(files["results.json"])["results"]
    return found


def rows(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode())))


def tables(files: dict[str, bytes]) -> list[dict[str, str]]:
    return [row for name in results(files) if name != "held-back" for row in rows(files[f"{name}_0.csv"])]


@pytest.fixture
def documents(study: Study, make_site: Make, identity: ReleaseIdentity) -> dict[str, SiteDocument]:  # noqa: F811
    site = make_site(households=SMALL)
    estimates = build_release(site, study=study, identity=identity).document
    return {"estimates": estimates, "profile": FULL_PROFILE, "monitor": FULL_MONITOR}


@pytest.mark.parametrize("language", ["nl", "en"])
@pytest.mark.parametrize("kind", sorted(FIELDS))
def test_every_value_that_would_leave_is_in_one_table_as_it_leaves(
    kind: str, language: Any, documents: dict[str, SiteDocument], tmp_path: Path
) -> None:
    document = documents[kind]
    files = acro_files(reviewed(document, tmp_path / "9001"), language)
    expected = {
        place: value if isinstance(value, str) else json.dumps(value)
        for place, _, value in leaves(document.model_dump(mode="json"))
    }
    shown = [(row["place"], row["value"]) for row in tables(files)]
    assert len(shown) == len(expected) > 40
    assert dict(shown) == expected
    rules = {leaf.place: leaf.field.rule for leaf in read_leaves(document.model_dump(mode="json"))}
    assert {row["place"]: row["rule"] for row in tables(files)} == rules
    told = [one["outcome"]["rule"] for uid, one in results(files).items() if uid != "held-back"]
    assert {place: rule for one in told for place, rule in one.items()} == rules


def test_what_is_held_back_is_listed_with_its_rule(
    documents: dict[str, SiteDocument], tmp_path: Path
) -> None:
    document = documents["estimates"]
    held = held_back(document)
    assert held, "an arm of 25 households is held back"
    files = acro_files(reviewed(document, tmp_path / "9001"), "en")
    listed = rows(files["held-back_0.csv"])
    assert [(row["what"], row["rule"]) for row in listed] == list(held)
    cells = results(files)["held-back"]["files"][0]["sdc"]["cells"]
    marked = {(listed[row]["rule"], column) for places in cells.values() for row, column in places}
    assert marked == {(rule, 0) for _, rule in held}
    assert sum(map(len, cells.values())) == len(held)


def test_each_table_names_every_rule_that_judged_it(
    documents: dict[str, SiteDocument], tmp_path: Path
) -> None:
    told = results(acro_files(reviewed(documents["estimates"], tmp_path / "9001"), "en"))
    named = {
        code
        for one in told.values()
        for text in one["comments"]
        for code in re.findall(r"\[([a-z-]+)\]", text)
    }
    beside = {code for one in told.values() for code in one["files"][0]["sdc"]["summary"]}
    assert {"release-cell-floor", "release-parameters", "release-nested-difference"} <= named
    assert named - beside, "rules of a whole block stand beside no single value"


def test_it_has_the_form_that_viewers_ask_for(documents: dict[str, SiteDocument], tmp_path: Path) -> None:
    files = acro_files(reviewed(documents["monitor"], tmp_path / "9001"), "nl")
    head = json.loads(files["results.json"])
    assert all(part.isdigit() for part in head["version"].split("."))
    for uid, one in head["results"].items():
        assert one["uid"] == uid and one["status"] == "pass" and one["summary"].split("; ")[0] == "pass"
        assert len(one["files"]) == 1 and one["files"][0]["name"] in files
        assert {"type", "properties", "command", "timestamp", "comments", "exception", "fair"} <= set(one)
        counted = sum(one["files"][0]["sdc"]["summary"].values())
        assert counted == len(rows(files[one["files"][0]["name"]]))
    named = {name for name in files if "/" not in name}
    sums = {name.removeprefix("checksums/").removesuffix(".txt") for name in set(files) - named}
    assert sums == named
    for name in named:
        assert files[f"checksums/{name}.txt"].decode() == hashlib.sha256(files[name]).hexdigest()
    # A viewer puts these texts on its page as they are.
    assert "<" not in files["results.json"].decode()
    assert json.loads(files["config.json"])["min_households_cell"] >= 10


def test_the_command_writes_it_for_its_owner_only_and_twice_the_same(
    documents: dict[str, SiteDocument], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, out = tmp_path / "9001", tmp_path / "screen"
    reviewed(documents["estimates"], folder)
    assert run("release", "acro", folder, "--out", out) == 0
    shown = capsys.readouterr()
    assert shown.out.strip() == str(out) and "nothing has left" in shown.err
    paths = [path for path in out.rglob("*") if path.is_file()]
    assert {stat.S_IMODE(path.stat().st_mode) for path in paths} == {0o600}
    before = {path.relative_to(out).as_posix(): path.read_bytes() for path in paths}
    assert before == acro_files(read_review(folder), "en")
    new_keys(tmp_path / "keys")
    said = "<b>looked at all</b>"
    approve_both(folder, tmp_path / "keys", tmp_path / "outbox", reason=said)  # type: ignore[arg-type]
    assert run("release", "acro", folder, "--out", out) == 0
    after = {path.relative_to(out).as_posix(): path.read_bytes() for path in out.rglob("*") if path.is_file()}
    assert after == before
    everything = b"".join(after.values()).decode()
    assert (
        "Another Person" not in everything and "looked at all" not in everything and "9001" not in everything
    )
    (out / "other.txt").write_text("more")
    assert run("release", "acro", folder, "--out", out) == 2
    assert "[release-folder-in-use]" in capsys.readouterr().err
