"""How strong a hidden cause must be, in words: for one municipality, and for municipalities together."""

from __future__ import annotations

from math import floor, sqrt
from typing import TYPE_CHECKING

from markupsafe import Markup

from causalsig.pooling.robustness import site_robustness
from causalsig.report import views
from causalsig.report.numbers import decimal
from causalsig.report.words import HARD_SPACE, Words

if TYPE_CHECKING:
    from causalsig.diagnosed import RobustnessRow
    from causalsig.records import PoolResult, ReleasedArms
    from causalsig.report.pages import QuestionSpec

Robust = tuple[float, float]
"""Share that takes the estimate away, and share that takes its one-sided interval to zero."""
ESTIMATOR = "doubly_robust"
"""The bound is known of its contrasts; for clones the groups of the landmark stand in."""

LEAST = 0.005
"""Half a per cent, the step of a pool's robustness: below it nothing tells a share from none."""
TINY = 1e-9
"""A pool's shares are whole steps already, but for the last bit."""


def pooled_row(
    pool: PoolResult | None, spec: QuestionSpec, contrast: tuple[str, str]
) -> RobustnessRow | None:
    """Find a pooled contrast's robustness; None when the pool has none."""
    wanted = (spec.question, spec.outcome, spec.robust_estimand, ESTIMATOR, *contrast)
    for row in () if pool is None else pool.robustness:
        if (row.question, row.outcome, row.estimand, row.estimator, row.arm, row.reference) == wanted:
            return row
    return None


def own_robustness(
    blocks: tuple[ReleasedArms, ...], spec: QuestionSpec, level: float = 0.95
) -> Robust | None:
    """Give the robustness of a municipality's primary contrast from what it released; None without it.

    The interval is one-sided at `level`, as in the pool.
    """
    arm, reference = spec.contrast
    wanted = (spec.question, spec.outcome, spec.robust_estimand, ESTIMATOR)
    for block in blocks:
        told = next((one for one in block.sensitivity if one.arm == arm), None)
        same = (block.question, block.outcome, block.estimand, block.estimator) == wanted
        if same and told is not None and block.reference == reference:
            a, b = block.arms.index(arm), block.arms.index(reference)
            v, rounding = block.covariance, block.steps[a] ** 2 + block.steps[b] ** 2
            error = sqrt(v[a][a] + v[b][b] - 2.0 * v[a][b] + rounding / 12.0)
            found = site_robustness(block.means[a] - block.means[b], error, told, level)
            return found.value, found.value_of_interval
    return None


def sentence(words: Words, place: Markup, found: Robust) -> Markup:
    """Say how strong a hidden cause must be in one place, chance aside and chance counted in."""
    if found[0] < LEAST:
        return words("hidden.any", place=place)
    value, end = (percent(words, share) for share in found)
    first = words("hidden.enough", place=place, value=value)
    second = words("hidden.chance-alone") if found[1] < LEAST else words("hidden.with-chance", value=end)
    return Markup(" ").join((first, second))


def section(
    words: Words, spec: QuestionSpec, said: tuple[Markup, ...], *, tables: tuple[views.Table, ...] = ()
) -> views.Section | None:
    """Build the section of one question; None where nothing can be said."""
    if not said and not tables:
        return None
    intro = Markup(" ").join((words("hidden.intro"), words(f"hidden.goes-with.{spec.question}")))
    by_landmark = (words("hidden.landmark"),) if spec.estimator != ESTIMATOR else ()
    return views.Section(
        f"hidden-{spec.question.replace('_', '-')}",
        words(f"hidden.title.{spec.question}"),
        paragraphs=(intro, *said),
        tables=tables,
        after=(words("hidden.reading"), *by_landmark),
    )


def percent(words: Words, share: float) -> str:
    """Write a share in half per cents, rounded down: ``2,5 %``. More digits would say more than is known."""
    steps = floor(share / LEAST + TINY)
    return f"{decimal(100.0 * LEAST * steps, words.language, 1)}{HARD_SPACE}%"
