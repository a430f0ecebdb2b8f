"""A love plot as cobalt draws it: how much groups differ before and after weighting, told by shape too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from causalsig.report.canvas import COLOURS, WIDTH, Layout, blank, number_axis, plain, write
from causalsig.report.figure import Figure, something
from causalsig.report.numbers import Language, decimal
from causalsig.report.words import Words

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

ROW = {"narrow": 44.0, "wide": 26.0}
LEFT = {"narrow": 18.0, "wide": 250.0}
FOOT, HEAD = 56.0, 34.0


@dataclass(frozen=True, slots=True)
class LoveRow:
    """Standardised mean difference of one covariate, ``before`` weighting and ``after`` it.

    The sign does not matter; ``before`` is None where it is not known. ``limit`` is the covariate's own,
    where it has one.
    """

    label: str
    before: float | None
    after: float
    limit: float | None = None


def love_plot(
    rows: Sequence[LoveRow],
    *,
    title: str,
    description: str = "",
    limit: float = 0.1,
    name: str = "love",
    language: Language = "nl",
) -> Figure:
    """Draw the absolute standardised differences of covariates, the largest before weighting on top.

    Parameters
    ----------
    rows : sequence of LoveRow
    title : str
    description : str
        How to read it; default: a sentence on circles, diamonds and the dashed line.
    limit : float
        Difference above which a covariate counts as unbalanced; the dashed line (Austin 2009,
        doi:10.1002/sim.3697, takes 0.1).
    name : str
        Letters, digits and hyphens.
    language : {"nl", "en"}

    Raises
    ------
    ReportError
        ``report-figure-empty`` when there is no row.
    """
    something(rows)
    words = Words(language, "figures")
    ordered = sorted(rows, key=lambda row: (-abs(row.after if row.before is None else row.before), row.label))

    def draw(layout: Layout) -> Drawing:
        return _draw(ordered, layout, limit, words)

    limits = [limit if row.limit is None else row.limit for row in ordered]
    balanced = sum(abs(row.after) <= most for row, most in zip(ordered, limits, strict=True))
    own = any(row.limit is not None for row in ordered)
    alt = words.plain(
        "love.alt-own" if own else "love.alt",
        balanced=balanced,
        total=len(ordered),
        limit=decimal(limit, language, _digits(limit)),
    )
    said = description or words.plain("love.reading")
    cells = tuple((row.label, row.before, row.after, most) for row, most in zip(ordered, limits, strict=True))
    return Figure(title, alt, said, ("covariate", "before", "after", "limit"), cells, draw, name)


def _digits(limit: float) -> int:
    return 1 if round(limit, 1) == limit else 2


def _draw(rows: Sequence[LoveRow], layout: Layout, limit: float, words: Words) -> Drawing:
    width, height = WIDTH[layout], HEAD + FOOT + ROW[layout] * len(rows)
    figure = blank(width, height)
    left, right = LEFT[layout], 18.0
    axes = figure.add_axes(
        (left / width, FOOT / height, 1.0 - (left + right) / width, 1.0 - (FOOT + HEAD) / height)
    )
    plain(axes, values=False)
    known = [abs(value) for row in rows for value in (row.before, row.after) if value is not None]
    furthest = max([limit * 1.5, *known, *(row.limit for row in rows if row.limit is not None)])
    axes.set_xlim(0.0, 1.06 * furthest)
    axes.set_ylim(FOOT, height - HEAD)
    y = height - HEAD
    for row in rows:
        y -= ROW[layout]
        middle = y + (14.0 if layout == "narrow" else ROW[layout] / 2)
        at = y + ROW[layout] - 15.0 if layout == "narrow" else middle
        write(figure, 0.0, at, row.label, va="baseline" if layout == "narrow" else "center")
        # In the narrow layout the limit would strike through the label above the points.
        top = middle + 11.0 if layout == "narrow" else y + ROW[layout]
        most = limit if row.limit is None else row.limit
        axes.plot([most, most], [y, top], color=COLOURS["ink"], linewidth=1.2, dashes=(4, 3), zorder=1)
        axes.plot([0.0, 0.0], [y, top], color=COLOURS["grey"], linewidth=1.0, zorder=1)
        _row(axes, middle, row)
    number_axis(axes.xaxis, words.language, 2)
    write(figure, width, 16.0, words.plain("love.axis"), tone="grey", ha="right")
    _legend(figure, left if layout == "wide" else 0.0, height - 16.0, words)
    return figure


def _row(axes: Any, y: float, row: LoveRow) -> None:
    axes.axhline(y, color=COLOURS["line"], linewidth=0.8, zorder=0)
    if row.before is not None:
        ends = [abs(row.before), abs(row.after)]
        axes.plot(ends, [y, y], color=COLOURS["grey"], linewidth=1.0, zorder=2)
        _mark(axes, [ends[0]], [y], after=False)
    _mark(axes, [abs(row.after)], [y], after=True)


def _mark(axes: Any, x: list[float], y: list[float], *, after: bool) -> None:
    """Before: an open circle; after: a filled diamond."""
    tone = COLOURS["blue" if after else "orange"]
    fill = tone if after else COLOURS["paper"]
    axes.plot(
        x,
        y,
        "D" if after else "o",
        color=tone,
        markerfacecolor=fill,
        markersize=7.0 if after else 8.0,
        markeredgewidth=1.6,
        clip_on=False,
        zorder=4 if after else 3,
    )


def _legend(figure: Drawing, x: float, y: float, words: Words) -> None:
    width, height = figure.get_size_inches() * 72.0
    key = figure.add_axes((x / width, (y - 8.0) / height, 1.0 - x / width, 24.0 / height))
    key.set_axis_off()
    key.set_xlim(0.0, width - x)
    key.set_ylim(y - 8.0, y + 16.0)
    for at, part in ((6.0, "before"), (150.0, "after")):
        _mark(key, [at], [y + 4.5], after=part == "after")
        write(figure, x + at + 12.0, y, words.plain(f"love.{part}"))
