"""A threshold drawn from its released bins: means with intervals, both lines, the cutoff, and counts below.

And effects over cutoffs with their band, of the pool alone.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from causalsig.report import threshold_words as said
from causalsig.report.canvas import COLOURS, LINE, WIDTH, Layout, blank, number_axis, plain, write
from causalsig.report.figure import Figure, something
from causalsig.report.numbers import Language, decimal
from causalsig.report.threshold_lines import POINTS, PlottedPoints, PlottedThreshold, plotted, score_at
from causalsig.report.words import Words

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

    from causalsig.crossed import ReleasedThreshold
    from causalsig.crossed_pooled import CurvePoint

LETTERS = {"narrow": 44, "wide": 100}
"""Letters of a heading that fit on a line."""
_TICKS = (
    *(1, 2, 5, 10, 20, 30, 50, 75, 100, 150, 200, 300, 400, 500, 750, 1000, 1500, 2000, 3000, 5000, 7500),
    *(10_000, 20_000, 50_000),
)
"""Amounts that a logarithmic axis may name."""
BESIDE = {"narrow": 0.33, "wide": 0.16}
"""Least distance between two named amounts, as a part of the axis."""


@dataclass(frozen=True, slots=True)
class AxisWords:
    """What is written around a plot; ``below`` and ``above`` name the handling on either side."""

    outcome: str
    score: str
    counts: str
    below: str
    above: str


def threshold_plot(
    block: ReleasedThreshold,
    *,
    outcome: str = "",
    title: str = "",
    description: str = "",
    level: float = 0.95,
    name: str = "threshold",
    language: Language = "nl",
) -> Figure:
    """Draw one threshold from its released bins.

    As Cattaneo, Idrobo and Titiunik (2019, doi:10.1017/9781108684606) draw a discontinuity.

    Parameters
    ----------
    block : ReleasedThreshold
    outcome : str
        What the height shows; default: the code of the outcome, with its scale.
    title, description : str
        Default: those of the pages.
    level : float
        Of the points' intervals.
    name : str
        Letters, digits and hyphens.
    language : {"nl", "en"}

    Raises
    ------
    ReportError
        ``report-figure-empty`` where a side has too few bins for a line.
    """
    words = Words(language)
    found = {layout: plotted(block, points=points, level=level) for layout, points in POINTS.items()}
    sides = {layout: drawn for layout, drawn in found.items() if drawn is not None}
    something(sides)
    axis = AxisWords(
        outcome=outcome or said.axis(words, (), block.outcome, block.kind),
        score=words.plain(f"threshold.score.{block.score}"),
        counts=words.plain("threshold.counts"),
        below=words.plain(f"threshold.handling.{block.below}"),
        above=words.plain(f"threshold.handling.{block.above}"),
    )
    scale = said.scale_of(block.kind)

    def draw(layout: Layout) -> Drawing:
        return _draw(block, sides[layout], axis, layout, language, scale)

    at = str(said.cutoff(words, block.score, block.cutoff).unescape())
    ends = [decimal(scale * float(y[-1]), language) for _, y in sides["wide"].lines]
    alt = Words(language, "figures").plain("threshold.alt", cutoff=at, left=ends[0], right=ends[1])
    return Figure(
        title or words.plain("threshold.figure-title", cutoff=at),
        alt,
        description or words.plain("threshold.figure-description", below=axis.below, above=axis.above),
        ("score", "handling", "mean", "low", "high", "episodes"),
        tuple(_cells(block, sides["wide"].left, block.below, scale))
        + tuple(_cells(block, sides["wide"].right, block.above, scale)),
        draw,
        name,
    )


def _cells(
    block: ReleasedThreshold, side: PlottedPoints, handling: str, scale: float
) -> list[tuple[float | str | int, ...]]:
    columns = (side.distance, side.mean, side.low, side.high, side.episodes)
    return [
        (score_at(block, float(x)), handling, *(scale * float(v) for v in (y, low, high)), int(n))
        for x, y, low, high, n in zip(*columns, strict=True)
    ]


def _draw(
    block: ReleasedThreshold,
    drawn: PlottedThreshold,
    words: AxisWords,
    layout: Layout,
    language: Language,
    scale: float,
) -> Drawing:
    heading = textwrap.wrap(words.outcome, LETTERS[layout]) or [""]
    more = LINE * (len(heading) - 1)
    width, height = WIDTH[layout], (372.0 if layout == "wide" else 404.0) + more
    figure = blank(width, height)
    left, right = (52.0 / width, 20.0 / width)
    sides = (drawn.left, drawn.right)
    top = figure.add_axes((left, 150.0 / height, 1.0 - left - right, 1.0 - (200.0 + more) / height))
    low = figure.add_axes((left, 62.0 / height, 1.0 - left - right, 66.0 / height), sharex=top)
    for axes in (top, low):
        plain(axes)
        axes.axvline(0.0, color=COLOURS["ink"], linewidth=1.2, dashes=(4, 3), zorder=1)
    for side, tone in zip(sides, ("blue", "orange"), strict=True):
        _means(top, side, tone, scale)
        low.stairs(side.density, side.edges, color=COLOURS[tone], fill=True, alpha=0.35, linewidth=0)
    for (x, y), tone in zip(drawn.lines, ("blue", "orange"), strict=True):
        top.plot(x, scale * y, color=COLOURS[tone], linewidth=2.4, zorder=4)
    ends = (sides[0].edges[0], sides[1].edges[-1])
    top.set_xlim(float(ends[0]), float(ends[1]))
    low.set_ylim(0.0)
    low.set_yticks([])
    _value_axis(top, language)
    _score_axis(low, block, (float(ends[0]), float(ends[1])), layout, language)
    top.tick_params(axis="x", length=0, labelbottom=False)
    for number, line in enumerate(heading):
        write(figure, 0.0, height - 14.0 - LINE * number, line)
    write(figure, 0.0, 134.0, words.counts, tone="grey")
    write(figure, width, 20.0, words.score, tone="grey", ha="right")
    middle = width * (left + (1.0 - left - right) * float((0.0 - ends[0]) / (ends[1] - ends[0])))
    write(figure, middle - 8.0, height - 36.0 - more, words.below, tone="blue", ha="right")
    write(figure, middle + 8.0, height - 36.0 - more, words.above, tone="orange")
    return figure


def curve_plot(
    points: Sequence[CurvePoint],
    *,
    outcome: str,
    score: str,
    title: str,
    description: str,
    name: str,
    language: Language,
    scale: float,
) -> Figure:
    """Draw effects over cutoffs: the line, its band, and no municipality."""
    something(points)

    def draw(layout: Layout) -> Drawing:
        return _draw_curve(points, (outcome, score), layout, language, scale)

    cells = tuple(
        (point.cutoff, *(scale * value for value in (point.estimate, point.conf_low, point.conf_high)))
        for point in points
    )
    return Figure(title, "", description, ("cutoff", "estimate", "low", "high"), cells, draw, name)


def _draw_curve(
    points: Sequence[CurvePoint], around: tuple[str, str], layout: Layout, language: Language, scale: float
) -> Drawing:
    import numpy as np

    width, height = WIDTH[layout], 300.0
    figure = blank(width, height)
    left = 52.0 / width
    axes = figure.add_axes((left, 62.0 / height, 1.0 - left - 20.0 / width, 1.0 - 96.0 / height))
    plain(axes)
    x = np.log([point.cutoff for point in points])
    rows = [(point.estimate, point.conf_low, point.conf_high) for point in points]
    line, low, high = (scale * np.array(column) for column in zip(*rows, strict=True))
    axes.fill_between(x, low, high, color=COLOURS["orange"], alpha=0.2, linewidth=0, zorder=1)
    axes.plot(x, line, color=COLOURS["orange"], linewidth=2.4, zorder=3)
    axes.axhline(0.0, color=COLOURS["grey"], linewidth=1.0, dashes=(3, 3), zorder=2)
    axes.set_xlim(float(x[0]), float(x[-1]))
    _value_axis(axes, language, signed=True)
    _named(axes, [float(v) for v in x], [point.cutoff for point in points], layout, language)
    write(figure, 0.0, height - 14.0, around[0])
    write(figure, width, 20.0, around[1], tone="grey", ha="right")
    return figure


def _means(axes: Any, side: PlottedPoints, tone: str, scale: float) -> None:
    axes.vlines(side.distance, scale * side.low, scale * side.high, color=COLOURS[tone], linewidth=1.2)
    axes.plot(side.distance, scale * side.mean, "o", color=COLOURS[tone], markersize=5.0, zorder=3)


def _value_axis(axes: Any, language: Language, *, signed: bool = False) -> None:
    number_axis(axes.yaxis, language, signed=signed)
    axes.grid(axis="y", color=COLOURS["line"], linewidth=0.8)
    axes.set_axisbelow(True)


def _score_axis(
    axes: Any, block: ReleasedThreshold, ends: tuple[float, float], layout: Layout, language: Language
) -> None:
    """Name scores on the axis: the cutoff first, then round ones that leave it room."""
    import math

    low, high = (score_at(block, end) for end in ends)
    if block.scale == "log":
        round_ones = [float(tick) for tick in _TICKS if low <= tick <= high]
        places = [math.log(score / block.cutoff) for score in round_ones]
    else:
        step = max(1, math.ceil((high - low) / 8))
        round_ones = [float(s) for s in range(math.ceil(low), math.floor(high) + 1, step)]
        places = [score - block.cutoff for score in round_ones]
    _named(axes, [0.0, *places], [block.cutoff, *round_ones], layout, language)


def _named(
    axes: Any, places: Sequence[float], scores: Sequence[float], layout: Layout, language: Language
) -> None:
    low, high = axes.get_xlim()
    kept: list[tuple[float, float]] = []
    for place, score in zip(places, scores, strict=True):
        if all(abs(place - other) >= BESIDE[layout] / 2.0 * (high - low) for other, _ in kept):
            kept.append((place, score))
    axes.set_xticks([place for place, _ in kept])
    axes.set_xticklabels([decimal(score, language) for _, score in kept])
