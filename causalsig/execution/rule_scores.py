"""What rules of a question are learned and valued with, and what their gains rest on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from causalsig.grouped import RuleBehind, RuleGain
from causalsig.records import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from causalsig.cohort.build import Cohort
    from causalsig.estimation.max_t import Joint
    from causalsig.execution.routes import Route
    from causalsig.records import Analysis
    from causalsig.study.models import Study

    Part = tuple[NDArray[np.bool_], NDArray[np.int64], NDArray[np.int64]]

QUESTION = "contact_method"
"""Nobody is told to accept help; a municipality chooses how it makes contact."""
NEEDS_EVERYBODY = "rule-needs-everybody"
NEEDS_RETURN = "rule-needs-return"


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """Scores of a question's primary outcome, episode by episode of its route (n); they never leave.

    Attributes
    ----------
    about : (question, outcome)
    arms : tuple of str, length K
    rewards : (n, K)
        Euros an episode under every arm, costs taken off.
    now : (n,)
        Euros of what was done.
    codes : (n,)
        Place of each episode's own arm.
    clusters : (n,)
        Household.
    returned : (n,)
    """

    about: tuple[str, str]
    arms: tuple[str, ...]
    rewards: NDArray[np.float64]
    now: NDArray[np.float64]
    codes: NDArray[np.int64]
    clusters: NDArray[np.int64]
    returned: NDArray[np.bool_]

    def shares(self, used: Iterable[float]) -> tuple[tuple[str, float, float], ...]:
        """Put how often a rule uses each arm beside what is done now."""
        now = np.bincount(self.codes, minlength=len(self.arms)) / len(self.codes)
        return tuple(zip(self.arms, used, now.tolist(), strict=True))

    def counts(self, parts: Iterable[Part]) -> tuple[int, int]:
        """Count the fewest households that tell a comparison of two arms anything, and the fewest by return.

        A part is where both differ (n,), with the places of both arms: only episodes that got one of the two
        tell anything of it. A part of nobody tells nothing.
        """
        arms, cells = [], []
        for part, chosen, other in parts:
            for arm in (chosen, other):
                rows = part & (self.codes == arm)
                came_back = len(np.unique(self.clusters[rows & self.returned]))
                households = len(np.unique(self.clusters[rows]))
                if part.any():
                    arms.append(households)
                    cells += [came_back, households - came_back]
        return min(arms, default=0), min(cells, default=0)

    def behind(self, parts: Iterable[Part], gaps: Sequence[NDArray[np.float64]]) -> RuleBehind:
        """Say the least that a rule and its gains rest on; of several gaps (n,) the one that few decide."""
        largest, two, size = 0.0, 0.0, np.inf
        for gap in gaps:
            sums = np.abs(np.bincount(self.clusters, weights=gap))
            whole = float(sums.sum())
            top = np.sort(sums)[-2:] / whole if whole > 0.0 else np.ones(2)
            largest, two = max(largest, float(top[-1])), max(two, float(top.sum()))
            size = min(size, whole**2 / float(np.sum(sums**2)) if whole > 0.0 else 0.0)
        return RuleBehind(*self.counts(parts), largest, two, float(size))


def scores_of(
    cohort: Cohort, route: Route, analyses: Sequence[Analysis], study: Study
) -> Scores | Refusal | None:
    """Score the primary outcome; None where no rule is asked for, and the reason where there can be none.

    A rule is for everybody, so it needs the ATE: where some never get an arm nobody knows what it would do.
    """
    plan, settings = cohort.plan, study.rules
    outcome = plan.settings.primary_outcome
    asked = next((one for one in plan.outcomes if one.id == outcome), None)
    if settings is None or plan.question != QUESTION or plan.exposure != "question" or asked is None:
        return None
    if asked.kind != "any":
        return Refusal(NEEDS_RETURN, plan.question, outcome)
    whole = next((a for a in analyses if (a.estimand, a.outcome) == ("ATE", outcome)), None)
    happened = cohort.outcomes[outcome][route.rows]
    if whole is None or np.isnan(happened).any():
        return Refusal(NEEDS_EVERYBODY, plan.question, outcome)
    arms = tuple(str(arm) for arm in whole.result.arms)
    costs = np.array([settings.costs_eur.get(arm, 0.0) for arm in arms])  # type: ignore[call-overload]
    codes = np.array([arms.index(arm) for arm in cohort.treatment[route.rows].astype(str)])
    return Scores(
        about=(plan.question, outcome),
        arms=arms,
        rewards=-settings.value_eur * whole.result.influence - costs,
        now=-settings.value_eur * happened - costs[codes],
        codes=codes,
        clusters=np.unique(cohort.households[route.rows], return_inverse=True)[1],
        returned=happened > 0,
    )


def gains(over: Sequence[str], differences: Joint) -> tuple[RuleGain, ...]:
    """Name the differences of a rule with what it is compared with."""
    d = differences
    columns = (d.estimates, d.std_errors, d.df, d.conf_low, d.conf_high)
    return tuple(RuleGain(name, *(float(c[k]) for c in columns)) for k, name in enumerate(over))
