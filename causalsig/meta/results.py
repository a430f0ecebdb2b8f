"""What a meta-analysis returns: frozen, read-only arrays, with what follows from the fit as methods."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from causalsig.errors import MetaError
from causalsig.meta.inputs import MetaInputs, as_floats, freeze
from causalsig.meta.intervals import critical_value, q_profile
from causalsig.meta.options import (
    DEFAULT_PREDICTION,
    IntervalMethod,
    PredictionMethod,
    Tau2IntervalMethod,
    Tau2Method,
    check_option,
)

if TYPE_CHECKING:
    import pandas as pd

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Tau2Interval:
    """Confidence interval of tau².

    Attributes
    ----------
    low, high : float
        On the squared scale of the effects; nan when the set is empty or nothing can be estimated.
    empty : bool
        The effects agree better than chance allows at every tau² ≥ 0: no value is in the set. It is evidence
        for tau² = 0 and for variances that are too large, and is reported rather than turned into [0, 0].
    level : float
    method : str
    """

    low: float
    high: float
    empty: bool
    level: float
    method: Tau2IntervalMethod


@dataclass(frozen=True, slots=True)
class PredictionInterval:
    """Interval for the true effect of a new site, on the scale of the effects; nan when not estimable."""

    low: float
    high: float
    level: float
    method: PredictionMethod


@dataclass(frozen=True, slots=True)
class ShrunkenEstimates:
    """Each site's own effect drawn towards the pool (empirical Bayes), arrays of shape (k,).

    ``shrinkage`` is the weight of the pool, v/(v + tau²): 0 leaves a site its own estimate. The standard
    errors treat tau² as known.
    """

    estimates: FloatArray
    std_errors: FloatArray
    conf_low: FloatArray
    conf_high: FloatArray
    shrinkage: FloatArray


@dataclass(frozen=True, slots=True)
class LeaveOneOut:
    """The pool of the others, for every site in the order given: ``results[i]`` is the fit without site i."""

    results: tuple[RandomEffects, ...]

    def to_frame(self) -> pd.DataFrame:
        """One row a site left out and coefficient: the standard columns, tau2, i2, q and q_p_value."""
        import pandas as pd

        frames = [
            each.to_frame().assign(tau2=each.tau2, i2=each.i2, q=each.q, q_p_value=each.q_p_value)
            for each in self.results
        ]
        return pd.concat(frames, keys=range(len(frames)), names=["left_out", "term"])


@dataclass(frozen=True, slots=True)
class RandomEffects:
    """A fitted random-effects model ``y_i ~ N(x_i'β, v_i + tau²)``.

    Attributes
    ----------
    coefficients, std_errors, conf_low, conf_high, p_values : (p,) arrays
        The intercept (the pooled effect) first, then moderators; scale of the effects. The p-values are two
        sided for a coefficient of zero.
    covariance : (p, p) array
        Of the coefficients, with the factor of the interval method in it.
    df : float
        Degrees of freedom of the t distribution, inf for the normal.
    tau2, tau2_std_error : float
        Variance of true effects between sites; nan when k = 1 (unless ``EE``).
    i2 : float
        Per cent of the variance that is between sites, tau²/(tau² + typical variance); from Q for ``EE``.
    h2 : float
        Total over sampling variance (a ratio, 1 is none).
    q, q_df, q_p_value : float
        Cochran's Q (residual Q with moderators), its degrees of freedom, and the p-value of the null
        hypothesis that all true effects are equal (given the moderators).
    weights : (k,) array
        1/(v + tau²) as fractions that add to one.
    score : float
        Derivative of the likelihood at tau²; nan for methods without one.
    converged, boundary : bool
        Boundary: tau² is zero because it may not be negative.
    maxima : int
        Local maxima of the likelihood of tau².
    k : int
        Number of sites.
    method, interval, level
        As asked; with one site the interval is ``"wald"`` whatever was asked.
    notes : tuple of str
        Codes of ``causalsig.meta.options.NOTES``.
    inputs : MetaInputs
        The data, read-only.
    names : tuple of p str
    """

    coefficients: FloatArray
    covariance: FloatArray
    std_errors: FloatArray
    conf_low: FloatArray
    conf_high: FloatArray
    p_values: FloatArray
    df: float
    tau2: float
    tau2_std_error: float
    i2: float
    h2: float
    q: float
    q_df: int
    q_p_value: float
    weights: FloatArray
    score: float
    converged: bool
    boundary: bool
    maxima: int
    k: int
    method: Tau2Method
    interval: IntervalMethod
    level: float
    notes: tuple[str, ...]
    names: tuple[str, ...]
    inputs: MetaInputs

    def tau2_interval(self, method: Tau2IntervalMethod = "q-profile") -> Tau2Interval:
        """Confidence interval of tau² by inverting the generalised Q statistic, exact under normality.

        Source: Viechtbauer (2007), doi:10.1002/sim.2514. Does not depend on the estimator of tau².
        """
        check_option("method", method, Tau2IntervalMethod)
        if self.k == 1:
            return Tau2Interval(np.nan, np.nan, False, self.level, method)
        data = self.inputs
        low, high = q_profile(data.estimates, data.variances, data.basis, self.level)
        return Tau2Interval(low, high, bool(np.isnan(low)), self.level, method)

    def prediction_interval(
        self, method: PredictionMethod = DEFAULT_PREDICTION, *, moderators: Any = None
    ) -> PredictionInterval:
        """Interval for the true effect of one new site, ``x'β ± t √(tau² + se²)``.

        Parameters
        ----------
        method : {"t(k-1)", "t(k-2)"}
            Degrees of freedom with only an intercept; with p coefficients they are k - p and k - p - 1.
            The default k - 1 goes with tau²'s own degrees of freedom, as metafor and Cochrane do; k - 2 is
            Higgins, Thompson & Spiegelhalter (2009), doi:10.1111/j.1467-985X.2008.00552.x, who take the Wald
            standard error (ask for ``interval="wald"``); Partlett & Riley (2017), doi:10.1002/sim.7140, study
            the Knapp-Hartung one. The standard error is always this result's own.
        moderators : (q,) array, optional
            The new site's moderators, without the intercept; needed when the model has moderators.

        Notes
        -----
        Both plug in tau² and cover less than they say for few sites or small tau². With one site, or no
        degrees of freedom left, the bounds are nan.
        """
        check_option("method", method, PredictionMethod)
        point = self._new_site(moderators)
        df = self.k - len(self.names) - (1 if method == "t(k-2)" else 0)
        if df < 1:
            return PredictionInterval(np.nan, np.nan, self.level, method)
        centre = float(point @ self.coefficients)
        half = critical_value(self.level, float(df)) * float(
            np.sqrt(self.tau2 + point @ self.covariance @ point)
        )
        return PredictionInterval(centre - half, centre + half, self.level, method)

    def leave_one_out(self) -> LeaveOneOut:
        """Fit again without each site in turn: the pool of the others, for every site.

        Raises
        ------
        MetaError
            ``meta-one-site`` when there is no other; ``meta-collinear`` or ``meta-too-many-moderators`` when
            the moderators cannot be fitted without some site.
        """
        from causalsig.meta.univariate import fit

        if self.k == 1:
            raise MetaError(
                "meta-one-site",
                expected="at least two sites",
                found="one",
                mend="With one site there is no pool of the others.",
            )
        return LeaveOneOut(
            tuple(
                fit(self.inputs.without(index), self.method, self.interval, self.level)
                for index in range(self.k)
            )
        )

    def shrunken(self) -> ShrunkenEstimates:
        """Best linear unbiased predictions of each site's own true effect.

        Source: Raudenbush & Bryk (1985), doi:10.3102/10769986010002075. With one site it is that estimate.
        """
        data = self.inputs
        tau2 = np.inf if np.isnan(self.tau2) else self.tau2
        shrinkage = 1.0 / (1.0 + tau2 / data.variances)
        own = 1.0 - shrinkage
        centre = data.design @ self.coefficients
        centre_variance = np.einsum("ip,pq,iq->i", data.design, self.covariance, data.design)
        estimates = own * data.estimates + shrinkage * centre
        std_errors = np.sqrt(own * data.variances + shrinkage**2 * centre_variance)
        half = critical_value(self.level, self.df) * std_errors
        arrays = (estimates, std_errors, estimates - half, estimates + half, shrinkage)
        return ShrunkenEstimates(*(freeze(each) for each in arrays))

    def to_frame(self) -> pd.DataFrame:
        """One row a coefficient: estimate, std_error, statistic, p_value, conf_low, conf_high."""
        import pandas as pd

        # A Knapp-Hartung standard error is zero when all effects are equal.
        with np.errstate(divide="ignore", invalid="ignore"):
            statistic = self.coefficients / self.std_errors
        return pd.DataFrame(
            {
                "estimate": self.coefficients,
                "std_error": self.std_errors,
                "statistic": statistic,
                "p_value": self.p_values,
                "conf_low": self.conf_low,
                "conf_high": self.conf_high,
            },
            index=pd.Index(self.names, name="term"),
        )

    def _new_site(self, moderators: Any) -> FloatArray:
        count = len(self.names) - self.inputs.intercept
        values = np.zeros(0) if moderators is None else np.atleast_1d(as_floats("moderators", moderators))
        if values.shape != (count,) or not np.all(np.isfinite(values)):
            raise MetaError(
                "meta-shape",
                expected=f"{count} finite moderators of the new site",
                found="none" if moderators is None else f"shape {values.shape} or a missing value",
                mend="Give the new site's moderators in the model's order, without the intercept.",
            )
        return np.concatenate([np.ones(int(self.inputs.intercept)), values])
