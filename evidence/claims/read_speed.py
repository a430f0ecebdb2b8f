"""Reading is fast: a million signals from Parquet, and a workbook of 200,000 signals."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from evidence.calibration import calibrate
from evidence.claim import ROOT, Verdict
from evidence.context import Context

if TYPE_CHECKING:
    import pandas as pd

    from causalsig.sources.schema import SiteTables

CLAIM = """One million signals, with their episodes, cases and attempts, go from Parquet to checked canonical
tables in under 30 seconds and 3 GiB, and a workbook with 200,000 signals in under 90 seconds. The seconds are
those of a process of its own on one core, divided by a calibration loop that takes 0.8 s on an idle one."""
ISSUE = 4
COVERS = (
    "causalsig/sources/*.py",
    "causalsig/simulation/export/canonical.py",
    "causalsig/simulation/xxllnc.py",
    "evidence/calibration.py",
)
SEED = 4
PARQUET_SIGNALS, PARQUET_SECONDS, PARQUET_GIB = 1_000_000, 30.0, 3.0
WORKBOOK_SIGNALS, WORKBOOK_SECONDS = 200_000, 90.0

_SCRIPT = """
import json, resource, sys, time
from causalsig.sources.formats import read_source
from causalsig.sources.schema import Matching
wall, begin = time.perf_counter(), time.process_time()
read = read_source(sys.argv[1], municipality="0000", name=sys.argv[2] or None, matching=Matching())
print(json.dumps({
    "signals": len(read.tables.signals),
    "rows": sum(len(getattr(read.tables, name)) for name in ("signals", "episodes", "cases", "attempts")),
    "findings": len(read.findings),
    "processor seconds": round(time.process_time() - begin, 1),
    "seconds": round(time.perf_counter() - wall, 1),
    "peak GiB": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2),
}))
"""


def many(signals: int) -> SiteTables:
    """Invented municipality with so many signals: copies of one, each with households of its own."""
    from causalsig.simulation import draw_sites, load_scenario, simulate_site
    from causalsig.sources.schema import TABLES, SiteTables

    scenario = load_scenario("ignorable")
    spec = draw_sites(scenario, 1, SEED, inhabitants=60_000, retention="full")[0]
    one = simulate_site(spec, scenario, SEED, months=24, truth=False).tables
    copies = -(-signals // len(one.signals))
    frames = {name: _copied(getattr(one, name), name, copies) for name in TABLES}
    kept = frames["signals"].head(signals)
    frames["signals"] = kept
    frames["episodes"] = _linked(frames["episodes"], "episode_id", kept)
    return SiteTables(municipality="0000", extracted_on=one.extracted_on, **frames)


def _copied(frame: pd.DataFrame, table: str, copies: int) -> pd.DataFrame:
    import pandas as pd

    from causalsig.sources.schema import TABLES

    if table == "creditors":
        return frame
    keys = [
        name
        for name, kind in TABLES[table].items()
        if kind == "key" and name not in ("creditor_id", "district")
    ]
    many = pd.concat([frame] * copies, ignore_index=True)
    number = np.repeat(np.arange(copies), len(frame))
    for name in keys:
        texts = zip(many[name].to_numpy(dtype=object), number.tolist(), strict=True)
        many[name] = pd.Series(
            [None if key is None else f"{key}{at:03d}" for key, at in texts], dtype="object"
        )
    return many


def _linked(frame: pd.DataFrame, key: str, signals: pd.DataFrame) -> pd.DataFrame:
    return frame[frame[key].isin(signals[key])].reset_index(drop=True)


def read_alone(source: Path, name: str = "") -> dict[str, Any]:
    """Read in a fresh process, and say what it took."""
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", _SCRIPT, str(source), name]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


def run(context: Context) -> Verdict:
    """Write both sources, read each in a process of its own."""
    from causalsig.simulation.export.canonical import write_canonical
    from causalsig.simulation.xxllnc import write_workbook

    share = 1.0 if context.limit is None else 0.02
    context.work.mkdir(parents=True, exist_ok=True)
    folder, book = context.work / "parquet", context.work / "0000.xlsx"
    write_canonical(many(int(PARQUET_SIGNALS * share)), folder)
    write_workbook(many(int(WORKBOOK_SIGNALS * share)), book, name="Voorbeeldstad")
    rows, passed = [], True
    for what, source, name, limit in (
        ("Parquet", folder, "", PARQUET_SECONDS),
        ("workbook", book, "Voorbeeldstad", WORKBOOK_SECONDS),
    ):
        before = calibrate()
        figures = read_alone(source, name)
        slowness = (before + calibrate()) / 2
        scaled = figures["processor seconds"] / slowness
        rows.append(
            {"source": what, **figures, "calibration": round(slowness, 2), "scaled": round(scaled, 1)}
        )
        passed &= scaled < limit * share and (what != "Parquet" or figures["peak GiB"] < PARQUET_GIB)
    return {"passed": bool(passed), "figures": {"readings": rows}, "seed": SEED}
