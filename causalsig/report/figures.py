"""Figures as SVG text: one style, the same bytes for the same numbers, readable on a phone.

A figure is drawn twice, narrow and wide, and the page shows the one that fits: text in a scaled-down figure
cannot be read. Colours become CSS variables with the printed colour as fallback, so that a dark page darkens
its figures and a saved file still looks right on its own.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal
from xml.sax.saxutils import escape

from causalsig.errors import ReportError
from causalsig.report.numbers import Language, decimal, span

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Layout = Literal["narrow", "wide"]
Mark = Literal["square", "diamond"]
Tone = Literal["blue", "orange", "grey"]

COLOURS = {"blue": "#00639a", "orange": "#b35900", "grey": "#5f6b76", "ink": "#1b1f24", "line": "#c9d1d8"}
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
WIDTH = {"narrow": 328.0, "wide": 720.0}
"""In CSS pixels: what is left of a 360-pixel screen, and the column of a laptop."""
_POINTS = 72.0
_SIZE = 13.0


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


@dataclass(frozen=True, slots=True)
class _Geometry:
    """Where things lie, in pixels: the plot's columns, a row's height and what lies above and below."""

    width: float
    left: float
    right: float
    row: float
    head: float
    foot: float
    drop: float


def _geometry(layout: Layout, rows: int, notes: int) -> _Geometry:
    if layout == "narrow":
        row, foot = 52.0, 50.0 + 17.0 * notes
        return _Geometry(WIDTH["narrow"], 12.0, WIDTH["narrow"] - 12.0, row, 6.0, foot, 34.0)
    row = 34.0 if rows <= 12 else 26.0
    return _Geometry(WIDTH["wide"], 210.0, WIDTH["wide"] - 160.0, row, 6.0, 52.0 + 18.0 * notes, row / 2)


def forest_plot(
    rows: Sequence[ForestRow],
    *,
    title: str,
    description: str,
    name: str,
    below: str,
    above: str,
    layout: Layout = "wide",
    language: Language = "nl",
    unit: str = "",
    note: str = "",
    limits: tuple[float, float] | None = None,
) -> str:
    """Draw a forest plot as metafor draws it: squares by precision, diamonds, prediction intervals.

    Parameters
    ----------
    rows : sequence of ForestRow
    title, description : str
        What a screen reader says; neither is drawn.
    name : str
        Letters, digits and hyphens; makes the ids in the SVG unique on a page.
    below, above : str
        Words under the axis, left and right of zero.
    layout : {"narrow", "wide"}
        Labels above the whiskers (phone), or beside them.
    language : {"nl", "en"}
        Of the numbers.
    unit : str
        Under the axis, in the middle of the wide layout.
    note : str
        Lines under the plot (heterogeneity), split at newlines.
    limits : (float, float), optional
        Ends of the axis; whiskers beyond them end in an arrow. Default: see `axis_limits`.

    Returns
    -------
    str
        An ``<svg>`` element with title and description, the same bytes for the same arguments.

    Raises
    ------
    ReportError
        ``report-figure-empty`` when there is no row, ``report-figure-name`` for a name that cannot be an id.
    """
    if not rows:
        raise ReportError(
            "report-figure-empty",
            expected="at least one row to draw",
            found="none",
            mend="Leave the figure out when there is nothing to show.",
        )
    if not re.fullmatch(r"[a-z][a-z0-9-]*", name):
        raise ReportError(
            "report-figure-name",
            expected="a name of small letters, digits and hyphens",
            found="something else",
            mend="Name the figure after what it shows, e.g. 'forest-home-visit'.",
        )
    notes = note.split("\n") if note else []
    place = _geometry(layout, len(rows), len(notes))
    headings = _headings(rows)
    height = place.head + place.foot + place.row * len(rows) + 26.0 * len(headings)
    figure, axes = _canvas(place, height, limits or axis_limits(rows))
    y = height - place.head
    for index, row in enumerate(rows):
        if index in headings:
            y -= 26.0
            _write(figure, place, height, 0.0, y + 6.0, row.group, weight="bold")
        y -= place.row
        _draw_row(figure, axes, place, height, y, row, layout, language)
    _axis(figure, axes, place, height, below, above, unit, language)
    for index, line in enumerate(notes):
        _write(figure, place, height, 0.0, place.foot - 60.0 - 17.0 * index, line, tone="grey")
    return as_svg(figure, name, title, description)


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


def _canvas(place: _Geometry, height: float, limits: tuple[float, float]) -> tuple[Figure, Any]:
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    figure = Figure(figsize=(place.width / _POINTS, height / _POINTS), dpi=_POINTS)
    FigureCanvasSVG(figure)
    figure.patch.set_visible(False)
    bottom = place.foot / height
    size = (place.right - place.left) / place.width
    axes = figure.add_axes((place.left / place.width, bottom, size, 1.0 - bottom - place.head / height))
    axes.patch.set_visible(False)
    axes.set_xlim(*limits)
    axes.set_ylim(place.foot, height - place.head)
    for side in ("left", "right", "top"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(COLOURS["grey"])
    axes.yaxis.set_visible(False)
    return figure, axes


def _draw_row(
    figure: Figure,
    axes: Any,
    place: _Geometry,
    height: float,
    y: float,
    row: ForestRow,
    layout: Layout,
    language: Language,
) -> None:
    middle = y + place.row - place.drop
    numbers = (
        f"{decimal(row.estimate, language, signed=True)} ({span(row.low, row.high, language, signed=True)})"
    )
    baseline = y + place.row - 15.0 if layout == "narrow" else middle
    align = "baseline" if layout == "narrow" else "center"
    _write(figure, place, height, 0.0, baseline, row.label, va=align)
    weight = "bold" if row.mark == "diamond" and layout == "wide" else "normal"
    _write(figure, place, height, place.width, baseline, numbers, ha="right", va=align, weight=weight)
    # The line of no difference; in the narrow layout it would strike through the numbers above the whiskers.
    top = middle + 11.0 if layout == "narrow" else y + place.row
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


def _axis(
    figure: Figure,
    axes: Any,
    place: _Geometry,
    height: float,
    below: str,
    above: str,
    unit: str,
    language: Language,
) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 2.5, 5, 10], integer=True))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: decimal(value, language, signed=True)))
    axes.tick_params(
        axis="x", length=4, color=COLOURS["grey"], labelcolor=COLOURS["grey"], labelsize=_SIZE - 1
    )
    base = place.foot - 40.0
    first, last = axes.get_xlim()
    zero = place.left + (place.right - place.left) * (0.0 - first) / (last - first)
    if place.width == WIDTH["narrow"]:
        _write(figure, place, height, 0.0, base, f"\u2190 {below}", tone="grey")
        _write(figure, place, height, place.width, base, f"{above} \u2192", tone="grey", ha="right")
        return
    _write(figure, place, height, zero - 10.0, base, f"\u2190 {below}", tone="grey", ha="right")
    _write(figure, place, height, zero + 10.0, base, f"{above} \u2192", tone="grey")
    _write(figure, place, height, place.width, base, unit, tone="grey", ha="right")


def _write(
    figure: Figure,
    place: _Geometry,
    height: float,
    x: float,
    y: float,
    words: str,
    *,
    tone: str = "ink",
    ha: str = "left",
    va: str = "baseline",
    weight: str = "normal",
) -> None:
    # Labels come from outside: a dollar sign in a name must not start mathematics.
    figure.text(
        x / place.width,
        y / height,
        words,
        color=COLOURS[tone],
        ha=ha,
        va=va,
        fontsize=_SIZE,
        fontweight=weight,
        parse_math=False,
    )


def as_svg(figure: Figure, name: str, title: str, description: str) -> str:
    """Write a figure as an ``<svg>`` element: its own ids, the page's colours and font."""
    import matplotlib

    buffer = io.StringIO()
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": name}):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None}, transparent=True)
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>\s*", "", text, flags=re.DOTALL)
    text = _with_own_ids(text, name)
    for tone, colour in COLOURS.items():
        text = text.replace(colour, f"var(--{tone}, {colour})")
    text = re.sub(r"font-family: [^;\"]*", f"font-family: {FONT}", text)
    # A style element inside an inline figure would hold for the whole page.
    text = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>\s*", "", text, count=1, flags=re.DOTALL)
    text = text.replace("rotate(-0 ", "rotate(0 ")
    head = (
        f'<title id="{name}-title">{escape(title)}</title><desc id="{name}-desc">{escape(description)}</desc>'
    )
    opening = re.compile(r"<svg ([^>]*)>")
    size = re.compile(r'(width|height)="[^"]*" ?')

    def reopen(match: re.Match[str]) -> str:
        kept = size.sub("", match.group(1)).strip()
        label = f'role="img" aria-labelledby="{name}-title {name}-desc"'
        return f"<svg {kept} {label}>{head}"

    return opening.sub(reopen, text, count=1).strip()


def _with_own_ids(text: str, name: str) -> str:
    """Put the figure's name before every id: two figures on one page share none."""
    text = re.sub(r'\bid="([^"]+)"', rf'id="{name}-\1"', text)
    text = re.sub(r'href="#([^"]+)"', rf'href="#{name}-\1"', text)
    return re.sub(r"url\(#([^)]+)\)", rf"url(#{name}-\1)", text)
