"""A municipality subtracts its own result from the pool, to see what another one found."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from causalsig.attack.attacks import Attack, Trial, dice
from causalsig.attack.pools import nearest

if TYPE_CHECKING:
    from causalsig.attack.pools import Group

ATTACK: Final = Attack(
    name="pool-minus-own",
    victim="municipality",
    source="Handbook: pool minus own site, k against k - 1: exact",
    knows="its own result, the pool, and the pool of the others",
    guesses="the effect at one of the others: right where theirs is the nearest to the guess",
    chance="one over the others in the pool",
    held_by="a pool of the others has six at least; no weights, list or sizes of markers",
    off="a pool of two, and the exact pool of the other",
)


def trials(groups: Sequence[Group]) -> Iterator[Trial]:
    """Let every municipality of every pool guess at one other."""
    for group in groups:
        for reader in group.members:
            others = [one for one in group.members if one is not reader]
            target = others[int(dice(ATTACK.name, reader.site).integers(len(others)))]
            chance = 1.0 / len(others)
            told = group.pool(without=reader.site)
            if told is None:
                guess = others[int(dice("guess", ATTACK.name, reader.site).integers(len(others)))].site
            else:
                guess = nearest(told.estimate, others, group.contrast)
            yield Trial(ATTACK.name, "on", reader.site, guess == target.site, chance)
            read = nearest(group.exact_pool([target]).estimate, others, group.contrast)
            yield Trial(ATTACK.name, "off", reader.site, read == target.site, chance)
