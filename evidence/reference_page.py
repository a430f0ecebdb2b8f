"""The pages of every command and option, and of every key of study and inventory: made from the code."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Literal, get_args, get_origin

from causalsig_cli.app import build_app
from pydantic import BaseModel
from typer.main import get_command

from causalsig.study.inventory import Inventory
from causalsig.study.models import Disclosure, Study
from causalsig.study.site_policy import SitePolicy
from evidence.claim import ROOT
from evidence.page import table

CLI: Final = "docs/cli.md"
KEYS: Final = "docs/keys.md"
WORDS: Final = ROOT / "evidence/key_words.toml"
_OF_MACHINE: Final = {("causalsig site run", "workers"): "2, or 1 on one core"}
"""Defaults that a machine decides."""
_CLI_HEAD: Final = """# Every command and option

Made from the program itself by `python -m evidence page`; nobody edits it. `causalsig COMMAND --help`
prints the same. What goes to stdout is data, what goes to stderr are messages. A command ends with [0,
1, 2, 3, 101 or 130](codes.md#exit).
"""
_KEYS_HEAD: Final = """# Every key of a study and an inventory

Made from the models that read these files by `python -m evidence page`; nobody edits it. Both files are
TOML and closed: an unknown key is an error, and so is a value out of bounds. In a path `[]` stands for
every element of a list and `{}` for every name of a table. `causalsig study` checks a study and
`causalsig doctor` a machine: see [every command](cli.md).
"""


def commands(command: Any = None, path: str = "causalsig") -> Iterator[tuple[str, Any]]:
    """Yield every command with its path of words, groups before what is in them."""
    command = get_command(build_app()) if command is None else command
    yield path, command
    for name, inner in getattr(command, "commands", {}).items():
        yield from commands(inner, f"{path} {name}")


def option_rows(path: str, command: Any) -> list[dict[str, str]]:
    """Give one row an argument or option of a command."""
    return [
        {
            "option": ", ".join(f"`{word}`" for word in _spelled(option)),
            "meaning": f"{' '.join((option.help or '').split())}{_choices(option)}",
            "default": "required"
            if option.required
            else _OF_MACHINE.get((path, option.name), _default(option.default)),
        }
        for option in command.params
    ]


def _spelled(option: Any) -> list[str]:
    if option.param_type_name == "argument":
        return [option.name.upper().rstrip("_")]
    return [*option.opts, *option.secondary_opts]


def _choices(option: Any) -> str:
    choices = _literals(option.type_descriptor.annotation) if hasattr(option, "type_descriptor") else ()
    return f" One of {', '.join(f'`{choice}`' for choice in choices)}." if choices else ""


def _literals(annotation: Any) -> tuple[str, ...]:
    inner = get_args(annotation)
    return inner if get_origin(annotation) is Literal else tuple(one for a in inner for one in _literals(a))


def _default(value: object) -> str:
    if value is None or value is False or callable(value) or value in ("", ()):
        return ""
    return "on" if value is True else f"`{value}`"


def render_cli() -> str:
    """Write the page of commands."""
    parts = [_CLI_HEAD]
    for path, command in commands():
        parts.append(f"\n## {path}\n\n{' '.join((command.help or '').split())}\n")
        if rows := option_rows(path, command):
            parts.append(f"\n{table(rows)}")
    return "".join(parts)


def models(model: type[BaseModel]) -> dict[type[BaseModel], list[str]]:
    """Find a model and those inside it, each with the paths at which a file has it."""
    found: dict[type[BaseModel], list[str]] = {}
    waiting = [("", model)]
    while waiting:
        path, model = waiting.pop(0)
        found.setdefault(model, []).append(path)
        if len(found[model]) == 1:
            for name, field in model.model_fields.items():
                waiting += [(f"{path}{name}{mark}.", inner) for mark, inner in _inside(field.annotation)]
    return found


def _inside(annotation: Any, mark: str = "") -> Iterator[tuple[str, type[BaseModel]]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield mark, annotation
        return
    origin = get_origin(annotation)
    mark += "[]" if origin is tuple else "{}" if origin is dict else ""
    for argument in get_args(annotation):
        yield from _inside(argument, mark)


def key_rows(model: type[BaseModel], path: str) -> list[dict[str, str]]:
    """Give one row a key of a model: what it means, what it may be, and what it is when not given."""
    shapes = model.model_json_schema()["properties"]
    return [
        {
            "key": f"`{path}{name}`",
            "meaning": meaning(model, name),
            "may be": _shape(shapes[name]),
            "default": "required" if field.is_required() else _written(shapes[name].get("default")),
        }
        for name, field in model.model_fields.items()
    ]


def meaning(model: type[BaseModel], name: str) -> str:
    """Take the model's own description of a key, or the one written beside it; empty where there is none."""
    own = model.model_fields[name].description
    if own:
        return own
    if model is SitePolicy and name in Disclosure.model_fields:
        return f"As the study's `disclosure.{name}`, where stricter."
    words = tomllib.loads(WORDS.read_text("utf-8"))
    return str(words.get(model.__module__.split(".")[-1], {}).get(model.__name__, {}).get(name, ""))


def _shape(schema: dict[str, Any]) -> str:
    if "anyOf" in schema:
        shapes = [_shape(inner) for inner in schema["anyOf"] if inner.get("type") != "null"]
        return " or ".join(dict.fromkeys(shapes))
    if "$ref" in schema:
        return "table"
    if "enum" in schema or "const" in schema:
        return " · ".join(f"`{value}`" for value in schema.get("enum", [schema.get("const")]))
    kind = {"array": "list", "object": "table", "boolean": "yes or no", "string": "text"}.get(
        schema.get("type", ""), schema.get("type", "any")
    )
    if kind == "list" and "items" in schema:
        kind = f"list of {_shape(schema['items'])}"
    bounds = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    limits = [f"{sign} {schema[word]:,}" for word, sign in bounds.items() if word in schema]
    kind = "date" if schema.get("format") == "date" else kind
    return " ".join([kind, ", ".join(limits)]).strip()


def _written(value: object) -> str:
    if value is None or (isinstance(value, dict | list) and not value):
        return ""
    if isinstance(value, dict):
        return "its own defaults"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def render_keys() -> str:
    """Write the page of keys."""
    parts = [_KEYS_HEAD]
    for title, root in (("The study", Study), ("The inventory", Inventory)):
        parts.append(f"\n## {title}\n")
        for model, (path, *others) in models(root).items():
            about = " ".join((model.__doc__ or "").split())
            also = "".join(f" Also at `{other.removesuffix('.')}`." for other in others)
            head = path.removesuffix(".") or "At the top"
            parts.append(f"\n### {head}\n\n{about}{also}\n\n{table(key_rows(model, path))}")
    return "".join(parts)


def files(root: Path = ROOT) -> Iterator[tuple[Path, str]]:
    """Yield both pages with their content."""
    yield root / CLI, render_cli()
    yield root / KEYS, render_keys()
