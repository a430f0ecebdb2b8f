"""Frozen result types that rooms hand to one another."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from causalsig.errors import EstimationError

if TYPE_CHECKING:
    import pandas as pd

Floats: TypeAlias = NDArray[np.float64]
Integers: TypeAlias = NDArray[np.int64]
Arm: TypeAlias = Any
Estimand: TypeAlias = "str | tuple[str, Arm]"
Scale: TypeAlias = Literal["difference", "log_ratio", "log_odds"]
Target: TypeAlias = Literal["population", "sample"]

SCALES: tuple[Scale, ...] = ("difference", "log_ratio", "log_odds")


@dataclass(frozen=True, slots=True, eq=False)
class Contrast:
    """One arm against another, on one scale.

    Attributes
    ----------
    estimate, std_error, df, conf_low, conf_high, p_value : float or (J,) array
        On the scale of `scale` (logarithms stay logarithms). Positive when `arm` has the larger mean.
        The p-value is two-sided, for the null hypothesis that both arms have the same mean.
    arm, reference : object
        `arm` minus `reference`.
    scale : {"difference", "log_ratio", "log_odds"}
    level : float
        Confidence level of the interval.
    """

    arm: Arm
    reference: Arm
    scale: Scale
    estimate: Any
    std_error: Any
    df: Any
    conf_low: Any
    conf_high: Any
    p_value: Any
    level: float = 0.95

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain Python: a float an entry, or a list where several outcomes are held."""
        values: dict[str, Any] = {"arm": self.arm, "reference": self.reference, "scale": self.scale}
        for name in ("estimate", "std_error", "df", "conf_low", "conf_high", "p_value"):
            values[name] = np.asarray(getattr(self, name), dtype=np.float64).tolist()
        values["level"] = self.level
        return values


@dataclass(frozen=True, slots=True, eq=False)
class ArmMeans:
    """Mean potential outcome an arm, their joint covariance, and the influence they come from.

    Attributes
    ----------
    arms : tuple, length K
        Labels, in the order of every K axis below.
    means : (K,) or (J, K)
        On the outcome's own scale; J outcomes when the estimator was given a matrix.
    covariance : (K, K) or (J, K, K)
        Clustered by household; with repeats it includes the covariance of the split.
    estimand : str or (str, arm)
        "ATE", "ATO", ("ATT", arm), ... : the population the means speak of. Who was trimmed away belongs to
        it no longer, and the name says so ("ATE trimmed (crump)").
    method : str
        Name of the estimator.
    n, households : (K,) int
        Episodes and distinct households an arm (a household may be in several arms).
    households_total : int
        Distinct households G in the analysis.
    followed : (K,) or (J, K) int
        Episodes an arm whose outcome was observed to the end of the window.
    effective_sample_size : (K,)
        Kish's size of the weights summed by household, ``(Σ_g W_g)² / Σ_g W_g²``; the smallest over
        outcomes. Unit: households.
    influence : (n, K) or (J, n, K)
        Values φ with ``means = φ.mean(axis=-2)``. One row an episode: never leaves the process.
    clusters : (n,) int
        Household of each row of `influence`, coded 0 to G - 1.
    largest_share, two_largest_share : (K,) or (J, K)
        Share of the absolute weighted sum ``Σ_i |w_i Y_i|`` of an arm that its largest (two largest)
        households hold; 0 where the sum is 0. For the weight-dominance rule.
    parameters : int
        Free parameters fitted (propensity, censoring and outcome models).
    notes : tuple of str
        Stable codes of what the estimator had to do (``causalsig explain CODE``).
    seed : int or None
        Seed of the splits; None when nothing was drawn.
    level : float
        Confidence level of the intervals.
    target : {"population", "sample"}
        Whether the covariance holds for households like these, or for these households' own covariates: an
        interval for the sample is narrower and says nothing about others.
    """

    arms: tuple[Arm, ...]
    means: Floats
    covariance: Floats
    estimand: Estimand
    method: str
    n: Integers
    households: Integers
    households_total: int
    followed: Integers
    effective_sample_size: Floats
    influence: Floats = field(repr=False)
    clusters: Integers = field(repr=False)
    largest_share: Floats
    two_largest_share: Floats
    parameters: int = 0
    notes: tuple[str, ...] = ()
    seed: int | None = None
    level: float = 0.95
    target: Target = "population"

    @property
    def std_errors(self) -> Floats:
        """Standard errors of the means, shaped like `means`."""
        return np.sqrt(np.diagonal(self.covariance, axis1=-2, axis2=-1))

    def position(self, arm: Arm) -> int:
        """Place of an arm on the K axes.

        Raises
        ------
        EstimationError
            ``estimation-unknown-arm`` when the arm was not analysed.
        """
        if arm not in self.arms:
            raise EstimationError(
                "estimation-unknown-arm",
                expected=f"one of the {len(self.arms)} arms analysed",
                found="another label",
                mend="Use a label of `.arms`.",
            )
        return self.arms.index(arm)

    def outcome(self, index: int) -> ArmMeans:
        """Return one of the J outcomes as if it had been analysed alone."""
        if self.means.ndim == 1:
            raise EstimationError(
                "estimation-one-outcome",
                expected="a result that holds several outcomes",
                found="a result of one outcome",
                mend="Use the result as it is.",
            )
        from dataclasses import replace

        return replace(
            self,
            means=self.means[index],
            covariance=self.covariance[index],
            followed=self.followed[index],
            influence=self.influence[index],
            largest_share=self.largest_share[index],
            two_largest_share=self.two_largest_share[index],
        )

    def contrast(self, arm: Arm, reference: Arm, scale: Scale = "difference") -> Contrast:
        """Compare two arms by the delta method.

        Parameters
        ----------
        arm, reference : labels of `arms`
        scale : {"difference", "log_ratio", "log_odds"}
            ``ψ_a - ψ_b``, ``log ψ_a - log ψ_b`` or ``logit ψ_a - logit ψ_b``.

        Returns
        -------
        Contrast
            Scalars, or arrays (J,) when the result holds several outcomes. Degrees of freedom are
            Satterthwaite's (see `satterthwaite_df`).

        Raises
        ------
        EstimationError
            ``estimation-scale`` for an unknown scale or means outside the scale's domain.
        """
        gradient, estimate = self._gradient(arm, reference, scale)
        return self._infer(gradient, estimate, arm, reference, scale)

    def contrast_influence(self, arm: Arm, reference: Arm, scale: Scale = "difference") -> Floats:
        """Sum the centred influence of a contrast by household: (G,) or (J, G). Never leaves the process."""
        return self._household_sums(self._gradient(arm, reference, scale)[0])

    def _gradient(self, arm: Arm, reference: Arm, scale: Scale) -> tuple[Floats, Floats]:
        """Slope of a contrast to the means, and its value."""
        a, b = self.position(arm), self.position(reference)
        values, slopes = _link(self.means[..., [a, b]], scale)
        gradient = np.zeros_like(self.means)
        gradient[..., a] += slopes[..., 0]
        gradient[..., b] -= slopes[..., 1]
        return gradient, values[..., 0] - values[..., 1]

    def _household_sums(self, gradient: Floats) -> Floats:
        centred = self.influence - self.means[..., None, :]
        u = np.einsum("...na,...a->...n", centred, gradient)
        return _cluster_sums(u, self.clusters, self.households_total)

    def _infer(self, gradient: Floats, estimate: Floats, arm: Arm, reference: Arm, scale: Scale) -> Contrast:
        variance = np.einsum("...a,...ab,...b->...", gradient, self.covariance, gradient)
        std_error = np.sqrt(np.maximum(variance, 0.0))
        df = satterthwaite_df(self._household_sums(gradient))
        low, high, p_value = t_inference(estimate, std_error, df, self.level)
        return Contrast(
            arm=arm,
            reference=reference,
            scale=scale,
            estimate=_plain(estimate),
            std_error=_plain(std_error),
            df=_plain(df),
            conf_low=_plain(low),
            conf_high=_plain(high),
            p_value=_plain(p_value),
            level=self.level,
        )

    def to_frame(self) -> pd.DataFrame:
        """Show the means as a table: one row an arm (and outcome), the columns every result has."""
        import pandas as pd

        rows, keys = [], []
        results = [self] if self.means.ndim == 1 else [self.outcome(j) for j in range(len(self.means))]
        for j, result in enumerate(results):
            for k, arm in enumerate(self.arms):
                unit = np.eye(len(self.arms))[k]
                row = result._infer(unit, result.means[k], arm, None, "difference")
                statistic = row.estimate / row.std_error if row.std_error > 0 else np.nan
                rows.append(
                    (row.estimate, row.std_error, statistic, row.p_value, row.conf_low, row.conf_high)
                )
                keys.append(arm if self.means.ndim == 1 else (j, arm))
        columns = ["estimate", "std_error", "statistic", "p_value", "conf_low", "conf_high"]
        index = (
            pd.Index(keys, name="arm")
            if self.means.ndim == 1
            else pd.MultiIndex.from_tuples(keys, names=["outcome", "arm"])
        )
        return pd.DataFrame(rows, columns=columns, index=index)


def satterthwaite_df(u: Floats) -> Floats:
    """Degrees of freedom of a contrast's variance from its cluster contributions.

    With independent normal contributions ``u_g ~ N(0, σ_g²)`` the variance estimate ``Σ u_g²`` has
    Satterthwaite's ``(Σ σ_g²)² / Σ σ_g⁴`` degrees of freedom. As ``E u_g⁴ = 3 σ_g⁴``, matching the second
    moment of the squares gives ``3 (Σ u_g²)² / Σ u_g⁴``: about G for normal contributions of one size, about
    the size of the smaller arm when that arm carries the variance (Welch), at least 3. Capped at G - 1.

    Parameters
    ----------
    u : (..., G)
        Cluster sums of the centred influence of the contrast.

    References
    ----------
    Satterthwaite (1946), doi:10.2307/3002019; Bell and McCaffrey (2002), Survey Methodology 28(2), 169-181.
    """
    # Scaled first, so that the fourth power of a value of 1e9 keeps its digits.
    peak = np.max(np.abs(u), axis=-1, keepdims=True)
    squares = (u / np.where(peak > 0, peak, 1.0)) ** 2
    fourth = np.sum(squares**2, axis=-1)
    cap = max(u.shape[-1] - 1.0, 1.0)
    df = 3.0 * np.sum(squares, axis=-1) ** 2 / np.where(fourth > 0, fourth, 1.0)
    return np.asarray(np.where(fourth > 0, np.minimum(df, cap), cap))


def t_inference(
    estimate: Floats, std_error: Floats, df: Floats, level: float
) -> tuple[Floats, Floats, Floats]:
    """Interval ends and two-sided p-value from Student's t."""
    from scipy.special import stdtr, stdtrit

    half = stdtrit(df, 0.5 + level / 2.0) * std_error
    statistic = np.abs(estimate) / np.where(std_error > 0, std_error, 1.0)
    p_value = np.where(std_error > 0, 2.0 * stdtr(df, -statistic), np.where(estimate == 0, 1.0, 0.0))
    return estimate - half, estimate + half, p_value


def _plain(value: Any) -> Any:
    """Give a float for a single outcome, the array otherwise."""
    return float(value) if np.ndim(value) == 0 else value


def _cluster_sums(values: Floats, clusters: Integers, total: int) -> Floats:
    """Sum (..., n) over clusters: (..., G)."""
    flat = values.reshape(-1, values.shape[-1])
    sums = [np.bincount(clusters, weights=row, minlength=total) for row in flat]
    return np.stack(sums).astype(np.float64).reshape(*values.shape[:-1], total)


def _link(means: Floats, scale: Scale) -> tuple[Floats, Floats]:
    """Value and derivative of a scale at the means."""
    if scale == "difference":
        return means, np.ones_like(means)
    if scale not in SCALES:
        raise EstimationError(
            "estimation-scale",
            expected="scale difference, log_ratio or log_odds",
            found="another scale",
            mend="Choose one of the three.",
        )
    upper = np.inf if scale == "log_ratio" else 1.0
    if not np.all((means > 0) & (means < upper)):
        raise EstimationError(
            "estimation-scale",
            expected="means above 0" + ("" if scale == "log_ratio" else " and below 1"),
            found="a mean outside that range",
            mend="Use the difference scale.",
        )
    if scale == "log_ratio":
        return np.log(means), 1.0 / means
    return np.log(means / (1.0 - means)), 1.0 / (means * (1.0 - means))
