"""Who acted on a release, as entities of its crate: by role and key, or inside by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from causalsig.release.crate_entities import Agent, Digest, Entity, Recorded, Ref
from causalsig.release.crate_words import WORDS
from causalsig.release.review_log import LogEntry

Approver = Literal["operator", "checker"]


def digest(at: str, words: str, value: str, *, keyed: bool = False) -> Digest:
    """Describe a digest, a keyed code or the id of a key; `words` is the key of its name."""
    return Digest(id=at, name=WORDS[words], property_id="HMAC-SHA256" if keyed else "SHA-256", value=value)


class People:
    """Who acted: roles by their keys, and inside, as the review records it, people by name."""

    def __init__(self, log: Sequence[LogEntry] | None, key_ids: Mapping[Approver, str]) -> None:
        self.key_ids, self.inside = key_ids, log is not None
        acts = [(entry.role, entry.name, entry.step) for entry in log or () if entry.role != "site"]
        # The last approval of a role is the one that stands.
        signers = {role: name for role, name, step in acts if step == "approved"}
        told = dict.fromkeys((role, name) for role, name, _ in acts)
        others = [(role, name) for role, name in told if signers.get(role) != name]
        self.ids: dict[tuple[Approver, str], str] = {
            (role, name): f"#{role}" for role, name in signers.items()
        }
        self.ids |= {(role, name): f"#{role}-{at}" for at, (role, name) in enumerate(others, start=2)}

    def ref(self, role: Approver, name: str = "") -> Ref:
        """Give the id of who acted in a role."""
        return Ref(id=self.ids[role, name] if self.inside else f"#{role}")

    def entities(self) -> Iterator[Entity]:
        """Describe everyone, with the keys of those who signed."""
        for role, key_id in sorted(self.key_ids.items()):
            yield digest(f"#{role}-key", f"key.{role}", key_id)
            if not self.inside:
                yield Agent(
                    id=f"#{role}",
                    type="Person",
                    name=WORDS[f"role.{role}"],
                    description=WORDS["role.about"],
                    identifier=Ref(id=f"#{role}-key"),
                )
        for (acted_as, name), at in self.ids.items():
            key = Ref(id=f"{at}-key") if at == f"#{acted_as}" else None
            yield Recorded(id=at, name=name, identifier=key, job_title=acted_as)
