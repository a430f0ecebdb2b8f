"""What a rule that was learned elsewhere is worth here.

Nothing is learned of it, so every household values it. Only the best single arm it is compared with is chosen
by outcomes, and therefore by the parts of the households before, as for a rule that is learned here
(:func:`causalsig.estimation.rules.value_of_rule`): that one difference is over the parts that were valued.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from causalsig.estimation.max_t import Joint
from causalsig.estimation.rule_trees import Rule
from causalsig.estimation.rules import (
    DEEPEST,
    checked,
    gains_of,
    parts_of,
    refuse,
    reward_of,
    singles_of,
)
from causalsig.results import Arm, Floats, Integers


@dataclass(frozen=True, slots=True, eq=False)
class GivenRuleValue:
    """What a given rule gains over the best single arm, over treating as now, and over every single arm.

    Attributes
    ----------
    against : tuple of Arm, length S
        The single arms that there is enough of for everybody.
    differences : Joint, of 2 + S
        Rule minus best single arm, rule minus as now, rule minus each of `against`; intervals hold for all of
        them together. The best single arm is chosen where it is not valued, and a site with little to choose
        by often misses the best: a rule that is nothing but that arm would gain over it. So whoever asks
        whether a rule is of use holds it against every single arm too.
    shares : dict of arm to float
        How often the rule uses each arm here.
    chosen, single : (n,)
        Places of the rule's arm and of the best single arm for every episode, -1 for the latter in the parts
        that only teach; never leave the process, nor do `gaps`.
    gaps : (n, 2 + S)
        Scores behind the differences; 0 in the first column in the parts that only teach.
    """

    against: tuple[Arm, ...]
    differences: Joint = field(repr=False)
    shares: dict[Arm, float]
    chosen: Integers = field(repr=False)
    single: Integers = field(repr=False)
    gaps: Floats = field(repr=False)


def value_of_given_rule(
    rule: Rule,
    rewards: Floats,
    now: Floats,
    x: Floats,
    households: Integers,
    *,
    capacity: Mapping[Arm, float] | None = None,
    folds: int = 5,
    seed: int = 0,
    level: float = 0.95,
) -> GivenRuleValue:
    """Value a rule that nothing here was learned for.

    Parameters
    ----------
    rule : Rule
        Its arms are those of the rewards, its columns those of the facts, in their order.
    rewards : (n, K)
        Score of the reward of every arm, larger is better, costs taken off.
    now : (n,)
        Score of the reward of what was done, its costs taken off.
    x : (n, Q)
        What the rule asks; numbers, or 0 and 1.
    households : (n,)
    capacity : mapping of arm to share, optional
        An arm that there is not enough of for everybody is no single arm to be compared with.
    folds : int
        Parts of the households; the best single arm of each is chosen on those before it.
    seed : int
    level : float
        Of the intervals.

    Raises
    ------
    EstimationError
        ``estimation-rule``: shapes that do not fit, an episode that no leaf holds, a rule that uses one arm
        for everybody here, or no arm that there is enough of.
    """
    arms = rule.arms
    rewards, x, households = checked(rewards, x, rule.columns, arms, households, DEEPEST)
    now, place, part = parts_of(now, households, len(x), folds, seed)
    chosen = rule.assign(x)
    if len(chosen) == 0 or chosen.min() < 0 or np.ptp(chosen) == 0:
        refuse("a rule that holds every episode and uses two arms here", "another")
    free = [k for k, arm in enumerate(arms) if (capacity or {}).get(arm, 1.0) >= 1.0]
    if not free:
        refuse("an arm that there is enough of for everybody", "a limit for every arm")
    single = singles_of(rewards, part, arms, capacity)
    got = reward_of(rewards, chosen)
    gaps = got[:, None] - np.column_stack([reward_of(rewards, single), now, rewards[:, free]])
    used = np.bincount(chosen, minlength=len(arms)) / len(x)
    return GivenRuleValue(
        against=tuple(arms[k] for k in free),
        differences=gains_of(gaps, place, level, seed),
        shares=dict(zip(arms, used.tolist(), strict=True)),
        chosen=chosen,
        single=single,
        gaps=np.nan_to_num(gaps),
    )
