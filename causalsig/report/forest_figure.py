"""A forest plot as metafor draws it: squares by precision, whiskers, diamonds, prediction intervals.

A figure is drawn twice, narrow and wide, and a page shows the one that fits: text in a scaled-down figure
cannot be read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from causalsig.report.canvas import COLOURS, WIDTH, Layout, Tone, blank, number_axis, plain, write
from causalsig.report.figure import Figure, something
from causalsig.report.numbers import Language, decimal, span
from causalsig.report.words import Words

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

Mark = Literal["square", "diamond"]


@dataclass(frozen=True, slots=True)
class ForestRow:
    """One row of a forest plot.

    Attributes
    ----------
    label : str
    estimate, low, high : float
        In the unit of the axis.
    mark : {"square", "diamond"}
        One municipality, or a pool of them.
    tone : {"blue", "orange", "grey"}
    precision : float
        Relative size of a square, 0 to 1.
    prediction : (float, float) or None
        Drawn as a thin line behind a diamond.
    group : str
        A row whose group differs from the one before starts a group with this heading.
    counts : str
        Households behind it, in bands; beside the label of the wide layout.
    """

    label: str
    estimate: float
    low: float
    high: float
    mark: Mark = "square"
    tone: Tone = "blue"
    precision: float = 0.5
    prediction: tuple[float, float] | None = None
    group: str = ""
    counts: str = ""


@dataclass(frozen=True, slots=True)
class Axis:
    """The axis of a forest plot.

    Attributes
    ----------
    below, above : str
        Words under the axis, left and right of zero.
    unit : str
        Under the axis, at the end of the wide layout.
    limits : (float, float) or None
        Ends of the axis; whiskers beyond them end in an arrow. None: see `axis_limits`.
    digits : int
        Decimals of the numbers.
    """

    below: str = ""
    above: str = ""
    unit: str = ""
    limits: tuple[float, float] | None = None
    digits: int = 0


@dataclass(frozen=True, slots=True)
class _Geometry:
    """Where things lie, in pixels: the plot's columns, a row's height and what lies above and below."""

    layout: Layout
    width: float
    left: float
    right: float
    row: float
    head: float
    foot: float
    drop: float
    height: float


HEADING = 26.0
"""Height of a group's heading and of the columns' headings."""
COUNTS = 80.0
"""What a column of counts takes from the plot, in the wide layout."""


def _geometry(
    layout: Layout, rows: Sequence[ForestRow], notes: int, heads: tuple[str, ...], digits: int
) -> _Geometry:
    groups = HEADING * len(_headings(rows))
    if layout == "narrow":
        row, foot, head, width = 52.0, 50.0 + 17.0 * notes, 6.0, WIDTH["narrow"]
        margin = 18.0 + 6.0 * digits  # a number at the end of the axis stays inside
        left, right, drop = margin, width - margin, 34.0
    else:
        row, foot, width = 34.0 if len(rows) <= 12 else 26.0, 52.0 + 18.0 * notes, WIDTH["wide"]
        head = 6.0 + (HEADING if heads else 0.0)
        left = 210.0 + (COUNTS if any(one.counts for one in rows) else 0.0)
        right, drop = width - 160.0, row / 2
    return _Geometry(
        layout, width, left, right, row, head, foot, drop, head + foot + row * len(rows) + groups
    )


def forest_plot(
    rows: Sequence[ForestRow],
    *,
    title: str,
    description: str = "",
    axis: Axis | None = None,
    heads: tuple[str, ...] = (),
    note: str = "",
    name: str = "forest",
    language: Language = "nl",
) -> Figure:
    """Draw a forest plot as metafor draws it (Viechtbauer 2010, doi:10.18637/jss.v036.i03).

    Parameters
    ----------
    rows : sequence of ForestRow
    title : str
    description : str
        How to read it; default: a sentence on squares, whiskers and diamonds.
    axis : Axis, optional
    heads : tuple of str
        Headings of the columns, wide layout only: of the labels, of the counts, of the numbers.
    note : str
        Lines under the wide layout (heterogeneity), split at newlines.
    name : str
        Letters, digits and hyphens; makes the ids in the SVG unique on a page.
    language : {"nl", "en"}
        Of the numbers.

    Raises
    ------
    ReportError
        ``report-figure-empty`` when there is no row.
    """
    something(rows)
    words, chosen = Words(language, "figures"), axis or Axis()
    drawn = tuple(rows)

    def draw(layout: Layout) -> Drawing:
        notes = note.split("\n") if note and layout == "wide" else []
        return _draw(drawn, layout, chosen, heads, notes, language)

    cells = tuple(
        (row.group, row.label, row.counts, row.estimate, row.low, row.high, *(row.prediction or (None, None)))
        for row in drawn
    )
    columns = ("group", "label", "households", "estimate", "low", "high", "prediction_low", "prediction_high")
    said = description or words.plain("forest.reading")
    return Figure(title, _alt(drawn, chosen, words), said, columns, cells, draw, name)


def _alt(rows: Sequence[ForestRow], axis: Axis, words: Words) -> str:
    """Say how many rows there are, and each diamond's numbers."""
    one = words.plain("forest.alt-one" if len(rows) == 1 else "forest.alt", rows=len(rows))
    pools = [f"{row.label} {_numbers(row, axis.digits, words.language)}" for row in rows]
    pools = [said for row, said in zip(rows, pools, strict=True) if row.mark == "diamond" or len(rows) <= 3]
    return f"{one} {'; '.join(pools)}." if pools else one


def _numbers(row: ForestRow, digits: int, language: Language) -> str:
    ends = span(row.low, row.high, language, signed=True, digits=digits)
    return f"{decimal(row.estimate, language, digits, signed=True)} ({ends})"


def _draw(
    rows: Sequence[ForestRow],
    layout: Layout,
    axis: Axis,
    heads: tuple[str, ...],
    notes: Sequence[str],
    language: Language,
) -> Drawing:
    place = _geometry(layout, rows, len(notes), heads, axis.digits)
    figure, axes = _canvas(place, axis.limits or axis_limits(rows))
    y = place.height - place.head
    if heads and layout == "wide":
        ends: tuple[tuple[float, str], ...] = ((0.0, "left"), (place.left - 12.0, "right"))
        ends = (ends[0], *(ends[1:] if len(heads) > 2 else ()), (place.width, "right"))
        for (x, ha), head in zip(ends, heads, strict=True):
            write(figure, x, y + 9.0, head, ha=ha, weight="bold")
    starts = _headings(rows)
    for index, row in enumerate(rows):
        if index in starts:
            y -= HEADING
            write(figure, 0.0, y + 6.0, row.group, weight="bold")
        y -= place.row
        _draw_row(figure, axes, place, y, row, _numbers(row, axis.digits, language))
    _under(figure, axes, place, axis, language)
    for index, line in enumerate(notes):
        write(figure, 0.0, place.foot - 60.0 - 17.0 * index, line, tone="grey")
    return figure


def axis_limits(rows: Sequence[ForestRow]) -> tuple[float, float]:
    """Return the ends of the axis: zero, every estimate, and intervals up to three times the median length.

    One hopelessly wide interval would squeeze the others to a dot; it is clipped and ends in an arrow.
    """
    lengths = sorted(row.high - row.low for row in rows)
    reach = 1.5 * lengths[len(lengths) // 2]
    ends = [(row.estimate, *(row.prediction or (row.low, row.high))) for row in rows]
    low = min([0.0, *(max(end, estimate - reach) for estimate, end, _ in ends)])
    high = max([0.0, *(min(end, estimate + reach) for estimate, _, end in ends)])
    pad = 0.06 * max(high - low, 1e-9)
    return low - pad, high + pad


def _headings(rows: Sequence[ForestRow]) -> set[int]:
    groups = ["", *(row.group for row in rows)]
    return {i for i, row in enumerate(rows) if row.group and row.group != groups[i]}


def _canvas(place: _Geometry, limits: tuple[float, float]) -> tuple[Drawing, Any]:
    figure = blank(place.width, place.height)
    bottom = place.foot / place.height
    size = (place.right - place.left) / place.width
    axes = figure.add_axes((place.left / place.width, bottom, size, 1.0 - bottom - place.head / place.height))
    axes.set_xlim(*limits)
    axes.set_ylim(place.foot, place.height - place.head)
    plain(axes, values=False)
    return figure, axes


def _draw_row(figure: Drawing, axes: Any, place: _Geometry, y: float, row: ForestRow, numbers: str) -> None:
    narrow = place.layout == "narrow"
    middle = y + place.row - place.drop
    baseline = y + place.row - 15.0 if narrow else middle
    align = "baseline" if narrow else "center"
    write(figure, 0.0, baseline, row.label, va=align)
    if row.counts and not narrow:
        write(figure, place.left - 12.0, baseline, row.counts, ha="right", va=align, tone="grey")
    weight = "bold" if row.mark == "diamond" and not narrow else "normal"
    write(figure, place.width, baseline, numbers, ha="right", va=align, weight=weight)
    # The line of no difference; in the narrow layout it would strike through the numbers above the whiskers.
    top = middle + 11.0 if narrow else y + place.row
    axes.plot([0.0, 0.0], [y, top], color=COLOURS["grey"], linewidth=1.0, dashes=(3, 3), zorder=1)
    _whisker(axes, middle, row)
    if row.mark == "diamond":
        _diamond(axes, middle, row)
    else:
        size = 5.0 + 7.0 * min(max(row.precision, 0.0), 1.0)
        axes.plot([row.estimate], [middle], "s", color=COLOURS[row.tone], markersize=size, zorder=4)


def _whisker(axes: Any, y: float, row: ForestRow) -> None:
    """Draw the interval (of a pool: the prediction interval); an end outside the axis becomes an arrow."""
    pooled = row.mark == "diamond"
    ends = row.prediction if pooled else (row.low, row.high)
    if ends is None:
        return
    first, last = axes.get_xlim()
    low, high = max(ends[0], first), min(ends[1], last)
    style = (0, (1.0, 1.6)) if pooled else "solid"
    colour = COLOURS[row.tone]
    axes.plot([low, high], [y, y], color=colour, linewidth=2.0, linestyle=style, zorder=2)
    for end, bound, arrow in ((ends[0], first, "<"), (ends[1], last, ">")):
        outside = end < bound if arrow == "<" else end > bound
        marker, size = (arrow, 7.0) if outside else ("|", 9.0)
        axes.plot(
            [bound if outside else end], [y], marker, color=colour, markersize=size, zorder=3, clip_on=False
        )


def _diamond(axes: Any, y: float, row: ForestRow) -> None:
    """Draw the interval of the mean as a diamond, the estimate at its widest."""
    half = 7.0
    low, high = (min(max(end, axes.get_xlim()[0]), axes.get_xlim()[1]) for end in (row.low, row.high))
    axes.fill(
        [low, row.estimate, high, row.estimate],
        [y, y + half, y, y - half],
        color=COLOURS[row.tone],
        linewidth=0,
        zorder=4,
    )


def _under(figure: Drawing, axes: Any, place: _Geometry, axis: Axis, language: Language) -> None:
    number_axis(axes.xaxis, language, axis.digits, signed=True)
    base = place.foot - 40.0
    first, last = axes.get_xlim()
    zero = place.left + (place.right - place.left) * (0.0 - first) / (last - first)
    below, above = (axis.below and f"\u2190 {axis.below}", axis.above and f"{axis.above} \u2192")
    if place.layout == "narrow":
        write(figure, 0.0, base, below, tone="grey")
        write(figure, place.width, base, above, tone="grey", ha="right")
        return
    write(figure, zero - 10.0, base, below, tone="grey", ha="right")
    write(figure, zero + 10.0, base, above, tone="grey")
    write(figure, place.width, base, axis.unit, tone="grey", ha="right")
