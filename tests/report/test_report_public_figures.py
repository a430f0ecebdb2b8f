"""Figures that stand alone: seven kinds, three files each, the same bytes in any run, and words."""

from __future__ import annotations

import json
import math
import os
import re
import subprocess
import sys
from io import BytesIO
from pathlib import Path
from xml.etree import ElementTree

import pytest
from PIL import Image

from causalsig.errors import ReportError
from causalsig.report import LoveRow, OverlapGroup, RankingRow, love_plot, overlap_plot, ranking_plot
from causalsig.report.canvas import WIDTH, Layout
from causalsig.report.ranking_figure import chance
from tests.report.figure_factory import EDGES, digests, figures

KINDS = ("forest", "love", "overlap", "threshold", "attrition", "bubbles", "ranking")
HOSTILE = '<script>alert("1")</script> $x_1$'
ROOT = Path(__file__).parents[2]


def test_another_process_draws_the_same_bytes_whatever_its_settings(tmp_path: Path) -> None:
    (tmp_path / "matplotlibrc").write_text("font.family: serif\naxes.facecolor: red\nsavefig.dpi: 33\n")
    settings = {"PYTHONHASHSEED": "7", "MATPLOTLIBRC": str(tmp_path), "TZ": "Pacific/Auckland"}
    done = subprocess.run(
        [sys.executable, "-m", "tests.report.figure_factory"],
        cwd=ROOT,
        env=os.environ | settings,
        capture_output=True,
        check=True,
    )
    assert json.loads(done.stdout) == digests()


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_carries_its_words_in_every_file(kind: str) -> None:
    figure = figures()[kind]
    assert figure.title and figure.alt and figure.description
    root = ElementTree.fromstring(figure.svg())
    named = {child.attrib["id"]: child.text for child in root if "id" in child.attrib}
    told = [named[key] for key in root.attrib["aria-labelledby"].split()]
    assert told == [figure.title, f"{figure.alt} {figure.description}"]
    with Image.open(BytesIO(figure.png())) as drawn:
        kept = drawn.info
        assert kept["Title"] == figure.title and figure.alt in kept["Description"]
        assert "Software" not in kept and drawn.width == round(2 * (WIDTH["wide"] + 24.0))
    written = figure.pdf()
    assert written.startswith(b"%PDF") and b"/Title" in written
    assert b"/CreationDate" not in written and b"/Producer" not in written


@pytest.mark.parametrize("kind", KINDS)
def test_the_numbers_behind_it_are_a_table(kind: str) -> None:
    figure = figures()[kind]
    assert figure.rows and all(len(row) == len(figure.columns) for row in figure.rows)
    lines = figure.csv().splitlines()
    assert lines[0] == ",".join(figure.columns) and len(lines) == 1 + len(figure.rows)
    assert [*figure.to_frame().columns] == [*figure.columns]


@pytest.mark.parametrize("layout", ["narrow", "wide"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_hostile_label_stays_text(kind: str, layout: Layout) -> None:
    for svg in (figures(HOSTILE)[kind].svg(layout), figures(HOSTILE)[kind].inline(layout)):
        root = ElementTree.fromstring(svg)
        assert not [part for part in root.iter() if part.tag.endswith("script")]
        if kind != "attrition":
            assert any(HOSTILE in (part.text or "") for part in root.iter())


def test_on_paper_it_has_a_ground_and_on_a_page_it_has_none_and_no_title() -> None:
    figure = figures()["love"]
    drawn = re.compile(r"<text[^>]*>Lijken de groepen")
    assert drawn.search(figure.svg()) and not drawn.search(figure.inline("wide"))
    # The first thing drawn on paper is the paper; words on a page have white under their marks only.
    ground = re.compile(r"</desc><path [^>]*fill: var\(--paper")
    assert ground.search(figure.svg()) and not ground.search(figure.inline("wide"))


def test_it_is_saved_by_its_ending_and_no_other(tmp_path: Path) -> None:
    figure = figures()["ranking"]
    for ending, start in ((".svg", b"<svg"), (".png", b"\x89PNG"), (".pdf", b"%PDF"), (".csv", b"arm,")):
        figure.save(tmp_path / f"ranking{ending}")
        assert (tmp_path / f"ranking{ending}").read_bytes().startswith(start)
    with pytest.raises(ReportError, match="report-figure-file"):
        figure.save(tmp_path / "ranking.docx")


def test_covariates_stand_by_how_much_they_differed_and_the_balanced_are_counted() -> None:
    rows = [LoveRow("b", 0.2, -0.11), LoveRow("a", -0.4, 0.1), LoveRow("c", None, 0.3)]
    figure = love_plot(rows, title="Balance", language="en")
    assert [row[0] for row in figure.rows] == ["a", "c", "b"]
    assert "alike on 1 of 3 covariates" in figure.alt


@pytest.mark.parametrize(
    ("counts", "edges"),
    [
        ((12, 3, 4, 5, 0, 0, 30, 2, 1, 0), [0.0, 0.1, 0.4, 0.5, 0.6, 1.0]),
        ((0, 0, 0, 0, 0, 0, 0, 0, 6, 4), [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 1.0]),
        ((10, 0, 0, 0, 0, 0, 0, 0, 0, 9), [0.0, 1.0]),
    ],
)
def test_no_drawn_bin_holds_one_to_nine_households(counts: tuple[int, ...], edges: list[float]) -> None:
    rows = overlap_plot(EDGES, [OverlapGroup("group", counts)], title="Overlap").rows
    assert [row[1] for row in rows] + [rows[-1][2]] == edges
    assert sum(row[3] for row in rows) == pytest.approx(1.0, abs=0.011)  # type: ignore[misc]
    for _, low, high, _ in rows:
        held = sum(n for n, at in zip(counts, EDGES, strict=False) if low <= at < high)  # type: ignore[operator]
        assert held == 0 or held >= 10


@pytest.mark.parametrize("counts", [(10,) * 9, (1,) * 9 + (0,)])
def test_a_group_that_is_too_small_or_does_not_fit_its_bins_is_refused(counts: tuple[int, ...]) -> None:
    with pytest.raises(ReportError, match="report-figure-bins"):
        overlap_plot(EDGES, [OverlapGroup("group", counts)], title="Overlap")


def test_arms_stand_from_low_to_high_and_an_unknown_chance_is_not_drawn() -> None:
    rows = [RankingRow("b", 20, 10, 30), RankingRow("a", 10, 5, 15)]
    figure = ranking_plot(rows, title="Order", language="en")
    assert [row[0] for row in figure.rows] == ["a", "b"]
    assert "Chance to be the best" not in figure.svg() and "chance to be the best" not in figure.svg("narrow")


@pytest.mark.parametrize("draw", [love_plot, ranking_plot])
def test_nothing_is_not_drawn(draw: object) -> None:
    with pytest.raises(ReportError, match="report-figure-empty"):
        draw((), title="Nothing")  # type: ignore[operator]


def test_a_bubbles_area_is_its_weight_and_the_line_is_in_the_table() -> None:
    figure = figures()["bubbles"]
    assert [row[0] for row in figure.rows] == ["Huis ter A", "Brug", "Dam", "", "", ""]
    drawn = figure.draw("wide").axes[0]
    sizes = {
        round(one.get_xdata()[0], 3): one.get_markersize() for one in drawn.lines if one.get_marker() == "o"
    }
    small, large = sizes[round(math.log10(4_000), 3)], sizes[round(math.log10(21_000), 3)]
    assert (large / small) ** 2 == pytest.approx(0.2 / 0.02)
    assert "3 cirkels. De lijn loopt van −3 tot −7." in figure.alt


def test_a_chance_is_never_written_as_nothing_or_certain() -> None:
    written = [chance(share, "nl").replace("\u00a0", " ") for share in (0.0, 0.004, 0.25, 0.996, 1.0)]
    assert written == ["< 1 %", "< 1 %", "25 %", "> 99 %", "> 99 %"]
