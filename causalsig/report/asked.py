"""One question of the national page, with the pool's answer to it."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite

from markupsafe import Markup

from causalsig.records import PooledContrast
from causalsig.report import effects
from causalsig.report.effects import Shown
from causalsig.report.pages import NationalPage, QuestionSpec
from causalsig.report.words import Words


@dataclass(frozen=True, slots=True)
class Question:
    """A question of the study file, on this page."""

    words: Words
    page: NationalPage
    spec: QuestionSpec

    @property
    def slug(self) -> str:
        """Name of the question in the page's addresses."""
        return self.spec.question.replace("_", "-")

    @property
    def months(self) -> int:
        """Months over which the primary outcome counts."""
        return next(outcome.months for outcome in self.page.outcomes if outcome.outcome == self.spec.outcome)

    def found(self, arm: str, reference: str, outcome: str | None = None) -> PooledContrast | None:
        """Give the pooled contrast, if it may stand on this page."""
        key = (self.spec.question, outcome or self.spec.outcome, self.spec.estimand, arm, reference)
        contrast = effects.pooled_contrast(self.page.pool, *key)
        if contrast is None or not isfinite(contrast.estimate):
            return None
        if not (contrast.publishable or self.page.sites):
            return None
        return contrast

    def shown(self, arm: str, reference: str, outcome: str | None = None) -> Shown | None:
        """Give the pooled contrast in the units of the page, if it may stand on it."""
        contrast = self.found(arm, reference, outcome)
        return None if contrast is None else effects.show_contrast(contrast)

    def why_not(self) -> Markup:
        """Say why there is no primary contrast."""
        key = (self.spec.question, self.spec.outcome, self.spec.estimand, *self.spec.contrast)
        contrast = effects.pooled_contrast(self.page.pool, *key)
        code = contrast.reasons[0] if contrast is not None and contrast.reasons else "pool-missing"
        return self.words.reason(code)
