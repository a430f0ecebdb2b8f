"""One municipality, in memory: cohort, admission, treatment model, gate, effects. Nothing is written here."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from causalsig.cohort.build import (
    Cohort,
    CohortPlan,
    build_cohort,
    plan_cohorts,
    plan_window,
    site_facts,
)
from causalsig.cohort.person_periods import person_periods
from causalsig.errors import EstimationError
from causalsig.estimation import difference_in_means
from causalsig.execution.contacts import contact_block
from causalsig.execution.crossed import threshold_findings
from causalsig.execution.falsify import falsification
from causalsig.execution.grouped import group_block
from causalsig.execution.hidden import hidden_findings
from causalsig.execution.horizons import merge_plans, of_outcomes
from causalsig.execution.later import known_failures, later_verdicts, pooling_of
from causalsig.execution.members import Members, tell_question
from causalsig.execution.routes import Route, clone_route, treatment_route
from causalsig.execution.rules import rule_blocks
from causalsig.execution.strength import balance_block, rulers, sensitivity_rows, unused_regions
from causalsig.records import Analysis, AttritionRow, QuestionResult, Refusal, SiteResult
from causalsig.release.rules import admit_arms
from causalsig.study.digest import study_digest

if TYPE_CHECKING:
    from causalsig.cohort.person_periods import PeriodTable
    from causalsig.records import Estimator, QuestionStatus
    from causalsig.results import ArmMeans
    from causalsig.sources.schema import Matching, SiteTables
    from causalsig.study.inventory import Site
    from causalsig.study.models import Outcome, Study

Progress = Callable[[str], None]
"""Called with the code of each step as it begins."""
Follow = Callable[["Cohort"], "PeriodTable"]
"""Gives a cohort by period."""
WITHHELD = "gate-design-failed"
NOT_BESIDE = "estimation-no-sensitivity"
INCOMPLETE_ARMS = "cohort-arm-set-incomplete"
NO_REFERENCE = "cohort-reference-arm-missing"


def analyse_site(
    tables: SiteTables,
    study: Study,
    site: Site,
    matching: Matching,
    *,
    finding_codes: Iterable[str] = (),
    plans: tuple[CohortPlan, ...] | None = None,
    progress: Progress | None = None,
    benchmarks: bool = False,
    thresholds: bool | None = None,
    members: Members | None = None,
) -> SiteResult:
    """Answer the study's questions at one site.

    The order is fixed: who is compared, which arms are large enough (known before outcomes), the treatment
    model, the design gate, and only then effects.

    Parameters
    ----------
    tables : SiteTables
        Canonical tables.
    study : Study
    site : Site
        Retention, rule; its code is kept in the result and never released.
    matching : Matching
    finding_codes : iterable of str
        Codes of what reading the source found; a known failure among them keeps the figures out of pools.
    plans : tuple of CohortPlan, optional
        Some of :func:`plan_cohorts` only; default all.
    progress : callable, optional
    benchmarks : bool
        For the statistician, and longer than all the rest: leave every recorded covariate out in turn, and
        try to falsify the answer.
    thresholds : bool, optional
        Whether Q3 is answered too, where the study asks it; default: unless only some plans are.
    members : callable, optional
        Told who each analysis is of; the result holds no key of a household.

    Returns
    -------
    SiteResult
        With one QuestionResult a question asked. Holds influence values.
    """
    step = progress or (lambda code: None)
    step("cohort")
    facts = site_facts(tables)
    chosen = plan_cohorts(study) if plans is None else plans

    def follow(cohort: Cohort) -> PeriodTable:
        days = cohort.plan.settings.period_days
        return person_periods(cohort, facts, period_days=days)

    def kept_days(plan: CohortPlan) -> int:
        window = plan_window(plan, tables.extracted_on, site, matching, study)
        return study.data.look_back_days if window.look_back else 0

    codes = tuple(sorted(set(finding_codes)))
    partial: dict[str, list[QuestionResult]] = {}
    for plan in chosen:
        step(plan.question)
        cohort = build_cohort(tables, plan, study, site, matching, facts=facts)
        found = answer(cohort, study, follow, known_failures(codes), benchmarks=benchmarks)
        if members is not None and plan.exposure == "question":
            tell_question(found, cohort, members)
        found = replace(found, hidden=hidden_findings(found, cohort, facts, study, seed_of(study, plan)))
        if benchmarks and not partial.get(plan.question):
            seed = seed_of(study, plan)
            found = replace(
                found, falsification=falsification(found, cohort, facts, study, seed, kept_days(plan))
            )
        parts = partial.setdefault(plan.question, [])
        parts.append(of_outcomes(found, plan) if parts else found)
    crossed = None
    if thresholds or (thresholds is None and plans is None):
        step("threshold")
        crossed = threshold_findings(tables, study, site, matching, facts, members)
    return SiteResult(
        municipality=site.code,
        study_digest=study_digest(study),
        extracted_on=tables.extracted_on,
        questions=tuple(merge_plans(parts) for parts in partial.values()),
        finding_codes=codes,
        thresholds=crossed,
    )


def answer(
    cohort: Cohort,
    study: Study,
    follow: Follow | None = None,
    failures: tuple[str, ...] = (),
    *,
    benchmarks: bool = False,
) -> QuestionResult:
    """Take one cohort through admission, treatment model, gate and effects.

    Parameters
    ----------
    cohort : Cohort
    study : Study
    follow : callable, optional
        Gives the cohort by period, for clone-censor-weight; without it only a question that is answered
        otherwise can be, and no sensitivity by clones stands beside it.
    failures : tuple of str
        Known failures of the data, for the pooling gate.
    benchmarks : bool
        See :func:`analyse_site`.
    """
    plan = cohort.plan
    if cohort.size == 0:
        return _without_effects(cohort, "refused", cohort.refusals)
    counts = {arm: len(np.unique(cohort.households[cohort.treatment == arm])) for arm in cohort.arms}
    kept, refusals = admit_arms(counts, study.disclosure, question=plan.question)
    if plan.reference not in kept:
        missing_reference = () if not kept else (Refusal(NO_REFERENCE, plan.question),)
        return _without_effects(cohort, "refused", (*cohort.refusals, *refusals, *missing_reference))
    estimands, missing = _possible_estimands(study, plan, kept)
    refusals = (*cohort.refusals, *refusals, *missing)
    if not estimands:
        return _without_effects(cohort, "refused", refusals)
    admitted = np.isin(cohort.treatment.astype(str), kept)
    attrition = (*cohort.attrition, _admission_row(cohort, admitted))
    try:
        route = _route(_estimator(plan), cohort, kept, estimands, study, follow)
    except EstimationError as error:
        return _without_effects(cohort, "refused", (*refusals, Refusal(error.code, plan.question)))
    gate = route.gate
    analyses, failed = _effects(cohort, route, gate.admitted, plan.outcomes, study, failures)
    withheld = tuple(
        Refusal(WITHHELD, plan.question, outcome.id, estimand)
        for estimand in estimands
        if estimand not in gate.admitted
        for outcome in plan.outcomes
    )
    status: QuestionStatus = "estimated" if analyses else ("refused" if gate.admitted else "withheld")
    others, beside, absent = _sensitivities(cohort, kept, study, follow, failures) if analyses else ((),) * 3
    rule, given, no_rule = rule_blocks(cohort, route, analyses, study, seed_of(study, plan))
    analyses = (*analyses, *beside)
    return QuestionResult(
        question=plan.question,
        status=status,
        attrition=attrition,
        verdicts=(*gate.verdicts, *later_verdicts(route, analyses, plan.primary_contrast, failures, study)),
        balance=gate.balance,
        analyses=analyses,
        refusals=(*refusals, *withheld, *failed, *absent, *no_rule),
        regions=unused_regions(cohort, kept, study),
        components=balance_block(cohort, route, estimands[0]) if analyses else None,
        rulers=rulers(cohort, (route, *others), analyses, study, benchmarks=benchmarks),
        groups=group_block(cohort, (route, *others), analyses, study),
        rule=rule,
        given=given,
        # Where the data are known to be wrong nothing that is counted in them may be shown.
        contacts=None if failures else contact_block(cohort, study),
        overlap=next((made.figures() for made in (route, *others) if made.figures is not None), None),
    )


def _estimator(plan: CohortPlan) -> Estimator:
    """Secondary exposures are described by what was known at time zero."""
    return plan.settings.estimator if plan.exposure == "question" else "doubly_robust"


def _route(
    estimator: Estimator,
    cohort: Cohort,
    kept: tuple[str, ...],
    estimands: tuple[str, ...],
    study: Study,
    follow: Follow | None,
) -> Route:
    if estimator == "doubly_robust":
        return treatment_route(cohort, kept, estimands, study, seed_of(study, cohort.plan))
    if follow is None:
        raise ValueError("clone-censor-weight needs the cohort by period: give `follow`")
    return clone_route(cohort, kept, estimands, study, follow(cohort))


def _sensitivities(
    cohort: Cohort, kept: tuple[str, ...], study: Study, follow: Follow | None, failures: tuple[str, ...]
) -> tuple[tuple[Route, ...], tuple[Analysis, ...], tuple[Refusal, ...]]:
    """Estimate the primary outcome in other ways, each through its own gate.

    One that fails says so, and takes nothing away from the answer.
    """
    plan = cohort.plan
    outcomes = tuple(o for o in plan.outcomes if o.id == plan.settings.primary_outcome)
    if plan.exposure != "question" or not outcomes:
        return (), (), ()
    estimands = tuple(e for e in study.estimands.all if e != "ATO" or len(kept) == len(plan.arms))
    analyses: list[Analysis] = []
    absent: list[Refusal] = []
    routes: list[Route] = []
    for estimator in plan.settings.sensitivity_estimators:
        if estimator == "clone_censor_weight" and follow is None:
            continue
        try:
            route = _route(estimator, cohort, kept, estimands, study, follow)
            routes.append(route)
            found, failed = _effects(cohort, route, route.gate.admitted, outcomes, study, failures)
        except EstimationError:
            found, failed = (), ()
        analyses += found
        if not found or failed:
            absent += [Refusal(NOT_BESIDE, plan.question, outcome.id) for outcome in outcomes]
    return tuple(routes), tuple(analyses), tuple(absent)


def seed_of(study: Study, plan: CohortPlan) -> int:
    """Seed of the splits of one plan: the study's, mixed with what the plan is, the same at every site."""
    text = f"{study.seed}|{plan.question}|{plan.months}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")


def _possible_estimands(
    study: Study, plan: CohortPlan, kept: tuple[str, ...]
) -> tuple[tuple[str, ...], tuple[Refusal, ...]]:
    """Drop the ATO where an arm is missing: its population is defined by the declared set of arms."""
    wanted = study.estimands_of(plan.question) if plan.exposure == "question" else study.estimands.all
    if len(kept) == len(plan.arms):
        return wanted, ()
    possible = tuple(estimand for estimand in wanted if estimand != "ATO")
    dropped = tuple(
        Refusal(INCOMPLETE_ARMS, plan.question, outcome.id, estimand)
        for estimand in wanted
        if estimand == "ATO"
        for outcome in plan.outcomes
    )
    return possible, dropped


def _effects(
    cohort: Cohort,
    route: Route,
    admitted: tuple[str, ...],
    asked: tuple[Outcome, ...],
    study: Study,
    failures: tuple[str, ...],
) -> tuple[tuple[Analysis, ...], tuple[Refusal, ...]]:
    """Estimate outcomes of the plan under every admitted estimand, in one pass each."""
    if not admitted:
        return (), ()
    plan, rows = cohort.plan, route.rows
    outcomes = np.column_stack([cohort.outcomes[outcome.id][rows] for outcome in asked])
    analyses: list[Analysis] = []
    failed: list[Refusal] = []
    unadjusted: ArmMeans | None = None
    for estimand in admitted:
        try:
            found = route.estimate(estimand, outcomes)
        except EstimationError as error:
            failed.extend(Refusal(error.code, plan.question, o.id, estimand) for o in asked)
            continue
        if unadjusted is None:
            unadjusted = _unadjusted(cohort, found.arms, asked)
        hidden = sensitivity_rows(route, estimand, plan.reference, found.arms, outcomes)
        for place, outcome in enumerate(asked):
            made = _analysis(
                cohort, study, route, estimand, outcome, found.outcome(place), unadjusted.outcome(place)
            )
            pooled = pooling_of(route, estimand, made.result, failures, study).passed
            analyses.append(replace(made, sensitivity=hidden[place], pooled=pooled))
    return tuple(analyses), tuple(failed)


def _unadjusted(cohort: Cohort, arms: tuple[str, ...], asked: tuple[Outcome, ...]) -> ArmMeans:
    """Difference in means of the episodes in the arms, whatever the route."""
    rows = np.isin(cohort.treatment.astype(str), arms)
    plain: ArmMeans = difference_in_means(
        cohort.covariates[rows],
        cohort.treatment[rows].astype(str),
        np.column_stack([cohort.outcomes[outcome.id][rows] for outcome in asked]),
        arms=arms,
        households=cohort.households[rows],
    )
    return plain


def _analysis(
    cohort: Cohort,
    study: Study,
    route: Route,
    estimand: str,
    outcome: Outcome,
    result: ArmMeans,
    unadjusted: ArmMeans,
) -> Analysis:
    """Put one outcome's means with the households they are of: those of the arms, whatever was cloned."""
    plan = cohort.plan
    values = cohort.outcomes[outcome.id][route.rows]
    returned = values < outcome.days if outcome.kind == "days" else values > 0
    clusters = result.clusters
    with_event = [np.unique(clusters[(route.codes == k) & returned]) for k in range(len(result.arms))]
    totals = result.households
    first = (_estimator(plan), study.estimands_of(plan.question)[0], plan.settings.primary_outcome)
    return Analysis(
        question=plan.question,
        outcome=outcome.id,
        estimand=estimand,
        kind=outcome.kind,
        months=outcome.months,
        reference=plan.reference,
        primary=(route.estimator, estimand, outcome.id) == first,
        result=result,
        unadjusted=unadjusted,
        households_with=tuple(len(found) for found in with_event),
        households_without=tuple(
            int(total) - len(found) for total, found in zip(totals, with_event, strict=True)
        ),
        estimator=route.estimator,
    )


def _admission_row(cohort: Cohort, rows: np.ndarray) -> AttritionRow:
    return AttritionRow(
        rule="cohort-arm-admitted",
        households_before=len(np.unique(cohort.households)),
        households_after=len(np.unique(cohort.households[rows])),
        episodes_before=cohort.size,
        episodes_after=int(rows.sum()),
    )


def _without_effects(cohort: Cohort, status: QuestionStatus, refusals: tuple[Refusal, ...]) -> QuestionResult:
    return QuestionResult(cohort.plan.question, status, cohort.attrition, (), (), (), refusals)
