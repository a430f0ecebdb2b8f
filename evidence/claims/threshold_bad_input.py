"""What cannot be estimated at a threshold is refused with an error that names it."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from causalsig.diagnostics.threshold_gates import threshold_gate
from causalsig.errors import EstimationError
from causalsig.estimation import (
    bounded_continuation,
    collapse_scores,
    density_test,
    effect_at_cutoff,
    fill_bins,
    local_randomisation,
    threshold_effect,
)
from evidence.claim import Verdict
from evidence.context import Context

CLAIM = """A cutoff outside the data on either side, a side without scores, three distinct scores, a
number that is missing or infinite in the score, the outcome, the treatment, the covariates or the
households, text, columns of several lengths and no episodes at all: every function of a threshold refuses
them with an error whose place is the argument that is wrong and whose code says how, without a warning
from a library and without a value from the data. Where three scores are no hindrance the function says so
by answering; sound input is never refused."""
ISSUE = 9
COVERS = (
    "causalsig/errors.py",
    "causalsig/diagnostics/threshold_gates.py",
    "causalsig/estimation/inputs.py",
    "causalsig/estimation/moving_continuation.py",
    "causalsig/estimation/option_numbers.py",
    "causalsig/estimation/threshold*.py",
)

CUTOFF, FAR = 500.0, 7_654_321.0
SECRET = 432.123_456
"""A score, and an outcome, that no message may hold."""
Given = dict[str, Any]
Function = Callable[[Given], Any]


def _collapsed(given: Given) -> tuple[Any, float]:
    beside = {name: given[name] for name in ("taken_up", "households", "covariates")}
    return collapse_scores(given["score"], given["outcome"], **beside), given["cutoff"]


def _moved(given: Given) -> Any:
    table, cutoff = _collapsed(given)
    return bounded_continuation(table, cutoff, CUTOFF + 10.0, curvature_bound=1e-5)


FUNCTIONS: dict[str, Function] = {
    "threshold_effect": lambda given: threshold_effect(**given),
    "threshold_effect, h given": lambda given: threshold_effect(**given, bandwidth=150.0),
    "threshold_effect, log": lambda given: threshold_effect(**given, scale="log"),
    "threshold_effect, clustered": lambda given: threshold_effect(**given, variance="cluster_across"),
    "threshold_effect, honest": lambda given: threshold_effect(**given, curvature_bound=1e-5),
    "effect_at_cutoff": lambda given: effect_at_cutoff(*_collapsed(given)),
    "density_test": lambda given: density_test(given["score"], given["cutoff"]),
    "local_randomisation": lambda given: local_randomisation(
        **{name: value for name, value in given.items() if name != "covariates"}, window=150.0
    ),
    "threshold_gate": lambda given: threshold_gate(*_collapsed(given)),
    "fill_bins": lambda given: fill_bins(*_collapsed(given)),
    "bounded_continuation": _moved,
}
COLUMNS = ("score", "outcome", "taken_up", "households", "covariates")
ASKED_OF = {"density_test": ("score",), "local_randomisation": COLUMNS[:4]}
"""The columns a function has at all; the others all five."""
THREE_WILL_DO = {"local_randomisation", "threshold_gate", "fill_bins"}
"""They compare means, give a verdict, or show what there is."""


def _sound() -> Given:
    r = np.random.default_rng(9)
    score = np.round(1000.0 * r.beta(2.0, 2.0, 900))
    score[0] = SECRET
    outcome = r.normal(size=900)
    outcome[1] = SECRET
    taken = (r.random(900) < 0.2 + 0.6 * (score >= CUTOFF)).astype(float)
    return {
        "score": score,
        "outcome": outcome,
        "cutoff": CUTOFF,
        "taken_up": taken,
        "households": np.arange(900) // 2,
        "covariates": r.normal(size=(900, 1)),
    }


def _with(column: str, value: Any) -> Callable[[], Given]:
    def made() -> Given:
        given = _sound()
        kind = object if isinstance(value, str) else np.float64
        changed = np.array(given[column], dtype=kind)
        changed.reshape(len(changed), -1)[7] = value
        return given | {column: changed}

    return made


def _shorter(column: str) -> Callable[[], Given]:
    return lambda: (given := _sound()) | {column: given[column][:-1]}


def _empty() -> Given:
    return {name: value if name == "cutoff" else value[:0] for name, value in _sound().items()}


def _three() -> Given:
    return _sound() | {"score": np.resize([400.0, 500.0, 600.0], 900)}


def _at(cutoff: Any) -> Callable[[], Given]:
    return lambda: _sound() | {"cutoff": cutoff}


SIDE = ({"estimation-cutoff", "estimation-few-scores"}, {"cutoff", "score", "window"})
OPTION = ({"estimation-option"}, {"cutoff"})
BAD: dict[str, tuple[Callable[[], Given], tuple[set[str], set[str]]]] = {
    "cutoff above the data": (_at(FAR), SIDE),
    "cutoff below the data": (_at(-FAR), SIDE),
    "one side empty": (lambda: (given := _sound()) | {"cutoff": float(given["score"].min())}, SIDE),
    "cutoff NaN": (_at(float("nan")), OPTION),
    "cutoff infinite": (_at(float("inf")), OPTION),
    "cutoff as text": (_at("500"), OPTION),
    "three distinct scores": (_three, ({"estimation-few-scores"}, {"score"})),
    "no episodes": (_empty, ({"estimation-shape", "estimation-cutoff"}, {"score", "window"})),
    **{f"{name}: NaN": (_with(name, np.nan), ({"estimation-missing"}, {name})) for name in COLUMNS},
    **{
        f"{name}: infinite": (_with(name, np.inf), ({"estimation-magnitude"}, {name}))
        for name in COLUMNS
        if name != "households"
    },
    **{
        f"{name}: text": (_with(name, "unknown"), ({"estimation-dtype"}, {name}))
        for name in COLUMNS
        if name != "households"  # whose labels may be text
    },
    **{
        f"{name}: one short": (_shorter(name), ({"estimation-length"}, {name}))
        for name in COLUMNS[1:]  # a score too few makes the others too long
    },
}


def run(context: Context) -> Verdict:
    """Give every function every fault."""
    del context
    figures: dict[str, Any] = {}
    wrong: list[str] = []
    for name, function in FUNCTIONS.items():
        judged = {"sound": _answered(function, _sound()) is None}
        for fault, (made, named) in BAD.items():
            column = fault.split(":")[0]
            if column in COLUMNS and column not in ASKED_OF.get(name, COLUMNS):
                continue
            error = _answered(function, made())
            if fault.startswith("three") and name in THREE_WILL_DO:
                judged[fault] = error is None
            else:
                judged[fault] = error is not None and _names(error, *named)
        wrong += [f"{name}, {fault}" for fault, good in judged.items() if not good]
        figures[name] = {"judged": len(judged), "as it should": sum(judged.values())}
    return {"passed": not wrong, "figures": figures | {"wrong": wrong}, "replications": 1, "seed": 9}


def _answered(function: Function, given: Given) -> Exception | None:
    """Give what a call raised, a warning included; None where it answered."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            function(given)
        except Exception as error:  # whatever it is, it is judged
            return error
    return None


def _names(error: Exception, codes: set[str], places: set[str]) -> bool:
    if not isinstance(error, EstimationError):
        return False
    said = str(error)
    told = bool(error.expected and error.found and error.mend)
    return error.code in codes and error.where in places and told and not any(w in said for w in _values())


def _values() -> tuple[str, ...]:
    return (f"{SECRET:g}", f"{SECRET:.3f}", str(SECRET))
