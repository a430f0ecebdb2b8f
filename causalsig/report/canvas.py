"""One style for every figure, and how a drawn figure becomes SVG, PNG and PDF: the same bytes each time.

Colours become CSS variables in an SVG with the printed colour as fallback, so that a dark page darkens its
figures and a saved file still looks right on its own.
"""

from __future__ import annotations

import io
import re
import textwrap
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Literal
from xml.sax.saxutils import escape

from causalsig.report.numbers import Language, decimal
from causalsig.report.svg_slim import slim

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Layout = Literal["narrow", "wide"]
Tone = Literal["blue", "orange", "grey"]

COLOURS = {
    "blue": "#00639a",
    "orange": "#b35900",
    "grey": "#5f6b76",
    "ink": "#1b1f24",
    "line": "#c9d1d8",
    "paper": "#ffffff",
}
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
WIDTH = {"narrow": 328.0, "wide": 720.0}
"""In CSS pixels: what is left of a 360-pixel screen, and the column of a laptop."""
POINTS = 72.0
SIZE = 13.0
LETTERS = {"narrow": 44, "wide": 96}
"""Letters of a heading that fit on a line."""
LINE = 17.0
MARGIN = 12.0
"""Around a figure that stands alone."""
_HEADING = 15.0


def alike(salt: str = "") -> AbstractContextManager[object]:
    """Draw as on every other machine, whatever its settings of matplotlib; ``salt`` is for ids in an SVG.

    DejaVu comes with matplotlib: another font would make the bytes those of the machine.
    """
    import matplotlib

    settings: Any = matplotlib.rcParamsDefault | {
        "font.family": "DejaVu Sans",
        "svg.fonttype": "none",
        "svg.hashsalt": salt,
        "pdf.fonttype": 42,
    }
    settings.pop("backend", None)
    return matplotlib.rc_context(settings)


def blank(width: float, height: float) -> Figure:
    """Make a figure of this many CSS pixels, without a background of its own."""
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width / POINTS, height / POINTS), dpi=POINTS)
    FigureCanvasSVG(figure)
    figure.patch.set_visible(False)
    return figure


def plain(axes: Any, *, values: bool = True) -> None:
    """Leave of the frame the line below only; without ``values`` the vertical axis is not there."""
    axes.patch.set_visible(False)
    for side in ("left", "right", "top"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(COLOURS["grey"])
    axes.tick_params(length=4, color=COLOURS["grey"], labelcolor=COLOURS["grey"], labelsize=SIZE - 1)
    axes.yaxis.set_visible(values)


def number_axis(axis: Any, language: Language, digits: int = 0, *, signed: bool = False) -> None:
    """Name a few round numbers on one axis, as the language writes them."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    axis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 2.5, 5, 10], integer=digits == 0))
    axis.set_major_formatter(FuncFormatter(lambda value, _: decimal(value, language, digits, signed=signed)))


def write(
    figure: Figure,
    x: float,
    y: float,
    words: str,
    *,
    tone: str = "ink",
    ha: str = "left",
    va: str = "baseline",
    weight: str = "normal",
    size: float = SIZE,
) -> None:
    """Write words, if any, at a place in CSS pixels from the lower left corner."""
    if not words:
        return
    width, height = figure.get_size_inches() * POINTS
    # Labels come from outside: a dollar sign in a name must not start mathematics.
    figure.text(
        x / width,
        y / height,
        words,
        color=COLOURS[tone],
        ha=ha,
        va=va,
        fontsize=size,
        fontweight=weight,
        parse_math=False,
    )


def stand_alone(figure: Figure, title: str, layout: Layout) -> Figure:
    """Put the title above a figure, a margin around it and paper behind it."""
    width, height = figure.get_size_inches() * POINTS
    lines = textwrap.wrap(title, LETTERS[layout] - 8) if title else []
    above = MARGIN + (_HEADING + 6.0) * len(lines)
    new_width, new_height = width + 2 * MARGIN, height + MARGIN + above
    across, down = width / new_width, height / new_height
    left, bottom = MARGIN / new_width, MARGIN / new_height
    figure.set_size_inches(new_width / POINTS, new_height / POINTS)
    for axes in figure.axes:
        box = axes.get_position()
        axes.set_position(
            (left + across * box.x0, bottom + down * box.y0, across * box.width, down * box.height)
        )
    for text in figure.texts:
        x, y = text.get_position()
        text.set_position((left + across * x, bottom + down * y))
    for number, line in enumerate(lines):
        top = new_height - MARGIN - _HEADING - (_HEADING + 6.0) * number
        write(figure, MARGIN, top, line, weight="bold", size=_HEADING)
    figure.patch.set_visible(True)
    figure.patch.set_facecolor(COLOURS["paper"])
    return figure


def as_svg(figure: Figure, name: str, title: str, description: str) -> str:
    """Write a figure as an ``<svg>`` element: its own ids, the page's colours and font."""
    buffer = io.StringIO()
    with alike(name):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>\s*", "", text, flags=re.DOTALL)
    text = _with_own_ids(slim(text), name)
    for tone, colour in COLOURS.items():
        text = text.replace(colour, f"var(--{tone}, {colour})")
    # Said once, on the figure itself: a long list of fonts on every word makes a page much larger.
    text = re.sub(r"font-family: [^;\"]*;? ?", "", text)
    # A style element inside an inline figure would hold for the whole page.
    text = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>\s*", "", text, count=1, flags=re.DOTALL)
    head = (
        f'<title id="{name}-title">{escape(title)}</title><desc id="{name}-desc">{escape(description)}</desc>'
    )
    opening = re.compile(r"<svg ([^>]*)>")
    size = re.compile(r'(width|height)="[^"]*" ?')

    def reopen(match: re.Match[str]) -> str:
        kept = size.sub("", match.group(1)).strip()
        label = f'role="img" aria-labelledby="{name}-title {name}-desc"'
        return f'<svg {kept} {label} style="font-family: {FONT}">{head}'

    return opening.sub(reopen, text, count=1).strip()


def as_png(figure: Figure, title: str, description: str, scale: float) -> bytes:
    """Write a figure as PNG, ``scale`` dots a CSS pixel."""
    kept = {"Title": title, "Description": description, "Software": None}
    return _bytes(figure, "png", kept, POINTS * scale)


def as_pdf(figure: Figure, title: str, description: str) -> bytes:
    """Write a figure as PDF with its fonts in it, and no date."""
    kept = {"Title": title, "Subject": description, "CreationDate": None, "Creator": None, "Producer": None}
    return _bytes(figure, "pdf", kept, POINTS)


def _bytes(figure: Figure, kind: str, kept: dict[str, str | None], dpi: float) -> bytes:
    buffer = io.BytesIO()
    with alike():
        figure.savefig(buffer, format=kind, metadata=kept, dpi=dpi)
    return buffer.getvalue()


def _with_own_ids(text: str, name: str) -> str:
    """Put the figure's name before every id: two figures on one page share none."""
    text = re.sub(r'\bid="([^"]+)"', rf'id="{name}-\1"', text)
    text = re.sub(r'href="#([^"]+)"', rf'href="#{name}-\1"', text)
    return re.sub(r"url\(#([^)]+)\)", rf"url(#{name}-\1)", text)
