"""Doubly robust risks reproduce riskRegression's on the example of its manual, tie rule by tie rule."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evidence.claim import ROOT, Verdict
from evidence.claims._survival_reference import (
    DISCRETE,
    ONCE,
    ORDERED,
    RISKREGRESSION,
    Law,
    Rules,
    draw_hazards,
    enumerate_law,
    expected_error,
    person_period_hazards,
    reference_parts,
)
from evidence.context import Context

CLAIM = """A plain sum over censoring times gives what riskRegression 2022.11.28 prints for the example of
its manual (500 episodes, competing events, two arms, six horizons), risks and the standard errors that take
models as known, to 1e-8, in the example as it stands and with times not rounded. The pseudo-residuals equal
the same sum to 1e-8 with three rules for ties changed, one at a time: a censoring time counts once
(riskRegression repeats it for every episode censored then; its source does so no longer since October 2024),
at one time events come before censoring, and the sum divides by the chance of being followed after the
censoring. Over every path of laws in discrete time, events before censoring, the risk with these rules is
unbiased to 1e-12 when the hazards of events or those of censoring are wrong; with riskRegression's it is
not. With models of our own on the example in whole years, out of fold, risks and standard errors equal the
same sum on scikit-learn's models to 1e-6."""
ISSUE = 6
COVERS = (
    "causalsig/estimation/*.py",
    "causalsig/results.py",
    "evidence/claims/_survival_reference.py",
    "evidence/peers/riskregression_ate.json",
)

PEER = ROOT / "evidence" / "peers" / "riskregression_ate.json"  # made by the script beside it
TIMES = np.arange(5, 11)
SAME = 1e-8  # the same formula on models printed to 15 digits
EXACT = 1e-12  # rounding of a sum of some twenty chances
SOLVED = 1e-6  # two optimisers of one likelihood: ours stops where a probability moves by less than 1e-7
EDGE = 1e-9  # of a time, far below the tenth they are rounded to
STEPS = (
    ("a censoring time once", RISKREGRESSION, ONCE),
    ("events before censoring", ONCE, ORDERED),
    ("followed after the censoring", ORDERED, DISCRETE),
)
THEIRS = "sum, riskRegression's rules, a time once"
LAWS, PLACES, SEED = 50, 7, 2026_11
FOLDS = 3


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """One data set with the models and answers of the peer.

    Times are places on a grid (0 first); `hazards` are (2 arms, kinds, n, places) of event, competing event
    and censoring; `probabilities` (2, n). `risks`, `known` (2, 6): risks, and standard errors with models
    taken as known; `printed` those that count that models were estimated.
    """

    place: NDArray[np.int64]
    event: NDArray[np.int64]
    arm: NDArray[np.int64]
    covariates: NDArray[np.float64]
    time: NDArray[np.float64]
    horizons: NDArray[np.int64]
    hazards: NDArray[np.float64]
    probabilities: NDArray[np.float64]
    risks: NDArray[np.float64]
    known: NDArray[np.float64]
    printed: NDArray[np.float64]


def run(context: Context) -> Verdict:
    """Compare print, sum and pseudo-residuals on both data sets; then the laws, then our own models."""
    given = json.loads(PEER.read_text(encoding="utf-8"))
    examples = {"as published": _read(given["published"]), "not rounded": _read(given["untied"])}
    rows, moved = [], []
    for name, data in examples.items():
        theirs, ours = _sums(data, RISKREGRESSION), _sums(data, DISCRETE)
        rows += _rows(f"{name}: the sum, what is printed", theirs, (data.risks, data.known), SAME)
        rows += _rows(f"{name}: pseudo-residuals, the sum with our rules", _ours(data), ours, SAME)
        moved += [_moved(name, *step, data) for step in STEPS]
        moved.append(_moved(name, "all three", RISKREGRESSION, DISCRETE, data))
    published = examples["as published"]
    own, refitted = _own_models(published)
    rows += _rows("in years, own models out of fold: ours, the sum", own, refitted, SOLVED)
    errors = _errors_of_laws()
    inexact = {name for name in errors if name.startswith(THEIRS)}
    return {
        "passed": all(row["passed"] for row in rows)
        and all((error > EXACT) == (name in inexact) for name, error in errors.items()),
        "figures": {
            "compared": rows,
            "numbers compared": sum(row["numbers"] for row in rows),
            "largest expected errors over laws": errors,
            "what each rule moves": moved,
            "shown, not judged": {
                "own models to what is printed, largest, in standard errors": float(
                    np.max(np.abs(own[0] - published.risks) / published.known)
                ),
                "its standard errors with models estimated, over those with models known: lowest": float(
                    np.min(published.printed / published.known)
                ),
                "the same: highest": float(np.max(published.printed / published.known)),
            },
            "peer": given["versions"],
        },
        "seed": SEED,
    }


def _read(data: dict[str, Any]) -> Example:
    time = np.array(data["time"])
    grid = np.concatenate([[0.0], np.unique(time)])
    x = np.array(data["covariates"], dtype=np.float64)
    kinds = [data["hazards"][name] for name in ("event", "competing", "censoring")]
    slopes = np.array(data["treatment"])
    p = 1.0 / (1.0 + np.exp(-(slopes[0] + x @ slopes[1:])))
    return Example(
        place=np.searchsorted(grid, time),
        event=np.array(data["event"], dtype=np.int64),
        arm=np.array(data["arm"], dtype=np.int64),
        covariates=x,
        time=time,
        horizons=np.searchsorted(grid, TIMES + EDGE) - 1,
        hazards=np.array([[_hazards(kind, x, arm, grid) for kind in kinds] for arm in (0, 1)]),
        probabilities=np.stack([1.0 - p, p]),
        risks=_table(data["risks"], "estimate"),
        known=_table(data["known_nuisances"], "se"),
        printed=_table(data["risks"], "se"),
    )


def _hazards(model: dict[str, Any], x: Any, arm: int, grid: Any) -> Any:
    """Jumps of the cumulative hazard of every row if it were in the arm: (n, places)."""
    base = np.zeros(len(grid))
    base[np.searchsorted(grid, np.array(model["time"]) - EDGE)] = model["hazard"]
    ratio = np.exp(np.column_stack([np.full(len(x), arm), x]) @ np.array(model["slopes"]))
    return ratio[:, None] * base


def _table(rows: list[dict[str, Any]], column: str) -> Any:
    return np.array([[row[column] for row in rows if row["level"] == level] for level in ("T0", "T1")])


def _sums(data: Example, rules: Rules) -> tuple[Any, Any]:
    """Risks and standard errors (2, 6) by the sum over censoring times, with the given models."""
    return _means(
        data,
        lambda arm: np.stack(
            [reference_parts(data.place, data.event, data.hazards[arm], h, rules) for h in data.horizons],
            axis=1,
        ),
    )


def _ours(data: Example) -> tuple[Any, Any]:
    """Risks and standard errors (2, 6) by the pseudo-residuals, with the given models."""
    return _means(data, lambda arm: _pseudo(data.place, data.event, data.hazards[arm], data.horizons))


def _pseudo(place: Any, event: Any, hazards: Any, horizons: Any) -> tuple[Any, Any]:
    """Predictions and pseudo-residuals (J, n) of the library."""
    from causalsig.estimation.survival import Curves, Times, pseudo_residuals

    own, other, leaving = hazards[:, :, : int(horizons.max()) + 1]
    curves = Curves(own[:, 1:], (own + other)[:, 1:], np.cumprod(1.0 - leaving[:, :-1], axis=1))
    return pseudo_residuals(Times(place, event), curves, "risk", horizons)


def _means(data: Example, parts: Any) -> tuple[Any, Any]:
    """Means and standard errors (2, 6) of ``m + w residual``, weights not normalised, as the peer."""
    risks, errors = [], []
    for arm in (0, 1):
        m, residual = parts(arm)
        values = m + (data.arm == arm) / data.probabilities[arm] * residual
        risks.append(values.mean(axis=1))
        errors.append(values.std(axis=1) / np.sqrt(values.shape[1]))
    return np.array(risks), np.array(errors)


def _errors_of_laws() -> dict[str, float]:
    """Largest expected error of the risk over laws, places and what is wrong, by ours and by the sums."""
    generator = np.random.default_rng(SEED)
    ways: dict[str, Callable[[Law, Any, int], Any]] = {
        "ours": _by_residuals,
        "sum, our rules": partial(_by_sum, DISCRETE),
        THEIRS: partial(_by_sum, ONCE),
    }
    found = {f"{way}: {wrong} wrong": 0.0 for way in ways for wrong in ("nothing", "events", "censoring")}
    for _ in range(LAWS):
        law, other = enumerate_law(draw_hazards(generator, PLACES)), draw_hazards(generator, PLACES)
        models = {
            "nothing": law.hazards,
            "events": np.stack([other[0], other[1], law.hazards[2]]),
            "censoring": np.stack([law.hazards[0], law.hazards[1], other[2]]),
        }
        for wrong, model in models.items():
            every = np.repeat(model[:, None, :], len(law.place), axis=1)
            for way, values in ways.items():
                for h in range(1, PLACES):
                    error, name = abs(expected_error(law, values(law, every, h), h)), f"{way}: {wrong} wrong"
                    found[name] = max(found[name], error)
    return found


def _by_residuals(law: Law, hazards: Any, horizon: int) -> Any:
    m, residual = _pseudo(law.place, law.event, hazards, np.array([horizon]))
    return m[0] + residual[0]


def _by_sum(rules: Rules, law: Law, hazards: Any, horizon: int) -> Any:
    risk, rest = reference_parts(law.place, law.event, hazards, horizon, rules)
    return risk + rest


def _own_models(data: Example) -> tuple[tuple[Any, Any], tuple[Any, Any]]:
    """Risks and standard errors (2, 6) by `doubly_robust` on whole years, and by the sum, models refitted."""
    from sklearn.linear_model import LogisticRegression

    from causalsig.estimation import doubly_robust
    from causalsig.estimation.design import RIDGE

    # Who is censored in a year was followed through the year before.
    place = np.where(data.event > 0, np.ceil(data.time), np.floor(data.time)).astype(np.int64)
    folds, x, last = np.arange(len(place)) % FOLDS, data.covariates, int(TIMES.max())
    found = doubly_robust(x, data.arm, place, event=data.event, horizons=TIMES, folds=folds)
    z = (x - x.mean(axis=0)) / x.std(axis=0)
    p = np.zeros(len(z))
    for f in range(FOLDS):
        model = LogisticRegression(C=2.0 / RIDGE, solver="newton-cg", tol=1e-12, max_iter=1000)
        p[folds == f] = model.fit(z[folds != f], data.arm[folds != f]).predict_proba(z[folds == f])[:, 1]
    until = np.where(data.event == 0, place, place - 1)
    fit = partial(person_period_hazards, z, folds=folds, ridge=RIDGE)
    risks, errors = np.zeros((2, 2, len(TIMES)))
    for arm in (0, 1):
        rows = data.arm == arm
        hazards = np.zeros((3, len(z), last + 1))
        hazards[:2, :, 1:] = fit(place, data.event, rows, periods=list(range(1, last + 1)))
        hazards[2:, :, :last] = fit(until, (data.event == 0) * 1, rows, periods=list(range(last)))
        w = rows / np.where(arm == 1, p, 1.0 - p)
        w = w / w.mean()
        for j, h in enumerate(TIMES):
            m, residual = reference_parts(place, data.event, hazards, int(h), DISCRETE)
            left = np.mean(w * residual)
            values = m + w * (residual - left) + left
            risks[arm, j], errors[arm, j] = values.mean(), values.std(ddof=1) / np.sqrt(len(values))
    return (found.means.T, found.std_errors.T), (risks, errors)


def _rows(what: str, one: tuple[Any, Any], other: tuple[Any, Any], tolerance: float) -> list[dict[str, Any]]:
    """Compare risks in one row and standard errors in the next."""
    rows = []
    for name, a, b in zip(("risk", "standard error"), one, other, strict=True):
        gap = float(np.max(np.abs(a - b)))
        rows.append(
            {
                "compared": what,
                "quantity": name,
                "numbers": int(np.size(a)),
                "largest gap": gap,
                "tolerance": tolerance,
                "passed": gap <= tolerance,
            }
        )
    return rows


def _moved(example: str, rule: str, before: Rules, after: Rules, data: Example) -> dict[str, Any]:
    """How far a rule moves the risks, in standard errors: shown, not judged."""
    shift = np.abs(_sums(data, after)[0] - _sums(data, before)[0]) / data.known
    return {"example": example, "rule": rule, "largest move in standard errors": float(shift.max())}
