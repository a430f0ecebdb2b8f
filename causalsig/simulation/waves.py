"""Quarterly extracts of one municipality: the same lives, seen at several dates."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Final

from causalsig.errors import SimulationError
from causalsig.simulation.site import SHORTEST_RUN, SimulatedSite, simulate_site
from causalsig.simulation.sites import MONTHS_OF_DATA

if TYPE_CHECKING:
    from causalsig.simulation.scenario import Scenario
    from causalsig.simulation.sites import SiteSpec

MONTHS_A_WAVE: Final = 3


def simulate_waves(
    spec: SiteSpec,
    scenario: Scenario,
    seed: int,
    *,
    months: int = MONTHS_OF_DATA,
    truth: bool = True,
    six_months: bool = True,
) -> tuple[SimulatedSite, ...]:
    """Simulate the extracts of a municipality, the earliest first; ``scenario.waves`` of them.

    The last is the extract :func:`simulate_site` gives. Every run begins in the same month, so what two
    extracts both hold is the same.

    Raises
    ------
    SimulationError
        ``simulation-months`` when the first extract would be too short.
    """
    shortest = months - MONTHS_A_WAVE * (scenario.waves - 1)
    if shortest < SHORTEST_RUN:
        raise SimulationError(
            "simulation-months",
            expected=f"at least {SHORTEST_RUN} months of data in the first wave",
            found=f"{shortest}",
            mend="Ask for more months, or fewer waves.",
        )
    extracts = []
    for back in range(scenario.waves - 1, -1, -1):
        earlier = back * MONTHS_A_WAVE
        law = scenario.model_copy(update={"extracted_on": months_before(scenario.extracted_on, earlier)})
        extracts.append(
            simulate_site(spec, law, seed, months=months - earlier, truth=truth, six_months=six_months)
        )
    return tuple(extracts)


def months_before(last_day: date, months: int) -> date:
    """Last day of the month so many months before that of ``last_day``."""
    number = last_day.year * 12 + last_day.month - months
    return date(number // 12, number % 12 + 1, 1) - timedelta(days=1)
