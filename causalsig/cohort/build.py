"""One cohort: the episodes of a question and horizon, with arm, outcomes and covariates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from causalsig.cohort.arms import accepted_by_landmark, first_method
from causalsig.cohort.covariates import LOOK_BACK_COVARIATES, design_matrix
from causalsig.cohort.eligibility import EligibilityContext, apply_rules, arm_defined
from causalsig.cohort.facts import SiteFacts, site_facts
from causalsig.cohort.history import Floats, Integers
from causalsig.cohort.outcomes import outcome_values
from causalsig.cohort.window import entry_window
from causalsig.records import AttritionRow, Refusal
from causalsig.study.models import ContactMethod

if TYPE_CHECKING:
    from causalsig.sources.schema import Matching, SiteTables
    from causalsig.study.inventory import Site
    from causalsig.study.models import AcceptedHelp, Outcome, Study

__all__ = ["Cohort", "CohortPlan", "build_cohort", "plan_cohorts", "site_facts"]


@dataclass(frozen=True, slots=True)
class CohortPlan:
    """A question with those of its outcomes that share a horizon, and so a cohort.

    The plan that holds the primary outcome comes first.
    """

    question: str
    settings: ContactMethod | AcceptedHelp
    outcomes: tuple[Outcome, ...]

    @property
    def months(self) -> int:
        """Horizon of the plan's outcomes."""
        return self.outcomes[0].months


@dataclass(frozen=True, slots=True)
class Cohort:
    """Who is compared with whom.

    Attributes
    ----------
    plan : CohortPlan
    arms : tuple of str, length K
        The study's arms in the study's order, whether or not anyone is in them.
    treatment : (n,) object
        Arm of each episode.
    households : (n,) int
        Household code; clusters.
    household_keys, time_zero : (n,)
        Household key and day of matching (days since 1970), to line episodes up with other tables.
    covariates : (n, p) float
    covariate_names : tuple of str, length p
    outcomes : dict of (n,) float
        By outcome id.
    attrition : tuple of AttritionRow
    refusals : tuple of Refusal
        What of the plan cannot be had at this site, with its code.
    """

    plan: CohortPlan
    arms: tuple[str, ...]
    treatment: NDArray[np.object_]
    households: Integers
    household_keys: NDArray[np.object_]
    time_zero: Integers
    covariates: Floats
    covariate_names: tuple[str, ...]
    outcomes: dict[str, Floats]
    attrition: tuple[AttritionRow, ...]
    refusals: tuple[Refusal, ...]

    @property
    def size(self) -> int:
        """Number of episodes n."""
        return len(self.treatment)


def plan_cohorts(study: Study) -> tuple[CohortPlan, ...]:
    """One plan a question and horizon; a question's primary outcome is in its first plan."""
    plans: list[CohortPlan] = []
    for question, settings in study.asked.items():
        outcomes = [study.outcome(name) for name in settings.outcomes]
        primary = study.outcome(settings.primary_outcome).months
        others = sorted({outcome.months for outcome in outcomes} - {primary})
        plans.extend(
            CohortPlan(question, settings, tuple(o for o in outcomes if o.months == months))
            for months in (primary, *others)
        )
    return tuple(plans)


def build_cohort(
    tables: SiteTables,
    plan: CohortPlan,
    study: Study,
    site: Site,
    matching: Matching,
    *,
    facts: SiteFacts | None = None,
) -> Cohort:
    """Build the cohort of one plan at one site.

    Parameters
    ----------
    tables : SiteTables
        Canonical tables.
    plan : CohortPlan
    study : Study
        Eligibility, covariates and look-back.
    site : Site
        Retention and rule.
    matching : Matching
        Length of a matching period.
    facts : SiteFacts, optional
        :func:`site_facts` of the same tables, so that several plans share one pass.

    Returns
    -------
    Cohort
        With no episodes, and the refusal that says why, when retention leaves no entry window.
    """
    known = site_facts(tables) if facts is None else facts
    window = entry_window(
        tables.extracted_on,
        site,
        matching,
        study.data,
        follow_up_from_day=plan.settings.follow_up_from_day,
        horizon_days=plan.outcomes[0].days,
    )
    kept, rows = apply_rules(EligibilityContext(known, window, site, study.eligibility))
    arms = _arms(known, tables, plan)
    kept, row = arm_defined(kept, np.isin(arms.astype(str), plan.settings.arms), known.facts.households)
    refusals = _nobody_left(plan, rows, bool(kept.any()))
    names, remarks = _retained_covariates(study.covariates, known, plan, look_back=window.look_back)
    if kept.any():
        refusals += remarks
    order = _stable_order(known, kept)
    facts_kept = known.facts.take(order)
    covariates, columns = design_matrix(names, facts_kept, known.history, study.data.look_back_days)
    return Cohort(
        plan=plan,
        arms=tuple(plan.settings.arms),
        treatment=arms[order],
        households=np.unique(facts_kept.households, return_inverse=True)[1].astype(np.int64),
        household_keys=known.household_keys[order],
        time_zero=facts_kept.time_zero,
        covariates=covariates,
        covariate_names=columns,
        outcomes={
            outcome.id: outcome_values(
                outcome,
                facts_kept.households,
                facts_kept.time_zero,
                plan.settings.follow_up_from_day,
                known.history.signals,
                known.new_arrears,
            )
            for outcome in plan.outcomes
        },
        attrition=(*rows, row),
        refusals=refusals,
    )


def _arms(known: SiteFacts, tables: SiteTables, plan: CohortPlan) -> NDArray[np.object_]:
    facts = known.facts
    if isinstance(plan.settings, ContactMethod):
        return first_method(known.case_ids, facts.time_zero, tables.attempts, plan.settings)
    return accepted_by_landmark(
        facts.households, facts.time_zero, known.history.accepted, known.undated_acceptance, plan.settings
    )


def _nobody_left(plan: CohortPlan, rows: tuple[AttritionRow, ...], anyone: bool) -> tuple[Refusal, ...]:
    """Say why the cohort is empty: no time zero lies in the entry window, or the other rules left nobody."""
    if anyone:
        return ()
    code = "cohort-no-episodes" if rows[0].episodes_after else "cohort-no-entry-window"
    return tuple(Refusal(code, plan.question, outcome.id) for outcome in plan.outcomes)


def _retained_covariates(
    names: tuple[str, ...], known: SiteFacts, plan: CohortPlan, *, look_back: bool
) -> tuple[tuple[str, ...], tuple[Refusal, ...]]:
    """Leave out covariates made of what retention has erased for some episodes and not for others.

    Without the look-back, signals before the entry window are gone, so a repeat of an old arrear may pass as
    a new one: the outcome stays, with a remark that goes into release and report.
    """
    if look_back:
        return names, ()
    gone = LOOK_BACK_COVARIATES
    if np.isnan(known.facts.repeat_flags[:, :3]).all():
        gone = gone | {"signals_m1_m3"}
    kept = tuple(name for name in names if name not in gone)
    remarks = []
    if kept != names:
        remarks.append(Refusal("cohort-look-back-not-retained", plan.question))
    if any(outcome.signals == "new_arrears" for outcome in plan.outcomes):
        remarks.append(Refusal("cohort-new-arrears-short-history", plan.question))
    return kept, tuple(remarks)


def _stable_order(known: SiteFacts, kept: NDArray[np.bool_]) -> Integers:
    """Rows kept, by household key and date, so that the order of the source does not matter."""
    rows = np.flatnonzero(kept)
    order: Integers = rows[np.lexsort((known.facts.time_zero[rows], known.facts.households[rows]))]
    return order
