"""Estimators give the printed results of published in-sample analyses."""

from __future__ import annotations

import csv
import hashlib
import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from evidence.claim import Verdict
from evidence.context import Context

CLAIM = """Inverse probability, overlap and augmented weighting with two and three arms (NCDS, returns to
education) and the difference in means (NSW) give the published effects, standard errors and intervals to the
printed digits."""
ISSUE = 6
COVERS = ("causalsig/estimation/*.py", "causalsig/results.py")

FOLDER = "CAUSALSIG_REFERENCE_DATA"
FILES = {
    "ncds.csv": (
        "dfdadb2b8cb1b92f81048856778ed3192737a3f61ef1ac84b37b9d4720666813",
        "data/NCDS.rda of the R package PSweight (repository cran/PSweight) as CSV",
    ),
    "nsw_dw.csv": (
        "889dd7824b685f6303ba612c202b8b42f05991f15ed1f5971807536bf24b6190",
        "data/lalonde/nsw_dw.dta of the repository xuyiqing/lalonde as CSV",
    ),
    "published.json": (
        "abc4382a85812d49510d8d479fef0d12051d6763eb7350e5dd0e7e064905a615",
        "the published numbers: Zhou et al. (2022), R Journal 14(1), 282-300; Imbens and Xu (2024)",
    ),
}
PLAIN = ("white", "maemp", "paed_u", "maed_u", "agepa", "agema", "sib_u")
FACTORS = ("scht", "qmab", "qmab2", "qvab", "qvab2")
NORMAL = 1.959963984540054  # the papers' intervals take the normal quantile
PRINTED_MEAN = 5e-5  # means are printed to four decimals


def run(context: Context) -> Verdict:
    """Repeat each analysis and compare with what was printed."""
    folder = _folder()
    published = {
        a["id"]: a["expected"] for a in json.loads((folder / "published.json").read_text())["causal"]
    }
    ncds = _read(folder / "ncds.csv")
    rows = [*_two_arms(ncds, published), *_three_arms(ncds, published), *_experiment(folder, published)]
    passed = all(row["gap"] <= row["tolerance"] for row in rows)
    return {"passed": passed, "figures": {"compared": rows, "numbers compared": len(rows)}}


def _folder() -> Path:
    """Find the files, and fail with their names, digests and public source when they are not there."""
    value = os.environ.get(FOLDER)
    if value:
        folder = Path(value)
        missing = [name for name, (digest, _) in FILES.items() if _digest(folder / name) != digest]
        if not missing:
            return folder
    lines = [f"  {name}  SHA-256 {digest}\n    {source}" for name, (digest, source) in FILES.items()]
    raise SystemExit(f"expected in the folder that {FOLDER} names, with these digests:\n" + "\n".join(lines))


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else ""


def _read(path: Path) -> dict[str, np.ndarray[Any, Any]]:
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def _covariates(data: dict[str, np.ndarray[Any, Any]]) -> np.ndarray[Any, Any]:
    columns = [data[name].astype(float) for name in PLAIN]
    for name in FACTORS:
        columns += [(data[name] == level).astype(float) for level in np.unique(data[name])[1:]]
    for who in ("pa", "ma"):
        columns.append(data[f"{who}ed_u"].astype(float) * data[f"age{who}"].astype(float))
    return np.column_stack(columns)


def _row(analysis: str, quantity: str, found: float, printed: float, tolerance: float) -> dict[str, Any]:
    gap = abs(found - printed)
    return {
        "analysis": analysis,
        "quantity": quantity,
        "found": round(float(found), 7),
        "published": printed,
        "gap": float(f"{gap:.2e}"),
        "tolerance": tolerance,
    }


def _two_arms(data: dict[str, np.ndarray[Any, Any]], published: dict[str, Any]) -> list[dict[str, Any]]:
    from causalsig.estimation import doubly_robust, fit_propensity, inverse_probability, overlap_weighting

    x, arm = _covariates(data), data["Dany"].astype(int)
    wage = data["wage"].astype(float)
    fitted = fit_propensity(x, arm, folds=None)
    # PSweight's sandwich has no G/(G-1).
    factor = np.sqrt(1 - 1 / len(arm))
    choices: dict[str, tuple[Any, Any]] = {
        "ATE Hajek IPW": (inverse_probability, "ATE"),
        "ATO overlap weights": (overlap_weighting, "ATO"),
        "ATT (trtgrp 1) Hajek treated weights": (inverse_probability, ("ATT", 1)),
        "ATE augmented IPW, in-sample, M-estimation SE": (doubly_robust, "ATE"),
        "ATO augmented overlap weights, in-sample": (doubly_robust, "ATO"),
    }
    rows = []
    for expected in published["ncds_binary"]:
        name = f"{expected['estimand']} {expected['estimator']}"
        estimator, estimand = choices[name]
        means = estimator(x, arm, wage, estimand=estimand, folds=None, propensity=fitted)
        contrast = means.contrast(1, 0)
        found = {
            "mean_0": (means.means[0], PRINTED_MEAN),
            "mean_1": (means.means[1], PRINTED_MEAN),
            "effect": (contrast.estimate, expected["tol"]),
            "se": (contrast.std_error * factor, expected["tol"]),
        }
        rows += [
            _row(f"NCDS {name}", quantity, value, expected[quantity], tolerance)
            for quantity, (value, tolerance) in found.items()
            if quantity in expected
        ]
    return rows


def _three_arms(data: dict[str, np.ndarray[Any, Any]], published: dict[str, Any]) -> list[dict[str, Any]]:
    from causalsig.estimation import doubly_robust, fit_propensity, inverse_probability, overlap_weighting

    x, arm, outcome = _covariates(data), data["Dmult"], data["wagebin"].astype(float)
    fitted = fit_propensity(x, arm, folds=None)
    factor = np.sqrt(1 - 1 / len(arm))
    estimators: dict[str, tuple[Any, str]] = {
        "Hajek": (inverse_probability, "ATE"),
        "generalised": (overlap_weighting, "ATO"),
        "augmented": (doubly_robust, "ATO"),
    }
    results = {
        word: f(x, arm, outcome, estimand=estimand, folds=None, propensity=fitted)
        for word, (f, estimand) in estimators.items()
    }
    rows = []
    for expected in published["ncds_multi"]:
        if "effect" not in expected:
            continue  # trimming, which is not an estimator of this claim
        scale = "log_odds" if expected["scale"] == "OR" else "log_ratio"
        first, second = expected["contrast"].split(" vs ")
        one = results[expected["estimator"].split()[0]].contrast(first, second, scale)
        error = one.std_error * factor
        shown = (lambda v: v) if expected["scale"] == "log RR" else np.exp
        name = (
            f"NCDS {expected['estimand']} {expected['estimator']}, {expected['scale']} {expected['contrast']}"
        )
        tolerance = expected["tol"]
        rows.append(_row(name, "effect", shown(one.estimate), expected["effect"], tolerance))
        if "se" in expected:
            rows.append(_row(name, "se", error, expected["se"], tolerance))
        for side, printed in zip((-1, 1), expected["ci"], strict=True):
            bound = shown(one.estimate + side * NORMAL * error)
            rows.append(_row(name, "upper" if side > 0 else "lower", bound, printed, tolerance))
    return rows


def _experiment(folder: Path, published: dict[str, Any]) -> list[dict[str, Any]]:
    from causalsig.estimation import difference_in_means

    data = _read(folder / "nsw_dw.csv")
    arm = data["treat"].astype(int)
    contrast = difference_in_means(None, arm, data["re78"].astype(float)).contrast(1, 0)
    n = len(arm)
    expected = published["lalonde_dw_experiment"][0]
    # HC1 multiplies by n/(n-2), ours by n/(n-1).
    error = contrast.std_error * np.sqrt((n - 1) / (n - 2))
    return [
        _row("NSW difference in means", "effect", contrast.estimate, expected["effect"], expected["tol"]),
        _row("NSW difference in means", "se", error, expected["se"], expected["tol"]),
    ]
