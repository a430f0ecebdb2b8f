"""Power against the true effect, drawn: a curve a question, and the simulated design on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from causalsig.execution.power import QuestionPower

COLOURS: Final = ("#00639A", "#B35900", "#5F6B76")
MARKERS: Final = ("o", "s", "^")
INK: Final = "#1B1F24"
USUAL: Final = 0.8


def power_figure(
    curves: Mapping[str, Sequence[tuple[float, float]]],
    approximate: Sequence[QuestionPower],
    simulated: Sequence[QuestionPower],
) -> bytes:
    """Draw power curves as SVG, the same bytes for the same figures.

    Parameters
    ----------
    curves : mapping of question to sequence of (effect, power)
    approximate : sequence of QuestionPower
        The assumed effect of each question is marked on its curve.
    simulated : sequence of QuestionPower
        Drawn above the assumed effect with the exact 95 % interval of the share; none: left out.
    """
    import matplotlib
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.0, 4.2), layout="constrained")
    axes = figure.add_subplot()
    by_question = {found.question: found for found in simulated}
    for at, found in enumerate(approximate):
        colour, marker = COLOURS[at % 3], MARKERS[at % 3]
        points = sorted(curves.get(found.question, ()))
        if found.effect is None or not points:
            continue
        name = f"{found.question}: {found.arm} against {found.reference}"
        axes.plot([100 * x for x, _ in points], [100 * y for _, y in points], color=colour, label=name)
        axes.plot([100 * found.effect], [100 * found.power], marker=marker, color=colour, markerfacecolor="w")
        if found.question in by_question:
            _bar(axes, found.effect, by_question[found.question], colour, marker)
    axes.axhline(100 * USUAL, color=INK, linewidth=0.6, linestyle=":")
    axes.set(ylim=(0, 102), xlabel="True difference of risks, percentage points")
    axes.set_ylabel("Chance that the pooled interval leaves out zero, %")
    if axes.get_legend_handles_labels()[0]:
        axes.legend(frameon=False, fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "power"}):
        stream = BytesIO()
        figure.savefig(stream, format="svg", metadata={"Date": None, "Creator": None})
    return stream.getvalue()


def _bar(axes: Any, effect: float, found: QuestionPower, colour: str, marker: str) -> None:
    low, high = exact_interval(round(found.power * found.replications), found.replications)
    error = [[100 * (found.power - low)], [100 * (high - found.power)]]
    axes.errorbar(
        [100 * effect], [100 * found.power], yerr=error, color=colour, marker=marker, capsize=3, linewidth=1.2
    )


def exact_interval(hits: int, trials: int, level: float = 0.95) -> tuple[float, float]:
    """Clopper-Pearson interval of a share (Clopper & Pearson 1934, doi:10.1093/biomet/26.4.404)."""
    from scipy.stats import beta

    tail = (1.0 - level) / 2.0
    low = float(beta.ppf(tail, hits, trials - hits + 1)) if hits > 0 else 0.0
    high = float(beta.isf(tail, hits + 1, trials - hits)) if hits < trials else 1.0
    return low, high
