"""Lining up: which released blocks speak of the same thing, as arrays over sites with missing arms."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from causalsig.errors import PoolError
from causalsig.meta import covariances_by_effective_size
from causalsig.records import ReleasedArms

if TYPE_CHECKING:
    from causalsig.censored import ArmClass

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Lineup:
    """One question, outcome, estimand and estimator over the k sites that released it.

    Attributes
    ----------
    head : ReleasedArms
        Any of the blocks, for what they share (question, outcome, kind, horizon, reference).
    primary : bool
        Whether it is the question's primary outcome under the primary estimand.
    arms : tuple of str, length K
        All arms any site released, in the order of the widest block.
    sites : tuple of str, length k
    means : (k, K)
        NaN where a site lacks the arm.
    covariances : (k, K, K)
        With the variance that rounding to the grid adds (step² / 12); NaN for missing arms.
    effective_sizes : (k, K)
        NaN where a site lacks the arm.
    scales, scale_errors, scale_covariances : (k, K)
        Of the bias of a hidden cause, of each arm against the head's reference; the error with that of
        rounding, the covariance with the site's own contrast without it. NaN where a site released none.
    classes : tuple of tuple of ArmClass, length k
        Arms of which a site gave a class only; its means have NaN there.
    noise : (k, K), optional
        Part of the variances that private releases added; 0 where there is none, NaN for missing arms.
    """

    head: ReleasedArms
    primary: bool
    arms: tuple[str, ...]
    sites: tuple[str, ...]
    means: Floats
    covariances: Floats
    effective_sizes: Floats
    scales: Floats
    scale_errors: Floats
    scale_covariances: Floats
    classes: tuple[tuple[ArmClass, ...], ...] = ()
    noise: Floats | None = None

    def weighting_covariances(self) -> Floats:
        """Covariances whose variances do not look at the site's own outcomes, (k, K, K).

        See :func:`causalsig.meta.covariances_by_effective_size`. The variance of a private release's noise is
        known, and stays each site's own.
        """
        if self.noise is None:
            return covariances_by_effective_size(self.covariances, self.effective_sizes)
        added = np.eye(len(self.arms)) * self.noise[:, None, :]
        added[np.isnan(self.covariances)] = np.nan
        return covariances_by_effective_size(self.covariances - added, self.effective_sizes) + added


def line_up(
    blocks: Iterable[ReleasedArms], whole_arm_set: Mapping[str, tuple[str, ...]]
) -> tuple[Lineup, ...]:
    """Group blocks by question, outcome, estimand and estimator.

    Parameters
    ----------
    blocks : iterable of ReleasedArms
        At most one a site and key; two mean that a site was given twice.
    whole_arm_set : dict
        The study's arms of each question. An ATO is of its declared arm set, so a site without one of the
        arms has none that could be pooled; its ATE enters with that arm missing.

    Returns
    -------
    tuple of Lineup
        In the order in which the keys first appear; sites in the order of their codes.

    Raises
    ------
    PoolError
        ``pool-site-twice``, ``pool-arm-set``.
    """
    groups: dict[tuple[str, str, str, str], dict[str, ReleasedArms]] = {}
    for block in blocks:
        if block.question not in whole_arm_set:
            raise PoolError(
                "pool-arm-set",
                expected="questions of the study",
                found="a block of another question",
                mend="Pool with the study file the releases were made with.",
                where=f"site {block.site[:8]}",
            )
        key = (block.question, block.outcome, block.estimand, block.estimator)
        group = groups.setdefault(key, {})
        if block.site in group:
            raise PoolError(
                "pool-site-twice",
                expected="each site once",
                found="two releases of one site for the same question and outcome",
                mend="Keep one release a site: the older one was replaced or copied.",
                where=f"site {block.site[:8]}",
            )
        _check_arms(block, whole_arm_set[block.question])
        group[block.site] = block
    return tuple(_stack(group, whole_arm_set[key[0]]) for key, group in groups.items())


def _check_arms(block: ReleasedArms, whole: tuple[str, ...]) -> None:
    arms = {*block.arms, *(one.arm for one in block.classes)}
    complete = arms == set(whole)
    if arms <= set(whole) and (complete or block.estimand != "ATO"):
        return
    raise PoolError(
        "pool-arm-set",
        expected="arms of the study, and for an ATO all of them",
        found=f"{len(arms)} arms where the study has {len(whole)}",
        mend="This release was not made by this version's site run; ask the provider for a new one.",
        where=f"site {block.site[:8]}, {block.question}",
    )


def _stack(group: dict[str, ReleasedArms], whole: tuple[str, ...]) -> Lineup:
    sites = tuple(sorted(group))
    present = set().union(*(group[site].arms for site in sites))
    arms = tuple(arm for arm in whole if arm in present)
    means = np.full((len(sites), len(arms)), np.nan)
    covariances = np.full((len(sites), len(arms), len(arms)), np.nan)
    sizes = np.full_like(means, np.nan)
    hidden = np.full((3, *means.shape), np.nan)
    noise = np.full_like(means, np.nan)
    for row, site in enumerate(sites):
        block = group[site]
        # A site of which every arm left as a class has no place here.
        places = np.array([arms.index(arm) for arm in block.arms], dtype=np.intp)
        means[row, places] = block.means
        sizes[row, places] = block.effective_sizes
        noise[row, places] = block.noise or 0.0
        rounding = np.diag(np.square(block.steps) / 12.0)
        covariances[row][np.ix_(places, places)] = np.reshape(block.covariance, rounding.shape) + rounding
        for one in block.sensitivity:
            error = np.hypot(one.scale_std_error, one.step / np.sqrt(12.0))
            together = one.correlation * one.scale_std_error * _own_error(block, one.arm)
            hidden[:, row, arms.index(one.arm)] = one.scale, error, together
    head = group[sites[0]]
    classes = tuple(group[site].classes for site in sites)
    primary = any(block.primary for block in group.values())
    added = noise if any(block.noise for block in group.values()) else None
    return Lineup(
        head,
        primary,
        arms,
        sites,
        means,
        covariances,
        sizes,
        hidden[0],
        hidden[1],
        hidden[2],
        classes,
        added,
    )


def _own_error(block: ReleasedArms, arm: str) -> float:
    """Give the standard error of an arm's contrast with the reference, as the site states it."""
    v = np.asarray(block.covariance)
    a, b = block.arms.index(arm), block.arms.index(block.reference)
    return float(np.sqrt(v[a, a] + v[b, b] - 2.0 * v[a, b]))
