"""Best linear projection of an effect on what is recorded, and a test that it varies at all.

With g the orthogonal tilt of the estimand, w_a the weights of arm a and tildes for "divided by its mean":
``Γ = g̃ (m_a - m_b) + w̃_a (Y - m_a) - w̃_b (Y - m_b)`` and ``β = (Z' G̃ Z)⁻¹ Z' Γ``, whose influence is
``(Z' G̃ Z / n)⁻¹ (Z (Γ - g̃ Zβ) - (w̃_a - g̃) R_a + (w̃_b - g̃) R_b)``, ``R_a = mean(Z w̃_a (Y - m_a))``, as
the means that are divided by are estimated. For the ATE Γ is the doubly robust score of the
effect, and β its regression on Z. Semenova and Chernozhukov (2021), doi:10.1093/ectj/utaa027.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from causalsig.errors import EstimationError
from causalsig.estimation.asked import Asked, read_asked
from causalsig.estimation.inference import cluster_covariance, split_covariance
from causalsig.estimation.max_t import Joint, joint_inference
from causalsig.estimation.propensity import Propensity
from causalsig.estimation.request import OutcomeModel, Request
from causalsig.results import Arm, Estimand, Floats, satterthwaite_df

SMALLEST_PIVOT = 1e-8
"""Of a column after the others are taken out, relative to itself: below it two columns say the same."""


@dataclass(frozen=True, slots=True)
class WaldTest:
    """Test that several numbers are all zero.

    Attributes
    ----------
    statistic : float
        F.
    df, df_rest : float
        Degrees of freedom of numerator and denominator.
    p_value : float
    """

    statistic: float
    df: int
    df_rest: float
    p_value: float


@dataclass(frozen=True, slots=True, eq=False)
class Projection:
    """How an effect changes, on average, with each of Q columns.

    Attributes
    ----------
    names : tuple of str, length 1 + Q
        "intercept" first.
    coefficients : (1 + Q,)
        On the scale of the outcome by unit of the column; the intercept is the mean effect, as columns are
        centred.
    covariance : (1 + Q, 1 + Q)
        Clustered by household.
    arm, reference, estimand :
        The contrast.
    sums : (1 + Q, G)
        Influence by household; never leaves the process.
    level : float
    """

    names: tuple[str, ...]
    coefficients: Floats
    covariance: Floats
    arm: Arm
    reference: Arm
    estimand: Estimand
    sums: Floats = field(repr=False)
    level: float = 0.95

    def joint(self, *, level: float | None = None, seed: int = 0) -> Joint:
        """Give every column but the intercept an interval that holds with the others'."""
        errors = np.sqrt(np.diagonal(self.covariance))[1:]
        chosen = self.level if level is None else level
        return joint_inference(self.coefficients[1:], errors, self.sums[1:], chosen, seed)

    def test(self) -> WaldTest:
        """Test that the effect is the same whatever the columns say."""
        freedom = float(satterthwaite_df(self.sums[1:]).min())
        return wald_test(self.coefficients[1:], self.covariance[1:, 1:], freedom)


def wald_test(estimates: Floats, covariance: Floats, freedom: float) -> WaldTest:
    """Test by Hotelling's T² that all of M estimates are zero.

    With ν degrees of freedom of the covariance ``T² (ν - M + 1) / (ν M)`` is F with M and ν - M + 1.

    Parameters
    ----------
    estimates : (M,)
    covariance : (M, M)
    freedom : float
        ν.

    Raises
    ------
    EstimationError
        ``estimation-projection`` where one of the estimates follows from the others.
    """
    from scipy.special import fdtrc

    count = len(estimates)
    errors = np.sqrt(np.maximum(np.diagonal(covariance), 0.0))
    scaled = covariance / np.outer(errors, errors) if errors.min() > 0.0 else np.zeros_like(covariance)
    if np.linalg.eigvalsh(scaled).min() < SMALLEST_PIVOT:
        _refuse("differences that each say something of their own", "one that follows from the others")
    rest = max(freedom - count + 1.0, 1.0)
    square = float(estimates @ np.linalg.solve(covariance, estimates))
    statistic = square * rest / (freedom * count)
    return WaldTest(statistic, count, rest, float(fdtrc(count, rest, statistic)))


def best_linear_projection(
    covariates: Any,
    treatment: Any,
    outcome: Any,
    columns: Any,
    arm: Arm,
    reference: Arm,
    *,
    propensity: Propensity,
    names: Sequence[str] | None = None,
    estimand: Estimand = "ATO",
    observed: Any = None,
    nuisance: Any = "linear",
    outcome_model: OutcomeModel = "auto",
    level: float = 0.95,
) -> Projection:
    """Regress an effect on columns that were named before any outcome was seen.

    Parameters
    ----------
    covariates, treatment, outcome : as `doubly_robust`; one outcome
    columns : (n, Q) numbers
        What the effect may vary with, without an intercept. They are centred at the estimand's population.
    arm, reference : labels
    propensity : Propensity
        Cross-fitted; its arms and households hold.
    names : sequence of str, optional
    estimand, observed, nuisance, outcome_model, level : as `doubly_robust`

    Raises
    ------
    EstimationError
        As `group_means`; ``estimation-projection`` for columns that are no numbers or say the same.
    """
    request = Request(
        covariates, treatment, outcome, observed=observed, estimand=estimand, propensity=propensity,
        nuisance=nuisance, outcome_model=outcome_model, level=level,
    )  # fmt: skip
    asked = read_asked(request, [(arm, reference)])
    z, labels = _read_columns(columns, names, asked)
    values = np.stack([_one_split(asked, z, r) for r in range(len(asked.fitted.folds))])
    average, total = values.mean(axis=0), len(asked.prepared.sample.household_ids)
    covariance = cluster_covariance(average, asked.clusters, total)
    covariance = covariance + split_covariance(values.mean(axis=1)[:, None, :])[0]
    centred = average - average.mean(axis=0)
    sums = np.stack([np.bincount(asked.clusters, weights=one, minlength=total) for one in centred.T])
    return Projection(
        names=("intercept", *labels),
        coefficients=average.mean(axis=0),
        covariance=covariance,
        arm=arm,
        reference=reference,
        estimand=asked.prepared.name,
        sums=sums / len(asked.codes),
        level=level,
    )


def _one_split(asked: Asked, z: Floats, r: int) -> Floats:
    """Values (n, 1 + Q) whose means are the coefficients of one split."""
    a, b = asked.pairs[0]
    m, [found] = asked.predict(asked.x, r)[0], asked.pieces(asked.x, asked.propensities(r), r)
    weights, g = found.w / found.w.mean(axis=0), found.g / found.g.mean()
    rest = weights * (asked.y[:, 0, None] - m)
    scores = g * (m[:, a] - m[:, b]) + rest[:, a] - rest[:, b]
    columns = z - (g @ z) / g.sum()
    whole = np.column_stack([np.ones(len(z)), columns])
    gram = whole.T @ (g[:, None] * whole) / len(z)
    beta = np.linalg.solve(gram, whole.T @ scores / len(z))
    # The means that weights and tilt are divided by are estimated: it matters where the outcome model is off.
    off = whole.T @ rest / len(z)
    divided = np.outer(weights[:, a] - g, off[:, a]) - np.outer(weights[:, b] - g, off[:, b])
    by_row = np.linalg.solve(gram, (whole * (scores - g * (whole @ beta))[:, None] - divided).T).T
    by_row[:, 0] += g * (columns @ beta[1:])  # the centre of the columns is estimated too
    return np.asarray(beta + by_row)


def _read_columns(columns: Any, names: Sequence[str] | None, asked: Asked) -> tuple[Floats, tuple[str, ...]]:
    """Bring the columns (n, Q) into the summing order; refuse what says nothing of its own."""
    z = np.asarray(columns, dtype=np.float64)
    z = z[:, None] if z.ndim == 1 else z
    labels = tuple(f"z{j}" for j in range(z.shape[1])) if names is None else tuple(names)
    if z.shape[0] != len(asked.codes) or not z.shape[1] or len(labels) != z.shape[1]:
        _refuse("a column of numbers for every name, one number an episode", "another shape")
    if not np.isfinite(z).all():
        _refuse("numbers", "one that is missing or infinite")
    if asked.y.shape[1] != 1:
        _refuse("one outcome", "several")
    z = z[asked.prepared.sample.order]
    spread = z.std(axis=0)
    scaled = (z - z.mean(axis=0)) / np.where(spread > 0.0, spread, 1.0)
    pivots = np.abs(np.diagonal(np.linalg.qr(scaled, mode="r"))) / np.sqrt(len(z))
    if not (spread > 0.0).all() or pivots.min() < SMALLEST_PIVOT:
        _refuse("columns that each say something of their own", "one that follows from the others")
    return z, labels


def _refuse(expected: str, found: str) -> None:
    raise EstimationError(
        "estimation-projection",
        expected=expected,
        found=found,
        mend="Give each thing once: of a list of categories leave one out.",
        where="columns",
    )
