"""A rule one municipality learned is given to a second study, valued at another, pooled without the first."""

from __future__ import annotations

import json
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from causalsig.diagnosed import RegionCondition
from causalsig.execution.analyse import analyse_site
from causalsig.execution.digests import file_digest
from causalsig.execution.invent import inventory_toml
from causalsig.execution.pool import pool_folder
from causalsig.execution.site import read_site, release_site
from causalsig.execution.truth import inventory_site
from causalsig.execution.worker import Job, run_job
from causalsig.grouped import RuleBehind, RuleBlock, RuleGain, RuleLeaf
from causalsig.release.build import site_code
from causalsig.release.household_sets import BY_THEMSELVES
from causalsig.release.keys import new_keys, read_provider_key, read_trusted
from causalsig.release.signed import read_release
from causalsig.simulation import SiteSpec, load_scenario, simulate_site
from causalsig.simulation.xxllnc import write_workbook
from causalsig.study.digest import study_digest
from causalsig.study.read import read_study
from tests.release.desk import approve_both

MONTHS = 30
ARMS = ("letter", "message", "phone", "home_visit", "none")
SPECS = (SiteSpec("9001", "Voorbeeldstad 01", 90_000), SiteSpec("9002", "Voorbeeldstad 02", 90_000))
STUDY = """
schema_version = "0.1"
name = "rules"
seed = 7
covariates = ["creditor_mix", "log_amount", "n_creditors", "signals_m1_m3"]
[title]
nl = "Regels"
en = "Rules"
[[outcomes]]
id = "any_new_arrears_3m"
kind = "any"
signals = "new_arrears"
months = 3
[questions.contact_method]
reference = "letter"
primary_contrast = ["home_visit", "letter"]
primary_outcome = "any_new_arrears_3m"
outcomes = ["any_new_arrears_3m"]
[estimands]
primary = "ATE"
also = []
[disclosure]
expected_risk = 0.2
[rules]
value_eur = 400
costs_eur = { letter = 1, phone = 8, home_visit = 40 }
"""


class Provider:
    """Two invented municipalities, their sources and keys."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.keys = folder, folder / "keys"
        new_keys(self.keys, demo=True)
        law = load_scenario("clean", "modest")
        self.sites = tuple(inventory_site(one, months=MONTHS, extracted_on=law.extracted_on) for one in SPECS)
        (folder / "inventory.toml").write_text(inventory_toml(self.sites), encoding="utf-8")
        for spec in SPECS:
            made = simulate_site(spec, law, 1, months=MONTHS, truth=False)
            write_workbook(made.tables, folder / f"{spec.code}.xlsx", name=spec.name)

    def approve(self, inside: Path, outbox: str) -> None:
        approve_both(inside, self.keys, self.folder / outbox, demo=True)

    def learned(self, rules: dict[str, RuleBlock | None]) -> None:
        """Release the first study, with what its rule is said to be at each site."""
        path = self.folder / "first.toml"
        path.write_text(STUDY + 'asks = ["creditor_mix"]\n', encoding="utf-8")
        study, [spec, _] = read_study(path), SPECS
        read = read_site(self.folder / "9001.xlsx", self.sites[0])
        found = analyse_site(read.tables, study, self.sites[0], spec.matching)
        [question] = found.questions
        assert question.rule is not None and question.rule.shares
        for code, rule in rules.items():
            inside = self.folder / "first" / code
            result = replace(
                found, municipality=code, questions=(replace(question, rule=rule or question.rule),)
            )
            release_site(
                result,
                study,
                households={"contact_method:3m14": map(str, range(50_000))},
                known_again=BY_THEMSELVES,
                keys=self.keys,
                snapshot=b"s" * 32,
                wave=1,
                folder=inside,
            )
            self.approve(inside, "first-outbox")

    def run(self, study: Path) -> None:
        """Run, check and approve every site of a study."""
        for site in self.sites:
            inside = self.folder / "second" / site.code
            inside.mkdir(parents=True)
            source, inventory = self.folder / f"{site.code}.xlsx", self.folder / "inventory.toml"
            paths = (str(study), str(inventory), site.code, str(source), str(self.keys), str(inside))
            assert run_job(Job(*paths, 1, {"source": file_digest(source)})) == "done"
            self.approve(inside, "second-outbox")


def learned_rule(arm: str = "home_visit", asks: str = "creditor=rent") -> RuleBlock:
    yes, no = (RegionCondition(asks, None, holds) for holds in (True, False))
    gains = tuple(RuleGain(over, 4.2, 1.3, 200.0, 1.0, 7.0) for over in ("best_single", "now"))
    return RuleBlock(
        "contact_method", "any_new_arrears_3m", "ATE", "doubly_robust", True,
        (RuleLeaf((yes,), arm, 300), RuleLeaf((no,), "letter", 900)), gains,
        (("letter", 0.6, 0.4), ("home_visit", 0.4, 0.2)), 4, RuleBehind(240, 40, 0.02, 0.03, 90.0),
    )  # fmt: skip


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Provider:
    found = Provider(tmp_path_factory.mktemp("travel"))
    month = learned_rule(asks="calendar_month=2024-03")
    phone, person = learned_rule("phone"), learned_rule(asks="age=18-26")
    told = {"9001": learned_rule(), "9003": learned_rule(), "9004": None, "9005": phone}
    found.learned(told | {"9006": month, "9007": person})
    return found


def test_rules_that_passed_are_printed_once_with_who_learned_them(run: Any, provider: Provider) -> None:
    asked = ("study", "rules", provider.folder / "first-outbox", "--keys", provider.keys)
    assert run(*asked).code != 0, "a demo approval without --demo"
    done = run(*asked, "--demo")
    assert (
        done.code == 0
        and "2 distinct rule(s), of 6 sites" in done.err
        and "the rule of 2 site(s)" in done.err
    )
    first, second = tomllib.loads(done.out)["rules"]["given"]
    digest, key = study_digest(read_study(provider.folder / "first.toml")), read_provider_key(provider.keys)
    assert (first["name"], second["name"]) == ("rule-1", "rule-2")
    assert first["learned_under"] == second["learned_under"] == digest
    assert first["learned_at"] == sorted(site_code(key, code, digest) for code in ("9001", "9003"))
    assert second["learned_at"] == [site_code(key, "9005", digest)]
    assert {leaf["arm"] for leaf in second["leaves"]} == {"phone", "letter"}


def test_where_no_rule_passed_nothing_is_printed(run: Any, outbox: Any) -> None:
    done = run("study", "rules", outbox.releases, "--keys", outbox.keys, "--demo")
    assert (done.code, done.out) == (0, "") and "no rule passed at any of 3 sites" in done.err
    run("study", "rules", outbox.keys, "--keys", outbox.keys, "--demo").error("pool-no-releases")


def test_a_rule_is_valued_elsewhere_and_pooled_without_who_learned_it(run: Any, provider: Provider) -> None:
    printed = run("study", "rules", provider.folder / "first-outbox", "--keys", provider.keys, "--demo").out
    study = provider.folder / "second.toml"
    study.write_text(f"{STUDY}\n{printed}", encoding="utf-8")
    assert run("study", "check", study).code == 0
    provider.run(study)
    key, digest = read_provider_key(provider.keys), study_digest(read_study(study))
    told = {}
    for path in (provider.folder / "second-outbox").glob("*.release.json"):
        document = read_release(path, trusted=read_trusted(provider.keys), allow_demo=True)
        told[document.site_code] = {entry.name: entry for entry in document.questions[0].given}
    here, elsewhere = (told[site_code(key, code, digest)] for code in ("9001", "9002"))
    assert "rule-1" not in here and len(elsewhere["rule-1"].gains) == 2 + len(ARMS)
    assert here["rule-2"].gains
    record = json.loads((provider.folder / "second" / "9002" / "site.json").read_text("utf-8"))
    block = next(one for one in record["questions"][0]["given_rules"] if one["name"] == "rule-1")
    keys, out = provider.keys, provider.folder / "pooled"
    pool = pool_folder(study, provider.folder / "second-outbox", keys, out, allow_demo=True).pool
    first, second = pool.rules
    assert (first.name, first.travels) == ("rule-1", False)
    assert [gain.over for gain in first.gains] == ["best_single", "now", *ARMS]
    assert {gain.sites for gain in first.gains} == {1} and {gain.sites for gain in second.gains} == {2}
    for gain, known in zip(first.gains, block["gains"], strict=True):
        assert gain.estimate == pytest.approx(known["estimate"], abs=known["std_error"] / 2)
        assert not gain.publishable
