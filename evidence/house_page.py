"""The house drawn from its imports, and the list of pages for programs that read docs."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any, Final

import yaml  # type: ignore[import-untyped]

from evidence.claim import ROOT
from evidence.page import table

PAGE: Final = "docs/house.md"
DRAWING: Final = "docs/assets/house.svg"
LIST: Final = "docs/llms.txt"
PACKAGE: Final = "causalsig"
_HEAD: Final = """# The house, drawn from its imports

Made from `pyproject.toml` and from every import of the package by `python -m evidence page`; nobody
edits it. A room may import what is on a lower floor, and nothing above or beside it; `lint-imports`
holds that. How to test, release and go on is in [for those who carry on](carry-on.md).

![Floors of the package, the highest at the top](assets/house.svg)

"""
_WIDTH, _HIGH, _GAP = 760, 34, 14


def floors() -> list[list[str]]:
    """Return the rooms of every floor, the highest first, as the contract of `lint-imports` has them."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    layers = next(contract["layers"] for contract in contracts if contract["type"] == "layers")
    return [re.findall(r"\w+", layer) for layer in layers]


def imports() -> dict[str, set[str]]:
    """Return for every room the rooms it imports, in functions too, and for type checks not."""
    rooms = {room for floor in floors() for room in floor}
    found: dict[str, set[str]] = {room: set() for room in rooms}
    for file in sorted((ROOT / PACKAGE).rglob("*.py")):
        room = file.relative_to(ROOT / PACKAGE).parts[0].removesuffix(".py")
        if room in rooms:
            tree = ast.parse(file.read_text("utf-8"))
            found[room] |= {name for name in _imported(tree) if name in rooms} - {room}
    return found


def _imported(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
        return
    if isinstance(node, ast.ImportFrom) and node.module == PACKAGE:
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith(f"{PACKAGE}."):
        yield str(node.module).split(".")[1]
    elif isinstance(node, ast.Import):
        yield from (alias.name.split(".")[1] for alias in node.names if alias.name.startswith(f"{PACKAGE}."))
    for inner in ast.iter_child_nodes(node):
        yield from _imported(inner)


def render() -> str:
    """Write the page."""
    found = imports()
    rows = [
        {"room": f"`{room}`", "what it is": _about(room), "imports": ", ".join(f"`{r}`" for r in below)}
        for floor in floors()
        for room in floor
        for below in [[other for level in floors() for other in level if other in found[room]]]
    ]
    return _HEAD + table(rows)


def _about(room: str) -> str:
    place = ROOT / PACKAGE / room
    file = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
    words = ast.get_docstring(ast.parse(file.read_text("utf-8"))) or ""
    return " ".join(words.split("\n\n")[0].split())


def draw() -> str:
    """Draw the floors as boxes, the highest at the top."""
    boxes: list[str] = []
    y = _GAP
    for floor in [["cli/causalsig_cli"], *floors()]:
        for line in [floor[start : start + 5] for start in range(0, len(floor), 5)]:
            wide = (_WIDTH - _GAP * (len(line) + 1)) / len(line)
            for at, room in enumerate(line):
                x = _GAP + at * (wide + _GAP)
                boxes.append(
                    f'<rect x="{x:.0f}" y="{y}" width="{wide:.0f}" height="{_HIGH}" rx="4"/>'
                    f'<text x="{x + wide / 2:.0f}" y="{y + 22}">{escape(room)}</text>'
                )
            y += _HIGH + 4
        y += _GAP - 4
    style = "rect{fill:#fff;stroke:#00639A}text{font:14px sans-serif;text-anchor:middle;fill:#1B1F24}"
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {y}" role="img">'
    title = "<title>Floors of the package: each imports from lower ones only</title>"
    return "\n".join([head, title, f"<style>{style}</style>", *boxes, "</svg>\n"])


def render_list() -> str:
    """Write the list of pages, in the order of the navigation."""
    config = yaml.load((ROOT / "mkdocs.yml").read_text("utf-8"), Loader=yaml.SafeLoader)
    lines = [f"# {config['site_name']}", "", f"> {config['site_description']}", "", "## Pages", ""]
    lines += [f"- [{title}]({page})" for title, page in _pages(config["nav"])]
    return "\n".join([*lines, ""])


def _pages(nav: Any) -> Iterator[tuple[str, str]]:
    for item in nav:
        for title, inner in item.items():
            if isinstance(inner, str):
                yield title, inner
            else:
                yield from _pages(inner)


def files(root: Path = ROOT) -> Iterator[tuple[Path, str]]:
    """Yield the page, its drawing and the list."""
    yield root / PAGE, render()
    yield root / DRAWING, draw()
    yield root / LIST, render_list()
