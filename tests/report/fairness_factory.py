"""Pages with groups, contact by group and a rule: what a study that names them would give."""

from __future__ import annotations

from dataclasses import replace

from causalsig.contacted import PooledContactRow, ReleasedContact
from causalsig.diagnosed import RegionCondition
from causalsig.grouped import (
    PooledDifference,
    PooledGain,
    PooledGroupRow,
    PooledRule,
    ReleasedGain,
    ReleasedGroups,
    RuleLeaf,
)
from causalsig.records import PoolResult
from causalsig.release.grouped_entries import GROUPS
from causalsig.report.pages import MunicipalityPage, NationalPage, OwnRule, QuestionSpec
from tests.report import page_factory as made

FAMILIES = tuple(GROUPS)
SPECS: tuple[QuestionSpec, ...] = tuple(
    replace(spec, families=FAMILIES, rule=not spec.caution) for spec in made.SPECS
)
SHIFTS = {
    "creditor_rent": -0.034,
    "creditor_energy": -0.008,
    "creditor_water": 0.006,
    "creditor_health_insurance": -0.006,
    "amount_1000_up": -0.027,
}
EFFECT = -0.011
"""Of the groups that have no shift of their own."""
ARMS = made.ARMS["contact_method"]
USUAL = (0.45, 0.12, 0.16, 0.18, 0.09)
VISITED = {"creditor_rent": 0.31, "age_66_up": 0.11, "amount_1000_up": 0.36, "amount_below_250": 0.07}


def block(
    family: str, *, site: str = "a1" * 32, std_error: float = 0.021, groups: tuple[str, ...] | None = None
) -> ReleasedGroups:
    names = GROUPS[family] if groups is None else groups
    size, variance = len(names), std_error**2
    return ReleasedGroups(
        site=site,
        question="contact_method",
        outcome="any_new_arrears_3m",
        estimand="ATO",
        estimator="doubly_robust",
        arm="home_visit",
        reference="letter",
        family=family,
        groups=names,
        estimates=tuple(SHIFTS.get(name, EFFECT) for name in names),
        covariance=tuple(
            tuple(variance if i == j else 0.1 * variance for j in range(size)) for i in range(size)
        ),
        steps=(2.0**-8,) * size,
        households=((300, 999),) * size,
    )


def pooled(sites: int = 21, *, publishable: bool = True) -> tuple[PooledGroupRow, ...]:
    rows = []
    for family, names in GROUPS.items():
        for name in names:
            value, error = SHIFTS.get(name, EFFECT), 0.006
            apart = value - SHIFTS.get(names[0], EFFECT)
            difference = PooledDifference(apart, 0.008, apart - 0.019, apart + 0.019)
            rows.append(
                PooledGroupRow(
                    "contact_method", "any_new_arrears_3m", "ATO", "doubly_robust", "home_visit", "letter",
                    family, name, sites, value, error, value - 0.015, value + 0.015,
                    0.004 if family == "creditor" else 0.41, publishable,
                    difference if name != names[0] else None,
                )
            )  # fmt: skip
    return tuple(rows)


def shares(visited: float) -> tuple[float, ...]:
    """Give the usual shares with another one of home visits."""
    rest = (1.0 - visited) / (1.0 - USUAL[3])
    return tuple(visited if place == 3 else share * rest for place, share in enumerate(USUAL))


def contacts(site: str = "a1" * 32) -> tuple[ReleasedContact, ...]:
    """A municipality of which two cells are held back, as is its oldest group's row of another."""
    parts = [
        ReleasedContact(site, "contact_method", "", "", (3000, None), tuple(zip(ARMS, USUAL, strict=True)))
    ]
    for family, names in GROUPS.items():
        for name in names:
            told = dict(zip(ARMS, shares(VISITED.get(name, 0.18)), strict=True))
            if name == "amount_below_250":
                del told["home_visit"], told["none"]
            parts.append(
                ReleasedContact(site, "contact_method", family, name, (300, 999), tuple(told.items()))
            )
    return tuple(parts)


def pooled_contacts(sites: int = 21, *, publishable: bool = True) -> tuple[PooledContactRow, ...]:
    rows = [
        PooledContactRow("contact_method", "", "", arm, sites, share, share, publishable)
        for arm, share in zip(ARMS, USUAL, strict=True)
    ]
    for family, names in GROUPS.items():
        for name in names:
            for arm, share, usual in zip(ARMS, shares(VISITED.get(name, 0.19)), USUAL, strict=True):
                rows.append(
                    PooledContactRow("contact_method", family, name, arm, sites, share, usual, publishable)
                )
    return tuple(rows)


def rule(found: bool = True) -> OwnRule:
    rent, high = (RegionCondition("creditor-rent", None, True), RegionCondition("amount", 500.0, True))
    leaves = (
        RuleLeaf((rent, high), "home_visit", 300),
        RuleLeaf((rent, replace(high, holds=False)), "phone", 300),
        RuleLeaf((replace(rent, holds=False),), "letter", 1000),
    )
    gains = (ReleasedGain("best_single", 4.25, 1.2, 0.25), ReleasedGain("now", 9.5, 2.1, 0.5))
    return OwnRule(True, leaves, gains) if found else OwnRule(False)


GIVEN = ("from-two-towns", rule().leaves)
STAYED = ("from-one-town", tuple(replace(leaf, households=0) for leaf in rule().leaves[:2]))


def travelled(*, publishable: bool = True, sites: int = 19) -> tuple[PooledRule, ...]:
    """One given rule that travels and one that does not."""

    def gain(value: float) -> PooledGain:
        return PooledGain("best_single", sites, value, 0.7, value - 1.7, value + 1.7, publishable)

    about = ("contact_method", "any_new_arrears_3m")
    return (
        PooledRule(GIVEN[0], *about, (gain(3.1),), publishable),
        PooledRule(STAYED[0], *about, (gain(0.4),), False),
    )


def others(sites: int = 21, *, publishable: bool = True, kind: str = "others") -> PoolResult:
    return made.pool(
        kind,
        sites=sites,
        groups=pooled(sites, publishable=publishable),
        contacts=pooled_contacts(sites, publishable=publishable),
    )


def estimated(*, found: bool = True, **changes: object) -> MunicipalityPage:
    """Estimate a municipality with all groups but its oldest, and a rule."""
    page = made.estimated(specs=SPECS, others=others())
    own = tuple(
        replace(
            one,
            groups=tuple(
                block(family, groups=GROUPS[family][:3] if family == "age_band" else None)
                for family in FAMILIES
            ),
            contacts=contacts(),
            rule=rule(found),
        )
        if one.question == "contact_method"
        else one
        for one in page.own
    )
    return replace(page, own=own, **changes)  # type: ignore[arg-type]


def nothing() -> MunicipalityPage:
    """Refuse both questions, with a pool that may not be shown."""
    return replace(made.refused(), specs=SPECS, others=others(publishable=False))


def national(*, sites: bool = False, publishable: bool = True) -> NationalPage:
    """Pool 22 municipalities; with their own figures by group it is the statistician's page."""
    specs = tuple(spec if spec.caution else replace(spec, given=(GIVEN, STAYED)) for spec in SPECS)
    pool = replace(others(22, publishable=publishable, kind="all"), rules=travelled(publishable=publishable))
    page = replace(made.national(sites=sites), specs=specs, pool=pool)
    if not sites:
        return page
    [contact] = [one for one in estimated().own if one.question == "contact_method"]
    own = tuple(
        (
            f"{index:02x}" * 32,
            (
                replace(
                    contact,
                    groups=tuple(block(family, site=f"{index:02x}" * 32) for family in FAMILIES),
                    rule=rule(index % 3 == 0),
                ),
            ),
        )
        for index in range(4)
    )
    return replace(page, own=own)
