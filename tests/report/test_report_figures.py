"""A forest plot is the same bytes each time, says what it shows, and cannot be broken by a label."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from causalsig.errors import ReportError
from causalsig.report.canvas import Layout
from causalsig.report.forest_figure import Axis, ForestRow, axis_limits, forest_plot

OWN = ForestRow("Uw gemeente", -12, -30, 6)
POOL = ForestRow("Samen", -9, -15, -3, mark="diamond", tone="orange", prediction=(-20, 2))


def draw(*rows: ForestRow, layout: Layout = "narrow", name: str = "figure") -> str:
    figure = forest_plot(
        rows, title="Titel & <b>", description="Beschrijving", axis=Axis("minder", "meer"), name=name
    )
    return figure.inline(layout)


def written(svg: str) -> list[str]:
    return [
        element.text or "" for element in ElementTree.fromstring(svg).iter() if element.tag.endswith("text")
    ]


@pytest.mark.parametrize("layout", ["narrow", "wide"])
def test_the_same_rows_give_the_same_bytes(layout: Layout) -> None:
    assert draw(OWN, POOL, layout=layout) == draw(OWN, POOL, layout=layout)


@pytest.mark.parametrize("layout", ["narrow", "wide"])
def test_it_is_well_formed_and_has_a_title_and_description(layout: Layout) -> None:
    root = ElementTree.fromstring(draw(OWN, POOL, layout=layout))
    named = {child.attrib["id"]: child.text for child in root if "id" in child.attrib and child.text}
    assert [named[key] for key in root.attrib["aria-labelledby"].split()] == [
        "Titel & <b>",
        "2 rijen. Uw gemeente −12 (−30 tot +6); Samen −9 (−15 tot −3). Beschrijving",
    ]
    assert "width" not in root.attrib and "viewBox" in root.attrib


def test_numbers_are_dutch_and_carry_their_sign() -> None:
    texts = written(draw(OWN, POOL))
    assert "−12 (−30 tot +6)" in texts
    assert "−9 (−15 tot −3)" in texts


def test_two_figures_on_a_page_share_no_id() -> None:
    first, second = (set(re.findall(r'\bid="([^"]+)"', draw(OWN, name=name))) for name in ("one", "two"))
    assert first and second and not first & second


def test_nothing_in_a_figure_styles_the_page_or_reaches_out() -> None:
    svg = draw(OWN, POOL)
    assert "<style" not in svg and "<metadata" not in svg
    # Namespaces are names; nothing else may look like an address.
    assert set(re.findall(r'https?://[^"]+', svg)) <= {
        "http://www.w3.org/2000/svg",
        "http://www.w3.org/1999/xlink",
    }


def test_a_hostile_label_stays_text() -> None:
    label = '<script>alert("1")</script> $x$'
    svg = draw(ForestRow(label, 1, 0, 2))
    assert "<script" not in svg
    assert label in written(svg)


def test_a_hopelessly_wide_interval_does_not_squeeze_the_others() -> None:
    narrow = [ForestRow(str(i), -i, -i - 5, -i + 5) for i in range(5)]
    low, high = axis_limits([*narrow, ForestRow("wide", 0, -4000, 4000)])
    assert -50 < low < -9 and 0 < high < 50


def test_an_empty_figure_or_a_bad_name_is_an_error() -> None:
    with pytest.raises(ReportError, match="report-figure-empty"):
        draw()
    with pytest.raises(ReportError, match="report-figure-name"):
        draw(OWN, name='x" onload="y')
