"""Q3 in ``site.json``: everything for the provider's statistician, exact counts included."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import date

    from causalsig.crossed import ThresholdFindings


def thresholds_record(found: ThresholdFindings) -> dict[str, Any]:
    """Give all that is known of a site's thresholds, as plain Python for JSON."""
    values = asdict(found)
    for block in values["blocks"]:
        for name in ("valid_from", "valid_to"):
            block[name] = _text(block[name])
    return values


def _text(day: date | None) -> str | None:
    return None if day is None else day.isoformat()
