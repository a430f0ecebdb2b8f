"""Many sites: resumed after kills, one bad file stops nobody, and nothing is ever half-written."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from causalsig.errors import CausalsigError, ReleaseError, SourceError, StudyError
from causalsig.execution.processes import only_run
from causalsig.execution.run import SiteOutcome, plan_run, run_sites
from causalsig.execution.worker import WITH_PARENT, write_json
from causalsig.study.digest import study_digest
from causalsig.study.read import read_study
from causalsig.study.site_policy import SitePolicy

PATIENCE = 60.0
"""Seconds after which something that should have happened will not."""
SITES = ("9001", "9002", "9003")
Leftovers = Callable[[Path], list[str]]


def payloads(out: Path) -> dict[str, bytes]:
    """What would leave each site, byte for byte."""
    reviews = {path.parent.name: json.loads(path.read_bytes()) for path in out.glob("sites/*/review.json")}
    return {code: json.dumps(review["document"], sort_keys=True).encode() for code, review in reviews.items()}


def by_site(outcomes: tuple[SiteOutcome, ...]) -> dict[str, SiteOutcome]:
    return {outcome.site: outcome for outcome in outcomes}


def wait_for(condition: Callable[[], Any], what: str) -> Any:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        found = condition()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError(f"waited in vain for {what}")


def workers_of(out: Path) -> list[int]:
    """Processes of this run: those whose command names a job of its folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command = (entry / "cmdline").read_bytes()
                ended = (entry / "stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
            except OSError:
                continue
            if b"causalsig.execution.worker" in command and str(out).encode() in command and not ended:
                found.append(int(entry.name))
    return found


def fails(request: Any, kind: type[CausalsigError], code: str) -> CausalsigError:
    with pytest.raises(kind) as caught:
        run_sites(request)
    error = caught.value
    assert (error.code, error.exit_code) == (code, 2)
    assert error.expected and error.found and error.mend
    assert not (request.out / "sites").exists()
    return error


def test_every_site_is_done_and_recorded(finished: Path, leftovers: Leftovers) -> None:
    assert sorted(payloads(finished)) == list(SITES)
    assert leftovers(finished) == []
    record = json.loads((finished / "run.json").read_text())
    assert [(row["site"], row["status"]) for row in record["sites"]] == [(code, "done") for code in SITES]
    run = json.loads((finished / "sites/9001/run.json").read_text())
    assert run["questions"]["contact_method"] == "estimated"
    assert set(run["inputs"]) == {"study", "source", "site", "program", "key"}
    assert json.loads((finished / "sites/9002/run.json").read_text())["questions"] == {
        "accepted_help": "refused",
        "contact_method": "refused",
    }


def test_what_would_leave_names_no_municipality(finished: Path) -> None:
    for code, payload in payloads(finished).items():
        assert b"Voorbeeldstad" not in payload
        assert f'"{code}"'.encode() not in payload


def test_a_second_run_keeps_everything(original: Any, finished: Path) -> None:
    watched = [path for path in finished.glob("sites/*/*") if path.is_file()]
    before = {path: path.stat().st_mtime_ns for path in watched}
    outcomes = run_sites(original.request(finished))
    assert [outcome.status for outcome in outcomes] == ["kept"] * 3
    assert {path: path.stat().st_mtime_ns for path in watched} == before
    assert by_site(outcomes)["9001"].questions["contact_method"] == "estimated"


def test_what_changed_is_run_again_and_only_that(provider: Any, finished: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    shutil.copytree(finished, out)
    (out / "sites/9003/site.json").write_text("{}", encoding="utf-8")
    provider.write_inventory(s9002={"ends_on": date(2040, 1, 1)})
    _, jobs, outcomes = plan_run(provider.request(out))
    assert [job.site for job in jobs] == ["9002", "9003"]
    assert outcomes["9001"].status == "kept"
    _, jobs, _ = plan_run(provider.request(out, wave=2))
    assert len(jobs) == 3


def test_a_municipality_may_ask_for_more_and_its_release_says_so(provider: Any, tmp_path: Path) -> None:
    """The release carries the stricter floors, and stays one of the study that was signed."""
    asked = SitePolicy(min_households_cell=25, max_largest_weight=0.4)
    provider.write_inventory(policies={"9001": asked})
    outcomes = by_site(run_sites(provider.request(tmp_path / "run", only=("9001",))))
    assert outcomes["9001"].status == "done"
    document = json.loads(payloads(tmp_path / "run")["9001"])
    floors = document["floors"]
    assert (floors["min_households_cell"], floors["max_largest_weight_per_mille"]) == (25, 400)
    assert floors["min_households_arm"] == 30  # what it does not ask for is the study's
    assert document["study_digest"] == study_digest(read_study(provider.study))
    provider.write_inventory(policies={"9001": SitePolicy(min_households_arm=10_000)})
    outcomes = by_site(run_sites(provider.request(tmp_path / "run", only=("9001",))))
    assert outcomes["9001"].status == "done"  # another policy is another run
    assert set(outcomes["9001"].questions.values()) == {"refused"}


def start(provider: Any, out: Path) -> subprocess.Popen[bytes]:
    command = ["site", "run", provider.study, provider.sources, "--inventory", provider.inventory]
    options = ["--keys", provider.keys, "--out", out, "--workers", "2"]
    return subprocess.Popen(
        [sys.executable, "-m", "causalsig_cli.app", *map(str, command), *map(str, options)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )


def test_three_kills_and_the_same_bytes(
    original: Any, finished: Path, tmp_path: Path, leftovers: Leftovers
) -> None:
    """Killed as workers start, when the first result is put up for review, and when a run first counts."""
    out = tmp_path / "run"
    moments: list[tuple[str, Callable[[], Any]]] = [
        ("a worker", lambda: workers_of(out)),
        ("a review", lambda: list(out.glob("sites/*/review.json"))),
        ("a run that counts", lambda: list(out.glob("sites/*/run.json"))),
    ]
    for what, moment in moments:
        process = start(original, out)
        try:
            wait_for(moment, what)
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
        wait_for(lambda: not workers_of(out), "the workers to end with their parent")
    kept = {path.parent.name for path in out.glob("sites/*/run.json")}
    for path in (out / "sites").iterdir():
        (path / ".site.json-half").write_text('{"kin', encoding="utf-8")
    outcomes = by_site(run_sites(original.request(out)))
    assert kept and {code for code, outcome in outcomes.items() if outcome.status == "kept"} == kept
    assert {outcome.status for outcome in outcomes.values()} <= {"kept", "done"}
    assert payloads(out) == payloads(finished)
    assert leftovers(out) == []
    for path in out.glob("sites/*/review.json"):
        assert [entry["step"] for entry in json.loads(path.read_text())["log"]] == ["computed", "checked"]


def test_a_bad_workbook_and_a_dead_worker_stop_nobody(
    provider: Any, finished: Path, tmp_path: Path, leftovers: Leftovers
) -> None:
    whole = (provider.sources / "9002.xlsx").read_bytes()
    (provider.sources / "9002.xlsx").write_bytes(whole[: len(whole) // 2])
    out = tmp_path / "run"

    def kill_9001() -> None:
        worker = wait_for(lambda: [p for p in workers_of(out) if b"/9001/" in command_of(p)], "9001")
        os.kill(worker[0], signal.SIGKILL)

    killer = threading.Thread(target=kill_9001)
    killer.start()
    outcomes = by_site(run_sites(provider.request(out)))
    killer.join()
    assert "signal 9" in outcomes["9001"].message
    assert {code: (o.status, o.code) for code, o in outcomes.items()} == {
        "9001": ("failed", "site-internal-error"),
        "9002": ("failed", "source-corrupt"),
        "9003": ("done", "site-done"),
    }
    for code in ("9001", "9002"):
        message = outcomes[code].message
        assert "expected" in message and "found" in message and f"[{outcomes[code].code}]" in message
        assert not (out / "sites" / code / "run.json").exists()
    assert leftovers(out) == []
    assert payloads(out) == {"9003": payloads(finished)["9003"]}
    (provider.sources / "9002.xlsx").write_bytes(whole)
    again = by_site(run_sites(provider.request(out)))
    assert {code: o.status for code, o in again.items()} == {"9001": "done", "9002": "done", "9003": "kept"}
    assert payloads(out) == payloads(finished)


def command_of(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def test_a_worker_ends_when_its_parent_does(original: Any, tmp_path: Path) -> None:
    _, jobs, _ = plan_run(original.request(tmp_path / "run", only=("9001",)))
    path = tmp_path / "run/sites/9001/job.json"
    write_json(path, asdict(jobs[0]))
    command = [sys.executable, "-m", "causalsig.execution.worker", str(path), WITH_PARENT]
    process = subprocess.Popen(command, stdin=subprocess.PIPE)
    assert process.stdin is not None
    process.stdin.close()  # as the kernel does when the parent is killed
    assert process.wait(PATIENCE) == 101
    assert [found.name for found in path.parent.iterdir()] == ["job.json"]


def test_a_failing_program_leaves_its_place_and_no_value(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from causalsig.execution import worker

    def fail(job: worker.Job) -> None:
        raise ValueError("could not convert 'Kanarie 123456782'")

    monkeypatch.setattr(worker, "run_job", fail)
    job = worker.Job("s", "i", "9001", "x.xlsx", "k", str(tmp_path), 1, {})
    path = tmp_path / "job.json"
    path.write_text(json.dumps({name: getattr(job, name) for name in worker.Job.__slots__}))
    assert worker.main([str(path)]) == 101
    said = json.loads((tmp_path / "outcome.json").read_text())
    log = (tmp_path / "worker.log").read_text()
    assert said["code"] == "site-internal-error" and "worker.log" in said["message"]
    assert "ValueError" in log and log.rstrip().endswith(" fail")
    assert "Kanarie" not in log + said["message"] and "12345" not in log + said["message"]


def test_sites_without_an_agreement_are_left_out_and_recorded(provider: Any, tmp_path: Path) -> None:
    provider.write_inventory(
        s9001={"project_agreement": None},
        s9003={"withdrawn_on": date(2026, 1, 1)},
    )
    (provider.sources / "9001.xlsx").write_bytes(b"never opened")
    out = tmp_path / "run"
    outcomes = by_site(run_sites(provider.request(out)))
    assert {code: o.status for code, o in outcomes.items()} == {
        "9001": "left_out",
        "9002": "done",
        "9003": "left_out",
    }
    assert not (out / "sites/9001").exists() and not (out / "sites/9003").exists()
    record = {row["site"]: row for row in json.loads((out / "run.json").read_text())["sites"]}
    assert record["9003"]["code"] == "site-no-agreement" and "withdrawn" in record["9003"]["message"]
    assert "project_agreement is not signed" in record["9001"]["message"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"project_agreement": None}, "project_agreement is not signed"),
        ({"processor_agreement_provider": None}, "processor_agreement_provider is not signed"),
        ({"processor_agreement_university": None}, "processor_agreement_university is not signed"),
        ({"project_agreement": date(2099, 1, 1)}, "project_agreement starts later"),
        ({"ends_on": date(2026, 1, 31)}, "the agreement has ended"),
        ({"withdrawn_on": date(2026, 1, 31)}, "the site has withdrawn"),
    ],
)
def test_when_nobody_has_an_agreement_nothing_starts(
    provider: Any, tmp_path: Path, change: dict[str, Any], reason: str
) -> None:
    provider.write_inventory(s9001=change, s9002=change, s9003=change)
    request = provider.request(tmp_path / "run", today=date(2026, 7, 1))
    assert reason in fails(request, StudyError, "site-no-agreement").found


def test_an_agreement_holds_on_its_last_day(provider: Any, tmp_path: Path) -> None:
    provider.write_inventory(s9001={"ends_on": date(2026, 7, 1)}, s9002={"withdrawn_on": date(2026, 7, 2)})
    _, jobs, _ = plan_run(provider.request(tmp_path / "run", today=date(2026, 7, 1)))
    assert [job.site for job in jobs] == list(SITES)


def test_only_names_sites_of_the_inventory(provider: Any, tmp_path: Path) -> None:
    fails(provider.request(tmp_path / "run", only=("9001", "0363")), StudyError, "site-not-in-inventory")
    _, jobs, _ = plan_run(provider.request(tmp_path / "run", only=("9003",)))
    assert [job.site for job in jobs] == ["9003"]


def test_two_files_for_one_site_are_refused(provider: Any, tmp_path: Path) -> None:
    shutil.copy(provider.sources / "9001.xlsx", provider.sources / "9001 (2).xlsx")
    error = fails(provider.request(tmp_path / "run"), SourceError, "site-source-twice")
    assert error.where == "9001….xlsx, 9001.xlsx", "what else a file is called is the provider's own"


def test_a_file_of_no_site_is_refused(provider: Any, tmp_path: Path) -> None:
    shutil.copy(provider.sources / "9001.xlsx", provider.sources / "0363.xlsx")
    fails(provider.request(tmp_path / "run"), SourceError, "site-source-unknown")


def test_files_a_spreadsheet_program_leaves_behind_are_not_sources(provider: Any, tmp_path: Path) -> None:
    for name in ("~$9001.xlsx", ".9001.xlsx", "notes.txt"):
        (provider.sources / name).write_bytes(b"x")
    (provider.sources / "9003.xlsx").rename(provider.sources / "9003.XLSX")
    _, jobs, _ = plan_run(provider.request(tmp_path / "run"))
    assert [job.site for job in jobs] == list(SITES)


def test_a_site_without_a_file_fails_alone(provider: Any, tmp_path: Path) -> None:
    (provider.sources / "9001.xlsx").unlink()
    _, jobs, outcomes = plan_run(provider.request(tmp_path / "run"))
    assert [job.site for job in jobs] == ["9002", "9003"]
    assert (outcomes["9001"].status, outcomes["9001"].code) == ("failed", "site-source-missing")


def test_a_source_that_cannot_be_opened_fails_alone(
    provider: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from causalsig.execution import run

    def refuse(path: Path) -> str:
        if path.name == "9001.xlsx":
            raise PermissionError(13, "Permission denied")
        return "0" * 64

    monkeypatch.setattr(run, "source_digest", refuse)
    _, jobs, outcomes = plan_run(provider.request(tmp_path / "run"))
    assert [job.site for job in jobs] == ["9002", "9003"]
    assert (outcomes["9001"].status, outcomes["9001"].code) == ("failed", "source-unreadable")


def test_without_the_providers_key_nothing_starts(provider: Any, tmp_path: Path) -> None:
    request = provider.request(tmp_path / "run", keys=tmp_path / "nowhere")
    with pytest.raises(ReleaseError) as caught:
        run_sites(request)
    assert caught.value.exit_code == 2 and not request.out.exists()


def test_a_missing_source_folder_is_told(provider: Any, tmp_path: Path) -> None:
    request = provider.request(tmp_path / "run", sources=(tmp_path / "nowhere",))
    fails(request, SourceError, "source-file-missing")


def test_two_runs_in_one_folder_are_refused(provider: Any, tmp_path: Path) -> None:
    with only_run(tmp_path / "run"), pytest.raises(SourceError, match="site-run-busy"):
        run_sites(provider.request(tmp_path / "run"))
    with only_run(tmp_path / "run"):
        pass  # let go again
