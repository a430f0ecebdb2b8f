"""The search for canaries finds a leak however it is hidden, and real programs leave none."""

from __future__ import annotations

import hashlib
import json
from base64 import b64encode
from pathlib import Path

import pytest

from causalsig.failures import masked_text
from evidence.claims import _canary_failures as failures
from evidence.claims._canary_commands import NOT_TYPED, WITH_OPTIONS, commands, not_typed, typed_in
from evidence.claims._canary_runs import codes_of, desk
from evidence.claims._canary_search import search_bytes, search_file, search_text
from evidence.claims._canary_sources import LAYOUTS, layout_of
from evidence.claims._canary_words import APPROVER, CANARIES, LABEL, REASON

KINDS = {canary.kind for canary in CANARIES}


def kinds(text: str) -> set[str]:
    return {kind for kind, _ in search_text(text)}


@pytest.mark.parametrize("canary", CANARIES, ids=lambda canary: canary.kind)
def test_a_canary_is_found_as_it_stands_and_in_other_cases(canary) -> None:
    for text in (canary.value, f"found '{canary.value}' in", canary.value.upper(), canary.value.lower()):
        assert canary.kind in kinds(text), text


@pytest.mark.parametrize(
    "text",
    [
        "4321", "4.321", "4,321", "4 321", "4\u00a0321", "€ 4.321,00", "€4321,-", "4321.00", "4321.0",
        "432100", '{"a":4321}', '{"a": 4321.0}', "<td>4.321</td>", "4&#8239;321", "min=4321;", "[4321]",
        "4'321",
    ],
)  # fmt: skip
def test_the_amount_is_found_in_every_notation(text: str) -> None:
    assert "amount" in kinds(text)


@pytest.mark.parametrize(
    "text",
    [
        "14321", "43210", "0.4321", "a4321b", "1.4321", "4.3211", '{"seconds": 4.321}', "4321.5",
        hashlib.sha256(b"1").hexdigest(), '<svg><path d="M 4.321 5"/></svg>', "2024-4321", "1 234 321",
    ],
)  # fmt: skip
def test_other_numbers_are_not_the_amount(text: str) -> None:
    assert kinds(text) == set()


@pytest.mark.parametrize("text", ["1913-02-07", "7-2-1913", "19130207", "7 februari 1913", "-1795564800"])
def test_the_birth_date_is_found_in_every_order(text: str) -> None:
    assert "birth date" in kinds(text)


def test_an_unkeyed_digest_of_a_citizen_number_is_found() -> None:
    for make in (hashlib.sha256, hashlib.md5):
        digest = make(b"941732605")
        assert search_bytes(json.dumps({"key": digest.hexdigest()}).encode())
        assert search_bytes(b"\0" + digest.digest())


def test_masking_leaves_nothing_to_find() -> None:
    assert search_text(masked_text(failures.CELL)) == set()


def test_random_bytes_hold_no_canary() -> None:
    """A search that cries at chance would be switched off."""
    text = hashlib.shake_256(b"canaries").hexdigest(200_000)
    assert search_bytes(text.encode()) == set() and search_bytes(bytes.fromhex(text)) == set()


@pytest.mark.parametrize("name", LAYOUTS)
@pytest.mark.parametrize("dose", ["few", "all"])
def test_what_is_planted_is_there(name: str, dose, tmp_path: Path) -> None:
    """Else nothing found would say nothing."""
    layout = layout_of(name)
    layout.write(tmp_path, "9101", layout.columns, dose)
    found = {
        kind for path in tmp_path.rglob("*") if path.is_file() for kind, _ in search_file(path, tmp_path)
    }
    assert found == KINDS
    column = layout.columns[len(layout.columns) // 2]
    (tmp_path / "one").mkdir()
    layout.write(tmp_path / "one", "9101", [column], "all")
    files = [path for path in (tmp_path / "one").rglob("*") if path.is_file()]
    assert any(search_file(path, tmp_path) for path in files), column


def test_a_build_that_leaks_is_found_out() -> None:
    found = failures.a_build_that_leaks()
    assert found["wrong"] == [] and found["leaks"] == 18


def test_a_process_that_fails_or_speaks_shows_a_code_only() -> None:
    found = failures.crashes_in_a_process(("raise", "speak", "segfault"))
    assert found["wrong"] == [] and found["ended"] == {"site run": 2}


def test_a_command_that_reads_rows_fails_and_speaks_in_silence() -> None:
    found = failures.crashes_in_a_command(("raise", "speak"))
    assert found["wrong"] == [] and found["ended"] == {"raise": 101, "speak": 0}


def test_ctrl_c_ends_every_process_without_a_word() -> None:
    [code] = codes_of(1)
    with desk([code]) as at:
        failures.plant(at, code)
        said = failures.interrupted(at)
        assert (said.code, said.out, said.err) == (130, "", "")
        assert at.search() == []
        assert not list((at.folder / "stopped").glob("sites/*/review.json"))


def test_a_log_says_where_it_went_wrong() -> None:
    [code] = codes_of(1)
    with desk([code]) as at:
        failures.plant(at, code)
        said = failures.run_study(at, more=failures.sabotage({code: "file"}))
        log = (at.folder / "run" / "sites" / code / "worker.log").read_text("utf-8")
        assert (
            "builtins.ValueError" in log and "causalsig/execution/worker.py:" in log and "elsewhere:1" in log
        )
        assert "worker.log" in said.err and "site-internal-error" in said.err
        assert at.search() == []


def test_a_command_that_was_never_typed_is_told() -> None:
    typed = (commands() - set(NOT_TYPED)) | set(WITH_OPTIONS)
    assert not_typed(typed) == []
    assert not_typed(typed - {"release withdraw"}) == ["release withdraw: never typed"]
    assert not_typed(typed | {"demo"}) == ["demo: listed in vain"]
    assert typed_in(["release", "crate", "a", "--review", "b"]) == {"release crate", "release crate --review"}
    assert typed_in(["pool", "study", "outbox"]) == {"pool"} and typed_in(["nothing"]) == set()


def test_what_people_type_may_stand_in_the_record_of_the_review_only() -> None:
    with desk(codes_of(1)) as at:
        record = at.folder / "run" / "sites" / "9101" / "review.json"
        record.parent.mkdir(parents=True)
        record.write_text(json.dumps({"name": APPROVER, "reason": REASON}), "utf-8")
        record.chmod(0o600)
        assert at.search() == [] and at.kept == {"name of an approver", "reason of an approver"}
        left = at.folder / "outbox" / "a.release.json"
        left.parent.mkdir()
        left.write_text(json.dumps({"payload": b64encode(REASON.encode()).decode()}), "utf-8")
        (at.folder / "run.log").write_text(APPROVER.upper() + LABEL, "utf-8")
        found = {" ".join(line.split(" (")[0].split(": ")) for line in at.search()}
        assert found >= {
            "a.release.json reason of an approver",
            "run.log name of an approver",
            "run.log label of a study",
        }
