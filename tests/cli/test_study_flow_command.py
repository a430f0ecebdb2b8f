"""`causalsig study flow` as a user types it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

ESTIMATED = {"estimated": 3}


def given(outbox: Any, *more: object) -> tuple[object, ...]:
    return ("study", "flow", "vroegsignalering", outbox.releases, "--keys", outbox.keys, "--demo", *more)


def test_the_flow_of_a_folder_is_printed_drawn_and_the_checklist_written(
    run: Any, outbox: Any, tmp_path: Path
) -> None:
    out = tmp_path / "flow"
    done = run(*given(outbox, "--out", out, "--language", "en"))
    assert done.code == 0 and done.out.startswith("3 municipalities, 3 releases")
    assert "not published" in done.err and "wait for the authors" in done.err
    assert sorted(path.name for path in out.iterdir()) == [
        "flow-accepted-help.svg",
        "flow-contact-method.svg",
        "flow.html",
        "target-checklist.md",
    ]
    assert "Demo" in (out / "flow.html").read_text("utf-8")
    run(*given(outbox, "--out", out, "--language", "nl")).error("release-exists")
    assert run(*given(outbox, "--out", out, "--language", "nl", "--force")).code == 0
    assert "Door de auteurs" in (out / "target-checklist.md").read_text("utf-8")


def test_one_file_is_one_municipality_and_a_file_given_twice_counts_once(run: Any, outbox: Any) -> None:
    first = sorted(outbox.releases.glob("*.release.json"))[0]
    asked = ("study", "flow", "vroegsignalering", first, first, "--keys", outbox.keys, "--demo")
    found = json.loads(run(*asked, "--format", "json").out)
    assert (found["sites"], found["releases"]) == (1, 1)
    assert run(*given(outbox, "--format", "json")).out.count('"estimated": 3') == 2


def test_nothing_is_told_of_releases_that_do_not_verify(run: Any, outbox: Any, tmp_path: Path) -> None:
    first = sorted(outbox.releases.glob("*.release.json"))[0]
    study = ("study", "flow", "vroegsignalering")
    refused = run(*study, first, "--keys", outbox.keys)
    assert refused.code != 0 and not refused.out, "a demo approval without --demo"
    first.write_text(first.read_text("utf-8").replace('"payload":"', '"payload":"A'), encoding="utf-8")
    spoiled = run(*given(outbox, "--out", tmp_path / "flow"))
    assert spoiled.code != 0 and not (tmp_path / "flow").exists()
    (tmp_path / "empty").mkdir()
    run(*study, tmp_path / "empty", "--keys", outbox.keys).error("report-flow-empty")
