"""`causalsig masked`: thirty sites pool by sums, typed from key to pool, and what is refused on the way."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from causalsig.meta.on_grid import fit_on_grid
from causalsig.pooling import pool_arms
from causalsig.pooling.masked import row_terms
from causalsig.records import SiteResult
from causalsig.release import (
    ReleaseIdentity,
    build_release,
    new_keys,
    read_signing_key,
    read_trusted,
    write_review,
)
from causalsig.release.build import released_arms
from causalsig.release.envelope import unseal
from causalsig.release.keys import TrustedKeys
from causalsig.release.ledger import Ledger
from causalsig.release.masked import Sealed, open_round
from causalsig.release.signed import read_release
from causalsig.study.digest import study_digest
from causalsig.study.models import Study
from causalsig.study.read import DEFAULT_STUDY
from tests.release.desk import approve_both, run
from tests.release.memories import memory_for

SITES, POINTS, PRECISION, UNIT = 30, 3, 8, -6
GRID = ("--points", POINTS, "--precision", PRECISION, "--unit-exponent", UNIT, "--step-exponent", 0)
Shown = pytest.CaptureFixture[str]


@dataclass(frozen=True)
class House:
    """A provider with released sites, and a coordinator."""

    folder: Path

    @property
    def keys(self) -> Path:
        return self.folder / "keys"

    @property
    def trusted(self) -> TrustedKeys:
        return read_trusted(self.keys)

    @property
    def outbox(self) -> Path:
        return self.folder / "outbox"

    @property
    def own(self) -> tuple[object, ...]:
        return (
            *("--keys", self.keys, "--private", self.folder / "private"),
            *("--ledger", self.folder / "sites" / "ledger"),
        )

    def releases(self) -> list[Path]:
        return sorted(self.outbox.glob("*.release.json"))

    def ask(self, *more: object, site_keys: Path | None = None) -> int:
        keys = site_keys or self.folder / "masked"
        out = ("--out", self.folder / "units.round.json")
        return run("masked", "round", DEFAULT_STUDY, keys, "--keys", self.keys, *out, *GRID, *more)

    def answer(self, stage: str, *releases: Path) -> int:
        site_keys = ("--site-keys", self.folder / "masked", "--out", self.folder / "answers")
        asked = self.folder / f"{stage}.round.json"
        return run("masked", "contribute", asked, *(releases or (self.outbox,)), *site_keys, *self.own)

    def add(self, stage: str, *more: object) -> int:
        asked, answers = self.folder / f"{stage}.round.json", self.folder / "answers"
        return run("masked", "sum", DEFAULT_STUDY, asked, answers, "--keys", self.keys, *more)

    def round(self, stage: str) -> Sealed:
        return open_round((self.folder / f"{stage}.round.json").read_bytes(), trusted=self.trusted)


@pytest.fixture(scope="module")
def released(
    tmp_path_factory: pytest.TempPathFactory, study: Study, make_site: Callable[..., SiteResult]
) -> Path:
    """Make thirty releases, approved by two people, with their masked keys."""
    house = House(tmp_path_factory.mktemp("house"))
    new_keys(house.keys)
    for number in range(SITES):
        identity = ReleaseIdentity(f"{number + 1:02x}" * 32, f"{number + 60:02x}" * 32, "0.1.0", "c" * 64, 1)
        folder = house.folder / "sites" / f"9{number:03d}"
        document = build_release(make_site(seed=number), study=study, identity=identity)
        write_review(folder, document, memory=memory_for(folder))
        approve_both(folder, house.keys, house.outbox)
    assert run("masked", "key", house.outbox, *house.own, "--out", house.folder / "masked") == 0
    return house.folder


@pytest.fixture
def house(released: Path, tmp_path: Path) -> House:
    shutil.copytree(released, tmp_path / "house")
    return House(tmp_path / "house")


def test_from_keys_to_the_pool(house: House, study: Study, capsys: Shown) -> None:
    assert house.ask() == 0 and house.answer("units") == 0 and house.add("units") == 0
    shown = capsys.readouterr()
    assert shown.out.splitlines()[-1] == str(house.folder / "grid.round.json")
    assert "Next: causalsig masked contribute" in shown.err
    assert house.answer("grid") == 0
    capsys.readouterr()
    assert house.add("grid", "--format", "json") == 0
    found = {row["question"]: row for row in json.loads(capsys.readouterr().out)}

    blocks = [released_arms(read_release(path, trusted=house.trusted)) for path in house.releases()]
    asked = house.round("grid")
    rows = asked.document.rows
    assert [(row.question, row.arm, row.reference) for row in rows] == [
        ("accepted_help", "accepted", "not_accepted"),
        ("contact_method", "home_visit", "letter"),
    ]
    each = np.array([row_terms(own, asked, asked.variances()) for own in blocks])
    coarse = np.rint(each * 2.0**PRECISION) * 2.0**-PRECISION
    everything = pool_arms([block for own in blocks for block in own], study, study_digest(study))
    for place, row in enumerate(rows):
        terms = coarse[:, place].sum(axis=0)
        fit = fit_on_grid(terms[1:].reshape(POINTS, 5), asked.tau2(), SITES).scaled(2.0**UNIT)
        exact = each[:, place].sum(axis=0)
        unrounded = fit_on_grid(exact[1:].reshape(POINTS, 5), asked.tau2(), SITES).scaled(2.0**UNIT)
        plain = next(
            one
            for one in everything.contrasts
            if (one.question, one.outcome, one.estimand, one.arm, one.reference)
            == (row.question, row.outcome, row.estimand, row.arm, row.reference)
            and one.primary
        )
        told = found[row.question]
        assert told["sites"] == SITES == plain.sites and told["at"] == unrounded.at
        for name in ("estimate", "std_error", "conf_low", "conf_high", "tau2", "q"):
            assert told[name] == pytest.approx(getattr(fit, name), rel=1e-12), "masks cancel"
        # Rounding to 2^-8, and tau on the grid in place of its maximum.
        assert abs(told["estimate"] - unrounded.estimate) < 0.01 * unrounded.std_error
        assert abs(np.sqrt(told["tau2"]) - np.sqrt(plain.tau2)) <= 2.0**UNIT
        assert abs(told["estimate"] - plain.estimate) < 0.1 * plain.std_error

    assert house.add("grid") == 0
    assert "home_visit - letter" in capsys.readouterr().out


def test_a_drop_out_is_named_and_nothing_is_read(house: House, capsys: Shown) -> None:
    first, last = house.releases()[0], house.releases()[-1]
    assert house.ask() == 0 and house.answer("units", *house.releases()[1:-1]) == 0
    capsys.readouterr()
    assert house.add("units") == 3
    shown = capsys.readouterr()
    assert shown.out == "" and "[release-masked-missing]" in shown.err
    assert f"2 missing: {first.name[:12]}, {last.name[:12]}." in shown.err
    assert not (house.folder / "grid.round.json").exists()


def test_a_round_over_five_sites_is_refused(house: House, capsys: Shown) -> None:
    few = house.folder / "few"
    few.mkdir()
    for path in sorted((house.folder / "masked").iterdir())[:5]:
        shutil.copy(path, few)
    assert house.ask(site_keys=few) == 3
    shown = capsys.readouterr().err
    assert "expected at least 30 sites" in shown and "found 5 sites" in shown
    assert "[release-masked-sites]" in shown and not (house.folder / "units.round.json").exists()


def test_only_a_release_that_stands_is_added(house: House, capsys: Shown) -> None:
    assert house.ask() == 0
    one, two = house.releases()[:2]
    kept = one.read_bytes()
    ledger = house.folder / "sites" / "ledger"
    who = ("--as", "operator", "--keys", house.keys, "--reason", "error")
    assert run("release", "withdraw", one, "--ledger", ledger, *who) == 0
    one.write_bytes(kept)  # put back beside the word that withdraws it
    assert house.answer("units", one) == 3
    assert "[release-withdrawn]" in capsys.readouterr().err
    aside = house.folder / "elsewhere" / one.name
    aside.parent.mkdir()
    aside.write_bytes(kept)  # without that word
    assert house.answer("units", aside) == 3
    assert "[ledger-withdrawn]" in capsys.readouterr().err
    two.write_bytes(unsigned_by_checker(two))
    assert house.answer("units", two) == 2
    assert "[release-unsigned]" in capsys.readouterr().err
    assert not (house.folder / "answers").exists()


def test_a_release_that_the_ledger_does_not_have_is_refused(house: House, capsys: Shown) -> None:
    assert house.ask() == 0
    shutil.rmtree(house.folder / "sites" / "ledger")
    Ledger(house.folder / "sites" / "ledger").create()
    capsys.readouterr()
    assert house.answer("units") == 2
    assert "[ledger-not-released]" in capsys.readouterr().err


def test_another_round_of_the_same_stage_is_refused_and_the_same_one_repeated(
    house: House, capsys: Shown
) -> None:
    one = house.releases()[0]
    assert house.ask() == 0 and house.answer("units", one) == 0
    (first,) = (house.folder / "answers").iterdir()
    before = first.read_bytes()
    assert house.answer("units", one) == 0 and first.read_bytes() == before
    found = unseal(before, house.trusted, ("operator",)).document
    assert found["payload_hash"] and found["round"] == house.round("units").digest
    assert house.ask("--every-arm", "--force") == 0
    capsys.readouterr()
    assert house.answer("units", one) == 3
    assert "[release-masked-once]" in capsys.readouterr().err


def test_a_site_that_cannot_answer_is_named_and_uses_up_no_other_turn(house: House, capsys: Shown) -> None:
    assert house.ask("--unit-exponent", -3) == 0 and house.answer("units") == 0 and house.add("units") == 0
    record = (house.folder / "sites" / "ledger" / "masked.jsonl").read_bytes()
    capsys.readouterr()
    assert house.answer("grid") == 3
    shown = capsys.readouterr().err
    assert re.search(r"site [0-9a-f]{12}: .*0\.25 units of 2\^-3.*\[pool-masked-unit\]", shown)
    assert (house.folder / "sites" / "ledger" / "masked.jsonl").read_bytes() == record
    assert not list((house.folder / "answers").glob("*.masked-grid.json"))


def test_what_sums_cannot_give_is_refused_before_a_site_is_asked(
    house: House, tmp_path: Path, capsys: Shown
) -> None:
    mixture = tmp_path / "mixture.toml"
    assert run("study", "init", mixture) == 0
    text = mixture.read_text("utf-8")
    mixture.write_text(re.sub('(?m)^interval = ".*"', 'interval = "mixture"', text), "utf-8")
    capsys.readouterr()
    assert run("masked", "round", mixture, house.folder / "masked", "--keys", house.keys, *GRID) == 2
    assert "[pool-masked-method]" in capsys.readouterr().err


def test_the_private_key_is_for_its_owner_and_stays_the_same(house: House) -> None:
    keys = sorted((house.folder / "private").iterdir())
    assert len(keys) == SITES and all(path.stat().st_mode & 0o077 == 0 for path in keys)
    again = house.folder / "again"
    assert run("masked", "key", house.outbox, *house.own, "--out", again) == 0
    for path in again.iterdir():
        assert path.read_bytes() == (house.folder / "masked" / path.name).read_bytes()
    private: Any = json.loads(keys[0].read_text())["private"]
    assert all(private not in path.read_text() for path in again.iterdir())


def test_a_round_of_another_study_is_refused(house: House, tmp_path: Path, capsys: Shown) -> None:
    other = tmp_path / "other.toml"
    assert run("study", "init", other) == 0
    text = other.read_text("utf-8")
    other.write_text(re.sub(r"(?m)^seed = \d+$", "seed = 5", text), "utf-8")
    assert other.read_text("utf-8") != text
    capsys.readouterr()
    assert run("masked", "round", other, house.folder / "masked", "--keys", house.keys, *GRID) == 2
    assert "keys of another study" in capsys.readouterr().err


def unsigned_by_checker(path: Path) -> bytes:
    """Take the second signature off a release."""
    values = json.loads(path.read_text())
    operator = read_signing_key(path.parent.parent / "keys", "operator").public.key_id
    values["signatures"] = [one for one in values["signatures"] if one["keyid"] == operator]
    return json.dumps(values, separators=(",", ":"), sort_keys=True).encode()
