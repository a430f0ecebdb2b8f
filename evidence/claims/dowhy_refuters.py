"""Why dowhy's placebo refuter is no oracle for weighting: it weights the placebo by the real propensities."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from evidence.claim import Verdict
from evidence.context import Context

CLAIM = """On 20 samples with one confounder, a propensity model of the right form and no effect, dowhy 0.14's
placebo refuter (permuted treatment) rejects its own weighting estimate at least 19 times. The column of
propensities that estimating leaves in the data is used again for the placebo, so nothing is refitted. With
that column taken out before refuting it rejects at most 4 times, and our permutation placebo of the same
samples, which refits everything, warns at most once of its spread and at most once of its centre."""
ISSUE = 7
COVERS = ("causalsig/estimation/placebo*.py", "causalsig/estimation/design.py")

SAMPLES = 20
ROWS = 2000
SIMULATIONS = 40
"""Placebos a sample, for both."""
KEPT = "propensity_score"
REJECTS_AT_LEAST, REFITTED_AT_MOST, OURS_AT_MOST = 19, 4, 1
"""Refitted, dowhy's one-sided p-value is below 0.05 on either side one time in ten: 4 of 20 or fewer with
chance 0.96."""


def run(context: Context) -> Verdict:
    """Refute the same samples in three ways."""
    import dowhy

    rows = np.array(context.replicate(one, range(SAMPLES)))
    as_is, refitted, spread, centre = (int(count) for count in rows[:, :4].sum(axis=0))
    passed = (
        as_is >= REJECTS_AT_LEAST and refitted <= REFITTED_AT_MOST and max(spread, centre) <= OURS_AT_MOST
    )
    figures = {
        "samples": len(rows),
        "dowhy": dowhy.__version__,
        "rejected by dowhy's placebo refuter": as_is,
        "rejected once the propensities are made anew": refitted,
        "warned of by the spread of our placebos": spread,
        "warned of by the centre of our placebos": centre,
        "mean estimate (true effect 0)": round(float(rows[:, 4].mean()), 4),
        "mean placebo effect of dowhy": round(float(rows[:, 5].mean()), 4),
        "mean placebo effect of dowhy, propensities anew": round(float(rows[:, 6].mean()), 4),
    }
    return {"passed": bool(passed), "figures": figures, "replications": len(rows), "seed": 0}


def one(seed: int) -> list[float]:
    """Rejections by dowhy as it is and refitted, our two warnings, the estimate, dowhy's placebo effects."""
    from causalsig.estimation import fit_propensity, permutation_placebo

    confounder, treated, outcome = draw(seed)
    estimate, as_is, refitted = theirs(confounder, treated, outcome, seed)
    fitted = fit_propensity(confounder[:, None], treated.astype(int))
    placebo = permutation_placebo(fitted, outcome, 1, 0, estimand="ATE", replications=SIMULATIONS, seed=seed)
    return [
        float(as_is[0]),
        float(refitted[0]),
        float(placebo.spread_beyond_chance > 1.1),
        float(placebo.centre_beyond_chance > 0.25),
        estimate,
        as_is[1],
        refitted[1],
    ]


def draw(seed: int) -> tuple[Any, Any, Any]:
    """One confounder of treatment (logistic) and outcome; no effect."""
    r = np.random.default_rng([7, seed])
    confounder = r.normal(size=ROWS)
    treated = r.random(ROWS) < 1.0 / (1.0 + np.exp(-confounder))
    return confounder, treated, confounder + r.normal(size=ROWS)


def theirs(
    confounder: Any, treated: Any, outcome: Any, seed: int
) -> tuple[float, tuple[bool, float], tuple[bool, float]]:
    """Estimate with dowhy, refute as it is, and refute with the kept propensities taken out."""
    import pandas as pd

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from dowhy import CausalModel

        frame = pd.DataFrame({"w": confounder, "t": treated, "y": outcome})
        model = CausalModel(data=frame, treatment="t", outcome="y", common_causes=["w"])
        estimand = model.identify_effect(proceed_when_unidentifiable=True)
        estimate = model.estimate_effect(estimand, method_name="backdoor.propensity_score_weighting")
        found = []
        for anew in (False, True):
            if anew:
                model._data = model._data.drop(columns=[KEPT])
            refuted = model.refute_estimate(
                estimand,
                estimate,
                method_name="placebo_treatment_refuter",
                placebo_type="permute",
                num_simulations=SIMULATIONS,
                random_state=seed,
            )
            result = refuted.refutation_result
            found.append((bool(result["p_value"] < 0.05), float(refuted.new_effect)))
    return float(estimate.value), found[0], found[1]
