"""Pools of a few invented municipalities, as small as may be shown, and whose effect a guess is nearest."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from causalsig.attack.attacks import dice
from causalsig.meta import random_effects
from causalsig.pooling import pool_arms, pool_of_others
from causalsig.pooling.lineup import line_up
from causalsig.release.build import released_arms
from causalsig.release.pool_document import build_pool_document, pool_result
from causalsig.release.pool_entries import MIN_SITES

if TYPE_CHECKING:
    from causalsig.attack.findings import SiteFindings
    from causalsig.records import PooledContrast, PoolResult, ReleasedArms
    from causalsig.release.documents import EstimatesDocument
    from causalsig.study.models import Study

TOGETHER: Final = MIN_SITES + 1
"""Municipalities in a pool: the fewest with which each may see the pool of the others."""


@dataclass(frozen=True, slots=True)
class Member:
    """One municipality of a pool: what it released, and the same exact."""

    site: str
    signals: int
    released: ReleasedArms
    exact: ReleasedArms

    def effect(self, contrast: tuple[str, str], exact: bool = True) -> tuple[float, float]:
        """Give estimate and variance of a contrast, (arm, reference)."""
        block = self.exact if exact else self.released
        a, b = map(block.arms.index, contrast)
        v = block.covariance
        return block.means[a] - block.means[b], v[a][a] + v[b][b] - 2.0 * v[a][b]


@dataclass(frozen=True, slots=True)
class Group:
    """Municipalities that are pooled together."""

    members: tuple[Member, ...]
    study: Study
    question: str
    contrast: tuple[str, str]

    @property
    def arms(self) -> tuple[str, ...]:
        """The study's arms."""
        return tuple(self.study.asked[self.question].arms)

    def pool(self, without: str) -> PooledContrast | None:
        """Give the pool of the others as its document says it; None where the document holds it back."""
        others = pool_of_others([one.released for one in self.members], without, self.study, DIGEST)
        return self._told(pool_result(build_pool_document(others, recipient=without)))

    def pool_of(self, members: Sequence[Member]) -> PooledContrast | None:
        """Give the pool of all of some members as its document says it; None where it holds it back."""
        pool = pool_arms([one.released for one in members], self.study, DIGEST)
        return self._told(pool_result(build_pool_document(pool)))

    def _told(self, pool: PoolResult) -> PooledContrast | None:
        found = [one for one in pool.contrasts if (one.arm, one.reference) == self.contrast and one.primary]
        return found[0] if found and found[0].publishable and math.isfinite(found[0].estimate) else None

    def exact_pool(self, members: Sequence[Member]) -> PooledContrast:
        """Pool exact effects of some members, however few, with nothing rounded or held back."""
        pool = pool_arms([one.exact for one in members], self.study, DIGEST)
        return next(
            one for one in pool.contrasts if (one.arm, one.reference) == self.contrast and one.primary
        )

    def weights(self, members: Sequence[Member]) -> list[float]:
        """Give the weight of each of some members in their exact pool; they add up to one."""
        (lineup,) = line_up([one.exact for one in members], {self.question: self.arms})
        a, b = map(lineup.arms.index, self.contrast)
        v = lineup.weighting_covariances()
        choices = self.study.pooling
        pooled = random_effects(
            lineup.means[:, a] - lineup.means[:, b],
            v[:, a, a] + v[:, b, b] - 2.0 * v[:, a, b],
            tau2=choices.tau2,
            interval=choices.interval,
            level=choices.level,
        )
        by_site = dict(zip(lineup.sites, pooled.weights.tolist(), strict=True))
        return [by_site[one.site] for one in members]


DIGEST: Final = "0" * 64


def groups_of(
    sites: Sequence[SiteFindings],
    documents: Mapping[str, EstimatesDocument],
    study: Study,
    together: int = TOGETHER,
) -> list[Group]:
    """Put so many municipalities that released the primary contrast of one question together, by lot."""
    found = []
    for question, asked in study.asked.items():
        contrast = asked.primary_contrast
        members = []
        for one in sites:
            released = _primary(documents[one.site], question)
            if released is None or one.effect is None or one.effect.question != question:
                continue
            if released.reference == contrast[1] and contrast[0] in released.arms:
                members.append(Member(one.site, one.signals, released, one.effect))
        order = dice("groups", question).permutation(len(members))
        for start in range(0, len(members) - together + 1, together):
            chosen = tuple(members[place] for place in order[start : start + together])
            found.append(Group(chosen, study, question, contrast))
    return found


def _primary(document: EstimatesDocument, question: str) -> ReleasedArms | None:
    blocks = (one for one in released_arms(document) if one.primary and one.question == question)
    return next(blocks, None)


def remainder(estimate: float, weight: float, known: float) -> float:
    """Take out of a pool of two the effect that is known, when the other one has this weight."""
    return (estimate - (1.0 - weight) * known) / weight


def nearest(value: float, candidates: Sequence[Member], contrast: tuple[str, str]) -> str:
    """Name the municipality whose exact effect is nearest to what the attacker worked out."""
    return min(candidates, key=lambda one: abs(one.effect(contrast)[0] - value)).site
