"""Two municipalities put their reports together: each takes its own result out of the other's pool."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from causalsig.attack.attacks import Attack, Trial, dice
from causalsig.attack.pools import nearest

if TYPE_CHECKING:
    from causalsig.attack.pools import Group, Member
    from causalsig.records import PooledContrast

ATTACK: Final = Attack(
    name="paired-reports",
    victim="municipality",
    source="Handbook: a municipality's own report; threat model: municipalities that put reports together",
    knows="two reports: each its own result and the pool of the others",
    guesses="the effect at a third: right where theirs is the nearest to the guess",
    chance="one over the municipalities that are in both pools",
    held_by="six at least in each pool of the others: five stay that neither knows",
    off="a pool of three, so that each pool of the others is the partner and the third, exact",
    bites=0.9,
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
            read = _third(group, reader, partner, third)
            right = nearest(read, rest, group.contrast) == third.site
            yield Trial(ATTACK.name, "off", reader.site, right, 1.0 / len(rest))


def _taken_out(pool: PooledContrast, own: tuple[float, float], sites: int) -> float:
    """Take one effect, with its variance, out of a pool of some sites."""
    estimate, variance = own
    share = min(pool.std_error**2 / (variance + pool.tau2), 0.5) if pool.std_error > 0.0 else 1.0 / sites
    return (pool.estimate - share * estimate) / (1.0 - share)


def _third(group: Group, reader: Member, partner: Member, third: Member) -> float:
    """Work the third out of two exact pools of two: of all variances it may have, the one both agree on."""
    first, second = (group.exact_pool([known, third]) for known in (partner, reader))
    best, found = float("inf"), first.estimate
    (one, variance_one), (two, variance_two) = (member.effect(group.contrast) for member in (partner, reader))
    for step in range(-40, 41):
        variance = variance_one * 2.0 ** (step / 8.0)
        guesses = [
            pool.estimate + (pool.estimate - known) * (variance + pool.tau2) / (own + pool.tau2)
            for pool, known, own in ((first, one, variance_one), (second, two, variance_two))
        ]
        if abs(guesses[0] - guesses[1]) < best:
            best, found = abs(guesses[0] - guesses[1]), sum(guesses) / 2.0
    return found
