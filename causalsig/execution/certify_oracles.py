"""Analyses whose answers are known, worked out again on this machine: a broken numerical library is noticed.

Three kinds of answer: published (the 13 trials of BCG vaccination, Colditz et al. 1994,
doi:10.1001/jama.1994.03510330076038, pooled by metafor 3.8), worked out without numpy or any code of the
library (``oracles/invented.json``, which says how), and exact (the inverse of a Hilbert matrix, quantiles in
tables, numbers on the release's grid worked by hand).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from causalsig.results import ArmMeans
    from causalsig.study.models import Study

CLOSE: Final = 1e-9
"""Relative. Two ways to one number agree to 6e-11 here; with exponentials in single precision the number that
moves least among those that use them is off by 3e-9."""
EXACT: Final = 0.0
HILBERT: Final = 1e-7
"""Absolute on entries up to 6,480: the condition number 15,514 times rounding, with room."""

TRIALS: Final = (
    *((4, 119, 11, 128), (6, 300, 29, 274), (3, 228, 11, 209), (62, 13536, 248, 12619)),
    *((33, 5036, 47, 5761), (180, 1361, 372, 1079), (8, 2537, 10, 619), (505, 87886, 499, 87892)),
    *((29, 7470, 45, 7232), (17, 1699, 65, 1600), (186, 50448, 141, 27197), (5, 2493, 3, 2338)),
    (27, 16886, 29, 17825),
)
"""Cases and others among the vaccinated, cases and others among those who were not."""


@dataclass(frozen=True, slots=True)
class Compared:
    """One number worked out here beside its answer.

    Attributes
    ----------
    oracle : str
        Name in :data:`ORACLES`.
    quantity : str
    found, answer : float
    tolerance : float
        Relative to the answer; absolute where the answer is 0.
    """

    oracle: str
    quantity: str
    found: float
    answer: float
    tolerance: float

    @property
    def gap(self) -> float:
        """Difference relative to the answer, where it is not 0; infinite where nothing finite was found."""
        gap = abs(self.found - self.answer) / (abs(self.answer) or 1.0)
        return gap if np.isfinite(gap) else float("inf")

    @property
    def passed(self) -> bool:
        """Whether the gap is within the tolerance."""
        return self.gap <= self.tolerance


Pairs = Iterator[tuple[str, float, float, float]]


def replay(study: Study) -> tuple[Compared, ...]:
    """Work out every oracle of what the study uses, and set it beside its answer.

    An oracle that cannot be worked out at all counts as one number that is not there.
    """
    found: list[Compared] = []
    for name in oracles_of(study):
        try:
            found += [Compared(name, *pair) for pair in ORACLES[name]()]
        except Exception:  # a broken library may raise anything; what it says may not be printed
            found.append(Compared(name, "any number", float("nan"), 0.0, EXACT))
    return tuple(found)


def oracles_of(study: Study) -> tuple[str, ...]:
    """Names of the oracles for the estimators a study uses."""
    used = {
        name for asked in study.asked.values() for name in (asked.estimator, *asked.sensitivity_estimators)
    }
    left = {"clone-censor-weight"} if "clone_censor_weight" not in used else set()
    if "doubly_robust" not in used:
        left |= {"doubly-robust", "overlap"}
    return tuple(name for name in ORACLES if name not in left)


@cache
def _invented() -> dict[str, Any]:
    path = files("causalsig.execution").joinpath("oracles", "invented.json")
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def _columns() -> tuple[Any, Any, Any, Any]:
    """Covariates, arm, outcome and household of the invented episodes."""
    rows = {name: np.array(values) for name, values in _invented()["rows"].items()}
    return np.column_stack([rows["x1"], rows["x2"]]), rows["arm"], rows["outcome"], rows["household"]


def _against(name: str, found: ArmMeans) -> Pairs:
    """Compare arm means, their standard errors and the first contrast's."""
    answer = _invented()["answers"][name]
    for place, arm in enumerate(found.arms):
        yield f"{name}, mean of arm {arm}", float(found.means[place]), answer["means"][place], CLOSE
        error = float(found.std_errors[place])
        yield f"{name}, standard error of arm {arm}", error, answer["std_errors"][place], CLOSE
    contrast = found.contrast(found.arms[1], found.arms[0]).std_error
    yield f"{name}, standard error of a contrast", float(contrast), answer["contrast_std_error"], CLOSE


def _doubly_robust() -> Pairs:
    from causalsig.estimation import doubly_robust

    x, arm, y, households = _columns()
    for estimand in ("ATE", "ATO"):
        folds = households % 4
        split = doubly_robust(x, arm, y, households=households, folds=folds, estimand=estimand)
        yield from _against(f"cross-fitted {estimand}", split)
        whole = doubly_robust(x, arm, y, households=households, folds=None, estimand=estimand)
        yield from _against(f"augmented {estimand}", whole)


def _overlap() -> Pairs:
    from causalsig.estimation import overlap_weighting

    x, arm, y, households = _columns()
    found = overlap_weighting(x, arm, y, households=households, folds=None, estimand="ATO")
    yield from _against("overlap ATO", found)


def _clones() -> Pairs:
    from causalsig.estimation import PersonPeriods, clone_censor_weight

    _, _, y, households = _columns()
    periods = {name: np.array(values) for name, values in _invented()["periods"].items()}
    covariates = np.column_stack([periods[name] for name in ("x1", "x2", "since")])
    table = PersonPeriods(periods["episode"], periods["period"], covariates, periods["event"])
    strategies = {"event": 1, "none": 0}
    found = clone_censor_weight(table, y, strategies=strategies, households=households)
    yield from _against("clones ATE", found)


def _pooled() -> Pairs:
    from causalsig.meta import random_effects

    a, b, c, d = np.array(TRIALS, dtype=np.float64).T
    estimates = np.log(a / (a + b) / (c / (c + d)))
    variances = 1 / a - 1 / (a + b) + 1 / c - 1 / (c + d)
    for (tau2, interval), published in BCG.items():
        found = random_effects(estimates, variances, tau2=tau2, interval=interval)
        low, high = np.ravel(found.conf_low), np.ravel(found.conf_high)
        numbers = (float(np.ravel(found.coefficients)[0]), float(found.tau2), float(low[0]), float(high[0]))
        names = ("mean", "variance between trials", "lower end", "upper end")
        for name, number, answer in zip(names, numbers, published, strict=True):
            yield f"BCG, {tau2}, {interval}: {name}", number, answer, CLOSE


BCG: Final[Mapping[tuple[Any, Any], tuple[float, float, float, float]]] = MappingProxyType(
    {
        ("REML", "knapp-hartung-floored"): (
            -0.714532342158139,
            0.313243258136481,
            -1.10844371368555,
            -0.320620970630728,
        ),
        ("DL", "wald"): (-0.714117222073227, 0.308760262862376, -1.06444528008405, -0.363789164062403),
        ("PM", "knapp-hartung"): (
            -0.714968153493444,
            0.318068452205024,
            -1.10909838120224,
            -0.320837925784648,
        ),
    }
)
"""By τ² and interval: mean log risk ratio, τ² and interval as metafor 3.8 gives them run to rounding."""


def _grid() -> Pairs:
    from causalsig.release import grid

    # 0.0224 → 23e-3, up; a quarter of 0.023 is 0.00575, the next power of two 2^-7; -0.3701 · 128 = -47.4.
    digits, exponent = grid.two_digits_up(0.0224)
    step = grid.step_exponent(grid.from_two_digits(digits, exponent))
    covariance = np.array([[1.0, 0.47, 0.0], [0.47, 1.0, -0.26], [0.0, -0.26, 1.0]])
    correlations = grid.correlations_on_grid(covariance)
    found = (digits, exponent, step, grid.to_steps(-0.3701, step), grid.half_doublings(700.0), *correlations)
    worked = (23, -3, -7, -47, 19, 9, 0, -5)
    names = ("digits", "exponent", "step", "steps", "effective size", *("correlation",) * 3)
    for name, number, answer in zip(names, found, worked, strict=True):
        yield f"grid, {name}", float(number), float(answer), EXACT


def _libraries() -> Pairs:
    from scipy.linalg import cho_factor, cho_solve, eigh
    from scipy.special import expit, ndtri, stdtrit

    # Inverse of the Hilbert matrix of order 4, whole numbers: Choi (1983), doi:10.2307/2975779.
    hilbert = 1.0 / (np.arange(1, 5)[:, None] + np.arange(4))
    inverse = np.array([[16, -120, 240, -140], [-120, 1200, -2700, 1680], [240, -2700, 6480, -4200]])
    for name, solved in (
        ("solve", np.linalg.solve(hilbert, np.eye(4))),
        ("Cholesky", cho_solve(cho_factor(hilbert, lower=True), np.eye(4))),
    ):
        yield f"{name} of a Hilbert matrix", float(np.abs(solved[:3] - inverse).max()), 0.0, HILBERT
    values = eigh(np.array([[2.0, 1.0, 0.0], [1.0, 2.0, 1.0], [0.0, 1.0, 2.0]]), eigvals_only=True)
    for place, answer in enumerate((0.5857864376269049, 2.0, 3.414213562373095)):
        yield f"eigenvalue {place + 1}", float(values[place]), answer, CLOSE
    yield "normal quantile at 0.975", float(ndtri(0.975)), 1.959963984540054, CLOSE
    yield "t quantile at 0.975, 10 df", float(stdtrit(10, 0.975)), 2.2281388519649385, CLOSE
    yield "e", float(np.exp(np.ones(9)).sum()), 24.464536456131406, CLOSE
    yield "logarithm of 10", float(np.log(np.full(9, 10.0)).sum()), 20.72326583694641, CLOSE
    yield "logistic of 2", float(expit(2.0)), 0.8807970779778823, CLOSE
    product = np.arange(1.0, 7.0).reshape(2, 3) @ np.arange(1.0, 7.0).reshape(3, 2)
    yield "sum of a matrix product", float(product.sum()), 163.0, CLOSE


ORACLES: Final[Mapping[str, Callable[[], Pairs]]] = MappingProxyType(
    {
        "libraries": _libraries,
        "doubly-robust": _doubly_robust,
        "overlap": _overlap,
        "clone-censor-weight": _clones,
        "pooling": _pooled,
        "grid": _grid,
    }
)
"""Everything that is replayed, in the order of the work."""
