"""The pool before and after one municipality joined: what it moved tells that municipality's effect."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from causalsig.attack.attacks import Attack, Trial, dice
from causalsig.attack.pools import nearest, remainder

if TYPE_CHECKING:
    from causalsig.attack.pools import Group
    from causalsig.records import PooledContrast

ATTACK: Final = Attack(
    name="successive-pools",
    victim="municipality",
    source="Handbook: k against k - 1, exact; threat model: two pools, before and after one joined",
    knows="both pools, of six and of seven, and how many signals the one that joined had beside all",
    guesses="the effect at the one that joined: right where it is the nearest of the seven to the guess",
    chance="one over the municipalities in the pool",
    held_by="grids of a quarter of the standard error; no weights",
    off="pools of one and of two, exact, with their weights",
)


def trials(groups: Sequence[Group]) -> Iterator[Trial]:
    """Let every municipality of every pool be the one that joined."""
    for group in groups:
        chance = 1.0 / len(group.members)
        after = group.pool()
        total = sum(one.signals for one in group.members)
        for joined in group.members:
            before = group.pool(without=joined.site)
            if before is None or after is None:
                guess = str(dice(ATTACK.name, joined.site).choice([one.site for one in group.members]))
            else:
                share = _share(before, after, joined.signals / total, len(group.members))
                guess = nearest(_moved(before, after, share), group.members, group.contrast)
            yield Trial(ATTACK.name, "on", joined.site, guess == joined.site, chance)
            first = group.members[0 if joined is not group.members[0] else 1]
            pool, weight = group.exact_pool([first, joined]), group.weights([first, joined])[1]
            alone = group.exact_pool([first]).estimate
            effect = remainder(pool.estimate, weight, alone)
            read = nearest(effect, group.members, group.contrast)
            yield Trial(ATTACK.name, "off", joined.site, read == joined.site, chance)


def _moved(before: PooledContrast, after: PooledContrast, share: float) -> float:
    """Give the effect of what was added, when it has this share of the weight."""
    return before.estimate + (after.estimate - before.estimate) / share


def _share(before: PooledContrast, after: PooledContrast, of_signals: float, sites: int) -> float:
    """Guess the weight of the one that joined: between its share of the signals and an equal one.

    Weights are equal where municipalities differ much, and by size where they do not at all.
    """
    differ = after.tau2 / (after.tau2 + sites * after.std_error**2) if after.std_error > 0.0 else 1.0
    return differ / sites + (1.0 - differ) * of_signals
