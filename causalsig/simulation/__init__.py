"""Municipalities that never existed, with every household's potential outcomes."""

from __future__ import annotations

from typing import Any

_HOME = {
    "Scenario": "scenario",
    "list_scenarios": "scenario_files",
    "load_scenario": "scenario_files",
    "scenario_names": "scenario_files",
    "TRAP_NAMES": "switches",
    "Traps": "switches",
    "SiteSpec": "sites",
    "draw_sites": "sites",
    "expected_counts": "expected",
    "guaranteed_months": "sites",
    "SimulatedSite": "site",
    "simulate_site": "site",
    "simulate_waves": "waves",
    "SiteTruth": "truth",
    "ArmTruth": "truth",
    "TruthFile": "truth_file",
    "country_truth": "truth_file",
    "site_rows": "truth_file",
    "calibrate": "calibration",
}
__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    """Load what is asked for, and only that."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
