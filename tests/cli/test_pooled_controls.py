"""Negative controls travel from the study file through releases to the pool, as any outcome does."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from causalsig.execution.pool import pool_folder
from causalsig.release.keys import new_keys, read_trusted
from causalsig.release.signed import read_pool
from causalsig.study.digest import study_digest
from causalsig.study.read import default_study_text, read_study
from tests.cli.conftest import release

CONTROL = "any_all_3m"


def test_a_named_control_is_tested_again_in_the_pool(run: Any, analysed: Any, tmp_path: Path) -> None:
    path = tmp_path / "study.toml"
    path.write_text(
        f'{default_study_text()}\n[falsification]\nnegative_controls = ["{CONTROL}"]\n', encoding="utf-8"
    )
    study = read_study(path)
    new_keys(tmp_path / "keys", demo=True)
    for code in ("9001", "9002"):
        release(tmp_path, replace(analysed, study_digest=study_digest(study)), study, code)
    out = tmp_path / "pooled"
    pool = pool_folder(path, tmp_path / "outbox", tmp_path / "keys", out, allow_demo=True).pool
    tested = {row.question: row for row in pool.controls}
    contrasts = {
        c.question: c
        for c in pool.contrasts
        if c.question in tested
        and (c.outcome, c.estimator, c.arm) == (CONTROL, tested[c.question].estimator, tested[c.question].arm)
        and c.estimand == tested[c.question].estimand
    }
    assert tested and set(tested) == set(contrasts)
    for question, row in tested.items():
        assert (row.outcome, row.sites) == (CONTROL, 2)
        # One control: Holm's p-value is its own, in the document rounded down and the contrast's up.
        assert row.p_value == pytest.approx(contrasts[question].p_value, abs=0.001 + 1e-9)
    assert pool.calibrated == ()
    files = (tmp_path / "outbox", "--keys", tmp_path / "keys")
    said = run("pool", path, *files, "--out", out, "--demo", "--force")
    assert said.code == 0
    for question in tested:
        assert f"{question:<16}negative control {CONTROL}: " in said.out
    pages = run(
        "report",
        "national",
        out / "pool.json",
        *files[1:],
        "--demo",
        "--study",
        path,
        "-o",
        tmp_path / "n.html",
    )
    assert pages.code == 0, pages.err
    trusted = read_trusted(tmp_path / "keys")
    for other in (out / "others").glob("*.json"):
        assert read_pool(other, trusted=trusted, allow_demo=True).controls == ()
