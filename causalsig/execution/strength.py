"""Beside a question's answer: where an arm is not used, balance, and how strong a hidden cause must be.

Regions come from the design alone. Everything else is made of effects, and only asked for where the design
gate let them through.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from causalsig.cohort.covariates import covariate_of
from causalsig.diagnosed import (
    BalanceBlock,
    BenchmarkRow,
    CovariateDifference,
    EValueRow,
    RegionCondition,
    Rulers,
    SensitivityRow,
    TippingRow,
    UnusedRegion,
)
from causalsig.diagnostics.atlas import MIN_HOUSEHOLDS, positivity_atlas
from causalsig.diagnostics.balance import balance_components, fewest_by_covariate
from causalsig.errors import EstimationError
from causalsig.estimation import e_value, tipping_point

if TYPE_CHECKING:
    from collections.abc import Sequence

    from causalsig.cohort.build import Cohort
    from causalsig.execution.routes import Route
    from causalsig.records import Analysis, Estimator
    from causalsig.study.models import Study

Floats = NDArray[np.float64]


def unused_regions(cohort: Cohort, arms: tuple[str, ...], study: Study) -> tuple[UnusedRegion, ...]:
    """Find where an arm is (almost) never used, from covariates and arms; outcomes are never looked at."""
    rows = np.isin(cohort.treatment.astype(str), arms)
    households, clusters = np.unique(cohort.households[rows], return_inverse=True)
    places = {arm: place for place, arm in enumerate(arms)}
    codes = np.array([places[arm] for arm in cohort.treatment[rows].astype(str)], dtype=np.int64)
    floor = max(MIN_HOUSEHOLDS, study.disclosure.min_households_arm)
    atlas = positivity_atlas(
        cohort.covariates[rows],
        cohort.covariate_names,
        codes,
        clusters.astype(np.int64),
        arms,
        min_households=floor,
    )
    return tuple(
        UnusedRegion(
            region.arm,
            tuple(RegionCondition(c.question, c.value, c.holds) for c in region.conditions),
            region.households,
            len(households) - region.households,
        )
        for region in atlas.regions
    )


def balance_block(cohort: Cohort, route: Route, estimand: str) -> BalanceBlock | None:
    """Give the primary contrast's balance under its primary estimand; None where an arm of it is missing."""
    arm, reference = cohort.plan.primary_contrast
    found = balance_components(route.gate.balance, (arm, reference))
    if not found.keys:
        return None
    fewest = _fewest(cohort, (arm, reference))
    rows = tuple(
        CovariateDifference(key[0], float(difference), float(noise), fewest[key[0]])
        for key, difference, noise in zip(found.keys, found.differences, found.noise, strict=True)
    )
    return BalanceBlock(route.estimator, estimand, arm, reference, rows)


def _fewest(cohort: Cohort, arms: tuple[str, str]) -> dict[str, int]:
    """Households behind each covariate in the arm that has fewest, by :func:`fewest_by_covariate`."""
    rows = np.isin(cohort.treatment.astype(str), arms)
    codes = (cohort.treatment[rows].astype(str) == arms[1]).astype(np.int64)
    x, names = cohort.covariates[rows], cohort.covariate_names
    return fewest_by_covariate(x, names, codes, cohort.households[rows], len(arms))


def sensitivity_rows(
    route: Route, estimand: str, reference: str, arms: tuple[str, ...], outcomes: Floats
) -> tuple[tuple[SensitivityRow, ...], ...]:
    """Give every doubly robust contrast with the reference its sensitivity, an entry an outcome.

    Parameters
    ----------
    outcomes : (n, J)

    Returns
    -------
    tuple of J tuples
        Empty ones for clones, which have no such bound, and where the scale of the bias cannot be told.
    """
    pairs = tuple((arm, reference) for arm in arms if arm != reference)
    if route.sensitivity is None:
        return tuple(() for _ in outcomes.T)
    try:
        found = route.sensitivity(estimand, outcomes, pairs)
    except EstimationError:
        if outcomes.shape[1] == 1:
            return ((),)
        apart = (sensitivity_rows(route, estimand, reference, arms, one[:, None]) for one in outcomes.T)
        return tuple(rows for one in apart for rows in one)
    rows = tuple(
        SensitivityRow(
            arm=str(one.arm),
            reference=str(one.reference),
            **asdict(one.components()),
            robustness_value=one.robustness_value(),
            robustness_value_of_interval=one.robustness_value_of_interval(),
        )
        for one in found
    )
    return tuple(rows[at : at + len(pairs)] for at in range(0, len(rows), len(pairs)))


def rulers(
    cohort: Cohort, routes: Sequence[Route], analyses: Sequence[Analysis], study: Study, *, benchmarks: bool
) -> tuple[Rulers, ...]:
    """Give what the strength of a hidden cause can be held against, for each way of answering the question.

    Parameters
    ----------
    routes : sequence of Route
        All that were taken.
    analyses : sequence of Analysis
        Their effects; those of the primary outcome under each way's primary estimand are looked at.
    study : Study
    benchmarks : bool
        Whether the recorded covariates are left out in turn.
    """
    primary = next((one for one in analyses if one.primary), None)
    if primary is None:
        return ()
    by_estimator: dict[Estimator, Route] = {route.estimator: route for route in routes}
    arm, reference = cohort.plan.primary_contrast
    found = []
    for one in analyses:
        own = one.estimator == primary.estimator
        estimand = primary.estimand if own else study.estimands.primary
        same = (one.outcome, one.estimand) == (primary.outcome, estimand)
        if same and {arm, reference} <= set(one.result.arms):
            route = by_estimator[one.estimator]
            found.append(
                Rulers(
                    one.outcome,
                    one.estimand,
                    one.estimator,
                    arm,
                    reference,
                    _benchmarks(cohort, route, one, (arm, reference)) if benchmarks else (),
                    _e_values(one),
                    _tipping(cohort, one, arm, reference),
                )
            )
    return tuple(found)


def _benchmarks(
    cohort: Cohort, route: Route, analysis: Analysis, contrast: tuple[str, str]
) -> tuple[BenchmarkRow, ...]:
    """Leave each recorded covariate out in turn: columns of one covariate together."""
    groups: dict[str, list[int]] = {}
    for j, name in enumerate(cohort.covariate_names):
        groups.setdefault(covariate_of(name), []).append(j)
    if route.benchmarks is None or len(groups) < 2:
        return ()
    outcome = cohort.outcomes[analysis.outcome][route.rows]
    try:
        found = route.benchmarks(analysis.estimand, outcome, groups, contrast)
    except EstimationError:
        return ()
    return tuple(
        BenchmarkRow(one.covariate, one.outcome_gain, one.arm_gain, one.correlation, one.shift)
        for one in found
    )


def _e_values(analysis: Analysis) -> tuple[EValueRow, ...]:
    if analysis.kind != "any":
        return ()
    rows = []
    for arm in analysis.result.arms:
        if arm == analysis.reference:
            continue
        try:
            found = e_value(analysis.result.contrast(arm, analysis.reference, "log_ratio"))
        except EstimationError:  # a mean of 0 has no ratio
            continue
        rows.append(EValueRow(arm, analysis.reference, found.ratio, found.value, found.value_of_interval))
    return tuple(rows)


def _tipping(cohort: Cohort, analysis: Analysis, arm: str, reference: str) -> tuple[TippingRow, ...]:
    """Ask for accepted help how many may be coded on the wrong side, those with the worst outcomes."""
    if cohort.plan.question != "accepted_help" or analysis.kind != "any":
        return ()
    result = analysis.result
    contrast = result.contrast(arm, reference)
    a, b = result.position(arm), result.position(reference)
    share = float(result.n[a] / (result.n[a] + result.n[b]))
    # Where the arm has fewer returns the worst are those who never return, recorded in it.
    worst = 0.0 if contrast.estimate < 0.0 else 1.0
    rows = []
    for recorded, outcome in (("arm", worst), ("reference", 1.0 - worst)):
        found = tipping_point(
            contrast,
            float(result.means[a]),
            float(result.means[b]),
            share,
            recorded=recorded,
            outcome=outcome,
        )
        rows.append(TippingRow(found.recorded, found.outcome, found.share, found.share_of_interval))
    return tuple(rows)
