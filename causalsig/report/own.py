"""One question of a municipality's pages, with its own answer and the pool of the others."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite

from markupsafe import Markup

from causalsig.records import Refusal, ReleasedArms
from causalsig.report import effects
from causalsig.report.effects import Shown
from causalsig.report.numbers import Language
from causalsig.report.pages import MunicipalityPage, OwnQuestion, QuestionSpec
from causalsig.report.words import Words


@dataclass(frozen=True, slots=True)
class Question:
    """One question with what is known of it here, and of the others where that may be shown."""

    words: Words
    page: MunicipalityPage
    spec: QuestionSpec
    own: OwnQuestion

    @property
    def level(self) -> float:
        """Level of the intervals."""
        return self.page.others.level if self.page.others is not None else 0.95

    @property
    def months(self) -> int:
        """Months over which the primary outcome counts."""
        return next(outcome.months for outcome in self.page.outcomes if outcome.outcome == self.spec.outcome)

    def block(self, outcome: str | None = None) -> ReleasedArms | None:
        """Find the released block that answers the question."""
        return self.own.block(outcome or self.spec.outcome, self.spec)

    @property
    def too_small_alone(self) -> bool:
        """Whether the solo gate failed: then its figures stand beside the pool of the others, or nowhere."""
        told = (v for v in self.own.verdicts if v.tier == "solo" and v.estimand in (None, self.spec.estimand))
        return any(not verdict.passed for verdict in told)

    def here(self, arm: str, reference: str, outcome: str | None = None) -> Shown | None:
        """Give a municipality's own contrast, where it may stand."""
        found = self.block(outcome)
        if found is None or (self.too_small_alone and self.there(arm, reference, outcome) is None):
            return None
        return effects.own_contrast(found, arm, reference, self.level)

    def mean(self, arm: str) -> Shown | None:
        """Give an arm's own level, where a difference that it is part of may stand."""
        found, reference = self.block(), self.spec.reference
        others = [arm] if arm != reference else [one for one in self.spec.arms if one != reference]
        alone = self.too_small_alone and all(self.there(one, reference) is None for one in others)
        return None if found is None or alone else effects.own_mean(found, arm, self.level)

    def there(self, arm: str, reference: str, outcome: str | None = None) -> Shown | None:
        """Pool of the others; None when there is none, or it may not be shown to a municipality."""
        key = (self.spec.question, outcome or self.spec.outcome, self.spec.estimand, arm, reference)
        found = effects.pooled_contrast(self.page.others, *key)
        if found is None or not found.publishable or not isfinite(found.estimate):
            return None
        return effects.show_contrast(found)

    def weighed(self, arm: str, reference: str) -> Shown | None:
        """Weigh the own contrast with the others'; None without both, or where the two do not fit."""
        here, there = self.here(arm, reference), self.there(arm, reference)
        if here is None or there is None or not effects.agree(here, there, self.level):
            return None
        return effects.shrunken(here, there, self.level)

    def why_not_there(self) -> Markup:
        """Say why there is no pool of the others."""
        key = (self.spec.question, self.spec.outcome, self.spec.estimand, *self.spec.contrast)
        found = effects.pooled_contrast(self.page.others, *key)
        code = found.reasons[0] if found is not None and found.reasons else "pool-missing"
        return self.words.reason(code)

    def why_not_here(self) -> tuple[Markup, ...]:
        """Why the primary contrast is not there, in words; nothing when it is."""
        if self.block() is not None and self.here(*self.spec.contrast) is None and self.too_small_alone:
            return (self.words.reason("gate-power"),)
        return tuple(dict.fromkeys(self.words.reason(code) for code in self.own.reasons(self.spec)))


def questions_of(page: MunicipalityPage, language: Language) -> list[Question]:
    """Give every question of the study, with what the municipality released of it."""
    words = Words(language)
    own = {question.question: question for question in page.own}
    return [Question(words, page, spec, own.get(spec.question) or _not_released(spec)) for spec in page.specs]


def _not_released(spec: QuestionSpec) -> OwnQuestion:
    return OwnQuestion(spec.question, "refused", refusals=(Refusal("no-release", spec.question),))
