"""An SVG without what nothing uses: names that nothing refers to, groups that hold nothing together, spaces.

Matplotlib names every tick and wraps it four deep; without that the figures of a page are a quarter smaller,
and every drawn thing is the same. Words in the drawing are left as they are.
"""

from __future__ import annotations

import re

_TAG = re.compile(r"<[^>]*>")
_REFERENCES = re.compile(r'href="#([^"]+)"|url\(#([^)]+)\)')
_NAME = re.compile(r' id="([^"-]+)"')
"""A name that matplotlib gave; those that a figure gives its own parts have a hyphen."""
_NOT_TURNED = re.compile(r' transform="rotate\(-?0 [^)]*\)"')
_BREAK = re.compile(r"\s*\n\s*")


def slim(svg: str) -> str:
    """Leave out of an SVG that matplotlib wrote what no reader sees and no other part refers to."""
    used = {name for tag in _TAG.findall(svg) for pair in _REFERENCES.findall(tag) for name in pair}
    open_groups: list[bool] = []

    def kept(found: re.Match[str]) -> str:
        tag = _NAME.sub(lambda name: name.group(0) if name.group(1) in used else "", found.group(0))
        tag = _BREAK.sub(" ", _NOT_TURNED.sub("", tag)).replace(' "', '"')
        if tag == "</g>":
            return tag if open_groups.pop() else ""
        if re.match(r"<g[ />]", tag) and not tag.endswith("/>"):
            open_groups.append(tag != "<g>")
            return tag if open_groups[-1] else ""
        return tag

    return re.sub(r">\s+<", "><", _TAG.sub(kept, svg))
