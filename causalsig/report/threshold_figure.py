"""A threshold drawn from its released bins: means with intervals, both lines, the cutoff, and counts below.

And effects over cutoffs with their band, of the pool alone.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from causalsig.report.figures import COLOURS, WIDTH, Layout, as_svg
from causalsig.report.numbers import Language, decimal
from causalsig.report.threshold_lines import PlottedPoints, PlottedThreshold, score_at

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from causalsig.crossed import ReleasedThreshold
    from causalsig.crossed_pooled import CurvePoint

_POINTS = 72.0
_SIZE = 13.0
LETTERS = {"narrow": 44, "wide": 100}
"""Letters of a heading that fit on a line."""
LINE = 17.0
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
    drawn: PlottedThreshold,
    words: AxisWords,
    *,
    title: str,
    description: str,
    name: str,
    layout: Layout,
    language: Language,
    scale: float,
) -> str:
    """Draw one threshold.

    Parameters
    ----------
    block, drawn : of one threshold
    words : AxisWords
    title, description : what a screen reader says
    name : letters, digits and hyphens; unique on a page
    scale : what means are multiplied by: 1,000 for a risk or a number of signals

    Returns
    -------
    str
        An ``<svg>`` element, the same bytes for the same arguments.
    """
    heading = textwrap.wrap(words.outcome, LETTERS[layout]) or [""]
    more = LINE * (len(heading) - 1)
    width, height = WIDTH[layout], (372.0 if layout == "wide" else 404.0) + more
    figure = _figure(width, height)
    left, right = (52.0 / width, 20.0 / width)
    sides = (drawn.left, drawn.right)
    top = figure.add_axes((left, 150.0 / height, 1.0 - left - right, 1.0 - (200.0 + more) / height))
    low = figure.add_axes((left, 62.0 / height, 1.0 - left - right, 66.0 / height), sharex=top)
    for axes in (top, low):
        _plain(axes)
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
        _text(figure, (width, height), 0.0, height - 14.0 - LINE * number, line)
    _text(figure, (width, height), 0.0, 134.0, words.counts, tone="grey")
    _text(figure, (width, height), width, 20.0, words.score, tone="grey", ha="right")
    middle = left + (1.0 - left - right) * float((0.0 - ends[0]) / (ends[1] - ends[0]))
    _text(
        figure,
        (width, height),
        middle * width - 8.0,
        height - 36.0 - more,
        words.below,
        tone="blue",
        ha="right",
    )
    _text(figure, (width, height), middle * width + 8.0, height - 36.0 - more, words.above, tone="orange")
    return as_svg(figure, name, title, description)


def curve_plot(
    points: Sequence[CurvePoint],
    *,
    outcome: str,
    score: str,
    title: str,
    description: str,
    name: str,
    layout: Layout,
    language: Language,
    scale: float,
) -> str:
    """Draw effects over cutoffs: the line, its band, and no municipality."""
    import numpy as np

    width, height = WIDTH[layout], 300.0
    figure = _figure(width, height)
    left = 52.0 / width
    axes = figure.add_axes((left, 62.0 / height, 1.0 - left - 20.0 / width, 1.0 - 96.0 / height))
    _plain(axes)
    x = np.log([point.cutoff for point in points])
    rows = [(point.estimate, point.conf_low, point.conf_high) for point in points]
    line, low, high = (scale * np.array(column) for column in zip(*rows, strict=True))
    axes.fill_between(x, low, high, color=COLOURS["orange"], alpha=0.2, linewidth=0, zorder=1)
    axes.plot(x, line, color=COLOURS["orange"], linewidth=2.4, zorder=3)
    axes.axhline(0.0, color=COLOURS["grey"], linewidth=1.0, dashes=(3, 3), zorder=2)
    axes.set_xlim(float(x[0]), float(x[-1]))
    _value_axis(axes, language, signed=True)
    _named(axes, [float(v) for v in x], [point.cutoff for point in points], layout, language)
    _text(figure, (width, height), 0.0, height - 14.0, outcome)
    _text(figure, (width, height), width, 20.0, score, tone="grey", ha="right")
    return as_svg(figure, name, title, description)


def _figure(width: float, height: float) -> Figure:
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width / _POINTS, height / _POINTS), dpi=_POINTS)
    FigureCanvasSVG(figure)
    figure.patch.set_visible(False)
    return figure


def _plain(axes: Any) -> None:
    axes.patch.set_visible(False)
    for side in ("left", "right", "top"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(COLOURS["grey"])
    axes.tick_params(length=4, color=COLOURS["grey"], labelcolor=COLOURS["grey"], labelsize=_SIZE - 1)


def _means(axes: Any, side: PlottedPoints, tone: str, scale: float) -> None:
    axes.vlines(side.distance, scale * side.low, scale * side.high, color=COLOURS[tone], linewidth=1.2)
    axes.plot(side.distance, scale * side.mean, "o", color=COLOURS[tone], markersize=5.0, zorder=3)


def _value_axis(axes: Any, language: Language, *, signed: bool = False) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    axes.yaxis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 2.5, 5, 10]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: decimal(value, language, signed=signed)))
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


def _text(
    figure: Figure,
    size: tuple[float, float],
    x: float,
    y: float,
    words: str,
    *,
    tone: str = "ink",
    ha: str = "left",
) -> None:
    figure.text(x / size[0], y / size[1], words, color=COLOURS[tone], ha=ha, fontsize=_SIZE, parse_math=False)
