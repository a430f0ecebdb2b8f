"""Arms of one question in their order over all municipalities: joint means, as far as they may be shown."""

from __future__ import annotations

from causalsig.report import effects, views
from causalsig.report.asked import Question
from causalsig.report.ranking_figure import RankingRow, ranking_plot

FEWEST = 3
"""Arms that make an order: of two the difference says it all."""


def section(question: Question) -> views.Section | None:
    """Draw the means of the arms whose difference stands on the page; None for fewer than three."""
    words, spec = question.words, question.spec
    rows = []
    for arm in spec.arms:
        mean = effects.pooled_mean(question.page.pool, spec.question, spec.outcome, spec.estimand, arm)
        reference = arm == spec.reference
        if mean is None or not (reference or question.found(arm, spec.reference)):
            continue
        shown = effects.show_mean(mean)
        rows.append(RankingRow(words.arm(arm), shown.estimate, shown.low, shown.high, reference=reference))
    if spec.caution or len(rows) < FEWEST:
        return None
    caption = words("arms.caption", months=question.months)
    figure = ranking_plot(
        rows,
        title=str(caption.unescape()),
        description=words.plain("ranking.reading"),
        unit=words.plain("arms.unit"),
        name=f"ranking-{question.slug}",
        language=words.language,
    )
    ordered = sorted(rows, key=lambda row: (row.mean, row.label))
    cells = tuple(
        (row.label, words.level(effects.Shown(row.mean, row.low, row.high, 0.0))) for row in ordered
    )
    columns = (words("arms.column-arm"), words("arms.column-mean"))
    return views.Section(
        f"ranking-{question.slug}",
        words("ranking.title"),
        figure=views.on_page(figure, (words("ranking.reading"),)),
        tables=(views.Table(caption, columns, cells),),
    )
