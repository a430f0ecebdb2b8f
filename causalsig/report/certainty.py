"""How sure are we: a closed set of verdicts, read off the interval by rule.

The rules look at the ends as they are printed (whole households per 1,000), so that words and numbers never
disagree and an end that prints as 0 is never called a difference.
"""

from __future__ import annotations

from typing import Literal

Certainty = Literal[
    "fewer",
    "fewer-small",
    "fewer-imprecise",
    "more",
    "more-small",
    "more-imprecise",
    "same",
    "unknown",
    "too-wide",
]

PRACTICALLY_NOTHING = 5
"""Households per 1,000 either way. A third of the effect that the study looks for (a visit against a letter
is worth about 16 per 1,000 in the modest scenario): below it, no council would change its approach."""

TOO_WIDE = 100
"""Length of an interval, per 1,000, above which it settles nothing: six times the effect looked for, and what
one municipality of 50,000 inhabitants yields in a year."""


def certainty(low: float, high: float) -> Certainty:
    """Say what an interval of a difference in returns allows one to say.

    Parameters
    ----------
    low, high : float
        Ends of the interval, households per 1,000; negative: fewer returns.

    Raises
    ------
    ValueError
        The ends are not numbers, or in the wrong order.
    """
    if not low <= high:
        raise ValueError("expected an interval with its lower end first; found none")
    first, last = round(low), round(high)
    small = first >= -PRACTICALLY_NOTHING and last <= PRACTICALLY_NOTHING
    wide = high - low > TOO_WIDE
    if last < 0:
        return "fewer-small" if small else "fewer-imprecise" if wide else "fewer"
    if first > 0:
        return "more-small" if small else "more-imprecise" if wide else "more"
    return "same" if small else "too-wide" if wide else "unknown"


def settled(own: Certainty, others: Certainty) -> bool:
    """Say whether a municipality's own verdict stands against the others', who are usually surer.

    What its own interval rules out, no pool brings back: where it lies within what counts as practically
    nothing, an effect elsewhere is no reason to act, and neither is one of the other direction. The others
    have the word where the own direction is open, and where theirs is the same and the own size is not small.
    """
    if own in ("unknown", "too-wide") or own == others:
        return False
    if own == "same" or own.endswith("-small"):
        return True
    return own.partition("-")[0] != others.partition("-")[0]


def spread(
    prediction_low: float, prediction_high: float, tau2: float, tau2_low: float
) -> Literal["alike", "unsure", "same-way", "differ"]:
    """Say how much municipalities differ: not beyond chance, perhaps, in size only, or in direction.

    An estimate above zero is not yet a difference: chance alone gives one half of the time. Only an interval
    that leaves zero out is.

    Parameters
    ----------
    prediction_low, prediction_high : float
        Where the difference of another municipality is expected, households per 1,000.
    tau2 : float
        Variance between municipalities, in any unit: only whether it is zero counts.
    tau2_low : float
        Lower end of its Q-profile interval; nan where that interval is empty.
    """
    if tau2 <= 0:
        return "alike"
    if not tau2_low > 0:
        return "unsure"
    return "same-way" if round(prediction_high) < 0 or round(prediction_low) > 0 else "differ"
