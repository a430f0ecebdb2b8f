"""Cells of the coverage claim: how data arise, and the exact truth of every estimand."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

SEED = 2026_06
LARGEST = 20_000
NODES = 32  # Gauss-Hermite nodes a dimension: the truth holds to 1e-6, far below any standard error
RARE = 0.3  # share of the covariate that is 0 or 1
Kind = Literal["right", "one wrong", "both wrong", "tabulated"]
Model = Literal["right", "propensity", "outcome", "both"]
OutcomeModel = Literal["least_squares", "logistic"]


@dataclass(frozen=True, slots=True)
class Cell:
    """One way data arise.

    Attributes
    ----------
    name : str
    kind : whether both models are right, one is wrong, both are (then the estimate must be biased), or
        coverage is only tabulated
    arms, episodes : int
    household : largest number of episodes of a household; from 1, all equally likely
    censored : share not followed to the end
    strength : size of the log-odds slopes of the arms: 0.4 is good overlap, 1.2 poor
    wrong : the model that misses a square and a product of the covariates, or both models
    estimands : which are judged
    events : the outcome is 0 or 1, its log odds linear in the covariates; otherwise an amount, linear in them
    outcome_model : fitted; least squares for events is what a study does, its propensity being right
    """

    name: str
    kind: Kind
    arms: int
    episodes: int
    household: int = 1
    censored: float = 0.0
    strength: float = 0.4
    wrong: Model = "right"
    estimands: tuple[Any, ...] = ("ATE", ("ATT", 1), "ATO")
    events: bool = False
    outcome_model: OutcomeModel = "least_squares"

    @property
    def contrasts(self) -> tuple[tuple[int, int], ...]:
        """Arm against reference: against the first, and of more arms also the last two."""
        return ((1, 0),) if self.arms == 2 else ((1, 0), (self.arms - 1, self.arms - 2))


@dataclass(frozen=True, slots=True, eq=False)
class Draw:
    """Covariates (n, 4), arms, outcome, observed and households (n,)."""

    covariates: NDArray[np.float64]
    arms: NDArray[np.int64]
    outcome: NDArray[np.float64]
    observed: NDArray[np.bool_]
    households: NDArray[np.int64]


def _wrong(model: Model) -> list[Cell]:
    return [
        Cell(
            f"{model} wrong {n}",
            "one wrong",
            arms=2,
            episodes=n,
            household=2,
            wrong=model,
            estimands=("ATE", ("ATT", 1)),
        )
        for n in (1_000, 5_000, LARGEST)
    ]


CELLS: tuple[Cell, ...] = (
    Cell("two arms 1000", "right", 2, 1_000),
    Cell("two arms 5000 households censoring", "right", 2, 5_000, household=3, censored=0.3),
    Cell("two arms 20000", "right", 2, LARGEST, household=2, censored=0.15),
    Cell("four arms 1000 households", "right", 4, 1_000, household=2, censored=0.15),
    Cell("four arms 5000 households censoring", "right", 4, 5_000, household=5, censored=0.3),
    Cell("four arms 20000 households", "right", 4, LARGEST, household=5),
    *_wrong("propensity"),
    *_wrong("outcome"),
    Cell("two arms 500", "tabulated", 2, 500),
    Cell("four arms 500 households censoring", "tabulated", 4, 500, household=3, censored=0.3),
    Cell("two arms 2000 poor overlap", "tabulated", 2, 2_000, strength=1.2),
    Cell("four arms 5000 poor overlap", "tabulated", 4, 5_000, household=3, strength=1.2),
    Cell(
        "two arms 1000 events logistic", "right", 2, 1_000, household=2, events=True, outcome_model="logistic"
    ),
    Cell("two arms 2000 events censoring", "right", 2, 2_000, household=3, censored=0.3, events=True),
    Cell("four arms 1500 events", "right", 4, 1_500, household=5, censored=0.15, events=True),
    Cell("both wrong 5000", "both wrong", 2, 5_000, household=2, wrong="both", estimands=("ATE", ("ATT", 1))),
)
# Slopes of the log odds of arms 1 to 3, and of the mean outcome of arms 0 to 3, on the four covariates.
_ODDS = np.array([[1.0, -0.5, 0.5, 0.8], [-0.8, 0.7, 0.4, -0.5], [0.3, 0.9, -0.9, 0.4]])
_LEVEL = np.array([0.0, 0.3, 0.1, 0.5])
_SLOPES = np.array([[0.5, 0.3, 0.0, 0.4], [0.8, 0.1, -0.2, 0.4], [0.3, 0.5, 0.2, 0.1], [0.6, -0.2, 0.3, 0.5]])


def _curve(x: Any) -> Any:
    """Give what a wrong model misses: a square and a product, mean zero."""
    return 0.5 * (x[:, 0] ** 2 - 1.0) + 0.4 * x[:, 0] * x[:, 1]


def probabilities(cell: Cell, x: Any) -> Any:
    """Probabilities of every arm (n, K)."""
    eta = np.zeros((len(x), cell.arms))
    eta[:, 1:] = cell.strength * (x - [0.0, 0.0, 0.0, RARE]) @ _ODDS[: cell.arms - 1].T
    if cell.wrong in ("propensity", "both"):
        eta[:, 1] += _curve(x)
    eta -= eta.max(axis=1, keepdims=True)
    p = np.exp(eta)
    return p / p.sum(axis=1, keepdims=True)


def outcome_means(cell: Cell, x: Any) -> Any:
    """Mean outcome under every arm (n, K)."""
    means = _LEVEL[: cell.arms] + (x - [0.0, 0.0, 0.0, RARE]) @ _SLOPES[: cell.arms].T
    if cell.wrong in ("outcome", "both"):
        means = means + np.outer(_curve(x), np.linspace(1.0, 1.6, cell.arms))
    return 1.0 / (1.0 + np.exp(-means)) if cell.events else means


def draw(cell: Cell, seed: int) -> Draw:
    """Draw a sample; households share half of the variance of their covariates and of the noise."""
    r = np.random.default_rng([SEED, CELLS.index(cell), seed])
    sizes = r.integers(1, cell.household + 1, cell.episodes)
    households = np.repeat(np.arange(cell.episodes), sizes)[: cell.episodes]
    half = np.sqrt(0.5)

    def shared(columns: int) -> Any:
        own, common = r.normal(size=(cell.episodes, columns)), r.normal(size=(cell.episodes, columns))
        return half * own + half * common[households]

    x = np.column_stack([shared(3), r.random(cell.episodes) < RARE]).astype(float)
    p = probabilities(cell, x)
    arms = (np.log(p) + r.gumbel(size=p.shape)).argmax(axis=1)
    mean, noise = outcome_means(cell, x)[np.arange(cell.episodes), arms], shared(1)[:, 0]
    # Noise that households share makes their events alike too, and each event as likely as its mean.
    y = (ndtr(noise) < mean).astype(float) if cell.events else mean + noise
    seen = np.ones(cell.episodes, dtype=bool)
    if cell.censored:
        # Half a log-odds a unit around the wanted share: the mean stays within a point of it.
        base = np.log(1.0 / cell.censored - 1.0)
        seen = r.random(cell.episodes) < 1.0 / (1.0 + np.exp(-base - 0.5 * x[:, 0] + 0.3 * (arms - 0.5)))
    return Draw(x, arms, np.where(seen, y, np.nan), seen, households)


@cache
def truth(cell: Cell, estimand: Any) -> tuple[float, ...]:
    """Mean outcome of every arm in the population of an estimand, by quadrature over the covariates."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(NODES)
    grid = np.meshgrid(nodes, nodes, nodes, [0.0, 1.0], indexing="ij")
    mass = np.meshgrid(weights, weights, weights, [1.0 - RARE, RARE], indexing="ij")
    x = np.column_stack([axis.ravel() for axis in grid])
    share = np.prod([axis.ravel() for axis in mass], axis=0)
    p = probabilities(cell, x)
    tilt = {"ATE": np.ones(len(x)), "ATO": 1.0 / np.sum(1.0 / p, axis=1)}
    h = share * (tilt[estimand] if isinstance(estimand, str) else p[:, estimand[1]])
    return tuple(float(mean) for mean in h @ outcome_means(cell, x) / h.sum())
