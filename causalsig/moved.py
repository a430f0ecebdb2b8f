"""Records of a moved threshold: what another cutoff would do at a site, by the strongest route that holds."""

from __future__ import annotations

from dataclasses import dataclass
from math import nan
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from causalsig.crossed import ScoreName
    from causalsig.records import OutcomeKind

RouteName = Literal["changed_band", "changed_jumps", "constant_bias", "safe_cutoffs", "continuation"]
"""Strongest first. The first two and the last speak of one site; the others need those of other sites."""


@dataclass(frozen=True, slots=True)
class PassedRoute:
    """A stronger route without an answer, and the code of its refusal or of the check that failed."""

    route: RouteName
    code: str


@dataclass(frozen=True, slots=True)
class BandRow:
    """Effect of the handling above the threshold on the episodes of the band, for each of them.

    Attributes
    ----------
    route : str
    estimate, std_error : float
        Mean outcome handled as above the threshold less that handled as below it.
    largest_bias : float
        Over all that the route's declared bound allows; 0 where the assumption names one value.
    conf_low, conf_high : float
        For every bias within that bound.
    """

    route: RouteName
    estimate: float
    std_error: float
    largest_bias: float
    conf_low: float
    conf_high: float


@dataclass(frozen=True, slots=True)
class BasisRow:
    """Who is behind a band's effect: of all the parts that it compares the weakest, for the disclosure rules.

    Attributes
    ----------
    households, households_with, households_without : int
        Fewest of a part; those with the outcome at least once, and those without.
    largest_share, two_largest_share : float
        Largest share that one household, or two, have of a part's weights.
    apart : int or None
        Fewest households with an episode in this band's answer or in another candidate's, of all those of the
        site before it, and not in both; None where no other differs.
    """

    households: int
    households_with: int
    households_without: int
    largest_share: float
    two_largest_share: float
    apart: int | None = None


@dataclass(frozen=True, slots=True)
class CostRow:
    """Cost per avoided later signal, in euro.

    Attributes
    ----------
    spent : float
        A year; below 0 is saved, and the ratio then what is saved for every extra signal.
    estimate : float
    set_kind : {"interval", "rays", "line", "empty"}
        Fieller's set; an end that is None is infinite.
    set_low, set_high : float or None
    code : str or None
        Why there is no plain interval, or that nothing is avoided.
    """

    spent: float
    estimate: float
    set_kind: str
    set_low: float | None
    set_high: float | None
    code: str | None


@dataclass(frozen=True, slots=True)
class MovedRow:
    """One candidate cutoff in place of a site's own: what is counted, what is estimated, or why it cannot be.

    Attributes
    ----------
    part : float
        The candidate as a part of the site's cutoff, one of the study's `candidates`.
    to : float
        The same in the score's unit.
    outcome, kind, months : as of `CrossingEffect`; the primary outcome
    episodes, households : int
        Of the pivotal set between both cutoffs, over the whole period of the data.
    years : float
        Length of that period: months with episodes under a rule with this threshold, over twelve.
    contacts_each : float
        Contacts more that an episode above the threshold gets than one below it: the share whose first
        attempt is the handling above, on the one side less on the other, within the effect's bandwidth.
    extra_contacts : float
        A year; below 0 where the cutoff goes up.
    band : BandRow or None
        By the strongest route that holds.
    change, change_low, change_high : float or None
        Of later signals (or what the outcome counts), a year; below 0 is fewer.
    passed : tuple of PassedRoute
    code : str or None
        ``estimation-no-route`` without an answer.
    over_capacity : bool or None
        Whether the extra contacts are more than the study's capacity; None where it gives none.
    cost : CostRow or None
    basis : BasisRow or None
        Of ``band``; without it no estimate leaves.
    """

    part: float
    to: float
    outcome: str
    kind: OutcomeKind
    months: int
    episodes: int
    households: int
    years: float
    contacts_each: float
    extra_contacts: float
    band: BandRow | None
    change: float | None
    change_low: float | None
    change_high: float | None
    passed: tuple[PassedRoute, ...]
    code: str | None
    over_capacity: bool | None
    cost: CostRow | None
    basis: BasisRow | None = None


@dataclass(frozen=True, slots=True)
class ReleasedMove:
    """One candidate cutoff as it left a site, decoded from its grids; of one `ReleasedThreshold`.

    Attributes
    ----------
    site, question, outcome, kind, months, below, above, score, scale, cutoff, period
        As of `ReleasedThreshold`: which threshold is moved.
    part : float
    households : (low, high or None)
        Of the band; the ends of what leaves.
    contacts : (of the fewest, of the most households or None)
        Extra contacts a year, by the same ends; below 0 where the cutoff goes up.
    band : BandRow or None
        By the site's own routes only; routes by other sites are found where sites are pooled.
    steps : float
        Grid of the estimate; 0 without one.
    passed : tuple of PassedRoute, of the site's own routes
    years : float, that the households are of; nan where it is not known
    """

    site: str
    question: str
    outcome: str
    kind: OutcomeKind
    months: int
    below: str
    above: str
    score: ScoreName
    scale: Literal["log", "linear"]
    cutoff: float
    period: int
    part: float
    households: tuple[int, int | None]
    contacts: tuple[float, float | None]
    band: BandRow | None
    steps: float
    passed: tuple[PassedRoute, ...]
    years: float = nan


@dataclass(frozen=True, slots=True)
class MoveByOthers:
    """One candidate cutoff of one site, by the tables of other sites; for that site's own page alone.

    Attributes
    ----------
    question, outcome, kind, months, below, above, score, cutoff, period, part : as of `ReleasedMove`
    sites : int, others that took part: enough of them, and none dominant
    band : BandRow
    """

    question: str
    outcome: str
    kind: OutcomeKind
    months: int
    below: str
    above: str
    score: ScoreName
    cutoff: float
    period: int
    part: float
    sites: int
    band: BandRow


@dataclass(frozen=True, slots=True)
class PooledMove:
    """One candidate cutoff, as a part of the own, over the sites with one pair of handlings.

    Attributes
    ----------
    question, outcome, kind, months, below, above, score : as of `PooledThresholdRow`
    part : float
    sites : int, that have an answer
    by_route : tuple of (route, how many sites it answered for); for the statistician
    unanswered : int, sites without any route
    estimate, std_error, conf_low, conf_high : float
        Effect an episode of the band; with bounds of bias, at their worst; nan where ``refusal`` says why.
    largest_bias : float
        Weighted mean of the sites' bounds: they do not average out.
    tau2 : float, nan with one site
    prediction_low, prediction_high : float
        Of one more site; nan with bounds of bias.
    publishable : bool
    reasons : tuple of str
    refusal : str or None
    """

    question: str
    outcome: str
    kind: OutcomeKind
    months: int
    below: str
    above: str
    score: ScoreName
    part: float
    sites: int
    by_route: tuple[tuple[RouteName, int], ...]
    unanswered: int
    estimate: float
    std_error: float
    conf_low: float
    conf_high: float
    largest_bias: float
    tau2: float
    prediction_low: float
    prediction_high: float
    publishable: bool
    reasons: tuple[str, ...]
    refusal: str | None = None
