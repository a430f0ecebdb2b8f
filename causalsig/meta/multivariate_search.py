"""Where the (restricted) likelihood of a between-site covariance matrix is highest."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from causalsig.meta.between import Between
from causalsig.meta.multivariate_inputs import ArmInputs
from causalsig.meta.multivariate_likelihood import (
    JointFit,
    Problem,
    curvature_at,
    fit_at,
    gradient_at,
)

FloatArray = NDArray[np.float64]

# Newton's decrement at which the search ends: the distance to the maximum in standard errors.
DECREMENT = 1e-9
# A slope along which Ψ may still grow counts as none below this share of the total weight.
FLAT = 1e-7
MAX_STEPS = 200
# Starting points as multiples of a crude between-site variance; one that ends elsewhere is another maximum.
STARTS = (1.0, 0.1, 5.0)
# Maxima whose log-likelihoods differ by less than this are taken for one.
SAME = 1e-5
# A second derivative that bends upward by more than this share of its largest curvature.
NOT_CONCAVE = 1e-6
# Eigenvalues of Ψ below this share of the sampling variances or of the largest are zero.
SINGULAR = 1e-7


@dataclass(frozen=True, slots=True)
class Maximum:
    """A maximum of the likelihood in the problem's own units.

    Attributes
    ----------
    psi : (p, p)
    fit : JointFit
    score : float
        Newton's decrement: distance to the stationary point in standard errors.
    converged : bool
        Stationary, and the likelihood falls in every direction in which Ψ may grow.
    """

    psi: FloatArray
    fit: JointFit
    score: float
    converged: bool


def highest(problem: Problem, data: ArmInputs, scale: FloatArray, shape: Between) -> tuple[Maximum, int]:
    """Highest of the maxima that the starting points lead to, and how many different ones there are."""
    crude = _crude(problem, data, scale)
    found: list[Maximum] = []
    for multiple in STARTS:
        theta = shape.root_of(np.diag(multiple * crude))
        one = _climb(problem, shape, theta, [each.psi for each in found])
        if one is not None:
            found.append(one)
    # Places on one ridge with one height are one maximum.
    heights = sorted(each.fit.log_likelihood for each in found if each.converged)
    count = sum(b - a > SAME for a, b in pairwise(heights)) + 1
    return max(found, key=lambda each: (each.converged, each.fit.log_likelihood)), count


def rank_of(psi: FloatArray, data: ArmInputs) -> int:
    """Count the directions in which Ψ is not zero, each arm in units of its sampling error."""
    variances = np.einsum("iaa->ia", data.covariances)
    unit = np.array([np.median(variances[data.present[:, a], a]) for a in range(len(psi))])
    values = np.linalg.eigvalsh(psi / np.sqrt(np.outer(unit, unit)))
    return int(np.count_nonzero(values > SINGULAR * max(1.0, float(values[-1]))))


def _crude(problem: Problem, data: ArmInputs, scale: FloatArray) -> FloatArray:
    """Between-site variance of each arm by moments, at least a little, in the problem's units."""
    total = np.empty(len(scale))
    for arm in range(len(scale)):
        rows = data.present[:, arm]
        values, variances = data.estimates[rows, arm], data.covariances[rows, arm, arm]
        total[arm] = max(float(values.var() - variances.mean()), 0.05 * float(np.median(variances)))
    return total / scale**2


def _climb(problem: Problem, shape: Between, theta: FloatArray, known: list[FloatArray]) -> Maximum | None:
    """Newton in θ; None when it runs into a maximum that is known already."""
    psi = shape.matrix(theta)
    fit = fit_at(problem, psi)
    if fit is None:
        return None
    score, converged = np.inf, False
    for _ in range(MAX_STEPS):
        gradient = gradient_at(problem, fit)
        step, slope, score = _newton(problem, fit, shape, theta, gradient)
        if score <= DECREMENT:
            grow = shape.uphill(gradient)
            if np.vdot(gradient, grow) <= FLAT * float(np.einsum("iaa->", fit.weights)):
                converged = True
                break
            # A saddle: every square root has a stationary point at zero.
            escaped = _escape(problem, shape, psi, fit, grow)
            if escaped is None:
                break
            theta, psi, fit = escaped
            continue
        if score < 1e-3 and any(_near(psi, each) for each in known):
            return None
        moved = _search(problem, shape, theta, fit, step, slope)
        if moved is None:
            # No rise that rounding would show: as near as it gets.
            converged = score <= 1e-5
            break
        theta, psi, fit = moved
    return Maximum(psi, fit, float(score), converged)


def _near(psi: FloatArray, other: FloatArray) -> bool:
    return bool(np.abs(psi - other).max() <= 1e-3 * np.abs(other).max())


def _newton(
    problem: Problem, fit: JointFit, shape: Between, theta: FloatArray, gradient: FloatArray
) -> tuple[FloatArray, float, float]:
    """Step, slope along it, and decrement."""
    first = shape.first(theta).reshape(len(theta), -1)
    slope = first @ gradient.ravel()
    second, information = curvature_at(problem, fit)
    bend = np.tensordot(shape.second, gradient, 2)
    hessian = first @ second @ first.T + bend
    values, vectors = np.linalg.eigh(-hessian)
    if values[0] < -NOT_CONCAVE * values[-1]:
        # Far from a maximum scoring with the expected information goes straighter; what the square root
        # bends counts by its size, or parameters near zero would take steps without measure.
        values, vectors = np.linalg.eigh(bend)
        positive = (vectors * np.abs(values)) @ vectors.T
        values, vectors = np.linalg.eigh(first @ information @ first.T + positive)
    size = np.abs(values)
    size = np.maximum(size, 1e-9 * max(float(size.max()), np.finfo(np.float64).tiny))
    along = vectors.T @ slope
    step = vectors @ (along / size)
    return step, float(slope @ step), float(np.sqrt((along * along / size).sum()))


def _search(
    problem: Problem, shape: Between, theta: FloatArray, fit: JointFit, step: FloatArray, slope: float
) -> tuple[FloatArray, FloatArray, JointFit] | None:
    """Halve the step until the likelihood rises."""
    share, noise = 1.0, 1e-11 * (1.0 + abs(fit.log_likelihood))
    while share > 1e-10:
        new = theta + share * step
        psi = shape.matrix(new)
        there = fit_at(problem, psi)
        if there is not None:
            rise = there.log_likelihood - fit.log_likelihood
            if rise >= 1e-4 * share * slope or (share == 1.0 and abs(rise) <= noise):
                return new, psi, there
        share *= 0.5
    return None


def _escape(
    problem: Problem, shape: Between, psi: FloatArray, fit: JointFit, grow: FloatArray
) -> tuple[FloatArray, FloatArray, JointFit] | None:
    """Leave a saddle along a direction in which Ψ may grow and the likelihood rises."""
    share = 1.0
    for _ in range(60):
        theta = shape.root_of(psi + share * grow)
        new = shape.matrix(theta)
        there = fit_at(problem, new)
        if there is not None and there.log_likelihood > fit.log_likelihood:
            return theta, new, there
        share *= 0.25
    return None
