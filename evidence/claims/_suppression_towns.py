"""Invented towns for `suppression-bias`: strata, arms, outcomes, and arm means in closed form.

A town has episodes of one household each, three in ten of them heavy: these return twice as often, and get
every other arm than the reference with 2.5 times the odds. Within a stratum arms are as good as drawn by lot,
so means standardised over strata are the saturated doubly robust estimate. Nothing has an effect; where towns
differ, an arm's own difference from the reference is normal with mean zero.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from causalsig.pooling.waves import one_block_a_site
from causalsig.records import Analysis, QuestionResult, ReleasedArms, SiteResult
from causalsig.release import grid
from causalsig.release.build import (
    ReleaseIdentity,
    build_release,
    released_arms,
    released_censored,
    site_code,
)
from causalsig.release.documents import EstimatesDocument
from causalsig.release.rules import admit_arms
from causalsig.release.strict_json import canonical
from causalsig.results import ArmMeans
from causalsig.study.digest import study_digest
from causalsig.study.models import Study
from causalsig.study.read import default_study_text

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

OUTCOMES = ("any_new_arrears_3m", "any_all_3m")
"""The primary outcome, and the one it is nested in."""
ALL_OVER_NEW = 1.9
"""Returns of any signal over returns with new arrears, as the Divosa monitor has them (40 % and 21 %)."""
HEAVY, HEAVY_RISK, HEAVY_ODDS = 0.3, 2.0, 2.5
SIZES = (300.0, 20_000.0)
SHARES = {
    "contact_method": {"letter": 0.78, "message": 0.15, "phone": 0.05, "home_visit": 0.02},
    "accepted_help": {"not_accepted": 0.94, "accepted": 0.06},
}
REFERENCE = {"contact_method": "letter", "accepted_help": "not_accepted"}
ESTIMATOR = {"contact_method": "doubly_robust", "accepted_help": "clone_censor_weight"}


@cache
def study() -> Study:
    """Take the default study with these arms; floors and pooling are its own."""
    import tomllib

    values = tomllib.loads(default_study_text())
    values["questions"]["contact_method"]["arms"] = list(SHARES["contact_method"])
    return Study.model_validate(values)


@dataclass(frozen=True, slots=True)
class Cell:
    """A kind of network: which question, how many towns, base risks, and how towns differ (a risk)."""

    name: str
    question: str
    towns: int
    risks: tuple[float, float]
    spread: float


@dataclass(frozen=True, slots=True)
class Town:
    """Counts of one town: arms (K,), households (K, 2), returns of both outcomes (2, K, 2), by stratum."""

    arms: tuple[str, ...]
    households: Integers
    returns: Integers

    def only(self, arms: tuple[str, ...]) -> Town:
        """Leave some arms."""
        places = [self.arms.index(arm) for arm in arms]
        return Town(arms, self.households[places], self.returns[:, places])


def draw_town(cell: Cell, generator: np.random.Generator) -> Town:
    """Draw one town."""
    shares = SHARES[cell.question]
    size = int(np.exp(generator.uniform(*np.log(SIZES))))
    heavy = generator.binomial(size, HEAVY)
    light = np.array(list(shares.values()))
    # The reference is used less for heavy cases, every other arm more.
    tilted = light * np.where(np.arange(len(light)) == 0, 1.0, HEAVY_ODDS)
    tilted /= tilted.sum()
    counts = [generator.multinomial(size - heavy, light), generator.multinomial(heavy, tilted)]
    households = np.stack(counts, axis=1)
    base = np.exp(generator.uniform(*np.log(cell.risks)))
    own = cell.spread * generator.normal(size=len(light)) * (np.arange(len(light)) > 0)
    level = base / (1.0 + HEAVY * (HEAVY_RISK - 1.0))
    risks = np.clip(np.outer(np.ones(len(light)), [level, HEAVY_RISK * level]) + own[:, None], 0.002, 0.5)
    new = generator.binomial(households, risks)
    other = generator.binomial(households - new, risks * (ALL_OVER_NEW - 1.0) / (1.0 - risks))
    return Town(tuple(shares), households, np.stack([new, new + other]))


def arm_result(town: Town, outcome: int, estimand: str) -> ArmMeans:
    """Standardise over strata: saturated means, joint covariance, sizes of the weights.

    The overlap weights are ``h(x) = 1/Σ_a 1/π_a(x)``. That they are estimated adds nothing to a contrast
    here: no arm differs from another within a stratum.
    """
    n, y = town.households.astype(float), town.returns[outcome].astype(float)
    total = n.sum()
    p = n.sum(axis=0) / total
    propensity = n / n.sum(axis=0)
    h = np.ones(2) if estimand == "ATE" else 1.0 / (1.0 / propensity).sum(axis=0)
    h = h / (p @ h)
    m = y / n
    means = m @ (p * h)
    gap = (m - means[:, None]) * h
    covariance = (gap * p) @ gap.T + np.diag((p * h * h * m * (1.0 - m) / propensity).sum(axis=1))
    weights = h / propensity
    held = weights * y
    largest = np.where(y > 0, weights, 0.0).max(axis=1)
    whole = held.sum(axis=1)
    share = np.divide(largest, whole, out=np.zeros_like(whole), where=whole > 0)
    households = n.sum(axis=1).astype(np.int64)
    return ArmMeans(
        arms=town.arms,
        means=means,
        covariance=covariance / total,
        estimand=estimand,
        method="standardised",
        n=households,
        households=households,
        households_total=int(total),
        followed=households,
        effective_sample_size=(weights * n).sum(axis=1) ** 2 / (weights**2 * n).sum(axis=1),
        influence=np.zeros((1, len(households))),
        clusters=np.zeros(1, dtype=np.int64),
        largest_share=share,
        two_largest_share=np.minimum(2.0 * share, 1.0),
        parameters=2 * len(households),
    )


def analyses(cell: Cell, town: Town) -> tuple[Analysis, ...]:
    """Make every block of a town that has the reference and another arm; an ATO is of all arms."""
    asked = study()
    if REFERENCE[cell.question] not in town.arms or len(town.arms) < 2 or not town.households.all():
        return ()
    found = []
    for estimand in asked.estimands_of(cell.question):
        if estimand == "ATO" and len(town.arms) < len(SHARES[cell.question]):
            continue
        for place, outcome in enumerate(OUTCOMES):
            result = arm_result(town, place, estimand)
            returned = town.returns[place].sum(axis=1)
            first = (asked.estimands_of(cell.question)[0], OUTCOMES[0])
            found.append(
                Analysis(
                    question=cell.question,
                    outcome=outcome,
                    estimand=estimand,
                    kind="any",
                    months=3,
                    reference=REFERENCE[cell.question],
                    primary=(estimand, outcome) == first,
                    result=result,
                    unadjusted=result,
                    households_with=tuple(map(int, returned)),
                    households_without=tuple(map(int, result.households - returned)),
                    estimator=ESTIMATOR[cell.question],  # type: ignore[arg-type]
                )
            )
    return tuple(found)


def admitted(cell: Cell, town: Town) -> Town:
    """Leave the arms that the release admits before outcomes are looked at."""
    counts = dict(zip(town.arms, map(int, town.households.sum(axis=1)), strict=True))
    kept, _ = admit_arms(counts, study().disclosure, question=cell.question)
    return town.only(kept)


def released(
    cell: Cell, code: str, blocks: tuple[Analysis, ...]
) -> tuple[tuple[ReleasedArms, ...], tuple[ReleasedArms, ...]]:
    """Send a town's blocks through the real door: what arrives whole, and what with classes of arms."""
    result = QuestionResult(cell.question, "estimated", (), (), (), blocks, ())
    digest = study_digest(study())
    site = SiteResult(code, digest, date(2026, 9, 17), (result,), ())
    identity = ReleaseIdentity(site_code(b"invented", code, digest), "0" * 64, "0.1.0", "0" * 64)
    left = build_release(site, study=study(), identity=identity).document
    document = EstimatesDocument.model_validate_json(canonical(left.model_dump(mode="json")))
    return one_block_a_site(released_arms(document)), one_block_a_site(released_censored(document))


def exact(code: str, blocks: tuple[Analysis, ...], digest: str | None = None) -> tuple[ReleasedArms, ...]:
    """Take blocks as they are, with no rule: what the pool would be of everything."""
    site = site_code(b"invented", code, digest or study_digest(study()))
    return tuple(_exact(site, block) for block in blocks)


def without_few(block: ReleasedArms, analysis: Analysis, floor: int) -> ReleasedArms | None:
    """Leave out arms with a small class, as a rule on outcomes alone would; None where nothing is left."""
    few = np.minimum(analysis.households_with, analysis.households_without) < floor
    kept = [place for place in range(len(block.arms)) if not few[place]]
    if len(kept) < 2 or (block.estimand == "ATO" and few.any()):
        return None
    covariance = np.asarray(block.covariance)[np.ix_(kept, kept)]
    part: dict[str, Any] = {
        name: tuple(getattr(block, name)[place] for place in kept)
        for name in ("arms", "means", "steps", "household_bands", "effective_sizes")
    }
    return replace(block, covariance=tuple(map(tuple, covariance.tolist())), **part)


def _exact(site: str, block: Analysis) -> ReleasedArms:
    result = block.result
    # An arm without returns has no variance of its own, and every site is weighted by its size.
    spread = np.maximum(np.diagonal(result.covariance), 0.25 / result.effective_sample_size**2)
    covariance = result.covariance - np.diag(np.diagonal(result.covariance)) + np.diag(spread)
    sizes = tuple(
        grid.from_half_doublings(grid.half_doublings(float(size))) for size in result.effective_sample_size
    )
    return ReleasedArms(
        site=site,
        question=block.question,
        outcome=block.outcome,
        estimand=block.estimand,
        kind=block.kind,
        months=block.months,
        arms=tuple(map(str, result.arms)),
        reference=block.reference,
        primary=block.primary,
        means=tuple(result.means.tolist()),
        covariance=tuple(map(tuple, covariance.tolist())),
        steps=(0.0,) * len(result.arms),
        household_bands=((30, None),) * len(result.arms),
        effective_sizes=sizes,
        estimator=block.estimator,
    )
