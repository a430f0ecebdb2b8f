"""The page of every field that leaves, and the schemas beside it: made from the tables the code reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from causalsig.release import cell_rules, rules
from causalsig.release.fields import Field
from causalsig.release.json_schema import FOLDER, NAMES, schema_text
from causalsig.release.kinds import FIELDS
from causalsig.release.pool_fields import POOL
from causalsig.release.vocabulary import RULE_CODES
from causalsig.texts import catalogue
from evidence.claim import ROOT
from evidence.page import table

PAGE: Final = "docs/fields.md"
SCHEMAS: Final = "docs/schemas"
_HEAD: Final = """# Every field that leaves

Four kinds of document leave a provider, and nothing else. This page lists every value that can stand in one:
the code that writes them, `causalsig release review` and this page read the same table, and a test refuses a
field that is not in it. It is made by `python -m evidence page`; nobody edits it.

| document | what it is | JSON Schema 2020-12 |
|---|---|---|
| `estimates` | what a site tells of one study, extract and wave | [estimates.json](schemas/estimates.json) |
| `profile` | what an extract looks like, before a study | [profile.json](schemas/profile.json) |
| `monitor` | the figures of the monitor, from the extract itself | [monitor.json](schemas/monitor.json) |
| `pool` | what follows for all municipalities, or for one the others | [pool.json](schemas/pool.json) |
| `withdrawal` | a signed word that a release counts no longer | [withdrawal.json](schemas/withdrawal.json) |
| `study` | the digest of a study, as the university signs it | [study.json](schemas/study.json) |
| `envelope` | how each of them is signed and sent | [envelope.json](schemas/envelope.json) |

`causalsig release schema KIND` prints one; they are in the installed package too. A schema says the shape.
Sums, grids and budgets are checked by every reader of causalsig besides.

In a path `[]` stands for every element of a list. A number "in steps" is a whole number of steps; the step
stands beside it as a power of two. A "rule" is the one that lets the value pass, or "code list", "keyed
hash", "public": then no household is behind it.
"""
_RULES: Final = """
## The rules

Each rule is a function with its source. What one of them holds back is listed in the document, with the rule.
"""


def rows_of(fields: Mapping[str, Field]) -> list[dict[str, str]]:
    """Give one row a field."""
    return [
        {
            "field": f"`{path}`",
            "meaning": field.meaning,
            "unit": field.unit,
            "grid": field.grid,
            "rule": f"`{field.rule}`" if field.rule in RULE_CODES else field.rule,
        }
        for path, field in fields.items()
    ]


def rules_table() -> list[dict[str, str]]:
    """Give one row a rule: its code, what it says in both languages, and where it comes from."""
    english, dutch = catalogue("en"), catalogue("nl")
    sources = {rule.code: rule.source for rule in cell_rules.rules()}
    sources |= {rule.code: rule.source for rule in rules.rules()}
    return [
        {
            "rule": f"`{code}`",
            "English": english[f"release.rules.{code}.title"],
            "Nederlands": dutch[f"release.rules.{code}.title"],
            "source": sources.get(code, "own: complementary, or follows from the others"),
        }
        for code in RULE_CODES
    ]


def render() -> str:
    """Give the whole page."""
    parts = [_HEAD]
    for kind, fields in {**FIELDS, "pool": POOL}.items():
        parts += [f"\n## {kind.capitalize()}\n\n", table(rows_of(fields))]
    return "".join([*parts, _RULES, "\n", table(rules_table())])


def files(root: Path = ROOT) -> Iterator[tuple[Path, str]]:
    """Yield every file that is made, with its content: the page, and each schema in package and docs."""
    yield root / PAGE, render()
    for name in NAMES:
        text = schema_text(name)
        yield root / SCHEMAS / f"{name}.json", text
        yield root / FOLDER.relative_to(ROOT) / f"{name}.json", text


def write(root: Path = ROOT) -> Path:
    """Write all of them anew."""
    for path, content in files(root):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    return root / PAGE
