"""What another threshold would do: each route covers where it may be used, and is refused where not."""

from __future__ import annotations

from functools import partial
from typing import Any

from evidence.claim import Verdict
from evidence.claims._moving_cells import A_LITTLE_WRONG, BOUND, CANDIDATES, CELLS, CURVATURE, DRIFT, EPISODES
from evidence.context import Context
from evidence.montecarlo import mean_and_error, observed_figures

CLAIM = """Where its assumption holds, the 95 % interval of each route to a moved threshold covers: 93 to 97 %
for difference in differences on the band, difference in discontinuities with a rival jump at both
thresholds, and constant-bias extrapolation up and down from tables as sites release them; at least 93 % for
bands that drift as fast, or half as fast, gaps as steep, and means as curved, as declared. There the checks
take a route away in at most 7 %. Where bands drift apart, or four times as fast as declared, a rival jump
grows, gaps slope, or are steeper or means more curved than declared, a check takes it away in at least
90 %, and a threshold moved beyond the bandwidth is always refused. Without an
effect safe cutoffs move the threshold in at most 5 %; with one they move it the wrong way in at most 5 %.
Checks see large violations: beside the judged cells stand worlds that are a little wrong (bands that drift a
quarter or half as fast, a rival jump that doubles, gaps and curvature of one and a half and two times what
was declared), with what then covers and how often a check speaks."""
ISSUE = 9
COVERS = (
    "causalsig/estimation/moving*.py",
    "causalsig/estimation/threshold*.py",
    "causalsig/execution/crossed_numbers.py",
    "causalsig/release/crossed*.py",
    "causalsig/release/grid.py",
    "evidence/claims/_moving_cells.py",
    "evidence/claims/_moving_worlds.py",
)

REPLICATIONS = 1000
EXACT, CONSERVATIVE = (0.93, 0.97), (0.93, 1.0)
FALSE_ALARM, SEEN, NEVER_WORSE = (0.0, 0.07), (0.9, 1.0), (0.0, 0.05)
JUDGED: dict[str, dict[str, tuple[float, float]]] = {
    "band": {"covered": EXACT, "refused": FALSE_ALARM},
    "band-drifts": {"refused": SEEN},
    "band-drifts-as-declared": {"covered": CONSERVATIVE, "refused": FALSE_ALARM},
    "band-drifts-the-other-way-as-declared": {"covered": CONSERVATIVE, "refused": FALSE_ALARM},
    "band-drifts-half-of-declared": {"covered": CONSERVATIVE, "refused": FALSE_ALARM},
    "band-drifts-beyond-declared": {"refused": SEEN},
    "jumps-rival": {"covered": EXACT, "refused": FALSE_ALARM},
    "jumps-rival-grows": {"refused": SEEN},
    "sites-up": {"covered": EXACT, "refused": FALSE_ALARM},
    "sites-down": {"covered": EXACT, "refused": FALSE_ALARM},
    "sites-gap-slopes": {"refused": SEEN},
    "safe-slope": {"covered": CONSERVATIVE, "refused": FALSE_ALARM},
    "safe-slope-down": {"covered": CONSERVATIVE, "refused": FALSE_ALARM},
    "safe-too-steep": {"refused": SEEN},
    "choice-no-effect": {"moved": NEVER_WORSE},
    "choice-effect": {"wrong way": NEVER_WORSE},
    "continued-up": {"covered": CONSERVATIVE, "refused": FALSE_ALARM},
    "continued-down": {"covered": CONSERVATIVE, "refused": FALSE_ALARM},
    "continued-too-curved": {"refused": SEEN},
    "continued-too-far": {"refused": (1.0, 1.0)},
    # What came with the change itself: no check can see it. Shown, not judged.
    "band-other-event": {},
    **{name: {} for name in A_LITTLE_WRONG},
}


def run(context: Context) -> Verdict:
    """Simulate every cell and judge its rates."""
    figures: dict[str, Any] = {
        "episodes": EPISODES,
        "drift bound": DRIFT,
        "slope bound": BOUND,
        "curvature bound": CURVATURE,
        "candidates": CANDIDATES,
    }
    passed = True
    for name in CELLS:
        rows = context.replicate(partial(_one, name), range(REPLICATIONS), part=name)
        figures[name] = _figures(name, rows)
        passed = passed and all(figures[name][what]["passed"] for what in JUDGED[name])
    return {"passed": bool(passed), "figures": figures, "replications": REPLICATIONS, "seed": 0}


def _one(name: str, seed: int) -> dict[str, Any]:
    return CELLS[name](seed)


def _figures(name: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    cell: dict[str, Any] = {}
    for key in ("covered", "refused", "moved", "lowered", "wrong way"):
        if key in rows[0]:
            hits = sum(bool(row[key]) for row in rows)
            band = JUDGED[name].get(key)
            cell[key] = hits / len(rows) if band is None else observed_figures(hits, len(rows), band)
    if "error" in rows[0]:
        bias, error = mean_and_error([row["error"] for row in rows])
        spread = error * len(rows) ** 0.5
        kept = [row["covered"] for row in rows if not row["refused"]]
        cell |= {
            "bias": bias,
            "bias, its error": error,
            "mean standard error over spread": sum(row["std_error"] for row in rows) / len(rows) / spread,
            "largest bias": sum(row["largest_bias"] for row in rows) / len(rows),
            "covered, of those not refused": sum(kept) / len(kept) if kept else None,
        }
    return cell
