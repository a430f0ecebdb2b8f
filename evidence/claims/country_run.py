"""A country through the whole default study: time on two cores, memory of a process."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
import tomllib
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, Final

import numpy as np

from evidence.calibration import calibrate
from evidence.claim import Verdict
from evidence.claims import _chain
from evidence.context import Context

CLAIM = """342 municipalities with sizes as they are and three years of data, in the provider's
workbooks, go through the full default study on two cores in less than 45 minutes (seconds judged as on
the usual machine, by a loop of fixed work beside them), none fails, and no process holds more than 2
GiB. In proportion: the same municipalities take as long in a run of 342 as one by one, among 10 and
among 100, within 10 % (their own seconds, on the usual machine); and a run of 100 or of 342 takes what
its municipalities and as many starts take, divided by two cores, within 10 %."""
ISSUE = 13
COVERS = (
    *_chain.SITE,
    *_chain.WORKBOOK,
    "causalsig/execution/isolation.py",
    "causalsig/execution/processes.py",
    "causalsig/execution/run.py",
    "causalsig/execution/worker.py",
    "causalsig/threads.py",
)
SIZES: Final = (1, 10, 100, 342)
ALONE: Final = 10
"""Runs of one municipality: those of the run of ten, each by itself; a single one is soon a tenth off."""
WORKERS: Final = 2
SEED: Final = 1
MOST_MINUTES: Final = 45.0
MOST_MIB: Final = 2048
WITHIN: Final = 0.1
WALL_JUDGED_FROM: Final = 100
"""Of a few municipalities the largest one leaves a core idle, however they are handed out."""


def run(context: Context) -> Verdict:
    """Make the country, run it in parts and whole, each after the other with nothing of ours beside it."""
    folder = context.work / f"country-{context.digest[:16]}"
    codes = _made(folder)[: context.limit]
    alone = Context(context.name, context.work, context.digest, 1, None)
    sizes = tuple(dict.fromkeys(min(size, len(codes)) for size in SIZES))
    rows = alone.replicate(partial(timed, folder, codes), sizes)
    whole = rows[-1]
    minutes = whole["wall"] / whole["slower"] / 60
    most = max(site["peak"] for row in rows for site in row["sites"].values())
    failed = sum(site["status"] == "failed" for row in rows for site in row["sites"].values())
    start = (rows[0]["wall"] - _own(rows[0])) / len(rows[0]["sites"])
    steps = [_beside(row, whole, start) for row in rows]
    judged = [step["own seconds, times those in the whole run"] for step in steps]
    judged += [step["wall, times what is foreseen"] for step in steps if step["run of"] >= WALL_JUDGED_FROM]
    quick = minutes < MOST_MINUTES and all(abs(ratio - 1) <= WITHIN for ratio in judged)
    return {
        "passed": most <= MOST_MIB and not failed and (quick or context.limit is not None),
        "figures": {
            "municipalities": len(whole["sites"]),
            "minutes on the usual machine": {"observed": round(minutes, 2), "bound": MOST_MINUTES},
            "minutes here": round(whole["wall"] / 60, 2),
            "slower than the usual machine": round(whole["slower"], 3),
            "MiB of a process at most": {"observed": most, "bound": MOST_MIB},
            "failed": {"observed": failed, "bound": 0},
            "with an estimate": sum(site["estimated"] for site in whole["sites"].values()),
            "seconds of a start": round(start, 2),
            "seconds of the slowest municipality": round(max(_seconds(whole)), 1),
            "seconds of the median municipality": round(median(_seconds(whole)), 1),
            "steps": steps,
        },
        "seed": SEED,
        "replications": sum(len(row["sites"]) for row in rows),
    }


def _seconds(row: dict[str, Any]) -> list[float]:
    return [site["seconds"] for site in row["sites"].values()]


def _own(row: dict[str, Any]) -> float:
    return sum(_seconds(row))


def _beside(row: dict[str, Any], whole: dict[str, Any], start: float) -> dict[str, Any]:
    """Hold a run against the same municipalities in the whole one, and against what it should take."""
    same = sum(whole["sites"][code]["seconds"] for code in row["sites"])
    at_once = 1 if row["size"] == 1 else WORKERS
    foreseen = (_own(row) + start * len(row["sites"])) / at_once
    return {
        "run of": row["size"],
        "runs": ALONE if row["size"] == 1 else 1,
        "minutes": round(row["wall"] / 60, 2),
        "own seconds": round(_own(row), 1),
        "own seconds, times those in the whole run": round(
            _own(row) / row["slower"] / (same / whole["slower"]), 3
        ),
        "wall, times what is foreseen": round(row["wall"] / foreseen, 3),
    }


def timed(folder: Path, codes: list[str], size: int) -> dict[str, Any]:
    """Run so many municipalities, evenly drawn from small to large; one: each of ten by itself."""
    slow = [calibrate()]
    if size == 1:
        rounds = [_timed_once(folder, [code]) for code in _spread(codes, ALONE)]
    else:
        rounds = [_timed_once(folder, _spread(codes, size))]
    slow.append(calibrate())
    return {
        "size": size,
        "wall": sum(one["wall"] for one in rounds),
        "slower": sum(slow) / len(slow),
        "sites": {code: site for one in rounds for code, site in one["sites"].items()},
    }


def _timed_once(folder: Path, codes: list[str]) -> dict[str, Any]:
    """Run these municipalities in a fresh folder."""
    out = folder / "run"
    shutil.rmtree(out, ignore_errors=True)
    only = [word for code in codes for word in ("--only", code)]
    places = ("--inventory", folder / "inventory.toml", "--keys", folder / "keys", "--out", out)
    begun = time.perf_counter()
    _typed("site", "run", folder / "study.toml", folder / "sources", *places, "--workers", WORKERS, *only)
    wall = time.perf_counter() - begun
    record = json.loads((out / "run.json").read_text("utf-8"))
    shutil.rmtree(out)
    sites = {site["site"]: _told(site) for site in record["sites"] if site["site"] in codes}
    if set(sites) != set(codes):
        raise RuntimeError("the record of the run lacks municipalities")
    return {"wall": wall, "sites": sites}


def _told(site: dict[str, Any]) -> dict[str, Any]:
    return {
        "seconds": site["seconds"].get("total", 0.0),
        "peak": site["peak_mb"] or 0,
        "status": site["status"],
        "estimated": "estimated" in (site["questions"] or {}).values(),
    }


def _spread(codes: list[str], size: int) -> list[str]:
    """Take so many, evenly from small to large."""
    at = np.linspace(0, len(codes) - 1, min(size, len(codes))).round().astype(int)
    return [codes[place] for place in at]


def _made(folder: Path) -> list[str]:
    """Make the country, its study and its keys once; give the codes from small to large."""
    places = ("--country", "--scenario", "base", "--seed", SEED, "--source-format", "xxllnc-2026")
    _typed("simulate", "--out", folder, *places, "--workers", WORKERS)
    if not (folder / "keys").exists():
        _typed("keys", "new", folder / "keys", "--demo")
        _typed("study", "init", folder / "study.toml")
        _typed("study", "sign", folder / "study.toml", "--keys", folder / "keys")
    sites = tomllib.loads((folder / "inventory.toml").read_text("utf-8"))["sites"]
    return [site["code"] for site in sorted(sites, key=lambda one: (one["inhabitants"], one["code"]))]


def _typed(*words: object) -> None:
    """Type a command; it must end well."""
    done = subprocess.run(
        [sys.executable, "-m", "causalsig_cli.app", *map(str, words)], capture_output=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{words[0]} {words[1]} ended with {done.returncode}")
