"""The effect of a treatment that something moves which a whole month shares: months are what is counted.

Capacity is the same for everybody matched in one month, so a municipality with a thousand episodes in each of
24 months has 24 draws of the instrument, not 24,000. Outcome and treatment are brought to one mean a month,
after covariates have explained what they can within months; season and trend are taken out of the months; and
what is left of the instrument is compared with what is left of outcome and treatment, with as many degrees of
freedom as months are left. The set of Anderson and Rubin (1949), doi:10.1214/aoms/1177730090, then has its
nominal coverage however weak the instrument is: Student's t is exact when either the monthly errors or the
instrument's own monthly shocks are normal and independent, and close otherwise.

An instrument that is made of the episodes themselves (visits of others in the same month) must not contain
the episode it stands for, nor may taking out season and trend bring it back (Kolesár 2013, "Estimation in an
instrumental variables model with treatment effect heterogeneity"). So it is made from other folds of
households than the fold it is used in, and season and trend are taken out within each fold: Angrist and
Krueger (1995), doi:10.1080/07350015.1995.10524597. A fold's month may then be correlated with another fold's
in any way; the variance adds up all pairs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from causalsig.errors import EstimationError
from causalsig.estimation.confidence_sets import TIES, ConfidenceSet, anderson_rubin
from causalsig.estimation.identified_sets import read_number
from causalsig.estimation.inputs import check_aligned, check_length, read_labels, read_numbers
from causalsig.estimation.instrument import FirstStage
from causalsig.results import Floats, Integers, t_inference

FEWEST_DEGREES = 5
"""Months left after season, trend and the instrument itself, at least: Student's quantile is 2.6 there and
grows fast below."""
WEAK = 10.0
"""First-stage F below which the ratio is not to be read; the set stays right."""
SAME = 1e-9
"""Spread of the instrument within a month and fold, relative to its size, that is rounding."""


@dataclass(frozen=True, slots=True, eq=False)
class GroupedEffect:
    """Effect of the treatment in those whom the instrument moves, months counted.

    Attributes
    ----------
    estimate, std_error, conf_low, conf_high : float
        Ratio of `reduced_form` to the first stage with its delta-method standard error: to be read only when
        the first stage is strong. Unit of the outcome, for a change of the treatment from 0 to 1.
    df : float
        Groups less controls less one.
    p_value : float
        Of no effect, by Anderson and Rubin's test.
    confidence_set : ConfidenceSet
    first_stage : FirstStage
        A unit of the instrument on the share treated. Its F is by groups; with one instrument it is also the
        effective F of Montiel Olea and Pflueger (2013), doi:10.1080/00401706.2013.806694.
    reduced_form, reduced_form_error : float
        A unit of the instrument on the outcome.
    covariance : (2, 2)
        Of reduced form and first stage. Pool these two, not the ratio: a single ratio has no mean.
    groups, controls, n : int
        Months, columns taken out of them (the intercept included), and episodes.
    notes : tuple of str
    level : float
    """

    estimate: float
    std_error: float
    df: float
    conf_low: float
    conf_high: float
    p_value: float
    confidence_set: ConfidenceSet
    first_stage: FirstStage
    reduced_form: float
    reduced_form_error: float
    covariance: Floats
    groups: int
    controls: int
    n: int
    notes: tuple[str, ...] = ()
    level: float = 0.95


@dataclass(frozen=True, slots=True, eq=False)
class InstrumentBalance:
    """What the instrument goes with among things it cannot have moved.

    Attributes
    ----------
    change, std_error, p_value : (p,)
        Of each covariate, in its own standard deviations, where the instrument is one of its standard
        deviations (season and trend taken out) higher.
    holm : (p,)
        p-values adjusted for looking at all of them (Holm 1979, www.jstor.org/stable/4615733).
    df : float
    """

    change: Floats
    std_error: Floats
    p_value: Floats
    holm: Floats
    df: float


@dataclass(frozen=True, slots=True, eq=False)
class _Design:
    """Checked instrument: z (K, M) by fold and group, what is left of it, and where every row belongs."""

    groups: Integers
    folds: Integers
    counts: Floats
    left: Floats
    roots: Floats
    basis: Floats
    df: int


def grouped_instrument(
    treatment: Any,
    outcome: Any,
    *,
    instrument: Any,
    groups: Any,
    controls: Any = None,
    covariates: Any = None,
    folds: Any = None,
    level: float = 0.95,
) -> GroupedEffect:
    """Estimate the effect in those whom an instrument moves that is shared by whole groups (months).

    Given the controls the instrument's monthly values must be as good as random, move the treatment one way
    only, and reach the outcome through the treatment alone. No data can show the last.

    Parameters
    ----------
    treatment : (n,) 0 and 1
    outcome : (n,) numbers, all observed
    instrument : (n,) numbers
        One value a group, or one value a group and fold.
    groups : (n,) labels
        Month of each episode.
    controls : (n, q) numbers, or None
        Season and trend: constant within a group. An intercept is added; dependent columns are dropped.
    covariates : (n, p) numbers, or None
        Facts of episodes. Their slopes come from within groups, so columns that only tell groups apart (a
        column a calendar month) do nothing.
    folds : (n,) labels, or None
        Folds of households; the instrument of a fold is made without it. None when it is recorded.
    level : float

    Returns
    -------
    GroupedEffect

    Raises
    ------
    EstimationError
        ``estimation-few-groups``; ``estimation-instrument`` when the instrument differs within a group and
        fold, does not vary, or a fold lacks a group; whatever else is wrong with the arrays, by its code.
    """
    check_aligned(treatment=treatment, outcome=outcome, instrument=instrument, groups=groups)
    n, level = len(read_labels(groups, "groups")), read_number(level, "level", 0.0, 1.0)
    columns = np.column_stack(
        [read_numbers(outcome, "outcome", n, ndim=1), read_numbers(treatment, "treatment", n, ndim=1)]
    )
    if not set(np.unique(columns[:, 1])) <= {0.0, 1.0}:
        _refuse("a treatment of 0 and 1", "other values", "Code the treatment as 0 and 1.", "treatment")
    design = _read_design(instrument, groups, controls, folds)
    x = np.zeros((n, 0)) if covariates is None else read_numbers(covariates, "covariates", n, ndim=2)
    effects, covariance = _slopes(_explained(columns, x, design.groups), design)
    return _effect(effects, covariance, design, n, level)


def instrument_balance(
    covariates: Any, *, instrument: Any, groups: Any, controls: Any = None, folds: Any = None
) -> InstrumentBalance:
    """Ask of each covariate whether it differs between months in which the instrument is high and low.

    Parameters
    ----------
    covariates : (n, p) numbers, all known before anything was done; none of them in `controls`
    instrument, groups, controls, folds : as in `grouped_instrument`

    Raises
    ------
    EstimationError
        As `grouped_instrument`.
    """
    n = len(read_labels(groups, "groups"))
    x = read_numbers(covariates, "covariates", n, ndim=2)
    if not x.shape[1]:
        _refuse("at least one covariate", "none", "There is nothing to compare.", "covariates")
    design = _read_design(instrument, groups, controls, folds)
    spread = np.maximum(x.std(axis=0), TIES)
    effects, covariance = _slopes(x / spread, design)
    unit = float(np.sqrt(np.sum(design.left**2) / np.sum(design.roots**2) / len(design.left)))
    change, error = effects * unit, np.sqrt(np.maximum(np.diagonal(covariance), 0.0)) * unit
    p_value = t_inference(change, error, np.full(len(change), float(design.df)), 0.95)[2]
    return InstrumentBalance(change, error, p_value, _holm(p_value), float(design.df))


def _read_design(instrument: Any, groups: Any, controls: Any, folds: Any) -> _Design:
    labels = read_labels(groups, "groups")
    n = len(labels)
    group = _codes(labels, "groups")
    fold = np.zeros(n, dtype=np.int64) if folds is None else _codes(read_labels(folds, "folds"), "folds")
    check_length(len(fold), n, "folds")
    z = read_numbers(instrument, "instrument", n, ndim=1)
    months, parts = int(group.max()) + 1, int(fold.max()) + 1
    cell = fold * months + group
    counts = np.bincount(cell, minlength=parts * months).astype(np.float64).reshape(parts, months)
    if not counts.all():
        _refuse("episodes of every group in every fold", "a fold without one", "Use fewer folds.", "folds")
    means = np.bincount(cell, weights=z, minlength=parts * months).reshape(parts, months) / counts
    if np.abs(z - means.ravel()[cell]).max() > SAME * max(np.abs(z).max(), TIES):
        _refuse("one value of the instrument a group and fold", "several", "Give it by group.", "instrument")
    size = counts.sum(axis=0)
    roots = np.sqrt(size / size.mean())
    basis = _control_basis(controls, group, months, n, roots)
    df = months - basis.shape[1] - 1
    if df < FEWEST_DEGREES:
        raise EstimationError(
            "estimation-few-groups",
            expected=f"at least {basis.shape[1] + 1 + FEWEST_DEGREES} months for {basis.shape[1]} controls",
            found=f"{months}",
            mend="Hold season and trend more coarsely, or wait for more months.",
            where="groups",
        )
    scaled = means * roots
    left = scaled - (scaled @ basis) @ basis.T
    if np.sum(left**2) <= SAME**2 * max(float(np.sum(scaled**2)), TIES):
        _refuse(
            "an instrument that varies beyond season and trend", "none left", "Leave it out.", "instrument"
        )
    return _Design(group, fold, counts, left, roots, basis, df)


def _codes(labels: list[Any], where: str) -> Integers:
    try:
        return np.unique(np.asarray(labels), return_inverse=True)[1].astype(np.int64).ravel()
    except (TypeError, ValueError):
        _refuse("labels of one type", "labels that cannot be ordered", "Use text or whole numbers.", where)
        raise


def _control_basis(controls: Any, group: Integers, months: int, n: int, roots: Floats) -> Floats:
    """Orthonormal columns (M, q) that span intercept and controls, rows weighted by the roots of sizes."""
    columns = np.ones((months, 1))
    if controls is not None:
        given = read_numbers(controls, "controls", n, ndim=2)
        first = np.zeros(months, dtype=np.int64)
        first[group[::-1]] = np.arange(n)[::-1]
        by_group = given[first]
        if np.abs(given - by_group[group]).max(initial=0.0) > SAME * max(
            np.abs(given).max(initial=0.0), TIES
        ):
            _refuse(
                "controls that are constant within a group", "others", "Give covariates apart.", "controls"
            )
        columns = np.hstack([columns, by_group])
    u, s, _ = np.linalg.svd(columns * roots[:, None], full_matrices=False)
    return np.asarray(u[:, s > SAME * s[0]])


def _explained(values: Floats, x: Floats, group: Integers) -> Floats:
    """Take out of values (n, J) what covariates explain, with slopes from within groups."""
    if not x.shape[1]:
        return values
    size = np.bincount(group).astype(np.float64)

    def within(columns: Floats) -> Floats:
        means = np.stack([np.bincount(group, weights=c) / size for c in columns.T], axis=1)
        return np.asarray(columns - means[group])

    scale = np.maximum(np.abs(x).max(axis=0), TIES)
    inside = within(x / scale)
    inside[:, np.sqrt(np.mean(inside**2, axis=0)) < SAME] = 0.0
    slopes = np.linalg.lstsq(inside, within(values), rcond=SAME)[0]
    centred = x / scale - (x / scale).mean(axis=0)
    return np.asarray(values - centred @ slopes)


def _slopes(values: Floats, design: _Design) -> tuple[Floats, Floats]:
    """Slope of the monthly means of values (n, J) on the instrument: (J,), and their covariance (J, J).

    Each fold k is a regression of its own on the same months, with weights in common; errors of two folds in
    one month may go together. With residuals e_k of what is left, ``Cov(e_ka, e_lb) = e_ka' e_lb / df`` and
    the sum over folds has ``Σ_kl c_k c_l (z_k' z_l) e_ka' e_lb / df``: of one fold, the textbook variance.
    """
    parts, months = design.counts.shape
    cell = design.folds * months + design.groups
    means = np.stack([np.bincount(cell, weights=column, minlength=parts * months) for column in values.T])
    scaled = means.reshape(-1, parts, months) / design.counts * design.roots
    left = scaled - (scaled @ design.basis) @ design.basis.T
    share = design.counts.sum(axis=1) / design.counts.sum()
    z = design.left
    cross = z @ z.T
    weight = float(share @ np.diagonal(cross))
    products = np.einsum("jkm,km->jk", left, z)
    effects = products @ share / weight
    own = np.where(np.diagonal(cross) > 0.0, np.diagonal(cross), 1.0)
    residual = left - (products / own)[:, :, None] * z
    pairs = np.outer(share, share) * cross / weight**2 / design.df
    covariance = np.einsum("kl,akm,blm->ab", pairs, residual, residual)
    return effects, np.asarray((covariance + covariance.T) / 2.0)


def _effect(effects: Floats, covariance: Floats, design: _Design, n: int, level: float) -> GroupedEffect:
    df = float(design.df)
    errors = np.sqrt(np.maximum(np.diagonal(covariance), 0.0))
    reduced, first = (float(v) for v in effects)
    f = float((first / errors[1]) ** 2) if errors[1] > 0.0 else np.inf
    estimate, error, low, high = np.nan, np.inf, -np.inf, np.inf
    if abs(first) > TIES:
        estimate = reduced / first
        slope = np.array([1.0, -estimate]) / first
        error = float(np.sqrt(max(float(slope @ covariance @ slope), 0.0)))
        ends = t_inference(np.asarray(estimate), np.asarray(error), np.asarray(df), level)
        low, high = float(ends[0]), float(ends[1])
    p_value = t_inference(np.asarray(reduced), errors[0], np.asarray(df), level)[2]
    return GroupedEffect(
        estimate=estimate,
        std_error=error,
        df=df,
        conf_low=low,
        conf_high=high,
        p_value=float(p_value),
        confidence_set=anderson_rubin(effects, covariance, df, level),
        first_stage=FirstStage(first, float(errors[1]), f),
        reduced_form=reduced,
        reduced_form_error=float(errors[0]),
        covariance=covariance,
        groups=design.counts.shape[1],
        controls=design.basis.shape[1],
        n=n,
        notes=("estimation-instrument-weak",) if f < WEAK else (),
        level=level,
    )


def _holm(p_value: Floats) -> Floats:
    order = np.argsort(p_value, kind="stable")
    stepped = p_value[order] * np.arange(len(p_value), 0, -1)
    adjusted = np.empty(len(p_value))
    adjusted[order] = np.minimum(np.maximum.accumulate(stepped), 1.0)
    return adjusted


def _refuse(expected: str, found: str, mend: str, where: str) -> None:
    raise EstimationError("estimation-instrument", expected=expected, found=found, mend=mend, where=where)
