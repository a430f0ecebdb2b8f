"""The monitor of a synthetic country equals the generator's own figures."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evidence.claim import Verdict
from evidence.context import Context

CLAIM = """On 24 synthetic municipalities of every size and retention regime the monitor's figures (signals
per 1,000 inhabitants, mix of episodes, kinds of creditor, reached and accepted by method) equal the
generator's to the last household before the grid, site by site and summed over the country, and also when
read back from the workbook. Every released cell is the counted figure to half a grid step and rests on at
least 10 households with and without."""
ISSUE = 4
COVERS = (
    "causalsig/sources/monitor.py",
    "causalsig/sources/monitor_absent.py",
    "causalsig/sources/offered.py",
    "causalsig/sources/cells.py",
    "causalsig/counts.py",
    "causalsig/release/cell_rules.py",
    "causalsig/release/registry.py",
    "causalsig/release/rate_grid.py",
    "causalsig/release/monitor_document.py",
    "causalsig/release/grid.py",
    "causalsig/simulation/calibration.py",
    "causalsig/execution/monitor.py",
)
SITES = 24
SEED = 41_000
READ_BACK = 6  # sites that also travel through a workbook; reading is the slow part
EXACT = 1e-12  # quotients of the same two integers
FLOOR = 10
RATES = {
    "signals_per_1000_a_month": "signals_per_1000",
    "signals_an_episode": "signals_per_episode",
}
SHARES = {
    "share_health": ("signals_by_creditor", "health_insurance"),
    "share_rent": ("signals_by_creditor", "rent"),
    "share_energy": ("signals_by_creditor", "energy"),
    "share_water": ("signals_by_creditor", "water"),
    "share_single": ("mix", "single"),
    "share_multiple": ("mix", "multiple"),
    "share_successive": ("mix", "successive"),
    "reached": ("reached", ""),
    "reached_written_only": ("reached_by_method", "written_only"),
    "reached_any_phone": ("reached_by_method", "phone"),
    "reached_any_home_visit": ("reached_by_method", "home_visit"),
    "accepted_of_reached": ("accepted", ""),
}


def run(context: Context) -> Verdict:
    """Compare site by site, then the country, then what is released with what was counted."""
    from causalsig.execution.monitor import monitor_of
    from causalsig.execution.truth import inventory_site
    from causalsig.simulation import draw_sites, load_scenario, simulate_site
    from causalsig.simulation.calibration import window_parts
    from causalsig.simulation.sites import MONTHS_OF_DATA, guaranteed_months
    from causalsig.sources.monitor import MONTHS_TO_CLOSE

    scenario = load_scenario("ignorable")
    specs = draw_sites(scenario, min(SITES, context.limit or SITES), SEED)
    gap, read_gap = 0.0, 0.0
    total = {name: np.zeros(2) for name in (*RATES, *SHARES)}
    generated = {name: np.zeros(2) for name in total}
    cells = {"released": 0, "held back": 0, "households below the floor": 0, "off the grid": 0}
    for number, spec in enumerate(specs):
        simulated = simulate_site(spec, scenario, SEED + number, truth=False)
        site = inventory_site(spec, months=MONTHS_OF_DATA, extracted_on=scenario.extracted_on)
        counts = monitor_of(simulated.tables, site)
        parts = _parts(counts)
        plain = window_parts(simulated, guaranteed_months(spec), months_to_close=MONTHS_TO_CLOSE)
        gap = max(gap, _gap(parts, plain))
        for name, part in parts.items():
            total[name] += part
            generated[name] += plain[name]
        if number < READ_BACK:
            again = monitor_of(_read_back(context, simulated), site)
            read_gap = max(read_gap, _gap(_parts(again), plain))
        _release(counts, cells)
    country = _gap(total, generated)
    wrong = cells["households below the floor"] + cells["off the grid"]
    return {
        "passed": max(gap, country, read_gap) <= EXACT and wrong == 0 and cells["released"] > 0,
        "figures": {
            "sites": len(specs),
            "figures compared": len(total),
            "largest gap, site by site": gap,
            "largest gap, country": country,
            "largest gap, read back from a workbook": read_gap,
            **cells,
        },
        "seed": SEED,
    }


def _parts(counts: Any) -> dict[str, NDArray[np.float64]]:
    """Numerator and denominator of each figure of the whole window."""
    rates = {cell.figure: cell for cell in counts.rates if cell.month is None}
    shares = {(cell.figure, cell.group): cell for cell in counts.shares if cell.month is None}
    found = {name: np.array((rates[f].numerator, rates[f].exposure)) for name, f in RATES.items()}
    return found | {
        name: np.array((shares[place].numerator, float(shares[place].denominator)))
        for name, place in SHARES.items()
    }


def _gap(counted: dict[str, NDArray[np.float64]], expected: dict[str, NDArray[np.float64]]) -> float:
    """Return the largest difference with the generator's figure; where nothing bears on both, none."""
    worst = 0.0
    for name, (numerator, denominator) in counted.items():
        above, below = expected[name]
        if not denominator or not below:
            worst = max(worst, 0.0 if denominator == below else math.inf)
            continue
        worst = max(worst, abs(numerator / denominator - above / below))
    return worst


def _read_back(context: Context, simulated: Any) -> Any:
    """Send a site's tables through the vendor's workbook."""
    from causalsig.simulation.xxllnc import workbook_tabs, write_tabs
    from causalsig.sources import read_xxllnc_2026

    context.work.mkdir(parents=True, exist_ok=True)
    path = context.work / f"{simulated.spec.code}.xlsx"
    write_tabs(workbook_tabs(simulated.tables, name=simulated.spec.name), path)
    read = read_xxllnc_2026(
        path,
        municipality=simulated.spec.code,
        name=simulated.spec.name,
        matching=simulated.spec.matching,
        extracted_on=simulated.tables.extracted_on,
    )
    path.unlink()
    return read.tables


def _release(counts: Any, cells: dict[str, int]) -> None:
    """Build the document and hold every released cell against what was counted."""
    from causalsig.counts import ShareCount
    from causalsig.release import grid
    from causalsig.release.build import ReleaseIdentity
    from causalsig.release.monitor_document import build_monitor

    document = build_monitor(counts, identity=ReleaseIdentity("a" * 64, "b" * 64, "0.1.0", "c" * 64))
    counted: dict[tuple[str, str, str | None], Any]
    counted = {(cell.figure, "", cell.month): cell for cell in counts.rates}
    counted |= {(cell.figure, cell.group, cell.month): cell for cell in counts.shares}
    entries: list[tuple[str, str, str | None, Any]] = []
    entries += [(entry.figure, "", entry.month, entry) for entry in document.rates]
    entries += [(entry.figure, entry.group, entry.month, entry) for entry in document.shares]
    for figure, group, month, entry in entries:
        cell = counted[figure, group, month]
        step = grid.from_steps(1, entry.value_exponent)
        sizes = [cell.households]
        if isinstance(cell, ShareCount):
            sizes += [cell.households_with, cell.households_without]
        cells["off the grid"] += abs(entry.value * step - cell.value) > step / 2
        cells["households below the floor"] += min(sizes) < FLOOR
    cells["released"] += len(entries)
    cells["held back"] += len(counted) - len(entries)
