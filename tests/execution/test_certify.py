"""A certificate: known answers notice what is broken, copies have a site's moments and none of its rows."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.linalg
import scipy.special

from causalsig.cohort.build import Cohort, build_cohort, site_facts
from causalsig.cohort.person_periods import PeriodTable, person_periods
from causalsig.estimation import inference, regressions
from causalsig.execution.certify_draws import draw_cohort, law_of
from causalsig.execution.certify_moments import Moments, moments_of
from causalsig.execution.certify_oracles import ORACLES, oracles_of, replay
from causalsig.execution.certify_simulation import (
    MODEST,
    Copy,
    copy_of,
    only_primary,
    replicate,
    summarise,
)
from causalsig.execution.site import matching_of
from causalsig.study.models import Study
from tests.execution import plain_answers
from tests.execution.conftest import Invented

SAME = 1e-12  # the file's numbers, worked out again by the same steps
CALIBRATED = 4.0  # binomial standard errors a share of a copy may be off the site's
ALIKE = 0.9  # correlation between the site's correlations and its copies', over all pairs of covariates
APART = 0.05  # their root mean square difference: one fact that follows from another is only approached
QUESTIONS = ("accepted_help", "contact_method")


def test_the_answers_are_those_of_plain_python() -> None:
    known = json.loads(plain_answers.FILE.read_text())
    rows, periods = plain_answers.draw()
    assert (known["rows"], known["periods"], known["about"]) == (rows, periods, plain_answers.ABOUT)
    everybody = [1.0] * len(rows["arm"])
    for estimand in ("ATE", "ATO"):
        for name, answer in plain_answers.cross_fitted(rows, estimand).items():
            assert answer == pytest.approx(known["answers"][f"cross-fitted {estimand}"][name], rel=SAME)
    means = {
        "augmented ATE": plain_answers.in_sample(rows, everybody, "ATE", True),
        "augmented ATO": plain_answers.in_sample(rows, everybody, "ATO", True),
        "overlap ATO": plain_answers.in_sample(rows, everybody, "ATO", False),
        "clones ATE": plain_answers.clones(periods, rows, everybody, "ATE"),
    }
    for name, found in means.items():
        assert found == pytest.approx(known["answers"][name]["means"], rel=SAME), name


def test_on_a_sound_machine_every_known_answer_is_equalled(study: Study) -> None:
    found = replay(study)
    assert [one for one in found if not one.passed] == []
    assert {one.oracle for one in found} == set(ORACLES) and len(found) > 60


def test_only_what_a_study_uses_is_replayed(study: Study) -> None:
    help_ = study.questions.accepted_help
    assert help_ is not None
    alone = {"accepted_help": help_.model_copy(update={"sensitivity": ()}), "contact_method": None}
    clones_only = study.model_copy(update={"questions": study.questions.model_copy(update=alone)})
    assert set(ORACLES) - set(oracles_of(clones_only)) == {"doubly-robust", "overlap"}


def single_precision(values: Any, out: Any = None) -> Any:
    rounded = EXP(values).astype(np.float32).astype(np.float64)
    if out is None:
        return rounded
    out[...] = rounded
    return out


EXP, CLUSTERED, SOLVE = np.exp, inference.cluster_covariance, scipy.linalg.cho_solve
BREAKAGES: dict[str, tuple[Any, str, Any, set[str]]] = {
    "an exponential in single precision": (
        np,
        "exp",
        single_precision,
        {"libraries", "doubly-robust", "overlap", "clone-censor-weight"},
    ),
    "a variance that forgets households": (
        inference,
        "cluster_covariance",
        lambda values, clusters, total: CLUSTERED(values, np.arange(len(values)), len(values)),
        {"doubly-robust", "overlap", "clone-censor-weight"},
    ),
    "a triangular solver that drops a digit": (
        scipy.linalg,
        "cho_solve",
        lambda factor, b: SOLVE(factor, b) * (1.0 + 1e-6),
        {"libraries", "doubly-robust", "overlap", "clone-censor-weight"},
    ),
    "a ridge that is not chosen": (
        regressions,
        "RIDGE_GRID",
        np.array([1.0]),
        {"doubly-robust"},
    ),
    "a quantile of another distribution": (
        scipy.special,
        "stdtrit",
        lambda df, q: scipy.special.ndtri(q),
        {"libraries", "pooling"},
    ),
}


@pytest.mark.parametrize("name", BREAKAGES)
def test_what_is_broken_is_noticed_by_what_uses_it(
    name: str, study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    where, what, broken, noticed = BREAKAGES[name]
    monkeypatch.setattr(where, what, broken)
    found = replay(study)
    assert {one.oracle for one in found if not one.passed} == noticed


def test_a_library_that_fails_altogether_is_a_number_that_is_not_there(
    study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any, **__: Any) -> Any:
        raise RuntimeError("a message that may hold anything")

    monkeypatch.setattr(scipy.linalg, "eigh", fails)
    wrong = [one for one in replay(study) if not one.passed]
    assert [(one.oracle, one.quantity, one.gap) for one in wrong] == [("libraries", "any number", np.inf)]


@dataclasses.dataclass(frozen=True)
class Taken:
    """A question at the larger invented site, with what copies are drawn from."""

    cohort: Cohort
    table: PeriodTable | None
    moments: Moments
    copy: Copy


@pytest.fixture(scope="module")
def take(invented: dict[str, Invented], study: Study) -> Callable[[str], Taken]:
    found, made = invented["9001"], {}
    facts = site_facts(found.tables)

    def one(question: str) -> Taken:
        if question not in made:
            _, plan = only_primary(study, question)
            matching = matching_of(found.site)
            cohort = build_cohort(found.tables, plan, study, found.site, matching, facts=facts)
            clones = plan.settings.estimator == "clone_censor_weight"
            table = person_periods(cohort, facts, period_days=7) if clones else None
            made[question] = Taken(
                cohort,
                table,
                moments_of(cohort, cohort.arms, table),
                copy_of(cohort, cohort.arms, table),
            )
        return made[question]

    return one


@pytest.mark.parametrize("question", QUESTIONS)
def test_copies_have_the_moments_of_the_site(question: str, take: Callable[[str], Taken]) -> None:
    taken = take(question)
    site, moments, law = taken.cohort, taken.moments, taken.copy.laws["null"]
    drawn = [draw_cohort(law, site.plan, site.covariate_names, seed)[0] for seed in range(12)]
    episodes = np.array([one.size for one in drawn])
    assert {len(np.unique(one.households)) for one in drawn} == {moments.households}
    assert episodes.mean() == pytest.approx(site.size, rel=0.02)
    total = episodes.sum()
    together = site.size / moments.households  # of episodes of one household, at the most

    def near(found: float, wanted: float) -> bool:
        error = np.sqrt(wanted * (1.0 - wanted) / total * (1.0 + together))
        return bool(abs(found - wanted) < CALIBRATED * max(error, 1.0 / total))

    for arm, share in zip(moments.arms, moments.shares, strict=True):
        assert near(sum((one.treatment == arm).sum() for one in drawn) / total, share), arm
    name = site.plan.settings.primary_outcome
    assert near(sum(one.outcomes[name].sum() for one in drawn) / total, moments.risk)
    x = np.vstack([one.covariates for one in drawn])
    for place, column in enumerate(site.covariate_names):
        values = site.covariates[:, place]
        if np.isin(values, (0.0, 1.0)).all():
            assert near(x[:, place].mean(), values.mean()), column


@pytest.mark.parametrize("question", QUESTIONS)
def test_no_row_of_the_site_is_in_a_copy(question: str, take: Callable[[str], Taken]) -> None:
    taken = take(question)
    site = taken.cohort
    copy, _ = draw_cohort(taken.copy.laws["null"], site.plan, site.covariate_names, 1)
    amount = site.covariate_names.index("log_amount")
    assert not np.isin(copy.covariates[:, amount], site.covariates[:, amount]).any()
    assert not set(copy.household_keys) & set(site.household_keys)


def test_moments_hold_nothing_as_long_as_the_site(take: Callable[[str], Taken]) -> None:
    def lengths(value: Any) -> list[int]:
        if isinstance(value, dict):
            return [length for inner in value.values() for length in lengths(inner)]
        if isinstance(value, list | tuple):
            return [len(value), *(length for inner in value for length in lengths(inner))]
        return []

    for question in QUESTIONS:
        taken = take(question)
        columns = len(taken.cohort.covariate_names)
        assert max(lengths(taken.moments.to_dict())) <= columns + 1 < taken.moments.households


@pytest.mark.parametrize("question", QUESTIONS)
def test_without_an_effect_the_truth_is_zero_and_with_one_it_is_the_ratio(
    question: str, take: Callable[[str], Taken]
) -> None:
    taken = take(question)
    place = taken.moments.arms.index(taken.cohort.plan.primary_contrast[0])
    null, modest = (taken.copy.laws[effect].truth["ATE"] for effect in ("null", "modest"))
    assert set(null) == {null[0]} and null[0] == pytest.approx(taken.moments.risk, rel=1e-9)
    assert modest[place] / null[place] == pytest.approx(MODEST[question], rel=1e-9)
    assert modest[:place] + modest[place + 1 :] == null[:place] + null[place + 1 :]


def test_clones_of_a_copy_have_the_columns_of_the_site(take: Callable[[str], Taken]) -> None:
    taken = take("accepted_help")
    assert taken.table is not None
    copy, table = draw_cohort(taken.copy.laws["null"], taken.cohort.plan, taken.cohort.covariate_names, 2)
    assert table is not None and table.names == taken.table.names
    assert dict(table.strategies) == dict(taken.table.strategies)
    last = np.flatnonzero(np.append(table.episode[1:] != table.episode[:-1], True))
    accepted = copy.treatment[table.episode[last]] == "accepted"
    assert (table.event[last] == accepted).all() and table.event.sum() == accepted.sum()
    np.testing.assert_array_equal(table.edges, taken.table.edges)


def test_copies_go_through_the_study_and_the_same_number_gives_the_same_answer(
    take: Callable[[str], Taken], study: Study
) -> None:
    copies = [take(question).copy for question in QUESTIONS]
    first = replicate(copies, study, 1, 3)
    assert first == replicate(copies, study, 1, 3) != replicate(copies, study, 2, 3)
    assert {one["status"] for one in first["contact_method"].values()} == {"estimated"}
    for row in first.values():  # the same households live twice, and nothing before the outcome differs
        assert row["modest"]["status"] == row["null"]["status"]
        assert row["modest"].get("estimate", 0.0) <= row["null"].get("estimate", 0.0)


def rows_of(taken: Taken, truth: float, *, errors: float = 1.0, bias: float = 0.0, count: int = 200) -> Any:
    """Give normal estimates whose stated standard error is so many times the real one."""
    draws = 0.02 * np.random.default_rng(5).standard_normal(count)
    rows = []
    for draw in draws:
        estimate, error = truth + bias * 0.02 + draw, errors * 0.02
        ends = {"low": estimate - 1.96 * error, "high": estimate + 1.96 * error}
        numbers = {"status": "estimated", "estimate": estimate, "std_error": error, **ends}
        rows.append({taken.copy.question: dict.fromkeys(taken.copy.laws, numbers)})
    return rows


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({}, "certify-sound"),
        ({"errors": 0.6}, "certify-coverage"),
        ({"errors": 2.5, "count": 1000}, "certify-coverage"),
        ({"bias": 0.7}, "certify-bias"),
        ({"count": 99, "errors": 0.6}, "certify-too-few"),
    ],
)
def test_intervals_that_are_wrong_are_told(
    changes: dict[str, Any], code: str, take: Callable[[str], Taken], study: Study
) -> None:
    taken = take("contact_method")
    only_null = Copy("contact_method", taken.copy.names, {"null": taken.copy.laws["null"]})
    taken = dataclasses.replace(taken, copy=only_null)
    (found,) = summarise(rows_of(taken, 0.0, **changes), [only_null], study)
    assert (found.code, found.truth) == (code, 0.0)


def test_a_gate_that_closes_on_every_copy_leaves_nothing_to_judge(
    take: Callable[[str], Taken], study: Study
) -> None:
    copy = take("contact_method").copy
    withheld = {"contact_method": {effect: {"status": "withheld"} for effect in copy.laws}}
    for found in summarise([withheld] * 50, [copy], study):
        assert (found.code, found.estimated, found.replications) == ("certify-too-few", 0, 50)


def test_an_effect_that_help_would_have_moves_one_arm_only(take: Callable[[str], Taken]) -> None:
    moments = take("accepted_help").moments
    law = law_of(moments, "accepted", 0.5)
    accepted = moments.arms.index("accepted")
    assert law.truth["ATE"][accepted] == pytest.approx(0.5 * moments.risk, rel=1e-9)
    assert law.effect < 0.0


@pytest.mark.parametrize("question", QUESTIONS)
def test_covariates_of_copies_are_correlated_as_at_the_site(
    question: str, take: Callable[[str], Taken]
) -> None:
    taken = take(question)
    site, law = taken.cohort, taken.copy.laws["null"]
    x = np.vstack(
        [draw_cohort(law, site.plan, site.covariate_names, seed)[0].covariates for seed in range(12)]
    )
    varies = (site.covariates.std(axis=0) > 0.0) & (x.std(axis=0) > 0.0)
    above = np.triu_indices(int(varies.sum()), k=1)
    seen = np.corrcoef(site.covariates[:, varies].T)[above]
    found = np.corrcoef(x[:, varies].T)[above]
    assert np.corrcoef(seen, found)[0, 1] > ALIKE
    assert np.sqrt(np.mean((found - seen) ** 2)) < APART
