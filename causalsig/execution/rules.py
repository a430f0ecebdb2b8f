"""Rules for whom which method, where a study asks for them; valued where they were not learned."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from causalsig.cohort.covariates import covariate_of
from causalsig.diagnosed import RegionCondition
from causalsig.diagnostics.questions import CUT_POINTS, questions_of
from causalsig.errors import EstimationError
from causalsig.execution.given_rules import given_blocks
from causalsig.execution.rule_scores import Scores, gains, scores_of
from causalsig.grouped import RuleBlock, RuleLeaf
from causalsig.records import Refusal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from causalsig.cohort.build import Cohort
    from causalsig.diagnostics.questions import Condition
    from causalsig.estimation.rules import RuleValue
    from causalsig.execution.routes import Route
    from causalsig.grouped import GivenRuleBlock
    from causalsig.records import Analysis
    from causalsig.study.models import Study

NOT_LEARNED = "rule-not-learned"


def rule_blocks(
    cohort: Cohort, route: Route, analyses: Sequence[Analysis], study: Study, seed: int
) -> tuple[RuleBlock | None, tuple[GivenRuleBlock, ...], tuple[Refusal, ...]]:
    """Learn and value a rule for the primary outcome and value those given, or say why one cannot be."""
    scores = scores_of(cohort, route, analyses, study)
    if scores is None or study.rules is None:
        return None, (), ()
    if isinstance(scores, Refusal):
        return None, (), (scores,)
    found, refusals = None, []
    answers, questions = asked_of(cohort, route.rows, study.rules.asks)
    if study.rules.asks:
        try:
            found = _learned(scores, answers, len(questions), study, seed)
        except EstimationError:
            refusals.append(Refusal(NOT_LEARNED, *scores.about))
    block = None if found is None else _block(found, scores, answers, questions)
    given, absent = given_blocks(
        cohort, route.rows, scores, study, seed, None if found is None else found.chosen
    )
    return block, given, (*refusals, *absent)


def asked_of(
    cohort: Cohort, rows: NDArray[np.bool_], asks: Sequence[str]
) -> tuple[NDArray[np.float64], list[Condition]]:
    """Answers (n, q) of some episodes as numbers, and the questions of the covariates that a rule may ask."""
    column_of = {points.name: column for column, points in CUT_POINTS.items()}
    answers, questions, _ = questions_of(cohort.covariates[rows], cohort.covariate_names)
    keep = [
        place
        for place, one in enumerate(questions)
        if covariate_of(column_of.get(one.question, one.question)) in asks
    ]
    return answers[:, keep].astype(np.float64), [questions[place] for place in keep]


def _learned(scores: Scores, answers: NDArray[np.float64], asked: int, study: Study, seed: int) -> RuleValue:
    from causalsig.estimation.rules import value_of_rule

    settings = study.rules
    assert settings is not None
    return value_of_rule(
        scores.rewards,
        scores.now,
        answers,
        [str(place) for place in range(asked)],
        scores.arms,
        scores.clusters,
        floor=settings.min_households_leaf,
        depth=settings.depth,
        capacity={arm: share for arm, share in settings.capacity.items() if arm in scores.arms},
        folds=settings.folds,
        seed=seed,
        level=study.pooling.level,
    )


def _block(
    found: RuleValue, scores: Scores, answers: NDArray[np.float64], questions: list[Condition]
) -> RuleBlock:
    """Write a learned rule down, with what its gain over the best single arm and its leaves rest on."""
    leaves = tuple(
        RuleLeaf(
            tuple(
                RegionCondition(questions[int(c.column)].question, questions[int(c.column)].value, c.above)
                for c in leaf.conditions
            ),
            str(leaf.arm),
            leaf.households,
        )
        for leaf in found.rule.leaves
    )
    single, assigned = found.single, found.rule.assign(answers)
    best = np.full(len(single), np.bincount(single[single >= 0]).argmax())
    parts = [(found.chosen != single, found.chosen, single)]
    for leaf in found.rule.leaves:
        parts.append((found.rule.inside(leaf, answers) & (assigned != best), assigned, best))
    return RuleBlock(
        *scores.about,
        "ATE",
        "doubly_robust",
        found.found,
        leaves if found.found else (),
        gains(("best_single", "now"), found.differences),
        scores.shares(found.shares[arm] for arm in scores.arms),
        len(questions),
        scores.behind(parts, list(found.gaps.T)),
    )
