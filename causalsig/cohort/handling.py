"""What a site's rule assigns to each episode, and for whom one threshold of it decides alone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, get_args

import numpy as np
from numpy.typing import NDArray

from causalsig.cohort.covariates import CREDITOR_GROUPS
from causalsig.cohort.events import places_of
from causalsig.cohort.history import Floats, Integers
from causalsig.study.handling import SCORES, Handling

if TYPE_CHECKING:
    from datetime import date

    from causalsig.cohort.facts import SiteFacts
    from causalsig.crossed import ScoreName
    from causalsig.sources.schema import SiteTables
    from causalsig.study.handling import Condition, HandlingRule

Mask = NDArray[np.bool_]
HANDLINGS: tuple[str, ...] = get_args(Handling)
NOBODY = -1
"""Place of a handling that the rule does not know, and of a day on which no rule was valid."""


@dataclass(frozen=True, slots=True)
class Scores:
    """What rules ask of m episodes; NaN where it is not known.

    Attributes
    ----------
    total, largest : (m,) float
        Euro, of all signals of the episode together and of the largest.
    months, signals, creditors, age : (m,) float
    crisis, rent : (m,) float
        1 where there is such a signal.
    district : (m,) object or None
        As the extract writes it; None where it is not known.
    """

    total: Floats
    largest: Floats
    months: Floats
    signals: Floats
    creditors: Floats
    age: Floats
    crisis: Floats
    rent: Floats
    district: NDArray[np.object_] | None = None

    def take(self, rows: Integers | Mask) -> Scores:
        """Give the scores of some episodes."""
        numbers = {name: getattr(self, name)[rows] for name in self.__slots__ if name != "district"}
        return Scores(**numbers, district=None if self.district is None else self.district[rows])

    def of(self, name: str, rule: HandlingRule) -> Floats:
        """One score, (m,); an amount as the rule says it."""
        found: Floats = getattr(self, _field(name, rule))
        return found


def _field(name: str, rule: HandlingRule) -> str:
    if name != "amount":
        return name
    return "total" if rule.amount == "total" else "largest"


@dataclass(frozen=True, slots=True)
class Cutoff:
    """One threshold of a rule: the score at which a condition begins or ceases to hold.

    ``low`` and ``high`` are the rule's next cutoffs of the same score: between them nothing else changes
    with it.
    """

    score: ScoreName
    value: float
    low: float
    high: float


def scores_of(tables: SiteTables, known: SiteFacts) -> Scores:
    """Collect what rules ask, from canonical tables; one pass for all rules and cutoffs."""
    facts, m = known.facts, len(known.case)
    position = places_of(tables.signals["episode_id"], tables.episodes["episode_id"].to_numpy(object))
    inside = position >= 0
    position = position[inside]
    cents = tables.signals["amount_cents"].to_numpy("float64")[inside]
    largest = np.full(m, -np.inf)
    # One unknown amount makes the largest unknown, as it does the total: it stands above all known ones.
    np.maximum.at(largest, position, np.where(np.isnan(cents), np.inf, cents))
    largest[np.isinf(largest)] = np.nan
    number = np.bincount(position, minlength=m).astype(np.float64)
    return Scores(
        total=np.where(number > 0, facts.amount_eur, np.nan),
        largest=largest / 100.0,
        months=facts.months_in_arrears,
        signals=number,
        creditors=facts.n_creditors,
        age=facts.age,
        crisis=facts.crisis,
        rent=facts.creditors[:, CREDITOR_GROUPS.index("rent")],
        district=facts.districts,
    )


def rule_of_day(rules: tuple[HandlingRule, ...], time_zero: Integers) -> Integers:
    """Place of the rule that was valid on each day, (m,); `NOBODY` where none was."""
    found = np.full(len(time_zero), NOBODY, dtype=np.int64)
    for place, rule in enumerate(rules):
        first, last = _day(rule.valid_from, -1), _day(rule.valid_to, 1)
        found[(time_zero >= first) & (time_zero <= last)] = place
    return found


def _day(day: date | None, side: int) -> int:
    if day is None:
        return side * int(np.iinfo(np.int64).max)
    return int(np.datetime64(day, "D").astype(np.int64))


def assigned(rule: HandlingRule, scores: Scores) -> Integers:
    """Place among `HANDLINGS` of what the rule assigns to each episode, (m,).

    The first step that fits decides. A condition on something unknown does not hold.
    """
    found = np.full(len(scores.total), HANDLINGS.index(rule.otherwise), dtype=np.int64)
    decided = np.zeros(len(found), dtype=bool)
    for step in rule.all_steps:
        fits = np.zeros(len(found), dtype=bool)
        for line in step.when:
            fits |= np.logical_and.reduce([_holds(one, rule, scores) for one in line])
        found[fits & ~decided] = HANDLINGS.index(step.handling)
        decided |= fits
    return found


def _holds(condition: Condition, rule: HandlingRule, scores: Scores) -> Mask:
    if condition.score == "district":
        known = {name.casefold() for name in condition.among}
        places = np.full(len(scores.total), None) if scores.district is None else scores.district
        return np.array([isinstance(d, str) and d.strip().casefold() in known for d in places], dtype=bool)
    values = scores.of(condition.score, rule)
    if condition.score not in SCORES:
        return np.asarray(values == 1.0)
    # A comparison with NaN is False, on either side.
    if condition.below is not None:
        return np.asarray(values < condition.below)
    return np.asarray(values >= (condition.at_least or 0.0))


def cutoffs_of(rule: HandlingRule) -> tuple[Cutoff, ...]:
    """Every threshold of a rule, by score and value; one that several conditions name is one."""
    values: dict[ScoreName, set[float]] = {}
    for step in rule.all_steps:
        for condition in (one for line in step.when for one in line):
            if condition.cutoff is not None:
                values.setdefault(condition.score, set()).add(condition.cutoff)  # type: ignore[arg-type]
    found = []
    for score in sorted(values, key=SCORES.index):
        edges = [-np.inf, *sorted(values[score]), np.inf]
        found += [Cutoff(score, edges[at], edges[at - 1], edges[at + 1]) for at in range(1, len(edges) - 1)]
    return tuple(found)


def either_side(rule: HandlingRule, cutoff: Cutoff, scores: Scores) -> tuple[Integers, Integers]:
    """Tell the handling of each episode with its score just below the cutoff, and at it: (m,) twice.

    All else stays as it is. Where the two differ the episode is pivotal: crossing this threshold alone
    changes what follows.
    """
    name = _field(cutoff.score, rule)

    def at(value: float) -> Integers:
        forced = np.full(len(scores.total), value)
        return assigned(rule, replace(scores, **{name: forced}))

    return at(float(np.nextafter(cutoff.value, -np.inf))), at(cutoff.value)


def pairs_at(rule: HandlingRule, cutoff: Cutoff, scores: Scores) -> dict[tuple[str, str], Mask]:
    """Pivotal sets of one threshold by the pair of handlings (below, above) that it decides between.

    Only episodes whose score is known and lies between the rule's next cutoffs of the same score: beyond
    those something else changes with it.
    """
    below, above = either_side(rule, cutoff, scores)
    values = scores.of(cutoff.score, rule)
    near = (values >= cutoff.low) & (values < cutoff.high)
    found = {}
    for code in np.unique(np.stack([below, above], axis=1)[below != above], axis=0).tolist():
        members = near & (below == code[0]) & (above == code[1])
        found[HANDLINGS[code[0]], HANDLINGS[code[1]]] = members
    return found
