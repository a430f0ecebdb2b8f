"""What somebody with two reports could work out of a third municipality, by differencing all they print.

The attacker reads every table and every drawn coordinate of both pages, knows how a pool is weighed, and
takes the pages' numbers from one another in every way that would undo a pool.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape
from itertools import permutations
from typing import Any
from xml.etree import ElementTree

from scipy.stats import t as student

Slot = tuple[str, str, str]
"""Section, name of the row, and "level" or "difference": what a number on two pages is of."""
Triple = tuple[float, float, float]
Way = tuple[Any, ...]
SVG = "{http://www.w3.org/2000/svg}"
_NUMBER = r"[\u2212+]?\d[\d.]*"
_TRIPLE = re.compile(rf"({_NUMBER}) \(({_NUMBER}) tot ({_NUMBER})\)")
_SECTION = re.compile(r'<section class="part" id="([^"]+)".*?</section>', re.DOTALL)
_ROW = re.compile(r'<tr role="row"><th scope="row" role="rowheader">(.*?)</th>(.*?)</tr>', re.DOTALL)
_CELL = re.compile(r'<td role="cell" data-label="([^"]*)"[^>]*>(.*?)</td>', re.DOTALL)
_FIGURE = re.compile(r"<svg .*?</svg>", re.DOTALL)
_MARK = re.compile(r"M -([\d.]+) \1 L \1 \1 L \1 -\1 L -\1 -\1 z")


@dataclass(frozen=True, slots=True)
class Page:
    """What is read off one page.

    Attributes
    ----------
    html : str
    triples : dict of slot to (dict of role to triple)
        Estimate and interval of every cell; the role is whose it is ("own", "others", "all", "weighed").
    sites : dict of slot to int
        Municipalities behind the row, where the page says so.
    drawn : tuple of float
        Coordinates on the axis of their figure, in its unit.
    marks : frozenset of float
        Sizes of squares, half a side in CSS pixels.
    shares : frozenset of str
        Per cents in tables.
    """

    html: str
    triples: dict[Slot, dict[str, Triple]]
    sites: dict[Slot, int]
    drawn: tuple[float, ...]
    marks: frozenset[float]
    shares: frozenset[str]


def read_page(html: str) -> Page:
    """Read everything with a number off a Dutch page."""
    text = unescape(html).replace("\u00a0", " ")
    triples: dict[Slot, dict[str, Triple]] = {}
    sites: dict[Slot, int] = {}
    shares: set[str] = set()
    public = "Alle gemeenten samen" in text
    for section in _SECTION.finditer(text):
        for row in _ROW.finditer(section.group(0)):
            label = re.sub(r"<[^>]*>.*", "", row.group(1)).strip()
            for column, cell in _CELL.findall(row.group(2)):
                shares.update(re.findall(r"\d[\d.,]* %", cell))
                level = "level" if column.startswith("Kwamen terug") else "difference"
                slot = (section.group(1), label, level)
                if found := _TRIPLE.fullmatch(cell):
                    triples.setdefault(slot, {})[_role(column, public)] = _triple(found.groups())
                if column == "Gemeenten" and cell.isdigit():
                    sites.update(
                        {(section.group(1), label, one): int(cell) for one in ("level", "difference")}
                    )
    figures = [ElementTree.fromstring(drawing) for drawing in _FIGURE.findall(html)]
    return Page(
        html=text,
        triples=triples,
        sites=sites,
        drawn=tuple(value for figure in figures for value in _coordinates(figure)),
        marks=frozenset(float(size) for size in _MARK.findall(html)),
        shares=frozenset(shares),
    )


def _role(column: str, public: bool) -> str:
    if column.startswith("Gewogen"):
        return "weighed"
    if "ndere gemeenten" in column:
        return "others"
    return "all" if public else "own"


def _number(text: str) -> float:
    return float(text.replace(".", "").replace("\u2212", "-"))


def _triple(cells: tuple[str, ...]) -> Triple:
    estimate, low, high = map(_number, cells)
    return estimate, low, high


def _coordinates(figure: ElementTree.Element) -> Iterator[float]:
    """Give what is drawn in the unit of the axis, whose ticks are named."""
    ticks = [
        (float(part.attrib["x"]), _number(part.text or ""))
        for part in figure.iter(f"{SVG}text")
        if "middle" in part.attrib.get("style", "") and re.fullmatch(_NUMBER, part.text or "")
    ]
    if len({value for _, value in ticks}) < 2:
        return
    (x, first), (y, last) = min(ticks), max(ticks)
    scale = (last - first) / (y - x)
    shapes = [part for part in figure.iter() if part.attrib.get("clip-path") or part.tag == f"{SVG}use"]
    for part in shapes:
        if part.tag == f"{SVG}use":
            yield first + scale * (float(part.attrib["x"]) - x)
        for across in re.findall(r"[ML] (-?[\d.]+) -?[\d.]+", part.attrib.get("d", "")):
            yield first + scale * (float(across) - x)


def candidates(one: Page, other: Page, slot: Slot) -> tuple[dict[Way, float], dict[Way, float]]:
    """Work out estimates of a third municipality, and shares of it in a pool, from one slot of two pages.

    Returns
    -------
    estimates, shares : dict of way to number
        A way names what was taken from what, so that the same way is known again in another slot or pair.
    """
    known = {
        (place, role): triple
        for place, page in enumerate((one, other))
        for role, triple in page.triples.get(slot, {}).items()
    }
    sites = max((page.sites[slot] for page in (one, other) if slot in page.sites), default=0)
    estimates: dict[Way, float] = {(name,): triple[0] for name, triple in known.items()}
    shares: dict[Way, float] = {}
    weights = {name: _weight(name, triple, sites) for name, triple in known.items()}
    for a, b in permutations(known, 2):
        first, second = known[a][0], known[b][0]
        rest = weights[a] - weights[b]
        if rest > 0.0:
            estimates["weighed", a, b] = (weights[a] * first - weights[b] * second) / rest
            shares["rest", a, b] = rest / weights[a]
        shares["part", a, b] = weights[b] / weights[a]
        estimates["less", a, b] = first - second
        for n in {2, 6, 7, sites, sites - 1} - {0, -1}:
            estimates["counted", str(n), a, b] = n * first - (n - 1) * second
        for c in known:
            if c in (a, b):
                continue
            if rest > weights[c]:
                two = weights[a] * first - weights[b] * second - weights[c] * known[c][0]
                estimates["weighed", a, b, c] = two / (rest - weights[c])
            if sites > 2:
                estimates["counted", a, b, c] = (sites * first - second - known[c][0]) / (sites - 2)
    return estimates, shares


def _weight(name: tuple[int, str], triple: Triple, sites: int) -> float:
    """Give the inverse variance an interval stands for: a pool's is of t, a municipality's own normal."""
    pool = name[1] in ("all", "others") and sites > 1
    quantile = float(student.ppf(0.975, sites - 1)) if pool else 1.96
    return (2.0 * quantile / max(triple[2] - triple[1], 1.0)) ** 2
