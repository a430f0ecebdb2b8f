"""The tables of the docs that say what a private release costs, made from the claim's result."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from evidence.claim import ROOT
from evidence.page import spliced, table

PAGE: Final = "docs/differential-privacy.md"
CLAIM: Final = "private-pooling"


def render(records: Mapping[str, Mapping[str, Any]]) -> str:
    """Put the tables between their marks on the page."""
    text = (ROOT / PAGE).read_text(encoding="utf-8")
    if CLAIM not in records:
        return spliced(text, "No result yet.\n")
    figures = records[CLAIM]["figures"]
    costs = [
        {
            "households": f"{row['households']:,}",
            "epsilon": f"{row['epsilon']:g}",
            "without noise": row["without_noise"],
            "with noise": row["with_noise"],
            "times": row["times"],
        }
        for row in figures["cost"]
    ]
    pools = [
        {
            "pool": row["cell"],
            "interval": row["interval"],
            "epsilon": "no noise" if row["epsilon"] is None else f"{row['epsilon']:g}",
            "pools": row["replications"],
            "intervals that hold the truth": row["rate"],
            "width, times that without noise": row["width"],
        }
        for row in figures["coverage"]
    ]
    return spliced(text, f"{table(costs, '.3f')}\n{table(pools, '.3f')}")
