"""What people see: figures, tables and pages, from released documents only."""

from __future__ import annotations

from importlib import import_module

_EXPORTS = {
    "AttritionBand": "pages",
    "Axis": "forest_figure",
    "Bubble": "bubble_figure",
    "CheckCount": "pages",
    "ChecklistPart": "target_items",
    "Figure": "figure",
    "ForestRow": "forest_figure",
    "LinePoint": "bubble_figure",
    "LoveRow": "love_figure",
    "MunicipalityPage": "pages",
    "NationalPage": "pages",
    "OutcomeSpec": "pages",
    "OverlapGroup": "overlap_figure",
    "OwnQuestion": "pages",
    "Provenance": "pages",
    "QuestionSpec": "pages",
    "RankingRow": "ranking_figure",
    "StudyFlow": "flow",
    "attrition_plot": "flow_drawing",
    "bubble_plot": "bubble_figure",
    "certainty": "certainty",
    "checklist_markdown": "target_items",
    "flow_html": "render",
    "forest_plot": "forest_figure",
    "inside_html": "render",
    "love_plot": "love_figure",
    "monitor_html": "render",
    "municipality_html": "render",
    "municipality_page": "gather",
    "national_html": "render",
    "national_page": "gather",
    "overlap_plot": "overlap_figure",
    "profile_html": "render",
    "ranking_plot": "ranking_figure",
    "specs_from_study": "pages",
    "study_flow": "flow",
    "target_checklist": "target_items",
    "threshold_plot": "threshold_figure",
}

__all__ = [*_EXPORTS]


def __getattr__(name: str) -> object:
    """Import the module that holds `name` when it is first asked for."""
    if name not in _EXPORTS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f"causalsig.report.{_EXPORTS[name]}"), name)
    globals()[name] = value
    return value
