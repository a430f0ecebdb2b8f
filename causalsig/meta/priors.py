"""Priors of τ, the standard deviation of true effects between sites."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from causalsig.errors import MetaError

FloatArray = NDArray[np.float64]
TauPrior = Literal["half-normal", "half-cauchy", "uniform"]


def check_scale(scale: Any) -> float:
    """Return the scale of a prior, positive and finite, or raise ``meta-prior-scale``."""
    usable = isinstance(scale, (int, float, np.floating)) and not isinstance(scale, bool)
    if not usable or not np.isfinite(scale) or not scale > 0.0:
        raise MetaError(
            "meta-prior-scale",
            expected="a positive scale of the prior of tau, in units of the effects",
            found="another value",
            mend="Give the spread of true effects that would surprise you a little.",
        )
    return float(scale)


def log_prior(tau: FloatArray, prior: TauPrior, scale: float) -> FloatArray:
    """Log density at τ ≥ 0. Uniform: from zero to the scale."""
    z = tau / scale
    if prior == "half-normal":
        return np.asarray(0.5 * np.log(2.0 / np.pi) - np.log(scale) - 0.5 * z * z)
    if prior == "half-cauchy":
        # 1 + z² would overflow where the tail still counts.
        return np.asarray(np.log(2.0 / np.pi) - np.log(scale) - 2.0 * np.log(np.hypot(1.0, z)))
    return np.asarray(np.where(z <= 1.0, -np.log(scale), -np.inf))


def end_of_prior(prior: TauPrior, scale: float) -> float:
    """Value of τ beyond which the prior leaves nothing that counts."""
    return scale * {"half-normal": 10.0, "half-cauchy": 1e15, "uniform": 1.0}[prior]
