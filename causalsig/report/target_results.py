"""Items 8 to 21 of the TARGET checklist: what the releases say of results, and what is left to say."""

from __future__ import annotations

from collections import Counter
from types import MappingProxyType
from typing import TYPE_CHECKING

from causalsig.codes import REMARKS
from causalsig.release.build import released_arms
from causalsig.report.effects import own_contrast, own_mean, show_contrast, show_mean
from causalsig.report.flow_words import range_words, releases_words
from causalsig.report.gather import own_questions
from causalsig.report.numbers import span
from causalsig.report.target_emulation import gate_sentences
from causalsig.report.target_given import Given, Sentences
from causalsig.study.digest import study_digest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from causalsig.records import PoolResult, ReleasedArms
    from causalsig.report.pages import QuestionSpec
    from causalsig.report.target_given import Answer


def _participants(given: Given) -> Sentences:
    words = given.report_of("flow")
    for flow in given.flow.questions:
        asked = given.question(flow.question)
        if not flow.steps:
            yield given.say("nobody", question=asked)
            continue
        arms = [
            f"{given.report.arm(arm.arm)} {range_words(arm.households, words, short=True)}"
            for arm in flow.arms
        ]
        yield given.say(
            "started",
            question=asked,
            start=range_words(flow.steps[0].left, words),
            end=range_words(flow.steps[-1].left, words),
            arms=", ".join(arms) or "\u2013",
        )


def _baseline(given: Given) -> Sentences:
    yield from gate_sentences(given, "gate-balance")


def _follow_up(given: Given) -> Sentences:
    yield given.say("followed-all")


def _missing(given: Given) -> Sentences:
    yield given.say("missing")


def _primary_block(given: Given, spec: QuestionSpec) -> ReleasedArms | None:
    """Primary block of the only release; None when there are more, or when it has none."""
    if given.flow.releases > 1:
        return None
    found = [block for block in released_arms(given.documents[0]) if block.question == spec.question]
    return next((block for block in found if block.primary), None)


def _outcomes(given: Given) -> Sentences:
    if given.pool is not None:
        yield from _pooled_means(given, given.pool)
        return
    if given.flow.releases > 1:
        yield given.say("per-site")
    for spec in given.specs:
        block = _primary_block(given, spec)
        if block is None:
            continue
        shown = ((arm, own_mean(block, arm)) for arm in block.arms)
        means = [
            given.say("mean-one", arm=given.report.arm(arm), value=given.report.level(mean))
            for arm, mean in shown
            if mean is not None
        ]
        outcome = given.outcome(spec.outcome)
        yield given.say(
            "mean", question=given.question(spec.question), outcome=outcome, means=", ".join(means)
        )


def _pooled_means(given: Given, pool: PoolResult) -> Sentences:
    for spec in given.specs:
        wanted = (spec.question, spec.outcome, spec.estimand, spec.estimator)
        means = [
            given.say("mean-one", arm=given.report.arm(one.arm), value=given.report.level(show_mean(one)))
            for one in pool.means
            if (one.question, one.outcome, one.estimand, one.estimator) == wanted
        ]
        if means:
            asked, outcome = given.question(spec.question), given.outcome(spec.outcome)
            yield given.say("mean", question=asked, outcome=outcome, means=", ".join(means))


def _pooled_effects(given: Given, pool: PoolResult) -> Sentences:
    for spec in given.specs:
        asked = given.question(spec.question)
        wanted = (spec.question, spec.outcome, spec.estimand, spec.estimator, *spec.contrast)
        found = [
            one
            for one in pool.contrasts
            if (one.question, one.outcome, one.estimand, one.estimator, one.arm, one.reference) == wanted
        ]
        if not found or not found[0].publishable:
            code = found[0].reasons[0] if found and found[0].reasons else "release-pool-not-publishable"
            reason = str(given.report.reason(code).unescape())
            yield given.say("effect-none", question=asked, reason=reason)
            continue
        shown = show_contrast(found[0])
        yield given.say(
            "effect-pooled",
            question=asked,
            outcome=given.outcome(spec.outcome),
            value=given.report.signed(shown),
            arm=given.report.arm(spec.contrast[0]),
            reference=given.report.arm(spec.contrast[1]),
            level=given.number(100 * pool.level),
            sites=shown.sites,
        )
        if shown.prediction is not None:
            interval = span(*shown.prediction, given.words.language, signed=True)
            yield given.say("prediction", question=asked, interval=interval)
        if spec.caution:
            yield given.say("caution", question=asked)


def _effects(given: Given) -> Sentences:
    if given.pool is not None:
        yield from _pooled_effects(given, given.pool)
        return
    if given.flow.releases > 1:
        return
    own = {one.question: one for one in own_questions(given.documents[0])}
    for spec in given.specs:
        asked, block = given.question(spec.question), _primary_block(given, spec)
        shown = None if block is None else own_contrast(block, *spec.contrast)
        if shown is None:
            codes = own[spec.question].reasons(spec) if spec.question in own else ("no-release",)
            reason = str(given.report.reason(codes[0]).unescape())
            yield given.say("effect-none", question=asked, reason=reason)
            continue
        yield given.say(
            "effect",
            question=asked,
            outcome=given.outcome(spec.outcome),
            value=given.report.signed(shown),
            arm=given.report.arm(spec.contrast[0]),
            reference=given.report.arm(spec.contrast[1]),
        )
        if spec.caution:
            yield given.say("caution", question=asked)


def _additional(given: Given) -> Sentences:
    entries = [entry for document in given.documents for entry in document.questions]
    released = sum(not block.primary for entry in entries for block in entry.analyses)
    held = sum(one.what == "block" for entry in entries for one in entry.suppressions)
    yield given.say("blocks", released=released, held=held)
    for spec in given.specs:
        beside = given.study.asked[spec.question].sensitivity_estimators
        if beside:
            names = ", ".join(given.say(f"estimator-{name}") for name in beside)
            yield given.say("beside", question=given.question(spec.question), estimators=names)


def _limits(given: Given) -> Sentences:
    yield given.say("limits")
    remarks = Counter(
        (question.question, refusal.code)
        for document in given.documents
        for question in own_questions(document)
        for refusal in question.refusals
        if refusal.code in REMARKS
    )
    for (question, code), count in sorted(remarks.items()):
        reason = str(given.report.reason(code).unescape())
        where = releases_words(count, given.report_of("flow"))
        yield given.say("remark", question=given.question(question), reason=reason, releases=where)


def _fixed(given: Given) -> Sentences:
    yield given.say("digest", study=given.study.name, digest=study_digest(given.study))


def _access(given: Given) -> Sentences:
    versions = sorted({document.package_version for document in given.documents})
    yield given.say("access", versions=", ".join(versions))


ANSWERS: Mapping[str, Answer] = MappingProxyType(
    {
        "8": _participants,
        "9": _baseline,
        "10": _follow_up,
        "11": _missing,
        "12": _outcomes,
        "13": _effects,
        "14": _additional,
        "16": _limits,
        "18": _fixed,
        "19": _access,
    }
)
"""Item, and the sentences that answer it."""
