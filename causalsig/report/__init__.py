"""What people see: figures, tables and pages, from released documents only."""

from __future__ import annotations

from importlib import import_module

_EXPORTS = {
    "AttritionBand": "pages",
    "CheckCount": "pages",
    "ChecklistPart": "target_items",
    "ForestRow": "figures",
    "MunicipalityPage": "pages",
    "NationalPage": "pages",
    "OutcomeSpec": "pages",
    "OwnQuestion": "pages",
    "Provenance": "pages",
    "QuestionSpec": "pages",
    "StudyFlow": "flow",
    "certainty": "certainty",
    "checklist_markdown": "target_items",
    "flow_figure": "flow_drawing",
    "flow_html": "render",
    "forest_plot": "figures",
    "monitor_html": "render",
    "municipality_html": "render",
    "municipality_page": "gather",
    "national_html": "render",
    "national_page": "gather",
    "profile_html": "render",
    "specs_from_study": "pages",
    "study_flow": "flow",
    "target_checklist": "target_items",
}

__all__ = [*_EXPORTS]


def __getattr__(name: str) -> object:
    """Import the module that holds `name` when it is first asked for."""
    if name not in _EXPORTS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f"causalsig.report.{_EXPORTS[name]}"), name)
    globals()[name] = value
    return value
