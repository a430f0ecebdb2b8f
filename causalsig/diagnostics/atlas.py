"""Where an arm is (almost) never used, in words: a map of positivity by shallow trees.

A deterministic rule ("visits from €500 or with rent arrears") leaves a hole in which no model can say what
the arm would have done. A tree an arm on questions with yes or no (is the amount at least €500?) finds such
holes, and a person can read them.

What leaves must not tell of anybody: questions are asked at cut points fixed beforehand, never at a value of
the data; a leaf and its sibling hold a floor of households; and the number of households in the arm there is
not among the figures. It can be bounded all the same: a region of 283 to 299 households passes at 2 % only
with nobody in the arm. For how a municipality contacts people that is its own rule; who accepted help is
what households did, and such regions stay at the site.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]

DEPTH = 3
CEILING = 0.05
"""Largest share of households for "almost never", as far as chance lets one say."""
LEVEL = 0.95
MIN_HOUSEHOLDS = 30
LOWEST_FLOOR = 10
"""The house's floor for a cell; a study's floor may only be higher."""


@dataclass(frozen=True, slots=True)
class CutPoints:
    """Cut points of a numeric covariate, in the unit a reader knows.

    Attributes
    ----------
    name : str
        What the texts call it ("amount").
    values : tuple of float
    to_column : callable
        From that unit to the scale of the column.
    unknown : str
        Column that is 1 where the value is not known; such an episode answers every question with no.
    """

    name: str
    values: tuple[float, ...]
    to_column: Callable[[float], float]
    unknown: str


CUT_POINTS: Mapping[str, CutPoints] = MappingProxyType(
    {
        "log_amount": CutPoints(
            "amount", (100, 250, 500, 1000, 2000, 5000), lambda euro: float(np.log(euro)) - 6.0,
            "amount=missing",
        ),
        "log_months_in_arrears": CutPoints(
            "months", (2, 3, 6, 12), lambda months: float(np.log1p(months)), "months_in_arrears=missing"
        ),
    }
)  # fmt: skip
"""Of the columns that the design matrix makes; a test holds that they are the cohort's."""
DERIVED = frozenset({"log_amount_squared"})
"""Columns that another one determines."""
WITHOUT_NAME = ("district",)
"""Columns that stand for a place: it has no name in a release."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One question of a tree and its answer.

    Attributes
    ----------
    question : str
        Column of 0 and 1, or the name of cut points.
    value : float or None
        Cut point in the reader's unit: "at least this"; None for a column of 0 and 1.
    holds : bool
        Whether the answer is yes; of an unknown value it is no.
    """

    question: str
    value: float | None
    holds: bool


@dataclass(frozen=True, slots=True)
class Region:
    """A part of the episodes in which an arm is (almost) never used.

    Attributes
    ----------
    arm : str
    conditions : tuple of Condition
        All hold.
    households : int
        Distinct households in it, at least the floor; leaves as a band only.
    upper : float
        Upper end of the one-sided interval of the share of households there that got the arm. Never leaves.
    """

    arm: str
    conditions: tuple[Condition, ...]
    households: int
    upper: float


@dataclass(frozen=True, slots=True)
class Atlas:
    """Regions without positivity.

    Attributes
    ----------
    regions : tuple of Region
        Arm by arm, the largest first.
    asked : int
        Questions the trees could ask.
    left_out : tuple of str
        Columns that no question could be made of.
    """

    regions: tuple[Region, ...]
    asked: int
    left_out: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Rows:
    """Answers (n, q), arms and households of the rows, and the weight of a row: a household's add to 1."""

    answers: Flags
    codes: Integers
    clusters: Integers
    weights: Floats
    households: int


def positivity_atlas(
    covariates: Floats,
    names: tuple[str, ...],
    codes: Integers,
    clusters: Integers,
    arms: tuple[str, ...],
    *,
    depth: int = DEPTH,
    ceiling: float = CEILING,
    level: float = LEVEL,
    min_households: int = MIN_HOUSEHOLDS,
) -> Atlas:
    """Find where an arm is (almost) never used.

    A region is the first node of the arm's tree, from its root, where the share of households with the arm
    lies below `ceiling` and below half the arm's share of all, by the exact upper end at `level` shared over
    the nodes of a tree (Clopper and Pearson 1934, doi:10.1093/biomet/26.4.404).

    Parameters
    ----------
    covariates : (n, p)
    names : tuple of str, length p
    codes, clusters : (n,)
        Arm and household of each episode, as positions.
    arms : tuple of str, length K
    depth : int
        Questions on the way to a leaf.
    ceiling : float
    level : float
    min_households : int
        Floor of a leaf; values below 10 count as 10.
    """
    answers, questions, left_out = _questions(covariates, names)
    total = int(clusters.max()) + 1 if len(clusters) else 0
    floor = max(min_households, LOWEST_FLOOR)
    if not questions or total < 2 * floor:
        return Atlas((), len(questions), left_out)
    rows = _Rows(answers, codes, clusters, 1.0 / np.bincount(clusters)[clusters], total)
    limit = (1.0 - level) / (2 ** (depth + 1) - 1)
    found: list[Region] = []
    for k, arm in enumerate(arms):
        share = len(np.unique(clusters[codes == k])) / total
        regions = _regions_of(rows, k, arm, questions, depth, floor, min(ceiling, share / 2.0), limit)
        found.extend(sorted(regions, key=lambda region: -region.households))
    return Atlas(tuple(found), len(questions), left_out)


def _questions(covariates: Floats, names: tuple[str, ...]) -> tuple[Flags, list[Condition], tuple[str, ...]]:
    """Answers (n, q), the questions, and columns without one."""
    answers, questions, left_out = [], [], []
    for j, name in enumerate(names):
        column = covariates[:, j]
        if name in CUT_POINTS:
            points = CUT_POINTS[name]
            known = covariates[:, names.index(points.unknown)] == 0 if points.unknown in names else True
            for value in points.values:
                # A cut point lies on the grid of a logarithm: rounding must not move it.
                answers.append((column >= points.to_column(value) - 1e-9) & known)
                questions.append(Condition(points.name, float(value), True))
        elif name.startswith(WITHOUT_NAME) or not np.isin(column, (0.0, 1.0)).all():
            if name not in DERIVED:
                left_out.append(name)
        else:
            answers.append(column == 1.0)
            questions.append(Condition(name, None, True))
    found = np.column_stack(answers) if answers else np.empty((len(covariates), 0), dtype=bool)
    return found, questions, tuple(left_out)


def _regions_of(
    rows: _Rows,
    arm: int,
    name: str,
    questions: list[Condition],
    depth: int,
    floor: int,
    ceiling: float,
    tail: float,
) -> Iterator[Region]:
    """Grow the tree of one arm and walk it from the root."""
    from sklearn.tree import DecisionTreeClassifier

    grower = DecisionTreeClassifier(
        max_depth=depth, min_weight_fraction_leaf=min(floor / rows.households, 0.5), random_state=0
    )
    tree = grower.fit(rows.answers.astype(np.float32), rows.codes == arm, sample_weight=rows.weights).tree_

    def walk(node: int, inside: Flags, path: tuple[Condition, ...]) -> Iterator[Region]:
        households = np.unique(rows.clusters[inside])
        with_arm = np.unique(rows.clusters[inside & (rows.codes == arm)])
        upper = _upper_end(len(with_arm), len(households), tail)
        if path and upper < ceiling:
            yield Region(name, path, len(households), upper)
        elif tree.children_left[node] >= 0:
            place = int(tree.feature[node])
            question, yes = questions[place], rows.answers[:, place]
            no = Condition(question.question, question.value, False)
            yield from walk(int(tree.children_left[node]), inside & ~yes, (*path, no))
            yield from walk(int(tree.children_right[node]), inside & yes, (*path, question))

    yield from walk(0, np.ones(len(rows.codes), dtype=bool), ())


def _upper_end(hits: int, trials: int, tail: float) -> float:
    """Exact upper end of a share."""
    return float(betaincinv(hits + 1, trials - hits, 1.0 - tail)) if hits < trials else 1.0
