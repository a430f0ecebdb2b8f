"""The page on formats carries the readers' own table, and names every format."""

from __future__ import annotations

from causalsig.sources.carries import CARRIES
from causalsig.sources.formats import FORMATS
from evidence import sources_page


def test_the_table_of_what_formats_carry_is_the_readers_own() -> None:
    text = (sources_page.ROOT / sources_page.PAGE).read_text("utf-8")
    assert text == sources_page.render(text), "run `python -m evidence page`"


def test_every_format_has_its_column() -> None:
    assert set(sources_page.SHORT) == set(FORMATS) == set(CARRIES)
    head, rule, *rows = sources_page.table().splitlines()
    assert len(rows) > 20 and rule.count("|") == head.count("|")
    assert all(row.count("|") == head.count("|") for row in rows)
