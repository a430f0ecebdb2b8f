"""What another threshold would do: contacts, later signals by the strongest route that holds, and the cost.

The contacts are counted. The effect is not seen, so it comes from one of five routes, each by an assumption
of its own; the order of the routes is fixed beforehand, and the first that holds is the answer, whatever the
others say. With none the reasons are the answer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from causalsig.errors import EstimationError
from causalsig.estimation.confidence_sets import ConfidenceSet, anderson_rubin
from causalsig.estimation.moving_results import ROUTES, BandEffect, Route
from causalsig.estimation.option_numbers import read_number

Answer = BandEffect | EstimationError
Found = TypeVar("Found")
NORMAL = 1e12
"""Degrees of freedom that make a t-quantile normal to the last digit."""
NO_DATA = "estimation-route-without-data"
REFUSALS = frozenset(
    {
        "estimation-band-empty",
        "estimation-band-not-changed",
        "estimation-bandwidth",
        "estimation-beyond-bandwidth",
        "estimation-cutoff",
        "estimation-few-periods",
        "estimation-few-scores",
        "estimation-no-other-site",
    }
)
"""Why a route may have no answer; every other error is one of the input."""


@dataclass(frozen=True, slots=True)
class Passed:
    """A route that did not give the answer, and why: a refusal, or the check that failed."""

    route: Route
    code: str


@dataclass(frozen=True, slots=True)
class CostPerAvoided:
    """What one avoided signal costs.

    Attributes
    ----------
    spent : float
        Extra contacts times their price; below 0 is saved, and the ratio is then what is saved for every
        extra signal.
    estimate : float, spent over signals avoided
    interval : ConfidenceSet
        Fieller (1954), doi:10.1111/j.2517-6161.1954.tb00159.x. Without two ends where the data allow that
        nothing is avoided.
    code : str or None
        ``estimation-cost-unbounded``; ``estimation-nothing-avoided`` where money is spent for more signals.
    """

    spent: float
    estimate: float
    interval: ConfidenceSet
    code: str | None


@dataclass(frozen=True, slots=True)
class MovedThreshold:
    """One candidate threshold: what is counted, what is estimated, or why that cannot be.

    Attributes
    ----------
    cutoff, to : float, the present and the candidate threshold
    extra_contacts : float
        Counted; below 0 where the threshold goes up.
    effect : BandEffect or None
        Of the strongest route that holds.
    change, conf_low, conf_high : float
        In later outcomes, summed over the band's episodes: below 0 is fewer. NaN without a route.
    passed : tuple of Passed
        Stronger routes without an answer; all of them where there is none.
    code : str or None, ``estimation-no-route``
    over_capacity : bool or None
        Whether the extra contacts are more than there is room for; None where that was not given.
    cost : CostPerAvoided or None
    """

    cutoff: float
    to: float
    extra_contacts: float
    effect: BandEffect | None
    change: float
    conf_low: float
    conf_high: float
    passed: tuple[Passed, ...]
    code: str | None
    over_capacity: bool | None
    cost: CostPerAvoided | None

    @property
    def route(self) -> Route | None:
        """Which route the answer came by."""
        return None if self.effect is None else self.effect.route


def ask_route(route: Callable[..., Found], *args: Any, **options: Any) -> Found | EstimationError:
    """Ask a route, or what it is made from; keep its refusal as an answer. Errors of the input are raised."""
    try:
        return route(*args, **options)
    except EstimationError as error:
        if error.code not in REFUSALS:
            raise
        return error


def moved_threshold(
    cutoff: float,
    to: float,
    answers: Mapping[Route, Answer],
    *,
    episodes: float,
    contacts_each: float = 1.0,
    contact_cost: float | None = None,
    capacity: float | None = None,
) -> MovedThreshold:
    """Say what moving a threshold would do, by the strongest route that holds.

    Assumption: that of the route, and that those who are in the band next year are as those counted now.

    Parameters
    ----------
    cutoff, to : float
    answers : mapping of route to what it gave
        From `changed_band`, `changed_jumps`, `constant_bias`, `bounded_gap` and `bounded_continuation`,
        through `ask_route`, for this band; a route left out had no data.
    episodes : float
        Counted between the two thresholds in the period that is spoken of, such as a year.
    contacts_each : float
        Contacts more that an episode above the threshold gets than one below it.
    contact_cost : float or None, in euro
    capacity : float or None
        Contacts that there is room for beside those made now, in that period.

    Returns
    -------
    MovedThreshold

    Raises
    ------
    EstimationError
        ``estimation-option``.
    """
    present, place = read_number(cutoff, "cutoff"), read_number(to, "to")
    n, each = read_number(episodes, "episodes", lowest=0.0), read_number(contacts_each, "contacts_each")
    _check_routes(answers)
    if place == present:
        _refuse("another threshold than the present one", "the same", "to")
    sign = 1.0 if place < present else -1.0
    contacts = sign * n * each
    effect, passed = strongest(answers)
    change = low = high = float("nan")
    cost = None
    if effect is not None:
        change = sign * n * effect.estimate
        low, high = sorted((sign * n * effect.conf_low, sign * n * effect.conf_high))
        if contact_cost is not None:
            spent = contacts * read_number(contact_cost, "contact_cost", lowest=0.0)
            cost = cost_per_avoided(spent, change, (low, high), effect.level)
    room = None if capacity is None else read_number(capacity, "capacity", lowest=0.0)
    return MovedThreshold(
        cutoff=present,
        to=place,
        extra_contacts=contacts,
        effect=effect,
        change=change,
        conf_low=low,
        conf_high=high,
        passed=passed,
        code=None if effect is not None else "estimation-no-route",
        over_capacity=None if room is None else contacts > room,
        cost=cost,
    )


def strongest(answers: Mapping[Route, Answer]) -> tuple[BandEffect | None, tuple[Passed, ...]]:
    """Take the first route, in the fixed order, that has an answer and passes the checks of its assumption.

    Returns
    -------
    effect : BandEffect or None
    passed : the stronger routes, with the code of their refusal or of the check that failed
    """
    passed: list[Passed] = []
    for route in ROUTES:
        answer = answers.get(route)
        if answer is None:
            passed.append(Passed(route, NO_DATA))
        elif isinstance(answer, EstimationError):
            passed.append(Passed(route, answer.code))
        elif not answer.holds:
            failing = next(check.code for check in answer.checks if not check.passed)
            passed.append(Passed(route, failing))
        elif not np.isfinite([answer.conf_low, answer.conf_high]).all():
            passed.append(Passed(route, "estimation-band-empty"))
        else:
            return answer, tuple(passed)
    return None, tuple(passed)


def cost_per_avoided(
    spent: float, change: float, ends: tuple[float, float], level: float
) -> CostPerAvoided | None:
    """Divide what is spent by what is avoided, with Fieller's interval; None where nothing is spent.

    Parameters
    ----------
    spent : float, known
    change, ends : of later outcomes; below 0 is avoided. An interval for a bias as well is kept whole.
    """
    from scipy.special import stdtrit

    if spent == 0.0:
        return None
    avoided = -change
    half = 0.5 * (ends[1] - ends[0]) / float(stdtrit(NORMAL, 0.5 + level / 2.0))
    found = anderson_rubin(np.array([spent, avoided]), np.diag([0.0, half**2]), NORMAL, level)
    code = None if found.bounded else "estimation-cost-unbounded"
    if found.bounded and spent > 0.0 and avoided < 0.0:
        code = "estimation-nothing-avoided"
    return CostPerAvoided(spent, spent / avoided if avoided != 0.0 else float("inf"), found, code)


def _check_routes(answers: Mapping[Route, Answer]) -> None:
    unknown = set(answers) - set(ROUTES)
    crossed = any(isinstance(a, BandEffect) and a.route != name for name, a in answers.items())
    if unknown or crossed:
        _refuse(f"answers by route: {', '.join(ROUTES)}", "another name", "answers")


def _refuse(expected: str, found: str, where: str) -> None:
    raise EstimationError(
        "estimation-option",
        expected=expected,
        found=found,
        mend="See the page on thresholds.",
        where=where,
    )
