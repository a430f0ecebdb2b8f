"""What is known of an episode, as normal scores cut into categories, and how these go together at a site."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
LARGEST_CORRELATION: Final = 0.95
PROJECTIONS: Final = 60
SMALLEST_EIGENVALUE: Final = 0.01
TERMS: Final = 40
BISECTIONS: Final = 40
FEWEST_PAIRS: Final = 30
"""Pairs of episodes of one household below which nothing is said of how they go together."""
NONE_OF: Final = -1
"""Stands among a trait's columns for the category in which all of them are 0."""
ONE_OF = "="
AT_LEAST = ">="
SQUARE = "_squared"


@dataclass(frozen=True, slots=True)
class Trait:
    """One thing known of an episode, and the columns that tell it.

    Attributes
    ----------
    columns : tuple of int
        Of a number, its column; of categories, the column of each, from the lowest scores to the highest,
        `NONE_OF` for the category without one.
    nested : bool
        Each column asks for more than the one before, so that a higher category has all of them.
    cuts : tuple of float
        Normal quantiles at which the trait goes to its next category; none: a number, not a category.
    mean, spread : float
        Of a number.
    """

    columns: tuple[int, ...]
    nested: bool
    cuts: tuple[float, ...]
    mean: float
    spread: float


@dataclass(frozen=True, slots=True, eq=False)
class Traits:
    """The traits of a cohort, and the normal scores behind them.

    Attributes
    ----------
    traits : tuple of Trait
    correlations : (t, t)
        Between the scores of one episode.
    shared : (t, t)
        Between the scores of two episodes of one household, as a sample of pairs has them.
    """

    traits: tuple[Trait, ...]
    correlations: Floats
    shared: Floats


def traits_of(x: Floats, names: tuple[str, ...], households: Integers) -> Traits:
    """Find the traits of episodes, and how the normal scores behind them go together.

    Parameters
    ----------
    x : (n, p)
        Covariates.
    names : tuple of str
        Their names: ``month=2025-03`` is one of a list, ``signals>=2`` one of a count.
    households : (n,)
        Household of each episode.
    """
    traits, values, series = [], [], []
    for columns, nested in _groups(x, names):
        ordered = _order(x, columns, nested)
        value, cuts = _value(x, ordered, nested)
        traits.append(Trait(ordered, nested, cuts, float(value.mean()), float(value.std())))
        values.append((value - value.mean()) / (value.std() or 1.0))
        series.append(_hermite(value, cuts))
    scores = np.column_stack(values) if values else np.zeros((len(x), 0))
    hermite = np.array(series).reshape(len(traits), TERMS)
    correlations = _correlations(_behind(scores.T @ scores / max(len(x), 1), hermite))
    return Traits(tuple(traits), correlations, _shared(scores, hermite, correlations, households))


def _shared(scores: Floats, hermite: Floats, correlations: Floats, households: Integers) -> Floats:
    """Correlations behind products over neighbouring episodes of a household, steadied where few: (t, t).

    Fewer pairs than traits tell little of every two traits; then mostly each trait's own share counts, spread
    over the others as they are correlated.
    """
    first, second = _pairs(households)
    if len(first) < FEWEST_PAIRS or not len(correlations):
        return np.zeros_like(correlations)
    products = scores[first].T @ scores[second]
    seen = _behind((products + products.T) / (2.0 * len(first)), hermite)
    own = np.sqrt(np.clip(np.diagonal(seen), 0.0, LARGEST_CORRELATION))
    weight = len(first) / (len(first) + len(correlations))
    return np.asarray(weight * seen + (1.0 - weight) * correlations * np.outer(own, own))


def shared_and_own(correlations: Floats, shared: Floats) -> tuple[Floats, Floats]:
    """Roots of what a household's episodes have in common and of the rest, (t, t) each.

    Their squares add up to `correlations`, so an episode's scores are correlated as at the site however
    unlike the traits are in what a household shares. What a sample of pairs says beyond that is cut off:
    along no direction is less than nothing shared, or more than nearly everything.
    """
    if not len(correlations):
        return correlations, correlations
    root = np.linalg.cholesky(correlations)
    inner = np.linalg.solve(root, np.linalg.solve(root, shared).T)
    values, vectors = np.linalg.eigh((inner + inner.T) / 2.0)
    kept, basis = np.clip(values, 0.0, LARGEST_CORRELATION), root @ vectors
    return basis * np.sqrt(kept), basis * np.sqrt(1.0 - kept)


def draw_traits(traits: tuple[Trait, ...], scores: Floats, columns: int) -> Floats:
    """Cut scores (n, t) into what they stand for: (n, `columns`), 0 where no trait tells the column."""
    x = np.zeros((len(scores), columns))
    for score, trait in zip(scores.T, traits, strict=True):
        if not trait.cuts:
            x[:, trait.columns[0]] = trait.mean + trait.spread * score
            continue
        category = (score[:, None] > np.array(trait.cuts)).sum(axis=1)
        for place, column in enumerate(trait.columns):
            if column != NONE_OF:
                x[:, column] = category >= place if trait.nested else category == place
    return x


def squares_among(names: tuple[str, ...]) -> tuple[tuple[int, int], ...]:
    """Columns that are another one's square, with that one."""
    return tuple(
        (place, names.index(name.removesuffix(SQUARE)))
        for place, name in enumerate(names)
        if name.endswith(SQUARE) and name.removesuffix(SQUARE) in names
    )


def _pairs(households: Integers) -> tuple[Integers, Integers]:
    """Rows of every two neighbouring episodes of one household."""
    order = np.argsort(households, kind="stable")
    same = households[order][1:] == households[order][:-1]
    return order[:-1][same], order[1:][same]


def _groups(x: Floats, names: tuple[str, ...]) -> list[tuple[tuple[int, ...], bool]]:
    """Columns that tell one thing together: of one list, or of one count; squares are left out."""
    squares = {place for place, _ in squares_among(names)}
    found: list[tuple[tuple[int, ...], bool]] = []
    seen: dict[str, tuple[int, ...]] = {}
    for place, name in enumerate(names):
        if place in squares:
            continue
        stem = name.split(AT_LEAST)[0] + AT_LEAST if AT_LEAST in name else name.split(ONE_OF)[0]
        key = stem if AT_LEAST in name or ONE_OF in name else name
        seen[key] = (*seen.get(key, ()), place)
    for key, columns in seen.items():
        nested = key.endswith(AT_LEAST)
        part = x[:, list(columns)]
        together = nested or len(columns) == 1 or bool((part.sum(axis=1) <= 1.0).all())
        found += [(columns, nested)] if together else [((column,), False) for column in columns]
    return found


def _order(x: Floats, columns: tuple[int, ...], nested: bool) -> tuple[int, ...]:
    """Put the categories of a trait in the order in which the other columns differ most between them.

    Districts and months have no order of their own, and one score behind them needs one: the first axis of
    the category means, each weighted by its share. A number keeps its column.
    """
    part = x[:, list(columns)]
    if not np.isin(part, (0.0, 1.0)).all():
        return columns
    if nested or len(columns) == 1:
        return (NONE_OF, *columns)
    others = np.delete(x, list(columns), axis=1)
    spread = others.std(axis=0)
    z = (others - others.mean(axis=0))[:, spread > 0.0] / spread[spread > 0.0]
    member = np.column_stack([1.0 - part.sum(axis=1), part])
    root = np.sqrt(np.maximum(member.sum(axis=0), 1.0))
    left = np.linalg.svd(member.T @ z / root[:, None], full_matrices=False)[0]
    axis = left[:, 0] / root if left.size else np.arange(len(root), dtype=np.float64)
    axis = axis * (np.sign(axis[np.argmax(np.abs(axis))]) or 1.0)
    whole = (NONE_OF, *columns)
    return tuple(whole[place] for place in np.argsort(axis, kind="stable"))


def _value(x: Floats, columns: tuple[int, ...], nested: bool) -> tuple[Floats, tuple[float, ...]]:
    """Give each episode its category in the order of the columns, and the cuts; or the number itself."""
    from scipy.special import ndtri

    if NONE_OF not in columns:
        return x[:, columns[0]], ()
    told = [column for column in columns if column != NONE_OF]
    part = x[:, told]
    if nested:
        value = part.sum(axis=1)
    else:
        places = np.array([columns.index(column) for column in told], dtype=np.float64)
        value = part @ places + (1.0 - part.sum(axis=1)) * columns.index(NONE_OF)
    below = np.cumsum(np.bincount(value.astype(np.int64), minlength=len(columns)))[:-1] / len(x)
    return value, tuple(ndtri(np.clip(below, 1e-9, 1.0 - 1e-9)).tolist())


def _hermite(value: Floats, cuts: tuple[float, ...]) -> Floats:
    """Coefficients of the standardised trait in Hermite polynomials of its score: (TERMS,), degree 1 first.

    A step at c has ``φ(c) He_{m-1}(c) / √m!`` at degree m; a number is its own score.
    """
    found = np.zeros(TERMS)
    spread = float(value.std())
    if not cuts or spread == 0.0:
        found[0] = 1.0
        return found
    c = np.array(cuts)
    before, now = np.zeros_like(c), np.exp(-c * c / 2.0) / math.sqrt(2.0 * math.pi)
    for m in range(1, TERMS + 1):
        found[m - 1] = float(now.sum()) / math.sqrt(m) / spread
        before, now = now, (c * now - math.sqrt(m - 1) * before) / math.sqrt(m)
    return found


def _behind(seen: Floats, hermite: Floats) -> Floats:
    """Correlations of scores at which the traits show the correlations seen: (t, t).

    Two traits of scores with correlation r show ``Σ_m h_m k_m r^m`` (Mehler's formula), which grows with r;
    solved by bisection within `LARGEST_CORRELATION`. With the first term only it is the biserial formula.
    """
    low = np.full_like(seen, -LARGEST_CORRELATION)
    high = -low
    for _ in range(BISECTIONS):
        r = (low + high) / 2.0
        shown = np.zeros_like(seen)
        for m in range(TERMS - 1, -1, -1):
            shown = (shown + np.outer(hermite[:, m], hermite[:, m])) * r
        below = shown < seen
        low, high = np.where(below, r, low), np.where(below, high, r)
    return np.asarray((low + high) / 2.0)


def _correlations(seen: Floats) -> Floats:
    """Nearest correlation matrix with a Cholesky factor, by alternating projections.

    Higham (2002), doi:10.1093/imanum/22.3.329. Pairs of rare facts ask for more than any joint distribution
    of normal scores can give; shrinking all pairs alike until it can would leave little of any.
    """
    found = np.clip(seen, -LARGEST_CORRELATION, LARGEST_CORRELATION)
    np.fill_diagonal(found, 1.0)
    correction = np.zeros_like(found)
    for _ in range(PROJECTIONS if len(found) else 0):
        given = found - correction
        values, vectors = np.linalg.eigh(given)
        bounded = (vectors * np.maximum(values, SMALLEST_EIGENVALUE)) @ vectors.T
        correction = bounded - given
        found = bounded.copy()
        np.fill_diagonal(found, 1.0)
    scale = np.sqrt(np.diagonal(bounded)) if len(found) else np.ones(0)
    return np.asarray(bounded / np.outer(scale, scale)) if len(found) else found
