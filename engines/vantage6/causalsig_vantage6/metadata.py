"""What an algorithm store is told, made from the tasks: ``python -m causalsig_vantage6.metadata > FILE``."""

from __future__ import annotations

import json
from typing import Any

from causalsig_vantage6.tasks import FIELDS

VERSION = "4.15"
ARGUMENTS = {
    "study": (
        "string",
        "Digest of the study that each node holds, as `causalsig study check` prints it.",
    ),
    "step": (
        "string",
        "`run`: ask the nodes to run it; `pool`: take what they released, verify and pool it.",
    ),
    "organizations": ("organization_list", "Whom to ask, by number."),
}
TASKS = {
    "partial_run": ("federated", "Run the study that the node holds; nothing leaves.", "sources inventory"),
    "partial_release": ("federated", "Give what two people of the node approved, signed.", "outbox"),
    "central": ("central", "Ask the nodes to run, or verify and pool what they released.", ""),
}
DATABASES = {
    "study": "Folder with study.toml and its signature",
    "keys": "Folder with the keys of this node",
    "run": "Folder in which the run, its log and the pools stay",
    "sources": "Folder with the extracts",
    "inventory": "The provider's inventory of sites (TOML)",
    "outbox": "Folder with what two people approved",
}


def metadata() -> dict[str, Any]:
    """Give the description of the algorithm, with each task, its arguments and its databases."""
    return {
        "name": "causalsig",
        "description": "Effect of early help, from signed releases of municipalities that stay in charge.",
        "partitioning": "horizontal",
        "vantage6_version": VERSION,
        "functions": [_function(name) for name in FIELDS],
    }


def _function(name: str) -> dict[str, Any]:
    kind, said, more = TASKS[name]
    return {
        "name": name,
        "type": kind,
        "description": said,
        "databases": [
            {"name": label, "description": DATABASES[label]}
            for label in ("study", "keys", "run", *more.split())
        ],
        "arguments": [
            {"name": field, "type": ARGUMENTS[field][0], "description": ARGUMENTS[field][1]}
            for field in FIELDS[name]
        ],
        "ui_visualizations": [],
    }


def written() -> str:
    """Text of the file."""
    return json.dumps(metadata(), indent=2) + "\n"


if __name__ == "__main__":
    print(written(), end="")
