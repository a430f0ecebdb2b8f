"""What one month does to a municipality: arrears, signals, care, and the clones that live otherwise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from causalsig.simulation import accepted, arrears, attempts, choice, draws, rules, seasons
from causalsig.simulation.arrears import EFFECT_MONTHS, REPORT, Batch, Month, State
from causalsig.simulation.calendar import DELIVERY_DAYS, Calendar, Delivery
from causalsig.simulation.choice import Facts
from causalsig.simulation.clones import (
    FOLLOW_UP_FROM,
    QUESTION_ARMS,
    SHORT,
    Clones,
    Question,
    forced_courses,
)
from causalsig.simulation.episode_facts import episode_facts
from causalsig.simulation.ledger import Ledger
from causalsig.simulation.population import found, live_a_month
from causalsig.simulation.second_signals import calls_after, who_accepted_after_all
from causalsig.simulation.sites import guaranteed_months
from causalsig.simulation.threshold import kept_band

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from causalsig.simulation.attempts import Attempts, Course
    from causalsig.simulation.population import MonthDraws, Population
    from causalsig.simulation.scenario import Scenario
    from causalsig.simulation.second_signals import Calls
    from causalsig.simulation.sites import SiteSpec

BURN_IN_MONTHS: Final = 12


@dataclass(slots=True)
class Run:
    """A site in the making."""

    spec: SiteSpec
    scenario: Scenario
    seed: int
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
    rank_cut: float = -np.inf

    @classmethod
    def start(cls, spec: SiteSpec, scenario: Scenario, seed: int, months: int, days: int, truth: bool) -> Run:
        """Found the municipality before its first month; ``months`` of data, after those of burn-in."""
        key = draws.site_key(seed, spec.code)
        calendar = Calendar.until(scenario.extracted_on, months, BURN_IN_MONTHS)
        people = found(spec, key, scenario.traps.movers.monthly)
        effect = scenario.hazard_ratios
        ratios = np.array((effect.written, effect.reached, effect.accepted))
        if scenario.effect != "null":
            ratios[1:] *= np.exp((spec.log_hazard_ratio, spec.log_hazard_ratio_help))
        return cls(
            spec=spec,
            scenario=scenario,
            seed=seed,
            key=key,
            calendar=calendar,
            people=people,
            state=State.empty(len(people)),
            ledger=Ledger(),
            clones=Clones(days),
            truth=truth,
            enters_from=len(calendar) - guaranteed_months(spec, months),
            hazard_ratios=ratios,
            intercept=np.zeros(5),
        )

    def live(self, month: int) -> None:
        """Let one month pass."""
        lives = live_a_month(self.people, self.key, month)
        now = self._month(month)
        self.state.move_out(lives.moved)
        batch = arrears.step(self.key, self.people, lives, self.state, now, None)
        facts, crisis, age = episode_facts(
            self.people, self.key, self.calendar, month, batch, batch.rows, self.scenario
        )
        calls = self._call_again(self.state, month, batch, facts, None)
        free = np.flatnonzero(self.state.case_until[batch.rows] <= batch.zero)
        self._cut_the_list(facts.take(free))
        taken, elsewhere = self._taken_up(month, batch, facts, free)
        seen = facts.take(taken)
        utility = choice.utilities(seen, self.scenario, self.spec)
        share = choice.capacity(self.spec, self.scenario, self.key, month)
        self.intercept = choice.cutoffs(utility, share, self.intercept)
        utility += self.intercept
        arm, probability, course, tried = self._usual_care(month, seen, utility, record=True)
        if tried is not None and month >= self.calendar.data_from:
            self.ledger.record_calls(calls)
            self.ledger.record(month, batch, facts, crisis, age, taken, course, tried)
        if self.truth and month >= self.enters_from:
            self._live_otherwise(month, lives, now, calls)
            self._clone(month, batch.zero[taken], seen, utility, probability, arm, course)
            if self.spec.cutoffs:
                self._clone_at_the_cutoff(month, batch.zero[free], facts.take(free))
        self._apply(self.state, seen.household, batch.zero[taken], seen, course)
        self._reach_elsewhere(
            self.state, month, batch.rows[elsewhere], facts.take(elsewhere), batch.zero[elsewhere]
        )

    def _month(self, month: int) -> Month:
        year, of_year = int(self.calendar.year[month]), int(self.calendar.month[month])
        traps, effect = self.scenario.traps, self.scenario.hazard_ratios
        factor = seasons.seasonal_factor(year, of_year, traps)
        return Month(
            index=month,
            factor=factor * np.float32(seasons.surprise(self.seed, year * 12 + of_year, traps)),
            outage=seasons.outages(self.key, month, traps.outage.share),
            hazard_ratios=self.hazard_ratios,
            half_life=effect.half_life_months or np.inf,
            report=REPORT * traps.repeats.factor,
            heap_share=traps.heaped_amounts.share,
            heap_cents=traps.heaped_amounts.to_eur * 100.0,
            delivery=Delivery(
                int(self.calendar.first_day[month]),
                self.calendar.matching_days(month, self.spec.matching),
                traps.batch_delivery.one_day,
            ),
        )

    def _cut_the_list(self, facts: Facts) -> None:
        """Where capacity decides: the score of the last episode on the month's list that is taken up."""
        if self.spec.rank_share is not None and len(facts.household):
            points = choice.score(facts, self.scenario)
            self.rank_cut = float(np.quantile(points, 1.0 - self.spec.rank_share))

    def _taken_up(
        self, month: int, batch: Batch, facts: Facts, free: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Episodes of ``free`` that the rule takes up, and those the benefits department takes instead."""
        wanted = facts.cents[free] >= self.spec.threshold_eur * 100.0
        if self.spec.rank_share is not None:
            wanted &= choice.score(facts.take(free), self.scenario) >= self.rank_cut
        rule = rules.rule_on(self.spec.rules, self.calendar.time_zero(month))
        if rule is not None:
            wanted &= rule.takes_up(facts.take(free))
        rows = free[wanted]
        share = self.scenario.traps.benefit_clients.share
        if share == 0.0:
            return rows, rows[:0]
        client = draws.uniforms(self.key, 0, draws.BENEFIT, facts.household[rows]) < share
        return rows[~client], rows[client]

    def _reach_elsewhere(
        self,
        state: State,
        month: int,
        rows: NDArray[np.int64],
        facts: Facts,
        zero: NDArray[np.int64],
    ) -> None:
        """Let the benefits department speak to its clients, of which nothing is written here."""
        if not len(rows):
            return
        luck = draws.uniforms(self.key, month, draws.BENEFIT_REACH, facts.household)
        met = np.flatnonzero(luck < self.scenario.traps.benefit_clients.reached)
        self._begin(state, 1, rows[met], zero[met] + attempts.GRACE_DAYS, facts.take(met))

    def _usual_care(
        self, month: int, seen: Facts, utility: NDArray[np.float64], record: bool = False
    ) -> tuple[NDArray[np.int64], NDArray[np.float64], Course, Attempts | None]:
        """Choose and contact, by utilities that hold the month's intercepts."""
        probability = choice.softmax(utility)
        arm = choice.choose(self.key, month, seen, utility)
        stream = np.zeros(len(arm), np.int64)
        method, late, desk = attempts.first_methods(
            self.key, month, seen, arm, probability, self.scenario.care, stream
        )
        course, tried = attempts.contact(
            self.key, month, seen, method, late, desk, self.scenario, stream, record=record
        )
        return arm, probability, course, tried

    def _apply(
        self, state: State, rows: NDArray[np.int64], zero: NDArray[np.int64], facts: Facts, course: Course
    ) -> None:
        """Let a course work on the households: their case is open, and effects begin with the next batch."""
        opened = course.has_case
        state.case_until[rows[opened]] = zero[opened] + course.close_day[opened]
        state.reached_on[rows[opened]] = zero[opened] + course.reached_day[opened]
        accepted_day = np.where(course.accepted, course.reached_day, attempts.NOT_REACHED)
        for kind, day in enumerate((course.written_day, course.reached_day, accepted_day)):
            hit = np.flatnonzero(day < attempts.NOT_REACHED)
            if len(hit):
                self._begin(state, kind, rows[hit], zero[hit] + day[hit], facts.take(hit))
        helped = np.flatnonzero(course.accepted)
        self._pause(state, rows[helped], zero[helped] + course.reached_day[helped], facts.contracts[helped])

    def _pause(
        self,
        state: State,
        rows: NDArray[np.int64],
        day: NDArray[np.int64],
        contracts: NDArray[np.uint8],
    ) -> None:
        """Silence the creditors of who accepted on these days."""
        pause = self.scenario.traps.pause.days
        if pause and len(rows):
            state.silent[rows] = contracts
            state.silent_until[rows] = self.calendar.month_of(day + pause - (DELIVERY_DAYS - 1)) + 1

    def _call_again(
        self, state: State, month: int, batch: Batch, facts: Facts, household: NDArray[np.int64] | None
    ) -> Calls:
        """Let what the month's signals make of open cases work on the households."""
        calls = calls_after(self.key, month, batch, state, household, self.scenario)
        helped = calls.accepted
        rows, place = calls.row[helped], calls.place[helped]
        for kind in (1, 2):
            self._begin(state, kind, rows, calls.day[helped], facts.take(place))
        self._pause(state, rows, calls.day[helped], facts.contracts[place])
        return calls

    def _begin(
        self, state: State, kind: int, who: NDArray[np.int64], day: NDArray[np.int64], facts: Facts
    ) -> None:
        """Let one of the three effects begin in the month after ``day``."""
        begins = self.calendar.month_of(day) + 1
        if self.scenario.hazard_ratios.only == "rent":
            who, begins = who[facts.rent], begins[facts.rent]
        goes_on = state.effect_until[who, kind] >= begins
        # What was to begin later, because nobody knew of this, begins now.
        state.effect_from[who, kind] = np.where(
            goes_on, np.minimum(state.effect_from[who, kind], begins), begins
        )
        state.effect_until[who, kind] = begins + EFFECT_MONTHS

    def _live_otherwise(self, month: int, lives: MonthDraws, now: Month, calls: Calls) -> None:
        """Let the month pass for the clones, with usual care for their later episodes."""
        clones = self.clones
        moved = np.zeros(len(self.people), np.bool_)
        moved[lives.moved] = True
        clones.state.move_out(np.flatnonzero(moved[clones.household]))
        batch = arrears.step(self.key, self.people, lives, clones.state, now, clones.household)
        clones.count(batch)
        if len(batch.rows):
            facts, _, _ = episode_facts(
                self.people,
                self.key,
                self.calendar,
                month,
                batch,
                clones.household[batch.rows],
                self.scenario,
            )
            self._call_again(clones.state, month, batch, facts, clones.household)
            who_accepted_after_all(calls, clones.births, clones, self.state, month)
            free = np.flatnonzero(clones.state.case_until[batch.rows] <= batch.zero)
            taken, elsewhere = self._taken_up(month, batch, facts, free)
            seen = facts.take(taken)
            utility = choice.utilities(seen, self.scenario, self.spec) + self.intercept
            _, _, course, _ = self._usual_care(month, seen, utility)
            self._apply(clones.state, batch.rows[taken], batch.zero[taken], seen, course)
            self._reach_elsewhere(
                clones.state, month, batch.rows[elsewhere], facts.take(elsewhere), batch.zero[elsewhere]
            )
        clones.bury(int(self.calendar.first_day[month + 1]))

    def _clone(
        self,
        month: int,
        zero: NDArray[np.int64],
        facts: Facts,
        utility: NDArray[np.float64],
        probability: NDArray[np.float64],
        arm: NDArray[np.int64],
        course: Course,
    ) -> None:
        """Clone the month's eligible episodes for the questions that can still be followed."""
        questions = tuple(q for q in QUESTION_ARMS if self._can_be_followed(q, zero))
        if not questions or not len(arm):
            return
        born = len(self.clones.start)
        accepts = accepted.versions_of_acceptance(facts, probability, self.scenario).sum(axis=1)
        birth = self.clones.give_birth(
            month,
            facts,
            zero,
            self.state,
            questions,
            {"contact_method": probability, "accepted_help": np.column_stack([accepts, 1.0 - accepts])},
            {"contact_method": arm, "accepted_help": np.where(course.accepted_in_time(), 0, 1)},
        )
        self.clones.births.append(birth)
        courses = forced_courses(
            self.key, month, facts, utility, probability, course, self.scenario, questions
        )
        for forced in courses:
            arms = len(forced.has_case) // len(zero)
            rows = born + np.arange(len(forced.has_case))
            self._apply(
                self.clones.state,
                rows,
                np.tile(zero, arms),
                facts.take(np.tile(np.arange(len(zero)), arms)),
                forced,
            )
            born += len(rows)
        if len(courses) > 1:
            # The last are those made not to accept.
            self.clones.state.declines_until[born - len(zero) : born] = zero + attempts.ACCEPTANCE_DAYS

    def _can_be_followed(self, question: Question, zero: NDArray[np.int64]) -> bool:
        """Say whether some of the month's episodes are followed for three months before extraction."""
        last = self.calendar.extract - FOLLOW_UP_FROM[question] - SHORT
        return bool(len(zero)) and int(zero.min()) <= last

    def _clone_at_the_cutoff(self, month: int, zero: NDArray[np.int64], facts: Facts) -> None:
        """Clone the episodes near the amount of the rule: taken up as usual, and left alone."""
        rule = rules.rule_on(self.spec.cutoffs, self.calendar.time_zero(month))
        if rule is None:
            return
        near = np.abs(np.log(facts.cents / rule.amount_cents)) <= kept_band(self.scenario)
        chosen = np.flatnonzero(rule.pivotal(facts) & near)
        facts, zero = facts.take(chosen), zero[chosen]
        if not self._can_be_followed("threshold", zero):
            return
        born, n = len(self.clones.start), len(zero)
        above = (facts.cents >= rule.amount_cents).astype(np.int64)
        birth = self.clones.give_birth(
            month, facts, zero, self.state, ("threshold",), {}, {"threshold": above}
        )
        self.clones.crossings.append(birth)
        utility = choice.utilities(facts, self.scenario, self.spec) + self.intercept
        _, _, usual, _ = self._usual_care(month, facts, utility)
        rows = born + np.arange(2 * n)
        self._apply(self.clones.state, rows[:n], zero, facts, attempts.no_course(n))
        self._apply(self.clones.state, rows[n:], zero, facts, usual)
