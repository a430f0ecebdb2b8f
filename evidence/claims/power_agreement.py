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

CLAIM = """On five designs (few and many municipalities, large and small, everything kept or six months only,
modest and strong effects) the chance of finding the effect by formula and by simulating whole studies agree
within 5 points for both questions: the exact 99 % interval of the simulated share overlaps that band. So does
the share of municipalities admitted within 10 points, and the width of the pooled interval within a fifth."""
ISSUE = 3
COVERS = (
    "causalsig/cohort/*.py",
    "causalsig/diagnostics/*.py",
    "causalsig/estimation/*.py",
    "causalsig/execution/analyse.py",
    "causalsig/execution/power*.py",
    "causalsig/execution/truth.py",
    "causalsig/meta/*.py",
    "causalsig/pooling/*.py",
    "causalsig/release/build.py",
    "causalsig/release/grid.py",
    "causalsig/release/rules.py",
    "causalsig/simulation/[a-w]*.py",
    "causalsig/simulation/scenarios/ignorable.toml",
    "causalsig/study/studies/vroegsignalering.toml",
)
REPLICATIONS = 80
DRAWS = 200
BAND = 0.05
ADMITTED_BAND = 0.10
"""Arms near the floor are admitted or not by a few households; the formula knows mean shares only."""
WIDTH_BAND = 0.20
"""Of the simulated width; a site estimates its variance, which the formula knows."""
FEWEST_POOLED = 20  # mean widths of fewer pools say little
DESIGNS = {
    "6 large, all kept": PowerDesign(sites=6, minimum=60_000, retention="full"),
    "12 large, all kept": PowerDesign(sites=12, minimum=60_000, retention="full"),
    "20 of any size, all kept": PowerDesign(sites=20, minimum=20_000, retention="full"),
    "8 very large, all kept, strong": PowerDesign(sites=8, minimum=120_000, retention="full", strength=3.0),
    "8 very large, six months, strong": PowerDesign(
        sites=8, inhabitants=300_000, retention="strict6", strength=3.0
    ),
}


@cache
def _study() -> Study:
    from causalsig.study.read import read_study

    return read_study("vroegsignalering")


def replicate(name: str, seed: int) -> dict[str, Any]:
    """Run one whole study of a design."""
    return replicate_power(DESIGNS[name], _study(), seed)


def run(context: Context) -> Verdict:
    """Simulate every design, and hold the formula against it."""
    study = _study()
    lessons: dict[float, Lessons] = {}
    found: list[dict[str, Any]] = []
    for number, (name, design) in enumerate(DESIGNS.items()):
        if design.strength not in lessons:
            lessons[design.strength] = learn(design, study)
        rows = context.replicate(partial(replicate, name), range(REPLICATIONS), part=f"design-{number}")
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
        "replications": REPLICATIONS,
    }


def compare(formula: Any, simulated: Any, pooled: int) -> dict[str, Any]:
    """Put one question of one design side by side."""
    low, high = exact_interval(round(simulated.power * simulated.replications), simulated.replications)
    power = low <= formula.power + BAND and formula.power - BAND <= high
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
