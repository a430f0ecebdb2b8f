"""Doubly robust estimates equal those of econml and DoubleML where they estimate the same thing."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np

from evidence.claim import Verdict
from evidence.context import Context
from evidence.environments import make_environment, run_peer

CLAIM = """With the same folds and the same learners, cross-fitted doubly robust estimates and their standard
errors equal econml's DRLearner and LinearDRLearner (two and three arms) and DoubleML's IRM (ATE and ATT) and
APO (three arms) to 1e-8."""
ISSUE = 6
COVERS = (
    "causalsig/estimation/*.py",
    "causalsig/results.py",
    "evidence/environments.py",
    "evidence/peers/*.py",
)

PEERS = ("DoubleML==0.11.4",)
SCRIPT = Path(__file__).parents[1] / "peers" / "doubleml_estimates.py"
TOLERANCE = 1e-8
SEED = 20261
EPISODES = 900
FOLDS = 4


def run(context: Context) -> Verdict:
    """Estimate the same means with each library."""
    two, three = _draw(2), _draw(3)
    rows = [*_against_econml(two), *_against_econml(three), *_against_doubleml(two, three)]
    worst = max(row["gap"] for row in rows)
    figures = {"compared": rows, "numbers compared": len(rows), "largest gap": worst, "tolerance": TOLERANCE}
    return {"passed": worst <= TOLERANCE, "figures": figures, "seed": SEED}


def _draw(arms: int) -> dict[str, np.ndarray[Any, Any]]:
    """Covariates of mean 0 and variance 1, so that every library penalises the same slopes."""
    r = np.random.default_rng(SEED + arms)
    x = np.column_stack([r.normal(size=(EPISODES, 3)), r.random(EPISODES) < 0.3])
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    eta = 0.5 * x @ r.normal(size=(4, arms))
    a = (eta + r.gumbel(size=eta.shape)).argmax(axis=1)
    y = (r.random(EPISODES) < 1 / (1 + np.exp(-0.5 * x[:, 0] - 0.3 * a + 0.4 * x[:, 3]))).astype(float)
    return {"x": x, "a": a, "y": y, "folds": r.permutation(EPISODES) % FOLDS}


def _ours(data: dict[str, np.ndarray[Any, Any]], **options: Any) -> Any:
    from causalsig.estimation import doubly_robust

    return doubly_robust(
        data["x"], data["a"], data["y"], folds=data["folds"], outcome_model="logistic", **options
    )


def _row(what: str, ours: float, peer: float) -> dict[str, Any]:
    return {"what": what, "ours": float(ours), "peer": float(peer), "gap": abs(float(ours) - float(peer))}


def _classifier(strength: float) -> Any:
    from sklearn.linear_model import LogisticRegression

    # Our penalty has the weight of one observation; scikit-learn's two-class form keeps one of two slopes.
    return LogisticRegression(C=strength, solver="newton-cholesky", tol=1e-14, max_iter=1000)


class _ArmByArm:
    """A regression of econml's form, [X, arm as 0 and 1], fitted within each arm."""

    def fit(self, z: Any, y: Any, **_: Any) -> _ArmByArm:
        x, arm = self._split(z)
        self.models = [_classifier(2.0).fit(x[arm == k], np.ravel(y)[arm == k]) for k in range(self.arms)]
        return self

    def predict(self, z: Any) -> Any:
        x, arm = self._split(z)
        every = np.column_stack([model.predict_proba(x)[:, 1] for model in self.models])
        return every[np.arange(len(x)), arm]

    def _split(self, z: Any) -> tuple[Any, Any]:
        self.arms = z.shape[1] - 4 + 1
        return z[:, :4], (z[:, 4:] @ np.arange(1, self.arms)).astype(int)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        return {}


def _against_econml(data: dict[str, np.ndarray[Any, Any]]) -> list[dict[str, Any]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from econml.dr import DRLearner, LinearDRLearner
        from econml.sklearn_extensions.linear_model import StatsModelsLinearRegression
    arms = int(data["a"].max()) + 1
    result = _ours(data, normalise=False)
    splits = [(np.flatnonzero(data["folds"] != f), np.flatnonzero(data["folds"] == f)) for f in range(FOLDS)]
    options: dict[str, Any] = {
        "model_propensity": _classifier(2.0 if arms == 2 else 1.0),
        "model_regression": _ArmByArm(),
        "cv": splits,
        "min_propensity": 1e-12,
    }
    rows = []
    for learner in (
        LinearDRLearner(**options),
        DRLearner(model_final=StatsModelsLinearRegression(fit_intercept=True), **options),
    ):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            learner.fit(data["y"], data["a"], X=None, W=data["x"])
        for k in range(1, arms):
            one = result.contrast(k, 0)
            peer = learner.const_marginal_effect().ravel()[k - 1]
            name = f"econml {type(learner).__name__}, {arms} arms, {k} against 0"
            rows.append(_row(f"{name}, effect", one.estimate, peer))
            if isinstance(learner, LinearDRLearner):
                error = float(np.ravel(learner.intercept__inference(T=k).stderr)[0])
                rows.append(_row(f"{name}, error", one.std_error, error))  # both have n/(n-1)
    return rows


def _against_doubleml(
    two: dict[str, np.ndarray[Any, Any]], three: dict[str, np.ndarray[Any, Any]]
) -> list[dict[str, Any]]:
    p = np.empty((EPISODES, 3))
    for f in range(FOLDS):
        held = three["folds"] == f
        p[held] = _classifier(1.0).fit(three["x"][~held], three["a"][~held]).predict_proba(three["x"][held])
    arrays = {f"{name}2": value for name, value in two.items()} | three | {"p": p}
    peer = run_peer(make_environment("doubleml", PEERS), SCRIPT, arrays)
    root = np.sqrt(1 - 1 / EPISODES)  # DoubleML has no G/(G-1)
    rows = []
    for name, (effect, error) in peer["two_arms"].items():
        score, normalise = name.split()
        estimand = "ATE" if score == "ATE" else ("ATT", 1)
        one = _ours(two, estimand=estimand, normalise=normalise == "True").contrast(1, 0)
        rows.append(_row(f"DoubleML IRM {name}, effect", one.estimate, effect))
        if normalise == "False":
            rows.append(_row(f"DoubleML IRM {name}, error", one.std_error * root, error))
    for normalise, means in peer["several_arms"].items():
        result = _ours(three, normalise=normalise == "True")
        for k, (mean, error) in enumerate(means):
            rows.append(_row(f"DoubleML APO {k} {normalise}, mean", result.means[k], mean))
            if normalise == "False":
                rows.append(_row(f"DoubleML APO {k}, error", result.std_errors[k] * root, error))
    return rows
