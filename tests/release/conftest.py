"""Results of invented sites, as a run would hand them to the release."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Sequence
from datetime import date

import numpy as np
import pytest

from causalsig.records import Analysis, AttritionRow, QuestionResult, Refusal, SiteResult, Verdict
from causalsig.release import ReleaseIdentity
from causalsig.results import ArmMeans
from causalsig.study.digest import study_digest
from causalsig.study.models import Study
from causalsig.study.read import default_study_text

OUTCOMES = (
    ("any_new_arrears_3m", "any", 3),
    ("any_all_3m", "any", 3),
    ("count_new_arrears_3m", "count", 3),
    ("any_new_arrears_6m", "any", 6),
)
LEVELS = {
    "any_new_arrears_3m": 0.21,
    "any_all_3m": 0.40,
    "count_new_arrears_3m": 0.35,
    "any_new_arrears_6m": 0.3,
}


@pytest.fixture(scope="session")
def study() -> Study:
    return Study.model_validate(tomllib.loads(default_study_text()))


def arm_means(
    arms: Sequence[str],
    households: Sequence[int],
    level: float,
    rng: np.random.Generator,
    **changes: object,
) -> ArmMeans:
    size = len(arms)
    counts = np.asarray(households, dtype=np.int64)
    loadings = rng.normal(size=(size, size)) * 0.2 + np.eye(size)
    correlation = loadings @ loadings.T
    scale = np.sqrt(level * (1 - level) / np.maximum(counts, 1)) / np.sqrt(np.diag(correlation))
    values: dict[str, object] = {
        "arms": tuple(arms),
        "means": level + rng.normal(size=size) * 0.02,
        "covariance": correlation * np.outer(scale, scale),
        "estimand": "ATO",
        "method": "aipw",
        "n": counts + 3,
        "households": counts,
        "households_total": int(counts.sum()),
        "followed": counts,
        "effective_sample_size": counts * 0.8,
        "influence": np.zeros((4, size)),
        "clusters": np.arange(4, dtype=np.int64),
        "largest_share": np.full(size, 0.02),
        "two_largest_share": np.full(size, 0.04),
        "parameters": 40,
    }
    return ArmMeans(**(values | changes))  # type: ignore[arg-type]


def analysis(
    question: str, outcome: str, estimand: str, result: ArmMeans, reference: str, **changes: object
) -> Analysis:
    kind, months = next((kind, months) for name, kind, months in OUTCOMES if name == outcome)
    # Ceiling, so that a class of the level asked for is never below it.
    with_event = tuple(int(np.ceil(n * LEVELS[outcome])) for n in result.households)
    values: dict[str, object] = {
        "question": question,
        "outcome": outcome,
        "estimand": estimand,
        "kind": kind,
        "months": months,
        "reference": reference,
        "primary": outcome == "any_new_arrears_3m" and estimand == ESTIMANDS[question][0],
        "estimator": ESTIMATORS[question],
        "result": result,
        "unadjusted": result,
        "households_with": with_event,
        "households_without": tuple(int(n) - k for n, k in zip(result.households, with_event, strict=True)),
    }
    return Analysis(**(values | changes))  # type: ignore[arg-type]


ARMS = {
    "contact_method": ("letter", "message", "phone", "home_visit", "none"),
    "accepted_help": ("accepted", "not_accepted"),
}
ESTIMANDS = {"contact_method": ("ATO", "ATE"), "accepted_help": ("ATE", "ATO")}
ESTIMATORS = {"contact_method": "doubly_robust", "accepted_help": "clone_censor_weight"}
REFERENCES = {"contact_method": "letter", "accepted_help": "not_accepted"}


def question_result(question: str, households: Sequence[int], rng: np.random.Generator) -> QuestionResult:
    blocks = tuple(
        analysis(
            question,
            outcome,
            estimand,
            arm_means(ARMS[question], households, LEVELS[outcome], rng, estimand=estimand),
            REFERENCES[question],
        )
        for outcome, _, _ in OUTCOMES
        for estimand in ESTIMANDS[question]
    )
    total = sum(households)
    return QuestionResult(
        question=question,
        status="estimated",
        attrition=(
            AttritionRow("cohort-entry-window", total + 700, total + 40, total + 900, total + 60),
            AttritionRow("cohort-no-open-case", total + 40, total, total + 60, total + 5),
        ),
        verdicts=(
            Verdict("design", "a-gate-nobody-declared", True, 0.043, 0.1),
            Verdict("design", "gate-effective-sample-size", False, 7.31, 30.0, estimand="ATO"),
            Verdict(
                "design", "a-gate-nobody-declared", True, 123.4, 30.0, arm=ARMS[question][0], estimand="ATO"
            ),
        ),
        balance=(),
        analyses=blocks,
        refusals=(Refusal("cohort-no-entry-window", question, outcome="any_new_arrears_6m"),),
    )


@pytest.fixture(scope="session")
def make_site(study: Study) -> Callable[..., SiteResult]:
    def make(
        *questions: QuestionResult,
        households: Sequence[int] = (420, 310, 260, 230, 510),
        helped: Sequence[int] = (440, 700),
        seed: int = 1,
    ) -> SiteResult:
        rng = np.random.default_rng(seed)
        given = questions or (
            question_result("accepted_help", helped, rng),
            question_result("contact_method", households, rng),
        )
        return SiteResult("9001", study_digest(study), date(2026, 9, 17), tuple(given), ())

    return make


@pytest.fixture(scope="session")
def identity() -> ReleaseIdentity:
    return ReleaseIdentity("a" * 64, "b" * 64, "0.1.0", "c" * 64, 1)
