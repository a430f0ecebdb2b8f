"""Generator and chain composed: invented municipalities through the whole analysis, beside their truth."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from causalsig.execution.analyse import analyse_site
from causalsig.execution.comparison import unadjusted_blocks
from causalsig.execution.invented_rules import handling_of
from causalsig.execution.record import site_record
from causalsig.records import ReleasedArms
from causalsig.study.inventory import Agreement, MatchingTrait, Rule, Site
from causalsig.study.models import Estimand

if TYPE_CHECKING:
    from causalsig.cohort import CohortPlan
    from causalsig.records import PooledContrast, SiteResult
    from causalsig.simulation import Scenario, SimulatedSite, SiteSpec
    from causalsig.study.models import Study

CODING: dict[str, Literal["talk_is_declined", "talk_is_quick_fix", "standard"]] = {
    "recorded": "standard",
    "quick_fix": "talk_is_quick_fix",
    "declined": "talk_is_declined",
}
SIGNED = date(2024, 1, 1)


@dataclass(frozen=True, slots=True)
class ContrastWithTruth:
    """One primary contrast of one replication.

    Attributes
    ----------
    truth : float
        Mean over the sites that were pooled of each site's true contrast, from potential outcomes and true
        propensities.
    naive : PooledContrast
        The same pool of unadjusted differences in means.
    pooled : PooledContrast
        The pool of released doubly robust arm means.
    """

    truth: float
    naive: PooledContrast
    pooled: PooledContrast


def inventory_site(spec: SiteSpec, *, months: int, extracted_on: date | None = None) -> Site:
    """Write an invented municipality as the entry a provider's inventory would have for it.

    ``months`` is the number of months the extract holds, which full retention guarantees.
    """
    return Site(
        code=spec.code,
        name=spec.name,
        inhabitants=spec.inhabitants,
        urbanicity=spec.urbanicity,
        problem_debt_share=round(spec.problem_debt_share, 4),
        retention=spec.retention,
        retention_months=months if spec.retention == "full" else None,
        acceptance_coding=CODING[spec.acceptance_coding],
        matching=MatchingTrait(frequency=spec.matching.frequency, day=spec.matching.day),
        rule=Rule(threshold_eur=round(spec.threshold_eur)),
        handling=handling_of(spec),
        extracted_on=extracted_on,
        agreement=Agreement(
            project_agreement=SIGNED,
            processor_agreement_provider=SIGNED,
            processor_agreement_university=SIGNED,
        ),
    )


def replicate_contrast(
    scenario: Scenario,
    specs: tuple[SiteSpec, ...],
    seed: int,
    study: Study,
    plan: CohortPlan,
    *,
    months: int,
) -> ContrastWithTruth:
    """Simulate sites, analyse, release and pool them in memory; the plan's primary contrast beside its truth.

    Parameters
    ----------
    scenario : Scenario
    specs : tuple of SiteSpec
    seed : int
        Of the households' lives.
    study : Study
        Estimands, gates and pooling.
    plan : CohortPlan
        The question and horizon; it must hold the question's primary outcome.
    months : int
        Months of data before the extraction.

    Raises
    ------
    PoolError
        No site passed its gates, so that there is nothing to pool.
    """
    from causalsig.simulation import simulate_site

    blocks: list[ReleasedArms] = []
    unadjusted: list[ReleasedArms] = []
    truths: list[float] = []
    for spec in specs:
        simulated = simulate_site(spec, scenario, seed, months=months, six_months=plan.months > 3)
        site = inventory_site(spec, months=months)
        result = analyse_site(simulated.tables, study, site, spec.matching, plans=(plan,))
        primary = [block for block in released_blocks(result, study) if block.primary]
        if primary:
            blocks += primary
            unadjusted += unadjusted_blocks([site_record(result)])
            truths.append(true_contrast(simulated, plan, study.estimands_of(plan.question)[0]))
    return ContrastWithTruth(
        truth=float(np.mean(truths)),
        naive=pooled_primary(unadjusted, study, plan),
        pooled=pooled_primary(blocks, study, plan),
    )


def released_blocks(result: SiteResult, study: Study) -> tuple[ReleasedArms, ...]:
    """Numbers as they would leave the site: through every rule and onto the grid."""
    from causalsig.release.build import ReleaseIdentity, build_release, released_arms, site_code

    identity = ReleaseIdentity(
        site_code=site_code(b"simulation", result.municipality, result.study_digest),
        snapshot="0" * 64,
        package_version="0.0.0",
        lock_digest="0" * 64,
    )
    return released_arms(build_release(result, study=study, identity=identity).document)


def pooled_primary(blocks: list[ReleasedArms], study: Study, plan: CohortPlan) -> PooledContrast:
    """Pool blocks and return the question's primary contrast."""
    from causalsig.errors import PoolError
    from causalsig.pooling import pool_arms

    pool = pool_arms(blocks, study, "")
    arm, reference = plan.settings.primary_contrast
    for contrast in pool.contrasts:
        if contrast.primary and (contrast.arm, contrast.reference) == (arm, reference):
            return contrast
    raise PoolError(
        "pool-nothing-to-pool",
        expected="at least one site with the primary contrast",
        found=f"{len(blocks)} blocks without it",
        mend="Use larger sites or a longer extract; `causalsig simulate --check` says what to expect.",
    )


def true_contrast(simulated: SimulatedSite, plan: CohortPlan, estimand: Estimand) -> float:
    """Truth of the plan's primary contrast and outcome at one site, over every episode that can enter."""
    assert simulated.truth is not None
    means = simulated.truth.arm_means(plan.question, plan.settings.primary_outcome, estimand)
    arm, reference = (means.arms.index(name) for name in plan.settings.primary_contrast)
    values: NDArray[np.float64] = means.means
    return float(values[arm] - values[reference])
