"""Every attack of the disclosure handbook, on two hundred real releases: on, and off."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial

from causalsig.attack.findings import SiteFindings
from causalsig.attack.judge import Row
from causalsig.attack.replay import judged
from causalsig.execution.pool import open_folder
from causalsig.release.keys import read_trusted
from evidence.claim import Verdict
from evidence.claims import _chain
from evidence.claims._attack_sites import SEED, attacked_site, attacked_study, keys_in, numbers_of
from evidence.claims._coarser_sizes import coarser_sizes
from evidence.context import Context

CLAIM = """Whoever replays the attacks of the disclosure handbook on the signed releases of two hundred
invented municipalities, with ledger and gate on, finds out no more than by guessing, but for one thing:
which municipality a release is of, among those of its band, is guessed somewhat better, within ten percentage
points of chance (what it would cost to hide that is told beside it). With them off every attack succeeds, so
the attacks bite."""
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
COVERS = (*SIMULATES, *_chain.POOL, "causalsig/attack/*.py", "evidence/claims/_coarser_sizes.py")
SITES = 200
RELEASED = 160
"""So many must release something; of the others a gate withholds the effect, or an arm had too few."""
MARGIN = 0.1
"""With everything on no observed rate may be farther above chance than this, whatever its interval says: at
one half, 2.7 standard errors of 180 guesses."""
KNOWN_ABOVE = frozenset({"sizes"})
"""Better than chance in most draws of municipalities, if not in each: held to the margin, and said so."""


def is_wrong(row: Row) -> bool:
    """Say whether an attack is above chance with everything on, or shows nothing with everything off.

    Without the ledger alone a rate is told and not judged: the ledger is the defence, grids the second line.
    """
    if row.rate is None or row.chance is None:
        return True
    far = row.rate > row.chance + MARGIN
    above = row.verdict == "above chance" and row.attack not in KNOWN_ABOVE
    return row.verdict == "does not bite" or (row.setting == "on" and (above or far))


def run(context: Context) -> Verdict:
    """Attack all, pair and pool them, and judge every attack under every setting."""
    folder = context.work / f"releases-{context.digest[:16]}"
    keys = keys_in(folder)
    found = context.replicate(partial(attacked_site, folder=folder), numbers_of(SITES))
    opened = open_folder(folder / "outbox", read_trusted(keys), allow_demo=True)
    documents = {item.document.site_code: item.document for _, item in opened}
    sites = [SiteFindings.of(one) for one in found]
    released = [one for one in sites if one.trials]
    rows = judged(released, documents, attacked_study())
    wrong = [f"{row.attack} {row.setting}" for row in rows if is_wrong(row)]
    return {
        "passed": not wrong and len(released) >= RELEASED,
        "figures": {
            "municipalities": len(sites),
            "released": len(released),
            "attacks": [asdict(row) for row in rows],
            "coarser": coarser_sizes(released, documents, attacked_study()),
            "wrong": wrong,
        },
        "seed": SEED,
        "replications": len(found),
    }
