"""A key's life: made, given a successor, taken out of trust; and what it signed in between."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from causalsig.errors import ReleaseError
from causalsig.records import SiteResult
from causalsig.release import (
    ReleaseIdentity,
    build_release,
    new_keys,
    read_signing_key,
    read_trusted,
    verify,
    write_review,
)
from causalsig.release.keys import revoke_key, rotate_key
from causalsig.release.life import read_review
from causalsig.study.models import Study
from tests.release.desk import approve_both, run
from tests.release.memories import memory_for


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    new_keys(tmp_path / "keys")
    return tmp_path / "keys"


@pytest.fixture
def site(tmp_path: Path, study: Study, make_site: Callable[..., SiteResult]) -> Path:
    identity = ReleaseIdentity("a" * 64, "b" * 64, "0.1.0", "c" * 64, 1)
    folder = tmp_path / "sites" / "9001"
    write_review(
        folder, build_release(make_site(), study=study, identity=identity), memory=memory_for(folder)
    )
    return folder


def release(site: Path, keys: Path, **choices: bool) -> Path:
    return approve_both(site, keys, site.parent.parent / "outbox", **choices)


def test_what_a_rotated_key_signed_stands(site: Path, keys: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = release(site, keys)
    old = read_signing_key(keys, "checker").public
    assert run("keys", "rotate", keys, "--role", "checker") == 0
    new = read_signing_key(keys, "checker").public
    assert new.key_id != old.key_id and capsys.readouterr().out.strip() == new.key_id
    assert (keys / "checker.key").stat().st_mode & 0o777 == 0o600
    states = {key.key_id: key.state for key in read_trusted(keys).keys if key.role == "checker"}
    assert states == {old.key_id: "retired", new.key_id: "active"}
    assert {key.key_id for key in verify(file, trusted=read_trusted(keys)).signers} >= {old.key_id}
    assert run("keys", "show", keys, "--format", "json") == 0
    assert {key["state"] for key in json.loads(capsys.readouterr().out)} == {"active", "retired"}


def test_what_a_revoked_key_signed_is_approved_again(site: Path, keys: Path) -> None:
    file = release(site, keys)
    old = read_signing_key(keys, "checker").public
    assert run("keys", "revoke", keys, old.key_id[:8]) == 0
    assert not (keys / "checker.key").exists(), "a key that somebody else may have signs no more"
    with pytest.raises(ReleaseError) as caught:
        verify(file, trusted=read_trusted(keys))
    assert caught.value.code == "release-revoked-key"
    with pytest.raises(ReleaseError):
        rotate_key(keys, "checker")
    assert run("keys", "new", keys, "--role", "checker") == 0
    again = release(site, keys, force=True)
    assert again == file
    signers = verify(file, trusted=read_trusted(keys)).signers
    assert old.key_id not in {key.key_id for key in signers}
    assert [entry.step for entry in read_review(site).log].count("approved") == 3


def test_a_folder_of_public_keys_alone_can_revoke(keys: Path, tmp_path: Path) -> None:
    public = tmp_path / "public"
    public.mkdir()
    for path in keys.glob("*.pub.json"):
        (public / path.name).write_bytes(path.read_bytes())
    operator = next(key for key in read_trusted(public).keys if key.role == "operator")
    assert revoke_key(public, operator.key_id).state == "revoked"
    assert revoke_key(public, operator.key_id).state == "revoked", "twice is once"
    assert {key.state for key in read_trusted(public).keys if key.role == "operator"} == {"revoked"}
    for wrong in (operator.key_id[:7], "0" * 64, ""):
        with pytest.raises(ReleaseError) as caught:
            revoke_key(public, wrong)
        assert caught.value.code == "release-no-keys"


def test_a_rotated_key_that_was_interrupted_is_rotated_again(keys: Path) -> None:
    """The private key is replaced before the public one: a kill between the two loses no trust."""
    old = read_signing_key(keys, "operator").public
    before = (keys / "operator.pub.json").read_bytes()
    middle = rotate_key(keys, "operator")
    (keys / "operator.pub.json").write_bytes(before)
    new = rotate_key(keys, "operator")
    states = {key.key_id: key.state for key in read_trusted(keys).keys if key.role == "operator"}
    assert states == {old.key_id: "retired", middle.key_id: "retired", new.key_id: "active"}


def test_a_folder_that_others_can_change_holds_no_secret(keys: Path) -> None:
    keys.chmod(0o777)
    with pytest.raises(ReleaseError) as caught:
        read_signing_key(keys, "checker")
    assert caught.value.code == "release-key-mode"
    keys.chmod(0o755)
    read_signing_key(keys, "checker")


def test_no_key_is_made_where_it_could_be_committed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tree = tmp_path / "tree"
    subprocess.run(("git", "init", "--quiet", str(tree)), check=True)
    assert run("keys", "new", tree / "keys", "--role", "operator") == 2
    assert "[release-key-in-repository]" in capsys.readouterr().err and not (tree / "keys").exists()
    (tree / ".gitignore").write_text("*.key\n")
    assert run("keys", "new", tree / "keys", "--role", "operator") == 0
    (tree / ".gitignore").unlink()
    assert run("keys", "new", tree / "demo", "--demo") == 0, "a throwaway key is no secret"


def test_this_repository_ignores_keys() -> None:
    top = Path(__file__).parents[2]
    asked = ("git", "-C", str(top), "check-ignore", "keys/operator.key")
    if (top / ".git").exists():
        assert subprocess.run(asked, capture_output=True, check=False).returncode == 0
    assert "*.key" in (top / ".gitignore").read_text().splitlines()
