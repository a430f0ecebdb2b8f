"""The page of a profile: what a statistician may know of a site's data, without seeing them."""

from __future__ import annotations

from itertools import groupby

from markupsafe import Markup

from causalsig.codes import CREDITOR_TYPES, DAYPARTS, METHODS, RESULTS
from causalsig.release.profile_document import CODE_LISTS, ProfileDocument, StateEntry
from causalsig.report import site_views, views
from causalsig.report.numbers import Language, month_name
from causalsig.report.words import Words
from causalsig.texts import text

DATED = ("signals", "cases", "attempts", "followups")
DUTCH = {
    "creditor_type": CREDITOR_TYPES,
    "method": METHODS,
    "daypart": DAYPARTS,
    "result": RESULTS,
}


def profile_view(document: ProfileDocument, payload_hash: str, language: Language) -> views.Page:
    """Build the page of a profile."""
    words = Words(language, "site")
    sections = (
        _findings(words, document),
        _coverage(words, document),
        _codes(words, document),
        _missing(words, document),
        _links(words, document),
        _acceptance(words, document),
        site_views.held_back(words, document.suppressions),
        site_views.provenance(words, document, payload_hash),
    )
    return views.Page(
        title=words("profile.title"),
        brand=words("brand"),
        audience=words("profile.audience"),
        banner_title=words("waiting.title"),
        banner=words("waiting.banner"),
        answer=_answer(words, document),
        sections=sections,
        footer=site_views.footer(words, document),
    )


def code_name(column: str, code: str, language: Language) -> str:
    """Name a code: the field's own Dutch words, or the English code."""
    words = Words(language, "site")
    if words.has(f"flag.{code}"):
        return words.plain(f"flag.{code}")
    if language == "nl" and code in DUTCH.get(column, {}):
        return DUTCH[column][code]
    return code.replace("_", " ")


def _answer(words: Words, document: ProfileDocument) -> views.Answer:
    households = site_views.households(document.households, words.language)
    month = month_name(document.extracted, words.language)
    found = sum(entry.households is not None for entry in document.findings)
    return views.Answer(
        kicker=words("profile.kicker"),
        headline=words("profile.headline"),
        verdict=words("profile.verdict", households=households),
        tone="sure",
        lead=(
            words("profile.lead", households=households, month=month),
            words("profile.lead-more", findings=found, about=len(document.findings) - found),
            words(f"profile.amounts-{document.amounts}"),
            *_scale(words, document),
        ),
        small=words("profile.small"),
        advice_title=words("waiting.next-title"),
        advice=words("waiting.next"),
    )


def _scale(words: Words, document: ProfileDocument) -> tuple[Markup, ...]:
    """Say whether arrears are on a plausible scale, where enough households tell."""
    if not document.scale:
        return ()
    off = [
        code_name("creditor_type", entry.creditor_type, words.language)
        for entry in document.scale
        if entry.scale != "usual"
    ]
    return (words("profile.scale-off", kinds=", ".join(off)) if off else words("profile.scale-usual"),)


def _findings(words: Words, document: ProfileDocument) -> views.Section:
    rows = []
    for entry in document.findings:
        place = words.plain(f"table.{entry.table}") if entry.table else words.plain("findings.file")
        if entry.column:
            place = f"{place}, {words.plain(f'column.{entry.column}')}"
        count = words.plain("findings.whole")
        if entry.households is not None:
            count = site_views.households(entry.households, words.language)
        title = words.plain("findings.other")
        if entry.code != "other":
            title = text(f"codes.{entry.code}.title", words.language)
        named = Markup('{} <span class="small">{}</span>').format(title, entry.code)
        rows.append((named, place, count))
    columns = (words("findings.code"), words("findings.place"), words("findings.households"))
    table = views.Table(words("findings.caption"), columns, tuple(rows))
    return views.Section(
        "findings",
        words("findings.title"),
        paragraphs=(words("findings.intro"),) if rows else (words("findings.none"),),
        tables=(table,) if rows else (),
    )


def _coverage(words: Words, document: ProfileDocument) -> views.Section:
    bands: dict[tuple[str, str], str] = {
        (entry.table, entry.month): entry.households for entry in document.months
    }
    months = sorted({month for _, month in bands})
    empty = words.plain("not-shown")
    rows = tuple(
        (
            month_name(month, words.language),
            *(
                site_views.households(bands[name, month], words.language) if (name, month) in bands else empty
                for name in DATED
            ),
        )
        for month in months
    )
    columns = (words("coverage.month"), *(words(f"table.{name}") for name in DATED))
    kept = []
    for name in DATED:
        held = [entry.month for entry in document.months if entry.table == name]
        if held:
            first = month_name(min(held), words.language)
            kept.append(words("coverage.kept", table=words.plain(f"table.{name}"), month=first))
    return views.Section(
        "coverage",
        words("coverage.title"),
        paragraphs=(words("coverage.intro"),),
        tables=(views.Table(words("coverage.caption"), columns, rows),) if rows else (),
        bullets=tuple(kept),
    )


def _codes(words: Words, document: ProfileDocument) -> views.Section:
    tables = []
    for table, column in CODE_LISTS:
        rows = tuple(
            (
                code_name(column, entry.code, words.language),
                site_views.households(entry.households, words.language),
            )
            for entry in document.codes
            if (entry.table, entry.column) == (table, column)
        )
        if rows:
            caption = words(
                "codes.caption",
                table=words.plain(f"table.{table}"),
                column=words.plain(f"column.{column}"),
            )
            tables.append(views.Table(caption, (words("codes.code"), words("codes.households")), rows))
    return views.Section(
        "codes", words("codes.title"), paragraphs=(words("codes.intro"),), tables=tuple(tables)
    )


def _missing(words: Words, document: ProfileDocument) -> views.Section:
    tables = []
    columns = (words("missing.column"), words("missing.share"))
    for name, entries in groupby(document.missing, key=lambda entry: entry.table):
        rows = tuple(
            (words.plain(f"column.{entry.column}"), _state(words, entry, "missing")) for entry in entries
        )
        caption = words("missing.caption", table=words.plain(f"table.{name}"))
        tables.append(views.Table(caption, columns, rows))
    return views.Section(
        "missing", words("missing.title"), paragraphs=(words("missing.intro"),), tables=tuple(tables)
    )


def _links(words: Words, document: ProfileDocument) -> views.Section:
    rows = tuple((words(f"links.{entry.link}"), _state(words, entry, "links")) for entry in document.links)
    table = views.Table(words("links.caption"), (words("links.link"), words("links.share")), rows)
    return views.Section(
        "links",
        words("links.title"),
        paragraphs=(words("links.intro"),),
        tables=(table,) if rows else (),
    )


def _acceptance(words: Words, document: ProfileDocument) -> views.Section:
    rows = tuple(
        (words(f"acceptance.{entry.figure}"), _state(words, entry, "acceptance"))
        for entry in document.acceptance
    )
    columns = (words("acceptance.figure"), words("acceptance.share"))
    table = views.Table(words("acceptance.caption"), columns, rows)
    return views.Section(
        "acceptance",
        words("acceptance.title"),
        paragraphs=(words("acceptance.intro"),),
        tables=(table,) if rows else (),
    )


def _state(words: Words, entry: StateEntry, part: str) -> str:
    if entry.value is not None and entry.value_exponent is not None:
        return site_views.share(entry.value, entry.value_exponent, words.language)
    return words.plain(f"state.{part}.{entry.state.replace('_', '-')}")
