"""Pages as HTML: one file each, no script, no network, everything from outside escaped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from causalsig.report.fairness import fairness_view
from causalsig.report.flow_page import flow_view
from causalsig.report.inside import inside_view
from causalsig.report.monitor import monitor_view
from causalsig.report.municipality import municipality_view
from causalsig.report.national import national_view
from causalsig.report.numbers import Language
from causalsig.report.pages import MunicipalityPage, NationalPage
from causalsig.report.profile import profile_view
from causalsig.report.reviewed import contents, review_view
from causalsig.report.views import Page
from causalsig.report.words import Words

if TYPE_CHECKING:
    from jinja2 import Environment

    from causalsig.release.monitor_document import MonitorDocument
    from causalsig.release.profile_document import ProfileDocument
    from causalsig.release.remember import LedgerTold
    from causalsig.release.review import Review
    from causalsig.report.flow import StudyFlow
    from causalsig.report.target_items import ChecklistPart
    from causalsig.study.models import Study

POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
"""Nothing may be loaded and nothing may run; inline style is what the page and its figures are drawn with."""

CONTENTS_LEVEL = 4
"""How deep the list of contents of a review goes: questions, and the blocks in them."""


def municipality_html(page: MunicipalityPage, language: Language = "nl") -> str:
    """Write a municipality's page as one self-contained HTML document."""
    return _render(municipality_view(page, language), language)


def fairness_html(page: MunicipalityPage, language: Language = "nl") -> str:
    """Write a municipality's page on groups: effects and contact by group, and what they do not say."""
    return _render(fairness_view(page, language), language)


def national_html(page: NationalPage, language: Language = "nl") -> str:
    """Write the national page; with ``page.sites`` the statistician's, marked not for publication."""
    return _render(national_view(page, language), language)


def profile_html(document: ProfileDocument, payload_hash: str, language: Language = "nl") -> str:
    """Write a site's profile: exactly what its document holds."""
    return _render(profile_view(document, payload_hash, language), language)


def monitor_html(document: MonitorDocument, payload_hash: str, language: Language = "nl") -> str:
    """Write a site's monitor figures: exactly what its document holds."""
    return _render(monitor_view(document, payload_hash, language), language)


def flow_html(
    study: Study,
    flow: StudyFlow,
    parts: Sequence[ChecklistPart],
    language: Language = "nl",
    *,
    demo: bool = False,
) -> str:
    """Write the flow of a study's releases and the TARGET checklist filled in; `flow_view` has the rest."""
    return _render(flow_view(study, flow, parts, language, demo=demo), language)


def inside_html(record: Mapping[str, Any], language: Language = "nl", *, version: str) -> str:
    """Write the page of a site's ``site.json``, marked not for release: its counts are exact."""
    return _render(inside_view(record, language, version=version), language)


def review_html(review: Review, language: Language = "nl", told: LedgerTold | None = None) -> str:
    """Write a review: every value that would leave with the rule it passed, and what the ledger is told.

    It stays with the provider.
    """
    view = review_view(review, language, told)
    return (
        _environment()
        .get_template("review.html.j2")
        .render(
            page=view,
            contents=tuple(contents(view.document, CONTENTS_LEVEL)),
            language=language,
            words=Words(language, "review"),
            policy=POLICY,
        )
    )


def _render(view: Page, language: Language) -> str:
    template = _environment().get_template("page.html.j2")
    return template.render(page=view, language=language, words=Words(language), policy=POLICY)


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("causalsig.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
