"""Municipalities in which hidden stress moves contact, acceptance and returns, and two analyses of them.

The law of a design is scenario ``hidden_stress`` with its sizes changed: a strength of 1 is the packaged
stress, 0 is none, and everything a strength says (points of the score, reach, acceptance) goes along. Help
acts through acceptance only, so that capacity can be an instrument; capacity differs between months by the
design's ``shock``. Acceptance is booked as it is: coding is another trap.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np

from causalsig.threads import one_thread

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from causalsig.simulation import Scenario, SimulatedSite, SiteSpec

EXTRACTED_ON = date(2025, 12, 31)
FOLLOW_UP_FROM, FOLLOWED = 60, 91
FIRST_METHODS = slice(2, 4)  # phone and home visit among the arms of a capacity


@dataclass(frozen=True, slots=True)
class Design:
    """A municipality and how strongly things act in it.

    Attributes
    ----------
    strength : float
        Of hidden stress; 1 as packaged.
    accepted, reached : float
        Hazard ratios of new arrears after accepting and after being reached.
    shock : float
        Spread of the log of a month's capacity; 0.2 as packaged.
    inhabitants, months : int
        Months of the extract; the last five and the first four have no episodes in the cohort.
    """

    strength: float = 1.0
    accepted: float = 1.0
    reached: float = 1.0
    shock: float = 0.6
    inhabitants: int = 100_000
    months: int = 42


def law_of(design: Design) -> Scenario:
    """Write the scenario of a design."""
    from causalsig.simulation import load_scenario

    base = load_scenario("hidden_stress", "modest").switch(off=("acceptance_coding",))
    packaged, s = base.traps.hidden_stress, design.strength
    middle = (packaged.in_stress + 2.0 * packaged.not_in_stress) / 3.0
    stress = packaged.model_copy(
        update={
            "score": packaged.score * s,
            "reach": packaged.reach**s,
            "in_stress": middle + s * (packaged.in_stress - middle),
            "not_in_stress": middle + s * (packaged.not_in_stress - middle),
        }
    )
    shocks = base.traps.capacity_shocks.model_copy(update={"sd": design.shock})
    ratios = {"written": 1.0, "reached": design.reached, "accepted": design.accepted}
    effect = base.effects["modest"].model_copy(update=ratios)
    return base.model_copy(
        update={
            "extracted_on": EXTRACTED_ON,
            "traps": base.traps.model_copy(update={"hidden_stress": stress, "capacity_shocks": shocks}),
            "effects": base.effects | {"modest": effect},
        }
    )


def spec_of(design: Design) -> SiteSpec:
    """One and the same municipality in every replication: what differs is luck."""
    from causalsig.simulation import SiteSpec

    return SiteSpec("9001", "Voorbeeldstad 01", design.inhabitants)


def analyse(design: Design, seed: int) -> dict[str, float]:
    """Figures of one replication: the adjusted contrast, and the instrument as built and as recorded."""
    from causalsig.simulation import simulate_site

    law = law_of(design)
    with one_thread():
        site = simulate_site(spec_of(design), law, seed, months=design.months, truth=False)
        return analysed(site, law, design, seed)


def analysed(site: SimulatedSite, law: Scenario, design: Design, seed: int) -> dict[str, float]:
    """Compare accepted with not accepted by clones, and months with much and little capacity."""
    from causalsig.cohort import build_cohort, plan_cohorts
    from causalsig.cohort.facts import site_facts
    from causalsig.cohort.instruments import accepted_before, called_or_visited, capacity_instrument
    from causalsig.cohort.person_periods import person_periods
    from causalsig.estimation import clone_censor_weight
    from causalsig.execution.hidden import codes_of_households
    from causalsig.execution.truth import inventory_site
    from causalsig.records import Refusal
    from causalsig.study.read import read_study

    study, known = read_study("vroegsignalering"), site_facts(site.tables)
    plan = next(plan for plan in plan_cohorts(study) if plan.question == "accepted_help" and plan.months == 3)
    entry = inventory_site(site.spec, months=design.months)
    cohort = build_cohort(site.tables, plan, study, entry, site.spec.matching, facts=known)
    outcome = cohort.outcomes[plan.settings.primary_outcome]
    table = person_periods(cohort, known, period_days=plan.settings.period_days)
    adjusted = clone_censor_weight(
        table, outcome, strategies=table.strategies, households=cohort.households
    ).contrast("accepted", "not_accepted")
    figures = {"adjusted": adjusted.estimate, "adjusted_error": adjusted.std_error}
    figures |= {"adjusted_low": adjusted.conf_low, "adjusted_high": adjusted.conf_high}
    households = codes_of_households(known, cohort.household_keys)
    accepted = accepted_before(known.history.accepted, households, cohort.time_zero, FOLLOW_UP_FROM)
    called = called_or_visited(known.history.visits_and_calls, households, cohort.time_zero)
    recorded = recorded_capacity(site.spec, law, seed, design.months)
    for name, options in (("built", {"contacted": called}), ("recorded", {"recorded": recorded})):
        found = capacity_instrument(cohort.time_zero, cohort.household_keys, **options)
        if isinstance(found, Refusal):
            raise RuntimeError(found.code)
        figures |= _instrumental(name, found, accepted, outcome, cohort.covariates)
    return figures | {"episodes": float(cohort.size), "accepted": float(accepted.mean())}


def _instrumental(name: str, found: Any, accepted: Any, outcome: Any, covariates: Any) -> dict[str, float]:
    from causalsig.estimation.shared_instrument import grouped_instrument

    effect = grouped_instrument(
        accepted,
        outcome,
        instrument=found.values,
        groups=found.months,
        controls=found.controls,
        covariates=covariates,
        folds=found.folds,
    )
    held = effect.confidence_set
    width = held.high - held.low if held.bounded else -1.0
    return {
        f"{name}_estimate": effect.estimate,
        f"{name}_error": min(effect.std_error, 1e6),
        f"{name}_kind": float(("interval", "rays", "line", "empty").index(held.kind)),
        f"{name}_low": max(held.low, -1e6),
        f"{name}_high": min(held.high, 1e6),
        f"{name}_width": width,
        f"{name}_f": effect.first_stage.f_statistic,
        f"{name}_reduced": effect.reduced_form,
        f"{name}_first": effect.first_stage.estimate,
        f"{name}_v00": float(effect.covariance[0, 0]),
        f"{name}_v01": float(effect.covariance[0, 1]),
        f"{name}_v11": float(effect.covariance[1, 1]),
        f"{name}_df": effect.df,
        f"{name}_months": float(effect.groups),
    }


def recorded_capacity(spec: SiteSpec, law: Scenario, seed: int, months: int) -> dict[str, float]:
    """Share of each month's episodes that calls and visits have room for, as the generator set it."""
    from causalsig.simulation import draws
    from causalsig.simulation.calendar import Calendar
    from causalsig.simulation.choice import capacity
    from causalsig.simulation.site import BURN_IN_MONTHS

    resolved = law.resolved()
    calendar = Calendar.until(law.extracted_on, months, BURN_IN_MONTHS)
    key = draws.site_key(seed, spec.code)
    return {
        f"{calendar.year[at]}-{calendar.month[at]:02d}": float(
            capacity(spec, resolved, key, at)[FIRST_METHODS].sum()
        )
        for at in range(len(calendar))
    }


def forced(design: Design, seed: int) -> dict[str, float]:
    """Let every episode live once under high and once under low capacity of its own month.

    High and low are one spread of the monthly shock above and below what is usual, for calls and visits
    alike; later months are as they were. Gives the effect on returns and on acceptance, summed over
    episodes: their ratio is the effect in those whose acceptance follows capacity.
    """
    from causalsig.simulation.truth import outcomes_of

    law = law_of(design).resolved()
    run = _forced_run().start(spec_of(design), law, seed, design.months, FOLLOWED, True)
    for month in range(len(run.calendar)):
        run.live(month)
    value = outcomes_of(run.clones, run.clones.births, "accepted_help", run.calendar.extract)
    returned = value["any_new_arrears_3m"]
    known = ~np.isnan(returned).any(axis=1)
    accepted = np.concatenate(run.accepted)[known]
    outcome = returned[known]
    return {
        "on_returns": float((outcome[:, 0] - outcome[:, 1]).sum()),
        "on_acceptance": float((accepted[:, 0] - accepted[:, 1]).sum()),
        "episodes": float(known.sum()),
    }


def _forced_run() -> Any:
    """Give a run of the generator whose clones differ in the capacity of their month."""
    from causalsig.simulation import choice
    from causalsig.simulation.months import Run
    from causalsig.simulation.policies import HOME_VISIT, PHONE, SHARES, with_nobody

    class Forced(Run):
        accepted: list[NDArray[np.float64]]

        def _clone(
            self, month: int, zero: Any, facts: Any, utility: Any, probability: Any, arm: Any, course: Any
        ) -> None:
            if not self._can_be_followed("accepted_help", zero):
                return
            born = len(self.clones.start)
            nobody = np.zeros(len(zero), np.int64)
            both = np.column_stack([np.ones(len(zero))] * 2) / 2.0
            birth = self.clones.give_birth(
                month,
                facts,
                zero,
                self.state,
                ("accepted_help",),
                {"accepted_help": both},
                {"accepted_help": nobody},
            )
            self.clones.births.append(birth)
            accepted = np.empty((len(zero), 2))
            for at, sign in enumerate((1.0, -1.0)):
                share = np.array(SHARES[self.spec.policy])
                share[PHONE : HOME_VISIT + 1] *= np.exp(sign * self.scenario.traps.capacity_shocks.sd)
                base = utility - self.intercept
                under = base + choice.cutoffs(base, with_nobody(share), self.intercept)
                _, _, lived, _ = self._usual_care(month, facts, under)
                rows = born + at * len(zero) + np.arange(len(zero))
                self._apply(self.clones.state, rows, zero, facts, lived)
                accepted[:, at] = lived.accepted & (lived.reached_day < FOLLOW_UP_FROM)
            self.accepted.append(accepted)

    Forced.accepted = []
    return Forced
