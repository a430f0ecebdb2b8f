"""Municipalities that never existed: their traits, and how many households each arm may expect."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from causalsig.errors import SimulationError
from causalsig.simulation.draws import site_key
from causalsig.sources.schema import Matching

if TYPE_CHECKING:
    from causalsig.simulation.scenario import Scenario

Retention = Literal["full", "6-12-18", "strict6"]
Policy = Literal["letter_first", "phone_first", "visit_for_multiple", "call_centre"]
AcceptanceCoding = Literal["recorded", "quick_fix", "declined"]

ARMS: Final = ("letter", "message", "phone", "home_visit", "none")
SHARES: Final[dict[Policy, tuple[float, float, float, float]]] = {
    "letter_first": (0.29, 0.17, 0.14, 0.11),
    "phone_first": (0.22, 0.17, 0.21, 0.11),
    "visit_for_multiple": (0.25, 0.17, 0.14, 0.15),
    "call_centre": (0.18, 0.20, 0.22, 0.10),
}
"""Share of the episodes taken up first by letter, message, phone and home visit; the rest is in arm none."""
POLICY_WEIGHTS: Final[dict[Policy, float]] = {
    "letter_first": 0.35,
    "phone_first": 0.30,
    "visit_for_multiple": 0.25,
    "call_centre": 0.10,
}
INHABITANTS_A_HOUSEHOLD: Final = 2.12
DEBT_BY_URBANICITY: Final = (0.110, 0.085, 0.070, 0.055, 0.050)
MEAN_DEBT_SHARE: Final = 0.0674
SIGNALS_AN_EPISODE: Final = 1.12
ELIGIBLE_SHARE: Final = ((0.0, 25.0, 50.0, 75.0, 100.0), (0.91, 0.90, 0.87, 0.83, 0.79))
"""Share of episodes above a threshold in euro and without an open case, in the base scenario."""
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
    policy : {"letter_first", "phone_first", "visit_for_multiple", "call_centre"}
    threshold_eur : float
        Episodes owing less in total are never taken up; 0 is no threshold.
    acceptance_coding : {"recorded", "quick_fix", "declined"}
        Advice talks booked as they are, all as quick fix, or as no help.
    matching : Matching
        Monthly, on the 15th.
    rate_multiplier : float
        Onset hazards relative to the national ones.
    capacity_phone, capacity_visit : float
        Capacity relative to the policy's shares.
    repeat_refused : float
        Share of episodes in which every signal repeats an old arrear that is left alone for that reason.
    youth_text_first : bool
    log_hazard_ratio : float
        The site's deviation of the log hazard ratio of having been reached.
    """

    code: str
    name: str
    inhabitants: int
    urbanicity: int = 3
    problem_debt_share: float = MEAN_DEBT_SHARE
    retention: Retention = "full"
    policy: Policy = "letter_first"
    threshold_eur: float = 50.0
    acceptance_coding: AcceptanceCoding = "recorded"
    matching: Matching = field(default_factory=Matching)
    rate_multiplier: float = 1.0
    capacity_phone: float = 1.0
    capacity_visit: float = 1.0
    repeat_refused: float = 0.3
    youth_text_first: bool = False
    log_hazard_ratio: float = 0.0

    def __post_init__(self) -> None:
        if self.inhabitants < 1000:
            raise _error("at least 1,000 inhabitants", "fewer", "Give the site more inhabitants.")
        if self.matching != Matching("monthly", 15):
            raise _error("monthly matching on day 15", "another rhythm", "Leave matching at its default.")

    @property
    def households(self) -> int:
        """Number of addresses."""
        return round(self.inhabitants / INHABITANTS_A_HOUSEHOLD)


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

    A site depends on the seed and its own number only, so a longer list begins with the shorter one.

    Parameters
    ----------
    scenario : Scenario
    n : int
        Number of sites.
    seed : int
    minimum_inhabitants : int, optional
        Sizes are drawn above it (sizes are lognormal otherwise, median 33,000).
    inhabitants : int, optional
        Every site of this size.
    retention : {"full", "6-12-18", "strict6"}, optional
        Every site with this regime; otherwise drawn from the scenario's shares.
    first : int
        Number of the first site; codes run from ``9000 + first``.
    """
    if not 1 <= first <= first + n - 1 <= 999:
        raise _error("between 1 and 999 sites", f"{n} sites from number {first}", "Ask for fewer sites.")
    return tuple(
        _draw_site(scenario, number, seed, minimum_inhabitants, inhabitants, retention)
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
    law = scenario.sites
    code = str(9000 + number)
    rng = np.random.default_rng(np.random.SeedSequence(site_key(seed, code)))
    urbanicity = int(rng.choice(5, p=(0.06, 0.23, 0.22, 0.27, 0.22))) + 1
    debt = DEBT_BY_URBANICITY[urbanicity - 1] * np.exp(0.15 * rng.standard_normal())
    debt = float(np.clip(debt, 0.013, 0.155))
    rate_noise = np.exp(law.rate_noise * rng.standard_normal() - law.rate_noise**2 / 2)
    threshold = float(rng.choice((25.0, 50.0, 75.0, 100.0), p=(0.2, 0.45, 0.2, 0.15)))
    if rng.random() < law.no_threshold:
        threshold = 0.0
    policy: Policy = list(POLICY_WEIGHTS)[rng.choice(4, p=list(POLICY_WEIGHTS.values()))]
    drawn: Retention = list(law.retention)[rng.choice(len(law.retention), p=list(law.retention.values()))]
    codings = law.acceptance_coding
    coding: AcceptanceCoding = list(codings)[rng.choice(len(codings), p=list(codings.values()))]
    phone, visit = np.exp(law.capacity_noise * rng.standard_normal(2) - law.capacity_noise**2 / 2)
    refused = rng.uniform(*law.repeat_refused)
    youth = bool(rng.random() < law.youth_text_first)
    deviation = law.log_hazard_ratio_sd * rng.standard_normal()
    return SiteSpec(
        code=code,
        name=f"Voorbeeldstad {number:02d}",
        inhabitants=inhabitants if inhabitants is not None else _size(rng, minimum),
        urbanicity=urbanicity,
        problem_debt_share=round(debt, 4),
        retention=retention or drawn,
        policy=policy,
        threshold_eur=threshold,
        acceptance_coding=coding,
        rate_multiplier=float(law.signals_per_1000_a_month / 4.4 * debt / MEAN_DEBT_SHARE * rate_noise),
        capacity_phone=float(phone),
        capacity_visit=float(visit),
        repeat_refused=float(refused),
        youth_text_first=youth,
        log_hazard_ratio=float(deviation),
    )


def _size(rng: np.random.Generator, minimum: int | None) -> int:
    floor = max(minimum or 0, 3000)
    for _ in range(10_000):
        size = int(np.exp(10.41 + 0.82 * rng.standard_normal()))
        if size >= floor:
            return size
    return floor


def guaranteed_months(spec: SiteSpec, months: int = MONTHS_OF_DATA) -> int:
    """Months for which every signal is certain to be held, whatever became of it.

    With full retention the first six months of the extract are kept as look-back: what went before (an
    earlier signal of the same creditor, a case still open) is known for every episode after them.
    """
    return max(months - 6, 0) if spec.retention == "full" else 6


def expected_counts(spec: SiteSpec, scenario: Scenario, months: int = MONTHS_OF_DATA) -> dict[str, float]:
    """Households to expect in each arm of the contact question, before a run.

    Returns
    -------
    dict
        ``signals_a_month``, ``episodes_a_month``, ``entry_months`` (months in which an episode can enter with
        its three months followed), ``eligible_episodes``, one key an arm, and ``accepted``.
    """
    signals = 4.4 * spec.rate_multiplier * spec.inhabitants / 1000
    episodes = signals / SIGNALS_AN_EPISODE
    entry = max(guaranteed_months(spec, months) - 3, 0)
    eligible = episodes * float(np.interp(spec.threshold_eur, *ELIGIBLE_SHARE)) * entry
    letter, message, phone, visit = SHARES[spec.policy]
    shares = {
        "letter": letter,
        "message": message,
        "phone": phone * spec.capacity_phone,
        "home_visit": visit * spec.capacity_visit,
    }
    arms = {arm: round(eligible * share, 1) for arm, share in shares.items()}
    arms["none"] = round(max(eligible - sum(arms.values()), 0.0), 1)
    reach = {"letter": 0.06, "message": 0.07, "phone": 0.59, "home_visit": 0.46, "none": 0.10}
    accepted = 0.36 * sum(arms[arm] * reach[arm] for arm in ARMS)
    return {
        "signals_a_month": round(signals, 1),
        "episodes_a_month": round(episodes, 1),
        "entry_months": float(entry),
        "eligible_episodes": round(eligible, 1),
        **arms,
        "accepted": round(accepted, 1),
    }


def _error(expected: str, found: str, mend: str) -> SimulationError:
    return SimulationError("simulation-site", expected=expected, found=found, mend=mend)
