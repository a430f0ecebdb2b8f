"""The gate of clones: overlap of strategies, size and balance of the weights, before any outcome."""

from __future__ import annotations

import numpy as np
import pytest

from causalsig.diagnostics.clone_gate import clone_gate
from causalsig.estimation import PersonPeriods, clone_design
from causalsig.estimation.weighted_clones import CloneDesign
from causalsig.records import Verdict
from causalsig.study.models import Diagnostics

ARMS = {"accepted": 1, "not_accepted": 0}
CONTRAST = ("accepted", "not_accepted")
EPISODES = 1_500


def episodes(
    slope: float, never: float = 0.0, seed: int = 0, households: np.ndarray | None = None
) -> tuple[CloneDesign, np.ndarray]:
    """Two weeks in which acceptance depends on x; a rule keeps a share of the episodes from accepting."""
    households = np.arange(EPISODES) if households is None else households
    r = np.random.default_rng(seed)
    x = r.normal(size=EPISODES)
    ruled_out = r.random(EPISODES) < never
    rows = []
    risk = np.ones(EPISODES, dtype=bool)
    for week in (0, 1):
        chance = np.where(ruled_out, 0.0, 1 / (1 + np.exp(2.0 - slope * x)))
        now = risk & (r.random(EPISODES) < chance)
        at = np.flatnonzero(risk)
        rows.append((at, np.full(len(at), week), np.column_stack([x, ruled_out])[at], now[at].astype(int)))
        risk &= ~now
    table = PersonPeriods(*(np.concatenate(part) for part in zip(*rows, strict=True)))
    design = clone_design(table, strategies=ARMS, households=households, estimands=("ATE", "ATO"))
    return design, np.column_stack([x, ruled_out]).astype(float)


def found(
    design: CloneDesign,
    covariates: np.ndarray,
    estimands: tuple[str, ...] = ("ATE", "ATO"),
    **settings: float,
) -> tuple[dict[tuple[str, str | None], Verdict], tuple[str, ...]]:
    gate = clone_gate(design, covariates, ("x", "ruled_out"), CONTRAST, estimands, Diagnostics(**settings))
    return {(v.code, v.estimand): v for v in gate.verdicts}, gate.admitted


def test_strategies_that_everybody_may_follow_pass() -> None:
    verdicts, admitted = found(*episodes(0.5))
    assert admitted == ("ATE", "ATO")
    assert all(verdict.passed for verdict in verdicts.values())
    assert verdicts["gate-effective-sample-size", "ATE"].arm == "accepted"


def test_who_can_never_accept_closes_the_gate_of_everybody() -> None:
    verdicts, admitted = found(*episodes(0.5, never=0.2))
    assert not verdicts["gate-positivity", "ATE"].passed
    assert verdicts["gate-positivity", "ATE"].arm == "accepted"
    # The ATE comes first, so the question is withheld; where it does not, the overlap may still answer.
    assert admitted == ()
    assert found(*episodes(0.5, never=0.2), estimands=("ATO",))[1] == ("ATO",)


def test_few_households_behind_the_weights_close_it() -> None:
    design, covariates = episodes(0.5)
    size = float(design.effective_sample_size["ATE"].min())
    assert found(design, covariates, min_effective_sample_size=size - 1.0)[1] == ("ATE", "ATO")
    assert found(design, covariates, min_effective_sample_size=size + 1.0)[1] == ()


def test_balance_is_that_of_the_weights_and_not_of_the_groups() -> None:
    design, covariates = episodes(1.5)
    gate = clone_gate(design, covariates, ("x", "ruled_out"), CONTRAST, ("ATE",), Diagnostics())
    [row] = [row for row in gate.balance if row.covariate == "x"]
    assert abs(row.unweighted) > 0.5 > 0.2 > abs(row.weighted)


def test_what_a_few_households_share_is_as_noisy_as_those_households() -> None:
    def noise(households: np.ndarray) -> float:
        design, covariates = episodes(0.5, households=households)
        own = np.isin(households, households[:60]).astype(float)
        table = np.column_stack([covariates[:, 0], own])
        gate = clone_gate(design, table, ("x", "own"), CONTRAST, ("ATE",), Diagnostics())
        return next(row.noise for row in gate.balance if row.covariate == "own")

    # The same fact of as many episodes: of sixty households, or of two that return thirty times each.
    few = np.where(np.arange(EPISODES) < 60, np.arange(EPISODES) // 30, np.arange(EPISODES))
    assert noise(few) > 1.5 * noise(np.arange(EPISODES))


@pytest.mark.parametrize("estimand", ["ATE", "ATO"])
def test_households_are_counted_and_never_clones(estimand: str) -> None:
    design, _ = episodes(0.5)
    counted = np.bincount(design.follows, minlength=2)
    assert counted.sum() == EPISODES
    assert (design.effective_sample_size[estimand] <= counted).all()
