"""The table of the docs that says how near a re-estimate from released bins comes, made from the results.

``python -m evidence page`` writes it, and so does every run of a claim.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from evidence.claim import ROOT
from evidence.page import spliced, table

PAGE: Final = "docs/thresholds-at-a-site.md"
NAME: Final = "threshold-bins"
NUMBER: Final = ".2g"


def render(records: Mapping[str, Mapping[str, Any]]) -> str:
    """Write the page, its own words as they stand and the table between its marks."""
    return spliced((ROOT / PAGE).read_text("utf-8"), _table(records))


def _table(records: Mapping[str, Mapping[str, Any]]) -> str:
    if NAME not in records:
        return f"The claim `{NAME}` has no result yet.\n"
    figures = records[NAME]["figures"]
    sizes = [name for name in figures if name.startswith("n = ")]
    return table([_row(name, figures[name], figures.get(f"checked, {name}")) for name in sizes], NUMBER)


def _row(name: str, cell: Mapping[str, Any], checked: Mapping[str, float] | None) -> dict[str, Any]:
    """Distances in standard errors; shares are of those whose number can be checked."""
    own, wide = (cell[f"{of}outcome, bandwidth times 1"] for of in ("", "50 euro, "))
    row = {
        "episodes": name.removeprefix("n = "),
        "bins": str(round(cell["bins"]["root mean square"])),
        "root mean square": own["root mean square"],
        "95 of 100 within": own["95 % below"],
        "bins 50 euro wide: 95 of 100 within": wide["95 % below"],
    }
    if checked is None:
        return row
    can = checked["can be checked"]
    found = {"wrongly accused": "accused, crossing", "one standard error off, found": "one error off, found"}
    row["can be checked"] = f"{can:.0%}"
    return row | {column: f"{checked[of]:.1%}" if can else "–" for column, of in found.items()}
