"""The joint model of several arms agrees with R's metafor."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from evidence.claim import ROOT, Verdict
from evidence.context import Context

if TYPE_CHECKING:
    from causalsig.meta import MultivariateRandomEffects

CLAIM = """On four data sets of R's metadat and a simulated one with missing arms, by REML and ML, with four
structures of the between-site covariance, metafor 3.8's rma.mv at that covariance gives the joint model's
coefficients, covariance, intervals, p-values, contrasts, prediction intervals, Q and log-likelihood to 1e-8;
where rma.mv searches for the covariance itself it nowhere finds a higher likelihood."""
ISSUE = 10
COVERS = (
    "causalsig/meta/*.py",
    "tests/meta/reference/metafor_multivariate.R",
    "tests/meta/reference/metafor_multivariate.json",
    "tests/meta/reference/metafor_multivariate_at.R",
    "tests/meta/reference/metafor_multivariate_at.json",
    "tests/meta/reference/metafor_multivariate_between.json",
)

REFERENCE = ROOT / "tests/meta/reference"
PINNED, AT = REFERENCE / "metafor_multivariate.json", REFERENCE / "metafor_multivariate_at.json"
BETWEEN = REFERENCE / "metafor_multivariate_between.json"
STRUCTURES = {"UN": "unstructured", "CS": "compound-symmetric", "DIAG": "diagonal", "ID": "identity"}
AGREEMENT = 1e-8
# Rounding of a log-likelihood of a few hundred terms.
LOWER = 1e-10
# A p-value under this is zero: the last doubles before it have few digits.
NO_P_VALUE = 1e-290
MODEL = ("coefficients", "covariance", "std_errors", "conf_low", "conf_high", "p_values", "q", "q_p_value")


def fitted(data: dict[str, Any], key: str) -> MultivariateRandomEffects:
    """Our fit of a pinned data set by a model such as ``UN/REML``."""
    from causalsig.meta import multivariate_random_effects

    structure, method = key.split("/")
    return multivariate_random_effects(
        _floats(data["estimates"]),
        _floats(data["covariances"]),
        structure=STRUCTURES[structure],  # type: ignore[arg-type]
        method=method,  # type: ignore[arg-type]
        moderators=data["moderator"],
        interval="wald",
    )


def write_between() -> None:
    """Write our between-site covariances for metafor_multivariate_at.R."""
    pinned = json.loads(PINNED.read_text(encoding="utf-8"))
    found = {
        name: {key: fitted(data, key).between.tolist() for key in data["models"]}
        for name, data in pinned["datasets"].items()
    }
    BETWEEN.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def pairs(ours: MultivariateRandomEffects, theirs: dict[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """Quantity, ours, rma.mv's at our between-site covariance."""
    for name in MODEL:
        yield name, getattr(ours, name), theirs[name]
    expected, prediction = theirs["contrasts"], theirs["prediction"]
    linear = ours.contrasts(expected["multipliers"])
    for name in ("estimates", "std_errors", "p_values"):
        yield f"contrasts {name}", getattr(linear, name), expected[name]
    yield "contrasts joint", linear.joint.statistic, expected["joint"]
    yield "contrasts joint_p_value", linear.joint.p_value, expected["joint_p_value"]
    at = None if prediction["at"] is None else [prediction["at"]]
    new = ours.predict(np.eye(len(ours.between)), at=at)
    yield "prediction", [new.low, new.high], [prediction["low"], prediction["high"]]


def gap(quantity: str, ours: Any, theirs: Any) -> float:
    """Largest difference of an array, relative to its largest element; of p-values each to its own."""
    left, right = np.ravel(_floats(ours)), np.ravel(_floats(theirs))
    if left.shape != right.shape:
        return float("inf")
    size = np.maximum(np.abs(right), NO_P_VALUE) if "p_value" in quantity else np.abs(right).max()
    return float(np.nan_to_num(np.abs(left - right) / size, nan=np.inf).max())


def row(name: str, key: str, data: dict[str, Any], at: dict[str, Any]) -> dict[str, Any]:
    """Judge one model of one data set."""
    ours, searched = fitted(data, key), data["models"][key]
    gaps = {quantity: gap(quantity, left, right) for quantity, left, right in pairs(ours, at)}
    worst = max(gaps, key=lambda quantity: gaps[quantity])
    # rma.mv's at our covariance; beside it what its own search reached.
    difference = ours.log_likelihood - at["log_likelihood"]
    gained = ours.log_likelihood - searched["log_likelihood"]
    own = max(
        gap(each, getattr(ours, each), searched[each]) for each in ("coefficients", "std_errors", "between")
    )
    return {
        "data": name,
        "model": key,
        "gap": float(f"{gaps[worst]:.1e}"),
        "in": worst,
        "likelihood, difference": float(f"{difference:.1e}"),
        "likelihood above metafor's search": float(f"{gained:.1e}"),
        "gap to metafor's search": float(f"{own:.1e}"),
        "boundary": ours.boundary,
        "holds": bool(
            gaps[worst] <= AGREEMENT and abs(difference) <= LOWER and gained > -LOWER and ours.converged
        ),
    }


def rows() -> list[dict[str, Any]]:
    """Judge every model of every pinned data set."""
    pinned, at = (json.loads(path.read_text(encoding="utf-8")) for path in (PINNED, AT))
    return [
        row(name, key, data, at["datasets"][name][key])
        for name, data in pinned["datasets"].items()
        for key in data["models"]
    ]


def _floats(values: Any) -> NDArray[np.float64]:
    return np.array(values, dtype=np.float64)


def run(context: Context) -> Verdict:
    """Compare every model of every pinned data set."""
    table = rows()
    return {
        "passed": all(each["holds"] for each in table),
        "figures": {
            "table": table,
            "models": len(table),
            "largest gap at our covariance": max(each["gap"] for each in table),
            "models whose search by metafor ends within 1e-6 of ours": sum(
                each["gap to metafor's search"] <= 1e-6 for each in table
            ),
            "metafor": json.loads(AT.read_text(encoding="utf-8"))["metafor"],
        },
    }
