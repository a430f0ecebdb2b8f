"""Row order, ids and file splits change nothing: the same cohorts and estimates to the last bit."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from evidence.claim import Verdict
from evidence.claims._reordered_sites import FORMATS, NOT_SPLIT, TELLINGS, differences, numbers, told
from evidence.context import Context

if TYPE_CHECKING:
    from causalsig.cohort import Cohort
    from causalsig.records import SiteResult
    from causalsig.study.inventory import Site
    from causalsig.study.models import Study

CLAIM = """A municipality whose rows stand in another order, whose households, signals, cases, attempts,
episodes and creditors have other ids, or whose source is cut in two files gives the same cohorts (arms,
covariates, outcomes, attrition) and the same estimates, standard errors, gates and balance to the last bit,
in every format that carries all signals."""
ISSUE = 5
COVERS = (
    "causalsig/cohort/*.py",
    "causalsig/estimation/*.py",
    "causalsig/execution/analyse.py",
    "causalsig/execution/horizons.py",
    "causalsig/sources/*.py",
    "evidence/claims/_reordered_sites.py",
)
INHABITANTS: Final = 40_000
MONTHS: Final = 24
SITES: Final = range(3)
SEEDS: Final = range(len(FORMATS) * len(SITES))


def small_study() -> Study:
    """Default study with fewer splits, and arms admitted that a municipality of this size has."""
    from causalsig.study.read import read_study

    study = read_study("vroegsignalering")
    return study.model_copy(
        update={
            "nuisance": study.nuisance.model_copy(update={"folds": 3, "repeats": 2}),
            "disclosure": study.disclosure.model_copy(update={"expected_risk": 0.2}),
        }
    )


def read_and_analyse(source: Path, site: Site, study: Study) -> tuple[list[Cohort], SiteResult]:
    """Cohorts and answers of one source."""
    from causalsig.cohort.build import build_cohort, plan_cohorts, site_facts
    from causalsig.execution.analyse import analyse_site
    from causalsig.execution.site import matching_of, read_site

    tables = read_site(source, site).tables
    facts = site_facts(tables)
    cohorts = [
        build_cohort(tables, plan, study, site, matching_of(site), facts=facts)
        for plan in plan_cohorts(study)
    ]
    return cohorts, analyse_site(tables, study, site, matching_of(site))


def one(seed: int) -> dict[str, Any]:
    """One invented municipality in one format: as it is, and in every other telling."""
    from threadpoolctl import threadpool_limits

    from causalsig.execution.truth import inventory_site
    from causalsig.simulation import draw_sites, load_scenario, simulate_site

    number, form = seed // len(FORMATS), FORMATS[seed % len(FORMATS)]
    scenario, study = load_scenario("ignorable"), small_study()
    [spec] = draw_sites(scenario, 1, 500 + number, inhabitants=INHABITANTS, retention="full")
    tables = simulate_site(spec, scenario, 500 + number, months=MONTHS, truth=False).tables
    site = inventory_site(spec, months=MONTHS, extracted_on=tables.extracted_on)
    wrong: list[str] = []
    with threadpool_limits(limits=1), tempfile.TemporaryDirectory() as folder:
        source = told(tables, "as it is", seed, Path(folder) / "as it is", form, spec.name)
        cohorts, result = read_and_analyse(source, site, study)
        plain = numbers(result)
        for telling in TELLINGS:
            if telling == "files split" and form in NOT_SPLIT:
                continue
            source = told(tables, telling, seed, Path(folder) / telling, form, spec.name)
            others, other = read_and_analyse(source, site, study)
            found = [
                f"{ours.plan.question} {ours.plan.months}: {name}"
                for ours, theirs in zip(cohorts, others, strict=True)
                for name in differences(ours, theirs)
            ]
            again = numbers(other)
            found += [name for name in plain.keys() | again.keys() if plain.get(name) != again.get(name)]
            wrong += [f"{form}, {telling}: {name}" for name in sorted(found)]
    return {
        "form": form,
        "episodes": [cohort.size for cohort in cohorts],
        "estimates": {question.question: len(question.analyses) for question in result.questions},
        "wrong": wrong,
    }


def run(context: Context) -> Verdict:
    """Compare every format and municipality."""
    rows = context.replicate(one, SEEDS)
    wrong = sorted({line for row in rows for line in row["wrong"]})
    estimates = {
        question: sum(row["estimates"][question] for row in rows) for question in rows[0]["estimates"]
    }
    return {
        "passed": not wrong and min(estimates.values()) > 0,
        "replications": len(rows),
        "seed": SEEDS.start,
        "figures": {
            "formats": sorted({row["form"] for row in rows}),
            "tellings": list(TELLINGS),
            "episodes compared, all cohorts": sum(sum(row["episodes"]) for row in rows),
            "blocks of estimates compared": estimates,
            "what differed": wrong,
        },
    }
