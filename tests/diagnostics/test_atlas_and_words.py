"""The positivity atlas names planted holes, tells nothing of anybody, and every sentence exists twice."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
import pytest

from causalsig.cohort.covariates import (
    COLUMN_NAMES,
    ENCODERS,
    ContactHistory,
    EpisodeFacts,
    covariate_of,
    design_matrix,
)
from causalsig.cohort.history import History
from causalsig.diagnostics.atlas import CUT_POINTS, DERIVED, WITHOUT_NAME, Condition, Region, positivity_atlas
from causalsig.diagnostics.gates import BALANCE, EFFECTIVE_SIZE, EQUIPOISE, POSITIVITY
from causalsig.diagnostics.later_gates import FOLLOW_UP, KNOWN_FAILURE, POWER
from causalsig.diagnostics.words import atlas_key, region_sentence, verdict_sentence
from causalsig.records import Verdict
from causalsig.texts import LANGUAGES, catalogue

ARMS = ("letter", "phone", "home_visit")
NAMES = (
    "log_amount",
    "log_amount_squared",
    "amount=missing",
    "creditor=rent",
    "crisis",
    "district=district 1",
)


def site(n: int, seed: int, *, planted: bool = True, leak: float = 0.0) -> dict[str, Any]:
    """No visits below €500 unless rent, but for a share `leak`; one amount in twenty is not known."""
    r = np.random.default_rng(seed)
    euro, unknown = np.exp(r.normal(6.2, 0.9, n)), r.random(n) < 0.05
    rent, other = r.random(n) < 0.3, r.random((n, 2)) < 0.4
    level = np.where(unknown, 0.0, np.log(euro) - 6.0)
    codes = r.choice(3, n, p=[0.5, 0.3, 0.2])
    hole = ((euro < 500) | unknown) & ~rent
    if planted:
        codes[hole & (codes == 2) & (r.random(n) >= leak)] = 0
    return {
        "covariates": np.column_stack([level, level**2, unknown, rent, other]).astype(float),
        "names": NAMES,
        "codes": codes,
        "clusters": np.arange(n) // 2,
        "hole": hole,
        "arms": ARMS,
    }


def atlas(data: dict[str, Any], **options: Any) -> Any:
    return positivity_atlas(**{name: data[name] for name in data if name != "hole"}, **options)


def test_a_planted_hole_is_named_as_it_was_planted() -> None:
    data = site(3000, 1)
    [region] = atlas(data).regions
    assert region.arm == "home_visit"
    assert set(region.conditions) == {
        Condition("amount", 500.0, False),
        Condition("creditor=rent", None, False),
    }
    assert region.households == len(np.unique(data["clusters"][data["hole"]]))
    said = region_sentence(region, "300–999", "en")
    assert said.startswith("Home visit: (almost) never used where ") and said.endswith(
        "(300–999 households)."
    )
    assert "the amount is below €500 or not known" in said and "there are no rent arrears" in said


def test_almost_never_is_named_too_and_seldom_is_not() -> None:
    assert len(atlas(site(8000, 2, leak=0.05)).regions) == 1
    assert atlas(site(8000, 2, leak=0.7)).regions == ()


def test_arms_by_lot_have_no_regions() -> None:
    found = sum(len(atlas(site(600, seed, planted=False)).regions) for seed in range(40))
    assert found == 0


def test_the_row_order_changes_nothing() -> None:
    data = site(2000, 3)
    back = np.random.default_rng(0).permutation(2000)
    rows = {name: data[name][back] for name in ("covariates", "codes", "clusters")}
    assert atlas(data | rows) == atlas(data)


@pytest.mark.parametrize("seed", range(12))
def test_every_region_and_what_is_beside_it_hold_the_floor(seed: int) -> None:
    """Small sites with sparse facts, and a floor that asks for less than the house allows."""
    r = np.random.default_rng(seed)
    n = int(r.integers(40, 400))
    x = (r.random((n, 6)) < r.uniform(0.01, 0.5, 6)).astype(float)
    codes = np.where(x[:, int(r.integers(6))] > 0, 0, r.integers(0, 3, n))
    names = tuple(f"signal_m{j}" for j in range(6))
    found = positivity_atlas(x, names, codes, np.arange(n) // 2, ARMS, min_households=1, ceiling=0.6)
    clusters = np.arange(n) // 2
    for region in found.regions:
        for length in range(1, len(region.conditions) + 1):
            path = region.conditions[:length]
            turned = (*path[:-1], Condition(path[-1].question, None, not path[-1].holds))
            for conditions in (path, turned):
                inside = np.all([x[:, names.index(c.question)] == c.holds for c in conditions], axis=0)
                assert len(np.unique(clusters[inside])) >= 10


def test_a_value_of_the_data_is_never_a_cut_point() -> None:
    allowed = {value for points in CUT_POINTS.values() for value in points.values}
    for seed in range(5):
        data = site(2000, seed)
        data["codes"] = np.where(data["covariates"][:, 0] > 0.3137, 2, 0)
        for region in atlas(data).regions:
            assert {c.value for c in region.conditions} - {None} <= allowed


def test_places_and_columns_without_cut_points_are_left_out_and_said() -> None:
    data = site(300, 4)
    data["covariates"] = np.column_stack([data["covariates"], np.arange(300.0)])
    data["names"] = (*NAMES, "score")
    assert atlas(data).left_out == ("district=district 1", "score")


def test_nothing_is_looked_for_among_too_few_households() -> None:
    assert atlas(site(90, 1)).regions == ()
    empty = positivity_atlas(np.empty((0, 0)), (), np.array([], int), np.array([], int), ARMS)
    assert empty.regions == () and empty.asked == 0


def facts_of(n: int, **given: Any) -> EpisodeFacts:
    """Facts with nothing in them but what is given."""
    plain: dict[str, Any] = {field.name: np.zeros(n) for field in fields(EpisodeFacts)}
    plain |= {"households": np.arange(n), "time_zero": np.full(n, 20_000), "creditors": np.zeros((n, 4))}
    plain |= {"repeat_flags": np.zeros((n, 6)), "districts": np.array(["place"] * n, dtype=object)}
    return EpisodeFacts(**plain | given)


def encoded(names: tuple[str, ...], facts: EpisodeFacts, events: History) -> tuple[Any, tuple[str, ...]]:
    """Columns of the cohort's design matrix; all contacts before are the same events."""
    return design_matrix(names, facts, ContactHistory(*[events] * len(fields(ContactHistory))), 183)


def every_column() -> tuple[str, ...]:
    """Columns that the cohort's design matrix can make, from facts that vary as much as they can."""
    r = np.random.default_rng(5)
    n = 4000

    def unknown(values: Any) -> Any:
        return np.where(r.random(n) < 0.1, np.nan, values)

    facts = facts_of(
        n,
        time_zero=r.integers(19_800, 20_100, n),
        amount_eur=unknown(r.lognormal(6, 1, n)),
        months_in_arrears=unknown(r.integers(1, 20, n).astype(float)),
        n_creditors=r.integers(1, 5, n).astype(float),
        n_new_arrears=r.integers(0, 4, n).astype(float),
        crisis=(r.random(n) < 0.1).astype(float),
        creditors=(r.random((n, 4)) < 0.4).astype(float),
        repeat_flags=np.where(r.random((n, 6)) < 0.1, np.nan, r.random((n, 6)) < 0.3),
        age=unknown(r.integers(18, 90, n).astype(float)),
        minor_children=unknown((r.random(n) < 0.3).astype(float)),
        districts=np.array([f"place {d}" for d in r.integers(0, 5, n)], dtype=object),
    )
    events = History.of(r.integers(0, n, 20_000), r.integers(19_600, 20_100, 20_000))
    # The most frequent answer has no column: other parts of the rows have other ones.
    parts = [np.flatnonzero(part) for part in (facts.age > 0, facts.age > 60, facts.minor_children != 0)]
    return tuple(
        dict.fromkeys(
            name for part in parts for name in encoded(tuple(ENCODERS), facts.take(part), events)[1]
        )
    )


def test_every_column_of_the_cohort_has_words_or_cut_points() -> None:
    english = catalogue("en")
    without = [
        name
        for name in every_column()
        if name not in CUT_POINTS
        and name not in DERIVED
        and not name.startswith(WITHOUT_NAME)
        and f"diagnostics.atlas.yes.{atlas_key(name)}" not in english
    ]
    assert without == []
    assert set(CUT_POINTS) <= set(every_column())


def test_every_column_belongs_to_a_covariate_of_the_study() -> None:
    assert {covariate_of(name) for name in every_column()} == set(ENCODERS) == set(COLUMN_NAMES.values())


def test_the_cut_points_are_on_the_scale_of_the_columns() -> None:
    """500 euro and 3 months as the design matrix writes them."""
    facts = facts_of(2, amount_eur=np.array([500.0, 100.0]), months_in_arrears=np.array([3.0, 6.0]))
    x, names = encoded(("log_amount", "months_in_arrears"), facts, History.of(np.arange(0), np.arange(0)))
    row = dict(zip(names, x[0], strict=True))
    assert CUT_POINTS["log_amount"].to_column(500.0) == pytest.approx(row["log_amount"], abs=1e-12)
    months = CUT_POINTS["log_months_in_arrears"]
    assert months.to_column(3.0) == pytest.approx(row["log_months_in_arrears"], abs=1e-12)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_question_has_both_answers(language: str) -> None:
    keys = [key for key in catalogue(language) if key.startswith("diagnostics.atlas.")]
    yes = {key.split(".")[-1] for key in keys if ".yes." in key}
    assert yes == {key.split(".")[-1] for key in keys if ".no." in key}
    assert {points.name for points in CUT_POINTS.values()} <= yes


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    "code", [EQUIPOISE, POSITIVITY, EFFECTIVE_SIZE, BALANCE, FOLLOW_UP, KNOWN_FAILURE, POWER]
)
def test_every_verdict_has_a_sentence_with_its_figure_and_threshold(code: str, language: str) -> None:
    figures = {EFFECTIVE_SIZE: ("1,234", "30"), KNOWN_FAILURE: ("1,234", "30")}
    for passed in (True, False):
        shown = figures.get(code)
        verdict = Verdict(
            "design", code, passed, 1234.0 if shown else 0.123, 30.0 if shown else 0.05, "phone"
        )
        sentence = verdict_sentence(verdict, language)
        number = shown or (("0.12", "0.05") if code == BALANCE else ("12.3", "5.0"))
        for one in number:
            wanted = one.translate(str.maketrans(",.", ".,")) if language == "nl" else one
            assert wanted in sentence
        assert "{" not in sentence and sentence.endswith(".")


def test_dutch_regions_read_as_a_sentence() -> None:
    conditions = (Condition("amount", 1000.0, True), Condition("calendar_month=2025-03", None, False))
    said = region_sentence(Region("letter", conditions, 120, 0.01), "100–299")
    assert said == (
        "Brief: (bijna) nooit gebruikt als het bedrag € 1.000 of meer is, en het niet maand 2025-03 is "
        "(100–299 huishoudens)."
    )
    unknown = Region("new_arm", (Condition("later_column", None, True),), 120, 0.01)
    assert region_sentence(unknown, "100–299", "en").startswith(
        "new_arm: (almost) never used where later_column"
    )
