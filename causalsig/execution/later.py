"""The gates after the design gate, for one analysis: may it enter the pool, may it stand alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from causalsig.diagnostics.later_gates import (
    KNOWN_FAILURES,
    LaterGate,
    LaterThresholds,
    pooling_gate,
    solo_gate,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from causalsig.execution.routes import Route
    from causalsig.records import Analysis, Verdict
    from causalsig.results import ArmMeans
    from causalsig.study.models import Study


def known_failures(finding_codes: Iterable[str]) -> tuple[str, ...]:
    """Take from the findings of a source those that keep its figures out of every pool."""
    return tuple(sorted(set(finding_codes) & KNOWN_FAILURES))


def pooling_of(
    route: Route, estimand: str, result: ArmMeans, failures: tuple[str, ...], study: Study
) -> LaterGate:
    """Ask the pooling gate about the means of one outcome."""
    return pooling_gate(
        route.gate,
        estimand,
        result.arms,
        result.n,
        result.followed,
        failures,
        LaterThresholds.of(study.diagnostics),
    )


def later_verdicts(
    route: Route,
    analyses: Iterable[Analysis],
    contrast: tuple[str, str],
    failures: tuple[str, ...],
    study: Study,
) -> tuple[Verdict, ...]:
    """Give what both gates say of a question's primary analysis; nothing where there is none."""
    primary = next((one for one in analyses if one.primary), None)
    if primary is None:
        return ()
    pooling = pooling_of(route, primary.estimand, primary.result, failures, study)
    if not set(contrast) <= set(primary.result.arms):
        return pooling.verdicts
    effect = primary.result.contrast(*contrast)
    thresholds = LaterThresholds.of(study.diagnostics)
    solo = solo_gate(pooling, primary.estimand, effect.std_error, effect.df, thresholds)
    return (*pooling.verdicts, *solo.verdicts)
