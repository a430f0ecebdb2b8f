"""A million random payloads go to the door; none that breaks a rule is written."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from random import Random
from typing import Any, Final

from causalsig.errors import CausalsigError
from causalsig.release.build import build_release
from causalsig.release.kinds import SiteDocument
from causalsig.release.monitor_document import build_monitor
from causalsig.release.pool_document import PoolDocument, build_pool_document
from causalsig.release.profile_document import build_profile
from causalsig.release.value_types import Closed
from causalsig.study.read import DEFAULT_STUDY, read_study
from evidence.claim import Verdict
from evidence.claims._payload_cells import judge_monitor, judge_profile, random_monitor, random_profile
from evidence.claims._payload_crossed import judge_findings, random_findings
from evidence.claims._payload_door import through_the_door
from evidence.claims._payload_judged import Judged, judge_site
from evidence.claims._payload_mutations import mutated, written
from evidence.claims._payload_oracle import broken
from evidence.claims._payload_pools import judge_pool, judge_weights, pool_heavy, random_pool
from evidence.claims._payload_private import judge_private, random_private
from evidence.claims._payload_sealed import (
    MODELS,
    judge_contribution,
    random_contribution,
    random_withdrawal,
)
from evidence.claims._payload_sites import IDENTITY, random_site
from evidence.claims._payload_tight import tight_site
from evidence.context import Context

CLAIM = """Of a million random payloads, made by the rules from random results of sites, counts and pools,
with noise, as withdrawals and masked sums, or by changing documents that held, none that is written breaks a
disclosure rule; an oracle written from the handbook, which calls none of the rules' code, judges each by what
the site knew and by the document alone."""
ISSUE = 11
COVERS = (
    "causalsig/pooling/*.py",
    "causalsig/release/*.py",
    "evidence/claims/_payload_*.py",
)
PAYLOADS: Final = 1_000_000
A_SEED: Final = 500
SEEDS: Final = range(PAYLOADS // A_SEED)
HALF: Final = 0.45
"""Part of the payloads that the rules make; the others are changed documents."""
FEWEST: Final = 200
"""Times that each rule held something back, and let something pass, of a million: else one went untried."""
ONE_SIDED: Final = (
    "estimates: contact-follows",
    "estimates: contact-near",
    "estimates: given-close",
    "estimates: group-close",
)
"""Rules of a pair or of what follows: the oracle hears of them only where they matter."""
LISTED: Final = 20
TIGHT: Final = 0.15
"""Part of the sites that ask more than their households allow."""
CROSSED: Final = 0.2
"""Part of the sites that have thresholds."""
KEPT: Final = 40
"""Documents that a replication keeps to change."""
Document = SiteDocument | PoolDocument | Closed
Made = tuple[Document, Callable[[dict[str, Any]], Judged]]


@cache
def _default() -> Any:
    return read_study(DEFAULT_STUDY)


def _site(draw: Random) -> Made:
    study, site = tight_site(draw) if draw.random() < TIGHT else random_site(draw)
    found = random_findings(draw) if draw.random() < CROSSED else None
    site = replace(site, thresholds=found)
    document = build_release(site, study=study, identity=IDENTITY).document

    def judge(said: dict[str, Any]) -> Judged:
        told = judge_site(study, site, said)
        if found is not None:
            judge_findings(study, found, said["thresholds"][0], told)
        return told

    return document, judge


def _private(draw: Random) -> Made:
    study, site, document = random_private(draw)
    return document, lambda said: judge_private(study, site, said)


def _withdrawal(draw: Random) -> Made:
    return random_withdrawal(draw), lambda said: Judged()


def _contribution(draw: Random) -> Made:
    document, words = random_contribution(draw)
    return document, lambda said: judge_contribution(words, said)


def _monitor(draw: Random) -> Made:
    floors, counts = random_monitor(draw)
    document = build_monitor(counts, identity=IDENTITY, floors=floors)
    return document, lambda said: judge_monitor(floors, counts, said)


def _profile(draw: Random) -> Made:
    floors, counts = random_profile(draw)
    document = build_profile(counts, identity=IDENTITY, floors=floors)
    return document, lambda said: judge_profile(floors, counts, said)


def _pool(draw: Random) -> Made:
    result = random_pool(draw)
    return build_pool_document(result, package_version="0.1.0"), lambda said: judge_pool(result, said)


def _weights(draw: Random) -> Made:
    result, sizes = pool_heavy(draw, _default())
    document = build_pool_document(result, package_version="0.1.0")
    return document, lambda said: judge_weights(result, sizes, said)


KINDS: Final[dict[str, tuple[int, Callable[[Random], Made]]]] = {
    "estimates": (64, _site),
    "private": (4, _private),
    "withdrawal": (1, _withdrawal),
    "masked contribution": (1, _contribution),
    "monitor": (10, _monitor),
    "profile": (10, _profile),
    "pool": (8, _pool),
    "weights": (2, _weights),
}
"""How often of a hundred each kind is made, and how; a new kind is one entry."""


def plain(document: Document) -> dict[str, Any]:
    """Give a document as its bytes will say it."""
    return document.model_dump(mode="json")


class Tally:
    """What became of payloads."""

    def __init__(self) -> None:
        self.outcomes: Counter[str] = Counter()
        self.held: Counter[str] = Counter()
        self.passed: Counter[str] = Counter()
        self.wrong: Counter[str] = Counter()
        self.kept: list[dict[str, Any]] = []

    def make(self, draw: Random) -> Document | None:
        """Let the rules make a payload, and judge what they wrote."""
        kind = draw.choices([*KINDS], [share for share, _ in KINDS.values()])[0]
        try:
            document, judge = KINDS[kind][1](draw)
        except CausalsigError as error:
            self.outcomes[f"{kind}: refused"] += 1
            self.held[f"{kind}: {error.code}"] += 1
            return None
        said = plain(document)
        judged = judge(said)
        self.held.update({f"{kind}: {rule}": count for rule, count in judged.held.items()})
        self.passed.update({f"{kind}: {rule}": count for rule, count in judged.passed.items()})
        self.outcomes[f"{kind}: written"] += 1
        self.wrong.update(f"{kind}: {rule}" for rule in {*judged.wrong, *broken(said)})
        self.kept.append(said)
        return document

    def change(self, draw: Random) -> None:
        """Change a document that held, and judge it if the door would write it."""
        way, changed = mutated(draw, draw.choice(self.kept[-KEPT:]))
        try:
            said = written(changed)
        except CausalsigError:
            self.outcomes[f"changed, {way}: refused"] += 1
            return
        self.outcomes[f"changed, {way}: written"] += 1
        self.wrong.update(f"changed, {way}: {rule}" for rule in set(broken(said)))


def one(seed: int) -> dict[str, Any]:
    """Send a replication's payloads to the door; one of them through all of it, with files and keys."""
    draw, tally = Random(seed), Tally()
    while not any(one["kind"] not in MODELS for one in tally.kept):
        tally.make(draw)
    for _ in range(A_SEED):
        if draw.random() < HALF:
            tally.make(draw)
        else:
            tally.change(draw)
    with tempfile.TemporaryDirectory() as folder:
        # A word of withdrawal and a masked contribution have doors of their own.
        last = next(one for one in reversed(tally.kept) if one["kind"] not in MODELS)
        if through_the_door(written(last), Path(folder)) != last:
            tally.wrong["what left is not what was reviewed"] += 1
    return {
        "outcomes": tally.outcomes,
        "held": tally.held,
        "passed": tally.passed,
        "wrong": tally.wrong,
    }


def run(context: Context) -> Verdict:
    """Send a million payloads to the door."""
    rows = context.replicate(one, SEEDS)
    total = {name: _summed(row[name] for row in rows) for name in ("outcomes", "held", "passed", "wrong")}
    payloads = sum(total["outcomes"].values())
    bound = FEWEST * len(rows) // len(SEEDS)
    rules = {
        name for name in total["held"] | total["passed"] if name not in ONE_SIDED and "release-" not in name
    }
    rarest = min(rules, key=lambda name: min(total["held"][name], total["passed"][name]))
    least = min(total["held"][rarest], total["passed"][rarest])
    ways = {name.rsplit(":", 1)[0] for name in total["outcomes"] if name.startswith("changed")}
    refused = {way: total["outcomes"][f"{way}: refused"] for way in ways}
    return {
        "passed": not total["wrong"] and least >= bound and min(refused.values()) >= bound,
        "replications": payloads,
        "seed": SEEDS.start,
        "figures": {
            "written against a rule": {"observed": sum(total["wrong"].values()), "bound": 0},
            "times the rarest rule held back and let pass, at least": {"observed": least, "bound": bound},
            "refused of each way to change a document, at least": {
                "observed": min(refused.values()),
                "bound": bound,
            },
            "rarest rule": rarest,
            "share written, by kind": _shares(total["outcomes"]),
            "held back, by rule": dict(sorted(total["held"].items())),
            "let pass, by rule": dict(sorted(total["passed"].items())),
            "what was wrong": dict(total["wrong"].most_common(LISTED)),
        },
    }


def _summed(counts: Any) -> Counter[str]:
    return sum(map(Counter, counts), Counter[str]())


def _shares(outcomes: Counter[str]) -> dict[str, float]:
    kinds = sorted({name.rsplit(":", 1)[0] for name in outcomes})
    return {
        kind: round(
            outcomes[f"{kind}: written"] / (outcomes[f"{kind}: written"] + outcomes[f"{kind}: refused"]), 3
        )
        for kind in kinds
    }
