"""A figure loses its scaffolding and nothing that is drawn or said."""

from __future__ import annotations

from collections import Counter
from xml.etree import ElementTree

import pytest

from causalsig.report import canvas
from causalsig.report.canvas import Layout
from causalsig.report.svg_slim import slim
from tests.report.figure_factory import figures

DRAWN = ("path", "text", "use")
HOSTILE = 'a  "b" id="x" rotate(0 1 2) <g> </g> $y$'


def drawn(svg: str) -> Counter[tuple[str, ...]]:
    """Count what is drawn: shapes with their place and style, and words."""
    parts = (part for part in ElementTree.fromstring(svg).iter() if part.tag.rsplit("}")[-1] in DRAWN)
    said = (
        (part.tag, part.attrib.get("d", ""), part.attrib.get("style", ""), part.text or "") for part in parts
    )
    return Counter(tuple(" ".join(one.split()) for one in each) for each in said)


@pytest.mark.parametrize("layout", ["narrow", "wide"])
@pytest.mark.parametrize("kind", figures())
def test_every_shape_and_word_is_still_there(
    kind: str, layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    figure = figures(HOSTILE)[kind]
    small = figure.inline(layout)
    monkeypatch.setattr(canvas, "slim", lambda svg: svg)
    whole = figure.inline(layout)
    assert drawn(small) == drawn(whole)
    assert len(small) < 0.9 * len(whole)


def test_what_is_referred_to_keeps_its_name_and_words_keep_theirs() -> None:
    svg = (
        '<svg id="top"><g id="one"><g clip-path="url(#clip)"><use href="#mark"/></g></g>\n'
        '<defs><path id="mark" d="M 0 0 \nL 1 1 \n"/><clipPath id="clip"/></defs>'
        '<text transform="rotate(-0 1 2)">say "id" id="clip2" \n "x"</text></svg>'
    )
    assert slim(svg) == (
        '<svg><g clip-path="url(#clip)"><use href="#mark"/></g>'
        '<defs><path id="mark" d="M 0 0 L 1 1"/><clipPath id="clip"/></defs>'
        '<text>say "id" id="clip2" \n "x"</text></svg>'
    )
