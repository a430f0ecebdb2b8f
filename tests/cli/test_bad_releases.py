"""Pooling at the command: what is mixed, doubled, tampered with or unsigned is told; nothing is written."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from causalsig.errors import PoolError, RefusedError
from causalsig.execution.pool import open_folder, pool_folder, refuse_mixture
from causalsig.release.household_sets import BY_THEMSELVES
from causalsig.release.keys import new_keys, read_trusted
from causalsig.study.digest import study_digest
from causalsig.study.read import read_study
from tests.release.desk import approve_both


def releases(outbox: Any) -> list[Path]:
    return sorted(outbox.releases.glob("*.release.json"))


def rewrite(path: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    values = json.loads(path.read_text())
    change(values)
    path.write_text(json.dumps(values, separators=(",", ":"), sort_keys=True))


def change_a_number(values: dict[str, Any]) -> None:
    """The smallest change that matters: the first digit of a mean, in the signed payload."""
    payload = base64.b64decode(values["payload"])
    at = payload.index(b'"mean":') + len(b'"mean":')
    digit = payload[at : at + 1]
    changed = payload[:at] + (b"2" if digit != b"2" else b"3") + payload[at + 1 :]
    values["payload"] = base64.b64encode(changed).decode()


def test_three_sites_are_pooled_and_each_gets_the_others(run: Any, outbox: Any) -> None:
    result = run(*outbox.pool())
    assert result.code == 0
    assert {path.name for path in outbox.written if path.is_file()} == {
        "pool.json",
        *(f"{path.name.split('.')[0]}.json" for path in releases(outbox)),
    }
    assert "3 sites pooled" in result.err and "report national" in result.err
    assert "for the statistician only" in result.err and "pool-few-sites" in result.err
    assert "home_visit - letter" in result.out
    again = run(*outbox.pool())
    assert again.code == 0 and again.out == result.out


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda path: rewrite(path, change_a_number), "release-tampered"),
        (lambda path: rewrite(path, lambda v: v["signatures"].pop()), "release-unsigned"),
        (lambda path: path.write_bytes(path.read_bytes()[:-40]), "release-not-json"),
        (lambda path: path.write_bytes(b""), "release-not-json"),
        (lambda path: path.write_bytes(b"\xff\xfe{}"), "release-not-json"),
        (lambda path: path.write_bytes(b"[1,2]"), "release-envelope"),
        (lambda path: path.write_bytes(b" " * 40_000_000), "release-too-large"),
    ],
)
def test_one_bad_release_stops_the_pool(
    run: Any, outbox: Any, spoil: Callable[[Path], Any], code: str
) -> None:
    bad = releases(outbox)[1]
    spoil(bad)
    result = run(*outbox.pool())
    assert result.out == "" and outbox.written == []
    assert bad.name in result.error(code)


def test_releases_of_different_studies_are_not_mixed(run: Any, outbox: Any, analysed: Any) -> None:
    from causalsig.execution.site import release_site

    other = read_study("vroegsignalering").model_copy(update={"seed": 1})
    result = replace(analysed, municipality="9004", study_digest=study_digest(other))
    inside = outbox.releases.parent / "sites" / "9004"
    households = {"contact_method:3m14": map(str, range(50_000))}
    release_site(
        result,
        other,
        households=households,
        known_again=BY_THEMSELVES,
        keys=outbox.keys,
        snapshot=b"s" * 32,
        wave=1,
        folder=inside,
    )
    approve_both(inside, outbox.keys, outbox.releases, demo=True)
    found = run(*outbox.pool()).error("pool-other-study")
    assert study_digest(other)[:12] in found and outbox.written == []


def test_another_study_than_the_releases_were_made_with_is_refused(
    run: Any, outbox: Any, tmp_path: Path
) -> None:
    path = tmp_path / "study.toml"
    assert run("study", "init", path).code == 0
    path.write_text(path.read_text().replace("folds = 5", "folds = 6"), encoding="utf-8")
    run(*outbox.pool(study=path)).error("pool-other-study")
    assert outbox.written == []


def test_the_same_site_twice_is_refused(run: Any, outbox: Any) -> None:
    first = releases(outbox)[0]
    shutil.copy(first, first.with_name("copy.release.json"))
    found = run(*outbox.pool()).error("pool-site-twice")
    assert "copy.release.json" in found and outbox.written == []


def test_an_extract_that_says_it_is_another_wave_is_no_new_information(analysed: Any, tmp_path: Path) -> None:
    from tests.cli.conftest import release

    study = read_study("vroegsignalering")
    new_keys(tmp_path / "keys", demo=True)
    for place, extract in enumerate((1, 2)):
        release(tmp_path, analysed, study, "9001", wave=place + 1, extract=extract)
    opened = open_folder(tmp_path / "outbox", read_trusted(tmp_path / "keys"), True)
    refuse_mixture(opened, study_digest(study))
    same = replace(
        opened[1][1],
        document=opened[1][1].document.model_copy(update={"snapshot": opened[0][1].document.snapshot}),
    )
    with pytest.raises(PoolError, match="pool-extract-twice"):
        refuse_mixture([opened[0], (opened[1][0], same)], study_digest(study))
    # The provider's ledger does not let it leave in the first place.
    with pytest.raises(RefusedError, match="ledger-once"):
        release(tmp_path, analysed, study, "9001", wave=3, extract=2)


def test_a_demo_is_no_result(run: Any, outbox: Any) -> None:
    arguments = [argument for argument in outbox.pool() if argument != "--demo"]
    run(*arguments).error("release-demo")
    assert outbox.written == []


def test_signatures_of_strangers_are_refused(run: Any, outbox: Any, tmp_path: Path) -> None:
    new_keys(tmp_path / "others", demo=True)
    arguments = [tmp_path / "others" if argument == outbox.keys else argument for argument in outbox.pool()]
    result = run(*arguments)
    assert result.code == 2 and "[release-" in result.err and outbox.written == []


def test_a_folder_without_releases_or_keys_is_told(run: Any, outbox: Any, tmp_path: Path) -> None:
    for path in releases(outbox):
        path.unlink()
    run(*outbox.pool()).error("pool-no-releases")
    missing = [tmp_path / "nowhere" if argument == outbox.keys else argument for argument in outbox.pool()]
    result = run(*missing)
    assert result.code == 2 and "expected" in result.err and outbox.written == []


def test_an_earlier_pool_is_replaced_only_by_force_and_forgets_who_left(run: Any, outbox: Any) -> None:
    assert run(*outbox.pool()).code == 0
    before = {path: path.read_bytes() for path in outbox.written if path.is_file()}
    gone = releases(outbox)[0]
    gone.unlink()
    run(*outbox.pool()).error("release-exists")
    assert {path: path.read_bytes() for path in outbox.written if path.is_file()} == before
    assert run(*outbox.pool("--force")).code == 0
    others = {path.name for path in outbox.written if path.parent.name == "others"}
    assert others == {f"{path.name.split('.')[0]}.json" for path in releases(outbox)}


def test_one_release_makes_a_pool_that_is_that_site(outbox: Any) -> None:
    for path in releases(outbox)[1:]:
        path.unlink()
    out = outbox.releases.parent / "pooled"
    summary = pool_folder(Path("vroegsignalering"), outbox.releases, outbox.keys, out, allow_demo=True)
    assert summary.pool.sites == 1 and len(summary.others) == 1
    assert not any(row.publishable for row in summary.pool.contrasts)


def test_the_pool_of_the_others_leaves_no_number_that_may_not_be_shown(run: Any, outbox: Any) -> None:
    """Two others are fewer than six: subtracting one's own would show the other."""
    from causalsig.release.keys import read_trusted
    from causalsig.release.signed import read_pool

    assert run(*outbox.pool()).code == 0
    trusted = read_trusted(outbox.keys)
    for path in outbox.written:
        if path.parent.name == "others":
            found = read_pool(path, trusted=trusted, allow_demo=True)
            assert found.contrasts == () or not any(row.publishable for row in found.contrasts)
            assert found.left_out == ()
