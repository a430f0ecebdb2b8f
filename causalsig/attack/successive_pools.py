"""Pools before and after municipalities joined: what they moved tells what these found.

The sequence is the real one: a pool of six, and after each of three that join the university asks its memory
of pools (:mod:`causalsig.release.pools_made`) whether it may pool again. The attacker has what was made.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from causalsig.attack.attacks import Attack, Trial, dice
from causalsig.attack.pools import DIGEST, nearest, remainder
from causalsig.errors import RefusedError
from causalsig.release.keys import SigningKey, new_key, read_signing_key
from causalsig.release.pool_entries import MIN_SITES
from causalsig.release.pools_made import FEWEST, PoolsMade, site_mark

if TYPE_CHECKING:
    from causalsig.attack.pools import Group, Member
    from causalsig.records import PooledContrast

TOGETHER: Final = MIN_SITES + FEWEST
ATTACK: Final = Attack(
    name="successive-pools",
    victim="municipality",
    source="Handbook: k against k - 1, exact; threat model: two pools, before and after one joined",
    knows="every pool that was made, who is in each, and how many signals those that joined had beside all",
    guesses="the effect at the first that joined: right where it is the nearest of the last pool",
    chance="one over the municipalities in the last pool",
    held_by="the memory of pools: none until three have joined (`pool-few-changed`); grids",
    off="pools of one and of two, exact, with their weights",
)


def trials(groups: Sequence[Group]) -> Iterator[Trial]:
    """Let every municipality of every group be the first that joins the six it does not join with."""
    if not groups:
        return
    with tempfile.TemporaryDirectory() as scratch:
        keys = Path(scratch) / "keys"
        new_key(keys, "university", demo=True)
        key = read_signing_key(keys, "university")
        for number, group in enumerate(groups):
            for place, joined in enumerate(group.members):
                first, arriving = _sequence(group.members, place)
                made = _let_through(first, arriving, Path(scratch) / f"{number}-{place}", key)
                yield _trial(group, "on", first, made)
                yield _trial(group, "no-ledger", first, arriving[:1])
                yield _off(group, first[0], joined)


def _sequence(members: Sequence[Member], place: int) -> tuple[list[Member], list[Member]]:
    """Give those of the first pool, and those that join in their order: one, and its two neighbours."""
    turned = [*members[place:], *members[:place]]
    return turned[FEWEST:], turned[:FEWEST]


def _let_through(
    first: Sequence[Member], arriving: Sequence[Member], folder: Path, key: SigningKey
) -> Sequence[Member]:
    """Ask the memory of pools after each that joins; give those who had joined when it first let one pass."""
    made = PoolsMade(folder)
    made.create()
    names = [site_mark(one.site, [one.site]) for one in (*first, *arriving)]
    made.record(DIGEST, frozenset(names[: len(first)]), {}, key)
    for joined in range(1, len(arriving) + 1):
        try:
            made.record(DIGEST, frozenset(names[: len(first) + joined]), {}, key)
        except RefusedError:
            continue
        return arriving[:joined]
    return ()


def _trial(
    group: Group, setting: Literal["on", "no-ledger"], first: Sequence[Member], joined: Sequence[Member]
) -> Trial:
    """Guess at the first that joined from the pools before and after."""
    everyone = [*first, *joined]
    target = (joined or first)[0]
    before, after = group.pool_of(first), group.pool_of(everyone)
    if not joined or before is None or after is None:
        guess = str(dice(ATTACK.name, target.site).choice([one.site for one in everyone]))
    else:
        of_signals = sum(one.signals for one in joined) / sum(one.signals for one in everyone)
        share = _share(after, of_signals, len(joined) / len(everyone), len(everyone))
        guess = nearest(_moved(before, after, share), everyone, group.contrast)
    return Trial(ATTACK.name, setting, target.site, guess == target.site, 1.0 / len(everyone))


def _off(group: Group, first: Member, joined: Member) -> Trial:
    pool, weight = group.exact_pool([first, joined]), group.weights([first, joined])[1]
    effect = remainder(pool.estimate, weight, group.exact_pool([first]).estimate)
    right = nearest(effect, group.members, group.contrast) == joined.site
    return Trial(ATTACK.name, "off", joined.site, right, 1.0 / len(group.members))


def _moved(before: PooledContrast, after: PooledContrast, share: float) -> float:
    """Give the mean effect of those that were added, when they have this share of the weight."""
    return before.estimate + (after.estimate - before.estimate) / share


def _share(after: PooledContrast, of_signals: float, of_sites: float, sites: int) -> float:
    """Guess the weight of those that joined: between their share of the signals and of the sites.

    Weights are equal where municipalities differ much, and by size where they do not at all.
    """
    differ = after.tau2 / (after.tau2 + sites * after.std_error**2) if after.std_error > 0.0 else 1.0
    return differ * of_sites + (1.0 - differ) * of_signals
