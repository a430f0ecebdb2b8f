"""Overlap of groups: how the chance of a handling is spread in each, from counted bins, mirrored for two."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from causalsig.errors import ReportError
from causalsig.report.canvas import COLOURS, WIDTH, Layout, Tone, blank, number_axis, plain, write
from causalsig.report.figure import Figure, something
from causalsig.report.numbers import Language, decimal
from causalsig.report.words import Words

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

FLOOR = 10
"""Households in a drawn bin: what a cell that may be shown must hold."""
PANEL, LABEL, FOOT = 76.0, 24.0, 56.0
TONES: tuple[Tone, ...] = ("blue", "orange", "grey")


@dataclass(frozen=True, slots=True)
class OverlapGroup:
    """One group: households in each bin, (B,), in the order of the bins."""

    label: str
    households: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Bars:
    label: str
    edges: tuple[float, ...]
    density: tuple[float, ...]
    shares: tuple[float, ...]


def overlap_plot(
    edges: Sequence[float],
    groups: Sequence[OverlapGroup],
    *,
    title: str,
    description: str = "",
    score: str = "",
    name: str = "overlap",
    language: Language = "nl",
) -> Figure:
    """Draw how a score is spread in each group: two groups face each other, more stand below one another.

    Neighbouring bins of fewer than 10 households are drawn as one. Heights are shares of a group, so that a
    small group shows as well as a large one; no count is drawn, but shares are as close as the counts were:
    the figure may go where the counts may.

    Parameters
    ----------
    edges : sequence of float, (B + 1,), ascending
    groups : sequence of OverlapGroup
    title : str
    description : str
        How to read it; default: a sentence on where groups have no counterpart.
    score : str
        Name of the axis; default: the chance of the handling.
    name : str
        Letters, digits and hyphens.
    language : {"nl", "en"}

    Raises
    ------
    ReportError
        ``report-figure-empty`` without groups, ``report-figure-bins`` when a group has not one count a bin
        or fewer than 10 households.
    """
    something(groups)
    words = Words(language, "figures")
    drawn = [_bars(tuple(edges), group) for group in groups]
    axis = score or words.plain("overlap.axis")

    def draw(layout: Layout) -> Drawing:
        return _draw(drawn, layout, (edges[0], edges[-1]), axis, language)

    said = description or words.plain("overlap.reading")
    ranges = "; ".join(f"{one.label} {_reach(one, language)}" for one in drawn)
    alt = words.plain("overlap.alt", groups=len(drawn), ranges=ranges)
    cells = tuple(
        (one.label, low, high, round(share, 2))
        for one in drawn
        for (low, high), share in zip(pairwise(one.edges), one.shares, strict=True)
    )
    return Figure(title, alt, said, ("group", "from", "to", "share"), cells, draw, name)


def _reach(one: _Bars, language: Language) -> str:
    filled = [at for at, share in enumerate(one.shares) if share > 0.0]
    ends = (one.edges[filled[0]], one.edges[filled[-1] + 1])
    return "\u2013".join(decimal(end, language, 2) for end in ends)


def _bars(edges: tuple[float, ...], group: OverlapGroup) -> _Bars:
    """Join neighbouring bins until each holds the floor, or nobody at either end."""
    counts, total = group.households, sum(group.households)
    if len(counts) != len(edges) - 1 or list(edges) != sorted(set(edges)) or total < FLOOR:
        raise ReportError(
            "report-figure-bins",
            expected="ascending edges, a count for each bin, and ten households or more in a group",
            found="something else",
            mend="Give one edge more than there are counts, and leave out groups that are too small to show.",
        )
    cuts, held = [edges[0]], [0]
    for high, count in zip(edges[1:], counts, strict=True):
        held[-1] += count
        cuts = [*cuts, high] if held[-1] == 0 or held[-1] >= FLOOR else cuts
        if cuts[-1] == high:
            held.append(0)
    if cuts[-1] != edges[-1]:  # too few at the end: they join the last bin that anybody is in
        last = max(at for at, count in enumerate(held[:-1]) if count > 0)
        cuts, held = [*cuts[: last + 1], edges[-1]], [*held[:last], sum(held[last:]), 0]
    shares = tuple(count / total for count in held[:-1])
    widths = [high - low for low, high in pairwise(cuts)]
    return _Bars(group.label, tuple(cuts), tuple(s / w for s, w in zip(shares, widths, strict=True)), shares)


def _draw(
    drawn: Sequence[_Bars], layout: Layout, ends: tuple[float, float], axis: str, language: Language
) -> Drawing:
    mirrored, tallest = len(drawn) == 2, max(max(one.density) for one in drawn)
    label = 0.0 if mirrored else LABEL
    width, height = WIDTH[layout], FOOT + (PANEL + label) * len(drawn) + (2 * LABEL if mirrored else 0.0)
    figure = blank(width, height)
    across = (18.0 / width, 1.0 - 36.0 / width)
    base = FOOT + (LABEL if mirrored else 0.0)
    for at, one in enumerate(drawn):
        bottom = base + (PANEL + label) * (len(drawn) - 1 - at)
        axes = figure.add_axes((across[0], bottom / height, across[1], PANEL / height))
        plain(axes, values=False)
        axes.set_xlim(*ends)
        below = mirrored and at == 1
        axes.set_ylim(*((1.06 * tallest, 0.0) if below else (0.0, 1.06 * tallest)))
        axes.spines["bottom"].set_visible(not mirrored)
        if mirrored and at == 0:
            axes.axhline(0.0, color=COLOURS["grey"], linewidth=1.6, zorder=5)
        _fill(axes, one, TONES[at % len(TONES)], hatched=at % 2 == 1)
        _scale(axes, language, shown=at == len(drawn) - 1, pad=LABEL if below else 4.0)
        place = bottom - 16.0 if below else bottom + PANEL + 6.0
        write(figure, 0.0, place, one.label, tone=TONES[at % len(TONES)], weight="bold")
    write(figure, width, 16.0, axis, tone="grey", ha="right")
    return figure


def _fill(axes: Any, one: _Bars, tone: Tone, *, hatched: bool) -> None:
    """Draw the outline of the bars on a wash; every second group is hatched too."""
    axes.stairs(one.density, one.edges, color=COLOURS[tone], fill=True, alpha=0.25, linewidth=0)
    hatch = "////" if hatched else None
    axes.stairs(
        one.density, one.edges, edgecolor=COLOURS[tone], linewidth=1.6, hatch=hatch, fill=False, zorder=3
    )


def _scale(axes: Any, language: Language, *, shown: bool, pad: float) -> None:
    number_axis(axes.xaxis, language, 2)
    axes.tick_params(axis="x", labelbottom=shown, length=4 if shown and pad < LABEL else 0, pad=pad)
