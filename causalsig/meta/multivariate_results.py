"""What a multivariate meta-analysis returns, and what follows from it: contrasts, bands, rankings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import special

from causalsig.errors import MetaError
from causalsig.meta.between import Structure
from causalsig.meta.comparison import ComparedByValue
from causalsig.meta.contrasts import Contrasts, JointTest
from causalsig.meta.inputs import as_floats, freeze
from causalsig.meta.intervals import chi_square_upper_tail, critical_value, two_sided_p
from causalsig.meta.joint_normal import rank_probabilities, smallest_p_values
from causalsig.meta.multivariate_inputs import ArmInputs
from causalsig.meta.options import check_level, check_option

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Band(ComparedByValue):
    """Linear functions with intervals that hold together, arrays of shape (m,).

    ``level_each`` is the level of every single interval that gives the joint ``level``; ``p_values`` are
    adjusted for all of them.
    """

    estimates: FloatArray
    std_errors: FloatArray
    conf_low: FloatArray
    conf_high: FloatArray
    p_values: FloatArray
    level: float
    level_each: float


@dataclass(frozen=True, slots=True, eq=False)
class Ranking(ComparedByValue):
    """Order of the arms.

    Attributes
    ----------
    probabilities : (p, p)
        P(arm a has rank r); the first rank is the best.
    best : (p,)
        P(arm a is the best).
    mean_rank : (p,)
        From 1.
    surface : (p,)
        Share of the other arms that an arm is expected to beat (SUCRA; Salanti, Ades & Ioannidis 2011,
        doi:10.1016/j.jclinepi.2010.03.016).
    """

    probabilities: FloatArray
    best: FloatArray
    mean_rank: FloatArray
    surface: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class JointPrediction(ComparedByValue):
    """Linear functions of a new site's true arm means, arrays of shape (m,); nan when not estimable."""

    estimates: FloatArray
    std_devs: FloatArray
    low: FloatArray
    high: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class JointShrunken(ComparedByValue):
    """Each site's own true arm means drawn towards the pool, (k, p), with those of arms it lacks.

    Ψ is taken as known.
    """

    estimates: FloatArray
    std_errors: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class MultivariateRandomEffects(ComparedByValue):
    """A fitted model ``y_i ~ N((x_i' ⊗ I) β, S_i + Ψ)`` of k sites, p arms and m columns of the design.

    Attributes
    ----------
    coefficients, std_errors, conf_low, conf_high, p_values : (m, p) arrays
        The arms' pooled means (intercepts) in the first row, then a row a moderator.
    covariance : (m p, m p) array
        Of the coefficients read row by row, with the factor of the interval in it.
    df : (p,) array
        Of each arm's t distribution; inf for the normal.
    between : (p, p) array
        Ψ, between-site covariance of true effects; nan with one site.
    rank : int
        Directions in which Ψ is not zero.
    boundary : bool
        Ψ is singular because it may not be less: a variance of zero or a correlation at its limit.
    log_likelihood : float
        Restricted for REML (of error contrasts, with the design's own determinant, as metafor's).
    q, q_df, q_p_value : float
        Residual heterogeneity: weighted residual sum of squares at Ψ = 0.
    score : float
        Newton's decrement at the estimate, the distance to the stationary point in standard errors.
    converged : bool
        Stationary, and the likelihood rises in no direction in which Ψ may still grow.
    maxima : int
        Different maxima that several starting points led to.
    k : int
    structure, method, interval, level
    notes : tuple of str
        Codes of ``causalsig.meta.options.NOTES``.
    names : tuple of m str
    inputs : ArmInputs
    """

    coefficients: FloatArray
    covariance: FloatArray
    std_errors: FloatArray
    conf_low: FloatArray
    conf_high: FloatArray
    p_values: FloatArray
    df: FloatArray
    between: FloatArray
    rank: int
    boundary: bool
    log_likelihood: float
    q: float
    q_df: int
    q_p_value: float
    score: float
    converged: bool
    maxima: int
    k: int
    structure: Structure
    method: Literal["REML", "ML"]
    interval: Literal["wald", "t", "knapp-hartung-floored"]
    level: float
    notes: tuple[str, ...]
    names: tuple[str, ...]
    inputs: ArmInputs

    @property
    def tau2(self) -> FloatArray:
        """Between-site variance of each arm, (p,)."""
        return np.diagonal(self.between)

    @property
    def correlations(self) -> FloatArray:
        """Between-site correlations (p, p); nan where a variance is zero."""
        size = np.sqrt(self.tau2)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(self.between / np.outer(size, size))

    def contrasts(self, multipliers: Any, *, at: Any = None) -> Contrasts:
        """Linear functions of the pooled arm means, each with its interval, and their joint test.

        Parameters
        ----------
        multipliers : (p,) or (r, p) array-like
            Rows of multipliers of the arms: ``[-1, 1, 0]`` is the second arm less the first. With moderators
            also (r, m p), of all coefficients row by row.
        at : (q,) array-like, optional
            The moderators at which the arm means are compared; needed with moderators and (r, p).
        """
        rows, df = self._rows(multipliers, at)
        estimates = rows @ self.coefficients.ravel()
        spread = rows @ self.covariance @ rows.T
        std_errors = np.sqrt(np.diagonal(spread))
        half = np.array([critical_value(self.level, each) for each in df]) * std_errors
        return Contrasts(
            estimates=freeze(estimates),
            std_errors=freeze(std_errors),
            conf_low=freeze(estimates - half),
            conf_high=freeze(estimates + half),
            p_values=freeze(_p_values(estimates, std_errors, df)),
            joint=self._joint(rows, estimates, spread, float(df.min())),
        )

    def against(self, reference: int, *, at: Any = None) -> Contrasts:
        """Every other arm less a reference arm, in the arms' order; any reference tells the same story.

        Parameters
        ----------
        reference : int
            The arm's place, from 0.
        at : (q,) array-like, optional
            As `contrasts`.
        """
        p = self.between.shape[0]
        if (
            isinstance(reference, bool)
            or not isinstance(reference, (int, np.integer))
            or not 0 <= reference < p
        ):
            raise MetaError(
                "meta-option",
                expected=f"the place of an arm, a whole number from 0 to {p - 1}",
                found=str(reference) if isinstance(reference, int) else type(reference).__name__,
                mend="Give the reference arm's place in the columns of the estimates.",
            )
        rows = np.delete(np.eye(p) - np.eye(p)[reference], reference, axis=0)
        return self.contrasts(rows, at=at)

    def simultaneous(self, multipliers: Any = None, *, at: Any = None, level: float | None = None) -> Band:
        """Intervals of several linear functions that all hold together (max-t).

        For a curve, where the arms are thresholds or horizons, it is a band over the whole curve.

        Parameters
        ----------
        multipliers : array-like, optional
            As `contrasts`; every arm's own mean when not given.
        at : (q,) array-like, optional
        level : float, optional
            That of the result when not given.
        """
        joint = self.level if level is None else check_level(level)
        rows, df = self._rows(np.eye(len(self.between)) if multipliers is None else multipliers, at)
        estimates = rows @ self.coefficients.ravel()
        spread = rows @ self.covariance @ rows.T
        std_errors = np.sqrt(np.diagonal(spread))
        smallest = smallest_p_values(spread)
        alone = _p_values(estimates, std_errors, df)
        # One interval is its own band; the draws would only add their error.
        each = joint if len(rows) == 1 else max(joint, 1.0 - float(np.quantile(smallest, 1.0 - joint)))
        adjusted = np.searchsorted(smallest, alone, side="right") / len(smallest)
        half = np.array([critical_value(each, one) for one in df]) * std_errors
        return Band(
            freeze(estimates),
            freeze(std_errors),
            freeze(estimates - half),
            freeze(estimates + half),
            freeze(np.maximum(alone, adjusted) if len(rows) > 1 else alone),
            joint,
            each,
        )

    def ranking(
        self, *, better: Literal["low", "high"] = "low", at: Any = None, new_site: bool = False
    ) -> Ranking:
        """Probabilities of the arms' order under the normal of the pooled means.

        Parameters
        ----------
        better : {"low", "high"}
            Whether the smallest mean is the best (returns) or the largest.
        at : (q,) array-like, optional
        new_site : bool
            Of a new site's true means (Ψ added) instead of the pooled ones.
        """
        check_option("better", better, Literal["low", "high"])
        p = len(self.between)
        rows, _ = self._rows(np.eye(p), at)
        spread = rows @ self.covariance @ rows.T
        if new_site:
            spread = spread + (self.between if self.k > 1 else np.nan)
            if np.isnan(spread).any():
                return Ranking(*(freeze(np.full(shape, np.nan)) for shape in ((p, p), p, p, p)))
        sign = 1.0 if better == "low" else -1.0
        found = rank_probabilities(sign * (rows @ self.coefficients.ravel()), spread)
        mean_rank = found @ np.arange(1.0, p + 1.0)
        surface = (p - mean_rank) / max(p - 1, 1)
        return Ranking(freeze(found), freeze(found[:, 0]), freeze(mean_rank), freeze(surface))

    def predict(self, multipliers: Any, *, at: Any = None) -> JointPrediction:
        """Intervals for linear functions (r, p) of a new site's true arm means; Ψ is plugged in."""
        arms = np.atleast_2d(as_floats("multipliers", multipliers))
        rows, df = self._rows(arms, at)
        estimates = rows @ self.coefficients.ravel()
        if arms.shape[1] != len(self.between):
            raise _shape(f"multipliers of shape (r, {len(self.between)})", str(arms.shape))
        own = np.einsum("ra,ab,rb->r", arms, self.between, arms)
        std_devs = np.sqrt(own + np.einsum("ra,ab,rb->r", rows, self.covariance, rows))
        half = np.array([critical_value(self.level, each) for each in df]) * std_devs
        return JointPrediction(
            *(freeze(v) for v in (estimates, std_devs, estimates - half, estimates + half))
        )

    def shrunken(self) -> JointShrunken:
        """Best linear unbiased predictions of every site's true arm means; with one site its estimates."""
        data, psi = self.inputs, self.between
        if self.k == 1:
            return JointShrunken(data.estimates, self.std_errors)
        k, p = data.estimates.shape
        full = np.einsum("im,ab->iamb", data.design, np.eye(p)).reshape(k, p, -1)
        gaps = np.einsum("ia,ab->iab", 1.0 - data.present, np.eye(p))
        both = data.present[:, :, None] & data.present[:, None, :]
        gain = psi @ (np.linalg.inv(np.where(both, data.covariances + psi, gaps)) * both)
        fitted = full @ self.coefficients.ravel()
        estimates = fitted + np.einsum("iab,ib->ia", gain, data.estimates - fitted * data.present)
        rest = full - gain @ full
        spread = psi - gain @ psi + rest @ self.covariance @ np.swapaxes(rest, 1, 2)
        return JointShrunken(freeze(estimates), freeze(np.sqrt(np.einsum("iaa->ia", spread))))

    def leave_one_out(self) -> tuple[MultivariateRandomEffects, ...]:
        """Fit again without each site in turn, in the sites' order.

        Raises
        ------
        MetaError
            ``meta-one-site`` when there is no other; as `multivariate_random_effects` when the others cannot
            be fitted, because an arm or a moderator is at that site alone.
        """
        from causalsig.meta.multivariate import without_each_site

        return without_each_site(self)

    def _rows(self, multipliers: Any, at: Any) -> tuple[FloatArray, FloatArray]:
        """Multipliers of all coefficients (r, m p); degrees of freedom (r,), the least of the arms used."""
        rows = np.atleast_2d(as_floats("multipliers", multipliers))
        columns, p = self.coefficients.shape
        if rows.ndim != 2 or rows.shape[1] not in (p, columns * p) or not np.isfinite(rows).all():
            raise _shape(f"finite multipliers of shape (r, {p})", f"{rows.shape}, or a missing value")
        if rows.shape[1] == p and not (columns > 1 and at is None):
            point = self._point(at)
            rows = (point[None, :, None] * rows[:, None, :]).reshape(len(rows), columns * p)
        elif columns > 1 and rows.shape[1] == p:
            raise _shape(f"{columns - 1} moderators in at=", "none")
        used = (rows.reshape(len(rows), columns, p) != 0.0).any(axis=1)
        return rows, np.where(used, self.df, np.inf).min(axis=1)

    def _point(self, at: Any) -> FloatArray:
        values = np.zeros(0) if at is None else np.atleast_1d(as_floats("at", at))
        if values.shape != (len(self.names) - 1,) or not np.isfinite(values).all():
            raise _shape(
                f"{len(self.names) - 1} finite moderators", f"shape {values.shape} or a missing value"
            )
        return np.concatenate([[1.0], values])

    def _joint(self, rows: FloatArray, estimates: FloatArray, spread: FloatArray, df: float) -> JointTest:
        rank = int(np.linalg.matrix_rank(rows, rtol=1e-10))
        statistic = float(estimates @ np.linalg.pinv(spread, rtol=1e-12, hermitian=True) @ estimates)
        if np.isinf(df):
            tail = float(chi_square_upper_tail(np.array(statistic), rank))
            return JointTest(statistic, rank, df, tail, self.interval)
        statistic /= rank
        return JointTest(statistic, rank, df, float(special.fdtrc(rank, df, statistic)), self.interval)


def _p_values(estimates: FloatArray, std_errors: FloatArray, df: FloatArray) -> FloatArray:
    with np.errstate(divide="ignore", invalid="ignore"):
        statistics = estimates / std_errors
    return np.array([float(two_sided_p(s, d)) for s, d in zip(statistics, df, strict=True)])


def _shape(expected: str, found: str) -> MetaError:
    return MetaError(
        "meta-shape", expected=expected, found=found, mend="Give one number an arm, and at= its moderators."
    )
