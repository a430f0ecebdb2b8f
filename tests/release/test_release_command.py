"""`causalsig release` and `causalsig keys`: from review to verification, by hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from causalsig.records import SiteResult
from causalsig.release import ReleaseIdentity, build_release, new_keys, read_signing_key, write_review
from causalsig.release.life import read_review
from causalsig.study.models import Study
from tests.release.desk import desks, run
from tests.release.memories import memory_for


@pytest.fixture
def sites(tmp_path: Path, study: Study, make_site: Callable[..., SiteResult]) -> Path:
    for seed in (1, 2):
        identity = ReleaseIdentity(str(seed) * 64, "b" * 64, "0.1.0", "c" * 64, 1)
        release = build_release(make_site(seed=seed), study=study, identity=identity)
        write_review(
            tmp_path / "sites" / f"900{seed}", release, memory=memory_for(tmp_path / "sites" / f"900{seed}")
        )
    return tmp_path / "sites"


def test_one_that_nobody_looked_at_is_named_and_keeps_no_other_in(
    sites: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keys = tmp_path / "keys"
    assert run("keys", "new", keys, "--demo") == 0
    approve = ("--keys", keys, "--demo", "--outbox", tmp_path / "outbox")
    capsys.readouterr()
    assert run("release", "review", sites / "9001") == 0
    # Of two sites one was looked at: that one is approved, the other is named.
    assert run("release", "approve", sites, "--as", "operator", "--name", "A", *approve) == 2
    told = " ".join(capsys.readouterr().err.split())
    assert "causalsig: 9002:" in told and "causalsig: 9001:" not in told
    assert "1 approved; 0 may not leave, 1 not looked at" in told


def test_screen_page_and_json_say_what_the_ledger_will_be_told(
    sites: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("release", "review", sites) == 0
    shown = capsys.readouterr().out
    page = tmp_path / "page.html"
    assert run("release", "review", sites / "9001", "--format", "json") == 0
    ledger = json.loads(capsys.readouterr().out)["ledger"]
    assert run("release", "review", sites / "9001", "--html", page) == 0
    assert ledger.keys() == {"folder", "lines", "head", "numbers", "sets", "households", "digest"}
    for told in (shown, page.read_text("utf-8")):  # the screen, the page and the JSON say the same
        assert all(str(ledger[name]) in told for name in ledger)


def test_a_page_that_was_not_written_showed_nobody_anything(
    sites: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page, there = tmp_path / "page.html", tmp_path / "there.html"
    there.write_text("another page", "utf-8")
    assert run("release", "review", sites / "9001", "--html", there) == 2
    assert "[release-exists]" in capsys.readouterr().err
    assert "seen" not in [entry.step for entry in read_review(sites / "9001").log]
    assert run("release", "review", sites / "9001", "--html", page) == 0
    assert [entry.step for entry in read_review(sites / "9001").log][-1] == "seen"


def test_from_review_to_verification(sites: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keys = tmp_path / "keys"
    assert run("keys", "new", keys, "--demo") == 0
    assert run("keys", "show", keys) == 0
    shown = capsys.readouterr().out
    assert "operator" in shown and "demo" in shown
    assert read_signing_key(keys, "operator").private.hex() not in shown
    approve = ("--keys", keys, "--demo", "--outbox", tmp_path / "outbox")
    assert run("release", "approve", sites, "--as", "operator", "--name", "A", *approve) == 2
    told = capsys.readouterr().err
    assert told.count("[release-not-seen]") == 2 and "causalsig: 9001:" in told and "causalsig: 9002:" in told
    assert run("release", "review", sites) == 0
    capsys.readouterr()
    assert run("release", "approve", sites, "--as", "operator", "--name", "A", *approve) == 0
    first = capsys.readouterr()
    assert first.out == "" and "2 wait(s)" in first.err
    assert run("release", "approve", sites, "--as", "checker", "--name", "B", *approve) == 2
    assert "[release-not-seen]" in capsys.readouterr().err, "the second person looks too"
    hashes = [read_review(sites / code).payload_hash[:12] for code in ("9001", "9002")]
    meant = ("--payload", hashes[1], "--payload", hashes[0])
    assert (
        run("release", "approve", sites / "9001", "--as", "checker", "--name", "B", *approve, *meant[:2]) == 2
    )
    assert "[release-other-payload]" in capsys.readouterr().err
    assert run("release", "approve", sites, "--as", "checker", "--name", "B", *approve, *meant) == 0
    released = capsys.readouterr().out.split()
    assert [Path(line).name for line in released] == [f"{c * 64}.release.json" for c in "12"]
    assert run("release", "verify", released[0], "--keys", keys) == 2
    assert "[release-demo]" in capsys.readouterr().err
    assert run("release", "verify", released[0], "--keys", keys, "--demo", "--format", "json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["demo"] and {signer["role"] for signer in found["signers"]} == {"operator", "checker"}


def test_review_shows_every_value_with_its_rule(sites: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("release", "review", sites / "9001", "--format", "json") == 0
    shown = json.loads(capsys.readouterr().out)
    document = json.loads((sites / "9001" / "review.json").read_text())["document"]
    assert len(shown["fields"]) > 300 and shown["state"] == "checked"
    means = [field for field in shown["fields"] if field["place"].endswith(".mean")]
    assert means[0]["value"] == document["questions"][0]["analyses"][0]["arms"][0]["mean"]
    assert means[0]["stands_for"] == means[0]["value"] / 128  # e is -7: two to the seventh
    assert {field["code"] for field in means} == {"release-class-floor"}
    blocks = shown["rules"]["questions[0].analyses"]
    assert {"release-class-floor", "release-dominance", "release-residual-df"} < set(blocks)
    assert run("release", "review", sites / "9001", "--language", "nl") == 0
    said = capsys.readouterr().out
    assert "Minstens 10 huishoudens met en zonder de uitkomst" in said
    judged = f"Rules that judged each of questions[0].analyses: {', '.join(blocks)}\n"
    assert said.count(judged) == 1 and f"{judged}questions[0].analyses[0].outcome" in said


def test_a_refusal_is_kept_and_holds(sites: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    who = ("--as", "checker", "--name", "B")
    assert run("keys", "new", tmp_path / "keys") == 2
    assert "--role" in capsys.readouterr().err
    assert run("keys", "new", tmp_path / "keys", "--role", "checker") == 0
    assert (
        run("release", "refuse", sites / "9001", *who, "--keys", tmp_path / "keys", "--reason", "not yet")
        == 0
    )
    assert run("release", "approve", sites / "9001", *who, "--keys", tmp_path / "keys") == 3
    assert "[release-refused]" in capsys.readouterr().err
    assert run("release", "review", sites / "9001") == 0
    assert "not yet" in capsys.readouterr().out


def test_a_folder_without_a_review_is_a_clear_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("release", "review", tmp_path) == 2
    assert "[release-not-readable]" in capsys.readouterr().err


def test_a_tampered_release_is_told_apart(
    sites: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keys = tmp_path / "keys"
    new_keys(keys)
    for role, name in (("operator", "A"), ("checker", "B")):
        who = ("--as", role, "--name", name, "--keys")
        assert run("release", "review", sites / "9001") == 0
        assert run("release", "approve", sites / "9001", *who, keys) == 2
        assert "[release-both-keys]" in capsys.readouterr().err
        assert run("release", "approve", sites / "9001", *who, desks(keys)[role]) == 0
    path = sites / "outbox" / f"{'1' * 64}.release.json"
    values = json.loads(path.read_text())
    values["payload"] = "A" + values["payload"][1:]
    path.write_text(json.dumps(values, separators=(",", ":"), sort_keys=True))
    assert run("release", "verify", path, "--keys", keys) == 2
    assert "[release-tampered]" in capsys.readouterr().err
