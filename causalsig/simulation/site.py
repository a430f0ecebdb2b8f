"""One municipality, month by month: arrears, signals, care, and the clones that live otherwise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from causalsig.errors import SimulationError
from causalsig.simulation import arrears, care, draws
from causalsig.simulation.arrears import Batch, Month, State
from causalsig.simulation.clones import FIRST_BATCH, LONG, SHORT, Clones, Question, forced_courses
from causalsig.simulation.ledger import Calendar, Ledger
from causalsig.simulation.population import CONTRACTS, ENERGY, found, live_a_month
from causalsig.simulation.sites import MONTHS_OF_DATA, guaranteed_months

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from causalsig.simulation.care import Course, Facts
    from causalsig.simulation.population import Population
    from causalsig.simulation.scenario import Scenario
    from causalsig.simulation.sites import SiteSpec
    from causalsig.simulation.truth import SiteTruth
    from causalsig.sources.schema import SiteTables

BURN_IN_MONTHS: Final = 12
EFFECT_MONTHS: Final = 12
END_OF_SUPPLY: Final = 0.24
ABSURD_AGE: Final = 0.01
SHORTEST_RUN: Final = 6


@dataclass(frozen=True, slots=True)
class SimulatedSite:
    """A municipality's tables, and the truth about them.

    Attributes
    ----------
    tables : SiteTables
        Canonical tables as an adapter would read them from the site's extract.
    truth : SiteTruth or None
        Potential outcomes and propensities of every episode that can enter; None when not asked for.
    spec : SiteSpec
    """

    tables: SiteTables
    truth: SiteTruth | None
    spec: SiteSpec


def simulate_site(
    spec: SiteSpec,
    scenario: Scenario,
    seed: int,
    *,
    months: int = MONTHS_OF_DATA,
    truth: bool = True,
    six_months: bool = True,
) -> SimulatedSite:
    """Simulate one municipality; the same seed and spec give the same site, in any order and any process.

    Parameters
    ----------
    spec : SiteSpec
    scenario : Scenario
    seed : int
    months : int
        Months of data before the extraction date; twelve of burn-in go before them.
    truth : bool
        Let clones live under every arm.
    six_months : bool
        Follow clones for six months of batches too; three cost half as much.

    Raises
    ------
    SimulationError
        ``simulation-months`` when the run is too short to hold anything.
    """
    if months < SHORTEST_RUN:
        raise SimulationError(
            "simulation-months",
            expected=f"at least {SHORTEST_RUN} months of data",
            found=f"{months}",
            mend="Ask for more months.",
        )
    run = _Run.start(spec, scenario, seed, months, LONG if six_months else SHORT, truth)
    for month in range(len(run.calendar)):
        run.live(month)
    from causalsig.simulation.tables import site_tables
    from causalsig.simulation.truth import site_truth

    return SimulatedSite(
        tables=site_tables(run.ledger, run.people, run.calendar, spec, scenario, run.key),
        truth=site_truth(run.clones, run.calendar, spec, scenario, run.key) if truth else None,
        spec=spec,
    )


@dataclass(slots=True)
class _Run:
    """A site in the making."""

    spec: SiteSpec
    scenario: Scenario
    key: int
    calendar: Calendar
    people: Population
    state: State
    ledger: Ledger
    clones: Clones
    truth: bool
    enters_from: int
    hazard_ratios: NDArray[np.float64]
    intercept: NDArray[np.float64]

    @classmethod
    def start(
        cls, spec: SiteSpec, scenario: Scenario, seed: int, months: int, batches: int, truth: bool
    ) -> _Run:
        key = draws.site_key(seed, spec.code)
        calendar = Calendar.until(scenario.extracted_on, months, BURN_IN_MONTHS)
        people = found(spec, key)
        effect = scenario.hazard_ratios
        ratios = np.array((effect.written, effect.reached, effect.accepted))
        if scenario.effect != "null":
            ratios[1] *= np.exp(spec.log_hazard_ratio)
        return cls(
            spec=spec,
            scenario=scenario,
            key=key,
            calendar=calendar,
            people=people,
            state=State.empty(len(people)),
            ledger=Ledger(),
            clones=Clones(batches),
            truth=truth,
            enters_from=len(calendar) - guaranteed_months(spec, months),
            hazard_ratios=ratios,
            intercept=np.zeros(5),
        )

    def live(self, month: int) -> None:
        """Let one month pass."""
        lives = live_a_month(self.people, self.key, month)
        now = Month(
            index=month,
            factor=arrears.seasonal_factor(int(self.calendar.year[month]), int(self.calendar.month[month])),
            outage=arrears.outages(self.key, month),
            hazard_ratios=self.hazard_ratios,
        )
        self.state.move_out(lives.moved)
        batch = arrears.step(self.key, self.people, lives, self.state, now, None)
        facts, crisis, age = self._facts(month, batch, batch.rows)
        taken = self._can_be_taken_up(month, self.state, batch.rows, facts)
        share = care.capacity(self.spec, self.scenario, self.key, month)
        seen = facts.take(taken)
        utility = care.utilities(seen, self.scenario.assignment, self.spec)
        self.intercept = care.cutoffs(utility, share, self.intercept)
        utility += self.intercept
        probability = care.softmax(utility)
        arm = care.choose(self.key, month, seen, utility)
        stream = np.zeros(len(arm), np.int64)
        method, late, desk = care.first_methods(
            self.key, month, seen, arm, probability, self.scenario.care, stream
        )
        course, attempts = care.contact(
            self.key, month, seen, method, late, desk, self.scenario, stream, record=True
        )
        if attempts is not None and month >= self.calendar.data_from:
            self.ledger.record(month, batch, facts, crisis, age, taken, course, attempts)
        if self.truth and month >= self.enters_from:
            moved = np.zeros(len(self.people), np.bool_)
            moved[lives.moved] = True
            self.clones.state.move_out(np.flatnonzero(moved[self.clones.household]))
            arrivals = arrears.step(
                self.key, self.people, lives, self.clones.state, now, self.clones.household
            )
            self.clones.count(month, arrivals)
            self._care_for_clones(month, arrivals)
            self.clones.bury(month)
            self._clone(month, seen, utility, probability, arm, course)
        self._apply(self.state, month, seen.household, course)

    def _facts(
        self, month: int, batch: Batch, household: NDArray[np.int64]
    ) -> tuple[Facts, NDArray[np.bool_], NDArray[np.float64]]:
        """Episodes as seen by the municipality, crisis by signal (m, 5), and the age as recorded (m,)."""
        people, key, months = self.people, self.key, self.scenario.assignment.successive_months
        crisis = np.zeros((len(household), CONTRACTS), np.bool_)
        crisis[:, ENERGY] = batch.reported[:, ENERGY] & (
            draws.uniforms(key, month, draws.CRISIS, household) < END_OF_SUPPLY
        )
        any_crisis: NDArray[np.bool_] = crisis[:, ENERGY]
        some_new = np.asarray(batch.new.any(axis=1))
        dirt = draws.uniforms(key, month, draws.AGE_DIRT, household)
        age = people.age[household].astype(np.float64)
        age = np.where(dirt < ABSURD_AGE, np.where(dirt < ABSURD_AGE / 2, np.nan, -7973.0), age)
        facts = care.Facts(
            household=household,
            multiple=batch.reported.sum(axis=1) >= 2,
            successive=(batch.recent & np.uint8((1 << months) - 1)) > 0,
            rent_or_crisis=arrears.has_rent(batch) | any_crisis,
            minor=people.minor[household],
            repeat=~some_new,
            youth=(age >= 18) & (age < 27),
            crisis=any_crisis,
            cents=batch.amount.sum(axis=1),
            stress=people.stress[household],
        )
        return facts, crisis, age

    def _can_be_taken_up(
        self, month: int, state: State, rows: NDArray[np.int64], facts: Facts
    ) -> NDArray[np.int64]:
        """Episodes at or above the threshold without an open case."""
        free = state.case_until[rows] <= self.calendar.time_zero(month)
        return np.flatnonzero(free & (facts.cents >= self.spec.threshold_eur * 100.0))

    def _apply(self, state: State, month: int, rows: NDArray[np.int64], course: Course) -> None:
        """Let a course work on the households: their case is open, and effects begin with the next batch."""
        zero = self.calendar.time_zero(month)
        opened = course.has_case
        state.case_until[rows[opened]] = zero + course.close_day[opened]
        accepted_day = np.where(course.accepted, course.reached_day, care.NOT_REACHED)
        for kind, day in enumerate((course.written_day, course.reached_day, accepted_day)):
            hit = np.flatnonzero(day < care.NOT_REACHED)
            if not len(hit):
                continue
            who = rows[hit]
            begins = self.calendar.month_of(zero + day[hit]) + 1
            goes_on = state.effect_until[who, kind] >= begins
            state.effect_from[who, kind] = np.where(goes_on, state.effect_from[who, kind], begins)
            state.effect_until[who, kind] = begins + EFFECT_MONTHS

    def _care_for_clones(self, month: int, batch: Batch) -> None:
        """Usual care for the later episodes of clones, by the month's realised cutoffs."""
        if not len(batch.rows):
            return
        household = self.clones.household[batch.rows]
        facts, _, _ = self._facts(month, batch, household)
        taken = self._can_be_taken_up(month, self.clones.state, batch.rows, facts)
        seen = facts.take(taken)
        utility = care.utilities(seen, self.scenario.assignment, self.spec) + self.intercept
        arm = care.choose(self.key, month, seen, utility)
        stream = np.zeros(len(arm), np.int64)
        method, late, desk = care.first_methods(
            self.key, month, seen, arm, care.softmax(utility), self.scenario.care, stream
        )
        course, _ = care.contact(self.key, month, seen, method, late, desk, self.scenario, stream)
        self._apply(self.clones.state, month, batch.rows[taken], course)

    def _clone(
        self,
        month: int,
        facts: Facts,
        utility: NDArray[np.float64],
        probability: NDArray[np.float64],
        arm: NDArray[np.int64],
        course: Course,
    ) -> None:
        """Clone the month's eligible episodes for the questions that can still be followed."""
        last = len(self.calendar) - 1
        questions: tuple[Question, ...] = tuple(
            question for question, first in FIRST_BATCH.items() if month + first + SHORT - 1 <= last
        )
        if not questions or not len(arm):
            return
        born = len(self.clones.born)
        accepts = care.versions_of_acceptance(facts, probability, self.scenario).sum(axis=1)
        self.clones.give_birth(
            month,
            facts.household,
            self.state,
            questions,
            {"contact_method": probability, "accepted_help": np.column_stack([accepts, 1.0 - accepts])},
            {"contact_method": arm, "accepted_help": np.where(course.accepted_in_time(), 0, 1)},
        )
        courses = forced_courses(
            self.key, month, facts, utility, probability, course, self.scenario, questions
        )
        for forced in courses:
            rows = born + np.arange(len(forced.has_case))
            self._apply(self.clones.state, month, rows, forced)
            born += len(rows)
