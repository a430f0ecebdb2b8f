"""How many households each arm of an invented municipality may expect, before anything is simulated."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np

from causalsig.simulation.policies import ARMS, SHARES, with_nobody
from causalsig.simulation.scenario import Scenario
from causalsig.simulation.sites import MONTHS_OF_DATA, SiteSpec, guaranteed_months

if TYPE_CHECKING:
    from causalsig.simulation.rules import SiteRule

SIGNALS_AN_EPISODE: Final = 1.12
ELIGIBLE_SHARE: Final = ((0.0, 25.0, 50.0, 75.0, 100.0), (0.91, 0.90, 0.87, 0.83, 0.79))
"""Share of episodes above a threshold in euro and without an open case, in the base scenario."""
REACH: Final = {"letter": 0.06, "message": 0.07, "phone": 0.59, "home_visit": 0.46, "none": 0.10}
ACCEPTS: Final = 0.36
MONTHS_TO_FOLLOW: Final = (3, 5)
"""Months before the extract in which no episode enters: of the contact question, and of accepted help."""
PILOT_INHABITANTS: Final = 30_000
PILOT_MONTHS: Final = 24
"""A pilot sees some 1,500 episodes: its share is off by 0.02 at most."""


def expected_counts(
    spec: SiteSpec,
    scenario: Scenario,
    months: int = MONTHS_OF_DATA,
    *,
    entry: tuple[float, float] | None = None,
) -> dict[str, float]:
    """Households to expect in each arm of the contact question, before a run.

    Parameters
    ----------
    spec : SiteSpec
    scenario : Scenario
    months : int
        Months a full extract holds.
    entry : (float, float), optional
        Months of entry of the contact question and of accepted help, as a study's cohorts have them; default:
        those in which the generator knows the truth.

    Returns
    -------
    dict
        ``signals_a_month``, ``episodes_a_month``, ``entry_months`` (of the contact question),
        ``eligible_episodes``, one key an arm, and ``accepted``.
    """
    signals = 4.4 * spec.rate_multiplier * spec.inhabitants / 1000
    episodes = signals / SIGNALS_AN_EPISODE
    if entry is None:
        kept = guaranteed_months(spec, months)
        contact, help_ = (float(max(kept - follow, 0)) for follow in MONTHS_TO_FOLLOW)
    else:
        contact, help_ = entry
    monthly = episodes * taken_up_share(spec, scenario)
    letter, message, phone, visit = SHARES[spec.policy]
    share = np.array((letter, message, phone * spec.capacity_phone, visit * spec.capacity_visit))
    shares = dict(zip(ARMS, with_nobody(share).tolist(), strict=True))
    accepted = ACCEPTS * monthly * help_ * sum(shares[arm] * REACH[arm] for arm in ARMS)
    return {
        "signals_a_month": round(signals, 1),
        "episodes_a_month": round(episodes, 1),
        "entry_months": contact,
        "eligible_episodes": round(monthly * contact, 1),
        **{arm: round(monthly * contact * shares[arm], 1) for arm in ARMS},
        "accepted": round(accepted, 1),
    }


def taken_up_share(spec: SiteSpec, scenario: Scenario) -> float:
    """Share of a site's episodes that its threshold or rule takes up and that have no open case.

    Of a rule or a ranked list it is counted in a small municipality that has the same one: a second, once.
    """
    if spec.rules or spec.rank_share is not None:
        return _counted(scenario.model_dump_json(), spec.rules, spec.rank_share)
    return float(np.interp(spec.threshold_eur, *ELIGIBLE_SHARE))


@lru_cache(maxsize=32)
def _counted(law: str, rules: tuple[SiteRule, ...], rank_share: float | None) -> float:
    from causalsig.simulation.site import simulate_site

    scenario = Scenario.model_validate_json(law)
    spec = SiteSpec(
        "8002", "Voorbeeldstad", PILOT_INHABITANTS, threshold_eur=0.0, rules=rules, rank_share=rank_share
    )
    site = simulate_site(spec, scenario, 0, months=PILOT_MONTHS, six_months=False)
    assert site.truth is not None
    entered = site.truth.matched_on
    matched = site.tables.episodes["matched_on"].to_numpy("datetime64[D]")
    inside = (matched >= entered.min()) & (matched <= entered.max())
    return len(entered) / int(inside.sum())
