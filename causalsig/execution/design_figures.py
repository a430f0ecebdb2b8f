"""What a treatment model says of overlap and spread, for the statistician; no outcome is looked at."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from causalsig.diagnosed import ArmOverlap, DesignFigures, PairOverlap, VarianceRatio
from causalsig.diagnostics.balance import variance_ratios
from causalsig.diagnostics.overlap import overlap_of
from causalsig.errors import EstimationError

if TYPE_CHECKING:
    from causalsig.estimation.propensity import Propensity
    from causalsig.study.models import Diagnostics


def design_figures(
    propensity: Propensity,
    covariates: NDArray[np.float64],
    names: tuple[str, ...],
    estimands: tuple[str, ...],
    settings: Diagnostics,
) -> DesignFigures:
    """Describe overlap of every two arms, and how far covariates spread alike after weighting.

    Parameters
    ----------
    propensity : Propensity
    covariates : (n, p)
    names : tuple of str, length p
    estimands : tuple of str
        Primary first; one for which somebody had no chance of an arm has no weights, and no figures.
    settings : Diagnostics
    """
    weighted = tuple(estimand for estimand in estimands if _has_weights(propensity, estimand))
    found = overlap_of(propensity, weighted, settings)
    pairs = tuple(
        PairOverlap(found.arms[a], found.arms[b], float(found.pairs[a, b]))
        for a, b in combinations(range(len(found.arms)), 2)
    )
    arms = tuple(
        ArmOverlap(
            arm,
            float(found.without_positivity[place]),
            float(found.trimmed[place]),
            tuple((name, float(sizes[place])) for name, sizes in found.effective_sizes.items()),
        )
        for place, arm in enumerate(found.arms)
    )
    primary = estimands[0] if estimands and estimands[0] in weighted else None
    ratios = () if primary is None else _ratios(propensity, covariates, names, primary)
    return DesignFigures(found.everywhere, pairs, arms, primary, ratios)


def _has_weights(propensity: Propensity, estimand: str) -> bool:
    try:
        propensity.weights(estimand)
    except EstimationError:
        return False
    return True


def _ratios(
    propensity: Propensity, covariates: NDArray[np.float64], names: tuple[str, ...], estimand: str
) -> tuple[VarianceRatio, ...]:
    arms = tuple(str(arm) for arm in propensity.arms)
    table = variance_ratios(covariates, propensity.codes, propensity.weights(estimand), len(arms))
    return tuple(
        VarianceRatio(name, arms[a], arms[b], float(ratio))
        for (a, b), row in zip(combinations(range(len(arms)), 2), table, strict=True)
        for name, ratio in zip(names, row, strict=True)
        if not np.isnan(ratio)
    )
