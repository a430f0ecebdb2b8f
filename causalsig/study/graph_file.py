"""Reading a causal graph: a TOML file beside its study, or packaged with the default one."""

from __future__ import annotations

import tomllib
from pathlib import Path

from pydantic import ValidationError

from causalsig.errors import StudyError
from causalsig.study.graph import CausalGraph, check_graph
from causalsig.study.read import DEFAULT_STUDY, default_study_text, explain_invalid

GRAPH_BEGINS = "# The causal graph of the default study."
BESIDE = ".graph.toml"
"""A study `mine.toml` has its graph beside it in `mine.graph.toml`."""


def read_graph(path: str | Path) -> CausalGraph:
    """Read and check a causal graph.

    Parameters
    ----------
    path : str or Path
        A TOML file, or the name of a packaged study ("vroegsignalering"), whose graph is packaged too.

    Raises
    ------
    StudyError
        The file is missing, is not TOML, or its graph cannot be meant: unknown names, causes in a circle, no
        exposure, an exposure without a way to the outcome, a covariate that is caused by an exposure.
    """
    where = str(path)
    packaged = where == DEFAULT_STUDY and not Path(path).exists()
    text = default_graph_text() if packaged else _text(Path(path))
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise StudyError(
            "study-graph-not-toml",
            expected="valid TOML, every key once",
            found=str(error),
            mend="Correct that line.",
            where=where,
        ) from None
    try:
        graph = CausalGraph.model_validate(tables)
    except ValidationError as error:
        details = error.errors(include_input=False, include_url=False)
    else:
        check_graph(graph, where)
        return graph
    key, expected, found, mend = explain_invalid(details[0], CausalGraph)
    raise StudyError(
        "study-graph-invalid", expected=expected, found=found, mend=mend, where=f"{where}, {key}"
    )


def graph_of(study: str | Path) -> Path | None:
    """Find the graph of a study: beside its file, or packaged with a packaged study; none: None."""
    path = Path(study)
    if str(study) == DEFAULT_STUDY and not path.exists():
        return Path(DEFAULT_STUDY)
    beside = beside_of(path)
    return beside if beside.exists() else None


def beside_of(study: Path) -> Path:
    """Return where the graph of a study file lies."""
    return study.with_name(study.name.removesuffix(".toml") + BESIDE)


def default_graph_text() -> str:
    """Return the graph in the packaged study as a TOML file of its own, comments included."""
    study = default_study_text()
    graph = study[study.index(GRAPH_BEGINS) :].replace("[graph]\n", "", 1)
    return graph.replace("[graph.", "[")


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except FileNotFoundError:
        raise StudyError(
            "study-graph-missing",
            expected="a causal graph in TOML",
            found="no file at that path",
            mend="Check the path.",
            where=str(path),
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise StudyError(
            "study-graph-unreadable",
            expected="a readable causal graph in UTF-8",
            found=type(error).__name__,
            mend="Check that it is a text file, saved as UTF-8, that you may read.",
            where=str(path),
        ) from None
