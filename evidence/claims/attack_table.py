"""Every attack of the disclosure handbook, on two hundred real releases: on, and off."""

from __future__ import annotations

from evidence.claims import _chain

CLAIM = """Whoever replays the attacks of the disclosure handbook on the signed releases of two hundred
invented municipalities, with ledger and gate on, finds out no more than by guessing; with them off every attack
succeeds, so the attacks bite."""
ISSUE = 12
SIMULATES = (
    *_chain.SITE,
    *_chain.files_of(
        {
            "attack": "attacks changed_record determined differences erasure extracts findings fine_bins"
            " float_channel overlapping saturated_dummies scene tree_leaves"
        }
    ),
    "causalsig/release/*.py",
    "evidence/claims/_attack_sites.py",
)
COVERS = (*SIMULATES, *_chain.POOL, "causalsig/attack/*.py")
SITES = 230
RELEASED = 200
"""So many must release something; the others are refused, as small municipalities are."""
