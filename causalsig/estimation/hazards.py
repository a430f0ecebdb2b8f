"""Discrete hazards within one arm: what happens in a period to those still there when it begins.

A pooled multinomial logistic regression over person-periods: an intercept a period in which something
happened, one slope a covariate and kind of event, the ridge of the engine on both. Allison (1982),
doi:10.2307/270718; several kinds: Tutz and Schmid (2016), doi:10.1007/978-3-319-28158-2.
"""

from __future__ import annotations

import numpy as np

from causalsig.estimation.design import RIDGE, SEPARATION_RIDGE
from causalsig.estimation.multinomial import fit, indicators, penalty
from causalsig.results import Floats, Integers

PIECES = 24
"""Periods that get an intercept of their own; where more had an event, neighbours share one."""
SMALLEST = 1e-6


def cross_fitted_hazards(
    x: Floats, last: Integers, kind: Integers, rows: Floats, folds: Integers, periods: Integers, kinds: int
) -> tuple[Floats, tuple[str, ...]]:
    """Predict the hazards of every row from the rows of one arm outside its fold.

    Parameters
    ----------
    x : (n, P) standard design
    last : (n,) period up to which a row is at risk, itself included
    kind : (n,) what happens in that period: 0 nothing, 1 to `kinds`
    rows : (n,) 1 for the rows of the arm
    folds : (n,)
    periods : (H,) in order

    Returns
    -------
    (kinds, n, H), and notes. A period in which nothing happened to anyone in the arm has hazard 0.
    """
    hazards = np.zeros((kinds, len(x), len(periods)))
    notes: tuple[str, ...] = ()
    arm = rows > 0
    active = np.array([bool(np.any(arm & (last == t) & (kind > 0))) for t in periods])
    if not active.any():
        return hazards, notes
    piece = _pieces(last[arm & (kind > 0)], periods, active)
    for f in range(int(folds.max()) + 1):
        train, held = arm & (folds != f), folds == f
        found, said = _fit(x[train], last[train], kind[train], x[held], periods, active, piece, kinds)
        hazards[:, held] = found
        notes += said
    return hazards, tuple(dict.fromkeys(notes))


def _pieces(times: Integers, periods: Integers, active: Floats) -> Integers:
    """Which intercept each active period has: its own, or one a group of about equally many events."""
    place = np.flatnonzero(active)
    if len(place) <= PIECES:
        return np.arange(len(place))
    counts = np.array([np.sum(times == t) for t in periods[place]])
    before = np.cumsum(counts) - counts
    return np.unique(before * PIECES // counts.sum(), return_inverse=True)[1].astype(np.int64)


def _fit(
    x: Floats,
    last: Integers,
    kind: Integers,
    new: Floats,
    periods: Integers,
    active: Floats,
    piece: Integers,
    kinds: int,
) -> tuple[Floats, tuple[str, ...]]:
    """Fit the training rows and predict others: (kinds, k, H), and notes."""
    predicted = np.zeros((kinds, len(new), len(periods)))
    person, when, what = _person_periods(last, kind, periods[active])
    present = np.flatnonzero(np.bincount(what, minlength=kinds + 1))
    happens = present[present > 0]
    if not len(happens):
        return predicted, ()
    if 0 not in present:  # every training row meets its event in its first period
        return _shares(predicted, what, happens, active), ()
    # "Nothing" comes last: it is the base.
    codes = np.argmax(what[:, None] == np.array([*happens, 0]), axis=1)
    intercepts = np.eye(piece.max() + 1)[:, 1:]
    mean = intercepts[piece[when]].mean(axis=0)
    spread = np.maximum(intercepts[piece[when]].std(axis=0), 1e-12)
    by_period = (intercepts[piece] - mean) / spread
    by_period[:, spread <= 1e-9] = 0.0
    design = np.hstack([x[person], by_period[when]])
    coefficients, notes = _solve(design, indicators(codes, len(happens) + 1))
    width = x.shape[1]
    fixed, moving = new @ coefficients[:, :width].T, by_period @ coefficients[:, width:].T
    for place, t in enumerate(np.flatnonzero(active)):
        eta = fixed + moving[place]
        top = np.maximum(eta.max(axis=1, keepdims=True), 0.0)
        e = np.exp(eta - top)
        predicted[happens - 1, :, t] = (e / (e.sum(axis=1, keepdims=True) + np.exp(-top))).T
    return predicted, notes


def _person_periods(last: Integers, kind: Integers, periods: Integers) -> tuple[Integers, Integers, Integers]:
    """One entry a row and period at risk: the row, the place of the period, what happened."""
    at_risk = last[:, None] >= periods
    person, when = np.nonzero(at_risk)
    what = np.where(last[person] == periods[when], kind[person], 0)
    return person, when, what


def _shares(predicted: Floats, what: Integers, happens: Integers, active: Floats) -> Floats:
    for k in happens:
        predicted[k - 1][:, active] = np.mean(what == k)
    return predicted


def _solve(design: Floats, y: Floats) -> tuple[Floats, tuple[str, ...]]:
    """Coefficients (kinds, P), with the larger ridge when the fit does not settle."""
    arms, columns = y.shape[1], design.shape[1]
    start = np.zeros((arms - 1, columns))
    share = np.maximum(y.mean(axis=0), SMALLEST)
    start[:, 0] = np.log(share[:-1] / share[-1])
    for ridge in (RIDGE, SEPARATION_RIDGE):
        model = fit(design, y, penalty(arms, columns, ridge), start)
        if model.converged:
            return model.coefficients, () if ridge == RIDGE else ("logistic-separation-ridge",)
    return model.coefficients, ("logistic-separation-ridge", "logistic-not-converged")
