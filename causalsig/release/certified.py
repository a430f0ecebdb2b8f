"""What leaves of a certificate: its verdict, and how well the study does on a question that is released.

Coverage and power are rates over simulated households, but the simulation has the site's moments. Power
follows from the standard error and the risk, which leave on finer grids than its own; coverage hardly moves
with the data. So both leave on coarse grids, and only beside the primary block they are about: what is
withheld there is withheld here. Counts, biases and known answers do not leave.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, model_validator

from causalsig.release.value_types import Closed, Code, QuestionCode
from causalsig.release.vocabulary import to_code

if TYPE_CHECKING:
    from causalsig.records import CertifiedQuestion, SiteCertificate

COVERAGE_STEPS, POWER_STEPS = 20, 10
UNJUDGED = "certify-too-few"


class CertifiedEntry(Closed):
    """One question: coverage in twentieths, power in tenths; neither where copies were too few to be judged.

    Coverage is the smaller of that without and that with an effect.
    """

    question: QuestionCode
    code: Code
    coverage: Annotated[int, Field(ge=0, le=COVERAGE_STEPS)] | None
    power: Annotated[int, Field(ge=0, le=POWER_STEPS)] | None

    @model_validator(mode="after")
    def _judged(self) -> CertifiedEntry:
        if self.code == UNJUDGED and (self.coverage, self.power) != (None, None):
            raise ValueError("a certificate tells figures of too few copies to be judged")
        return self


class CertificateEntry(Closed):
    """Whether the study gave right answers at this site when it was tried there."""

    verdict: Literal["sound", "failed", "undecided", "refused"]
    code: Code
    replications: int = Field(ge=1, le=1_000_000)
    questions: tuple[CertifiedEntry, ...] = Field(max_length=2)

    @model_validator(mode="after")
    def _once(self) -> CertificateEntry:
        names = [entry.question for entry in self.questions]
        if len(set(names)) != len(names):
            raise ValueError("a question is certified twice")
        return self


def certificate_entries(
    certificate: SiteCertificate | None, released: frozenset[str]
) -> tuple[CertificateEntry, ...]:
    """Write a certificate on its grids, when there is one; ``released``: whose primary block leaves."""
    if certificate is None:
        return ()
    questions = tuple(
        CertifiedEntry.model_validate(_entry(one, one.question in released)) for one in certificate.questions
    )
    entry = CertificateEntry(
        verdict=certificate.verdict,
        code=to_code(certificate.code),
        replications=certificate.replications,
        questions=questions,
    )
    return (entry,)


def _entry(one: CertifiedQuestion, shown: bool) -> dict[str, object]:
    told = shown and one.code != UNJUDGED
    coverage, power = (one.coverage, one.power) if told else (None, None)
    return {
        "question": one.question,
        "code": to_code(one.code),
        "coverage": None if coverage is None else round(coverage * COVERAGE_STEPS),
        "power": None if power is None else round(power * POWER_STEPS),
    }
