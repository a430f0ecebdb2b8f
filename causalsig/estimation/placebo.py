"""Permutation placebo: arms dealt anew by lot, and the whole analysis made again, a few hundred times.

The arms of a household stay side by side, and households are put in an order drawn by lot: what clusters in
the data clusters in the placebo (less so where households have unlike numbers of episodes). By lot no arm has
an effect and no covariate decides; everything is fitted again (treatment model, outcome models, weights,
influence), and what comes out must be nothing, within the errors that the analysis itself states.

What does not depend on the arm is shared: rows in order, folds, design, Gram matrices and their
eigenvectors; see `placebo_fits`. A replication then costs a few matrix products and no decomposition.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from causalsig.errors import EstimationError
from causalsig.estimation.inputs import code_households, read_outcomes
from causalsig.estimation.placebo_fits import placebo_contrasts, share
from causalsig.estimation.propensity import Propensity
from causalsig.estimation.reuse import settled_propensity
from causalsig.estimation.tilting import check_estimand
from causalsig.results import Arm, Contrast, Estimand, Floats, Integers

ESTIMANDS = ("ATE", "ATO")
FEWEST = 20
"""Replications below which a spread says nothing."""
PLACES = np.uint64(2**24 - 1)
"""Room for 16 million households beside 40 random bits."""
ELEMENTS = 500_000
"""Numbers (replications x arms x rows) worked on at once: few enough for a cache, enough for a matrix."""
AT_ONCE = 4
"""Replications at once, at least: matrix products of fewer rows take twice as long."""
TWO_SIDED_99 = 2.5758293035489004
"""Normal quantile of 0.995."""


@dataclass(frozen=True, slots=True, eq=False)
class PermutationPlacebo:
    """What the analysis makes of arms dealt by lot, B times.

    Attributes
    ----------
    arm, reference, estimand :
        The contrast.
    estimates, std_errors, df : (B,)
        Of every placebo contrast, as `ArmMeans.contrast` would state them.
    seed : int
    """

    arm: Arm
    reference: Arm
    estimand: Estimand
    estimates: Floats = field(repr=False)
    std_errors: Floats = field(repr=False)
    df: Floats = field(repr=False)
    seed: int

    @property
    def replications(self) -> int:
        """Number of placebos B."""
        return len(self.estimates)

    @property
    def p_values(self) -> Floats:
        """Two-sided p-value that the analysis itself gives each placebo: (B,); uniform when it is right."""
        from scipy.special import stdtr

        return np.asarray(2.0 * stdtr(self.df, -np.abs(self.estimates) / self.std_errors))

    @property
    def rejected(self) -> float:
        """Share of the placebos whose 95 % interval leaves out zero; 0.05 when the analysis is right."""
        return float(np.mean(self.p_values < 0.05))

    @property
    def spread(self) -> float:
        """Root mean square of the placebos in stated standard errors; 1 when the analysis is right.

        Each p-value is first brought to the normal scale, so that few households alone do not enlarge it.
        """
        return float(np.sqrt(np.mean(self._normal() ** 2)))

    @property
    def spread_beyond_chance(self) -> float:
        """Lower one-sided 99 % limit of the spread: ``sqrt(B spread² / χ²_{B, 0.99})``."""
        from scipy.special import chdtri

        count = self.replications
        return float(self.spread * np.sqrt(count / chdtri(count, 0.01)))

    @property
    def spread_p_value(self) -> float:
        """Two-sided p-value of a spread of 1 (χ² with B degrees of freedom)."""
        from scipy.special import chdtr, chdtrc

        total = float(np.sum(self._normal() ** 2))
        count = self.replications
        return float(min(1.0, 2.0 * min(chdtr(count, total), chdtrc(count, total))))

    @property
    def centre(self) -> float:
        """Mean of the placebo contrasts in (mean) stated standard errors; zero when the analysis is unbiased.

        In small arms it is not quite: an average over arms dealt by lot shows the bias of order 1/n that an
        estimator which is right in large samples has in this one.
        """
        return float(self.estimates.mean() / self.std_errors.mean())

    @property
    def centre_beyond_chance(self) -> float:
        """How far from zero the centre is beyond its own noise: ``max(0, |centre| - 2.58 spread / √B)``."""
        return max(0.0, abs(self.centre) - TWO_SIDED_99 * self.spread / float(np.sqrt(self.replications)))

    def p_value(self, contrast: Contrast) -> float:
        """Share of placebos at least as far from zero as a contrast, itself counted: ``(1 + #) / (B + 1)``.

        Compared in standard errors, not in points: by lot the weights vary less than where covariates decide,
        and only the studentised distribution is the same (Janssen 1997, doi:10.1016/S0167-7152(97)00043-6;
        Zhao and Ding 2021, doi:10.1016/j.jeconom.2021.02.007).
        """
        found = float(np.sum(self.p_values <= float(contrast.p_value)))
        return (1.0 + found) / (self.replications + 1.0)

    def _normal(self) -> Floats:
        from scipy.special import ndtri

        return np.asarray(ndtri(np.clip(self.p_values, 1e-300, 1.0) / 2.0))


def permutation_placebo(
    propensity: Propensity,
    outcome: Any,
    arm: Arm,
    reference: Arm,
    *,
    estimand: Estimand = "ATO",
    replications: int = 200,
    seed: int = 0,
    together: Any = None,
) -> PermutationPlacebo:
    """Deal the arms by lot, fit everything again, and see what effect comes out.

    Parameters
    ----------
    propensity : Propensity
        Of the real arms; gives rows, arms, households and one split into folds (the first). Its probabilities
        are not used: the treatment model of a placebo is fitted to the placebo.
    outcome : (n,)
        Followed in every episode.
    arm, reference : labels
    estimand : {"ATO", "ATE"}
    replications : int
    seed : int
        Key of the lots.
    together : (n,), optional
        Ids of what is dealt as one; default the households of the propensity. Another answers whether the
        analysis knows of all that clusters: its errors stay those of the propensity's households.

    Raises
    ------
    EstimationError
        ``estimation-placebo`` for too few replications, an arm that is not there or a fit that was not
        cross-fitted by the linear engine; ``estimation-estimand`` and what `read_outcomes` finds.
    """
    chosen = check_estimand(estimand, propensity.arms, ESTIMANDS)
    _check(propensity, arm, reference, replications)
    outcomes = read_outcomes(outcome, None, len(propensity.codes))
    if not outcomes.single:
        _refuse("one outcome", "several", "outcome")
    fitted = settled_propensity(propensity, outcomes)
    order = fitted.sample.order
    rows = order[np.argsort(fitted.folds[0][order], kind="stable")]
    shared = share(
        fitted.design[rows], outcomes.values[rows, 0], fitted.folds[0][rows], fitted.clusters[rows], fitted.n
    )
    pair = (propensity.arms.index(arm), propensity.arms.index(reference))
    units = fitted.clusters if together is None else code_households(together, len(fitted.codes))[0]
    step = max(AT_ONCE, ELEMENTS // (len(propensity.arms) * len(rows)))
    parts = [
        placebo_contrasts(shared, dealt, len(propensity.arms), pair, str(chosen))
        for dealt in deals(fitted.codes[rows], units[rows], replications, seed, step)
    ]
    estimates, errors, df = (np.concatenate(part) for part in zip(*parts, strict=True))
    return PermutationPlacebo(arm, reference, chosen, estimates, errors, df, seed)


def deals(
    codes: Integers, clusters: Integers, replications: int, seed: int, step: int
) -> Iterator[NDArray[np.int8]]:
    """Deal the arms of households, in an order by lot, to the rows of households: (step, n) at once.

    A household of as many episodes need not get them: how many episodes a household has follows from how
    often it returns, so an exchange among equals would leave arms and outcomes tied.

    Parameters
    ----------
    codes, clusters : (n,), in an order that does not depend on the order of the source
    """
    rng = np.random.default_rng(seed)
    # By lot within a household, or the first of its rows would always get the first of another's.
    rows = np.lexsort((rng.random(len(codes)), clusters))
    own = codes[rows].astype(np.int8)
    sizes = np.bincount(clusters)
    sizes = sizes[sizes > 0]
    starts = np.cumsum(sizes) - sizes
    for done in range(0, replications, step):
        count = min(step, replications - done)
        # Sorting random numbers that carry a household's place in their last bits is the quickest lot.
        lots = rng.integers(0, 2**64, (count, len(sizes)), dtype=np.uint64)
        lots = (lots & ~PLACES) | np.arange(len(sizes), dtype=np.uint64)
        lots.sort(axis=1)
        order = (lots & PLACES).astype(np.int64)
        lengths = sizes[order]
        offsets = starts[order] - (np.cumsum(lengths, axis=1) - lengths)
        taken = np.repeat(offsets.ravel(), lengths.ravel()).reshape(count, -1) + np.arange(len(codes))
        dealt = np.empty((count, len(codes)), dtype=np.int8)
        dealt[:, rows] = own[taken]
        yield dealt


def _check(propensity: Propensity, arm: Arm, reference: Arm, replications: int) -> None:
    if not isinstance(replications, (int, np.integer)) or replications < FEWEST:
        _refuse(f"at least {FEWEST} replications", "fewer", "replications")
    if arm == reference or not {arm, reference} <= set(propensity.arms):
        _refuse("two arms of the propensity", "others", "arm")
    if not propensity.cross_fitted or not propensity.nuisance.engine_treatment:
        _refuse('a propensity fitted with folds and nuisance "linear"', "another", "propensity")


def _refuse(expected: str, found: str, where: str) -> None:
    raise EstimationError(
        "estimation-placebo",
        expected=expected,
        found=found,
        mend="Fit the propensity with folds and the linear nuisance, and name two of its arms.",
        where=where,
    )
