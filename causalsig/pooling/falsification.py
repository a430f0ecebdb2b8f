"""Negative controls over all sites: effects that must be zero, and what their spread says of the others.

A control is an outcome that the contact cannot have changed. Pooled over sites it tests the design; ten or
more tell how far off an estimate of this design usually is, and intervals can be calibrated by that (Schuemie
et al. 2018, doi:10.1073/pnas.1708282114; the empirical null of Schuemie et al. 2014, doi:10.1002/sim.5925).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from causalsig.errors import MetaError, PoolError
from causalsig.meta import RandomEffects, random_effects
from causalsig.meta.gls import constant_basis
from causalsig.meta.intervals import critical_value, two_sided_p
from causalsig.meta.mixture import Mixture, mixture_of_coefficients
from causalsig.meta.options import (
    DEFAULT_INTERVAL,
    IntervalMethod,
    Tau2Method,
    check_level,
    check_option,
)

Floats = NDArray[np.float64]
CalibrationMethod = Literal["mixture", "plug-in"]
FEWEST = 10
"""Controls from which a distribution of systematic error is fitted; fewer say little of its spread."""


@dataclass(frozen=True, slots=True)
class Falsification:
    """Pooled negative controls, arrays (J,).

    Attributes
    ----------
    estimates, std_errors, conf_low, conf_high, p_values : (J,)
        Of each control over the sites that have it; with one site that site's own.
    adjusted : (J,)
        Holm's p-values.
    passed : bool
        No control differs from zero at the level, over all of them.
    sites : (J,) int
    """

    estimates: Floats
    std_errors: Floats
    conf_low: Floats
    conf_high: Floats
    p_values: Floats
    adjusted: Floats
    passed: bool
    sites: NDArray[np.int_]


@dataclass(frozen=True, slots=True)
class Calibrated:
    """An estimate with the usual systematic error of its design taken off and added to its uncertainty."""

    estimate: float
    std_error: float
    conf_low: float
    conf_high: float
    p_value: float


@dataclass(frozen=True, slots=True)
class SystematicError:
    """Systematic error of a design, ``N(mean, spread²)`` over controls.

    Attributes
    ----------
    mean, spread : float
        On the scale of the estimates, by maximum likelihood.
    controls : int
    fit : RandomEffects
    """

    mean: float
    spread: float
    controls: int
    fit: RandomEffects

    def calibrate(
        self,
        estimate: float,
        std_error: float,
        *,
        level: float = 0.95,
        method: CalibrationMethod = "mixture",
    ) -> Calibrated:
        """Calibrate an estimate of the same design.

        Parameters
        ----------
        method : {"mixture", "plug-in"}
            ``plug-in`` takes mean and spread as known (as Schuemie et al.); ``mixture`` carries what ten or
            twenty controls leave open of both.

        Raises
        ------
        MetaError
            ``meta-option``, ``meta-level``, ``meta-not-finite``, ``meta-variance``.
        """
        check_option("method", method, CalibrationMethod)
        check_level(level)
        _refuse_errors(np.array([estimate]), np.array([std_error]))
        if method == "plug-in":
            centre, spread = estimate - self.mean, float(np.hypot(std_error, self.spread))
            half = critical_value(level, np.inf) * spread
            p_value = float(two_sided_p(np.array(centre / spread), np.inf))
            return Calibrated(centre, spread, centre - half, centre + half, p_value)
        data = self.fit.inputs
        bias = mixture_of_coefficients(
            data.estimates[None],
            data.variances[None],
            constant_basis(self.controls),
            np.eye(1),
            new_site=True,
        )
        mixed = Mixture(bias.mass, bias.tau2, estimate - bias.means, np.hypot(bias.std_devs, std_error))
        tail = 0.5 * (1.0 - level)
        low, high = mixed.quantiles((tail, 1.0 - tail))
        below = float(mixed.below(0.0)[0, 0])
        centre = float(mixed.mass[0] @ mixed.means[0, :, 0])
        squares = mixed.std_devs[0, :, 0] ** 2 + (mixed.means[0, :, 0] - centre) ** 2
        return Calibrated(
            centre,
            float(np.sqrt(mixed.mass[0] @ squares)),
            float(low[0, 0]),
            float(high[0, 0]),
            2.0 * min(below, 1.0 - below),
        )


def negative_controls(
    estimates: Any,
    variances: Any,
    *,
    level: float = 0.95,
    tau2: Tau2Method = "REML",
    interval: IntervalMethod = DEFAULT_INTERVAL,
) -> Falsification:
    """Pool negative controls, one at a time, and test them together.

    Parameters
    ----------
    estimates, variances : (k, J) array-like
        Effects on J controls at k sites; nan where a site lacks one.
    level : float
    tau2, interval : as `random_effects`

    Raises
    ------
    PoolError
        ``pool-shape``; also when a control is at no site.
    """
    y, v = np.asarray(estimates, dtype=np.float64), np.asarray(variances, dtype=np.float64)
    present = ~np.isnan(y)
    if y.ndim != 2 or v.shape != y.shape or y.size == 0 or not present.any(axis=0).all():
        raise PoolError(
            "pool-shape",
            expected="effects and variances of one shape (sites, controls), each control at a site",
            found=f"{y.shape} and {v.shape}, or a control nowhere",
            mend="Leave out controls that no site has.",
        )
    pooled = [
        random_effects(y[rows, j], v[rows, j], tau2=tau2, interval=interval, level=level)
        for j, rows in enumerate(present.T)
    ]
    table = np.array(
        [
            [each.coefficients[0], each.std_errors[0], each.conf_low[0], each.conf_high[0], each.p_values[0]]
            for each in pooled
        ]
    )
    adjusted = _holm(table[:, 4])
    estimates, std_errors, low, high, p_values = table.T
    passed = bool((adjusted > 1.0 - level).all())
    return Falsification(estimates, std_errors, low, high, p_values, adjusted, passed, present.sum(axis=0))


def systematic_error(estimates: Any, std_errors: Any) -> SystematicError:
    """Fit the distribution of systematic error to pooled (or one site's) negative controls.

    Parameters
    ----------
    estimates, std_errors : (J,) array-like
        J ≥ 10, with errors that are independent enough.

    Raises
    ------
    PoolError
        ``pool-few-controls``.
    MetaError
        As `random_effects`.
    """
    y, errors = np.asarray(estimates, dtype=np.float64), np.asarray(std_errors, dtype=np.float64)
    if y.ndim != 1 or len(y) < FEWEST:
        raise PoolError(
            "pool-few-controls",
            expected=f"at least {FEWEST} negative controls",
            found=str(y.size),
            mend="Report the controls themselves; with so few their spread is not known.",
        )
    _refuse_errors(y, errors)
    fit = random_effects(y, errors**2, tau2="ML", interval="wald")
    return SystematicError(float(fit.coefficients[0]), float(np.sqrt(fit.tau2)), len(y), fit)


def _refuse_errors(estimates: Floats, std_errors: Floats) -> None:
    """Refuse what squaring the standard errors would hide."""
    if estimates.shape != std_errors.shape:
        return  # random_effects says so
    bad = int(np.count_nonzero(~(np.isfinite(estimates) & np.isfinite(std_errors))))
    if bad:
        raise MetaError(
            "meta-not-finite",
            expected="finite estimates and standard errors",
            found=f"{bad} missing or infinite of {estimates.size}",
            mend="Leave those out and say so; nothing is imputed here.",
        )
    negative = int(np.count_nonzero(std_errors <= 0.0))
    if negative:
        raise MetaError(
            "meta-variance",
            expected="standard errors above zero",
            found=f"{negative} of {std_errors.size} zero or negative",
            mend="Give standard errors, not differences or logarithms of them.",
        )


def _holm(p_values: Floats) -> Floats:
    order = np.argsort(p_values)
    steps = np.maximum.accumulate(p_values[order] * np.arange(len(p_values), 0, -1))
    adjusted = np.empty_like(p_values)
    adjusted[order] = np.minimum(steps, 1.0)
    return adjusted
