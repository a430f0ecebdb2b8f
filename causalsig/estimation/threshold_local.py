"""Local polynomials of many windows at once, from the weighted moments of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from causalsig.errors import EstimationError
from causalsig.results import Floats

Kernel = Literal["triangular", "epanechnikov", "uniform"]
FOLLOWS = 1e-12
"""A sum of squares of which less than this part is left is all rounding: sums keep some fifteen digits."""


@dataclass(frozen=True, slots=True, eq=False)
class LocalMoments:
    """What weighted least squares in ``u = distance / bandwidth`` needs of Q windows.

    Attributes
    ----------
    bandwidth : (Q,)
    kernel : (Q, L) weights of an episode; zero beyond the bandwidth
    weighted : (Q, P + 1, L), ``k u**j``
    gram : (Q, P + 1, P + 2), ``Σ k n u**(i + j)``: one power more than the polynomial has
    along : (Q, P + 1, m), ``Σ k u**j d`` of every column d
    """

    bandwidth: Floats
    kernel: Floats
    weighted: Floats
    gram: Floats
    along: Floats

    def solve(self, degree: int, skipped: NDArray[np.bool_] | None = None) -> LocalFits:
        """Fit polynomials of a degree up to P; those `skipped` (Q,) are left without meaning.

        Windows whose scores do not differ by more than rounding come back as `singular`.
        """
        gram = self.gram[:, : degree + 1, : degree + 1]
        if skipped is not None and skipped.any():
            gram = np.where(skipped[:, None, None], np.eye(degree + 1), gram)
        inverse, singular = _inverses(gram)
        return LocalFits(self, degree, inverse, inverse @ self.along[:, : degree + 1], singular)

    def partialled(self, products: Floats, fits: LocalFits) -> Floats:
        """Weighted sums (Q, m, m) of products of columns, (Q, L, m, m), less their part along a fit.

        A column that follows the polynomial leaves nothing: no slope can be told from what rounding left.
        """
        m = products.shape[-1]
        total = (self.kernel[:, None, :] @ products.reshape(*products.shape[:2], m * m)).reshape(-1, m, m)
        along = self.along[:, : fits.degree + 1]
        rest = total - np.swapaxes(along, 1, 2) @ fits.coefficients
        left = np.einsum("qii->qi", rest) > FOLLOWS * np.einsum("qii->qi", total)
        return np.asarray(rest * (left[:, :, None] & left[:, None, :]))


@dataclass(frozen=True, slots=True, eq=False)
class LocalFits:
    """Polynomials of Q windows.

    Attributes
    ----------
    moments : LocalMoments
    degree : int
    inverse : (Q, degree + 1, degree + 1), of the Gram matrices
    coefficients : (Q, degree + 1, m), of ``u**j``
    singular : (Q,) bool
    """

    moments: LocalMoments
    degree: int
    inverse: Floats
    coefficients: Floats
    singular: NDArray[np.bool_]

    def weights(self, j: int) -> Floats:
        """Give (Q, L): what one episode adds to the coefficient of ``u**j``."""
        rows = self.inverse[:, j : j + 1] @ self.moments.weighted[:, : self.degree + 1]
        return np.asarray(rows[:, 0])

    def of_next_power(self, j: int) -> Floats:
        """Give (Q,): the coefficient of ``u**j`` of the polynomial fitted to ``u**(degree + 1)``."""
        beyond = self.moments.gram[:, : self.degree + 1, self.degree + 1]
        return np.asarray((self.inverse[:, j] * beyond).sum(axis=1))


def local_moments(
    distance: Floats, counts: Floats, sums: Floats, bandwidth: Floats, degree: int, kernel: Kernel
) -> LocalMoments:
    """Sum over windows: `distance` and `counts` (Q, L), `sums` (Q, L, m), `bandwidth` (Q,).

    Values that only fill up a row count nobody.
    """
    u = distance / bandwidth[:, None]
    if kernel == "uniform":
        weights = (distance <= bandwidth[:, None]).astype(np.float64)
    else:
        weights = np.maximum(kernel_weights(u, kernel), 0.0)
    design = powers(u, degree + 1)
    weighted = design[:, : degree + 1] * weights[:, None, :]
    gram = (weighted * counts[:, None, :]) @ np.swapaxes(design, 1, 2)
    return LocalMoments(bandwidth, weights, weighted, gram, weighted @ sums)


def powers(u: Floats, degree: int) -> Floats:
    """Rows ``u**0`` to ``u**degree``, in a new axis before the last."""
    found = np.ones((*u.shape[:-1], degree + 1, u.shape[-1]))
    for j in range(1, degree + 1):
        np.multiply(found[..., j - 1, :], u, out=found[..., j, :])
    return found


def kernel_weights(u: Floats, kernel: Kernel) -> Floats:
    """Kernel at ``u`` in [0, 1], up to a factor that no estimate depends on."""
    if kernel == "uniform":
        return np.ones_like(u)
    return 1.0 - u if kernel == "triangular" else 1.0 - u**2


def few_scores(wanted: int, found: str) -> EstimationError:
    """Say that a side has too few distinct scores."""
    return EstimationError(
        "estimation-few-scores",
        expected=f"at least {wanted} distinct scores on each side of the cutoff",
        found=found,
        mend="With so few there is no curve to follow: compare means at the cutoff with local_randomisation.",
        where="score",
    )


def few_within(rows: int, degree: int, enough: float = float("nan")) -> EstimationError:
    """Say that fewer scores than a polynomial has coefficients have weight.

    `enough` is a bandwidth that would do, in a round number: a distance between scores is a cell value.
    """
    found = f"{rows} within the bandwidth on one side"
    if not np.isfinite(enough):
        return few_scores(degree + 1, found)
    return EstimationError(
        "estimation-few-scores",
        expected=f"at least {degree + 1} distinct scores within the bandwidth on each side of the cutoff",
        found=found,
        mend=f"Give a bandwidth of {enough:g} or more, or compare means with local_randomisation.",
        where="bandwidth",
    )


def alike(degree: int) -> EstimationError:
    """Say that the scores within a bandwidth hardly differ."""
    return few_scores(degree + 1, "fewer that differ by more than rounding")


def _inverses(gram: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """Invert every matrix; a singular one comes back as zeros, and is told."""
    singular = np.zeros(len(gram), dtype=bool)
    try:
        return np.asarray(np.linalg.inv(gram), dtype=np.float64), singular
    except np.linalg.LinAlgError:
        found = np.zeros(gram.shape)
    for q, one in enumerate(gram):
        try:
            found[q] = np.linalg.inv(one)
        except np.linalg.LinAlgError:
            singular[q] = True
    return found, singular
