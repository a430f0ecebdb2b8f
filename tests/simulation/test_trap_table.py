"""The table of traps has a row for every switch, and flags that a reader can look up."""

from __future__ import annotations

from causalsig_cli.explain import known_codes

from causalsig.simulation.switches import OFF, TRAP_NAMES
from evidence.claims._trap_flags import FLAGS
from evidence.claims._trap_sites import TABLE, law_of, trap_of


def test_every_trap_has_a_row_and_every_row_a_trap() -> None:
    assert {trap_of(row) for row in TABLE} == set(TRAP_NAMES)


def test_a_row_switches_its_own_trap_on_and_no_other() -> None:
    for row, trapped in TABLE.items():
        traps = law_of(row, trapped.world).resolved().traps
        acting = {name for name in TRAP_NAMES if getattr(traps, name) != OFF[name]}
        assert acting == {trap_of(row)}, row


def test_a_flag_is_a_code_with_an_explanation() -> None:
    assert set(FLAGS) <= set(TABLE)
    assert {flag for flags in FLAGS.values() for flag in flags} <= set(known_codes())
