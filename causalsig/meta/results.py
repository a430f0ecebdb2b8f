"""What a meta-analysis returns: frozen, read-only arrays, with what follows from the fit as methods."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from causalsig.errors import MetaError
from causalsig.meta.batch import RandomEffectsBatch
from causalsig.meta.comparison import ComparedByValue
from causalsig.meta.fits import Fits
from causalsig.meta.inputs import MetaInputs, as_floats
from causalsig.meta.options import (
    DEFAULT_PREDICTION,
    NOTE_NOT_CONVERGED,
    NOTE_ONE_SITE,
    NOTE_SEVERAL_MAXIMA,
    NOTE_TWO_SITES,
    IntervalMethod,
    PredictionMethod,
    ShrinkageMethod,
    Tau2IntervalMethod,
    Tau2Method,
    check_option,
)

if TYPE_CHECKING:
    import pandas as pd

    from causalsig.meta.contrasts import Contrasts, JointTest
    from causalsig.meta.influence import Influence
    from causalsig.meta.prediction import PredictionInterval, ShrunkenEstimates
    from causalsig.meta.tau2_intervals import Tau2Interval

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class LeaveOneOut(ComparedByValue):
    """The pool of the others, for every site in the order given.

    ``batch`` has the fits as arrays (row i is the fit without site i), ``results[i]`` one of them as a whole.
    """

    batch: RandomEffectsBatch

    @property
    def results(self) -> tuple[RandomEffects, ...]:
        """One result a site left out."""
        return tuple(self.batch)

    def to_frame(self) -> pd.DataFrame:
        """One row a site left out and coefficient: the standard columns, tau2, i2, q and q_p_value."""
        return _stacked(self.results, "left_out")


@dataclass(frozen=True, slots=True, eq=False)
class Cumulative(ComparedByValue):
    """The pool of the first, the first two, ... sites in an order: one result a step.

    With moderators it starts with the first sites that can be fitted.
    """

    order: tuple[int, ...]
    results: tuple[RandomEffects, ...]

    def to_frame(self) -> pd.DataFrame:
        """One row a step and coefficient: the standard columns, tau2, i2, q and q_p_value."""
        return _stacked(self.results, "sites")


@dataclass(frozen=True, slots=True, eq=False)
class RandomEffects(ComparedByValue):
    """A fitted random-effects model ``y_i ~ N(x_i'β, v_i + tau²)``.

    Attributes
    ----------
    coefficients, std_errors, conf_low, conf_high, p_values : (p,) arrays
        The intercept (the pooled effect) first, then moderators; scale of the effects. The p-values are two
        sided for a coefficient of zero.
    covariance : (p, p) array
        Of the coefficients, with the factor of the interval method in it; for the mixture given tau².
    df : float
        Degrees of freedom of the t distribution, inf for the normal, nan for the mixture, which is neither.
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

    @classmethod
    def of(cls, fits: Fits, row: int, data: MetaInputs, method: Tau2Method, level: float) -> RandomEffects:
        """Take one row of a fitted batch."""
        k, p = data.design.shape
        maxima, converged = int(fits.maxima[row]), bool(fits.converged[row])
        notes = (
            (NOTE_ONE_SITE, k == 1),
            (NOTE_TWO_SITES, k == 2),
            (NOTE_SEVERAL_MAXIMA, maxima > 1),
            (NOTE_NOT_CONVERGED, not converged),
        )
        return cls(
            coefficients=_frozen_row(fits.coefficients, row),
            covariance=_frozen_row(fits.covariance, row),
            std_errors=_frozen_row(fits.std_errors, row),
            conf_low=_frozen_row(fits.conf_low, row),
            conf_high=_frozen_row(fits.conf_high, row),
            p_values=_frozen_row(fits.p_values, row),
            df=float(fits.df),
            tau2=_number(fits.tau2[row]),
            tau2_std_error=_number(fits.tau2_std_error[row]),
            i2=_number(fits.i2[row]),
            h2=_number(fits.h2[row]),
            q=_number(fits.q[row]),
            q_df=k - p,
            q_p_value=_number(fits.q_p_value[row]),
            weights=_frozen_row(fits.weights, row),
            score=_number(fits.score[row]),
            converged=converged,
            boundary=bool(fits.boundary[row]),
            maxima=maxima,
            k=k,
            method=method,
            interval=fits.interval,
            level=level,
            notes=tuple(code for code, holds in notes if holds),
            names=data.names,
            inputs=data,
        )

    def tau2_interval(self, method: Tau2IntervalMethod = "q-profile") -> Tau2Interval:
        """Confidence interval of tau².

        Parameters
        ----------
        method : {"q-profile", "generalised-q", "profile-likelihood"}
            See :mod:`causalsig.meta.tau2_intervals`. The first two are exact under normality and do not
            depend on the estimator of tau²; the last takes the restricted likelihood, or the full one for
            ``ML``.
        """
        from causalsig.meta.tau2_intervals import tau2_interval

        check_option("method", method, Tau2IntervalMethod)
        return tau2_interval(self, method)

    def prediction_interval(
        self, method: PredictionMethod = DEFAULT_PREDICTION, *, moderators: Any = None
    ) -> PredictionInterval:
        """Interval for the true effect of one new site.

        Parameters
        ----------
        method : {"mixture", "t(k-1)", "t(k-2)", "normal"}
            ``mixture`` mixes over the confidence distribution of tau², whatever the interval of the mean. The
            others are ``x'β ± c √(tau² + se²)`` with this result's own standard error and c of t with k - p
            or k - p - 1 degrees of freedom or of the normal: k - 1 goes with tau²'s own degrees of freedom,
            as Cochrane does; k - 2 is Higgins, Thompson & Spiegelhalter (2009),
            doi:10.1111/j.1467-985X.2008.00552.x, who take the Wald standard error (ask for
            ``interval="wald"``); Partlett & Riley (2017), doi:10.1002/sim.7140, study the Knapp-Hartung one.
        moderators : (q,) array, optional
            The new site's moderators, without the intercept; needed when the model has moderators.

        Notes
        -----
        The plug-in ones cover less than they say for few sites or small tau². With one site, or no degrees
        of freedom left, the bounds are nan.
        """
        from causalsig.meta.prediction import prediction_interval

        check_option("method", method, PredictionMethod)
        return prediction_interval(self, method, self.new_site(moderators))

    def probability_beyond(
        self,
        threshold: float,
        *,
        side: Literal["above", "below"] = "above",
        method: PredictionMethod = DEFAULT_PREDICTION,
        moderators: Any = None,
    ) -> float:
        """P(true effect of a new site beyond a threshold), from the same distribution as the prediction.

        Where that has no spread (all effects equal, Knapp-Hartung): 0 or 1, and a half at the effect itself;
        nan where `prediction_interval` is.

        Raises
        ------
        MetaError
            ``meta-not-finite`` for a threshold that is missing; ``meta-not-numbers``, ``meta-option``.
        """
        from causalsig.meta.prediction import probability_below

        check_option("method", method, PredictionMethod)
        check_option("side", side, Literal["above", "below"])
        at = as_floats("threshold", threshold)
        if at.ndim or np.isnan(at):
            raise MetaError(
                "meta-not-finite",
                expected="one threshold on the scale of the effects",
                found="a missing value" if not at.ndim else f"shape {at.shape}",
                mend="Give a number.",
            )
        below = probability_below(self, float(at), method, self.new_site(moderators))
        return below if side == "below" else 1.0 - below

    def shrunken(self, method: ShrinkageMethod | None = None) -> ShrunkenEstimates:
        """Best predictions of each site's own true effect, drawn towards the pool.

        Parameters
        ----------
        method : {"mixture", "plug-in"}, optional
            ``plug-in``: best linear unbiased predictions with tau² as if known (Raudenbush & Bryk 1985,
            doi:10.3102/10769986010002075). ``mixture`` carries the uncertainty of tau². Not given: as the
            interval of this result.
        """
        from causalsig.meta.prediction import shrunken

        chosen: ShrinkageMethod = "mixture" if self.interval == "mixture" else "plug-in"
        if method is not None:
            check_option("method", method, ShrinkageMethod)
            chosen = method
        return shrunken(self, chosen)

    def leave_one_out(self) -> LeaveOneOut:
        """Fit again without each site in turn: the pool of the others, for every site.

        Raises
        ------
        MetaError
            ``meta-one-site`` when there is no other; ``meta-collinear`` or ``meta-too-many-moderators`` when
            the moderators cannot be fitted without some site.
        """
        from causalsig.meta.univariate import without_each

        self._refuse_one_site()
        return LeaveOneOut(without_each(self.inputs, self.method, self.interval, self.level))

    def cumulative(self, order: Any = None) -> Cumulative:
        """Pool the first site, the first two, and so on; with moderators from the first that can be fitted.

        Parameters
        ----------
        order : (k,) array of int, optional
            A permutation of the sites; as given when absent.
        """
        from causalsig.meta.influence import cumulative

        return cumulative(self, order)

    def influence(self) -> Influence:
        """Show what each site does to the fit (for the statistician only).

        Raises
        ------
        MetaError
            As `leave_one_out`.
        """
        from causalsig.meta.influence import influence

        self._refuse_one_site()
        return influence(self)

    def contrasts(self, multipliers: Any) -> Contrasts:
        """Linear functions of the coefficients, each with its interval, and their joint test.

        Parameters
        ----------
        multipliers : (p,) or (m, p) array-like
            Rows of multipliers of the coefficients, the intercept's first.
        """
        from causalsig.meta.contrasts import contrasts

        return contrasts(self, multipliers)

    def omnibus(self) -> JointTest:
        """Test that all moderators' coefficients (without moderators: the mean) are zero."""
        from causalsig.meta.contrasts import omnibus

        return omnibus(self)

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

    def new_site(self, moderators: Any) -> FloatArray:
        """Check a new site's moderators and put the intercept before them: a row of the design."""
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

    def _refuse_one_site(self) -> None:
        if self.k == 1:
            raise MetaError(
                "meta-one-site",
                expected="at least two sites",
                found="one",
                mend="With one site there is no pool of the others.",
            )


def _frozen_row(values: FloatArray, row: int) -> FloatArray:
    one: FloatArray = values[row]
    one.setflags(write=False)
    return one


def _number(value: np.float64) -> float:
    """Make a plain float; missing is the one ``numpy.nan``, so that equal results compare as equal."""
    return np.nan if value != value else float(value)


def _stacked(results: tuple[RandomEffects, ...], label: str) -> pd.DataFrame:
    import pandas as pd

    frames = [
        each.to_frame().assign(tau2=each.tau2, i2=each.i2, q=each.q, q_p_value=each.q_p_value)
        for each in results
    ]
    return pd.concat(frames, keys=range(len(frames)), names=[label, "term"])
