"""One municipality, in memory: cohort, admission, propensity, gate, effects. Nothing is written here."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from causalsig.cohort.build import Cohort, CohortPlan, build_cohort, plan_cohorts, site_facts
from causalsig.diagnostics.gates import DesignGate, design_gate
from causalsig.errors import EstimationError
from causalsig.estimation import difference_in_means, doubly_robust, fit_propensity
from causalsig.records import Analysis, AttritionRow, QuestionResult, Refusal, SiteResult
from causalsig.release.rules import admit_arms
from causalsig.study.digest import study_digest

if TYPE_CHECKING:
    from causalsig.estimation import Propensity
    from causalsig.records import QuestionStatus
    from causalsig.results import ArmMeans
    from causalsig.sources.schema import Matching, SiteTables
    from causalsig.study.inventory import Site
    from causalsig.study.models import Study

Progress = Callable[[str], None]
"""Called with the code of each step as it begins."""
WITHHELD = "gate-design-failed"
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
        Codes of what reading the source found.
    plans : tuple of CohortPlan, optional
        Some of :func:`plan_cohorts` only; default all.
    progress : callable, optional

    Returns
    -------
    SiteResult
        With one QuestionResult a question asked. Holds influence values.
    """
    step = progress or (lambda code: None)
    step("cohort")
    facts = site_facts(tables)
    chosen = plan_cohorts(study) if plans is None else plans
    partial: dict[str, list[QuestionResult]] = {}
    for plan in chosen:
        step(plan.question)
        found = answer(build_cohort(tables, plan, study, site, matching, facts=facts), study)
        parts = partial.setdefault(plan.question, [])
        parts.append(_of_outcomes(found, plan) if parts else found)
    return SiteResult(
        municipality=site.code,
        study_digest=study_digest(study),
        extracted_on=tables.extracted_on,
        questions=tuple(_merge(parts) for parts in partial.values()),
        finding_codes=tuple(sorted(set(finding_codes))),
    )


def answer(cohort: Cohort, study: Study) -> QuestionResult:
    """Take one cohort through admission, propensity, gate and effects."""
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
    rows = np.isin(cohort.treatment.astype(str), kept)
    attrition = (*cohort.attrition, _admission_row(cohort, rows))
    try:
        propensity = fit_propensity(
            cohort.covariates[rows],
            cohort.treatment[rows].astype(str),
            arms=kept,
            households=cohort.households[rows],
            folds=study.nuisance.folds,
            repeats=study.nuisance.repeats,
            seed=seed_of(study, plan),
            nuisance=study.nuisance.learner,
        )
    except EstimationError as error:
        return _without_effects(cohort, "refused", (*refusals, Refusal(error.code, plan.question)))
    gate = design_gate(
        propensity,
        cohort.covariates[rows],
        cohort.covariate_names,
        plan.primary_contrast,
        estimands,
        study.diagnostics,
    )
    analyses, failed = _effects(cohort, rows, propensity, gate, study)
    withheld = tuple(
        Refusal(WITHHELD, plan.question, outcome.id, estimand)
        for estimand in estimands
        if estimand not in gate.admitted
        for outcome in plan.outcomes
    )
    status: QuestionStatus = "estimated" if analyses else ("refused" if gate.admitted else "withheld")
    return QuestionResult(
        question=plan.question,
        status=status,
        attrition=attrition,
        verdicts=gate.verdicts,
        balance=gate.balance,
        analyses=analyses,
        refusals=(*refusals, *withheld, *failed),
    )


def seed_of(study: Study, plan: CohortPlan) -> int:
    """Seed of the splits of one plan: the study's, mixed with what the plan is, the same at every site."""
    text = f"{study.seed}|{plan.question}|{plan.months}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")


def _possible_estimands(
    study: Study, plan: CohortPlan, kept: tuple[str, ...]
) -> tuple[tuple[str, ...], tuple[Refusal, ...]]:
    """Drop the ATO where an arm is missing: its population is defined by the declared set of arms."""
    if len(kept) == len(plan.arms):
        return study.estimands.all, ()
    possible = tuple(estimand for estimand in study.estimands.all if estimand != "ATO")
    dropped = tuple(
        Refusal(INCOMPLETE_ARMS, plan.question, outcome.id, estimand)
        for estimand in study.estimands.all
        if estimand == "ATO"
        for outcome in plan.outcomes
    )
    return possible, dropped


def _effects(
    cohort: Cohort, rows: np.ndarray, propensity: Propensity, gate: DesignGate, study: Study
) -> tuple[tuple[Analysis, ...], tuple[Refusal, ...]]:
    """Estimate all outcomes of the plan under every admitted estimand, in one pass each."""
    if not gate.admitted:
        return (), ()
    plan = cohort.plan
    households = cohort.households[rows]
    treatment = cohort.treatment[rows].astype(str)
    outcomes = np.column_stack([cohort.outcomes[outcome.id][rows] for outcome in plan.outcomes])
    unadjusted = difference_in_means(
        cohort.covariates[rows], treatment, outcomes, arms=propensity.arms, households=households
    )
    analyses: list[Analysis] = []
    failed: list[Refusal] = []
    for estimand in gate.admitted:
        try:
            found = doubly_robust(
                cohort.covariates[rows],
                treatment,
                outcomes,
                arms=propensity.arms,
                households=households,
                estimand=estimand,
                propensity=propensity,
            )
        except EstimationError as error:
            failed.extend(Refusal(error.code, plan.question, o.id, estimand) for o in plan.outcomes)
            continue
        analyses.extend(
            _analysis(plan, study, estimand, place, found, unadjusted, propensity.codes, outcomes[:, place])
            for place in range(len(plan.outcomes))
        )
    return tuple(analyses), tuple(failed)


def _analysis(
    plan: CohortPlan,
    study: Study,
    estimand: str,
    place: int,
    found: ArmMeans,
    unadjusted: ArmMeans,
    codes: np.ndarray,
    values: np.ndarray,
) -> Analysis:
    outcome = plan.outcomes[place]
    result = found.outcome(place)
    clusters = result.clusters
    returned = values < outcome.days if outcome.kind == "days" else values > 0
    with_event = [np.unique(clusters[(codes == k) & returned]) for k in range(len(result.arms))]
    totals = result.households
    return Analysis(
        question=plan.question,
        outcome=outcome.id,
        estimand=estimand,
        kind=outcome.kind,
        months=outcome.months,
        reference=plan.reference,
        primary=outcome.id == plan.settings.primary_outcome and estimand == study.estimands.primary,
        result=result,
        unadjusted=unadjusted.outcome(place),
        households_with=tuple(len(found) for found in with_event),
        households_without=tuple(
            int(total) - len(found) for total, found in zip(totals, with_event, strict=True)
        ),
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


def _of_outcomes(found: QuestionResult, plan: CohortPlan) -> QuestionResult:
    """Say of each outcome of a longer horizon what was said of its whole plan.

    Without the outcome it would read as if the question itself were refused.
    """
    refusals: list[Refusal] = []
    for refusal in found.refusals:
        outcomes = [outcome.id for outcome in plan.outcomes] if refusal.outcome is None else [refusal.outcome]
        refusals += [replace(refusal, outcome=outcome) for outcome in outcomes]
    return replace(found, refusals=tuple(refusals))


def _merge(parts: list[QuestionResult]) -> QuestionResult:
    """One result a question: the first plan (with the primary outcome) decides status, flow and balance.

    A question that is withheld or refused carries no effect anywhere, whatever a longer horizon's gate said.
    """
    first = parts[0]
    analyses = tuple(analysis for part in parts for analysis in part.analyses)
    return replace(
        first,
        analyses=analyses if first.status == "estimated" else (),
        refusals=tuple(dict.fromkeys(refusal for part in parts for refusal in part.refusals)),
    )
