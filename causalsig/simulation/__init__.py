"""Municipalities that never existed, with every household's potential outcomes."""

from __future__ import annotations

from typing import Any

_HOME = {
    "Scenario": "scenario",
    "load_scenario": "scenario",
    "scenario_names": "scenario",
    "SiteSpec": "sites",
    "draw_sites": "sites",
    "expected_counts": "sites",
    "guaranteed_months": "sites",
    "SimulatedSite": "site",
    "simulate_site": "site",
    "SiteTruth": "truth",
    "ArmTruth": "truth",
    "calibration": "monitor",
}
__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    """Load what is asked for, and only that."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
