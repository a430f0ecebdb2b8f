"""Several effects of one site in one model: robust to how they are correlated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from causalsig.errors import MetaError
from causalsig.meta.comparison import ComparedByValue
from causalsig.meta.gls import weighted_fit
from causalsig.meta.inputs import freeze
from causalsig.meta.intervals import critical_value, two_sided_p

if TYPE_CHECKING:
    from causalsig.meta.results import RandomEffects

FloatArray = NDArray[np.float64]

# Eigenvalues of an adjustment below this share of the largest belong to directions the design uses up.
NOTHING = 1e-10


@dataclass(frozen=True, slots=True, eq=False)
class ClusterRobust(ComparedByValue):
    """Coefficients with a covariance that holds whatever the correlation of effects within a site.

    Attributes
    ----------
    coefficients, std_errors, df, conf_low, conf_high, p_values : (p,) arrays
        ``df`` are Satterthwaite's, one a coefficient; below about 4 the interval is a guess. nan where the
        design leaves no residual to tell the spread from.
    covariance : (p, p) array
    clusters : int
    """

    coefficients: FloatArray
    std_errors: FloatArray
    df: FloatArray
    conf_low: FloatArray
    conf_high: FloatArray
    p_values: FloatArray
    covariance: FloatArray
    clusters: int


def cluster_robust(result: RandomEffects, clusters: Any) -> ClusterRobust:
    """CR2 covariance with Satterthwaite degrees of freedom for effects that repeat within sites.

    Parameters
    ----------
    result : RandomEffects
        Fitted as if effects were independent: that is the working model.
    clusters : (k,) array-like
        The site of each effect.

    Raises
    ------
    MetaError
        ``meta-shape``: not one label an effect, or fewer than two sites.

    References
    ----------
    Tipton (2015), doi:10.1037/met0000011; Pustejovsky & Tipton (2018), doi:10.1080/07350015.2016.1247004.
    """
    data = result.inputs
    labels = np.asarray(list(clusters))
    names, place = np.unique(labels, return_inverse=True)
    if labels.shape != (result.k,) or len(names) < 2:
        raise MetaError(
            "meta-shape",
            expected=f"{result.k} labels of at least two sites",
            found=f"{labels.shape} with {len(names)}",
            mend="Give the site of every effect.",
        )
    x, working = data.design, data.variances + result.tau2
    w = 1.0 / working
    bread = np.linalg.inv((x.T * w) @ x)
    residuals = weighted_fit(data.estimates, data.variances, data.basis, result.tau2).residuals
    # Rows of (I - H), with H the weighted projection on the design.
    leftover = np.eye(result.k) - x @ bread @ (x.T * w)
    if data.basis.constant:
        # 1 - w/W of the site with the largest weight, without a difference.
        largest = int(w.argmax())
        leftover[largest, largest] = np.delete(w, largest).sum() / w.sum()
    scores, halves = [], []
    for each in range(len(names)):
        rows = np.flatnonzero(place == each)
        adjusted = (x[rows] @ bread).T * w[rows] @ _adjustment(leftover[rows], working, rows)
        scores.append(adjusted @ residuals[rows])
        halves.append(adjusted @ leftover[rows] * np.sqrt(working))
    meat = np.array(scores)
    covariance = meat.T @ meat
    # Under the working model the variance is a quadratic form; its first two moments give a chi-square.
    df = np.empty(x.shape[1])
    for column in range(x.shape[1]):
        rows_of = np.array([half[column] for half in halves])
        products = rows_of @ rows_of.T
        # In units of the largest, so that no square overflows or vanishes; nan where no residual is free.
        products = products / (np.abs(products).max() or np.nan)
        df[column] = np.trace(products) ** 2 / (products**2).sum()
    std_errors = np.sqrt(np.diag(covariance))
    half = np.array([critical_value(result.level, each) for each in df]) * std_errors
    with np.errstate(divide="ignore", invalid="ignore"):
        statistic = result.coefficients / std_errors
    p_values = np.array([float(two_sided_p(s, d)) for s, d in zip(statistic, df, strict=True)])
    return ClusterRobust(
        coefficients=result.coefficients,
        std_errors=freeze(std_errors),
        df=freeze(df),
        conf_low=freeze(result.coefficients - half),
        conf_high=freeze(result.coefficients + half),
        p_values=freeze(p_values),
        covariance=freeze(covariance),
        clusters=len(names),
    )


def _adjustment(leftover: FloatArray, working: FloatArray, rows: NDArray[np.intp]) -> FloatArray:
    """CR2's matrix of one site: makes the residuals' working covariance what the errors' is."""
    root = np.sqrt(working[rows])
    inner = root[:, None] * ((leftover * working) @ leftover.T) * root
    values, vectors = np.linalg.eigh(inner)
    usable = values > NOTHING * values[-1]
    inverse_root = np.where(usable, np.where(usable, values, 1.0) ** -0.5, 0.0)
    return np.asarray(root[:, None] * ((vectors * inverse_root) @ vectors.T) * root)
