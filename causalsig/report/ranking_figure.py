"""Arms beside one another, the lowest mean first: means with intervals, and the chance that each is best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from causalsig.report.canvas import COLOURS, LINE, WIDTH, Layout, blank, number_axis, plain, write
from causalsig.report.figure import Figure, something
from causalsig.report.numbers import Language, decimal, span
from causalsig.report.words import HARD_SPACE, Words

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

ROW = {"narrow": 52.0, "wide": 34.0}
HEAD, FOOT = 26.0, 50.0
BAR = 110.0
"""Width of the bar of a certain winner, in the wide layout."""
BESIDE = 58.0
"""Room for a chance beside its bar."""


@dataclass(frozen=True, slots=True)
class RankingRow:
    """One arm: its mean and interval in the unit of the axis, lower is better.

    ``best`` is the chance, 0 to 1, that its mean is the lowest of all; None where it is not known.
    ``reference`` marks what the others are compared with.
    """

    label: str
    mean: float
    low: float
    high: float
    best: float | None = None
    reference: bool = False


def ranking_plot(
    rows: Sequence[RankingRow],
    *,
    title: str,
    description: str = "",
    unit: str = "",
    digits: int = 0,
    name: str = "ranking",
    language: Language = "nl",
) -> Figure:
    """Draw joint means of arms in their order, with the chance that each is the best where it is known.

    Parameters
    ----------
    rows : sequence of RankingRow
    title : str
    description : str
        How to read it; default: that overlapping intervals do not settle an order.
    unit : str
        Of the axis.
    digits : int
        Decimals of the means.
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
    ordered = sorted(rows, key=lambda row: (row.mean, row.label))

    def draw(layout: Layout) -> Drawing:
        return _draw(ordered, layout, unit, digits, words)

    said = description or words.plain("ranking.reading")
    alt = words.plain(
        "ranking.alt", arms="; ".join(f"{row.label} {_numbers(row, digits, language)}" for row in ordered)
    )
    cells = tuple((row.label, row.mean, row.low, row.high, row.best) for row in ordered)
    return Figure(title, alt, said, ("arm", "mean", "low", "high", "best"), cells, draw, name)


def chance(share: float, language: Language) -> str:
    """Write a chance in whole per cents, and never as nothing or certain: ``< 1 %``."""
    whole = round(100.0 * share)
    sign = "< " if whole < 1 else "> " if whole > 99 else ""
    return f"{sign}{decimal(min(max(whole, 1), 99), language)} %".replace(" ", HARD_SPACE)


def _numbers(row: RankingRow, digits: int, language: Language) -> str:
    return f"{decimal(row.mean, language, digits)} ({span(row.low, row.high, language, digits=digits)})"


def _draw(rows: Sequence[RankingRow], layout: Layout, unit: str, digits: int, words: Words) -> Drawing:
    known = any(row.best is not None for row in rows)
    narrow, width = layout == "narrow", WIDTH[layout]
    head = HEAD if known and not narrow else 6.0
    foot = FOOT + (LINE if known and narrow else 0.0)
    height = head + foot + ROW[layout] * len(rows)
    figure = blank(width, height)
    margin = 18.0 + 6.0 * digits
    left, right = (margin, margin) if narrow else (190.0, 150.0 + (BAR + BESIDE + 14.0 if known else 0.0))
    axes = figure.add_axes(
        (left / width, foot / height, 1.0 - (left + right) / width, 1.0 - (foot + head) / height)
    )
    plain(axes, values=False)
    low, high = min(row.low for row in rows), max(row.high for row in rows)
    pad = 0.06 * max(high - low, 1e-9)
    axes.set_xlim(low - pad, high + pad)
    axes.set_ylim(foot, height - head)
    column = width - BAR - BESIDE
    if known and not narrow:
        write(figure, column, height - 14.0, words.plain("ranking.best"), weight="bold")
    y = height - head
    for row in rows:
        y -= ROW[layout]
        middle = y + (18.0 if narrow else ROW[layout] / 2)
        at, va = (y + ROW[layout] - 15.0, "baseline") if narrow else (middle, "center")
        write(
            figure,
            0.0,
            at,
            _label(row, words.language) if narrow else row.label,
            va=va,
            weight="bold" if row.reference else "normal",
        )
        numbers = _numbers(row, digits, words.language)
        end = width if narrow or not known else column - 16.0
        write(figure, end, at, numbers, ha="right", va=va)
        _mean(axes, middle, row)
        if row.best is not None and not narrow:
            _best(figure, column, middle, row.best, words.language)
    number_axis(axes.xaxis, words.language, digits)
    write(figure, width if narrow else width - right, foot - 38.0, unit, tone="grey", ha="right")
    if known and narrow:
        write(figure, 0.0, 10.0, f"(%): {words.plain('ranking.best-short')}", tone="grey")
    return figure


def _label(row: RankingRow, language: Language) -> str:
    """Name an arm on a phone, with its chance to be the best: there is no room for a bar."""
    return row.label if row.best is None else f"{row.label} ({chance(row.best, language)})"


def _mean(axes: Any, y: float, row: RankingRow) -> None:
    """Draw a mean with its interval; the reference by another shape."""
    colour = COLOURS["grey" if row.reference else "blue"]
    axes.plot([row.low, row.high], [y, y], color=colour, linewidth=2.0, zorder=2)
    axes.plot([row.low, row.high], [y, y], "|", color=colour, markersize=9.0, zorder=3)
    axes.plot([row.mean], [y], "s" if row.reference else "o", color=colour, markersize=8.0, zorder=4)


def _best(figure: Drawing, x: float, y: float, share: float, language: Language) -> None:
    width, height = figure.get_size_inches() * 72.0
    bar = figure.add_axes((x / width, (y - 6.0) / height, BAR / width, 12.0 / height))
    bar.set_axis_off()
    bar.set_xlim(0.0, 1.0)
    bar.set_ylim(0.0, 1.0)
    bar.barh([0.5], [1.0], height=1.0, color=COLOURS["line"], alpha=0.5)
    bar.barh([0.5], [share], height=1.0, color=COLOURS["orange"])
    write(figure, x + BAR + 8.0, y, chance(share, language), va="center")
