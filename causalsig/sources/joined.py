"""Tabs of several files below each other: a year split over files, or one file a municipality."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from causalsig.sources.workbook import Sheet


def join_sheets(sheets: Sequence[Sheet]) -> Sheet:
    """Rows of all sheets, columns lined up by name; a column that a sheet has not is blank in its rows.

    Raises
    ------
    SourceError
        ``source-duplicate-column``: several sheets, and one of them has two columns of one name.
    """
    first = sheets[0]
    if all(sheet.header == first.header for sheet in sheets):
        return Sheet(first.name, first.header, [row for sheet in sheets for row in sheet.rows])
    header = tuple(dict.fromkeys(name for sheet in sheets for name in sheet.header if name))
    rows = []
    for sheet in sheets:
        columns = [sheet.column(name) if sheet.has(name) else [None] * len(sheet) for name in header]
        rows += list(zip(*columns, strict=True))
    return Sheet(first.name, header, rows)


def join_workbooks(books: Sequence[Mapping[str, Sheet]], listed_again: Collection[str]) -> dict[str, Sheet]:
    """Tabs of all workbooks, each joined by :func:`join_sheets`.

    Parameters
    ----------
    books : sequence of mappings
        Tabs by normalised name.
    listed_again : collection of str
        Tabs (normalised) that every file lists anew, such as the creditors: equal rows count once.
    """
    joined = {}
    for name in dict.fromkeys(name for book in books for name in book):
        sheet = join_sheets([book[name] for book in books if name in book])
        if name in listed_again and len(books) > 1:
            sheet = Sheet(sheet.name, sheet.header, list(dict.fromkeys(map(tuple, sheet.rows))))
        joined[name] = sheet
    return joined
