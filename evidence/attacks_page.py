"""The Attacks page of the docs: each attack from its module, and how often it succeeds from the results.

``python -m evidence page`` writes it, and so does every run of a claim.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evidence.page import table

PAGE = "docs/attacks.md"
CLAIM = "attack-table"
_HEAD = """# Attacks, replayed

What could somebody find out from what leaves? Each attack here is a program that reads real, signed releases
of invented municipalities, as an attacker would, and guesses. The truth is known, so the guess can be judged,
beside what guessing without any release would give. This page is made from the attacks and from the results
of the evidence (`python -m evidence page`); nobody edits it. What the mechanisms are:
[threat model](threat-model.md).

```
causalsig simulate --out data --sites 24
causalsig keys new keys --demo
causalsig site run vroegsignalering data/sources --inventory data/inventory.toml --keys keys --out run
causalsig release review run/sites --html pages
causalsig release approve run/sites --as operator --name NAME --keys keys --outbox outbox --demo
causalsig release review run/sites --html pages --force
causalsig release approve run/sites --as checker --name OTHER --keys keys --outbox outbox --demo
causalsig attack outbox --data data --keys keys
```

Each municipality is analysed six times: with the default study some 15 seconds of a core. Only data that
`causalsig simulate` has marked as invented are attacked, and only under a demo's keys; anything else is
refused (exit code 3). Nothing is written: a copy of the provider's ledger is asked, in a folder that is
thrown away.

| setting | what the attacker has |
|---|---|
| `on` | what really left; of all that is further, the ledger (a copy) or the memory of pools is asked first |
| `no-ledger` | the same, but nobody remembers earlier releases or pools: grids and floors alone |
| `off` | exact numbers, no floors, grids or keys: made in memory, to see that the attack works at all |

No option, file or variable of a command switches anything off: the numbers for `off` are made inside the
replay and are no release.

With `on` and `no-ledger` an attack is *above chance* when guessing alone would give as many successes in less
than one of 200 replays. With `off` it *succeeds* when 95 % of its guesses are right (bins of one euro: 60 %,
as many hold several households that differ). The command ends with exit code 1 when an attack is above chance
with everything on.

## How often they succeed
"""
_JUDGED = """
For a household: it is drawn so that it had returned with a chance of one half, and the attacker knows all
else of it. How much each difference of two releases says is learned on the other municipalities. For a
municipality: a guess at its effect is right when that municipality's exact effect is nearest to it, of all in
the pool; pools are of seven, the fewest that may be shown. Successive pools are of six and of nine, as the
university's memory of pools lets no one or two join; without it of six and of seven. Who knew the mean of the
three exactly would be right a little more often than by chance all the same (14.7 % and not 11.1 %, where
effects are normal): what three found together is told, as any pool tells it. A size is right when the release
is laid beside the municipality that it is of.
"""
_SIZES = """
## `sizes` does better than chance

A release tells how precise its numbers are, and precision is size. How coarse would it have to be told? The
same releases again, with standard errors rounded up to powers of a factor, means on the grid that follows
from them, and all pooled again; and with the effective sizes of the arms rounded down. Right are means over
ties and over five offsets of the grid.
"""
_LEFT = """
Nothing cheap holds it. Where standard errors alone are coarse, effective sizes tell the same; where those
are, errors do. Nor does it help that exact numbers of households are not published: signals alone, of which
municipalities publish some, do as well. So the grid is left as it is, and this attack counts as better than
chance, whatever its row says of one draw. What limits it is who has releases (the university, and not the
public), and that the attack is given the list of who took part.
"""
_WHAT = """
## What each of them does
"""


def render(records: Mapping[str, Mapping[str, Any]]) -> str:
    """Write the page as Markdown."""
    from causalsig.attack.replay import ATTACKS

    parts = [_HEAD, _table(records), _JUDGED, *_sizes(records), _WHAT]
    for attack in ATTACKS:
        rows = {
            "after": attack.victim,
            "knows": attack.knows,
            "guesses": attack.guesses,
            "by chance": attack.chance,
            "held by": attack.held_by,
            "with `off`": attack.off,
            "from": attack.source,
        }
        parts.append(f"### `{attack.name}`\n")
        parts.append(table([{"": name, "what": value} for name, value in rows.items()]))
    return "\n".join(part.strip("\n") + "\n" for part in parts)


def _table(records: Mapping[str, Mapping[str, Any]]) -> str:
    if CLAIM not in records:
        return f"The claim `{CLAIM}` has no result yet.\n"
    figures = records[CLAIM]["figures"]
    rows = [
        {
            "attack": f"[`{row['attack']}`](#{row['attack']})",
            "setting": f"`{row['setting']}`",
            "tried": row["tried"],
            "right": row["succeeded"],
            "rate": _percent(row["rate"]),
            "95 % interval": f"{_percent(row['low'])} to {_percent(row['high'])}",
            "chance": _percent(row["chance"]),
            "verdict": row["verdict"],
        }
        for row in figures["attacks"]
    ]
    return (
        f"{figures['released']} releases of {figures['municipalities']} invented municipalities; "
        f"[{CLAIM}](evidence.md#{CLAIM}) in the evidence.\n\n{table(rows)}"
    )


def _sizes(records: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Tell what coarser releases would give away, and what they would cost the pool."""
    found = records[CLAIM]["figures"].get("coarser") if CLAIM in records else None
    if found is None:
        return []
    rows = [
        {
            "told more coarsely": row["told"],
            "powers of": "as released" if row["factor"] == 1.0 else _number(row["factor"]),
            "right": _number(row["right"]),
            "right by signals alone": _number(row.get("right by signals alone")),
            **{
                f"error of a pool of {size}": f"× {wider:.2f}"
                for size, wider in sorted(row.get("wider", {}).items(), key=lambda one: int(one[0]))
            },
        }
        for row in found["rows"]
    ]
    for row in rows:
        for name in rows[0]:
            row.setdefault(name, "-")
    above = (
        f"Of {found['of']} releases {found['called above chance from']} right or more are above chance,\n"
        f"which is {found['by chance']:.1f}. It is one draw of municipalities: two or three more or fewer\n"
        "say nothing, and so a row *at chance* above is no proof that nothing is told.\n"
    )
    return [_SIZES, above, table(rows), _LEFT]


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:g}"


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100.0 * value:.1f} %"
