"""Runs in an environment of its own: DoubleML's sensitivity analyses, from an .npz, as JSON."""

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
    cases = json.loads(str(data["cases"]))
    found = {
        "elements": {score: _elements(data, score) for score in ("ATE", "ATTE")},
        "gains": _gains(data),
        "bounds": {name: _bounds(data, name, case) for name, case in cases.items()},
        "version": import_module("importlib.metadata").version("doubleml"),
    }
    with open(answer, "w", encoding="utf-8") as file:
        json.dump(found, file)


def _model(data: dict[str, Any], score: str, columns: Any, normalise: bool) -> Any:
    dml, linear = import_module("doubleml"), import_module("sklearn.linear_model")

    def learner() -> Any:
        return linear.LogisticRegression(C=2.0, solver="newton-cholesky", tol=1e-14, max_iter=1000)

    table = dml.DoubleMLData.from_arrays(data["x"][:, columns], data["y"], data["a"].astype(float))
    model = dml.DoubleMLIRM(
        table,
        learner(),
        learner(),
        score=score,
        normalize_ipw=normalise,
        ps_processor_config=dml.utils.PSProcessorConfig(clipping_threshold=1e-12),
        draw_sample_splitting=False,
    )
    folds = data["folds"]
    model.set_sample_splitting(
        [(np.flatnonzero(folds != f), np.flatnonzero(folds == f)) for f in np.unique(folds)]
    )
    return model.fit()


def _elements(data: dict[str, Any], score: str) -> dict[str, Any]:
    """Components of the bounds as DoubleML fits them itself."""
    found = _model(data, score, np.arange(data["x"].shape[1]), False).sensitivity_elements
    return {name: np.ravel(found[name]).tolist() for name in ("sigma2", "nu2", "psi_sigma2", "psi_nu2")}


def _gains(data: dict[str, Any]) -> list[dict[str, float]]:
    """Each covariate left out in turn; the shift is that of normalised weights, as ours are."""
    statistics = import_module("doubleml.utils.gain_statistics").gain_statistics
    width, rows = data["x"].shape[1], []
    long, normalised = (_model(data, "ATE", np.arange(width), choice) for choice in (False, True))
    for j in range(width):
        stay = np.delete(np.arange(width), j)
        gains = statistics(long, _model(data, "ATE", stay, False))
        shift = _model(data, "ATE", stay, True).coef[0] - normalised.coef[0]
        rows.append(
            {"outcome": float(gains["cf_y"][0]), "arm": float(gains["cf_d"][0]), "shift": float(shift)}
        )
    return rows


def _bounds(data: dict[str, Any], name: str, case: dict[str, Any]) -> list[dict[str, float]]:
    """Bounds from scores that are given: one row a household."""
    frame = import_module("doubleml.double_ml_framework")
    scale = import_module("doubleml.utils._sensitivity")._compute_sensitivity_bias
    psi = data[f"psi {name}"]
    one = (1, 1, 1)
    largest, psi_largest = scale(
        np.full(one, case["sigma2"]),
        np.full(one, case["nu2"]),
        psi[:, 1].reshape(-1, 1, 1),
        psi[:, 2].reshape(-1, 1, 1),
    )
    core = frame.DoubleMLCore(
        all_thetas=np.array([[case["estimate"]]]),
        all_ses=np.array([[np.sqrt(np.mean(psi[:, 0] ** 2) / len(psi))]]),
        var_scaling_factors=np.array([float(len(psi))]),
        scaled_psi=psi[:, 0].reshape(-1, 1, 1),
        sensitivity_elements={"max_bias": largest, "psi_max_bias": psi_largest},
    )
    framework = frame.DoubleMLFramework(core)
    rows = []
    for outcome_share, arm_share, correlation in case["strengths"]:
        framework.sensitivity_analysis(cf_y=outcome_share, cf_d=arm_share, rho=correlation, level=0.95)
        found = framework.sensitivity_params
        rows.append(
            {f"{part} {side}": float(found[part][side][0]) for part in ("theta", "se", "ci") for side in
             ("lower", "upper")} | {"rv": float(found["rv"][0]), "rva": float(found["rva"][0])}
        )  # fmt: skip
    return rows


if __name__ == "__main__":
    main(*sys.argv[1:])
