"""Arms of one question in their order over all municipalities: joint means, as far as they may be shown.

The chance that an arm is the best takes the sites' own blocks: it stands in the statistician's version.
"""

from __future__ import annotations

from dataclasses import replace

from causalsig.report import effects, national_joint, views
from causalsig.report.asked import Question
from causalsig.report.ranking_figure import RankingRow, chance, ranking_plot
from causalsig.report.words import Words

FEWEST = 3
"""Arms that make an order: of two the difference says it all."""


def section(question: Question) -> views.Section | None:
    """Draw the means of the arms whose difference stands on the page; None for fewer than three."""
    words, spec = question.words, question.spec
    rows: dict[str, RankingRow] = {}
    for arm in spec.arms:
        mean = effects.pooled_mean(question.page.pool, spec.question, spec.outcome, spec.estimand, arm)
        reference = arm == spec.reference
        if mean is None or not (reference or question.found(arm, spec.reference)):
            continue
        shown = effects.as_printed(effects.show_mean(mean))
        rows[arm] = RankingRow(words.arm(arm), shown.estimate, shown.low, shown.high, reference=reference)
    if spec.caution or len(rows) < FEWEST:
        return None
    best = national_joint.chances_to_be_best(question)
    known = set(best) == set(rows)  # a chance to be the best of other arms than these would not be one
    if known:
        rows = {arm: replace(row, best=best[arm]) for arm, row in rows.items()}
    reading = (words("ranking.reading"), *((words("ranking.best"),) if known else ()))
    caption = words("arms.caption", months=question.months)
    figure = ranking_plot(
        tuple(rows.values()),
        title=str(caption.unescape()),
        description=words.plain("ranking.reading"),
        unit=words.plain("arms.unit"),
        name=f"ranking-{question.slug}",
        language=words.language,
    )
    ordered = sorted(rows.values(), key=lambda row: (row.mean, row.label))
    columns = (words("arms.column-arm"), words("arms.column-mean"))
    return views.Section(
        f"ranking-{question.slug}",
        words("ranking.title"),
        badge=words("page.unpublished-title") if known else "",
        figure=views.on_page(figure, reading),
        tables=(
            views.Table(
                caption,
                (*columns, words("ranking.column-best")) if known else columns,
                tuple(_cells(words, row) for row in ordered),
            ),
        ),
    )


def _cells(words: Words, row: RankingRow) -> tuple[str, ...]:
    level = words.level(effects.Shown(row.mean, row.low, row.high, 0.0))
    if row.best is None:
        return row.label, level
    return row.label, level, chance(row.best, words.language)
