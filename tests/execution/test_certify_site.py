"""`causalsig certify` as an operator runs it: sound, broken, refused, killed, taken along in the release."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from causalsig.errors import StudyError
from causalsig.execution.certificates import with_certificate
from causalsig.execution.certify import Certificate, CertifyRequest, certify_site
from causalsig.execution.run import run_sites

REPLICATIONS = 3
PATIENCE_SECONDS = 300.0
BROKEN = """
import sys

import numpy as np
import scipy.linalg

right = scipy.linalg.cho_solve
scipy.linalg.cho_solve = lambda factor, b: right(factor, b) * (1.0 + 1e-6)

from causalsig_cli.app import main

main(sys.argv[1:])
"""


def request(provider: Any, out: Path, site: str = "9001", **changes: Any) -> CertifyRequest:
    options = {"replications": REPLICATIONS, "workers": 1} | changes
    return CertifyRequest(provider.study, provider.sources, provider.inventory, site, out, **options)


def words(provider: Any, out: Path, site: str = "9001") -> list[str]:
    options = ["--inventory", provider.inventory, "--site", site, "--out", out]
    whole = ["certify", provider.study, provider.sources, *options, "--replications", REPLICATIONS]
    return [*map(str, whole), "--workers", "1"]


def environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}


def written(out: Path, site: str = "9001") -> bytes:
    return (out / "sites" / site / "certificate.json").read_bytes()


@pytest.fixture(scope="module")
def certified(original: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Certificate, Path]:
    """A certificate that nothing disturbed, of the larger site."""
    out = tmp_path_factory.mktemp("certified") / "run"
    return certify_site(request(original, out)), out


def test_a_site_is_certified_as_far_as_its_replications_go(certified: tuple[Certificate, Path]) -> None:
    found, out = certified
    assert (found.verdict, found.code) == ("undecided", "certify-too-few")  # three are no proof
    assert all(one.passed for one in found.compared)
    assert [question.question for question in found.questions] == ["accepted_help", "contact_method"]
    refused, asked = found.questions  # too few households accepted help at this site
    assert (refused.code, refused.simulated) == ("release-no-admitted-arm", ())
    assert [one.effect for one in asked.simulated] == ["null", "modest"]
    assert all(one.replications == one.estimated == REPLICATIONS for one in asked.simulated)
    values = json.loads(written(out))
    assert (values["verdict"], values["never_leaves"]) == ("undecided", True)


def test_a_killed_certificate_goes_on_where_it_was_and_ends_the_same(
    original: Any, certified: tuple[Certificate, Path], tmp_path: Path
) -> None:
    out = tmp_path / "run"
    command = [sys.executable, "-m", "causalsig_cli.app", *words(original, out)]
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment()
    )

    def lines() -> list[bytes]:
        return [
            line for path in out.glob("sites/9001/certify-*.jsonl") for line in path.read_bytes().splitlines()
        ]

    deadline = time.monotonic() + PATIENCE_SECONDS
    try:
        while not lines() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    kept = lines()
    assert kept and not (out / "sites" / "9001" / "certificate.json").exists()
    (path,) = out.glob("sites/9001/certify-*.jsonl")
    path.write_bytes(path.read_bytes() + b'{"number": 2, "res')  # a line that the kill tore
    certify_site(request(original, out))
    assert written(out) == written(certified[1])
    assert lines()[: len(kept)] == kept and len(lines()) == REPLICATIONS


def test_on_a_machine_whose_solver_is_off_nothing_is_certified(original: Any, tmp_path: Path) -> None:
    """A factor of one in a million, in a process of its own, on the way of the command itself."""
    out = tmp_path / "run"
    ended = subprocess.run(
        [sys.executable, "-c", BROKEN, *words(original, out)],
        capture_output=True,
        text=True,
        env=environment(),
        check=False,
    )
    assert ended.returncode == 1, ended.stderr
    assert "site 9001: FAILED" in ended.stdout and "causalsig explain certify-oracle" in ended.stderr
    assert max(map(len, ended.stdout.splitlines())) < 80
    values = json.loads(written(out))
    assert (values["verdict"], values["code"], values["questions"]) == ("failed", "certify-oracle", [])
    assert not list(out.glob("sites/9001/certify-*.jsonl"))


def test_behind_a_closed_design_gate_no_outcome_is_looked_at(
    provider: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def looks(*_: Any) -> Any:
        raise AssertionError("moments of outcomes behind a closed gate")

    from causalsig.execution import certify_moments

    monkeypatch.setattr(certify_moments, "moments_of", looks)
    text = provider.study.read_text(encoding="utf-8")
    stricter = text.replace("min_equipoise_share = 0.2", "min_equipoise_share = 1.0")
    assert stricter != text
    provider.study.write_text(stricter, encoding="utf-8")
    out = tmp_path / "run"
    found = certify_site(request(provider, out))
    assert (found.verdict, found.code) == ("refused", "certify-no-question")
    codes = {question.question: question.code for question in found.questions}
    assert codes == {"accepted_help": "release-no-admitted-arm", "contact_method": "gate-equipoise"}
    assert b'"simulated": []' in written(out) and b"coverage" not in written(out)


def test_without_an_agreement_nothing_is_read(provider: Any, tmp_path: Path) -> None:
    provider.write_inventory(s9001={"withdrawn_on": date(2024, 2, 1)})
    with pytest.raises(StudyError, match="site-no-agreement"):
        certify_site(request(provider, tmp_path / "run"))
    assert not (tmp_path / "run").exists()


def test_a_run_takes_its_own_certificate_along_and_no_other(
    provider: Any, certified: tuple[Certificate, Path], tmp_path: Path
) -> None:
    out = tmp_path / "run"
    folder = out / "sites" / "9001"
    folder.mkdir(parents=True)
    (folder / "certificate.json").write_bytes(written(certified[1]))
    (outcome,) = run_sites(provider.request(out, only=("9001",)))
    assert outcome.status == "done", outcome
    document = json.loads((folder / "review.json").read_text())["document"]
    (told,) = document["certificate"]
    assert (told["verdict"], told["code"], told["replications"]) == (
        "undecided",
        "certify-too-few",
        REPLICATIONS,
    )
    assert told["questions"]
    for one in told["questions"]:  # so few copies are no coverage
        assert one["coverage"] is None and one["power"] is None
    assert b"bias" not in (folder / "review.json").read_bytes()
    (again,) = run_sites(provider.request(out, only=("9001",)))
    assert again.status == "kept"
    certify = json.loads((folder / "certificate.json").read_text())
    inputs = {name: certify["inputs"][name] for name in ("study", "site", "program", "source")}
    assert "certificate" in with_certificate(inputs, folder)
    for name in inputs:
        assert with_certificate(inputs | {name: "0" * 64}, folder) == inputs | {name: "0" * 64}
    marked = b"\xef\xbb\xbf" + (folder / "certificate.json").read_bytes()  # some editors begin a file so
    (folder / "certificate.json").write_bytes(marked)
    assert with_certificate(inputs, folder) == inputs
