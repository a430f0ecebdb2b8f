"""The doubly robust fit against bare fits of its nuisances, and against two peers, in the same run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any, Final

import numpy as np

from evidence.claim import ROOT, Verdict
from evidence.context import Context
from evidence.environments import make_environment, python_of

CLAIM = """On a million episodes with 20 covariates, 4 arms and 5 folds, linear nuisances and the covariance
clustered by household, a doubly robust fit takes at most 0.35 of the time of scikit-learn's bare nuisance
fits, a seventh of that of econml and a fortieth of that of DoubleML, on one thread and in the same run, and
gives their difference; beside the covariates it needs at most 1.5 times their size; ten outcomes cost less
than twice one, and five repeats less than twice one."""
ISSUE = 17
COVERS = ("causalsig/estimation/*.py", "evidence/peers/dr_seconds.py")
SIZES: Final = {"n": 1_000_000, "p": 20, "arms": 4, "folds": 5, "outcomes": 1, "repeats": 1, "seed": 17}
ROUNDS: Final = 3
"""Times over: each package once a round, so that whatever else the machine does falls on all of them."""
DOUBLEML: Final = ("DoubleML==0.11.4",)
LIMITS: Final = {"bare": 0.35, "econml": 1 / 7, "doubleml": 1 / 40}
MORE: Final = {"ten outcomes": {"outcomes": 10}, "five repeats": {"repeats": 5}}
MOST_FOR_MORE: Final = 2.0
MOST_MEMORY: Final = 1.5
ALIKE: Final = 0.25
"""Standard errors that differences by other splits and other solvers may lie apart."""


def run(context: Context) -> Verdict:
    """Time every package in each round, each fit in a process of its own."""
    peer = python_of(make_environment("doubleml", DOUBLEML))
    own = Path(sys.executable)
    pythons = {"causalsig": own, "bare": own, "econml": own, "doubleml": peer}
    sizes = SIZES | ({"n": 1000 * context.limit} if context.limit else {})
    rounds = []
    for number in range(ROUNDS):
        found = {what: _timed(python, what, sizes | {"seed": number}) for what, python in pythons.items()}
        found |= {
            name: _timed(own, "causalsig", sizes | {"seed": number} | more) for name, more in MORE.items()
        }
        rounds.append(found)
    ratios = {what: [r["causalsig"]["seconds"] / r[what]["seconds"] for r in rounds] for what in LIMITS}
    more = {name: [r[name]["seconds"] / r["causalsig"]["seconds"] for r in rounds] for name in MORE}
    memory = {what: [r[what]["bytes"] / r[what]["covariates"] for r in rounds] for what in (*pythons, *MORE)}
    apart = max(
        abs(r["causalsig"]["difference"] - r[what]["difference"]) / r["causalsig"]["std_error"]
        for r in rounds
        for what in ("econml", "doubleml")
    )
    passed = (
        all(median(ratios[what]) <= limit for what, limit in LIMITS.items())
        and all(median(times) < MOST_FOR_MORE for times in more.values())
        and median(memory["causalsig"]) <= MOST_MEMORY
        and apart < ALIKE
    )
    figures: dict[str, Any] = {
        "episodes": sizes["n"],
        "ratios": [
            {"causalsig over": what, **_spread(ratios[what]), "limit": round(limit, 4)}
            for what, limit in LIMITS.items()
        ],
        "more over one": [
            {"what": name, **_spread(times), "limit": MOST_FOR_MORE} for name, times in more.items()
        ],
        "seconds": {what: round(median(r[what]["seconds"] for r in rounds), 2) for what in (*pythons, *MORE)},
        "memory over the covariates": {what: round(median(times), 2) for what, times in memory.items()},
        "differences apart, in standard errors": {"observed": round(apart, 4), "bound": ALIKE},
    }
    return {"passed": passed, "figures": figures, "seed": 0, "replications": ROUNDS}


def _timed(python: Path, what: str, sizes: dict[str, int]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as place:
        given, answer = Path(place) / "given.npz", Path(place) / "answer.json"
        told = {"what": np.array(what)} | {name: np.array(size) for name, size in sizes.items()}
        np.savez(given, **told)  # type: ignore[arg-type]
        one = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        paths = {"PYTHONPATH": str(ROOT)} if python == Path(sys.executable) else {}
        command = [str(python), "-P", str(ROOT / "evidence/peers/dr_seconds.py"), str(given), str(answer)]
        inherited = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, env=inherited | one | paths
        )
        if done.returncode:
            raise SystemExit(
                f"{what}: expected to run; it ended with {done.returncode}:\n{done.stderr[-2000:]}"
            )
        result: dict[str, Any] = json.loads(answer.read_text("utf-8"))
    return result


def _spread(times: list[float]) -> dict[str, float]:
    return {
        "ratio": round(median(times), 4),
        "least": round(min(times), 4),
        "most": round(max(times), 4),
    }
