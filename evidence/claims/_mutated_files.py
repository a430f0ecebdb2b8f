"""Mutated sources as real files, through the commands that read them: all they show or write is searched.

The other mutations are made just above the parsers of files, where a thousand take a minute.
"""

from __future__ import annotations

import io
import json
import math
import os
import shutil
import tempfile
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from functools import cache
from pathlib import Path
from typing import Any, Final

from evidence.claims._mutated_formats import MONTHS, scratch_folder, small_site
from evidence.claims._mutations import WORKBOOK_KINDS, Judged, Value, leaks, make_value

EXIT_CODES: Final = frozenset({0, 1, 2, 3})
"""Done, a check failed, unreadable, refused; 101 is an error nobody foresaw."""
STRIDE: Final = 7_919
LONGEST_CELL: Final = 32_767
STUDY: Final = "vroegsignalering"


@cache
def _provider() -> Path:
    """Make a folder with an inventory of one site and the provider's keys."""
    from causalsig.execution.invent import inventory_toml
    from causalsig.execution.truth import inventory_site
    from causalsig.release.keys import new_keys
    from causalsig.simulation import SiteSpec

    folder = scratch_folder() / "provider"
    folder.mkdir()
    spec = SiteSpec(small_site().municipality, "Voorbeeldstad", 2_000)
    site = inventory_site(spec, months=MONTHS, extracted_on=small_site().extracted_on)
    (folder / "inventory.toml").write_text(inventory_toml((site,)), encoding="utf-8")
    new_keys(folder / "keys", demo=True)
    return folder


@cache
def _tabs() -> Mapping[str, list[list[Any]]]:
    from causalsig.simulation.xxllnc import workbook_tabs

    return workbook_tabs(small_site(), name="Voorbeeldstad")


def _in_workbook(value: Any) -> Any:
    """Value as a workbook can hold it: a number a float can hold, else text."""
    if type(value) in (int, float) and abs(value) < 1e300 and math.isfinite(value):
        return value
    return str(value)[:LONGEST_CELL] if value is not None else None


def file_mutation(number: int) -> tuple[str, Judged]:
    """Write a workbook with one bad cell, run every command on it, and search all that comes of it."""
    from causalsig.simulation.xxllnc import write_tabs

    value = make_value(WORKBOOK_KINDS[number % len(WORKBOOK_KINDS)], number)
    columns = [(tab, at) for tab, rows in _tabs().items() if len(rows) > 1 for at in range(len(rows[0]))]
    tab, at = columns[number * STRIDE % len(columns)]
    rows = list(_tabs()[tab])
    row = 1 + number * STRIDE % (len(rows) - 1)
    rows[row] = [*rows[row][:at], _in_workbook(value.value), *rows[row][at + 1 :]]
    folder = Path(tempfile.mkdtemp(prefix="mutated-"))
    try:
        source = folder / f"{small_site().municipality}.xlsx"
        write_tabs({**_tabs(), tab: rows}, source)
        return f"{tab}.{rows[0][at]} [{value.kind}]", _run_all(source, folder / "out", value)
    finally:
        shutil.rmtree(folder)


def _run_all(source: Path, out: Path, value: Value) -> Judged:
    out.mkdir()
    for arguments in _commands(source, out):
        shown, code = _run(arguments, out)
        if code not in EXIT_CODES:
            return Judged("crash", f"{' '.join(arguments[:2])} ended with {code}")
        if leaks(shown, value):
            return Judged("leak", f"on the screen of {' '.join(arguments[:2])}")
    if (code := _work(source, out)) not in EXIT_CODES:
        return Judged("crash", f"the worker ended with {code}")
    for path in out.rglob("*"):
        if path.is_file() and leaks(path.read_bytes().decode("utf-8", "replace"), value):
            return Judged("leak", f"in {path.name}")
    return Judged("found")


def _commands(source: Path, out: Path) -> list[list[str]]:
    provider = _provider()
    inventory = ["--inventory", str(provider / "inventory.toml")]
    keys = ["--keys", str(provider / "keys")]
    return [
        ["site", "check", str(source), *inventory],
        ["site", "check", str(source), *inventory, "--format", "json"],
        ["site", "profile", str(source), *inventory, *keys, "--out", str(out / "profile")],
        ["site", "monitor", str(source), *inventory, *keys, "--out", str(out / "monitor")],
    ]


def _run(arguments: list[str], out: Path) -> tuple[str, object]:
    """Run a command in this process; return what it showed and its exit code. Its log goes to ``out``."""
    from causalsig_cli.app import main

    shown = io.StringIO()
    before = os.environ.get("CAUSALSIG_LOG_DIR")
    os.environ["CAUSALSIG_LOG_DIR"] = str(out)
    code: object = 0
    try:
        with redirect_stdout(shown), redirect_stderr(shown):
            main(arguments)
    except SystemExit as end:
        code = end.code or 0
    finally:
        if before is None:
            del os.environ["CAUSALSIG_LOG_DIR"]
        else:
            os.environ["CAUSALSIG_LOG_DIR"] = before
    return shown.getvalue(), code


def _work(source: Path, out: Path) -> int:
    """Run the default study as the worker of a site would."""
    from causalsig.execution.digests import file_digest
    from causalsig.execution.worker import main

    provider = _provider()
    folder = out / "site"
    folder.mkdir()
    job = {
        "study": STUDY,
        "inventory": str(provider / "inventory.toml"),
        "site": small_site().municipality,
        "source": str(source),
        "keys": str(provider / "keys"),
        "folder": str(folder),
        "wave": 1,
        "inputs": {"source": file_digest(source)},
    }
    described = folder / "job.json"
    described.write_text(json.dumps(job), encoding="utf-8")
    return main([str(described)])
