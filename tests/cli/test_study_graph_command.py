"""`causalsig study check` with a causal graph."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from causalsig.study.digest import study_digest
from causalsig.study.graph_file import GRAPH_BEGINS, default_graph_text
from causalsig.study.read import default_study_text, read_study

GRAPH = default_graph_text()
STUDY = default_study_text().split(GRAPH_BEGINS)[0]


def write(path: Path, text: str, *changes: tuple[str, str]) -> Path:
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    path.write_text(text, encoding="utf-8")
    return path


def test_the_packaged_study_is_checked_with_its_graph_and_drawn(run: Any, tmp_path: Path) -> None:
    out = tmp_path / "drawn"
    checked = run("study", "check", "--out", out)
    assert checked.code == 0
    assert checked.out.splitlines()[0] == study_digest(read_study("vroegsignalering"))
    assert "The study adjusts for exactly these covariates." in checked.out
    assert checked.out.rstrip().endswith("]") and "covariates = [" in checked.out
    assert sorted(path.name for path in out.iterdir()) == [
        "graph-accepted_help.svg",
        "graph-contact_method.svg",
        "graph-threshold.svg",
    ]
    before = (out / "graph-threshold.svg").read_bytes()
    assert run("study", "check", "--out", out).code == 0, "the same drawings are no others"
    run("study", "check", "--out", out, "--language", "nl").error("release-exists")
    dutch = run("study", "check", "--out", out, "--force", "--language", "nl")
    assert "Corrigeer voor: Kalendermaand" in dutch.out
    assert (out / "graph-threshold.svg").read_bytes() != before


def test_a_study_that_adjusts_for_another_set_fails_the_check(run: Any, tmp_path: Path) -> None:
    study = write(tmp_path / "mine.toml", STUDY, ('"crisis", ', ""), ('"age_band"', '"age_band", "district"'))
    write(tmp_path / "mine.graph.toml", GRAPH)
    checked = run("study", "check", study)
    assert checked.code == 1
    assert "The study leaves out: crisis." in checked.out
    assert "The study adjusts for what the graph does not know: district." in checked.out
    assert "not the set of its causal graph" in checked.err


def test_what_is_pasted_makes_the_check_pass(run: Any, tmp_path: Path) -> None:
    study = write(tmp_path / "mine.toml", STUDY, ('"crisis", ', ""))
    graph = write(tmp_path / "other.toml", GRAPH)
    first = run("study", "check", study, "--graph", graph)
    frozen = first.out[first.out.index("covariates = [") :]
    text = study.read_text("utf-8")
    begin = text.index("covariates = [")
    study.write_text(text[:begin] + frozen + text[text.index("]", begin) + 1 :], encoding="utf-8")
    assert (first.code, run("study", "check", study, "--graph", graph).code) == (1, 0)


def test_the_findings_are_there_for_programs(run: Any) -> None:
    found = json.loads(run("study", "check", "--format", "json").out)
    assert found["list"]["agrees"] and found["digest"] == study_digest(read_study("vroegsignalering"))
    by_question = {one["question"]: one for one in found["questions"]}
    assert by_question["contact_method"]["doors"] == ["stress", "contact_details", "early_payment"]
    assert by_question["threshold"]["without_overlap"]
    assert "P(return|" in by_question["accepted_help"]["assumption"]


def test_init_writes_a_graph_beside_the_study_that_checks(run: Any, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    made = run("study", "init", path, "--graph")
    assert made.out.splitlines() == [str(path), str(tmp_path / "mine.graph.toml")]
    checked = run("study", "check", path)
    assert checked.code == 0 and "The study adjusts for exactly these covariates." in checked.out


def test_a_bad_graph_stops_the_check_and_nothing_is_drawn(run: Any, tmp_path: Path) -> None:
    study = write(tmp_path / "mine.toml", STUDY)
    graph = write(tmp_path / "mine.graph.toml", GRAPH, ('caused_by = ["debt"]', 'caused_by = ["dept"]'))
    message = run("study", "check", study, "--out", tmp_path / "drawn").error("study-graph-node")
    assert "Did you mean 'debt'" in message and "nodes.crossing" in message
    assert sorted(tmp_path.iterdir()) == sorted([study, graph])
    run("study", "check", study, "--graph", tmp_path / "none.toml").error("study-graph-missing")


def test_a_question_of_the_study_that_the_graph_does_not_know_is_told(run: Any, tmp_path: Path) -> None:
    graph = write(
        tmp_path / "half.toml",
        GRAPH,
        ('contact_method = "first_contact"\n', ""),
        ('en = "First contact attempt"', 'en = "First contact attempt"\nrecorded = "later"'),
    )
    run("study", "check", "--graph", graph).error("study-graph-exposure")


def test_a_study_without_a_graph_is_checked_as_before(run: Any, tmp_path: Path) -> None:
    checked = run("study", "check", write(tmp_path / "mine.toml", STUDY))
    without = read_study("vroegsignalering").model_copy(update={"graph": None})
    assert (checked.code, checked.out.strip()) == (0, study_digest(without))


def test_a_study_with_a_graph_is_read_only_with_the_set_that_follows_from_it(
    run: Any, tmp_path: Path
) -> None:
    whole = default_study_text()
    study = write(tmp_path / "mine.toml", whole)
    checked = run("study", "check", study)
    assert checked.code == 0 and "The study adjusts for exactly these covariates." in checked.out
    other = write(tmp_path / "other.toml", whole, ('"crisis", ', ""))
    message = run("study", "check", other).error("study-invalid")
    assert "not the set that follows from the graph" in message and '"crisis"' in message
    bad = write(tmp_path / "bad.toml", whole, ('caused_by = ["debt"]', 'caused_by = ["dept"]'))
    assert "Did you mean 'debt'" in run("study", "check", bad).error("study-graph-node")
