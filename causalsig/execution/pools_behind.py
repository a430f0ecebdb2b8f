"""Which sites are behind each number of a pool, by a name that is the same in every pool of a study."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from causalsig.grouped import PooledRule

if TYPE_CHECKING:
    from causalsig.contacted import ReleasedContact
    from causalsig.crossed import ReleasedThreshold
    from causalsig.diagnosed import ReleasedBalance
    from causalsig.grouped import ReleasedGroups, ReleasedRule
    from causalsig.pooling.moved import SiteMove
    from causalsig.records import ReleasedArms

Named = tuple[str, str]
"""Name of a number, and code of a site behind it."""

_GROUP = ("question", "outcome", "estimand", "estimator", "arm", "reference", "family")
_BALANCE = ("question", "estimator", "estimand", "arm", "reference")
_CUTOFF = ("question", "outcome", "below", "above", "score")


@dataclass(frozen=True, slots=True)
class Pooled:
    """What the sites released that a pool is made of; of each kind the waves that count."""

    arms: Sequence[ReleasedArms] = ()
    groups: Sequence[ReleasedGroups] = ()
    rules: Sequence[ReleasedRule] = ()
    contacts: Sequence[ReleasedContact] = ()
    balance: Sequence[ReleasedBalance] = ()
    crossings: Sequence[ReleasedThreshold] = ()
    moves: Sequence[SiteMove] = ()


def sites_behind(given: Pooled) -> dict[str, frozenset[str]]:
    """Give the codes of the sites behind every number that could be shown, by its name."""
    found: dict[str, set[str]] = defaultdict(set)
    parts = (
        _of_arms(given.arms),
        (
            (_name("group", block, _GROUP, group), block.site)
            for block in given.groups
            for group in block.groups
        ),
        _of_rules(given.rules),
        _of_contacts(given.contacts),
        ((_name("balance", block, _BALANCE), block.site) for block in given.balance),
        _of_crossings(given.crossings),
        ((_name("move", one.move, _CUTOFF, one.move.part), one.move.site) for one in given.moves if one.band),
    )
    for part in parts:
        for name, site in part:
            found[name].add(site)
    return {name: frozenset(sites) for name, sites in found.items()}


def names_of_contrast(row: Any) -> tuple[str, ...]:
    """Name a contrast, and the means of both of its arms, which are shown beside it."""
    head = "/".join((row.question, row.outcome, row.estimand, row.estimator))
    return f"{head}/{row.arm}-{row.reference}", f"{head}/{row.arm}", f"{head}/{row.reference}"


def names_of_row(row: Any, kind: str) -> tuple[str, ...]:
    """Name what a row of a field of `PoolResult` shows; a move rests on answers, and on who lent to them."""
    if kind == "groups":
        return (_name("group", row, _GROUP, row.group),)
    if kind == "contacts":
        return (_name("contact", row, ("question", "family", "group", "arm")),)
    if kind == "balance":
        return (_name("balance", row, _BALANCE),)
    if kind == "moves":
        return _name("move", row, _CUTOFF, row.part), _name("tables", row, _CUTOFF)
    if kind == "thresholds":
        return (_name("threshold", row, (*_CUTOFF, "estimand"), row.honest),)
    if kind == "curves":
        return (_name("threshold", row, (*_CUTOFF, "estimand"), False),)
    return names_of_contrast(row)


def names_of_gain(rule: PooledRule, over: str) -> tuple[str, ...]:
    """Name what a rule gains over something."""
    return (_name("rule", rule, ("question", "outcome", "name"), over),)


def _name(kind: str, row: Any, fields: Sequence[str], *more: object) -> str:
    return "/".join((kind, *(str(getattr(row, field)) for field in fields), *map(str, more)))


def _of_arms(blocks: Iterable[ReleasedArms]) -> Iterator[Named]:
    """Name each mean and contrast; an arm of few returns is one too."""
    for block in blocks:
        head = "/".join((block.question, block.outcome, block.estimand, block.estimator))
        arms = {*block.arms, *(one.arm for one in block.classes)}
        contrasts = {f"{arm}-{block.reference}" for arm in arms if block.reference in arms}
        yield from ((f"{head}/{name}", block.site) for name in arms | contrasts)


def _of_rules(blocks: Iterable[ReleasedRule]) -> Iterator[Named]:
    for block in blocks:
        for gain in block.gains:
            yield _name("rule", block, ("question", "outcome", "name"), gain.over), block.site


def _of_contacts(parts: Iterable[ReleasedContact]) -> Iterator[Named]:
    for part in parts:
        for arm, _ in part.shares:
            yield "/".join(("contact", part.question, part.family, part.group, arm)), part.site


def _of_crossings(blocks: Iterable[ReleasedThreshold]) -> Iterator[Named]:
    for block in blocks:
        yield _name("tables", block, _CUTOFF), block.site
        if block.admitted and np.isfinite(block.estimate):
            honest = block.bias_bound is not None
            yield _name("threshold", block, (*_CUTOFF, "estimand"), honest), block.site
