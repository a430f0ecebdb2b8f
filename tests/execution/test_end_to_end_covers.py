"""What a replication of the end-to-end claims runs is what those claims cover."""

from __future__ import annotations

import sys
from pathlib import Path

from causalsig.cohort import plan_cohorts
from causalsig.execution.truth import replicate_contrast
from causalsig.simulation import draw_sites, load_scenario
from causalsig.study.read import read_study
from evidence.claims._end_to_end import COVERS, MONTHS

TOP = Path(__file__).parents[2]
ONLY_CARRIES = {
    "causalsig/execution/hidden.py",  # says how far an answer may be off, never changes it
    "causalsig/execution/record.py",  # what a run writes down about itself
    "causalsig/study/digest.py",
    "causalsig/study/inventory.py",
    "causalsig/simulation/traps/__init__.py",  # switches that are off
    "causalsig/pooling/__init__.py",  # lazy exports
    "causalsig/simulation/__init__.py",
    "causalsig/texts/__init__.py",
}
"""Called, and without a say in any number."""


def test_the_end_to_end_claims_cover_the_code_that_they_run():
    called: set[str] = set()

    def note(frame, event, argument):
        if event == "call":
            called.add(frame.f_code.co_filename)

    study = read_study("vroegsignalering")
    plan = next(plan for plan in plan_cohorts(study) if plan.question == "contact_method")
    scenario = load_scenario("ignorable", "modest")
    sites = draw_sites(scenario, 3, 5, inhabitants=40_000, retention="full")
    before = sys.getprofile()
    sys.setprofile(note)
    try:
        replicate_contrast(scenario, sites, 5, study, plan, months=MONTHS)
    finally:
        sys.setprofile(before)
    package = TOP / "causalsig"
    files = {Path(name).relative_to(TOP).as_posix() for name in called if Path(name).is_relative_to(package)}
    assert files - set(COVERS) - ONLY_CARRIES == set()
