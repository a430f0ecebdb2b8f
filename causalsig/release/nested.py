"""Complementary suppression: an outcome that is nested in another tells a small cell by being subtracted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from causalsig.records import Analysis
from causalsig.release.registry import rule
from causalsig.release.rules import Limits, small_class

NESTED = "release-nested-difference"
REPEATED_ONLY, REPEATED_ONLY_LATE, LATE_DAY = 0.1, 0.05, 60
"""d0: share of an arm's households that return with repeated signals only, declared here before outcomes.

From the handbook's calibration (domain.md, section 9): 40 % return within six months and 21 % with new
arrears, so 0.19, and half of that for three months. An open arrear is open in the next month with 0.35 to
0.50, so where returns count from :data:`LATE_DAY` on it is half of it again. Generated municipalities have
0.17 to 0.30 where they count from day 14, and 0.03 to 0.09 where they count from day 60.
"""


@rule("nested", NESTED, "n · d0 >= 20 before outcomes: own, as an arm is admitted", ("min_households_cell",))
def nested_not_admitted(
    analyses: Sequence[Analysis],
    limits: Limits,
    primary_outcome: str | None,
    first_days: Mapping[str, int],
) -> frozenset[int]:
    """Decide before outcomes which nested outcome is not released: complementary suppression, first step.

    "Any new arrears" is nested in "any signal": over the same households and months, the two means differ by
    the households that returned with repeated signals only. Where an arm is not expected to hold twice the
    floor of a cell of them (``n · d0 >= 20``, :data:`REPEATED_ONLY`), the block of the outcome that is not
    the question's primary one is held back, under every estimand, whatever came out.

    Parameters
    ----------
    analyses : sequence of Analysis
        Every block of a question, those that another rule holds back too.
    limits : Limits
    primary_outcome : str or None
    first_days : mapping of outcome to the day from which its returns count

    Returns
    -------
    frozenset of int
        Places in `analyses` of the blocks to hold back.
    """

    def too_small(first: Analysis, second: Analysis) -> bool:
        late = max(first_days[first.outcome], first_days[second.outcome]) >= LATE_DAY
        return _too_small(first, second, limits, REPEATED_ONLY_LATE if late else REPEATED_ONLY)

    return _second_of_pairs(analyses, primary_outcome, too_small)


@rule("nested", NESTED, "own: complementary suppression", ("min_households_cell",))
def nested_differences(
    analyses: Sequence[Analysis], limits: Limits, primary_outcome: str | None
) -> frozenset[int]:
    """Hold back what would tell a small cell by being subtracted: complementary suppression, second step.

    It looks at outcomes, so it is for the rare arm that :func:`nested_not_admitted` let pass and that yet has
    1 to 9 households between two nested outcomes.

    Returns
    -------
    frozenset of int
        Places in `analyses` of the blocks to hold back.
    """
    return _second_of_pairs(analyses, primary_outcome, lambda one, other: _tells_a_cell(one, other, limits))


def _second_of_pairs(
    analyses: Sequence[Analysis], primary_outcome: str | None, tells: Callable[[Analysis, Analysis], bool]
) -> frozenset[int]:
    """Give the places of the outcome that comes second in every nested pair that tells something."""
    held: set[str] = set()
    for place, first in enumerate(analyses):
        for second in analyses[place + 1 :]:
            if _are_nested(first, second) and tells(first, second):
                held.add(first.outcome if second.outcome == primary_outcome else second.outcome)
    return frozenset(place for place, analysis in enumerate(analyses) if analysis.outcome in held)


def _are_nested(first: Analysis, second: Analysis) -> bool:
    same = (first.question, first.kind, first.months, first.estimand, first.result.arms)
    return first.outcome != second.outcome and same == (
        second.question,
        second.kind,
        second.months,
        second.estimand,
        second.result.arms,
    )


def _shared_arms(first: Analysis, second: Analysis) -> list[int]:
    """Give the arms where both are of the same households: in another, subtracting tells no cell."""
    observed = [
        [a + b for a, b in zip(one.households_with, one.households_without, strict=True)]
        for one in (first, second)
    ]
    return [k for k, (own, other) in enumerate(zip(*observed, strict=True)) if own == other]


def _too_small(first: Analysis, second: Analysis, limits: Limits, share: float) -> bool:
    wanted = 2 * limits.disclosure.min_households_cell
    # A product of two floats: 200 · 0.1 must count as 20.
    return any(
        min(int(one.result.households[k]) for one in (first, second)) * share < wanted - 1e-9
        for k in _shared_arms(first, second)
    )


def _tells_a_cell(first: Analysis, second: Analysis, limits: Limits) -> bool:
    floor = limits.disclosure.min_households_cell
    # Of an arm with a small class leaves that class, and nothing to subtract.
    whole = (
        k
        for k in _shared_arms(first, second)
        if not any(small_class(one, k, floor) for one in (first, second))
    )
    return any(0 < abs(first.households_with[k] - second.households_with[k]) < floor for k in whole)
