"""What a simulation calibrated to a site is told of it: moments of its cohort, and never a row.

Everything here stays inside the process at the provider: what is kept on disk are the simulation's numbers.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from causalsig.estimation.design import RIDGE
from causalsig.estimation.multinomial import fit, indicators, penalty, probabilities
from causalsig.execution.certify_traits import (
    FEWEST_PAIRS,
    LARGEST_CORRELATION,
    Trait,
    squares_among,
    traits_of,
)

if TYPE_CHECKING:
    from causalsig.cohort.build import Cohort
    from causalsig.cohort.person_periods import PeriodTable

Floats = NDArray[np.float64]
MOST_EPISODES: Final = 6
"""Households with more episodes than this count as having so many."""
LATER = "since_signals>=1"


@dataclass(frozen=True, slots=True)
class Moments:
    """A cohort in moments. Coefficients are of standardised columns, the intercept first.

    Attributes
    ----------
    arms : tuple of str
        Arms that were admitted, in the study's order.
    households : int
    sizes : tuple of float
        Share of households with 1, 2, ... episodes.
    traits : tuple of Trait
    correlations : (t, t)
        Between the normal scores behind the traits.
    shared : (t, t)
        The same between two episodes of one household.
    squares : tuple of (int, int)
        Columns that are the square of another one.
    centre, spread : (p,)
        Of the columns.
    shares : (K,)
        Of the arms.
    treatment : (K - 1, p + 1)
        Log odds of an arm against the last one; of clones: of accepting in a period, with what has happened
        since and the periods in `later`.
    risk : float
        Share of episodes with the primary outcome, all arms together.
    outcome : (p + 1,)
        Log odds of it, arms left out.
    treatment_spread, outcome_spread : (K - 1,), float
        Standard deviation of these log odds over the site's episodes.
    outcome_within : float
        Correlation between two outcomes of one household, behind the threshold.
    later : Later or None
        Of clones only.
    """

    arms: tuple[str, ...]
    households: int
    sizes: tuple[float, ...]
    traits: tuple[Trait, ...]
    correlations: tuple[tuple[float, ...], ...]
    shared: tuple[tuple[float, ...], ...]
    squares: tuple[tuple[int, int], ...]
    centre: tuple[float, ...]
    spread: tuple[float, ...]
    shares: tuple[float, ...]
    treatment: tuple[tuple[float, ...], ...]
    risk: float
    outcome: tuple[float, ...]
    treatment_spread: tuple[float, ...]
    outcome_spread: float
    outcome_within: float
    later: Later | None = None

    def to_dict(self) -> dict[str, Any]:
        """Give plain values, for a digest."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Later:
    """What happens between time zero and the end of the grace period, of a question answered by clones.

    Attributes
    ----------
    starts : str
        Arm of the event.
    names : tuple of str
        Columns of what has happened since, as the site's own table has them.
    edges : (T + 1,)
        Days after time zero at which periods begin.
    hazards : (T,)
        Share of those at risk for whom the event happens in the period.
    periods : (T,)
        What a period adds to the log odds of the event, before these are made to give the hazards.
    after_signal : float
        What an earlier signal in the grace period adds to the log odds of the event.
    signals : (T,)
        Share with a first signal before the period, of those without one before the last.
    more, new : float
        Share with a second one in a later period; share of first ones that are new arrears.
    on_outcome : float
        What such a signal adds to the log odds of the outcome.
    """

    starts: str
    names: tuple[str, ...]
    edges: tuple[int, ...]
    hazards: tuple[float, ...]
    periods: tuple[float, ...]
    after_signal: float
    signals: tuple[float, ...]
    more: float
    new: float
    on_outcome: float


def moments_of(cohort: Cohort, arms: tuple[str, ...], table: PeriodTable | None = None) -> Moments:
    """Reduce the admitted arms of a cohort, with its primary outcome, to moments.

    Only for a cohort whose design gate has passed: outcomes are looked at.

    Parameters
    ----------
    cohort : Cohort
    arms : tuple of str
        Arms that were admitted.
    table : PeriodTable, optional
        The cohort by period, where clones answer the question.
    """
    rows = np.isin(cohort.treatment.astype(str), arms)
    x, households = cohort.covariates[rows], cohort.households[rows]
    y = cohort.outcomes[cohort.plan.settings.primary_outcome][rows]
    codes = np.array([arms.index(arm) for arm in cohort.treatment[rows]], dtype=np.int64)
    centre, spread = x.mean(axis=0), x.std(axis=0)
    z = np.column_stack([np.ones(len(x)), (x - centre) / np.where(spread > 0, spread, 1.0)])
    known = traits_of(x, cohort.covariate_names, households)
    since = None if table is None else _since(table, cohort.size)[rows]
    outcome, added, p = _outcome(z, y, since)
    later = None
    if table is None:
        treatment = _coefficients(z, indicators(codes, len(arms)))
    else:
        assert since is not None
        treatment, later = _by_period(table, (x, centre, spread), added)
    return Moments(
        arms=arms,
        households=len(np.unique(households)),
        sizes=_sizes(households),
        traits=known.traits,
        correlations=_tuples(known.correlations),
        shared=_tuples(known.shared),
        squares=squares_among(cohort.covariate_names),
        centre=tuple(centre.tolist()),
        spread=tuple(spread.tolist()),
        shares=tuple((np.bincount(codes, minlength=len(arms)) / len(codes)).tolist()),
        treatment=_tuples(treatment),
        risk=float(y.mean()),
        outcome=tuple(outcome.tolist()),
        treatment_spread=tuple((z @ treatment.T).std(axis=0).tolist()),
        outcome_spread=float((z @ outcome).std()),
        outcome_within=_outcome_within(y, p, households),
        later=later,
    )


def _tuples(matrix: Floats) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(row) for row in matrix.tolist())


def _sizes(households: NDArray[np.int64]) -> tuple[float, ...]:
    """Share of households with 1, 2, ... episodes."""
    episodes = np.minimum(np.unique(households, return_counts=True)[1], MOST_EPISODES)
    shares = np.bincount(episodes, minlength=2)[1:] / len(episodes)
    return tuple(shares.tolist())


def _coefficients(z: Floats, happened: Floats) -> Floats:
    """Multinomial logit (K - 1, P), slopes shrunk by what so many columns fit by chance.

    The share of the likelihood ratio that is beyond its degrees of freedom: van Houwelingen and le Cessie
    (1990), doi:10.1002/sim.4780091109. Unshrunk, simulated arms would overlap less than the site's.
    """
    kinds, columns = happened.shape[1], z.shape[1]
    share = happened.mean(axis=0)
    start = np.zeros((kinds - 1, columns))
    start[:, 0] = np.log(share[:-1] / share[-1])
    found = fit(z, happened, penalty(kinds, columns, RIDGE), start).coefficients
    likelihood = np.sum(happened * np.log(np.maximum(probabilities(z, found), 1e-300)))
    ratio = 2.0 * float(likelihood - np.sum(happened @ np.log(share)))
    freedom = (kinds - 1) * int(np.sum(z[:, 1:].any(axis=0)))
    shrunk = found * max(0.0, 1.0 - freedom / ratio) if ratio > 0.0 else np.zeros_like(found)
    shrunk[:, 0] = found[:, 0]
    return np.asarray(shrunk, dtype=np.float64)


def _outcome(z: Floats, y: Floats, since: Floats | None) -> tuple[Floats, float, Floats]:
    """Log odds of the outcome (P,), what a signal in the grace period adds, and probabilities (n,)."""
    extra = z if since is None else np.column_stack([z, since])
    b = _coefficients(extra, np.column_stack([y, 1.0 - y]))[0]
    p = 1.0 / (1.0 + np.exp(-(extra @ b)))
    return b[: z.shape[1]], 0.0 if since is None else float(b[-1]), p


def _outcome_within(y: Floats, p: Floats, households: NDArray[np.int64]) -> float:
    """Correlation of two outcomes of one household beyond their covariates, behind the threshold.

    Over all pairs of a household, since that is what its sum varies by.
    """
    residual = (y - p) / np.sqrt(np.maximum(p * (1.0 - p), 1e-12))
    _, place, count = np.unique(households, return_inverse=True, return_counts=True)
    pairs = float((count * (count - 1)).sum())
    if pairs < 2 * FEWEST_PAIRS:
        return 0.0
    together = np.bincount(place, residual) ** 2 - np.bincount(place, residual**2)
    return _behind(float(together.sum()) / pairs, float(np.clip(y.mean(), 0.001, 0.999)))


def _behind(seen: float, risk: float) -> float:
    """Correlation of two normal scores whose thresholds at this risk show the correlation seen.

    The chance of both grows with the correlation r by the density ``exp(-c² / (1 + r)) / (2π √(1 - r²))``:
    Plackett (1954), doi:10.1093/biomet/41.3-4.351.
    """
    from scipy.special import ndtri

    cut = float(ndtri(risk))
    grid = np.linspace(0.0, LARGEST_CORRELATION, 500)
    density = np.exp(-cut * cut / (1.0 + grid)) / (2.0 * np.pi * np.sqrt(1.0 - grid**2))
    both = np.append(0.0, np.cumsum((density[1:] + density[:-1]) / 2.0) * grid[1])
    return float(np.interp(seen, both / (risk * (1.0 - risk)), grid))


def _since(table: PeriodTable, episodes: int) -> Floats:
    """Whether there was a signal in the grace period before the episode's last period at risk: (n,)."""
    found = np.zeros(episodes)
    if LATER in table.names:
        np.maximum.at(found, table.episode, table.covariates[:, table.names.index(LATER)])
    return found


def _by_period(
    table: PeriodTable, columns: tuple[Floats, Floats, Floats], on_outcome: float
) -> tuple[Floats, Later]:
    """Log odds of the event by covariates (1, p + 1), and what happens by period."""
    _, centre, spread = columns
    width, periods = len(centre), len(table.edges) - 1
    z = (table.covariates[:, :width] - centre) / np.where(spread > 0, spread, 1.0)
    since = _column(table, LATER)
    dummies = (table.period[:, None] == np.arange(1, periods)).astype(np.float64)
    design = np.column_stack([np.ones(len(z)), z, dummies, since])
    event = (table.event > 0).astype(np.float64)
    b = _coefficients(design, np.column_stack([event, 1.0 - event]))[0]
    at_risk = np.bincount(table.period, minlength=periods)
    hazards = np.bincount(table.period, event, minlength=periods) / np.maximum(at_risk, 1)
    first = np.zeros(periods)
    none_yet = np.ones(int(table.episode.max()) + 1, dtype=bool)
    for t in range(periods):
        rows = (table.period == t) & none_yet[table.episode]
        first[t] = float(since[rows].mean()) if rows.any() else 0.0
        none_yet[table.episode[rows & (since > 0)]] = False
    known = since > 0
    return b[None, : width + 1], Later(
        starts=next(arm for arm, event in table.strategies.items() if event > 0),
        names=table.names[width:],
        edges=tuple(table.edges.tolist()),
        hazards=tuple(hazards.tolist()),
        periods=(0.0, *b[width + 1 : -1].tolist()),
        after_signal=float(b[-1]),
        signals=tuple(first.tolist()),
        more=float(_column(table, "since_signals>=2")[known].mean()) if known.any() else 0.0,
        new=float(_column(table, "since_new_arrears>=1")[known].mean()) if known.any() else 0.0,
        on_outcome=on_outcome,
    )


def _column(table: PeriodTable, name: str) -> Floats:
    if name not in table.names:
        return np.zeros(len(table.episode))
    return table.covariates[:, table.names.index(name)]
