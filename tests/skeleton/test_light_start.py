"""Importing causalsig, or asking the command for help, loads none of the heavy libraries."""

from __future__ import annotations

import pytest

from evidence.claims.light_start import HEAVY, STARTS, modules_after


@pytest.mark.parametrize("start", STARTS.values(), ids=STARTS.keys())
def test_start_is_light(start: str) -> None:
    modules = modules_after(start)
    assert "causalsig" in modules
    assert modules.isdisjoint(HEAVY), modules.intersection(HEAVY)


def test_the_check_sees_a_heavy_import() -> None:
    assert "scipy" in modules_after("import scipy")
