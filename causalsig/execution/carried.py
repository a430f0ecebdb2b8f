"""Which questions a source can answer at all, by what its format declares to carry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from causalsig.records import QuestionResult, Refusal

if TYPE_CHECKING:
    from causalsig.sources.findings import Carries
    from causalsig.study.models import Covariate, SignalSet, Study

NEEDS_ALL_SIGNALS: Final = "cohort-needs-all-signals"
OUTCOMES: Final[frozenset[SignalSet]] = frozenset({"new_arrears", "all_signals"})
"""Outcomes that count later signals of a household, whether or not they became a case."""
COVARIATES: Final[frozenset[Covariate]] = frozenset({"signals_m1_m3", "n_new_arrears"})
"""Covariates made of earlier signals; whether an arrear is new is told by those before it."""


def unanswerable(study: Study, carries: Carries) -> dict[str, QuestionResult]:
    """Refuse the questions that need signals which the source does not have, before anyone is compared.

    Parameters
    ----------
    study : Study
    carries : {"all_signals", "cases_only"}
        Of :class:`causalsig.sources.findings.ReadResult`.

    Returns
    -------
    dict of QuestionResult
        By question; none is in it that the source can answer.
    """
    if carries == "all_signals":
        return {}
    adjusted = not COVARIATES.isdisjoint(study.covariates)
    found = {}
    for question, settings in study.asked.items():
        counted = {study.outcome(name).signals for name in settings.outcomes}
        if adjusted or counted & OUTCOMES:
            refusal = Refusal(NEEDS_ALL_SIGNALS, question)
            found[question] = QuestionResult(question, "refused", (), (), (), (), (refusal,))
    return found
