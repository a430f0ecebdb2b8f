"""What the recorded covariates would do if they had not been recorded: a ruler for hidden causes.

Each covariate is left out in turn, of the treatment model and of the outcome models, with the folds as they
were. With S for short (without it) and L for long, its gains are

    outcome  (σ²_S - σ²_L) / σ²_L,   arm  (ν²_L - ν²_S) / ν²_S,

cut to 0 to 1, and its degree of adversity ``ρ = (θ_S - θ_L) / √((σ²_S - σ²_L) (ν²_L - ν²_S))``, cut to
-1 to 1 (Chernozhukov et al. 2022, doi:10.48550/arXiv.2112.13398, section on benchmarking; the same numbers as
DoubleML's ``gain_statistics``). A hidden cause "as strong as the amount" has about these shares.

Least squares come from the moments of all covariates, of which those without one are a part: no row is
touched for them but to predict. The multinomial model starts at the full fit without the columns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from causalsig.errors import EstimationError
from causalsig.estimation.asked import Asked, read_asked
from causalsig.estimation.multinomial import (
    factorise,
    fit,
    fit_leaving_out,
    hessian,
    indicators,
    penalty,
    probabilities,
)
from causalsig.estimation.nuisances import floored, propensities_out_of_fold
from causalsig.estimation.propensity import Propensity
from causalsig.estimation.regressions import ridge_solution
from causalsig.estimation.request import OutcomeModel, Request
from causalsig.estimation.sensitivity import Sensitivity
from causalsig.estimation.sensitivity_fit import sensitivities
from causalsig.results import Arm, Estimand, Floats, Integers


@dataclass(frozen=True, slots=True)
class Benchmark:
    """What leaving one recorded covariate out does to one contrast.

    Attributes
    ----------
    covariate : str
    arm, reference : labels
    outcome_gain, arm_gain : float, 0 to 1
        Strength of a hidden cause that is as strong as this covariate, beside `Sensitivity.bounds`.
    correlation : float, -1 to 1
        How far from the worst case (1 or -1) its bias would be; its sign is that of `shift`.
    shift : float
        Contrast without it less the contrast with it.
    """

    covariate: str
    arm: Arm
    reference: Arm
    outcome_gain: float
    arm_gain: float
    correlation: float
    shift: float


def covariate_benchmarks(
    covariates: Any,
    treatment: Any,
    outcome: Any,
    *,
    groups: Mapping[str, Sequence[int]],
    propensity: Propensity,
    contrasts: Sequence[tuple[Arm, Arm]] | None = None,
    estimand: Estimand = "ATO",
    observed: Any = None,
    nuisance: Any = "linear",
    outcome_model: OutcomeModel = "auto",
) -> tuple[Benchmark, ...]:
    """Compare hidden causes with the recorded covariates.

    Parameters
    ----------
    groups : mapping of name to columns of `covariates`
        Columns that are left out together: all of one covariate.
    outcome : (n,)
    others : as `hidden_cause_sensitivity`

    Returns
    -------
    tuple of Benchmark
        Group by group, within each in the order of `contrasts`. A group whose columns are all constant or
        determined by others moves nothing, and has zeros.

    Raises
    ------
    EstimationError
        As `hidden_cause_sensitivity`; ``estimation-group`` for columns that are not there or a group that
        holds all of them; ``estimation-shape`` for several outcomes.
    """
    request = Request(
        covariates,
        treatment,
        outcome,
        observed=observed,
        estimand=estimand,
        propensity=propensity,
        nuisance=nuisance,
        outcome_model=outcome_model,
    )
    asked = read_asked(request, contrasts)
    if not asked.prepared.outcomes.single:
        raise EstimationError(
            "estimation-shape",
            expected="one outcome",
            found="several",
            mend="Call it once an outcome.",
            where="outcome",
        )
    kept = [_kept(asked, columns) for columns in groups.values()]
    moments = _Moments(asked) if _least_squares(asked) else None
    everything = np.arange(asked.x.shape[1])
    long = _without(asked, moments, everything)
    found: list[Benchmark] = []
    for name, columns in zip(groups, kept, strict=True):
        short = long if len(columns) == len(everything) else _without(asked, moments, columns)
        found.extend(_compare(name, one, other) for one, other in zip(long, short, strict=True))
    return tuple(found)


def _kept(asked: Asked, columns: Sequence[int]) -> Integers:
    """Columns of the design that stay: positions, the intercept first."""
    width = asked.prepared.sample.covariates.shape[1]
    design = [j for j in range(width) if j not in asked.fitted.dropped]
    stay = [0, *(1 + place for place, j in enumerate(design) if j not in set(columns))]
    if not set(columns) <= set(range(width)) or (len(stay) == 1 and len(design) > 1):
        raise EstimationError(
            "estimation-group",
            expected=f"columns from 0 to {width - 1}, and at least one left",
            found="others, or all of them",
            mend="Name the columns of one covariate.",
            where="groups",
        )
    return np.array(stay, dtype=np.int64)


def _least_squares(asked: Asked) -> bool:
    return asked.nuisance.engine_outcome and asked.kinds == ["least_squares"]


def _without(asked: Asked, moments: _Moments | None, columns: Integers) -> tuple[Sensitivity, ...]:
    """Sensitivity of every contrast from some columns of the design only."""
    splits = range(len(asked.fitted.folds))
    x = asked.x[:, columns]
    if len(columns) == asked.x.shape[1]:
        order = asked.prepared.sample.order
        p = [asked.fitted.probabilities[r][order] for r in splits]
    else:
        p = _propensities(asked, x, columns)
    m = [asked.predict(x, r) if moments is None else moments.predict(x, columns, r) for r in splits]
    return sensitivities(asked, x, p, m)


def _propensities(asked: Asked, x: Floats, columns: Integers) -> list[Floats]:
    """Fit the treatment model on some columns: R arrays (n, K)."""
    fitted, arms = asked.fitted, len(asked.fitted.arms)
    splits = range(len(fitted.folds))
    if fitted.full is None:
        learner, seed = fitted.nuisance, fitted.seed or 0
        return [
            floored(
                propensities_out_of_fold(learner, x, asked.codes, arms, asked.clusters, asked.folds(r), seed)
            )
            for r in splits
        ]
    y, shrink = indicators(asked.codes, arms), penalty(arms, x.shape[1], fitted.ridge)
    start = fitted.full.coefficients[:, columns]
    near = factorise(hessian(x, probabilities(x, start)) + shrink)
    full = fit(x, y, shrink, start, near)
    found = []
    for r in splits:
        folds = asked.folds(r)
        coefficients, _ = fit_leaving_out(x, y, shrink, full, folds)
        p = np.empty((len(x), arms))
        for f, one in enumerate(coefficients):
            p[folds == f] = probabilities(x[folds == f], one)
        found.append(p)
    return found


class _Moments:
    """Moments of design and outcome, a split, fold and arm: made once, of which every subset is a part."""

    def __init__(self, asked: Asked) -> None:
        y, seen = asked.y[:, 0], asked.seen[:, 0] > 0
        self.middle = float(y[seen].mean())
        z = np.column_stack([asked.x, np.where(seen, y - self.middle, 0.0)])
        self.splits = []
        for r in range(len(asked.fitted.folds)):
            folds = asked.folds(r)
            labels, arms = range(int(folds.max()) + 1), range(len(asked.fitted.arms))
            rows = [[z[seen & (folds == f) & (asked.codes == a)] for f in labels] for a in arms]
            self.splits.append((folds, np.array([[part.T @ part for part in arm] for arm in rows])))

    def predict(self, x: Floats, columns: Integers, split: int) -> Floats:
        """Predict (1, n, K) out of fold from some columns of the design."""
        folds, parts = self.splits[split]
        inside = np.append(columns, parts.shape[-1] - 1)
        some = parts[..., inside[:, None], inside]
        predicted = np.empty((1, len(x), len(some)))
        for arm, own in enumerate(some):
            whole = own.sum(axis=0)
            for f, part in enumerate(own):
                slopes = ridge_solution(whole - part, len(columns))[:, 0]
                predicted[0, folds == f, arm] = x[folds == f] @ slopes + self.middle
        return predicted


def _compare(name: str, long: Sensitivity, short: Sensitivity) -> Benchmark:
    shift = short.estimate - long.estimate
    outcome, arm = short.sigma2 - long.sigma2, long.nu2 - short.nu2
    both = float(np.sqrt(outcome * arm)) if outcome > 0.0 and arm > 0.0 else 0.0
    # Where one of the two gains nothing a shift is chance, and counts as the worst case.
    correlation = float(np.sign(shift)) * (min(abs(shift) / both, 1.0) if both > 0.0 else 1.0)
    return Benchmark(
        covariate=name,
        arm=long.arm,
        reference=long.reference,
        outcome_gain=float(np.clip(outcome / long.sigma2, 0.0, 1.0)),
        arm_gain=float(np.clip(arm / short.nu2, 0.0, 1.0)),
        correlation=correlation,
        shift=shift,
    )
