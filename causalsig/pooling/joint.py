"""All arms of all sites in one model: every pair of arms, rankings, coherent whatever the reference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from causalsig.meta import MultivariateRandomEffects, multivariate_random_effects
from causalsig.pooling.lineup import Lineup

Structure = Literal["unstructured", "compound-symmetric", "diagonal", "identity"]
FREE_FROM = 3
"""Sites a free number of Ψ from which the unstructured model is fitted; fewer share one correlation."""


@dataclass(frozen=True, slots=True)
class JointArms:
    """Joint pool of one question, outcome and estimand.

    Attributes
    ----------
    lineup : Lineup
    arms : tuple of str, length p
        Those at two sites or more; the others are in `left_out`.
    sites : tuple of str
        Those with one of these arms at least.
    fit : MultivariateRandomEffects
        ``fit.against(j)``, ``fit.ranking()``, ``fit.simultaneous()`` speak of the arms in this order.
    left_out : tuple of str
        Arms too few sites have.
    """

    lineup: Lineup
    arms: tuple[str, ...]
    sites: tuple[str, ...]
    fit: MultivariateRandomEffects
    left_out: tuple[str, ...]


def joint_arms(lineup: Lineup, *, structure: Structure | None = None, level: float = 0.95) -> JointArms:
    """Pool the arm means of a lineup jointly, missing arms allowed.

    Variances are those of the network by effective size, as in :func:`causalsig.pooling.pool_arms`.

    Parameters
    ----------
    lineup : Lineup
    structure : optional
        Of the between-site covariance. When not given: unstructured with enough sites for its numbers, else
        compound symmetry.
    level : float

    Raises
    ------
    MetaError
        As `multivariate_random_effects`.
    """
    means, covariances = lineup.means, lineup.weighting_covariances()
    present = ~np.isnan(means)
    keep: NDArray[np.bool_] = present.sum(axis=0) >= np.array(min(2, len(means)))
    rows: NDArray[np.bool_] = np.any(present[:, keep], axis=1)
    p = int(keep.sum())
    if structure is None:
        enough = int(rows.sum()) * p >= FREE_FROM * p * (p + 1) // 2
        structure = "unstructured" if enough else "compound-symmetric"
    fit = multivariate_random_effects(
        means[rows][:, keep], covariances[rows][:, keep][:, :, keep], structure=structure, level=level
    )
    return JointArms(
        lineup=lineup,
        arms=tuple(arm for arm, kept in zip(lineup.arms, keep, strict=True) if kept),
        sites=tuple(site for site, kept in zip(lineup.sites, rows, strict=True) if kept),
        fit=fit,
        left_out=tuple(arm for arm, kept in zip(lineup.arms, keep, strict=True) if not kept),
    )
