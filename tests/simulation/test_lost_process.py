"""A process that the system ends leaves a clear message and no inventory."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from causalsig.errors import SimulationError
from causalsig.execution import invent


class Fatal:
    """Ends the process that unpickles it, as a system short of memory would."""

    def __reduce__(self) -> tuple[object, tuple[int]]:
        return os._exit, (9,)


def test_a_killed_process_is_told_and_nothing_counts_as_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    country = invent.InventedCountry("ignorable", "modest", 1, 0, 1, inhabitants=5_000)
    scenario, _ = invent.country_specs(country)
    monkeypatch.setattr(invent, "country_specs", lambda country: (scenario, (Fatal(),)))
    with pytest.raises(SimulationError, match="ended from outside") as caught:
        invent.invent_country(country, tmp_path, workers=1)
    assert caught.value.code == "simulation-process"
    assert not (tmp_path / "inventory.toml").exists()
