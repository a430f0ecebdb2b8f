"""One threshold of a site: admission, gate, effects, bins and bands, in that order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from causalsig.cohort.crossing import (
    QUESTION,
    CrossingCohort,
    Pivotal,
    crossing_cohort,
    facts_beside,
    received,
)
from causalsig.crossed import ThresholdBlock
from causalsig.diagnostics.threshold_gates import FIRST_STAGE, ThresholdSettings, threshold_gate
from causalsig.errors import EstimationError
from causalsig.estimation.threshold import effect_at_cutoff
from causalsig.estimation.threshold_table import collapse_scores
from causalsig.execution.crossed_numbers import Scored, again_rows, bin_rows, crossing_effect, score_bands
from causalsig.records import Refusal, Verdict
from causalsig.release.rules import smallest_arm

if TYPE_CHECKING:
    from datetime import date

    from causalsig.cohort.facts import SiteFacts
    from causalsig.cohort.handling import Scores
    from causalsig.crossed import CrossingEffect
    from causalsig.diagnostics.threshold_gates import ThresholdGate
    from causalsig.estimation.threshold_table import ScoreTable
    from causalsig.sources.schema import Matching
    from causalsig.study.crossing import Threshold
    from causalsig.study.inventory import Site
    from causalsig.study.models import Outcome, Study

ONE_SIDE = "cohort-threshold-one-side"
NO_CURVATURE = "cohort-threshold-no-curvature"
SEVERAL = "gate-one-pair"
TOO_FEW = "release-admission"
WITHHELD = "gate-design-failed"
BESIDE_BINS = 20
"""Numbers kept for what stands beside a bin table: effects, first stages, bandwidths, bands."""
OF_A_MOVE = 3
"""And for every other cutoff: its effect, the error of that, and a bound of its bias."""


@dataclass(frozen=True, slots=True)
class CrossedSite:
    """What every cohort of Q3 at one site is built from."""

    known: SiteFacts
    scores: Scores
    extracted_on: date
    study: Study
    site: Site
    matching: Matching

    @property
    def asked(self) -> Threshold:
        """The study's threshold question."""
        asked = self.study.questions.threshold
        assert asked is not None
        return asked

    def cohort(self, outcomes: Sequence[Outcome], from_day: int) -> CrossingCohort:
        """Build the cohort of outcomes that share a window."""
        return crossing_cohort(
            self.known,
            self.scores,
            self.extracted_on,
            self.study,
            self.site,
            self.matching,
            outcomes,
            from_day=from_day,
        )


def scored_of(pivotal: Pivotal, cohort: CrossingCohort) -> Scored:
    """Scores, households and handling of a pivotal set."""
    rows = members_of(pivotal)
    got, _ = received(cohort, pivotal)
    return Scored(
        values=pivotal.values[rows],
        cutoff=pivotal.cutoff.value,
        scale=_scale(pivotal),
        households=cohort.households[rows],
        taken_up=got[rows].astype(np.float64),
    )


def members_of(pivotal: Pivotal) -> np.ndarray:
    """Pivotal episodes; of amounts those above nothing, since distances are logarithms."""
    if pivotal.cutoff.score == "amount":
        return pivotal.members & (pivotal.values > 0.0)
    return pivotal.members


def _scale(pivotal: Pivotal) -> str:
    return "log" if pivotal.cutoff.score == "amount" else "linear"


def block_of(
    pivotal: Pivotal, cohort: CrossingCohort, outcomes: Sequence[Outcome], made: CrossedSite
) -> ThresholdBlock:
    """Take one threshold through admission and its gate, and estimate the outcomes of the first window."""
    rows = members_of(pivotal)
    scored = scored_of(pivotal, cohort)
    block = _described(pivotal, cohort, scored, made)
    if min(block.households) < smallest_arm(made.study.disclosure):
        # One side with nobody is no threshold at all; with a few it is a small one.
        code = TOO_FEW if min(block.households) else ONE_SIDE
        return replace(block, refusals=(Refusal(code, QUESTION),))
    if _curvature(pivotal, made) is None and block.scale == "linear":
        return replace(block, refusals=(Refusal(NO_CURVATURE, QUESTION),))
    outcomes = [one for one in outcomes if one.id in cohort.outcomes]
    if made.asked.primary_outcome not in cohort.outcomes:
        return replace(block, refusals=(Refusal("cohort-amounts-unknown", QUESTION),))
    try:
        gate, one_pair, table = gate_of(pivotal, cohort, scored, outcomes, made)
    except EstimationError as error:
        return replace(block, refusals=(Refusal(error.code, QUESTION),))
    verdicts = (*gate.verdicts, one_pair)
    block = replace(
        block, verdicts=verdicts, donut=gate.donut, admitted=gate.admitted, low=gate.low,
        one_pair=one_pair.passed,
    )  # fmt: skip
    if not gate.admitted:
        return replace(block, refusals=(Refusal(WITHHELD, QUESTION),))
    options = options_of(pivotal, made) | {"donut": gate.donut}
    effects, refusals = effects_of(scored, table, outcomes, cohort, rows, options, made)
    if not effects or not effects[0].primary:
        return replace(block, refusals=refusals)
    floors = made.study.disclosure
    beside = BESIDE_BINS + OF_A_MOVE * (len(made.asked.candidates) if block.score == "amount" else 0)
    numbers = floors.max_parameter_share * sum(block.households) - beside
    primary = cohort.outcomes[made.asked.primary_outcome][rows]
    bins = bin_rows(
        scored,
        primary,
        gate.donut,
        smallest=floors.min_households_cell,
        numbers=numbers,
    )
    return replace(
        block,
        effects=effects,
        refusals=refusals,
        bins=bins,
        again=again_rows(scored, primary, options, effects[0].bandwidths),
        verdicts=(*verdicts, *_first_stage(effects[0], made)),
        bands=score_bands(scored, made.asked.candidates) if block.score == "amount" else (),
    )


def _described(pivotal: Pivotal, cohort: CrossingCohort, scored: Scored, made: CrossedSite) -> ThresholdBlock:
    """Say what the threshold is, and how often it was followed, before anything is estimated."""
    rows = members_of(pivotal)
    followed = cohort.followed()[rows]
    sides = (~scored.above, scored.above)
    rules = [cohort.rules[place] for place in pivotal.periods]
    counts = [(int(s.sum()), len(np.unique(scored.households[s]))) for s in sides]
    shares = [float(followed[s].mean()) if s.any() else 0.0 for s in sides]
    return ThresholdBlock(
        period=pivotal.periods[0] + 1,
        valid_from=rules[0].valid_from,
        valid_to=rules[-1].valid_to,
        score=pivotal.cutoff.score,
        total=pivotal.total,
        scale="log" if scored.scale == "log" else "linear",
        cutoff=pivotal.cutoff.value,
        below=pivotal.below,
        above=pivotal.above,
        episodes=(counts[0][0], counts[1][0]),
        households=(counts[0][1], counts[1][1]),
        followed=(shares[0], shares[1]),
        one_pair=False,
        verdicts=(),
        donut=0.0,
        admitted=False,
        low=True,
        effects=(),
        accepted=None,
        bins=(),
        bands=(),
        refusals=(),
        kernel=made.asked.kernel,
        degree=made.asked.degree,
    )


def _curvature(pivotal: Pivotal, made: CrossedSite) -> float | None:
    declared: float | None = getattr(made.asked.curvature, pivotal.cutoff.score, None)
    return declared


def options_of(pivotal: Pivotal, made: CrossedSite) -> dict[str, Any]:
    """Options of `threshold_effect` for one threshold, without the donut."""
    asked = made.asked
    return {
        "kernel": asked.kernel,
        "bandwidth": asked.bandwidth,
        "degree": asked.degree,
        "variance": "cluster_across",
        "scale": _scale(pivotal),
        "curvature_bound": _curvature(pivotal, made),
    }


def gate_of(
    pivotal: Pivotal,
    cohort: CrossingCohort,
    scored: Scored,
    outcomes: Sequence[Outcome],
    made: CrossedSite,
) -> tuple[ThresholdGate, Verdict, ScoreTable]:
    """Ask the gate: of the primary outcome its bandwidth only; then whether other handlings move too."""
    rows, gates = members_of(pivotal), made.asked.gates
    got, got_below = received(cohort, pivotal)
    before = cohort.before[rows][:, facts_beside(cohort, pivotal)]
    others = (~(got | got_below)[rows]).astype(np.float64)
    values = [cohort.outcomes[one.id][rows] for one in outcomes]
    columns = np.column_stack([*values, others, before])
    table = collapse_scores(scored.values, columns, households=scored.households)
    settings = ThresholdSettings(
        smallest_n=gates.smallest_n,
        low_n=gates.low_n,
        fewest_values=gates.fewest_values,
        smallest_f=gates.smallest_f,
        largest_heap=gates.largest_heap,
        donut=gates.donut_eur if pivotal.cutoff.score == "amount" else 0.0,
        error_rate=gates.error_rate,
    )
    options = options_of(pivotal, made)
    facts = range(len(values) + 1, columns.shape[1])
    gate = threshold_gate(table, scored.cutoff, before=tuple(facts), settings=settings, **options)
    p_value = 1.0
    if gate.admitted and others.any():
        p_value = _jump_p(table, scored.cutoff, len(values), options | {"donut": gate.donut})
    verdict = Verdict("design", SEVERAL, p_value >= gates.error_rate, p_value, gates.error_rate)
    return gate, verdict, table


def _jump_p(table: ScoreTable, cutoff: float, place: int, options: dict[str, Any]) -> float:
    """P-value of a jump in one column; 0 where none can be told, so that nothing passes unseen."""
    try:
        p_value = effect_at_cutoff(table, cutoff, outcome=place, **options).robust.p_value
    except EstimationError:
        return 0.0
    return float(p_value) if np.isfinite(p_value) else 0.0


def _first_stage(effect: CrossingEffect, made: CrossedSite) -> tuple[Verdict, ...]:
    if effect.handled is None:
        return ()
    f, least = effect.handled.f_statistic, made.asked.gates.smallest_f
    return (Verdict("design", FIRST_STAGE, bool(f >= least), f, least),)


def effects_of(
    scored: Scored,
    table: ScoreTable,
    outcomes: Sequence[Outcome],
    cohort: CrossingCohort,
    rows: np.ndarray,
    options: dict[str, Any],
    made: CrossedSite,
) -> tuple[tuple[CrossingEffect, ...], tuple[Refusal, ...]]:
    """Estimate every outcome; one that cannot be estimated says why."""
    effects: list[CrossingEffect] = []
    refusals: list[Refusal] = []
    for place, outcome in enumerate(outcomes):
        try:
            effects.append(
                crossing_effect(
                    scored,
                    table,
                    place,
                    outcome,
                    cohort.outcomes[outcome.id][rows],
                    options,
                    primary=outcome.id == made.asked.primary_outcome,
                    smallest_f=made.asked.gates.smallest_f,
                )
            )
        except EstimationError as error:
            refusals.append(Refusal(error.code, QUESTION, outcome.id))
    return tuple(effects), tuple(refusals)
