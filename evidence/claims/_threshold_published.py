"""Published estimates at cutoffs: U.S. Senate elections and the multi-cutoff data of rdmulti."""

from __future__ import annotations

import csv
import hashlib
import json
import os
from pathlib import Path
from typing import Any

import numpy as np

FOLDER = "CAUSALSIG_REFERENCE_DATA"
FILES = {
    "rdrobust_senate.csv": (
        "def1fc6b8ae5af273f2140aa449c81b3ecfe1d0f325aa80ceccb0d9638a2ad44",
        "U.S. Senate elections, from the repository rdpackages/rdrobust",
    ),
    "simdata_multic.csv": (
        "5a8bbff5986d2ab9ced3b7359f174913ea2588b80805784ee9eac87ea236a6de",
        "simulated scores with two cutoffs, from the repository rdpackages/rdmulti",
    ),
    "published.json": (
        "abc4382a85812d49510d8d479fef0d12051d6763eb7350e5dd0e7e064905a615",
        "the published numbers: R rdrobust 4.0.0 and rdmulti 2.0.0",
    ),
}
SENATE: dict[str, dict[str, Any]] = {
    "senate_default": {},
    "senate_h1679": {"bandwidth": (16.79369, 27.43745)},
    "senate_msetwo": {"bandwidth": "msetwo"},
    "senate_cerrd": {"bandwidth": "cerrd"},
    "senate_cluster_state": {"variance": "cluster"},
    "senate_covs": {"covariates": ("class", "termshouse", "termssenate")},
}
NOT_COMPARED = {
    "senate_masspoints_off": "the rule of thumb of versions before 2020, which counts repeated scores as if "
    "they were distinct: ours counts distinct scores, as rdrobust has since",
}
PRINTED = 1e-6
"""Of R's numbers, printed to ten digits: its selectors and Python's differ by 4e-7 themselves."""


def folder() -> Path:
    """Folder of the reference data; says which files it wants when they are not there."""
    place = Path(os.environ.get(FOLDER, ""))
    lines = [f"{name}: SHA-256 {digest}; {source}" for name, (digest, source) in FILES.items()]
    wrong = [
        name
        for name, (digest, _) in FILES.items()
        if not (place / name).is_file() or hashlib.sha256((place / name).read_bytes()).hexdigest() != digest
    ]
    if FOLDER not in os.environ or wrong:
        raise SystemExit(f"{FOLDER}: expected a folder with\n" + "\n".join(lines) + f"\nnot so: {wrong}")
    return place


def compare() -> list[dict[str, Any]]:
    """Rows of what was compared, with the largest relative gap."""
    place = folder()
    published = json.loads((place / "published.json").read_text(encoding="utf-8"))["threshold"]
    expected = {row["id"]: row["expected"] for row in published}
    rows = [_senate(place, name, expected[name]) for name in SENATE]
    return [*rows, _cutoffs(place, expected["rdmc_simdata"])]


def _read(path: Path) -> dict[str, np.ndarray[Any, Any]]:
    with path.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return {name: np.array([float(row[name] or "nan") for row in rows]) for name in rows[0]}


def _gap(ours: Any, theirs: Any) -> float:
    return float(np.max(np.abs(np.ravel(ours) / np.ravel(theirs) - 1.0)))


def _senate(place: Path, name: str, expected: dict[str, Any]) -> dict[str, Any]:
    from causalsig.estimation import threshold_effect

    data, options = _read(place / "rdrobust_senate.csv"), dict(SENATE[name])
    covariates = options.pop("covariates", ())
    wanted = [data["margin"], data["vote"], *(data[column] for column in covariates)]
    here = ~np.isnan(np.column_stack(wanted)).any(axis=1)
    if covariates:
        options["covariates"] = np.column_stack(wanted[2:])[here]
    found = threshold_effect(
        data["margin"][here], data["vote"][here], 0.0, households=data["state"][here].astype(int), **options
    )
    ways = (found.conventional, found.bias_corrected, found.robust)
    gaps = {
        "estimates": _gap([ways[0].estimate, ways[2].estimate], [expected["est_conv"], expected["est_bc"]]),
        "standard errors": _gap(
            [ways[0].std_error, ways[2].std_error], [expected["se_conv"], expected["se_rob"]]
        ),
        "bandwidths": _gap([found.bandwidths.left, found.bandwidths.right], expected["h"]),
        "bandwidths of the bias": _gap(
            [found.bandwidths.bias_left, found.bandwidths.bias_right], expected["b"]
        ),
        "statistics": _gap([way.statistic for way in ways], expected["z"]),
        "intervals": _gap(
            [ways[0].conf_low, ways[0].conf_high, ways[2].conf_low, ways[2].conf_high],
            [*expected["ci_conv"], *expected["ci_rob"]],
        ),
    }
    worst = max(gaps, key=lambda key: gaps[key])
    same = list(found.effective_n) == expected["n_h"] and list(found.distinct) == expected["M"]
    return {"analysis": name, "largest gap": gaps[worst], "in": worst, "same counts": same}


def _cutoffs(place: Path, expected: dict[str, Any]) -> dict[str, Any]:
    """Each cutoff with its own episodes, and all with scores moved to a common one.

    Printed are conventional estimates and robust p-values; the third p-value is of rdmulti's weighted mean.
    """
    from causalsig.estimation import threshold_effect

    data = _read(place / "simdata_multic.csv")
    cutoffs = np.unique(data["c"])
    found = [
        threshold_effect(data["x"][own], data["y"][own], float(cutoff))
        for cutoff in cutoffs
        for own in [data["c"] == cutoff]
    ]
    pooled = threshold_effect(data["x"] - data["c"], data["y"], 0.0)
    weights = np.array([sum(one.effective_n) for one in found], dtype=float)
    gaps = {
        "estimates": _gap([one.conventional.estimate for one in found], expected["coef"]),
        "pooled estimate": _gap(pooled.conventional.estimate, expected["pooled"]),
        "p-values": _gap(
            [*(one.robust.p_value for one in found), pooled.robust.p_value], np.delete(expected["p"], 2)
        ),
        "bandwidths": _gap([one.bandwidths.left for one in found], expected["h"]),
        "pooled bandwidth": _gap(pooled.bandwidths.left, expected["h_pooled"]),
        "weights": _gap(weights / weights.sum(), expected["weights"]),
    }
    worst = max(gaps, key=lambda key: gaps[key])
    same = [list(one.effective_n) for one in found] == expected["n_h"]
    return {"analysis": "rdmc_simdata", "largest gap": gaps[worst], "in": worst, "same counts": same}
