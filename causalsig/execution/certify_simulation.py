"""The study's own analysis on cohorts that resemble a site's: coverage, bias and power of this study here."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from causalsig.execution.analyse import answer
from causalsig.execution.certify_draws import Law, draw_cohort
from causalsig.execution.power_plot import exact_interval
from causalsig.threads import one_thread

if TYPE_CHECKING:
    from causalsig.cohort.build import Cohort
    from causalsig.cohort.person_periods import PeriodTable
    from causalsig.cohort.plan import CohortPlan
    from causalsig.execution.analyse import Follow
    from causalsig.study.models import Study

Effect = Literal["null", "modest"]
MODEST: Final[Mapping[str, float]] = MappingProxyType({"accepted_help": 0.75, "contact_method": 0.95})
"""Risk in the arm over what it would be without an effect.

Help as the generator's modest effect has it, a hazard ratio of 0.75. A visit works through those it reaches
who accept: a third reached, at 0.95, of whom nearly half accept, makes 0.95.
"""
BAND: Final = (0.91, 0.99)
"""Coverage of an interval of 95 % that counts as sound, as in the project's own evidence."""
LARGEST_BIAS: Final = 0.25
"""In standard deviations of the estimate: such a bias takes less than one point off the coverage."""
NOISE: Final = 3.0
"""Monte Carlo errors a mean over replications may be off."""
LEVEL: Final = 0.99
FEWEST: Final = 100
"""Estimates below which nothing is judged: with fewer, a wrong coverage cannot be told from a right one."""
POWER: Final = 0.8
Row = dict[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Copy:
    """What a question's replications are drawn from.

    Attributes
    ----------
    question : str
    names : tuple of str
        Names of the covariates.
    laws : dict of effect to Law
    """

    question: str
    names: tuple[str, ...]
    laws: dict[Effect, Law]


@dataclass(frozen=True, slots=True)
class Simulated:
    """One question under one effect, over all replications.

    Attributes
    ----------
    question, arm, reference, effect : str
    truth : float
        True difference of risks.
    replications, estimated : int
        All, and those whose gate passed, so that there was an estimate.
    coverage, coverage_low, coverage_high : float
        Share of intervals that hold the truth, with its exact 95 % interval; NaN without an estimate.
    bias, bias_error : float
        Mean estimate minus truth, and its Monte Carlo standard error.
    found, found_low, found_high : float
        Share of intervals that leave out zero, with its exact 95 % interval: under an effect the power,
        without one the rate of false alarms.
    error_ratio : float
        Mean standard error over the standard deviation of the estimates.
    detectable : float
        Difference that this site would find by itself in four cases out of five.
    code : str
        ``certify-sound``, or what is wrong.
    """

    question: str
    arm: str
    reference: str
    effect: Effect
    truth: float
    replications: int
    estimated: int
    coverage: float
    coverage_low: float
    coverage_high: float
    bias: float
    bias_error: float
    found: float
    found_low: float
    found_high: float
    error_ratio: float
    detectable: float
    code: str


def copy_of(cohort: Cohort, arms: tuple[str, ...], table: PeriodTable | None) -> Copy:
    """Take from a cohort what its copies are drawn from: moments, with no effect and with a modest one."""
    from causalsig.execution.certify_draws import law_of
    from causalsig.execution.certify_moments import moments_of

    moments, plan = moments_of(cohort, arms, table), cohort.plan
    arm = plan.primary_contrast[0]
    ratios: dict[Effect, float] = {"null": 1.0, "modest": MODEST[plan.question]}
    laws = {effect: law_of(moments, arm, ratio) for effect, ratio in ratios.items()}
    return Copy(plan.question, cohort.covariate_names, laws)


def given_periods(table: PeriodTable | None) -> Follow | None:
    """Give a cohort's table by period to whoever asks for it."""
    return None if table is None else lambda _: table


def only_primary(study: Study, question: str) -> tuple[Study, CohortPlan]:
    """Cut a study down to the primary contrast of one question; nothing else decides here."""
    from causalsig.execution.power_design import primary_plans

    first = study.estimands_of(question)[0]
    estimands = study.estimands.model_copy(update={"primary": first, "also": ()})
    plan = next(plan for plan in primary_plans(study) if plan.question == question)
    settings = plan.settings.model_copy(update={"sensitivity": ()})
    asked = study.questions.model_copy(update={question: settings})
    return study.model_copy(update={"estimands": estimands, "questions": asked}), replace(
        plan, settings=settings
    )


def replicate(copies: Sequence[Copy], study: Study, seed: int, number: int) -> Row:
    """Draw a cohort a question and effect, and take it through the design gate and the estimate.

    Returns
    -------
    dict
        By question and effect "status", and "estimate", "std_error", "low" and "high" where there is one.
        What JSON can hold.
    """
    rows: Row = {}
    with one_thread():
        for copy in copies:
            slim, plan = only_primary(study, copy.question)
            slim = _admitting(slim)
            rows[copy.question] = {
                effect: _one(law, plan, copy.names, slim, seed * 1_000_003 + number)
                for effect, law in copy.laws.items()
            }
    return rows


def _admitting(study: Study) -> Study:
    """Leave out the floors of admission: the site has been admitted, and so its copies are."""
    floors = study.disclosure.model_copy(update={"min_households_arm": 2, "min_expected_class": 0})
    return study.model_copy(update={"disclosure": floors})


def _one(law: Law, plan: CohortPlan, names: tuple[str, ...], study: Study, seed: int) -> dict[str, Any]:
    cohort, table = draw_cohort(law, plan, names, seed)
    result = answer(cohort, study, given_periods(table))
    primary = [analysis for analysis in result.analyses if analysis.primary]
    if not primary:
        return {"status": result.status}
    contrast = primary[0].result.contrast(*plan.primary_contrast)
    numbers = {
        "estimate": contrast.estimate,
        "std_error": contrast.std_error,
        "low": contrast.conf_low,
        "high": contrast.conf_high,
    }
    if not all(math.isfinite(value) for value in numbers.values()):
        return {"status": "refused"}
    return {"status": "estimated"} | {name: float(value) for name, value in numbers.items()}


def summarise(rows: Sequence[Row], copies: Sequence[Copy], study: Study) -> tuple[Simulated, ...]:
    """Judge every question and effect over the replications of :func:`replicate`."""
    found = []
    for copy in copies:
        slim, plan = only_primary(study, copy.question)
        arm, reference = plan.primary_contrast
        for effect, law in copy.laws.items():
            means = dict(zip(law.moments.arms, law.truth[slim.estimands.primary], strict=True))
            own = [row[copy.question][effect] for row in rows]
            values = np.array(
                [
                    [one[name] for name in ("estimate", "std_error", "low", "high")]
                    for one in own
                    if one["status"] == "estimated"
                ]
            ).reshape(-1, 4)
            numbers = _numbers(values, means[arm] - means[reference])
            found.append(Simulated(copy.question, arm, reference, effect, replications=len(own), **numbers))
    return tuple(found)


def _numbers(values: np.ndarray, truth: float) -> dict[str, Any]:
    """Coverage, bias and power of estimates with their errors and intervals, (R, 4)."""
    from scipy.stats import norm

    count = len(values)
    if count < 2:
        nothing = dict.fromkeys(_FIGURES, float("nan"))
        return {"truth": truth, "estimated": count, "code": "certify-too-few", **nothing}
    estimate, error, low, high = values.T
    holds, finds = int(((low <= truth) & (truth <= high)).sum()), int(((low > 0.0) | (high < 0.0)).sum())
    coverage_low, coverage_high = exact_interval(holds, count)
    found_low, found_high = exact_interval(finds, count)
    bias, spread = float(estimate.mean() - truth), float(estimate.std(ddof=1))
    return {
        "truth": truth,
        "estimated": count,
        "coverage": holds / count,
        "coverage_low": coverage_low,
        "coverage_high": coverage_high,
        "bias": bias,
        "bias_error": spread / math.sqrt(count),
        "found": finds / count,
        "found_low": found_low,
        "found_high": found_high,
        "error_ratio": float(error.mean()) / spread if spread > 0.0 else float("inf"),
        "detectable": float(norm.ppf(0.975) + norm.ppf(POWER)) * float(error.mean()),
        "code": _judge(holds, count, bias, spread),
    }


_FIGURES: Final = (
    *("coverage", "coverage_low", "coverage_high", "bias", "bias_error"),
    *("found", "found_low", "found_high", "error_ratio", "detectable"),
)


def _judge(holds: int, count: int, bias: float, spread: float) -> str:
    """Code of the verdict: coverage first, since it is what a reader of the interval relies on."""
    if count < FEWEST:
        return "certify-too-few"
    low, high = exact_interval(holds, count, LEVEL)
    if high < BAND[0] or low > BAND[1]:
        return "certify-coverage"
    if abs(bias) > LARGEST_BIAS * spread + NOISE * spread / math.sqrt(count):
        return "certify-bias"
    return "certify-sound"


def simulated_record(found: Simulated) -> dict[str, Any]:
    """Give plain values; what is not a number is None."""
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in asdict(found).items()
    }
