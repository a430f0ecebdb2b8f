"""Two releases that differ by a few: found by the set of whom each thing is told, and on either side."""

from __future__ import annotations

import pytest

from causalsig.errors import RefusedError
from causalsig.release.apart import few_apart, refuse_few, strangers
from causalsig.release.household_sets import CohortSet, Told, cohort_sets

FLOOR = 10
ERASED = 1


def sets(**members: range | list[tuple[str, int]]) -> tuple[CohortSet, ...]:
    """Sets by name, ``__`` for the colon; a household is a number, or a key and a day."""
    named = {
        name.replace("__", ":"): [str(one) if isinstance(one, int) else one for one in told]
        for name, told in members.items()
    }
    return cohort_sets(b"p" * 32, "9001", named)


def named(members: dict[str, list[int]]) -> dict[str, list[tuple[str, int]]]:
    return {name: [(str(one), 0) for one in told] for name, told in members.items()}


def monitor(erased: int, *, june: bool) -> tuple[CohortSet, ...]:
    """A hundred households a month, of whom some in April are erased, and perhaps June beside it."""
    april = range(erased, 100)
    months = {"m_april": april, "m_may": range(100, 200)} | ({"m_june": range(200, 300)} if june else {})
    everybody = [(str(one), 0) for month in months.values() for one in month]
    return sets(everybody=everybody, **months)


def arms(gone: int, new: int) -> tuple[CohortSet, ...]:
    """Two arms of a question, home visits with some erased and letters with some new."""
    visits, letters = range(gone, 60), range(60, 200 + new)
    whole = [(str(one), 0) for one in (*visits, *letters)]
    return sets(contact__3m=whole, contact__visit=visits, contact__letter=letters)


@pytest.mark.parametrize("erased", [1, 9])
def test_a_few_erased_do_not_hide_among_the_new(erased: int) -> None:
    assert few_apart(monitor(erased, june=True), monitor(0, june=False), FLOOR) is not None
    assert few_apart(arms(erased, 12), arms(0, 0), FLOOR) is not None
    # Each part alone tells it too: the month, the arm.
    by_month = few_apart(monitor(erased, june=True)[1:], monitor(0, june=False)[1:], FLOOR)
    assert by_month == "m_april"
    assert few_apart(arms(erased, 12)[1:], arms(0, 0)[1:], FLOOR) == "contact:visit"
    assert few_apart(arms(0, erased), arms(0, 0), FLOOR) is not None, "a few new ones neither"


def test_ten_erased_and_ten_new_may_be_told() -> None:
    assert few_apart(monitor(10, june=True), monitor(0, june=False), FLOOR) is None
    assert few_apart(arms(10, 12), arms(0, 0), FLOOR) is None
    assert few_apart(arms(10, 12), arms(0, 0), 13) == "contact:3m", "a site may ask for more"


def test_months_that_were_told_can_be_left_out() -> None:
    june = sets(everybody=range(200, 300), m_june=range(200, 300))
    assert few_apart(june, monitor(0, june=False), FLOOR) is None


def test_everybody_is_compared_whatever_the_document() -> None:
    profile = sets(everybody=range(300))
    assert few_apart(sets(everybody=range(1, 300), m_may=range(50)), profile, FLOOR) == "everybody"
    assert few_apart(sets(everybody=range(300), m_may=range(50)), profile, FLOOR) is None


def test_another_window_of_a_question_differs_only_as_a_whole() -> None:
    before = sets(contact__3m=range(300), contact__12m=range(100))
    # The later 12 months lie within what 3 months were told of, but for three.
    later = sets(contact__12m=[*map(str, range(103, 300)), "x", "y", "z"])  # type: ignore[list-item]
    assert few_apart(later, before, FLOOR) is None
    assert few_apart(sets(contact__6m=range(3, 300)), before, FLOOR) == "contact:6m"
    assert few_apart(sets(other__6m=range(3, 300)), before, FLOOR) is None


def test_another_day_to_count_from_or_another_name_of_an_arm_hides_nobody() -> None:
    before = sets(contact__3m14=range(300), **{"contact__3m14.visit": range(120)})
    new = range(300, 330)
    for day in ("3m14", "3m13"):
        one_gone = {f"contact__{day}": [*range(1, 300), *new], f"contact__{day}.seen": [*range(1, 120), *new]}
        found = few_apart(sets(**named(one_gone)), before, FLOOR)
        assert found == f"contact:{day}"
        assert few_apart(sets(**named(one_gone))[1:], before, FLOOR) == f"contact:{day}.seen"
        ten = {f"contact__{day}.seen": [*range(10, 120), *new]}
        assert few_apart(sets(**named(ten)), before, FLOOR) is None


def test_households_that_are_called_otherwise_let_nothing_leave() -> None:
    def told(prefix: str, first: int, days: int = 30, many: int = 300) -> tuple[CohortSet, ...]:
        return sets(contact__3m14=[(f"{prefix}{one}", first + one % days) for one in range(many)])

    assert strangers(told("new", 18_000), told("old", 18_000)) == "contact:3m14"
    assert strangers(told("old", 18_001), told("old", 18_000)) == "contact:3m14", "another matching day"
    assert strangers(told("old", 18_000), told("old", 18_000)) is None
    assert strangers(told("new", 18_030), told("old", 18_000)) is None, "a wave of later days"
    assert strangers(told("new", 18_000, many=99), told("old", 18_000)) is None, "too few to tell"
    fifteen = [*[(f"old{one}", 18_000 + one % 30) for one in range(15)]]
    rest = [(f"new{one}", 18_000 + one % 30) for one in range(285)]
    assert strangers(sets(contact__3m14=[*fifteen, *rest]), told("old", 18_000)) is None
    assert strangers(sets(profile=range(300)), sets(profile=range(300, 600))) is None
    with pytest.raises(RefusedError) as caught:
        refuse_few(Told(told("new", 18_000)), Told(told("old", 18_000)), FLOOR, "estimates")
    assert caught.value.code == "ledger-strangers"


def test_a_difference_that_left_already_keeps_nothing_in() -> None:
    before = sets(contact__3m=range(300), contact__visit=range(295))
    assert few_apart(before, before, FLOOR) is None
    assert few_apart(before[:1], before[1:], FLOOR) == "contact:3m", "told apart they are a few"


def test_a_wave_of_other_episodes_of_the_same_households_may_leave() -> None:
    first = sets(contact__3m=[(str(one), 18_000) for one in range(40)])
    second = sets(contact__3m=[(str(one), 18_400) for one in range(35, 80)])
    assert few_apart(second, first, FLOOR) is None
    moved = sets(contact__3m=[(str(one), 18_000 + (one == ERASED)) for one in range(40)])
    assert few_apart(moved, first, FLOOR) == "contact:3m", "an episode of another day is another episode"
