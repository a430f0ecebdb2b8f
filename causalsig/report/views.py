"""The parts a page is built of; the templates know these and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from markupsafe import Markup

from causalsig.report.certainty import Certainty, certainty
from causalsig.report.effects import Shown, as_printed
from causalsig.report.figure import Figure as Plot
from causalsig.report.forest_figure import Axis, ForestRow, forest_plot
from causalsig.report.pages import OutcomeSpec, Provenance, QuestionSpec
from causalsig.report.words import Words


@dataclass(frozen=True, slots=True)
class Figure:
    """A plot in its two layouts, and how to read it; ``wide`` empty: the narrow one serves everywhere."""

    narrow: Markup
    wide: Markup | str = ""
    reading: tuple[Markup | str, ...] = ()


@dataclass(frozen=True, slots=True)
class Table:
    """A table with the row's name in the first column."""

    caption: Markup | str
    columns: tuple[Markup | str, ...]
    rows: tuple[tuple[Markup | str, ...], ...]
    title: Markup | str = ""
    intro: Markup | str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """One check, in words."""

    name: Markup | str
    passed: bool
    label: Markup | str
    words: Markup | str


@dataclass(frozen=True, slots=True)
class Section:
    """One section of a page; parts that are empty are left out. Drawn in the order of the fields."""

    id: str
    title: Markup | str
    badge: Markup | str = ""
    callout_title: Markup | str = ""
    callout: tuple[Markup | str, ...] = ()
    paragraphs: tuple[Markup | str, ...] = ()
    checks: tuple[Check, ...] = ()
    figure: Figure | None = None
    tables: tuple[Table, ...] = ()
    after: tuple[Markup | str, ...] = ()
    bullets: tuple[Markup | str, ...] = ()
    terms: tuple[tuple[Markup | str, Markup | str], ...] = ()
    facts: tuple[tuple[Markup | str, Markup | str], ...] = ()
    command: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """The first screen: the conclusion with its uncertainty."""

    kicker: Markup | str
    headline: Markup | str
    verdict: Markup | str
    tone: str
    lead: tuple[Markup | str, ...]
    figure: Figure | None = None
    small: Markup | str = ""
    advice_title: Markup | str = ""
    advice: Markup | str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """A whole page."""

    title: Markup | str
    brand: Markup | str
    audience: Markup | str
    banner_title: Markup | str
    banner: Markup | str
    answer: Answer
    sections: tuple[Section, ...]
    footer: Markup | str


def tone(verdict: Certainty | None) -> str:
    """Pick the colour class of a verdict; the words say the same without colour."""
    if verdict is None:
        return "none"
    return "unsure" if verdict in ("unknown", "too-wide") else "sure"


def verdict_of(shown: Shown) -> Certainty:
    """Say what a shown difference allows one to say."""
    return certainty(shown.low, shown.high)


def outcome_name(words: Words, outcome: OutcomeSpec) -> Markup:
    """Name an outcome by what is counted."""
    form = "signals" if outcome.kind == "any" else "counted"
    signals = words(f"outcomes.{form}.{outcome.signals}")
    name = words(f"outcomes.{outcome.kind}", signals=signals, months=outcome.months)
    if outcome.creditor is not None:
        name += ", " + words(f"outcomes.creditor.{outcome.creditor}")
    if outcome.from_day is not None:
        name += ", " + words("outcomes.from-day", day=outcome.from_day)
    return name


def forest(
    words: Words,
    name: str,
    rows: Sequence[ForestRow],
    *,
    title: str,
    description: str,
    reading: Iterable[Markup | str] = (),
    note: str = "",
    heads: tuple[str, ...] = (),
    wide: bool = True,
) -> Figure | None:
    """Draw a forest plot in the layouts a page needs; None when there is nothing to draw."""
    if not rows:
        return None
    axis = Axis(words.plain("arms.below"), words.plain("arms.above"), words.plain("arms.unit"))
    drawn = forest_plot(
        rows,
        title=title,
        description=description,
        axis=axis,
        heads=heads,
        note=note,
        name=name,
        language=words.language,
    )
    return on_page(drawn, reading, wide=wide)


def on_page(drawn: Plot, reading: Iterable[Markup | str] = (), *, wide: bool = True) -> Figure:
    """Put a plot on a page in both layouts, or the narrow one alone."""
    narrow = Markup(drawn.inline("narrow", name=f"{drawn.name}-narrow"))
    beside = Markup(drawn.inline("wide", name=f"{drawn.name}-wide")) if wide else ""
    return Figure(narrow, beside, tuple(reading))


def row(
    label: str, shown: Shown, *, pool: bool = False, group: str = "", precision: float = 0.5
) -> ForestRow:
    """Make a row of a forest plot, of the numbers as the page prints them."""
    drawn = as_printed(shown)
    made = ForestRow(label, drawn.estimate, drawn.low, drawn.high, group=group, precision=precision)
    if not pool:
        return made
    return replace(made, mark="diamond", tone="orange", prediction=drawn.prediction)


def not_said(words: Words, *, national: bool) -> Section:
    """List what a page does not say."""
    fourth = "four-national" if national else "four"
    keys = ("one", "two", "three", fourth, "five")
    return Section(
        "not-said", words("not-said.title"), bullets=tuple(words(f"not-said.{key}") for key in keys)
    )


def glossary(words: Words, *, national: bool) -> Section:
    """Explain the words a page uses."""
    pool = "pool-all" if national else "pool"
    weighed = () if national else ("weighed",)
    keys = ("signal", "household", "return", "estimate", "interval", pool, *weighed, "points")
    terms = tuple((words(f"words.{key}"), words(f"words.{key}-means")) for key in keys)
    return Section("words", words("words.title"), terms=terms)


def provenance(words: Words, where: Provenance, written: str) -> Section:
    """Say where a page comes from and how to verify it."""
    facts = [
        (words("provenance.study"), where.study_name),
        (words("provenance.digest"), where.study_digest),
        (words("provenance.version"), f"causalsig {where.package_version}"),
        (words("provenance.date"), written),
    ]
    own_file = (words("provenance.own-file"),) if where.payload_hash else ()
    if where.payload_hash:
        facts.insert(2, (words("provenance.payload"), where.payload_hash))
    if where.method:
        facts.append((words("provenance.method"), words.pooling(where.method)))
    return Section(
        "provenance",
        words("provenance.title"),
        paragraphs=(words("provenance.intro"), *own_file),
        facts=tuple(facts),
        command=where.verify_command,
    )


def kicker(words: Words, spec: QuestionSpec) -> Markup:
    """Ask the question the first screen answers."""
    return words(f"question.{spec.question}.kicker", **words.pair(*spec.contrast))


def reference_name(words: Words, arm: str) -> Markup:
    """Name the reference arm, and say that it is what the others are compared with."""
    return Markup('{} <span class="small">{}</span>').format(words.arm(arm), words("arms.reference"))


def estimand_note(words: Words, spec: QuestionSpec) -> Markup:
    """Say of which households a result speaks."""
    return words(f"estimand.{spec.question}.{spec.estimand}")
