"""The pooling gate and the solo gate: may a site's figures be pooled, may they be shown by themselves.

Neither decides whether an effect is computed; that is the design gate's. Low power never keeps a site out of
the pool: leaving imprecise sites out would leave out those whose estimates happen to be small.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from causalsig.diagnostics.gates import DesignGate
from causalsig.records import Verdict

if TYPE_CHECKING:
    from causalsig.study.models import Diagnostics

FOLLOW_UP = "gate-follow-up"
KNOWN_FAILURE = "gate-known-failure"
POWER = "gate-power"
KNOWN_FAILURES = frozenset({"source-month-without-signals"})
"""Findings of a source that make its outcomes wrong in a way no model mends.

In a month that was never delivered nobody can return. What a source lacks of covariates, or codes otherwise,
is a remark and no failure.
"""


@dataclass(frozen=True, slots=True)
class LaterThresholds:
    """Thresholds of the two gates, the same for every site.

    Attributes
    ----------
    min_followed : float
        Share of an arm's episodes whose outcome window was seen to its end. Who leaves sight is modelled;
        with fewer the answer leans on that model.
    max_known_failures : int
        Failures of the data, by their codes, that a site may have.
    largest_detectable : float
        Effect, on the outcome's scale, that a site must be able to see by itself.
    power : float
        Chance to see it.
    """

    min_followed: float = 0.8
    max_known_failures: int = 0
    largest_detectable: float = 0.05
    power: float = 0.8

    @classmethod
    def of(cls, settings: Diagnostics) -> LaterThresholds:
        """Take the thresholds of a study."""
        return cls(
            settings.min_followed,
            settings.max_known_failures,
            settings.largest_detectable,
            settings.solo_power,
        )


@dataclass(frozen=True, slots=True)
class LaterGate:
    """Answer of the pooling or the solo gate for one analysis; passed only when the gates before it did."""

    verdicts: tuple[Verdict, ...]
    passed: bool


def pooling_gate(
    design: DesignGate,
    estimand: str,
    arms: tuple[str, ...],
    episodes: NDArray[np.int64],
    followed: NDArray[np.int64],
    known_failures: Sequence[str] = (),
    thresholds: LaterThresholds | None = None,
) -> LaterGate:
    """Judge whether an analysis may enter the pool.

    Parameters
    ----------
    design : DesignGate
        An estimand it did not admit never passes.
    estimand : str
    arms : tuple of str, length K
    episodes, followed : (K,)
        Episodes of each arm, and those whose outcome is known (``ArmMeans.n`` and ``.followed``).
    known_failures : sequence of str
        Codes of what is wrong with the data or the follow-up; each counts once.
    thresholds : LaterThresholds, optional
    """
    chosen = thresholds or LaterThresholds()
    shares = followed / np.maximum(episodes, 1)
    fewest = int(shares.argmin())
    failures = len(set(known_failures))
    verdicts = (
        Verdict(
            "pooling",
            FOLLOW_UP,
            bool(shares[fewest] >= chosen.min_followed),
            float(shares[fewest]),
            chosen.min_followed,
            arms[fewest],
            estimand,
        ),
        Verdict(
            "pooling",
            KNOWN_FAILURE,
            failures <= chosen.max_known_failures,
            float(failures),
            float(chosen.max_known_failures),
            None,
            estimand,
        ),
    )
    return LaterGate(verdicts, estimand in design.admitted and all(one.passed for one in verdicts))


def detectable_effect(std_error: float, df: float, power: float = 0.8, level: float = 0.95) -> float:
    """Give the effect that a two-sided test at `level` sees with chance `power`: ``(t_α + t_power) SE``.

    Bloom (1995), doi:10.1177/0193841X9501900504. Says nothing of the effect that was found.
    """
    from scipy.special import stdtrit

    return float((stdtrit(df, 0.5 + level / 2.0) + stdtrit(df, power)) * std_error)


def solo_gate(
    pooling: LaterGate,
    estimand: str,
    std_error: float,
    df: float,
    thresholds: LaterThresholds | None = None,
) -> LaterGate:
    """Judge whether an analysis may be shown by itself, apart from the pool.

    Parameters
    ----------
    pooling : LaterGate
        What may not be pooled is never shown alone.
    estimand : str
    std_error, df : float
        Of the primary contrast, on the difference scale (``Contrast.std_error``, ``Contrast.df``).
    thresholds : LaterThresholds, optional
    """
    chosen = thresholds or LaterThresholds()
    effect = detectable_effect(std_error, df, chosen.power)
    enough = effect <= chosen.largest_detectable
    verdict = Verdict("solo", POWER, enough, effect, chosen.largest_detectable, None, estimand)
    return LaterGate((verdict,), pooling.passed and enough)
