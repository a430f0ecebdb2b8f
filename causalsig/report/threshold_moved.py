"""What another threshold would do, on the pages: contacts, later signals and cost, or why not."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite, isnan
from typing import TYPE_CHECKING

from markupsafe import Markup

from causalsig.report import threshold_words as said
from causalsig.report import views
from causalsig.report.effects import Shown
from causalsig.report.numbers import decimal, span

if TYPE_CHECKING:
    from collections.abc import Sequence

    from causalsig.moved import PooledMove
    from causalsig.report.pages import OutcomeSpec, OwnMove
    from causalsig.report.words import Words

PERCENT = 100.0


@dataclass(frozen=True, slots=True)
class Change:
    """What a moved threshold changes: more than 0 is more of it.

    ``each`` is an episode of the band: estimate and the ends of its interval. ``a_year`` are the ends for as
    many households as the band may have; None where that is not known.
    """

    each: tuple[float, float, float]
    a_year: tuple[float, float] | None


def change_of(own: OwnMove) -> Change | None:
    """Turn the effect on the band round to what moving the threshold does; None without one."""
    band, move = own.band, own.move
    if band is None:
        return None
    # Down, the band gets the handling above the threshold; up, it loses it.
    sign = 1.0 if move.part < 1.0 else -1.0
    low, high = sorted((sign * band.conf_low, sign * band.conf_high))
    each = (sign * band.estimate, low, high)
    most = move.households[1]
    if most is None or isnan(move.years):
        return Change(each, None)
    ends = [end * count / move.years for end in (low, high) for count in (move.households[0], most)]
    return Change(each, (min(ends), max(ends)))


def cost_per_avoided(own: OwnMove) -> tuple[float, float, float] | None:
    """Divide the price of an episode's contacts by what they avoid, with its ends.

    Contacts and price are known, so the ends are those of the effect (Fieller's interval with one error); the
    number of households is in both and falls out.

    Returns
    -------
    (estimate, low, high) or None
        Euro for a signal avoided; where the threshold goes up, saved for an extra one. None where there is no
        price, or the effect may be nothing or of the other sign.
    """
    band, move = own.band, own.move
    if band is None or own.price is None or move.kind not in said.PER_1000:
        return None
    if not move.households[0] or isnan(move.years):
        return None
    contacts = abs(move.contacts[0]) * move.years / move.households[0]
    if contacts == 0.0 or not band.conf_high < 0.0:
        return None
    spent = own.price * contacts
    return spent / -band.estimate, spent / -band.conf_low, spent / -band.conf_high


def own_sections(
    words: Words, outcomes: Sequence[OutcomeSpec], moves: Sequence[OwnMove]
) -> list[views.Section]:
    """Tell of every other threshold that the study asks for, a section a threshold of the municipality."""
    places = dict.fromkeys((one.move.period, one.move.score, one.move.cutoff) for one in moves)
    found = []
    for number, place in enumerate(places, start=1):
        some = [one for one in moves if (one.move.period, one.move.score, one.move.cutoff) == place]
        name = "threshold-moved" if number == 1 else f"threshold-moved-{number}"
        found.append(_section(words, outcomes, sorted(some, key=lambda one: one.move.part), name))
    return found


def national_sections(
    words: Words, outcomes: Sequence[OutcomeSpec], rows: Sequence[PooledMove], *, statistician: bool
) -> list[views.Section]:
    """Tell what moving thresholds does over municipalities: what may be shown; the statistician sees all."""
    if not rows:
        return []
    shown = [row for row in rows if row.publishable or statistician]
    told = tuple(_pooled_row(words, outcomes, row, statistician) for row in shown)
    columns = [
        words("threshold.column-compared"),
        words("outcomes.column-outcome"),
        words("threshold.column-difference"),
        words("arms.column-sites"),
    ]
    if statistician:
        columns += [words("threshold.column-bias"), words("threshold.moved.column-routes")]
    table = views.Table(words("threshold.moved.pooled-caption"), tuple(columns), told)
    return [
        views.Section(
            "threshold-moved",
            words("threshold.moved.national-title"),
            paragraphs=(
                words("threshold.moved.national-about"),
                *(() if told else (words("threshold.moved.nothing-pooled"),)),
            ),
            tables=(table,) if told else (),
            after=(words("threshold.moved.pooled-reading"),) if told else (),
        )
    ]


def _section(
    words: Words, outcomes: Sequence[OutcomeSpec], moves: Sequence[OwnMove], name: str
) -> views.Section:
    head = moves[0].move
    per_1000 = head.kind in said.PER_1000
    priced = any(cost_per_avoided(one) is not None for one in moves)
    columns = [
        words("threshold.moved.column-to"),
        words("threshold.moved.column-contacts"),
        words("threshold.moved.column-per-1000" if per_1000 else "threshold.moved.column-each"),
        words("threshold.moved.column-a-year"),
    ]
    if priced:
        columns.append(words("threshold.moved.column-cost"))
    rows = tuple(_row(words, one, priced=priced) for one in moves)
    caption = words("threshold.moved.caption", outcome=said.outcome(words, outcomes, head.outcome))
    return views.Section(
        name,
        words("threshold.moved.title", cutoff=said.cutoff(words, head.score, head.cutoff)),
        paragraphs=(
            words(
                "threshold.moved.about",
                above=said.handling(words, head.above),
                below=said.handling(words, head.below),
            ),
        ),
        tables=(views.Table(caption, tuple(columns), rows),),
        after=(
            words("threshold.moved.contacts-reading"),
            *((words("threshold.moved.cost-reading"),) if priced else ()),
        ),
        bullets=tuple(_how(words, one) for one in moves),
    )


def _row(words: Words, own: OwnMove, *, priced: bool) -> tuple[Markup | str, ...]:
    change = change_of(own)
    cells: list[Markup | str] = [_place(words, own), _contacts(words, own)]
    if change is None:
        cells += [words("threshold.moved.unknown"), ""]
    else:
        scale = said.scale_of(own.move.kind)
        amount, low, high = (scale * value for value in change.each)
        cells.append(
            words("threshold.moved.amount", amount=words.amount(amount), interval=words.interval(low, high))
        )
        cells.append("" if change.a_year is None else words.interval(*change.a_year))
    if priced:
        cost = cost_per_avoided(own)
        cells.append("" if cost is None else _euros(words, cost))
    return tuple(cells)


def _place(words: Words, own: OwnMove) -> Markup:
    return said.cutoff(words, own.move.score, own.move.part * own.move.cutoff)


def _contacts(words: Words, own: OwnMove) -> Markup | str:
    low, high = own.move.contacts
    if high is None:
        key = "at-least-fewer" if low < 0.0 else "at-least-more"
        return words(f"threshold.moved.{key}", value=decimal(abs(low), words.language))
    return words.interval(*sorted((low, high)))


def _euros(words: Words, cost: tuple[float, float, float]) -> Markup:
    estimate, low, high = cost
    return words(
        "threshold.moved.euros",
        value=decimal(estimate, words.language),
        interval=span(low, high, words.language),
    )


def _how(words: Words, own: OwnMove) -> Markup:
    """Say by which route an answer came and what it leans on, or why there is none; and whether it fits."""
    parts = [words("threshold.moved.at", cutoff=_place(words, own))]
    if own.band is None:
        parts += [words("threshold.moved.no-route"), *_reasons(words, own)]
    else:
        parts.append(words(f"threshold.moved.route.{own.band.route}", sites=own.others))
        if own.band.route == "changed_band":
            parts.append(words(f"threshold.moved.drift{'-bounded' if own.band.largest_bias > 0.0 else ''}"))
        if own.band.largest_bias > 0.0:
            parts.append(words("threshold.moved.bounded"))
        if own.price is not None and cost_per_avoided(own) is None and own.move.kind in said.PER_1000:
            parts.append(words("threshold.moved.no-cost"))
    room = _room(words, own)
    return Markup(" ").join((*parts, room) if room else parts)


def _reasons(words: Words, own: OwnMove) -> list[Markup]:
    codes = dict.fromkeys(one.code for one in own.move.passed)
    return [said.code_title(words, code) for code in codes]


def _room(words: Words, own: OwnMove) -> Markup | None:
    low, high = own.move.contacts
    if own.capacity is None or low <= 0.0:
        return None
    room = decimal(own.capacity, words.language)
    if low > own.capacity:
        return words("threshold.moved.over-capacity", room=room)
    if high is None or high > own.capacity:
        return words("threshold.moved.perhaps-over-capacity", room=room)
    return words("threshold.moved.within-capacity", room=room)


def _pooled_row(
    words: Words, outcomes: Sequence[OutcomeSpec], row: PooledMove, statistician: bool
) -> tuple[Markup | str, ...]:
    compared = words(
        "threshold.moved.compared",
        part=decimal(PERCENT * row.part, words.language),
        above=said.handling(words, row.above),
        below=said.handling(words, row.below),
        score=words(f"threshold.score.{row.score}"),
    )
    scale = said.scale_of(row.kind)
    cell: Markup | str = words("threshold.moved.unknown")
    if isfinite(row.conf_low) and isfinite(row.conf_high):
        ends = (scale * row.conf_low, scale * row.conf_high, scale * row.std_error)
        cell = words.signed(Shown(scale * row.estimate, *ends))
    cells = (compared, said.outcome(words, outcomes, row.outcome, first_in_line=True), cell, str(row.sites))
    if not statistician:
        return cells
    bias = decimal(scale * row.largest_bias, words.language) if isfinite(row.largest_bias) else ""
    routes = [
        words("threshold.moved.route-count", sites=count, route=words(f"threshold.moved.route-name.{route}"))
        for route, count in row.by_route
    ]
    if row.unanswered:
        routes.append(words("threshold.moved.unanswered", sites=row.unanswered))
    return (*cells, bias, Markup(", ").join(routes))
