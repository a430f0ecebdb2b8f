"""What the answers of the TARGET checklist are made from, and the words they share."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from causalsig.report.numbers import decimal
from causalsig.report.pages import QuestionSpec, all_outcomes, specs_from_study
from causalsig.report.views import outcome_name
from causalsig.report.words import Words

if TYPE_CHECKING:
    from causalsig.records import PoolResult
    from causalsig.release.documents import EstimatesDocument
    from causalsig.report.flow import StudyFlow
    from causalsig.study.models import Study

Sentences: TypeAlias = Iterable[str]
Answer: TypeAlias = "Callable[[Given], Sentences]"


@dataclass(frozen=True, slots=True)
class Given:
    """A study, its releases, their flow and perhaps their pool; ``words`` speaks the room "target"."""

    study: Study
    flow: StudyFlow
    documents: tuple[EstimatesDocument, ...]
    words: Words
    pool: PoolResult | None = None

    def say(self, key: str, **values: object) -> str:
        """Fill in one sentence of the answers."""
        return self.words.plain(f"answer.{key}", **values)

    @property
    def report(self) -> Words:
        """Words of the reports: arms, questions, outcomes."""
        return Words(self.words.language)

    @property
    def specs(self) -> tuple[QuestionSpec, ...]:
        """Questions, those that carry the conclusion first."""
        return specs_from_study(self.study)[0]

    def question(self, code: str) -> str:
        """Name a question, without its question mark, so that a sentence can go on after it."""
        return self.report.plain(f"question.{code}.title").rstrip("?")

    def outcome(self, outcome_id: str) -> str:
        """Name an outcome by what is counted."""
        known = {outcome.outcome: outcome for outcome in all_outcomes(self.study)}
        return str(outcome_name(self.report, known[outcome_id]).unescape())

    def arms(self, names: Iterable[str]) -> str:
        """List arms."""
        return ", ".join(self.report.arm(name) for name in names)

    def sites(self) -> str:
        """Say how many municipalities there are."""
        count = self.flow.sites
        return self.say("municipality") if count == 1 else self.say("municipalities", count=count)

    def report_of(self, room: str) -> Words:
        """Speak of another room, in the same language."""
        return Words(self.words.language, room)

    def number(self, value: float, digits: int = 0) -> str:
        """Write a number as the language does."""
        return decimal(value, self.words.language, digits)
