"""Policies of municipalities: what share of episodes each method gets, and whom it is meant for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from causalsig.simulation.choice import Facts
    from causalsig.simulation.scenario import Assignment, Policy

ARMS: Final = ("letter", "message", "phone", "home_visit", "none")
LETTER, MESSAGE, PHONE, HOME_VISIT, NONE = range(len(ARMS))
SHARES: Final[dict[Policy, tuple[float, float, float, float]]] = {
    "letter_first": (0.27, 0.13, 0.115, 0.10),
    "phone_first": (0.20, 0.13, 0.17, 0.09),
    "visit_for_multiple": (0.23, 0.13, 0.115, 0.125),
    "call_centre": (0.16, 0.16, 0.175, 0.09),
    "amsterdam": (0.13, 0.16, 0.20, 0.11),
    "groningen": (0.22, 0.17, 0.14, 0.10),
}
"""Share of the episodes attempted within 14 days by letter, message, phone and home visit.

The rest is in arm none. Fitted so that, late attempts included, a country of the four usual policies has the
monitor's mix of written only 46 %, calls and visits a third, no attempt a fifth (domain.md, section 2): about
six in ten are attempted within 14 days when delays are gamma with mean 10 and a fifth is never attempted.
"""
MOST_ATTEMPTED: Final = 0.88
"""Share of a month's episodes that all methods together can take, whatever the capacity of each."""
VISIT_FOR_MULTIPLE: Final = 0.8
YOUTH_GRONINGEN: Final = 2.0
LOW_SINGLE_CENTS: Final = 50_000.0
AMSTERDAM_LOW: Final = (0.8, 1.2, 0.6, -2.0, 0.0)
AMSTERDAM_HIGH: Final = (0.0, -0.5, 0.4, 0.8, 0.0)
GRONINGEN_STRETCH: Final = 1.4
"""Groningen's list is sorted by creditors, kind and amount: its score decides more than elsewhere."""


def with_nobody(shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """Cap the shares of the four methods together and add that of nobody: (4,) to (5,)."""
    attempted = shares * min(1.0, MOST_ATTEMPTED / shares.sum())
    return np.append(attempted, 1.0 - attempted.sum())


def slopes(law: Assignment, policy: Policy, factor: float) -> NDArray[np.float64]:
    """How much a point of the score adds to the utility of each arm, (5,); letter is 0."""
    slope = np.array((0.0, law.slope_message, law.slope_phone, law.slope_home_visit, law.slope_none))
    stretch = GRONINGEN_STRETCH if policy == "groningen" else 1.0
    scaled: NDArray[np.float64] = slope * (factor * stretch)
    return scaled


def add_rules(utility: NDArray[np.float64], facts: Facts, policy: Policy, factor: float) -> None:
    """Add a policy's own rules to ``utility`` (m, 5), in place; ``factor`` scales what is severity."""
    if policy == "visit_for_multiple":
        utility[:, HOME_VISIT] += factor * VISIT_FOR_MULTIPLE * facts.multiple
    elif policy == "amsterdam":
        # A single low arrear goes to call centre, text, mail or letter; the others to a district worker.
        low = ~facts.multiple & (facts.cents < LOW_SINGLE_CENTS)
        utility += factor * np.where(low[:, None], AMSTERDAM_LOW, AMSTERDAM_HIGH)
    elif policy == "groningen":
        utility[:, MESSAGE] += YOUTH_GRONINGEN * facts.youth
