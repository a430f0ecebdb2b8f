"""Several effects a site: checked estimates, covariances and design, missing arms as zeros."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from causalsig.errors import MetaError
from causalsig.meta.comparison import ComparedByValue
from causalsig.meta.inputs import as_floats, checked_basis, design_of, freeze

FloatArray = NDArray[np.float64]

# Asymmetry of a covariance beyond this share of its variances is a mistake, not rounding.
SYMMETRY = 1e-8
# Smallest eigenvalue of a correlation matrix that is still inverted.
DEFINITE = 1e-12


@dataclass(frozen=True, slots=True, eq=False)
class ArmInputs(ComparedByValue):
    """Checked data of k sites with p arms.

    Attributes
    ----------
    estimates : (k, p)
        Zero where missing.
    covariances : (k, p, p)
        Zero rows and columns for missing arms.
    present : (k, p) bool
    design : (k, m)
        Intercept first, then the moderators: the same for every arm.
    names : tuple of m str
    """

    estimates: FloatArray
    covariances: FloatArray
    present: NDArray[np.bool_]
    design: FloatArray
    names: tuple[str, ...]


def check_arms(estimates: Any, covariances: Any, moderators: Any) -> ArmInputs:
    """Check and assemble the data of a multivariate meta-analysis.

    Raises
    ------
    MetaError
        ``meta-shape``, ``meta-empty``, ``meta-not-finite``, ``meta-variance``, ``meta-covariance``,
        ``meta-not-numbers``, ``meta-too-many-moderators`` or ``meta-collinear``.
    """
    y, s = as_floats("estimates", estimates), as_floats("covariances", covariances)
    if y.ndim != 2 or s.shape != (*y.shape, y.shape[-1]):
        raise MetaError(
            "meta-shape",
            expected="estimates (k, p) and covariances (k, p, p)",
            found=f"{y.shape} and {s.shape}",
            mend="Give one row of estimates and one covariance matrix a site, nan for a missing arm.",
        )
    present = ~np.isnan(y)
    if y.size == 0 or not present.any(axis=1).all() or not present.any(axis=0).all():
        raise MetaError(
            "meta-empty",
            expected="at least one estimate of every site and of every arm",
            found=f"{int((~present.any(axis=1)).sum())} sites and {int((~present.any(axis=0)).sum())} arms "
            "without any",
            mend="Leave out sites and arms that have no estimate.",
        )
    both = present[:, :, None] & present[:, None, :]
    bad = int(np.count_nonzero(np.isinf(y)) + np.count_nonzero(both & ~np.isfinite(s)))
    if bad:
        raise MetaError(
            "meta-not-finite",
            expected="finite estimates and covariances for the arms that are present",
            found=f"{bad} missing or infinite",
            mend="Mark a missing arm by nan in the estimates.",
        )
    s = np.where(both, s, 0.0)
    _refuse_indefinite(s, present)
    design, names = design_of(moderators, True, len(y))
    if len(y) > 1:
        fewest = int(present.sum(axis=0).min())
        if fewest <= design.shape[1]:
            raise MetaError(
                "meta-too-many-moderators",
                expected=f"every arm at more sites than it has coefficients ({design.shape[1]})",
                found=f"an arm at {fewest}",
                mend="Leave that arm out, or use fewer moderators.",
            )
        for arm in range(y.shape[1]):
            checked_basis(design[present[:, arm]], names)
    elif design.shape[1] > 1:
        checked_basis(design, names)
    present.setflags(write=False)
    symmetric = 0.5 * (s + np.swapaxes(s, 1, 2))
    return ArmInputs(freeze(np.where(present, y, 0.0)), freeze(symmetric), present, freeze(design), names)


def _refuse_indefinite(s: FloatArray, present: NDArray[np.bool_]) -> None:
    variances = np.einsum("iaa->ia", s)
    with np.errstate(divide="ignore", over="ignore"):
        usable = (variances > 0.0) & np.isfinite(variances**-3.0)
    below = int(np.count_nonzero(present & ~usable))
    if below:
        raise MetaError(
            "meta-variance",
            expected="variances above zero",
            found=f"{below} zero, negative or too small to invert",
            mend="An arm without sampling variance cannot be weighted; leave it out.",
        )
    size = np.where(present, np.sqrt(np.abs(variances)), 1.0)
    correlation = s / (size[:, :, None] * size[:, None, :])
    lopsided = np.abs(correlation - np.swapaxes(correlation, 1, 2)).max(axis=(1, 2)) > SYMMETRY
    filled = correlation + np.einsum("ia,ab->iab", ~present, np.eye(s.shape[1]))
    indefinite = np.linalg.eigvalsh(filled)[:, 0] < DEFINITE
    bad = int(np.count_nonzero(lopsided | indefinite))
    if bad:
        raise MetaError(
            "meta-covariance",
            expected="symmetric, positive definite covariances",
            found=f"{bad} of {len(s)} sites with another",
            mend="Contrasts that add up, or arms that are sums of others, must be left out; "
            "covariances are rebuilt from standard errors and correlations without rounding either too far.",
        )
