"""Releases of invented municipalities, pooled, and the pages of them: real documents of plausible numbers.

Results are made up, everything after that is what a run does: the rules of disclosure, the grids, the pool
and the pools of the others. Nothing here is a result of the study.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from hashlib import sha256
from typing import TYPE_CHECKING, Final

import numpy as np

from causalsig import __version__
from causalsig.diagnosed import BalanceBlock, CovariateDifference, SensitivityRow
from causalsig.pooling import pool_arms, pool_of_others
from causalsig.pooling.balance import balance_of_sites
from causalsig.records import (
    Analysis,
    AttritionRow,
    OutcomeKind,
    PoolResult,
    QuestionResult,
    Refusal,
    SiteResult,
    Verdict,
)
from causalsig.release.beside import released_balance
from causalsig.release.build import ReleaseIdentity, build_release, released_arms
from causalsig.release.pool_document import build_pool_document, pool_result
from causalsig.report.gather import municipality_page, national_page
from causalsig.results import ArmMeans
from causalsig.study.digest import study_digest
from causalsig.study.read import read_study

if TYPE_CHECKING:
    from causalsig.release.documents import EstimatesDocument
    from causalsig.report.pages import MunicipalityPage, NationalPage
    from causalsig.study.models import Study

DAY: Final = date(2026, 7, 3)
MANY: Final = (3_000, 30_000)
"""Households with an episode in a small and in a large municipality."""
SHARES: Final = {
    "contact_method": {"letter": 0.42, "message": 0.12, "phone": 0.16, "home_visit": 0.2, "none": 0.1},
    "accepted_help": {"accepted": 0.22, "not_accepted": 0.78},
}
EFFECTS: Final = {
    "message": 0.003,
    "phone": -0.006,
    "home_visit": -0.016,
    "none": 0.008,
    "accepted": -0.024,
}
LEVELS: Final[dict[str, tuple[float, OutcomeKind, int]]] = {
    "any_new_arrears_3m": (0.118, "any", 3),
    "any_all_3m": (0.262, "any", 3),
    "count_new_arrears_3m": (0.149, "count", 3),
    "any_new_arrears_6m": (0.205, "any", 6),
}
BETWEEN: Final = 0.005
"""Standard deviation of a municipality's own effect, and three times that of its level."""
COVARIATES: Final = ("log_amount", "creditor=rent", "n_creditors>=2", "n_new_arrears>=1")


@dataclass(frozen=True, slots=True)
class Country:
    """Released documents, the pool of all of them, and the pool of the others of each."""

    documents: tuple[EstimatesDocument, ...]
    pool: PoolResult
    others: tuple[PoolResult, ...]


@cache
def study() -> Study:
    """Give the packaged study."""
    return read_study("vroegsignalering")


def invented_name(number: int) -> str:
    """Name a municipality that does not exist."""
    first = ("Molen", "Duin", "Veen", "Brug", "Linden", "Haver", "Zilver", "Noorder", "Water", "Heide")
    last = ("dam", "wijk", "horst", "beek", "woude", "drecht", "loo", "stede", "gaarde", "rade")
    turn = number // 100
    return f"{first[number % 10]}{last[number // 10 % 10]}" + (f" aan de Vliet {turn}" if turn else "")


def invented_document(number: int, seed: int = 15) -> EstimatesDocument:
    """Give what one invented municipality releases; every seventh cannot follow who was helped."""
    draw = np.random.default_rng((seed, number))
    households = int(np.exp(draw.uniform(*np.log(MANY))))
    shift = float(draw.normal(0.0, 3.0 * BETWEEN))
    questions = [_question(draw, "contact_method", households, shift)]
    if number % 7 == 3:
        refused = Refusal("cohort-no-entry-window", "accepted_help")
        questions.append(QuestionResult("accepted_help", "refused", (), (), (), (), (refused,)))
    else:
        questions.append(_question(draw, "accepted_help", households // 2, shift))
    digest = study_digest(study())
    result = SiteResult(f"{9000 + number}", digest, date(2026, 6, 30), tuple(questions), ())
    code, snapshot = (sha256(f"{what} {seed} {number}".encode()).hexdigest() for what in ("site", "extract"))
    identity = ReleaseIdentity(code, snapshot, __version__, "c" * 64, 1)
    return build_release(result, study=study(), identity=identity).document


def pooled(documents: Sequence[EstimatesDocument], *, of_others: Sequence[int] | None = None) -> Country:
    """Pool documents as the university does; ``of_others`` are the places that get a pool of the others.

    Without it every one of them does.
    """
    digest = study_digest(study())
    blocks = [block for document in documents for block in released_arms(document)]
    balance = [block for document in documents for block in released_balance(document)]
    everyone = pool_arms(blocks, study(), digest, demo=True)
    everyone = replace(everyone, balance=balance_of_sites(balance, study()))
    places = range(len(documents)) if of_others is None else of_others
    codes = [documents[place].site_code for place in places]
    others = [pool_of_others(blocks, code, study(), digest, demo=True) for code in codes]
    return Country(
        tuple(documents),
        pool_result(build_pool_document(everyone)),
        tuple(
            pool_result(build_pool_document(one, recipient=code))
            for one, code in zip(others, codes, strict=True)
        ),
    )


def municipal(document: EstimatesDocument, others: PoolResult | None, name: str) -> MunicipalityPage:
    """Gather a municipality's page."""
    return municipality_page(
        document,
        others,
        study(),
        name=name,
        written_on=DAY,
        demo=True,
        verify_command="causalsig release verify municipality.release.json --keys keys --demo",
        payload_hash=sha256(document.site_code.encode()).hexdigest(),
    )


def national(country: Country, *, with_sites: bool = False) -> NationalPage:
    """Gather the national page, or the statistician's."""
    return national_page(
        country.pool,
        study(),
        written_on=DAY,
        documents=country.documents,
        with_sites=with_sites,
        verify_command="causalsig release verify pool.json --keys keys --demo",
    )


def _question(draw: np.random.Generator, question: str, households: int, shift: float) -> QuestionResult:
    asked = study().asked[question]
    shares = [SHARES[question][arm] for arm in asked.arms]
    counts = np.array([max(40, int(share * households * draw.uniform(0.8, 1.2))) for share in shares])
    own: dict[str, float] = {
        arm: EFFECTS.get(arm, 0.0) + float(draw.normal(0.0, BETWEEN)) for arm in asked.arms
    }
    own[asked.reference] = 0.0
    analyses = []
    for outcome in LEVELS if question == "contact_method" else ("any_new_arrears_3m", "any_all_3m"):
        for place, estimand in enumerate(study().estimands_of(question)):
            by = "doubly_robust" if place else asked.estimator
            analyses.append(_analysis(draw, question, outcome, estimand, by, counts, own, shift))
    total = int(counts.sum())
    steps = (
        ("cohort-entry-window", 3.1, 1.6),
        ("cohort-linked", 1.6, 1.5),
        ("cohort-no-open-case", 1.5, 1.0),
    )
    return QuestionResult(
        question=question,
        status="estimated",
        attrition=tuple(
            AttritionRow(
                rule,
                int(before * total),
                int(after * total),
                int(1.2 * before * total),
                int(1.2 * after * total),
            )
            for rule, before, after in steps
        ),
        verdicts=(
            Verdict("design", "gate-balance", True, float(draw.uniform(0.02, 0.09)), 0.1),
            Verdict("design", "gate-equipoise", True, float(draw.uniform(0.5, 0.8)), 0.2),
            Verdict(
                "design", "gate-positivity", bool(draw.random() < 0.8), float(draw.uniform(0.01, 0.04)), 0.02
            ),
        ),
        balance=(),
        analyses=tuple(analyses),
        refusals=(),
        components=BalanceBlock(
            asked.estimator,
            study().estimands_of(question)[0],
            asked.primary_contrast[0],
            asked.primary_contrast[1],
            tuple(
                CovariateDifference(name, float(draw.normal(0.0, 0.03)), 0.03, int(counts.min()) // 2)
                for name in COVARIATES
            ),
        ),
    )


def _analysis(
    draw: np.random.Generator,
    question: str,
    outcome: str,
    estimand: str,
    by: str,
    counts: np.ndarray,
    own: dict[str, float],
    shift: float,
) -> Analysis:
    level, kind, months = LEVELS[outcome]
    asked = study().asked[question]
    true = np.array([level + shift + own[arm] for arm in asked.arms])
    errors = np.sqrt(1.3 * level * (1.0 - level) / counts)
    covariance = np.outer(errors, errors) * (0.05 + 0.95 * np.eye(len(counts)))
    means = true + np.linalg.cholesky(covariance) @ draw.normal(size=len(counts))
    returned = tuple(round(level * int(n)) for n in counts)
    result = ArmMeans(
        arms=tuple(asked.arms),
        means=means,
        covariance=covariance,
        estimand=estimand,
        method="aipw",
        n=counts + 3,
        households=counts,
        households_total=int(counts.sum()),
        followed=counts,
        effective_sample_size=counts * 0.75,
        influence=np.zeros((4, len(counts))),
        clusters=np.arange(4, dtype=np.int64),
        largest_share=np.full(len(counts), 0.01),
        two_largest_share=np.full(len(counts), 0.02),
        parameters=40,
    )
    robust = by == "doubly_robust"
    return Analysis(
        question=question,
        outcome=outcome,
        estimand=estimand,
        kind=kind,
        months=months,
        reference=asked.reference,
        primary=outcome == asked.primary_outcome and estimand == study().estimands_of(question)[0],
        result=result,
        unadjusted=result,
        households_with=returned,
        households_without=tuple(int(n) - k for n, k in zip(counts, returned, strict=True)),
        estimator="doubly_robust" if robust else "clone_censor_weight",
        sensitivity=_hidden(draw, result, asked.reference) if robust else (),
    )


def _hidden(draw: np.random.Generator, result: ArmMeans, reference: str) -> tuple[SensitivityRow, ...]:
    """Give how a hidden cause would move every contrast."""
    place = result.arms.index(reference)
    rows = []
    for at, arm in enumerate(result.arms):
        if at == place:
            continue
        error = float(np.sqrt(result.covariance[at, at] + result.covariance[place, place]))
        difference = float(result.means[at] - result.means[place])
        scale = float(draw.uniform(0.4, 0.7))
        least = int(min(result.households[at], result.households[place]))
        rows.append(SensitivityRow(arm, reference, difference, error, scale, 0.02, 0.1, least, 0.02, 0.01))
    return tuple(rows)
