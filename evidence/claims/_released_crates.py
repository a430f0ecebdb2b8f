"""Random documents that went through the whole door, and the crates and screens of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from random import Random
from typing import Final

from causalsig.errors import CausalsigError
from causalsig.release.crate import crate_files
from causalsig.release.folders import write_files
from causalsig.release.keys import read_trusted
from causalsig.release.kinds import FIELDS
from causalsig.release.life import read_review
from causalsig.report.acro import acro_files
from evidence.claims._payload_door import door_keys, through_the_door
from evidence.claims.random_payloads import KINDS

DAY: Final = date(2026, 11, 23)


@dataclass(frozen=True, slots=True)
class Released:
    """A document that left: its kind, the folder with its review, and the released file."""

    kind: str
    folder: Path
    file: Path

    def crate(self, out: Path, *, inside: bool) -> Path:
        """Write a crate of it."""
        review = self.folder if inside else None
        files = crate_files(self.file, trusted=read_trusted(door_keys()), published=DAY, review=review)
        return write_files(out, files)

    def screen(self, out: Path) -> Path:
        """Write its review as ACRO's results."""
        return write_files(out, acro_files(read_review(self.folder), "en"))


def released(top: Path, each: int, seed: int) -> Iterator[Released]:
    """Let `each` random documents of every kind leave; those that the rules refuse are drawn again."""
    for kind in sorted(FIELDS):
        draw, made = Random(f"{kind} {seed}"), 0
        while made < each:
            try:
                document, _ = KINDS[kind][1](draw)
            except CausalsigError:
                continue
            place = top / f"{kind}-{made}"
            through_the_door(document.model_dump(mode="json"), place)
            (file,) = (place / "outbox").iterdir()
            yield Released(kind, place / "9001", file)
            made += 1
