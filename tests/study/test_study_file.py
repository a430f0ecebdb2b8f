"""The study file is closed: what it cannot mean is an error that says where and how to mend it."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest

from causalsig.errors import StudyError
from causalsig.study.digest import study_digest
from causalsig.study.read import default_study_text, read_inventory, read_study

SITE = """
schema_version = "0.1"
provider = "Provider"
[[sites]]
code = "0363"
name = "Voorbeeldstad"
inhabitants = 60000
retention = "full"
retention_months = 24
[sites.agreement]
project_agreement = 2026-01-01
processor_agreement_provider = 2026-01-01
processor_agreement_university = 2026-01-01
"""


def write(folder: Path, text: str, name: str = "study.toml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_the_default_study_asks_both_questions_with_the_primary_contrasts_of_the_design() -> None:
    study = read_study("vroegsignalering")
    assert list(study.asked) == ["accepted_help", "contact_method"]
    assert study.asked["contact_method"].primary_contrast == ("home_visit", "letter")
    assert study.outcome("any_new_arrears_3m").days == 91
    assert study.estimands.all == ("ATO", "ATE")


def test_the_digest_ignores_layout_and_sees_every_value(tmp_path: Path) -> None:
    text = default_study_text()
    bare = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    same = read_study(write(tmp_path, bare))
    other = read_study(write(tmp_path, text.replace("folds = 5", "folds = 4"), "other.toml"))
    default = study_digest(read_study("vroegsignalering"))
    assert study_digest(same) == default
    assert study_digest(other) != default


@pytest.mark.parametrize(
    ("old", "new", "code", "said"),
    [
        ("folds = 5", "fold = 5", "study-invalid", r"nuisance\.fold: .*unknown key.*Did you mean 'folds'"),
        ("folds = 5", "folds = 5\nfolds = 6", "study-not-toml", "every key once"),
        ("folds = 5", "folds = 1", "study-invalid", r"nuisance\.folds"),
        ("follow_up_from_day = 60", "follow_up_from_day = 20", "study-invalid", "landmark_day"),
        ('sensitivity = ["landmark"]', 'sensitivity = ["clone_censor_weight"]', "study-invalid", "method"),
        ("landmark_day = 28\nperiod_days = 7", "landmark_day = 5\nperiod_days = 7", "study-invalid", "days"),
        ("follow_up_from_day = 14", "follow_up_from_day = 3", "study-invalid", "grace_days"),
        ('reference = "letter"', 'reference = "visit"', "study-invalid", "reference"),
        ('primary_contrast = ["home_visit", "letter"]', 'primary_contrast = ["letter", "letter"]',
         "study-invalid", "two different arms"),
        ('id = "any_all_3m"', 'id = "any_new_arrears_3m"', "study-invalid", "same id"),
        ("months = 6", "months = 9", "study-invalid", "months"),
        ('primary_outcome = "any_new_arrears_3m"\noutcomes', 'primary_outcome = "gone"\noutcomes',
         "study-invalid", "primary_outcome is not among"),
        ('interval = "knapp-hartung-floored"', 'interval = "exact"', "study-invalid", "interval"),
        ("months = 6", "months = 6\nfrom_day = 20", "study-invalid", "from_day lies before"),
        ('kind = "count"\nsignals = "new_arrears"', 'kind = "amount"\nsignals = "all_signals"',
         "study-invalid", "reported again"),
        ("look_back_days = 183", 'look_back_days = 183\n[eligibility]\nalso = ["no_crisis", "no_crisis"]',
         "study-invalid", "names a rule twice"),
        ("grace_days = 14", 'grace_days = 14\nsequences = ["letter", "letter>letter"]',
         "study-invalid", "each another one"),
    ],
)  # fmt: skip
def test_an_impossible_study_is_refused_with_its_place(
    tmp_path: Path, old: str, new: str, code: str, said: str
) -> None:
    text = default_study_text()
    assert old in text
    with pytest.raises(StudyError) as caught:
        read_study(write(tmp_path, text.replace(old, new)))
    assert caught.value.code == code
    assert re.search(said, caught.value.message)
    assert caught.value.exit_code == 2


def test_floors_can_be_tightened_and_not_loosened(tmp_path: Path) -> None:
    tight = default_study_text().replace("[disclosure]", "[disclosure]\nmin_households_arm = 60")
    assert read_study(write(tmp_path, tight)).disclosure.min_households_arm == 60
    with pytest.raises(StudyError, match="min_households_arm"):
        read_study(write(tmp_path, tight.replace("arm = 60", "arm = 20"), "loose.toml"))


def test_a_missing_file_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="causalsig study init") as caught:
        read_study(tmp_path / "none.toml")
    assert caught.value.code == "study-file-missing"


def test_a_municipality_code_keeps_its_leading_zero(tmp_path: Path) -> None:
    inventory = read_inventory(write(tmp_path, SITE))
    assert inventory.sites[0].code == "0363"
    with pytest.raises(StudyError, match="code"):
        read_inventory(write(tmp_path, SITE.replace('"0363"', "363"), "number.toml"))


def test_a_site_runs_only_under_agreements_in_force(tmp_path: Path) -> None:
    today = date(2026, 6, 1)

    def missing(text: str) -> str | None:
        return read_inventory(write(tmp_path, text)).sites[0].agreement.missing(today)

    assert missing(SITE) is None
    without = SITE.replace("processor_agreement_university = 2026-01-01", "")
    assert missing(without) == "processor_agreement_university is not signed"
    assert missing(SITE + "withdrawn_on = 2026-05-01\n") == "the site has withdrawn"
    assert missing(SITE + "ends_on = 2026-05-31\n") == "the agreement has ended"
    assert missing(SITE.replace("project_agreement = 2026", "project_agreement = 2027")) is not None


def test_only_the_shortest_term_of_a_regime_is_guaranteed(tmp_path: Path) -> None:
    uneven = SITE.replace('"full"', '"6-12-18"').replace("retention_months = 24\n", "")
    assert read_inventory(write(tmp_path, uneven)).sites[0].guaranteed_months == 6
    longer = SITE.replace('"full"', '"strict6"')
    with pytest.raises(StudyError, match="guarantees"):
        read_inventory(write(tmp_path, longer))


def test_the_same_municipality_twice_is_refused(tmp_path: Path) -> None:
    twice = SITE + SITE[SITE.index("[[sites]]") :]
    with pytest.raises(StudyError, match="same code"):
        read_inventory(write(tmp_path, twice))


def test_no_message_repeats_a_value_of_the_file(tmp_path: Path) -> None:
    with pytest.raises(StudyError) as caught:
        read_inventory(write(tmp_path, SITE.replace("inhabitants = 60000", 'inhabitants = "CANARY4321"')))
    assert "CANARY4321" not in caught.value.message
