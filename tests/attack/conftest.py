"""One invented municipality at a provider: its extract, and its release, approved and in the ledger."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from causalsig.execution.analyse import analyse_site
from causalsig.execution.digests import content_digest, snapshot_of
from causalsig.execution.invent import InventedCountry, invent_country
from causalsig.execution.site import matching_of, read_site, release_site
from causalsig.release.keys import new_keys, read_provider_key
from causalsig.study.read import default_study_text, read_inventory, read_study
from tests.release.desk import approve_both

LEFT_OUT = ("questions.accepted_help", "questions.threshold", "questions.threshold.moving")


@dataclass(frozen=True)
class Provider:
    """Folders of a provider whose municipalities are invented."""

    data: Path
    study: Path
    keys: Path
    outbox: Path


def one_question() -> str:
    """Text of the default study with one question, in arms of 100 households."""
    text = default_study_text()
    for section in LEFT_OUT:
        text = re.sub(rf"^\[{re.escape(section)}\]\n(?:(?!\[).*\n)*", "", text, flags=re.MULTILINE)
    text = text.replace('sensitivity = ["clone_censor_weight"]', "sensitivity = []")
    text = text.replace(', "any_new_arrears_6m"]\ngrace_days', "]\ngrace_days")
    return text.replace("expected_risk = 0.1", "expected_risk = 0.2")


@pytest.fixture(scope="session")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Provider:
    folder = tmp_path_factory.mktemp("provider")
    made = Provider(folder / "data", folder / "study.toml", folder / "keys", folder / "outbox")
    country = InventedCountry(
        "ignorable", None, 1, 0, 3, inhabitants=34_000, retention="full", format="parquet", truth=False
    )
    invent_country(country, made.data, workers=1)
    made.study.write_text(one_question(), encoding="utf-8")
    new_keys(made.keys, demo=True)
    study, (site,) = read_study(made.study), read_inventory(made.data / "inventory.toml").sites
    read = read_site(made.data / "sources" / site.code, site, read_provider_key(made.keys))
    households: dict[str, Any] = {}
    result = analyse_site(
        read.tables,
        study,
        site,
        matching_of(site),
        finding_codes={finding.code for finding in read.findings},
        members=households.__setitem__,
    )
    review = folder / "review"
    snapshot = snapshot_of("estimates", site.code, content_digest(read))
    release_site(
        result,
        study,
        households=households,
        known_again=read.known_again,
        keys=made.keys,
        snapshot=snapshot,
        wave=1,
        folder=review,
    )
    approve_both(review, made.keys, made.outbox, demo=True)
    return made
