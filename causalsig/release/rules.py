"""The disclosure rules: each a small function with its reason code and its source.

The unit that is protected is the household. An arm is admitted on what is known **before** outcomes are
looked at (:func:`admit_arms`), since suppression that looks at the outcome biases the pool: municipalities
whose arm happens to have few returns would be missing. One rule does look at it, `release-class-floor`: of
an arm with a class below the cell floor leaves that class and no mean (:mod:`causalsig.release.censored`),
and the pool reads it as an interval-censored count. Admission asks for an expected class of 20 at the risk
the study declares, so where that risk is not above the true one such an arm is rare; a study that declares
twice the true risk has a class under 10 in a third of its smallest arms.

What is not held: the number of signals minus the share with any signal is the mass of households with two
signals or more. It is a difference of two rounded, weighted means; no count of it is released.

Sources: ESSnet/DwB guidelines for output checking; ABS five safes output rules; acro. See ``disclosure.md``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from causalsig.records import Analysis, Refusal
from causalsig.release import grid
from causalsig.release.documents import released_numbers
from causalsig.release.registry import Rule, rule, rules_of
from causalsig.study.models import Disclosure, Study

Key = tuple[str, str, str]
CLASS_FLOOR, BUDGET = "release-class-floor", "release-parameters"


@dataclass(frozen=True, slots=True)
class Limits:
    """The floors in force: the study's, with the smallest effective sample size of its diagnostics."""

    disclosure: Disclosure
    min_effective_size: float

    @classmethod
    def of(cls, study: Study) -> Limits:
        """Take the floors of a study."""
        return cls(study.disclosure, study.diagnostics.min_effective_sample_size)


def rules() -> tuple[Rule, ...]:
    """Return the rules on a block in the order in which they run."""
    return rules_of("block")


def broken_rules(analysis: Analysis, limits: Limits) -> tuple[str, ...]:
    """Return the code of every rule that holds this block back; empty when it may leave."""
    return tuple(one.code for one in rules() if not one.function(analysis, limits))


@rule("block", "release-pooling-gate", "the study's pooling gate: what may not be pooled is not shown either")
def _pooling_gate(analysis: Analysis, limits: Limits) -> bool:
    return analysis.pooled


@rule("block", "release-cell-floor", "10 households: ESSnet/DwB, ABS, acro", ("min_households_cell",))
def _cell_floor(analysis: Analysis, limits: Limits) -> bool:
    floor = limits.disclosure.min_households_cell
    observed = zip(analysis.households_with, analysis.households_without, strict=True)
    return all(a + b >= floor for a, b in observed) and bool(np.all(analysis.result.households >= floor))


@rule(
    "block",
    "release-arm-floor",
    "30 households an arm: own floor, above the published 10",
    ("min_households_arm",),
)
def _arm_floor(analysis: Analysis, limits: Limits) -> bool:
    return bool(np.all(analysis.result.households >= limits.disclosure.min_households_arm))


@rule(
    "block",
    "release-admission",
    "n · min(p0, 1 - p0) >= 20 before outcomes: own, measured bias of looking after",
    ("min_expected_class", "expected_risk"),
)
def _admission(analysis: Analysis, limits: Limits) -> bool:
    return all(_expects_both_classes(int(n), limits.disclosure) for n in analysis.result.households)


@rule(
    "block",
    CLASS_FLOOR,
    "10 households with and without the outcome: ESSnet/DwB, ABS",
    ("min_households_cell",),
)
def _class_floor(analysis: Analysis, limits: Limits) -> bool:
    floor = limits.disclosure.min_households_cell
    return min(*analysis.households_with, *analysis.households_without) >= floor


@rule(
    "block", "release-residual-df", "10 residual degrees of freedom: ESSnet, ABS, acro", ("min_residual_df",)
)
def _residual_df(analysis: Analysis, limits: Limits) -> bool:
    result = analysis.result
    return result.households_total - result.parameters >= limits.disclosure.min_residual_df


@rule(
    "block",
    BUDGET,
    "released numbers at most 10 % of the households: vantage6 GLM",
    ("max_parameter_share",),
)
def _parameters(analysis: Analysis, limits: Limits) -> bool:
    allowed = limits.disclosure.max_parameter_share * analysis.result.households_total
    return released_numbers(len(analysis.result.arms)) <= allowed


@rule(
    "block",
    "release-dominance",
    "largest 50 %, two largest 67 % of the absolute weighted sum: ABS",
    ("max_largest_weight", "max_two_largest_weight"),
)
def _dominance(analysis: Analysis, limits: Limits) -> bool:
    result, floors = analysis.result, limits.disclosure
    largest = np.all(result.largest_share <= floors.max_largest_weight)
    return bool(largest and np.all(result.two_largest_share <= floors.max_two_largest_weight))


@rule(
    "block",
    "release-effective-size",
    "effective sample size of 30 households: own floor",
    ("min_effective_sample_size",),
)
def _effective_size(analysis: Analysis, limits: Limits) -> bool:
    return bool(np.all(analysis.result.effective_sample_size >= limits.min_effective_size))


@rule("block", "release-no-variance", "a mean without variance tells every household's outcome")
def _variance(analysis: Analysis, limits: Limits) -> bool:
    covariance = analysis.result.covariance
    numbers = np.all(np.isfinite(covariance)) and np.all(np.isfinite(analysis.result.means))
    return bool(numbers and np.all(np.diagonal(covariance) > 0))


@rule("block", "release-grid", "no more digits than the standard error carries: float side channel")
def _grid(analysis: Analysis, limits: Limits) -> bool:
    if not _variance(analysis, limits):
        return True  # release-no-variance has said so already
    for mean, std_error in zip(analysis.result.means, analysis.result.std_errors, strict=True):
        digits, exponent = grid.two_digits_up(float(std_error))
        if not grid.MIN_SE_EXPONENT <= exponent <= grid.MAX_SE_EXPONENT:
            return False
        step = grid.step_exponent(grid.from_two_digits(digits, exponent))
        if abs(grid.to_steps(float(mean), step)) > grid.MAX_MEAN_STEPS:
            return False
    return True


@dataclass(frozen=True, slots=True)
class Beyond:
    """What takes a question's numbers over its budget: places in their lists, and the rest."""

    blocks: frozenset[int]
    sensitivities: frozenset[int]
    balance: bool
    groups: bool
    rule: bool
    given: frozenset[int] = frozenset()


@rule(
    "question",
    BUDGET,
    "released numbers at most 10 % of the households: vantage6 GLM",
    ("max_parameter_share",),
)
def beyond_budget(
    analyses: Sequence[Analysis],
    limits: Limits,
    sensitivities: Mapping[int, int] | None = None,
    balance: int = 0,
    groups: tuple[Key, int] | None = None,
    rule: tuple[Key, int] | None = None,
    given: Sequence[tuple[Key, int]] = (),
    alone: frozenset[int] = frozenset(),
) -> Beyond:
    """Hold back what takes a question's released numbers over 10 % of its households.

    Many related numbers are what differencing feeds on, so the share is of all blocks of a question together.
    The primary block comes first, then the other outcomes under its estimand, then balance, then the other
    estimands, and last what other estimators say of the primary outcome. A sensitivity, groups, a rule and
    given rules come after the block that they are of, and not without it.

    Parameters
    ----------
    sensitivities : mapping of place in `analyses` to a number of contrasts, optional
    balance : int
        Numbers of the question's balance.
    groups, rule : (key, int), optional
        Outcome, estimand and estimator of the block that they are of, and their numbers.
    given : sequence of (key, int)
        The same of every given rule.
    alone : frozenset of int
        Places in `analyses` of blocks that nothing may stand beside: those with a class of an arm.
    """
    asked = sensitivities or {}
    first = next((analysis for analysis in analyses if analysis.primary), None)
    own = (first.estimator, first.estimand) if first else (None, None)
    order = sorted(
        range(len(analyses)),
        key=lambda place: (
            not analyses[place].primary,
            analyses[place].estimator != own[0],
            analyses[place].estimand != own[1],
        ),
    )
    last_own = max((at for at, place in enumerate(order) if _same(analyses[place], own)), default=-1)
    spent, blocks, parts, no_balance = 0, set(), set(), False
    beside: dict[str | int, tuple[Key, int] | None] = {"groups": groups, "rule": rule}
    beside |= dict(enumerate(given))
    over = {name: one is not None for name, one in beside.items()}  # until its block has left
    for at, place in enumerate(order):
        result, told = analyses[place].result, asked.get(place, 0)
        budget = limits.disclosure.max_parameter_share * result.households_total
        bare, both = (released_numbers(len(result.arms), extra) for extra in (0, told))
        if bare > budget - spent:
            blocks.add(place)
        elif both > budget - spent:
            parts.add(place)
        spent += 0 if place in blocks else bare if place in parts else both
        for name, one in beside.items():
            if one is not None and one[0] == key_of(analyses[place]) and place not in blocks | alone:
                over[name] = one[1] > budget - spent
                spent += 0 if over[name] else one[1]
        if at == last_own:
            no_balance = balance > budget - spent
            spent += 0 if no_balance else balance
    rules = frozenset(place for place in range(len(given)) if over[place])
    return Beyond(frozenset(blocks), frozenset(parts), no_balance, over["groups"], over["rule"], rules)


def key_of(analysis: Analysis) -> Key:
    """Outcome, estimand and estimator: what one block of a question is of."""
    return analysis.outcome, analysis.estimand, analysis.estimator


def _same(analysis: Analysis, own: tuple[str | None, str | None]) -> bool:
    return (analysis.estimator, analysis.estimand) == own


def small_class(analysis: Analysis, place: int, floor: int) -> bool:
    """Say whether one of an arm's two classes of households is below the floor of a cell."""
    return min(analysis.households_with[place], analysis.households_without[place]) < floor


def smallest_arm(disclosure: Disclosure) -> int:
    """Households an arm needs, known before outcomes: the floor, or what the declared risk asks for."""
    rarer = min(disclosure.expected_risk, 1.0 - disclosure.expected_risk)
    return max(disclosure.min_households_arm, math.ceil(disclosure.min_expected_class / rarer - 1e-9))


def _expects_both_classes(households: int, disclosure: Disclosure) -> bool:
    risk = disclosure.expected_risk
    # A product of two floats: 100 · 0.2 must count as 20.
    return households * min(risk, 1.0 - risk) >= disclosure.min_expected_class - 1e-9


@rule(
    "arm",
    "release-arm-floor",
    "30 households an arm: own floor, above the published 10",
    ("min_households_arm",),
)
@rule(
    "arm",
    "release-admission",
    "n · min(p0, 1 - p0) >= 20 before outcomes: own, measured bias of looking after",
    ("min_expected_class", "expected_risk"),
)
@rule("arm", "release-no-admitted-arm", "own: one arm alone compares nothing")
def admit_arms(
    households_by_arm: Mapping[str, int], disclosure: Disclosure, *, question: str = ""
) -> tuple[tuple[str, ...], tuple[Refusal, ...]]:
    """Decide, before any outcome is looked at, which arms are estimated.

    Parameters
    ----------
    households_by_arm : mapping of arm to distinct households
    disclosure : Disclosure
        The study's floors; `expected_risk` is the declared p0.
    question : str
        For the refusals.

    Returns
    -------
    kept : tuple of str
        Arms in the order given.
    refusals : tuple of Refusal
        ``release-arm-floor`` or ``release-admission`` for each arm left out. When fewer than two arms are
        kept, nothing can be compared: no arm is kept and ``release-no-admitted-arm`` says so.
    """
    kept, refusals = [], []
    for arm, households in households_by_arm.items():
        if households < disclosure.min_households_arm:
            refusals.append(Refusal("release-arm-floor", question, arm=arm))
        elif not _expects_both_classes(households, disclosure):
            refusals.append(Refusal("release-admission", question, arm=arm))
        else:
            kept.append(arm)
    if len(kept) < 2:
        refusals.append(Refusal("release-no-admitted-arm", question))
        kept = []
    return tuple(kept), tuple(refusals)
