"""What each municipality of a design would release, drawn from formulas instead of households."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Final

import numpy as np

from causalsig.simulation.policies import SHARES

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from causalsig.cohort import CohortPlan
    from causalsig.execution.power_pilots import Lessons, Pilot
    from causalsig.simulation import Scenario, SiteSpec
    from causalsig.sources.schema import Matching
    from causalsig.study.inventory import Site
    from causalsig.study.models import Study

DAYS_A_MONTH: Final = 30.4375
PILOT_EUR: Final = 50.0
MOST_RISK: Final = 0.5


@dataclass(frozen=True, slots=True)
class DrawnReleases:
    """True contrast and sampling variance of each municipality that is admitted, both (k,)."""

    contrast: NDArray[np.float64]
    variance: NDArray[np.float64]


def draw_releases(
    specs: tuple[SiteSpec, ...],
    plan: CohortPlan,
    study: Study,
    law: Scenario,
    lessons: Lessons,
    entry_of: Callable[[SiteSpec], Site],
    rng: np.random.Generator,
) -> DrawnReleases:
    """Decide who is admitted, and give the contrast and variance of those who are.

    Parameters
    ----------
    specs : tuple of SiteSpec
    plan : CohortPlan
    study : Study
        Floors and data window.
    law : Scenario
        Waves, extraction date, capacity shocks.
    lessons : Lessons
    entry_of : callable
        Gives a municipality's entry in the inventory, which says what it keeps.
    rng : numpy.random.Generator
    """
    contrasts, variances = [], []
    slope = lessons.slopes[plan.question]
    for spec in specs:
        pilot = lessons.pilots[spec.policy, plan.question]
        months_of_entry = entry_months(entry_of(spec), spec.matching, plan, study, law.extracted_on)
        if months_of_entry == 0.0:
            continue
        expected = pilot.monthly * _relative(spec, pilot, law) * months_of_entry
        shock = law.traps.capacity_shocks.sd if plan.question == "contact_method" else 0.0
        spread = np.sqrt(expected + (shock * expected) ** 2 / months_of_entry)
        factor = spec.rate_multiplier ** lessons.elasticity[plan.question]
        risks = np.minimum(pilot.risks * factor, MOST_RISK)
        precision = 0.0
        for _ in range(law.waves):
            episodes = np.maximum(expected + spread * rng.standard_normal(len(expected)), 1.0)
            households = episodes * _between(1.0, pilot.households, months_of_entry, pilot.months)
            if _is_released(households, risks, study, rng):
                precision += 1.0 / _variance(pilot, risks, episodes, months_of_entry)
        if precision:
            moved = float(slope @ (spec.log_hazard_ratio, spec.log_hazard_ratio_help))
            contrasts.append((pilot.contrast + moved) * factor)
            variances.append(1.0 / precision)
    return DrawnReleases(np.array(contrasts), np.array(variances))


def _is_released(
    households: NDArray[np.float64], risks: NDArray[np.float64], study: Study, rng: np.random.Generator
) -> bool:
    """Say whether every arm has the households it needs, and enough of them with and without a return."""
    if (households < households_an_arm(study)).any():
        return False
    returned = rng.poisson(households * risks)
    floor = study.disclosure.min_households_cell
    return bool((returned >= floor).all() and (households - returned >= floor).all())


def _variance(
    pilot: Pilot, risks: NDArray[np.float64], episodes: NDArray[np.float64], months: float
) -> float:
    """Work out the sampling variance of the primary contrast."""
    pair = list(pilot.pair)
    once, again = pilot.design_effect
    effect = _between(once, again, months, pilot.months)
    return float(effect * (risks * (1.0 - risks) / episodes)[pair].sum())


def _between(once: float, all_: float | NDArray[np.float64], months: float, of: int) -> NDArray[np.float64]:
    """Move from one month of entry to all of the pilot's, in a straight line."""
    share = min(max(months - 1.0, 0.0) / max(of - 1, 1), 1.0)
    return np.asarray(once + (np.asarray(all_) - once) * share)


def _relative(spec: SiteSpec, pilot: Pilot, law: Scenario) -> NDArray[np.float64]:
    """Episodes of each arm of a site over those a pilot has per thousand inhabitants, (K,)."""
    from causalsig.simulation.expected import ELIGIBLE_SHARE, taken_up_share

    taken = taken_up_share(spec, law) / float(np.interp(PILOT_EUR, *ELIGIBLE_SHARE))
    size = spec.inhabitants / 1000 * spec.rate_multiplier * taken
    if "home_visit" not in pilot.arms:
        return np.full(len(pilot.arms), size)
    share = np.array((*SHARES[spec.policy], 0.0))
    capacity = share * (1.0, 1.0, spec.capacity_phone, spec.capacity_visit, 0.0)
    capacity *= min(1.0, 0.88 / capacity.sum())
    share[-1], capacity[-1] = 1.0 - share.sum(), 1.0 - capacity.sum()
    relative: NDArray[np.float64] = size * capacity / share
    return relative


def entry_months(site: Site, matching: Matching, plan: CohortPlan, study: Study, extracted_on: date) -> float:
    """Months of matching days in the entry window of one extract; the cohort's own window decides."""
    from causalsig.cohort.window import entry_window

    window = entry_window(
        extracted_on,
        site,
        matching,
        study.data,
        follow_up_from_day=plan.from_day,
        horizon_days=plan.outcomes[0].days,
    )
    first, last = (np.datetime64(day, "D") for day in (window.first, window.last))
    if last < first:
        return 0.0
    days = np.arange(first, last + 1)
    if matching.frequency == "weekly":
        # Day 0, 1 January 1970, was a Thursday.
        weekday = (days.astype(np.int64) + 3) % 7 + 1
        return float((weekday == matching.day).sum() * 7 / DAYS_A_MONTH)
    of_month = (days - days.astype("datetime64[M]")).astype(np.int64) + 1
    return float((of_month == matching.day).sum())


def households_an_arm(study: Study) -> int:
    """Households an arm needs, known before outcomes: the floor, or what the declared risk asks for."""
    floors = study.disclosure
    rarer = min(floors.expected_risk, 1.0 - floors.expected_risk)
    return max(floors.min_households_arm, int(np.ceil(floors.min_expected_class / rarer - 1e-9)))
