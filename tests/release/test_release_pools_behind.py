"""Each number of a pool waits by itself where one site or two joined it, whatever kind of number it is."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from causalsig.contacted import PooledContactRow, ReleasedContact
from causalsig.crossed import ReleasedThreshold
from causalsig.crossed_pooled import PooledCurve, PooledThresholdRow
from causalsig.diagnosed import PooledBalanceRow, ReleasedBalance
from causalsig.execution.pools_apart import PoolsApart
from causalsig.execution.pools_behind import Pooled, names_of_gain, names_of_row, sites_behind
from causalsig.grouped import (
    PooledGain,
    PooledGroupRow,
    PooledRule,
    ReleasedGain,
    ReleasedGroups,
    ReleasedRule,
)
from causalsig.moved import BandRow, PooledMove, ReleasedMove
from causalsig.pooling.moved import SiteMove
from causalsig.records import PoolResult
from causalsig.release.keys import new_key, read_signing_key
from causalsig.release.pools_made import PoolsMade, site_mark

DIGEST = "d" * 64
SEVEN, JOINED = "abcdef0", "123"
ASKED = {
    "question": "q",
    "outcome": "o",
    "estimand": "ATE",
    "estimator": "e",
    "arm": "phone",
    "reference": "no",
}
CUTOFF = {"question": "t", "outcome": "o", "below": "no", "above": "phone", "score": "arrears"}
KINDS = ("groups", "contacts", "thresholds", "curves", "moves", "balance")


def made(kind: type, **known: Any) -> Any:
    """A record of which only what matters here is filled in."""
    names = {field.name for field in fields(kind)}
    assert names >= known.keys()
    return kind(**{name: known.get(name) for name in names})


def released(**sites: str) -> Pooled:
    """What the sites of each kind released, a letter each."""
    of = {kind: sites.get(kind, SEVEN) for kind in (*KINDS, "rules", "tables")}
    return Pooled(
        groups=[made(ReleasedGroups, site=s, **ASKED, family="age", groups=("young",)) for s in of["groups"]],
        rules=[
            made(
                ReleasedRule,
                site=s,
                question="q",
                outcome="o",
                name="r",
                gains=(made(ReleasedGain, over="best"),),
            )
            for s in of["rules"]
        ],
        contacts=[
            made(ReleasedContact, site=s, question="q", family="", group="", shares=(("phone", 0.5),))
            for s in of["contacts"]
        ],
        balance=[
            made(ReleasedBalance, site=s, **{k: v for k, v in ASKED.items() if k != "outcome"})
            for s in of["balance"]
        ],
        crossings=[
            made(ReleasedThreshold, site=s, **CUTOFF, estimand="E1", admitted=s in of[kind], estimate=0.1)
            for kind in ("thresholds",)
            for s in of["tables"]
        ],
        moves=[
            SiteMove(made(ReleasedMove, site=s, **CUTOFF, part=0.1), made(BandRow), (), 3)
            for s in of["moves"]
        ],
    )


def pooled() -> PoolResult:
    """A pool in which every kind of number may be shown."""
    whole: dict[str, Any] = {
        "groups": made(PooledGroupRow, **ASKED, family="age", group="young", publishable=True),
        "contacts": made(PooledContactRow, question="q", family="", group="", arm="phone", publishable=True),
        "thresholds": made(
            PooledThresholdRow, **CUTOFF, estimand="E1", honest=False, publishable=True, reasons=()
        ),
        "curves": made(PooledCurve, **CUTOFF, estimand="E1", publishable=True, reasons=()),
        "moves": made(PooledMove, **CUTOFF, part=0.1, publishable=True, reasons=()),
        "balance": made(
            PooledBalanceRow, **{k: v for k, v in ASKED.items() if k != "outcome"}, publishable=True
        ),
    }
    rule = made(
        PooledRule,
        question="q",
        outcome="o",
        name="r",
        gains=(made(PooledGain, over="best", publishable=True),),
    )
    empty = PoolResult(DIGEST, "all", "REML, t", 0.95, 7, (), (), (), False)
    return replace(empty, **{name: (row,) for name, row in whole.items()}, rules=(rule,))


def shown(result: PoolResult) -> dict[str, bool]:
    rows = {name: getattr(result, name)[0].publishable for name in KINDS}
    return rows | {"rules": result.rules[0].gains[0].publishable}


@pytest.fixture
def university(tmp_path: Path) -> Path:
    """A university that was shown a pool of seven sites with every number."""
    new_key(tmp_path, "university")
    behind = sites_behind(released())
    names = {name for kind in KINDS for name in names_of_row(getattr(pooled(), kind)[0], kind)}
    names |= set(names_of_gain(pooled().rules[0], "best"))
    assert names <= behind.keys(), "what is pooled and what is released have one name"
    marks = {site: site_mark(site, [site]) for site in SEVEN}
    numbers = {name: frozenset(marks[site] for site in behind[name]) for name in names}
    key = read_signing_key(tmp_path, "university")
    PoolsMade(tmp_path).record(DIGEST, frozenset(marks.values()), numbers, key)
    return tmp_path


def apart(folder: Path, sites: str, given: Pooled) -> PoolsApart:
    opened: Any = [
        (Path(site), SimpleNamespace(document=SimpleNamespace(site_code=site), payload_hash=site))
        for site in sites
    ]
    return PoolsApart(folder, DIGEST, opened, given, read_signing_key(folder, "university"))


@pytest.mark.parametrize("kind", [*KINDS, "rules", "tables"])
@pytest.mark.parametrize(("joined", "waits"), [("", False), ("1", True), ("12", True), ("123", False)])
def test_a_number_that_one_or_two_joined_waits_alone(
    university: Path, kind: str, joined: str, *, waits: bool
) -> None:
    sites = {kind: SEVEN + joined}
    if kind == "thresholds":
        sites["tables"] = SEVEN + joined
    held = apart(university, SEVEN + JOINED, released(**sites))
    assert not held.held
    also = {"thresholds": {"curves", "moves"}, "curves": set(), "tables": {"moves"}}.get(kind, set())
    expected = {name: not (waits and (name == kind or name in also)) for name in (*KINDS, "rules")}
    if kind == "curves":  # they rest on the very sites of their threshold
        expected = dict.fromkeys(expected, True)
    assert shown(held.hold(pooled())) == expected


def test_of_a_pool_that_one_joined_nothing_is_shown(university: Path) -> None:
    held = apart(university, SEVEN + "1", released(groups=SEVEN + "1"))
    assert held.held and not any(shown(held.hold(pooled())).values())
    assert held.hold(pooled()).thresholds[0].reasons == ("pool-few-changed",)
