"""Questions with yes or no that a person can answer, at cut points fixed before any data are seen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class CutPoints:
    """Cut points of a numeric covariate, in the unit a reader knows.

    Attributes
    ----------
    name : str
        What the texts call it ("amount").
    values : tuple of float
    to_column : callable
        From that unit to the scale of the column.
    unknown : str
        Column that is 1 where the value is not known; such an episode answers every question with no.
    """

    name: str
    values: tuple[float, ...]
    to_column: Callable[[float], float]
    unknown: str


CUT_POINTS: Mapping[str, CutPoints] = MappingProxyType(
    {
        "log_amount": CutPoints(
            "amount", (100, 250, 500, 1000, 2000, 5000), lambda euro: float(np.log(euro)) - 6.0,
            "amount=missing",
        ),
        "log_months_in_arrears": CutPoints(
            "months", (2, 3, 6, 12), lambda months: float(np.log1p(months)), "months_in_arrears=missing"
        ),
    }
)  # fmt: skip
"""Of the columns that the design matrix makes; a test holds that they are the cohort's."""
DERIVED = frozenset({"log_amount_squared"})
"""Columns that another one determines."""
WITHOUT_NAME = ("district",)
"""Columns that stand for a place: it has no name in a release."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One question of a tree and its answer.

    Attributes
    ----------
    question : str
        Column of 0 and 1, or the name of cut points.
    value : float or None
        Cut point in the reader's unit: "at least this"; None for a column of 0 and 1.
    holds : bool
        Whether the answer is yes; of an unknown value it is no.
    """

    question: str
    value: float | None
    holds: bool


def questions_of(
    covariates: Floats, names: tuple[str, ...]
) -> tuple[Flags, list[Condition], tuple[str, ...]]:
    """Turn a design matrix into answers.

    Parameters
    ----------
    covariates : (n, p)
    names : tuple of str, length p

    Returns
    -------
    (n, q) bool, list of q Condition, tuple of str
        Answers, their questions, and the columns that no question could be made of.
    """
    answers, questions, left_out = [], [], []
    for j, name in enumerate(names):
        column = covariates[:, j]
        if name in CUT_POINTS:
            points = CUT_POINTS[name]
            known = covariates[:, names.index(points.unknown)] == 0 if points.unknown in names else True
            for value in points.values:
                # A cut point lies on the grid of a logarithm: rounding must not move it.
                answers.append((column >= points.to_column(value) - 1e-9) & known)
                questions.append(Condition(points.name, float(value), True))
        elif name.startswith(WITHOUT_NAME) or not np.isin(column, (0.0, 1.0)).all():
            if name not in DERIVED:
                left_out.append(name)
        else:
            answers.append(column == 1.0)
            questions.append(Condition(name, None, True))
    found = np.column_stack(answers) if answers else np.empty((len(covariates), 0), dtype=bool)
    return found, questions, tuple(left_out)
