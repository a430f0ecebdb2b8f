"""A figure that stands alone: drawn as SVG, PNG and PDF, with its words and its numbers."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from causalsig.errors import ReportError
from causalsig.report import canvas
from causalsig.report.canvas import Layout

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure as Drawing

Cell: TypeAlias = str | float | int | None


@dataclass(frozen=True, slots=True)
class Figure:
    """A plot with what a reader needs who cannot see it.

    Drawn anew at each call, so that one way out does not change another; the same figure gives the same
    bytes, on any machine with the same matplotlib. A notebook shows it as SVG.

    Attributes
    ----------
    title : str
        Drawn above a figure that stands alone; a page has headings of its own.
    alt : str
        What the figure shows, in a sentence with its main numbers.
    description : str
        How to read it.
    columns, rows : tuple
        The numbers behind the plot: a row a drawn thing, unrounded; None where there is no number.
    draw : callable
        From "narrow" (a phone) or "wide" to a new matplotlib figure.
    name : str
        Small letters, digits and hyphens.
    """

    title: str
    alt: str
    description: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    draw: Callable[[Layout], Drawing]
    name: str = "figure"

    def svg(self, layout: Layout = "wide") -> str:
        """Draw it as an SVG that stands alone, with title, alt text and description in it."""
        return canvas.as_svg(self._alone(layout), self.name, self.title, self._said()) + "\n"

    def png(self, layout: Layout = "wide", *, scale: float = 2.0) -> bytes:
        """Draw it as PNG, ``scale`` dots a CSS pixel; title and alt text are in its metadata."""
        return canvas.as_png(self._alone(layout), self.title, self._said(), scale)

    def pdf(self, layout: Layout = "wide") -> bytes:
        """Draw it as a PDF of one page, as large as the figure."""
        return canvas.as_pdf(self._alone(layout), self.title, self._said())

    def inline(self, layout: Layout, *, name: str = "") -> str:
        """Draw it as an ``<svg>`` element for a page: no title drawn, the page's own colours.

        Raises
        ------
        ReportError
            ``report-figure-name`` for a name that cannot be an id.
        """
        chosen = name or self.name
        if not re.fullmatch(r"[a-z][a-z0-9-]*", chosen):
            raise ReportError(
                "report-figure-name",
                expected="a name of small letters, digits and hyphens",
                found="something else",
                mend="Name the figure after what it shows, e.g. 'forest-home-visit'.",
            )
        return canvas.as_svg(self._drawn(layout), chosen, self.title, self._said())

    def csv(self) -> str:
        """Write the numbers behind it as CSV."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(self.columns)
        writer.writerows(["" if cell is None else cell for cell in row] for row in self.rows)
        return text.getvalue()

    def to_frame(self) -> pd.DataFrame:
        """Give the numbers behind it, a row a drawn thing."""
        import pandas as pd

        return pd.DataFrame([*self.rows], columns=[*self.columns])

    def save(self, path: Path) -> None:
        """Write it to a file: ``.svg``, ``.png``, ``.pdf``, or its numbers as ``.csv``.

        Raises
        ------
        ReportError
            ``report-figure-file`` for another ending.
        """
        ways: dict[str, Callable[[], str | bytes]] = {
            ".svg": self.svg,
            ".png": self.png,
            ".pdf": self.pdf,
            ".csv": self.csv,
        }
        if path.suffix not in ways:
            raise ReportError(
                "report-figure-file",
                expected="a file that ends in .svg, .png, .pdf or .csv",
                found="another ending",
                mend="Name the file after how it should be written.",
            )
        made = ways[path.suffix]()
        path.write_bytes(made.encode() if isinstance(made, str) else made)

    def _repr_svg_(self) -> str:
        return self.svg()

    def _said(self) -> str:
        return " ".join(part for part in (self.alt, self.description) if part)

    def _drawn(self, layout: Layout) -> Drawing:
        with canvas.alike():
            return self.draw(layout)

    def _alone(self, layout: Layout) -> Drawing:
        with canvas.alike():
            return canvas.stand_alone(self.draw(layout), self.title, layout)


def something(rows: object) -> None:
    """Refuse to draw nothing.

    Raises
    ------
    ReportError
        ``report-figure-empty``.
    """
    if not rows:
        raise ReportError(
            "report-figure-empty",
            expected="at least one row to draw",
            found="none",
            mend="Leave the figure out when there is nothing to show.",
        )
