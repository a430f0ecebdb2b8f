"""`causalsig cohort trace` as a user types it, on the committed sample."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

SAMPLE = Path(__file__).parents[2] / "data" / "synthetic"
SOURCE = SAMPLE / "sources" / "9003.xlsx"


def test_an_episode_of_the_sample_is_explained(run: Any) -> None:
    told = run("cohort", "trace", "vroegsignalering", SOURCE, "--episode", 40)
    assert told.code == 0 and told.out.startswith("municipality 9003 (invented), episode 40 of ")
    assert "cohort-entry-window: matched on" in told.out and "nobody in it exists" in told.err
    one = run(
        "cohort", "trace", "vroegsignalering", SOURCE, "--format", "json", "--question", "contact_method"
    )
    found = json.loads(one.out)
    assert found["number"] == 1
    assert {plan["question"] for plan in found["plans"]} == {"contact_method"}


def test_a_case_or_a_number_that_is_not_there_is_told_without_its_value(run: Any) -> None:
    asked = ("cohort", "trace", "vroegsignalering", SOURCE)
    message = run(*asked, "--case", "Zq7canary").error("cohort-trace-episode")
    assert "a case that an episode names" in message
    run(*asked, "--episode", 10**7).error("cohort-trace-episode")


def test_a_source_without_the_mark_is_refused_before_it_is_opened(run: Any, tmp_path: Path) -> None:
    folder = tmp_path / "sources"
    folder.mkdir()
    # Not a workbook at all: had it been opened, the message would be another one.
    (folder / "9001.xlsx").write_bytes(b"not a workbook")
    shutil.copy(SAMPLE / "inventory.toml", tmp_path)
    asked = ("cohort", "trace", "vroegsignalering", folder / "9001.xlsx")
    run(*asked).error("cohort-trace-not-synthetic", exit_code=3)
    shutil.copy(SAMPLE / "synthetic.sha256", tmp_path)
    run(*asked).error("cohort-trace-not-synthetic", exit_code=3)
    shutil.copy(SOURCE, folder / "0363.xlsx")
    run("cohort", "trace", "vroegsignalering", folder / "0363.xlsx").error(
        "cohort-trace-not-synthetic", exit_code=3
    )
    shutil.copy(SAMPLE / "sources" / "9001.xlsx", folder / "9001.xlsx")
    assert run(*asked).code == 0
