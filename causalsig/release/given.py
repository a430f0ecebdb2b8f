"""What leaves of rules that another study learned: gains that enough households decide.

At a site that learned a rule its gain left with the study that did, and the pool is of the others: nothing
leaves of it again, and nothing says why. A mark would tell which codes of two studies are one site.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from causalsig.grouped import LEARNED, ReleasedGain, ReleasedRule
from causalsig.release import grid
from causalsig.release.beside import Beside
from causalsig.release.given_entries import GivenGainEntry, GivenRuleEntry
from causalsig.release.grouped import number_of, rests_on_enough
from causalsig.release.registry import rule as registered

if TYPE_CHECKING:
    from collections.abc import Sequence

    from causalsig.grouped import GivenRuleBlock
    from causalsig.release.documents import EstimatesDocument
    from causalsig.release.grouped_entries import RuleEntry
    from causalsig.release.rules import Limits


@registered("given", "release-cell-floor", "10 households: ESSnet/DwB, ABS, acro", ("min_households_cell",))
def given_entries(blocks: Sequence[GivenRuleBlock], learned: Sequence[RuleEntry], limits: Limits) -> Beside:
    """Write the given rules whose gains hold every floor, alone and taken from one another.

    Of two rules that differ for a few households the first listed leaves, and the one learned here before it.
    A block stays where the rule was learned, and where nobody has said whether it was: the pool would count
    the site that found a rule among those that confirm it.

    Parameters
    ----------
    blocks : sequence of GivenRuleBlock
        In the study's order.
    learned : sequence of RuleEntry
        What leaves of the rule learned here.
    limits : Limits
    """
    told = {LEARNED} if any(entry.found for entry in learned) else set()
    entries = []
    for block in blocks:
        if block.learned_here is not False or told & set(block.close):
            continue
        gains = _gains(block)
        if gains is None or not rests_on_enough(block.behind, limits):
            continue
        told.add(block.name)
        entries.append(GivenRuleEntry(name=block.name, outcome=block.outcome, gains=gains))
    # One code, whether anything was held or not, as for groups.
    return Beside(tuple(entries), ("release-cell-floor",) if blocks else ())


def _gains(block: GivenRuleBlock) -> tuple[GivenGainEntry, ...] | None:
    """Put the gains of a rule on their grids; None where one has no place on it."""
    numbers = [(gain.over, number_of(gain.estimate, gain.std_error)) for gain in block.gains]
    if any(number is None for _, number in numbers):
        return None
    return tuple(
        GivenGainEntry(over=over, **number.fields())  # type: ignore[arg-type]  # pydantic checks the arm
        for over, number in numbers
        if number is not None
    )


def released_rules(document: EstimatesDocument) -> tuple[ReleasedRule, ...]:
    """Decode the gains of given rules of every question."""
    return tuple(
        ReleasedRule(
            document.site_code,
            question.question,
            entry.outcome,
            entry.name,
            tuple(
                ReleasedGain(
                    gain.over,
                    grid.from_steps(gain.estimate, gain.estimate_exponent),
                    grid.from_two_digits(gain.std_error, gain.std_error_exponent),
                    grid.from_steps(1, gain.estimate_exponent),
                )
                for gain in entry.gains
            ),
        )
        for question in document.questions
        for entry in question.given
    )
