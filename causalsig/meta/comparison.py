"""Equality of results that hold arrays."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np


class ComparedByValue:
    """Equal when of one class with equal fields: arrays in every element, nan equal to nan.

    A dataclass compares its fields as a tuple, and ``array == array`` has no truth value. Results are not
    hashable, as nothing is that holds an array.
    """

    __slots__ = ()
    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        names = [each.name for each in fields(self)]  # type: ignore[arg-type]
        return all(same(getattr(self, name), getattr(other, name)) for name in names)


def same(left: Any, right: Any) -> bool:
    """Whether two fields of results are equal."""
    if isinstance(left, np.ndarray) or isinstance(right, np.ndarray):
        left, right = np.asarray(left), np.asarray(right)
        return bool(np.array_equal(left, right, equal_nan=left.dtype.kind == right.dtype.kind == "f"))
    if isinstance(left, tuple) and isinstance(right, tuple):
        return len(left) == len(right) and all(map(same, left, right))
    return bool(left == right) or bool(left != left and right != right)
