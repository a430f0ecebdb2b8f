"""Truth, naive and pooled speak of the same sites: those whose primary block was released."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from causalsig.execution.comparison import compare, unadjusted_blocks
from causalsig.pooling import pool_arms
from causalsig.study.models import Study

ARMS = ["accepted", "not_accepted"]
OUTCOME = "any_new_arrears_3m"
SITES = {"9001": (0.10, 0.20), "9002": (0.14, 0.20), "9003": (0.90, 0.20)}
"""Unadjusted and true means alike; the third site's primary block was held back."""
EXACT = 1e-9  # sums of a few numbers


def record(code: str) -> dict[str, object]:
    analysis = {
        "outcome": OUTCOME,
        "estimand": "ATO",
        "estimator": "doubly_robust",
        "kind": "any",
        "months": 3,
        "primary": True,
        "reference": "not_accepted",
        "arms": ARMS,
        "unadjusted_means": list(SITES[code]),
        "unadjusted_covariance": [[1e-3, 0.0], [0.0, 1e-3]],
        "households": [400, 300],
    }
    return {"municipality": code, "questions": [{"question": "accepted_help", "analyses": [analysis]}]}


def test_a_site_that_was_held_back_is_in_no_column(tmp_path: Path, study: Study) -> None:
    for code, means in SITES.items():
        (tmp_path / "sites" / code).mkdir(parents=True)
        (tmp_path / "sites" / code / "site.json").write_text(json.dumps(record(code)), "utf-8")
        row = {"question": "accepted_help", "outcome": OUTCOME, "estimand": "ATO"}
        truth = {"means": [row | {"arms": dict(zip(ARMS, means, strict=True))}]}
        (tmp_path / f"{code}.json").write_text(json.dumps(truth), "utf-8")
    released = [
        replace(block, site=code * 16)
        for code in ("9001", "9002")
        for block in unadjusted_blocks([record(code)])
    ]
    pool = pool_arms(released, study, "")
    (row,) = compare(tmp_path / "sites", tmp_path, study, pool, {"accepted_help": ["9001", "9002"]})
    assert row.truth == pytest.approx(-0.08, abs=EXACT)
    # What was released here are the unadjusted means, so over the same sites the two pools are one.
    assert row.naive.estimate == pytest.approx(row.pooled.estimate, abs=EXACT)
    assert (row.naive.sites, row.pooled.sites, row.asked) == (2, 2, 3)
