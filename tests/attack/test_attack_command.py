"""`causalsig attack` on a real release: with everything off it finds out everything, and writes nothing."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from causalsig_cli.app import main

from causalsig.attack.extracts import without_households
from causalsig.attack.replay import ReplayRequest, plan
from causalsig.attack.scene import Scene
from causalsig.execution.site import read_site
from causalsig.release.keys import new_keys, read_provider_key, read_trusted
from causalsig.release.signed import read_release
from causalsig.study.read import read_inventory, read_study


@pytest.fixture
def attack(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    def call(*arguments: object) -> tuple[int, str, str]:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(["attack", *map(str, arguments)])
        out, err = capsys.readouterr()
        return int(ended.value.code or 0), out, err

    return call


def given(provider: Any, **other: Path) -> tuple[object, ...]:
    folders = {"data": provider.data, "study": provider.study, "keys": provider.keys} | other
    options = [part for name, path in folders.items() for part in (f"--{name}", path)]
    return (provider.outbox, *options, "--workers", 1)


def everything(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_table_of_one_release(attack: Any, provider: Any) -> None:
    before = everything(provider.data.parent)
    code, out, err = attack(*given(provider), "--format", "json")
    rows = {(row["attack"], row["setting"]): row for row in json.loads(out)}
    assert (code, "1 release(s) attacked" in err) == (0, True)
    # One release: no attack can be above chance, and exact numbers give each household away.
    for name in ("erasure", "overlapping", "changed-record", "saturated-dummies", "tree-leaves"):
        assert (rows[name, "off"]["tried"], rows[name, "off"]["succeeded"]) == (1, 1), name
    assert rows["pool-minus-own", "on"]["verdict"] == "not tried"
    assert "not tried, since too little was released" in err
    # Nothing made with the rules off is written anywhere, nor is the provider's ledger touched.
    assert {p: c for p, c in everything(provider.data.parent).items() if not p.endswith(".lock")} == {
        p: c for p, c in before.items() if not p.endswith(".lock")
    }


def test_the_ledger_refuses_one_household_fewer_and_lets_many_fewer_pass(
    provider: Any, tmp_path: Path
) -> None:
    (task,) = plan(ReplayRequest(provider.outbox, provider.data, provider.study, provider.keys))
    site = read_inventory(provider.data / "inventory.toml").site(task.municipality)
    assert site is not None
    document = read_release(task.release, trusted=read_trusted(provider.keys), allow_demo=True)
    read = read_site(task.source, site, read_provider_key(task.request.keys))
    scene = Scene(site, read_study(provider.study), read, document, provider.keys, tmp_path)
    assert scene.is_of_this_release()
    block = scene.block()
    assert block is not None
    cohort = scene.cohort(block)
    names = sorted(set(cohort.household_keys.astype(str)))
    one_fewer = scene.analyse(without_households(read.tables, names[:1]))
    many_fewer = scene.analyse(without_households(read.tables, names[::2]))
    assert not scene.ledger_lets_pass([one_fewer])
    assert scene.ledger_lets_pass([many_fewer])
    assert not scene.ledger_lets_pass([many_fewer, one_fewer])


def test_data_without_their_mark_are_refused(attack: Any, provider: Any, tmp_path: Path) -> None:
    unmarked = shutil.copytree(provider.data, tmp_path / "data")
    (unmarked / "synthetic.sha256").unlink()
    code, out, err = attack(*given(provider, data=unmarked))
    assert (code, out) == (3, "")
    assert "[attack-not-synthetic]" in err


def test_keys_of_a_real_provider_are_refused(attack: Any, provider: Any, tmp_path: Path) -> None:
    new_keys(tmp_path / "keys")
    code, _, err = attack(*given(provider, keys=tmp_path / "keys"))
    assert (code, "[attack-not-synthetic]" in err) == (3, True)


def test_releases_of_another_provider_are_of_nobody_here(attack: Any, provider: Any, tmp_path: Path) -> None:
    keys = shutil.copytree(provider.keys, tmp_path / "keys")
    new_keys(tmp_path / "others", demo=True)
    shutil.copy2(tmp_path / "others" / "provider.key", keys / "provider.key")
    code, _, err = attack(*given(provider, keys=keys))
    assert (code, "[attack-no-release]" in err) == (2, True)
