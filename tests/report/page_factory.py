"""Pages with plausible numbers: what the documents of a study of 24 municipalities would give."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from math import sqrt

from causalsig.records import PooledContrast, PooledMean, PoolResult, Refusal, ReleasedArms, Verdict
from causalsig.report.pages import (
    Absent,
    AttritionBand,
    CheckCount,
    MunicipalityPage,
    NationalPage,
    OwnQuestion,
    Provenance,
    specs_from_study,
)
from causalsig.study.read import read_study

DIGEST = "4f1c8f0a" * 8
SPECS, OUTCOMES = specs_from_study(read_study("vroegsignalering"))
LEVELS = {
    "any_new_arrears_3m": 0.118,
    "any_all_3m": 0.262,
    "count_new_arrears_3m": 0.149,
    "any_new_arrears_6m": 0.205,
}
ARMS = {
    "contact_method": ("letter", "message", "phone", "home_visit", "none"),
    "accepted_help": ("accepted", "not_accepted"),
}
EFFECTS = {"message": 0.003, "phone": -0.005, "home_visit": -0.012, "none": 0.006, "accepted": -0.024}
REFERENCES = {"contact_method": "letter", "accepted_help": "not_accepted"}
ESTIMANDS = {spec.question: spec.estimand for spec in SPECS}
ESTIMATORS = {spec.question: spec.estimator for spec in SPECS}
KINDS = {outcome.outcome: outcome for outcome in OUTCOMES}


def block(
    question: str = "contact_method",
    *,
    outcome: str = "any_new_arrears_3m",
    site: str = "a1" * 32,
    std_error: float = 0.0065,
    effects: dict[str, float] | None = None,
    arms: tuple[str, ...] | None = None,
) -> ReleasedArms:
    shift = EFFECTS if effects is None else effects
    names = ARMS[question] if arms is None else arms
    size = len(names)
    variance = std_error**2
    return ReleasedArms(
        site=site,
        question=question,
        outcome=outcome,
        estimand=ESTIMANDS[question],
        estimator=ESTIMATORS[question],
        kind="any" if KINDS[outcome].kind == "any" else "count",
        months=KINDS[outcome].months,
        arms=names,
        reference=REFERENCES[question],
        primary=outcome == "any_new_arrears_3m",
        means=tuple(LEVELS[outcome] + shift.get(arm, 0.0) for arm in names),
        covariance=tuple(
            tuple(variance if i == j else 0.05 * variance for j in range(size)) for i in range(size)
        ),
        steps=(2.0**-10,) * size,
        household_bands=((1000, 2999), (100, 299), (300, 999), (300, 999), (300, 999))[:size],
        effective_sizes=(LEVELS[outcome] / variance,) * size,
    )


def contrast(
    arm: str,
    *,
    question: str = "contact_method",
    outcome: str = "any_new_arrears_3m",
    sites: int = 21,
    estimate: float | None = None,
    std_error: float = 0.0031,
    tau: float = 0.004,
    publishable: bool = True,
) -> PooledContrast:
    value = EFFECTS[arm] if estimate is None else estimate
    half, wide = 2.086 * std_error, 2.086 * sqrt(std_error**2 + tau**2)
    return PooledContrast(
        question=question,
        outcome=outcome,
        estimand=ESTIMANDS[question],
        estimator=ESTIMATORS[question],
        kind="any" if KINDS[outcome].kind == "any" else "count",
        months=KINDS[outcome].months,
        arm=arm,
        reference=REFERENCES[question],
        primary=outcome == "any_new_arrears_3m" and arm in ("home_visit", "accepted"),
        sites=sites,
        estimate=value,
        std_error=std_error,
        df=sites - 1.0,
        conf_low=value - half,
        conf_high=value + half,
        p_value=0.02,
        tau2=tau**2,
        tau2_interval=(0.0, 4 * tau**2),
        i2=24.0,
        q=25.3,
        q_p_value=0.19,
        prediction_low=value - wide,
        prediction_high=value + wide,
        publishable=publishable,
        reasons=() if publishable else ("pool-few-sites",),
    )


def pool(kind: str = "others", *, sites: int = 21, **changes: object) -> PoolResult:
    contrasts, means = [], []
    for question, arms in ARMS.items():
        for outcome in LEVELS if question == "contact_method" else ("any_new_arrears_3m", "any_all_3m"):
            for arm in arms:
                level = LEVELS[outcome] + EFFECTS.get(arm, 0.0)
                identity = (question, outcome, ESTIMANDS[question], "any", KINDS[outcome].months, arm, sites)
                ends = (level, level - 0.006, level + 0.006, ESTIMATORS[question])
                means.append(PooledMean(*identity, *ends))
                if arm != REFERENCES[question]:
                    shift = -0.009 if arm == "home_visit" else None
                    identity = {"question": question, "outcome": outcome, "sites": sites}
                    contrasts.append(contrast(arm, estimate=shift, **identity))  # type: ignore[arg-type]
    result = PoolResult(
        study_digest=DIGEST,
        kind="others" if kind == "others" else "all",
        method="REML, knapp-hartung-floored",
        level=0.95,
        sites=sites,
        contrasts=tuple(contrasts),
        means=tuple(means),
        left_out=(("b2" * 32, "cohort-no-entry-window"), ("c3" * 32, "release-no-admitted-arm")),
        demo=True,
    )
    return replace(result, **changes)  # type: ignore[arg-type]


PROVENANCE = Provenance(
    study_name="vroegsignalering",
    study_digest=DIGEST,
    package_version="0.1.0",
    written_on=date(2026, 7, 3),
    verify_command="causalsig report municipality release.json --others others.json --verify",
    method="REML, knapp-hartung-floored",
)
ATTRITION = (
    AttritionBand("start", (10000, 29999)),
    AttritionBand("cohort-entry-window", (3000, 9999)),
    AttritionBand("cohort-linked", (3000, 9999)),
    AttritionBand("cohort-above-threshold", (3000, 9999)),
    AttritionBand("cohort-no-open-case", (3000, 9999)),
    AttritionBand("cohort-arm-defined", (1000, 2999)),
)
VERDICTS = (
    Verdict("design", "gate-balance", True, 0.04, 0.1),
    Verdict("design", "gate-equipoise", True, 0.61, 0.2),
    Verdict("design", "gate-effective-sample-size", True, 210.0, 30.0, arm="phone"),
    Verdict("design", "gate-effective-sample-size", False, 22.0, 30.0, arm="message"),
    Verdict("solo", "power", False, 0.21, 0.8),
)
REFUSED_HELP = OwnQuestion(
    "accepted_help", "refused", refusals=(Refusal("cohort-no-entry-window", "accepted_help"),)
)


def estimated(**changes: object) -> MunicipalityPage:
    """Estimate a municipality of 120,000 inhabitants, both questions."""
    contact = OwnQuestion(
        "contact_method",
        "estimated",
        arms=tuple(block(outcome=outcome) for outcome in LEVELS),
        verdicts=VERDICTS,
        attrition=ATTRITION,
    )
    accepted = OwnQuestion(
        "accepted_help",
        "estimated",
        arms=(block("accepted_help"), block("accepted_help", outcome="any_all_3m")),
        verdicts=VERDICTS[:2],
    )
    page = MunicipalityPage(
        "Voorbeeldstad", SPECS, OUTCOMES, (accepted, contact), pool(), PROVENANCE, demo=True
    )
    return replace(page, **changes)  # type: ignore[arg-type]


def with_contact(std_error: float, home_visit: float, **changes: object) -> MunicipalityPage:
    """Give a municipality that found this of home visits."""
    own = OwnQuestion(
        "contact_method",
        "estimated",
        arms=(block(std_error=std_error, effects=EFFECTS | {"home_visit": home_visit}),),
        verdicts=VERDICTS,
        attrition=ATTRITION,
    )
    return estimated(own=(own, REFUSED_HELP), **changes)


def harmful() -> MunicipalityPage:
    return with_contact(0.006, 0.031)


def null() -> MunicipalityPage:
    return with_contact(0.0012, 0.0)


def tiny() -> MunicipalityPage:
    """Keep only two arms above the floor, with a hopelessly wide interval."""
    own = OwnQuestion(
        "contact_method",
        "estimated",
        arms=(block(std_error=0.045, arms=("letter", "home_visit")),),
        refusals=tuple(
            Refusal("release-arm-floor", "contact_method", arm=arm) for arm in ("message", "phone", "none")
        ),
        verdicts=VERDICTS,
        attrition=ATTRITION[:3],
    )
    return estimated(name="Klein-Dorp aan de Vliet", own=(own, REFUSED_HELP))


def refused() -> MunicipalityPage:
    """Refuse both questions: signals are kept for six months only."""
    own = OwnQuestion(
        "contact_method", "refused", refusals=(Refusal("cohort-no-entry-window", "contact_method"),)
    )
    return estimated(name="Kortbewaard", own=(own, REFUSED_HELP))


BANDS = ((100, 299), (300, 999), (1000, 2999), (3000, 9999), (10000, 29999))
SIZES = tuple(tuple(BANDS[place + more] for place in (2, 0, 1, 1, 1)) for more in (2, 1, 0))
"""Bands of a large, a middling and a small municipality; the larger, the more precise."""


def _site(index: int) -> ReleasedArms:
    level = 0.003 * ((index * 5) % 9 - 4)
    effects = {arm: level + 0.002 * ((index * 3 + place) % 7 - 3) for place, arm in enumerate(EFFECTS)}
    effects = {arm: shift + effects[arm] for arm, shift in EFFECTS.items()} | {"letter": level}
    made = block(
        site=f"{index:02x}" * 32,
        std_error=0.004 + 0.0012 * (index % 7),
        effects=effects | {"home_visit": level - 0.012 + 0.004 * ((index * 7) % 11 - 5)},
    )
    return replace(made, household_bands=SIZES[(index % 7) // 3])


def national(*, sites: bool = False) -> NationalPage:
    """Pool 22 municipalities; with their own blocks it is the statistician's page."""
    everyone = pool("all", sites=22)
    blocks = tuple(map(_site, range(22)))
    checks = (
        CheckCount("gate-balance", 21, 1),
        CheckCount("gate-equipoise", 22, 0),
        CheckCount("gate-positivity", 17, 5),
    )
    absent = (
        Absent("contact_method", "cohort-no-entry-window", 1),
        Absent("contact_method", "release-class-floor", 1),
        Absent("accepted_help", "cohort-no-entry-window", 2),
    )
    return NationalPage(
        SPECS,
        OUTCOMES,
        everyone,
        PROVENANCE,
        0.1,
        checks,
        blocks if sites else (),
        demo=True,
        released=24,
        absent=absent,
    )
