"""One register of rules: what it lists is what runs, what can be held back, and what is explained."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path

import pytest

import causalsig.release as room
from causalsig.records import SiteResult
from causalsig.release import ReleaseIdentity, build_release, registry, rules
from causalsig.release.kinds import FIELDS
from causalsig.release.pool_fields import POOL
from causalsig.release.vocabulary import rule_codes
from causalsig.study.models import Diagnostics, Disclosure, Pooling, Study
from causalsig.texts import catalogue
from evidence.fields_page import rules_table

TABLES = {"fields", "crossed_fields", "site_fields", "pool_fields", "around_fields", "masked_fields"}
"""Modules that name the rule of a field."""
OTHERS = {*TABLES, "threshold_rules", "crossed", "moved", "crossed_grids"}


def codes_by_module() -> dict[str, set[str]]:
    """Codes of rules that stand as text in a module of the room."""
    found: dict[str, set[str]] = {}
    for path in Path(room.__path__[0]).glob("*.py"):
        texts = {
            node.value
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
        }
        found[path.stem] = texts & rule_codes()
    return {name: codes for name, codes in found.items() if codes}


@pytest.mark.parametrize("language", ["nl", "en"])
def test_a_rule_and_a_reason_are_of_each_other(language: str) -> None:
    told = {key.split(".")[2] for key in catalogue(language) if key.startswith("release.rules.")}
    assert told == rule_codes() == {one.code for one in registry.all_rules()}
    texts = catalogue(language)
    for code in told:
        assert texts[f"release.rules.{code}.title"] and texts[f"release.rules.{code}.explanation"]


def test_every_rule_has_a_row_with_its_function_its_source_and_its_floors() -> None:
    rows = {row["rule"]: row for row in rules_table()}
    assert set(rows) == rule_codes()
    for one in registry.all_rules():
        row = rows[one.code]
        assert f"`{one.function.__module__}.{one.function.__qualname__}`" in row["function"]
        assert one.source and one.source in row["source"]
        assert all(f"`{key}`" in row["default"] for key in one.reads)
        for key in one.reads:
            assert sum(key in model.model_fields for model in (Disclosure, Diagnostics, Pooling)) == 1


def test_a_code_that_a_module_gives_is_registered_by_a_function_of_it() -> None:
    own: dict[str, set[str]] = {}
    for one in registry.all_rules():
        own.setdefault(one.function.__module__.rpartition(".")[2], set()).add(one.code)
    given = codes_by_module()
    assert given["beside"] and given["moved"]
    beside = {"censored": {code for code in given["censored"] if code != rules.CLASS_FLOOR}}
    for name, codes in given.items():
        if name not in OTHERS:
            assert codes - beside.get(name, set()) <= own.get(name, set()), name
    of_thresholds = {one.code for one in registry.all_rules() if one.kind in ("threshold", "moved")}
    for name in ("crossed", "moved", "crossed_grids"):
        assert given[name] <= of_thresholds, name


def test_a_rule_that_is_registered_runs(
    study: Study, make_site: Callable[..., SiteResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    block = make_site().questions[0].analyses[0]
    monkeypatch.setattr(registry, "_FOUND", [*registry._FOUND])
    limits = rules.Limits.of(study)
    assert rules.broken_rules(block, limits) == ()
    registry.rule("block", "release-no-such", "a test")(lambda analysis, limits: analysis is not block)
    assert rules.broken_rules(block, limits) == ("release-no-such",)


def test_what_rules_judge_are_parts_of_documents_and_every_kind_judges_one() -> None:
    paths = [path for fields in (*FIELDS.values(), POOL) for path in fields]
    for one in registry.JUDGED:
        assert any(path.startswith(f"{one}[]") for path in paths), one
    kinds = {one.kind for one in registry.all_rules()}
    assert kinds == {kind for of in registry.JUDGED.values() for kind in of}
    assert any(field.rule == "release-pool-not-publishable" for field in POOL.values())


def test_what_can_be_held_back_of_a_list_is_among_the_rules_that_judged_it(
    study: Study, make_site: Callable[..., SiteResult], identity: ReleaseIdentity
) -> None:
    few = make_site(helped=(29, 900), households=(420, 310, 260, 230, 9))
    held = build_release(few, study=study, identity=identity).suppressions
    of_blocks = {entry.rule for _, entry in held if entry.what == "block"}
    assert "release-arm-floor" in of_blocks
    assert of_blocks <= set(registry.judged("questions[3].analyses"))
    assert registry.judged("questions[0].attrition") == ()
