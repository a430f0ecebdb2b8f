"""Attacks on a municipality: exact numbers name it, and documents hold a pool of few back."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import numpy as np
import pytest

from causalsig.attack import paired_reports, pool_minus_own, sizes, successive_pools
from causalsig.attack.attacks import Trial
from causalsig.attack.findings import SiteFindings
from causalsig.attack.pools import TOGETHER, Group, groups_of
from causalsig.records import SiteResult
from causalsig.release.build import ReleaseIdentity, build_release, released_arms
from causalsig.release.documents import EstimatesDocument
from causalsig.study.models import Study
from evidence.claims._payload_sites import sound_site, study_of

Country = tuple[Study, list[SiteFindings], dict[str, EstimatesDocument]]


def with_the_reference(study: Study, result: SiteResult) -> SiteResult:
    """Let every block have the study's reference arm, as a site's run does."""
    (question,) = result.questions
    reference = study.asked[question.question].primary_contrast[1]
    blocks = tuple(replace(one, reference=reference) for one in question.analyses)
    return replace(result, questions=(replace(question, analyses=blocks),))


@pytest.fixture(scope="module")
def country() -> Country:
    """Twice as many municipalities as the smallest pool has, with results drawn at random."""
    study, draw = study_of(0), Random(5)
    sites, documents = [], {}
    for number in range(2 * TOGETHER):
        code = f"{number + 1:064x}"
        result = with_the_reference(study, sound_site(draw, study, f"9{number:03d}"))
        identity = ReleaseIdentity(code, "b" * 64, "0.1.0", "c" * 64, 1)
        documents[code] = build_release(result, study=study, identity=identity).document
        block = next(one for one in released_arms(documents[code]) if one.primary)
        own = next(one for question in result.questions for one in question.analyses if one.primary).result
        exact = replace(
            block,
            means=tuple(own.means.tolist()),
            covariance=tuple(map(tuple, own.covariance.tolist())),
            steps=(0.0,) * len(own.arms),
        )
        signals = 900 + 10 * number
        sites.append(SiteFindings(f"9{number:03d}", code, signals, signals // 2, exact, (), ()))
    return study, sites, documents


@pytest.fixture(scope="module")
def groups(country: Country) -> list[Group]:
    study, sites, documents = country
    return groups_of(sites, documents, study)


def right(trials: list[Trial], setting: str) -> list[bool]:
    return [trial.right for trial in trials if trial.setting == setting]


@pytest.mark.parametrize("attack", [pool_minus_own, successive_pools, paired_reports])
def test_exact_pools_of_few_name_every_municipality(country: Country, attack: object) -> None:
    study, sites, documents = country
    together = getattr(attack, "TOGETHER", TOGETHER)
    groups = groups_of(sites, documents, study, together)
    trials = list(attack.trials(groups))  # type: ignore[attr-defined]
    assert len(right(trials, "off")) == len(right(trials, "on")) == len(groups) * together > 0
    assert all(right(trials, "off"))
    assert not all(right(trials, "on"))


@pytest.fixture(scope="module")
def far_apart(country: Country) -> Group:
    """Give municipalities whose effects lie far apart, so that a pool of one more tells the newcomer's."""
    study, sites, documents = country
    (group, *_) = groups_of(sites, documents, study, successive_pools.TOGETHER)
    members = []
    for place, one in enumerate(group.members):
        at = one.exact.arms.index(group.contrast[0])
        away = 0.1 * ((4 * place) % len(group.members))
        moved = [
            replace(block, means=(*block.means[:at], block.means[at] + away, *block.means[at + 1 :]))
            for block in (one.released, one.exact)
        ]
        members.append(replace(one, released=moved[0], exact=moved[1]))
    return replace(group, members=tuple(members))


def test_the_memory_of_pools_leaves_nothing_to_subtract_but_three_together(far_apart: Group) -> None:
    trials = list(successive_pools.trials([far_apart]))
    # Five of nine or more are right by chance less than once in a hundred times.
    assert sum(right(trials, "no-ledger")) >= 5 > sum(right(trials, "on"))
    together = successive_pools.TOGETHER
    chances = {(trial.setting, trial.chance) for trial in trials if trial.setting != "off"}
    assert chances == {("on", 1.0 / together), ("no-ledger", 1.0 / (together - 2))}


def test_a_pool_of_fewer_than_may_be_shown_tells_nothing(groups: list[Group]) -> None:
    few = [replace(group, members=group.members[: TOGETHER - 1]) for group in groups]
    told = [[group.pool(without=one.site) for one in group.members] for group in groups]
    assert any(pool is not None for pools in told for pool in pools)
    assert all(group.pool(without=one.site) is None for group in few for one in group.members)


def test_weights_are_those_of_the_pool(groups: list[Group]) -> None:
    group = groups[0]
    effects = np.array([one.effect(group.contrast)[0] for one in group.members])
    pooled = group.exact_pool(group.members).estimate
    assert abs(float(np.dot(group.weights(group.members), effects)) - pooled) < 1e-9


def test_an_exact_number_of_households_names_and_a_shared_one_does_not(country: Country) -> None:
    _, sites, documents = country
    alike = [replace(one, households=500) for one in sites]
    assert all(right(list(sizes.trials(sites, documents)), "off"))
    assert sum(right(list(sizes.trials(alike, documents)), "off")) < len(alike) / 2


def test_the_chance_of_a_size_is_one_over_those_in_its_band(country: Country) -> None:
    _, sites, documents = country
    for trial in sizes.trials(sites, documents):
        own = sizes.band_of(documents[trial.site])
        assert trial.chance == 1.0 / sum(sizes.band_of(one) == own for one in documents.values())
