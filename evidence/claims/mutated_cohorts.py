"""What was read with one bad cell in it goes on into the cohorts, and fails nowhere."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from evidence.claim import Verdict
from evidence.claims._mutated_formats import arguments, small_site
from evidence.claims.cell_mutations import mutate
from evidence.context import Context

if TYPE_CHECKING:
    from causalsig.sources.findings import ReadResult
    from causalsig.study.models import Study

CLAIM = """A source with one bad cell that can be read goes on into the cohorts of the default study without
another exception, and nothing a run would write of them holds the cell's value."""
ISSUE = 4
COVERS = (
    "causalsig/cohort/*.py",
    "causalsig/sources/*.py",
    "evidence/claims/_mutated_formats.py",
    "evidence/claims/_mutated_tables.py",
    "evidence/claims/_mutations.py",
    "evidence/claims/cell_mutations.py",
)
MUTATIONS: Final = 2_000
FIRST: Final = 200_000
"""Beyond those of the claim about reading, so that it adds to it."""
A_SEED: Final = 100
SEEDS = range(FIRST // A_SEED, (FIRST + MUTATIONS) // A_SEED)


@cache
def _study() -> Study:
    from causalsig.study.read import read_study

    return read_study("vroegsignalering")


def into_cohorts(result: ReadResult) -> str:
    """Take what was read into the cohorts of the default study; return what a run would write of it."""
    from causalsig.cohort.build import build_cohort, plan_cohorts, site_facts
    from causalsig.study.inventory import Site

    study, tables = _study(), small_site()
    site = Site(
        code=tables.municipality,
        name="Voorbeeldstad",
        inhabitants=2_000,
        retention="full",
        retention_months=18,
    )
    matching = arguments(tables)["matching"]
    facts = site_facts(result.tables)
    cohorts = [
        build_cohort(result.tables, plan, study, site, matching, facts=facts) for plan in plan_cohorts(study)
    ]
    return json.dumps(
        [
            [c.arms, c.covariate_names, list(map(repr, c.attrition)), list(map(repr, c.refusals))]
            for c in cohorts
        ]
    )


def one(seed: int) -> dict[str, Any]:
    """Make the mutations of one seed; how many were read, and what went wrong."""
    done = [mutate(number, into_cohorts) for number in range(seed * A_SEED, (seed + 1) * A_SEED)]
    wrong = [
        f"{name}: {where}: {outcome} {detail}".strip()
        for name, where, outcome, detail in done
        if outcome in ("crash", "leak")
    ]
    return {"read": sum(outcome != "refused" for _, _, outcome, _ in done), "wrong": wrong}


def run(context: Context) -> Verdict:
    """Make every mutation and count what became of it."""
    rows = context.replicate(one, SEEDS)
    wrong = sorted({line for row in rows for line in row["wrong"]})
    return {
        "passed": not wrong,
        "replications": len(rows),
        "seed": SEEDS.start,
        "figures": {
            "mutations": len(rows) * A_SEED,
            "read, and taken into the cohorts": sum(row["read"] for row in rows),
            "what went wrong": wrong,
        },
    }
