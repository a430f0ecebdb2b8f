"""From no pair of public and municipal reports does another municipality's row, name, weight or mark come.

Real documents of invented municipalities: released by the rules, on grids, pooled with and without each.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from itertools import combinations

import numpy as np
import pytest

from causalsig.pooling import pool_arms
from causalsig.records import PooledContrast, ReleasedArms
from causalsig.release.build import released_arms
from causalsig.report import effects, views
from causalsig.report.forest_figure import ForestRow
from causalsig.report.numbers import decimal
from causalsig.report.pages import MunicipalityPage
from causalsig.report.render import municipality_html, national_html
from causalsig.report.words import Words
from evidence import invented_reports as country
from tests.report.pair_attack import Page, Slot, Way, candidates, read_page

SITES = 8
"""One lacks an answer on help: of that, a pool of the others has the fewest that may be shown, six."""
DECOYS = 12
CLOSE, CLOSE_SHARE = 3.0, 0.01
"""Households per 1,000, and part of the pool, that count as knowing it: a tenth of how far they lie apart."""
FEWEST, MOST = 8, 0.6
"""Rows in which one way of working out is tried, and the share of them in which it must be right."""
WORDS = Words("nl")
ANY = country.municipal(country.invented_document(0), None, "")
SPECS, OUTCOMES = ANY.specs, ANY.outcomes


@dataclass(frozen=True, slots=True)
class Case:
    """Pages by name, and whose rows stand on each by right."""

    pages: dict[str, Page]
    own: dict[str, frozenset[int]]

    def pairs(self) -> list[tuple[str, str]]:
        return list(combinations(self.pages, 2))

    def strangers(self, *names: str) -> list[int]:
        """Municipalities of which none of these pages is."""
        mine = frozenset().union(*(self.own[name] for name in names))
        return [number for number in range(SITES) if number not in mine]


@cache
def released() -> country.Country:
    return country.pooled([country.invented_document(number) for number in range(SITES)])


def municipal(number: int) -> MunicipalityPage:
    made = released()
    return country.municipal(made.documents[number], made.others[number], country.invented_name(number))


@cache
def reports() -> Case:
    """The public national page and every municipality's own."""
    pages = {"public": read_page(national_html(country.national(released())))}
    own: dict[str, frozenset[int]] = {"public": frozenset()}
    for number in range(SITES):
        pages[f"of-{number}"] = read_page(municipality_html(municipal(number)))
        own[f"of-{number}"] = frozenset({number})
    return Case(pages, own)


@cache
def slots() -> dict[Slot, tuple[str, str, str, str]]:
    """Rows of the pages, and of what question, outcome, arm and reference they are."""
    found = {}
    for spec in SPECS:
        section = spec.question.replace("_", "-")
        for arm in spec.arms:
            of = (spec.question, spec.outcome, arm, spec.reference)
            found[section, WORDS.arm(arm), "level"] = of
            if arm != spec.reference:
                found[section, WORDS.arm(arm), "difference"] = of
        for outcome in OUTCOMES:
            name = str(views.outcome_name(WORDS, outcome))
            found[section, name, "difference"] = (spec.question, outcome.outcome, *spec.contrast)
    return found


def truth(number: int) -> dict[Slot, effects.Shown]:
    """What a municipality released, slot by slot."""
    blocks = released_arms(country.invented_document(number))
    found = {}
    for slot, (question, outcome, arm, reference) in slots().items():
        block = next((one for one in blocks if _answers(one, question, outcome)), None)
        if block is None:
            continue
        level = slot[2] == "level"
        shown = effects.own_mean(block, arm) if level else effects.own_contrast(block, arm, reference)
        if shown is not None:
            found[slot] = shown
    return found


def _answers(block: ReleasedArms, question: str, outcome: str) -> bool:
    spec = next(spec for spec in SPECS if spec.question == question)
    wanted = (question, outcome, spec.estimand, spec.estimator)
    return (block.question, block.outcome, block.estimand, block.estimator) == wanted


@cache
def truths() -> tuple[dict[Slot, effects.Shown], ...]:
    return tuple(truth(number) for number in range(SITES))


@cache
def decoys() -> tuple[dict[Slot, effects.Shown], ...]:
    return tuple(truth(number) for number in range(100, 100 + DECOYS))


def weight(number: int, slot: Slot, tau2: float = 0.0) -> float:
    """Share of a municipality in the pool of all, as the statistician's page has it."""
    shares = [1.0 / (one[slot].std_error ** 2 + tau2) if slot in one else 0.0 for one in truths()]
    return shares[number] / sum(shares)


# What the attacks find: each a list or a set that must be empty.


def named(case: Case) -> list[str]:
    """Find names and codes of municipalities that a page is not of."""
    codes = [document.site_code for document in released().documents]
    return [
        f"{name}: {told}"
        for name, page in case.pages.items()
        for number in case.strangers(name)
        for told in (country.invented_name(number), codes[number][:8])
        if told in page.html
    ]


def printed(case: Case) -> list[str]:
    """Find rows of others that stand on a page, in the cell of that row or drawn anywhere."""
    found = []
    for name, page in case.pages.items():
        drawn = np.array(page.drawn)
        for number in case.strangers(name):
            for slot, shown in truths()[number].items():
                row = (shown.estimate, shown.low, shown.high)
                whole = tuple(float(round(end)) for end in row)
                if whole in (row for role, row in page.triples.get(slot, {}).items() if role != "own"):
                    found.append(f"{name}: row of {number} in {slot}")
                if all(np.abs(drawn - end).min() < 0.01 for end in row):
                    found.append(f"{name}: row of {number} is drawn")
    return found


def weighed(case: Case) -> list[str]:
    """Find squares of more than one size, and weights of others."""
    found = [
        f"{name}: squares of sizes {sorted(page.marks)}"
        for name, page in case.pages.items()
        if len(page.marks) > 1
    ]
    [spec] = [one for one in SPECS if one.question == "contact_method"]
    key = (spec.question, spec.outcome, spec.estimand, *spec.contrast)
    primary = effects.pooled_contrast(released().pool, *key)
    assert primary is not None
    slot = ("contact-method", WORDS.arm(primary.arm), "difference")
    for name, page in case.pages.items():
        for number in case.strangers(name):
            share = decimal(100.0 * weight(number, slot, 1e6 * primary.tau2), "nl", 1)
            if f"{share} %" in page.shares:
                found.append(f"{name}: weight of {number}")
    return found


Hits = dict[tuple[int, Way], dict[Slot, list[bool]]]


def differenced(case: Case, others: tuple[dict[Slot, effects.Shown], ...] | None = None) -> Hits:
    """Difference every pair of pages, and say where a way of working out comes to what a stranger released.

    With ``others`` it is asked of these in the strangers' place: what chance alone comes to.
    """
    found: Hits = {}
    wanted = truths() if others is None else others
    for names in case.pairs():
        pages = [case.pages[name] for name in names]
        strangers = case.strangers(*names) if others is None else range(len(others))
        for slot in slots():
            estimates, shares = candidates(*pages, slot)
            total = sum(each[slot].std_error ** -2 for each in truths() if slot in each)
            for number in strangers:
                if slot not in wanted[number]:
                    continue
                shown = wanted[number][slot]
                targets = (
                    (estimates, shown.estimate, CLOSE),
                    (shares, shown.std_error**-2 / total, CLOSE_SHARE),
                )
                for worked_out, value, near in targets:
                    for way, one in worked_out.items():
                        hits = found.setdefault((number, way), {})
                        hits.setdefault(slot, []).append(abs(one - value) <= near)
    return found


def recovered(found: Hits) -> set[int]:
    """Name those whom one and the same way of working out comes to in most rows, in most of its pairs."""
    return {
        number
        for (number, _), rows in found.items()
        if len(rows) >= FEWEST and np.mean([np.mean(hits) > 0.5 for hits in rows.values()]) > MOST
    }


def test_no_page_names_another_municipality_or_carries_its_code() -> None:
    assert named(reports()) == []


def test_what_a_page_calls_its_own_is_its_own() -> None:
    read = 0
    for number in range(SITES):
        for slot, row in reports().pages[f"of-{number}"].triples.items():
            if slot in truths()[number] and "own" in row:
                shown = truths()[number][slot]
                assert row["own"] == tuple(map(round, (shown.estimate, shown.low, shown.high)))
                read += 1
    assert read > 10 * SITES


def test_no_page_prints_or_draws_the_row_of_another() -> None:
    assert printed(reports()) == []


def test_no_square_tells_a_precision_and_no_weight_of_another_is_printed() -> None:
    assert weighed(reports()) == []


def test_no_coordinate_is_finer_than_the_number_that_is_printed() -> None:
    for name, page in reports().pages.items():
        assert page.drawn
        off = np.abs(np.array(page.drawn) - np.round(page.drawn))
        assert off.max() < 0.01, name


def test_no_pair_of_pages_gives_another_by_differencing() -> None:
    found = differenced(reports())
    assert {number for number, _ in found} == set(range(SITES))
    assert len({way for _, way in found}) > 100
    assert recovered(found) == set()


def test_who_is_in_the_pool_is_hit_about_as_often_as_who_is_not() -> None:
    """Decoys are drawn as the others were and are in no pool: what is hit of them, chance hits."""
    members, chance = (
        np.mean([hit for rows in found.values() for hits in rows.values() for hit in hits])
        for found in (differenced(reports()), differenced(reports(), decoys()))
    )
    assert chance > 0.01 and members < 1.5 * chance


# Planted leaks: each attack must find its own.


def planted(name: str, page: Page, of: int | None = None) -> Case:
    case = reports()
    own = frozenset() if of is None else frozenset({of})
    return Case(case.pages | {name: page}, case.own | {name: own})


def test_the_statisticians_page_among_them_is_caught_by_every_attack_on_one_page() -> None:
    page = country.national(released(), with_sites=True)
    case = planted("leak", read_page(national_html(page)))
    assert any(said.startswith("leak") for said in named(case))
    assert len([said for said in weighed(case) if said.startswith("leak")]) >= SITES
    assert len(read_page(national_html(page)).marks) > 1


def test_another_municipalitys_name_is_caught() -> None:
    page = replace(municipal(0), name=f"{country.invented_name(0)} (zie {country.invented_name(1)})")
    case = planted("leak", read_page(municipality_html(page)), of=0)
    assert named(case) == [f"leak: {country.invented_name(1)}"]


def test_a_row_of_another_in_the_place_of_the_pool_is_caught() -> None:
    made = released()
    contrasts = tuple(_as(row, truths()[2]) for row in made.others[0].contrasts)
    page = replace(municipal(0), others=replace(made.others[0], contrasts=contrasts))
    case = planted("leak", read_page(municipality_html(page)), of=0)
    assert {said for said in printed(case) if "of 2 in" in said}


def _as(row: PooledContrast, other: dict[Slot, effects.Shown]) -> PooledContrast:
    slot = (row.question.replace("_", "-"), WORDS.arm(row.arm), "difference")
    if slot not in other:
        return row
    shown = other[slot]
    ends = (shown.estimate / 1000, shown.low / 1000, shown.high / 1000)
    return replace(row, estimate=ends[0], conf_low=ends[1], conf_high=ends[2])


def test_a_pool_of_two_is_caught_by_differencing() -> None:
    """Who knows one of two knows the other, where a pool of both is published, and not on its grid."""
    both = country.pooled([released().documents[number] for number in (2, 4)])
    blocks = [block for document in both.documents for block in released_arms(document)]
    exact = pool_arms(blocks, country.study(), both.pool.study_digest)
    shown = tuple(replace(row, publishable=True) for row in exact.contrasts)
    page = replace(country.national(both), pool=replace(exact, contrasts=shown))
    case = Case(
        {"leak": read_page(national_html(page)), "of-2": reports().pages["of-2"]},
        {"leak": frozenset(), "of-2": frozenset({2})},
    )
    assert recovered(differenced(case)) == {4}


def test_a_coordinate_that_is_finer_than_its_number_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    def unrounded(label: str, shown: effects.Shown, **_: object) -> ForestRow:
        return ForestRow(label, shown.estimate, shown.low, shown.high)

    monkeypatch.setattr(views, "row", unrounded)
    drawn = np.array(read_page(national_html(country.national(released()))).drawn)
    assert np.abs(drawn - np.round(drawn)).max() > 0.1
