"""The cohort's flow as a figure: a box a rule, with the households left, and below it the arms."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from causalsig.report.canvas import COLOURS, WIDTH, Layout, blank, write
from causalsig.report.figure import Cell, Figure, something
from causalsig.report.flow import FlowArm, FlowStep, QuestionFlow
from causalsig.report.flow_words import range_words, releases_words, rule_words
from causalsig.report.numbers import Language
from causalsig.report.words import Words

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

LETTER: Final = 6.7
"""Mean width of a letter, on the wide side: a line that is wrapped too early only costs height."""
LINE: Final = 18.0
PAD: Final = 10.0
ARROW: Final = 20.0
COLUMN: Final = 470.0
GAP: Final = 10.0
ROUND: Final = 6.0
Line: TypeAlias = tuple[str, bool]
"""Words, and whether they are bold."""


@dataclass(slots=True)
class _Sketch:
    """Parts of a drawing, and how far down they reach; each part is painted once the height is known."""

    width: float
    y: float = 1.0
    parts: list[Callable[[Drawing, Any, float], None]] = field(default_factory=list)

    def box(self, x: float, width: float, lines: Sequence[Line], height: float, tone: str) -> None:
        """Draw a box at the present height with centred lines, bold where asked."""
        y, number = self.y, len(self.parts)

        def paint(figure: Drawing, axes: Any, whole: float) -> None:
            from matplotlib.patches import FancyBboxPatch

            axes.add_patch(
                FancyBboxPatch(
                    (x, whole - y - height),
                    width,
                    height,
                    boxstyle=f"round,pad=0,rounding_size={ROUND}",
                    facecolor=COLOURS["paper"],
                    edgecolor=COLOURS[tone],
                    linewidth=1.4,
                    linestyle=(0, (4, 2.5)) if tone == "orange" else "solid",
                    gid=f"box-{number}",
                )
            )
            top = y + (height - LINE * len(lines)) / 2 + 13.5
            for at, (line, bold) in enumerate(lines):
                weight = "bold" if bold else "normal"
                write(figure, x + width / 2, whole - top - LINE * at, line, ha="center", weight=weight)

        self.parts.append(paint)

    def line(self, *points: tuple[float, float]) -> None:
        """Draw a line through points."""

        def paint(figure: Drawing, axes: Any, whole: float) -> None:
            across = [x for x, _ in points]
            axes.plot(across, [whole - y for _, y in points], color=COLOURS["grey"], linewidth=1.4)

        self.parts.append(paint)

    def arrow(self, x: float, top: float, bottom: float) -> None:
        """Draw an arrow straight down."""
        self.line((x, top), (x, bottom - 6))

        def paint(figure: Drawing, axes: Any, whole: float) -> None:
            tip = whole - bottom
            axes.fill([x, x - 4, x + 4], [tip, tip + 7, tip + 7], color=COLOURS["grey"], linewidth=0)

        self.parts.append(paint)

    def painted(self) -> Drawing:
        """Paint all parts on a new figure."""
        height = self.y + 1.0
        figure = blank(self.width, height)
        axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
        axes.set_axis_off()
        axes.set_xlim(0.0, self.width)
        axes.set_ylim(0.0, height)
        for paint in self.parts:
            paint(figure, axes, height)
        return figure


def attrition_plot(flow: QuestionFlow, *, name: str = "flow", language: Language = "nl") -> Figure:
    """Draw the flow of one question: who is left after each rule, and in each arm, in bands.

    Parameters
    ----------
    flow : QuestionFlow
        With at least one step.
    name : str
        Letters, digits and hyphens.
    language : {"nl", "en"}

    Raises
    ------
    ReportError
        ``report-figure-empty`` when there is no step.
    """
    something(flow.steps)
    words = Words(language, "flow")

    def draw(layout: Layout) -> Drawing:
        return _draw(flow, words, layout)

    first, last = (range_words(step.left, words) for step in (flow.steps[0], flow.steps[-1]))
    asked = Words(language).plain(f"question.{flow.question}.title")
    return Figure(
        words.plain("figure.title", question=asked),
        Words(language, "figures").plain("attrition.alt", first=first, last=last),
        words.plain("figure.description"),
        ("kind", "code", "low", "high", "sites"),
        (*_cells(flow),),
        draw,
        name,
    )


def _cells(flow: QuestionFlow) -> list[tuple[Cell, ...]]:
    steps: list[tuple[Cell, ...]] = [
        ("rule", step.rule, step.left.low, step.left.high, step.sites) for step in flow.steps
    ]
    steps += [("arm", arm.arm, arm.households.low, arm.households.high, arm.sites) for arm in flow.arms]
    return [*steps, *(("absent", code, None, None, sites) for code, sites in flow.absent.items())]


def _draw(flow: QuestionFlow, words: Words, layout: Layout) -> Drawing:
    sketch = _Sketch(WIDTH[layout])
    for number, step in enumerate(flow.steps):
        if number:
            sketch.arrow(sketch.width / 2, sketch.y, sketch.y + ARROW)
            sketch.y += ARROW
        _draw_step(sketch, flow, step, words)
    if flow.arms:
        _draw_arms(sketch, flow, words, 2 if layout == "narrow" else len(flow.arms))
    for code, releases in flow.absent.items():
        _draw_absent(sketch, code, releases, flow, words)
    return sketch.painted()


def _draw_step(sketch: _Sketch, flow: QuestionFlow, step: FlowStep, words: Words) -> None:
    width = min(COLUMN, sketch.width - 2.0)
    said = [(line, False) for line in _wrap(rule_words(flow.question, step.rule, words), width)]
    lines = [*said, (range_words(step.left, words), True), *_fewer(flow, step, words, width)]
    height = LINE * len(lines) + 2 * PAD
    sketch.box((sketch.width - width) / 2, width, lines, height, "blue")
    sketch.y += height


def _fewer(flow: QuestionFlow, step: FlowStep | FlowArm, words: Words, width: float) -> list[Line]:
    """Say of how many releases a number is, where not of all."""
    if step.sites == flow.releases:
        return []
    return [(line, False) for line in _wrap(releases_words(step.sites, words), width)]


def _draw_arms(sketch: _Sketch, flow: QuestionFlow, words: Words, columns: int) -> None:
    rows = [flow.arms[at : at + columns] for at in range(0, len(flow.arms), columns)]
    for number, row in enumerate(rows):
        width = (sketch.width - 2.0 - GAP * (len(row) - 1)) / len(row)
        boxes = []
        for arm in row:
            lines = [(line, False) for line in _wrap(words.arm(arm.arm), width)]
            lines += [(line, True) for line in _wrap(range_words(arm.households, words, short=True), width)]
            boxes.append([*lines, *_fewer(flow, arm, words, width)])
        height = LINE * max(map(len, boxes)) + 2 * PAD
        begin, sketch.y = sketch.y, sketch.y + (ARROW + 8.0 if number == 0 else GAP)
        for place, lines in enumerate(boxes):
            x = 1.0 + place * (width + GAP)
            if number == 0:
                sketch.arrow(x + width / 2, begin + 8.0, sketch.y)
            sketch.box(x, width, lines, height, "grey")
        if number == 0:
            _branch(sketch, begin, [1.0 + at * (width + GAP) + width / 2 for at in range(len(row))])
        sketch.y += height


def _branch(sketch: _Sketch, top: float, ends: list[float]) -> None:
    """Draw the line from the last box to the arrows of the arms."""
    middle, bar = sketch.width / 2, top + 8.0
    sketch.line((middle, top), (middle, bar))
    sketch.line((min(ends), bar), (max(ends), bar))


def _draw_absent(sketch: _Sketch, code: str, releases: int, flow: QuestionFlow, words: Words) -> None:
    width = min(COLUMN, sketch.width - 2.0)
    said = [(line, False) for line in _wrap(str(Words(words.language).reason(code)), width)]
    lines = [(line, True) for line in _wrap(words.plain("figure.absent", count=releases), width)]
    if flow.releases == 1:
        lines = [(words.plain("figure.absent-one"), True)]
    sketch.y += 14.0
    height = LINE * (len(lines) + len(said)) + 2 * PAD
    sketch.box((sketch.width - width) / 2, width, [*lines, *said], height, "orange")
    sketch.y += height


def _wrap(text: str, width: float) -> list[str]:
    return textwrap.wrap(text, max(int((width - 2 * PAD) / LETTER), 8)) or [""]
