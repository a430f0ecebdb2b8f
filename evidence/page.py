"""The Evidence page of the docs, made from the results: no figure in it is typed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

PAGE = "docs/evidence.md"
BEGIN = "<!-- made by `python -m evidence page`; nobody edits it -->"
END = "<!-- until here -->"
_HEAD = """# Evidence

Every claim about the estimates is a small program in `evidence/claims/`. `python -m evidence run NAME` runs
it and writes its result; this page is made from those results and nobody edits it. `python -m evidence check`
says which results are missing, or older than the code they speak of. A claim about a rate passes when the
exact 99 % interval of the observed rate overlaps the claimed band.
"""


def render(records: Mapping[str, Mapping[str, Any]]) -> str:
    """Write the page as Markdown."""
    if not records:
        return f"{_HEAD}\nNo claim has a result yet.\n"
    summary = [
        {"claim": f"[{name}](#{name})", "holds": _holds(record), "replications": record["replications"] or ""}
        for name, record in sorted(records.items())
    ]
    parts = [_HEAD, table(summary), *(_section(records[name]) for name in sorted(records))]
    return "\n".join(parts)


def _section(record: Mapping[str, Any]) -> str:
    lines = [f"## {record['name']}\n", f"{record['claim']}\n", f"**Holds: {_holds(record)}.**\n"]
    figures = record["figures"]
    single = [
        {"figure": name.replace("_", " "), "value": value}
        for name, value in figures.items()
        if not isinstance(value, list | dict)
    ]
    if single:
        lines.append(table(single))
    for name, value in figures.items():
        if isinstance(value, dict):
            value = [{"figure": key.replace("_", " "), "value": item} for key, item in value.items()]
        if isinstance(value, list) and value:
            rows = [row if isinstance(row, dict) else {"value": row} for row in value]
            lines.append(f"{name.replace('_', ' ').capitalize()}:\n\n{table(rows)}")
    lines.append(_provenance(record))
    return "\n".join(lines)


def _provenance(record: Mapping[str, Any]) -> str:
    parts = [f"Ran {record['ran']} in {record['seconds']:,.0f} s"]
    if record["replications"] is not None:
        parts.append(f"{record['replications']} replications")
    if record["seed"] is not None:
        parts.append(f"seed {record['seed']}")
    parts.append(", ".join(f"{name} {version}" for name, version in record["versions"].items()))
    return f"{'; '.join(parts)}; issue {record['issue']}; covered code `{record['digest'][:12]}`.\n"


def _holds(record: Mapping[str, Any]) -> str:
    return "yes" if record["passed"] else "no"


def spliced(text: str, made: str) -> str:
    """Put what was made between its marks on a page whose other words are written by hand."""
    head, rest = text.split(f"{BEGIN}\n")
    _, tail = rest.split(END)
    return f"{head}{BEGIN}\n\n{made}\n{END}{tail}"


def table(rows: list[dict[str, Any]], number: str = ".4g") -> str:
    """Write rows as a Markdown table; `number` is the format of its floats."""
    columns = list(dict.fromkeys(column for row in rows for column in row))
    lines = ["| " + " | ".join(column.replace("_", " ") for column in columns) + " |"]
    lines.append("|" + "---|" * len(columns))
    cells = ([_cell(row.get(column, ""), number) for column in columns] for row in rows)
    lines.extend("| " + " | ".join(row) + " |" for row in cells)
    return "\n".join(lines) + "\n"


def _cell(value: object, number: str) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return format(value, number)
    return str(value).replace("|", "\\|").replace("\n", " ")
