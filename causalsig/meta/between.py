"""Between-site covariance matrices Ψ of several effects, by structure, as squares of free parameters.

Every structure is written ``Ψ(θ)`` quadratic in θ and positive semi-definite for every θ, so that singular
matrices (a variance of zero, a correlation of one) are ordinary points of the parameter space and a search
can end on them; a logarithm in their place would run to minus infinity.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
Structure = Literal["unstructured", "compound-symmetric", "diagonal", "identity"]


@dataclass(frozen=True, slots=True)
class Between:
    """``Ψ(θ) = Σ_jk θ_j θ_k F_jk / 2``.

    Attributes
    ----------
    second : (n, n, p, p)
        F, the second derivatives of Ψ to θ.
    cone : (n_c, p, r)
        Directions in which Ψ can grow from zero: the structure's matrices are ``Σ_c U_c M_c U_c'`` with M_c
        positive semi-definite (unstructured) or a multiple of the identity.
    free : bool
        Unstructured: any positive semi-definite matrix.
    """

    second: FloatArray
    cone: tuple[FloatArray, ...]
    free: bool

    def matrix(self, theta: FloatArray) -> FloatArray:
        """Ψ (p, p)."""
        return np.asarray(0.5 * np.tensordot(theta, self.first(theta), 1))

    def first(self, theta: FloatArray) -> FloatArray:
        """Return the derivatives of Ψ to θ, (n, p, p)."""
        return np.asarray(np.tensordot(theta, self.second, 1))

    def root_of(self, psi: FloatArray) -> FloatArray:
        """Parameters θ of a matrix near Ψ that has the structure."""
        if not self.free:
            return np.array([np.sqrt(max(0.0, np.trace(u.T @ psi @ u) / u.shape[1])) for u in self.cone])
        values, vectors = np.linalg.eigh(psi)
        # L of Ψ = L L' by a QR of its symmetric root, which exists for singular Ψ as well.
        lower = np.linalg.qr((vectors * np.sqrt(np.maximum(values, 0.0))).T)[1].T
        return np.asarray(lower[np.tril_indices(len(psi))])

    def uphill(self, gradient: FloatArray) -> FloatArray:
        """Return a matrix that Ψ can be increased by when the likelihood rises along it, else zero."""
        best, largest = np.zeros_like(gradient), 0.0
        for u in self.cone:
            if self.free:
                values, vectors = np.linalg.eigh(gradient)
                slope, grow = float(values[-1]), np.outer(vectors[:, -1], vectors[:, -1])
            else:
                slope, grow = float(np.trace(u.T @ gradient @ u)), u @ u.T
            if slope > largest:
                best, largest = grow, slope
        return best


def between(structure: Structure, p: int) -> Between:
    """Between-site covariance of p effects with a structure."""
    if structure == "unstructured":
        rows, columns = np.tril_indices(p)
        n = len(rows)
        second = np.zeros((n, n, p, p))
        for a in range(n):
            for b in np.flatnonzero(columns == columns[a]):
                second[a, b, rows[a], rows[b]] += 1.0
                second[a, b, rows[b], rows[a]] += 1.0
        return Between(second, (np.eye(p),), True)
    if structure == "diagonal":
        cone = tuple(np.eye(p)[:, [each]] for each in range(p))
    elif structure == "identity" or p == 1:
        cone = (np.eye(p),)
    else:
        # Eigenspaces of compound symmetry: what all arms share, and what sets them apart.
        basis = np.linalg.qr(np.column_stack([np.ones(p), np.eye(p)[:, 1:]]))[0]
        cone = (basis[:, :1], basis[:, 1:])
    second = np.zeros((len(cone), len(cone), p, p))
    for place, u in enumerate(cone):
        second[place, place] = 2.0 * u @ u.T
    return Between(second, cone, False)
