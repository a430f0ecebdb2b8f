"""Trees of two questions at most, and how they are grown.

No question is taken back because it gains little: where arms are close that takes the pattern with the noise.
Whether there is a rule at all is for those to say who did not teach it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from causalsig.results import Arm, Floats, Integers

SMALLEST_SIDE: Final = 0.05
"""Share of a node's episodes that either side of a split keeps at least."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One question: is `column` above `cut`, or not."""

    column: str
    cut: float
    above: bool


@dataclass(frozen=True, slots=True)
class Leaf:
    """For whom an arm is used: all conditions hold. ``households`` of the sample it was learned on."""

    conditions: tuple[Condition, ...]
    arm: Arm
    households: int


@dataclass(frozen=True, slots=True)
class Rule:
    """A tree of depth 2 at most, written as its leaves; every episode is in one of them.

    Attributes
    ----------
    leaves : tuple of Leaf
        One leaf without conditions: the same arm for everybody.
    arms : tuple
    columns : tuple of str
    """

    leaves: tuple[Leaf, ...]
    arms: tuple[Arm, ...]
    columns: tuple[str, ...]

    @property
    def single(self) -> bool:
        """Whether everybody gets the same arm."""
        return len({leaf.arm for leaf in self.leaves}) == 1

    def inside(self, leaf: Leaf, x: Floats) -> NDArray[np.bool_]:
        """Tell which rows (n, Q) a leaf holds: (n,)."""
        return inside(leaf.conditions, x, self.columns)

    def assign(self, x: Floats) -> Integers:
        """Give each row (n, Q) the place of its arm: (n,)."""
        found = np.full(len(x), -1, dtype=np.int64)
        for leaf in self.leaves:
            found[self.inside(leaf, x)] = self.arms.index(leaf.arm)
        return found


def grow(
    rewards: Floats,
    x: Floats,
    columns: Sequence[str],
    arms: Sequence[Arm],
    households: Integers,
    floor: int,
    depth: int,
    seed: int,
) -> Rule:
    """Learn a tree whose leaves hold the floor; where one does not, ask for larger leaves."""
    from econml.policy import PolicyTree

    smallest = floor
    while 2 * smallest <= len(x) and depth:
        tree = PolicyTree(
            max_depth=depth,
            min_samples_split=2 * smallest,
            min_samples_leaf=smallest,
            min_balancedness_tol=0.5 - SMALLEST_SIDE,
            honest=False,
            random_state=seed,
        )
        tree.fit(x, rewards)
        leaves = _leaves(tree, columns, arms, x, households)
        fewest = min(leaf.households for leaf in leaves)
        if fewest >= floor:
            return Rule(_merged(leaves, x, columns, households), tuple(arms), tuple(columns))
        smallest += max(1, floor - fewest)
    whole = Leaf((), arms[int(rewards.mean(axis=0).argmax())], distinct(households))
    return Rule((whole,), tuple(arms), tuple(columns))


def _leaves(
    tree: Any, columns: Sequence[str], arms: Sequence[Arm], x: Floats, households: Integers
) -> tuple[Leaf, ...]:
    """Walk a fitted tree."""
    nodes, found = tree.tree_, []

    def walk(node: int, conditions: tuple[Condition, ...]) -> None:
        left, right = int(nodes.children_left[node]), int(nodes.children_right[node])
        if left < 0:
            value = np.asarray(nodes.value[node]).ravel()
            count = distinct(households[inside(conditions, x, columns)])
            found.append(Leaf(conditions, arms[int(value.argmax())], count))
            return
        column, cut = columns[int(nodes.feature[node])], float(nodes.threshold[node])
        walk(left, (*conditions, Condition(column, cut, False)))
        walk(right, (*conditions, Condition(column, cut, True)))

    walk(0, ())
    return tuple(found)


def _merged(
    leaves: tuple[Leaf, ...], x: Floats, columns: Sequence[str], households: Integers
) -> tuple[Leaf, ...]:
    """Put two leaves together that say the same on both sides of one question."""
    for place, one in enumerate(leaves):
        for other in leaves[place + 1 :]:
            last, same = one.conditions[-1:], one.conditions[:-1] == other.conditions[:-1]
            if not (last and same and one.arm == other.arm and last[0].column == other.conditions[-1].column):
                continue
            here = inside(one.conditions[:-1], x, columns)
            both = Leaf(one.conditions[:-1], one.arm, distinct(households[here]))
            rest = tuple(leaf for leaf in leaves if leaf not in (one, other))
            return _merged((both, *rest), x, columns, households)
    return leaves


def distinct(households: Integers) -> int:
    """Count the households, numbered from 0, that occur."""
    return int(np.count_nonzero(np.bincount(households)))


def inside(conditions: tuple[Condition, ...], x: Floats, columns: Sequence[str]) -> NDArray[np.bool_]:
    """Which rows (n, Q) all conditions hold for: (n,)."""
    found = np.ones(len(x), dtype=bool)
    for condition in conditions:
        above = x[:, list(columns).index(condition.column)] > condition.cut
        found &= above if condition.above else ~above
    return found
