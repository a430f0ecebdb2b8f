"""The page of every field that leaves, and the schemas beside it: made from the tables the code reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from pydantic import BaseModel

from causalsig.release.around_fields import AROUND
from causalsig.release.fields import Field
from causalsig.release.json_schema import FOLDER, NAMES, schema_text
from causalsig.release.kinds import FIELDS
from causalsig.release.masked_fields import MASKED
from causalsig.release.pool_fields import POOL
from causalsig.release.registry import all_rules
from causalsig.release.vocabulary import rule_codes
from causalsig.study.models import Diagnostics, Disclosure, Pooling
from causalsig.texts import catalogue
from evidence.claim import ROOT
from evidence.page import table

PAGE: Final = "docs/fields.md"
SCHEMAS: Final = "docs/schemas"
_HEAD: Final = """# Every field that leaves

Documents of these kinds leave, and nothing else. This page lists every value that can stand in one:
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
| `masked_key` | a site's key for a masked pool | [masked_key.json](schemas/masked_key.json) |
| `masked_round` | what that pool sums, and over whom | [masked_round.json](schemas/masked_round.json) |
| `masked_contribution` | what a site adds | [masked_contribution.json](schemas/masked_contribution.json) |
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
A study may ask for stricter floors than these and a municipality for stricter ones than its study's, never
for looser ones: the models of both refuse them.
"""
_AROUND: Final = """
## Around a document

Each document is sent in an envelope that its signers sign. Beside those above, two small ones are signed: the
word that a release counts no longer, and the digest of a study.
"""
_MASKED: Final = """
## Of a masked pool

A site that pools by [masked sums](masked-pooling.md) sends a key and contributions instead of its release.
The coordinator sends the round.
"""
_MODELS: Final[tuple[type[BaseModel], ...]] = (Disclosure, Diagnostics, Pooling)
"""Where the keys are that a rule reads."""


def rows_of(fields: Mapping[str, Field]) -> list[dict[str, str]]:
    """Give one row a field."""
    return [
        {
            "field": f"`{path}`",
            "meaning": field.meaning,
            "unit": field.unit,
            "grid": field.grid,
            "rule": f"[`{field.rule}`](#{field.rule})" if field.rule in rule_codes() else field.rule,
        }
        for path, field in fields.items()
    ]


def rules_table() -> list[dict[str, str]]:
    """Give one row a rule: its code, what it says in both languages, its floors, its source and its place."""
    return [
        {
            "rule": code,
            "English": _reason(code, "en"),
            "Nederlands": _reason(code, "nl"),
            "default": ", ".join(map(_default, dict.fromkeys(key for one in found for key in one.reads))),
            "source": "; ".join(dict.fromkeys(one.source for one in found)),
            "function": ", ".join(
                f"`{name}`"
                for name in dict.fromkeys(
                    f"{one.function.__module__}.{one.function.__qualname__}" for one in found
                )
            ),
        }
        for code in sorted(rule_codes())
        if (found := [one for one in all_rules() if one.code == code])
    ]


def _default(key: str) -> str:
    [field] = [model.model_fields[key] for model in _MODELS if key in model.model_fields]
    return f"`{key}` = {field.default:g}"


def _reason(code: str, language: str) -> str:
    words = catalogue(language)
    return f"**{words[f'release.rules.{code}.title']}.** {words[f'release.rules.{code}.explanation']}"


def rules_text() -> str:
    """Write every rule under a heading of its own, which the tables of fields point to."""
    parts = []
    for row in rules_table():
        default = f"Default: {row['default']}. " if row["default"] else "No floor to set. "
        about = f"{default}Source: {row['source']}. In {row['function']}."
        parts.append(f"\n### {row['rule']}\n\n{row['English']}\n\n{row['Nederlands']}\n\n{about}\n")
    return "".join(parts)


def render() -> str:
    """Give the whole page."""
    parts = [_HEAD]
    for kind, fields in {**FIELDS, "pool": POOL}.items():
        parts += [f"\n## {kind.capitalize()}\n\n", table(rows_of(fields))]
    parts.append(_MASKED)
    for kind, fields in MASKED.items():
        parts += [f"\n### {kind}\n\n", table(rows_of(fields))]
    parts.append(_AROUND)
    for kind, fields in AROUND.items():
        parts += [f"\n### {kind.capitalize()}\n\n", table(rows_of(fields))]
    return "".join([*parts, _RULES, rules_text()])


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
