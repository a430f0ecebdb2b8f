"""A municipality's own page: its own result and the pool of the others, and nothing of any other site."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite

from markupsafe import Markup

from causalsig.diagnostics.words import has_sentence, region_sentence, verdict_sentence
from causalsig.records import Verdict
from causalsig.report import effects, fairness, hidden_causes, thresholds, views
from causalsig.report.certainty import settled
from causalsig.report.effects import Shown
from causalsig.report.forest_figure import ForestRow
from causalsig.report.monitor import own_section
from causalsig.report.numbers import Language, band, written_date
from causalsig.report.own import Question, questions_of
from causalsig.report.pages import ALWAYS_TOLD, MunicipalityPage, QuestionSpec, UnusedBand, concerns
from causalsig.report.words import Words


def municipality_view(page: MunicipalityPage, language: Language) -> views.Page:
    """Build a municipality's page from its own release and the pool of the others."""
    words, asked = Words(language), questions_of(page, language)
    written = written_date(page.provenance.written_on, language)
    sections: list[views.Section | None] = []
    if page.monitor is not None:
        sections.append(own_section(page.monitor, language))
    sections += [section for question in asked for section in _question_sections(question)]
    sections += [*thresholds.own_sections(words, page), *_all_checks(asked), _flow(asked[0])]
    sections.append(views.not_said(words, national=False))
    sections += [views.glossary(words, national=False), views.provenance(words, page.provenance, written)]
    return views.Page(
        title=words("page.municipality-title", name=page.name),
        brand=words("page.brand"),
        audience=words("page.for-municipality", name=page.name),
        banner_title=words("page.demo-title") if page.demo else "",
        banner=words("page.demo") if page.demo else "",
        answer=_answer(asked[0]),
        sections=tuple(section for section in sections if section is not None),
        footer=words("page.by", version=page.provenance.package_version, date=written),
    )


def _answer(question: Question) -> views.Answer:
    words, spec = question.words, question.spec
    arm, reference = spec.contrast
    here, there = question.here(arm, reference), question.there(arm, reference)
    verdict = None if here is None else views.verdict_of(here)
    place = words("place.municipality", name=question.page.name)
    if here is None:
        headline = words("headline.nothing", name=question.page.name)
        lead = list(question.why_not_here())
    else:
        headline = words(f"headline.{verdict}", place=place, **words.pair(arm, reference))
        lead = [words.sentence(here, arm, reference, question.months)]
    lead += [_others(question, here, there), *_weighed(question)]
    return views.Answer(
        kicker=views.kicker(words, spec),
        headline=headline,
        verdict=words(f"verdict.{verdict or 'nothing'}"),
        tone=views.tone(verdict),
        lead=tuple(lead),
        figure=_comparison(question, here, there),
        small=words("sentence.returned", months=question.months),
        advice_title=words("advice.title"),
        advice=_advice(question, here, there),
    )


def _others(question: Question, here: Shown | None, there: Shown | None) -> Markup:
    words = question.words
    if there is None:
        return words("sentence.no-others", reason=question.why_not_there())
    interval = words.interval(there.low, there.high)
    amount = words.amount(there.estimate)
    sentence = words("sentence.others", sites=there.sites, amount=amount, interval=interval)
    if here is None:
        return Markup(" ").join((sentence, words(f"certain.{views.verdict_of(there)}")))
    fits = "fits" if effects.agree(here, there, question.level) else "deviates"
    return Markup(" ").join((sentence, words(f"sentence.{fits}")))


def _weighed(question: Question) -> list[Markup]:
    """Say the own result once more, weighed with what the others let expect."""
    found, words = question.weighed(*question.spec.contrast), question.words
    if found is None:
        return []
    interval, verdict = words.interval(found.low, found.high), views.verdict_of(found)
    said = words("sentence.weighed", amount=words.amount(found.estimate), interval=interval)
    here = question.here(*question.spec.contrast)
    if here is not None and settled(views.verdict_of(here), verdict):
        return [said]  # the page says already how sure it is; two answers to that would contradict
    return [Markup(" ").join((said, words(f"certain.{verdict}")))]


def _advice(question: Question, here: Shown | None, there: Shown | None) -> Markup:
    """Give one sentence of advice: the others', unless the two do not fit or the own answer is settled."""
    words = question.words
    if here is not None and there is not None:
        fits = effects.agree(here, there, question.level)
        if not fits or settled(views.verdict_of(here), views.verdict_of(there)):
            there = None
    base = there or here
    verdict = "nothing" if base is None else views.verdict_of(base)
    said = words(f"advice.{verdict}", **words.pair(*question.spec.contrast))
    return said if there is None else Markup(" ").join((said, words("advice.from-others")))


def _comparison(question: Question, here: Shown | None, there: Shown | None) -> views.Figure | None:
    words = question.words
    rows = [] if here is None else [views.row(words.plain("page.own"), here)]
    if there is not None:
        rows.append(views.row(words.plain("page.others-short"), there, pool=True))
    return views.forest(
        words,
        f"answer-{question.spec.question.replace('_', '-')}",
        rows,
        title=words.plain(f"question.{question.spec.question}.kicker", **words.pair(*question.spec.contrast)),
        description=_description(question),
        wide=False,
    )


def _description(question: Question) -> str:
    after = question.words.arm(question.spec.reference, "after")
    return question.words.plain("arms.figure-description", reference_after=after)


def _question_sections(question: Question) -> list[views.Section | None]:
    words, spec = question.words, question.spec
    slug = spec.question.replace("_", "-")
    reasons = question.why_not_here()
    callout_title: Markup | str = ""
    callout: tuple[Markup | str, ...] = ()
    paragraphs: list[Markup | str] = []
    if spec.caution:
        callout_title, callout = words("sensitivity.caution-title"), (words("sensitivity.caution"),)
        paragraphs += _sensitivity(question)
    paragraphs.append(words(f"question.{spec.question}.about"))
    if reasons and not spec.caution:
        callout_title, callout = words("status.nothing-title"), reasons
    main = views.Section(
        slug,
        words(f"question.{spec.question}.title"),
        badge=words("sensitivity.badge") if spec.sensitivity else "",
        callout_title=callout_title,
        callout=callout,
        paragraphs=tuple(paragraphs),
        figure=_arms_figure(question),
        tables=(*_tables(question, _arms_table(question)), *_outcomes(question)),
        after=(*_missing_arms(question), views.estimand_note(words, spec)),
    )
    return [main, *fairness.summary(question), _hidden_causes(question)]


def _hidden_causes(question: Question) -> views.Section | None:
    """Say how strong a hidden cause must be, here and in the others, where the difference itself is shown."""
    words, spec, page = question.words, question.spec, question.page
    said = []
    own = hidden_causes.own_robustness(question.own.arms, spec, question.level)
    if own is not None and question.here(*spec.contrast) is not None:
        said.append(hidden_causes.sentence(words, words("place.municipality", name=page.name), own))
    row = hidden_causes.pooled_row(page.others, spec, spec.contrast)
    if row is not None and row.publishable and question.there(*spec.contrast) is not None:
        place = words("hidden.others", sites=row.sites)
        said.append(hidden_causes.sentence(words, place, (row.value, row.value_of_interval)))
    return hidden_causes.section(words, spec, tuple(said))


def _tables(question: Question, table: views.Table) -> tuple[views.Table, ...]:
    empty = question.words("status.no-numbers")
    return (table,) if any(cell not in ("", empty) for row in table.rows for cell in row[1:]) else ()


def _sensitivity(question: Question) -> list[Markup | str]:
    words, spec = question.words, question.spec
    here, there = question.here(*spec.contrast), question.there(*spec.contrast)
    said: list[Markup | str] = []
    if here is not None:
        said.append(words.sentence(here, *spec.contrast, question.months))
    else:
        said.append(words("sentence.nothing-here", name=question.page.name))
        said += question.why_not_here()
    said.append(_others(question, here, there))
    return [*said, *_weighed(question)]


def _others_arms(spec: QuestionSpec) -> list[str]:
    return [arm for arm in spec.arms if arm != spec.reference]


def _arms_figure(question: Question) -> views.Figure | None:
    words, spec = question.words, question.spec
    rows: list[ForestRow] = []
    for arm in _others_arms(spec):
        group = words.arm(arm)
        here, there = question.here(arm, spec.reference), question.there(arm, spec.reference)
        if here is not None:
            rows.append(views.row(words.plain("page.own"), here, group=group))
        if there is not None:
            rows.append(views.row(words.plain("page.others-short"), there, pool=True, group=group))
    reading = [words("arms.reading")]
    if any(row.mark == "diamond" for row in rows):
        reading.append(words("arms.reading-pool"))
    title = words.plain("arms.figure-title", reference=words.arm(spec.reference, "short"))
    name = f"arms-{spec.question.replace('_', '-')}"
    return views.forest(words, name, rows, title=title, description=_description(question), reading=reading)


def _arms_table(question: Question) -> views.Table:
    words, spec = question.words, question.spec
    short = words.arm(spec.reference, "short")
    rows = []
    for arm in spec.arms:
        mean = question.mean(arm)
        households = "" if mean is None or mean.households is None else band(mean.households, words.language)
        empty = words("status.no-numbers")
        label: Markup | str = words.arm(arm)
        here: Markup | str = ""
        there: Markup | str = ""
        both: Markup | str = ""
        if arm == spec.reference:
            label = views.reference_name(words, arm)
        else:
            pair = (arm, spec.reference)
            contrasts = (question.here(*pair), question.there(*pair), question.weighed(*pair))
            here, there, both = (empty if c is None else Markup.escape(words.signed(c)) for c in contrasts)
        level = empty if mean is None else words.level(mean)
        rows.append((label, level, here, there, both, households or empty))
    columns = (
        words("arms.column-group" if spec.caution else "arms.column-arm"),
        words("arms.column-own-mean"),
        words("arms.column-own", reference=short),
        words("arms.column-others"),
        words("arms.column-weighed"),
        words("arms.column-households"),
    )
    return views.Table(words("arms.caption", months=question.months), columns, tuple(rows))


def _missing_arms(question: Question) -> tuple[Markup, ...]:
    """Say of each arm that dropped out why."""
    words = question.words
    dropped = {r.arm: r.code for r in question.own.refusals if r.arm is not None and r.outcome is None}
    if question.own.status != "estimated":
        return ()
    return tuple(Markup("{}: {}").format(words.arm(arm), words.reason(code)) for arm, code in dropped.items())


def _outcomes(question: Question) -> tuple[views.Table, ...]:
    """Show the primary contrast on every outcome: the definition decides the answer."""
    words, spec = question.words, question.spec
    pair = words.pair(*spec.contrast)
    empty = words("status.no-numbers")
    rows = []
    for outcome in question.page.outcomes:
        found = [place(*spec.contrast, outcome.outcome) for place in (question.here, question.there)]
        if any(shown is not None for shown in found):
            cells = (empty if shown is None else Markup.escape(words.signed(shown)) for shown in found)
            rows.append((views.outcome_name(words, outcome), *cells))
    if len(rows) < 2:
        return ()
    columns = (words("outcomes.column-outcome"), words("page.own"), words("page.others"))
    caption = words("outcomes.caption", **pair)
    intro = words("outcomes.intro", **pair)
    return (views.Table(caption, columns, tuple(rows), title=words("outcomes.title"), intro=intro),)


def _all_checks(asked: Sequence[Question]) -> list[views.Section]:
    """Tell the checks of every question that was checked; the first tells that it was not."""
    shown = [one for one in asked if one is asked[0] or _told(one) or one.own.unused]
    return [_checks(one, named=len(shown) > 1, first=one is asked[0]) for one in shown]


def _told(question: Question) -> list[Verdict]:
    return [v for v in question.own.verdicts if concerns(v.code, v.estimand, question.spec.estimand)]


def _checks(question: Question, *, named: bool, first: bool) -> views.Section:
    """Say each check once, with the arms that failed it and the figures that were released."""
    words, asked = question.words, question.spec.question
    told = _told(question)
    checks = [
        _check(question, [v for v in told if v.code == code]) for code in dict.fromkeys(v.code for v in told)
    ]
    own_title = f"checks.title-of.{asked}"
    title = words(own_title if named and words.has(own_title) else "checks.title")
    return views.Section(
        "checks" if first else f"checks-{asked.replace('_', '-')}",
        title,
        paragraphs=(words("checks.intro"),) if checks else (words("checks.none"),),
        checks=tuple(checks),
        after=(words("checks.unused"),) if question.own.unused else (),
        bullets=tuple(Markup.escape(one) for one in unused_sentences(question.own.unused, words.language)),
    )


def _check(question: Question, told: Sequence[Verdict]) -> views.Check:
    words, asked, code = question.words, question.spec.question, told[0].code
    failed = [verdict for verdict in told if not verdict.passed]
    part = "failed" if failed else "passed"
    if not failed and code in ALWAYS_TOLD and question.own.unused:
        part = "passed-with-regions"  # who had a small chance may still (almost) never have been chosen
    said = [words.check(code, part, asked)]
    arms = [words.arm(v.arm) for v in failed if v.arm is not None]
    if arms:
        said.append(words("checks.failed-arms", arms=", ".join(dict.fromkeys(arms))))
    # Sizes leave as bands only, so they have no figure here.
    said += [
        Markup.escape(verdict_sentence(verdict, words.language))
        for verdict in failed or told
        if isfinite(verdict.value) and has_sentence(verdict, words.language)
    ]
    label = words({"failed": "checks.failed", "passed": "checks.passed"}.get(part, "checks.noted"))
    return views.Check(words.check(code, "name", asked), not failed, label, Markup(" ").join(said))


def unused_sentences(regions: Sequence[UnusedBand], language: Language) -> list[str]:
    """Say where an arm is (almost) never used, a sentence a region."""
    return [region_sentence(one.region, band(one.households, language), language) for one in regions]


def _flow(question: Question) -> views.Section | None:
    words = question.words
    if not question.own.attrition:
        return None
    rows = tuple(
        (
            words.rule(step.rule),
            words("flow.suppressed") if step.households is None else band(step.households, words.language),
        )
        for step in question.own.attrition
    )
    table = views.Table(words("flow.intro"), (words("flow.rule"), words("flow.left")), rows)
    return views.Section("flow", words("flow.title"), tables=(table,))
