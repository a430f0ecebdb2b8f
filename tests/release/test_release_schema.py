"""The published schemas: made from the models, closed everywhere, and true of real documents of each kind."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from causalsig.records import SiteResult
from causalsig.release import ReleaseIdentity, build_pool_document, build_release, new_keys, read_signing_key
from causalsig.release.around_fields import ENVELOPE, PAYLOAD, STUDY, WITHDRAWAL
from causalsig.release.envelope import payload_bytes, seal_alone
from causalsig.release.json_schema import DOCUMENTS, NAMES, json_schema
from causalsig.release.masked_fields import MASKED
from causalsig.release.paths import exported_paths, leaves
from causalsig.release.strict_json import parse
from causalsig.study.models import Disclosure, Pooling, Study
from evidence import fields_page
from tests.release.desk import run
from tests.release.test_profile_document import FULL_MONITOR, FULL_PROFILE
from tests.release.test_release_documents import contrast, pool

Documents = dict[str, dict[str, Any]]
FREE = "a name or anything else"


@pytest.fixture(scope="module")
def documents(
    study: Study, make_site: Callable[..., SiteResult], identity: ReleaseIdentity, tmp_path_factory: Any
) -> Documents:
    keys = tmp_path_factory.mktemp("keys")
    new_keys(keys)
    made = {
        "estimates": build_release(make_site(), study=study, identity=identity).document,
        "profile": FULL_PROFILE,
        "monitor": FULL_MONITOR,
        "pool": build_pool_document(pool(contrast())),
    }
    found: Documents = {kind: json.loads(one.model_dump_json()) for kind, one in made.items()}
    found["withdrawal"] = {
        "kind": "withdrawal",
        "schema_version": "0.1",
        "of": "estimates",
        "payload_hash": "a" * 64,
        "reason": "erasure",
    }
    found["study"] = {"kind": "study", "schema_version": "0.1", "study_digest": "b" * 64}
    site = {"public_key": "d" * 64, "site_code": "e" * 64}
    whole = {"schema_version": "0.1", "study_digest": "b" * 64, "wave": 1}
    found["masked_key"] = {"kind": "masked_key", **whole, **site}
    found["masked_contribution"] = {
        "kind": "masked_contribution",
        "schema_version": "0.1",
        "round": "c" * 64,
        "public_key": "d" * 64,
        "payload_hash": "a" * 64,
        "words": "0" * 64,
    }
    row = {
        "question": "contact_method",
        "outcome": "any_new_arrears_3m",
        "estimand": "ATO",
        "estimator": "doubly_robust",
        "arm": "phone",
        "reference": "letter",
    }
    found["masked_round"] = {
        "kind": "masked_round",
        **whole,
        "stage": "grid",
        "unit_exponent": -6,
        "step_exponent": 2,
        "points": 3,
        "precision": 8,
        "rows": [row],
        "variances": [2**30, 2**30],
        "sites_with": [30],
        "roster": [site],
    }
    sealed = seal_alone(found["estimates"], read_signing_key(keys, "university"), demo=False)
    return found | {"envelope": parse(sealed)}


@cache
def validator(name: str) -> Draft202012Validator:
    return Draft202012Validator(json_schema(name))


def holds(name: str, document: Any) -> bool:
    return bool(validator(name).is_valid(document))


def test_the_files_are_those_that_the_models_make() -> None:
    for path, content in fields_page.files():
        assert path.read_text("utf-8") == content, f"{path.name}: run `python -m evidence page`"


@pytest.mark.parametrize("name", NAMES)
def test_each_is_a_schema_of_the_dialect_it_names(name: str) -> None:
    Draft202012Validator.check_schema(json_schema(name))


@pytest.mark.parametrize("name", NAMES)
def test_a_real_document_holds_and_is_the_only_kind_that_does(name: str, documents: Documents) -> None:
    assert [other for other in NAMES if holds(other, documents[name])] == [name]


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_open(name: str) -> None:
    """No object takes unknown fields, no string is free, no number is broken, no integer unbounded."""

    def parts(value: Any) -> Iterator[dict[str, Any]]:
        if isinstance(value, dict):
            yield value
            for inner in value.values():
                yield from parts(inner)
        elif isinstance(value, list):
            for inner in value:
                yield from parts(inner)

    for part in parts(json_schema(name)):
        kind = part.get("type")
        assert kind != "number", part
        if kind == "object":
            assert part["additionalProperties"] is False, part
        if kind == "string":
            assert {"enum", "const", "pattern"} & set(part), part
            assert "pattern" not in part or part["pattern"][0] + part["pattern"][-1] == "^$", part
        if kind == "integer":
            assert {"minimum", "maximum"} <= set(part) or {"enum", "const"} & set(part), part


@pytest.mark.parametrize("name", NAMES)
def test_spoiling_any_one_value_is_seen(name: str, documents: Documents) -> None:
    """A free word in place of a string or a code, a broken number in place of a whole one."""
    document = documents[name]
    seen: set[str] = set()
    for place, path, value in leaves(document):
        if path in seen or isinstance(value, bool):
            continue
        seen.add(path)
        for wrong in (FREE, 0.5, {"x": 1}):
            spoiled = json.loads(json.dumps(document))
            _put(spoiled, place, wrong)
            assert not holds(name, spoiled), (path, type(value).__name__, wrong)
    assert len(seen) >= 3


@pytest.mark.parametrize("name", sorted(DOCUMENTS))
def test_an_unknown_field_is_seen_wherever_it_stands(name: str, documents: Documents) -> None:
    def objects(value: Any) -> Iterator[dict[str, Any]]:
        if isinstance(value, dict):
            yield value
        for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            yield from objects(inner)

    spoiled = json.loads(json.dumps(documents[name]))
    for one in objects(spoiled):
        one["remark"] = 1
        assert not holds(name, spoiled)
        del one["remark"]
    assert holds(name, spoiled)


def test_one_command_prints_it(capsys: pytest.CaptureFixture[str]) -> None:
    for name in NAMES:
        assert run("release", "schema", name) == 0
        assert json.loads(capsys.readouterr().out) == json_schema(name)


def test_the_page_has_a_row_for_every_field_and_every_rule() -> None:
    text = (fields_page.ROOT / fields_page.PAGE).read_text("utf-8")
    for kind, fields in {**fields_page.FIELDS, "pool": fields_page.POOL}.items():
        section = text.split(f"\n## {kind.capitalize()}\n")[1].split("\n## ")[0]
        assert [line.split("`")[1] for line in section.splitlines() if line.startswith("| `")] == list(fields)
    for row in fields_page.rules_table():
        assert f"\n### {row['rule']}\n\n{row['English']}\n\n{row['Nederlands']}\n" in text
        assert row["source"] in text and row["function"] in text


def test_every_rule_that_a_field_names_has_its_heading_and_its_floor_is_the_models() -> None:
    text = (fields_page.ROOT / fields_page.PAGE).read_text("utf-8")
    named = set(re.findall(r"\]\(#(release-[a-z-]+)\)", text))
    assert named and named <= set(re.findall(r"(?m)^### (release-[a-z-]+)$", text))
    told = {row["rule"]: row["default"] for row in fields_page.rules_table()}
    assert told["release-arm-floor"] == f"`min_households_arm` = {Disclosure().min_households_arm}"
    assert told["release-pool-not-publishable"].startswith(f"`min_sites` = {Pooling().min_sites}, ")


def test_what_stands_around_a_document_is_in_the_table_and_nothing_else(documents: Documents) -> None:
    envelope = json_schema("envelope")
    signature = envelope["properties"]["signatures"]["items"]["properties"]
    own = {name for name in envelope["properties"] if name != "signatures"}
    assert set(ENVELOPE) == own | {f"signatures[].{name}" for name in signature}
    assert {path for _, path, _ in leaves(documents["envelope"])} == set(ENVELOPE)
    assert set(exported_paths(DOCUMENTS["withdrawal"])) == set(WITHDRAWAL)
    assert set(exported_paths(DOCUMENTS["study"])) == set(STUDY)
    for kind, fields in MASKED.items():
        assert set(exported_paths(DOCUMENTS[kind])) == set(fields)
    around = payload_bytes({}, demo=True, ledger="a" * 64, told="b" * 64)
    assert set(json.loads(around)) == {"document", *PAYLOAD}


def _put(document: Any, place: str, value: Any) -> None:
    steps: list[str | int] = []
    for name in place.split("."):
        head, *indices = name.replace("]", "").split("[")
        steps += [head, *map(int, indices)]
    for step in steps[:-1]:
        document = document[step]
    document[steps[-1]] = value


def test_the_schemas_are_in_the_package() -> None:
    from importlib.resources import files

    folder = Path(str(files("causalsig.release"))) / "schemas"
    assert sorted(path.stem for path in folder.iterdir()) == sorted(NAMES)
