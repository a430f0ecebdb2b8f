"""How households of each group were first contacted: facts of the design, counted without any outcome."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from causalsig.contacted import ContactBlock, GroupContact, NearSets

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from causalsig.cohort.build import Cohort
    from causalsig.study.models import Study

    Members = NDArray[np.bool_]

QUESTION = "contact_method"
"""A municipality chooses how it makes contact; whether help is accepted is the household's."""
NamedSet = tuple[tuple[str, ...], "Members"]


@dataclass(frozen=True, slots=True)
class _Counts:
    """Arms and households of the episodes, to be counted in parts of them."""

    codes: NDArray[np.int64]
    households: NDArray[np.int64]
    arms: int
    most: int
    """Most episodes of one household."""

    def episodes(self, inside: Members) -> NDArray[np.int64]:
        """Count the episodes of each arm."""
        return np.bincount(self.codes[inside], minlength=self.arms)

    def distinct(self, inside: Members) -> tuple[int, NDArray[np.int64], NDArray[np.int64]]:
        """Count the households, those with an episode in each arm, and those with one in another arm."""
        pairs = np.unique(self.households[inside] * self.arms + self.codes[inside])
        codes, own = pairs % self.arms, np.unique(pairs // self.arms, return_inverse=True)[1]
        total = int(own.max()) + 1 if len(own) else 0
        single = np.bincount(own, minlength=total)[own] == 1
        with_arm = np.bincount(codes, minlength=self.arms)
        return total, with_arm, total - np.bincount(codes[single], minlength=self.arms)

    def few(self, inside: Members, floor: int) -> NDArray[np.bool_]:
        """Say of each arm whether fewer households than the floor, of some, are in it or in another."""
        episodes = self.episodes(inside)
        total = int(episodes.sum())
        if total == 0:
            return np.zeros(self.arms, dtype=bool)
        # A household has `most` episodes at most: where there are very many, nobody needs to be counted.
        if min(episodes.min(), (total - episodes).min()) >= floor * self.most:
            return np.zeros(self.arms, dtype=bool)
        _, with_arm, without_arm = self.distinct(inside)
        return np.minimum(with_arm, without_arm) < floor


def contact_block(cohort: Cohort, study: Study) -> ContactBlock | None:
    """Count how the episodes of each group were first contacted; None where the study names no groups.

    Of every episode that could be followed, whether or not its arm is large enough to be compared: who gets a
    rare kind of contact is part of the answer. No outcome is looked at.
    """
    if not cohort.groups or cohort.plan.question != QUESTION or cohort.size == 0:
        return None
    treatment = cohort.treatment.astype(str)
    used, place = np.unique(treatment, return_inverse=True)
    arms = tuple(arm for arm in cohort.arms if arm in used)
    codes = np.array([arms.index(arm) for arm in used.tolist()], dtype=np.int64)[place]
    households = np.unique(cohort.households, return_inverse=True)[1].astype(np.int64)
    counts = _Counts(codes, households, len(arms), int(np.bincount(households).max()))
    families = {
        family: {name: mask for name, mask in groups.items() if mask.any()}
        for family, groups in cohort.groups.items()
    }
    everybody = np.ones(cohort.size, dtype=bool)
    return ContactBlock(
        question=cohort.plan.question,
        arms=arms,
        everybody=_contact("", "", everybody, counts),
        groups=tuple(
            _contact(family, name, mask, counts)
            for family, groups in families.items()
            for name, mask in groups.items()
        ),
        near=tuple(_near(families, counts, arms, study.disclosure.min_households_cell)),
        complete=tuple(
            family
            for family, groups in families.items()
            if groups and np.all(np.sum(list(groups.values()), axis=0) == 1)
        ),
    )


def _contact(family: str, group: str, members: Members, counts: _Counts) -> GroupContact:
    episodes = counts.episodes(members)
    total, with_arm, without_arm = counts.distinct(members)
    return GroupContact(
        family,
        group,
        total,
        tuple((episodes / episodes.sum()).tolist()),
        tuple(with_arm.tolist()),
        tuple(without_arm.tolist()),
    )


def _near(
    families: dict[str, dict[str, Members]], counts: _Counts, arms: Sequence[str], floor: int
) -> Iterator[NearSets]:
    """Find sets of groups whose difference holds a few households with or without an arm.

    Whatever groups of a family are taken out of everybody; and of two families one group, or all of one.
    """
    pairs: list[tuple[NamedSet, NamedSet]] = []
    whole = ((), np.ones(len(counts.codes), dtype=bool))
    sets: list[NamedSet] = []
    for groups in families.values():
        unions = [
            _union(groups, names)
            for size in range(1, len(groups) + 1)
            for names in combinations(groups, size)
        ]
        pairs += [(union, whole) for union in unions]
        sets += [union for union in unions if len(union[0]) in (1, len(groups))]
    for (one, here), (other, there) in (*pairs, *combinations(sets, 2)):
        few = counts.few(here ^ there, floor)
        if few.any():
            yield NearSets(one, other, tuple(arm for arm, is_few in zip(arms, few, strict=True) if is_few))


def _union(groups: dict[str, Members], names: tuple[str, ...]) -> NamedSet:
    return names, np.any([groups[name] for name in names], axis=0)
