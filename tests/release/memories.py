"""What a run leaves beside a review for the ledger, of invented sites."""

from __future__ import annotations

from pathlib import Path

from causalsig.release import Memory
from causalsig.release.household_sets import cohort_sets
from causalsig.release.ledger import Ledger


def memory_for(folder: Path, *, first: int = 0, households: int = 5000) -> Memory:
    """Give what the ledger of the site's neighbours has to know of the site in `folder`."""
    Ledger(folder.parent / "ledger").create()
    members = (str(number) for number in range(first, first + households))
    return Memory(
        ledger=folder.parent / "ledger",
        site=(folder.name.encode().hex() * 64)[:64],
        floor=10,
        share_per_mille=330,
        cohorts=cohort_sets(b"p" * 32, folder.name, {"contact_method:3m14": members}),
    )
