"""SIGKILL in a release's life: nothing is lost, nothing is half released, nothing stays behind."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from causalsig.errors import ReleaseError
from causalsig.release.files import sweep, write_atomic
from causalsig.release.keys import (
    PublicKey,
    TrustedKeys,
    new_key,
    new_keys,
    read_signing_key,
    read_trusted,
    revoke_key,
    rotate_key,
)
from evidence.claims import _killed_steps as steps
from evidence.claims import killed_anywhere

PLACES = {"checker": (0.25, 0.5, 0.7, 0.95), "withdraw": (0.6,), "keys rotate": (0.6,), "keys new": (0.4,)}
"""Parts of the way through a step at which it dies."""


@pytest.mark.parametrize(("step", "part"), [(step, part) for step, parts in PLACES.items() for part in parts])
def test_a_kill_at_an_operation_is_mended_by_repeating(step: str, part: float) -> None:
    first = list(steps.STEPS).index(step) * killed_anywhere.KILLS
    told = killed_anywhere.one(first + int(part * len(killed_anywhere.points(step))))
    assert not told.pop("half") or step == "withdraw"
    assert told == {"step": step, "killed": True, "midway": True, "wrong": []}


def test_what_a_writer_that_is_gone_left_is_swept_and_what_one_holds_is_not(tmp_path: Path) -> None:
    import fcntl

    path = tmp_path / "file.json"
    gone, held, other = (
        tmp_path / f".{name}" for name in ("file.json-aaaaaaaa", "file.json-bbbbbbbb", "file.json")
    )
    for stray in (gone, held, other):
        stray.write_bytes(b"half")
    with held.open("rb") as writer:
        fcntl.flock(writer, fcntl.LOCK_EX)
        write_atomic(path, b"whole")
        assert sorted(os.listdir(tmp_path)) == sorted([path.name, held.name, other.name])
    assert not write_atomic(path, b"whole"), "the same again"
    assert not held.exists() and other.exists()
    sweep(path)
    assert path.read_bytes() == b"whole"


def test_revoking_a_colleagues_key_leaves_ones_own(tmp_path: Path) -> None:
    mine, theirs = tmp_path / "mine", tmp_path / "theirs"
    new_key(mine, "operator")
    colleague = new_key(theirs, "operator")
    (mine / "colleague.pub.json").write_bytes((theirs / "operator.pub.json").read_bytes())
    revoke_key(mine, colleague.key_id)
    assert read_signing_key(mine, "operator").public.key_id != colleague.key_id
    found = read_trusted(mine).find(colleague.key_id)
    assert found is not None and found.state == "revoked"


def test_a_revoked_key_goes_even_where_others_can_read_it(tmp_path: Path) -> None:
    own = new_key(tmp_path, "operator")
    (tmp_path / "operator.key").chmod(0o644)
    revoke_key(tmp_path, own.key_id)
    assert not (tmp_path / "operator.key").exists()


def test_no_private_key_is_made_beside_a_public_one_that_is_there(tmp_path: Path) -> None:
    new_key(tmp_path, "operator")
    (tmp_path / "operator.key").unlink()
    with pytest.raises(ReleaseError, match="release-exists"):
        new_key(tmp_path, "operator")
    assert not (tmp_path / "operator.key").exists()


def test_of_two_files_about_a_key_the_worst_holds() -> None:
    active, revoked = (PublicKey("operator", "a" * 64, b"", False, state) for state in ("active", "revoked"))  # type: ignore[arg-type]
    for keys in ((active, revoked), (revoked, active)):
        assert TrustedKeys(keys).find("a" * 64) == revoked
    assert TrustedKeys((active,)).find("b" * 64) is None


def test_keys_that_a_kill_broke_off_are_finished_and_no_others(tmp_path: Path) -> None:
    new_key(tmp_path, "operator")
    own = read_signing_key(tmp_path, "operator").public
    (tmp_path / "operator.pub.json").unlink()
    with pytest.raises(ReleaseError, match="release-exists"):
        new_key(tmp_path, "operator", demo=True)
    assert new_key(tmp_path, "operator") == own
    new_keys(tmp_path)
    assert read_signing_key(tmp_path, "operator").public == own
    with pytest.raises(ReleaseError, match="release-exists"):
        new_keys(tmp_path)


def test_a_rotation_that_broke_off_leaves_a_key_that_can_be_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    new_key(tmp_path, "operator")
    from causalsig.release import keys

    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken, pytest.raises(KeyboardInterrupt):
        broken.setattr(keys, "_write_private", stop)
        rotate_key(tmp_path, "operator")
    signer = read_signing_key(tmp_path, "operator").public
    assert read_trusted(tmp_path).find(signer.key_id) is not None
    rotate_key(tmp_path, "operator")
    signer = read_signing_key(tmp_path, "operator").public
    assert read_trusted(tmp_path).find(signer.key_id) == signer
