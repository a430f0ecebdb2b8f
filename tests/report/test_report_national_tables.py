"""Tables beside the national page hold what the page shows, no closer, and no municipality."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

import pyarrow.parquet as pq

from causalsig.report.national_tables import as_csv, as_parquet, effect_rows
from tests.report import page_factory as made


def test_every_difference_of_the_page_is_there_in_whole_households() -> None:
    rows = effect_rows(made.national())
    first = next(row for row in rows if row.arm == "home_visit" and row.outcome == "any_new_arrears_3m")
    assert (first.difference, first.conf_low, first.conf_high) == (-9, -15, -3)
    assert (first.mean, first.mean_low, first.mean_high) == (106, 100, 112)
    of_contact = [row for row in rows if row.question == "contact_method"]
    # Four arms on the primary outcome, and the primary contrast alone on the three others.
    assert len(of_contact) == 7
    assert {row.arm for row in of_contact if row.outcome != "any_new_arrears_3m"} == {"home_visit"}


def test_the_statisticians_page_gives_the_public_rows_and_what_is_withheld_is_not_there() -> None:
    assert effect_rows(made.national(sites=True)) == effect_rows(made.national())
    hidden = tuple(replace(c, publishable=c.arm != "phone") for c in made.pool("all").contrasts)
    for sites in (False, True):
        page = replace(made.national(sites=sites), pool=made.pool("all", contrasts=hidden))
        found = effect_rows(page)
        assert found and "phone" not in {row.arm for row in found}


def test_csv_and_parquet_say_the_same_and_name_no_municipality() -> None:
    page = made.national(sites=True)
    rows = effect_rows(page)
    written, table = as_csv(rows), pq.read_table(io.BytesIO(as_parquet(rows))).to_pylist()
    read = list(csv.DictReader(io.StringIO(written.decode())))
    assert [{k: "" if v is None else str(v) for k, v in row.items()} for row in table] == read
    assert not any(block.site[:8] in written.decode() for block in page.sites)
    assert as_parquet(rows) == as_parquet(rows)


def test_without_a_prediction_interval_its_ends_are_empty() -> None:
    contrasts = tuple(
        replace(c, prediction_low=float("nan"), prediction_high=float("nan"))
        for c in made.pool("all").contrasts
    )
    rows = effect_rows(replace(made.national(), pool=made.pool("all", contrasts=contrasts)))
    assert {row.prediction_low for row in rows} == {None}
    assert b"nan" not in as_csv(rows)
