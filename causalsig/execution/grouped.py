"""Effects of a question's primary contrast in the groups that its study named, behind the same gate."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from causalsig.errors import EstimationError
from causalsig.estimation.heterogeneity import GroupMeans
from causalsig.grouped import FamilyRest, FamilyTest, GroupBlock, GroupEffect
from causalsig.release.rules import smallest_arm

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from causalsig.cohort.build import Cohort
    from causalsig.execution.routes import Route
    from causalsig.records import Analysis
    from causalsig.study.models import Study


MARGIN = 2
"""Times an arm's households that either arm of a group needs: groups whose risk is half the declared one hold
the floors for classes too, so that few are held back for their outcomes."""


def group_block(
    cohort: Cohort, routes: Sequence[Route], analyses: Sequence[Analysis], study: Study
) -> GroupBlock | None:
    """Compare the primary contrast between groups; None where the study names none, or no scores are there.

    Of the doubly robust route, as everything that is made of scores; for accepted help, answered with clones,
    that is the landmark analysis. A group in which either arm has fewer households than the study asks for is
    left out before its outcomes are looked at.
    """
    arm, reference = cohort.plan.primary_contrast
    outcome = cohort.plan.settings.primary_outcome
    route = next((one for one in routes if one.groups is not None), None)
    if route is None or not cohort.groups or outcome not in cohort.outcomes:
        return None
    shown = {a.estimand for a in analyses if (a.estimator, a.outcome) == (route.estimator, outcome)}
    estimand = next((e for e in study.estimands.all if e in shown), None)
    if estimand is None or route.groups is None:
        return None
    if not {arm, reference} <= set(cohort.treatment[route.rows].astype(str)):
        return None
    families, masks, left_out = _large_enough(cohort, route, (arm, reference), study)
    if not masks:
        return None
    try:
        means = route.groups(estimand, cohort.outcomes[outcome][route.rows], masks)
        return _block(cohort, route, means, families, masks, left_out, estimand, study)
    except EstimationError:
        return None


def _large_enough(
    cohort: Cohort, route: Route, pair: tuple[str, str], study: Study
) -> tuple[dict[str, str], dict[str, NDArray[np.bool_]], tuple[str, ...]]:
    """Family of each group that is kept, its members among the analysed, and the groups left out.

    As an arm is admitted: by households, before any outcome is looked at.
    """
    treatment, households = cohort.treatment[route.rows].astype(str), cohort.households[route.rows]
    floor = max(study.groups.min_households, MARGIN * smallest_arm(study.disclosure))
    seen = ~np.isnan(cohort.outcomes[cohort.plan.settings.primary_outcome][route.rows])
    arms = np.unique(treatment)
    families: dict[str, str] = {}
    masks: dict[str, NDArray[np.bool_]] = {}
    left_out = []
    for family, groups in cohort.groups.items():
        for name, members in groups.items():
            inside = members[route.rows]
            counts = {arm: len(np.unique(households[inside & seen & (treatment == arm)])) for arm in arms}
            if min(counts[arm] for arm in pair) >= floor and min(counts.values()) >= 2:
                families[name], masks[name] = family, inside
            else:
                left_out.append(name)
    return families, masks, tuple(left_out)


@dataclass(frozen=True, slots=True)
class _Cells:
    """Households of both arms with and without the outcome, to be counted in parts of the episodes."""

    households: NDArray[np.int64]
    arms: tuple[NDArray[np.bool_], ...]
    returned: NDArray[np.bool_]

    def count(self, inside: NDArray[np.bool_]) -> tuple[tuple[int, int], int]:
        """Households of each arm among some episodes, and the fewest with or without the outcome."""
        whole, fewest = [], []
        for arm in self.arms:
            here = np.unique(self.households[inside & arm])
            came_back = np.unique(self.households[inside & arm & self.returned])
            whole.append(len(here))
            fewest += [len(came_back), len(here) - len(came_back)]
        return (whole[0], whole[1]), min(fewest)


def _rest(family: str, masks: Mapping[str, NDArray[np.bool_]], cells: _Cells) -> FamilyRest:
    """Count what is left when any of a family's groups are taken out."""
    arms, fewest = [], []
    for place in range(2 ** len(masks)):
        out = [mask for bit, mask in enumerate(masks.values()) if place >> bit & 1]
        left = ~np.any(out, axis=0) if out else np.ones(len(cells.returned), dtype=bool)
        households, cell = cells.count(left)
        arms.append(min(households) if max(households) else -1)
        fewest.append(cell if max(households) else -1)
    return FamilyRest(family, tuple(masks), tuple(arms), tuple(fewest))


def _block(
    cohort: Cohort,
    route: Route,
    means: GroupMeans,
    families: Mapping[str, str],
    masks: Mapping[str, NDArray[np.bool_]],
    left_out: tuple[str, ...],
    estimand: str,
    study: Study,
) -> GroupBlock:
    arm, reference = cohort.plan.primary_contrast
    joint = means.effects(arm, reference)
    cells = _cells(cohort, route)
    pair = [means.arms.index(arm), means.arms.index(reference)]
    counted = {name: cells.count(mask) for name, mask in masks.items()}
    effects = tuple(
        GroupEffect(
            family=families[name],
            group=name,
            estimate=float(joint.estimates[s]),
            std_error=float(joint.std_errors[s]),
            df=float(joint.df[s]),
            conf_low=float(joint.conf_low[s]),
            conf_high=float(joint.conf_high[s]),
            p_value=float(joint.p_values[s]),
            households=counted[name][0],
            fewest=counted[name][1],
            effective_size=float(means.effective_sample_size[s, pair].min()),
            largest_share=float(means.largest_share[s, pair].max()),
            two_largest_share=float(means.two_largest_share[s, pair].max()),
        )
        for s, name in enumerate(means.groups)
    )
    tests, rests = [], []
    for family in dict.fromkeys(families.values()):
        members = [name for name in means.groups if families[name] == family]
        rests.append(_rest(family, {name: masks[name] for name in members}, cells))
        if len(members) > 1:
            found = means.test(arm, reference, members)
            tests.append(FamilyTest(family, found.statistic, found.df, found.df_rest, found.p_value))
    covariance = means.effect_covariance(arm, reference)
    return GroupBlock(
        question=cohort.plan.question,
        outcome=cohort.plan.settings.primary_outcome,
        estimand=estimand,
        estimator=route.estimator,
        arm=arm,
        reference=reference,
        effects=effects,
        covariance=tuple(tuple(row) for row in covariance.tolist()),
        tests=tuple(tests),
        rests=tuple(rests),
        close=_close(families, masks, cohort.households[route.rows], smallest_arm(study.disclosure)),
        left_out=left_out,
        level=joint.level,
    )


def _close(
    families: Mapping[str, str],
    masks: Mapping[str, NDArray[np.bool_]],
    households: NDArray[np.int64],
    few: int,
) -> tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]:
    """Find sets of groups, one or all of a family, that differ by fewer households than an arm needs."""
    sets: dict[tuple[str, ...], NDArray[np.bool_]] = {(name,): mask for name, mask in masks.items()}
    for family in dict.fromkeys(families.values()):
        names = tuple(name for name in masks if families[name] == family)
        sets[names] = np.any([masks[name] for name in names], axis=0)
    found = []
    for (one, here), (other, there) in combinations(sets.items(), 2):
        apart = here ^ there
        if apart.any() and len(np.unique(households[apart])) < few:
            found.append((one, other))
    return tuple(found)


def _cells(cohort: Cohort, route: Route) -> _Cells:
    """Arms of the primary contrast and the primary outcome of the analysed episodes."""
    outcome = next(o for o in cohort.plan.outcomes if o.id == cohort.plan.settings.primary_outcome)
    values = cohort.outcomes[outcome.id][route.rows]
    treatment = cohort.treatment[route.rows].astype(str)
    return _Cells(
        cohort.households[route.rows],
        tuple(treatment == arm for arm in cohort.plan.primary_contrast),
        values < outcome.days if outcome.kind == "days" else values > 0,
    )
