"""Effects of a question's primary contrast in the groups that its study named, behind the same gate."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from causalsig.errors import EstimationError
from causalsig.estimation.heterogeneity import GroupMeans
from causalsig.grouped import FamilyTest, GroupBlock, GroupEffect

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from causalsig.cohort.build import Cohort
    from causalsig.execution.routes import Route
    from causalsig.records import Analysis
    from causalsig.study.models import Study


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
    families, masks, left_out = _large_enough(cohort, route, (arm, reference), study)
    if not masks:
        return None
    try:
        means = route.groups(estimand, cohort.outcomes[outcome][route.rows], masks)
        return _block(cohort, route, means, families, left_out, estimand)
    except EstimationError:
        return None


def _large_enough(
    cohort: Cohort, route: Route, pair: tuple[str, str], study: Study
) -> tuple[dict[str, str], dict[str, NDArray[np.bool_]], tuple[str, ...]]:
    """Family of each group that is kept, its members among the analysed, and the groups left out."""
    treatment, households = cohort.treatment[route.rows].astype(str), cohort.households[route.rows]
    arms = np.unique(treatment)
    families: dict[str, str] = {}
    masks: dict[str, NDArray[np.bool_]] = {}
    left_out = []
    for family, groups in cohort.groups.items():
        for name, members in groups.items():
            inside = members[route.rows]
            counts = {arm: len(np.unique(households[inside & (treatment == arm)])) for arm in arms}
            enough = min(counts[arm] for arm in pair) >= study.groups.min_households
            if enough and min(counts.values()) >= 2:
                families[name], masks[name] = family, inside
            else:
                left_out.append(name)
    return families, masks, tuple(left_out)


def _block(
    cohort: Cohort,
    route: Route,
    means: GroupMeans,
    families: Mapping[str, str],
    left_out: tuple[str, ...],
    estimand: str,
) -> GroupBlock:
    arm, reference = cohort.plan.primary_contrast
    joint = means.effects(arm, reference)
    a, b = means.arms.index(arm), means.arms.index(reference)
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
            households=(int(means.households[s, a]), int(means.households[s, b])),
        )
        for s, name in enumerate(means.groups)
    )
    tests = []
    for family in dict.fromkeys(families.values()):
        members = [name for name in means.groups if families[name] == family]
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
        left_out=left_out,
        level=joint.level,
    )
