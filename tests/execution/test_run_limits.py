"""A site that takes too much, a source that changes, a clock set back: each has its code."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from causalsig.errors import SourceError
from causalsig.execution.digests import file_digest
from causalsig.execution.forecast import seconds_left, sizes_of
from causalsig.execution.isolation import Isolate, isolated
from causalsig.execution.journal import KEPT, LARGEST, note
from causalsig.execution.limits import Limits, family, kill, memory_now, memory_peak
from causalsig.execution.run import plan_run, run_sites
from causalsig.execution.unchanged import unchanged
from causalsig.execution.worker import Job, main, write_json

NO_ROOM: Isolate = "no"


def job_of(folder: Path, **changes: Any) -> Job:
    whole = Job("s", "i", "9001", str(folder / "9001.xlsx"), "k", str(folder / "site"), 1, {})
    return replace(whole, **changes)


def test_a_site_beyond_its_memory_is_ended_and_tried_again(
    provider: Any, finished: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    small = provider.request(out, only=("9003",), limits=Limits(memory_gb=0.05), isolate=NO_ROOM)
    [outcome] = run_sites(small)
    assert (outcome.status, outcome.code) == ("failed", "site-over-memory")
    assert outcome.peak_mb is not None and outcome.peak_mb > 50
    assert "--memory" in outcome.message and not (out / "sites/9003/run.json").exists()
    again = provider.request(out, retry_failed=True, isolate=NO_ROOM)
    assert [job.site for job in plan_run(again)[1]] == ["9003"], "what did not fail is not asked for"
    [outcome] = run_sites(again)
    assert outcome.status == "done" and outcome.peak_mb is not None and outcome.peak_mb > 50
    whole = json.loads((finished / "sites/9003/review.json").read_text())["document"]
    assert json.loads((out / "sites/9003/review.json").read_text())["document"] == whole
    record = json.loads((out / "run.json").read_text())
    assert record["state"] == "ended" and record["limits"]["memory_gb"] == 4.0
    assert record["versions"]["isolated"] is False and record["sites"][0]["seconds"]["read"] > 0
    log = (out / "run.log").read_text()
    assert "9003 failed site-over-memory" in log and "9003 done site-done" in log
    assert (out / "run.log").stat().st_mode & 0o077 == 0
    assert plan_run(again)[1:] == ([], {}), "nothing failed, so nothing is asked for"


def test_a_site_beyond_its_time_is_ended(provider: Any, tmp_path: Path) -> None:
    request = provider.request(tmp_path / "run", only=("9003",), limits=Limits(minutes=0.001))
    [outcome] = run_sites(request)
    assert (outcome.status, outcome.code) == ("failed", "site-over-time")
    assert "--time-limit" in outcome.message
    assert list((tmp_path / "run/sites/9003").glob("*.json")) == []


def test_what_a_process_started_counts_with_it() -> None:
    begun = "import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', {!r}]); time.sleep(60)"
    process = subprocess.Popen(
        [sys.executable, "-c", begun.format("import time; b = b'1' * 10**8; time.sleep(60)")]
    )
    try:
        until = time.monotonic() + 60
        while memory_now(family(process.pid)) < 1e8 and time.monotonic() < until:
            time.sleep(0.02)
        found = family(process.pid)
        assert len(found) == 2 and memory_now(found[:1]) < 1e8 < memory_now(found)
    finally:
        kill(family(process.pid))
        process.wait()
    assert memory_peak() > 10**7 and memory_peak(process.pid) == 0


def test_a_source_that_is_another_one_gives_nothing(provider: Any, tmp_path: Path) -> None:
    [job] = plan_run(provider.request(tmp_path / "run", only=("9003",)))[1]
    with Path(job.source).open("ab") as file:
        file.write(b" ")
    path = tmp_path / "job.json"
    write_json(path, asdict(job))
    assert main([str(path)]) == 2
    outcome = json.loads((Path(job.folder) / "outcome.json").read_text())
    assert (outcome["status"], outcome["code"]) == ("failed", "site-source-changed")
    assert not (Path(job.folder) / "review.json").exists()


def test_a_source_that_goes_while_it_is_read(tmp_path: Path) -> None:
    source = tmp_path / "9001.xlsx"
    source.write_bytes(b"rows")
    job = job_of(tmp_path, inputs={"source": file_digest(source)})
    with unchanged(job):
        pass
    with pytest.raises(ValueError, match="of the reader"), unchanged(job):
        raise ValueError("of the reader")
    with pytest.raises(SourceError, match="site-source-changed"), unchanged(job):
        source.unlink()
    with pytest.raises(SourceError, match="it is gone"), unchanged(job):
        raise FileNotFoundError


def test_by_a_clock_that_was_set_back_nothing_is_run(provider: Any, tmp_path: Path) -> None:
    out = tmp_path / "run"
    out.mkdir()

    def last(ago: timedelta) -> None:
        at = (datetime.now(UTC) - ago).strftime("%Y-%m-%dT%H:%M:%SZ")
        (out / "run.json").write_text(json.dumps({"finished": at}))

    last(timedelta(days=-2))
    with pytest.raises(SourceError, match="run-clock-back"):
        plan_run(provider.request(out))
    assert len(plan_run(provider.request(out, accept_clock=True))[1]) == 3
    last(timedelta(minutes=-5))  # what a clock that is kept right may be moved back
    assert len(plan_run(provider.request(out))[1]) == 3


def test_a_result_that_could_not_be_approved_is_made_again(
    original: Any, finished: Path, tmp_path: Path
) -> None:
    import shutil

    out = tmp_path / "run"
    shutil.copytree(finished, out)
    (out / "sites/9001/ledger-candidate.json").write_text("{}")
    assert [job.site for job in plan_run(original.request(out))[1]] == ["9001"]
    for path in (out / "sites/9003/households").iterdir():
        path.write_bytes(b"")
    wanted = ["9001"] + ["9003"] * any((out / "sites/9003/households").iterdir())
    assert [job.site for job in plan_run(original.request(out))[1]] == wanted


def test_the_log_turns_and_keeps_so_many_files(tmp_path: Path) -> None:
    for turn in range(KEPT + 3):
        (tmp_path / "run.log").write_bytes(b"x" * LARGEST)
        note(tmp_path, turn, "done")
    files = sorted(path.name for path in tmp_path.iterdir())
    assert files == ["run.log", *(f"run.log.{number}" for number in range(1, KEPT + 1))]
    assert (tmp_path / "run.log").read_text().endswith(f" {KEPT + 2} done\n")


def test_the_time_left_goes_by_the_sizes(tmp_path: Path) -> None:
    for name, size in (("9001.xlsx", 300), ("both.json", 200)):
        (tmp_path / name).write_bytes(b"x" * size)
    (tmp_path / "database.toml").write_text("url = 'x'")
    jobs = [
        job_of(tmp_path, site=site, source=str(tmp_path / name))
        for site, name in [
            ("9001", "9001.xlsx"), ("9002", "both.json"), ("9003", "both.json"), ("9004", "database.toml"),
        ]
    ]  # fmt: skip
    sizes = sizes_of(jobs)
    assert sizes["9001"] == 300 and sizes["9002"] == sizes["9003"] == 100
    assert sizes["9004"] == pytest.approx(500 / 3)
    assert seconds_left(sizes, [], 10.0) is None
    assert seconds_left({"a": 3.0, "b": 1.0}, ["a"], 30.0) == pytest.approx(10.0)
    assert seconds_left({"a": 3.0}, ["a"], 30.0) == 0


def test_rooms_that_are_asked_for_and_cannot_be_are_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not isolated("auto") and not isolated("no")
    with pytest.raises(SourceError, match="site-not-isolated"):
        isolated("yes")
    (tmp_path / "bwrap").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "bwrap").chmod(0o755)
    assert not isolated("auto")
    with pytest.raises(SourceError, match="kernel"):
        isolated("yes")
