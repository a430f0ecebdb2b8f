"""What every analysis beside the arm means starts from: checked arrays, their models, their weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from causalsig.errors import EstimationError
from causalsig.estimation.augmented import outcome_nuisance
from causalsig.estimation.multinomial import indicators
from causalsig.estimation.nuisances import Nuisance, outcomes_out_of_fold
from causalsig.estimation.outcome_models import Kind, choose_kinds, predict_out_of_fold
from causalsig.estimation.prepare import Prepared, followed_models, prepare
from causalsig.estimation.propensity import Propensity
from causalsig.estimation.request import Request
from causalsig.estimation.tilting import orthogonal_tilt, tilt
from causalsig.results import Arm, Floats, Integers

Pair = tuple[int, int]


@dataclass(frozen=True, slots=True, eq=False)
class Pieces:
    """Weights of one outcome under one split.

    Attributes
    ----------
    h, g : (n,)
        Tilt, and orthogonal tilt.
    own : (n, K)
        1 where the episode is in the arm and followed.
    both : (n, K)
        Probability of the arm and of being followed in it, π κ.
    w : (n, K)
        ``own h / both``.
    """

    h: Floats
    g: Floats
    own: Floats
    both: Floats
    w: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """What is asked beside the arm means, rows in the summing order.

    Attributes
    ----------
    fitted, prepared : as every estimator has them
    kinds, nuisance : outcome models
    pairs : positions of arm and reference
    x : (n, P) standard design
    codes, clusters : (n,)
    y, seen : (n, J)
    """

    fitted: Propensity
    prepared: Prepared
    kinds: list[Kind]
    nuisance: Nuisance
    pairs: tuple[Pair, ...]
    x: Floats
    codes: Integers
    clusters: Integers
    y: Floats
    seen: Floats

    def folds(self, split: int) -> Integers:
        """Fold of each row of one split, in the summing order."""
        return np.asarray(self.fitted.folds[split][self.prepared.sample.order])

    def predict(self, x: Floats, split: int) -> Floats:
        """Predict outcomes (J, n, K) out of fold from a design (n, P')."""
        arms, folds = len(self.fitted.arms), self.folds(split)
        if self.nuisance.engine_outcome:
            return predict_out_of_fold(x, self.y, self.seen, self.codes, arms, folds, self.kinds)[0]
        return outcomes_out_of_fold(
            self.nuisance, x, self.y, self.seen, self.codes, arms, self.clusters, folds, self.kinds,
            self.fitted.seed or 0,
        )  # fmt: skip

    def pieces(self, x: Floats, p: Floats, split: int) -> tuple[Pieces, ...]:
        """Weigh every outcome, with a design (n, P') of being followed and propensities (n, K)."""
        arms, estimand = self.fitted.arms, self.prepared.estimand
        indicator = indicators(self.codes, len(arms))
        h = tilt(p, estimand, arms)[0]
        g = orthogonal_tilt(p, indicator, estimand, arms)
        followed = followed_models(x, self.codes, self.seen, len(arms), self.folds(split))
        found = []
        for j, one in enumerate(followed):
            own, both = indicator * self.seen[:, j, None], p * one.kappa
            found.append(Pieces(h, g, own, both, own * h[:, None] / both))
        return tuple(found)

    def propensities(self, split: int) -> Floats:
        """Propensities (n, K) of one split."""
        return np.asarray(self.fitted.probabilities[split][self.prepared.sample.order])


def read_asked(request: Request, contrasts: Sequence[tuple[Arm, Arm]] | None) -> Asked:
    """Check what was asked and bring the rows into the summing order."""
    fitted, prepared = prepare(request)
    if not fitted.cross_fitted:
        raise EstimationError(
            "estimation-folds",
            expected="a cross-fitted propensity",
            found="one that was fitted in-sample",
            mend="Fit it with a number of folds.",
            where="propensity",
        )
    order = prepared.sample.order
    return Asked(
        fitted=fitted,
        prepared=prepared,
        kinds=choose_kinds(request.outcome_model, prepared.outcomes, cross_fitted=True),
        nuisance=outcome_nuisance(request, fitted),
        pairs=_pairs(fitted.arms, contrasts),
        x=fitted.design[order],
        codes=fitted.codes[order],
        clusters=fitted.clusters[order],
        y=prepared.outcomes.values[order],
        seen=prepared.outcomes.observed[order].astype(np.float64),
    )


def _pairs(arms: tuple[Arm, ...], contrasts: Sequence[tuple[Arm, Arm]] | None) -> tuple[Pair, ...]:
    if contrasts is None:
        return tuple((b, a) for a, b in combinations(range(len(arms)), 2))
    found = []
    for pair in contrasts:
        if len(pair) != 2 or pair[0] == pair[1] or not set(pair) <= set(arms):
            raise EstimationError(
                "estimation-contrast",
                expected="pairs of two different arms of this analysis",
                found="another pair",
                mend="Name arms of the propensity.",
                where="contrasts",
            )
        found.append((arms.index(pair[0]), arms.index(pair[1])))
    return tuple(found)
