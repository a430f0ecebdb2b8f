"""Power by formula agrees with power by simulating whole studies."""

from __future__ import annotations

from functools import cache, partial
from typing import Any

from causalsig.execution.power import approximate_power, replicate_power, summarise
from causalsig.execution.power_design import PowerDesign
from causalsig.execution.power_pilots import Lessons, learn
from causalsig.study.models import Study
from evidence.claim import Verdict
from evidence.context import Context
from evidence.montecarlo import exact_interval

CLAIM = """On three designs (municipalities of one size with everything kept, of any size with some refused,
and six months only in three quarterly extracts) the chance of finding the effect by formula is within 5
points of the share of simulated studies that find it, for both questions, and the exact 99 % interval of that
share within 10. The share of municipalities admitted agrees within 10 points, and the width of the pooled
interval within a fifth."""
ISSUE = 3
COVERS = (
    "causalsig/cohort/*.py",
    "causalsig/diagnostics/*.py",
    "causalsig/estimation/*.py",
    "causalsig/execution/analyse.py",
    "causalsig/execution/horizons.py",
    "causalsig/execution/power*.py",
    "causalsig/execution/truth.py",
    "causalsig/meta/*.py",
    "causalsig/pooling/*.py",
    "causalsig/release/build.py",
    "causalsig/release/grid.py",
    "causalsig/release/rules.py",
    "causalsig/release/sift.py",
    "causalsig/simulation/[a-w]*.py",
    "causalsig/simulation/scenarios/ignorable.toml",
    "causalsig/study/studies/vroegsignalering.toml",
)
DRAWS = 1_000
BAND = 0.05
FARTHEST = 0.10
"""Of the simulated share's exact interval: too few replications cannot pass, however close they come."""
ADMITTED_BAND = 0.10
"""Arms near the floor are admitted or not by a few households; the formula knows mean shares only."""
WIDTH_BAND = 0.20
"""Of the simulated width; a site estimates its variance, which the formula knows."""
FEWEST_POOLED = 20  # mean widths of fewer pools say little
DECLARED_RISK = 0.2
"""A study may declare it; an arm then needs 100 households, so that small municipalities, cheap to simulate,
are admitted or refused."""
DESIGNS = {
    "3 of 45,000, all kept": (PowerDesign(sites=3, inhabitants=45_000, retention="full", strength=3.0), 650),
    "4 of any size, some refused": (
        PowerDesign(sites=4, minimum=12_000, retention="full", strength=3.0),
        650,
    ),
    "3 of 150,000, six months, three extracts": (
        PowerDesign(sites=3, inhabitants=150_000, retention="strict6", months=12, waves=3, strength=3.0),
        150,
    ),
}
"""Designs and replications: 650 where power is near a half (99 % interval 5 points to either side), 150 where
it is near 0. Some 2 to 3 seconds each: an hour of one core in all."""


@cache
def _study() -> Study:
    from causalsig.study.read import read_study

    study = read_study("vroegsignalering")
    floors = study.disclosure.model_copy(update={"expected_risk": DECLARED_RISK})
    return study.model_copy(update={"disclosure": floors})


def replicate(name: str, seed: int) -> dict[str, Any]:
    """Run one whole study of a design."""
    return replicate_power(DESIGNS[name][0], _study(), seed)


def run(context: Context) -> Verdict:
    """Simulate every design, and hold the formula against it."""
    study = _study()
    lessons: dict[float, Lessons] = {}
    found: list[dict[str, Any]] = []
    for number, (name, (design, replications)) in enumerate(DESIGNS.items()):
        if design.strength not in lessons:
            lessons[design.strength] = learn(design, study)
        rows = context.replicate(partial(replicate, name), range(replications), part=f"design-{number}")
        by_formula = approximate_power(design, study, lessons=lessons[design.strength], draws=DRAWS)
        for formula, simulated in zip(by_formula, summarise(rows, study), strict=True):
            pooled = sum(row[formula.question]["low"] is not None for row in rows)
            about = {"design": name, "question": formula.question}
            found.append(about | compare(formula, simulated, pooled))
    largest = max(abs(row["power, formula"] - row["power, simulation"]) for row in found)
    return {
        "passed": all(row["passed"] for row in found),
        "figures": {"largest difference in power": largest, "designs": found},
        "seed": 0,
        "replications": sum(replications for _, replications in DESIGNS.values()),
    }


def compare(formula: Any, simulated: Any, pooled: int) -> dict[str, Any]:
    """Put one question of one design side by side."""
    low, high = exact_interval(round(simulated.power * simulated.replications), simulated.replications)
    near = abs(formula.power - simulated.power) <= BAND
    power = near and high - FARTHEST <= formula.power <= low + FARTHEST
    admitted = abs(formula.admitted - simulated.admitted) <= ADMITTED_BAND
    width = True
    if pooled >= FEWEST_POOLED and formula.width is not None:
        width = abs(formula.width - simulated.width) <= WIDTH_BAND * simulated.width
    return {
        "passed": power and admitted and width,
        "effect": formula.effect,
        "power, formula": formula.power,
        "power, simulation": simulated.power,
        "simulation low": low,
        "simulation high": high,
        "admitted, formula": formula.admitted,
        "admitted, simulation": simulated.admitted,
        "width, formula": formula.width,
        "width, simulation": simulated.width,
        "pooled": pooled,
    }
