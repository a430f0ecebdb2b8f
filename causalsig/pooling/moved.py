"""Moving a threshold, over sites: each site's answer by its strongest route, and what they say together.

Answers by other sites lean on the same tables, so their errors go together. Each is a weighted sum of means
of bins, which are independent, so that covariance is known exactly. What a site's own route shares with the
tables it lends is not: there the correlation is taken that makes the pooled error largest.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np

from causalsig.errors import MetaError, PoolError
from causalsig.meta import overlapping_effects
from causalsig.moved import MoveByOthers, PooledMove
from causalsig.pooling.moved_answers import NO_ROUTE, Answer, Tables
from causalsig.pooling.pool import reasons_to_hold

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from causalsig.crossed import ReleasedThreshold
    from causalsig.moved import ReleasedMove, RouteName
    from causalsig.study.models import Pooling

    Floats = NDArray[np.float64]

NOTHING: dict[str, Any] = dict.fromkeys(
    (
        *("estimate", "std_error", "conf_low", "conf_high", "largest_bias", "tau2"),
        *("prediction_low", "prediction_high"),
    ),
    float("nan"),
)


@dataclass(frozen=True, slots=True)
class SiteMove:
    """One candidate at one threshold of one site: by which route there is an answer; for the statistician.

    Attributes
    ----------
    move : ReleasedMove
    band : BandRow or None
    passed : tuple of PassedRoute, stronger routes without an answer; all where there is none
    others : int, that took part in an answer by other sites
    """

    move: ReleasedMove
    band: Any
    passed: tuple[Any, ...]
    others: int


class MovedThresholds:
    """What sites say of moved thresholds: read once, pooled for all and for everyone without each.

    Parameters
    ----------
    moves : iterable of ReleasedMove
    blocks : iterable of ReleasedThreshold
        Of the same waves; their bins are all that routes by other sites look at.
    choices : Pooling
    slope_bound : float or None
        The study's, on the scale of the tables; None: `bounded_gap` is not asked.

    Raises
    ------
    PoolError
        ``pool-site-twice``.
    """

    def __init__(
        self,
        moves: Iterable[ReleasedMove],
        blocks: Iterable[ReleasedThreshold],
        choices: Pooling,
        slope_bound: float | None,
    ) -> None:
        self._choices = choices
        self._tables = Tables(blocks, slope_bound, choices.level)
        self._moves = sorted(moves, key=lambda move: (*_key(move), move.site, move.period, move.cutoff))
        places = [(*_key(move), move.site, move.period, move.cutoff, move.scale) for move in self._moves]
        if len(set(places)) < len(places):
            raise PoolError(
                "pool-site-twice",
                expected="each candidate of a site once",
                found="one candidate of a site, twice",
                mend="Keep one release a site: the older one was replaced or copied.",
                where="moved thresholds",
            )

    def answers(self, without: str | None = None) -> tuple[SiteMove, ...]:
        """Each site's answer, by its own routes and the others'; of all sites but one, as if it were not."""
        found = (self._tables.answer(move, without) for move in self._moves if move.site != without)
        return tuple(SiteMove(one.move, one.band, one.passed, one.others) for one in found)

    def pooled(self, without: str | None = None) -> tuple[PooledMove, ...]:
        """Pool the sites' answers, one row a pair of handlings, score and candidate.

        Parameters
        ----------
        without : str, optional
            Site code: the pool of the others, in which its table lends nothing either. The pool of all is
            publishable only where it still is of enough sites without any one of them.

        Raises
        ------
        MetaError
            As `overlapping_effects`.
        """
        spare = 1 if without is None else 0
        given = [move for move in self._moves if move.site != without]
        rows = []
        for _, family in groupby(given, key=_key):
            answers = [self._tables.answer(move, without) for move in family]
            rows.append(self._row(answers, spare))
        return tuple(rows)

    def by_others(self, site: str) -> tuple[MoveByOthers, ...]:
        """Answers that other sites give one site, for its own page: of enough of them, none dominant."""
        found = []
        for move in self._moves:
            if move.site != site:
                continue
            one = self._tables.answer(move, None)
            if one.band is None or one.own or reasons_to_hold(np.array(one.shares), self._choices):
                continue
            found.append(MoveByOthers(**_of_threshold(move), part=move.part, sites=one.others, band=one.band))
        return tuple(found)

    def _row(self, answers: Sequence[Answer], spare: int) -> PooledMove:
        head = answers[0].move
        answered = [one for one in answers if one.band is not None]
        sites = sorted({one.move.site for one in answered})
        everyone = {one.move.site for one in answers}
        routes: dict[RouteName, int] = {}
        for one in answered:
            if one.band is not None:
                routes[one.band.route] = routes.get(one.band.route, 0) + 1
        names = ("question", "outcome", "kind", "months", "below", "above", "score", "part")
        common: dict[str, Any] = {name: getattr(head, name) for name in names} | {
            "sites": len(sites),
            "by_route": tuple(sorted(routes.items())),
            "unanswered": len(everyone) - len(sites),
        }
        if not answered:
            return PooledMove(**common, **NOTHING, publishable=False, reasons=(NO_ROUTE,), refusal=NO_ROUTE)
        return PooledMove(**common, **self._numbers(answered, sites, spare))

    def _numbers(self, answered: Sequence[Answer], sites: Sequence[str], spare: int) -> dict[str, Any]:
        weighting = self._tables.weighting_variances(answered)
        together = _together(answered, weighting, sites)
        estimates = together @ [_known(one).estimate for one in answered]
        biases = together @ [_known(one).largest_bias for one in answered]
        own = together**2 @ weighting
        parts = self._tables.parts(answered)
        # The correlation that is not known depends on the weights, and they on tau² beside it: once more.
        weights = np.full(len(sites), 1.0 / len(sites))
        for _ in range(2):
            covariance = together @ _covariance(answered, parts, weights @ together) @ together.T
            try:
                pooled = overlapping_effects(
                    estimates,
                    covariance,
                    biases,
                    weighting=own,
                    tau2=self._choices.tau2,
                    interval=self._choices.interval,
                    level=self._choices.level,
                )
            except MetaError as error:
                if error.code != "meta-covariance":
                    raise
                code = error.code
                return NOTHING | {"publishable": False, "reasons": (code,), "refusal": code}
            weights = pooled.weights
        lent = _lent(answered, parts, weights @ together)
        reasons = [*reasons_to_hold(pooled.weights, self._choices), *reasons_to_hold(lent, self._choices)]
        if len(sites) - spare < self._choices.min_sites:
            reasons.insert(0, "pool-few-sites")
        told = tuple(dict.fromkeys(reasons))
        names = ("estimate", "std_error", "conf_low", "conf_high", "largest_bias", "tau2")
        ends = ("prediction_low", "prediction_high")
        return {name: float(getattr(pooled, name)) for name in (*names, *ends)} | {
            "publishable": not told,
            "reasons": told,
        }


def _key(move: ReleasedMove) -> tuple[Any, ...]:
    return (move.question, move.outcome, move.below, move.above, move.score, move.part)


def _of_threshold(move: ReleasedMove) -> dict[str, Any]:
    names = ("question", "outcome", "kind", "months", "below", "above", "score", "cutoff", "period")
    return {name: getattr(move, name) for name in names}


def _known(answer: Answer) -> Any:
    return answer.band


def _together(answered: Sequence[Answer], weighting: Floats, sites: Sequence[str]) -> Floats:
    """Rows (sites, answers): a site's several thresholds as one, by the precision of their designs."""
    member = np.array([[one.move.site == site for one in answered] for site in sites], dtype=np.float64)
    weights = member / weighting
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def _covariance(answered: Sequence[Answer], parts: Mapping[str, Floats], weights: Floats) -> Floats:
    """Give the sampling covariance (n, n) of answers, as large for this weighted mean as it can be.

    `parts` holds, for each site that lends bins, the covariance (n, n) of what all answers take from them.
    An answer by a site's own route is of the same households as those bins. Its covariance with the part of
    the mean that they make is at most the product of the errors; that is taken.
    """
    total = sum(parts.values(), np.zeros((len(answered), len(answered))))
    for place, one in enumerate(answered):
        if not one.own:
            continue
        variance = _known(one).std_error ** 2 + one.move.steps**2 / 12.0
        total[place, place] += variance
        lent = parts.get(one.move.site)
        error = 0.0 if lent is None else float(np.sqrt(weights @ lent @ weights))
        if lent is None or error == 0.0:
            continue
        worst = np.sqrt(variance) * (lent @ weights) / error
        total[place] += worst
        total[:, place] += worst
    return np.asarray(total)


def _lent(answered: Sequence[Answer], parts: Mapping[str, Floats], weights: Floats) -> Floats:
    """Share of the pooled variance that comes of each site's data."""
    found = {site: float(weights @ part @ weights) for site, part in parts.items()}
    for place, one in enumerate(answered):
        if one.own:
            variance = float((weights[place] * _known(one).std_error) ** 2)
            found[one.move.site] = found.get(one.move.site, 0.0) + variance
    shares = np.array(list(found.values()))
    return np.asarray(shares / shares.sum())
