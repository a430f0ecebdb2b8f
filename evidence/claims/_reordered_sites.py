"""The same municipality told otherwise: rows in another order, other ids, and files cut in two."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from causalsig.execution.invented_files import SourceFormat, write_source

if TYPE_CHECKING:
    from causalsig.cohort import Cohort
    from causalsig.records import SiteResult
    from causalsig.sources.schema import SiteTables

FORMATS: Final[tuple[SourceFormat, ...]] = ("parquet", "csv", "xxllnc-2026", "ddas-1.2", "sql")
"""Formats with all signals; the flat sheet has only what became a case, and answers no question."""
TELLINGS: Final = ("rows shuffled", "ids renamed", "files split")
NOT_SPLIT: Final = frozenset({"sql"})
"""A database is one."""
LISTS_CREDITORS_ONCE: Final = frozenset({"parquet", "csv"})
"""Every file of a workbook lists all creditors again; tables that are cut do not."""
_KEYS: Final = ("household_key", "signal_id", "case_id", "attempt_id", "episode_id", "creditor_id")
_TABLES: Final = ("signals", "episodes", "cases", "attempts", "followups", "creditors")


def shuffled(tables: SiteTables, seed: int) -> SiteTables:
    """Every table with its rows in another order."""
    rng = np.random.default_rng(seed)
    return replace(
        tables,
        **{
            name: getattr(tables, name)
            .iloc[rng.permutation(len(getattr(tables, name)))]
            .reset_index(drop=True)
            for name in _TABLES
        },
    )


def renamed(tables: SiteTables, seed: int) -> SiteTables:
    """Every id exchanged for another one of its kind, so that it remains what the format allows."""
    rng = np.random.default_rng(seed)
    changed = {name: getattr(tables, name).copy() for name in _TABLES}
    for key in _KEYS:
        there = {one for frame in changed.values() if key in frame for one in frame[key] if one is not None}
        ids = sorted(there)
        other = dict(zip(ids, (ids[at] for at in rng.permutation(len(ids))), strict=True))
        for frame in changed.values():
            if key in frame:
                frame[key] = np.array([other.get(one) for one in frame[key]], dtype=object)
    return replace(tables, **changed)


def halves(tables: SiteTables, seed: int) -> tuple[SiteTables, SiteTables]:
    """Two sources that hold the municipality together: whole households in each, all creditors in both."""
    rng = np.random.default_rng(seed)
    keys = sorted(tables.episodes["household_key"].unique())
    mine = set(np.asarray(keys, dtype=object)[rng.random(len(keys)) < 0.5])
    owner = dict(zip(tables.cases["case_id"], tables.cases["household_key"], strict=True))

    def of(frame: Any, inside: bool) -> Any:
        if "household_key" not in frame and "case_id" not in frame:
            return frame
        keys = frame["household_key"] if "household_key" in frame else frame["case_id"].map(owner)
        return frame[(keys.isin(mine) == inside).to_numpy()].reset_index(drop=True)

    first, second = (
        replace(tables, **{name: of(getattr(tables, name), inside) for name in _TABLES})
        for inside in (True, False)
    )
    return first, second


def told(tables: SiteTables, telling: str, seed: int, folder: Path, form: SourceFormat, name: str) -> Path:
    """Write the municipality in one telling; return its source."""
    if telling == "files split":
        for place, half in enumerate(halves(tables, seed)):
            if place and form in LISTS_CREDITORS_ONCE:
                half = replace(half, creditors=half.creditors.head(0))
            part = write_source(half, folder / f"part-{place}", form, name=name)
            part.rename(folder / f"{place}-{part.name}")
        for place in range(2):
            (folder / f"part-{place}").rmdir()
        return folder
    change = {"rows shuffled": shuffled, "ids renamed": renamed}.get(telling)
    return write_source(tables if change is None else change(tables, seed), folder, form, name=name)


def differences(ours: Cohort, theirs: Cohort) -> list[str]:
    """Name what is not equal to the last bit in two cohorts; the names of households may differ."""
    arrays = {
        "treatment": (ours.treatment.astype(str), theirs.treatment.astype(str)),
        "households": (ours.households, theirs.households),
        "time_zero": (ours.time_zero, theirs.time_zero),
        "covariates": (ours.covariates, theirs.covariates),
    }
    arrays |= {
        name: (ours.outcomes[name], theirs.outcomes.get(name, ours.covariates)) for name in ours.outcomes
    }
    found = [name for name, (a, b) in arrays.items() if a.tobytes() != b.tobytes() or a.shape != b.shape]
    same = ("covariate_names", "attrition", "refusals", "arms")
    return found + [name for name in same if getattr(ours, name) != getattr(theirs, name)]


def numbers(result: SiteResult) -> dict[str, bytes]:
    """Everything a site's run computed, as bytes by what it is."""
    found: dict[str, bytes] = {}
    for question in result.questions:
        found[question.question] = repr(
            (question.status, question.attrition, question.verdicts, question.balance, question.refusals)
        ).encode()
        for one in question.analyses:
            key = f"{one.question} {one.outcome} {one.estimand} {one.estimator}"
            assert key not in found, "a block would hide another"
            found[key] = b"".join(
                np.ascontiguousarray(part).tobytes()
                for part in (one.result.means, one.result.covariance, one.unadjusted.means)
            )
    return found
