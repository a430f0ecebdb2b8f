"""Municipalities that never existed, and their traits."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from causalsig.errors import SimulationError
from causalsig.simulation.draws import site_key
from causalsig.simulation.rules import SiteRule, site_rules
from causalsig.simulation.scenario import Policy
from causalsig.sources.schema import Matching

if TYPE_CHECKING:
    from collections.abc import Sequence

    from causalsig.simulation.scenario import Scenario, Sites
    from causalsig.simulation.switches import ThresholdRule

Retention = Literal["full", "6-12-18", "strict6"]
AcceptanceCoding = Literal["recorded", "quick_fix", "declined"]

INHABITANTS_A_HOUSEHOLD: Final = 2.12
URBANICITY_SHARES: Final = (0.06, 0.23, 0.22, 0.27, 0.22)
DEBT_SPREAD: Final = 0.15
THRESHOLDS_EUR: Final = (25.0, 50.0, 75.0, 100.0)
THRESHOLD_SHARES: Final = (0.2, 0.45, 0.2, 0.15)
SMALLEST_DRAWN: Final = 3000
RETENTIONS: Final[tuple[Retention, ...]] = ("full", "6-12-18", "strict6")
_REGIMES: Final = ("full", "six_twelve_eighteen", "strict6")
CODINGS: Final[tuple[AcceptanceCoding, ...]] = ("recorded", "quick_fix", "declined")
DEBT_BY_URBANICITY: Final = (0.110, 0.085, 0.070, 0.055, 0.050)
MEAN_DEBT_SHARE: Final = 0.0682
"""Mean of the shares above over municipalities, with their spread within a class."""
MONTHS_OF_DATA: Final = 30


@dataclass(frozen=True, slots=True)
class SiteSpec:
    """One invented municipality.

    Attributes
    ----------
    code : str
        Invented, from "9001", outside the real municipality codes.
    name : str
        "Voorbeeldstad 01".
    inhabitants : int
    urbanicity : int
        1 (very urban) to 5 (rural).
    problem_debt_share : float
        Share of households with problem debts.
    retention : {"full", "6-12-18", "strict6"}
    policy : {"letter_first", "phone_first", "visit_for_multiple", "call_centre", "amsterdam", "groningen"}
    threshold_eur : float
        Episodes owing less in total are never taken up; 0 is no threshold.
    rules : tuple of SiteRule
        Rules for what is taken up, beyond the threshold; at most one is valid on a day.
    rank_share : float or None
        Share of each month's list that capacity allows to be taken up; None: all of it.
    acceptance_coding : {"recorded", "quick_fix", "declined"}
        Advice talks booked as they are, all as quick fix, or as no help.
    matching : Matching
        Monthly, on the 15th, or weekly.
    rate_multiplier : float
        Onset hazards relative to the national ones.
    capacity_phone, capacity_visit : float
        Capacity relative to the policy's shares.
    repeat_refused : float
        Share of episodes in which every signal repeats an old arrear that is left alone for that reason.
    youth_text_first : bool
    log_hazard_ratio, log_hazard_ratio_help : float
        The site's deviation of the log hazard ratios of having been reached, and of having accepted.
    """

    code: str
    name: str
    inhabitants: int
    urbanicity: int = 3
    problem_debt_share: float = MEAN_DEBT_SHARE
    retention: Retention = "full"
    policy: Policy = "letter_first"
    threshold_eur: float = 50.0
    rules: tuple[SiteRule, ...] = ()
    rank_share: float | None = None
    acceptance_coding: AcceptanceCoding = "recorded"
    matching: Matching = field(default_factory=Matching)
    rate_multiplier: float = 1.0
    capacity_phone: float = 1.0
    capacity_visit: float = 1.0
    repeat_refused: float = 0.3
    youth_text_first: bool = False
    log_hazard_ratio: float = 0.0
    log_hazard_ratio_help: float = 0.0

    def __post_init__(self) -> None:
        if self.inhabitants < 1000:
            raise _error("at least 1,000 inhabitants", "fewer", "Give the site more inhabitants.")
        if self.matching.frequency == "monthly" and self.matching.day != 15:
            raise _error(
                "monthly matching on day 15", "another day", "Leave matching at its default, or weekly."
            )

    @property
    def households(self) -> int:
        """Number of addresses."""
        return round(self.inhabitants / INHABITANTS_A_HOUSEHOLD)

    @property
    def cutoffs(self) -> tuple[SiteRule, ...]:
        """Rules with an amount that decides: the site's own, or its plain threshold written as one."""
        if self.rules or self.threshold_eur == 0.0:
            return self.rules
        return (SiteRule(self.threshold_eur * 100.0),)


def draw_sites(
    scenario: Scenario,
    n: int,
    seed: int,
    *,
    minimum_inhabitants: int | None = None,
    inhabitants: int | None = None,
    retention: Retention | None = None,
    first: int = 1,
) -> tuple[SiteSpec, ...]:
    """Draw ``n`` municipalities.

    A site depends on the seed and its own number only, so a longer list begins with the shorter one. Every
    trait has its own stream: what one trap does to sites leaves their other traits as they were.

    Parameters
    ----------
    scenario : Scenario
    n : int
        Number of sites.
    seed : int
    minimum_inhabitants : int, optional
        Sizes are drawn above it; otherwise the scenario's own minimum.
    inhabitants : int, optional
        Every site of this size.
    retention : {"full", "6-12-18", "strict6"}, optional
        Every site with this regime; otherwise as the scenario's trap says.
    first : int
        Number of the first site; codes run from ``9000 + first``.
    """
    if not 1 <= first <= first + n - 1 <= 999:
        raise _error("between 1 and 999 sites", f"{n} sites from number {first}", "Ask for fewer sites.")
    law = scenario.resolved()
    return tuple(
        _draw_site(law, number, seed, minimum_inhabitants, inhabitants, retention)
        for number in range(first, first + n)
    )


def _draw_site(
    scenario: Scenario,
    number: int,
    seed: int,
    minimum: int | None,
    inhabitants: int | None,
    retention: Retention | None,
) -> SiteSpec:
    law, traps = scenario.sites, scenario.traps
    code = str(9000 + number)
    traits = _Traits(seed, code)
    urbanicity = int(traits.pick("urbanicity", range(1, 6), URBANICITY_SHARES))
    debt = DEBT_BY_URBANICITY[urbanicity - 1] * np.exp(DEBT_SPREAD * traits.normal("debt"))
    debt = float(np.clip(debt, 0.013, 0.155))
    rate_noise = np.exp(law.rate_noise * traits.normal("rate") - law.rate_noise**2 / 2)
    phone, visit = (
        float(np.exp(law.capacity_noise * traits.normal(name) - law.capacity_noise**2 / 2))
        for name in ("capacity_phone", "capacity_visit")
    )
    keeps: Retention = traits.pick("retention", RETENTIONS, [getattr(traps.retention, f) for f in _REGIMES])
    codings = traps.acceptance_coding
    coding: AcceptanceCoding = traits.pick("coding", CODINGS, [getattr(codings, name) for name in CODINGS])
    threshold, rules, rank_share = _rule(traits, law.no_threshold, traps.threshold_rule)
    weekly = traits.uniform("matching") < traps.batch_delivery.weekly_sites
    low, high = law.repeat_refused
    return SiteSpec(
        code=code,
        name=f"Voorbeeldstad {number:02d}",
        inhabitants=inhabitants or _size(traits, law, number, minimum),
        urbanicity=urbanicity,
        problem_debt_share=round(debt, 4),
        retention=retention or keeps,
        policy=traits.pick("policy", list(law.policies), list(law.policies.values())),
        threshold_eur=threshold,
        rules=rules,
        rank_share=rank_share,
        acceptance_coding=coding,
        matching=Matching("weekly", 1) if weekly else Matching(),
        rate_multiplier=float(law.signals_per_1000_a_month / 4.4 * debt / MEAN_DEBT_SHARE * rate_noise),
        capacity_phone=phone,
        capacity_visit=visit,
        repeat_refused=low + (high - low) * traits.uniform("repeat_refused"),
        youth_text_first=traits.uniform("youth") < traps.youth_text_first.sites,
        log_hazard_ratio=law.log_hazard_ratio_sd * traits.normal("effect"),
        log_hazard_ratio_help=law.log_hazard_ratio_sd * traits.normal("effect_help"),
    )


class _Traits:
    """One stream of random numbers a trait of a site, found by the trait's name."""

    def __init__(self, seed: int, code: str) -> None:
        self._key = site_key(seed, code)

    def stream(self, name: str) -> np.random.Generator:
        return np.random.default_rng(np.random.SeedSequence([self._key, *name.encode()]))

    def uniform(self, name: str) -> float:
        return float(self.stream(name).random())

    def normal(self, name: str) -> float:
        return float(self.stream(name).standard_normal())

    def pick(self, name: str, values: Sequence[Any], shares: Sequence[float]) -> Any:
        at = np.searchsorted(np.cumsum(shares), self.uniform(name), side="right")
        return values[min(int(at), len(values) - 1)]


def _rule(
    traits: _Traits, no_threshold: float, law: ThresholdRule | None
) -> tuple[float, tuple[SiteRule, ...], float | None]:
    """Threshold in euro, rules and share of the list of a site; one of them decides what is taken up."""
    if law is not None and traits.uniform("rule") < law.sites:
        return (0.0, (), law.rank_share) if law.kind == "rank" else (0.0, site_rules(law), None)
    threshold = float(traits.pick("threshold", THRESHOLDS_EUR, THRESHOLD_SHARES))
    return (0.0 if traits.uniform("no_threshold") < no_threshold else threshold), (), None


def _size(traits: _Traits, law: Sites, number: int, minimum: int | None) -> int:
    if number == 1 and law.giant_inhabitants is not None:
        return law.giant_inhabitants
    floor = max(minimum or law.minimum_inhabitants or 0, SMALLEST_DRAWN)
    rng = traits.stream("inhabitants")
    for _ in range(10_000):
        size = int(law.median_inhabitants * np.exp(law.size_spread * rng.standard_normal()))
        if size >= floor:
            return size
    return floor


def guaranteed_months(spec: SiteSpec, months: int = MONTHS_OF_DATA) -> int:
    """Months for which every signal is certain to be held, whatever became of it.

    With full retention the first six months of the extract are kept as look-back: what went before (an
    earlier signal of the same creditor, a case still open) is known for every episode after them.
    """
    return max(months - 6, 0) if spec.retention == "full" else 6


def _error(expected: str, found: str, mend: str) -> SimulationError:
    return SimulationError("simulation-site", expected=expected, found=found, mend=mend)
