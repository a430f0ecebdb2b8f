"""Random numbers that are a function of where they are used, not of when they are drawn.

A household's draw of a month is found again by its address (month, slot, household), so a clone of the
household that lives under another arm meets the same luck (common random numbers), and the order of the
work cannot change a value. SplitMix64 by Steele, Lea and Flood (2014, doi:10.1145/2660193.2660195) allows
such random access: the i-th number of the stream is a hash of ``key + i * gamma``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from causalsig.errors import SimulationError

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MASK: Final = (1 << 64) - 1
_GAMMA: Final = 0x9E3779B97F4A7C15
_SLOTS: Final = 1024
_STRIDE: Final = 1 << 22

# One slot a purpose. A block of slots starts at the number given and takes one for every contract, arm or
# attempt. A substream (a second life of the same household-month) adds SUBSTREAM.
SPILL: Final = 0
STAY: Final = 5
REPORT: Final = 10
AMOUNT: Final = 15
CRISIS: Final = 25
ASSIGN: Final = 30
MIX: Final = 36
LATE_METHOD: Final = 37
DELAY: Final = 38
ACCEPT: Final = 39
CLOSE: Final = 40
RESULT: Final = 42
LIBRARY: Final = 43
AGE_DIRT: Final = 44
FOLLOWUP: Final = 45
CODING: Final = 46
CAPACITY: Final = 47
FOUND: Final = 49
BENEFIT: Final = 50
BENEFIT_REACH: Final = 51
OPT_OUT: Final = 52
LINK: Final = 53
SURPRISE: Final = 54
WEEK: Final = 55
SECOND_SIGNAL: Final = 56
ATTEMPT: Final = 64
ATTEMPT_SLOTS: Final = 5
DELIVERY: Final = 108
HEAP: Final = 113
SUBSTREAM: Final = 256


def site_key(seed: int, code: str) -> int:
    """Key of a site's stream: depends on the seed and the site's code only, shape (), 64 bits.

    Raises
    ------
    SimulationError
        ``simulation-site``: the seed is negative.
    """
    if seed < 0:
        raise SimulationError(
            "simulation-site",
            expected="a seed of 0 or more",
            found="a negative one",
            mend="Take another seed; any whole number that is not negative will do.",
        )
    words = np.random.SeedSequence([seed, *code.encode()]).generate_state(1, np.uint64)
    return int(words[0])


def uniforms(
    key: int, month: int, slot: int | NDArray[np.int64], household: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Uniform draws in (0, 1), of the broadcast shape of ``slot`` and ``household``."""
    counter = np.asarray(slot, dtype=np.int64) * _STRIDE + household
    z = counter.astype(np.uint64) * np.uint64(_GAMMA)
    start = (key + (month * _SLOTS * _STRIDE + 1) * _GAMMA) & _MASK
    z += np.uint64(start)
    z ^= z >> np.uint64(30)
    z *= np.uint64(0xBF58476D1CE4E5B9)
    z ^= z >> np.uint64(27)
    z *= np.uint64(0x94D049BB133111EB)
    z ^= z >> np.uint64(31)
    return ((z >> np.uint64(12)).astype(np.float64) + 0.5) * 2.0**-52


def normals(
    key: int, month: int, slot: int | NDArray[np.int64], household: NDArray[np.int64], second: int
) -> NDArray[np.float64]:
    """Draw standard normals by Box and Muller from slots ``slot`` and ``slot + second``."""
    radius = np.sqrt(-2.0 * np.log(uniforms(key, month, slot, household)))
    return radius * np.cos(2.0 * np.pi * uniforms(key, month, slot + second, household))


def month_generator(key: int, month: int) -> np.random.Generator:
    """Make the generator of the dense draws of a month (one number a household)."""
    return np.random.Generator(np.random.SFC64(np.random.SeedSequence([key, month + 1])))
