"""What a question about power is about: which municipalities, how long they keep what, which effect."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Literal

from causalsig.errors import SimulationError
from causalsig.simulation.scenario import EffectName
from causalsig.simulation.sites import Retention

if TYPE_CHECKING:
    from causalsig.cohort import CohortPlan
    from causalsig.simulation import Scenario, SiteSpec
    from causalsig.study.inventory import Inventory, Site
    from causalsig.study.models import Study

CODINGS: Final[dict[str, Literal["recorded", "quick_fix", "declined"]]] = {
    "standard": "recorded",
    "talk_is_quick_fix": "quick_fix",
    "talk_is_declined": "declined",
}


@dataclass(frozen=True, slots=True)
class PowerDesign:
    """Municipalities and an assumed effect.

    Every replication draws what is not fixed anew: of drawn municipalities everything, of those of an
    inventory what it does not say (policy, capacity, how well help works there).

    Attributes
    ----------
    scenario : str
        Packaged name or path of a scenario file.
    effect : str or None
        Effect in force; None: the scenario's own.
    strength : float
        Multiplies the log of every assumed hazard ratio; 0 is no effect, 2 twice the effect.
    sites : int
        Municipalities drawn; not looked at with an inventory.
    inventory : Inventory or None
        Municipalities that might join.
    inhabitants, minimum : int or None
        Size of every drawn municipality, or the smallest that is drawn.
    retention : str or None
        Regime of every drawn municipality; None: as the scenario says.
    waves : int
        Quarterly extracts.
    months : int
        Months a full extract holds.
    seed : int
    """

    scenario: str = "ignorable"
    effect: EffectName | None = None
    strength: float = 1.0
    sites: int = 12
    inventory: Inventory | None = None
    inhabitants: int | None = None
    minimum: int | None = None
    retention: Retention | None = None
    waves: int = 1
    months: int = 30
    seed: int = 1

    def law(self) -> Scenario:
        """Scenario with the assumed effect and the waves.

        Raises
        ------
        SimulationError
            ``simulation-scenario``; ``simulation-power`` for waves of extracts that hold the same months.
        """
        from causalsig.simulation.scenario_files import load_scenario

        scenario = load_scenario(self.scenario, self.effect)
        assumed = scenario.hazard_ratios
        ratios = {
            name: getattr(assumed, name) ** self.strength for name in ("written", "reached", "accepted")
        }
        effects = scenario.effects | {scenario.effect: assumed.model_copy(update=ratios)}
        return scenario.model_copy(update={"effects": effects, "waves": self.waves})

    def specs(self, law: Scenario, replication: int) -> tuple[SiteSpec, ...]:
        """Municipalities of one replication.

        Raises
        ------
        SimulationError
            ``simulation-power``: several waves of a municipality that keeps everything; its extracts would
            hold the same episodes.
        """
        from causalsig.simulation.sites import draw_sites

        seed = self.seed * 100_003 + replication
        if self.inventory is None:
            specs = draw_sites(
                law,
                self.sites,
                seed,
                minimum_inhabitants=self.minimum,
                inhabitants=self.inhabitants,
                retention=self.retention,
            )
        else:
            drawn = draw_sites(law, len(self.inventory.sites), seed)
            specs = tuple(
                known_spec(site, spec) for site, spec in zip(self.inventory.sites, drawn, strict=True)
            )
        if self.waves > 1 and any(spec.retention == "full" for spec in specs):
            raise SimulationError(
                "simulation-power",
                expected="one extract of a municipality that keeps everything",
                found=f"{self.waves} waves, which would hold the same episodes",
                mend="Ask for several waves only where signals are kept for six months.",
            )
        return specs


def known_spec(site: Site, drawn: SiteSpec) -> SiteSpec:
    """Put what an inventory says of a municipality into one that was drawn."""
    from causalsig.simulation.sites import MEAN_DEBT_SHARE
    from causalsig.sources.schema import Matching

    debt = site.problem_debt_share or drawn.problem_debt_share
    # The drawn rate goes with the drawn debt; another share of debt brings signals in proportion.
    rate = drawn.rate_multiplier * debt / drawn.problem_debt_share
    weekly = site.matching.frequency == "weekly"
    return replace(
        drawn,
        code=site.code,
        name=site.name,
        inhabitants=max(site.inhabitants, 1000),
        urbanicity=site.urbanicity,
        problem_debt_share=debt or MEAN_DEBT_SHARE,
        rate_multiplier=rate,
        retention=site.retention,
        threshold_eur=float(site.rule.threshold_eur),
        acceptance_coding=CODINGS[site.acceptance_coding],
        matching=Matching("weekly", site.matching.day) if weekly else Matching(),
    )


def primary_plans(study: Study) -> tuple[CohortPlan, ...]:
    """One plan a question, with its primary outcome only."""
    from causalsig.cohort import plan_cohorts

    plans: dict[str, Any] = {}
    for plan in plan_cohorts(study):
        primary = tuple(o for o in plan.outcomes if o.id == plan.settings.primary_outcome)
        if primary and plan.question not in plans:
            plans[plan.question] = replace(plan, outcomes=primary)
    return tuple(plans.values())


def primary_study(study: Study) -> Study:
    """Return the study with its primary estimand only: the others take time and decide nothing here."""
    return study.model_copy(update={"estimands": study.estimands.model_copy(update={"also": ()})})
