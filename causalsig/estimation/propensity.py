"""The treatment model: who would be in which arm. Fitted once for all outcomes, seen by the gates first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from causalsig.errors import EstimationError
from causalsig.estimation.calibration import Calibration, calibrate
from causalsig.estimation.design import RIDGE, SEPARATED, SEPARATION_RIDGE, standard_design
from causalsig.estimation.folds import assign_folds, check_draw
from causalsig.estimation.inputs import Sample, check_aligned, check_households, read_sample
from causalsig.estimation.multinomial import (
    Fit,
    fit,
    fit_leaving_out,
    indicators,
    penalty,
    probabilities,
)
from causalsig.estimation.nuisances import (
    FLOOR,
    Nuisance,
    floored,
    propensities_out_of_fold,
    read_nuisance,
)
from causalsig.estimation.ordering import settled
from causalsig.estimation.tilting import check_estimand, tilt
from causalsig.results import Arm, Estimand, Floats, Integers

NOTICEABLE = 0.5
"""A change of a linear predictor, by one step off the ridge, that sends for a fit without it."""


@dataclass(frozen=True, slots=True, eq=False)
class Propensity:
    """Probabilities of every arm, in the caller's row order.

    Attributes
    ----------
    arms : tuple, length K
    probabilities : (R, n, K)
        Each row predicted without its own fold (in-sample: fitted on all rows, R = 1); rows add to one.
    full_probabilities : (n, K)
        Fitted on all rows; of a learner the mean of `probabilities`.
    folds : (R, n) int
        Fold of each row; all 0 in-sample.
    cross_fitted : bool
    codes, clusters : (n,) int
        Arm and household of each row, as positions.
    n, households : (K,) int
        Episodes and distinct households an arm; `households_total` over all arms.
    parameters : int
        Free coefficients; of a learner those of the linear model it replaces.
    dropped : tuple of int
        Covariates that are constant or determined by the columns before them.
    ridge : float
        Penalty used; 0 in-sample.
    notes : tuple of str
    seed : int or None
    before_shrinking : (n, K) or None
        Probabilities of the fit in which the covariates decided the arm, before the larger ridge of
        ``propensity-separation-ridge`` or the floor of ``propensity-floored``; None when there was none.
        What the gates judge: a ridge or a floor makes weights possible, it does not make episodes comparable.
    design : (n, P), `sample`, `full` (None of a learner), `nuisance`, `given_folds` (labels, not drawn) :
        what the estimators need to reuse the fit
    """

    arms: tuple[Arm, ...]
    probabilities: Floats = field(repr=False)
    full_probabilities: Floats = field(repr=False)
    folds: Integers = field(repr=False)
    cross_fitted: bool
    n: Integers
    households: Integers
    households_total: int
    parameters: int
    dropped: tuple[int, ...]
    ridge: float
    notes: tuple[str, ...]
    seed: int | None
    design: Floats = field(repr=False)
    sample: Sample = field(repr=False)
    full: Fit | None = field(repr=False)
    before_shrinking: Floats | None = field(default=None, repr=False)
    nuisance: Nuisance = field(default_factory=Nuisance)
    given_folds: bool = False

    @property
    def codes(self) -> Integers:
        """Position in `arms` of each row's arm: (n,)."""
        return self.sample.codes

    @property
    def clusters(self) -> Integers:
        """Household of each row, 0 to G - 1: (n,)."""
        return self.sample.clusters

    @property
    def judged_probabilities(self) -> Floats:
        """What the gates look at: the mean over repeats, or the fit before it was shrunk: (n, K)."""
        if self.before_shrinking is not None:
            return self.before_shrinking
        return np.asarray(self.probabilities.mean(axis=0))

    def weights(self, estimand: Estimand = "ATO", *, stabilised: bool = False) -> Floats:
        """Balancing weight ``h(π) / π_A`` of each row for the arm it is in, averaged over repeats: (n,).

        Stabilised, it is multiplied by the arm's share of the episodes (Robins, Hernán and Brumback 2000,
        doi:10.1097/00001648-200009000-00011): an ATE weight then averages 1. Means of arms do not change.

        Raises
        ------
        EstimationError
            ``estimation-estimand``, ``estimation-positivity``.
        """
        checked = check_estimand(estimand, self.arms)
        rows = np.arange(len(self.codes))
        split = [tilt(p, checked, self.arms)[0] / p[rows, self.codes] for p in self.probabilities]
        share = self.n[self.codes] / len(self.codes) if stabilised else 1.0
        return np.asarray(np.mean(split, axis=0) * share)

    def calibration(self, bins: int = 10) -> Calibration:
        """Compare the probabilities, averaged over repeats, with who got which arm.

        Parameters
        ----------
        bins : groups of equal size, by probability, of each arm
        """
        return calibrate(self.probabilities.mean(axis=0), self.codes, self.arms, self.clusters, bins)

    def effective_sample_size(self, estimand: Estimand = "ATO") -> Floats:
        """Kish's size of the weights summed by household, an arm: (K,), in households."""
        weights = self.weights(estimand)
        return np.array(
            [kish(np.where(self.codes == k, weights, 0.0), self.clusters) for k in range(len(self.arms))]
        )


def kish(weights: Floats, clusters: Integers) -> float:
    """Give ``(Σ W_g)² / Σ W_g²`` of the weights summed by household; 0 without weight."""
    totals = np.bincount(clusters, weights=weights)
    squares = float(np.sum(totals**2))
    return float(np.sum(totals)) ** 2 / squares if squares > 0 else 0.0


def fit_propensity(
    covariates: Any,
    treatment: Any,
    *,
    arms: Sequence[Arm] | None = None,
    households: Any = None,
    folds: int | Any | None = 5,
    repeats: int = 1,
    seed: int = 0,
    nuisance: Any = "linear",
) -> Propensity:
    """Fit one model of the arm whose probabilities add to one.

    Parameters
    ----------
    covariates : (n, p) numbers, an array or a DataFrame
    treatment : (n,) labels
    arms : sequence, optional
        Order of the arms; default sorted.
    households : (n,), optional
        Ids; folds never split a household. Without them every row is a household of its own.
    folds : int, (n,) labels or None
        None fits in-sample by unpenalised maximum likelihood.
    repeats : int
        Number of independent splits.
    seed : int
        Key of the splits.
    nuisance : "linear", "boosting", "stacked", a scikit-learn classifier or a `Nuisance`
        "linear" is one multinomial logistic regression. Others need folds, and give no influence of their
        own: `inverse_probability` and `overlap_weighting` refuse them.

    Returns
    -------
    Propensity

    Raises
    ------
    EstimationError
        Whatever `read_sample` and `assign_folds` find; ``estimation-one-household`` where an arm has only
        one, ``estimation-repeats``, ``estimation-seed``, ``estimation-nuisance``.

    Notes
    -----
    Cross-fitted coefficients carry a ridge of the weight of one observation, on the scale of
    `standard_design`. Codes in `notes`: ``propensity-constant-column``, ``propensity-dependent-column``, ``propensity-separation-ridge``
    (the covariates decide the arm somewhere: refitted with a larger ridge),
    ``propensity-not-converged``; of other learners ``propensity-floored`` (probabilities below 0.001).
    """
    learner = read_nuisance(nuisance)
    check_draw(repeats, seed)
    check_aligned(covariates=covariates, treatment=treatment, households=households, folds=folds)
    sample = read_sample(covariates, treatment, arms=arms, households=households)
    labels = assign_folds(sample, folds, repeats, seed)
    drawn = isinstance(folds, (int, np.integer))
    if folds is None and not learner.engine_treatment:
        _refuse_in_sample()
    # An arm of one household outside every fold is an empty cell, which says more.
    check_households(sample.codes, sample.clusters, sample.arms, "treatment")
    sample = sample if drawn else settled(sample, labels.T.astype(np.float64))
    x, kept, notes = standard_design(sample.covariates[sample.order])
    codes, total = sample.codes[sample.order], len(sample.arms)
    if learner.engine_treatment:
        found = _linear(x, codes, total, labels[:, sample.order], folds is not None)
    else:
        households_of_rows = sample.clusters[sample.order]
        found = _learned(learner, x, codes, households_of_rows, total, labels[:, sample.order], seed)
    fitted = _assemble(found, sample, labels, (x, kept), notes, folds is not None, seed if drawn else None)
    return replace(fitted, nuisance=learner, given_folds=folds is not None and not drawn)


@dataclass(frozen=True, slots=True, eq=False)
class _Found:
    """Probabilities held out (R, n, K) and of the fit on all rows (n, K), rows in the summing order."""

    held_out: Floats
    everyone: Floats
    full: Fit | None
    ridge: float
    notes: tuple[str, ...]
    decided: Floats | None


def _assemble(
    found: _Found,
    sample: Sample,
    labels: Integers,
    design: tuple[Floats, tuple[int, ...]],
    notes: tuple[str, ...],
    cross_fitted: bool,
    seed: int | None,
) -> Propensity:
    """Bring rows back to the caller's order."""
    (x, kept), total = design, len(sample.arms)
    back = np.argsort(sample.order)
    return Propensity(
        arms=sample.arms,
        probabilities=found.held_out[:, back],
        full_probabilities=found.everyone[back],
        folds=labels,
        cross_fitted=cross_fitted,
        n=np.bincount(sample.codes, minlength=total).astype(np.int64),
        households=count_households(sample.codes, sample.clusters, total),
        households_total=len(sample.household_ids),
        parameters=(total - 1) * x.shape[1],
        dropped=tuple(j for j in range(sample.covariates.shape[1]) if j not in kept),
        ridge=found.ridge,
        notes=tuple(dict.fromkeys((*notes, *found.notes))),
        seed=seed,
        design=x[back],
        sample=sample,
        full=found.full,
        before_shrinking=None if found.decided is None else found.decided[back],
    )


def _linear(x: Floats, codes: Integers, arms: int, labels: Integers, cross_fitted: bool) -> _Found:
    """Multinomial logistic regression by the engine."""
    y = indicators(codes, arms)
    full, ridge, notes, decided = _fit_full(x, y, RIDGE if cross_fitted else 0.0)
    everyone = probabilities(x, full.coefficients)
    held_out = np.empty((len(labels), *everyone.shape)) if cross_fitted else everyone[None]
    for r, split in enumerate(labels if cross_fitted else ()):
        held_out[r], converged = _predict_held_out(x, y, ridge, full, split)
        notes += () if converged else ("propensity-not-converged",)
    return _Found(held_out, everyone, full, ridge, notes, decided)


def _learned(
    learner: Nuisance,
    x: Floats,
    codes: Integers,
    households: Integers,
    arms: int,
    labels: Integers,
    seed: int,
) -> _Found:
    """Ask a learner; what it calls impossible is raised to a floor, and shown to the gates as it was."""
    raw = np.stack(
        [propensities_out_of_fold(learner, x, codes, arms, households, split, seed) for split in labels]
    )
    held_out = floored(raw)
    low = bool(raw.min() < FLOOR)
    decided = np.maximum(raw.mean(axis=0), SEPARATED**2) if low else None
    notes = ("propensity-floored",) if low else ()
    return _Found(held_out, held_out.mean(axis=0), None, 0.0, notes, decided)


def _refuse_in_sample() -> None:
    raise EstimationError(
        "estimation-nuisance",
        expected='nuisance "linear" for the in-sample estimator',
        found="a learner that would predict the rows it was trained on",
        mend="Give a number of folds.",
        where="nuisance",
    )


def count_households(codes: Integers, clusters: Integers, arms: int) -> Integers:
    """Count distinct households an arm: (K,)."""
    return np.array([len(np.unique(clusters[codes == k])) for k in range(arms)], dtype=np.int64)


def _fit_full(x: Floats, y: Floats, ridge: float) -> tuple[Fit, float, tuple[str, ...], Floats | None]:
    """Fit all rows, with a larger ridge when the covariates decide the arm.

    Returns the fit, its ridge, notes, and the probabilities (n, K) of a fit that was given up.
    """
    arms, columns = y.shape[1], x.shape[1]
    start = np.zeros((arms - 1, columns))
    start[:, 0] = np.log(y.mean(axis=0)[:-1] / y.mean(axis=0)[-1])
    full = fit(x, y, penalty(arms, columns, ridge), start)
    first = probabilities(x, full.coefficients)
    if full.converged and first.min() >= SEPARATED:
        decided = _without_ridge(x, y, full, ridge)
        return full, ridge, () if decided is None else ("propensity-separation-ridge",), decided
    again = fit(x, y, penalty(arms, columns, SEPARATION_RIDGE), start)
    codes = ("propensity-separation-ridge",) + (() if again.converged else ("propensity-not-converged",))
    # Away from 0, so that preference scores exist.
    return again, SEPARATION_RIDGE, codes, np.maximum(first, SEPARATED**2)


def _without_ridge(x: Floats, y: Floats, full: Fit, ridge: float) -> Floats | None:
    """Give the probabilities (n, K) that the ridge alone keeps from zero; None when it keeps none.

    One Newton step off the ridge costs nothing and tells whether it matters anywhere; only then is the fit
    without it worth its time.
    """
    arms, columns = y.shape[1], x.shape[1]
    step = full.solve(penalty(arms, columns, ridge) @ full.coefficients.ravel())
    if ridge == 0.0 or np.abs(x @ step.reshape(arms - 1, columns).T).max(initial=0.0) < NOTICEABLE:
        return None
    free = fit(x, y, penalty(arms, columns, 0.0), full.coefficients)
    p = probabilities(x, free.coefficients)
    return np.maximum(p, SEPARATED**2) if p.min() < SEPARATED else None


def _predict_held_out(x: Floats, y: Floats, ridge: float, full: Fit, folds: Integers) -> tuple[Floats, bool]:
    found, converged = fit_leaving_out(x, y, penalty(y.shape[1], x.shape[1], ridge), full, folds)
    p = np.empty_like(y)
    for f, coefficients in enumerate(found):
        p[folds == f] = probabilities(x[folds == f], coefficients)
    return p, converged
