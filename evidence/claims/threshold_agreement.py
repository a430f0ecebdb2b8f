"""Estimates at a cutoff agree with rdrobust, rddensity and rdlocrand, and with published numbers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from evidence.claim import ROOT, Verdict
from evidence.claims import _threshold_published as published
from evidence.claims._threshold_designs import Design, agreement_designs, draw
from evidence.context import Context
from evidence.environments import make_environment, run_peer

CLAIM = """On thirteen designs (sharp, fuzzy, clustered, covariates, three kernels, one and two bandwidths,
rounded scores) estimates, standard errors and first stages at given bandwidths agree with rdrobust 2.1.1 to
1e-8 and chosen bandwidths to 1e-6; densities, jackknife errors and bandwidths with rddensity 3.0 to 1e-8 and
1e-6; means and large-sample p-values of local randomisation with rdlocrand 3.0 to 1e-8, its lots within their
own error. Six analyses of the U.S. Senate elections and two cutoffs of rdmulti have their published numbers
to 1e-6."""
ISSUE = 9
COVERS = (
    "causalsig/estimation/threshold*.py",
    "evidence/claims/_threshold_designs.py",
    "evidence/claims/_threshold_published.py",
    "evidence/peers/rd_estimates.py",
    "evidence/environments.py",
)

PACKAGES = ("rdrobust==2.1.1", "rddensity==3.0", "rdlocrand==3.0")
PEER = ROOT / "evidence/peers/rd_estimates.py"
SAME, CHOSEN = 1e-8, 1e-6
LOTS = 10_000
LOTS_APART = 4.0 * np.sqrt(2.0 * 0.25 / LOTS)  # four standard errors of a difference of two series of lots
CUTOFF, WINDOW = 4.0, 1.0  # of the designs in months


def run(context: Context) -> Verdict:
    """Compare every design and every published analysis."""
    effects = agreement_designs()
    packed = {f"{name}/{key}": value for name, design in effects.items() for key, value in _pack(design)}
    for name, (score, options) in density_designs().items():
        packed[f"{name}/score"] = score
        packed[f"{name}/options"] = _options("density", options)
    for name, (score, outcome) in local_designs().items():
        packed |= {f"{name}/score": score, f"{name}/outcome": outcome}
        given = {"cutoff": CUTOFF, "wl": CUTOFF - WINDOW, "wr": CUTOFF + WINDOW, "reps": LOTS, "seed": 1}
        packed[f"{name}/options"] = _options("local", given)
    answers = run_peer(make_environment("rdpackages", PACKAGES), PEER, packed)
    rows = [compare_effect(name, design, answers[name]) for name, design in effects.items()]
    densities = [compare_density(name, *given, answers[name]) for name, given in density_designs().items()]
    lots = [compare_local(name, *given, answers[name]) for name, given in local_designs().items()]
    printed = published.compare()
    passed = (
        all(row["passed"] for row in [*rows, *densities, *lots])
        and len(rows) >= 10
        and all(row["largest gap"] <= published.PRINTED and row["same counts"] for row in printed)
    )
    figures = {
        "packages": PACKAGES,
        "tolerances": {"given bandwidths": SAME, "chosen": CHOSEN, "published": published.PRINTED},
        "rdrobust": rows,
        "rddensity": densities,
        "rdlocrand": lots,
        "published": printed,
        "not compared": published.NOT_COMPARED,
    }
    return {"passed": passed, "figures": figures}


def _pack(design: Design) -> list[tuple[str, Any]]:
    return [*design.arrays.items(), ("options", _options("effect", design.theirs))]


def _options(kind: str, options: Mapping[str, Any]) -> Any:
    return np.array(json.dumps({"kind": kind, **options}))


def gap(ours: Any, theirs: Any) -> float:
    """Largest relative gap."""
    return float(np.max(np.abs(np.asarray(ours) / np.asarray(theirs) - 1.0)))


def compare_effect(name: str, design: Design, theirs: dict[str, Any]) -> dict[str, Any]:
    """Bandwidths they chose, and everything else at these bandwidths."""
    from causalsig.estimation import threshold_effect

    arrays = dict(design.arrays)
    score, outcome = arrays.pop("score"), arrays.pop("outcome")
    h = threshold_effect(score, outcome, 0.0, **arrays, **design.ours).bandwidths
    given = theirs["given"]
    at = (given["bandwidths"][0], given["bandwidths"][2])
    found = threshold_effect(score, outcome, 0.0, **arrays, **(design.ours | {"bandwidth": at}))
    row: dict[str, Any] = {
        "design": name,
        "bandwidths": gap([h.left, h.right, h.bias_left, h.bias_right], theirs["chosen"]["bandwidths"]),
        "estimates": _ways(found, given["estimates"], "estimate"),
        "standard errors": _ways(found, given["std_errors"], "std_error"),
        "same counts": list(found.effective_n) == given["effective_n"],
    }
    exact = ["estimates", "standard errors"]
    if found.first_stage is not None:
        row["first stage"] = _ways(found.first_stage, given["first_stage"], "estimate")
        row["first stage errors"] = _ways(found.first_stage, given["first_stage_errors"], "std_error")
        exact += ["first stage", "first stage errors"]
    fine = all(row[key] <= SAME for key in exact) and row["bandwidths"] <= CHOSEN
    return row | {"passed": bool(fine and row["same counts"])}


def _ways(found: Any, theirs: Any, name: str) -> float:
    ways = (found.conventional, found.bias_corrected, found.robust)
    return gap([getattr(way, name) for way in ways], theirs)


def density_designs() -> dict[str, tuple[Any, dict[str, Any]]]:
    """Scores, and rddensity's options."""
    r = np.random.default_rng(5)
    return {
        "density, normal": (r.normal(0.2, 1.0, 3000), {}),
        "density, whole euro": (np.round(np.exp(r.normal(6.0, 1.0, 3000))) - 500.0, {}),
        "density, epanechnikov": (draw(21, 1500)["score"], {"kernel": "epanechnikov"}),
        "density, uniform": (r.gamma(2.0, 1.0, 2000) - 1.0, {"kernel": "uniform"}),
        "density, one degree less": (r.normal(0.4, 1.0, 3000), {"p": 1}),
    }


def compare_density(name: str, score: Any, options: dict[str, Any], theirs: dict[str, Any]) -> dict[str, Any]:
    from causalsig.estimation import density_test

    ours = {"kernel": options.get("kernel", "triangular"), "degree": options.get("p", 2)}
    chosen = density_test(score, 0.0, **ours)
    found = density_test(score, 0.0, bandwidth=tuple(theirs["bandwidths"]), **ours)
    row: dict[str, Any] = {
        "design": name,
        "bandwidths": gap(chosen.bandwidths, theirs["bandwidths"]),
        "densities": gap(found.densities, theirs["densities"]),
        "standard errors": gap([*found.std_errors, found.difference_error], theirs["std_errors"]),
        "statistic": gap(found.statistic, theirs["statistic"]),
        "same counts": list(found.effective_n) == theirs["effective_n"],
    }
    exact = all(row[key] <= SAME for key in ("densities", "standard errors", "statistic"))
    return row | {"passed": bool(exact and row["bandwidths"] <= CHOSEN and row["same counts"])}


def local_designs() -> dict[str, tuple[Any, Any]]:
    """Months and outcomes: counts, of few kinds, and numbers that are all different."""
    r = np.random.default_rng(6)
    months = r.integers(1, 7, 400).astype(float)
    return {
        "lots, counts": (months, r.poisson(0.8 + 0.3 * (months >= CUTOFF)).astype(float)),
        "lots, numbers": (months[:200], r.normal(size=200) + 0.2 * (months[:200] >= CUTOFF)),
    }


def compare_local(name: str, score: Any, outcome: Any, theirs: dict[str, Any]) -> dict[str, Any]:
    from causalsig.estimation import local_randomisation

    found = local_randomisation(score, outcome, CUTOFF, window=WINDOW, permutations=LOTS)
    row: dict[str, Any] = {
        "design": name,
        "estimate": gap(found.effect.estimate, theirs["estimate"]),
        "large-sample p-value": gap(found.effect.p_value, theirs["large_sample_p_value"]),
        "p-value of lots, apart": abs(found.permutation_p_value - theirs["p_value"]),
    }
    fine = row["estimate"] <= SAME and row["large-sample p-value"] <= SAME
    return row | {"passed": bool(fine and row["p-value of lots, apart"] <= LOTS_APART)}
