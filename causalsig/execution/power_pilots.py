"""What one large invented municipality a policy teaches about others: risks, arms, the price of weighting.

From the generator's own potential outcomes and true propensities, without any estimator. The variance of the
overlap-weighted contrast is that of its efficient influence function (Li and Li 2019,
doi:10.1214/19-AOAS1282), with outcome models that are linear in recorded facts.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from causalsig.cohort import CohortPlan
    from causalsig.execution.power_design import PowerDesign
    from causalsig.simulation import Scenario, SiteSpec, SiteTruth
    from causalsig.simulation.scenario import Policy
    from causalsig.study.models import Study

INHABITANTS: Final = 400_000
"""Of a pilot: its true contrast is then known to about 0.001."""
MONTHS: Final = 30
BUSIER: Final = 1.5
NUDGE: Final = 0.3
"""Change of a site's log hazard ratio from which the slope of its contrast is taken."""


@dataclass(frozen=True, slots=True)
class Pilot:
    """One policy and question, in a municipality of average rate and capacity that keeps everything.

    Attributes
    ----------
    arms : tuple of str, length K
    monthly : (K,) float64
        Episodes of each arm a month, per thousand inhabitants.
    risks : (K,) float64
        Overlap-weighted risks of the primary outcome.
    factual : (K,) float64
        Shares with the outcome among those who are in each arm, which the rules on release count.
    pair : (int, int)
        Places of the primary contrast's arm and reference.
    design_effect : (2,) float64
        Variance of the contrast over that of two independent shares of the same episodes: in one month of
        entry, and in all months of the pilot, in which households come back.
    households : (K,) float64
        Distinct households over episodes of each arm, in all months.
    months : int
        Months of entry of the pilot.
    """

    arms: tuple[str, ...]
    monthly: NDArray[np.float64]
    risks: NDArray[np.float64]
    factual: NDArray[np.float64]
    pair: tuple[int, int]
    design_effect: NDArray[np.float64]
    households: NDArray[np.float64]
    months: int

    @property
    def contrast(self) -> float:
        """True difference of risks, arm minus reference."""
        return float(self.risks[self.pair[0]] - self.risks[self.pair[1]])


@dataclass(frozen=True, slots=True)
class Elasticity:
    """How a municipality's figures follow its rate of arrears, log on log.

    Attributes
    ----------
    risk : float
        Of the reference's risk. A contrast follows it as well: who returns more often has more to gain.
    episodes : (K,) float64
        Of the episodes of each arm; under 1, since more of them fall into a case that is still open.
    households : (K,) float64
        Of distinct households over episodes; under 0, since more households come back.
    """

    risk: float
    episodes: NDArray[np.float64]
    households: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Lessons:
    """Pilots by (policy, question), and how a site's figures follow its own traits.

    Attributes
    ----------
    pilots : dict
    slopes : dict of (2,) float64
        By question: change of the contrast with the site's log hazard ratio of being reached, of accepting.
    elasticities : dict of Elasticity
        By question.
    """

    pilots: dict[tuple[str, str], Pilot]
    slopes: dict[str, NDArray[np.float64]]
    elasticities: dict[str, Elasticity]


def learn(design: PowerDesign, study: Study, *, inhabitants: int = INHABITANTS) -> Lessons:
    """Simulate one municipality a policy, and three more for the slopes; a few seconds each.

    Parameters
    ----------
    design : PowerDesign
        Scenario and assumed effect.
    study : Study
        Questions and primary outcomes.
    inhabitants : int
        Of each pilot.
    """
    from causalsig.execution.power_design import primary_plans

    law, plans = design.law(), primary_plans(study)
    policies = [name for name, share in law.sites.policies.items() if share > 0.0]
    pilots: dict[tuple[str, str], Pilot] = {}
    for policy in policies:
        spec = pilot_spec(law, policy, inhabitants)
        truth = _live(spec, law, design.seed)
        for plan in plans:
            pilots[policy, plan.question] = pilot_of(truth, plan, spec)
    usual = max(policies, key=lambda name: law.sites.policies[name])
    spec = pilot_spec(law, usual, inhabitants)
    return Lessons(
        pilots,
        _slopes(design, law, plans, spec, pilots),
        _elasticities(design, law, plans, spec, pilots),
    )


def pilot_spec(law: Scenario, policy: Policy, inhabitants: int) -> SiteSpec:
    """Make a municipality with this policy and nothing special."""
    from causalsig.simulation import SiteSpec

    low, high = law.sites.repeat_refused
    return SiteSpec(
        code="8001",
        name="Voorbeeldstad",
        inhabitants=inhabitants,
        policy=policy,
        repeat_refused=(low + high) / 2,
    )


def _live(spec: SiteSpec, law: Scenario, seed: int) -> SiteTruth:
    from causalsig.simulation import simulate_site

    truth = simulate_site(spec, law, seed, months=MONTHS, six_months=False).truth
    assert truth is not None
    return truth


def _slopes(
    design: PowerDesign,
    law: Scenario,
    plans: tuple[CohortPlan, ...],
    spec: SiteSpec,
    pilots: dict[tuple[str, str], Pilot],
) -> dict[str, NDArray[np.float64]]:
    if law.effect == "null" or law.sites.log_hazard_ratio_sd == 0.0:
        return {plan.question: np.zeros(2) for plan in plans}
    slopes = {plan.question: np.zeros(2) for plan in plans}
    for at, nudged in enumerate(
        (replace(spec, log_hazard_ratio=NUDGE), replace(spec, log_hazard_ratio_help=NUDGE))
    ):
        truth = _live(nudged, law, design.seed)
        for plan in plans:
            moved = pilot_of(truth, plan, nudged).contrast - pilots[spec.policy, plan.question].contrast
            slopes[plan.question][at] = moved / NUDGE
    return slopes


def _elasticities(
    design: PowerDesign,
    law: Scenario,
    plans: tuple[CohortPlan, ...],
    spec: SiteSpec,
    pilots: dict[tuple[str, str], Pilot],
) -> dict[str, Elasticity]:
    busier = replace(spec, rate_multiplier=BUSIER)
    truth = _live(busier, law, design.seed)
    found = {}
    for plan in plans:
        usual, more = pilots[spec.policy, plan.question], pilot_of(truth, plan, busier)
        at = usual.pair[1]
        found[plan.question] = Elasticity(
            risk=float(_log_on_log(more.risks[at], usual.risks[at])),
            episodes=_log_on_log(more.monthly, usual.monthly),
            households=_log_on_log(more.households, usual.households),
        )
    return found


def _log_on_log(more: NDArray[np.float64], usual: NDArray[np.float64]) -> NDArray[np.float64]:
    slope: NDArray[np.float64] = np.log(more / usual) / np.log(BUSIER)
    return slope


def pilot_of(truth: SiteTruth, plan: CohortPlan, spec: SiteSpec) -> Pilot:
    """Work out one question's figures from a municipality's truth."""
    question, outcome = plan.question, plan.settings.primary_outcome
    arms = truth.arms(question)
    potential = truth.potential[question][outcome]
    followed = np.flatnonzero(~np.isnan(potential).any(axis=1))
    potential, received = potential[followed], truth.received[question][followed]
    propensity = truth.propensity[question][followed]
    arm, reference = (arms.index(name) for name in plan.settings.primary_contrast)
    household = np.unique(truth.household_key[followed], return_inverse=True)[1]
    facts = np.column_stack([flag[followed] for flag in truth.subgroups.values()]).astype(np.float64)
    month = truth.matched_on[followed].astype("datetime64[M]")
    months = len(np.unique(month))
    tilt = 1.0 / (1.0 / propensity).sum(axis=1)
    risks = (tilt[:, None] * potential).sum(axis=0) / tilt.sum()
    counts = np.bincount(received, minlength=len(arms)).astype(np.float64)
    happened = np.bincount(received, potential[np.arange(len(received)), received], minlength=len(arms))
    influence = _influence(potential, received, propensity, tilt, facts, (arm, reference))
    both = risks[[arm, reference]]
    plain = float((both * (1.0 - both) / counts[[arm, reference]]).sum())
    once = float((influence**2).sum()) / len(influence) ** 2
    again = float((np.bincount(household, influence) ** 2).sum()) / len(influence) ** 2
    pairs = np.unique(household * len(arms) + received) % len(arms)
    return Pilot(
        arms=arms,
        monthly=counts / months / (spec.inhabitants / 1000),
        risks=risks,
        factual=happened / np.maximum(counts, 1.0),
        pair=(arm, reference),
        design_effect=np.array((once, again)) / plain,
        households=np.bincount(pairs, minlength=len(arms)) / np.maximum(counts, 1.0),
        months=months,
    )


def _influence(
    potential: NDArray[np.float64],
    received: NDArray[np.int64],
    propensity: NDArray[np.float64],
    tilt: NDArray[np.float64],
    facts: NDArray[np.float64],
    contrast: tuple[int, int],
) -> NDArray[np.float64]:
    """Influence of each episode on the overlap-weighted contrast, mean 0, (n,).

    The sum over k of the tilt's own derivative is left out: it adds what heterogeneous effects add, which is
    little beside the outcomes' own variance.
    """
    rows = np.arange(len(received))
    outcome = potential[rows, received]
    design = np.column_stack([np.ones(len(rows)), facts, np.log(propensity)])
    share = tilt / tilt.mean()
    parts = []
    for k in contrast:
        inside = received == k
        model = design @ np.linalg.lstsq(design[inside], outcome[inside], rcond=None)[0]
        weighted = np.where(inside, share * (outcome - model) / propensity[:, k], 0.0)
        parts.append(weighted - weighted.mean() + share * (model - (share * model).mean()))
    centred: NDArray[np.float64] = parts[0] - parts[1]
    return centred
