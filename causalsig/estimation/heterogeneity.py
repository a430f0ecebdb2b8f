"""For whom an effect is larger: arm means of groups, and how effects vary with what is recorded.

One set of models serves every group. With 1_G the indicator of group G the mean of arm a among its members is
``E[1_G h m_a] / E[1_G h]``, h the tilt of the estimand: what `augmented` computes, with ``1_G h`` for h. The
influence of every group is of the same episodes, so that groups and arms have one joint covariance.

A best linear projection is the line in Z nearest to the effect, ``min_β E[h (τ(X) - Zβ)²]``: with the
orthogonal tilt g in place of h its score is that of a group mean, and a group mean is the projection on its
indicator. Semenova and Chernozhukov (2021), doi:10.1093/ectj/utaa027.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from causalsig.errors import EstimationError
from causalsig.estimation.asked import Asked, read_asked
from causalsig.estimation.inference import (
    cluster_covariance,
    influence_of,
    largest_shares,
    split_covariance,
)
from causalsig.estimation.max_t import Joint, joint_inference
from causalsig.estimation.projection import WaldTest, wald_test
from causalsig.estimation.propensity import Propensity, kish
from causalsig.estimation.request import OutcomeModel, Request
from causalsig.results import Arm, Estimand, Floats, Integers, satterthwaite_df

Booleans = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class GroupMeans:
    """Arm means of S groups, with their joint covariance.

    Attributes
    ----------
    groups : tuple of str, length S
    arms : tuple, length K
    means : (S, K)
        On the outcome's own scale.
    covariance : (S K, S K)
        Groups in order, within each its arms; clustered by household.
    estimand : str or (str, arm)
        Whom within each group the means speak of.
    n, households : (S, K)
        Episodes and distinct households of an arm in a group.
    effective_sample_size : (S, K)
        As `ArmMeans.effective_sample_size`. Unit: households.
    largest_share, two_largest_share : (S, K)
        As `ArmMeans.largest_share`.
    sums : (S, K, G)
        Influence by household, centred; never leaves the process.
    level : float
    """

    groups: tuple[str, ...]
    arms: tuple[Arm, ...]
    means: Floats
    covariance: Floats
    estimand: Estimand
    n: Integers
    households: Integers
    effective_sample_size: Floats
    largest_share: Floats
    two_largest_share: Floats
    sums: Floats = field(repr=False)
    level: float = 0.95

    def effects(self, arm: Arm, reference: Arm, *, level: float | None = None, seed: int = 0) -> Joint:
        """Contrast two arms in every group, with intervals that all hold together.

        Raises
        ------
        EstimationError
            ``estimation-unknown-arm``.
        """
        return self._joint(np.eye(len(self.groups)), arm, reference, level, seed)

    def differences(
        self,
        arm: Arm,
        reference: Arm,
        pairs: Sequence[tuple[str, str]],
        *,
        level: float | None = None,
        seed: int = 0,
    ) -> Joint:
        """Compare the effect in one group with that in another, pair by pair, jointly.

        Raises
        ------
        EstimationError
            ``estimation-unknown-arm``, ``estimation-subgroups`` for a group that is not there.
        """
        rows = np.zeros((len(pairs), len(self.groups)))
        for row, (one, other) in zip(rows, pairs, strict=True):
            if one == other or not {one, other} <= set(self.groups):
                _refuse_groups("pairs of two groups of this analysis", "another pair")
            row[self.groups.index(one)], row[self.groups.index(other)] = 1.0, -1.0
        return self._joint(rows, arm, reference, level, seed)

    def effect_covariance(self, arm: Arm, reference: Arm) -> Floats:
        """Covariance (S, S) of the contrast of two arms over the groups."""
        slopes = self._slopes(np.eye(len(self.groups)), arm, reference)
        return np.asarray(slopes @ self.covariance @ slopes.T)

    def test(self, arm: Arm, reference: Arm, groups: Sequence[str]) -> WaldTest:
        """Test that two arms differ by the same in all of some groups.

        Raises
        ------
        EstimationError
            ``estimation-unknown-arm``, ``estimation-subgroups``.
        """
        if len(groups) < 2 or not set(groups) <= set(self.groups):
            _refuse_groups("two groups of this analysis or more", "others")
        places = [self.groups.index(name) for name in groups]
        rows = np.eye(len(self.groups))[places[1:]] - np.eye(len(self.groups))[places[0]]
        slopes = self._slopes(rows, arm, reference)
        # Of each group's own effect, so that nothing depends on which group comes first.
        own = self._slopes(np.eye(len(self.groups))[places], arm, reference)
        freedom = satterthwaite_df(own @ self.sums.reshape(-1, self.sums.shape[-1])).min()
        return wald_test(slopes @ self.means.ravel(), slopes @ self.covariance @ slopes.T, float(freedom))

    def _slopes(self, rows: Floats, arm: Arm, reference: Arm) -> Floats:
        """Weights (M, S K) of the means in combinations (M, S) of the groups' effects."""
        slopes = np.zeros((len(rows), *self.means.shape))
        slopes[:, :, self._place(arm)] += rows
        slopes[:, :, self._place(reference)] -= rows
        return slopes.reshape(len(rows), -1)

    def _joint(self, rows: Floats, arm: Arm, reference: Arm, level: float | None, seed: int) -> Joint:
        slopes = self._slopes(rows, arm, reference)
        variances = np.einsum("ma,ab,mb->m", slopes, self.covariance, slopes)
        sums = slopes @ self.sums.reshape(-1, self.sums.shape[-1])
        chosen = self.level if level is None else level
        return joint_inference(
            slopes @ self.means.ravel(), np.sqrt(np.maximum(variances, 0.0)), sums, chosen, seed
        )

    def _place(self, arm: Arm) -> int:
        if arm not in self.arms:
            raise EstimationError(
                "estimation-unknown-arm",
                expected=f"one of the {len(self.arms)} arms analysed",
                found="another label",
                mend="Use a label of `.arms`.",
            )
        return self.arms.index(arm)


def group_means(
    covariates: Any,
    treatment: Any,
    outcome: Any,
    groups: Mapping[str, Any],
    *,
    propensity: Propensity,
    estimand: Estimand = "ATO",
    observed: Any = None,
    nuisance: Any = "linear",
    outcome_model: OutcomeModel = "auto",
    level: float = 0.95,
) -> GroupMeans:
    """Estimate arm means within groups that were named before any outcome was seen.

    The models are fitted once, to all episodes; a group of everybody gives `doubly_robust` to the last digit.

    Parameters
    ----------
    covariates, treatment, outcome : as `doubly_robust`; one outcome
    groups : mapping of str to (n,) bool
        Members of each; groups may overlap.
    propensity : Propensity
        Cross-fitted; its arms and households hold.
    estimand, observed, nuisance, outcome_model, level : as `doubly_robust`

    Raises
    ------
    EstimationError
        As `doubly_robust`; ``estimation-folds`` for a propensity fitted in-sample,
        ``estimation-subgroups`` for no group, one of another length, or one without two followed households
        in every arm.
    """
    request = Request(
        covariates, treatment, outcome, observed=observed, estimand=estimand, propensity=propensity,
        nuisance=nuisance, outcome_model=outcome_model, level=level,
    )  # fmt: skip
    asked = read_asked(request, [])
    names, members = _read_groups(groups, asked)
    splits = [_one_split(asked, members, r) for r in range(len(asked.fitted.folds))]
    values = np.mean([value for value, _ in splits], axis=0)  # (S, n, K)
    total = len(asked.prepared.sample.household_ids)
    flat = np.moveaxis(values, 0, 1).reshape(values.shape[1], -1)  # (n, S K)
    by_split = np.stack([value.mean(axis=1).ravel() for value, _ in splits])[:, None, :]
    covariance = cluster_covariance(flat, asked.clusters, total) + split_covariance(by_split)[0]
    n, households = _counts(asked, members)
    weights = np.mean([weight for _, weight in splits], axis=0)
    shares = [largest_shares(weight, asked.y[:, 0], asked.clusters) for weight in weights]
    centred = values - values.mean(axis=1, keepdims=True)
    sums = np.stack([[_by_household(one, asked.clusters, total) for one in group.T] for group in centred])
    return GroupMeans(
        groups=names,
        arms=asked.fitted.arms,
        means=values.mean(axis=1),
        covariance=covariance,
        estimand=asked.prepared.name,
        n=n,
        households=households,
        effective_sample_size=_sizes(weights, asked.clusters),
        largest_share=np.array([one for one, _ in shares]),
        two_largest_share=np.array([two for _, two in shares]),
        sums=sums / len(asked.codes),
        level=level,
    )


def _read_groups(groups: Mapping[str, Any], asked: Asked) -> tuple[tuple[str, ...], Booleans]:
    """Bring members (S, n) into the summing order, each group with enough to estimate from."""
    order, count = asked.prepared.sample.order, len(asked.codes)
    if not groups:
        _refuse_groups("at least one group", "none")
    if asked.y.shape[1] != 1:
        _refuse_groups("one outcome", "several")
    members = []
    for mask in groups.values():
        found = np.asarray(mask)
        if found.shape != (count,) or found.dtype != np.bool_:
            _refuse_groups(f"members as {count} booleans", f"shape {found.shape} of {found.dtype}")
        members.append(found[order])
    whole = np.stack(members)
    for group in whole:
        for k in range(len(asked.fitted.arms)):
            rows = group & (asked.codes == k) & (asked.seen[:, 0] > 0)
            if len(np.unique(asked.clusters[rows])) < 2:
                _refuse_groups("two followed households of every arm in every group", "fewer")
    return tuple(groups), whole


def _one_split(asked: Asked, members: Booleans, r: int) -> tuple[Floats, Floats]:
    """Influence (S, n, K) of every group under one split, and the weights behind it."""
    m, [found] = asked.predict(asked.x, r)[0], asked.pieces(asked.x, asked.propensities(r), r)
    residual = asked.y[:, 0, None] - m
    weights = members[:, :, None] * found.w
    values = [
        influence_of(residual, m, one, found.g * group, found.g * group)
        for one, group in zip(weights, members.astype(np.float64), strict=True)
    ]
    return np.stack(values), weights


def _counts(asked: Asked, members: Booleans) -> tuple[Integers, Integers]:
    """Episodes and households of each arm in each group: (S, K) twice."""
    arms = len(asked.fitted.arms)
    n = np.array([np.bincount(asked.codes[group], minlength=arms) for group in members], dtype=np.int64)
    households = np.array(
        [
            [len(np.unique(asked.clusters[group & (asked.codes == k)])) for k in range(arms)]
            for group in members
        ],
        dtype=np.int64,
    )
    return n, households


def _sizes(weights: Floats, clusters: Integers) -> Floats:
    return np.array([[kish(column, clusters) for column in group.T] for group in weights])


def _by_household(values: Floats, clusters: Integers, total: int) -> Floats:
    return np.bincount(clusters, weights=values, minlength=total).astype(np.float64)


def _refuse_groups(expected: str, found: str) -> None:
    raise EstimationError(
        "estimation-subgroups",
        expected=expected,
        found=found,
        mend="Merge small groups in the study before outcomes are looked at, or leave them out.",
        where="groups",
    )
