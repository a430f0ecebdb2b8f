"""A cohort is quick: three million signals to episodes with arms, outcomes and design matrix."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

from evidence.calibration import calibrate
from evidence.claim import ROOT, Verdict
from evidence.context import Context

CLAIM = """Three million signals, with their episodes, cases and attempts, become a cohort of the default
study with its arms, outcomes and design matrix in under 30 seconds and at most three times the memory of the
input. The input is the canonical tables in memory: what the process grows by when it loads them. Memory is
the process at its highest, those tables included, less what it was before it loaded them. The seconds are
those of a process of its own on one core, divided by a calibration loop that takes 0.8 s on an idle one; they
are of the contact question at three months, the largest cohort. All four cohorts of the study stand beside
it."""
ISSUE = 5
COVERS = (
    "causalsig/cohort/*.py",
    "evidence/calibration.py",
    "evidence/claims/read_speed.py",
)
SEED: Final = 4
SIGNALS: Final = 3_000_000
SECONDS: Final = 30.0
TIMES_THE_INPUT: Final = 3.0
QUICK_SHARE: Final = 0.02

_BUILD = """
import pickle, sys
from evidence.claims.read_speed import many
with open(sys.argv[1], "wb") as file:
    pickle.dump(many(int(sys.argv[2])), file, protocol=5)
"""

_MEASURE = """
import gc, json, pickle, sys, time
import causalsig.cohort.build, pandas
from causalsig.cohort.build import build_cohort, plan_cohorts, site_facts
from causalsig.sources.schema import Matching
from causalsig.study.inventory import Site
from causalsig.study.read import read_study

def status(name):
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith(name)) * 1024

study = read_study("vroegsignalering")
site = Site(code="0000", name="V", inhabitants=60_000, retention="full", retention_months=24)
gc.collect()
before = status("VmRSS")
with open(sys.argv[1], "rb") as file:
    tables = pickle.load(file)
gc.collect()
loaded = status("VmRSS")
with open("/proc/self/clear_refs", "w") as file:
    file.write("5")
begin = time.process_time()
facts = site_facts(tables)
rows = [{"cohort": "facts of all episodes", "processor seconds": time.process_time() - begin}]
for plan in reversed(plan_cohorts(study)):
    begin = time.process_time()
    cohort = build_cohort(tables, plan, study, site, Matching(), facts=facts)
    rows.append({
        "cohort": f"{plan.question}, {plan.months} months",
        "processor seconds": time.process_time() - begin,
        "episodes": cohort.size,
        "columns": cohort.covariates.shape[1],
    })
    del cohort
print(json.dumps({
    "signals": len(tables.signals),
    "rows in all tables": sum(len(getattr(tables, t)) for t in ("signals", "episodes", "cases", "attempts")),
    "input MiB": (loaded - before) / 2**20,
    "highest MiB": (status("VmHWM") - before) / 2**20,
    "steps": rows,
}))
"""


def alone(script: str, *arguments: str) -> str:
    """Run a script in a fresh process with one thread; return what it printed."""
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", script, *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=True).stdout


def measure(signals: int, folder: Path) -> dict[str, Any]:
    """Build the tables in one process, the cohorts in another; say what the second took."""
    folder.mkdir(parents=True, exist_ok=True)
    stored = folder / f"tables-{signals}-{pickle.HIGHEST_PROTOCOL}.pickle"
    alone(_BUILD, str(stored), str(signals))
    try:
        before = calibrate()
        figures: dict[str, Any] = json.loads(alone(_MEASURE, str(stored)))
        slowness = (before + calibrate()) / 2
    finally:
        stored.unlink(missing_ok=True)
    figures["calibration"] = round(slowness, 2)
    for step in figures["steps"]:
        step["scaled seconds"] = round(step.pop("processor seconds") / slowness, 1)
    return figures


def run(context: Context) -> Verdict:
    """Measure once, at the full size."""
    share = 1.0 if context.limit is None else QUICK_SHARE
    figures = measure(int(SIGNALS * share), context.work)
    seconds = {step["cohort"]: step["scaled seconds"] for step in figures["steps"]}
    one = seconds["facts of all episodes"] + seconds["contact_method, 3 months"]
    times = figures["highest MiB"] / figures["input MiB"]
    figures |= {
        "one cohort, scaled seconds": round(one, 1),
        "all four cohorts, scaled seconds": round(sum(seconds.values()), 1),
        "times the input": round(times, 2),
        "input MiB": round(figures["input MiB"]),
        "highest MiB": round(figures["highest MiB"]),
    }
    passed = one < SECONDS * share and times <= TIMES_THE_INPUT
    return {"passed": bool(passed), "figures": figures, "seed": SEED}
