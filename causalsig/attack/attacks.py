"""What an attack is, and one attempt of it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal

import numpy as np

Setting = Literal["on", "no-ledger", "off"]
"""on: real releases, and the real ledger asked for every further one · no-ledger: further ones are made under
every rule and on the grid, and nobody remembers · off: exact numbers, and no rule at all."""
SETTINGS: tuple[Setting, ...] = ("on", "no-ledger", "off")


@dataclass(frozen=True, slots=True)
class Attack:
    """One way to find out what was not told.

    Attributes
    ----------
    name : str
        Kebab-case.
    victim : {"household", "municipality"}
    source : str
        Where the attack comes from.
    knows : str
        What the attacker has beside what is released.
    guesses : str
    chance : str
        What a guess without any release would give, in words; every trial carries the number.
    held_by : str
        What is in the way when everything is on.
    off : str
        What the attacker is given when it is off.
    """

    name: str
    victim: Literal["household", "municipality"]
    source: str
    knows: str
    guesses: str
    chance: str
    held_by: str
    off: str


@dataclass(frozen=True, slots=True)
class Trial:
    """One attempt: whether the guess was right, and the chance that one without any release is."""

    attack: str
    setting: Setting
    site: str
    right: bool
    chance: float


def dice(*what: str) -> np.random.Generator:
    """Give the randomness of one attempt: the same for the same attack on the same municipality."""
    digest = hashlib.sha256("\n".join(("causalsig attack", *what)).encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "big"))


def coin(*what: str) -> bool:
    """Guess without knowing anything."""
    return bool(dice("coin", *what).integers(2))
