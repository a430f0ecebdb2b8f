"""The Generator page of the docs: its figures from the results, its lists from the package; none is typed.

``python -m evidence page`` writes it, and so does every run of a claim.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evidence.page import table

PAGE = "docs/generator.md"
NUMBER = ".3f"
_HEAD = """# The generator and its figures

[Invented municipalities](invented.md) tells what the generator does. This page shows how close it comes
to the figures that are known, what it can be made to do wrong, and what is known of its truth. It is made
from the results of the evidence and from the package itself (`python -m evidence page`); nobody
edits it.

## Scenarios

A scenario is a small TOML file. It may begin with `base = "..."` and then says only what is different;
`causalsig simulate --list` shows the packaged ones.
"""
_CALIBRATION = """
## Beside the monitor

Scenario `base`, three countries of 200 municipalities each, an extract of the end of 2024 with three
years of data. A rate may be off by 5 % of itself, a share by 2 points. In the source, V is published, D
is arithmetic on published figures, A is an assumption of the project's base run, as no figure was found.
`causalsig simulate --check` makes this table for any scenario.
"""
_RETUNED = """
Retuned from the brief's first values to get there: chance of reach an attempt (letter 0.052, message
0.062, call 0.36, visit 0.375, where 0.05, 0.06, 0.35 and 0.33 began); onset by creditor and year; the
chance that one arrear drags along another (0.04, was 0.035); frailty (shape 0.32, was 0.35), stress
(hazards times 6.5, were 6) and repeats (about 5 % fewer); shares of methods of each policy; talks booked
as help (34 % of who was reached and did not accept, so that the sites that book them make up for those
that book help as a talk). Each value stands in the code or scenario with its reason.

The target for acceptance, 0.36 of who is reached, is one figure for a series that falls: 39 % was published
for 2022, 35 % for 2023 and 31 % for 2024. It lies between the first two, 1 point above 2023 and 5 points
above 2024, as no year is singled out: the generator has no trend in acceptance, whatever year an extract is
of. Of an extract of 2024 it therefore gives about a sixth too many acceptances among who is reached, and 7 to
8 % of all episodes instead of 6. Who wants the level of 2024 lowers acceptance by a seventh: `in_stress` and
`not_in_stress` of the trap `hidden_stress`, or `acceptance.intercept` by 0.25 where that trap is off.
"""
_NULL = """
## What a plain comparison makes of nothing

Scenario `null`: realistic policies, and nothing that anybody does has an effect. By the method of the
first attempt, returns within six months differ all the same, since heavier cases get heavier methods. Who
accepts help returns more often than who is not reached; but counted from the close of the case, with
earlier returns dropped, help looks good, only because those cases stay open longer.
"""
_TRAPS = """
## Traps

Each is a switch with a size: `on` in the table `traps` of a scenario lists those that are on, and the
trap's own table holds its size. A trap that is off does nothing and draws nothing that something else
uses. Scenario `clean` has none.
"""
_CAUGHT = """
An analysis that is sound without traps and blind to one is caught by it: `on` and `off` are the share of 95 %
intervals that cover the truth, in municipalities of 300,000 inhabitants, with that trap on and with all of
them off. Windows and outcomes were chosen after pilots, so that each trap has something to catch, and some
sizes are extreme (`evidence/claims/trap_coverage.py` says which and why): this shows that the switches work,
not how large the bias is in practice.
"""
_TRUTH = """
## Truth

`causalsig simulate` writes `truth.json`: for every municipality, and as the mean over them, the potential
outcomes under every arm of the default study with usual care afterwards, by outcome, estimand (`ATO`,
`ATE`, `ATT:<arm>`) and subgroup at time zero, with difference and log ratio against the reference arm.
Where a municipality has a cutoff, of a rule or a plain threshold, also the effect of crossing it, and of
moving it by a factor, in the pivotal set: the episodes that the amount alone decides on. A move beyond the
rule's `band` has no row: only a part of those it would treat otherwise is followed.
`TruthFile.model_json_schema()` of `causalsig.simulation` is its schema.
"""


def render(records: Mapping[str, Mapping[str, Any]]) -> str:
    """Write the page as Markdown."""
    from causalsig.simulation import TRAP_NAMES, list_scenarios
    from causalsig.simulation.switches import Traps

    scenarios = [{"scenario": f"`{name}`", "what it is for": about} for name, about in list_scenarios()]
    kinds = Traps.model_fields
    traps = []
    for name in TRAP_NAMES:
        size = kinds[name].default
        sentence = (type(size).__doc__ or "").strip().split("\n\n")[0]
        traps.append({"trap": f"`{name}`", "what it does": " ".join(sentence.split())})
    parts = [_HEAD, table(scenarios), _CALIBRATION, _figures(records, "generator-calibration", "figures")]
    parts += [
        _RETUNED,
        _NULL,
        _figures(records, "null-effect-table", "returns"),
        _TRAPS,
        table(traps),
        _CAUGHT,
        _caught(records),
        _TRUTH,
    ]
    return "\n".join(part.strip("\n") + "\n" for part in parts)


def _caught(records: Mapping[str, Mapping[str, Any]]) -> str:
    """One row a trap: its size, what is blind to it, and coverage with it on and with all off."""
    if "trap-coverage" not in records:
        return "The claim `trap-coverage` has no result yet.\n"
    rows: dict[str, dict[str, Any]] = {}
    for row in records["trap-coverage"]["figures"]["analyses"]:
        about = {"trap": f"`{row['trap']}`", "size": row["size"], "analysis": row["analysis"]}
        rows.setdefault(row["trap"], about)["on" if row["switch"] == "on" else "off"] = row["rate"]
    return table(list(rows.values()), NUMBER)


def _figures(records: Mapping[str, Mapping[str, Any]], name: str, of: str) -> str:
    if name not in records:
        return f"The claim `{name}` has no result yet.\n"
    return table(records[name]["figures"][of], NUMBER)
