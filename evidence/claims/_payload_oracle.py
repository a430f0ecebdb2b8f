"""An oracle on documents: what ``disclosure.md`` forbids, read off a document alone, without the rules' code.

Written from the handbook's table. Where a rule needs what the site knows,
:mod:`evidence.claims._payload_judged` asks it with the site's own numbers.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from functools import cache
from itertools import combinations
from typing import Any, Final

from evidence.claims._payload_classes import classes_false, most_of_classes, numbers_of_classes
from evidence.claims._payload_forms import FORMS, sealed_broken
from evidence.claims._payload_grids import BANDS, ROUNDING, definite
from evidence.claims._payload_noise import private_broken
from evidence.claims._payload_words import may_say

HOUSE: Final = {
    "cell": 10,
    "arm": 30,
    "class": 20,
    "df": 10,
    "size": 30,
    "one": 500,
    "two": 670,
    "numbers": 100,
}
"""Floors that nothing can loosen; shares in thousandths."""
MOST_STEPS: Final = 10_000
POOL_STEPS: Final = 1_000_000
SITES: Final = 6
SILENT_GATE: Final = "gate-follow-up"


def band_of(count: float) -> str:
    """Name the band a count of households lies in."""
    return next(name for name, (_, high) in BANDS.items() if count <= high)


def leaves(value: Any, key: str = "") -> Iterable[tuple[str, Any]]:
    """Give every value that is no object or list, with the last key above it."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from leaves(inner, name)
    elif isinstance(value, list):
        for inner in value:
            yield from leaves(inner, key)
    else:
        yield key, value


def objects(value: Any) -> Iterable[dict[str, Any]]:
    """Give every object in a document."""
    if isinstance(value, dict):
        yield value
        for inner in value.values():
            yield from objects(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from objects(inner)


@cache
def step_of(digits: int, exponent: int) -> int:
    """Exponent of the smallest power of two that is at least a quarter of ``digits · 10^exponent``."""
    quarter = Fraction(digits) * Fraction(10) ** exponent / 4
    found = math.frexp(float(quarter))[1] - 2
    while Fraction(2) ** found < quarter:
        found += 1
    return found


@cache
def share_step(band: str) -> int:
    """Exponent of the step of a share whose households lie in a band."""
    return _power_above(math.sqrt(0.25 / BANDS[band][0]) / 4.0)


def _power_above(value: float) -> int:
    found = -40
    while 2.0**found < value * (1.0 - ROUNDING):
        found += 1
    return found


def broken(document: Mapping[str, Any]) -> list[str]:
    """Name every rule that a document breaks by what it says itself; empty when it breaks none."""
    kind = document["kind"]
    if kind in FORMS:
        return sealed_broken(document)
    found = _not_closed(document) + _off_grid(document)
    if kind == "estimates":
        found += _loose(document["floors"]) + _estimates(document) + private_broken(document)
    elif kind == "pool":
        found += _pool(document)
    else:
        found += _loose(document["floors"]) + _cells(document)
    return found


def _not_closed(document: Mapping[str, Any]) -> list[str]:
    found = []
    for key, value in leaves(document):
        if isinstance(value, float) or (isinstance(value, int) and abs(value) >= 2**53):
            found.append(f"closed: a number that is no small integer in {key}")
        elif isinstance(value, str) and not may_say(key, value):
            found.append(f"closed: a text of no list in {key}")
    return found


def _off_grid(document: Mapping[str, Any]) -> list[str]:
    """Every estimate is in steps of a quarter of its rounded error, which has two digits."""
    found = []
    most = POOL_STEPS if document["kind"] == "pool" else MOST_STEPS
    for one in objects(document):
        if "std_error" not in one:
            continue
        name = next((name for name in ("mean", "estimate", "scale") if name in one), None)
        if name is None:
            continue
        step = one.get(f"{name}_exponent", one.get("exponent"))
        if not 10 <= one["std_error"] <= 99:
            found.append("grid: an error that has not two digits")
        elif step != step_of(one["std_error"], one["std_error_exponent"]) or abs(one[name]) > most:
            found.append("grid: an estimate off the grid of its error")
    return found


def _loose(floors: Mapping[str, int]) -> list[str]:
    least = {"min_households_cell": "cell", "min_households_arm": "arm", "min_expected_class": "class"}
    least |= {"min_residual_df": "df", "min_effective_size": "size"}
    most = {"max_largest_weight_per_mille": "one", "max_two_largest_weight_per_mille": "two"}
    most |= {"max_parameter_share_per_mille": "numbers"}
    loose = any(floors[name] < HOUSE[of] for name, of in least.items() if name in floors)
    loose |= any(floors[name] > HOUSE[of] for name, of in most.items())
    return ["floors: looser than the house's"] * loose


def numbers_of_block(block: Mapping[str, Any]) -> int:
    """Count the free numbers of a block: means, errors, correlations, and three for each hidden cause."""
    return 2 * len(block["arms"]) + len(block["correlations"]) + 3 * len(block.get("sensitivity", ()))


def numbers_of(question: Mapping[str, Any]) -> int:
    """Count the free numbers that a question tells."""
    total = sum(map(numbers_of_block, question["analyses"]))
    total += sum(map(numbers_of_classes, question.get("censored", ())))
    for one in question.get("balance", ()):
        total += len(one["differences"]) + len({row["noise"] for row in one["differences"]})
    for one in question.get("groups", ()):
        total += sum(2 * len(f["effects"]) + len(f["correlations"]) for f in one["families"])
    for one in question.get("rule", ()):
        total += 2 * len(one["gains"]) + len(one["leaves"])
    total += sum(2 * len(one["gains"]) for one in question.get("given", ()))
    return total + sum(len(part["shares"]) for part in contact_parts(question))


def contact_parts(question: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Shares of contact of everybody, and of every group."""
    parts = []
    for one in question.get("contacts", ()):
        parts.append(one["everybody"])
        parts += [group["contact"] for family in one["families"] for group in family["groups"]]
    return parts


def _most(bands: Iterable[str]) -> float:
    return sum(BANDS[band][1] for band in bands)


def _estimates(document: Mapping[str, Any]) -> list[str]:
    found = []
    floors = document["floors"]
    share = floors["max_parameter_share_per_mille"] / 1000.0
    for question in document["questions"]:
        found += _question(question, floors)
        tops = [_most(arm["households"] for arm in block["arms"]) for block in question["analyses"]]
        tops += [_most([one["everybody"]["households"]]) for one in question.get("contacts", ())]
        tops += map(most_of_classes, question.get("censored", ()))
        if numbers_of(question) > share * max(tops, default=0.0) + ROUNDING:
            found.append("numbers: a question tells more than its households allow")
    names = [one["question"] for one in document["questions"]]
    if len(set(names)) < len(names):
        found.append("closed: a question twice")
    for thresholds in document.get("thresholds", ()):
        found += _thresholds(thresholds, floors)
    shown = {q["question"] for q in document["questions"] if any(b["primary"] for b in q["analyses"])}
    for certificate in document.get("certificate", ()):
        told = [one for one in certificate["questions"] if (one["coverage"], one["power"]) != (None, None)]
        if any(one["question"] not in shown for one in told):
            found.append("held: a certificate of a question that is held")
    return found


def _question(question: Mapping[str, Any], floors: Mapping[str, int]) -> list[str]:
    found, blocks = [], question["analyses"]
    for block in blocks:
        found += _block(block, floors)
    by_class = question.get("censored", ())
    for block in by_class:
        found += classes_false(block, floors)
    keys = [(one["outcome"], one["estimand"], one.get("estimator")) for one in (*blocks, *by_class)]
    held = {
        (one["outcome"], one["estimand"], one.get("estimator"))
        for one in question["suppressions"]
        if one.get("what", "block") == "block"
    }
    if len(set(keys)) < len(keys) or held & set(keys[: len(blocks)]):
        found.append("held: a block twice, or released and held back")
    primary = any(block["primary"] for block in blocks)
    beside = [question.get(name) for name in ("balance", "groups", "rule", "given")]
    if (blocks or by_class or any(beside)) and question["status"] != "estimated":
        found.append("held: effects of a question that is not estimated")
    if any(beside) and not primary:
        found.append("held: a diagnostic without its primary block")
    figures = [one for one in question["verdicts"] if one["value"] is not None or one["size"] is not None]
    if question["status"] == "refused" and (figures or question.get("regions") or question.get("contacts")):
        found.append("held: figures of a refused question")
    if any(one["tier"] != "design" for one in figures) and not primary:
        found.append("held: a later gate's figure without its block")
    if any(one["code"] == SILENT_GATE for one in figures):
        found.append("held: the figure of a gate of which only the answer leaves")
    counted = [region["households"] for region in question.get("regions", ())]
    counted += [
        e["households"] for g in question.get("groups", ()) for f in g["families"] for e in f["effects"]
    ]
    counted += [leaf["households"] for one in question.get("rule", ()) for leaf in one["leaves"]]
    counted += [part["households"] for part in contact_parts(question)]
    if any(BANDS[band][1] < floors["min_households_arm"] for band in counted):
        found.append("arm-floor: a region, a group or a leaf below it")
    chosen = question["question"] == "accepted_help"
    if chosen and any(question.get(name) for name in ("regions", "rule", "given", "contacts")):
        found.append("held: what households chose")
    for one, other in combinations(question.get("regions", ()), 2):
        if one["arm"] == other["arm"] and not _apart(one["conditions"], other["conditions"]):
            found.append("nested: two regions of an arm share households")
    for one in question.get("groups", ()):
        for family in one["families"]:
            if not definite(family["correlations"], len(family["effects"])):
                found.append("grid: correlations of groups that are not positive definite")
    for part in contact_parts(question):
        found += _share_of(part)
    return found


def _share_of(part: Mapping[str, Any]) -> list[str]:
    whole = 2 ** -part["exponent"] if part["exponent"] <= 0 else 0
    shares = [one["share"] for one in part["shares"]]
    if BANDS[part["households"]][0] < HOUSE["cell"] or part["exponent"] != share_step(part["households"]):
        return ["grid: a share off the grid of its band"]
    return ["grid: shares of more than all"] * (sum(shares) > whole + 0.5 * len(shares) or min(shares) < 0)


def _apart(one: Sequence[Mapping[str, Any]], other: Sequence[Mapping[str, Any]]) -> bool:
    def asked(condition: Mapping[str, Any]) -> tuple[Any, ...]:
        return condition["question"], condition["value"], condition["month"]

    return any(asked(a) == asked(b) and a["holds"] != b["holds"] for a in one for b in other)


def _block(block: Mapping[str, Any], floors: Mapping[str, int]) -> list[str]:
    found, arms = [], block["arms"]
    names = [arm["arm"] for arm in arms]
    if len(set(names)) < len(names) or block["reference"] not in names:
        found.append("closed: arms of a block")
    if any(BANDS[arm["households"]][1] < floors["min_households_arm"] for arm in arms):
        found.append("arm-floor: a band below it")
    # The grid of an effective size is a factor of the square root of two: its nearest above the floor.
    if any(2.0 ** ((arm["effective_size"] + 0.5) / 2.0) < floors["min_effective_size"] for arm in arms):
        found.append("effective-size: a block below it")
    if len(block["correlations"]) != len(arms) * (len(arms) - 1) // 2:
        found.append("closed: correlations of a block")
    elif not definite(block["correlations"], len(arms)):
        found.append("grid: correlations that are not positive definite")
    most = _most(arm["households"] for arm in arms) * floors["max_parameter_share_per_mille"] / 1000.0
    if numbers_of_block(block) > most + ROUNDING:
        found.append("numbers: a block tells more than its households allow")
    return found


def _thresholds(entry: Mapping[str, Any], floors: Mapping[str, int]) -> list[str]:
    found = []
    for one in entry["crossings"]:
        if any(
            BANDS[band][1] < floors["min_households_arm"] for e in one["effects"] for band in e["households"]
        ):
            found.append("arm-floor: a side of a threshold")
        if any(row["episodes"] < 10 or row["episodes"] % 5 for row in one["bins"]):
            found.append("cell-floor: a bin of a threshold")
        told = len(one["bands"]) + 6 * len(one["bins"]) + len(one["followed"])
        told += sum(4 + len(e["bias_bound"]) + 3 * len(e["first_stage"]) for e in one["effects"])
        told += sum(2 * len(move["effect"]) + len(move["bias_bound"]) for move in one["moves"])
        share = floors["max_parameter_share_per_mille"] / 1000.0
        if one["effects"] and told > share * _most(one["households"]) + ROUNDING:
            found.append("numbers: a threshold tells more than its households allow")
        if (one["bins"] or one["bands"]) and not any(e["primary"] for e in one["effects"]):
            found.append("held: bins without the primary effect")
        if one["effects"] and entry["status"] != "estimated":
            found.append("held: effects of thresholds that are not estimated")
    return found


def _cells(document: Mapping[str, Any]) -> list[str]:
    """Check a profile or a monitor."""
    found = []
    shares = [one for one in objects(document) if one.get("value_exponent") is not None and "value" in one]
    for one in shares:
        if BANDS[one["households"]][0] < HOUSE["cell"]:
            found.append("cell-floor: a share of too few")
        elif "group" not in one and one.get("figure") in ("signals_per_1000", "signals_per_episode"):
            fewest = 2 ** math.floor(math.log2(2.0 * math.sqrt(BANDS[one["households"]][0])))
            if not fewest <= one["value"] < 2 * fewest:
                found.append("grid: a rate off the grid of its band")
        elif one["value_exponent"] != share_step(one["households"]) or not (
            0 <= one["value"] <= 2 ** -one["value_exponent"]
        ):
            found.append("grid: a share off the grid of its band")
    counted = [one["households"] for one in objects(document) if one.get("households") is not None]
    if any(BANDS[band][0] < HOUSE["cell"] for band in counted):
        found.append("cell-floor: a band of too few")
    most = BANDS[document["households"]][1] * document["floors"]["max_parameter_share_per_mille"] / 1000.0
    if len(shares) > most + ROUNDING:
        found.append("numbers: more than the households allow")
    return found


def _pool(document: Mapping[str, Any]) -> list[str]:
    found, others = [], document["pool"] == "others"
    lists = [value for value in document.values() if isinstance(value, list)]
    rows = [row for one in lists for row in one if isinstance(row, dict)]
    rows += [gain for rule in document.get("rules", ()) for gain in rule["gains"]]
    if any(row.get("publishable") and row["sites"] < SITES for row in rows if "sites" in row):
        found.append("sites: publishable of too few")
    if not others:
        return found
    if document["left_out"]:
        found.append("sites: a list of sites to others")
    for row in rows:
        numbers = row.get("numbers", row.get("estimate"))
        if numbers is not None and (row.get("publishable") is False or row.get("sites", SITES) < SITES):
            found.append("sites: a number of too few, or not publishable, to others")
    if any(document.get(name) for name in ("balance", "controls", "calibrated", "rules", "curves")):
        found.append("held: a part that is not for others")
    return found
