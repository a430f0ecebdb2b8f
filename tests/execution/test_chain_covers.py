"""What a replication of the long claims runs is what those claims cover."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from causalsig.release.registry import all_rules
from evidence.claims import (
    _end_to_end,
    _trap_sites,
    clone_censor_weight_coverage,
    hidden_stress_instrument,
    trap_table,
)
from evidence.claims._chain import ONLY_CARRIES

TOP = Path(__file__).parents[2]
SAID_BESIDE = "causalsig/report/"
"""The table of traps asks a report's module for the hidden causes of a graph, and nothing else of reports."""


def files_called(replicate: Callable[[], object]) -> set[str]:
    """Run something and tell which files of the package had a function called."""
    called: set[str] = set()

    def note(frame, event, argument):
        if event == "call":
            called.add(frame.f_code.co_filename)

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        replicate()
    finally:
        sys.setprofile(before)
    package = TOP / "causalsig"
    return {Path(name).relative_to(TOP).as_posix() for name in called if Path(name).is_relative_to(package)}


@pytest.mark.parametrize(
    ("covers", "replicate"),
    [
        (_end_to_end.COVERS, lambda: _end_to_end.replicate("modest", 5)),
        (clone_censor_weight_coverage.COVERS, lambda: clone_censor_weight_coverage.one(5)),
        (hidden_stress_instrument.COVERS, lambda: hidden_stress_instrument.force(_TYPICAL, 5)),
        (hidden_stress_instrument.COVERS, lambda: hidden_stress_instrument.replicate(_TYPICAL, 5)),
        (trap_table.SIMULATES, lambda: _trap_sites.replicate("mixed_locales", "nothing", 5)),
        (trap_table.SIMULATES, lambda: _trap_sites.replicate("second_signal", "help", 5)),
    ],
    ids=("end-to-end", "clones", "forced-capacity", "instrument", "traps-of-files", "traps-of-life"),
)
def test_a_claim_covers_the_code_that_it_runs(monkeypatch, covers, replicate):
    monkeypatch.setattr(_end_to_end, "SITES", 3)
    all_rules()  # loads rules of other documents for the list of their codes: loading is not running
    covered = {path.relative_to(TOP).as_posix() for glob in covers for path in TOP.glob(glob)}
    missed = files_called(replicate) - covered - ONLY_CARRIES
    assert {file for file in missed if not file.startswith(SAID_BESIDE)} == set()


_TYPICAL = "typical municipality, usual shocks"
