"""Seconds and memory of one doubly robust fit by one package, in a process of its own; from an .npz, as JSON.

The .npz has ``what`` ("bare", "causalsig", "econml" or "doubleml"), ``seed`` and the sizes ``n``, ``p``,
``arms``, ``folds``, ``outcomes`` and ``repeats``. Memory is the highest resident size during the fit over
that before it.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

Found = dict[str, Any]


def main(given: str, answer: str) -> None:
    """Draw the data, fit once to load what is loaded lazily, and fit once on the clock."""
    warnings.filterwarnings("ignore")
    data = {name: value.item() for name, value in np.load(given, allow_pickle=False).items()}
    sizes = {name: int(data[name]) for name in ("n", "p", "arms", "folds", "outcomes", "repeats", "seed")}
    fit = FITS[str(data["what"])]
    fit(*draw(**sizes | {"n": 2_000}), sizes)
    drawn = draw(**sizes)
    before = _resident("VmRSS")
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # begins the highest size anew
    begin = time.perf_counter()
    found = fit(*drawn, sizes)
    found |= {"seconds": time.perf_counter() - begin, "bytes": _resident("VmHWM") - before}
    Path(answer).write_text(json.dumps(found | {"covariates": drawn[0].nbytes}), encoding="utf-8")


def draw(*, n: int, p: int, arms: int, outcomes: int, seed: int, **_: int) -> tuple[Any, Any, Any, Any]:
    """Covariates (n, p), arms (n,), outcomes (n, outcomes) or (n,), and households (n,) of three episodes."""
    r = np.random.default_rng(seed)
    x = r.normal(size=(n, p))
    lean = 0.3 * x @ r.normal(size=(p, arms)) / np.sqrt(p)
    a = (lean + r.gumbel(size=(n, arms))).argmax(axis=1)
    y = (x @ r.normal(size=p) / np.sqrt(p) + 0.1 * a)[:, None] + r.normal(size=(n, outcomes))
    return x, a, y[:, 0] if outcomes == 1 else y, np.arange(n) // 3


def _bare(x: Any, a: Any, y: Any, households: Any, sizes: dict[str, int]) -> Found:
    """Only the nuisances, by scikit-learn: what any cross-fitted estimator has to fit."""
    linear = import_module("sklearn.linear_model")
    fold = np.random.default_rng(0).integers(0, sizes["folds"], size=len(a))
    for f in range(sizes["folds"]):
        inside, outside = fold != f, fold == f
        linear.LogisticRegression().fit(x[inside], a[inside]).predict_proba(x[outside])
        for k in range(sizes["arms"]):
            chosen = inside & (a == k)
            linear.LinearRegression().fit(x[chosen], y[chosen]).predict(x[outside])
    return {}


def _causalsig(x: Any, a: Any, y: Any, households: Any, sizes: dict[str, int]) -> Found:
    fit = import_module("causalsig.estimation").doubly_robust
    how = {"folds": sizes["folds"], "repeats": sizes["repeats"], "outcome_model": "least_squares"}
    found = fit(x, a, y, households=households, **how)
    told = found.contrast(1, 0)
    return {"difference": float(np.ravel(told.estimate)[0]), "std_error": float(np.ravel(told.std_error)[0])}


def _econml(x: Any, a: Any, y: Any, households: Any, sizes: dict[str, int]) -> Found:
    linear = import_module("sklearn.linear_model")
    learner = import_module("econml.dr").LinearDRLearner(
        model_propensity=linear.LogisticRegression(),
        model_regression=linear.LinearRegression(),
        cv=sizes["folds"],
        random_state=0,
    )
    told = learner.fit(y, a, X=None, W=x).ate_inference(X=None, T0=0, T1=1)
    return {
        "difference": float(np.ravel(told.mean_point)[0]),
        "std_error": float(np.ravel(told.stderr_mean)[0]),
    }


def _doubleml(x: Any, a: Any, y: Any, households: Any, sizes: dict[str, int]) -> Found:
    linear, dml = import_module("sklearn.linear_model"), import_module("doubleml")
    model = dml.DoubleMLAPOS(
        dml.DoubleMLData.from_arrays(x, y, a.astype(float)),
        linear.LinearRegression(),
        linear.LogisticRegression(),
        treatment_levels=list(range(sizes["arms"])),
        n_folds=sizes["folds"],
    ).fit()
    means = np.ravel(model.coef)
    return {"difference": float(means[1] - means[0]), "std_error": float(np.hypot(*np.ravel(model.se)[:2]))}


def _resident(name: str) -> int:
    for line in Path("/proc/self/status").read_text("ascii").splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    raise SystemExit(f"expected {name} in /proc/self/status; found none")


FITS: dict[str, Callable[..., Found]] = {
    "bare": _bare,
    "causalsig": _causalsig,
    "econml": _econml,
    "doubleml": _doubleml,
}

main(sys.argv[1], sys.argv[2])
