"""The reports of all municipalities are written within minutes, and each travels by mail."""

from __future__ import annotations

import shutil
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from causalsig.execution.processes import process_pool
from evidence.calibration import calibrate
from evidence.claim import Verdict
from evidence.context import Context

if TYPE_CHECKING:
    from causalsig.records import PoolResult
    from causalsig.release.documents import EstimatesDocument

CLAIM = """The reports of 342 municipalities are written from their releases and the pools of the others, two
side by side, in less than 3 minutes (seconds judged as on the usual machine, by a loop of fixed work beside
them), and each is one file of less than 300 kB with its own municipality's name, figures and result."""
ISSUE = 15
COVERS = (
    "causalsig/report/*.py",
    "causalsig/report/templates/page.css",
    "causalsig/report/templates/page.html.j2",
    "causalsig/report/templates/section.html.j2",
    "evidence/invented_reports.py",
)
SITES: Final = 342
WORKERS: Final = 2
MOST_SECONDS: Final = 180.0
START_SECONDS: Final = 20.0
"""What starting two processes may take; a few municipalities are judged in proportion, and with this."""
MOST_BYTES: Final = 300_000
POOLS: Final = 18
"""Pools of the others that are made, in turn given to 19 municipalities each: they are the university's work,
and are not timed."""
SIDE_BY_SIDE: Final = 9
"""Municipalities a process takes at a time."""
FEWEST_FIGURES: Final = 3


def run(context: Context) -> Verdict:
    """Make releases and pools, then write all reports against the clock and look at each."""
    from evidence.invented_reports import invented_document, invented_name, pooled

    count = min(SITES, context.limit or SITES)
    documents = [invented_document(number) for number in range(count)]
    country = pooled(documents, of_others=range(min(POOLS, count)))
    names = [invented_name(number) for number in range(count)]
    others = [country.others[number % len(country.others)] for number in range(count)]
    folder = context.work / "reports"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    slow = [calibrate()]
    begin = time.perf_counter()
    with process_pool(WORKERS) as workers:
        _write_all(workers, folder, list(zip(documents, others, names, strict=True)))
    seconds = time.perf_counter() - begin
    slow.append(calibrate())
    factor = sum(slow) / len(slow)
    wrong = [number for number, name in enumerate(names) if not _whole(folder / f"{number}.html", name)]
    sizes = [path.stat().st_size for path in folder.glob("*.html")]
    shutil.rmtree(folder)
    judged, most = seconds / factor, MOST_SECONDS
    if context.limit is not None:
        most = START_SECONDS + MOST_SECONDS * count / SITES
    figures: dict[str, Any] = {
        "municipalities": count,
        "reports written": len(sizes),
        "reports that lack their name, figures or result": len(wrong),
        "processes": WORKERS,
        "seconds": round(seconds, 1),
        "slower than the usual machine": round(factor, 3),
        "seconds on the usual machine": round(judged, 1),
        "seconds a report and process": round(judged * WORKERS / count, 2),
        "kB of the largest": round(max(sizes, default=0) / 1000, 1),
        "kB of all together": round(sum(sizes) / 1000),
    }
    passed = len(sizes) == count and not wrong and judged < most and max(sizes) < MOST_BYTES
    return {"passed": passed, "figures": figures, "seed": 15}


def _write_all(
    workers: ProcessPoolExecutor, folder: Path, given: list[tuple[EstimatesDocument, PoolResult, str]]
) -> None:
    parts = [(first, given[first : first + SIDE_BY_SIDE]) for first in range(0, len(given), SIDE_BY_SIDE)]
    for done in [workers.submit(written, folder, first, part) for first, part in parts]:
        done.result()


def written(folder: Path, first: int, given: list[tuple[EstimatesDocument, PoolResult, str]]) -> None:
    """Write some municipalities' reports, named by their numbers from ``first`` on."""
    from causalsig.release.files import write_atomic
    from causalsig.report.render import municipality_html
    from evidence.invented_reports import municipal

    for number, (document, others, name) in enumerate(given, start=first):
        html = municipality_html(municipal(document, others, name))
        write_atomic(folder / f"{number}.html", html.encode())


def _whole(path: Path, name: str) -> bool:
    """Say whether a report was written to its end, of its municipality, with figures and a result."""
    if not path.exists():
        return False
    html = path.read_text("utf-8")
    answered = "kwamen er binnen 3 maanden naar schatting" in html and "andere gemeenten samen:" in html
    return (
        html.rstrip().endswith("</html>")
        and f"Voor {name}" in html
        and html.count("<svg ") >= FEWEST_FIGURES
        and answered
    )
