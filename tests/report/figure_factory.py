"""One figure of each kind, of plausible numbers; its digests tell whether bytes depend on the run."""

from __future__ import annotations

import hashlib
import json

from causalsig.report import (
    Axis,
    Bubble,
    Figure,
    ForestRow,
    LinePoint,
    LoveRow,
    OverlapGroup,
    RankingRow,
    attrition_plot,
    bubble_plot,
    forest_plot,
    love_plot,
    overlap_plot,
    ranking_plot,
    threshold_plot,
)
from causalsig.report.flow import FlowArm, FlowStep, QuestionFlow, Range
from tests.report.threshold_factory import released

EDGES = tuple(x / 10 for x in range(11))
FLOW = QuestionFlow(
    "contact_method",
    2,
    (
        FlowStep("start", Range(1_100, 3_298), 2),
        FlowStep("cohort-entry-window", Range(1_010, 3_028), 2),
        FlowStep("cohort-linked", Range(1_000, None), 1),
    ),
    (FlowArm("letter", Range(300, 999), 1), FlowArm("home_visit", Range(100, 299), 1)),
    {"estimated": 1, "refused": 1},
    {"cohort-no-episodes": 1},
)


def figures(label: str = "Huisbezoek") -> dict[str, Figure]:
    """Draw every kind; ``label`` is a name from outside."""
    forest = (
        ForestRow(label, -12, -300, 60, precision=0.9, counts="100–299"),
        ForestRow("Brief", -4, -14, 6, precision=0.4),
        ForestRow("Samen", -9, -15, -3, mark="diamond", tone="orange", prediction=(-20, 2)),
    )
    balance = (LoveRow(label, 0.31, 0.04), LoveRow("Eerdere melding", -0.44, -0.12))
    groups = (
        OverlapGroup("Brief", (40, 80, 120, 90, 60, 40, 20, 12, 4, 2)),
        OverlapGroup(label, (0, 3, 9, 20, 30, 45, 60, 50, 30, 12)),
    )
    arms = (RankingRow("Brief", 118, 112, 124, 0.2, True), RankingRow(label, 106, 98, 114, 0.8))
    bubbles = (
        Bubble("Huis ter A", 900, -12, 0.04),
        Bubble("Brug", 4_000, 3, 0.02),
        Bubble("Dam", 21_000, -7, 0.2),
    )
    line = (LinePoint(900, -3, -14, 8), LinePoint(4_000, -5, -9, -1), LinePoint(21_000, -7, -12, -2))
    return {
        "forest": forest_plot(forest, title="Verschil", axis=Axis("minder", "meer"), note="τ² = 12"),
        "love": love_plot(balance, title="Lijken de groepen op elkaar?"),
        "overlap": overlap_plot(EDGES, groups, title="Overlap"),
        "threshold": threshold_plot(released(), outcome=label),
        "attrition": attrition_plot(FLOW),
        "bubbles": bubble_plot(bubbles, line, title="Naar grootte", effect=label, moderator="huishoudens"),
        "ranking": ranking_plot(arms, title="Terugkeer", unit="per 1.000"),
    }


def digests() -> dict[str, str]:
    """Give the SHA-256 of every figure in every way it is written."""
    return {
        f"{name}.{kind}": hashlib.sha256(made).hexdigest()
        for name, figure in figures().items()
        for kind, made in (("svg", figure.svg().encode()), ("png", figure.png()), ("pdf", figure.pdf()))
    }


if __name__ == "__main__":
    print(json.dumps(digests()))
