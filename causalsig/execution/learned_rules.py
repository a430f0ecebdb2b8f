"""Rules that passed at some site, gathered from releases to be given to a second study."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from causalsig.execution.pool import open_folder, refuse_mixture
from causalsig.release.keys import read_trusted
from causalsig.study.given_rules import GivenRule

if TYPE_CHECKING:
    from causalsig.release.grouped_entries import RuleEntry


@dataclass(frozen=True, slots=True)
class LearnedRules:
    """Rules of a study's releases.

    Attributes
    ----------
    rules : tuple of GivenRule
        Each distinct one once, those that most sites learned first.
    sites : int
        Sites whose releases were read.
    unfit : int
        Sites whose rule cannot be given: it asks which month it is, or who somebody is.
    """

    rules: tuple[GivenRule, ...]
    sites: int
    unfit: int


def learned_rules(releases: Path, keys: Path, *, allow_demo: bool = False) -> LearnedRules:
    """Gather every distinct rule that passed at a site and was released.

    Parameters
    ----------
    releases : Path
        Folder with ``*.release.json`` of one study.
    keys : Path
        Folder with the public keys of operator and output checker.
    allow_demo : bool

    Raises
    ------
    PoolError, ReleaseError
        As :func:`causalsig.execution.pool.pool_folder`.
    """
    opened = open_folder(releases, read_trusted(keys), allow_demo)
    digest = opened[0][1].document.study_digest
    refuse_mixture(opened, digest)
    found: dict[frozenset[object], tuple[GivenRule, set[str]]] = {}
    unfit = set()
    for _, item in opened:
        site = item.document.site_code
        for entry in (rule for question in item.document.questions for rule in question.rule if rule.found):
            given = _given(entry, site, digest)
            if given is None:
                unfit.add(site)
            else:
                found.setdefault(frozenset(given.says), (given, set()))[1].add(site)
    ordered = sorted(found.values(), key=lambda one: (-len(one[1]), sorted(map(str, one[0].leaves))))
    rules = tuple(
        given.model_copy(update={"name": f"rule-{place}", "learned_at": tuple(sorted(sites))})
        for place, (given, sites) in enumerate(ordered, start=1)
    )
    return LearnedRules(rules, len({item.document.site_code for _, item in opened}), len(unfit))


def _given(entry: RuleEntry, site: str, digest: str) -> GivenRule | None:
    """Write a released rule as one that can be given; None where it cannot be."""
    leaves = [
        {
            "arm": leaf.arm,
            "when": [
                {"question": one.question, "value": one.value, "holds": one.holds} for one in leaf.conditions
            ],
        }
        for leaf in entry.leaves
    ]
    values = {"name": "learned", "learned_under": digest, "learned_at": [site], "leaves": leaves}
    try:
        return GivenRule.model_validate(values)
    except ValidationError:
        return None
