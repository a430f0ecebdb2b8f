"""Pools that would tell, beside an earlier one, what one or two municipalities found: they are not made."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from causalsig_cli.app import main

from causalsig.errors import CausalsigError, ReleaseError
from causalsig.execution.pool import PoolSummary, pool_folder
from causalsig.records import PoolResult, SiteResult
from causalsig.release import ReleaseIdentity, build_release, new_keys, read_trusted, write_review
from causalsig.release.keys import new_key, read_signing_key
from causalsig.release.pools_made import FEWEST, PoolsMade, few_changed
from causalsig.release.signed import read_pool
from causalsig.study.digest import study_digest
from causalsig.study.models import Study
from tests.release.conftest import analysis, arm_means, question_result
from tests.release.desk import approve_both, run
from tests.release.memories import memory_for

STUDY = Path("vroegsignalering")
ENOUGH = "abcdef0"
"""Seven municipalities, by the first letter of their codes: each may see the pool of the others."""
OUTCOME = "any_new_arrears_3m"
WITHOUT_VISITS = "789"


class Releases:
    """Releases of sites by letter and wave, made when they are first asked for, with one outcome."""

    def __init__(self, folder: Path, study: Study, make_site: Callable[..., SiteResult]) -> None:
        self.folder, self.study, self.make_site = folder, study, make_site
        self.keys = folder / "keys"
        new_keys(self.keys)
        self.made: dict[str, Path] = {}

    def __getitem__(self, name: str) -> Path:
        if name not in self.made:
            self.made[name] = self._release(name[0], int(name[1:]), len(self.made))
        return self.made[name]

    def _release(self, letter: str, wave: int, number: int) -> Path:
        rng = np.random.default_rng(number)
        whole = question_result("contact_method", (420, 310, 260, 230, 510), rng)
        rows = [row for row in whole.analyses if row.outcome == OUTCOME]
        if letter in WITHOUT_VISITS:
            four = arm_means(("letter", "message", "phone", "none"), (420, 310, 260, 510), 0.21, rng)
            rows = [analysis("contact_method", OUTCOME, "ATE", replace(four, estimand="ATE"), "letter")]
        one = replace(whole, analyses=tuple(rows))
        identity = ReleaseIdentity(letter * 64, f"{number:064x}", "0.1.0", "c" * 64, wave)
        folder = self.folder / "sites" / f"{number}"
        draft = build_release(self.make_site(one), study=self.study, identity=identity)
        write_review(folder, draft, memory=memory_for(folder, first=10_000 * number))
        return approve_both(folder, self.keys, self.folder / "outbox" / f"{number}")


class University:
    """Pools the releases it is given; every test has one of its own, with a memory of its own."""

    def __init__(self, folder: Path, releases: Releases) -> None:
        self.folder, self.releases = folder, releases
        self.out, self.keys = folder / "pooled", folder / "keys"
        self.keys.mkdir(mode=0o700)
        PoolsMade(self.keys).create()
        for path in (*releases.keys.glob("*.pub.json"), releases.keys / "university.key"):
            shutil.copy(path, self.keys / path.name)

    def given(self, names: Iterable[str]) -> Path:
        """Give a folder with the releases of some sites; a letter alone is its first wave."""
        folder = self.folder / "given"
        folder.mkdir(exist_ok=True)
        for path in folder.iterdir():
            path.unlink()
        for place, name in enumerate(names):
            shutil.copy(
                self.releases[name if len(name) > 1 else f"{name}1"], folder / f"{place}.release.json"
            )
        return folder

    def pool(self, names: Iterable[str], out: str = "pooled", force: bool = True) -> PoolSummary:
        """Pool some sites."""
        return pool_folder(STUDY, self.given(names), self.keys, self.folder / out, force=force)

    def comparisons(self, names: Iterable[str]) -> tuple[set[str], set[str]]:
        """Pool some sites: arms whose ATE waits for more of them, and those whose ATE every site may see."""
        summary, trusted = self.pool(names), read_trusted(self.keys)
        files = sorted((self.out / "others").glob("*.json"))
        assert len(files) == summary.pool.sites
        held, shown = set(), {"message", "phone", "home_visit", "none"}
        for found in (summary.pool, *(read_pool(path, trusted=trusted) for path in files)):
            rows = [row for row in found.contrasts if row.estimand == "ATE"]
            held |= {row.arm for row in rows if "pool-few-changed" in row.reasons}
            shown &= {row.arm for row in rows if row.publishable}
            if found.kind == "others":
                assert not held & {mean.arm for mean in found.means if mean.estimand == "ATE"}
        return held, shown

    @property
    def remembered(self) -> int:
        """Lines of the memory."""
        return len(PoolsMade(self.keys).chain.links(read_trusted(self.keys)))


@pytest.fixture(scope="module")
def releases(
    tmp_path_factory: pytest.TempPathFactory, study: Study, make_site: Callable[..., SiteResult]
) -> Releases:
    return Releases(tmp_path_factory.mktemp("releases"), study, make_site)


@pytest.fixture
def university(tmp_path: Path, releases: Releases) -> University:
    return University(tmp_path, releases)


def is_few(pooled: Callable[[], PoolSummary]) -> bool:
    """Whether everything of a pool is for the statistician only."""
    summary = pooled()
    kept = summary.path.parent
    pools = [summary.pool, *(read(path) for path in (kept / "others").glob("*.json"))]
    rows = [row for pool in pools for row in (*pool.contrasts, *pool.robustness, *pool.balance)]
    assert rows
    if not summary.held:
        return False
    assert not any(row.publishable for row in rows)
    assert all("pool-few-changed" in row.reasons for pool in pools for row in pool.contrasts)
    assert not [mean for pool in pools[1:] for mean in pool.means]
    return True


def read(path: Path) -> PoolResult:
    return read_pool(path, trusted=read_trusted(path.parents[2] / "keys"))


def test_one_or_two_who_join_wait_for_a_third_whatever_the_folder(university: University) -> None:
    assert any(row.publishable for row in university.pool(ENOUGH).pool.contrasts)
    for joined in ("1", "12"):
        assert is_few(lambda joined=joined: university.pool(ENOUGH + joined))  # type: ignore[misc]
        assert is_few(lambda joined=joined: university.pool(ENOUGH + joined, "elsewhere"))  # type: ignore[misc]
    assert university.remembered == 1
    assert university.pool(ENOUGH + "123").pool.sites == 10
    # Any earlier pool counts, not the last one alone: 4 beside the ten, and 34 beside the seven and 12.
    assert is_few(lambda: university.pool(ENOUGH + "1234"))
    assert university.pool(ENOUGH).pool.sites == 7
    assert university.remembered == 2


def test_one_or_two_who_leave_wait_too_and_do_not_hide_behind_who_comes(university: University) -> None:
    university.pool(ENOUGH + "123")
    assert is_few(lambda: university.pool(ENOUGH + "12"))
    assert is_few(lambda: university.pool(ENOUGH + "12" + "456"))
    assert university.pool(ENOUGH + "456").pool.sites == 10


def test_a_release_that_was_replaced_came_and_went(university: University) -> None:
    university.pool(ENOUGH)
    for wave in ((f"{letter}2" for letter in ENOUGH[:2]), (f"{letter}2" for letter in ENOUGH[:3])):
        replaced = list(wave)
        names = [*replaced, *ENOUGH[len(replaced) :]]
        assert is_few(lambda names=names: university.pool(names)) == (len(replaced) < FEWEST)  # type: ignore[misc]


def test_a_further_wave_of_one_site_waits_and_of_all_does_not(university: University) -> None:
    university.pool(ENOUGH)
    assert is_few(lambda: university.pool([*ENOUGH, f"{ENOUGH[0]}2"]))
    university.pool([*ENOUGH, *(f"{letter}2" for letter in ENOUGH)])


def test_the_same_releases_are_the_same_pool(university: University) -> None:
    assert university.pool(ENOUGH).pool == university.pool(reversed(ENOUGH), "again").pool
    assert university.remembered == 1


def test_a_pool_that_nobody_may_see_is_not_remembered(university: University) -> None:
    for sites in range(1, 6):
        university.pool(ENOUGH[:sites])
    assert university.remembered == 0
    university.pool(ENOUGH)
    # Of five nobody is shown anything, so nothing of it is held against an earlier one either.
    assert university.pool(ENOUGH[:5]).pool.sites == 5 and university.remembered == 1


def test_a_pool_that_is_not_written_is_not_remembered(university: University) -> None:
    university.pool(ENOUGH)
    with pytest.raises(ReleaseError) as found:
        university.pool(ENOUGH + "123", force=False)
    assert found.value.code == "release-exists" and university.remembered == 1


def test_of_one_comparison_too_three_have_to_come(university: University) -> None:
    """Of three that join only one tells of home visits: that comparison is held back, the others are not."""
    university.pool(ENOUGH)
    held, shown = university.comparisons(ENOUGH + "178")
    assert held == {"home_visit"} and shown == {"message", "phone", "none"}
    # Two more tell of them: three came to that comparison since it was shown.
    held, shown = university.comparisons(ENOUGH + "178" + "239")
    assert held == set() and shown == {"message", "phone", "home_visit", "none"}


def test_another_study_is_another_sequence(university: University) -> None:
    university.pool(ENOUGH)
    digest = study_digest(university.releases.study)
    memory = PoolsMade(university.keys)
    key = read_signing_key(university.keys, "university")
    assert len(memory.of_study(digest, key)) == 1 and memory.of_study("0" * 64, key) == ()


def test_nothing_is_pooled_beside_a_memory_that_was_changed(university: University) -> None:
    university.pool(ENOUGH)
    memory, key = PoolsMade(university.keys), read_signing_key(university.keys, "university")
    path = memory.chain.path
    whole = path.read_bytes()
    made = memory.of_study(study_digest(university.releases.study), key)[0]
    mark = made.sites[0].encode()

    def fails(code: str) -> None:
        for act in (
            lambda: university.pool(ENOUGH + "123"),
            lambda: memory.verify(read_trusted(university.keys)),
        ):
            with pytest.raises(CausalsigError) as found:
                act()
            assert found.value.code == code

    path.write_bytes(whole.replace(mark, mark[::-1]))
    fails("ledger-tampered")
    assert path.stat().st_mode & 0o077 == 0
    path.unlink()
    fails("pool-memory-absent")
    # A line that somebody else signed, and one that says what cannot be, follow from nothing too.
    new_key(university.folder / "strange", "university")
    strange = read_signing_key(university.folder / "strange", "university")
    memory.create()
    memory.chain.append((), made.model_dump(mode="json"), strange)
    fails("ledger-signature")
    for shown in ({"x": "zz"}, {"x": "f" * 40}, {"x": ""}):
        path.unlink()
        memory.create()
        memory.chain.append((), made.model_dump(mode="json") | {"shown": shown}, key)
        fails("ledger-tampered")
    path.write_bytes(whole)
    assert run("ledger", "verify", path.parent, "--keys", university.keys) == 0
    university.pool(ENOUGH + "123")


def test_a_pool_without_a_release_that_was_withdrawn_is_made_and_not_shown(
    university: University, capsys: pytest.CaptureFixture[str]
) -> None:
    assert not university.pool(ENOUGH).held

    def page(names: str) -> str:
        given = ("--releases", university.given(names), "--study", STUDY, "--keys", university.keys)
        assert (
            run(
                "report",
                "national",
                university.out / "pool.json",
                *given,
                "--force",
                "-o",
                university.folder / "n.html",
            )
            == 0
        )
        return capsys.readouterr().err

    assert "pool again" not in page(ENOUGH)
    assert "the pool is of 7 sites, and 6 have a release" in page(ENOUGH[:6])
    less = university.pool(ENOUGH[:6])
    assert less.held and less.pool.sites == 6
    assert university.pool(ENOUGH).held is False and university.remembered == 1


def test_the_command_says_to_wait_and_that_all_is_for_the_statistician(
    university: University, capsys: pytest.CaptureFixture[str]
) -> None:
    def typed(names: str) -> int:
        given = university.given(names)
        return run("pool", STUDY, given, "--keys", university.keys, "--out", university.out, "--force")

    assert typed(ENOUGH) == 0
    capsys.readouterr()
    assert typed(ENOUGH + "1") == 0
    told = capsys.readouterr()
    assert "(pool-few-changed)" in told.err and "until three have changed" in told.err
    assert "1" * 64 not in told.err
    with pytest.raises(SystemExit):
        main(["explain", "pool-few-changed"])
    assert "three more municipalities" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("now_in", "before", "few"),
    [
        ("abc", "abc", False),
        ("abcd", "abc", True),
        ("abcde", "abc", True),
        ("abcdef", "abc", False),
        ("abcdef", "abcx", True),
        ("abcdef", "abcxyz", False),
        ("", "ab", True),
    ],
)
def test_nobody_or_three_on_each_side(now_in: str, before: str, few: bool) -> None:
    assert few_changed(frozenset(now_in), frozenset(before)) is few
    assert few_changed(frozenset(before), frozenset(now_in)) is few
