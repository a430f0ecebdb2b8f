"""Bounds and an instrument beside a question's answer: how far off it may be for what nobody records."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

import numpy as np

from causalsig.cohort.instruments import (
    CapacityInstrument,
    accepted_before,
    called_or_visited,
    capacity_instrument,
)
from causalsig.errors import EstimationError
from causalsig.estimation import coding_bounds, grouped_instrument, instrument_balance, mover_bounds
from causalsig.estimation.movers import Moving
from causalsig.records import BoundsRow, HiddenFindings, InstrumentRow, Refusal

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from causalsig.cohort.build import Cohort
    from causalsig.cohort.facts import SiteFacts
    from causalsig.estimation import GroupedEffect
    from causalsig.records import Analysis, QuestionResult
    from causalsig.study.models import Study


def hidden_findings(
    found: QuestionResult, cohort: Cohort, known: SiteFacts, study: Study, seed: int
) -> HiddenFindings | None:
    """Give what a study declared about the hidden, for the question's primary analysis.

    Parameters
    ----------
    found : QuestionResult
        With its primary analysis; without one there is nothing to bound.
    cohort : Cohort
        The same question's.
    known : SiteFacts
        Of the same tables, for contact and acceptance by household.
    study : Study
    seed : int
        Of the folds.

    Returns
    -------
    HiddenFindings or None
        None when the study declares nothing, or the question has no primary estimate.
    """
    declared = study.hidden
    primary = next((analysis for analysis in found.analyses if analysis.primary), None)
    if primary is None or declared == type(declared)():
        return None
    rows: list[BoundsRow] = []
    refusals: list[Refusal] = []
    if declared.moving is not None and primary.kind == "any":
        rows += _moving(primary, cohort, study)
    instrument = None
    if cohort.plan.question == "accepted_help" and cohort.plan.exposure == "question":
        if declared.coding is not None:
            try:
                rows.append(_coding(primary, cohort, study, seed))
            except EstimationError as error:
                refusals.append(Refusal(error.code, found.question, primary.outcome))
        if declared.instrument is not None:
            made = _instrument(primary, cohort, known, study, seed)
            instrument = made if isinstance(made, InstrumentRow) else None
            refusals += [made] if isinstance(made, Refusal) else []
    return HiddenFindings(tuple(rows), instrument, tuple(refusals))


def _moving(primary: Analysis, cohort: Cohort, study: Study) -> list[BoundsRow]:
    """Bound the primary contrast under each assumption about who moves."""
    declared = study.hidden.moving
    assert declared is not None
    arm, reference = cohort.plan.settings.primary_contrast
    if not {arm, reference} <= set(primary.result.arms):
        return []
    last = cohort.plan.settings.follow_up_from_day + study.outcome(primary.outcome).days
    rows = []
    for moving in get_args(Moving):
        found = mover_bounds(
            primary.result,
            arm,
            reference,
            yearly_turnover=declared.yearly_turnover,
            until_day=last,
            moving=moving,
            occupants_return=declared.occupants_return,
        ).contrast
        ends = (found.low, found.high, found.conf_low, found.conf_high)
        rows.append(BoundsRow("moving", moving, primary.outcome, primary.estimand, arm, reference, *ends))
    return rows


def _coding(primary: Analysis, cohort: Cohort, study: Study, seed: int) -> BoundsRow:
    """Bound the contrast of accepted by the landmark; of clones no correction is known."""
    declared = study.hidden.coding
    assert declared is not None
    arm, reference = cohort.plan.settings.primary_contrast
    rows = np.isin(cohort.treatment.astype(str), (arm, reference))
    found = coding_bounds(
        cohort.covariates[rows],
        cohort.treatment[rows].astype(str),
        cohort.outcomes[primary.outcome][rows],
        arms=(reference, arm),
        sensitivity=declared.sensitivity,
        specificity=declared.specificity,
        households=cohort.households[rows],
        estimand="ATO",
        folds=study.nuisance.folds,
        repeats=study.nuisance.repeats,
        seed=seed,
    )
    bounds = found.bounds
    ends = (bounds.low, bounds.high, bounds.conf_low, bounds.conf_high)
    return BoundsRow(
        "coding", "not_by_outcome", primary.outcome, "ATO", arm, reference, *ends, notes=found.notes
    )


def _instrument(
    primary: Analysis, cohort: Cohort, known: SiteFacts, study: Study, seed: int
) -> InstrumentRow | Refusal:
    declared = study.hidden.instrument
    assert declared is not None
    households, zero = codes_of_households(known, cohort.household_keys), cohort.time_zero
    found = capacity_instrument(
        zero,
        cohort.household_keys,
        called_or_visited(known.history.visits_and_calls, households, zero),
        season=declared.season,
        trend=declared.trend,
        seed=seed,
    )
    if isinstance(found, Refusal):
        return found
    by_day = cohort.plan.settings.follow_up_from_day
    accepted = accepted_before(known.history.accepted, households, zero, by_day)
    shared = {"instrument": found.values, "groups": found.months, "folds": found.folds}
    try:
        effect = grouped_instrument(
            accepted,
            cohort.outcomes[primary.outcome],
            covariates=cohort.covariates,
            controls=found.controls,
            **shared,
        )
        balance = instrument_balance(_not_calendar(cohort), controls=found.controls, **shared).holm
    except EstimationError as error:
        return Refusal(error.code, cohort.plan.question, primary.outcome)
    return _row(primary, found, effect, float(balance.min()))


def codes_of_households(known: SiteFacts, keys: NDArray[np.object_]) -> NDArray[np.int64]:
    """Codes of households by which a site's histories are kept, (n,), in whatever order its tables were."""
    names, first = np.unique(known.household_keys.astype(str), return_index=True)
    codes: NDArray[np.int64] = known.facts.households[first][np.searchsorted(names, keys.astype(str))]
    return codes


def _not_calendar(cohort: Cohort) -> np.ndarray:
    """Covariates other than the calendar month, which says when and not who."""
    kept = [not name.startswith("calendar_month") for name in cohort.covariate_names]
    return cohort.covariates[:, np.array(kept, dtype=bool)]


def _row(
    primary: Analysis, found: CapacityInstrument, effect: GroupedEffect, balance: float
) -> InstrumentRow:
    held = effect.confidence_set
    return InstrumentRow(
        outcome=primary.outcome,
        source=found.source,
        months=effect.groups,
        df=effect.df,
        first_stage=effect.first_stage.estimate,
        f_statistic=effect.first_stage.f_statistic,
        reduced_form=effect.reduced_form,
        covariance=tuple(tuple(float(v) for v in row) for row in effect.covariance),
        set_kind=held.kind,
        set_low=held.low if np.isfinite(held.low) else None,
        set_high=held.high if np.isfinite(held.high) else None,
        p_value=effect.p_value,
        smallest_balance_p=balance,
        notes=effect.notes,
    )
