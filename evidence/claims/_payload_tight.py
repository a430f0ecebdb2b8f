"""Random results of a site that asks more than its households allow: all blocks, and all beside them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from evidence.claims._payload_beside import beside_of
from evidence.claims._payload_sites import RARE, STUDIES, _blocks, random_site, study_of

if TYPE_CHECKING:
    from random import Random

    from causalsig.records import SiteResult
    from causalsig.study.models import Study

NAME: Final = "contact_method"


def tight_site(draw: Random) -> tuple[Study, SiteResult]:
    """Draw a result of arms just above admission, with blocks of every outcome, estimand and estimator."""
    study, site = random_site(draw)
    study = study_of(draw.randrange(STUDIES))
    arms = tuple(draw.sample(study.asked[NAME].arms, draw.randint(3, 5)))
    least = int(study.disclosure.min_expected_class / study.disclosure.expected_risk)
    counts = tuple(least + draw.randint(0, 90) for _ in arms)
    found = [_blocks(draw, study, NAME, arms, counts, arms[0], RARE / 5) for _ in range(4)]
    blocks = tuple({(b.outcome, b.estimand, b.estimator): b for part in found for b in part}.values())
    question = replace(
        next((q for q in site.questions if q.question == NAME), site.questions[0]),
        question=NAME,
        status="estimated",
        analyses=blocks,
        verdicts=(),
        refusals=(),
        regions=(),
        components=None,
        groups=None,
        rule=None,
        given=(),
        contacts=None,
    )
    question = replace(question, **beside_of(draw, study, NAME, arms, counts, blocks))
    return study, replace(site, questions=(question,), certificate=None)
