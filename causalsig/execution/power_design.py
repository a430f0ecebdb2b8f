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


DRAWN: Final = 12


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
    sites : int or None
        Municipalities drawn; None: 12, or those of the inventory.
    inventory : Inventory or None
        Municipalities that might join; those that have withdrawn are left out.
    inhabitants, minimum : int or None
        Size of every drawn municipality, or the smallest that is drawn; None: as the scenario says.
    retention : str or None
        Regime of every drawn municipality; None: as the scenario says.
    waves : int or None
        Quarterly extracts; None: as the scenario says.
    months : int
        Months a full extract holds.
    seed : int

    Raises
    ------
    SimulationError
        ``simulation-power``: something about drawn municipalities beside an inventory, one size beside a
        smallest one, or an inventory nobody is left of.
    """

    scenario: str = "ignorable"
    effect: EffectName | None = None
    strength: float = 1.0
    sites: int | None = None
    inventory: Inventory | None = None
    inhabitants: int | None = None
    minimum: int | None = None
    retention: Retention | None = None
    waves: int | None = None
    months: int = 30
    seed: int = 1

    def __post_init__(self) -> None:
        drawn = {
            "sites": self.sites,
            "inhabitants": self.inhabitants,
            "minimum": self.minimum,
            "retention": self.retention,
        }
        said = [name for name, value in drawn.items() if value is not None]
        if self.inventory is not None and said:
            raise _error(
                "either an inventory or municipalities to draw",
                f"an inventory and {', '.join(said)}",
                "Leave one of them out: the inventory says it of every municipality.",
            )
        if self.inhabitants is not None and self.minimum is not None:
            raise _error(
                "one size for all or a smallest one", "both inhabitants and minimum", "Leave one of them out."
            )
        if self.inventory is not None and not self.candidates:
            raise _error(
                "a municipality that might join",
                "only those that have withdrawn",
                "Take municipalities that are still in.",
            )

    @property
    def candidates(self) -> tuple[Site, ...]:
        """Municipalities of the inventory that have not withdrawn."""
        if self.inventory is None:
            return ()
        return tuple(site for site in self.inventory.sites if site.agreement.withdrawn_on is None)

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
        waves = scenario.waves if self.waves is None else self.waves
        return scenario.model_copy(update={"effects": effects, "waves": waves})

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
                DRAWN if self.sites is None else self.sites,
                seed,
                minimum_inhabitants=self.minimum,
                inhabitants=self.inhabitants,
                retention=self.retention,
            )
        else:
            drawn = draw_sites(law, len(self.candidates), seed)
            specs = tuple(known_spec(site, spec) for site, spec in zip(self.candidates, drawn, strict=True))
        if law.waves > 1 and any(spec.retention == "full" for spec in specs):
            raise _error(
                "one extract of a municipality that keeps everything",
                f"{law.waves} waves, which would hold the same episodes",
                "Ask for several waves only where signals are kept for six months.",
            )
        return specs

    def months_of(self, spec: SiteSpec) -> int:
        """Months an extract of this municipality is made of: the design's, or fewer where it keeps fewer.

        Never fewer than the generator can make; :meth:`site_of` says how many of them count.
        """
        from causalsig.simulation.site import SHORTEST_RUN

        known = self._listed(spec)
        if known is None or known.retention != "full":
            return self.months
        return max(min(self.months, known.guaranteed_months), SHORTEST_RUN)

    def site_of(self, spec: SiteSpec) -> Site:
        """Entry of a municipality in the inventory, invented for one that is drawn.

        What it guarantees is what the inventory says, and no more than the extract holds.
        """
        from causalsig.execution.truth import inventory_site

        entry, known = inventory_site(spec, months=self.months), self._listed(spec)
        if known is None:
            return entry
        kept = min(known.guaranteed_months, self.months)
        return entry.model_copy(update={"retention_months": kept})

    def _listed(self, spec: SiteSpec) -> Site | None:
        return next((site for site in self.candidates if site.code == spec.code), None)


def _error(expected: str, found: str, mend: str) -> SimulationError:
    return SimulationError("simulation-power", expected=expected, found=found, mend=mend)


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
