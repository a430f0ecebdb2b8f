"""Random parts beside a question's blocks: hidden causes, balance, regions, groups, rules, contact."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from typing import TYPE_CHECKING, Any, Final

from causalsig.contacted import ContactBlock, GroupContact, NearSets
from causalsig.diagnosed import (
    BalanceBlock,
    CovariateDifference,
    RegionCondition,
    SensitivityRow,
    UnusedRegion,
)
from causalsig.grouped import (
    LEARNED,
    FamilyRest,
    GivenRuleBlock,
    GroupBlock,
    GroupEffect,
    RuleBehind,
    RuleBlock,
    RuleGain,
    RuleLeaf,
)

if TYPE_CHECKING:
    from random import Random

    from causalsig.records import Analysis
    from causalsig.study.models import Study

COLUMNS: Final = (
    "creditor=rent",
    "log_amount",
    "age=66+",
    "n_creditors>=2",
    "district=9",
    "n_new_arrears>=1",
)
FAMILIES: Final = {
    "creditor": ("creditor_rent", "creditor_energy", "creditor_water"),
    "amount_band": ("amount_below_250", "amount_250_500", "amount_500_1000"),
}
FEW: Final = (0, 3, 9, 10, 11, 14, 15, 29, 30, 44, 45, 60, 99, 100, 400, 2000)
OFTEN: Final = 0.35


def beside_of(
    draw: Random,
    study: Study,
    name: str,
    arms: tuple[str, ...],
    counts: tuple[int, ...],
    blocks: tuple[Analysis, ...],
) -> dict[str, Any]:
    """Draw what a question has beside its blocks; blocks with a sensitivity among it."""
    primary = next(one for one in blocks if one.primary)
    other = next(arm for arm in arms if arm != primary.reference)
    found: dict[str, Any] = {}
    if draw.random() < OFTEN:
        found["analyses"] = tuple(
            replace(one, sensitivity=_sensitivity(draw, one))
            if one.estimator == "doubly_robust" and draw.random() < 0.7
            else one
            for one in blocks
        )
    if draw.random() < OFTEN:
        rows = tuple(_difference(draw, column) for column in draw.sample(COLUMNS, draw.randint(1, 5)))
        found["components"] = BalanceBlock(
            primary.estimator, primary.estimand, other, primary.reference, rows
        )
    if draw.random() < OFTEN:
        found["regions"] = _regions(draw, arms)
    if draw.random() < OFTEN:
        found["groups"] = _groups(draw, primary, other)
    if draw.random() < OFTEN and name == "contact_method":
        found["rule"] = _rule(draw, name, arms)
    if draw.random() < OFTEN and name == "contact_method":
        found["given"] = tuple(_given(draw, name, arms, of) for of in ("rule-1", "rule-2"))
    if draw.random() < OFTEN and name == "contact_method":
        found["contacts"] = _contacts(draw, name, arms, counts)
    return found


def _sensitivity(draw: Random, block: Analysis) -> tuple[SensitivityRow, ...]:
    rows = []
    for arm in block.result.arms:
        if arm != block.reference:
            error = draw.choice((draw.uniform(1e-4, 0.3),) * 12 + (0.0, float("nan"), 1e-12))
            scale = draw.choice((draw.uniform(0.01, 1.0),) * 8 + (1e-9, 1e9))
            rows.append(
                SensitivityRow(
                    arm, block.reference, 0.0, 0.1, scale, error, draw.uniform(-1.0, 1.0), 99, 0.1, 0.1
                )
            )
    return tuple(rows)


def _difference(draw: Random, column: str) -> CovariateDifference:
    noise = draw.choice((draw.uniform(0.005, 0.3),) * 8 + (0.0, 1e-9, float("nan")))
    value = draw.choice((draw.gauss(0.0, 0.2),) * 8 + (9.0, 1e5))
    return CovariateDifference(column, value, noise, draw.choice(FEW))


def _regions(draw: Random, arms: tuple[str, ...]) -> tuple[UnusedRegion, ...]:
    """Draw leaves of one tree: of one arm no two share households."""
    yes, no = (RegionCondition("amount", 500.0, holds) for holds in (True, False))
    odd = RegionCondition("district=7", None, True)
    leaves = ((yes,), (no, RegionCondition("creditor=rent", None, True)), (no, odd))
    return tuple(
        UnusedRegion(arm, leaf, draw.choice(FEW), draw.choice(FEW))
        for arm in draw.sample(arms, 2)
        for leaf in draw.sample(leaves[: 2 + (draw.random() < 0.2)], 2)
    )


def _groups(draw: Random, primary: Analysis, other: str) -> GroupBlock:
    effects, rests = [], []
    for family in draw.sample(sorted(FAMILIES), draw.randint(1, 2)):
        names = FAMILIES[family][: draw.randint(1, 3)]
        for name in names:
            error = draw.choice((draw.uniform(0.001, 0.1),) * 15 + (0.0, float("nan")))
            size = draw.choice((*FEW[5:], 150, 200, 300, 900, 900, 900, 900))
            effects.append(
                GroupEffect(
                    family,
                    name,
                    draw.gauss(0.0, 0.1),
                    error,
                    100.0,
                    -1.0,
                    1.0,
                    0.5,
                    (size, size + 40),
                    draw.choice((9, 10, 14, 15, 40, 40, 40)),
                    draw.choice((29.0, 30.0, 90.0, 90.0)),
                    draw.choice((0.1, 0.1, 0.1, 0.41, 0.51)),
                    draw.choice((0.2, 0.2, 0.61, 0.68)),
                )
            )
        places = range(2 ** len(names))
        rests.append(
            FamilyRest(
                family,
                names,
                tuple(draw.choice((-1, 400, 400, 400, *FEW[7:])) for _ in places),
                tuple(draw.choice((-1, 40, 40, 40, 9, 10, 15)) for _ in places),
            )
        )
    named = [one.group for one in effects]
    pairs = list(combinations(named, 2))
    close = tuple(((one,), (two,)) for one, two in pairs if draw.random() < 0.1)
    errors = [one.std_error for one in effects]
    covariance = tuple(tuple(a * b * (1.0 if a is b else 0.3) for b in errors) for a in errors)
    return GroupBlock(
        primary.question, primary.outcome, primary.estimand, primary.estimator, other, primary.reference,
        tuple(effects), covariance, (), tuple(rests), close, (), 0.95,
    )  # fmt: skip


def _behind(draw: Random) -> RuleBehind:
    return RuleBehind(
        draw.choice((99, 100, 133, 134, 199, 200, 900, 900, 900)),
        draw.choice((9, 10, 14, 15, 40, 40, 40)),
        draw.choice((0.1, 0.1, 0.1, 0.41, 0.51)),
        draw.choice((0.2, 0.2, 0.61, 0.68)),
        draw.choice((29.9, 30.0, 90.0, 90.0)),
    )


def _gain(draw: Random, over: str) -> RuleGain:
    error = draw.choice((draw.uniform(0.5, 9.0),) * 15 + (0.0, float("nan")))
    return RuleGain(over, draw.gauss(0.0, 9.0), error, 100.0, -9.0, 9.0)


def _rule(draw: Random, name: str, arms: tuple[str, ...]) -> RuleBlock:
    found = draw.random() < 0.7
    yes, no = (RegionCondition("creditor=rent", None, holds) for holds in (True, False))
    leaves = (
        RuleLeaf((yes,), arms[0], draw.choice((29, 30, 44, 99, 900, 900, 900, 900))),
        RuleLeaf((no,), arms[1], draw.choice((29, 30, 44, 99, 900, 900, 900, 900))),
    )
    gains = tuple(_gain(draw, over) for over in ("best_single", "now"))
    return RuleBlock(
        name, "any_new_arrears_3m", "ATE", "doubly_robust", found, leaves if found else (), gains, (), 9,
        _behind(draw),
    )  # fmt: skip


def _given(draw: Random, name: str, arms: tuple[str, ...], of: str) -> GivenRuleBlock:
    over = ("best_single", "now", *draw.sample(arms, draw.randint(0, 1)))
    close = tuple(
        one for one in ((LEARNED, "rule-1") if of == "rule-2" else (LEARNED,)) if draw.random() < 0.2
    )
    return GivenRuleBlock(
        of, name, "any_new_arrears_3m", tuple(_gain(draw, one) for one in over), (), _behind(draw), close,
        draw.choice((False, False, False, True, None)),
    )  # fmt: skip


def _contacts(draw: Random, name: str, arms: tuple[str, ...], counts: tuple[int, ...]) -> ContactBlock:
    """Part every arm's households over the groups of a family; each household has one episode."""
    groups = []
    for family in draw.sample(sorted(FAMILIES), draw.randint(1, 2)):
        rows = [[0] * len(arms) for _ in FAMILIES[family]]
        for place, count in enumerate(counts):
            left = count
            for row in rows[:-1]:
                row[place] = min(draw.choice((0, 1, 9, 10, 11, 30, left // 2, left // 3)), left)
                left -= row[place]
            rows[-1][place] = left
        groups += [
            _contact(family, group, tuple(row))
            for group, row in zip(FAMILIES[family], rows, strict=True)
            if sum(row)
        ]
    complete = tuple(family for family in {one.family: None for one in groups} if draw.random() < 0.8)
    near = tuple(NearSets((one.group,), (), (draw.choice(arms),)) for one in groups if draw.random() < 0.1)
    return ContactBlock(name, arms, _contact("", "", counts), tuple(groups), near, complete)


def _contact(family: str, group: str, row: tuple[int, ...]) -> GroupContact:
    total = sum(row)
    return GroupContact(
        family, group, total, tuple(n / total for n in row), row, tuple(total - n for n in row)
    )
