"""No spoiled file makes a reader crash, is taken for good, or is quoted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from causalsig.errors import ReleaseError, StudyError
from causalsig.release.chain import Chain
from causalsig.release.kept import kept_bytes, kept_values
from causalsig.release.keys import new_keys, read_provider_key, read_signing_key, read_trusted
from causalsig.release.strict_json import MAX_BYTES, parse_any_form
from causalsig.study.read import read_study
from evidence.claims._fuzzed_kept import LEFT_OUT, SHORTER
from evidence.claims._fuzzed_readers import END_UNCHECKED
from evidence.claims.reader_fuzzing import MOST, SEEDS, cases, judge

HELD = {"refused", "no change", "signed again", END_UNCHECKED, LEFT_OUT, SHORTER}


def test_every_way_to_spoil_every_file_ends_well():
    # Beyond those of the claim, so that the test adds to it.
    told = {case: judge(*case, SEEDS.stop * MOST + number) for number, case in enumerate(cases())}
    assert {case: outcome for case, outcome in told.items() if outcome[0] not in HELD} == {}
    changed = {case: outcome for case, (outcome, _) in told.items() if outcome != "no change"}
    refused = [case for case, outcome in changed.items() if outcome == "refused"]
    assert len(changed) > 0.9 * len(told) and len(refused) > 0.85 * len(told)


def test_a_reader_that_accepts_or_quotes_is_seen(monkeypatch: pytest.MonkeyPatch):
    from evidence.claims import _fuzzed_readers as fuzzed

    name = "public key"
    reader = fuzzed.readers()[name]
    careless = {name: fuzzed.Reader(reader.path, reader.content, lambda: reader.path.read_bytes())}
    fuzzed.meaning.cache_clear()
    monkeypatch.setattr("evidence.claims.reader_fuzzing.readers", lambda: careless)
    monkeypatch.setattr("evidence.claims.reader_fuzzing.meaning", lambda name: reader.content)
    assert judge(name, "bit flip", 1) == ("accepted", "")

    def quote() -> None:
        text = reader.path.read_text(errors="replace")
        raise ReleaseError("release-key", expected="a key", found=text, mend="Do not.")

    def crash() -> None:
        json.loads(reader.path.read_bytes())["key_id"]

    careless[name] = fuzzed.Reader(reader.path, reader.content, quote)
    assert judge(name, "key", 1)[0] == "quoted"
    careless[name] = fuzzed.Reader(reader.path, reader.content, crash)
    assert judge(name, "nothing", 1)[0] == "crash"


def test_a_kept_file_says_what_was_written_in_whatever_form():
    values = {"name": "Zoë", "count": 3, "inside": {"b": [], "a": None}}
    content = kept_bytes(values)
    assert kept_values(content) == values
    assert kept_values(json.dumps(json.loads(content)).encode()) == values
    changed = json.loads(content)
    changed["count"] = 4
    for wrong in (
        json.dumps(changed).encode(),
        json.dumps(values).encode(),
        b"[]",
        content.replace(b"3", b"3.0"),
    ):
        with pytest.raises(ReleaseError):
            kept_values(wrong)
    with pytest.raises(ReleaseError, match="release-schema"):
        kept_bytes({"name": "\udc80"})


def test_a_key_that_lost_a_letter_signs_and_names_nobody(tmp_path: Path):
    new_keys(tmp_path)
    for role, read in (
        ("operator", lambda: read_signing_key(tmp_path, "operator")),
        ("provider", lambda: read_provider_key(tmp_path)),
    ):
        path = tmp_path / f"{role}.key"
        text = path.read_text()
        place = text.index('"private": "') + 15
        path.write_text(text[:place] + ("0" if text[place] != "0" else "1") + text[place + 1 :])
        with pytest.raises(ReleaseError, match="release-key"):
            read()


def test_a_line_that_gives_true_for_its_number_is_no_line(tmp_path: Path):
    new_keys(tmp_path / "keys")
    chain = Chain(tmp_path / "chain.jsonl", "test")
    with chain.held() as links:
        chain.append(links, {"said": "first"}, read_signing_key(tmp_path / "keys", "checker"))
    whole = chain.path.read_bytes()
    assert whole.count(b'"number":1') == 1
    chain.path.write_bytes(whole.replace(b'"number":1', b'"number":true'))
    with pytest.raises(ReleaseError, match="ledger-tampered"):
        chain.links()


def test_a_signature_of_a_line_has_one_form(tmp_path: Path):
    new_keys(tmp_path / "keys")
    chain = Chain(tmp_path / "chain.jsonl", "test")
    with chain.held() as links:
        made = chain.append(links, {"said": "first"}, read_signing_key(tmp_path / "keys", "checker"))
    trusted = read_trusted(tmp_path / "keys")
    assert chain.links(trusted) == (made,)
    shouted = made.signature.upper().encode()
    chain.path.write_bytes(chain.path.read_bytes().replace(made.signature.encode(), shouted))
    with pytest.raises(ReleaseError, match="ledger-signature"):
        chain.links(trusted)


def test_what_is_too_large_is_not_parsed(tmp_path: Path):
    with pytest.raises(ReleaseError, match="release-too-large"):
        parse_any_form(b" " * (MAX_BYTES + 1))
    path = tmp_path / "study.toml"
    with path.open("wb") as file:
        file.truncate(10**9)
    with pytest.raises(StudyError, match="study-file-unreadable"):
        read_study(path)
    path.write_text("a = " + "[" * 100_000)
    with pytest.raises(StudyError, match="study-not-toml"):
        read_study(path)
