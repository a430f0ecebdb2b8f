"""``site.json``: the full diagnostics of one site, for the provider's statistician. It never leaves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Any

from causalsig.codes import REMARKS
from causalsig.diagnostics.balance import largest_difference, love_plot
from causalsig.diagnostics.gates import BALANCE
from causalsig.diagnostics.words import falsification_sentence, verdict_sentence
from causalsig.execution.crossed_record import thresholds_record
from causalsig.texts import LANGUAGES

if TYPE_CHECKING:
    from causalsig.records import Analysis, QuestionResult, SiteResult


def site_record(result: SiteResult) -> dict[str, Any]:
    """Give everything a statistician at the provider may want to see, as plain Python for JSON.

    Counts are exact and the unadjusted means stand beside the adjusted ones, so this file stays inside.
    Values of single households (influence, weights, propensities) are not in it.
    """
    return {
        "kind": "site",
        "never_leaves": True,
        "municipality": result.municipality,
        "study_digest": result.study_digest,
        "extracted_on": result.extracted_on.isoformat(),
        "findings": list(result.finding_codes),
        "questions": [_question(question) for question in result.questions],
        "thresholds": None if result.thresholds is None else thresholds_record(result.thresholds),
    }


def why_not(question: QuestionResult) -> str:
    """Give the code that kept a question from an estimate; empty when it has one.

    What a gate withheld has the gate's code. What was said of the whole question comes before what was said
    of one outcome, and that before what was said of one arm.
    """
    if question.status == "estimated":
        return ""
    gates = [verdict.code for verdict in question.verdicts if verdict.tier == "design" and not verdict.passed]
    if question.status == "withheld" and gates:
        return gates[0]
    refusals = [refusal for refusal in question.refusals if refusal.code not in REMARKS]
    first = min(refusals, key=lambda r: (r.arm is not None, r.outcome is not None), default=None)
    return "" if first is None else first.code


def _question(question: QuestionResult) -> dict[str, Any]:
    largest = largest_difference(question.balance)
    return {
        "question": question.question,
        "status": question.status,
        "attrition": [asdict(row) for row in question.attrition],
        "verdicts": [
            asdict(verdict) | {"sentence": _said(partial(verdict_sentence, verdict))}
            for verdict in question.verdicts
        ],
        "overlap": None if question.overlap is None else asdict(question.overlap),
        "balance": [asdict(row) for row in question.balance],
        "love_plot": [asdict(row) for row in love_plot(question.balance, _balance_limit(question))],
        "largest_difference": None if largest is None else asdict(largest),
        "refusals": [asdict(refusal) for refusal in question.refusals],
        "analyses": [_analysis(analysis) for analysis in question.analyses],
        "hidden": None if question.hidden is None else asdict(question.hidden),
        "regions": [asdict(region) for region in question.regions],
        "balance_components": None if question.components is None else asdict(question.components),
        "rulers": [asdict(one) for one in question.rulers],
        "falsification": _falsification(question),
        "groups": None if question.groups is None else asdict(question.groups),
        "rule": None if question.rule is None else asdict(question.rule),
        "given_rules": [asdict(rule) for rule in question.given],
        "contacts": None if question.contacts is None else asdict(question.contacts),
    }


def _falsification(question: QuestionResult) -> dict[str, Any] | None:
    found = question.falsification
    if found is None:
        return None
    rows = [asdict(row) | {"sentence": _said(partial(falsification_sentence, row))} for row in found.rows]
    return asdict(found) | {"rows": rows}


def _said(sentence: Callable[[str], str]) -> dict[str, str]:
    """Give a sentence in every language of the catalogue."""
    return {language: sentence(language) for language in LANGUAGES}


def _balance_limit(question: QuestionResult) -> float:
    """Give the study's limit, as the gate was given it; there is no balance without that verdict."""
    return next((v.threshold for v in question.verdicts if v.code == BALANCE), 0.0)


def _analysis(analysis: Analysis) -> dict[str, Any]:
    result = analysis.result
    return {
        "outcome": analysis.outcome,
        "estimand": analysis.estimand,
        "estimator": analysis.estimator,
        "kind": analysis.kind,
        "months": analysis.months,
        "primary": analysis.primary,
        "reference": analysis.reference,
        "arms": list(result.arms),
        "episodes": result.n.tolist(),
        "households": result.households.tolist(),
        "households_with": list(analysis.households_with),
        "effective_sample_size": result.effective_sample_size.tolist(),
        "means": result.means.tolist(),
        "covariance": result.covariance.tolist(),
        "unadjusted_means": analysis.unadjusted.means.tolist(),
        "unadjusted_covariance": analysis.unadjusted.covariance.tolist(),
        "contrasts": [
            result.contrast(arm, analysis.reference).to_dict()
            for arm in result.arms
            if arm != analysis.reference
        ],
        "sensitivity": [asdict(row) for row in analysis.sensitivity],
        "pooled": analysis.pooled,
        "notes": list(result.notes),
        "method": result.method,
        "seed": result.seed,
    }
