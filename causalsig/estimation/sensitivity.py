"""How strong a hidden cause must be: what omitting it can do to a doubly robust contrast at most.

With residuals ``e = Y - m_A`` and weights ``w_a = 1{A=a} C h / (π_a κ_a)`` as in `augmented`, the contrast
``θ = ψ_a - ψ_b`` is ``E[α Y]`` for the Riesz representer ``α = (w_a - w_b) / E[h]``. A cause U that was not
recorded changes the outcome regression to g and the representer to α_U, of which m and α are the projections
on what was recorded, so that the error is ``E[(g - m)(α_U - α)]``. Both factors vanish outside the two arms
and outside the followed, so by Cauchy and Schwarz

    |bias| ≤ ρ C_Y C_A S,  S² = σ² ν²,  σ² = E[1{A in {a, b}} C e²],  ν² = E[α²]

with ``C_Y² = r_Y``, the share of σ² that U explains, ``C_A² = r_A / (1 - r_A)``, r_A the share of the mean
square of α_U that α lacks, and ρ their correlation (1 is the worst). The population stays the one that the
recorded covariates define: h is a function of them (the ATT and ATU: who is in the arm), U does not move it.
Chernozhukov, Cinelli, Newey, Sharma and Syrgkanis (2022), doi:10.48550/arXiv.2112.13398; for linear models
Cinelli and Hazlett (2020), doi:10.1111/rssb.12348. With two arms everybody is in one of them and this is
DoubleML's; with more, taking σ² over the two arms is sharper.

Influence. ``σ²``: ``1{A in {a, b}} C e² - σ²``; an error of m falls out as e has mean zero. ν² is
``E[q] / E[h]²`` with ``q = h² s``, ``s = Σ_{k in {a, b}} 1/(π_k κ_k)``. The mean of a function of (π, κ) has
the influence of its value plus ``Σ ∂q/∂π_k (1{A=k} - π_k) + Σ ∂q/∂κ_k (C - κ_k) 1{A=k}/π_k``, which adds to
``2 h g s - (w_a - w_b)²`` with g the orthogonal tilt (`tilting.orthogonal_tilt`: 1 for the ATE, ``1{A=t}``
for the ATT, ``(h/π_A)²`` for the ATO). Dividing by ``E[h]² = E[g]²`` gives
``(2 h g s - (w_a - w_b)²) / E[g]² - 2 ν² (g / E[g] - 1) - ν²``. For the ATE this is the score
``2 m(W, α) - α² - ν²`` of the source; for the ATT DoubleML leaves out the last but one term, as if the share
of the treated were known.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, NoReturn, TypeAlias

import numpy as np

from causalsig.errors import EstimationError
from causalsig.estimation.inference import cluster_covariance, split_covariance
from causalsig.results import Arm, Estimand, Floats, Integers, satterthwaite_df

Reference: TypeAlias = Literal["t", "normal"]
"""Distribution of the bounds: Student's with Satterthwaite's degrees of freedom, or the normal one."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """Where the contrast may lie when a hidden cause has a given strength.

    Attributes
    ----------
    outcome_share, arm_share : float
        r_Y and r_A, from 0 to below 1.
    correlation : float
        ρ, 0 to 1.
    bias : float
        Largest bias, on the scale of the means.
    low, high : float
        Estimate less and plus the bias.
    low_std_error, high_std_error : float
    conf_low, conf_high : float
        One-sided at `level` each: below `conf_low` the contrast lies in at most ``1 - level`` of studies.
    level : float
    """

    outcome_share: float
    arm_share: float
    correlation: float
    bias: float
    low: float
    high: float
    low_std_error: float
    high_std_error: float
    conf_low: float
    conf_high: float
    level: float


@dataclass(frozen=True, slots=True)
class Components:
    """What a release needs for one contrast, and nothing of a household: six numbers.

    Attributes
    ----------
    estimate, std_error : float
    scale : float
        S: with the strength ``f = r / √(1 - r)`` of a cause equally strong on both sides the bias is f S.
        What `pooling.pooled_robustness` takes of each site.
    scale_std_error : float
    correlation : float
        Between the estimates of the contrast and of S. The variance of ``estimate ∓ f scale`` is
        ``std_error² + f² scale_std_error² ∓ 2 f correlation std_error scale_std_error``.
    households : int
    """

    estimate: float
    std_error: float
    scale: float
    scale_std_error: float
    correlation: float
    households: int


@dataclass(frozen=True, slots=True, eq=False)
class Sensitivity:
    """Sensitivity of one contrast (a difference of means) to causes that were not recorded.

    Attributes
    ----------
    arm, reference : labels
        `arm` minus `reference`.
    estimand : as in ArmMeans
    outcome : int
        Column of the outcome.
    estimate, sigma2, nu2 : float
        θ, squared unit of the outcome, and no unit.
    covariance : (3, 3)
        Of (θ, σ², ν²), clustered by household; with repeats it includes the covariance of the split.
    influence : (G, 3)
        Centred influence summed by household, over n. Never leaves the process.
    level : float
        Of one-sided intervals.
    """

    arm: Arm
    reference: Arm
    estimand: Estimand
    outcome: int
    estimate: float
    sigma2: float
    nu2: float
    covariance: Floats
    influence: Floats = field(repr=False)
    level: float = 0.95

    @property
    def scale(self) -> float:
        """S: the bias of a hidden cause of strength 1."""
        return float(np.sqrt(self.sigma2 * self.nu2))

    def bounds(
        self,
        outcome_share: float,
        arm_share: float,
        *,
        correlation: float = 1.0,
        level: float | None = None,
        reference: Reference = "t",
    ) -> Bounds:
        """Bound the contrast for a hidden cause of given strength.

        Parameters
        ----------
        outcome_share : float, 0 to 1
            r_Y: share of what is left unexplained of the outcome in the two arms that the cause explains.
        arm_share : float, 0 to below 1
            r_A: share of the variance of the true weights that the cause adds.
        correlation : float, -1 to 1
            How the two go together; 1 or -1 is the worst case.
        level : float
            Of the one-sided intervals; default the one asked when the object was made.
        reference : {"t", "normal"}

        Raises
        ------
        EstimationError
            ``estimation-strength``, ``estimation-level``.
        """
        if not (0.0 <= outcome_share <= 1.0 and 0.0 <= arm_share < 1.0 and -1.0 <= correlation <= 1.0):
            _refuse_strength()
        strength = abs(correlation) * float(np.sqrt(outcome_share * arm_share / (1.0 - arm_share)))
        chosen = self._level(level)
        low, low_error, conf_low = self._end(strength, -1.0, chosen, reference)
        high, high_error, conf_high = self._end(strength, 1.0, chosen, reference)
        return Bounds(
            outcome_share=float(outcome_share),
            arm_share=float(arm_share),
            correlation=abs(float(correlation)),
            bias=strength * self.scale,
            low=low,
            high=high,
            low_std_error=low_error,
            high_std_error=high_error,
            conf_low=conf_low,
            conf_high=conf_high,
            level=chosen,
        )

    def robustness_value(self, null: float = 0.0) -> float:
        """Share r, of outcome and of weights alike, at which the contrast could be `null` (0 to 1)."""
        return share_of(abs(self.estimate - null) / self.scale)

    def robustness_value_of_interval(
        self, null: float = 0.0, *, level: float | None = None, reference: Reference = "t"
    ) -> float:
        """Share r at which the one-sided interval at `level` reaches `null`; 0 when it holds it already.

        Where the arms have no effect and a hidden cause of strength r makes the difference, this value
        exceeds r in at most ``1 - level`` of studies.
        """
        from scipy.optimize import brentq

        chosen, side = self._level(level), 1.0 if self.estimate >= null else -1.0

        def left(strength: float) -> float:
            return side * (self._end(strength, -side, chosen, reference)[2] - null)

        if left(0.0) <= 0.0:
            return 0.0
        # At the strength that brings the estimate itself to the null its interval lies beyond.
        largest = abs(self.estimate - null) / self.scale
        if left(largest) >= 0.0:  # at level 0.5, or without any variance, that is where it lies
            return share_of(largest)
        return share_of(float(brentq(left, 0.0, largest, xtol=1e-15, rtol=1e-14)))

    def components(self) -> Components:
        """Give what a release needs, so that the pool has a robustness value."""
        slope = self._slope(1.0) - np.array([1.0, 0.0, 0.0])
        variance, scale_variance = float(self.covariance[0, 0]), float(slope @ self.covariance @ slope)
        together = float(self.covariance[0] @ slope)
        both = np.sqrt(variance * scale_variance)
        return Components(
            estimate=self.estimate,
            std_error=float(np.sqrt(variance)),
            scale=self.scale,
            scale_std_error=float(np.sqrt(scale_variance)),
            correlation=together / float(both) if both > 0.0 else 0.0,
            households=len(self.influence),
        )

    def _slope(self, strength: float) -> Floats:
        """Slope of ``θ + strength S`` to (θ, σ², ν²)."""
        half = strength / (2.0 * self.scale)
        return np.array([1.0, half * self.nu2, half * self.sigma2])

    def _end(
        self, strength: float, side: float, level: float, reference: Reference
    ) -> tuple[float, float, float]:
        """Give one end of the bounds, its standard error, and the end of its one-sided interval."""
        from scipy.special import ndtri, stdtrit

        slope = self._slope(side * strength)
        error = float(np.sqrt(max(float(slope @ self.covariance @ slope), 0.0)))
        if reference == "normal":
            quantile = float(ndtri(level))
        else:
            quantile = float(stdtrit(satterthwaite_df(self.influence @ slope), level))
        end = self.estimate + side * strength * self.scale
        return end, error, end + side * quantile * error

    def _level(self, level: float | None) -> float:
        chosen = self.level if level is None else float(level)
        if not 0.5 <= chosen < 1.0:
            raise EstimationError(
                "estimation-level",
                expected="a one-sided level from 0.5 to below 1",
                found="another",
                mend="Use 0.95.",
                where="level",
            )
        return chosen


def share_of(strength: float) -> float:
    """Solve ``r² / (1 - r) = strength²``: the share r of a cause equally strong on both sides (0 to 1)."""
    return 2.0 / (1.0 + float(np.sqrt(1.0 + 4.0 / strength**2))) if strength > 0.0 else 0.0


def bias_scores(
    y: Floats,
    m: Floats,
    w: Floats,
    both: Floats,
    h: Floats,
    g: Floats,
    indicator: Floats,
    pair: tuple[int, int],
) -> tuple[Floats, Floats]:
    """Give σ² and ν² of a pair of arms as values with these as their means, and their own influence.

    Parameters
    ----------
    y : (n,)
    m, w : (n, K)
        Predictions, and weights of each row for the arm it is in (zero elsewhere and where not followed).
    both : (n, K)
        ``π κ``.
    h, g : (n,)
        Tilt and orthogonal tilt.
    indicator : (n, K)
        1 in the row's own arm when it was followed.
    pair : positions of arm and reference

    Returns
    -------
    sigma2, nu2 : (n,) each
    """
    two = list(pair)
    residual = np.sum(indicator[:, two] * (y[:, None] - m[:, two]), axis=1)
    beta = w[:, pair[0]] - w[:, pair[1]]
    score = 2.0 * h * g * np.sum(1.0 / both[:, two], axis=1) - beta**2
    total = g.mean()
    nu2 = float(score.mean() / total**2)
    return residual**2, score / total**2 - 2.0 * nu2 * (g / total - 1.0)


def from_values(
    values: Floats, splits: Floats, clusters: Integers, total: int
) -> tuple[Floats, Floats, Floats]:
    """Give (θ, σ², ν²), their covariance and household sums from values (n, 3) and splits (R, 3).

    Raises
    ------
    EstimationError
        ``estimation-sensitivity-scale``.
    """
    found = values.mean(axis=0)
    if not (found[1] > 0.0 and found[2] > 0.0):
        raise EstimationError(
            "estimation-sensitivity-scale",
            expected="outcomes that are not fitted exactly, and weights with a positive mean square",
            found="a scale of the bias that is zero or less",
            mend="Arms overlap too little, or the outcome does not vary: leave the sensitivity analysis out.",
        )
    covariance = cluster_covariance(values, clusters, total) + split_covariance(splits[:, None, :])[0]
    sums = np.stack(
        [np.bincount(clusters, weights=column, minlength=total) for column in (values - found).T], axis=1
    )
    return found, covariance, sums / len(values)


def _refuse_strength() -> NoReturn:
    raise EstimationError(
        "estimation-strength",
        expected="shares from 0 to 1 (of the weights below 1), and a correlation from -1 to 1",
        found="a number outside these",
        mend="Give the strength of the hidden cause as shares, 0.1 for a tenth.",
    )
