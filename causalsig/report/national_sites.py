"""What the national page shows to the statistician only: other estimators, and the sites' own rows."""

from __future__ import annotations

from dataclasses import replace
from math import isfinite

from markupsafe import Markup

from causalsig.records import PooledContrast, ReleasedArms
from causalsig.report import effects, hidden_causes, views
from causalsig.report.asked import Question
from causalsig.report.effects import Shown
from causalsig.report.forest_figure import ForestRow
from causalsig.report.numbers import band, decimal
from causalsig.report.words import Words


def beside(question: Question) -> tuple[views.Table, ...]:
    """Show the primary contrast once more as another estimator has it: the statistician's version only."""
    words, spec = question.words, question.spec
    if not question.page.sites:
        return ()
    wanted = (spec.question, spec.outcome, *spec.contrast)
    rows: list[tuple[Markup | str, ...]] = []
    for found in question.page.beside:
        same = (found.question, found.outcome, found.arm, found.reference) == wanted
        if same and isfinite(found.estimate):
            shown = effects.show_contrast(found)
            name = words(f"beside.{found.question}.{found.estimator}")
            rows.append((name, words(f"beside.{found.estimand}"), words.signed(shown), str(found.sites)))
    if not rows:
        return ()
    columns = (
        words("beside.column-way"),
        words("beside.column-whom"),
        words("arms.column-difference", reference=words.arm(spec.contrast[1], "short")),
        words("arms.column-sites"),
    )
    title = words("sensitivity.badge")
    return (views.Table(words("beside.caption"), columns, tuple(rows), title, words("beside.intro")),)


def robustness_table(question: Question) -> tuple[views.Table, ...]:
    """List how strong a hidden cause must be at each site: the statistician's version only."""
    words, spec, level = question.words, question.spec, question.page.pool.level
    by_site: dict[str, list[ReleasedArms]] = {}
    for block in question.page.sites:
        by_site.setdefault(block.site, []).append(block)
    found = {site: hidden_causes.own_robustness(tuple(own), spec, level) for site, own in by_site.items()}
    rows = tuple(
        (site[:8], *(hidden_causes.percent(words, share) for share in robust))
        for site, robust in sorted(found.items())
        if robust is not None
    )
    if not rows:
        return ()
    columns = (
        words("sites.column-site"),
        words("hidden.column-value"),
        words("hidden.column-interval", level=decimal(100.0 * level, words.language, 0)),
    )
    return (views.Table(words("hidden.sites-caption"), columns, rows),)


def sites_section(question: Question) -> views.Section | None:
    """Draw the sites' own rows with the pool under them: the statistician's version only."""
    words, spec, pool = question.words, question.spec, question.page.pool
    key = (spec.question, spec.outcome, spec.estimand)
    blocks = [b for b in question.page.sites if (b.question, b.outcome, b.estimand) == key]
    blocks = [b for b in blocks if b.estimator == spec.estimator]
    rows = [
        (block.site[:8], shown, _households(words, block, spec.contrast))
        for block in sorted(blocks, key=lambda block: block.site)
        if (shown := effects.own_contrast(block, *spec.contrast, pool.level)) is not None
    ]
    contrast = question.found(*spec.contrast)
    if not rows or contrast is None:
        return None
    pooled = effects.show_contrast(contrast)
    weights = [1.0 / (shown.std_error**2 + pooled.tau2) for _, shown, _ in rows]
    largest, total = max(weights), sum(weights)
    drawn = [
        replace(views.row(site, shown, precision=weight / largest), counts=counts)
        for (site, shown, counts), weight in zip(rows, weights, strict=True)
    ]
    drawn.append(views.row(words.plain("sites.pooled"), pooled, pool=True))
    shares = (f"{decimal(100.0 * weight / total, words.language, 1)} %" for weight in weights)
    table = views.Table(
        words("sites.caption"),
        (
            words("sites.column-site"),
            words("arms.column-difference", reference=words.arm(spec.contrast[1], "short")),
            words("sites.column-weight"),
        ),
        tuple(
            (site, words.signed(shown), share) for (site, shown, _), share in zip(rows, shares, strict=True)
        ),
    )
    pair = {"arm": words.arm(spec.contrast[0], "short"), "reference": words.arm(spec.contrast[1], "short")}
    return views.Section(
        f"sites-{question.slug}",
        words("sites.title"),
        badge=words("page.unpublished-title"),
        figure=_sites_figure(question, drawn, pair, _heterogeneity(words, contrast, pooled)),
        tables=(table,),
        after=(_heterogeneity(words, contrast, pooled),),
    )


def _households(words: Words, block: ReleasedArms, contrast: tuple[str, str]) -> str:
    """Write the bands of households behind a contrast, the arm first."""
    known = dict(zip(block.arms, block.household_bands, strict=True))
    return " / ".join(band(known[arm], words.language) for arm in contrast)


def _sites_figure(
    question: Question, rows: list[ForestRow], pair: dict[str, str], line: str
) -> views.Figure | None:
    words = question.words
    return views.forest(
        words,
        f"sites-{question.slug}",
        rows,
        title=words.plain("sites.figure-title", **pair),
        description=words.plain("sites.figure-description"),
        note=f"{line}\n{words.plain('sites.households', **pair)}",
        heads=tuple(words.plain(f"sites.head-{part}") for part in ("site", "households", "difference")),
    )


def _heterogeneity(words: Words, contrast: PooledContrast, pooled: Shown) -> str:
    numbers = {
        "tau2": decimal(pooled.tau2, words.language, 1),
        "i2": decimal(contrast.i2, words.language),
        "q": decimal(contrast.q, words.language, 1),
        "p": decimal(contrast.q_p_value, words.language, 3),
    }
    return words.plain("spread.line", **numbers)
