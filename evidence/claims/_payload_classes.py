"""An oracle of blocks of which an arm leaves as a class only: fewer than ten households had the outcome."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from evidence.claims._payload_grids import BANDS, ROUNDING, definite

if TYPE_CHECKING:
    from causalsig.records import Analysis
    from causalsig.study.models import Study

Rules = Mapping[str, bool]
OF_OUTCOMES = frozenset({"class-floor", "dominance", "no-variance", "grid"})


def classes_broken(
    analysis: Analysis, block: Mapping[str, Any], study: Study, rules_of: Callable[[list[int]], Rules]
) -> list[str]:
    """Hold such a block against what the site knew; `rules_of` judges the block of some of its arms.

    All that is known before outcomes must hold for every arm, and everything for the arms that leave whole.
    """
    found, result = [], analysis.result
    names = [str(arm) for arm in result.arms]
    few = [
        at
        for at in range(len(names))
        if min(analysis.households_with[at], analysis.households_without[at])
        < study.disclosure.min_households_cell
    ]
    whole = [at for at in range(len(names)) if at not in few]
    all_arms = rules_of([*range(len(names))])
    if analysis.kind != "any" or not few:
        found.append("classes: a block without a small class of a risk")
    if not all(holds for rule, holds in all_arms.items() if rule not in OF_OUTCOMES):
        found.append("classes: a block that a rule before outcomes holds back")
    if whole and not all(rules_of(whole).values()):
        found.append("classes: arms that a rule holds back")
    if [arm["arm"] for arm in block["arms"]] != [names[at] for at in whole]:
        found.append("classes: other arms")
    if [one["arm"] for one in block["classes"]] != [names[at] for at in few]:
        return [*found, "classes: other classes"]
    for at, one in zip(few, block["classes"], strict=True):
        told = analysis.households_with if one["small"] == "with" else analysis.households_without
        if told[at] >= study.disclosure.min_households_cell:
            found.append("classes: a class that is not small")
        if abs(one["size"] - 2 * math.log2(result.households[at])) > 0.5 + ROUNDING:
            found.append("grid: a size that is not the nearest")
        nearest = min(2 * math.log2(result.effective_sample_size[at]), one["size"])
        if abs(one["effective_size"] - nearest) > 0.5 + ROUNDING:
            found.append("grid: an effective size that is not the nearest")
    return found


def numbers_of_classes(block: Mapping[str, Any]) -> int:
    """Count the free numbers of such a block: means, errors, correlations, and a size of each class."""
    return 2 * len(block["arms"]) + len(block["correlations"]) + len(block["classes"])


def most_of_classes(block: Mapping[str, Any]) -> float:
    """Give the most households that such a block can be of."""
    sizes = sum(2.0 ** ((one["size"] + 0.5) / 2.0) for one in block["classes"])
    return float(sizes + sum(BANDS[arm["households"]][1] for arm in block["arms"]))


def classes_false(block: Mapping[str, Any], floors: Mapping[str, int]) -> list[str]:
    """Name the rules that such a block breaks by what it says itself."""
    found, arms, classes = [], block["arms"], block["classes"]
    names = [one["arm"] for one in (*arms, *classes)]
    if len(set(names)) < len(names) or block["reference"] not in names or not classes:
        found.append("closed: arms of a block with classes")
    if block["kind"] != "any":
        found.append("classes: of an outcome that is no risk")
    if any(BANDS[arm["households"]][1] < floors["min_households_arm"] for arm in arms):
        found.append("arm-floor: a band below it")
    if any(
        2.0 ** ((one["effective_size"] + 0.5) / 2.0) < floors["min_effective_size"]
        for one in (*arms, *classes)
    ):
        found.append("effective-size: a block below it")
    rarer = min(floors["expected_risk_per_mille"], 1000 - floors["expected_risk_per_mille"]) / 1000.0
    least = max(floors["min_households_arm"], floors["min_expected_class"] / rarer)
    if any(2.0 ** ((one["size"] + 0.5) / 2.0) < least - ROUNDING for one in classes):
        found.append("admission: a class of an arm that is not admitted")
    if any(one["effective_size"] > one["size"] for one in classes):
        found.append("classes: weights that add households")
    if len(block["correlations"]) != len(arms) * (len(arms) - 1) // 2:
        found.append("closed: correlations of a block")
    elif not definite(block["correlations"], len(arms)):
        found.append("grid: correlations that are not positive definite")
    return found
