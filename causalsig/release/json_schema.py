"""The documents as JSON Schema 2020-12: what a reader without causalsig can hold one against.

Made from the closed models, never written by hand: ``python -m evidence page`` writes ``schemas/*.json`` of
this package and of the docs anew, and a test refuses others.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from pydantic import BaseModel

from causalsig.codes import CREDITOR_TYPES
from causalsig.release import kinds, masked_documents
from causalsig.release.around_fields import STUDY, WITHDRAWAL
from causalsig.release.envelope import MAX_SIGNATURES, PAYLOAD_TYPE
from causalsig.release.fields import Field
from causalsig.release.masked_fields import MASKED
from causalsig.release.monitor_document import GROUPS
from causalsig.release.paths import inner_model
from causalsig.release.pool_document import PoolDocument
from causalsig.release.pool_fields import POOL
from causalsig.release.profile_document import CODE_LISTS, COLUMNS
from causalsig.release.signed_study import StudySeal
from causalsig.release.vocabulary import COVARIATES, CUT_POINTS, known_codes, rule_codes
from causalsig.release.withdrawal import WithdrawalDocument

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
FOLDER: Final = Path(__file__).parent / "schemas"
DOCUMENTS: Final[Mapping[str, type[BaseModel]]] = MappingProxyType(
    {
        **kinds.MODELS,
        "pool": PoolDocument,
        "withdrawal": WithdrawalDocument,
        "study": StudySeal,
        **masked_documents.MODELS,
    }
)
NAMES: Final = (*DOCUMENTS, "envelope")
_FIELDS: Final[Mapping[str, Mapping[str, Field]]] = MappingProxyType(
    {**kinds.FIELDS, "pool": POOL, "withdrawal": WITHDRAWAL, "study": STUDY, **MASKED}
)
_BEYOND: Final = (
    "The shape only. A reader of causalsig also checks what a schema cannot say: that means lie on the grid "
    "their standard errors declare, that correlations are positive definite on theirs, that numbers stay "
    "within the budget of the households, that blocks stand beside what they are of, that a code belongs to "
    "its column, and what each version may carry."
)


def json_schema(name: str) -> dict[str, Any]:
    """Give the schema of one kind of document, or of the envelope that carries it.

    Parameters
    ----------
    name : str
        One of `NAMES`.
    """
    if name == "envelope":
        return _envelope()
    model = DOCUMENTS[name]
    found = model.model_json_schema(ref_template="#/$defs/{model}")
    definitions = found.pop("$defs", {})
    for at, own in {model.__name__: found, **definitions}.items():
        _close_lists(at, own)
    _describe(model, {model.__name__: found, **definitions}, _FIELDS.get(name, {}))
    definitions["Code"] = {"enum": sorted(known_codes()), "type": "string"}
    definitions["RuleCode"] = {"enum": sorted(rule_codes()), "type": "string"}
    used = json.dumps([found, definitions])
    kept = {at: own for at, own in sorted(definitions.items()) if f'"#/$defs/{at}"' in used}
    head = {"$schema": DIALECT, "$id": f"urn:causalsig:{name}", "$comment": _BEYOND}
    whole: dict[str, Any] = _plain({**head, **found, **({"$defs": kept} if kept else {})})
    return whole


def schema_text(name: str) -> str:
    """Write a schema as it stands in its file."""
    return json.dumps(json_schema(name), indent=1, ensure_ascii=False) + "\n"


def _lists() -> dict[tuple[str, str], Any]:
    """Give the lists of the strings that a model checks by a function of its own."""
    columns = sorted(set().union(*COLUMNS.values()))
    groups = sorted({group for listed in GROUPS.values() for group in listed})
    counted = {"enum": sorted({code for listed in CODE_LISTS.values() for code in listed})}
    asked = sorted({*COVARIATES, *CUT_POINTS, "calendar_month"})
    points = sorted({point for listed in CUT_POINTS.values() for point in listed})
    return {
        ("CodeEntry", "column"): {"enum": sorted({column for _, column in CODE_LISTS})},
        ("CodeEntry", "code"): counted,
        ("FindingEntry", "column"): {"enum": [*columns, None]},
        ("MissingEntry", "column"): {"enum": columns},
        ("ScaleEntry", "creditor_type"): {"enum": sorted(CREDITOR_TYPES)},
        ("ShareEntry", "group"): {"enum": groups},
        ("AbsentEntry", "group"): {"enum": sorted({"", *groups})},
        ("ConditionEntry", "question"): {"enum": asked},
        ("ConditionEntry", "value"): {"enum": [*points, None]},
        ("DifferenceEntry", "covariate"): {"enum": sorted(COVARIATES)},
    }


def _close_lists(name: str, model: dict[str, Any]) -> None:
    """Put a list where a model names a string, and its function knows which ones there are."""
    lists = _lists()
    for field, own in model.get("properties", {}).items():
        if (name, field) in lists:
            model["properties"][field] = lists[name, field]
            continue
        rule = (field == "rule" and name in ("SuppressionEntry", "HeldBack")) or field == "held"
        for place in _open_strings(own):
            place.clear()
            place["$ref"] = "#/$defs/RuleCode" if rule else "#/$defs/Code"


def _open_strings(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        if value.get("type") == "string" and not {"enum", "const", "pattern"} & set(value):
            yield value
        for inner in list(value.values()):
            yield from _open_strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _open_strings(inner)


def _describe(
    model: type[BaseModel], definitions: Mapping[str, dict[str, Any]], fields: Mapping[str, Field]
) -> None:
    """Say beside a field what the table of fields says of it, where it is the same wherever it stands."""
    said: dict[tuple[str, str], set[str]] = {}
    for owner, name, path in _walk(model, ""):
        row = fields.get(path)
        if row is not None:
            measure = "; ".join(part for part in (row.unit, row.grid) if part != "-")
            text = f"{row.meaning} ({measure})" if measure else row.meaning
            said.setdefault((owner, name), set()).add(text)
    for (owner, name), texts in said.items():
        if len(texts) == 1:
            definitions[owner]["properties"][name]["description"] = texts.pop()


def _walk(model: type[BaseModel], prefix: str) -> Iterator[tuple[str, str, str]]:
    """Yield every leaf as (model, field, path)."""
    for name, info in model.model_fields.items():
        inner, listed = inner_model(info.annotation)
        path = f"{prefix}{name}{'[]' if listed else ''}"
        if inner is None:
            yield model.__name__, name, path
        else:
            yield from _walk(inner, f"{path}.")


def _plain(value: Any) -> Any:
    """Leave out titles, which only repeat names, and what the class says of itself to programmers."""
    if isinstance(value, dict):
        return {
            key: _plain(inner)
            for key, inner in value.items()
            if not (key == "title" and isinstance(inner, str)) and key != "default"
        }
    return [_plain(inner) for inner in value] if isinstance(value, list) else value


def _envelope() -> dict[str, Any]:
    key, signature = r"^[0-9a-f]{64}$", r"^[A-Za-z0-9+/]{86}==$"
    one = {
        "type": "object",
        "additionalProperties": False,
        "required": ["keyid", "sig"],
        "properties": {
            "keyid": {"type": "string", "pattern": key, "description": "SHA-256 of the public key"},
            "sig": {"type": "string", "pattern": signature, "description": "Ed25519, base64"},
        },
    }
    payload = (
        'base64 of the RFC 8785 form of {"demo": true or false, "document": one of the other schemas, '
        '"ledger": head of the ledger of the provider and "told": digest of what it was told, both of a site}'
    )
    return {
        "$schema": DIALECT,
        "$id": "urn:causalsig:envelope",
        "$comment": "DSSE, protocol v1. Signatures are over its pre-authentication encoding.",
        "type": "object",
        "additionalProperties": False,
        "required": ["payload", "payloadType", "signatures"],
        "properties": {
            "payload": {
                "type": "string",
                "contentEncoding": "base64",
                "pattern": r"^[A-Za-z0-9+/]+={0,2}$",
                "description": payload,
            },
            "payloadType": {"const": PAYLOAD_TYPE},
            "signatures": {"type": "array", "minItems": 1, "maxItems": MAX_SIGNATURES, "items": one},
        },
    }
