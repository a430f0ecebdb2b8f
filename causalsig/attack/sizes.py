"""Which municipality a release is of, from how large it must be and the published counts of signals.

What a release says of its size: bands of households; effective sizes; and of every arm's mean the standard
error, which gives ``p(1-p) / SE²`` to some per cent. Releases and municipalities are laid beside each other
in order of size.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from causalsig.attack.attacks import Attack, Trial, dice
from causalsig.release.build import released_arms
from causalsig.release.grid import BANDS

if TYPE_CHECKING:
    from causalsig.attack.findings import SiteFindings
    from causalsig.release.documents import EstimatesDocument

ATTACK: Final = Attack(
    name="sizes",
    victim="municipality",
    source="Handbook: 92 % of sites recognised from the exact number of households, 7 % from hundreds",
    knows="how many signals, and how many households with one, each municipality had; every released number",
    guesses="which municipality a release is of",
    chance="one over the municipalities whose releases begin in the same band of households",
    held_by="bands, of which the top one is open; sizes as powers of the square root of two",
    off="the exact number of households",
)


def trials(sites: Sequence[SiteFindings], documents: Mapping[str, EstimatesDocument]) -> Iterator[Trial]:
    """Pair releases and municipalities by what leaves, and look the exact number up."""
    sizes = {one.site: size_of(documents[one.site]) for one in sites}
    seen = [one for one in sites if sizes[one.site] is not None]
    shared = Counter(band_of(documents[one.site]) for one in seen)
    by_public = sorted(seen, key=lambda one: (one.households, one.signals, one.municipality))
    by_release = sorted(seen, key=lambda one: (_place(documents[one.site]), sizes[one.site] or 0.0, one.site))
    paired = {release.site: public.site for release, public in zip(by_release, by_public, strict=True)}
    of_count: dict[int, list[str]] = {}
    for one in seen:
        of_count.setdefault(one.households, []).append(one.site)
    for one in seen:
        chance = 1.0 / shared[band_of(documents[one.site])]
        yield Trial(ATTACK.name, "on", one.site, paired[one.site] == one.site, chance)
        guess = str(dice(ATTACK.name, "off", one.site).choice(of_count[one.households]))
        yield Trial(ATTACK.name, "off", one.site, guess == one.site, chance)


def band_of(document: EstimatesDocument) -> str:
    """Band of the households that a release begins with, before any rule: what public counts compare with."""
    return next((row.before for one in document.questions for row in one.attrition), BANDS[0])


def _place(document: EstimatesDocument) -> int:
    return BANDS.index(band_of(document))


def size_of(document: EstimatesDocument) -> float | None:
    """Households that the arms of the first block of risks must have: the sum of ``p(1-p) / SE²``."""
    for block in released_arms(document):
        if block.kind == "any":
            return sum(
                max(mean * (1.0 - mean), block.covariance[at][at]) / block.covariance[at][at]
                for at, mean in enumerate(block.means)
            )
    return None
