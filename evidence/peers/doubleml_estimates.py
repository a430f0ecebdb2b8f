"""Runs in an environment of its own: DoubleML's estimates with given folds, from an .npz, as JSON."""

from __future__ import annotations

import json
import sys
import warnings
from importlib import import_module
from typing import Any

import numpy as np


def main(given: str, answer: str) -> None:
    warnings.filterwarnings("ignore")
    data = dict(np.load(given, allow_pickle=False))
    found = {"two_arms": _two_arms(data), "several_arms": _several_arms(data)}
    found["version"] = import_module("importlib.metadata").version("doubleml")
    with open(answer, "w", encoding="utf-8") as file:
        json.dump(found, file)


def _learner(strength: float) -> Any:
    linear = import_module("sklearn.linear_model")
    return linear.LogisticRegression(C=strength, solver="newton-cholesky", tol=1e-14, max_iter=1000)


def _splits(folds: np.ndarray[Any, Any]) -> list[tuple[Any, Any]]:
    return [(np.flatnonzero(folds != f), np.flatnonzero(folds == f)) for f in np.unique(folds)]


def _processor(dml: Any) -> Any:
    return dml.utils.PSProcessorConfig(clipping_threshold=1e-12)


def _two_arms(data: dict[str, Any]) -> dict[str, list[float]]:
    """Interactive regression model, everything fitted by DoubleML itself."""
    dml = import_module("doubleml")
    table = dml.DoubleMLData.from_arrays(data["x2"], data["y2"], data["a2"])
    found = {}
    for score, choices in {"ATE": (False, True), "ATTE": (False,)}.items():
        # Normalised, DoubleML's ATTE divides the propensity, not the weights: another estimator than Hájek's.
        for normalise in choices:
            model = dml.DoubleMLIRM(
                table,
                _learner(2.0),
                _learner(2.0),
                score=score,
                normalize_ipw=normalise,
                ps_processor_config=_processor(dml),
                draw_sample_splitting=False,
            )
            model.set_sample_splitting(_splits(data["folds2"]))
            model.fit()
            found[f"{score} {normalise}"] = [float(model.coef[0]), float(model.se[0])]
    return found


def _several_arms(data: dict[str, Any]) -> dict[str, list[list[float]]]:
    """Potential-outcome means an arm; DoubleML would fit each arm against the rest, so π is given."""
    dml = import_module("doubleml")
    found: dict[str, list[list[float]]] = {}
    for normalise in (False, True):
        rows = []
        for k in range(data["p"].shape[1]):
            table = dml.DoubleMLData.from_arrays(data["x"], data["y"], data["a"].astype(float))
            model = dml.DoubleMLAPO(
                table,
                _learner(2.0),
                _learner(2.0),
                treatment_level=float(k),
                normalize_ipw=normalise,
                ps_processor_config=_processor(dml),
                draw_sample_splitting=False,
            )
            model.set_sample_splitting(_splits(data["folds"]))
            model.fit(external_predictions={"d": {"ml_m": data["p"][:, [k]]}})
            rows.append([float(model.coef[0]), float(model.se[0])])
        found[str(normalise)] = rows
    return found


if __name__ == "__main__":
    main(*sys.argv[1:])
