"""Names of a workbook's tabs, without reading its cells."""

from __future__ import annotations

import re
import zipfile
from html import unescape
from pathlib import Path
from typing import Final

from causalsig.sources.workbook import Sheet, open_workbook, sheet_from_rows

LARGEST_LIST: Final = 1_000_000
"""Bytes of the list of tabs that are looked at: a list of a thousand tabs takes a tenth of it."""
_TAB = re.compile(r"<(?:\w+:)?sheet\s[^>]*?\bname=\"([^\"]*)\"")


def tab_names(path: Path) -> tuple[str, ...]:
    """Tabs in their order; none when the file is no workbook."""
    try:
        with zipfile.ZipFile(path) as archive, archive.open("xl/workbook.xml") as listed:
            text = listed.read(LARGEST_LIST).decode("utf-8", "replace")
    except Exception:  # whatever is wrong with it, it is no workbook whose tabs could be told
        return ()
    return tuple(unescape(name) for name in _TAB.findall(text))


def first_sheet(path: Path) -> Sheet:
    """Read the first tab of a workbook, whatever its name; without rows when it has none.

    Raises
    ------
    SourceError
        As :func:`causalsig.sources.workbook.open_workbook`.
    """
    book = open_workbook(path, tab_names(path)[:1])
    return next(iter(book.values()), sheet_from_rows("", []))
