"""How strong a hidden cause must be stands where the difference stands; too small a site stands not alone."""

from __future__ import annotations

from dataclasses import replace
from math import floor

import pytest

from causalsig.diagnosed import (
    PooledBalanceRow,
    RegionCondition,
    ReleasedSensitivity,
    RobustnessRow,
    UnusedRegion,
)
from causalsig.pooling import site_robustness
from causalsig.records import PoolResult, Verdict
from causalsig.report.hidden_causes import own_robustness
from causalsig.report.pages import MunicipalityPage, UnusedBand
from causalsig.report.render import municipality_html, national_html
from tests.report import page_factory as made
from tests.report.test_report_pages import words

TOLD = ReleasedSensitivity("home_visit", 0.6, 0.03, 0.1, 2.0**-7)
ROW = RobustnessRow(
    "contact_method", "any_new_arrears_3m", "ATO", "home_visit", "letter", 21, 0.035, 0.02, True
)
SPEC = next(spec for spec in made.SPECS if spec.question == "contact_method")


def page(**changes: object) -> MunicipalityPage:
    """A municipality that is sure, with what it and the others released of hidden causes."""
    found = made.with_contact(0.004, -0.06, **changes)
    contact, *rest = found.own
    arms = tuple(replace(block, sensitivity=(TOLD,)) for block in contact.arms)
    region = UnusedRegion("home_visit", (RegionCondition("amount", 500.0, False),), 300, 0)
    design = tuple(verdict for verdict in contact.verdicts if verdict.tier == "design")
    own = replace(contact, arms=arms, verdicts=design, unused=(UnusedBand(region, (300, 999)),))
    return replace(found, own=(own, *rest))


def too_small(given: MunicipalityPage) -> MunicipalityPage:
    contact, *rest = given.own
    verdict = Verdict("solo", "gate-power", False, 0.08, 0.05, None, "ATO")
    return replace(given, own=(replace(contact, verdicts=(verdict,)), *rest))


def test_a_page_says_how_strong_a_hidden_cause_must_be() -> None:
    robust = own_robustness(page().own[0].arms, SPEC)
    error = (2 * 0.95 * 0.004**2 + 2 * 2.0**-20 / 12) ** 0.5
    expected = site_robustness(-0.06, error, TOLD)
    assert robust == pytest.approx((expected.value, expected.value_of_interval))
    strict = own_robustness(page().own[0].arms, SPEC, 0.99)
    assert strict is not None and strict[0] == robust[0] and strict[1] < robust[1]
    found = words(municipality_html(page(others=made.pool(robustness=(ROW,)))))
    value, end = (f"{floor(200 * share) / 2:.1f}".replace(".", ",") for share in robust)
    assert f"als een verborgen oorzaak {value} % verklaart" in found
    assert f"dan is {end} % al genoeg" in found
    assert "In 21 andere gemeenten samen verdwijnt het hele verschil als een verborgen oorzaak 3,5 %" in found
    assert "Huisbezoek: (bijna) nooit gebruikt als het bedrag onder € 500 ligt of niet bekend is" in found


def test_what_is_withheld_of_the_others_is_withheld_of_hidden_causes_too() -> None:
    alone = tuple(replace(c, publishable=False, reasons=("pool-few-sites",)) for c in made.pool().contrasts)
    for others in (
        made.pool(robustness=(replace(ROW, publishable=False),)),
        made.pool(robustness=(ROW,), contrasts=alone),
    ):
        found = words(municipality_html(page(others=others)))
        assert "3,5 %" not in found
    public = replace(made.national(), pool=made.pool("all", robustness=(ROW,), contrasts=alone))
    assert "3,5 %" not in words(national_html(public))


def test_too_small_a_municipality_stands_beside_the_others_or_nowhere() -> None:
    """Its own figure, its levels and how robust it is: all of it, or none."""
    beside = words(municipality_html(too_small(page())))
    assert "60 minder" in beside
    alone = tuple(replace(c, publishable=False, reasons=("pool-few-sites",)) for c in made.pool().contrasts)
    others: PoolResult | None
    for others in (None, made.pool(contrasts=alone)):
        found = words(municipality_html(too_small(page(others=others))))
        assert "te klein om een eigen uitkomst los te tonen" in found
        assert "60 minder" not in found and "−60" not in found and "verborgen oorzaak" not in found
        assert "118 (" not in found and "58 (" not in found
        shown = words(municipality_html(page(others=others)))
        assert "60 minder" in shown and "118 (" in shown


def test_the_national_page_shows_pooled_balance_and_the_statisticians_every_site() -> None:
    balance = PooledBalanceRow(
        "contact_method", "ATO", "home_visit", "letter", 21, 31, 30, "creditor-rent", 0.12, True
    )
    pool = made.pool("all", robustness=(ROW,), balance=(balance,))
    public = words(national_html(replace(made.national(), pool=pool)))
    assert "30 van 31 kenmerken" in public and "0,12" in public and "3,5 %" in public
    wide = words(national_html(replace(made.national(), pool=pool, balance_limit=0.25)))
    assert "Tot 0,10 telt als gelijk" in public and "Tot 0,25 telt als gelijk" in wide
    hidden = made.pool("all", balance=(replace(balance, publishable=False),))
    assert "30 van 31" not in words(national_html(replace(made.national(), pool=hidden)))
    inside = made.national(sites=True)
    sites = tuple(replace(block, sensitivity=(TOLD,)) for block in inside.sites)
    found = words(national_html(replace(inside, sites=sites, pool=pool)))
    assert "Met toeval erbij" in found and "Met toeval erbij" not in public
