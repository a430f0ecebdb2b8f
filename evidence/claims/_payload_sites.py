"""Random results of sites, as a run would hand them to the release: numbers on either side of every floor."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from causalsig.records import (
    Analysis,
    AttritionRow,
    CertifiedQuestion,
    QuestionResult,
    Refusal,
    SiteCertificate,
    SiteResult,
    Verdict,
)
from causalsig.release.build import ReleaseIdentity
from causalsig.results import ArmMeans
from causalsig.study.digest import study_digest
from causalsig.study.given_rules import GivenRule
from causalsig.study.models import Disclosure, Study
from causalsig.study.read import read_study
from causalsig.study.subgroups import Groups, Rules
from evidence.claims._payload_beside import beside_of

if TYPE_CHECKING:
    from random import Random

IDENTITY: Final = ReleaseIdentity("a" * 64, "b" * 64, "0.1.0", "c" * 64, 1)
STUDIES: Final = 12
KINDS: Final = {
    "any_new_arrears_3m": ("any", 3),
    "any_all_3m": ("any", 3),
    "count_new_arrears_3m": ("count", 3),
    "any_new_arrears_6m": ("any", 6),
}
RARE: Final = 0.03
"""Share of arms with a number that is none, or has no place on a grid."""
SIZES: Final = (9, 10, 29, 30, 31, 39, 99, 100, 101, 150, 199, 200, 201, 299, 300)
CLASSES: Final = (0, 1, 9, 10, 11)
GATES: Final = ("gate-follow-up", "gate-effective-sample-size", "gate-positivity", "a-gate-nobody-declared")
GIVEN: Final = ("rule-1", "rule-2")
SOUND: Final = (5000, 4000, 3000, 3500, 4500)


@cache
def study_of(number: int) -> Study:
    """One of a few studies: the default one, and others that tighten its floors."""
    study = read_study("vroegsignalering")
    tighter = number % STUDIES
    floors = Disclosure(
        min_households_cell=(10, 10, 15)[tighter % 3],
        min_households_arm=(30, 30, 45, 250)[tighter % 4],
        expected_risk=(0.2, 0.1, 0.15)[tighter // 4],
        max_largest_weight=(0.5, 0.4)[tighter % 2],
        max_two_largest_weight=(0.67, 0.6)[tighter % 2],
        max_parameter_share=(0.1, 0.1, 0.1, 0.0456)[tighter % 4],
        min_residual_df=(10, 25)[tighter // 6],
    )
    given = tuple(
        GivenRule.model_validate(
            {
                "name": name,
                "learned_under": "a" * 64,
                "learned_at": ["b" * 64],
                "leaves": [
                    {"arm": arm, "when": [{"question": "creditor-rent", "holds": True}]},
                    {"arm": "letter", "when": [{"question": "creditor-rent", "holds": False}]},
                ],
            }
        )
        for name, arm in zip(GIVEN, ("home_visit", "phone"), strict=True)
    )
    return study.model_copy(
        update={
            "disclosure": floors,
            "groups": Groups(families=("creditor", "amount_band")),
            "rules": Rules(value_eur=400, given=given),
        }
    )


@cache
def _digest(number: int) -> str:
    return study_digest(study_of(number))


def households(draw: Random) -> int:
    """Households of an arm: anything from a handful to thousands, floors and ends of bands often."""
    return draw.choice(SIZES) if draw.random() < 0.15 else int(10 ** draw.uniform(2.0, 3.7))


def random_site(draw: Random, odd: float = RARE) -> tuple[Study, SiteResult]:
    """Draw a study and the result of a site: one question as a rule, blocks, and all that stands beside."""
    number = draw.randrange(STUDIES)
    study = study_of(number)
    names = draw.choice((("contact_method",), ("contact_method",), ("accepted_help",), tuple(study.asked)))
    questions = tuple(_question(draw, study, name, odd=odd) for name in names)
    certificate = _certificate(draw, names) if draw.random() < 0.2 else None
    return study, SiteResult("9001", _digest(number), date(2026, 9, 17), questions, (), certificate)


def sound_site(draw: Random, study: Study, municipality: str = "9001") -> SiteResult:
    """Draw a result that has an effect on contact that may leave beyond doubt: large arms, nothing odd."""
    question = _question(draw, study, "contact_method", sizes=SOUND, odd=0.0)
    returned = tuple(size // 5 for size in SOUND)
    others = tuple(size - some for size, some in zip(SOUND, returned, strict=True))
    blocks = tuple(
        replace(one, households_with=returned, households_without=others, pooled=True)
        for one in question.analyses
    )
    sound = replace(question, status="estimated", analyses=blocks)
    return SiteResult(municipality, study_digest(study), date(2026, 9, 17), (sound,), ())


def _certificate(draw: Random, names: tuple[str, ...]) -> SiteCertificate:
    codes = ("certify-sound", "certify-too-few")
    questions = tuple(
        CertifiedQuestion(name, draw.choice(codes), draw.random(), draw.random()) for name in names
    )
    return SiteCertificate("sound", "certify-sound", 200, questions)


def _question(
    draw: Random, study: Study, name: str, sizes: tuple[int, ...] = (), odd: float = RARE
) -> QuestionResult:
    asked = study.asked[name]
    arms = asked.arms[: len(sizes)] or tuple(
        draw.sample(asked.arms, draw.randint(2, min(4, len(asked.arms))))
    )
    counts = sizes or tuple(households(draw) for _ in arms)
    reference = draw.choice(arms)
    blocks = _blocks(draw, study, name, arms, counts, reference, odd)
    status = "estimated" if draw.random() < 0.85 or sizes else draw.choice(("withheld", "refused"))
    total = sum(counts)
    result = QuestionResult(
        question=name,
        status=status,  # type: ignore[arg-type]
        attrition=(
            AttritionRow("cohort-entry-window", total + draw.randrange(99), total, 0, 0),
            AttritionRow("cohort-no-open-case", total, draw.randint(0, total), 0, 0),
        ),
        verdicts=tuple(_verdict(draw, arms) for _ in range(draw.randint(0, 4))),
        balance=(),
        analyses=blocks,
        refusals=tuple(_refusal(draw, name, arms) for _ in range(draw.randint(0, 2))),
    )
    return replace(result, **beside_of(draw, study, name, arms, counts, blocks)) if not sizes else result


def _verdict(draw: Random, arms: tuple[str, ...]) -> Verdict:
    value = draw.choice((draw.uniform(-1.0, 1.0), draw.uniform(0.0, 400.0), float("nan"), float("inf")))
    return Verdict(
        draw.choice(("design", "pooling", "solo")),
        draw.choice(GATES),
        draw.random() < 0.6,
        value,
        draw.choice((0.1, 1.0, 30.0)),
        arm=draw.choice((None, *arms)),
    )


def _refusal(draw: Random, name: str, arms: tuple[str, ...]) -> Refusal:
    codes = ("cohort-no-entry-window", "release-arm-floor", "rule-beyond-capacity", "nobody-knows-this")
    return Refusal(draw.choice(codes), name, arm=draw.choice((None, *arms)))


def _blocks(
    draw: Random,
    study: Study,
    name: str,
    arms: tuple[str, ...],
    counts: tuple[int, ...],
    reference: str,
    odd: float,
) -> tuple[Analysis, ...]:
    """Draw the blocks of a question; outcomes in one another differ by few households, or by many."""
    asked = study.asked[name]
    estimands = study.estimands_of(name)
    first = tuple(_class(draw, n) for n in counts)
    chosen = ["any_new_arrears_3m", *draw.sample(sorted(KINDS)[:3], draw.randint(0, 2))]
    found = []
    for outcome in dict.fromkeys(chosen):
        kind, months = KINDS[outcome]
        more = first if outcome == "any_new_arrears_3m" else tuple(_more(draw, n) for n in first)
        estimators = (asked.estimator, *draw.sample(asked.sensitivity_estimators, draw.randint(0, 1)))
        wanted = ((e, by) for e in estimands[: draw.randint(1, 2)] for by in estimators)
        for estimand, estimator in wanted:
            result = arm_means(draw, arms, counts, odd)
            at_risk = [max(n, event) for n, event in zip(counts, more, strict=True)]
            found.append(
                Analysis(
                    question=name,
                    outcome=outcome,
                    estimand=estimand,
                    kind=kind,  # type: ignore[arg-type]
                    months=months,
                    reference=reference,
                    primary=(outcome, estimand, estimator)
                    == (asked.primary_outcome, estimands[0], asked.estimator),
                    result=result,
                    unadjusted=result,
                    households_with=more,
                    households_without=tuple(n - k for n, k in zip(at_risk, more, strict=True)),
                    estimator=estimator,
                    pooled=draw.random() >= odd,
                )
            )
    return tuple(found)


def _class(draw: Random, size: int) -> int:
    if draw.random() < 0.08:
        few = min(draw.choice(CLASSES), size)
        return few if draw.random() < 0.5 else size - few
    return int(size * draw.uniform(0.08, 0.6))


def _more(draw: Random, first: int) -> int:
    few = draw.choice((0, 0, 1, 3, 9, 10, 11, 14))
    return first + (few if draw.random() < 0.2 else draw.randint(20, 60))


def arm_means(draw: Random, arms: tuple[str, ...], counts: tuple[int, ...], odd: float) -> ArmMeans:
    """Draw means with a covariance of one factor, sometimes singular; numbers that are none now and then."""
    size = len(arms)
    n = np.array(counts, dtype=np.int64)
    level = draw.uniform(0.05, 0.6)
    errors = np.array([(level * (1.0 - level) / max(k, 1)) ** 0.5 * draw.uniform(0.5, 2.0) for k in counts])
    means = np.array([draw.gauss(level, error) for error in errors])
    load = np.array([draw.choice((draw.uniform(-1.0, 1.0), 1.0, -0.99, 0.0)) for _ in arms])
    correlation = np.outer(load, load)
    np.fill_diagonal(correlation, 1.0)
    sizes = n * draw.uniform(0.3, 1.0)
    largest = np.array([draw.uniform(0.0, 0.1) for _ in arms])
    two = largest * draw.uniform(1.0, 2.0)
    total = int(n.sum())
    parameters = draw.randint(5, 60)
    if draw.random() < odd:
        place = draw.randrange(size)
        means[place] *= draw.choice((1e6, float("nan"), float("inf")))
    if draw.random() < odd:
        place = draw.randrange(size)
        errors[place] *= draw.choice((0.0, float("nan"), 1e12, 1e-12))
    if draw.random() < 3 * odd:
        largest[draw.randrange(size)] = draw.choice((0.39, 0.41, 0.5, 0.5000001, 0.51))
        two = np.maximum(two, largest + draw.uniform(0.0, 0.3))
    if draw.random() < odd:
        sizes[draw.randrange(size)] = draw.choice((29.0, 29.99, 30.0, 31.0))
    if draw.random() < odd:
        parameters = total - draw.choice((9, 10, 11, 24, 25))
    return ArmMeans(
        arms=arms,
        means=means,
        covariance=correlation * np.outer(errors, errors),
        estimand="ATO",
        method="aipw",
        n=n,
        households=n,
        households_total=total,
        followed=n,
        effective_sample_size=np.asarray(sizes, dtype=np.float64),
        influence=np.zeros((0, size)),
        clusters=_NO_CLUSTERS,
        largest_share=largest,
        two_largest_share=two,
        parameters=parameters,
    )


_NO_CLUSTERS: Final[Any] = np.zeros(0, dtype=np.int64)
