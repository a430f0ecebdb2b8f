"""Item 7 of the TARGET checklist: how the data stand in for the target trial."""

from __future__ import annotations

from collections import Counter
from types import MappingProxyType
from typing import TYPE_CHECKING

from causalsig.report.flow_words import rule_words
from causalsig.report.pages import concerns
from causalsig.report.target_given import Given, Sentences
from causalsig.report.target_trial import strategies
from causalsig.study.graph_identify import hidden_causes
from causalsig.study.models import AcceptedHelp, ContactMethod

if TYPE_CHECKING:
    from collections.abc import Mapping

    from causalsig.report.target_given import Answer


def _eligible(given: Given) -> Sentences:
    for flow in given.flow.questions:
        words = given.report_of("flow")
        rules = "; ".join(rule_words(flow.question, step.rule, words) for step in flow.steps[1:])
        if rules:
            yield given.say("rules", question=given.question(flow.question), rules=rules)
    yield given.say("retention", days=given.study.data.look_back_days)
    yield given.say("unlinked")


def _recorded(given: Given) -> Sentences:
    yield from strategies(given)
    for spec in given.specs:
        settings = given.study.asked[spec.question]
        if isinstance(settings, ContactMethod):
            arms = "; ".join(
                f"{method} \u2192 {given.report.arm(arm)}" for method, arm in settings.method_map.items()
            )
            yield given.say("recorded-contact", map=arms)
        elif isinstance(settings, AcceptedHelp):
            yield given.say("recorded-help", method=settings.method)


def _adjusted(given: Given) -> Sentences:
    yield given.say("adjusted", covariates=", ".join(given.study.covariates))
    for spec in given.specs:
        if spec.estimator == "clone_censor_weight":
            days = given.study.asked[spec.question].period_days
            yield given.say("adjusted-since", question=given.question(spec.question), days=days)


def _followed(given: Given) -> Sentences:
    yield given.say("followed")


def _outcomes(given: Given) -> Sentences:
    yield given.say("returns")


def _contrasts(given: Given) -> Sentences:
    yield given.say("analogue")
    for spec in given.specs:
        if spec.estimator == "clone_censor_weight":
            yield given.say("analogue-followed", question=given.question(spec.question))


def _assumed(given: Given) -> Sentences:
    yield given.say("assume-more")
    graph = given.study.graph
    if graph is None:
        yield given.say("no-graph")
    for spec in given.specs if graph is not None else ():
        asked = given.question(spec.question)
        if graph is not None and spec.question in graph.exposures:
            clones = spec.estimator == "clone_censor_weight"
            names = hidden_causes(graph, spec.question, by_period=clones)
            nodes = [graph.label(name, given.words.language) for name in names]
            key = "hidden" if nodes else "hidden-none"
            yield given.say(key, question=asked, nodes=", ".join(nodes))
    yield from gate_sentences(given)


def gate_sentences(given: Given, *only: str) -> Sentences:
    """Say in how many releases each check of the primary estimand was passed; one failed arm fails it."""
    for spec in given.specs:
        passed: Counter[str] = Counter()
        told: Counter[str] = Counter()
        for document in given.documents:
            verdicts = [
                verdict
                for entry in document.questions
                if entry.question == spec.question
                for verdict in entry.verdicts
                if concerns(verdict.code, verdict.estimand, spec.estimand)
            ]
            for code in dict.fromkeys(verdict.code for verdict in verdicts):
                told[code] += 1
                passed[code] += all(verdict.passed for verdict in verdicts if verdict.code == code)
        checks = [
            given.say("check", check=_check(given, code), passed=passed[code], all=count)
            for code, count in told.items()
            if not only or code in only
        ]
        if checks:
            yield given.say("checks", question=given.question(spec.question), told="; ".join(checks))


def _check(given: Given, code: str) -> str:
    return str(given.report.check(code, "name").unescape())


def _analysed(given: Given) -> Sentences:
    study = given.study
    nuisance, gates, pooling = study.nuisance, study.diagnostics, study.pooling
    for spec in given.specs:
        yield given.say(
            f"analysis-{spec.estimator}",
            question=given.question(spec.question),
            folds=nuisance.folds,
            repeats=nuisance.repeats,
            learner=nuisance.learner,
            seed=study.seed,
        )
    yield given.say(
        "gates",
        smd=given.number(gates.max_smd, 2),
        equipoise=given.number(100 * gates.min_equipoise_share),
        size=given.number(gates.min_effective_sample_size),
    )
    yield given.say(
        "floors", arm=study.disclosure.min_households_arm, expected=study.disclosure.min_expected_class
    )
    yield given.say(
        "pooled", tau2=pooling.tau2, interval=pooling.interval, level=given.number(100 * pooling.level)
    )


ANSWERS: Mapping[str, Answer] = MappingProxyType(
    {
        "7a": _eligible,
        "7b": _recorded,
        "7c": _adjusted,
        "7d": _followed,
        "7e": _outcomes,
        "7f": _contrasts,
        "7g": _assumed,
        "7h": _analysed,
    }
)
"""Part of item 7, and the sentences that answer it."""
