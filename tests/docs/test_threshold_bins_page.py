"""How near a table gives a number back is said on the page as the evidence measured it."""

from __future__ import annotations

from causalsig.pooling.thresholds_again import DEVIATIONS, EDGE, FEWEST_BINS, NOISE
from evidence import threshold_page
from evidence.claim import ROOT
from evidence.record import read_all


def test_the_table_is_made_from_the_results() -> None:
    page = (ROOT / threshold_page.PAGE).read_text("utf-8")
    assert page == threshold_page.render(read_all(ROOT)), "write it again: python -m evidence page"


def test_a_distance_on_the_page_is_the_claims_own() -> None:
    figures = read_all(ROOT)[threshold_page.NAME]["figures"]
    page = threshold_page.render(read_all(ROOT))
    for name in figures:
        if name.startswith("n = "):
            within = figures[name]["outcome, bandwidth times 1"]["95 % below"]
            [row] = [
                line for line in page.splitlines() if line.startswith(f"| {name.removeprefix('n = ')} |")
            ]
            assert f"| {within:.2g} |" in row


def test_what_another_result_says_is_what_the_page_says() -> None:
    cell = {
        "bins": {"root mean square": 44.3},
        "outcome, bandwidth times 1": {"root mean square": 0.123, "95 % below": 0.2345},
        "50 euro, outcome, bandwidth times 1": {"root mean square": 0.5, "95 % below": 0.678},
    }
    checked = {"can be checked": 0.925, "accused, crossing": 0.004, "one error off, found": 0.95}
    records = {threshold_page.NAME: {"figures": {"n = 5,000": cell, "checked, n = 5,000": checked}}}
    page = threshold_page.render(records)
    assert "| 5,000 | 44 | 0.12 | 0.23 | 0.68 | 92% | 0.4% | 95.0% |" in page
    assert "has no result yet" in threshold_page.render({})


def test_what_the_check_allows_is_what_the_page_says() -> None:
    page = (ROOT / threshold_page.PAGE).read_text("utf-8")
    assert f"{DEVIATIONS * NOISE[1]:.3g} × √(1/left² + 1/right²)" in page
    assert f"it is {DEVIATIONS * NOISE[2]:.3g} times that root" in page
    assert f"{DEVIATIONS * EDGE['uniform']:.3g} × √(1/left + 1/right)" in page
    assert [kernel for kernel, edge in EDGE.items() if edge] == ["uniform"]
    assert FEWEST_BINS == 10 and "fewer than ten bins" in page
