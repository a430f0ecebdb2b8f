"""ACRO itself reads the checker's folder, and finds in it every value that would leave."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from causalsig.release.life import read_review
from causalsig.release.paths import leaves
from causalsig.release.reading import held_back
from causalsig.report.acro import ACRO_VERSION, HELD_BACK
from evidence.claim import Verdict
from evidence.claims._released_crates import released
from evidence.context import Context
from evidence.environments import make_environment, run_peer

CLAIM = """acro's own `load_records` reads the folders that `causalsig release acro` makes of 60 random
documents (estimates, profiles and monitors). What it read holds every value that would leave once, as it
leaves, each with a rule in its outcome that is counted in its summary, and what was held back, as often; and
nothing else."""
ISSUE = 12
COVERS = (
    "causalsig/release/folders.py",
    "causalsig/release/reading.py",
    "causalsig/report/acro.py",
    "causalsig/report/reviewed.py",
    "evidence/claims/_released_crates.py",
    "evidence/environments.py",
    "evidence/peers/acro_records.py",
)

PACKAGES: Final = (f"acro=={ACRO_VERSION}",)
SCRIPT: Final = Path(__file__).parents[1] / "peers" / "acro_records.py"
EACH: Final = 20
SEED: Final = 12
FEWEST_HELD: Final = 20
"""Rows of what was held back, over all folders: else the list went untried."""


def run(context: Context) -> Verdict:
    """Write the folders, let acro read them, and compare."""
    expected: dict[str, tuple[dict[str, str], list[tuple[str, str]]]] = {}
    with tempfile.TemporaryDirectory() as place:
        top, screens = Path(place), Path(place) / "screens"
        for one in released(top / "work", EACH, SEED):
            name = one.folder.parent.name
            one.screen(screens / name)
            document = read_review(one.folder).document
            told = {at: _text(value) for at, _, value in leaves(document.model_dump(mode="json"))}
            expected[name] = told, list(held_back(document))
        environment = make_environment("acro", PACKAGES)
        peer = run_peer(environment, SCRIPT, {"folder": np.array(str(screens))})
    wrong = {name: compare(*expected[name], peer["folders"][name]) for name in expected}
    figures = {
        "folders": len(peer["folders"]),
        "outputs that acro read": sum(map(len, peer["folders"].values())),
        "values": sum(len(told) for told, _ in expected.values()),
        "held back": sum(len(held) for _, held in expected.values()),
        "folders with a difference": {name: found for name, found in wrong.items() if found},
        "acro": peer["version"],
    }
    passed = (
        not any(wrong.values())
        and len(peer["folders"]) == len(expected) == 3 * EACH
        and figures["held back"] >= FEWEST_HELD
    )
    return {"passed": passed, "figures": figures, "seed": SEED}


def compare(told: Mapping[str, str], held: list[tuple[str, str]], records: list[dict[str, Any]]) -> list[str]:
    """Name every way in which what acro read is not what would leave."""
    wrong = []
    shown: list[tuple[str, str]] = []
    for record in (one for one in records if one["uid"] != HELD_BACK):
        (table,) = (_rows(one) for one in record["tables"])
        shown += [(row["place"], row["value"]) for row in table]
        rules = {row["place"]: row["rule"] for row in table}
        counts = {rule: list(rules.values()).count(rule) for rule in rules.values()}
        if record["outcome"].get("rule") != rules or not all(rules.values()):
            wrong.append("a value without its rule in the outcome")
        if record["checked"]["summary"] != counts or any(
            f"[{rule}]: {n}" not in record["summary"] for rule, n in counts.items()
        ):
            wrong.append("a rule that is counted otherwise")
        if record["status"] != "pass" or not record["timestamp"]:
            wrong.append("a record without status or time")
    if sorted(shown) != sorted(told.items()):
        wrong.append("other values than those that would leave")
    (listed,) = (_rows(one["tables"][0]) for one in records if one["uid"] == HELD_BACK)
    if [(row["what"], row["rule"]) for row in listed] != held:
        wrong.append("another list of what was held back")
    return wrong


def _rows(table: Mapping[str, Any]) -> list[dict[str, str]]:
    return [dict(zip(table["columns"], row, strict=True)) for row in table["rows"]]


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
