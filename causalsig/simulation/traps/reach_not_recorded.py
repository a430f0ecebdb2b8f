"""Cases whose attempts say nothing on who was reached (``Bereikt`` is N.v.t.)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from causalsig.simulation import draws
from causalsig.simulation.traps.luck import luck_of_numbered

if TYPE_CHECKING:
    from causalsig.simulation.switches import ReachNotRecorded
    from causalsig.sources.schema import SiteTables


def reach_not_recorded(tables: SiteTables, law: ReachNotRecorded, key: int) -> SiteTables:
    """Leave reach out; what somebody answered on help stays."""
    attempts = tables.attempts
    silent = luck_of_numbered(key, draws.RESULT, attempts["case_id"]) < law.share
    return replace(tables, attempts=attempts.assign(reached=np.where(silent, np.nan, attempts["reached"])))
