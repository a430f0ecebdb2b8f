"""The TARGET checklist: 21 items, each answered from the study and its releases, or left to the authors.

TARGET (TrAnsparent ReportinG of observational studies Emulating a Target trial) is a reporting guideline with
21 items in six sections; items 6 and 7 have eight parts each. What the items ask is put in our own words.

References
----------
Cashin, Hansford, Hernán et al. (2025), JAMA, doi:10.1001/jama.2025.13350, and BMJ,
doi:10.1136/bmj-2025-087179.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from causalsig.errors import ReportError
from causalsig.report import target_emulation, target_results, target_trial
from causalsig.report.target_given import Given, Sentences
from causalsig.report.words import Words
from causalsig.study.digest import study_digest

if TYPE_CHECKING:
    from collections.abc import Callable

    from causalsig.records import PoolResult
    from causalsig.release.documents import EstimatesDocument
    from causalsig.report.flow import StudyFlow
    from causalsig.report.numbers import Language
    from causalsig.study.models import Study

_PARTS: Final = "abcdefgh"
SECTIONS: Final[dict[str, tuple[str, ...]]] = {
    "abstract": ("1",),
    "introduction": ("2", "3", "4"),
    "methods": ("5", *(f"6{part}" for part in _PARTS), *(f"7{part}" for part in _PARTS)),
    "results": tuple(str(item) for item in range(8, 15)),
    "discussion": ("15", "16"),
    "other": tuple(str(item) for item in range(17, 22)),
}
"""Parts of the checklist by section, in its order."""
_ANSWERS: Final[dict[str, Callable[[Given], Sentences]]] = {
    **target_trial.ANSWERS,
    **target_emulation.ANSWERS,
    **target_results.ANSWERS,
}


@dataclass(frozen=True, slots=True)
class ChecklistPart:
    """One item of the checklist, or one part of item 6 or 7.

    Attributes
    ----------
    number : str
        "1" to "21"; "6a" to "7h" for the parts.
    section : str
        A key of `SECTIONS`.
    asked : str
        What is asked, in our words.
    answers : tuple of str
        What study and releases say; empty when they say nothing.
    authors : str
        What is left to write; empty when nothing is.
    """

    number: str
    section: str
    asked: str
    answers: tuple[str, ...]
    authors: str


def target_checklist(
    study: Study,
    flow: StudyFlow,
    documents: Sequence[EstimatesDocument],
    language: Language = "nl",
    *,
    pool: PoolResult | None = None,
) -> tuple[ChecklistPart, ...]:
    """Fill the TARGET checklist in.

    Parameters
    ----------
    study : Study
    flow : StudyFlow
        Of the same releases.
    documents : sequence of EstimatesDocument
        At least one release of the study.
    language : {"nl", "en"}
    pool : PoolResult, optional
        The pool of all municipalities: items 12 and 13 are then filled in from it.

    Returns
    -------
    tuple of ChecklistPart
        In the order of the checklist. What neither study nor releases hold is said to be for the authors.

    Raises
    ------
    ReportError
        ``report-other-study`` when the pool is of another study.
    """
    if pool is not None and pool.study_digest != study_digest(study):
        raise ReportError(
            "report-other-study",
            expected="a pool of the study that was given",
            found="the digest of another study",
            mend="Give the pool that was made of these releases.",
        )
    given = Given(study, flow, tuple(documents), Words(language, "target"), pool)
    return tuple(_part(number, section, given) for section, numbers in SECTIONS.items() for number in numbers)


def _part(number: str, section: str, given: Given) -> ChecklistPart:
    words = given.words
    answers = tuple(_ANSWERS[number](given)) if number in _ANSWERS else ()
    key = f"authors.{number}"
    if words.has(f"{key}-many") and given.flow.releases > 1 and given.pool is None:
        key = f"{key}-many"
    left = words.plain(key) if words.has(key) else ""
    return ChecklistPart(number, section, words.plain(f"asked.{number}"), answers, left)


def checklist_markdown(study: Study, parts: Sequence[ChecklistPart], language: Language = "nl") -> str:
    """Write the checklist as Markdown: a table a section."""
    words = Words(language, "target")
    source = words.plain("page.source", study=study.name, digest=study_digest(study))
    lines = [f"# {words.plain('page.title')}", "", words.plain("page.intro"), "", source, ""]
    for section in SECTIONS:
        head = [words.plain(f"page.{name}") for name in ("number", "asked", "answer")]
        lines += [f"## {words.plain(f'section.{section}')}", "", f"| {' | '.join(head)} |", "|---|---|---|"]
        for part in parts:
            if part.section == section:
                cells = (part.number, part.asked, "<br>".join(said(part, words)))
                lines.append(f"| {' | '.join(_cell(cell) for cell in cells)} |")
        lines.append("")
    return "\n".join([*lines, words.plain("page.cite"), ""])


def said(part: ChecklistPart, words: Words) -> tuple[str, ...]:
    """Sentences of a part: its answers, and what is left to the authors."""
    if not part.authors:
        return part.answers
    key = "page.authors-also" if part.answers else "page.authors-only"
    return (*part.answers, words.plain(key, what=part.authors))


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
