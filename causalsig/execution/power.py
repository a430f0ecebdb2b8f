"""Power before anybody is asked to join: by the whole chain on invented municipalities, or by formula.

Both answer, question by question: which share of the municipalities is admitted, how wide the pooled interval
will be, and how often it leaves out zero. :func:`simulate_power` runs everything that a real study runs;
:func:`approximate_power` draws what each site would release from the formulas of its expected arms, and pools
that as the study says.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from causalsig.errors import PoolError
from causalsig.execution.power_design import PowerDesign, primary_plans, primary_study
from causalsig.threads import one_thread

if TYPE_CHECKING:
    from causalsig.cohort import CohortPlan
    from causalsig.execution.power_pilots import Lessons
    from causalsig.execution.power_sites import DrawnReleases
    from causalsig.records import ReleasedArms
    from causalsig.simulation import SiteSpec
    from causalsig.study.models import Study

DRAWS: Final = 200
"""Countries the approximation draws; each is pooled ``POOLS`` times."""
CURVE_DRAWS: Final = 60
POOLS: Final = 100
MULTIPLES: Final = (0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0)
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class QuestionPower:
    """What a design may expect of one question's primary contrast.

    Attributes
    ----------
    question, arm, reference, outcome : str
    sites : float
        Municipalities asked, on average.
    admitted : float
        Share of them that releases the primary block.
    effect : float or None
        True difference of risks the design assumes, mean over sites; None where it was not worked out.
    width : float or None
        Mean width of the pooled interval; None when nothing could be pooled.
    power : float
        Share of replications in which there is a pooled interval and it leaves out zero.
    replications : int
    """

    question: str
    arm: str
    reference: str
    outcome: str
    sites: float
    admitted: float
    effect: float | None
    width: float | None
    power: float
    replications: int


def approximate_power(
    design: PowerDesign, study: Study, *, lessons: Lessons | None = None, draws: int = DRAWS
) -> tuple[QuestionPower, ...]:
    """Approximate admission, width and power; seconds, most of them for the pilots.

    An arm's households are drawn as normal about what is expected, who of them return as binomial; that
    decides admission, and is the larger part of the error of the site's contrast. The rest is normal, up to
    the variance of two independent shares times the pilots' design effect and the price of estimated models.

    Parameters
    ----------
    design : PowerDesign
    study : Study
        Its primary contrasts, floors and pooling choices.
    lessons : Lessons, optional
        Of :func:`causalsig.execution.power_pilots.learn`, when several designs share them.
    draws : int
        Countries drawn.
    """
    from causalsig.execution.power_pilots import learn

    known = lessons or learn(design, study)
    return tuple(
        _approximate(plan, countries, study, 1.0, np.random.default_rng([design.seed, 8]))
        for plan, countries in _countries(design, study, known, draws)
    )


def power_curve(
    design: PowerDesign,
    study: Study,
    lessons: Lessons,
    *,
    multiples: Sequence[float] = MULTIPLES,
    draws: int = CURVE_DRAWS,
) -> dict[str, tuple[tuple[float, float], ...]]:
    """Approximate power against the true effect, by question, were effects so many times the assumed ones.

    Returns
    -------
    dict of str to tuple of (float, float)
        Mean true difference of risks, and power; empty where no site is admitted.
    """
    curves = {}
    for plan, countries in _countries(design, study, lessons, draws):
        points = []
        for multiple in multiples:
            rng = np.random.default_rng([design.seed, 8])  # the same luck at every point of the curve
            found = _approximate(plan, countries, study, multiple, rng)
            if found.effect is not None:
                points.append((found.effect, found.power))
        curves[plan.question] = tuple(points)
    return curves


def _countries(
    design: PowerDesign, study: Study, lessons: Lessons, draws: int
) -> list[tuple[CohortPlan, list[tuple[int, DrawnReleases]]]]:
    """Draw countries: how many sites are asked in each, and what those admitted would release."""
    from causalsig.execution.power_sites import draw_releases

    law = design.law()
    rng = np.random.default_rng([design.seed, 7])
    drawn = [design.specs(law, number) for number in range(draws)]
    return [
        (
            plan,
            [
                (len(specs), draw_releases(specs, plan, study, law, lessons, design.site_of, rng))
                for specs in drawn
            ],
        )
        for plan in primary_plans(study)
    ]


def _approximate(
    plan: CohortPlan,
    countries: Sequence[tuple[int, DrawnReleases]],
    study: Study,
    multiple: float,
    rng: np.random.Generator,
) -> QuestionPower:
    """Pool every country many times over, and count."""
    from causalsig.meta import random_effects_batch

    hits, widths, effects = 0.0, [], []
    for _, sites in countries:
        k = len(sites.contrast)
        if not k:
            continue
        truth = sites.contrast * multiple
        noise = sites.luck + rng.standard_normal((POOLS, k)) * np.sqrt(sites.rest)
        effects.append(float(truth.mean()))
        pooled = random_effects_batch(
            truth + noise,
            sites.variance if k > 1 else sites.own,
            tau2=study.pooling.tau2,
            interval=study.pooling.interval,
            level=study.pooling.level,
        )
        low, high = np.asarray(pooled.conf_low)[:, 0], np.asarray(pooled.conf_high)[:, 0]
        hits += float(((low > 0.0) | (high < 0.0)).mean())
        widths.append(float((high - low).mean()))
    asked = sum(sites for sites, _ in countries)
    return QuestionPower(
        **_about(plan),
        sites=asked / len(countries),
        admitted=sum(len(found.contrast) for _, found in countries) / asked,
        effect=float(np.mean(effects)) if effects else None,
        width=float(np.mean(widths)) if widths else None,
        power=hits / len(countries),
        replications=len(countries) * POOLS,
    )


def simulate_power(
    design: PowerDesign,
    study: Study,
    numbers: Sequence[int],
    *,
    replicate: Callable[[PowerDesign, Study, Sequence[int]], list[Row]] | None = None,
) -> tuple[QuestionPower, ...]:
    """Simulate whole studies and count; about a second a municipality and replication.

    Parameters
    ----------
    design : PowerDesign
    study : Study
    numbers : sequence of int
        Numbers of the replications, each its own country.
    replicate : callable, optional
        Runs the replications elsewhere (side by side, kept on disk); default: one after the other, here.
    """
    if replicate is None:
        rows = [replicate_power(design, study, number) for number in numbers]
    else:
        rows = replicate(design, study, numbers)
    return summarise(rows, study)


def replicate_power(design: PowerDesign, study: Study, number: int) -> Row:
    """Draw the municipalities, simulate, analyse, release and pool them once.

    Returns
    -------
    dict
        By question: ``sites``, ``admitted``, ``low`` and ``high`` of the pooled interval (None when nothing
        could be pooled). What JSON can hold.
    """
    from causalsig.execution.truth import pooled_primary

    law, plans, slim = design.law(), primary_plans(study), primary_study(study)
    specs = design.specs(law, number)
    blocks: dict[str, list[ReleasedArms]] = {plan.question: [] for plan in plans}
    with one_thread():
        for spec in specs:
            for question, block in _site_blocks(spec, design, slim, plans, number).items():
                blocks[question].append(block)
        rows: Row = {}
        for plan in plans:
            own = blocks[plan.question]
            row: Row = {"sites": len(specs), "admitted": len(own), "low": None, "high": None}
            if own:
                try:
                    contrast = pooled_primary(own, slim, plan)
                except PoolError:
                    pass
                else:
                    row |= {"low": contrast.conf_low, "high": contrast.conf_high}
            rows[plan.question] = row
    return rows


def _site_blocks(
    spec: SiteSpec, design: PowerDesign, study: Study, plans: tuple[CohortPlan, ...], number: int
) -> dict[str, ReleasedArms]:
    """Primary block of each question a municipality releases, its waves taken together."""
    from causalsig.execution.analyse import analyse_site
    from causalsig.execution.truth import released_blocks
    from causalsig.pooling.waves import together
    from causalsig.simulation import simulate_waves

    site = design.site_of(spec)
    released: dict[str, list[ReleasedArms]] = {}
    extracts = simulate_waves(
        spec, design.law(), design.seed * 100_003 + number, months=design.months_of(spec), truth=False
    )
    for simulated in extracts:
        result = analyse_site(simulated.tables, study, site, spec.matching, plans=plans)
        for block in released_blocks(result, study):
            if block.primary:
                released.setdefault(block.question, []).append(block)
    return {question: together(blocks) for question, blocks in released.items()}


def summarise(rows: Sequence[Row], study: Study) -> tuple[QuestionPower, ...]:
    """Count over replications of :func:`replicate_power`."""
    found = []
    for plan in primary_plans(study):
        own = [row[plan.question] for row in rows]
        pooled = [(row["low"], row["high"]) for row in own if row["low"] is not None]
        found.append(
            QuestionPower(
                **_about(plan),
                sites=sum(row["sites"] for row in own) / len(own),
                admitted=sum(row["admitted"] for row in own) / sum(row["sites"] for row in own),
                effect=None,
                width=float(np.mean([high - low for low, high in pooled])) if pooled else None,
                power=sum(low > 0.0 or high < 0.0 for low, high in pooled) / len(own),
                replications=len(own),
            )
        )
    return tuple(found)


def _about(plan: CohortPlan) -> dict[str, str]:
    arm, reference = plan.settings.primary_contrast
    return {
        "question": plan.question,
        "arm": arm,
        "reference": reference,
        "outcome": plan.settings.primary_outcome,
    }
