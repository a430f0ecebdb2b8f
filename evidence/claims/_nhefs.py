"""NHEFS: the effect of quitting smoking on weight in What If (Hernán and Robins), chapters 12 and 13."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np

from evidence.environments import make_environment, package_folder

PACKAGES = ("causaldata==0.1.5",)
DIGEST = "b4e01608bd920f9b967567f241875dcb70dce6a37711ff3e43a0f751b595e12d"
FACTORS = ("education", "exercise", "active")
CURVED = ("age", "smokeintensity", "smokeyrs", "wt71")
NORMAL = 1.959963984540054
ROUNDING = 1e-7  # least squares on raw columns, whose squares reach 20,000
STANDARDISATION = (
    "What If fits one regression for both arms with a single product term (3.517, printed as 3.5; a row of "
    "its own, without the library); regression_standardisation fits each arm by itself, which is the same "
    "formula with every product (a row of its own): 3.436 with the same data, which would be printed as 3.4"
)


def compare(row: Callable[[str, str, float, float, float], dict[str, Any]]) -> list[dict[str, Any]]:
    """Repeat the analyses; `row` makes a line of the result."""
    from causalsig.estimation import fit_propensity, inverse_probability, regression_standardisation

    x, arm, gain, intensity = _read()
    fitted = fit_propensity(x, arm, folds=None)
    weights = fitted.weights("ATE", stabilised=True)
    contrast = inverse_probability(x, arm, gain, folds=None, propensity=fitted).contrast(1, 0)
    effect, error = _weighted(weights, arm, gain)
    low, high = effect - NORMAL * error, effect + NORMAL * error
    name = "NHEFS stabilised inverse probability"
    return [
        row(name, "effect", contrast.estimate, 3.4405, 5e-5),
        row(name, "effect from the weights themselves", effect, 3.4405, 5e-5),
        row(name, "smallest weight", float(weights.min()), 0.33, 5e-3),
        row(name, "largest weight", float(weights.max()), 4.30, 5e-3),
        row(name, "mean weight", float(weights.mean()), 1.00, 5e-3),
        # The printed interval takes the weights as known: ours is narrower.
        row(name, "lower, weights as known", low, 2.4, 0.05),
        row(name, "upper, weights as known", high, 4.5, 0.05),
        row(
            "NHEFS standardisation, the printed formula",
            "effect",
            _common_slopes(x, arm, gain, intensity[:, None]),
            3.5,
            0.05,
        ),
        row(
            "NHEFS regression_standardisation, the printed formula with every product",
            "effect",
            regression_standardisation(x, arm, gain, outcome_model="least_squares").contrast(1, 0).estimate,
            _common_slopes(x, arm, gain, x),
            ROUNDING,
        ),
    ]


def _read() -> tuple[Any, Any, Any, Any]:
    """Covariates, quit, weight gain and cigarettes a day of the 1,566 who were weighed again."""
    import pandas as pd

    folder = package_folder(make_environment("nhefs", PACKAGES, alone=True), "causaldata")
    path = folder / "nhefs" / "nhefs.dta"
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if digest != DIGEST:
        raise SystemExit(f"expected nhefs.dta of {PACKAGES[0]} with SHA-256 {DIGEST}; found {digest}")
    table = pd.read_stata(path).dropna(subset=["wt82"])
    number = {name: table[name].astype(float).to_numpy() for name in ("sex", "race", *FACTORS, *CURVED)}
    columns = [number["sex"], number["race"]]
    for name in FACTORS:
        columns += [(number[name] == level).astype(float) for level in np.unique(number[name])[1:]]
    for name in CURVED:
        columns += [number[name], number[name] ** 2]
    arm = table["qsmk"].astype(int).to_numpy()
    gain = table["wt82_71"].astype(float).to_numpy()
    return np.column_stack(columns), arm, gain, number["smokeintensity"]


def _weighted(weights: Any, arm: Any, y: Any) -> tuple[float, float]:
    """Weighted least squares of y on the arm, with the robust error that takes the weights as known."""
    design = np.column_stack([np.ones(len(arm)), arm])
    bread = np.linalg.inv((design.T * weights) @ design)
    slopes = bread @ ((design.T * weights) @ y)
    meat = (design.T * (weights * (y - design @ slopes)) ** 2) @ design
    return float(slopes[1]), float(np.sqrt((bread @ meat @ bread)[1, 1]))


def _common_slopes(x: Any, arm: Any, y: Any, products: Any) -> float:
    """One regression for both arms with products of quitting and some covariates (n, q), standardised."""

    def design(quit_smoking: Any) -> Any:
        smoker = np.broadcast_to(quit_smoking, len(x))[:, None]
        return np.column_stack([np.ones(len(x)), smoker, x, smoker * products])

    slopes = np.linalg.lstsq(design(arm), y, rcond=None)[0]
    return float(np.mean(design(1.0) @ slopes - design(0.0) @ slopes))
