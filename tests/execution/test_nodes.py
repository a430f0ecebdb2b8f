"""A node runs a site as one machine does, begins nothing it should not, and tells closed codes only."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from causalsig_cli.app import main

from causalsig.errors import SourceError
from causalsig.execution.engines import Cluster, Lost, lost
from causalsig.execution.limits import Limits
from causalsig.execution.node import (
    TOKEN,
    Answer,
    Place,
    look,
    outcome_digest,
    run_site,
    told_job,
    told_place,
)
from causalsig.execution.processes import NotStarted
from causalsig.execution.run import plan_run, run_sites
from causalsig.execution.site import lock_digest
from causalsig.execution.worker import Job

SITE = "9003"
CELL = "K. Anarie 4321"
ANSWER = {"code": "ended", "outcome": "0" * 64}


@pytest.fixture
def job(original: Any, tmp_path: Path) -> Job:
    _, (one,), _ = plan_run(original.request(tmp_path / "run", only=(SITE,)))
    return one


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setenv("CAUSALSIG_LOG_DIR", str(tmp_path / "log"))
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / TOKEN).write_bytes(b"token")
    return Place(str(tmp_path / "run"), hashlib.sha256(b"token").hexdigest(), lock_digest(), "no")


def payload(folder: Path) -> bytes:
    return json.dumps(json.loads((folder / "review.json").read_bytes())["document"]).encode()


def test_a_node_gives_the_bytes_of_one_machine_and_once(job: Job, place: Place, finished: Path) -> None:
    """Asked twice at the same time, one runs it, and the other finds it done."""
    line = told_job(place, job, Limits())
    with ThreadPoolExecutor(2) as both:
        answers = [Answer.read(said) for said in both.map(run_site, [line, line])]
    assert [(one.code, one.exit_code, one.exceeded) for one in answers] == [("ended", 0, None)] * 2
    assert {one.outcome for one in answers} == {outcome_digest(job)}
    assert sorted(one.seconds > 0 for one in answers) == [False, True]
    assert payload(Path(job.folder)) == payload(finished / "sites" / SITE)


def test_what_stands_of_other_inputs_is_made_again(job: Job, place: Place, finished: Path) -> None:
    shutil.copytree(finished / "sites" / SITE, job.folder)
    changed = replace(job, inputs={**job.inputs, "key": "0" * 64})
    said = Answer.read(run_site(told_job(place, changed, Limits())))
    assert said.code == "ended" and said.seconds > 0


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"token": hashlib.sha256(b"another").hexdigest()}, "site-node-other-files"),
        ({"out": "/nowhere/at/all"}, "site-node-other-files"),
        ({"program": "0" * 64}, "site-node-other-program"),
    ],
)
def test_nothing_is_begun_where_files_or_program_are_others(
    job: Job, place: Place, change: dict[str, Any], code: str
) -> None:
    other = replace(place, **change)
    assert Answer.read(look(told_place(other))) == Answer(code)
    assert Answer.read(run_site(told_job(other, job, Limits()))) == Answer(code)
    assert not Path(job.folder).exists()


def test_no_text_of_what_goes_wrong_crosses(job: Job, place: Place, tmp_path: Path) -> None:
    """A folder that cannot be made, and a line that is none: the answer is a code, the log is masked."""
    blocked = tmp_path / CELL
    blocked.write_text(CELL)
    values = json.loads(told_job(place, job, Limits()))
    values["job"]["folder"] = str(blocked / "site")
    for line in (json.dumps(values), CELL, json.dumps({"place": {CELL: CELL}})):
        said = run_site(line)
        assert Answer.read(said) == Answer("site-internal-error")
        assert CELL not in said
    kept = "".join(path.read_text() for path in (tmp_path / "log").iterdir())
    assert kept and "Anarie" not in kept and "4321" not in kept


def test_an_answer_is_read_as_it_was_written() -> None:
    whole = Answer("ended", -9, "site-over-memory", 2.5, 1024, "a" * 64, True)
    assert Answer.read(whole.text()) == whole


@pytest.mark.parametrize(
    "said",
    [
        CELL,
        None,
        b"{}",
        "[]",
        json.dumps({**ANSWER, "code": CELL}),
        json.dumps({**ANSWER, "outcome": CELL}),
        json.dumps({**ANSWER, "exceeded": CELL}),
        json.dumps({**ANSWER, "exceeded": [CELL]}),
        json.dumps({**ANSWER, "exit_code": CELL}),
        json.dumps({**ANSWER, "exit_code": True}),
        json.dumps({**ANSWER, "peak": 1.5}),
        json.dumps({**ANSWER, "seconds": CELL}),
        json.dumps({**ANSWER, "seconds": float("nan")}),
        json.dumps({**ANSWER, "text": CELL}),
    ],
)
def test_an_answer_that_is_not_closed_is_a_code(said: object) -> None:
    assert Answer.read(said) == Answer("site-internal-error")


def test_the_message_of_a_lost_site_has_its_code_and_what_to_do(job: Job) -> None:
    for code in ("site-node-lost", "site-node-other-files", "site-node-other-program", "site-internal-error"):
        message = lost(Lost(job, code).job, code)
        assert message.startswith(f"site {SITE}: expected") and message.endswith(f"[{code}]")


def test_without_dask_nothing_is_begun(
    original: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    request = original.request(tmp_path / "run", cluster=Cluster("tls://127.0.0.1:1"))
    with pytest.raises(SourceError) as caught:
        run_sites(request)
    assert caught.value.code == "run-engine-missing"
    assert not (tmp_path / "run" / "sites").exists()


@pytest.mark.parametrize(
    "words",
    [
        ("--scheduler", "tls://127.0.0.1:1"),
        ("--engine", "dask"),
        ("--engine", "dask", "--scheduler", "tls://127.0.0.1:1", "--tls-ca", "FILE"),
        (
            "--engine",
            "dask",
            "--scheduler",
            "tls://127.0.0.1:1",
            *("--tls-ca", "no", "--tls-cert", "no"),
            "--tls-key",
            "no",
        ),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    original: Any, tmp_path: Path, words: tuple[str, ...], capsys: Any
) -> None:
    file = tmp_path / "file.pem"
    file.touch()
    given = [str(original.study), str(original.sources), "--inventory", str(original.inventory)]
    given += ["--keys", str(original.keys), "--out", str(tmp_path / "run")]
    typed = [str(file) if word == "FILE" else word for word in words]
    with pytest.raises(SystemExit) as ended:
        main(["site", "run", *given, *typed])
    assert ended.value.code == 2
    assert "--" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_process_that_was_not_begun_keeps_the_number_of_its_error(job: Job) -> None:
    from causalsig.execution.node import ended_of

    ended = ended_of(job, Answer("not-begun", exit_code=12))
    assert isinstance(ended, NotStarted) and ended.error.errno == 12
