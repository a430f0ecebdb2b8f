"""The doubly robust risk written as a sum over censoring times, sharing no code with the estimator.

Of one row in one arm, with hazards of the event, the competing event and of being censored at places 0, 1,
... of a grid of times, ``F`` the risk, ``S`` the chance of no event and ``G`` of not being censored:

    F(h) + w [1{T <= h, ε = 1} / G(T⁻) - F(h) + Σ_{s <= h} (F(h) - F(s)) / (S(s) G(s)) dM_C(s)]

Ozenne, Scheike, Stærk and Gerds (2020), doi:10.1002/bimj.201800298, section 3. They write it for continuous
time, where times are never tied and ``G(s⁻) = G(s)``. Data have ties and estimated curves jump: `Rules` are
what has to be settled then.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Integers: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Rules:
    """How ties and jumps are taken.

    Attributes
    ----------
    repeated : bool
        A censoring time counts once for every episode censored at it, not once.
    events_first : bool
        At one time events come before censoring: who has an event there is no longer at risk of being
        censored, and S is that after the events. Otherwise such an episode is at risk and S is that before.
    after : bool
        The sum divides by G after the censoring at s, not before it.
    """

    repeated: bool
    events_first: bool
    after: bool


RISKREGRESSION = Rules(repeated=True, events_first=False, after=False)
"""Of the release of November 2022. Since October 2024 its source counts a time once."""
ONCE = Rules(repeated=False, events_first=False, after=False)
ORDERED = Rules(repeated=False, events_first=True, after=False)
DISCRETE = Rules(repeated=False, events_first=True, after=True)
"""Exact where time is discrete: see `expected_error`."""


def reference_parts(
    place: Integers, event: Integers, hazards: Floats, horizon: int, rules: Rules
) -> tuple[Floats, Floats]:
    """Give F(h) and what the weight of the arm multiplies, of every row: (n,) each.

    Parameters
    ----------
    place : (n,) of the event or the end on the grid
    event : (n,) 0 censored, 1 of interest, 2 competing
    hazards : (3, n, places) of event, competing event and censoring; events at place 0 have none
    horizon : place of it
    """
    own, other, leaving = hazards
    free, stay = np.cumprod(1.0 - own - other, axis=1), np.cumprod(1.0 - leaving, axis=1)
    before, followed = (np.hstack([np.ones((len(free), 1)), part[:, :-1]]) for part in (free, stay))
    risk = np.cumsum(own * before, axis=1)
    times = np.sort(place[(event == 0) & (place <= horizon)])
    augmentation = np.zeros(len(free))
    counted: set[int] = set()
    for s in times.tolist() if rules.repeated else np.unique(times).tolist():
        censored = (place == s) & (event == 0)
        at_risk = (place > s) | censored if rules.events_first else place >= s
        left = (free if rules.events_first else before)[:, s]
        # A time that is repeated lies before itself the second time.
        still = stay[:, s] if rules.after or s in counted else followed[:, s]
        augmentation += (
            (risk[:, horizon] - risk[:, s]) / (left * still) * (censored - at_risk * leaving[:, s])
        )
        counted.add(s)
    at_end = followed[np.arange(len(free)), np.minimum(place, horizon)]
    weighted = ((place <= horizon) & (event == 1)) / at_end
    return risk[:, horizon], weighted - risk[:, horizon] + augmentation


@dataclass(frozen=True, slots=True, eq=False)
class Law:
    """Every path of one episode in discrete time, and how likely it is.

    Paths (n,): place, event, chance; `hazards` (3, places) of the law, events before censoring at each place;
    `risks` (places,), the truth.
    """

    place: Integers
    event: Integers
    chance: Floats
    hazards: Floats
    risks: Floats


def draw_hazards(generator: np.random.Generator, places: int) -> Floats:
    """Hazards (3, places) of event, competing event and censoring; none at place 0."""
    hazards = generator.uniform(0.02, 0.25, (3, places))
    hazards[:, 0] = 0.0
    return hazards


def enumerate_law(hazards: Floats) -> Law:
    """Enumerate the paths: an event of either kind at each place, censored after it, or there to the end."""
    own, other, leaving = hazards
    places = len(own)
    paths: list[tuple[int, int, float]] = []
    there, free, risk = 1.0, 1.0, np.zeros(places)
    for s in range(1, places):
        paths += [(s, 1, there * own[s]), (s, 2, there * other[s])]
        there *= 1.0 - own[s] - other[s]
        risk[s] = risk[s - 1] + free * own[s]
        free *= 1.0 - own[s] - other[s]
        # Who is there after the last place is censored at it.
        stays = 1.0 - leaving[s] if s < places - 1 else 0.0
        paths.append((s, 0, there * (1.0 - stays)))
        there *= stays
    place, event, chance = (np.array(column) for column in zip(*paths, strict=True))
    return Law(place, event, chance, hazards, risk)


def expected_error(law: Law, values: Floats, horizon: int) -> float:
    """Mean of an estimator's values (n,) over all paths of a law, less the true risk."""
    return float(values @ law.chance - law.risks[horizon])


def person_period_hazards(
    z: Floats, last: Integers, kind: Integers, rows: Any, folds: Integers, periods: list[int], ridge: float
) -> Floats:
    """Predict hazards (kinds, n, periods) out of fold: person-periods written out, scikit-learn's fit.

    Parameters
    ----------
    z : (n, p) columns of unit variance
    last : (n,) last period at risk; kind : (n,) what happened in it, 0 nothing
    rows : (n,) whether in the arm
    ridge : of our models; scikit-learn's penalty is the same over all classes, and keeps one of two
    """
    from sklearn.linear_model import LogisticRegression

    kinds = int(kind[rows].max())
    out = np.zeros((kinds, len(z), len(periods)))
    active = [t for t in periods if np.any(rows & (kind > 0) & (last == t))]
    for f in np.unique(folds):
        train, held = np.flatnonzero(rows & (folds != f)), np.flatnonzero(folds == f)
        long = np.array([(i, t) for i in train for t in active if last[i] >= t])
        what = np.where(last[long[:, 0]] == long[:, 1], kind[long[:, 0]], 0)
        dummies = (long[:, 1:] == np.array(active)[1:]) * 1.0
        middle, spread = dummies.mean(axis=0), dummies.std(axis=0)
        strength = (2.0 if kinds == 1 else 1.0) / ridge
        model = LogisticRegression(C=strength, solver="newton-cg", tol=1e-12, max_iter=1000)
        model.fit(np.hstack([z[long[:, 0]], (dummies - middle) / spread]), what)
        for place, t in enumerate(active):
            row = ((np.arange(1, len(active)) == place) * 1.0 - middle) / spread
            new = np.hstack([z[held], np.tile(row, (len(held), 1))])
            out[:, held, periods.index(t)] = model.predict_proba(new)[:, 1:].T
    return out
