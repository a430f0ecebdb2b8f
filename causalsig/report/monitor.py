"""The page of a monitor: what a municipality knows today, and what it could not know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from markupsafe import Markup

from causalsig.release import grid
from causalsig.release.monitor_document import GROUPS, MonitorDocument, RateEntry, ShareEntry
from causalsig.report import site_views, views
from causalsig.report.numbers import Language, decimal, month_name
from causalsig.report.profile import code_name
from causalsig.report.words import Words

COARSE_STEP = 0.1
"""A rate with a step of a tenth or more is written with one digit behind the decimal mark, else with two."""


class _Figures:
    """The document's cells by name."""

    def __init__(self, document: MonitorDocument, words: Words) -> None:
        self.words = words
        self._rates: dict[tuple[str, str | None], RateEntry] = {
            (entry.figure, entry.month): entry for entry in document.rates
        }
        self._shares: dict[tuple[str, str, str | None], ShareEntry] = {
            (entry.figure, entry.group, entry.month): entry for entry in document.shares
        }
        self._absent = {(str(entry.figure), entry.group) for entry in document.absent}

    def given(self, figure: str, group: str = "") -> bool:
        """Whether the source can give a figure; whether any of it may leave is another matter."""
        return self._absent.isdisjoint({(figure, ""), (figure, group)})

    def rate(self, figure: str, month: str | None = None) -> str:
        found = self._rates.get((figure, month))
        if found is None:
            return self.words.plain("not-shown")
        step = grid.from_steps(1, found.value_exponent)
        value = grid.from_steps(found.value, found.value_exponent)
        return decimal(value, self.words.language, 1 if step >= COARSE_STEP else 2)

    def share(self, figure: str, group: str = "", month: str | None = None) -> str:
        found = self._shares.get((figure, group, month))
        if found is None:
            return self.words.plain("not-shown")
        return site_views.share(found.value, found.value_exponent, self.words.language)

    def groups(self, figures: Sequence[str], *, by_month: bool = False) -> list[str]:
        """List the groups of which any of these figures is there, in the order of the code list."""
        there = {
            group
            for figure, group, month in self._shares
            if figure in figures and (month is not None) == by_month
        }
        return [group for group in GROUPS[figures[0]] if group in there]

    def months(self) -> list[str]:
        listed = {month for _, month in self._rates} | {month for *_, month in self._shares}
        return sorted(month for month in listed if month is not None)


def monitor_view(document: MonitorDocument, payload_hash: str, language: Language) -> views.Page:
    """Build the page of a monitor."""
    words = Words(language, "site")
    figures = _Figures(document, words)
    sections = (
        _mix(words, figures),
        _methods(words, figures, document),
        _creditors(words, figures),
        _months(words, figures),
        _creditors_by_month(words, figures),
        _absent(words, document),
        views.Section(
            "unknown",
            words("monitor.unknown-title"),
            paragraphs=(words("monitor.unknown"),),
            bullets=tuple(words(f"monitor.unknown-{key}") for key in ("one", "two", "three")),
        ),
        site_views.held_back(words, document.suppressions),
        site_views.provenance(words, document, payload_hash),
    )
    return views.Page(
        title=words("monitor.title"),
        brand=words("brand"),
        audience=words("monitor.audience"),
        banner_title=words("waiting.title"),
        banner=words("waiting.banner"),
        answer=_answer(words, figures, document),
        sections=tuple(section for section in sections if section is not None),
        footer=site_views.footer(words, document),
    )


def own_section(document: MonitorDocument, language: Language) -> views.Section:
    """Build what a municipality's own report says of its signals: counts, before the effects."""
    words = Words(language, "site")
    figures = _Figures(document, words)
    answer = _answer(words, figures, document)
    parts = (
        _mix(words, figures),
        _methods(words, figures, document),
        _creditors(words, figures),
        _months(words, figures),
    )
    told = [part for part in parts if part is not None]
    return views.Section(
        "signals",
        words("monitor.own-title"),
        paragraphs=(*answer.lead, answer.headline + "."),
        tables=tuple(
            replace(table, title=part.title, intro=part.paragraphs[0])
            for part in told
            for table in part.tables
        ),
        after=(*(line for part in told for line in part.after), answer.small, words("monitor.own-after")),
    )


def _answer(words: Words, figures: _Figures, document: MonitorDocument) -> views.Answer:
    first, last = (month_name(month, words.language) for month in (document.first, document.last))
    rate = figures.rate("signals_per_1000")
    shown = rate != words.plain("not-shown")
    missing = "none" if figures.given("signals_per_1000") else "absent"
    lead = [words("monitor.lead", first=first, last=last)]
    reached, accepted = figures.share("reached"), figures.share("accepted")
    if words.plain("not-shown") not in (reached, accepted):
        lead.append(words("monitor.lead-contact", reached=reached, accepted=accepted))
    return views.Answer(
        kicker=words("monitor.kicker"),
        headline=words("monitor.headline", rate=rate) if shown else words(f"monitor.headline-{missing}"),
        verdict=words("monitor.verdict"),
        tone="sure" if shown else "none",
        lead=tuple(lead),
        small=words("monitor.small"),
        advice_title=words("waiting.next-title"),
        advice=words("waiting.next"),
    )


def _mix(words: Words, figures: _Figures) -> views.Section | None:
    groups = figures.groups(["mix"])
    if not groups:
        return None
    rows = tuple((words(f"mix.{group}"), figures.share("mix", group)) for group in groups)
    columns = (words("mix.kind"), words("mix.share"))
    return views.Section(
        "mix",
        words("mix.title"),
        paragraphs=(words("mix.intro"),),
        tables=(views.Table(words("mix.caption"), columns, rows),),
    )


def _methods(words: Words, figures: _Figures, document: MonitorDocument) -> views.Section | None:
    groups = figures.groups(["reached_by_method", "accepted_by_method"])
    if not groups or document.contact_last is None:
        return None
    rows = tuple(
        (
            words(f"methods.{group}"),
            figures.share("reached_by_method", group),
            figures.share("accepted_by_method", group),
        )
        for group in groups
    )
    columns = (words("methods.method"), words("methods.reached"), words("methods.accepted"))
    last = month_name(document.contact_last, words.language)
    return views.Section(
        "methods",
        words("methods.title"),
        paragraphs=(words("methods.intro", last=last),),
        tables=(views.Table(words("methods.caption"), columns, rows),),
        after=(words("methods.warning"),),
    )


def _creditors(words: Words, figures: _Figures) -> views.Section | None:
    groups = figures.groups(["signals_by_creditor", "reached_by_creditor", "accepted_by_creditor"])
    if not groups:
        return None
    told = [name for name in ("signals", "reached", "accepted") if figures.given(f"{name}_by_creditor")]
    rows = tuple(
        (
            code_name("creditor_type", group, words.language),
            *(figures.share(f"{name}_by_creditor", group) for name in told),
        )
        for group in groups
    )
    columns = (words("creditors.creditor"), *(words(f"creditors.{name}") for name in told))
    return views.Section(
        "creditors",
        words("creditors.title"),
        paragraphs=(words("creditors.intro"),),
        tables=(
            views.Table(words("creditors.caption" if told[1:] else "creditors.caption-cases"), columns, rows),
        ),
    )


def _months(words: Words, figures: _Figures) -> views.Section | None:
    months = figures.months()
    if not months:
        return None
    mix = [group for group in GROUPS["mix"] if figures.given("mix", group)]
    contact = [figure for figure in ("reached", "accepted") if figures.given(figure)]
    rated = figures.given("signals_per_1000")
    rows = tuple(
        (
            month_name(month, words.language),
            *([figures.rate("signals_per_1000", month)] if rated else []),
            *(figures.share("mix", group, month) for group in mix),
            *(figures.share(figure, "", month) for figure in contact),
        )
        for month in months
    )
    columns: tuple[Markup, ...] = (
        words("months.month"),
        *([words("months.rate")] if rated else []),
        *(words(f"mix.{group}-short") for group in mix),
        *(words(f"months.{figure}") for figure in contact),
    )
    return views.Section(
        "months",
        words("months.title"),
        paragraphs=(words("months.intro"),),
        tables=(views.Table(words("months.caption"), columns, rows),),
    )


def _creditors_by_month(words: Words, figures: _Figures) -> views.Section | None:
    groups = figures.groups(["signals_by_creditor"], by_month=True)
    if not groups:
        return None
    rows = tuple(
        (
            month_name(month, words.language),
            *(figures.share("signals_by_creditor", group, month) for group in groups),
        )
        for month in figures.months()
    )
    columns = (
        words("months.month"),
        *(code_name("creditor_type", group, words.language) for group in groups),
    )
    return views.Section(
        "creditors-by-month",
        words("creditors.month-title"),
        tables=(views.Table(words("creditors.month-caption"), columns, rows),),
    )


def _absent(words: Words, document: MonitorDocument) -> views.Section | None:
    """Say which figures this source cannot give, and why."""
    if not document.absent:
        return None
    named: dict[str, list[str]] = {}
    for entry in document.absent:
        name = words.plain(f"mix.{entry.group}") if entry.group else words.plain(f"held.{entry.figure}")
        named.setdefault(entry.reason, []).append(name)
    return views.Section(
        "absent",
        words("absent.title"),
        paragraphs=tuple(words(f"absent.{reason}") for reason in named),
        bullets=tuple(words.plain("absent.figures", names=", ".join(names)) for names in named.values()),
    )
