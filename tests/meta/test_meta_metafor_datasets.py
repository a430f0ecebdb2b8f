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


def test_a_set_that_is_empty_for_one_of_the_two_is_a_difference() -> None:
    pinned = PINNED["datasets"]["yusuf1985_table_6"]
    assert random_effects(pinned["estimates"], pinned["variances"]).tau2_interval().empty
    filled = {row.quantity: row for row in claim.compare("yusuf", pinned | {"q_profile": [0.0, 0.1]})}
    assert filled["q_profile"].gap == np.inf
    other = PINNED["datasets"]["hackshaw1998"]
    emptied = {row.quantity: row for row in claim.compare("hackshaw1998", other | {"q_profile": [0, 0]})}
    assert emptied["q_profile"].gap == np.inf


def test_metafors_no_intercept_defect_is_not_copied() -> None:
    assert claim.no_intercept(PINNED) == pytest.approx(claim.NO_INTERCEPT, abs=5e-4)
