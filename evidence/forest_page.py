"""The forest plot of the tutorial, drawn by the package from the numbers that its page prints."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from causalsig.report.forest_figure import Axis, ForestRow, forest_plot
from evidence.claim import ROOT

PAGE: Final = "docs/tutorial-forest.md"
DRAWING: Final = "docs/assets/forest-tutorial.svg"
_TOWN: Final = re.compile(r"^town +([+-]?\d+) \(([+-]?\d+) to ([+-]?\d+)\) +([\d.]+) %$", re.MULTILINE)
_POOLED: Final = re.compile(r"^municipalities,difference,.*\n(\d+),([\d,-]+)$", re.MULTILINE)
_SPREAD: Final = re.compile(r"^Spread between municipalities: (.*)$", re.MULTILINE)


def draw(text: str) -> str:
    """Draw the towns and the pool that the page's commands print; returns per 1,000 households."""
    towns = [tuple(float(number) for number in town) for town in _TOWN.findall(text)]
    [(sites, pooled)], [spread] = _POOLED.findall(text), _SPREAD.findall(text)
    if int(sites) != len(towns):
        raise ValueError(f"expected {sites} towns in {PAGE}; found {len(towns)}")
    largest = max(weight for *_, weight in towns)
    rows = [
        ForestRow(f"Town {place}", estimate, low, high, precision=weight / largest)
        for place, (estimate, low, high, weight) in enumerate(towns, start=1)
    ]
    estimate, low, high, *prediction = (float(number) for number in pooled.split(","))
    mean = ForestRow(
        "All together", estimate, low, high, mark="diamond", prediction=(prediction[0], prediction[1])
    )
    return forest_plot(
        [*rows, mean],
        title="Accepted help against none: returns per 1,000 households",
        axis=Axis("fewer returns", "more returns"),
        heads=("Town", "", "Difference"),
        note=spread,
        name="forest-tutorial",
        language="en",
    ).svg()


def files(root: Path = ROOT) -> Iterator[tuple[Path, str]]:
    """Yield the drawing."""
    yield root / DRAWING, draw((root / PAGE).read_text("utf-8"))
