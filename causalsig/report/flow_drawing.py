"""The cohort's flow as a figure: a box a rule, with the households left, and below it the arms.

Boxes and arrows need no axes, so the SVG is written out: the same bytes for the same flow.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias
from xml.sax.saxutils import escape

from causalsig.errors import ReportError
from causalsig.report.figures import COLOURS, FONT, WIDTH, Layout
from causalsig.report.flow import FlowArm, FlowStep, QuestionFlow
from causalsig.report.flow_words import range_words, releases_words, rule_words
from causalsig.report.words import Words

SIZE: Final = 13.0
LETTER: Final = 6.7
"""Mean width of a letter at `SIZE`, on the wide side: a line that is wrapped too early only costs height."""
LINE: Final = 18.0
PAD: Final = 10.0
ARROW: Final = 20.0
COLUMN: Final = 470.0
GAP: Final = 10.0
PAPER: Final = "#ffffff"
Line: TypeAlias = tuple[str, bool]
"""Words, and whether they are bold."""


@dataclass(slots=True)
class _Drawing:
    """Parts of an SVG, and how far down they reach."""

    width: float
    y: float = 1.0
    parts: list[str] = field(default_factory=list)

    def box(
        self, x: float, width: float, lines: Sequence[tuple[str, bool]], height: float, tone: str
    ) -> None:
        """Draw a box at the present height with centred lines, bold where asked."""
        dashes = ' stroke-dasharray="5 3"' if tone == "orange" else ""
        self.parts.append(
            f'<rect x="{x:.1f}" y="{self.y:.1f}" width="{width:.1f}" height="{height:.1f}" rx="6" '
            f'style="{_colour("fill", "paper", PAPER)};{_tone("stroke", tone)}" stroke-width="1.4"{dashes}/>'
        )
        top = self.y + (height - LINE * len(lines)) / 2 + 13.5
        for number, (line, bold) in enumerate(lines):
            weight = ' font-weight="700"' if bold else ""
            self.parts.append(
                f'<text x="{x + width / 2:.1f}" y="{top + LINE * number:.1f}" text-anchor="middle"{weight} '
                f'style="{_tone("fill", "ink")}">{escape(line)}</text>'
            )

    def arrow(self, x: float, top: float, bottom: float) -> None:
        """Draw an arrow straight down."""
        self.parts.append(
            f'<path d="M{x:.1f} {top:.1f}V{bottom - 6:.1f}" style="{_tone("stroke", "grey")}" '
            f'stroke-width="1.4" fill="none"/><path d="M{x:.1f} {bottom:.1f}l-4 -7h8z" '
            f'style="{_tone("fill", "grey")}"/>'
        )


def _colour(what: str, name: str, colour: str) -> str:
    """Say a colour twice: as it is printed, and as the page's own where that is known."""
    return f"{what}:{colour};{what}:var(--{name},{colour})"


def _tone(what: str, tone: str) -> str:
    return _colour(what, tone, COLOURS[tone])


def flow_figure(flow: QuestionFlow, words: Words, *, name: str, layout: Layout = "wide") -> str:
    """Draw the flow of one question.

    Parameters
    ----------
    flow : QuestionFlow
        With at least one step.
    words : Words
        Of the room "flow".
    name : str
        Letters, digits and hyphens; makes the ids of the SVG unique on a page.
    layout : {"wide", "narrow"}
        For a laptop's column, or a phone.

    Returns
    -------
    str
        An ``<svg>`` element with title and description, the same bytes for the same arguments.

    Raises
    ------
    ReportError
        ``report-figure-empty`` when there is no step.
    """
    if not flow.steps:
        raise ReportError(
            "report-figure-empty",
            expected="at least one rule to draw",
            found="none",
            mend="Leave the figure out when there is nothing to show.",
        )
    drawing = _Drawing(WIDTH[layout])
    for number, step in enumerate(flow.steps):
        if number:
            drawing.arrow(drawing.width / 2, drawing.y, drawing.y + ARROW)
            drawing.y += ARROW
        _draw_step(drawing, flow, step, words)
    if flow.arms:
        _draw_arms(drawing, flow, words, 2 if layout == "narrow" else len(flow.arms))
    for code, releases in flow.absent.items():
        _draw_absent(drawing, code, releases, flow, words)
    return _svg(drawing, name, words, flow)


def _draw_step(drawing: _Drawing, flow: QuestionFlow, step: FlowStep, words: Words) -> None:
    width = min(COLUMN, drawing.width - 2.0)
    said = [(line, False) for line in _wrap(rule_words(flow.question, step.rule, words), width)]
    lines = [*said, (range_words(step.left, words), True), *_fewer(flow, step, words, width)]
    height = LINE * len(lines) + 2 * PAD
    drawing.box((drawing.width - width) / 2, width, lines, height, "blue")
    drawing.y += height


def _fewer(flow: QuestionFlow, step: FlowStep | FlowArm, words: Words, width: float) -> list[Line]:
    """Say of how many releases a number is, where not of all."""
    if step.sites == flow.releases:
        return []
    return [(line, False) for line in _wrap(releases_words(step.sites, words), width)]


def _draw_arms(drawing: _Drawing, flow: QuestionFlow, words: Words, columns: int) -> None:
    rows = [flow.arms[at : at + columns] for at in range(0, len(flow.arms), columns)]
    for number, row in enumerate(rows):
        width = (drawing.width - 2.0 - GAP * (len(row) - 1)) / len(row)
        boxes = []
        for arm in row:
            lines = [(line, False) for line in _wrap(words.arm(arm.arm), width)]
            lines += [(line, True) for line in _wrap(range_words(arm.households, words, short=True), width)]
            boxes.append([*lines, *_fewer(flow, arm, words, width)])
        height = LINE * max(map(len, boxes)) + 2 * PAD
        begin, drawing.y = drawing.y, drawing.y + (ARROW + 8.0 if number == 0 else GAP)
        for place, lines in enumerate(boxes):
            x = 1.0 + place * (width + GAP)
            if number == 0:
                drawing.arrow(x + width / 2, begin + 8.0, drawing.y)
            drawing.box(x, width, lines, height, "grey")
        if number == 0:
            _branch(drawing, begin, [1.0 + at * (width + GAP) + width / 2 for at in range(len(row))])
        drawing.y += height


def _branch(drawing: _Drawing, top: float, ends: list[float]) -> None:
    """Draw the line from the last box to the arrows of the arms."""
    drawing.parts.append(
        f'<path d="M{drawing.width / 2:.1f} {top:.1f}V{top + 8:.1f}M{min(ends):.1f} {top + 8:.1f}'
        f'H{max(ends):.1f}" style="{_tone("stroke", "grey")}" stroke-width="1.4" fill="none"/>'
    )


def _draw_absent(drawing: _Drawing, code: str, releases: int, flow: QuestionFlow, words: Words) -> None:
    width = min(COLUMN, drawing.width - 2.0)
    said = [(line, False) for line in _wrap(str(Words(words.language).reason(code)), width)]
    lines = [(line, True) for line in _wrap(words.plain("figure.absent", count=releases), width)]
    if flow.releases == 1:
        lines = [(words.plain("figure.absent-one"), True)]
    drawing.y += 14.0
    height = LINE * (len(lines) + len(said)) + 2 * PAD
    drawing.box((drawing.width - width) / 2, width, [*lines, *said], height, "orange")
    drawing.y += height


def _wrap(text: str, width: float) -> list[str]:
    return textwrap.wrap(text, max(int((width - 2 * PAD) / LETTER), 8)) or [""]


def _svg(drawing: _Drawing, name: str, words: Words, flow: QuestionFlow) -> str:
    title = words.plain(
        "figure.title", question=Words(words.language).plain(f"question.{flow.question}.title")
    )
    told = (
        f'<title id="{name}-title">{escape(title)}</title>'
        f'<desc id="{name}-desc">{escape(words.plain("figure.description"))}</desc>'
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {drawing.width:.0f} {drawing.y + 1:.0f}" '
        f'role="img" aria-labelledby="{name}-title {name}-desc" font-family="{escape(FONT)}" '
        f'font-size="{SIZE:.0f}">{told}{"".join(drawing.parts)}</svg>'
    )
