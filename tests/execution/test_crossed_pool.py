"""Q3 from an invented municipality's release on: checked by its table, pooled, and on both pages."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from causalsig_cli.app import main

from causalsig.execution.analyse import analyse_site
from causalsig.execution.truth import inventory_site
from causalsig.pooling import pool_arms
from causalsig.pooling.moved import MovedThresholds
from causalsig.pooling.thresholds import thresholds_of_sites
from causalsig.pooling.thresholds_again import estimate_again, has_table
from causalsig.release.build import CheckedRelease, ReleaseIdentity, build_release, released_arms
from causalsig.release.crossed_read import released_moves, released_thresholds
from causalsig.release.documents import EstimatesDocument
from causalsig.release.keys import new_keys
from causalsig.release.life import write_review
from causalsig.release.pool_document import PoolDocument, build_pool_document, pool_result
from causalsig.report.gather import municipality_page, national_page
from causalsig.report.render import municipality_html, national_html
from causalsig.simulation import draw_sites, load_scenario, simulate_site
from causalsig.study.digest import study_digest
from causalsig.study.models import Study
from causalsig.study.read import default_study_text, read_study
from tests.execution.conftest import DECLARED, SMALL_ARMS
from tests.release.desk import approve_both
from tests.release.memories import memory_for

DAY = date(2027, 3, 1)
SITES = 8


@pytest.fixture(scope="module")
def checked(study: Study) -> CheckedRelease:
    """Release of one municipality whose rule changed."""
    scenario = load_scenario("threshold_change", "modest")
    (spec,) = draw_sites(scenario, 1, 3, inhabitants=60_000, retention="full")
    made = simulate_site(spec, scenario, 1, months=30, truth=False)
    site = inventory_site(spec, months=30, extracted_on=scenario.extracted_on)
    result = analyse_site(made.tables, study, site, spec.matching)
    identity = ReleaseIdentity(study_digest(study), "b" * 64, "0.1.0", "c" * 64)
    return build_release(result, study=study, identity=identity)


@pytest.fixture(scope="module")
def document(checked: CheckedRelease) -> EstimatesDocument:
    return checked.document


@pytest.fixture(scope="module")
def documents(document: EstimatesDocument) -> list[EstimatesDocument]:
    """Give as many municipalities with the same numbers: a pool must then give these back."""
    return [document.model_copy(update={"site_code": f"{k:064x}"}) for k in range(SITES)]


def pooled(documents: list[EstimatesDocument], study: Study, without: str | None = None) -> Any:
    blocks = [block for one in documents for block in released_arms(one) if block.site != without]
    found = thresholds_of_sites(
        [row for one in documents for row in released_thresholds(one)], study.pooling, without=without
    )
    kind: Any = "all" if without is None else "others"
    pool = pool_arms(blocks, study, study_digest(study), kind=kind)
    pool = replace(pool, thresholds=found.rows, curves=found.curves if without is None else ())
    text = build_pool_document(pool, recipient=without).model_dump_json()
    return pool_result(PoolDocument.model_validate_json(text))


def test_the_released_table_gives_the_released_number(document: EstimatesDocument) -> None:
    blocks = [block for block in released_thresholds(document) if has_table(block)]
    assert blocks
    for block in blocks:
        found = estimate_again(block)
        # Fourteen bins are too few to check it, but near it they are.
        assert found.agrees is not False and found.away is not None and found.away < 0.5, (
            block.cutoff,
            block.estimand,
            found.away,
        )


def test_municipalities_with_one_number_are_pooled_to_it(
    documents: list[EstimatesDocument], study: Study
) -> None:
    own = [row for row in released_thresholds(documents[0]) if row.primary and row.estimand == "E1"]
    pool = pooled(documents, study)
    row = next(row for row in pool.thresholds if (row.outcome, row.estimand) == (own[0].outcome, "E1"))
    assert row.sites == SITES and (row.below, row.above) == (own[0].below, own[0].above)
    estimates = [block.estimate for block in own]
    step = 2 * max(block.steps for block in own)
    assert min(estimates) - step <= row.estimate <= max(estimates) + step
    assert row.std_error < min(block.std_error for block in own)
    # Two cutoffs are no curve.
    assert [curve.refusal for curve in pool.curves] == ["meta-few-cutoffs"] * len(pool.curves)


def test_both_pages_tell_it(documents: list[EstimatesDocument], study: Study) -> None:
    others = pooled(documents, study, without=documents[0].site_code)
    page = municipality_page(documents[0], others, study, name="Verzonnen", written_on=DAY)
    html = municipality_html(page, "nl")
    assert 'id="threshold-wide-title"' in html and "In 7 andere gemeenten" in html
    assert documents[0].site_code[:8] not in html
    whole = national_page(pooled(documents, study), study, written_on=DAY, documents=documents)
    public = national_html(whole, "nl")
    assert 'id="threshold"' in public and 'id="threshold-site-1"' not in public


def test_moved_thresholds_go_from_releases_into_the_pool_and_onto_both_pages(
    documents: list[EstimatesDocument], study: Study
) -> None:
    blocks = [row for one in documents for row in released_thresholds(one)]
    moves = [row for one in documents for row in released_moves(one)]
    assert study.questions.threshold is not None and moves
    moved = MovedThresholds(moves, blocks, study.pooling, study.questions.threshold.moving.slope_bound)
    rows = moved.pooled()
    assert {row.part for row in rows} == {move.part for move in moves}
    own = {one.move.part: one.band for one in moved.answers() if one.move.site == documents[0].site_code}
    for row in rows:
        band = own[row.part]
        assert row.sites + row.unanswered == SITES
        if band is None:
            assert row.refusal == "estimation-no-route"
        elif len([one for one in moves if (one.site, one.part) == (documents[0].site_code, row.part)]) == 1:
            assert row.estimate == pytest.approx(band.estimate, abs=1e-9)
    code = documents[0].site_code
    others = replace(
        pooled(documents, study, without=code),
        moves=moved.pooled(code),
        moved_by_others=moved.by_others(code),
    )
    text = build_pool_document(others, recipient=code).model_dump_json()
    read = pool_result(PoolDocument.model_validate_json(text))
    page = municipality_page(documents[0], read, study, name="Verzonnen", written_on=DAY)
    assert page.thresholds is not None and page.thresholds.gates
    assert len(page.thresholds.moves) == len([one for one in moves if one.site == code])
    html = municipality_html(page, "nl")
    assert 'id="threshold-moved"' in html and 'id="threshold-checks"' in html
    whole = replace(pooled(documents, study), moves=rows)
    public = national_html(national_page(whole, study, written_on=DAY, documents=documents), "nl")
    assert 'id="threshold-moved"' in public


def again(*arguments: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["release", "thresholds", *map(str, arguments)])
    return int(ended.value.code or 0)


def test_the_pool_command_prints_each_candidate_with_its_routes(
    checked: CheckedRelease, study: Study, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keys, outbox = tmp_path / "keys", tmp_path / "outbox"
    new_keys(keys, demo=True)
    write_review(tmp_path / "site", checked, memory=memory_for(tmp_path / "site"))
    approve_both(tmp_path / "site", keys, outbox, demo=True)
    path = tmp_path / "study.toml"
    text = default_study_text().replace(DECLARED, f"expected_risk = {SMALL_ARMS}")
    path.write_text(text, encoding="utf-8")
    assert study_digest(read_study(path)) == study_digest(study)
    files = (path, outbox, "--keys", keys, "--out", tmp_path / "pooled", "--demo")
    with pytest.raises(SystemExit) as ended:
        main(["pool", *map(str, files)])
    assert not ended.value.code
    said = [line for line in capsys.readouterr().out.splitlines() if line.startswith("threshold moved")]
    moves = released_moves(checked.document)
    assert len(said) == len({(move.below, move.above, move.part) for move in moves}) > 0
    answered = sum(move.band is not None for move in moves)
    assert answered and sum(" by " in line for line in said) == len(
        {(move.below, move.above, move.part) for move in moves if move.band is not None}
    )


def test_the_command_tells_whether_a_signed_number_is_its_tables(
    checked: CheckedRelease, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keys = tmp_path / "keys"
    new_keys(keys, demo=True)
    write_review(tmp_path / "site", checked, memory=memory_for(tmp_path / "site"))
    file = approve_both(tmp_path / "site", keys, tmp_path / "outbox", demo=True)
    assert again(file, "--keys", keys, "--demo") == 0
    said = capsys.readouterr().out
    assert "from its table" in said and "bandwidth x 0.5" in said and "placebo at" in said
    assert "moved to 75%" in said and "  changed_band\n    contacts a year" in said
    verdicts = said.count("  agrees: ") + said.count("  cannot be checked from so few bins: ")
    assert verdicts == said.count("released ") and "DOES NOT" not in said
    assert again(file, "--keys", keys, "--demo", "--format", "json") == 0
    for one in json.loads(capsys.readouterr().out):
        assert one["agrees"] is not False and one["rows"][0]["kind"] == "table"
        beside = one["estimand"] == "E1" and one["outcome"] == "any_new_arrears_3m"
        assert [move["part"] for move in one["moves"]] == ([0.5, 0.75, 1.5, 2.0] if beside else [])
