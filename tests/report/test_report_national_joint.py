"""What takes every site's own block is on the statistician's page only: chances to be best, and bubbles."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from causalsig.meta import random_effects
from causalsig.pooling import joint_arms
from causalsig.pooling.lineup import line_up
from causalsig.report import national_joint
from causalsig.report.asked import Question
from causalsig.report.pages import NationalPage
from causalsig.report.render import national_html
from causalsig.report.words import Words
from tests.report import page_factory as made
from tests.report.test_report_pages import words

CONTACT = {"contact_method": made.ARMS["contact_method"]}


def asked(page: NationalPage) -> Question:
    return Question(Words("nl"), page, page.specs[0])


def test_chances_are_of_the_joint_model_and_add_up_to_one() -> None:
    page = made.national(sites=True)
    found = national_joint.chances_to_be_best(asked(page))
    (lineup,) = line_up(page.sites, CONTACT)
    best = joint_arms(lineup).fit.ranking(better="low").best
    assert [*found.values()] == pytest.approx(best) and sum(found.values()) == pytest.approx(1.0)
    assert max(found, key=lambda arm: found[arm]) == "home_visit"


def test_an_arm_that_one_site_has_takes_no_part_and_then_no_chance_is_told() -> None:
    arms = ("letter", "phone", "home_visit", "none")
    blocks = [
        replace(made.block(site=one.site, arms=arms), estimand="ATE")
        for one in made.national(sites=True).sites
    ]
    blocks[0] = replace(made.block(site=blocks[0].site), estimand="ATE")
    page = made.national(sites=True)
    spec = replace(page.specs[0], estimand="ATE")
    contrasts = tuple(replace(c, estimand="ATE") for c in page.pool.contrasts)
    means = tuple(replace(m, estimand="ATE") for m in page.pool.means)
    pool = replace(page.pool, contrasts=contrasts, means=means)
    page = replace(page, specs=(spec,), sites=tuple(blocks), pool=pool)
    html = national_html(page)
    assert "Van laag naar hoog" in html and "Kans de beste te zijn" not in html


def test_the_line_is_the_meta_regression_of_the_sites_with_the_pools_variances() -> None:
    page = made.national(sites=True)
    (lineup,) = line_up(page.sites, CONTACT)
    v = lineup.weighting_covariances()
    a, b = (lineup.arms.index(arm) for arm in ("home_visit", "letter"))
    sizes = [
        sum(np.sqrt(low * high) for low, high in block.household_bands if high is not None)
        for block in sorted(page.sites, key=lambda block: block.site)
    ]
    fit = random_effects(
        lineup.means[:, a] - lineup.means[:, b],
        v[:, a, a] + v[:, b, b] - 2 * v[:, a, b],
        moderators=np.log2(sizes),
        interval="knapp-hartung-floored",
    )
    change, low, high = (1000 * float(end[1]) for end in (fit.coefficients, fit.conf_low, fit.conf_high))
    told = f"{change:+.1f} per 1,000 (uncertainty {low:+.1f} to {high:+.1f}; 22 municipalities)"
    assert told.replace("-", "\u2212") in words(national_html(page, "en"))


def test_the_public_page_has_neither_and_the_other_marks_them() -> None:
    public, inside = (national_html(made.national(sites=sites)) for sites in (False, True))
    for told in ("Kans de beste te zijn", "Verschilt het effect met de grootte", "bubbles-"):
        assert told not in public and told in inside
    for section in ("bubbles-contact-method", "ranking-contact-method", "sites-contact-method"):
        heading = inside.split(f'id="{section}-title">')[1].split("</h2>")[0]
        assert "Niet openbaar" in heading
    assert "Niet openbaar maken: de grootte van een cirkel" in words(inside)


@pytest.mark.parametrize("kept", [3, 9])
def test_too_few_sites_make_no_line(kept: int) -> None:
    page = made.national(sites=True)
    assert national_joint.by_size(asked(page)) is not None
    assert national_joint.by_size(asked(replace(page, sites=page.sites[:kept]))) is None


def test_sites_of_one_size_make_no_line() -> None:
    page = made.national(sites=True)
    alike = tuple(replace(block, household_bands=page.sites[0].household_bands) for block in page.sites)
    assert national_joint.by_size(asked(replace(page, sites=alike))) is None
