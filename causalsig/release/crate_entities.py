"""The entities of a crate's metadata, closed: every text is on a list, every id and digest has a form.

RO-Crate 1.1 (https://w3id.org/ro/crate/1.1) is JSON-LD: a flat list of entities that name each other by
``@id``. What a person typed can only stand in the three fields of :class:`Recorded`, which a crate for
outside has none of.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

from causalsig.release.crate_words import PHRASES
from causalsig.release.value_types import Closed, Hash, Month, Version

METADATA = "ro-crate-metadata.json"
CONTEXT: Final = "https://w3id.org/ro/crate/1.1/context"
SPECIFICATION = "https://w3id.org/ro/crate/1.1"
PROFILE = "https://w3id.org/ro/wfrun/process/0.5"
DISCLOSURE_CHECK = "https://w3id.org/shp#DisclosureCheck"
"""Term by which a Five Safes RO-Crate marks the check of what may leave (https://w3id.org/5s-crate/0.4)."""
LICENSE = "https://spdx.org/licenses/Apache-2.0"
COMPLETED: Final = "http://schema.org/CompletedActionStatus"
FAILED: Final = "http://schema.org/FailedActionStatus"

_LOCAL = re.compile(r"#[a-z]+(-[a-z0-9]+)*")
_FILE = re.compile(r"[0-9a-f]{64}(\.wave[0-9]{1,3})?\.(release|profile|monitor)\.json|review\.json")
_PACKAGE = re.compile(r"pkg:generic/causalsig@[0-9a-z.]{1,30}")
_KEYS = {name: f"@{name}" for name in ("id", "type", "context", "graph")} | {"property_id": "propertyID"}
_KNOWN = frozenset({"./", METADATA, CONTEXT, SPECIFICATION, PROFILE, DISCLOSURE_CHECK, LICENSE})


def _phrase(text: str) -> str:
    if text not in PHRASES:
        raise ValueError("not a phrase of the crate's list")
    return text


def _id(text: str) -> str:
    if text not in _KNOWN and not any(form.fullmatch(text) for form in (_LOCAL, _FILE, _PACKAGE)):
        raise ValueError("not an id that a crate may have")
    return text


def _day(text: str) -> str:
    if date.fromisoformat(text).isoformat() != text:
        raise ValueError("not a day, year-month-day")
    return text


def _instant(text: str) -> str:
    if datetime.fromisoformat(text).tzinfo is None:
        raise ValueError("not an instant with its time zone")
    return text


Id = Annotated[str, AfterValidator(_id)]
Phrase = Annotated[str, AfterValidator(_phrase)]
Day = Annotated[str, AfterValidator(_day)]
Instant = Annotated[str, AfterValidator(_instant)]


def _key(name: str) -> str:
    """Name a field as JSON-LD does: ``@id``, ``datePublished``, ``propertyID``."""
    return _KEYS.get(name) or to_camel(name)


class Node(Closed):
    """Anything with an id; fields are written by the names that JSON-LD gives them."""

    model_config = ConfigDict(alias_generator=_key, populate_by_name=True)

    id: Id


class Ref(Node):
    """The id of an entity that is described elsewhere in the same list."""


class Descriptor(Node):
    """The metadata file itself."""

    type: Literal["CreativeWork"] = "CreativeWork"
    about: Ref
    conforms_to: Ref


class Root(Node):
    """The crate as a data set."""

    type: Literal["Dataset"] = "Dataset"
    name: Phrase
    description: Phrase
    date_published: Day
    conforms_to: Ref
    license: Ref
    author: Ref
    publisher: Ref
    has_part: tuple[Ref, ...] = Field(min_length=1)
    main_entity: Ref
    mentions: tuple[Ref, ...]
    creative_work_status: Literal["demo"] | None = None


class Work(Node):
    """A profile, the study, the extract, the document: something made that is not a file of the crate."""

    type: Literal["CreativeWork"] = "CreativeWork"
    name: Phrase
    description: Phrase | None = None
    identifier: Ref | None = None
    version: Annotated[str, Field(pattern=r"^[0-9]{1,4}(\.[0-9]{1,4})?$")] | None = None
    date_created: Month | None = None


class Term(Node):
    """A term of another vocabulary."""

    type: Literal["DefinedTerm"] = "DefinedTerm"
    name: Phrase


class File(Node):
    """A file of the crate; ``identifier`` is the SHA-256 of its bytes."""

    type: Literal["File"] = "File"
    name: Phrase
    description: Phrase
    encoding_format: Literal["application/json"] = "application/json"
    content_size: Annotated[str, Field(pattern=r"^[0-9]{1,9}$")]
    identifier: Ref
    is_based_on: Ref | None = None


class Digest(Node):
    """A digest, a keyed digest, a code, or the id of a key."""

    type: Literal["PropertyValue"] = "PropertyValue"
    name: Phrase
    property_id: Literal["SHA-256", "HMAC-SHA256"]
    value: Hash


class Software(Node):
    """The package that ran, with its version and the digest of all libraries that it ran with."""

    type: Literal["SoftwareApplication"] = "SoftwareApplication"
    name: Literal["causalsig"] = "causalsig"
    description: Phrase
    version: Version
    license: Ref
    identifier: Ref


class Agent(Node):
    """The site, or a person in a role; ``identifier`` is a keyed code or the id of a key."""

    type: Literal["Organization", "Person"]
    name: Phrase
    description: Phrase | None = None
    identifier: Ref | None = None


class Recorded(Node):
    """A person by name, as the review records it: in a crate that stays with the provider only."""

    type: Literal["Person"] = "Person"
    name: str = Field(max_length=200)
    identifier: Ref | None = None
    job_title: Literal["operator", "checker"]


class Action(Node):
    """Something done: by whom, with what, to what, with what result. PROV calls it an activity."""

    type: Literal["CreateAction", "AssessAction"]
    name: Phrase
    description: Phrase
    agent: Ref
    instrument: Ref | None = None
    object: tuple[Ref, ...] = Field(min_length=1)
    result: Ref | None = None
    additional_type: Ref | None = None
    action_status: Literal[
        "http://schema.org/CompletedActionStatus", "http://schema.org/FailedActionStatus"
    ] = COMPLETED
    end_time: Instant | None = None
    error: str | None = Field(default=None, max_length=2000)
    disambiguating_description: str | None = Field(default=None, max_length=2000)


Entity = Descriptor | Root | Work | Term | File | Digest | Software | Agent | Recorded | Action


class Metadata(Closed):
    """``ro-crate-metadata.json``, held to what RO-Crate 1.1 asks of the whole list.

    Raises
    ------
    ValueError
        An id twice, an id that nothing describes, an entity that nothing names, a file that is no part, an
        action that the data set does not mention, or a person's words in a crate for outside.
    """

    model_config = ConfigDict(alias_generator=_key, populate_by_name=True)
    inside: bool = Field(exclude=True)
    context: Literal["https://w3id.org/ro/crate/1.1/context"] = CONTEXT
    graph: tuple[Entity, ...] = Field(min_length=2)

    @model_validator(mode="after")
    def _holds_together(self) -> Metadata:
        ids = [entity.id for entity in self.graph]
        if len(set(ids)) != len(ids):
            raise ValueError("two entities have one id")
        named = {ref.id for entity in self.graph for ref in _refs(entity)}
        if not named <= set(ids) | {SPECIFICATION}:
            raise ValueError("an id is named that nothing describes")
        if set(ids) - named - {METADATA}:
            raise ValueError("an entity is described that nothing names")
        root = next(entity for entity in self.graph if isinstance(entity, Root))
        parts = {entity.id for entity in self.graph if isinstance(entity, File)}
        if {ref.id for ref in root.has_part} != parts:
            raise ValueError("the files are not the parts of the data set")
        actions = {entity.id for entity in self.graph if isinstance(entity, Action)}
        if {ref.id for ref in root.mentions} != actions:
            raise ValueError("an action is not mentioned by the data set")
        return self

    @model_validator(mode="after")
    def _tells_outside_only_what_is_signed(self) -> Metadata:
        typed = any(isinstance(entity, Recorded) for entity in self.graph)
        for one in (entity for entity in self.graph if isinstance(entity, Action)):
            typed = typed or (one.end_time, one.error, one.disambiguating_description) != (None, None, None)
        if typed and not self.inside:
            raise ValueError("a crate for outside carries what the review records")
        return self

    def values(self) -> dict[str, Any]:
        """Return it as it is written: one value of a property stands without a list."""
        found: dict[str, Any] = self.model_dump(mode="json", by_alias=True, exclude_none=True)
        graph = [{name: _alone(value) for name, value in entity.items()} for entity in found["@graph"]]
        return found | {"@graph": graph}


def _alone(value: Any) -> Any:
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def _refs(entity: Entity) -> Iterator[Ref]:
    for name in type(entity).model_fields:
        value = getattr(entity, name)
        if isinstance(value, Ref):
            yield value
        elif isinstance(value, tuple):
            yield from (one for one in value if isinstance(one, Ref))
