"""The national page: pooled rows only; with the sites' own blocks it becomes the statistician's page."""

from __future__ import annotations

from markupsafe import Markup

from causalsig.records import PooledContrast
from causalsig.report import (
    effects,
    hidden_causes,
    national_groups,
    national_joint,
    national_ranking,
    national_sites,
    thresholds,
    views,
)
from causalsig.report.asked import Question
from causalsig.report.effects import Shown
from causalsig.report.forest_figure import ForestRow
from causalsig.report.numbers import Language, decimal, points, span, written_date
from causalsig.report.pages import NationalPage
from causalsig.report.words import Words


def national_view(page: NationalPage, language: Language) -> views.Page:
    """Build the national page; with ``page.sites`` the statistician's, marked not for publication."""
    words = Words(language)
    asked = [Question(words, page, spec) for spec in page.specs]
    written = written_date(page.provenance.written_on, language)
    sections = [section for question in asked for section in _question_sections(question)]
    sections += [*thresholds.national_sections(words, page), _checks(words, page)]
    sections += [_left_out(words, asked), *national_groups.caution(asked)]
    sections.append(views.not_said(words, national=True))
    sections += [_method(words, page), views.glossary(words, national=True)]
    sections.append(views.provenance(words, page.provenance, written))
    title, banner = _banner(words, page)
    return views.Page(
        title=words("page.sites-title" if page.sites else "page.national-title"),
        brand=words("page.brand"),
        audience=_audience(asked[0]),
        banner_title=title,
        banner=banner,
        answer=_answer(asked[0]),
        sections=tuple(section for section in sections if section is not None),
        footer=words("page.by", version=page.provenance.package_version, date=written),
    )


def _audience(question: Question) -> Markup:
    """Say whose page this is, with the count of the headline below it."""
    if question.page.sites:
        return question.words("page.for-statistician")
    shown = question.shown(*question.spec.contrast)
    return (
        question.words("page.all")
        if shown is None
        else question.words("page.for-everyone", sites=shown.sites)
    )


def _banner(words: Words, page: NationalPage) -> tuple[Markup | str, Markup | str]:
    said = [name for name, on in (("demo", page.demo), ("unpublished", bool(page.sites))) if on]
    titles = " · ".join(words(f"page.{name}-title") for name in said)
    return titles, Markup(" ").join(words(f"page.{name}") for name in said)


def _answer(question: Question) -> views.Answer:
    words, spec = question.words, question.spec
    shown = question.shown(*spec.contrast)
    if shown is None:
        headline: Markup = words("headline.nothing-pooled")
        verdict = None
        lead: tuple[Markup, ...] = (question.why_not(),)
    else:
        verdict = views.verdict_of(shown)
        headline = words(f"headline.pool.{verdict}", **words.pair(*spec.contrast))
        lead = (words.sentence(shown, *spec.contrast, question.months),)
        average = words("sentence.pooled", sites=shown.sites)
        lead = (*lead, Markup(" ").join((average, *_spread(question, shown))))
    name = "nothing" if verdict is None else verdict
    return views.Answer(
        kicker=views.kicker(words, spec),
        headline=headline,
        verdict=words(f"verdict.{verdict or 'nothing-pooled'}"),
        tone=views.tone(verdict),
        lead=lead,
        figure=_headline_figure(question, shown),
        small=words("sentence.returned", months=question.months),
        advice_title=words("advice.title"),
        advice=words(f"advice.{name}", **words.pair(*spec.contrast)),
    )


def _spread(question: Question, shown: Shown) -> list[Markup]:
    """Say how much municipalities differ, and what to expect in another one."""
    from causalsig.report.certainty import spread

    words = question.words
    if shown.prediction is None:
        return []
    low, high = shown.prediction
    found = spread(low, high, shown.tau2, shown.tau2_low)
    # Without spread between municipalities the range is as narrow as it can be: it is a lower bound.
    expected = "prediction-at-least" if found == "alike" else "prediction"
    return [
        words(f"spread.{found}"),
        words(f"spread.{expected}", interval=words.interval(low, high)),
    ]


def _description(question: Question) -> str:
    after = question.words.arm(question.spec.reference, "after")
    return question.words.plain("arms.figure-description", reference_after=after)


def _headline_figure(question: Question, shown: Shown | None) -> views.Figure | None:
    if shown is None:
        return None
    words, spec = question.words, question.spec
    title = words.plain("arms.figure-title", reference=words.arm(spec.reference, "short"))
    name = f"answer-{question.slug}"
    rows = _drawn_arms(question)
    return views.forest(words, name, rows, title=title, description=_description(question), wide=False)


def _arm_rows(question: Question) -> list[tuple[str, PooledContrast | None]]:
    spec = question.spec
    return [(arm, question.found(arm, spec.reference)) for arm in spec.arms if arm != spec.reference]


def _question_sections(question: Question) -> list[views.Section | None]:
    words, spec = question.words, question.spec
    shown = question.shown(*spec.contrast)
    paragraphs: list[Markup | str] = []
    if spec.caution:
        paragraphs += (
            [question.why_not()]
            if shown is None
            else [
                words.sentence(shown, *spec.contrast, question.months),
                *_spread(question, shown),
            ]
        )
    paragraphs.append(words(f"question.{spec.question}.about"))
    main = views.Section(
        question.slug,
        words(f"question.{spec.question}.title"),
        badge=words("sensitivity.badge") if spec.sensitivity else "",
        callout_title=words("sensitivity.caution-title") if spec.caution else "",
        callout=(words("sensitivity.caution"),) if spec.caution else (),
        paragraphs=tuple(paragraphs),
        figure=_arms_figure(question),
        tables=(*_arms_table(question), *_outcomes(question), *national_sites.beside(question)),
        after=(words("arms.pooled-apart"), views.estimand_note(words, spec)),
    )
    return [
        main,
        national_ranking.section(question),
        *national_groups.sections(question),
        _hidden_causes(question),
        national_sites.sites_section(question),
        national_joint.by_size(question),
    ]


def _hidden_causes(question: Question) -> views.Section | None:
    """Say how strong a hidden cause must be everywhere, where the difference itself is shown."""
    words, spec, page = question.words, question.spec, question.page
    row = hidden_causes.pooled_row(page.pool, spec, spec.contrast)
    shown = row is not None and (row.publishable or bool(page.sites))
    said: tuple[Markup, ...] = ()
    if row is not None and shown and question.shown(*spec.contrast) is not None:
        place = words("hidden.together", sites=row.sites)
        said = (hidden_causes.sentence(words, place, (row.value, row.value_of_interval)),)
    tables = national_sites.robustness_table(question)
    return hidden_causes.section(words, spec, said, tables=tables)


def _drawn_arms(question: Question) -> list[ForestRow]:
    return [
        views.row(question.words.arm(arm), effects.show_contrast(contrast), pool=True)
        for arm, contrast in _arm_rows(question)
        if contrast is not None
    ]


def _arms_figure(question: Question) -> views.Figure | None:
    words, spec = question.words, question.spec
    title = words.plain("arms.figure-title", reference=words.arm(spec.reference, "short"))
    reading = (words("arms.reading"), words("arms.reading-pool"))
    name = f"arms-{question.slug}"
    return views.forest(
        words, name, _drawn_arms(question), title=title, description=_description(question), reading=reading
    )


def _arms_table(question: Question) -> tuple[views.Table, ...]:
    words, spec = question.words, question.spec
    contrasts = dict(_arm_rows(question))
    if not any(contrasts.values()):
        return ()
    empty = words("status.no-numbers")
    rows: list[tuple[Markup | str, ...]] = []
    for arm in spec.arms:
        mean = effects.pooled_mean(question.page.pool, spec.question, spec.outcome, spec.estimand, arm)
        contrast = contrasts.get(arm)
        known = mean is not None and (arm == spec.reference or contrast is not None)
        level = words.level(effects.show_mean(mean)) if mean is not None and known else empty
        if contrast is None:
            reference = arm == spec.reference
            label = views.reference_name(words, arm) if reference else words.arm(arm)
            rows.append((label, level, *("" if reference else empty,) * 4))
            continue
        shown = effects.show_contrast(contrast)
        prediction = span(*shown.prediction, words.language, signed=True) if shown.prediction else ""
        in_points = points(shown.estimate, words.language)
        rows.append((words.arm(arm), level, words.signed(shown), in_points, prediction, str(contrast.sites)))
    columns = (
        words("arms.column-group" if spec.caution else "arms.column-arm"),
        words("arms.column-mean"),
        words("arms.column-difference", reference=words.arm(spec.reference, "short")),
        words("arms.column-points"),
        words("arms.column-prediction"),
        words("arms.column-sites"),
    )
    return (views.Table(words("arms.caption", months=question.months), columns, tuple(rows)),)


def _outcomes(question: Question) -> tuple[views.Table, ...]:
    words, spec = question.words, question.spec
    pair = words.pair(*spec.contrast)
    rows = []
    for outcome in question.page.outcomes:
        shown = question.shown(*spec.contrast, outcome.outcome)
        if shown is not None:
            rows.append((views.outcome_name(words, outcome), words.signed(shown), str(shown.sites)))
    if len(rows) < 2:
        return ()
    columns = (words("outcomes.column-outcome"), words("page.all"), words("arms.column-sites"))
    caption = words("outcomes.caption", **pair)
    intro = words("outcomes.intro", **pair)
    return (views.Table(caption, columns, tuple(rows), title=words("outcomes.title"), intro=intro),)


def _checks(words: Words, page: NationalPage) -> views.Section | None:
    if not page.checks:
        return None
    rows = tuple(
        (
            words.check(check.code, "name"),
            words("checks.sites", passed=check.passed, total=check.passed + check.failed),
        )
        for check in page.checks
    )
    columns = (words("checks.column-check"), words("checks.column-sites"))
    table = views.Table(words("checks.national-intro"), columns, rows)
    return views.Section("checks", words("checks.title"), tables=(table, *_balance(words, page)))


def _balance(words: Words, page: NationalPage) -> tuple[views.Table, ...]:
    """Show balance over all municipalities: what one cannot tell from chance, all together can."""
    shown = [row for row in page.pool.balance if row.publishable or page.sites]
    if not shown:
        return ()
    rows = tuple(
        (
            words(f"question.{row.question}.title"),
            words("checks.covariates", balanced=row.balanced, total=row.covariates),
            decimal(row.largest, words.language, 2),
            str(row.sites),
        )
        for row in shown
    )
    columns = (
        words("checks.column-question"),
        words("checks.column-alike"),
        words("checks.column-largest"),
        words("arms.column-sites"),
    )
    caption = words("checks.balance-caption", limit=decimal(page.balance_limit, words.language, 2))
    return (views.Table(caption, columns, rows, words("checks.balance-title")),)


def _left_out(words: Words, asked: list[Question]) -> views.Section:
    """Count, question by question, the municipalities that are not in the figure; never name them."""
    if not asked[0].page.released:
        return views.Section(
            "left-out", words("left-out.title-taking-part"), bullets=tuple(map(_taking_part, asked))
        )
    complete = [question for question in asked if not _absent(question)]
    return views.Section(
        "left-out",
        words("left-out.title"),
        paragraphs=tuple(words("left-out.none", question=_title(question)) for question in complete),
        tables=tuple(_absent_table(question) for question in asked if _absent(question)),
    )


def _title(question: Question) -> Markup:
    return question.words(f"question.{question.spec.question}.title")


def _taking_part(question: Question) -> Markup:
    spec = question.spec
    key = (spec.question, spec.outcome, spec.estimand, *spec.contrast)
    found = effects.pooled_contrast(question.page.pool, *key)
    sites = 0 if found is None else found.sites
    form = "one-takes-part" if sites == 1 else "take-part"
    return question.words(f"left-out.{form}", question=_title(question), count=sites)


def _absent(question: Question) -> dict[Markup, int]:
    """Municipalities without the primary contrast, by reason in words."""
    counts: dict[Markup, int] = {}
    for absent in question.page.absent:
        if absent.question == question.spec.question:
            reason = question.words.reason(absent.code)
            counts[reason] = counts.get(reason, 0) + absent.sites
    return counts


def _absent_table(question: Question) -> views.Table:
    words, counts = question.words, _absent(question)
    total = sum(counts.values())
    form = "one" if total == 1 else "some"
    rows = tuple((reason, str(n)) for reason, n in sorted(counts.items(), key=lambda c: (-c[1], c[0])))
    return views.Table(
        words("left-out.caption"),
        (words("left-out.column-reason"), words("left-out.column-count")),
        rows,
        title=_title(question),
        intro=words(f"left-out.{form}", count=total, released=question.page.released),
    )


def _method(words: Words, page: NationalPage) -> views.Section:
    keys = ("one", "two", "three", "four")
    bullets = tuple(words(f"method.{key}", method=words.pooling(page.pool.method)) for key in keys)
    return views.Section("method", words("method.title"), bullets=bullets)
