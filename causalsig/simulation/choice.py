"""Which method an episode gets first: a score, the month's capacity, and a multinomial choice.

A method is chosen by the score through a multinomial logit: utility of a method = monthly intercept + slope x
score + Gumbel noise. The intercepts of a month are set so that the capacity of each method is filled, which
makes them the month's realised cutoffs. The true propensities are therefore exactly softmax in recorded
facts, and a working multinomial logit with those facts and the month is a correct model.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from causalsig.simulation import draws, policies
from causalsig.simulation.policies import HOME_VISIT, LETTER, MESSAGE, NONE, PHONE, SHARES
from causalsig.simulation.population import CONTRACTS, RENT

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from causalsig.simulation.scenario import Scenario
    from causalsig.simulation.sites import SiteSpec

REFERENCE_CENTS: Final = 30_000.0
_CONTRACTS: Final = np.arange(CONTRACTS, dtype=np.uint8)


@dataclass(frozen=True, slots=True)
class Facts:
    """Episodes as the municipality sees them, all shape (m,).

    Attributes
    ----------
    household : int64
    contracts : uint8
        Bit c: a signal on contract c.
    multiple, successive, rent_or_crisis, minor, repeat, youth, crisis : bool
        Two or more signals; a signal at the address in the months before that the scenario looks at; a rent
        or crisis signal; minor children; every signal repeats an old arrear; recorded age under 27; a crisis
        signal.
    cents : float64
        Total arrears.
    stress : bool
        Hidden; moves the score and acceptance only in scenarios that say so.
    """

    household: NDArray[np.int64]
    contracts: NDArray[np.uint8]
    multiple: NDArray[np.bool_]
    successive: NDArray[np.bool_]
    rent_or_crisis: NDArray[np.bool_]
    minor: NDArray[np.bool_]
    repeat: NDArray[np.bool_]
    youth: NDArray[np.bool_]
    crisis: NDArray[np.bool_]
    cents: NDArray[np.float64]
    stress: NDArray[np.bool_]

    @property
    def rent(self) -> NDArray[np.bool_]:
        """Episodes with a rent signal, (m,)."""
        return (self.contracts >> np.uint8(RENT)) & np.uint8(1) > 0

    @property
    def signals(self) -> NDArray[np.int64]:
        """Signals of each episode, (m,)."""
        bits = (self.contracts[:, None] >> _CONTRACTS) & np.uint8(1)
        count: NDArray[np.int64] = bits.sum(axis=1, dtype=np.int64)
        return count

    def take(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> Facts:
        """Return some episodes, in that order."""
        return Facts(*(getattr(self, name)[rows] for name in self.__slots__))


def score(facts: Facts, scenario: Scenario) -> NDArray[np.float64]:
    """Points of the municipality's list of priorities, (m,)."""
    law = scenario.assignment
    points: NDArray[np.float64] = (
        law.multiple * facts.multiple
        + law.successive * facts.successive
        + law.rent_or_crisis * facts.rent_or_crisis
        + law.log_amount * np.log(facts.cents / REFERENCE_CENTS)
        + law.minor_children * facts.minor
        + scenario.traps.hidden_stress.score * facts.stress
    )
    return points


def utilities(facts: Facts, scenario: Scenario, spec: SiteSpec) -> NDArray[np.float64]:
    """Return the utility of each arm before the month's intercepts and noise, shape (m, 5)."""
    traps = scenario.traps
    factor = traps.severity.factor
    utility: NDArray[np.float64] = score(facts, scenario)[:, None] * policies.slopes(
        scenario.assignment, spec.policy, factor
    )
    policies.add_rules(utility, facts, spec.policy, factor)
    if spec.youth_text_first:
        utility[:, MESSAGE] += traps.youth_text_first.utility * facts.youth
    share_none = max(1.0 - sum(SHARES[spec.policy]), 0.05)
    odds = spec.repeat_refused / ((1.0 - spec.repeat_refused) * share_none)
    utility[:, NONE] += np.log1p(odds) * facts.repeat
    return utility


def softmax(utility: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probabilities along the last axis."""
    raised = np.exp(utility - utility.max(axis=1, keepdims=True))
    probability: NDArray[np.float64] = raised / raised.sum(axis=1, keepdims=True)
    return probability


def capacity(spec: SiteSpec, scenario: Scenario, key: int, month: int) -> NDArray[np.float64]:
    """Share of the month's episodes each arm can have, (5,): policy, site capacity, shock of the month."""
    share = np.array(SHARES[spec.policy])
    share[PHONE] *= spec.capacity_phone
    share[HOME_VISIT] *= spec.capacity_visit
    shock = draws.normals(key, month, draws.CAPACITY + np.arange(2), np.array([1 << 21]), 2)
    share[PHONE : HOME_VISIT + 1] *= np.exp(scenario.traps.capacity_shocks.sd * shock)
    return policies.with_nobody(share)


def cutoffs(
    utility: NDArray[np.float64], share: NDArray[np.float64], start: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Find the intercepts (5,), letter 0, that fill the month's capacity in expectation, from ``start``."""
    if not len(utility):
        return start
    intercept = start
    for _ in range(12):
        mean = softmax(utility + intercept).mean(axis=0)
        change = np.log(share / mean)
        intercept = intercept + change - change[LETTER]
        if np.abs(change).max() < 1e-3:
            break
    return intercept


def choose(
    key: int, month: int, facts: Facts, utility: NDArray[np.float64], substream: int = 0
) -> NDArray[np.int64]:
    """Arm of each episode: the highest utility with Gumbel noise, shape (m,)."""
    slot = draws.ASSIGN + substream + np.arange(5)
    noise = -np.log(-np.log(draws.uniforms(key, month, slot, facts.household[:, None])))
    arm: NDArray[np.int64] = (utility + noise).argmax(axis=1)
    return arm
