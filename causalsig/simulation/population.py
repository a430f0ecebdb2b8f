"""Households at their addresses: who lives there, their contracts, and their hidden stress."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from causalsig.simulation.draws import month_generator

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from causalsig.simulation.sites import SiteSpec

HEALTH, RENT, ENERGY, WATER, HEALTH_SECOND = range(5)
CONTRACTS: Final = 5
OWN_HAZARD: Final = 4
"""The second insured adult has no onset of its own: it follows the first."""
CREDITOR_TYPES: Final = ("health_insurance", "rent", "energy", "water", "health_insurance")
CREDITOR_COUNTS: Final = (5, 3, 4, 2)
FIRST_CREDITOR: Final = (0, 5, 8, 12)

FRAILTY_SHAPE: Final = 0.32
"""Retuned from 0.35, for the returns with new arrears: the same households fall behind more often."""
STRESS_ENTRY: Final = 0.015
STRESS_EXIT: Final = 0.25
STRESS_FACTOR: Final = 6.5
"""Retuned from 6: returns with new arrears within six months came out at 18.8 % for a target of 21."""
HAZARD: Final = (0.00131, 0.00209, 0.00069, 0.00077)
HOLDS: Final = (1.0, 0.43, 0.97, 0.98)
COUPLES: Final = 0.5
INSTALMENT_EUR: Final = (150.0, 600.0, 160.0, 25.0, 150.0)
AGE_BANDS: Final = ((18, 27), (27, 46), (46, 66), (66, 96))
AGE_SHARES: Final = (0.14, 0.45, 0.31, 0.10)
MINOR_CHILDREN: Final = 0.30

CALIBRATION: Final = 1.01
"""Factor on every onset hazard with which the base scenario gives 4.4 signals per 1,000 inhabitants.

Was 1.045; more spill, stress and frailty need less of it."""


@dataclass(slots=True)
class Population:
    """State of a site's households that no arm can change; rows are addresses (H).

    Attributes
    ----------
    base : (4, H) float32
        Monthly onset hazard of each contract outside stress, without season.
    frailty : (H,) float32
    stress : (H,) bool
    holds : (5, H) bool
        Contracts of the household; the fifth is a second adult's health insurance.
    instalment : (H, 5) float64
        Whole cents.
    creditor : (H, 5) int16
    age : (H,) int16
    minor : (H,) bool
    rate : float
        The site's onset hazards relative to the national ones.
    turnover : float
        Chance a month that new occupants come to an address.
    """

    base: NDArray[np.float32]
    frailty: NDArray[np.float32]
    stress: NDArray[np.bool_]
    holds: NDArray[np.bool_]
    instalment: NDArray[np.float64]
    creditor: NDArray[np.int16]
    age: NDArray[np.int16]
    minor: NDArray[np.bool_]
    rate: float
    turnover: float

    def __len__(self) -> int:
        return len(self.stress)

    def settle(self, rows: NDArray[np.int64], rng: np.random.Generator) -> None:
        """Draw who lives at the addresses ``rows`` (their creditors stay with the address)."""
        n = len(rows)
        frailty = (rng.standard_gamma(FRAILTY_SHAPE, n) / FRAILTY_SHAPE).astype(np.float32)
        self.frailty[rows] = frailty
        entry = STRESS_ENTRY * frailty
        self.stress[rows] = rng.random(n) < entry / (entry + STRESS_EXIT)
        held = np.asarray(HOLDS)[:, None] > rng.random((4, n))
        self.holds[:4, rows] = held
        self.holds[4, rows] = rng.random(n) < COUPLES
        hazard = (np.asarray(HAZARD) * (self.rate * CALIBRATION))[:, None]
        self.base[:, rows] = hazard * held * frailty
        band = np.searchsorted(np.cumsum(AGE_SHARES)[:-1], rng.random(n))
        low, high = np.asarray(AGE_BANDS).T
        self.age[rows] = low[band] + (rng.random(n) * (high - low)[band]).astype(np.int64)
        self.minor[rows] = rng.random(n) < MINOR_CHILDREN


def found(spec: SiteSpec, key: int, turnover: float) -> Population:
    """Settle every address of a site for the first time."""
    n = spec.households
    rng = month_generator(key, -1)
    noise = np.exp(0.3 * rng.standard_normal((n, CONTRACTS), dtype=np.float32))
    noise[:, HEALTH_SECOND] = noise[:, HEALTH]
    instalment = np.round(np.asarray(INSTALMENT_EUR) * 100 * noise)
    creditor = np.empty((n, CONTRACTS), dtype=np.int16)
    for contract, count in enumerate(CREDITOR_COUNTS):
        creditor[:, contract] = FIRST_CREDITOR[contract] + (rng.random(n) ** 1.5 * count).astype(np.int16)
    other = 1 + (rng.random(n) * (CREDITOR_COUNTS[HEALTH] - 1)).astype(np.int16)
    creditor[:, HEALTH_SECOND] = (creditor[:, HEALTH] + other) % CREDITOR_COUNTS[HEALTH]
    people = Population(
        base=np.zeros((OWN_HAZARD, n), np.float32),
        frailty=np.zeros(n, np.float32),
        stress=np.zeros(n, np.bool_),
        holds=np.zeros((CONTRACTS, n), np.bool_),
        instalment=instalment,
        creditor=creditor,
        age=np.zeros(n, np.int16),
        minor=np.zeros(n, np.bool_),
        rate=spec.rate_multiplier,
        turnover=turnover,
    )
    people.settle(np.arange(n), rng)
    return people


@dataclass(slots=True)
class MonthDraws:
    """Draws of a month that every household gets: onset (4, H) float32, and who moved, ascending."""

    onset: NDArray[np.float32]
    moved: NDArray[np.int64]


def live_a_month(people: Population, key: int, month: int) -> MonthDraws:
    """Let a month pass in everything no arm can change, and give the month's draws of onset."""
    rng = month_generator(key, month)
    block = rng.random((OWN_HAZARD + 2, len(people)), dtype=np.float32)
    threshold = people.frailty * np.float32(STRESS_ENTRY)
    np.copyto(threshold, np.float32(1.0 - STRESS_EXIT), where=people.stress)
    np.less(block[4], threshold, out=people.stress)
    moved = np.flatnonzero(block[5] < np.float32(people.turnover))
    people.settle(moved, rng)
    return MonthDraws(onset=block[:OWN_HAZARD], moved=moved)
