"""Which household is held out when: splits that depend on household ids only, never on the row order."""

from __future__ import annotations

import hashlib
from typing import Any, NoReturn

import numpy as np

from causalsig.errors import EstimationError
from causalsig.estimation.inputs import Sample, read_labels
from causalsig.results import Integers


def check_draw(repeats: Any, seed: Any) -> None:
    """Refuse repeats and a seed that are not whole numbers.

    Raises
    ------
    EstimationError
        ``estimation-repeats``, ``estimation-seed``.
    """
    for name, value, least in (("repeats", repeats, 1), ("seed", seed, None)):
        whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
        if not whole or (least is not None and value < least):
            raise EstimationError(
                f"estimation-{name}",
                expected="a whole number" + ("" if least is None else f" from {least}"),
                found="another number" if whole else f"a {type(value).__name__}",
                mend=f"Use {name}={0 if least is None else least}.",
                where=name,
            )


def assign_folds(sample: Sample, folds: int | Any | None, repeats: int, seed: int) -> Integers:
    """Split households into folds, stratified by arm.

    A household belongs to the stratum of its rarest arm. Within a stratum households are ranked by a keyed
    hash of their id and dealt to the folds in turn, so the split is the same for any row order.

    Parameters
    ----------
    folds : int, (n,) array of labels, or None for one fold that nothing is held out of
    repeats : int
        Number of independent splits; 1 when labels are given.

    Returns
    -------
    (R, n) int

    Raises
    ------
    EstimationError
        ``estimation-folds``, ``estimation-missing``, ``estimation-split-household``,
        ``estimation-empty-cell``.
    """
    if folds is None:
        if repeats != 1:
            _refuse("folds to repeat", "repeats of an in-sample fit")
        return np.zeros((1, len(sample.codes)), dtype=np.int64)
    if isinstance(folds, (int, np.integer)):
        if folds < 2:
            _refuse("at least 2 folds", f"{int(folds)}")
        labels = np.stack([_split(sample, int(folds), seed, r)[sample.clusters] for r in range(repeats)])
    else:
        labels = _given(sample, folds, repeats)[None, :]
    _check_cells(sample, labels)
    return labels


def _split(sample: Sample, folds: int, seed: int, repeat: int) -> Integers:
    """Deal the households of each stratum to the folds in turn: (G,)."""
    total = len(sample.household_ids)
    sizes = np.bincount(sample.codes, minlength=len(sample.arms))
    # Arms in order of size, rarest first; a tie keeps the order of `arms`.
    rarity = np.argsort(np.argsort(sizes, kind="stable"), kind="stable")
    stratum = np.full(total, len(sample.arms), dtype=np.int64)
    np.minimum.at(stratum, sample.clusters, rarity[sample.codes])
    key = hashlib.sha256(f"causalsig folds {seed} {repeat}".encode()).digest()
    digests = np.array(
        [hashlib.blake2b(h.encode(), digest_size=8, key=key).digest() for h in sample.household_ids],
        dtype="S8",
    )
    ranked = np.lexsort((np.frombuffer(digests.tobytes(), dtype=">u8"), stratum))
    result = np.empty(total, dtype=np.int64)
    # One running deal over the strata keeps the folds of equal size too.
    result[ranked] = np.arange(total) % folds
    return result


def _given(sample: Sample, folds: Any, repeats: int) -> Integers:
    shape = np.shape(folds)
    if shape != sample.codes.shape or repeats != 1:
        _refuse(f"{len(sample.codes)} fold labels and one repeat", f"shape {shape}, {repeats} repeats")
    labels = read_labels(folds, "folds")
    try:
        codes = np.unique(np.asarray(labels), return_inverse=True)[1].astype(np.int64)
    except TypeError:
        _refuse("fold labels of one type", "labels that cannot be ordered")
    if codes.max() < 1:
        _refuse("at least 2 folds", "1")
    first = np.full(len(sample.household_ids), -1, dtype=np.int64)
    first[sample.clusters] = codes
    if np.any(first[sample.clusters] != codes):
        raise EstimationError(
            "estimation-split-household",
            expected="all episodes of a household in one fold",
            found="households in several folds",
            mend="Make the folds from household ids.",
            where="folds",
        )
    return codes


def _check_cells(sample: Sample, labels: Integers) -> None:
    """Refuse a split in which an arm has no episode left to learn from."""
    for split in labels:
        cells = np.zeros((split.max() + 1, len(sample.arms)), dtype=np.int64)
        np.add.at(cells, (split, sample.codes), 1)
        empty = np.flatnonzero(np.any(cells.sum(axis=0) - cells == 0, axis=0))
        if len(empty):
            names = ", ".join(str(sample.arms[k]) for k in empty)
            raise EstimationError(
                "estimation-empty-cell",
                expected="episodes of every arm outside every fold",
                found=f"none for {names} outside one fold",
                mend="The arm has too few households: leave it out, or use fewer folds.",
                where="folds",
            )


def _refuse(expected: str, found: str) -> NoReturn:
    raise EstimationError(
        "estimation-folds",
        expected=expected,
        found=found,
        mend="Give a number of folds, one label an episode, or None for in-sample.",
        where="folds",
    )
