"""The truth file: every estimand of the default study at every invented municipality, and over them all.

Means are potential outcomes under the arms of the study, usual care afterwards included; see
:class:`causalsig.simulation.truth.SiteTruth`. Pooled rows are plain means over the sites that have the row,
which is what a random-effects mean over the scenario's sites estimates.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
from pydantic import Field

from causalsig.errors import SimulationError
from causalsig.simulation.clones import CROSSING_ARMS, QUESTION_ARMS
from causalsig.simulation.switches import Closed
from causalsig.simulation.truth import OUTCOMES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from causalsig.simulation.truth import Estimand, SiteTruth

SCHEMA_VERSION: Final = "0.2"
REFERENCE: Final = {"contact_method": "letter", "accepted_help": "not_accepted", "threshold": "not_crossing"}
MOVES: Final = (0.5, 0.8, 1.25, 2.0)
"""Factors by which the truth file moves a cutoff."""
DECIMALS: Final = 8


class TruthContrast(Closed):
    """One arm against the question's reference.

    Attributes
    ----------
    difference : float
        Of means.
    log_ratio : float or None
        Of means; None when one of them is 0.
    """

    difference: float
    log_ratio: float | None = None


class TruthRow(Closed):
    """One question, outcome, estimand and subgroup.

    Attributes
    ----------
    question : str
        ``contact_method``, ``accepted_help`` or ``threshold``.
    outcome : str
    estimand : str
        ``ATO``, ``ATE``, ``ATT:<arm>``; of a threshold ``cutoff`` or ``moved:<factor>``.
    subgroup : str
        ``all``, a fact at time zero (``rent``) or its absence (``not_rent``).
    arms : mapping of arm to float
        Mean potential outcomes.
    contrasts : mapping of arm to TruthContrast
        Every arm but the reference.
    episodes : int
    extra_contacts : int or None
        Of a moved cutoff: episodes more (or fewer) that are taken up.
    sites : int
        1 at a site; in pooled rows the sites that have the row.
    """

    question: Literal["contact_method", "accepted_help", "threshold"]
    outcome: str
    estimand: str
    subgroup: str = "all"
    arms: dict[str, float]
    contrasts: dict[str, TruthContrast]
    episodes: int
    extra_contacts: int | None = None
    sites: int = 1

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What the row is about."""
        return self.question, self.outcome, self.estimand, self.subgroup


class SiteRows(Closed):
    """All rows of one municipality."""

    municipality: str
    rows: list[TruthRow]


class TruthFile(Closed):
    """A country's truth; ``TruthFile.model_json_schema()`` is its schema."""

    kind: Literal["truth"] = "truth"
    schema_version: Literal["0.2"] = SCHEMA_VERSION
    scenario: str
    effect: str
    sites: list[SiteRows] = Field(min_length=1)
    pooled: list[TruthRow]


def site_rows(truth: SiteTruth) -> SiteRows:
    """Every estimand at one site; rows nobody can be averaged for are left out."""
    rows = [*_question_rows(truth), *_threshold_rows(truth)]
    return SiteRows(municipality=truth.municipality, rows=rows)


def country_truth(scenario: str, effect: str, sites: Iterable[SiteRows]) -> TruthFile:
    """Put sites together and pool them."""
    listed = list(sites)
    found: dict[tuple[str, str, str, str], list[TruthRow]] = defaultdict(list)
    for site in listed:
        for row in site.rows:
            found[row.key].append(row)
    pooled = [_pool(rows) for rows in found.values()]
    return TruthFile(scenario=scenario, effect=effect, sites=listed, pooled=pooled)


def _question_rows(truth: SiteTruth) -> Iterator[TruthRow]:
    everybody = np.ones(len(truth), np.bool_)
    groups = {"all": everybody}
    for name, member in truth.subgroups.items():
        groups |= {name: member, f"not_{name}": ~member}
    for question, arms in QUESTION_ARMS.items():
        treated: list[Estimand] = [("ATT", arm) for arm in arms]
        for outcome in OUTCOMES:
            for name, member in groups.items():
                estimands: list[Estimand] = ["ATO", "ATE", *(treated if name == "all" else [])]
                for estimand in estimands:
                    try:
                        means = truth.arm_means(question, outcome, estimand, member)
                    except SimulationError:
                        continue
                    label = estimand if isinstance(estimand, str) else ":".join(estimand)
                    yield _row(
                        question, outcome, label, name, means.arms, means.means.tolist(), means.episodes
                    )


def _threshold_rows(truth: SiteTruth) -> Iterator[TruthRow]:
    if truth.threshold is None:
        return
    for outcome in OUTCOMES:
        for factor in (None, *MOVES):
            try:
                if factor is None:
                    label, found = "cutoff", truth.threshold.at_the_cutoff(outcome)
                else:
                    label, found = f"moved:{factor:g}", truth.threshold.moved_to(factor, outcome)
            except SimulationError:
                continue
            means = [found.not_crossing, found.crossing]
            row = _row("threshold", outcome, label, "all", CROSSING_ARMS, means, found.episodes)
            yield row.model_copy(update={"extra_contacts": found.extra_contacts})


def _row(
    question: Any,
    outcome: str,
    estimand: str,
    subgroup: str,
    arms: tuple[str, ...],
    means: list[float],
    episodes: int,
) -> TruthRow:
    table = {arm: round(mean, DECIMALS) for arm, mean in zip(arms, means, strict=True)}
    reference = table[REFERENCE[question]]
    contrasts = {
        arm: TruthContrast(
            difference=round(mean - reference, DECIMALS),
            log_ratio=round(float(np.log(mean / reference)), DECIMALS)
            if mean > 0 and reference > 0
            else None,
        )
        for arm, mean in table.items()
        if arm != REFERENCE[question]
    }
    return TruthRow(
        question=question,
        outcome=outcome,
        estimand=estimand,
        subgroup=subgroup,
        arms=table,
        contrasts=contrasts,
        episodes=episodes,
    )


def _pool(rows: list[TruthRow]) -> TruthRow:
    def mean(values: list[float]) -> float:
        return round(float(np.mean(values)), DECIMALS)

    first = rows[0]
    contrasts = {}
    for arm in first.contrasts:
        logs = [row.contrasts[arm].log_ratio for row in rows]
        known = [value for value in logs if value is not None]
        contrasts[arm] = TruthContrast(
            difference=mean([row.contrasts[arm].difference for row in rows]),
            log_ratio=mean(known) if len(known) == len(logs) else None,
        )
    extra = [row.extra_contacts for row in rows if row.extra_contacts is not None]
    return first.model_copy(
        update={
            "arms": {arm: mean([row.arms[arm] for row in rows]) for arm in first.arms},
            "contrasts": contrasts,
            "episodes": sum(row.episodes for row in rows),
            "extra_contacts": sum(extra) if extra else None,
            "sites": len(rows),
        }
    )
