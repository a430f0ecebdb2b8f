"""Two municipalities put their reports together: each takes its own result out of the other's pool."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from causalsig.attack.attacks import Attack, Trial, dice
from causalsig.attack.pools import nearest, remainder

if TYPE_CHECKING:
    from causalsig.attack.pools import Group
    from causalsig.records import PooledContrast

ATTACK: Final = Attack(
    name="paired-reports",
    victim="municipality",
    source="Handbook: a municipality's own report; threat model: municipalities that put reports together",
    knows="two reports: each its own result and the pool of the others",
    guesses="the effect at a third: right where theirs is the nearest to the guess",
    chance="one over the municipalities that are in both pools",
    held_by="six at least in each pool of the others: five stay that neither knows",
    off="the pool of three: that of the others is the partner and the third, exact, with weights",
)


def trials(groups: Sequence[Group]) -> Iterator[Trial]:
    """Let neighbours in every pool work together."""
    for group in groups:
        size = len(group.members)
        pools = [group.pool(without=one.site) for one in group.members]
        for place, reader in enumerate(group.members):
            beside = (place + 1) % size
            partner = group.members[beside]
            rest = [one for one in group.members if one not in (reader, partner)]
            draw = dice(ATTACK.name, reader.site)
            third = rest[int(draw.integers(len(rest)))]
            told, known = pools[place], pools[beside]
            if told is None or known is None:
                guess = rest[int(draw.integers(len(rest)))].site
            else:
                left = [
                    _taken_out(told, partner.effect(group.contrast, exact=False), size - 1),
                    _taken_out(known, reader.effect(group.contrast, exact=False), size - 1),
                ]
                guess = nearest(sum(left) / len(left), rest, group.contrast)
            yield Trial(ATTACK.name, "on", reader.site, guess == third.site, 1.0 / len(rest))
            pool, weight = group.exact_pool([partner, third]), group.weights([partner, third])[1]
            effect = remainder(pool.estimate, weight, partner.effect(group.contrast)[0])
            right = nearest(effect, rest, group.contrast) == third.site
            yield Trial(ATTACK.name, "off", reader.site, right, 1.0 / len(rest))


def _taken_out(pool: PooledContrast, own: tuple[float, float], sites: int) -> float:
    """Take one effect, with its variance, out of a pool of some sites."""
    estimate, variance = own
    share = min(pool.std_error**2 / (variance + pool.tau2), 0.5) if pool.std_error > 0.0 else 1.0 / sites
    return (pool.estimate - share * estimate) / (1.0 - share)
