"""Omitted-variable bounds and their components equal DoubleML's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from evidence.claim import Verdict
from evidence.context import Context
from evidence.environments import make_environment, run_peer

CLAIM = """On shared scores (ATE, ATT and ATO, two and three arms, with and without households) the bounds of
a contrast under a hidden cause, their standard errors and one-sided intervals equal DoubleML's to 1e-8, and
at our robustness values its bounds and intervals reach zero to 1e-8. Fitted by each library by itself,
sigma2, nu2 and the gains of left-out covariates agree to 1e-8, and so do the errors of sigma2 and nu2, but
for a term of the ATT that DoubleML leaves out."""
ISSUE = 7
COVERS = (
    "causalsig/estimation/sensitivity*.py",
    "causalsig/estimation/augmented.py",
    "causalsig/estimation/design.py",
    "causalsig/estimation/propensity.py",
    "causalsig/estimation/tilting.py",
    "causalsig/results.py",
    "evidence/environments.py",
    "evidence/peers/doubleml_sensitivity.py",
)

PEERS = ("DoubleML==0.11.4",)
SCRIPT = Path(__file__).parents[1] / "peers" / "doubleml_sensitivity.py"
TOLERANCE = 1e-8
SEARCHED = 1e-4
"""DoubleML minimises the square of the bound, within 1e-5 of its argument and flat around it."""
SEED = 20262
EPISODES = 900
FOLDS = 4
STRENGTHS = ((0.03, 0.03, 1.0), (0.2, 0.1, 1.0), (0.1, 0.3, 0.5))


def run(context: Context) -> Verdict:
    """Fit here, hand the scores over, and fit there."""
    two, three = _draw(2), _draw(3)
    ours = {score: _two_arms(two, estimand) for score, estimand in (("ATE", "ATE"), ("ATTE", ("ATT", 1)))}
    shared = _shared(two, three)
    arrays = two | {f"psi {name}": _scores(one) for name, one in shared.items()}
    arrays["cases"] = np.array(json.dumps({name: _case(one) for name, one in shared.items()}))
    peer = run_peer(make_environment("doubleml", PEERS), SCRIPT, arrays)
    rows = [*_elements(ours, peer), *_gains(two, peer), *_bounds(shared, peer)]
    searched = max(
        abs(one.robustness_value() - peer["bounds"][name][0]["rv"]) for name, one in shared.items()
    )
    worst = max(row["gap"] for row in rows)
    figures = {
        "compared": rows,
        "numbers compared": len(rows),
        "largest gap": worst,
        "tolerance": TOLERANCE,
        "robustness values as DoubleML searches them, largest gap": searched,
        "DoubleML": peer["version"],
    }
    return {"passed": worst <= TOLERANCE and searched <= SEARCHED, "figures": figures, "seed": SEED}


def _draw(arms: int) -> dict[str, np.ndarray[Any, Any]]:
    """Covariates of mean 0 and variance 1, so that both libraries penalise the same slopes."""
    r = np.random.default_rng(SEED + arms)
    x = np.column_stack([r.normal(size=(EPISODES, 3)), r.random(EPISODES) < 0.3])
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    eta = 0.5 * x @ r.normal(size=(4, arms))
    a = (eta + r.gumbel(size=eta.shape)).argmax(axis=1)
    y = (r.random(EPISODES) < 1 / (1 + np.exp(-0.8 * x[:, 0] + 0.9 * a + 0.4 * x[:, 3]))).astype(float)
    return {"x": x, "a": a, "y": y, "folds": r.permutation(EPISODES // 2).repeat(2) % FOLDS}


def _fit(data: dict[str, Any], households: Any = None) -> Any:
    from causalsig.estimation import fit_propensity

    return fit_propensity(data["x"], data["a"], folds=data["folds"], households=households)


def _two_arms(data: dict[str, Any], estimand: Any) -> Any:
    from causalsig.estimation.sensitivity_fit import hidden_cause_sensitivity

    [found] = hidden_cause_sensitivity(
        data["x"],
        data["a"],
        data["y"],
        propensity=_fit(data),
        estimand=estimand,
        outcome_model="logistic",
    )
    return found


def _shared(two: dict[str, Any], three: dict[str, Any]) -> dict[str, Any]:
    """Every contrast whose scores both use, by name."""
    from causalsig.estimation.sensitivity_fit import hidden_cause_sensitivity

    found = {}
    for arms, data in (("two arms", two), ("three arms", three)):
        for grouped, households in (("", None), (", households", np.arange(EPISODES) // 2)):
            fitted = _fit(data, households)
            for name, estimand in (("ATE", "ATE"), ("ATT", ("ATT", 1)), ("ATO", "ATO")):
                for one in hidden_cause_sensitivity(
                    data["x"], data["a"], data["y"], propensity=fitted, estimand=estimand
                ):
                    found[f"{arms}{grouped}, {name}, {one.arm} against {one.reference}"] = one
    return found


def _scores(one: Any) -> Any:
    """Centred influence of a household, of which DoubleML takes the mean square over households."""
    return one.influence * len(one.influence)


def _case(one: Any) -> dict[str, Any]:
    found = [one.robustness_value(), one.robustness_value_of_interval(reference="normal")]
    return {
        "estimate": one.estimate,
        "sigma2": one.sigma2,
        "nu2": one.nu2,
        "strengths": [*STRENGTHS, *((value, value, 1.0) for value in found)],
    }


def _row(what: str, ours: float, peer: float) -> dict[str, Any]:
    return {"what": what, "ours": float(ours), "peer": float(peer), "gap": abs(float(ours) - float(peer))}


def _elements(ours: dict[str, Any], peer: dict[str, Any]) -> list[dict[str, Any]]:
    """Components of the bounds that each library fitted by itself."""
    rows = []
    for score, one in ours.items():
        theirs = peer["elements"][score]
        rows.append(_row(f"{score}, sigma2", one.sigma2, theirs["sigma2"][0]))
        rows.append(_row(f"{score}, nu2", one.nu2, theirs["nu2"][0]))
        n = len(one.influence)
        roots = [np.sqrt(np.mean(np.square(theirs[f"psi_{name}"])) / n) for name in ("sigma2", "nu2")]
        mine = np.sqrt(np.diag(one.covariance)[1:] * (1 - 1 / n))  # DoubleML has no G/(G-1)
        rows.append(_row(f"{score}, error of sigma2", mine[0], roots[0]))
        if score == "ATE":  # of the ATT DoubleML takes the share of the treated as known
            rows.append(_row(f"{score}, error of nu2", mine[1], roots[1]))
    return rows


def _gains(two: dict[str, Any], peer: dict[str, Any]) -> list[dict[str, Any]]:
    from causalsig.estimation.sensitivity_benchmark import covariate_benchmarks

    found = covariate_benchmarks(
        two["x"],
        two["a"],
        two["y"],
        groups={str(j): [j] for j in range(two["x"].shape[1])},
        propensity=_fit(two),
        contrasts=[(1, 0)],
        estimand="ATE",
        outcome_model="logistic",
    )
    rows = []
    for one, theirs in zip(found, peer["gains"], strict=True):
        name = f"covariate {one.covariate} left out"
        rows.append(_row(f"{name}, gain of the outcome", one.outcome_gain, theirs["outcome"]))
        rows.append(_row(f"{name}, gain of the arm", one.arm_gain, theirs["arm"]))
        rows.append(_row(f"{name}, shift", one.shift, theirs["shift"]))
    return rows


def _bounds(shared: dict[str, Any], peer: dict[str, Any]) -> list[dict[str, Any]]:
    rows = []
    for name, one in shared.items():
        root = np.sqrt(1 - 1 / len(one.influence))  # DoubleML has no G/(G-1)
        for (r_outcome, r_arm, correlation), theirs in zip(STRENGTHS, peer["bounds"][name], strict=False):
            found = one.bounds(r_outcome, r_arm, correlation=correlation, reference="normal")
            what = f"{name}, strength {r_outcome} {r_arm} {correlation}"
            rows += [
                _row(f"{what}, low", found.low, theirs["theta lower"]),
                _row(f"{what}, high", found.high, theirs["theta upper"]),
                _row(f"{what}, error of low", found.low_std_error * root, theirs["se lower"]),
                _row(f"{what}, error of high", found.high_std_error * root, theirs["se upper"]),
                _row(
                    f"{what}, interval low",
                    found.low + root * (found.conf_low - found.low),
                    theirs["ci lower"],
                ),
                _row(
                    f"{what}, interval high",
                    found.high + root * (found.conf_high - found.high),
                    theirs["ci upper"],
                ),
            ]
        rows.append(_at_zero(f"{name}, bound at the robustness value", one, peer["bounds"][name][3], "theta"))
        rows.append(_at_zero(f"{name}, interval at its robustness value", one, peer["bounds"][name][4], "ci"))
    return rows


def _at_zero(what: str, one: Any, theirs: dict[str, float], part: str) -> dict[str, Any]:
    """Compare DoubleML's end at our robustness value with zero; at 0 it may lie beyond zero already."""
    side, sign = ("lower", 1.0) if one.estimate > 0 else ("upper", -1.0)
    end, value = theirs[f"theta {side}"], theirs[f"{part} {side}"]
    if part == "ci":
        value = end + (value - end) / np.sqrt(1 - 1 / len(one.influence))  # ours has G/(G-1)
        if one.robustness_value_of_interval(reference="normal") == 0.0:
            value = max(sign * value, 0.0)
    return _row(what, 0.0, value)
