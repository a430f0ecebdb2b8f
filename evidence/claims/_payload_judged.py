"""An oracle that knows what the site knew: every rule on every block and part, by the handbook's table.

Nothing here calls a rule of the release. For every block it says which rules it breaks; a block that breaks
one must not be in the document, and must be on its list of what was held back.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from evidence.claims._payload_classes import classes_broken
from evidence.claims._payload_contacts import contacts_broken
from evidence.claims._payload_grids import ROUNDING, definite
from evidence.claims._payload_oracle import band_of, numbers_of, numbers_of_block

if TYPE_CHECKING:
    from causalsig.records import Analysis, QuestionResult, SiteResult
    from causalsig.study.models import Study

STAY: Final = frozenset({"rule-beyond-capacity", "rule-decides-nothing"})
LARGEST_STEPS: Final = 10_000
ERRORS: Final = (1e-8, 99e6)
"""Standard errors that two digits and the grid's exponents can write."""
COLUMNS: Final = {
    "creditor=rent": "creditor-rent",
    "log_amount": "log_amount",
    "age=66+": "age-66-plus",
    "n_creditors>=2": "n_creditors-from-2",
    "n_new_arrears>=1": "n_new_arrears-from-1",
}
REPEATED_ONLY: Final = {"contact_method": 0.1, "accepted_help": 0.05}
"""Share of households that return with repeated signals only, declared before outcomes: returns count from
day 14 in the one question and from day 60 in the other."""
BELOW_A_BLOCK: Final = {"release-parameters", "release-nested-difference"}


class Judged:
    """What the oracle found: rules broken, and how often each held something back or let it pass."""

    def __init__(self) -> None:
        self.wrong: list[str] = []
        self.held: Counter[str] = Counter()
        self.passed: Counter[str] = Counter()

    def check(self, rule: str, holds: bool, released: bool) -> None:
        """Count a rule on something; wrong when it does not hold and the thing left."""
        (self.passed if holds else self.held)[rule] += 1
        if released and not holds:
            self.wrong.append(rule)


def rules_of(analysis: Analysis, study: Study, estimated: bool) -> dict[str, bool]:
    """Say of every rule on one block whether it holds."""
    floors, result = study.disclosure, analysis.result
    n = [int(one) for one in result.households]
    rarer = min(floors.expected_risk, 1.0 - floors.expected_risk)
    classes = [*analysis.households_with, *analysis.households_without]
    both = [a + b for a, b in zip(analysis.households_with, analysis.households_without, strict=True)]
    errors = [math.sqrt(v) if v > 0 else math.nan for v in np.diagonal(result.covariance).tolist()]
    known = np.isfinite(result.covariance).all() and np.isfinite(result.means).all()
    varies = bool(known) and all(error > 0 for error in errors)
    return {
        "status": estimated,
        "pooling-gate": analysis.pooled,
        "cell-floor": min(n + both) >= floors.min_households_cell,
        "arm-floor": min(n) >= floors.min_households_arm,
        "admission": min(n) * rarer >= floors.min_expected_class - ROUNDING,
        "class-floor": min(classes) >= floors.min_households_cell,
        "residual-df": result.households_total - result.parameters >= floors.min_residual_df,
        "parameters": len(n) * (len(n) + 3) / 2
        <= floors.max_parameter_share * result.households_total + ROUNDING,
        "dominance": max(result.largest_share) <= floors.max_largest_weight
        and max(result.two_largest_share) <= floors.max_two_largest_weight,
        "effective-size": min(result.effective_sample_size) >= study.diagnostics.min_effective_sample_size,
        "no-variance": varies,
        "grid": not varies or all(map(_has_a_grid, result.means.tolist(), errors)),
    }


def _has_a_grid(mean: float, error: float) -> bool:
    # A quarter of the error, rounded up to a power of two, lies between a quarter and a half of it.
    return ERRORS[0] * (1 - ROUNDING) <= error <= ERRORS[1] and abs(mean) <= LARGEST_STEPS * _step(error)


def _step(error: float) -> float:
    digits, exponent = _up(error)
    return 2.0 ** math.ceil(math.log2(digits * 10.0**exponent / 4.0) - ROUNDING)


def _up(value: float) -> tuple[int, int]:
    """Two significant digits that are not below a number."""
    exponent = math.floor(math.log10(value)) - 1
    digits = math.ceil(value / 10.0**exponent - 1e-7)
    return (10, exponent + 1) if digits > 99 else (digits, exponent)


def judge_site(study: Study, site: SiteResult, document: Mapping[str, Any]) -> Judged:
    """Hold a site's document against what the site knew."""
    told = Judged()
    for result, entry in zip(site.questions, document["questions"], strict=True):
        if result.question != entry["question"]:
            told.wrong.append("closed: another question")
        _question(study, result, entry, told)
    return told


def _question(study: Study, result: QuestionResult, entry: Mapping[str, Any], told: Judged) -> None:
    released = {(b["outcome"], b["estimand"], b["estimator"]): b for b in entry["analyses"]}
    by_class = {(b["outcome"], b["estimand"], b["estimator"]): b for b in entry["censored"]}
    listed: dict[tuple[str, str, str], set[str]] = {}
    for one in entry["suppressions"]:
        if one["what"] == "block":
            listed.setdefault((one["outcome"], one["estimand"], one["estimator"]), set()).add(one["rule"])
    known = {(a.outcome, a.estimand, a.estimator): a for a in result.analyses}
    if not {*released, *by_class} <= set(known) or set(released) & set(by_class):
        told.wrong.append("closed: a block of nothing")
    kept: list[Analysis] = []
    for key, analysis in known.items():
        block = released.get(key)
        rules = rules_of(analysis, study, result.status == "estimated")
        for rule, holds in rules.items():
            told.check(rule, holds, block is not None)
        if block is None and not listed.get(key):
            told.wrong.append("listed: a block is neither released nor listed")
        if block is None and all(rules.values()) and not listed.get(key, set()) <= BELOW_A_BLOCK:
            told.wrong.append("listed: a block is held back by a rule that it holds")
        if block is not None or key in by_class:
            kept.append(analysis)
        if block is not None:
            told.wrong += _rounding(analysis, block)
        told.check("classes", rules["class-floor"], False)
        if key in by_class:
            told.wrong += _by_class(study, result, analysis, by_class[key])
    for one, other in combinations(result.analyses, 2):
        left = [
            _whole_arms((released | by_class).get((a.outcome, a.estimand, a.estimator))) for a in (one, other)
        ]
        # Where one of both is a class there is no number to take the other from.
        arms = left[0] & left[1]
        floor = study.disclosure.min_households_cell
        told.check("nested", not _few_between(one, other, floor), False)
        if arms and _few_between(one, other, floor, arms):
            told.wrong.append("nested")
        told.check("nested-admission", _expects_enough_between(one, other, floor), bool(all(left)))
    _budget(study, kept, result, entry, told)
    _gates(result, entry, bool([b for b in entry["analyses"] if b["primary"]]), told)
    _beside(study, result, entry, told)
    told.wrong += contacts_broken(study, result, entry, told)


def _by_class(
    study: Study, result: QuestionResult, analysis: Analysis, block: Mapping[str, Any]
) -> list[str]:
    def some(places: list[int]) -> dict[str, bool]:
        return rules_of(only_arms(analysis, places), study, result.status == "estimated")

    found = classes_broken(analysis, block, study, some)
    names = {arm["arm"] for arm in block["arms"]}
    whole = [at for at, arm in enumerate(analysis.result.arms) if arm in names]
    return found + (_rounding(only_arms(analysis, whole), block) if whole else [])


def only_arms(analysis: Analysis, places: list[int]) -> Analysis:
    """Leave some arms of a block; parameters and all households stay those of the whole."""
    result = analysis.result
    part = replace(
        result,
        arms=tuple(result.arms[at] for at in places),
        means=result.means[places],
        covariance=result.covariance[np.ix_(places, places)],
        households=result.households[places],
        effective_sample_size=result.effective_sample_size[places],
        largest_share=result.largest_share[places],
        two_largest_share=result.two_largest_share[places],
    )
    return replace(
        analysis,
        result=part,
        households_with=tuple(analysis.households_with[at] for at in places),
        households_without=tuple(analysis.households_without[at] for at in places),
    )


def _whole_arms(block: Mapping[str, Any] | None) -> set[str]:
    return set() if block is None else {arm["arm"] for arm in block["arms"]}


def _nested(one: Analysis, other: Analysis) -> bool:
    alike = ("kind", "months", "estimand")
    return one.outcome != other.outcome and all(getattr(one, name) == getattr(other, name) for name in alike)


def _expects_enough_between(one: Analysis, other: Analysis, floor: int) -> bool:
    """Say whether every arm of two nested outcomes is, by its size, expected to hold two floors apart."""
    if not _nested(one, other) or one.result.arms != other.result.arms:
        return True
    same = [
        a + b == c + d
        for a, b, c, d in zip(
            one.households_with,
            one.households_without,
            other.households_with,
            other.households_without,
            strict=True,
        )
    ]
    sizes = np.minimum(one.result.households, other.result.households)[same]
    return bool(np.all(sizes * REPEATED_ONLY[one.question] >= 2 * floor - ROUNDING))


def _few_between(one: Analysis, other: Analysis, floor: int, arms: set[str] | None = None) -> bool:
    """Say whether two outcomes of the same households differ by a few of them in an arm, or one of `arms`."""
    if not _nested(one, other):
        return False
    own = zip(one.households_with, one.households_without, strict=True)
    theirs = zip(other.households_with, other.households_without, strict=True)
    return one.result.arms == other.result.arms and any(
        a + b == c + d and 0 < abs(a - c) < floor
        for arm, (a, b), (c, d) in zip(one.result.arms, own, theirs, strict=True)
        if arms is None or arm in arms
    )


def _budget(
    study: Study,
    kept: Sequence[Analysis],
    result: QuestionResult,
    entry: Mapping[str, Any],
    told: Judged,
) -> None:
    share, most = study.disclosure.max_parameter_share, 0
    most = max((a.result.households_total for a in kept), default=0)
    if entry["contacts"] and result.contacts is not None:
        most = max(most, result.contacts.everybody.households)
    told.check("numbers", numbers_of(entry) <= share * most + ROUNDING, True)
    blocks = {(a.outcome, a.estimand, a.estimator): a for a in kept}
    for block in entry["analyses"]:  # of a block with classes the numbers are fewer
        own = blocks[block["outcome"], block["estimand"], block["estimator"]]
        if numbers_of_block(block) > share * own.result.households_total + ROUNDING:
            told.wrong.append("numbers")
    if any(one["rule"] == "release-parameters" for one in entry["suppressions"]):
        told.held["numbers"] += 1


def _rounding(analysis: Analysis, block: Mapping[str, Any]) -> list[str]:
    """Every number lies on its grid at the nearest place, errors up, and says no more than that."""
    found, result = [], analysis.result
    errors = np.sqrt(np.diagonal(result.covariance)).tolist()
    if [arm["arm"] for arm in block["arms"]] != [*result.arms]:
        return ["closed: other arms"]
    for at, arm in enumerate(block["arms"]):
        if arm["households"] != band_of(int(result.households[at])):
            found.append("bands: households of an arm")
        if not _rounded_up(errors[at], arm["std_error"], arm["std_error_exponent"]):
            found.append("grid: an error that is not its own two digits, rounded up")
        step = 2.0 ** arm["mean_exponent"]
        if abs(result.means[at] - arm["mean"] * step) > step / 2 * (1 + 1e-6):
            found.append("grid: a mean that is not the nearest step")
        if abs(arm["effective_size"] - 2 * math.log2(result.effective_sample_size[at])) > 0.5 + ROUNDING:
            found.append("grid: an effective size that is not the nearest")
    scale = np.sqrt(np.diagonal(result.covariance))
    exact = np.clip(result.covariance / np.outer(scale, scale), -1, 1)[np.tril_indices(len(scale), -1)] * 20
    nearest = np.rint(exact)
    if (
        definite(nearest.astype(int).tolist(), len(scale))
        and np.abs(block["correlations"] - exact).max(initial=0.0) > 0.5 + 1e-6
    ):
        found.append("grid: correlations that are not the nearest")
    return found


def _rounded_up(value: float, digits: int, exponent: int) -> bool:
    told, less = digits * 10.0**exponent, (digits - 1) * 10.0**exponent
    return told >= value * (1 - 1e-8) and less < value * (1 + 1e-8) and 10 <= digits <= 99


def _gates(result: QuestionResult, entry: Mapping[str, Any], primary: bool, told: Judged) -> None:
    for verdict, shown in zip(result.verdicts, entry["verdicts"], strict=True):
        allowed = verdict.code != "gate-follow-up" and result.status != "refused"
        allowed &= verdict.tier == "design" or primary
        told.check("gate-figures", allowed, shown["value"] is not None or shown["size"] is not None)
        if shown["size"] is not None and shown["size"] != band_of(math.floor(abs(verdict.value))):
            told.wrong.append("bands: a gate's size")
        if shown["value"] is not None and abs(shown["value"] / 100 - verdict.value) > 0.02:
            told.wrong.append("grid: a gate's figure")
        if verdict.code == "gate-follow-up" and verdict.passed and shown["arm"] is not None:
            told.wrong.append("gate-figures")
    for row, attrition in zip(result.attrition, entry["attrition"], strict=True):
        wanted = band_of(row.households_before), band_of(row.households_after)
        if (attrition["before"], attrition["after"]) != wanted:
            told.wrong.append("bands: attrition")
    for refusal in result.refusals:
        told.check("stays", refusal.code not in STAY, refusal.code in {r["code"] for r in entry["refusals"]})
    if len(entry["refusals"]) != sum(one.code not in STAY for one in result.refusals):
        told.wrong.append("listed: a refusal")


def _beside(study: Study, result: QuestionResult, entry: Mapping[str, Any], told: Judged) -> None:
    floors = study.disclosure
    listed = {one["what"] for one in entry["suppressions"]}
    # Where an arm is not used: households inside and outside.
    wanted = [one for one in result.regions if min(one.households, one.outside) >= floors.min_households_arm]
    for region in result.regions:
        told.check("region-floor", region in wanted, False)
    if len(entry["regions"]) > len(wanted) or (len(entry["regions"]) < len(result.regions)) > (
        "region" in listed or result.status == "refused" or result.question != "contact_method"
    ):
        told.wrong.append("region-floor")
    fitting = iter(wanted)
    for shown in entry["regions"]:
        if not any(shown["households"] == band_of(r.households) and shown["arm"] == r.arm for r in fitting):
            told.wrong.append("region-floor")
    if result.components is not None:
        rows = {COLUMNS.get(row.covariate): row for row in result.components.rows}
        shown = {row["covariate"]: row for one in entry["balance"] for row in one["differences"]}
        if not set(shown) <= set(rows):
            told.wrong.append("closed: a covariate of no list")
        for code, row in rows.items():
            told.check("balance-floor", row.fewest >= floors.min_households_cell, code in shown)
        if not shown and "balance" not in listed and any(a["primary"] for a in entry["analyses"]):
            told.wrong.append("listed: balance")
    _groups(study, result, entry, told)
    _rules(study, result, entry, told, listed)


def _groups(study: Study, result: QuestionResult, entry: Mapping[str, Any], told: Judged) -> None:
    if result.groups is None:
        return
    floors, size = study.disclosure, study.diagnostics.min_effective_sample_size
    shown = {e["group"]: e for one in entry["groups"] for f in one["families"] for e in f["effects"]}
    smallest = _smallest_arm(study)
    for one in result.groups.effects:
        holds = min(one.households) >= smallest and one.fewest >= floors.min_households_cell
        holds &= one.effective_size >= size and one.largest_share <= floors.max_largest_weight
        holds &= one.two_largest_share <= floors.max_two_largest_weight and one.std_error > 0
        told.check("group-floor", bool(holds), one.group in shown)
        if one.group in shown and shown[one.group]["households"] != band_of(min(one.households)):
            told.wrong.append("bands: a group")
    for rest in result.groups.rests:
        left = [name for name in rest.groups if name in shown]
        for place in range(1, 2 ** len(rest.groups)):
            out = [name for bit, name in enumerate(rest.groups) if place >> bit & 1]
            arm, cell = rest.arms[place], rest.cells[place]
            holds = arm < 0 or (arm >= floors.min_households_arm and cell >= floors.min_households_cell)
            told.check("group-rest", holds, set(out) <= set(left))
    for pair in result.groups.close:
        told.check("group-close", False, {*pair[0], *pair[1]} <= set(shown))
    if len(shown) < len(result.groups.effects) and "groups" not in {s["what"] for s in entry["suppressions"]}:
        told.wrong.append("listed: groups")


def _smallest_arm(study: Study) -> float:
    floors = study.disclosure
    rarer = min(floors.expected_risk, 1.0 - floors.expected_risk)
    return max(floors.min_households_arm, floors.min_expected_class / rarer - 1e-6)


def _rules(
    study: Study, result: QuestionResult, entry: Mapping[str, Any], told: Judged, listed: set[str]
) -> None:
    floors = study.disclosure

    def enough(behind: Any) -> bool:
        return bool(
            behind.arm >= _smallest_arm(study)
            and behind.cell >= floors.min_households_cell
            and behind.largest_share <= floors.max_largest_weight
            and behind.two_largest_share <= floors.max_two_largest_weight
            and behind.effective_size >= study.diagnostics.min_effective_sample_size
        )

    shown = any(one["found"] for one in entry["rule"])
    if result.rule is not None and result.rule.found:
        large = all(leaf.households >= floors.min_households_arm for leaf in result.rule.leaves)
        told.check("rule-floor", enough(result.rule.behind) and large, shown)
    elif shown:
        told.wrong.append("rule-floor")
    if result.rule is not None and not entry["rule"] and "rule" not in listed:
        told.wrong.append("listed: a rule")
    names = {one["name"] for one in entry["given"]}
    for block in result.given:
        told.check("given-floor", enough(block.behind), block.name in names)
        told.check("given-learned", block.learned_here is False, block.name in names)
        near = [one in names if one else shown for one in block.close]
        told.check("given-close", not block.close, any(near) and block.name in names)
    if len(names) < len(result.given) and "given" not in listed:
        told.wrong.append("listed: given rules")
