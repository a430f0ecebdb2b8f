"""Records of groups and rules: what a site's analysis says of for whom an effect is larger."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from causalsig.diagnosed import RegionCondition
    from causalsig.refusals import Estimator


@dataclass(frozen=True, slots=True)
class GroupEffect:
    """Effect in one group, on the scale of the outcome.

    ``conf_low``, ``conf_high`` and ``p_value`` hold for all groups of the block together; ``households`` are
    those of the arm and of the reference, ``fewest`` the smallest number of them with or without the outcome
    in either, ``effective_size`` the smaller of both arms', and the shares the larger of both.
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
    fewest: int
    effective_size: float
    largest_share: float
    two_largest_share: float


@dataclass(frozen=True, slots=True)
class FamilyRest:
    """What is left of the households when some groups of a family are taken out; for the disclosure rules.

    Attributes
    ----------
    family : str
    groups : tuple of str, length S
        Those with an effect.
    arms, cells : tuple of int, length 2^S
        By the groups taken out, bit s of the place for group s: households of the smaller of both arms in no
        group taken out, and the fewest with or without the outcome in either; -1 where nobody is left.
    """

    family: str
    groups: tuple[str, ...]
    arms: tuple[int, ...]
    cells: tuple[int, ...]


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
    rests : tuple of FamilyRest
    close : tuple of (groups, groups)
        Sets of groups whose members, taken together, differ by a few households: with both released the
        difference would be told. For the disclosure rules.
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
    rests: tuple[FamilyRest, ...]
    close: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]
    left_out: tuple[str, ...]
    level: float


@dataclass(frozen=True, slots=True)
class ReleasedGroups:
    """Effects of one family of groups as they left a site; ``steps`` are those of their grids.

    ``estimates``, ``covariance``, ``steps`` and ``households`` (bands of the smaller arm; None: open) are of
    ``groups``, in that order.
    """

    site: str
    question: str
    outcome: str
    estimand: str
    estimator: Estimator
    arm: str
    reference: str
    family: str
    groups: tuple[str, ...]
    estimates: tuple[float, ...]
    covariance: tuple[tuple[float, ...], ...]
    steps: tuple[float, ...]
    households: tuple[tuple[int, int | None], ...] = ()


@dataclass(frozen=True, slots=True)
class RuleLeaf:
    """For whom a rule uses an arm: all conditions hold; ``households`` of the sample it was learned on."""

    conditions: tuple[RegionCondition, ...]
    arm: str
    households: int


@dataclass(frozen=True, slots=True)
class RuleGain:
    """What a rule gains over something else, in euros an episode, valued where it was not learned."""

    over: str
    estimate: float
    std_error: float
    df: float
    conf_low: float
    conf_high: float


@dataclass(frozen=True, slots=True)
class RuleBehind:
    """What a rule and its gains rest on; for the disclosure rules, never leaves.

    ``arm`` and ``cell`` are the fewest households that tell a leaf or the gain anything, by the arms compared
    and by whether they returned; ``largest_share`` and ``two_largest_share`` of the absolute gain, and
    ``effective_size`` its effective number of households.
    """

    arm: int
    cell: int
    largest_share: float
    two_largest_share: float
    effective_size: float


@dataclass(frozen=True, slots=True)
class RuleBlock:
    """A rule for whom which method, or that none was found.

    Attributes
    ----------
    question, outcome, estimand : str
        Of the arms' scores: everybody's, so the ATE.
    estimator : {"doubly_robust", "clone_censor_weight"}
    found : bool
        It beats the best single arm beyond noise.
    leaves : tuple of RuleLeaf
        What was learned on everybody; none unless found.
    gains : tuple of RuleGain
        Over the best single arm and over treating as now, with intervals that hold together.
    shares : tuple of (arm, share)
        How often each arm would be used, and what is done now.
    asked : int
        Questions a rule could ask.
    behind : RuleBehind
    """

    question: str
    outcome: str
    estimand: str
    estimator: Estimator
    found: bool
    leaves: tuple[RuleLeaf, ...]
    gains: tuple[RuleGain, ...]
    shares: tuple[tuple[str, float, float], ...]
    asked: int
    behind: RuleBehind


@dataclass(frozen=True, slots=True)
class GivenRuleBlock:
    """What a rule that another study learned is worth at a site; nothing of it was learned there.

    Attributes
    ----------
    name, question, outcome : str
    gains : tuple of RuleGain
        Over the best single arm (chosen where it is not valued), over treating as now, and over every single
        arm that there is enough of, by its name; intervals hold together.
    shares : tuple of (arm, share, share)
        How often each arm would be used, and what is done now.
    behind : RuleBehind
        The least that any gain, or the difference of two, rests on.
    close : tuple of str
        Rules given before it, and `LEARNED`, the one learned here, that differ from it for few households:
        with both released these would be told.
    learned_here : bool or None
        Whether this site is one of those that the rule was learned at; None until who holds the key says so.
    """

    name: str
    question: str
    outcome: str
    gains: tuple[RuleGain, ...]
    shares: tuple[tuple[str, float, float], ...]
    behind: RuleBehind
    close: tuple[str, ...]
    learned_here: bool | None = None


LEARNED = ""
"""Stands, where rules have names, for the one that was learned at the site itself."""


@dataclass(frozen=True, slots=True)
class ReleasedGain:
    """Gain of a rule as it left a site; ``step`` is that of its grid."""

    over: str
    estimate: float
    std_error: float
    step: float


@dataclass(frozen=True, slots=True)
class ReleasedRule:
    """What a given rule gains at a site, as it left."""

    site: str
    question: str
    outcome: str
    name: str
    gains: tuple[ReleasedGain, ...]


@dataclass(frozen=True, slots=True)
class PooledGain:
    """What a given rule gains over something else, in euros an episode, over the sites that did not learn it.

    ``conf_low``, ``conf_high`` hold for all given rules together.
    """

    over: str
    sites: int
    estimate: float
    std_error: float
    conf_low: float
    conf_high: float
    publishable: bool


@dataclass(frozen=True, slots=True)
class PooledRule:
    """A given rule over the sites that did not learn it.

    Attributes
    ----------
    name, question, outcome : str
    gains : tuple of PooledGain
    travels : bool
        It beats, beyond noise and together with all other given rules, the best single arm of each site and
        every single arm. Otherwise, and where too few sites say so, there is no rule.
    """

    name: str
    question: str
    outcome: str
    gains: tuple[PooledGain, ...]
    travels: bool


@dataclass(frozen=True, slots=True)
class PooledDifference:
    """Effect in a group less that in the first group of its family; intervals hold together within it."""

    estimate: float
    std_error: float
    conf_low: float
    conf_high: float


@dataclass(frozen=True, slots=True)
class PooledGroupRow:
    """Effect of one group over the sites; intervals hold together within its family.

    ``p_of_family`` is the test that the family's groups have one effect, None for a family of one.
    ``difference`` is with the family's first group that is pooled; None for that one itself, and where that
    may not be shown.
    """

    question: str
    outcome: str
    estimand: str
    estimator: Estimator
    arm: str
    reference: str
    family: str
    group: str
    sites: int
    estimate: float
    std_error: float
    conf_low: float
    conf_high: float
    p_of_family: float | None
    publishable: bool
    difference: PooledDifference | None = None
