"""Records of groups and rules: what a site's analysis says of for whom an effect is larger."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from causalsig.refusals import Estimator


@dataclass(frozen=True, slots=True)
class GroupEffect:
    """Effect in one group, on the scale of the outcome.

    ``conf_low``, ``conf_high`` and ``p_value`` hold for all groups of the block together; ``households`` are
    those of the arm and of the reference.
    """

    family: str
    group: str
    estimate: float
    std_error: float
    df: float
    conf_low: float
    conf_high: float
    p_value: float
    households: tuple[int, int]


@dataclass(frozen=True, slots=True)
class FamilyTest:
    """Test that a family's groups have one effect: F with ``df`` and ``df_rest`` degrees of freedom."""

    family: str
    statistic: float
    df: int
    df_rest: float
    p_value: float


@dataclass(frozen=True, slots=True)
class GroupBlock:
    """Effects of a primary contrast in the groups that a study named, with what the pool needs.

    Attributes
    ----------
    question, outcome, estimand, arm, reference : str
    estimator : {"doubly_robust", "clone_censor_weight"}
    effects : tuple of GroupEffect, length S
    covariance : (S, S)
        Of the effects, clustered by household.
    tests : tuple of FamilyTest
    left_out : tuple of str
        Groups of the study too small at this site.
    level : float
    """

    question: str
    outcome: str
    estimand: str
    estimator: Estimator
    arm: str
    reference: str
    effects: tuple[GroupEffect, ...]
    covariance: tuple[tuple[float, ...], ...]
    tests: tuple[FamilyTest, ...]
    left_out: tuple[str, ...]
    level: float
