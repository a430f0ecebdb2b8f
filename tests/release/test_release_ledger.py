"""The ledger: an append-only chain that shows every change, and what it refuses to let leave."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest

from causalsig.errors import RefusedError, ReleaseError
from causalsig.release.chain import EMPTY, Chain
from causalsig.release.household_sets import (
    Member,
    cohort_sets,
    count_households,
    read_sets,
    sides,
    write_sets,
)
from causalsig.release.keys import SigningKey, new_key, new_keys, read_signing_key, read_trusted
from causalsig.release.ledger import Candidate, Ledger
from tests.release.desk import run

PROVIDER = b"p" * 32


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    new_keys(tmp_path / "keys")
    return tmp_path / "keys"


@pytest.fixture
def checker(keys: Path) -> SigningKey:
    return read_signing_key(keys, "checker")


def begun(folder: Path) -> Ledger:
    """Begin a ledger in a folder."""
    ledger = Ledger(folder / "ledger")
    ledger.create()
    return ledger


def hexed(text: str) -> str:
    return (text.encode().hex() * 64)[:64]


def households(first: int, last: int) -> list[str]:
    return [f"h{k}" for k in range(first, last)]


def candidate(sets: Path, cohorts: dict[str, list[str]], **changes: object) -> Candidate:
    values: dict[str, object] = {
        "kind": "estimates",
        "site": hexed("site"),
        "study_digest": hexed("study"),
        "snapshot": hexed("one"),
        "wave": 1,
        "payload_hash": hexed("first"),
        "numbers": 10,
        "floor": 10,
        "share_per_mille": 330,
        "sets": write_sets(sets, cohort_sets(PROVIDER, "9001", cohorts)),
    }
    return Candidate.model_validate(values | changes)


def test_lines_follow_from_each_other_and_are_signed(keys: Path, checker: SigningKey, tmp_path: Path) -> None:
    chain = Chain(tmp_path / "inside" / "chain.jsonl", "test")
    assert chain.links() == () and not chain.path.exists()
    for number in range(3):
        with chain.held() as links:
            chain.append(links, {"said": number}, checker)
    found = chain.links(read_trusted(keys))
    assert [link.content["said"] for link in found] == [0, 1, 2]
    assert [link.previous for link in found] == [EMPTY, found[0].hash, found[1].hash]
    assert chain.path.stat().st_mode & 0o777 == 0o600
    other = tmp_path / "others"
    new_keys(other)
    with pytest.raises(ReleaseError) as caught:
        chain.links(read_trusted(other))
    assert caught.value.code == "ledger-signature"
    with pytest.raises(ReleaseError) as caught:
        Chain(chain.path, "another").links()
    assert caught.value.code == "ledger-tampered"


def test_no_byte_changes_unseen(keys: Path, checker: SigningKey, tmp_path: Path) -> None:
    chain = Chain(tmp_path / "chain.jsonl", "test")
    for number in range(3):
        with chain.held() as links:
            chain.append(links, {"said": number}, checker)
    trusted, whole = read_trusted(keys), chain.path.read_bytes()
    # A last line without its newline was never told: that is how a crash looks, and the head tells it.
    for place in range(len(whole) - 1):
        chain.path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(ReleaseError) as caught:
            chain.links(trusted)
        assert caught.value.code in ("ledger-tampered", "ledger-signature")
    lines = whole.splitlines(keepends=True)
    for wrong in ([lines[0], lines[2]], [lines[1], lines[0], lines[2]], [*lines, lines[2]], lines[1:]):
        chain.path.write_bytes(b"".join(wrong))
        with pytest.raises(ReleaseError) as caught:
            chain.links()
        assert caught.value.code == "ledger-tampered"


def test_what_a_crash_left_of_a_line_is_dropped(checker: SigningKey, tmp_path: Path) -> None:
    chain = Chain(tmp_path / "chain.jsonl", "test")
    for said in ("kept", "half"):
        with chain.held() as links:
            chain.append(links, {"said": said}, checker)
    whole = chain.path.read_bytes()
    first = whole.index(b"\n") + 1
    for end in (first, first + 1, (first + len(whole)) // 2, len(whole) - 1):
        chain.path.write_bytes(whole[:end])
        assert [link.content["said"] for link in chain.links()] == ["kept"]
        with chain.held() as links:
            chain.append(links, {"said": "next"}, checker)
        assert [link.content["said"] for link in chain.links()] == ["kept", "next"]


def test_a_ledger_that_is_there_is_swept_of_what_a_kill_left_beside_it(tmp_path: Path) -> None:
    """Killed once its file had its name, and before the temporary one had lost its own."""
    ledger = Ledger(tmp_path / "ledger")
    ledger.create()
    (ledger.folder / f".{ledger.chain.path.name}-aaaaaaaa").touch()
    ledger.create()
    assert os.listdir(ledger.folder) == [ledger.chain.path.name]


def test_others_may_not_read_it(checker: SigningKey, tmp_path: Path) -> None:
    chain = Chain(tmp_path / "chain.jsonl", "test")
    with chain.held() as links:
        chain.append(links, {"said": 1}, checker)
    chain.path.chmod(0o640)
    with pytest.raises(ReleaseError) as caught:
        chain.links()
    assert caught.value.code == "ledger-mode"


def codes(*members: Member, key: bytes = PROVIDER, site: str = "9001") -> np.ndarray:
    (one,) = cohort_sets(key, site, {"all": members})
    return one.codes


def test_households_meet_by_keyed_codes_only() -> None:
    one = codes("b", "a", "b")
    assert len(one) == 2 and (np.diff(one.astype(object)) > 0).all()
    assert sides(one, codes("a", "b")) == (0, 0)
    assert sides(one, codes("a", "c", "d")) == (1, 2)
    assert sides(one, codes("a", "b", site="9002")) == (2, 2)
    assert sides(one, codes("a", "b", key=b"q" * 32)) == (2, 2)


def test_a_household_that_came_in_twice_counts_once() -> None:
    one = codes(("a", 18_000), ("a", 18_030), ("b", 18_000))
    assert len(one) == 3 and count_households(one) == 2
    assert sides(one, codes(("a", 18_000), ("b", 18_000))) == (1, 0)
    # Another wave is of other episodes, also of those who come back.
    assert sides(one, codes(("a", 18_400), ("b", 18_400))) == (2, 2)


def test_sets_of_a_release_are_kept_in_one_private_file(tmp_path: Path) -> None:
    members = {"everybody": households(0, 100), "few": households(0, 9), "month": households(37, 62)}
    made = cohort_sets(PROVIDER, "9001", members, floor=10)
    name = write_sets(tmp_path, made)
    found = {one.analysis: one.codes for one in read_sets(tmp_path, name)}
    assert list(found) == ["everybody", "month"], "of nine households nothing leaves"
    assert all((found[one.analysis] == one.codes).all() for one in made)
    (file,) = tmp_path.iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.stat().st_size < 8 * 101 + 2 * 13 + 90, "a bit a household and set"
    whole = file.read_bytes()
    for other in (b"\0" * 16, whole[:-1], whole + b"\0", b"", b"[]"):
        file.write_bytes(other)
        with pytest.raises(ReleaseError, match="ledger-set"):
            read_sets(tmp_path, name)
        # Nor under the name that fits what it holds, where it is no file of sets.
        renamed = hashlib.sha256(other).hexdigest()
        (tmp_path / f"{renamed}.set").write_bytes(other)
        (tmp_path / f"{renamed}.set").chmod(0o600)
        with pytest.raises(ReleaseError, match="ledger-set"):
            read_sets(tmp_path, renamed)


@pytest.mark.parametrize(
    ("first", "last", "question", "refused"),
    [
        (0, 1000, "contact_method:3", False),  # the same households
        (1, 1000, "contact_method:3", True),  # one erased
        (0, 1009, "contact_method:6", True),  # nine more, at another horizon
        (5, 1004, "contact_method:3", True),  # five out, four in
        (1, 1500, "contact_method:3", True),  # one erased, and very many new
        (9, 1500, "contact_method:3", True),  # nine erased
        (10, 1500, "contact_method:3", False),  # ten erased
        (1, 1500, "contact_method:6", False),  # at another horizon other outcomes, of many others
        (0, 1010, "contact_method:3", False),  # ten more
        (1000, 2000, "contact_method:3", False),  # a later, disjoint wave
        (1, 1000, "accepted_help:3", False),  # another question: other statistics
    ],
)
def test_cohorts_a_few_households_apart_do_not_leave(
    checker: SigningKey, tmp_path: Path, first: int, last: int, question: str, *, refused: bool
) -> None:
    ledger, sets = begun(tmp_path), tmp_path / "sets"
    ledger.record(candidate(sets, {"contact_method:3": households(0, 1000)}), sets, checker)
    later = candidate(
        sets, {question: households(first, last)}, payload_hash=hexed("second"), snapshot=hexed("two")
    )
    if not refused:
        ledger.record(later, sets, checker)
        assert len(ledger.rows()) == 2
        return
    with pytest.raises(RefusedError) as caught:
        ledger.record(later, sets, checker)
    assert caught.value.code == "ledger-few-apart"
    assert len(ledger.rows()) == 1
    # Another site's households are other people, whatever their keys look like.
    elsewhere = later.model_copy(update={"site": hexed("elsewhere"), "payload_hash": hexed("there")})
    ledger.record(elsewhere, sets, checker)
    # What was withdrawn was told.
    ledger.withdraw(hexed("first"), checker)
    with pytest.raises(RefusedError) as caught:
        ledger.record(later, sets, checker)
    assert caught.value.code == "ledger-few-apart"


def test_one_release_a_study_and_snapshot(checker: SigningKey, tmp_path: Path) -> None:
    ledger, sets = begun(tmp_path), tmp_path / "sets"
    first = candidate(sets, {"contact_method:3": households(0, 1000)})
    line = ledger.record(first, sets, checker)
    assert ledger.record(first, sets, checker) == line, "the same again changes nothing"
    second = first.model_copy(update={"payload_hash": hexed("second")})
    for wave in (1, 2):  # the same extract is no other wave, whatever it is called
        with pytest.raises(RefusedError) as caught:
            ledger.record(second.model_copy(update={"wave": wave}), sets, checker)
        assert caught.value.code == "ledger-once"
    assert ledger.withdraw(first.payload_hash, checker) == ledger.withdraw(first.payload_hash, checker)
    with pytest.raises(RefusedError) as caught:
        ledger.record(first, sets, checker)
    assert caught.value.code == "ledger-withdrawn"
    ledger.record(second.model_copy(update={"payload_hash": hexed("third")}), sets, checker)
    with pytest.raises(ReleaseError) as caught:
        ledger.withdraw(hexed("never"), checker)
    assert caught.value.code == "ledger-not-released"


def test_numbers_of_one_extract_are_a_part_of_its_households(checker: SigningKey, tmp_path: Path) -> None:
    ledger, sets = begun(tmp_path), tmp_path / "sets"
    cohorts = {"contact_method:3": households(0, 800), "accepted_help:3": households(500, 1000)}
    first = candidate(sets, cohorts, numbers=200)
    ledger.record(first, sets, checker)
    second = first.model_copy(update={"payload_hash": hexed("second"), "study_digest": hexed("other")})
    with pytest.raises(RefusedError) as caught:
        ledger.record(second.model_copy(update={"numbers": 131}), sets, checker)
    assert caught.value.code == "ledger-budget"
    ledger.record(second.model_copy(update={"numbers": 130}), sets, checker)
    third = second.model_copy(
        update={"payload_hash": hexed("third"), "numbers": 1, "study_digest": hexed("third")}
    )
    # One more number is one too many, also of an extract that only says it is another: the same households.
    for snapshot in ("one", "two"):
        with pytest.raises(RefusedError) as caught:
            ledger.record(third.model_copy(update={"snapshot": hexed(snapshot)}), sets, checker)
        assert caught.value.code == "ledger-budget"
    later = candidate(
        sets, {"contact_method:3": households(1000, 2000)}, snapshot=hexed("two"), payload_hash=hexed("later")
    )
    ledger.record(later, sets, checker)


def test_verify_finds_a_changed_set(keys: Path, checker: SigningKey, tmp_path: Path) -> None:
    ledger, sets = begun(tmp_path), tmp_path / "sets"
    ledger.record(candidate(sets, {"contact_method:3": households(0, 1000)}), sets, checker)
    assert len(ledger.verify(read_trusted(keys))) == 1
    (file,) = (tmp_path / "ledger" / "sets").glob("*.set")
    file.write_bytes(file.read_bytes()[8:])
    with pytest.raises(ReleaseError) as caught:
        ledger.verify(read_trusted(keys))
    assert caught.value.code == "ledger-set"
    file.unlink()
    with pytest.raises(ReleaseError):
        ledger.verify(read_trusted(keys))


def _append(path: Path, keys: Path, who: int) -> None:
    chain, key = Chain(path, "test"), read_signing_key(keys, "checker")
    for number in range(10):
        with chain.held() as links:
            chain.append(links, {"who": who, "number": number}, key)


def test_writers_beside_each_other_lose_nothing(keys: Path, tmp_path: Path) -> None:
    path = tmp_path / "inside" / "chain.jsonl"
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_append, args=(path, keys, who)) for who in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    found = Chain(path, "test").links(read_trusted(keys))
    assert sorted((link.content["who"], link.content["number"]) for link in found) == [
        (who, number) for who in range(4) for number in range(10)
    ]


KILLED = textwrap.dedent(
    """
    import sys
    from pathlib import Path
    from causalsig.release.chain import Chain
    from causalsig.release.keys import read_signing_key
    chain, key = Chain(Path(sys.argv[1]), "test"), read_signing_key(Path(sys.argv[2]), "checker")
    print("ready", flush=True)
    number = 0
    while True:
        with chain.held() as links:
            chain.append(links, {"number": len(links)}, key)
        print(len(links), flush=True)
    """
)


def test_a_kill_loses_nothing_that_was_told(keys: Path, tmp_path: Path) -> None:
    path, told, draw = tmp_path / "inside" / "chain.jsonl", -1, random.Random(11)
    for _ in range(5):
        command = [sys.executable, "-c", KILLED, str(path), str(keys)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            time.sleep(draw.uniform(0.0, 0.1))
            os.kill(process.pid, signal.SIGKILL)
            said = [int(line) for line in process.stdout.read().split() if line]
        told = max([told, *said])
        found = Chain(path, "test").links(read_trusted(keys))
        assert [link.content["number"] for link in found] == list(range(len(found)))
        assert len(found) > told
    assert told >= 0, "nothing was ever written"


def test_a_line_of_another_version_is_no_line(checker: SigningKey, tmp_path: Path) -> None:
    ledger, sets = begun(tmp_path), tmp_path / "sets"
    with ledger.chain.held() as links:
        ledger.chain.append(links, {"event": "rejoiced"}, checker)
    with pytest.raises(ReleaseError) as caught:
        ledger.record(candidate(sets, {"contact_method:3": households(0, 1000)}), sets, checker)
    assert caught.value.code == "ledger-tampered"
    assert "rejoiced" not in json.dumps(caught.value.message)


def test_a_ledger_is_signed_by_who_completes_the_release(keys: Path, tmp_path: Path) -> None:
    ledger, sets = begun(tmp_path), tmp_path / "sets"
    new_key(tmp_path / "second", "operator")
    ledger.record(
        candidate(sets, {"contact_method:3": households(0, 1000)}),
        sets,
        read_signing_key(tmp_path / "second", "operator"),
    )
    with pytest.raises(ReleaseError) as caught:
        ledger.verify(read_trusted(keys))
    assert caught.value.code == "ledger-signature"


def test_a_ledger_that_is_gone_is_not_begun_again_unasked(
    keys: Path, checker: SigningKey, tmp_path: Path
) -> None:
    ledger, sets = Ledger(tmp_path / "ledger"), tmp_path / "sets"
    first = candidate(sets, {"contact_method:3": households(0, 1000)})
    for act in (
        lambda: ledger.record(first, sets, checker),
        lambda: ledger.admit(first, sets),
        lambda: ledger.refuse(first.payload_hash, checker),
        lambda: ledger.withdraw(first.payload_hash, checker),
        lambda: ledger.verify(read_trusted(keys)),
        ledger.rows,
    ):
        with pytest.raises(ReleaseError, match="ledger-absent"):
            act()
    assert not ledger.folder.exists()
    # The provider's key brings one, and a command begins one; what is there is never emptied.
    assert Ledger(keys / "ledger").rows() == []
    assert run("ledger", "new", ledger.folder) == 0
    ledger.record(first, sets, checker)
    assert run("ledger", "new", ledger.folder) == 0
    assert len(ledger.rows()) == 1
    assert ledger.chain.path.stat().st_mode & 0o777 == 0o600
    assert ledger.folder.stat().st_mode & 0o777 == 0o700


def test_verify_says_what_it_cannot_tell(
    keys: Path,
    checker: SigningKey,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ledger, sets = begun(tmp_path), tmp_path / "sets"
    ledger.record(candidate(sets, {"contact_method:3": households(0, 1000)}), sets, checker)
    monkeypatch.setattr("causalsig.release.ledger.now", lambda: "1999-01-01T00:00:00+00:00")
    ledger.refuse(hexed("other"), checker)
    with ledger.chain.path.open("ab") as file:
        file.write(b'{"half')
    assert run("ledger", "verify", ledger.folder, "--keys", keys) == 0
    told = capsys.readouterr().out
    beside_key = tmp_path / "provider"
    beside_key.mkdir()
    (beside_key / "ledger").symlink_to(ledger.folder)
    assert run("ledger", "verify", beside_key, "--keys", keys) == 0
    assert capsys.readouterr().out == told, "the folder of the provider's key will do"
    assert "end       not checked" in told
    assert "torn      6 bytes" in told
    assert "line 2 is dated before" in told
