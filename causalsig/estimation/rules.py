"""Rules that say which arm to use for whom: shallow trees, learned on one part and valued on another.

A rule π maps recorded facts to arms. With scores φ_a whose mean is the mean outcome under arm a, its value is
the mean of ``φ_π(x)`` over households the rule was not learned on. Athey and Wager (2021),
doi:10.3982/ECTA15732. The tree is econml's policy tree, the last step of its `DRPolicyTree`; the scores are
those of `doubly_robust`, so that nothing is fitted twice.

Part after part of the households is valued by the rule that the parts *before* it teach (Luedtke and van der
Laan 2016, doi:10.1214/15-AOS1384). Were a rule learned on all other parts, before and after, every part's
luck would choose the rules of the others: errors of the parts then go together, and where good rules are
close an interval that counts them as separate is a third too short. Every episode that is valued counts
once, where the paper weighs parts by their precision: here it is about the same in all of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from causalsig.errors import EstimationError
from causalsig.estimation.max_t import Joint, joint_inference
from causalsig.estimation.rule_trees import Rule, grow
from causalsig.results import Arm, Floats, Integers, satterthwaite_df

DEEPEST: Final = 2
PRICES: Final = 30
"""Steps of the bisection for the price at which a scarce arm is used no more than there is of it."""
TEACHES: Final = 0.4
"""Share of the parts that only teach: the rule of the first part that is valued must be worth valuing."""
ROUNDS: Final = 6
"""Times that scarce arms are priced anew: one that becomes dear can send people to another."""


@dataclass(frozen=True, slots=True, eq=False)
class RuleValue:
    """What a rule is worth out of fold, beside the best single arm and treating as now.

    Attributes
    ----------
    rule : Rule
        Learned on everybody: what would be shared.
    found : bool
        It beats every single arm that there is enough of, each by a one-sided test (so the best one too,
        whichever it is); its joint interval over the best single arm leaves out zero. Otherwise there is no
        rule.
    rewards : (3,)
        Mean reward an episode of the rule, of the best single arm, and as now; each learned or chosen where
        it is not valued.
    differences : Joint
        Rule minus best single arm, rule minus as now; intervals for both together.
    shares : dict of arm to float
        How often the rule uses each arm.
    tried : tuple of (Rule, arm)
        Rule and best single arm of each part that was valued.
    chosen, single : (n,)
        Places of both arms for every episode, -1 in the parts that only teach; never leave the process, nor
        do `gaps`.
    gaps : (n, 2)
        Scores behind the differences; 0 in the parts that only teach.
    """

    rule: Rule
    found: bool
    rewards: Floats
    differences: Joint = field(repr=False)
    shares: dict[Arm, float]
    tried: tuple[tuple[Rule, Arm], ...]
    chosen: Integers = field(repr=False)
    single: Integers = field(repr=False)
    gaps: Floats = field(repr=False)


def learn_rule(
    rewards: Floats,
    x: Floats,
    columns: Sequence[str],
    arms: Sequence[Arm],
    households: Integers,
    *,
    floor: int = 30,
    depth: int = DEEPEST,
    capacity: Mapping[Arm, float] | None = None,
    seed: int = 0,
) -> Rule:
    """Learn a shallow tree with a large mean reward, question by question.

    Parameters
    ----------
    rewards : (n, K)
        Score of the reward of every arm, larger is better, costs taken off.
    x : (n, Q)
        What a rule may ask; numbers, or 0 and 1.
    columns : Q names
    arms : K labels
    households : (n,)
    floor : int
        Households in a leaf, at least.
    depth : int
        At most 2: a case worker must be able to remember it.
    capacity : mapping of arm to share, optional
        Largest share of the episodes an arm can be used for; one arm has none. A scarce arm gets a price at
        which the tree keeps to its share.
    seed : int

    Raises
    ------
    EstimationError
        ``estimation-rule``.
    """
    rewards, x, households = checked(rewards, x, columns, arms, households, depth)
    limits = np.array([(capacity or {}).get(arm, 1.0) for arm in arms])
    if limits.max() < 1.0:
        refuse("an arm that there is enough of for everybody", "a limit for every arm")
    price, free = np.zeros(len(arms)), [place for place in range(len(arms)) if limits[place] >= 1.0]

    def tree() -> Rule:
        return grow(rewards - price, x, columns, arms, households, floor, depth, seed)

    found = tree()
    for _ in range(ROUNDS):
        used = np.bincount(found.assign(x), minlength=len(arms)) / len(x)
        if (used <= limits).all():
            return found
        place = int((used - limits).argmax())
        low, high = price[place], price[place] + float(np.ptp(rewards)) + 1.0
        for _ in range(PRICES):
            price[place] = (low + high) / 2.0
            share = float(np.mean(tree().assign(x) == place))
            low, high = (price[place], high) if share > limits[place] else (low, price[place])
        price[place] = high
        found = tree()
    # Prices that chase each other: whoever is over its limit is used for nobody.
    kept = grow(rewards[:, free], x, columns, [arms[place] for place in free], households, floor, depth, seed)
    return Rule(kept.leaves, tuple(arms), tuple(columns))


def value_of_rule(
    rewards: Floats,
    now: Floats,
    x: Floats,
    columns: Sequence[str],
    arms: Sequence[Arm],
    households: Integers,
    *,
    floor: int = 30,
    depth: int = DEEPEST,
    capacity: Mapping[Arm, float] | None = None,
    folds: int = 5,
    seed: int = 0,
    level: float = 0.95,
) -> RuleValue:
    """Value a learned rule where it was not learned.

    Parameters
    ----------
    rewards, x, columns, arms, households, floor, depth, capacity : as `learn_rule`
    now : (n,)
        Score of the reward of what was done, its costs taken off.
    folds : int
        Parts of the households. The first two fifths of them only teach; a rule and a best single arm for
        each part after them are learned on the parts before it.
    seed : int
    level : float
        Of the intervals.
    """
    rewards, x, households = checked(rewards, x, columns, arms, households, depth)
    now, place, part = parts_of(now, households, len(x), folds, seed)
    single = singles_of(rewards, part, arms, capacity)
    chosen, tried = np.full(len(x), -1), []
    for f in valued_parts(part):
        out, before = part == f, part < f
        rule = learn_rule(
            rewards[before], x[before], columns, arms, households[before],
            floor=max(1, floor * f // folds), depth=depth, capacity=capacity, seed=seed,
        )  # fmt: skip
        chosen[out] = rule.assign(x[out])
        tried.append((rule, arms[int(single[out][0])]))
    got = np.column_stack([reward_of(rewards, chosen), reward_of(rewards, single), now])
    gaps = got[:, :1] - got[:, 1:]
    differences = gains_of(gaps, place, level, seed)
    final = learn_rule(
        rewards, x, columns, arms, households, floor=floor, depth=depth, capacity=capacity, seed=seed
    )
    used = np.bincount(final.assign(x), minlength=len(arms)) / len(x)
    free = [k for k, arm in enumerate(arms) if (capacity or {}).get(arm, 1.0) >= 1.0]
    every = got[:, :1] - rewards[:, free]
    beats = bool(differences.conf_low[0] > 0.0) and _beats_all(every, place, level)
    return RuleValue(
        rule=final,
        found=not final.single and beats,
        rewards=got[chosen >= 0].mean(axis=0),
        differences=differences,
        shares=dict(zip(arms, used.tolist(), strict=True)),
        tried=tuple(tried),
        chosen=chosen,
        single=single,
        gaps=np.nan_to_num(gaps),
    )


def parts_of(
    now: Floats, households: Integers, episodes: int, folds: int, seed: int
) -> tuple[Floats, Integers, Integers]:
    """Check what was done, number the households, and part them: (n,) each, the last one their parts."""
    ids, place = np.unique(households, return_inverse=True)
    now = np.asarray(now, dtype=np.float64)
    if len(ids) < 2 * folds or now.shape != (episodes,) or not np.isfinite(now).all():
        refuse("two households a fold, and what was done as (n,) numbers", "fewer, or another shape")
    return now, place, np.random.default_rng([seed, 5]).permutation(np.arange(len(ids)) % folds)[place]


def valued_parts(part: Integers) -> range:
    """Parts that are valued, each by what those before it teach."""
    folds = int(part.max()) + 1
    return range(max(1, round(TEACHES * folds)), folds)


def singles_of(
    rewards: Floats, part: Integers, arms: Sequence[Arm], capacity: Mapping[Arm, float] | None
) -> Integers:
    """Place of the best single arm by the parts before its own (n,); -1 where a part only teaches."""
    single = np.full(len(part), -1)
    for f in valued_parts(part):
        single[part == f] = best_single(rewards[part < f], arms, capacity)
    return single


def reward_of(rewards: Floats, place: Integers) -> Floats:
    """Reward (n,) of the arm in its place of (n, K); missing where there is none."""
    return np.where(place >= 0, rewards[np.arange(len(place)), place], np.nan)


def gains_of(gaps: Floats, place: Integers, level: float, seed: int) -> Joint:
    """Give the means of gaps (n, m) intervals that hold together, households (n,) in clusters.

    A gap that is missing was not valued: each mean is over its own episodes.
    """
    means, sums, errors = _by_household(gaps, place)
    return joint_inference(means, errors, sums, level, seed)


def _by_household(gaps: Floats, place: Integers) -> tuple[Floats, Floats, Floats]:
    """Means (m,) of gaps, their centred sums (m, G) by household, and the means' standard errors (m,)."""
    valued = ~np.isnan(gaps)
    counts = valued.sum(axis=0)
    means: Floats = np.nansum(gaps, axis=0) / counts
    centred = np.where(valued, gaps - means, 0.0) / counts
    sums: Floats = np.stack([np.bincount(place, weights=one) for one in centred.T]).astype(np.float64)
    total = np.array([np.count_nonzero(np.bincount(place, weights=one)) for one in valued.T])
    return means, sums, np.sqrt(total / (total - 1.0) * np.sum(sums**2, axis=1))


def _beats_all(gaps: Floats, place: Integers, level: float) -> bool:
    """Whether every column of gaps (n, m) is above zero by a one-sided test, households in clusters."""
    from scipy.special import stdtrit

    means, sums, errors = _by_household(gaps, place)
    reach = stdtrit(satterthwaite_df(sums), level) * errors
    return bool(np.all((errors > 0.0) & (means > reach)))


def best_single(rewards: Floats, arms: Sequence[Arm], capacity: Mapping[Arm, float] | None) -> int:
    """Place of the arm with the largest mean reward among those that there is enough of for everybody."""
    allowed = [(capacity or {}).get(arm, 1.0) >= 1.0 for arm in arms]
    means = np.where(allowed, rewards.mean(axis=0), -np.inf)
    return int(means.argmax())


def checked(
    rewards: Floats, x: Floats, columns: Sequence[str], arms: Sequence[Arm], households: Any, depth: int
) -> tuple[Floats, Floats, Integers]:
    """Check shapes and numbers; give rewards, facts, and households as numbers."""
    rewards, x = np.asarray(rewards, dtype=np.float64), np.asarray(x, dtype=np.float64)
    codes = np.unique(np.asarray(households), return_inverse=True)[1].astype(np.int64)
    fits = rewards.shape == (len(x), len(arms)) and x.shape[1:] == (len(columns),) and len(codes) == len(x)
    finite = fits and bool(np.isfinite(rewards).all() and np.isfinite(x).all())
    if not finite or not columns or not 0 <= depth <= DEEPEST:
        refuse(
            f"finite rewards (n, arms), facts (n, columns), households (n,), depth 0 to {DEEPEST}",
            "other shapes, nothing to ask, a number that is missing, or a deeper tree",
        )
    return rewards, x, codes


def refuse(expected: str, found: str) -> None:
    """Raise ``estimation-rule``."""
    raise EstimationError(
        "estimation-rule",
        expected=expected,
        found=found,
        mend="Give every arm and every column its place; rules stay as short as a sentence.",
        where="rewards",
    )
