"""Sites as arrays, through the estimator, the release with and without noise, and the pool."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from causalsig.records import ReleasedArms
    from causalsig.release.documents import EstimatesDocument
    from causalsig.release.private_waiting import PrivateWaiting
    from causalsig.results import ArmMeans
    from causalsig.study.models import Study

ARMS = ("not_accepted", "accepted")
QUESTION: Final = "accepted_help"
OUTCOME, ESTIMAND = "any_new_arrears_3m", "ATO"
BOUND = 5.0
"""Of a household's contributions: a weight of overlap is at most one, and their mean is a fifth here."""
RISK = 0.2
HEX = "0" * 64


@cache
def private_study(epsilon: float) -> Study:
    """Give the default study with one question of two arms, and an epsilon."""
    from causalsig.study.models import Study
    from causalsig.study.read import default_study_text

    values: dict[str, Any] = tomllib.loads(default_study_text())
    values["questions"] = {QUESTION: values["questions"][QUESTION]}
    values["estimands"] = {"primary": ESTIMAND, "also": []}
    values["disclosure"] = {"expected_risk": 0.2}
    values.pop("rules", None)
    values.pop("graph", None)
    values["privacy"] = {
        "epsilon": epsilon, "epsilon_budget": 10.0, "max_episodes": 2, "bounds": {QUESTION: BOUND},
    }  # fmt: skip
    return Study.model_validate(values)


def one_site(r: np.random.Generator, households: int, effect: float) -> ArmMeans:
    """Draw a site and estimate its arm means.

    A third of the households have two episodes, which share a disposition; accepting follows two covariates
    on which the risk, linear in them, depends too. The effect is the same for all of a site.
    """
    from causalsig.estimation import doubly_robust, fit_propensity

    own = np.where(r.random(households) < 1 / 3, 2, 1)
    codes = np.repeat(np.arange(households), own)
    x = np.clip(r.normal(size=(len(codes), 2)), -2.0, 2.0)
    accepts = r.random(len(codes)) < 1.0 / (1.0 + np.exp(-(0.5 * x[:, 0] - 0.3 * x[:, 1])))
    disposition = 0.05 * r.choice([-1.0, 1.0], size=households)[codes]
    risk = RISK + 0.03 * x[:, 0] + 0.02 * x[:, 1] + disposition + effect * accepts
    outcome = (r.random(len(codes)) < risk).astype(np.float64)
    arms = np.where(accepts, 1, 0)
    seed = int(r.integers(2**31))
    fitted = fit_propensity(x, arms, households=codes, seed=seed)
    found: ArmMeans = doubly_robust(
        x, arms, outcome, estimand=ESTIMAND, propensity=fitted, outcome_model="least_squares"
    )
    return replace(found, arms=ARMS)


def without_noise(site: ArmMeans, place: int) -> ReleasedArms:
    """Release a site on the grids alone."""
    from causalsig.release.arm_entries import arm_entry
    from causalsig.release.build import released_arms
    from causalsig.release.documents import AnalysisEntry
    from causalsig.release.grid import correlations_on_grid

    block = AnalysisEntry(
        **_head(),
        primary=True,
        arms=tuple(arm_entry(site, k) for k in range(len(ARMS))),
        correlations=correlations_on_grid(site.covariance),
    )
    return released_arms(_document(place, {"analyses": (block,)}))[0]


def with_noise(site: ArmMeans, place: int, epsilon: float) -> ReleasedArms:
    """Release a site privately: sums, noise, document, and what a pool reads of it."""
    from causalsig.release.build import released_arms
    from causalsig.release.private_draw import noisy_document

    return released_arms(noisy_document(waiting(site, place, epsilon)))[0]


def waiting(site: ArmMeans, place: int, epsilon: float) -> PrivateWaiting:
    """Give what would wait at a site for its noise."""
    from causalsig.records import Analysis
    from causalsig.release.private_waiting import PrivateWaiting, QuestionSums, block_sums

    study = private_study(epsilon)
    analysis = Analysis(
        **{name: value for name, value in _head().items() if name != "estimator"},
        question=QUESTION, primary=True, estimator="doubly_robust", result=site, unadjusted=site,
        households_with=(100, 100), households_without=(100, 100),
    )  # fmt: skip
    question = QuestionSums(question=QUESTION, block=block_sums(analysis, study))
    return PrivateWaiting(
        kind="causalsig-private", study_digest=HEX, package_version="0.1.0", lock_digest=HEX, snapshot=HEX,
        site_code=f"{place:064x}", wave=1, extracted="2026-09", floors=_floors(),
        epsilon_per_mille=round(epsilon * 1000), budget_per_mille=10_000, max_episodes=2,
        questions=(question,), ledger="", site=HEX, share_per_mille=330, sets=HEX,
    )  # fmt: skip


def pooled(blocks: list[ReleasedArms], interval: str) -> tuple[float, float, float, float]:
    """Pool the sites as the university does: estimate, standard error, and interval."""
    from causalsig.pooling import pool_arms

    study = private_study(1.0)
    choices = study.pooling.model_copy(update={"interval": interval})
    [row] = pool_arms(blocks, study.model_copy(update={"pooling": choices}), HEX).contrasts
    return row.estimate, row.std_error, row.conf_low, row.conf_high


def contrast_of(block: ReleasedArms) -> tuple[float, float]:
    """Contrast of one site's release, and its standard error."""
    variance = np.asarray(block.covariance)
    return (
        block.means[1] - block.means[0],
        float(np.sqrt(variance[0, 0] + variance[1, 1] - 2.0 * variance[0, 1])),
    )


def _head() -> dict[str, Any]:
    return {
        "outcome": OUTCOME,
        "estimand": ESTIMAND,
        "estimator": "doubly_robust",
        "kind": "any",
        "months": 3,
        "reference": ARMS[0],
    }


@cache
def _floors() -> Any:
    from causalsig.release.floors import applied_floors

    return applied_floors(private_study(1.0).disclosure, 30)


def _document(place: int, parts: dict[str, Any]) -> EstimatesDocument:
    from causalsig.release.documents import SCHEMA_VERSION, EstimatesDocument, QuestionEntry

    empty: dict[str, Any] = dict.fromkeys(("attrition", "verdicts", "refusals", "suppressions"), ())
    question = QuestionEntry(question=QUESTION, status="estimated", **empty, **parts)
    return EstimatesDocument(
        kind="estimates", schema_version=SCHEMA_VERSION, study_digest=HEX, package_version="0.1.0",
        lock_digest=HEX, snapshot=HEX, site_code=f"{place:064x}", wave=1, extracted="2026-09",
        floors=_floors(), questions=(question,),
    )  # fmt: skip
