"""Rules that another study learned, valued at this site by all its households."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from causalsig.diagnostics.questions import CUT_POINTS, questions_of
from causalsig.errors import EstimationError
from causalsig.execution.rule_scores import Scores, gains
from causalsig.grouped import LEARNED, GivenRuleBlock
from causalsig.records import Refusal
from causalsig.release.build import site_code
from causalsig.release.vocabulary import covariate_code

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from causalsig.cohort.build import Cohort
    from causalsig.estimation.given_rules import GivenRuleValue
    from causalsig.estimation.rule_trees import Rule
    from causalsig.records import SiteResult
    from causalsig.study.given_rules import GivenRule
    from causalsig.study.models import Study

NOT_ASKED = "rule-question-missing"
NO_ARM = "rule-arm-missing"
NOT_ENOUGH = "rule-beyond-capacity"
DECIDES_NOTHING = "rule-decides-nothing"


def given_blocks(
    cohort: Cohort,
    rows: NDArray[np.bool_],
    scores: Scores,
    study: Study,
    seed: int,
    learned: NDArray[np.int64] | None,
) -> tuple[tuple[GivenRuleBlock, ...], tuple[Refusal, ...]]:
    """Value every given rule that this site can follow, and say why it cannot follow another.

    Parameters
    ----------
    cohort : Cohort
    rows : episodes of the route
    scores : Scores
        Of these episodes.
    study : Study
    seed : int
        That of a rule learned here, so that both are held against the same best single arm.
    learned : (n,), optional
        Place of the arm that the rule learned here gives each episode where it was valued, elsewhere -1.
    """
    if study.rules is None or not study.rules.given:
        return (), ()
    answers = _answers(cohort, rows)
    earlier = {} if learned is None else {LEARNED: learned}
    blocks, refusals = [], []
    for given in study.rules.given:
        reason = _impossible(given, answers, scores)
        found = None
        if reason is None:
            try:
                found = _value(given, answers, scores, study, seed)
                reason = _beyond(found, study)
            except EstimationError:
                reason = DECIDES_NOTHING
        if found is None or reason is not None:
            refusals.append(Refusal(str(reason), *scores.about))
            continue
        blocks.append(_block(given.name, found, scores, study, earlier))
        earlier[given.name] = found.chosen
    return tuple(blocks), tuple(dict.fromkeys(refusals))


def marked(result: SiteResult, study: Study, provider_key: bytes) -> SiteResult:
    """Say of every given rule whether it was learned at this site; only who holds the key can."""
    if study.rules is None:
        return result
    here = {
        given.name: site_code(provider_key, result.municipality, given.learned_under) in given.learned_at
        for given in study.rules.given
    }
    questions = tuple(
        replace(one, given=tuple(replace(rule, learned_here=here[rule.name]) for rule in one.given))
        for one in result.questions
    )
    return replace(result, questions=questions)


def _answers(cohort: Cohort, rows: NDArray[np.bool_]) -> dict[tuple[str, int | None], NDArray[np.float64]]:
    """Answers (n,) of some episodes to every question, by its code and cut point in a release."""
    found, questions, _ = questions_of(cohort.covariates[rows], cohort.covariate_names)
    cut = {points.name for points in CUT_POINTS.values()}
    codes = [
        (one.question, int(one.value))
        if one.question in cut and one.value is not None
        else (covariate_code(one.question), None)
        for one in questions
    ]
    return dict(zip(codes, found.T.astype(np.float64), strict=True))


def _impossible(
    given: GivenRule, answers: Mapping[tuple[str, int | None], NDArray[np.float64]], scores: Scores
) -> str | None:
    asked = {(one.question, one.value) for leaf in given.leaves for one in leaf.when}
    if not asked <= set(answers):
        return NOT_ASKED
    return None if given.arms <= set(scores.arms) else NO_ARM


def _value(
    given: GivenRule,
    answers: Mapping[tuple[str, int | None], NDArray[np.float64]],
    scores: Scores,
    study: Study,
    seed: int,
) -> GivenRuleValue:
    from causalsig.estimation.given_rules import value_of_given_rule

    settings = study.rules
    assert settings is not None
    asked = sorted({(one.question, one.value) for leaf in given.leaves for one in leaf.when}, key=str)
    return value_of_given_rule(
        _rule(given, asked, scores.arms),
        scores.rewards,
        scores.now,
        np.column_stack([answers[one] for one in asked]),
        scores.clusters,
        capacity={arm: share for arm, share in settings.capacity.items() if arm in scores.arms},
        folds=settings.folds,
        seed=seed,
        level=study.pooling.level,
    )


def _rule(given: GivenRule, asked: Sequence[tuple[str, int | None]], arms: tuple[str, ...]) -> Rule:
    """Write a given rule for columns of 0 and 1, one a question."""
    from causalsig.estimation.rule_trees import Condition, Leaf, Rule

    columns = tuple(str(place) for place in range(len(asked)))
    leaves = tuple(
        Leaf(
            tuple(
                Condition(columns[asked.index((one.question, one.value))], 0.5, one.holds)
                for one in leaf.when
            ),
            leaf.arm,
            0,
        )
        for leaf in given.leaves
    )
    return Rule(leaves, arms, columns)


def _beyond(found: GivenRuleValue, study: Study) -> str | None:
    """Refuse a rule that uses an arm here more often than there is of it: nobody could follow it."""
    assert study.rules is not None
    over = any(found.shares.get(arm, 0.0) > most for arm, most in study.rules.capacity.items())
    return NOT_ENOUGH if over else None


def _block(
    name: str,
    found: GivenRuleValue,
    scores: Scores,
    study: Study,
    earlier: Mapping[str, NDArray[np.int64]],
) -> GivenRuleBlock:
    """Write down what a rule gains and what that rests on: each gain, and the difference of any two."""
    chosen, single = found.chosen, found.single
    valued = single >= 0
    parts = [(valued & (chosen != single), chosen, single)]
    for arm in found.against:
        whole = np.full(len(chosen), scores.arms.index(str(arm)))
        parts += [(chosen != whole, chosen, whole), (valued & (single != whole), single, whole)]
    floors = study.disclosure
    close = []
    for other, assigned in earlier.items():
        differ = (chosen != assigned) & (assigned >= 0)
        arm_count, cell = scores.counts([(differ, chosen, assigned)])
        enough = arm_count >= floors.min_households_arm and cell >= floors.min_households_cell
        if differ.any() and not enough:
            close.append(other)
    return GivenRuleBlock(
        name,
        *scores.about,
        gains(("best_single", "now", *map(str, found.against)), found.differences),
        scores.shares(found.shares[arm] for arm in scores.arms),
        scores.behind(parts, list(found.gaps.T)),
        tuple(close),
    )
