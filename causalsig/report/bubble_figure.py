"""A meta-regression as metafor's ``regplot`` draws it: a bubble a site by precision, a line and its band."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log10, sqrt
from typing import TYPE_CHECKING, Any

from causalsig.report.canvas import COLOURS, WIDTH, Layout, blank, number_axis, plain, write
from causalsig.report.figure import Figure, something
from causalsig.report.numbers import Language, decimal
from causalsig.report.words import Words

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

HEIGHT = 340.0
BIGGEST = {"narrow": 22.0, "wide": 30.0}
"""Diameter of the most precise site, in CSS pixels."""
LEAST = 3.0
ROUND = (1.0, 2.0, 5.0)
PLACE = {"narrow": 0.16, "wide": 0.09}
"""Room between two named values, as a part of the axis."""


@dataclass(frozen=True, slots=True)
class Bubble:
    """One site: its ``moderator`` (over zero), its ``estimate`` in the unit of the axis, and its weight.

    ``weight`` is the inverse of its variance around the line, in any unit: it is the bubble's area.
    """

    label: str
    moderator: float
    estimate: float
    weight: float


@dataclass(frozen=True, slots=True)
class LinePoint:
    """The line at one value of the moderator, with the ends of its pointwise interval."""

    moderator: float
    estimate: float
    low: float
    high: float


def bubble_plot(
    bubbles: Sequence[Bubble],
    line: Sequence[LinePoint] = (),
    *,
    title: str,
    description: str = "",
    effect: str = "",
    moderator: str = "",
    name: str = "bubbles",
    language: Language = "nl",
) -> Figure:
    """Draw effects over a moderator on a logarithmic axis (Thompson & Higgins 2002, doi:10.1002/sim.1187).

    A bubble's area is its site's weight, so that this figure tells every site's precision: it is the
    statistician's, and not for publication.

    Parameters
    ----------
    bubbles : sequence of Bubble
    line : sequence of LinePoint
        In the order of the moderator; empty: no line.
    title : str
    description : str
        How to read it; default: a sentence on bubbles, line and band.
    effect, moderator : str
        Words above the vertical axis and under the horizontal one.
    name : str
        Letters, digits and hyphens.
    language : {"nl", "en"}

    Raises
    ------
    ReportError
        ``report-figure-empty`` when there is no bubble.
    """
    something(bubbles)
    words = Words(language, "figures")
    ordered = sorted(bubbles, key=lambda bubble: (bubble.moderator, bubble.label))

    def draw(layout: Layout) -> Drawing:
        return _draw(ordered, line, (effect, moderator), layout, language)

    ends = (decimal(point.estimate, language, signed=True) for point in (line[0], line[-1])) if line else ()
    alt = words.plain("bubbles.alt", sites=len(ordered))
    if line:
        alt = " ".join(
            (alt, words.plain("bubbles.alt-line", **dict(zip(("first", "last"), ends, strict=True))))
        )
    cells = (
        *((b.label, b.moderator, b.estimate, None, None, b.weight) for b in ordered),
        *(("", p.moderator, p.estimate, p.low, p.high, None) for p in line),
    )
    columns = ("label", "moderator", "estimate", "low", "high", "weight")
    return Figure(title, alt, description or words.plain("bubbles.reading"), columns, cells, draw, name)


def _draw(
    bubbles: Sequence[Bubble],
    line: Sequence[LinePoint],
    words: tuple[str, str],
    layout: Layout,
    language: Language,
) -> Drawing:
    width = WIDTH[layout]
    figure = blank(width, HEIGHT)
    left, right = 48.0 / width, 18.0 / width
    axes = figure.add_axes((left, 62.0 / HEIGHT, 1.0 - left - right, 1.0 - 98.0 / HEIGHT))
    plain(axes)
    axes.axhline(0.0, color=COLOURS["grey"], linewidth=1.0, dashes=(3, 3), zorder=1)
    if line:
        x = [log10(point.moderator) for point in line]
        low, high = [point.low for point in line], [point.high for point in line]
        axes.fill_between(x, low, high, color=COLOURS["orange"], alpha=0.2, linewidth=0, zorder=2)
        axes.plot(x, [point.estimate for point in line], color=COLOURS["orange"], linewidth=2.4, zorder=3)
    largest = max(bubble.weight for bubble in bubbles)
    for bubble in sorted(bubbles, key=lambda one: -one.weight):
        size = max(LEAST, BIGGEST[layout] * sqrt(bubble.weight / largest))
        place = ([log10(bubble.moderator)], [bubble.estimate])
        axes.plot(
            *place, "o", color=COLOURS["blue"], markersize=size, alpha=0.35, markeredgewidth=0, zorder=4
        )
        axes.plot(
            *place,
            "o",
            color=COLOURS["blue"],
            markersize=size,
            fillstyle="none",
            markeredgewidth=1.0,
            zorder=5,
        )
    _limits(axes, bubbles, line)
    number_axis(axes.yaxis, language, signed=True)
    axes.grid(axis="y", color=COLOURS["line"], linewidth=0.8)
    axes.set_axisbelow(True)
    _named(axes, layout, language)
    write(figure, 0.0, HEIGHT - 14.0, words[0])
    write(figure, width, 20.0, words[1], tone="grey", ha="right")
    return figure


def _limits(axes: Any, bubbles: Sequence[Bubble], line: Sequence[LinePoint]) -> None:
    """Leave room for whole bubbles; the band may run out of the figure, no bubble does."""
    across = [log10(bubble.moderator) for bubble in bubbles] + [log10(point.moderator) for point in line]
    down = [0.0, *(bubble.estimate for bubble in bubbles), *(point.estimate for point in line)]
    for ends, put in ((across, axes.set_xlim), (down, axes.set_ylim)):
        pad = 0.09 * max(max(ends) - min(ends), 1e-9) + (0.02 if ends is across else 0.0)
        put(min(ends) - pad, max(ends) + pad)


def _named(axes: Any, layout: Layout, language: Language) -> None:
    """Name round values of the moderator, as many as there is room for."""
    low, high = axes.get_xlim()
    every = [step * 10.0**power for power in range(int(low) - 1, int(high) + 2) for step in ROUND]
    kept: list[float] = []
    for value in every:
        far = all(log10(value) - log10(other) >= PLACE[layout] * (high - low) for other in kept[-1:])
        if low <= log10(value) <= high and far:
            kept.append(value)
    axes.set_xticks([log10(value) for value in kept])
    axes.set_xticklabels([decimal(value, language) for value in kept])
