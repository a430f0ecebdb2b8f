"""All codes of municipalities, hashed in every way that needs no key, held against the codes of releases."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from causalsig.attack.attacks import Attack, Trial, dice

if TYPE_CHECKING:
    from causalsig.attack.findings import SiteFindings

ATTACK: Final = Attack(
    name="code-dictionary",
    victim="municipality",
    source="Handbook: all codes enumerated in 2 ms where the hash has no key",
    knows="the list of municipalities, the study, and how codes are made, without the provider's key",
    guesses="which municipality a release is of",
    chance="one over the municipalities",
    held_by="HMAC-SHA256 under the provider's key, over code and study",
    off="the same hash under a key that everybody knows",
)
KNOWN_KEYS: Final = (b"", b"causalsig", b"0" * 32, bytes(32))


def trials(sites: Sequence[SiteFindings], study_digest: str) -> Iterator[Trial]:
    """Try every code in every way."""
    public = [one.municipality for one in sites]
    tried = {made: code for code in public for made in _ways(code, study_digest)}
    for one in sites:
        known = hmac.new(b"", f"site\n{study_digest}\n{one.municipality}".encode(), hashlib.sha256)
        for setting, shown in (("on", one.site), ("off", known.hexdigest())):
            guess = tried.get(shown) or str(dice(ATTACK.name, setting, one.site).choice(public))
            right = guess == one.municipality
            yield Trial(ATTACK.name, setting, one.site, right, 1.0 / len(public))  # type: ignore[arg-type]


def _ways(code: str, study_digest: str) -> Iterator[str]:
    for text in (code, f"{study_digest}{code}", f"{code}{study_digest}", f"site\n{study_digest}\n{code}"):
        yield hashlib.sha256(text.encode()).hexdigest()
        for key in (*KNOWN_KEYS, study_digest.encode(), bytes.fromhex(study_digest)):
            yield hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
