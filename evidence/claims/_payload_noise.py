"""An oracle of documents with noise: beside it nothing leaves that had none, and its arms hold the floors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from evidence.claims._payload_grids import BANDS, ROUNDING

ALONE: Final = frozenset({"question", "status", "private"})
"""What a question of a private document may say; everything else had no noise."""


def private_broken(document: Mapping[str, Any]) -> list[str]:
    """Name the rules on noise that a document of estimates breaks by what it says itself."""
    noisy = [block for one in document["questions"] for block in one.get("private", ())]
    if not document.get("privacy"):
        return ["privacy: noise in a document that does not say what it spends"] * bool(noisy)
    found, floors = [], document["floors"]
    if document.get("thresholds") or document.get("certificate"):
        found.append("privacy: a part without noise beside noise")
    for question in document["questions"]:
        if any(value for name, value in question.items() if name not in ALONE):
            found.append("privacy: a number without noise beside noise")
        if (question["status"] == "estimated") != bool(question["private"]) or len(question["private"]) > 1:
            found.append("privacy: a block too many or too few")
    for block in noisy:
        names = [one["arm"] for one in block["arms"]]
        if len(set(names)) < max(len(names), 2) or block["reference"] not in names:
            found.append("closed: arms of a private block")
        if any(BANDS[one["households"]][1] < floors["min_households_arm"] for one in block["arms"]):
            found.append("arm-floor: a private arm below it")
        sizes = [2.0 ** ((one["effective_size"] + 0.5) / 2.0) for one in block["arms"]]
        if any(size < floors["min_effective_size"] - ROUNDING for size in sizes):
            found.append("effective-size: a private arm below it")
    return found
