"""Random private releases, and an oracle of what noise has to hide: written from the page on them.

The noise itself comes from the machine's secure source, so a seed repeats everything but the noise.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from causalsig.release.household_sets import cohort_sets
from causalsig.release.life import Memory
from causalsig.release.private_draw import noisy_document
from causalsig.release.private_waiting import read_private, write_private
from causalsig.study.privacy import Bounds, Privacy
from evidence.claims._payload_grids import BANDS
from evidence.claims._payload_judged import Judged, rules_of
from evidence.claims._payload_sites import IDENTITY, random_site

if TYPE_CHECKING:
    from random import Random

    from causalsig.records import Analysis, SiteResult
    from causalsig.release.documents import EstimatesDocument
    from causalsig.study.models import Study

EPSILONS: Final = (0.1, 0.5, 1.0, 3.0)
BOUNDS: Final = (0.5, 5.0, 25.0)
EPISODES: Final = (1, 2, 4)
MOST_HOUSEHOLDS: Final = 20_000
FEW: Final = 100
FOR_MEANS, FOR_COUNTS = 0.65, 0.20
"""Parts of a question's epsilon, as the page says."""
NEVER: Final = 60.0
"""Scales of its noise that a count is never off by: a chance of e^-60."""


def random_private(draw: Random) -> tuple[Study, SiteResult, EstimatesDocument]:
    """Draw a study with noise, the result of a site, and the document that is made of both."""
    study, site = random_site(draw)
    bounds = Bounds(accepted_help=draw.choice(BOUNDS), contact_method=draw.choice(BOUNDS))
    epsilon = draw.choice(EPSILONS)
    privacy = Privacy(epsilon=epsilon, epsilon_budget=10.0, max_episodes=draw.choice(EPISODES), bounds=bounds)
    study = study.model_copy(update={"privacy": privacy})
    site = replace(site, questions=tuple(_with_influence(draw, one) for one in site.questions))
    with tempfile.TemporaryDirectory() as folder:
        write_private(Path(folder), site, study=study, identity=IDENTITY, memory=_memory())
        waiting = read_private(Path(folder))
    return study, site, noisy_document(waiting)


@cache
def _memory() -> Memory:
    """Make what a ledger would be told; none is, since nothing leaves here."""
    members = cohort_sets(b"p" * 32, "9001", {"everybody": map(str, range(FEW))})
    return Memory(Path("ledger"), "f" * 64, 10, 330, members)


def _with_influence(draw: Random, question: Any) -> Any:
    """Give the primary block influence values: of households with one episode, or with several."""
    rng = np.random.default_rng(draw.randrange(2**32))
    analyses = []
    for one in question.analyses:
        if one.primary:
            size, arms = min(one.result.households_total, MOST_HOUSEHOLDS), len(one.result.arms)
            means = np.nan_to_num(one.result.means, nan=0.0, posinf=9.0, neginf=-9.0)
            values = means + rng.normal(size=(size, arms)) * draw.choice((0.3, 3.0, 300.0))
            clusters = np.sort(rng.integers(max(size // draw.choice((1, 2, 4)), 1), size=size))
            one = replace(one, result=replace(one.result, influence=values, clusters=clusters))
        analyses.append(one)
    return replace(question, analyses=tuple(analyses))


def judge_private(study: Study, site: SiteResult, said: Mapping[str, Any]) -> Judged:
    """Hold a private document against what the site knew and what the study spends."""
    told, privacy = Judged(), study.privacy
    assert privacy is not None
    [entry] = said["privacy"]
    spent = (entry["epsilon_per_mille"], entry["max_episodes"])
    if spent != (round(privacy.epsilon * 1000), privacy.max_episodes):
        told.wrong.append("privacy: another promise than the study's")
    for result, question in zip(site.questions, said["questions"], strict=True):
        primary = next((one for one in result.analyses if one.primary), None)
        holds = primary is not None and all(rules_of(primary, study, result.status == "estimated").values())
        told.check("block", holds, bool(question["private"]))
        for block in question["private"]:
            assert primary is not None
            bound = getattr(privacy.bounds, result.question)
            told.wrong += _block(primary, block, bound, privacy.epsilon / len(site.questions), entry)
    return told


def _block(
    known: Analysis, block: Mapping[str, Any], bound: float, epsilon: float, entry: Mapping[str, Any]
) -> list[str]:
    found, arms = [], block["arms"]
    if [one["arm"] for one in arms] != list(known.result.arms) or block["reference"] != known.reference:
        found.append("privacy: other arms than the primary block's")
    what = (block["outcome"], block["estimand"], block["estimator"])
    if what != (known.outcome, known.estimand, known.estimator):
        found.append("privacy: another block than the primary one")
    if abs(block["bound_per_mille"] - 1000 * bound) > 1:
        found.append("privacy: another bound than the study's")
    episodes = len(known.result.influence)
    scale = (entry["max_episodes"] + len(arms)) / (FOR_COUNTS * epsilon)
    most = episodes + NEVER * scale
    least = math.sqrt(2.0) * bound / (FOR_MEANS * epsilon) / max(most, 1.0)
    # The discrete Laplace distribution has the variance of the continuous one to a part in a million here.
    if any(2.0 ** ((one["noise"] + 0.5) / 2.0) < least * (1.0 - 1e-3) for one in arms):
        found.append("privacy: less noise than its epsilon asks for")
    for one, n in zip(arms, known.result.households.tolist(), strict=True):
        low, high = BANDS[one["households"]]
        if not low - NEVER * scale <= n <= high + NEVER * scale:
            found.append("privacy: a band that no noise leads to")
    return found
