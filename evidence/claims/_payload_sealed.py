"""Words of withdrawal and masked contributions, drawn at random: small documents that leave signed by one."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from causalsig.release.masked_documents import MaskedContribution
from causalsig.release.masks import add_masks, fixed_point
from causalsig.release.withdrawal import WithdrawalDocument
from evidence.claims._payload_judged import Judged

if TYPE_CHECKING:
    from random import Random

    from causalsig.release.value_types import Closed

MODELS: Final[Mapping[str, type[Closed]]] = {
    "withdrawal": WithdrawalDocument,
    "masked_contribution": MaskedContribution,
}
SITES: Final = 12


def random_withdrawal(draw: Random) -> WithdrawalDocument:
    """Draw a word that takes a release back."""
    return WithdrawalDocument(
        kind="withdrawal",
        schema_version="0.1",
        of=draw.choice(("estimates", "profile", "monitor")),
        payload_hash=draw.randbytes(32).hex(),
        reason=draw.choice(("erasure", "error", "agreement_ended", "other")),
    )


@cache
def _roster() -> tuple[tuple[bytes, bytes], ...]:
    """Private and public keys of sites, once a process, in the order of the public ones."""
    keys = [X25519PrivateKey.generate() for _ in range(SITES)]
    pairs = [(one.private_bytes_raw(), one.public_key().public_bytes_raw()) for one in keys]
    return tuple(sorted(pairs, key=lambda pair: pair[1]))


def random_contribution(draw: Random) -> tuple[MaskedContribution, list[int]]:
    """Draw what a site adds to a masked sum; give the words before their masks too."""
    chosen = sorted(draw.sample(range(SITES), draw.randint(2, SITES)))
    roster = [_roster()[place] for place in chosen]
    private, public = draw.choice(roster)
    values = [draw.choice((0.0, 1.0, draw.gauss(0.0, 50.0))) for _ in range(draw.randint(1, 40))]
    words, asked = fixed_point(np.array(values)), draw.randbytes(32).hex()
    masked = add_masks(words, private, [one for _, one in roster], asked.encode())
    document = MaskedContribution(
        kind="masked_contribution",
        schema_version="0.1",
        round=asked,
        public_key=public.hex(),
        payload_hash=draw.randbytes(32).hex(),
        words=masked.astype(">u8").tobytes().hex(),
    )
    return document, [int(one) for one in words]


def judge_contribution(plain: list[int], said: Mapping[str, Any]) -> Judged:
    """Hold a contribution against the words before their masks: none stands as it was."""
    told = Judged()
    shown = [int(said["words"][at : at + 16], 16) for at in range(0, len(said["words"]), 16)]
    if len(shown) != len(plain):
        told.wrong.append("masked: another number of words than was asked")
    if any(one == other for one, other in zip(shown, plain, strict=False)):
        told.wrong.append("masked: a word without a mask")
    if len(set(shown)) < len(shown):
        told.wrong.append("masked: two words under one mask")
    return told
