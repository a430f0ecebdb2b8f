"""The table at the end of `causalsig site run`, and what to do now."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from causalsig_cli._screen import say

if TYPE_CHECKING:
    from causalsig.execution.run import SiteOutcome

_NAMED = 8
"""Sites that are named behind a code; of more the number is told."""


def print_outcomes(outcomes: tuple[SiteOutcome, ...], format_: str) -> None:
    if format_ == "json":
        rows = [asdict(outcome) | {"folder": str(outcome.folder)} for outcome in outcomes]
        typer.echo(json.dumps(rows, indent=2))
        return
    for outcome in outcomes:
        answers = ", ".join(
            f"{name} {status}" + (f" ({outcome.reasons[name]})" if outcome.reasons.get(name) else "")
            for name, status in outcome.questions.items()
        )
        typer.echo(f"{outcome.site}  {outcome.status.replace('_', ' '):<8}  {answers or outcome.code}")


def tell(outcomes: tuple[SiteOutcome, ...]) -> None:
    """Say how it went: each site without a result with its reason, then the sum."""
    for outcome in outcomes:
        if outcome.status == "left_out":
            say(f"site {outcome.site} left out: {outcome.message}.")
        elif outcome.status == "failed":
            say(f"site {outcome.site} failed: {outcome.message.removeprefix(f'site {outcome.site}: ')}")
        else:
            continue
        if (outcome.folder / "review.json").exists():
            say(
                "an earlier result waits there; to keep it in: causalsig release refuse "
                f"{outcome.folder} --as operator --name NAME --reason WHY"
            )
    count = {
        status: sum(o.status == status for o in outcomes) for status in ("done", "kept", "left_out", "failed")
    }
    say(
        f"{count['done']} run, {count['kept']} kept from before, {count['left_out']} left out, "
        f"{count['failed']} failed." + (" Mend what failed and start again." if count["failed"] else "")
    )
    _tell_codes(outcomes)


def _tell_codes(outcomes: tuple[SiteOutcome, ...]) -> None:
    """Say, of many sites, how often each outcome came and where: what one reads of 342 lines."""
    if len(outcomes) == 1:
        return
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for outcome in outcomes:
        if outcome.status in ("done", "kept"):
            given = any(status == "estimated" for status in outcome.questions.values())
            codes = sorted(set(outcome.reasons.values()))
            found[
                "with an estimate" if given else "refused or withheld", "" if given else ", ".join(codes)
            ].append(outcome.site)
        else:
            found[outcome.status.replace("_", " "), outcome.code].append(outcome.site)
    for (what, why), sites in sorted(found.items()):
        named = " ".join(sites[:_NAMED]) + (" ..." if len(sites) > _NAMED else "")
        say(f"{len(sites):>5}  {what:<20} {why:<30} {named}".rstrip())


def tell_next(outcomes: tuple[SiteOutcome, ...], out: Path) -> None:
    """Say what to do now: approve what waits, or nothing when everything is released or refused."""
    from causalsig.release.life import read_review
    from causalsig.release.private_waiting import PRIVATE_FILE

    ran = [o for o in outcomes if o.status in ("done", "kept")]
    if any((o.folder / PRIVATE_FILE).exists() for o in ran):
        say(
            f"sums wait for their noise. Next, the operator, once: causalsig release draw {out}/sites "
            "--keys YOUR-KEYS"
        )
        return
    waiting = [o for o in ran if read_review(o.folder).state in ("checked", "approved")]
    if not waiting:
        say("nothing waits for approval: each of these results was released or refused before.")
        return
    say(
        f"{len(waiting)} result(s) wait for two approvals. Next: causalsig release review {out}/sites/CODE, "
        f"then, two people: causalsig release approve {out}/sites --as operator --name NAME --keys YOUR-KEYS "
        "(the folder with one's own key)"
    )
