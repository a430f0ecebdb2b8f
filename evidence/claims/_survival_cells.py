"""Cells of the coverage claim of times: how data arise, and the exact truth of every measure."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

SEED = 2026_11
LAST = 4  # periods
HORIZONS = (2, LAST)
LARGEST = 5_000
NODES = 24  # Gauss-Hermite nodes a dimension: the truth holds to 1e-6, far below any standard error
Model = Literal["right", "hazards", "weights", "both"]


@dataclass(frozen=True, slots=True)
class Cell:
    """One way data arise.

    Attributes
    ----------
    name : str
    kind : whether all models are right, some are wrong, coverage is only tabulated, or bias has to be seen
    arms, episodes : int
    household : largest number of episodes of a household; from 1, all equally likely
    censored : log odds of being followed no longer after a period, None for everybody to the end
    competing : whether other events compete
    wrong : models that miss a square and a product: of the events, of the arm and of being followed, or both
    estimands : which are judged
    """

    name: str
    kind: Literal["right", "one wrong", "tabulated", "control"]
    arms: int
    episodes: int
    household: int = 1
    censored: float | None = -2.6
    competing: bool = True
    wrong: Model = "right"
    estimands: tuple[str, ...] = ("ATE",)

    @property
    def contrasts(self) -> tuple[tuple[int, int], ...]:
        """Arm against reference: against the first, and of more arms also the last two."""
        return ((1, 0),) if self.arms == 2 else ((1, 0), (self.arms - 1, self.arms - 2))


@dataclass(frozen=True, slots=True, eq=False)
class Draw:
    """Covariates (n, 3), arms, periods, what ended them and households (n,)."""

    covariates: NDArray[np.float64]
    arms: NDArray[np.int64]
    periods: NDArray[np.int64]
    event: NDArray[np.int64]
    households: NDArray[np.int64]


def _wrong(model: Model) -> list[Cell]:
    return [
        Cell(f"{model} wrong {n}", "one wrong", 2, n, household=2, wrong=model, estimands=("ATE",))
        for n in (1_000, LARGEST)
    ]


CELLS: tuple[Cell, ...] = (
    Cell("two arms 1000 all followed", "right", 2, 1_000, censored=None, competing=False),
    Cell("two arms 1000", "right", 2, 1_000, estimands=("ATE", "ATO")),
    Cell("two arms 3000 households", "right", 2, 3_000, household=3),
    Cell("four arms 3000 households", "right", 4, 3_000, household=3, estimands=("ATO",)),
    *_wrong("hazards"),
    *_wrong("weights"),
    Cell("two arms 500", "tabulated", 2, 500),
    Cell(f"both wrong {LARGEST}", "control", 2, LARGEST, household=2, wrong="both"),
)
# Slopes of the log odds of arms 1 to 3, of the event, of the competing event and of being followed no longer.
_ODDS = 0.4 * np.array([[1.0, -0.5, 0.5], [-0.8, 0.7, 0.4], [0.3, 0.9, -0.9]])
_EVENT, _OTHER, _GONE = (np.array(s) for s in ([0.5, -0.3, 0.2], [0.0, 0.4, -0.3], [0.5, 0.3, 0.0]))
_EFFECT = np.array([0.0, -0.4, -0.2, -0.6])


def _curve(x: Any) -> Any:
    """Give what a wrong model misses: a square and a product, mean zero."""
    return 0.5 * (x[:, 0] ** 2 - 1.0) + 0.4 * x[:, 0] * x[:, 1]


def probabilities(cell: Cell, x: Any) -> Any:
    """Probabilities of every arm (n, K)."""
    eta = np.zeros((len(x), cell.arms))
    eta[:, 1:] = x @ _ODDS[: cell.arms - 1].T
    if cell.wrong in ("weights", "both"):
        eta[:, 1] += _curve(x)
    p = np.exp(eta - eta.max(axis=1, keepdims=True))
    return p / p.sum(axis=1, keepdims=True)


def hazards(cell: Cell, x: Any, arm: Any, t: int) -> tuple[Any, Any]:
    """Hazards of the event and of the competing one in period t: (n,) each; arm a number or (n,)."""
    eta = -1.9 + 0.1 * t + _EFFECT[arm] + x @ _EVENT
    if cell.wrong in ("hazards", "both"):
        eta = eta + _curve(x)
    own = np.exp(eta)
    other = np.exp(-2.8 + x @ _OTHER) if cell.competing else 0.0 * own
    return own / (1.0 + own + other), other / (1.0 + own + other)


def draw(cell: Cell, seed: int) -> Draw:
    """Draw a sample; households share half of the variance of their covariates."""
    r = np.random.default_rng([SEED, CELLS.index(cell), seed])
    n = cell.episodes
    households = np.repeat(np.arange(n), r.integers(1, cell.household + 1, n))[:n]
    x = np.sqrt(0.5) * (r.normal(size=(n, 3)) + r.normal(size=(n, 3))[households])
    p = probabilities(cell, x)
    arms = (np.log(p) + r.gumbel(size=p.shape)).argmax(axis=1)
    periods, event, there = np.full(n, LAST), np.zeros(n, dtype=np.int64), np.ones(n, dtype=bool)
    gone = np.zeros(n)
    if cell.censored is not None:
        eta = cell.censored + x @ _GONE + 0.2 * arms
        curved = cell.wrong in ("weights", "both")
        gone = 1.0 / (1.0 + np.exp(-(eta + _curve(x) if curved else eta)))
    for t in range(LAST):
        if t:
            own, other = hazards(cell, x, arms, t)
            u = r.random(n)
            what = np.where(u < own, 1, np.where(u < own + other, 2, 0))
            event[there & (what > 0)] = what[there & (what > 0)]
            periods[there & (what > 0)] = t
            there &= what == 0
        leaves = there & (r.random(n) < gone)
        periods[leaves] = t
        there &= ~leaves
    own, other = hazards(cell, x, arms, LAST)
    u = r.random(n)
    event[there] = np.where(u < own, 1, np.where(u < own + other, 2, 0))[there]
    return Draw(x, arms, periods, event, households)


@cache
def truth(cell: Cell, estimand: str) -> NDArray[np.float64]:
    """Risk at each horizon and time lost at the last, by arm: (3, K), by quadrature over the covariates."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(NODES)
    x = np.stack(np.meshgrid(nodes, nodes, nodes, indexing="ij"), axis=-1).reshape(-1, 3)
    share = np.prod(np.stack(np.meshgrid(weights, weights, weights, indexing="ij"), axis=-1), axis=-1).ravel()
    if estimand == "ATO":
        share = share / np.sum(1.0 / probabilities(cell, x), axis=1)
    share = share / share.sum()
    found = np.empty((3, cell.arms))
    for arm in range(cell.arms):
        free, risk = np.ones(len(x)), np.zeros((LAST + 1, len(x)))
        for t in range(1, LAST + 1):
            own, other = hazards(cell, x, arm, t)
            risk[t] = risk[t - 1] + own * free
            free = free * (1.0 - own - other)
        means = risk @ share
        found[:, arm] = *(means[h] for h in HORIZONS), means[:LAST].sum()
    return found
