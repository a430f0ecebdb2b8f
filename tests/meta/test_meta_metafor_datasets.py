"""Agreement with R's metafor on data sets of metadat (pinned by reference/metafor_datasets.R).

Every other data set; the evidence claim `metafor_agreement` compares all of them.
"""

from __future__ import annotations

import numpy as np
import pytest

from causalsig.meta import random_effects
from evidence.claims import metafor_agreement as claim

PINNED = claim.read_pinned()


@pytest.mark.parametrize("name", sorted(PINNED["datasets"])[::2])
def test_every_shared_quantity_equals_metafor(name: str) -> None:
    rows = claim.compare(name, PINNED["datasets"][name])
    assert len(rows) > 100
    worst = max(rows, key=lambda row: row.gap / row.tolerance)
    assert worst.gap <= worst.tolerance, worst


def test_waves_within_sites_equal_metafor() -> None:
    for row in claim.compare_two_level(PINNED):
        assert row.gap <= row.tolerance, row


def test_the_comparison_would_notice_a_difference() -> None:
    """A variance half a millionth larger is more than the tolerance everywhere it should be."""
    pinned = PINNED["datasets"]["hackshaw1998"]
    changed = pinned | {"variances": list(np.array(pinned["variances"]) * (1 + 5e-7))}
    rows = claim.compare("hackshaw1998", changed)
    assert sum(row.gap > row.tolerance for row in rows) > 50


def test_metafors_no_intercept_defect_is_not_copied() -> None:
    data = PINNED["datasets"]["bcg_ablat_year"]
    latitude = np.array(data["moderators"])[:, 0]
    ours = random_effects(data["estimates"], data["variances"], moderators=latitude, intercept=False)
    assert ours.tau2 == pytest.approx(0.086, abs=5e-4)
    assert PINNED["no_intercept_ablat_tau2"] == pytest.approx(0.299, abs=5e-4)
