"""Which blocks of a question leave, with what stands beside them: suppression, then one budget of numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from causalsig.release.beside import Beside, balance_entry, carries_sensitivity, sensitivity_entries
from causalsig.release.censored import Censored, censored_block, told_codes
from causalsig.release.documents import SuppressionEntry, balance_numbers, released_numbers
from causalsig.release.given import given_entries
from causalsig.release.given_entries import GivenRuleEntry, given_numbers
from causalsig.release.grouped import groups_entry, rule_entry
from causalsig.release.grouped_entries import GroupsEntry, RuleEntry, groups_numbers, rule_numbers
from causalsig.release.nested import NESTED, nested_differences, nested_not_admitted
from causalsig.release.registry import rule as registered
from causalsig.release.rules import BUDGET, Key, Limits, beyond_budget, broken_rules

if TYPE_CHECKING:
    from collections.abc import Callable

    from causalsig.grouped import GroupBlock, RuleBlock
    from causalsig.records import Analysis, QuestionResult
    from causalsig.release.beside_entries import BalanceEntry, SensitivityEntry
    from causalsig.study.models import Study


@dataclass(frozen=True, slots=True)
class Sifted:
    """What may leave of a question's numbers, each block with its sensitivity, and what is held back."""

    released: tuple[tuple[Analysis, tuple[SensitivityEntry, ...]], ...]
    censored: tuple[Censored, ...]
    balance: tuple[BalanceEntry, ...]
    groups: tuple[GroupsEntry, ...]
    rule: tuple[RuleEntry, ...]
    given: tuple[GivenRuleEntry, ...]
    suppressions: tuple[SuppressionEntry, ...]

    @property
    def numbers(self) -> int:
        """Free numbers of all of them."""
        blocks = (released_numbers(len(one.result.arms), len(told)) for one, told in self.released)
        classes = sum(released_numbers(len(one.analysis.result.arms)) for one in self.censored)
        beside = sum(map(balance_numbers, self.balance)) + sum(map(groups_numbers, self.groups))
        return (
            sum(blocks)
            + classes
            + beside
            + sum(map(rule_numbers, self.rule))
            + sum(map(given_numbers, self.given))
        )


@registered("question", "release-not-estimated", "own: what a gate withheld has no number")
def sift(result: QuestionResult, study: Study, limits: Limits) -> Sifted:
    """Primary suppression block by block, then complementary suppression among what is left."""
    broken = [
        ("release-not-estimated",) if result.status != "estimated" else broken_rules(analysis, limits)
        for analysis in result.analyses
    ]
    classes = {
        at: found
        for at, (analysis, codes) in enumerate(zip(result.analyses, broken, strict=True))
        if (found := censored_block(analysis, codes, limits)) is not None
    }
    places = [at for at, codes in enumerate(broken) if not codes or at in classes]
    left = [result.analyses[at] for at in places]
    primary = study.asked[result.question].primary_outcome
    # On all blocks: which of them another rule holds back may depend on outcomes.
    small = nested_not_admitted(result.analyses, limits, primary, _first_days(result.question, study))
    nested = {place for place, at in enumerate(places) if at in small}
    nested |= nested_differences(left, limits, primary)
    kept = [analysis for place, analysis in enumerate(left) if place not in nested]
    by_class = [classes.get(at) for place, at in enumerate(places) if place not in nested]
    whole = [one for one, few in zip(kept, by_class, strict=True) if few is None]
    told = [
        sensitivity_entries(one.sensitivity)
        if few is None and carries_sensitivity(one, study)
        else Beside(())
        for one, few in zip(kept, by_class, strict=True)
    ]
    balance = _balance(result, whole, limits)
    numbers = sum(balance_numbers(entry) for entry in balance.entries)
    groups = Beside(()) if result.groups is None else groups_entry(result.groups, limits)
    rule = Beside(()) if result.rule is None else rule_entry(result.rule, limits)
    given = given_entries(result.given, rule.entries, limits)
    beyond = beyond_budget(
        kept,
        limits,
        {at: len(one.entries) for at, one in enumerate(told)},
        numbers,
        _numbers_of(result.groups, groups, groups_numbers),
        _numbers_of(result.rule, rule, rule_numbers),
        [((entry.outcome, "ATE", "doubly_robust"), given_numbers(entry)) for entry in given.entries],
        frozenset(at for at, few in enumerate(by_class) if few is not None),
    )
    held = [
        _held(code, analysis)
        for analysis, codes in zip(result.analyses, broken, strict=True)
        for code in told_codes(codes)
    ]
    held += [_held(NESTED, left[place]) for place in sorted(nested)]
    held += [_held(BUDGET, kept[place]) for place in sorted(beyond.blocks)]
    released = []
    for at, analysis in enumerate(kept):
        if at not in beyond.blocks and by_class[at] is None:
            over = at in beyond.sensitivities
            held += [_held(code, analysis, "sensitivity") for code in told[at].held]
            held += [_held(BUDGET, analysis, "sensitivity")] if over else []
            released.append((analysis, () if over else told[at].entries))
    beside = any(analysis.primary for analysis, _ in released)
    shown = []
    for what, part, over in (
        ("balance", balance, beyond.balance),
        ("groups", groups, beyond.groups),
        ("rule", rule, beyond.rule),
        ("given", Beside(_within(given.entries, beyond.given), given.held), False),
    ):
        held += [held_of(what, code) for code in (*part.held, *([BUDGET] if over else []))]
        shown.append(part.entries if beside and not over else ())
    held += [held_of("given", BUDGET) for _ in beyond.given]
    few_in_an_arm = tuple(
        few for at, few in enumerate(by_class) if few is not None and at not in beyond.blocks
    )
    return Sifted(tuple(released), few_in_an_arm, shown[0], shown[1], shown[2], shown[3], tuple(held))


def _first_days(question: str, study: Study) -> dict[str, int]:
    """Give the day from which the returns of every outcome of a question count."""
    asked = study.asked[question]
    own = {name: study.outcome(name).from_day for name in asked.outcomes}
    return {name: asked.follow_up_from_day if day is None else day for name, day in own.items()}


def _within(entries: tuple[Any, ...], beyond: frozenset[int]) -> tuple[Any, ...]:
    return tuple(entry for place, entry in enumerate(entries) if place not in beyond)


def _balance(result: QuestionResult, kept: list[Analysis], limits: Limits) -> Beside:
    """Balance stands beside the primary block, and leaves only with it."""
    if result.components is None or not any(analysis.primary for analysis in kept):
        return Beside(())
    return balance_entry(result.components, limits)


def _numbers_of(
    of: GroupBlock | RuleBlock | None, told: Beside, count: Callable[[Any], int]
) -> tuple[Key, int] | None:
    """Give the block that groups or a rule are of, and how many numbers they release; None without any."""
    if of is None or not told.entries:
        return None
    return (of.outcome, of.estimand, of.estimator), sum(count(entry) for entry in told.entries)


def held_of(what: str, rule: str) -> SuppressionEntry:
    """Say that a rule held back part of what a question has beside its blocks."""
    return SuppressionEntry(what=what, rule=rule, outcome=None, estimand=None)  # type: ignore[arg-type]


def _held(rule: str, analysis: Analysis, what: str = "block") -> SuppressionEntry:
    return SuppressionEntry(
        what=what,  # type: ignore[arg-type]  # pydantic checks names against their lists
        rule=rule,
        outcome=analysis.outcome,
        estimand=analysis.estimand,  # type: ignore[arg-type]
        estimator=analysis.estimator,
    )
