"""A causal graph drawn for one question: what is held, what nobody records, which paths stay open."""

from __future__ import annotations

import re
import textwrap
from io import StringIO
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final
from xml.sax.saxutils import escape

from causalsig.study.graph_layout import Layout, Point, layered_layout
from causalsig.texts import text

if TYPE_CHECKING:
    from causalsig.study.graph import CausalGraph
    from causalsig.study.graph_findings import Identification

BLUE, ORANGE, GREY, INK, PALE, LIGHT = "#00639A", "#B35900", "#5F6B76", "#1B1F24", "#B4BEC7", "#E3F0F8"
FONT: Final = "system-ui, -apple-system, Roboto, Arial, sans-serif"
POINTS: Final = 72.0
SIZE: Final = 11.0
LETTER: Final = 6.2
LINE: Final = 14.0
ROW: Final = 92.0
MARGIN: Final = 18.0
WRAP: Final = 17
STYLES: Final = ("end", "held", "free", "hidden")


def graph_figure(graph: CausalGraph, found: Identification, language: str = "en") -> bytes:
    """Draw the graph as SVG for one question, the same bytes for the same graph.

    Held nodes have a double border, those that nobody records a dashed one. Arrows of the effect are thick
    and blue, those of the open paths that were listed orange and dashed, the others pale.
    """
    import matplotlib
    from matplotlib.figure import Figure

    labels = {name: textwrap.wrap(graph.label(name, language), WRAP) for name in graph.nodes}
    widths = {name: LETTER * max(map(len, lines)) + 24.0 for name, lines in labels.items()}
    layout = layered_layout(graph.dag, widths, ROW)
    words = _legend_words(found, language)
    keys = _legend_places(words, layout.width)
    width = layout.width + 2 * MARGIN
    top, foot = 30.0, 58.0 + 20.0 * (1 + max(line for _, line in keys.values()))
    height = layout.height + top + foot
    figure = Figure(figsize=(width / POINTS, height / POINTS), dpi=POINTS)
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    axes.set_xlim(-MARGIN, width - MARGIN)
    axes.set_ylim(layout.height + foot, -top)
    axes.set_axis_off()
    _draw_arrows(axes, graph, found, layout, labels)
    for name, (x, y) in layout.nodes.items():
        _draw_node(axes, x, y, widths[name], labels[name], _style(graph, found, name))
    _draw_legend(axes, words, keys, layout.height + 56.0)
    buffer = StringIO()
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": found.question}):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    title = text(
        "graph.heading",
        language,
        question=text(f"graph.question.{found.question}", language),
        exposure=graph.label(found.exposure, language),
        outcome=graph.label(found.outcome, language),
    )
    drawn = re.sub(r"'DejaVu Sans'[^;\"]*", FONT, buffer.getvalue())
    return re.sub(r"(<svg [^>]*>)", rf"\1<title>{escape(title)}</title>", drawn, count=1).encode()


def _style(graph: CausalGraph, found: Identification, name: str) -> str:
    if name in (found.exposure, found.outcome):
        return "end"
    if name in found.adjustment:
        return "held"
    return "hidden" if graph.recorded(name) == "never" else "free"


def _half(lines: list[str]) -> float:
    return LINE * len(lines) / 2 + 7.0


def _draw_node(axes: Any, x: float, y: float, width: float, lines: list[str], style: str) -> None:
    from matplotlib.patches import FancyBboxPatch

    half = _half(lines)
    face = {"end": BLUE, "held": LIGHT}.get(style, "white")
    edge = {"end": BLUE, "held": BLUE, "hidden": ORANGE}.get(style, GREY)
    for shrink in (0.0, 3.0) if style == "held" else (0.0,):
        axes.add_patch(
            FancyBboxPatch(
                (x - width / 2 + shrink, y - half + shrink),
                width - 2 * shrink,
                2 * (half - shrink),
                boxstyle="round,pad=0,rounding_size=5",
                facecolor=face,
                edgecolor=edge,
                linewidth=1.2,
                linestyle=(0, (4, 2.5)) if style == "hidden" else "solid",
                zorder=5,
            )
        )
    for number, line in enumerate(lines):
        axes.text(
            x,
            y + LINE * (number - (len(lines) - 1) / 2),
            line,
            ha="center",
            va="center",
            fontsize=SIZE,
            fontweight="bold" if style == "end" else "normal",
            color="white" if style == "end" else INK,
            zorder=6,
            parse_math=False,
        )


def _draw_arrows(
    axes: Any, graph: CausalGraph, found: Identification, layout: Layout, labels: dict[str, list[str]]
) -> None:
    dag = graph.dag
    leads = dag.without([found.exposure]).ancestors([found.outcome])
    effects = dag.descendants([found.exposure])
    doing = {(a, b) for a, b in dag.edges if a in effects and b in effects and b in leads}
    steps = {step for path in found.open_paths for step in pairwise(path.nodes)}
    opened = {(a, b) for a, b in dag.edges if (a, b) in steps or (b, a) in steps}
    kinds = (
        (set(layout.arrows) - doing - opened, PALE, 0.9, "solid", 1),
        (doing, BLUE, 1.9, "solid", 2),
        (opened, ORANGE, 1.9, (0, (4.5, 2.5)), 3),
    )
    for edges, colour, thick, dashes, order in kinds:
        for cause, effect in sorted(edges):
            points = list(layout.arrows[(cause, effect)])
            points[0] = (points[0][0], points[0][1] + _half(labels[cause]))
            points[-1] = (points[-1][0], points[-1][1] - _half(labels[effect]) - 1.0)
            _draw_arrow(axes, points, colour, thick, dashes, order)


def _draw_arrow(axes: Any, points: list[Point], colour: str, thick: float, dashes: Any, order: int) -> None:
    from matplotlib.patches import PathPatch, Polygon
    from matplotlib.path import Path

    vertices, codes = [points[0]], [Path.MOVETO]
    for (x0, y0), (x1, y1) in pairwise(points):
        middle = (y0 + y1) / 2
        vertices += [(x0, middle), (x1, middle), (x1, y1)]
        codes += [Path.CURVE4] * 3
    style = {"edgecolor": colour, "facecolor": "none", "linewidth": thick, "zorder": order}
    axes.add_patch(PathPatch(Path(vertices, codes), linestyle=dashes, **style))
    x, y = points[-1]
    head = [(x, y + 1.0), (x - 4.0, y - 7.0), (x + 4.0, y - 7.0)]
    axes.add_patch(Polygon(head, closed=True, facecolor=colour, edgecolor="none", zorder=order))


def _legend_words(found: Identification, language: str) -> dict[str, str]:
    names = ["held", "free", "hidden", "doing", *(["opened"] if found.open_paths else [])]
    return {name: text(f"graph.legend.{name}", language) for name in names}


def _legend_places(words: dict[str, str], width: float) -> dict[str, tuple[float, int]]:
    """Give each key its place: how far to the right, on which line."""
    places: dict[str, tuple[float, int]] = {}
    x, line = 0.0, 0
    for name, said in words.items():
        long = LETTER * len(said) + 48.0
        if x and x + long > width:
            x, line = 0.0, line + 1
        places[name] = (x, line)
        x += long
    return places


def _draw_legend(axes: Any, words: dict[str, str], keys: dict[str, tuple[float, int]], top: float) -> None:
    for name, said in words.items():
        x, y = keys[name][0], top + 20.0 * keys[name][1]
        if name in STYLES:
            _draw_key(axes, x, y, name)
        else:
            colour, dashes = (BLUE, "solid") if name == "doing" else (ORANGE, (0, (4.5, 2.5)))
            axes.plot([x, x + 22.0], [y, y], color=colour, linewidth=1.9, linestyle=dashes)
        axes.text(x + 28.0, y, said, ha="left", va="center", fontsize=SIZE, color=INK, parse_math=False)


def _draw_key(axes: Any, x: float, y: float, style: str) -> None:
    _draw_node(axes, x + 11.0, y, 22.0, [], style)
