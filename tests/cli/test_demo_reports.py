"""The demo's reports: a process that the system ends is told as such, without a traceback."""

from __future__ import annotations

import operator
import os
from pathlib import Path

import pytest
from causalsig_cli import demo

from causalsig.errors import SimulationError


class Fatal:
    """Ends the process that unpickles it, as a system short of memory would."""

    def __reduce__(self) -> tuple[object, tuple[int]]:
        return os._exit, (9,)


def test_a_killed_process_that_writes_reports_ends_as_a_clear_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo, "_national", operator.eq)  # any function that a new process can find
    monkeypatch.setattr(demo, "_released_sites", lambda folders: [(Fatal(), "", "")])
    with pytest.raises(SimulationError, match="ended from outside") as caught:
        demo._report(demo.Folders(tmp_path), workers=1)
    assert caught.value.code == "simulation-process"
