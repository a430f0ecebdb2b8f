"""The outcome model of every arm: which kind, fitted in-sample or predicted out of fold."""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np

from causalsig.errors import EstimationError
from causalsig.estimation import generalised
from causalsig.estimation.generalised import Family
from causalsig.estimation.inputs import Outcomes
from causalsig.estimation.regressions import (
    ArmModel,
    Gram,
    cross_fitted_least_squares,
    cross_fitted_logistic,
    gram_of,
    least_squares,
    logistic,
)
from causalsig.results import Floats, Integers

Kind: TypeAlias = Literal["least_squares"] | Family
CHOICES = ("auto", "least_squares", "logistic", "poisson")


def choose_kinds(choice: str, outcomes: Outcomes, *, cross_fitted: bool) -> list[Kind]:
    """Decide the model of each outcome.

    "auto": cross-fitted least squares, for binary outcomes and counts too (all folds and outcomes share one
    set of moments; the treatment model keeps the mean right). In-sample by what the outcome is: logistic for
    0 and 1, Poisson for whole numbers from 0, least squares for anything else.

    Raises
    ------
    EstimationError
        ``estimation-outcome-model``: unknown, or not for such outcomes.
    """
    if not isinstance(choice, str) or choice not in CHOICES:
        _refuse('"auto", "least_squares", "logistic" or "poisson"', "another model")
    columns = [y[seen] for y, seen in zip(outcomes.values.T, outcomes.observed.T, strict=True)]
    if choice == "logistic":
        other = sum(not is_binary(y) for y in columns)
        if other:
            _refuse("outcomes that are 0 or 1 for a logistic model", f"{other} other outcomes")
        return ["logistic"] * len(columns)
    if choice == "poisson":
        other = sum(bool((y < 0).any()) for y in columns)
        if other:
            _refuse("outcomes from 0 for a Poisson model", f"{other} outcomes with values below 0")
        return ["poisson"] * len(columns)
    if choice == "least_squares" or cross_fitted:
        return ["least_squares"] * len(columns)
    return [_natural(y) for y in columns]


def is_binary(y: Floats) -> bool:
    """Tell whether all values are 0 or 1."""
    return bool(np.isin(y, (0.0, 1.0)).all())


def _natural(y: Floats) -> Kind:
    if is_binary(y):
        return "logistic"
    return "poisson" if bool(np.all((y >= 0) & (y == np.round(y)))) else "least_squares"


def predict_out_of_fold(
    x: Floats,
    y: Floats,
    seen: Floats,
    codes: Integers,
    arms: int,
    folds: Integers,
    kinds: list[Kind],
    *,
    share: bool = False,
) -> tuple[Floats, tuple[str, ...]]:
    """Predict every outcome under every arm, each row without its own fold.

    Parameters
    ----------
    x : (n, P) standard design; y, seen : (n, J); codes, folds : (n,)
    share : outcomes are shares between 0 and 1, for "logistic" by quasi-likelihood

    Returns
    -------
    (J, n, K), and notes
    """
    predicted = np.empty((y.shape[1], len(x), arms))
    notes: tuple[str, ...] = ()
    linear = [j for j, kind in enumerate(kinds) if kind == "least_squares"]
    if linear:
        predicted[linear] = cross_fitted_least_squares(x, y[:, linear], seen[:, linear], codes, arms, folds)
    for j, kind in enumerate(kinds):
        if kind == "least_squares":
            continue
        for a in range(arms):
            rows = seen[:, j] * (codes == a)
            check_rows(rows, folds)
            if kind == "poisson" or share:
                predicted[j, :, a], said = generalised.cross_fitted(x, y[:, j], rows, folds, kind)
            else:
                predicted[j, :, a], said = cross_fitted_logistic(x, y[:, j], rows, folds)
            notes += said
    return predicted, notes


def fit_all_rows(
    x: Floats, y: Floats, seen: Floats, codes: Integers, arms: int, kinds: list[Kind], *, share: bool = False
) -> list[list[ArmModel]]:
    """Fit every outcome under every arm on all rows: J lists of K models.

    Parameters
    ----------
    share : outcomes are shares between 0 and 1, for "logistic" by quasi-likelihood
    """
    grams: dict[tuple[bytes, int], Gram] = {}
    found = []
    for j, kind in enumerate(kinds):
        models = []
        for a in range(arms):
            rows = seen[:, j] * (codes == a)
            if kind == "least_squares":
                key = (seen[:, j].tobytes(), a)
                if key not in grams:
                    grams[key] = gram_of(x, rows)
                models.append(least_squares(x, y[:, j], rows, grams[key]))
            elif kind == "poisson" or share:
                models.append(generalised.in_sample(x, y[:, j], rows, kind))
            else:
                models.append(logistic(x, y[:, j], rows))
        found.append(models)
    return found


def check_rows(rows: Floats, folds: Integers) -> None:
    """Refuse a split that leaves an arm without followed episodes to learn from."""
    inside = np.bincount(folds, weights=rows)
    if np.any(inside.sum() - inside < 1):
        raise EstimationError(
            "estimation-empty-cell",
            expected="followed episodes of every arm outside every fold",
            found="an arm without any outside one fold",
            mend="The arm has too few episodes followed to the end: leave it out, or use fewer folds.",
            where="folds",
        )


def _refuse(expected: str, found: str) -> None:
    raise EstimationError(
        "estimation-outcome-model",
        expected=expected,
        found=found,
        mend='Use outcome_model="auto".',
        where="outcome_model",
    )
