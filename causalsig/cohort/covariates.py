"""Covariates before time zero, and their encoding as a design matrix with names.

Missing is a category of its own; nothing is imputed silently.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from causalsig.cohort.history import Floats, History, Integers

LOOK_BACK_MONTH = 30.4375
AGE_EDGES = (27, 46, 66)
AGE_NAMES = ("18-26", "27-45", "46-65", "66+")
CREDITOR_GROUPS = ("rent", "energy", "water", "health_insurance")


@dataclass(frozen=True, slots=True)
class EpisodeFacts:
    """Facts of n episodes known at time zero, one array a fact.

    Attributes
    ----------
    households, time_zero : (n,) int
        Household code and day of matching.
    amount_eur : (n,) float
        Total amount of the episode's signals; NaN when any is unknown.
    months_in_arrears : (n,) float
        Largest number of instalments owed; NaN when unknown.
    n_creditors, n_new_arrears : (n,) float
    crisis : (n,) float
        1 when any signal is a crisis signal.
    creditors : (n, 4) float
        Whether there is a signal of each of ``CREDITOR_GROUPS``.
    repeat_flags : (n, 6) float
        Whether the source says there was a signal 1 to 6 months before; NaN when it does not say.
    age, minor_children : (n,) float
        NaN when unknown.
    districts : (n,) object
    """

    households: Integers
    time_zero: Integers
    amount_eur: Floats
    months_in_arrears: Floats
    n_creditors: Floats
    n_new_arrears: Floats
    crisis: Floats
    creditors: Floats
    repeat_flags: Floats
    age: Floats
    minor_children: Floats
    districts: NDArray[np.object_]

    def take(self, rows: NDArray[np.bool_] | Integers) -> EpisodeFacts:
        """Give the same facts of some episodes only."""
        return EpisodeFacts(**{name: getattr(self, name)[rows] for name in self.__slots__})


@dataclass(frozen=True, slots=True)
class ContactHistory:
    """What was done for households before, as dated events."""

    signals: History
    attempts: History
    visits_and_calls: History
    reached: History
    accepted: History


Column = tuple[str, Floats]
Encoder = Callable[[EpisodeFacts, ContactHistory, int], list[Column]]


def _dummies(name: str, codes: Integers, labels: tuple[str, ...]) -> list[Column]:
    """One column a level but the most frequent one (ties: the first)."""
    counts = np.bincount(codes, minlength=len(labels))
    base = int(np.argmax(counts))
    return [
        (f"{name}={label}", (codes == level).astype(np.float64))
        for level, label in enumerate(labels)
        if level != base and counts[level] > 0
    ]


def _calendar_month(facts: EpisodeFacts, history: ContactHistory, days: int) -> list[Column]:
    months = facts.time_zero.astype("datetime64[D]").astype("datetime64[M]")
    labels, codes = np.unique(months, return_inverse=True)
    return _dummies("calendar_month", codes.astype(np.int64), tuple(str(label) for label in labels))


def _creditor_mix(facts: EpisodeFacts, history: ContactHistory, days: int) -> list[Column]:
    return [(f"creditor={group}", facts.creditors[:, j]) for j, group in enumerate(CREDITOR_GROUPS)]


def _log_amount(facts: EpisodeFacts, history: ContactHistory, days: int) -> list[Column]:
    unknown = np.isnan(facts.amount_eur)
    log_amount = np.log(np.maximum(np.where(unknown, 1.0, facts.amount_eur), 1.0))
    level = np.where(unknown, 0.0, log_amount - 6.0)
    return [
        ("log_amount", level),
        ("log_amount_squared", level**2),
        ("amount=missing", unknown.astype(np.float64)),
    ]


def _months_in_arrears(facts: EpisodeFacts, history: ContactHistory, days: int) -> list[Column]:
    unknown = np.isnan(facts.months_in_arrears)
    months = np.log1p(np.clip(np.where(unknown, 0.0, facts.months_in_arrears), 0.0, 24.0))
    return [("log_months_in_arrears", months), ("months_in_arrears=missing", unknown.astype(np.float64))]


def _n_creditors(facts: EpisodeFacts, history: ContactHistory, days: int) -> list[Column]:
    return [
        ("n_creditors>=2", (facts.n_creditors >= 2).astype(np.float64)),
        ("n_creditors>=3", (facts.n_creditors >= 3).astype(np.float64)),
    ]


def _n_new_arrears(facts: EpisodeFacts, history: ContactHistory, days: int) -> list[Column]:
    return [
        ("n_new_arrears>=1", (facts.n_new_arrears >= 1).astype(np.float64)),
        ("n_new_arrears>=2", (facts.n_new_arrears >= 2).astype(np.float64)),
    ]


def _crisis(facts: EpisodeFacts, history: ContactHistory, days: int) -> list[Column]:
    """Crisis signals, and what municipalities treat alike: a crisis or a rent signal."""
    rent = facts.creditors[:, CREDITOR_GROUPS.index("rent")]
    return [("crisis", facts.crisis), ("rent_or_crisis", np.maximum(rent, facts.crisis))]


def _signals_m1_m3(facts: EpisodeFacts, history: ContactHistory, days: int) -> list[Column]:
    """Signals in months 1 to 3 before: the source's repeat flags, else the signals still held."""
    flags = facts.repeat_flags[:, :3]
    if np.isnan(flags).all():
        edges = [round(LOOK_BACK_MONTH * month) for month in range(4)]
        flags = np.column_stack(
            [
                history.signals.between(
                    facts.households, facts.time_zero - edges[month + 1], facts.time_zero - edges[month]
                )
                > 0
                for month in range(3)
            ]
        ).astype(np.float64)
    unknown = np.isnan(flags).any(axis=1).astype(np.float64)
    known = np.where(np.isnan(flags), 0.0, flags)
    columns = [(f"signal_m{month + 1}", known[:, month]) for month in range(3)]
    return [*columns, ("signal_m1_to_m3", known.max(axis=1)), ("signal_m1_to_m3=missing", unknown)]


def _look_back(history: History, facts: EpisodeFacts, days: int) -> Floats:
    return history.between(facts.households, facts.time_zero - days, facts.time_zero)


def _earlier_contacts(facts: EpisodeFacts, history: ContactHistory, days: int) -> list[Column]:
    number = _look_back(history.attempts, facts, days)
    return [
        ("earlier_attempts>=1", (number >= 1).astype(np.float64)),
        ("earlier_attempts>=3", (number >= 3).astype(np.float64)),
    ]


def _earlier_methods(facts: EpisodeFacts, history: ContactHistory, days: int) -> list[Column]:
    number = _look_back(history.visits_and_calls, facts, days)
    return [("earlier_visit_or_call", (number >= 1).astype(np.float64))]


def _earlier_reach(facts: EpisodeFacts, history: ContactHistory, days: int) -> list[Column]:
    return [("earlier_reached", (_look_back(history.reached, facts, days) >= 1).astype(np.float64))]


def _earlier_acceptance(facts: EpisodeFacts, history: ContactHistory, days: int) -> list[Column]:
    return [("earlier_accepted", (_look_back(history.accepted, facts, days) >= 1).astype(np.float64))]


def _age_band(facts: EpisodeFacts, history: ContactHistory, days: int) -> list[Column]:
    unknown = np.isnan(facts.age)
    band = np.searchsorted(AGE_EDGES, np.where(unknown, 0.0, facts.age), side="right")
    codes = np.where(unknown, len(AGE_NAMES), band).astype(np.int64)
    return _dummies("age", codes, (*AGE_NAMES, "missing"))


def _minor_children(facts: EpisodeFacts, history: ContactHistory, days: int) -> list[Column]:
    unknown = np.isnan(facts.minor_children)
    codes = np.where(unknown, 2, np.where(unknown, 0.0, facts.minor_children)).astype(np.int64)
    return _dummies("minor_children", codes, ("no", "yes", "missing"))


def _district(facts: EpisodeFacts, history: ContactHistory, days: int) -> list[Column]:
    labels, codes = np.unique(
        np.array(["missing" if d is None else str(d) for d in facts.districts]), return_inverse=True
    )
    names = tuple(f"district {place}" for place in range(len(labels)))
    return _dummies("district", codes.astype(np.int64), names)


ENCODERS: Mapping[str, Encoder] = MappingProxyType(
    {
        "calendar_month": _calendar_month,
        "creditor_mix": _creditor_mix,
        "log_amount": _log_amount,
        "months_in_arrears": _months_in_arrears,
        "n_creditors": _n_creditors,
        "n_new_arrears": _n_new_arrears,
        "crisis": _crisis,
        "signals_m1_m3": _signals_m1_m3,
        "earlier_contacts": _earlier_contacts,
        "earlier_methods": _earlier_methods,
        "earlier_reach": _earlier_reach,
        "earlier_acceptance": _earlier_acceptance,
        "age_band": _age_band,
        "minor_children": _minor_children,
        "district": _district,
    }
)
COLUMN_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "calendar_month": "calendar_month",
        "creditor": "creditor_mix",
        "log_amount": "log_amount",
        "log_amount_squared": "log_amount",
        "amount": "log_amount",
        "log_months_in_arrears": "months_in_arrears",
        "months_in_arrears": "months_in_arrears",
        "n_creditors": "n_creditors",
        "n_new_arrears": "n_new_arrears",
        "crisis": "crisis",
        "rent_or_crisis": "crisis",
        "signal_m1": "signals_m1_m3",
        "signal_m2": "signals_m1_m3",
        "signal_m3": "signals_m1_m3",
        "signal_m1_to_m3": "signals_m1_m3",
        "earlier_attempts": "earlier_contacts",
        "earlier_visit_or_call": "earlier_methods",
        "earlier_reached": "earlier_reach",
        "earlier_accepted": "earlier_acceptance",
        "age": "age_band",
        "minor_children": "minor_children",
        "district": "district",
    }
)
"""Covariate of the study that a column belongs to, by what its name begins with."""
LOOK_BACK_COVARIATES = frozenset(
    {"earlier_contacts", "earlier_methods", "earlier_reach", "earlier_acceptance"}
)
"""Covariates that need the look-back to be retained for every episode alike."""


def covariate_of(column: str) -> str:
    """Name the study's covariate that a column of the design matrix belongs to."""
    return COLUMN_NAMES[column.split("=")[0].removesuffix(">")]


def design_matrix(
    names: tuple[str, ...], facts: EpisodeFacts, history: ContactHistory, look_back_days: int
) -> tuple[Floats, tuple[str, ...]]:
    """Encode covariates: (n, p) floats without an intercept, and the p column names.

    Columns that do not vary are left out.
    """
    if len(facts.households) == 0:
        return np.empty((0, 0)), ()
    columns = [column for name in names for column in ENCODERS[name](facts, history, look_back_days)]
    varying = [(name, values) for name, values in columns if values.min() < values.max()]
    design = np.empty((len(facts.households), len(varying)))
    for place, (_, values) in enumerate(varying):
        design[:, place] = values
    return design, tuple(name for name, _ in varying)
