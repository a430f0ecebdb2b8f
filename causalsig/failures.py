"""An exception nobody foresaw, written down without its values."""

from __future__ import annotations

import re
import traceback


def masked_record(error: BaseException) -> str:
    """Describe an exception and its causes by type and place; letters and digits of its text are masked."""
    lines = []
    link: BaseException | None = error
    seen: set[int] = set()
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        lines.append(f"{type(link).__module__}.{type(link).__qualname__}: {_mask(link)}")
        frames = traceback.extract_tb(link.__traceback__)
        lines.extend(f"  {frame.filename}:{frame.lineno} in {frame.name}" for frame in frames)
        link = link.__cause__ or link.__context__
    return "\n".join(lines) + "\n"


def _mask(error: BaseException) -> str:
    """Keep the shape of the text: each run of letters is an x, each run of digits a 9."""
    try:
        shape = str(error)
    except Exception:
        return "(no text)"
    # Whatever counts as a letter or digit in any script goes, so that no name survives in part.
    return re.sub(r"\d+", "9", re.sub(r"[^\W\d_]+", "x", shape))
