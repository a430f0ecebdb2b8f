"""Without any effect a plain comparison shows the null-effect table of the domain brief."""

from __future__ import annotations

from typing import Any

from evidence.claim import Verdict
from evidence.context import Context

CLAIM = """In a country in which nothing works, with realistic policies, a plain comparison finds six-month
returns of 38, 42 and 47 % after a letter or message, a call and a visit, and of 44 % for who accepted help
against 40 % for who was not reached; counted from the close of the case it finds 26 against 30 %: help looks
good."""
ISSUE = 3
COVERS = (
    "causalsig/simulation/[a-w]*.py",
    "causalsig/simulation/scenarios/base.toml",
    "causalsig/simulation/scenarios/null.toml",
    "causalsig/sources/arrears.py",
    "causalsig/sources/episodes.py",
)
TARGETS = {
    "written": 0.38,
    "phone": 0.42,
    "home_visit": 0.47,
    "accepted": 0.44,
    "not_reached": 0.40,
    "accepted_from_close": 0.26,
    "not_reached_from_close": 0.30,
}
BAND = 0.02
"""Two points: half of the smallest gap the table is about (four points), so that no order can turn around
inside the bands, and about four Monte Carlo standard errors of the rarest group."""
SEED = 11
SITES = 300


def count(number: int) -> dict[str, list[float]]:
    """Count one municipality's cases."""
    from causalsig.simulation import draw_sites, load_scenario, simulate_site
    from causalsig.simulation.calibration import EXTRACTED_ON, INHABITANTS, MONTHS
    from causalsig.simulation.naive import naive_returns

    law = load_scenario("null").model_copy(update={"extracted_on": EXTRACTED_ON})
    (spec,) = draw_sites(law, 1, SEED, inhabitants=INHABITANTS, retention="full", first=number)
    made = simulate_site(spec, law, SEED, months=MONTHS, truth=False)
    return {name: pair.tolist() for name, pair in naive_returns(made).items()}


def run(context: Context) -> Verdict:
    """Add up municipalities and compare."""
    counts = context.replicate(count, range(1, SITES + 1))
    rows: list[dict[str, Any]] = []
    for name, target in TARGETS.items():
        returned, cases = (sum(row[name][i] for row in counts) for i in range(2))
        found = returned / cases
        rows.append(
            {
                "group": name,
                "target": target,
                "found": round(found, 4),
                "band": BAND,
                "cases": int(cases),
                "holds": abs(found - target) <= BAND,
            }
        )
    found_by = {row["group"]: row["found"] for row in rows}
    turned = {
        "visit looks harmful": found_by["home_visit"] > found_by["phone"] > found_by["written"],
        "help looks harmful from the signal": found_by["accepted"] > found_by["not_reached"],
        "help looks good from the close": found_by["accepted_from_close"]
        < found_by["not_reached_from_close"],
    }
    passed = all(row["holds"] for row in rows) and all(turned.values())
    return {
        "passed": passed,
        "figures": {"returns": rows, **turned},
        "seed": SEED,
        "replications": len(counts),
    }
