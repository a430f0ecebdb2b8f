"""What suppression does to the pool when nothing has an effect and arms are of very different size.

Every replication draws one network of towns. The same arm summaries are pooled five times: all of them
(*everything*); what the real release lets through, with classes of arms (*released*); that without the
classes (*held back*), as if such a block were missing; all arms of 30 households and more; and of these the
arms with ten households of each class (*by outcome*), a rule that looks at outcomes. Differences are paired,
within a replication. Beside it stand networks of generated municipalities through the whole chain, for a
study that declares 20 %, about the largest true risk there, so that there are classes. There the pool is held
against one in which only the blocks with a class are as they were; beside it, not judged, against one in
which nothing is rounded to the grid either.

New arrears are nested in any signal: its block is held back where an arm is too small to expect 20 households
between the two, before outcomes, and in the rare arm where 1 to 9 are between them all the same. What both
steps do to its pool is shown and not judged: they touch no primary outcome.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import Any

import numpy as np

from causalsig.cohort.build import plan_cohorts
from causalsig.execution.analyse import analyse_site
from causalsig.execution.truth import inventory_site
from causalsig.pooling.pool import pool_arms
from causalsig.records import ReleasedArms
from causalsig.release.build import (
    ReleaseIdentity,
    build_release,
    released_arms,
    released_censored,
    site_code,
)
from causalsig.release.censored import OF_OUTCOMES
from causalsig.release.rules import Limits, broken_rules
from causalsig.study.digest import study_digest
from causalsig.study.read import read_study
from causalsig.threads import one_thread
from evidence.claim import Verdict
from evidence.claims._suppression_towns import (
    SHARES,
    Cell,
    admitted,
    analyses,
    draw_town,
    exact,
    released,
    study,
    without_few,
)
from evidence.context import Context
from evidence.montecarlo import mean_and_error, rate_figures

CLAIM = """With no effect, arms of 2, 5, 15 and 78 % or 6 and 94 % of 300 to 20,000 households a town, and
risks from 5 to 30 % where the study declares 10 %, the pool of what is released differs from the pool of
everything by less than 0.1 percentage point, in every contrast of the primary outcome under both estimands,
and its interval covers."""
ISSUE = 11
COVERS = (
    "causalsig/censored.py",
    "causalsig/release/nested.py",
    "causalsig/release/registry.py",
    "causalsig/release/rules.py",
    "causalsig/release/sift.py",
    "causalsig/release/censored*.py",
    "causalsig/release/arm_entries.py",
    "causalsig/release/grid.py",
    "causalsig/release/floors.py",
    "causalsig/pooling/pool.py",
    "causalsig/pooling/lineup.py",
    "causalsig/pooling/censored.py",
    "causalsig/pooling/interval_censored.py",
    "evidence/claims/_suppression_towns.py",
)

CELLS = (
    Cell("mixed risks", "contact_method", 120, (0.05, 0.30), 0.0),
    Cell("rare", "contact_method", 120, (0.05, 0.08), 0.0),
    Cell("rare, towns differ", "contact_method", 120, (0.05, 0.08), 0.015),
    Cell("reach of 6 %, mixed risks", "accepted_help", 80, (0.05, 0.30), 0.0),
    Cell("reach of 6 %, rare, towns differ", "accepted_help", 80, (0.05, 0.08), 0.015),
)
REPLICATIONS = 100  # of each cell
BOUND = 0.1  # percentage point
ERROR = 0.02  # largest Monte Carlo error, percentage point, at which a difference can be judged
COVERAGE = (0.93, 1.0)
WAYS = ("everything", "released", "held back", "everything of 30", "by outcome")
FLOOR, SMALLEST = 10, 30
CHAIN_SEEDS = tuple(range(41, 53))
CHAIN_SITES, CHAIN_MONTHS = 36, 24
CHAIN_DECLARED = 0.2


def one(seed: int) -> list[dict[str, Any]]:
    """One network: estimate and interval of every contrast, each way."""
    cell = CELLS[seed // REPLICATIONS]
    generator = np.random.default_rng([11, seed])
    blocks: dict[str, list[ReleasedArms]] = defaultdict(list)
    few = 0
    for number in range(cell.towns):
        town, code = draw_town(cell, generator), f"{number:04d}"
        large = tuple(
            arm for arm, n in zip(town.arms, town.households.sum(axis=1), strict=True) if n >= SMALLEST
        )
        loose = analyses(cell, town.only(large))
        everything = exact(code, loose)
        blocks["everything of 30"] += everything
        shown = (without_few(block, own, FLOOR) for block, own in zip(everything, loose, strict=True))
        blocks["by outcome"] += [block for block in shown if block is not None]
        found = analyses(cell, admitted(cell, town))
        if found:
            whole, classes = released(cell, code, found)
            blocks["everything"] += exact(code, found)
            blocks["held back"] += whole
            blocks["released"] += [*whole, *classes]
            few += any(block.primary for block in classes)
    rows: dict[tuple[str, str, str], dict[str, Any]] = defaultdict(dict)
    for way in WAYS:
        for row in pool_arms(blocks[way], study(), "").contrasts:
            key = (row.outcome, row.estimand, row.arm)
            rows[key][way] = [row.estimate, row.conf_low, row.conf_high, row.sites]
    return [
        {"outcome": outcome, "estimand": estimand, "arm": arm, "few": few, **ways}
        for (outcome, estimand, arm), ways in rows.items()
    ]


def chain(seed: int) -> dict[str, Any]:
    """One network of generated municipalities, from source to pool, with the release and without it."""
    from causalsig.simulation import draw_sites, load_scenario, simulate_site

    asked = read_study("vroegsignalering")
    floors = asked.disclosure.model_copy(update={"expected_risk": CHAIN_DECLARED})
    asked = asked.model_copy(update={"disclosure": floors})
    plan = next(one for one in plan_cohorts(asked) if one.question == "contact_method")
    plan = replace(plan, settings=plan.settings.model_copy(update={"sensitivity": ()}))
    scenario = load_scenario("ignorable", "null")
    whole: list[ReleasedArms] = []
    left: list[ReleasedArms] = []
    told: list[ReleasedArms] = []
    classes = 0
    for spec in draw_sites(scenario, CHAIN_SITES, seed, minimum_inhabitants=20_000, retention="full"):
        with one_thread():
            simulated = simulate_site(spec, scenario, seed, months=CHAIN_MONTHS)
            site = inventory_site(spec, months=CHAIN_MONTHS)
            result = analyse_site(simulated.tables, asked, site, spec.matching, plans=(plan,))
        digest = study_digest(asked)
        identity = ReleaseIdentity(site_code(b"invented", spec.code, digest), "0" * 64, "0.1.0", "0" * 64)
        document = build_release(result, study=asked, identity=identity).document
        few = [block for block in released_censored(document) if block.primary]
        rounded = [block for block in released_arms(document) if block.primary]
        left += [*rounded, *few]
        classes += len(few)
        for block in (block for question in result.questions for block in question.analyses):
            # What a rule on anything but outcomes holds back is in neither pool.
            if block.primary and set(broken_rules(block, Limits.of(asked))) <= OF_OUTCOMES:
                mine = exact(spec.code, (block,), digest)
                whole += mine
                # Without suppression: rounded as it is where it left whole, and all of it where it did not.
                told += mine if few else rounded
    all_of, left_of, told_of = (
        {row.arm: row for row in pool_arms(blocks, asked, "").contrasts} for blocks in (whole, left, told)
    )
    return {
        "towns": CHAIN_SITES,
        "towns with the primary block": len(whole),
        "of these with a class": classes,
        "difference": {arm: 100.0 * (left_of[arm].estimate - one.estimate) for arm, one in told_of.items()},
        "with rounding": {arm: 100.0 * (left_of[arm].estimate - one.estimate) for arm, one in all_of.items()},
        "standard error": {arm: 100.0 * one.std_error for arm, one in all_of.items()},
    }


def run(context: Context) -> Verdict:
    """Judge every contrast of every cell; a limited run takes the first replications of each."""
    each = REPLICATIONS if context.limit is None else max(2, context.limit // len(CELLS))
    seeds = [cell * REPLICATIONS + at for cell in range(len(CELLS)) for at in range(each)]
    context.limit = None
    results = context.replicate(one, seeds)
    networks = context.replicate(chain, CHAIN_SEEDS, part="chain")
    table = []
    for place, cell in enumerate(CELLS):
        found: dict[tuple[str, str, str], list[dict[str, Any]]] = defaultdict(list)
        for row in (row for part in results[place * each : (place + 1) * each] for row in part):
            found[row["outcome"], row["estimand"], row["arm"]].append(row)
        for (outcome, estimand, arm), rows in found.items():
            judged = outcome == "any_new_arrears_3m"
            table.append(
                {
                    "cell": cell.name,
                    "outcome": outcome,
                    "estimand": estimand,
                    "contrast": f"{arm} against {next(iter(SHARES[cell.question]))}",
                    "judged": judged,
                    **_figures(rows),
                }
            )
    own = [row for row in table if row["judged"]]
    largest = max(abs(row["released"]["difference"]) for row in own)
    error = max(row["released"]["monte carlo error"] for row in own)
    control = max(row["by outcome"]["difference"] for row in own)
    held = max(row["held back"]["difference"] for row in own)
    uncovered = [
        f"{r['cell']}: {r['estimand']}, {r['contrast']}" for r in own if not r["coverage released"]["passed"]
    ]
    through = _through(networks)
    return {
        "passed": bool(
            largest < BOUND and error <= ERROR and control > BOUND and not uncovered and _within(through)
        ),
        "replications": len(seeds),
        "seed": 11,
        "figures": {
            "unit": "percentage points of risk",
            "bound": BOUND,
            "largest difference of released from everything": largest,
            "largest monte carlo error of it": error,
            "largest difference had such blocks been held back": held,
            "largest difference of a rule by outcome": control,
            "contrasts whose interval does not cover": uncovered,
            "largest difference of the outcome that is not judged": max(
                abs(row["released"]["difference"]) for row in table if not row["judged"]
            ),
            "whole chain": through,
            "table": table,
        },
    }


def _through(networks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Mean paired difference of every contrast over the networks of the whole chain, in points."""
    counts = {name: sum(one[name] for one in networks) for name in list(networks[0])[:3]}
    rows = []
    for arm in networks[0]["difference"]:
        gaps = [one["difference"][arm] for one in networks]
        mean, error = mean_and_error(gaps)
        rounded, rounding = mean_and_error([one["with rounding"][arm] for one in networks])
        errors = sum(one["standard error"][arm] for one in networks) / len(networks)
        rows.append(
            {
                "contrast": f"{arm} against letter",
                "networks": len(networks),
                **counts,
                "difference": round(mean, 4),
                "monte carlo error": round(error, 4),
                "difference with rounding": round(rounded, 4),
                "monte carlo error of that": round(rounding, 4),
                "standard error of a pool": round(errors, 4),
            }
        )
    return rows


def _within(rows: list[dict[str, Any]]) -> bool:
    """Say whether every mean is under the bound, twice its own error included."""
    return all(abs(row["difference"]) + 2.0 * row["monte carlo error"] < BOUND for row in rows)


def _figures(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Paired differences in points, and coverage of zero."""
    pairs = {
        "released": "everything",
        "held back": "everything",
        "by outcome": "everything of 30",
    }
    figures: dict[str, Any] = {"replications": len(rows)}
    for way, whole in pairs.items():
        gaps = [100.0 * (row[way][0] - row[whole][0]) for row in rows if way in row and whole in row]
        mean, error = mean_and_error(gaps)
        figures[way] = {"difference": round(mean, 4), "monte carlo error": round(error, 4)}
    for way in ("everything", "released"):
        hits = sum(row[way][1] <= 0.0 <= row[way][2] for row in rows)
        figures[f"coverage {way}"] = rate_figures(hits, len(rows), COVERAGE)
        figures[f"sites {way}"] = round(sum(row[way][3] for row in rows) / len(rows), 1)
    figures["sites with a class"] = round(sum(row["few"] for row in rows) / len(rows), 1)
    return figures
