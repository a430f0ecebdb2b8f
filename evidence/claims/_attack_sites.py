"""Many signed releases of small invented municipalities, quickly: real rules, approvals and ledger."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any, Final

from causalsig.attack.findings import attack_site
from causalsig.execution.analyse import analyse_site
from causalsig.execution.digests import content_digest, snapshot_of
from causalsig.execution.invented_files import write_source
from causalsig.execution.site import matching_of, read_site, release_site
from causalsig.execution.truth import inventory_site
from causalsig.release.household_sets import Member
from causalsig.release.keys import new_keys, read_provider_key, read_signing_key, read_trusted
from causalsig.release.life import approve, look, read_release
from causalsig.simulation import SiteSpec, draw_sites, load_scenario, simulate_site
from causalsig.study.models import Study
from causalsig.study.read import read_study
from causalsig.threads import one_thread

SCENARIO: Final = "ignorable"
SEED: Final = 20_261
MONTHS: Final = 30
MINIMUM: Final = 34_000
MOST: Final = 75_000
"""Inhabitants: larger ones take minutes each, and their households are harder to find."""


@cache
def attacked_study() -> Study:
    """Give the default study with one question, whose arms need 100 households: most of them release."""
    study = read_study("vroegsignalering")
    contact = study.questions.contact_method
    assert contact is not None
    short = tuple(name for name in contact.outcomes if study.outcome(name).months == 3)
    contact = contact.model_copy(update={"sensitivity": (), "outcomes": short})
    questions = study.questions.model_copy(
        update={"accepted_help": None, "threshold": None, "contact_method": contact}
    )
    floors = study.disclosure.model_copy(update={"expected_risk": 0.2})
    return study.model_copy(update={"questions": questions, "disclosure": floors})


def keys_in(folder: Path) -> Path:
    """Give the folder of throwaway keys, made once."""
    keys = folder / "keys"
    if not (keys / "university.pub.json").exists():
        new_keys(keys, demo=True)
    return keys


def spec_of(number: int) -> SiteSpec:
    """Draw one municipality; the same number gives the same."""
    (spec,) = draw_sites(
        load_scenario(SCENARIO), 1, SEED, minimum_inhabitants=MINIMUM, retention="full", first=number
    )
    return spec


def numbers_of(sites: int) -> list[int]:
    """Give the numbers of so many municipalities that are not too large."""
    fitting = (number for number in range(1, 999) if spec_of(number).inhabitants <= MOST)
    return list(islice(fitting, sites))


def attacked_site(number: int, folder: Path) -> dict[str, Any]:
    """Invent a municipality, run, approve and release it, and attack the release.

    Returns
    -------
    dict
        What `SiteFindings.plain` gives.
    """
    scenario, spec = load_scenario(SCENARIO), spec_of(number)
    study, keys = attacked_study(), keys_in(folder)
    with one_thread(), tempfile.TemporaryDirectory() as scratch:
        made = simulate_site(spec, scenario, SEED, months=MONTHS, truth=False)
        site = inventory_site(spec, months=MONTHS)
        written = write_source(made.tables, Path(scratch) / "source", "parquet", name=site.name)
        read = read_site(written, site, read_provider_key(keys))
        households: dict[str, Iterable[Member]] = {}
        result = analyse_site(
            read.tables,
            study,
            site,
            matching_of(site),
            finding_codes={finding.code for finding in read.findings},
            members=households.__setitem__,
        )
        review = Path(scratch) / "review"
        digest = snapshot_of("estimates", site.code, content_digest(read))
        release_site(
            result,
            study,
            households=households,
            known_again=read.known_again,
            keys=keys,
            snapshot=digest,
            wave=1,
            folder=review,
        )
        for role in ("operator", "checker"):
            look(review)
            path = approve(
                review,
                role=role,
                name=f"demo {role}",
                key=read_signing_key(keys, role),
                trusted=read_trusted(keys),
                outbox=folder / "outbox",
                demo=True,
                force=True,
            )
        assert path is not None
        document = read_release(path, trusted=read_trusted(keys), allow_demo=True)
        return attack_site(site, study, read, document, keys, Path(scratch)).plain()
