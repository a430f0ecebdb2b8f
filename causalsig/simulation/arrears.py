"""A month of arrears: which begin, drag others along, stay open, and are reported to the municipality."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Final

import numpy as np

from causalsig.simulation import draws
from causalsig.simulation.population import (
    CONTRACTS,
    HEALTH,
    HEALTH_SECOND,
    OWN_HAZARD,
    STRESS_FACTOR,
    MonthDraws,
    Population,
)
from causalsig.sources.arrears import is_new_arrears

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from causalsig.simulation.calendar import Delivery

SPILL: Final = 0.04
"""Retuned from 0.035: more episodes with several signals, and more new arrears among returns."""
SECOND_ADULT: Final = 0.13
STAY: Final = np.array((0.50, 0.40, 0.45, 0.35, 0.50))
REPORT: Final = np.array((0.45, 0.19, 0.38, 0.19, 0.45))
"""Retuned from 0.47, 0.20, 0.41, 0.20: with more frailty 40 % still return within six months."""
AMOUNT_EUR: Final = np.array((250.0, 850.0, 350.0, 75.0, 250.0))
AMOUNT_SPREAD: Final = np.array((0.6, 0.7, 0.8, 0.6, 0.6))
NEVER: Final = -1000
LONG_AGO: Final = -(10**6)
DAYS_A_MONTH: Final = 30.4375
EFFECT_MONTHS: Final = 12
_OTHERS: Final = np.arange(CONTRACTS)


@dataclass(slots=True)
class State:
    """What an arm can change, one row a household or a clone (n).

    Attributes
    ----------
    open, pending : (n, 5) bool
        Arrear open; a report held back by a creditor's outage.
    owed, last_amount : (n, 5) float64
        Whole cents, now and at the last signal.
    last_day : (n, 5) int32
        Day of the last signal, ``LONG_AGO`` when there was none.
    recent : (n,) uint8
        Bit k-1: a signal at the address k months before.
    case_until : (n,) int64
        Day on which the case closes; a case is open on earlier days.
    reached_on : (n,) int64
        Day on which somebody is reached in the latest case; beyond every date when nobody is.
    declines_until : (n,) int64
        Last day on which a clone made not to accept cannot accept.
    effect_from, effect_until : (n, 3) int16
        First and first-no-more month in which being written to, reached, accepted acts.
    silent : (n,) uint8
        Bit c: contract c reports nothing while the pause after accepted help lasts.
    silent_until : (n,) int16
        First month in which they report again.
    """

    open: NDArray[np.bool_]
    pending: NDArray[np.bool_]
    owed: NDArray[np.float64]
    last_amount: NDArray[np.float64]
    last_day: NDArray[np.int32]
    recent: NDArray[np.uint8]
    case_until: NDArray[np.int64]
    reached_on: NDArray[np.int64]
    declines_until: NDArray[np.int64]
    effect_from: NDArray[np.int16]
    effect_until: NDArray[np.int16]
    silent: NDArray[np.uint8]
    silent_until: NDArray[np.int16]

    @classmethod
    def empty(cls, n: int) -> State:
        """State of ``n`` households nothing ever happened to."""
        return cls(
            open=np.zeros((n, CONTRACTS), np.bool_),
            pending=np.zeros((n, CONTRACTS), np.bool_),
            owed=np.zeros((n, CONTRACTS)),
            last_amount=np.zeros((n, CONTRACTS)),
            last_day=np.full((n, CONTRACTS), LONG_AGO, np.int32),
            recent=np.zeros(n, np.uint8),
            case_until=np.full(n, LONG_AGO, np.int64),
            reached_on=np.full(n, LONG_AGO, np.int64),
            declines_until=np.full(n, LONG_AGO, np.int64),
            effect_from=np.full((n, 3), NEVER, np.int16),
            effect_until=np.full((n, 3), NEVER, np.int16),
            silent=np.zeros(n, np.uint8),
            silent_until=np.full(n, NEVER, np.int16),
        )

    def take(self, rows: NDArray[np.int64]) -> State:
        """Copy of some rows, in that order."""
        return State(*(getattr(self, field.name)[rows] for field in fields(self)))

    def join(self, other: State) -> State:
        """Rows of both, these first."""
        return State(*(np.concatenate([getattr(self, f.name), getattr(other, f.name)]) for f in fields(self)))

    def put(self, rows: NDArray[np.int64], other: State, place: NDArray[np.int64]) -> None:
        """Make rows ``rows`` what rows ``place`` of the other are."""
        for field in fields(self):
            getattr(self, field.name)[rows] = getattr(other, field.name)[place]

    def move_out(self, rows: NDArray[np.int64]) -> None:
        """Let new occupants in: no open arrear or help yet, but the address keeps its history and case."""
        self.open[rows] = False
        self.pending[rows] = False
        self.effect_until[rows] = NEVER
        self.silent_until[rows] = NEVER


@dataclass(frozen=True, slots=True)
class Month:
    """Facts of a month that hold for the whole site.

    Attributes
    ----------
    index : int
        Month number, 0 is the first month of burn-in.
    factor : (4,) float32
        Season and level of each contract's onset.
    outage : (14,) bool
        Creditors that deliver nothing this month and catch up later.
    hazard_ratios : (3,) float64
        Of being written to, reached, accepted.
    half_life : float
        Months in which the log of each ratio halves; infinite when it stays.
    report : (5,) float64
        Chance that an arrear that stays open is reported again.
    heap_share, heap_cents : float
        Share of arrears told in multiples of so many cents.
    delivery : Delivery
        On which day each signal comes in, and when it is matched.
    """

    index: int
    factor: NDArray[np.float32]
    outage: NDArray[np.bool_]
    hazard_ratios: NDArray[np.float64]
    half_life: float
    report: NDArray[np.float64]
    heap_share: float
    heap_cents: float
    delivery: Delivery


@dataclass(frozen=True, slots=True)
class Batch:
    """Signals of a month and the episodes they form.

    Attributes
    ----------
    rows : (m,) int64
        Rows of the state with at least one signal.
    reported, new : (m, 5) bool
        Signals, and which of them are new arrears by the register's definition.
    amount : (m, 5) float64
        Cents of each signal, 0 where there is none.
    recent : (m,) uint8
        The six months before, as in :class:`State`.
    day : (m, 5) int64
        Day each signal comes in.
    zero : (m,) int64
        Day the episode is matched: time zero.
    """

    rows: NDArray[np.int64]
    reported: NDArray[np.bool_]
    new: NDArray[np.bool_]
    amount: NDArray[np.float64]
    recent: NDArray[np.uint8]
    day: NDArray[np.int64]
    zero: NDArray[np.int64]


def step(
    key: int,
    people: Population,
    lives: MonthDraws,
    state: State,
    month: Month,
    household: NDArray[np.int64] | None,
) -> Batch:
    """Let arrears begin, end and be reported for all rows of ``state``, which is changed in place.

    ``household`` points every row at the household whose draws it shares; None when rows are households.
    What an outage or a pause holds back is reported afterwards, if the arrear is still open then.
    """
    rows, hit = _candidates(people, lives, state, month, household)
    parent = rows if household is None else household[rows]
    began = hit & (_hazard(people, month, parent, state, rows) > lives.onset[:, parent].T)
    now_open, owed, report = _arrears(key, people, state, month, rows, parent, began)
    out = month.outage[people.creditor[parent]]
    quiet = state.silent_until[rows] > month.index
    if quiet.any():
        out |= quiet[:, None] & ((state.silent[rows, None] >> _OTHERS.astype(np.uint8)) & 1 > 0)
    pending = state.pending[rows] & now_open
    report |= pending
    state.pending[rows] = report & out
    report &= ~out
    state.open[rows] = now_open
    state.owed[rows] = owed
    before = state.recent
    state.recent = (before << np.uint8(1)) & np.uint8(63)
    some = np.flatnonzero(report.any(axis=1))
    return _signals(key, people, state, month, rows[some], parent[some], report[some], owed[some], before)


def _candidates(
    people: Population,
    lives: MonthDraws,
    state: State,
    month: Month,
    household: NDArray[np.int64] | None,
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Rows in which anything may happen, and which contracts may begin there (an upper bound)."""
    bound = np.float32(max(1.0, float(np.prod(np.maximum(month.hazard_ratios, 1.0)))) * 1.000001)
    pace = np.where(people.stress, np.float32(STRESS_FACTOR), np.float32(1.0)) * bound
    if household is None:
        limit = people.base * pace
        limit *= month.factor[:, None]
        hit = lives.onset < limit
    else:
        limit = people.base[:, household] * pace[household]
        limit *= month.factor[:, None]
        hit = lives.onset[:, household] < limit
    busy = hit[0] | hit[1] | hit[2] | hit[3]
    # Five strided columns are much faster than a reduction over the short axis.
    for contract in range(CONTRACTS):
        busy |= state.open[:, contract]
    rows = np.flatnonzero(busy)
    return rows, hit[:, rows].T


def _hazard(
    people: Population, month: Month, parent: NDArray[np.int64], state: State, rows: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Onset hazard with the effects of earlier contact, shape (m, 4)."""
    active = (state.effect_from[rows] <= month.index) & (month.index < state.effect_until[rows])
    log_ratio = np.log(month.hazard_ratios)
    if np.isfinite(month.half_life):
        age = np.maximum(month.index - (state.effect_until[rows] - EFFECT_MONTHS), 0)
        log_ratio = log_ratio * 0.5 ** (np.where(active, age, 0) / month.half_life)
    ratio = np.exp(np.where(active, log_ratio, 0.0).sum(axis=1))
    pace = np.where(people.stress[parent], STRESS_FACTOR, 1.0) * ratio
    hazard: NDArray[np.float64] = (people.base[:, parent].T * month.factor) * pace[:, None]
    return hazard


def _arrears(
    key: int,
    people: Population,
    state: State,
    now: Month,
    rows: NDArray[np.int64],
    parent: NDArray[np.int64],
    began: NDArray[np.bool_],
) -> tuple[NDArray[np.bool_], NDArray[np.float64], NDArray[np.bool_]]:
    """Open, owed and reported after the month, each (m, 5)."""
    month, was_open = now.index, state.open[rows]
    column = parent[:, None]
    fresh = np.zeros((len(rows), CONTRACTS), np.bool_)
    fresh[:, :OWN_HAZARD] = began & ~was_open[:, :OWN_HAZARD]
    first = np.flatnonzero(fresh.any(axis=1))
    if len(first):
        luck = draws.uniforms(key, month, draws.SPILL + _OTHERS, column[first])
        spilled = luck < SPILL
        spilled[:, HEALTH_SECOND] = False
        dragged = (fresh[first] | spilled) & people.holds[:, parent[first]].T & ~was_open[first]
        dragged[:, HEALTH_SECOND] = (
            dragged[:, HEALTH]
            & (luck[:, HEALTH_SECOND] < SECOND_ADULT)
            & people.holds[HEALTH_SECOND, parent[first]]
            & ~was_open[first, HEALTH_SECOND]
        )
        fresh[first] = dragged
    stays = np.zeros_like(fresh)
    report = fresh.copy()
    old = np.flatnonzero(was_open.any(axis=1))
    if len(old):
        stays[old] = was_open[old] & (draws.uniforms(key, month, draws.STAY + _OTHERS, column[old]) < STAY)
        again = draws.uniforms(key, month, draws.REPORT + _OTHERS, column[old]) < now.report
        report[old] |= stays[old] & again
    owed = np.where(stays, state.owed[rows] + people.instalment[parent], 0.0)
    where_row, contract = np.nonzero(fresh)
    normal = draws.normals(key, month, draws.AMOUNT + contract, parent[where_row], CONTRACTS)
    euro = AMOUNT_EUR[contract] * np.exp(AMOUNT_SPREAD[contract] * normal)
    owed[where_row, contract] = np.round(euro * 100.0)
    return fresh | stays, owed, report


def _signals(
    key: int,
    people: Population,
    state: State,
    month: Month,
    rows: NDArray[np.int64],
    parent: NDArray[np.int64],
    reported: NDArray[np.bool_],
    owed: NDArray[np.float64],
    before: NDArray[np.uint8],
) -> Batch:
    """Say when each report comes in and which are new arrears, and remember them."""
    day, zero = month.delivery.days(key, month.index, parent, people.creditor[parent])
    told = _told(key, month, parent, owed)
    last = state.last_day[rows]
    since = np.where(last == LONG_AGO, np.nan, np.round((day - last) / DAYS_A_MONTH))
    new = reported & is_new_arrears(since, told, state.last_amount[rows], people.instalment[parent])
    state.last_day[rows] = np.where(reported, day, last)
    state.last_amount[rows] = np.where(reported, told, state.last_amount[rows])
    recent = before[rows]
    state.recent[rows] |= np.uint8(1)
    return Batch(rows, reported, new, np.where(reported, told, 0.0), recent, day, zero)


def _told(
    key: int, month: Month, parent: NDArray[np.int64], owed: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Amounts as creditors report them: some in round sums."""
    if month.heap_share == 0.0:
        return owed
    heaped = draws.uniforms(key, month.index, draws.HEAP + _OTHERS, parent[:, None]) < month.heap_share
    round_sum = np.maximum(np.round(owed / month.heap_cents), 1.0) * month.heap_cents
    return np.where(heaped & (owed > 0), round_sum, owed)
