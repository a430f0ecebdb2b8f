"""From codes and numbers to words: sentences of the catalogue, with what comes from outside escaped."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from causalsig.report.certainty import certainty
from causalsig.report.effects import Shown
from causalsig.report.numbers import Language, decimal, span
from causalsig.texts import catalogue

HARD_SPACE = "\u00a0"
"""Keeps a number on one line with what it counts."""


@dataclass(frozen=True, slots=True)
class Words:
    """The texts of one language.

    Texts of the catalogue are trusted; every value that is filled in is escaped, so a name with markup in it
    stays a name. ``room`` is the file of the catalogue that speaks.
    """

    language: Language
    room: str = "report"

    def __call__(self, key: str, **values: object) -> Markup:
        """Return ``<room>.<key>``, safe to put on a page."""
        return Markup(catalogue(self.language)[f"{self.room}.{key}"]).format(**values)

    def plain(self, key: str, **values: object) -> str:
        """Return ``<room>.<key>`` as plain text, for figures and ids."""
        return catalogue(self.language)[f"{self.room}.{key}"].format(**values)

    def has(self, key: str) -> bool:
        """Say whether there is a text ``<room>.<key>``."""
        return f"{self.room}.{key}" in catalogue(self.language)

    def arm(self, code: str, form: str = "name") -> str:
        """Name an arm; ``form``: name, short, after or who."""
        return catalogue(self.language)[f"report.arm.{code}.{form}"]

    def pair(self, arm: str, reference: str) -> dict[str, str]:
        """Values that sentences about a contrast take."""
        return {
            "after": self.arm(arm, "after"),
            "After": self.arm(arm, "after").capitalize(),
            "reference_after": self.arm(reference, "after"),
            "short": self.arm(arm, "short"),
            "reference_short": self.arm(reference, "short"),
            "arm": self.arm(arm, "short"),
            "reference": self.arm(reference, "short"),
        }

    def amount(self, value: float) -> str:
        """Write a difference in words: ``12 minder``, ``6 meer``, ``0``."""
        whole = round(value)
        key = "zero" if whole == 0 else "fewer" if whole < 0 else "more"
        return self.plain(f"amount.{key}", value=decimal(abs(whole), self.language)).replace(" ", HARD_SPACE)

    def interval(self, low: float, high: float) -> str:
        """Write an interval in words, smaller number first when both ends lie on one side."""
        first, last = round(low), round(high)
        if first < 0 and last < 0:
            key, ends = "fewer-range", (-last, -first)
        elif first > 0 and last > 0:
            key, ends = "more-range", (first, last)
        else:
            return self.plain("amount.both", low=self.amount(low), high=self.amount(high))
        low_text, high_text = (decimal(end, self.language) for end in ends)
        return self.plain(f"amount.{key}", low=low_text, high=high_text)

    def signed(self, shown: Shown) -> str:
        """Write a difference for a table: ``−12 (−30 tot +6)``."""
        ends = span(shown.low, shown.high, self.language, signed=True)
        return f"{decimal(shown.estimate, self.language, signed=True)} ({ends})".replace(" ", HARD_SPACE)

    def level(self, shown: Shown) -> str:
        """Write a mean for a table: ``214 (181 tot 247)``."""
        ends = span(max(shown.low, 0.0), shown.high, self.language)
        return f"{decimal(shown.estimate, self.language)} ({ends})".replace(" ", HARD_SPACE)

    def sentence(self, shown: Shown, arm: str, reference: str, months: int) -> Markup:
        """Say a difference with its uncertainty and what it allows one to say."""
        same = round(shown.estimate) == 0
        amount = self("amount.same") if same else self.amount(shown.estimate)
        first = self(
            "sentence.equal" if same else "sentence.difference",
            who=self.arm(arm, "who"),
            months=months,
            amount=_strong(amount),
            after=self.arm(reference, "after"),
        )
        second = self("sentence.uncertainty", interval=_strong(self.interval(shown.low, shown.high)))
        return Markup(" ").join((first, second, self(f"certain.{certainty(shown.low, shown.high)}")))

    def reason(self, code: str) -> Markup:
        """Say in words why something is not there."""
        return self(f"reason.{code}") if self.has(f"reason.{code}") else self("reason.unknown", code=code)

    def pooling(self, method: str) -> Markup:
        """Say in words how municipalities were pooled, from the names of estimator and interval."""
        known = [(f"pooling.{name}", name) for name in method.split(", ")]
        return Markup(", ").join(self(key) if self.has(key) else name for key, name in known)

    def check(self, code: str, part: str, question: str = "") -> Markup:
        """Say a check's name, or what passing or failing it means; a question may have words of its own."""
        for known in (code, code.removeprefix("diagnostics-"), code.removeprefix("gate-")):
            for key in (f"check-of.{question}.{known}.{part}", f"check.{known}.{part}"):
                if self.has(key):
                    return self(key)
        return self(f"check.unknown.{part}", code=code)

    def rule(self, code: str) -> Markup:
        """Say an eligibility rule."""
        return (
            self(f"flow.rules.{code}")
            if self.has(f"flow.rules.{code}")
            else self("flow.rules.unknown", code=code)
        )


def _strong(words: str) -> Markup:
    return Markup("<strong>{}</strong>").format(words)
