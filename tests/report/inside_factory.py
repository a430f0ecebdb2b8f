"""A site.json as a run writes it, of invented numbers."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np

from causalsig.execution.record import site_record
from causalsig.records import AttritionRow, BalanceRow, QuestionResult, Refusal, SiteResult, Verdict
from tests.release.conftest import question_result


def site_json(municipality: str = "9001") -> dict[str, Any]:
    """Give the site.json of a run with one answered and one refused question."""
    asked = replace(
        question_result("contact_method", (420, 310, 260, 230, 510), np.random.default_rng(3)),
        attrition=(AttritionRow("cohort-entry-window", 3_026, 2_086, 5_832, 3_481),),
        balance=(
            BalanceRow("log_amount", "home_visit", "letter", -0.84, -0.23, 0.02),
            BalanceRow("n_creditors", "home_visit", "letter", 0.31, 0.04, 0.02),
        ),
        verdicts=(Verdict("design", "gate-balance", False, 0.23, 0.1),),
    )
    refused = QuestionResult(
        "accepted_help", "refused", (), (), (), (), (Refusal("cohort-no-entry-window", "accepted_help"),)
    )
    result = SiteResult(municipality, "ab" * 32, date(2026, 6, 30), (asked, refused), ())
    found: dict[str, Any] = json.loads(json.dumps(site_record(result)))
    return found
