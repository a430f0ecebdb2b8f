"""What the pages of a profile and a monitor share: cells in words, what is held back, where it comes from."""

from __future__ import annotations

from collections.abc import Iterable

from markupsafe import Markup

from causalsig.release import grid
from causalsig.release.site_documents import Header, HeldBack
from causalsig.report import views
from causalsig.report.numbers import Language, band, decimal, month_name
from causalsig.report.words import HARD_SPACE, Words
from causalsig.texts import text

FINE_STEP = 1 / 200
"""A share with a step below half a per cent is written with one digit behind the decimal mark."""


def share(steps: int, exponent: int, language: Language) -> str:
    """Write a share: ``21 %``, with no more digits than its grid carries."""
    digits = 1 if grid.from_steps(1, exponent) < FINE_STEP else 0
    value = grid.from_steps(steps, exponent)
    return f"{decimal(100 * value, language, digits)}{HARD_SPACE}%"


def households(code: str, language: Language) -> str:
    """Write a band of households: ``30–99``."""
    return band(grid.band_limits(code), language)


def held_back(words: Words, suppressions: Iterable[HeldBack]) -> views.Section:
    """List what does not leave, by rule."""
    tables: dict[str, list[str]] = {}
    for item in suppressions:
        tables.setdefault(item.rule, []).append(table_name(words, item.table))
    bullets = []
    for rule, names in tables.items():
        why = text(f"release.rules.{rule}.title", words.language)
        bullets.append(Markup("{}: {}").format(why, ", ".join(dict.fromkeys(names))))
    return views.Section(
        "held", words("held.title"), paragraphs=(words("held.intro"),), bullets=tuple(bullets)
    )


def table_name(words: Words, table: str) -> str:
    """Name a table that something was held back of."""
    for prefix in ("codes_", "months_"):
        if table.startswith(prefix):
            name, _, column = table.removeprefix(prefix).partition("_")
            key = "held.codes" if column else "held.months"
            named = words.plain(f"column.{column}") if column else ""
            return words.plain(key, table=words.plain(f"table.{name}"), column=named)
    by_month = table.endswith("_by_month")
    name = words.plain(f"held.{table.removesuffix('_by_month')}")
    return words.plain("held.by-month", figure=name) if by_month else name


def provenance(words: Words, document: Header, payload_hash: str) -> views.Section:
    """Say where a page comes from and how to compare it with the released file."""
    facts = (
        (words("provenance.payload"), payload_hash),
        (words("provenance.site"), document.site_code),
        (words("provenance.snapshot"), document.snapshot),
        (words("provenance.extracted"), month_name(document.extracted, words.language)),
        (words("provenance.version"), f"causalsig {document.package_version}"),
    )
    return views.Section(
        "provenance", words("provenance.title"), paragraphs=(words("provenance.intro"),), facts=facts
    )


def footer(words: Words, document: Header) -> Markup:
    """Close a page."""
    month = month_name(document.extracted, words.language)
    return words("footer", version=document.package_version, month=month)
