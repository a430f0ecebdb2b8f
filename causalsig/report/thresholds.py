"""What a municipality's own threshold does, on its page; all of them together, on the national one."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from markupsafe import Markup

from causalsig.report import threshold_checks, threshold_moved, views
from causalsig.report import threshold_words as said
from causalsig.report.numbers import decimal, span
from causalsig.report.threshold_figure import curve_plot, threshold_plot
from causalsig.report.threshold_lines import POINTS, plotted, score_at

if TYPE_CHECKING:
    from collections.abc import Sequence

    from causalsig.crossed import ReleasedThreshold
    from causalsig.crossed_pooled import PooledCurve, PooledThresholdRow
    from causalsig.report.pages import MunicipalityPage, NationalPage, OutcomeSpec, OwnThresholds
    from causalsig.report.threshold_lines import PlottedPoints
    from causalsig.report.words import Words

DEFAULT_LEVEL = 0.95


def own_sections(words: Words, page: MunicipalityPage) -> list[views.Section]:
    """Tell of each of a municipality's own thresholds, or why there is no answer; nothing if not asked."""
    if page.thresholds is None:
        return []
    level = page.others.level if page.others is not None else DEFAULT_LEVEL
    pooled = () if page.others is None else page.others.thresholds
    shown = [block for block in page.thresholds.effects if block.primary and block.estimand == "E1"]
    checks = threshold_checks.check_sections(words, page.thresholds.gates)
    if not shown:
        return [_nothing(words, page.thresholds), *checks]
    ratios = [block for block in page.thresholds.effects if block.primary and block.estimand == "E2"]
    sections = []
    for number, block in enumerate(shown, start=1):
        ratio = next(
            (other for other in ratios if other.period == block.period and _same(other, block)), None
        )
        paragraphs = [_compared(words, page.outcomes, block)]
        paragraphs.append(said.difference(words, said.own_effect(block, level), block.kind))
        if ratio is not None:
            paragraphs.append(_handled(words, ratio, level))
        paragraphs.append(_others(words, pooled, block))
        name = "threshold" if number == 1 else f"threshold-{number}"
        sections.append(_section(words, page.outcomes, block, name, tuple(paragraphs), level))
    moved = threshold_moved.own_sections(words, page.outcomes, page.thresholds.moves)
    return [*sections, *moved, *checks]


def national_sections(words: Words, page: NationalPage) -> list[views.Section]:
    """Tell what thresholds do over municipalities; with ``page.thresholds`` also each site's own."""
    all_rows = bool(page.sites)
    rows = [row for row in page.pool.thresholds if row.publishable or all_rows]
    curves = [curve for curve in page.pool.curves if curve.publishable or all_rows]
    if not page.pool.thresholds and not page.thresholds:
        return []
    main = views.Section(
        "threshold",
        words("threshold.national-title"),
        paragraphs=(
            words("threshold.national-about"),
            *(() if rows else (words("threshold.nothing-pooled"),)),
        ),
        tables=_pooled_table(words, page.outcomes, rows, statistician=all_rows),
        after=(words("threshold.local"), *_no_curve(words, page.pool.curves)),
    )
    moved = threshold_moved.national_sections(words, page.outcomes, page.pool.moves, statistician=all_rows)
    return [main, *_curves(words, page, curves), *moved, *_site_sections(words, page)]


def _same(one: ReleasedThreshold, other: ReleasedThreshold) -> bool:
    names = ("outcome", "score", "below", "above", "cutoff")
    return all(getattr(one, name) == getattr(other, name) for name in names)


def _nothing(words: Words, own: OwnThresholds) -> views.Section:
    codes = dict.fromkeys(own.reasons or ("other",))
    return views.Section(
        "threshold",
        words("threshold.title"),
        callout_title=words("status.nothing-title"),
        callout=tuple(dict.fromkeys(words.reason(code) for code in codes)),
        paragraphs=(words("threshold.about"),),
    )


def _compared(words: Words, outcomes: Sequence[OutcomeSpec], block: ReleasedThreshold) -> Markup:
    return words(
        "threshold.compared",
        cutoff=said.cutoff(words, block.score, block.cutoff),
        below=said.handling(words, block.below),
        above=said.handling(words, block.above),
        outcome=said.outcome(words, outcomes, block.outcome),
    )


def _handled(words: Words, ratio: ReleasedThreshold, level: float) -> Markup:
    above = said.handling(words, ratio.above)
    below = said.handling(words, ratio.below)
    found = said.difference(words, said.own_effect(ratio, level), ratio.kind)
    return Markup("{} {}").format(words("threshold.handled", above=above, below=below), found)


def _others(words: Words, pooled: Sequence[PooledThresholdRow], block: ReleasedThreshold) -> Markup:
    row = next((row for row in pooled if row.publishable and said.same_comparison(row, block)), None)
    found = None if row is None else said.pooled_effect(row)
    if row is None or found is None:
        return words("threshold.no-others")
    amount = said.difference(words, found, row.kind)
    return Markup("{} {}").format(words("threshold.others", sites=row.sites), amount)


def _section(
    words: Words,
    outcomes: Sequence[OutcomeSpec],
    block: ReleasedThreshold,
    name: str,
    paragraphs: tuple[Markup, ...],
    level: float,
    title: Markup | str = "",
) -> views.Section:
    at = said.cutoff(words, block.score, block.cutoff)
    after = [
        words("threshold.local"),
        words("threshold.corrected" if block.degree == 1 else "threshold.corrected-bent"),
    ]
    if block.bias_bound is not None:
        after.append(words("threshold.honest"))
    if block.donut:
        after.append(words("threshold.donut"))
    return views.Section(
        name,
        title or words("threshold.title-of", cutoff=at),
        callout_title=words("threshold.low-title") if block.low else "",
        callout=(words("threshold.low"),) if block.low else (),
        paragraphs=(*paragraphs, words("threshold.about")),
        figure=_figure(words, outcomes, block, name, level),
        tables=_points_table(words, outcomes, block, level),
        after=tuple(after),
    )


def _figure(
    words: Words, outcomes: Sequence[OutcomeSpec], block: ReleasedThreshold, name: str, level: float
) -> views.Figure | None:
    if plotted(block, points=POINTS["narrow"], level=level) is None:
        return None
    drawn = threshold_plot(
        block,
        outcome=said.axis(words, outcomes, block.outcome, block.kind),
        level=level,
        name=name,
        language=words.language,
    )
    return views.on_page(drawn, (words("threshold.reading"),))


def _points_table(
    words: Words, outcomes: Sequence[OutcomeSpec], block: ReleasedThreshold, level: float
) -> tuple[views.Table, ...]:
    drawn = plotted(block, points=POINTS["narrow"], level=level)
    if drawn is None:
        return ()
    rows = [
        row
        for side, code in ((drawn.left, block.below), (drawn.right, block.above))
        for row in _point_rows(words, block, side, code)
    ]
    columns = (
        words(f"threshold.score.{block.score}"),
        words("threshold.column-handling"),
        words("threshold.column-mean"),
        words("threshold.column-episodes"),
    )
    caption = words("threshold.points", outcome=said.axis(words, outcomes, block.outcome, block.kind))
    return (views.Table(caption, columns, tuple(rows)),)


def _point_rows(
    words: Words, block: ReleasedThreshold, side: PlottedPoints, code: str
) -> list[tuple[Markup | str, ...]]:
    scale, language = said.scale_of(block.kind), words.language
    write = partial(decimal, language=language)
    return [
        (
            write(score_at(block, float(x))),
            said.handling(words, code),
            f"{write(scale * float(y))} ({span(scale * float(low), scale * float(high), language)})",
            write(float(n)),
        )
        for x, y, low, high, n in zip(
            side.distance, side.mean, side.low, side.high, side.episodes, strict=True
        )
    ]


def _pooled_table(
    words: Words, outcomes: Sequence[OutcomeSpec], rows: Sequence[PooledThresholdRow], *, statistician: bool
) -> tuple[views.Table, ...]:
    told = []
    for row in rows:
        found = said.pooled_effect(row)
        if found is None:
            continue
        compared = words(
            f"threshold.compared-pool.{row.estimand}",
            above=said.handling(words, row.above),
            below=said.handling(words, row.below),
            score=words(f"threshold.score.{row.score}"),
        )
        cells: tuple[Markup | str, ...] = (
            compared,
            said.outcome(words, outcomes, row.outcome, first_in_line=True),
            words.signed(found),
            str(row.sites),
        )
        told.append((*cells, *_for_statistician(words, row)) if statistician else cells)
    if not told:
        return ()
    columns = [
        words("threshold.column-compared"),
        words("outcomes.column-outcome"),
        words("threshold.column-difference"),
        words("arms.column-sites"),
    ]
    if statistician:
        columns += [words(f"threshold.column-{name}") for name in ("mixture", "prediction", "bias")]
    return (views.Table(words("threshold.pooled-caption"), tuple(columns), tuple(told)),)


def _for_statistician(words: Words, row: PooledThresholdRow) -> tuple[Markup | str, ...]:
    scale = said.scale_of(row.kind)

    def interval(low: float, high: float) -> str:
        return "" if low != low else span(scale * low, scale * high, words.language, signed=True)

    bias = "" if row.largest_bias is None else decimal(scale * row.largest_bias, words.language)
    return (
        interval(row.mixture_low, row.mixture_high),
        interval(row.prediction_low, row.prediction_high),
        bias,
    )


def _curves(words: Words, page: NationalPage, curves: Sequence[PooledCurve]) -> list[views.Section]:
    """Draw the line of each comparison that has one."""
    drawn = [curve for curve in curves if curve.points]
    return [
        _curve(words, page, curve, "threshold-curve" if number == 1 else f"threshold-curve-{number}")
        for number, curve in enumerate(drawn, start=1)
    ]


def _no_curve(words: Words, curves: Sequence[PooledCurve]) -> list[Markup]:
    """Say why there is no line over the height of thresholds, where none is drawn for any comparison."""
    if any(curve.points for curve in curves):
        return []
    codes = dict.fromkeys(curve.refusal for curve in curves if curve.refusal is not None)
    return [words("threshold.curve.none", reason=said.code_title(words, code)) for code in codes]


def _curve(words: Words, page: NationalPage, curve: PooledCurve, name: str) -> views.Section:
    above, below = (said.handling(words, code) for code in (curve.above, curve.below))
    scale = said.scale_of(curve.kind)
    drawn = curve_plot(
        curve.points,
        outcome=words.plain("threshold.curve.axis"),
        score=words.plain("threshold.curve.cutoffs"),
        title=words.plain("threshold.curve.figure-title"),
        description=words.plain("threshold.curve.figure-description"),
        name=name,
        language=words.language,
        scale=scale,
    )
    figure = views.on_page(drawn, (words("threshold.curve.reading"),))
    rows = tuple(
        (
            str(said.cutoff(words, curve.score, point.cutoff).unescape()),
            f"{decimal(scale * point.estimate, words.language, signed=True)} "
            f"({span(scale * point.conf_low, scale * point.conf_high, words.language, signed=True)})",
        )
        for point in curve.points
    )
    columns = (words("threshold.curve.cutoffs"), words("threshold.column-difference"))
    about = words(
        "threshold.curve.about",
        above=above,
        below=below,
        sites=curve.sites,
        outcome=said.outcome(words, page.outcomes, curve.outcome),
    )
    return views.Section(
        name,
        words("threshold.curve.title"),
        badge=words("threshold.curve.badge"),
        paragraphs=(about, said.doubling(words, curve), words("threshold.curve.describes")),
        figure=figure,
        tables=(views.Table(words("threshold.curve.caption"), columns, rows),),
    )


def _site_sections(words: Words, page: NationalPage) -> list[views.Section]:
    """Show each site's own threshold: the statistician's version only."""
    shown = [
        block for own in page.thresholds for block in own.effects if block.primary and block.estimand == "E1"
    ]
    level = page.pool.level
    return [
        _section(
            words,
            page.outcomes,
            block,
            f"threshold-site-{number}",
            (
                _compared(words, page.outcomes, block),
                said.difference(words, said.own_effect(block, level), block.kind),
            ),
            level,
            title=words("threshold.site", site=block.site[:8]),
        )
        for number, block in enumerate(shown, start=1)
    ]
