"""What can be typed, set, released or printed is on the pages, and the pages are made from today's code."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

import pytest
from causalsig_cli.explain import known_codes

from causalsig.release.around_fields import AROUND
from causalsig.release.kinds import FIELDS
from causalsig.release.pool_fields import POOL
from causalsig.study.inventory import Inventory
from causalsig.study.models import Study
from evidence import (
    api_page,
    codes_page,
    fields_page,
    forest_page,
    glossary_page,
    house_page,
    reference_page,
)

ROOT = Path(__file__).parents[2]
MADE = {
    str(path.relative_to(ROOT)): text
    for module in (reference_page, codes_page, api_page, glossary_page, house_page, forest_page)
    for path, text in module.files(ROOT)
}


def read(page: str) -> str:
    return (ROOT / page).read_text("utf-8")


@pytest.mark.parametrize("page", MADE)
def test_a_page_is_made_from_todays_code(page: str) -> None:
    assert read(page) == MADE[page], "run `python -m evidence page`"


def named_options() -> set[str]:
    """Long names in the source itself, which the page is not made of."""
    calls = [
        node
        for file in (ROOT / "cli/causalsig_cli").glob("*.py")
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "typer.Option"
    ]
    words = [word.value for call in calls for word in call.args if isinstance(word, ast.Constant)]
    parts = [part for word in words if isinstance(word, str) for part in word.split("/")]
    return {part for part in parts if part.startswith("--")}


def test_every_option_that_the_source_names_is_on_the_page() -> None:
    text = read(reference_page.CLI)
    assert len(named_options()) > 10
    assert {name for name in named_options() if f"`{name}`" not in text} == set()


def test_every_command_has_a_heading_and_every_option_says_what_it_does() -> None:
    text, rows = read(reference_page.CLI), []
    for path, command in reference_page.commands():
        assert f"\n## {path}\n" in text
        rows += reference_page.option_rows(path, command)
    assert len(rows) > 200
    said = [row["meaning"].split("One of")[0].strip() for row in rows]
    assert [row["option"] for row, words in zip(rows, said, strict=True) if not words] == []


def test_every_key_of_study_and_inventory_is_on_the_page_with_what_it_means() -> None:
    text = read(reference_page.KEYS)
    silent, absent = [], []
    for root in (Study, Inventory):
        for model, (path, *_) in reference_page.models(root).items():
            for name in model.model_fields:
                silent += [] if reference_page.meaning(model, name) else [f"{path}{name}"]
                absent += [] if f"| `{path}{name}` |" in text else [f"{path}{name}"]
    assert (silent, absent) == ([], []), "say it in evidence/key_words.toml"


def test_no_meaning_is_written_for_a_key_that_is_gone_or_speaks_for_itself() -> None:
    keys = {
        (model.__module__.split(".")[-1], model.__name__, name)
        for root in (Study, Inventory)
        for model in reference_page.models(root)
        for name, field in model.model_fields.items()
        if not field.description
    }
    written = tomllib.loads(reference_page.WORDS.read_text("utf-8"))
    told = {
        (module, model, name)
        for module, models in written.items()
        for model, names in models.items()
        for name in names
    }
    assert told - keys == set()


def test_keys_of_the_packaged_study_are_on_the_page() -> None:
    """Read from the file that is shipped: the paths that are made from the models are those a file has."""
    text = read(reference_page.KEYS)
    study = tomllib.loads((ROOT / "causalsig/study/studies/vroegsignalering.toml").read_text("utf-8"))
    free = {"method_map", "costs_eur", "capacity", "exposures"}

    def paths(value: object, path: str) -> set[str]:
        if isinstance(value, list):
            return {found for item in value for found in paths(item, f"{path}[]")} | {path}
        if not isinstance(value, dict) or path.split(".")[-1] in free:
            return {path}
        if path == "graph.nodes":
            return {found for item in value.values() for found in paths(item, "graph.nodes{}")} | {path}
        begin = f"{path}." if path else ""
        return {found for name, item in value.items() for found in paths(item, f"{begin}{name}")}

    found = {path.removesuffix("[]") for path in paths(study, "")} - {"graph.nodes{}"}
    assert len(found) > 30
    assert sorted(path for path in found if f"`{path}`" not in text) == []


def test_every_field_of_every_document_is_on_the_page() -> None:
    text = read(fields_page.PAGE)
    fields = [path for kind in (*FIELDS.values(), POOL, *AROUND.values()) for path in kind]
    assert len(fields) > 100
    assert [path for path in fields if f"| `{path}` |" not in text] == []


@pytest.mark.parametrize("language", codes_page.ALL)
def test_every_code_is_on_the_page_of_each_language(language: str) -> None:
    text = read(codes_page.ALL[language])
    assert len(known_codes()) > 400
    assert [code for code in known_codes() if f"| `{code}` |" not in text] == []


def test_every_gate_has_a_page_that_says_what_to_do_in_both_languages() -> None:
    words = codes_page.words()
    assert set(words) == set(codes_page.gate_codes())
    assert {path.stem for path in (ROOT / codes_page.GATES).glob("*.md")} == {*words, "index"}
    for code, own in words.items():
        assert len(own["en"]) == len(own["nl"]) >= 2, code
        assert set(own["keys"]) <= set(codes_page.study_defaults()), code


@pytest.mark.parametrize("code", codes_page.gate_codes())
def test_a_gate_that_only_advises_is_not_said_to_withhold(code: str) -> None:
    """The text of the code and the effect beside it do not contradict each other."""
    explanation = codes_page._text(code, "en")[1]
    effect = codes_page.words()[code]["effect"]
    if "closes nothing" in explanation or "effect of crossing stands" in explanation:
        assert effect == "warns"
    if re.search(r"[Nn]o effect (is|was) computed|effect is not (computed|shown)", explanation):
        assert effect == "withholds"
    if "do not enter the pool" in explanation:
        assert effect == "unpooled"


@pytest.mark.parametrize("module", api_page.MODULES)
def test_every_public_name_and_method_has_a_heading_and_says_what_it_is(module: str) -> None:
    """Names are read from the source of the room, which the page is not made of."""
    source = ast.parse((ROOT / f"{module.replace('.', '/')}/__init__.py").read_text("utf-8"))
    listed = next(
        ast.literal_eval(node.value)
        for node in source.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
    )
    text = read(api_page.page_of(module))
    assert len(listed) > 30
    assert [name for name in listed if f"\n## {name}\n" not in text] == []
    things = dict(api_page.public(module))
    inner = {
        f"{name}.{method}": item for name, thing in things.items() for method, item in api_page.methods(thing)
    }
    assert len(inner) > 10
    assert [name for name in inner if f"\n### {name}\n" not in text] == []
    made_by_itself = [name for name, thing in things.items() if (thing.__doc__ or "").startswith(f"{name}(")]
    silent = [name for name, thing in {**things, **inner}.items() if callable(thing) and not thing.__doc__]
    assert (made_by_itself, silent) == ([], [])
    assert " object at 0x" not in text
