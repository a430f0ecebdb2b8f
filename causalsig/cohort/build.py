"""One cohort: the episodes of a question and horizon, with arm, outcomes and covariates."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from causalsig.cohort.arms import (
    Arms,
    accepted_by_landmark,
    accepted_or_declined,
    attempt_number,
    attempt_sequence,
    first_method,
)
from causalsig.cohort.content import content_order
from causalsig.cohort.covariates import LOOK_BACK_COVARIATES, design_matrix
from causalsig.cohort.eligibility import EligibilityContext, apply_rules, arm_defined
from causalsig.cohort.facts import SiteFacts, site_facts
from causalsig.cohort.groups import groups_of
from causalsig.cohort.history import Floats, Integers
from causalsig.cohort.outcomes import amounts_unknown, outcome_values
from causalsig.cohort.plan import CohortPlan, plan_cohorts, secondary_plans
from causalsig.cohort.window import EntryWindow, waves
from causalsig.records import Refusal
from causalsig.study.graph_identify import hidden_causes
from causalsig.study.models import AcceptedHelp

if TYPE_CHECKING:
    from datetime import date

    from causalsig.records import AttritionRow
    from causalsig.sources.schema import Matching, SiteTables
    from causalsig.study.inventory import Site
    from causalsig.study.models import Study

__all__ = [
    "Cohort",
    "CohortPlan",
    "build_cohort",
    "plan_cohorts",
    "plan_window",
    "secondary_plans",
    "site_facts",
]


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
    groups : dict of dict of (n,) bool
        Members of each group the study names, by family.
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
    groups: dict[str, dict[str, NDArray[np.bool_]]] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Number of episodes n."""
        return len(self.treatment)


def plan_window(
    plan: CohortPlan, extracted_on: date, site: Site, matching: Matching, study: Study
) -> EntryWindow:
    """Entry window of a plan in this extract; what earlier extracts of the site had is left to them."""
    return waves(
        (*site.earlier_extracts, extracted_on),
        site,
        matching,
        study.data,
        follow_up_from_day=plan.from_day,
        horizon_days=plan.days,
    )[-1]


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
    window = plan_window(plan, tables.extracted_on, site, matching, study)
    plan, refusals = _answerable(plan, known)
    kept, rows, nobody = apply_rules(EligibilityContext(known, window, site, study.eligibility))
    arms = _arms(known, plan)
    allowed = arms.within(plan.arms) & bool(plan.outcomes)
    kept, row = arm_defined(kept, allowed, known.facts.households)
    names, remarks = _retained_covariates(study.covariates, known, plan, look_back=window.look_back)
    if kept.any():
        refusals += (*remarks, *_coding_remark(plan, site), *_hidden_remark(plan, study))
    else:
        refusals += tuple(
            Refusal(nobody or "cohort-no-episodes", plan.question, outcome.id) for outcome in plan.outcomes
        )
    return _cohort(known, plan, arms, np.flatnonzero(kept), names, study, (*rows, row), refusals)


def _cohort(
    known: SiteFacts,
    plan: CohortPlan,
    arms: Arms,
    rows: Integers,
    covariates: tuple[str, ...],
    study: Study,
    attrition: tuple[AttritionRow, ...],
    refusals: tuple[Refusal, ...],
) -> Cohort:
    """Encode the episodes of some rows, and put them in an order that follows from their content."""
    facts = known.facts.take(rows)
    design, names = design_matrix(covariates, facts, known.history, study.data.look_back_days)
    outcomes = {
        outcome.id: outcome_values(outcome, facts.households, facts.time_zero, plan.from_day, known.signals)
        for outcome in plan.outcomes
    }
    groups = groups_of(study.groups.families if plan.exposure == "question" else (), facts, known.history)
    chosen = arms.codes[rows]
    order, households = content_order(
        facts.households, facts.time_zero, chosen, [design, *outcomes.values()], known.lives[rows]
    )
    rows = rows[order]
    return Cohort(
        plan=plan,
        arms=plan.arms,
        treatment=arms.texts(rows),
        households=households,
        household_keys=known.household_keys[rows],
        time_zero=facts.time_zero[order],
        covariates=design[order],
        covariate_names=names,
        outcomes={name: values[order] for name, values in outcomes.items()},
        attrition=attrition,
        refusals=refusals,
        groups={
            family: {name: members[order] for name, members in parts.items()}
            for family, parts in groups.items()
        },
    )


def _answerable(plan: CohortPlan, known: SiteFacts) -> tuple[CohortPlan, tuple[Refusal, ...]]:
    """Leave out the outcomes that this source cannot tell."""
    unknown = [outcome for outcome in plan.outcomes if amounts_unknown(outcome, known.signals)]
    kept = tuple(outcome for outcome in plan.outcomes if outcome not in unknown)
    refusals = tuple(Refusal("cohort-amounts-unknown", plan.question, outcome.id) for outcome in unknown)
    return (replace(plan, outcomes=kept) if unknown else plan), refusals


def _arms(known: SiteFacts, plan: CohortPlan) -> Arms:
    """Arm of every episode of the site under the plan's exposure."""
    settings, time_zero = plan.settings, known.facts.time_zero
    if isinstance(settings, AcceptedHelp):
        households, history = known.facts.households, known.history
        undated = known.undated_acceptance
        if plan.exposure == "accepted_or_declined":
            return accepted_or_declined(
                households, time_zero, history.accepted, history.reached, undated, settings
            )
        return accepted_by_landmark(households, time_zero, history.accepted, undated, settings)
    assign = {"attempt_number": attempt_number, "attempt_sequence": attempt_sequence}.get(
        plan.exposure, first_method
    )
    return assign(known.case, time_zero, known.attempts, settings)


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


def _coding_remark(plan: CohortPlan, site: Site) -> tuple[Refusal, ...]:
    """Say that accepted help means another thing here, where the inventory says so.

    With talks booked as quick fix many who were not helped count as helped, with talks booked as refusals
    some who were helped count as not: either way the two groups are mixed, and their difference is too small.
    """
    if isinstance(plan.settings, AcceptedHelp) and site.acceptance_coding != "standard":
        return (Refusal("cohort-acceptance-coded-otherwise", plan.question),)
    return ()


def _hidden_remark(plan: CohortPlan, study: Study) -> tuple[Refusal, ...]:
    """Say that by the study's own graph a cause that nobody records stays open: no data can show it."""
    graph, asked = study.graph, plan.settings
    if graph is None or plan.exposure != "question" or plan.question not in graph.exposures:
        return ()
    by_period = isinstance(asked, AcceptedHelp) and asked.method == "clone_censor_weight"
    hidden = hidden_causes(graph, plan.question, by_period=by_period)
    return (Refusal("cohort-hidden-cause", plan.question),) if hidden else ()
