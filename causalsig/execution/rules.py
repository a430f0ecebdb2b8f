"""A rule for whom which method, where a study asks for one; valued where it was not learned."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from causalsig.cohort.covariates import covariate_of
from causalsig.diagnosed import RegionCondition
from causalsig.diagnostics.questions import CUT_POINTS, questions_of
from causalsig.errors import EstimationError
from causalsig.grouped import RuleBehind, RuleBlock, RuleGain, RuleLeaf
from causalsig.records import Refusal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from causalsig.cohort.build import Cohort
    from causalsig.diagnostics.questions import Condition
    from causalsig.estimation.rules import RuleValue
    from causalsig.execution.routes import Route
    from causalsig.records import Analysis
    from causalsig.study.models import Study

QUESTION = "contact_method"
"""Nobody is told to accept help; a municipality chooses how it makes contact."""
NEEDS_EVERYBODY = "rule-needs-everybody"
NEEDS_RETURN = "rule-needs-return"
NOT_LEARNED = "rule-not-learned"
OVER = ("best_single", "now")


def rule_block(
    cohort: Cohort, route: Route, analyses: Sequence[Analysis], study: Study, seed: int
) -> tuple[RuleBlock | None, tuple[Refusal, ...]]:
    """Learn and value a rule for the primary outcome; None, with the reason, where there can be none.

    A rule is for everybody, so it needs the ATE: where some never get an arm nobody knows what it would do.
    """
    plan, settings = cohort.plan, study.rules
    outcome = plan.settings.primary_outcome
    asked = next((one for one in plan.outcomes if one.id == outcome), None)
    if settings is None or plan.question != QUESTION or plan.exposure != "question" or asked is None:
        return None, ()
    if asked.kind != "any":
        return None, (Refusal(NEEDS_RETURN, plan.question, outcome),)
    whole = next((a for a in analyses if (a.estimand, a.outcome) == ("ATE", outcome)), None)
    if whole is None or np.isnan(cohort.outcomes[outcome][route.rows]).any():
        return None, (Refusal(NEEDS_EVERYBODY, plan.question, outcome),)
    from causalsig.estimation.rules import value_of_rule

    arms = whole.result.arms
    answers, questions = asked_of(cohort, route.rows, settings.asks)
    costs = np.array([settings.costs_eur.get(arm, 0.0) for arm in arms])
    codes = np.array([arms.index(arm) for arm in cohort.treatment[route.rows].astype(str)])
    clusters = np.unique(cohort.households[route.rows], return_inverse=True)[1]
    try:
        found = value_of_rule(
            -settings.value_eur * whole.result.influence - costs,
            -settings.value_eur * cohort.outcomes[outcome][route.rows] - costs[codes],
            answers,
            [str(place) for place in range(len(questions))],
            arms,
            clusters,
            floor=settings.min_households_leaf,
            depth=settings.depth,
            capacity={arm: share for arm, share in settings.capacity.items() if arm in arms},
            folds=settings.folds,
            seed=seed,
            level=study.pooling.level,
        )
    except EstimationError:
        return None, (Refusal(NOT_LEARNED, plan.question, outcome),)
    now = np.bincount(codes, minlength=len(arms)) / len(codes)
    behind = _behind(found, codes, cohort.outcomes[outcome][route.rows] > 0, answers, clusters)
    shares = dict(zip(arms, now.tolist(), strict=True))
    return _block(found, questions, shares, (plan.question, outcome), behind), ()


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


def _block(
    found: RuleValue,
    questions: list[Condition],
    now: dict[str, float],
    about: tuple[str, str],
    behind: RuleBehind,
) -> RuleBlock:
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
    d = found.differences
    gains = tuple(
        RuleGain(
            over,
            float(d.estimates[k]),
            float(d.std_errors[k]),
            float(d.df[k]),
            float(d.conf_low[k]),
            float(d.conf_high[k]),
        )
        for k, over in enumerate(OVER)
    )
    shares = tuple((str(arm), float(found.shares[arm]), now[arm]) for arm in found.rule.arms)
    shown = leaves if found.found else ()
    return RuleBlock(
        *about, "ATE", "doubly_robust", found.found, shown, gains, shares, len(questions), behind
    )


def _behind(
    found: RuleValue,
    codes: NDArray[np.int64],
    returned: NDArray[np.bool_],
    answers: NDArray[np.float64],
    clusters: NDArray[np.int64],
) -> RuleBehind:
    """Count what a rule and its gains rest on, for the disclosure rules.

    A gain over the best single arm is of the episodes for which both differ: of these only those that got one
    of the two arms tell anything. The same of every leaf of the rule.
    """
    single = found.single
    parts = [(found.chosen != single, found.chosen, single)]
    assigned = found.rule.assign(answers)
    best = np.full(len(codes), np.bincount(single).argmax())
    for leaf in found.rule.leaves:
        here = found.rule.inside(leaf, answers)
        parts.append((here & (assigned != best), assigned, best))
    arms, cells = [], []
    for part, chosen, other in parts:
        for arm in (chosen, other):
            rows = part & (codes == arm)
            came_back = len(np.unique(clusters[rows & returned]))
            households = len(np.unique(clusters[rows]))
            if part.any():
                arms.append(households)
                cells += [came_back, households - came_back]
    sums = np.abs(np.bincount(clusters, weights=found.gap))
    top = np.sort(sums)[-2:] / sums.sum() if sums.sum() > 0.0 else np.ones(2)
    size = float(sums.sum() ** 2 / np.sum(sums**2)) if sums.sum() > 0.0 else 0.0
    return RuleBehind(min(arms, default=0), min(cells, default=0), float(top[-1]), float(top.sum()), size)
