"""A site's full diagnostics as a page, from ``site.json``: for the provider's statistician; it stays."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from math import isfinite
from typing import Any

from markupsafe import Markup

from causalsig.errors import ReportError
from causalsig.report import views
from causalsig.report.effects import SCALE
from causalsig.report.forest_figure import Axis, ForestRow, forest_plot
from causalsig.report.love_figure import LoveRow, love_plot
from causalsig.report.numbers import Language, decimal, span, written_date
from causalsig.report.words import Words
from causalsig.texts import catalogue

Record = Mapping[str, Any]
PER_1000 = ("any", "count")
BALANCE = "gate-balance"
MANY = 30
"""Covariates that a love plot shows: those that differed most before weighting; the table has all."""


def inside_view(record: Record, language: Language, *, version: str) -> views.Page:
    """Build the page of one site's record.

    Parameters
    ----------
    record : mapping
        What ``site.json`` holds. Counts are exact, so the page stays where the file stays, and says so.
    language : {"nl", "en"}
    version : str
        Of this package.

    Raises
    ------
    ReportError
        ``report-not-site`` when it is the record of something else.
    """
    if record.get("kind") != "site" or not isinstance(record.get("questions"), list):
        raise ReportError(
            "report-not-site",
            expected="the site.json of one site's run",
            found="something else",
            mend="Give the file site.json from the folder of a run.",
        )
    words = Words(language, "inside")
    questions = record["questions"]
    answered = sum(one["status"] == "estimated" for one in questions)
    return views.Page(
        title=words("title", site=record["municipality"]),
        brand=words("brand"),
        audience=words("audience"),
        banner_title=words("banner-title"),
        banner=words("banner"),
        answer=views.Answer(
            kicker=words("kicker"),
            headline=words("title", site=record["municipality"]),
            verdict=words("answered", answered=answered, total=len(questions)),
            tone="none",
            lead=(words("lead", extracted=_day(record, language)),),
            small=words("digest", digest=record["study_digest"][:16]),
            advice_title=words("use-title"),
            advice=words("use"),
        ),
        sections=tuple(section for one in questions for section in _sections(one, words)),
        footer=words("footer", version=version),
    )


def _day(record: Record, language: Language) -> str:
    return written_date(date.fromisoformat(record["extracted_on"]), language)


def _sections(one: Record, words: Words) -> list[views.Section]:
    slug, report = one["question"].replace("_", "-"), Words(words.language)
    asked = report(f"question.{one['question']}.title")
    main = views.Section(
        slug,
        asked,
        badge=words(f"status.{one['status']}"),
        bullets=tuple(_refusal(refusal, words) for refusal in one["refusals"]),
        checks=tuple(_check(verdict, one["question"], words) for verdict in one["verdicts"]),
        tables=(_attrition(one, words),) if one["attrition"] else (),
    )
    effects = [
        views.Section(
            f"{slug}-effect-{number}",
            words("effect", question=asked, outcome=analysis["outcome"], estimand=analysis["estimand"]),
            badge=words("primary") if analysis["primary"] else "",
            figure=_forest(analysis, f"{slug}-effect-{number}", words),
            tables=(_means(analysis, words), _contrasts(analysis, words)),
        )
        for number, analysis in enumerate(one["analyses"], start=1)
    ]
    return [main, *_balance(one, slug, asked, words), *_overlap(one, slug, asked, words), *effects]


def _refusal(refusal: Record, words: Words) -> Markup:
    told = catalogue(words.language).get(f"codes.{refusal['code']}.title", "")
    about = ", ".join(refusal[key] for key in ("outcome", "estimand", "arm") if refusal[key])
    return Markup("<code>{}</code> {} {}").format(refusal["code"], told, f"({about})" if about else "")


def _check(verdict: Record, question: str, words: Words) -> views.Check:
    report = Words(words.language)
    return views.Check(
        report.check(verdict["code"], "name", question),
        verdict["passed"],
        report("checks.passed" if verdict["passed"] else "checks.failed"),
        Markup.escape(verdict["sentence"][words.language]),
    )


def _attrition(one: Record, words: Words) -> views.Table:
    report = Words(words.language)
    names = ("households_before", "households_after", "episodes_before", "episodes_after")
    rows = tuple(
        (report.rule(row["rule"]), *(decimal(row[name], words.language) for name in names))
        for row in one["attrition"]
    )
    columns = tuple(words(f"attrition.{name}") for name in ("rule", *names))
    return views.Table(words("attrition.caption"), columns, rows)


def _balance(one: Record, slug: str, asked: Markup, words: Words) -> list[views.Section]:
    """Draw the love plot with each covariate's own limit, noise and all."""
    found = one["love_plot"]
    if not found:
        return []
    limit = next((v["threshold"] for v in one["verdicts"] if v["code"] == BALANCE), 0.1)
    rows = [LoveRow(row["covariate"], row["unweighted"], row["weighted"], row["limit"]) for row in found]
    figure = love_plot(
        rows[:MANY],
        title=str(words("balance.title", question=asked).unescape()),
        limit=limit,
        name=f"{slug}-love",
        language=words.language,
    )
    cells = tuple(
        (row.label, *(_number(value, words, 2) for value in (row.before, row.after, row.limit)))
        for row in rows
    )
    columns = tuple(words(f"balance.{name}") for name in ("covariate", "before", "after", "limit"))
    reading = Words(words.language, "figures")("love.reading")
    return [
        views.Section(
            f"{slug}-balance",
            words("balance.title", question=asked),
            figure=views.on_page(figure, (reading, words("balance.own-limit"))),
            tables=(views.Table(words("balance.caption"), columns, cells),),
        )
    ]


def _overlap(one: Record, slug: str, asked: Markup, words: Words) -> list[views.Section]:
    found = one["overlap"]
    if found is None:
        return []
    report = Words(words.language)
    estimands = list(dict.fromkeys(name for arm in found["arms"] for name, _ in arm["effective_sizes"]))
    rows = []
    for arm in found["arms"]:
        sizes = dict(arm["effective_sizes"])
        shares = (_share(arm[name], words) for name in ("without_positivity", "trimmed"))
        known = (decimal(sizes[one], words.language) if one in sizes else "" for one in estimands)
        rows.append((report.arm(arm["arm"]), *shares, *known))
    columns = (
        *(words(f"overlap.{name}") for name in ("arm", "without", "trimmed")),
        *(words("overlap.size", estimand=name) for name in estimands),
    )
    everywhere = words("overlap.everywhere", share=_share(found["everywhere"], words))
    table = views.Table(words("overlap.caption"), columns, tuple(rows))
    title = words("overlap.title", question=asked)
    return [views.Section(f"{slug}-overlap", title, paragraphs=(everywhere,), tables=(table,))]


def _share(value: float, words: Words) -> str:
    return f"{decimal(100.0 * value, words.language, 1)}\u00a0%"


def _scale(analysis: Record) -> tuple[float, int]:
    """Say what an outcome is multiplied by, and its decimals."""
    return (SCALE, 1) if analysis["kind"] in PER_1000 else (1.0, 1)


def _forest(analysis: Record, name: str, words: Words) -> views.Figure | None:
    scale, digits = _scale(analysis)
    report = Words(words.language)
    ends = ("estimate", "conf_low", "conf_high")
    rows = [
        ForestRow(report.arm(row["arm"]), *(scale * row[key] for key in ends))
        for row in analysis["contrasts"]
        if all(_known(row[key]) for key in ends)
    ]
    if not rows:
        return None
    axis = Axis(report.plain("arms.below"), report.plain("arms.above"), digits=digits)
    title = words.plain("contrasts.caption", reference=report.arm(analysis["reference"], "short"))
    return views.on_page(forest_plot(rows, title=title, axis=axis, name=name, language=words.language))


def _known(value: float | None) -> bool:
    return value is not None and isfinite(value)


def _number(value: float | None, words: Words, digits: int = 0, scale: float = 1.0) -> str:
    """Write a number; nothing where the record has none."""
    return "" if value is None or not isfinite(value) else decimal(scale * value, words.language, digits)


def _interval(row: Record, scale: float, digits: int, language: Language) -> str:
    if not all(_known(row[key]) for key in ("estimate", "conf_low", "conf_high")):
        return ""
    ends = span(scale * row["conf_low"], scale * row["conf_high"], language, signed=True, digits=digits)
    return f"{decimal(scale * row['estimate'], language, digits, signed=True)} ({ends})"


def _means(analysis: Record, words: Words) -> views.Table:
    scale, digits = _scale(analysis)
    counts = ("households", "households_with", "episodes", "effective_sample_size")
    rows = tuple(
        (
            Words(words.language).arm(arm),
            *(_number(analysis[name][at], words) for name in counts),
            *(_number(analysis[name][at], words, digits, scale) for name in ("unadjusted_means", "means")),
        )
        for at, arm in enumerate(analysis["arms"])
    )
    columns = tuple(words(f"means.{name}") for name in ("arm", *counts, "unadjusted", "adjusted"))
    return views.Table(_unit("means.caption", analysis, words), columns, rows)


def _contrasts(analysis: Record, words: Words) -> views.Table:
    scale, digits = _scale(analysis)
    report, language = Words(words.language), words.language
    robust: dict[str, float] = {row["arm"]: row["robustness_value"] for row in analysis["sensitivity"]}
    rows = tuple(
        (
            report.arm(row["arm"]),
            _interval(row, scale, digits, language),
            _number(row["std_error"], words, digits, scale),
            _number(row["p_value"], words, 3),
            _share(robust[row["arm"]], words) if row["arm"] in robust else "",
        )
        for row in analysis["contrasts"]
    )
    columns = tuple(words(f"contrasts.{name}") for name in ("arm", "estimate", "error", "p", "robustness"))
    caption = words("contrasts.caption", reference=report.arm(analysis["reference"], "short"))
    return views.Table(caption, columns, rows)


def _unit(key: str, analysis: Record, words: Words) -> Markup:
    unit = "per-1000" if analysis["kind"] in PER_1000 else analysis["kind"]
    return words(key, unit=words(f"unit.{unit}"), months=analysis["months"])
