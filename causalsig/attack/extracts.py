"""Other extracts of an invented municipality: with households erased, or with what came later taken away.

What is taken out of tables that were read leaves the numbers of all other households as they were, and no
provider's extract does that: so another extract is written to files and read as a run reads it.
"""

from __future__ import annotations

import shutil
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from causalsig.execution.invented_files import write_source
from causalsig.execution.site import read_site
from causalsig.release.household_sets import source_secret
from causalsig.sources.household import known_again

if TYPE_CHECKING:
    from causalsig.sources.findings import ReadResult
    from causalsig.sources.schema import SiteTables
    from causalsig.study.inventory import Site

_KEY: Final = b"of an extract that is written here and read here"


def read_again(first: ReadResult, tables: SiteTables, site: Site, scratch: Path) -> ReadResult:
    """Write another extract as canonical tables, and read it, with every household known as at first.

    Parameters
    ----------
    first : ReadResult
        Read with a provider's key; `tables` are its own, less something.
    tables : SiteTables
    site : Site
    scratch : Path
        Folder for the files; they are removed.
    """
    assert first.known_again is not None
    folder = scratch / "extract"
    written = write_source(tables, folder, "parquet", name=site.name)
    read = read_site(written, site.model_copy(update={"extracted_on": tables.extracted_on}), _KEY)
    shutil.rmtree(folder)
    names = list(first.known_again)
    as_written = known_again(names, names, source_secret(_KEY, site.code))
    assert as_written is not None and read.known_again is not None
    called = {key: name for name, key in as_written.items()}
    again = {name: first.known_again[called[key]] for name, key in read.known_again.items()}
    return replace(read, known_again=again, carries=first.carries)


def without_households(tables: SiteTables, households: Collection[str]) -> SiteTables:
    """Take everything of some households out of an extract, as an erasure does."""
    gone = set(households)
    kept: dict[str, Any] = {}
    for name in ("signals", "episodes", "cases"):
        frame = getattr(tables, name)
        kept[name] = frame[~frame["household_key"].isin(gone)].reset_index(drop=True)
    left = set(kept["cases"]["case_id"])
    for name in ("attempts", "followups"):
        frame = getattr(tables, name)
        kept[name] = frame[frame["case_id"].isin(left)].reset_index(drop=True)
    return replace(tables, **kept)


def without_later_signals(tables: SiteTables, household: str, day: int) -> SiteTables:
    """Take away the signals of one household after a day (since 1970): it stays, and never returned."""
    signals = tables.signals
    later = signals["received_on"].to_numpy() > np.datetime64(day, "D")
    gone = (signals["household_key"] == household).to_numpy() & later
    return replace(tables, signals=signals[~gone].reset_index(drop=True))
