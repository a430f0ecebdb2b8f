"""Graphs with known answers: M-bias, butterfly, front door, instruments, thresholds."""

from __future__ import annotations

from typing import Any

import pytest

from causalsig.errors import StudyError
from causalsig.study.graph_findings import Identification
from causalsig.study.graph_identify import check_list, covariates_of, identify


def roles(found: Identification) -> dict[str, str]:
    return {one.node: one.role for one in found.left_alone}


def paths(found: Identification) -> list[str]:
    return [" ".join(path.nodes) for path in found.open_paths]


def test_m_bias_needs_nothing_and_warns_of_the_collider(sketch: Any) -> None:
    graph = sketch("u1 -> xx, u1 -> mm, u2 -> mm, u2 -> yy, xx -> yy", hidden="u1 u2")
    found = identify(graph, "contact_method")
    assert (found.adjustment, found.sufficient, found.open_paths) == ((), True, ())
    assert roles(found) == {"mm": "collider"}
    assert found.left_alone[0].ties == ("u2",)


def test_the_butterfly_is_never_enough_and_says_what_adjusting_opened(sketch: Any) -> None:
    wings = "u1 -> xx, u1 -> mm, u2 -> mm, u2 -> yy, mm -> xx, mm -> yy, xx -> yy"
    found = identify(sketch(wings, hidden="u1 u2"), "contact_method")
    assert (found.adjustment, found.sufficient) == (("mm",), False)
    assert paths(found) == ["xx u1 mm u2 yy"]
    assert (found.open_paths[0].opened, found.open_paths[0].hidden) == (("mm",), ("u1", "u2"))
    one_wing = identify(sketch(wings, hidden="u2"), "contact_method")
    assert (one_wing.adjustment, one_wing.sufficient) == (("mm", "u1"), True)


def test_a_front_door_leaves_the_back_door_open_and_its_node_is_a_mediator(sketch: Any) -> None:
    graph = sketch("uu -> xx, uu -> yy, xx -> mm, mm -> yy", hidden="uu", later="mm")
    found = identify(graph, "contact_method")
    assert (found.sufficient, paths(found), found.doors) == (False, ["xx uu yy"], ("uu",))
    assert roles(found) == {"mm": "mediator"}
    assert found.followed == (), "a mediator may not be held by weights that vary in time either"


def test_a_mediator_with_a_hidden_cause_of_the_outcome_is_a_collider_too(sketch: Any) -> None:
    graph = sketch("cc -> xx, cc -> yy, xx -> mm, uu -> mm, uu -> yy, mm -> yy", hidden="uu", later="mm")
    found = identify(graph, "contact_method")
    assert (found.adjustment, found.sufficient) == (("cc",), True)
    assert found.left_alone[0].ties == ("uu",)


def test_an_instrument_is_seen_and_never_adjusted_for(sketch: Any) -> None:
    graph = sketch("zz -> xx, uu -> xx, uu -> yy, cc -> xx, cc -> yy, xx -> yy", hidden="uu")
    found = identify(graph, "contact_method")
    assert found.adjustment == ("cc",)
    assert roles(found) == {"zz": "instrument"}
    assert [(one.node, one.valid) for one in found.instruments] == [("zz", True)]


def test_an_instrument_that_needs_a_covariate_is_one_given_it(sketch: Any) -> None:
    arrows = "cc -> zz, cc -> yy, zz -> xx, uu -> xx, uu -> yy, xx -> yy"
    given = identify(sketch(arrows, hidden="uu"), "contact_method")
    assert given.adjustment == ("cc",)
    assert given.instruments[0].valid
    without = identify(sketch(arrows, hidden="uu cc", instruments="zz"), "contact_method")
    assert not without.instruments[0].valid
    assert without.instruments[0].other_ways[0].nodes == ("zz", "cc", "yy")


def test_an_instrument_with_an_arrow_to_the_outcome_is_none_and_says_which_way(sketch: Any) -> None:
    graph = sketch("zz -> xx, zz -> ww, ww -> yy, xx -> yy", later="ww", instruments="zz")
    found = identify(graph, "contact_method")
    assert [(one.relevant, one.valid) for one in found.instruments] == [(True, False)]
    assert found.instruments[0].other_ways[0].nodes == ("zz", "ww", "yy")


def test_what_does_not_move_the_exposure_is_no_instrument(sketch: Any) -> None:
    graph = sketch("zz -> ww, xx -> ww, xx -> yy", later="ww", instruments="zz")
    assert not identify(graph, "contact_method").instruments[0].relevant


def test_the_largest_set_keeps_a_cause_of_both_behind_another(sketch: Any) -> None:
    graph = sketch("aa -> bb, aa -> xx, bb -> yy, xx -> yy")
    assert identify(graph, "contact_method").adjustment == ("aa", "bb")


def test_what_a_rule_decides_from_held_facts_is_held_and_has_no_overlap(sketch: Any) -> None:
    graph = sketch("aa -> xx, aa -> yy, xx -> yy", rules="xx")
    found = identify(graph, "contact_method")
    assert (found.adjustment, found.sufficient, found.without_overlap) == (("aa",), True, True)
    decided = sketch("aa -> cc, cc -> xx, cc -> ww, ww -> yy, aa -> xx, xx -> yy", later="ww", rules="cc")
    assert identify(decided, "contact_method").sufficient
    loose = sketch("aa -> cc, uu -> cc, cc -> xx, cc -> ww, ww -> yy, aa -> xx, xx -> yy",
                   later="ww", hidden="uu", rules="cc")  # fmt: skip
    left = identify(loose, "contact_method")
    assert (left.sufficient, left.open_paths[0].unheld) == (False, ("cc",))


def test_weights_that_vary_in_time_close_what_is_recorded_later(sketch: Any) -> None:
    graph = sketch("rr -> xx, rr -> yy, xx -> yy", later="rr")
    found = identify(graph, "contact_method")
    assert (found.sufficient, found.followed, found.open_with_followed) == (False, ("rr",), ())
    assert found.open_paths[0].later == ("rr",)
    node = graph.nodes["rr"].model_copy(update={"followed": ()})
    found = identify(graph.model_copy(update={"nodes": graph.nodes | {"rr": node}}), "contact_method")
    assert (found.followed, found.part) == ((), ("rr",)), "recorded is not held"


def test_a_list_is_held_against_the_set(sketch: Any) -> None:
    graph = sketch("aa -> xx, aa -> yy, zz -> xx, u1 -> xx, u1 -> mm, u2 -> mm, u2 -> yy, xx -> yy",
                   hidden="u1 u2")  # fmt: skip
    found = [identify(graph, "contact_method")]
    aa, mm, zz = (graph.held_by(name)[0] for name in ("aa", "mm", "zz"))
    assert covariates_of(found) == (aa,)
    assert check_list(graph, found, [aa]).agrees
    checked = check_list(graph, found, [mm, zz, "district"])
    assert (checked.missing, checked.left_alone, checked.unknown) == ((aa,), (mm, zz), ("district",))
    assert not checked.agrees


def test_one_list_cannot_serve_two_questions_when_one_needs_the_other_ones_instrument(sketch: Any) -> None:
    graph = sketch("zz -> xx, xx -> bb, xx -> yy, bb -> yy", later="bb")
    two = graph.model_copy(update={"exposures": {"contact_method": "xx", "accepted_help": "bb"}})
    first, second = identify(two, "contact_method"), identify(two, "accepted_help")
    assert (roles(first)["zz"], second.adjustment) == ("instrument", ("zz",))
    assert covariates_of([first]) == ()
    with pytest.raises(StudyError, match="zz: accepted_help needs it, contact_method must leave it alone"):
        covariates_of([first, second])


def test_a_question_without_an_exposure_is_told(sketch: Any) -> None:
    with pytest.raises(StudyError, match="study-graph-exposure"):
        identify(sketch("aa -> xx, xx -> yy"), "threshold")
