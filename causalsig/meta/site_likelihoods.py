"""What a small site says of its effect when a normal with a standard error would be wrong.

Every kind gives its log-likelihood of the true effect θ, up to a constant, with two derivatives. A site whose
arm had no event, or whose number of events is known as a class only, keeps what it knows: the likelihood of
being there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import special

from causalsig.errors import MetaError
from causalsig.meta.inputs import as_floats, freeze

FloatArray = NDArray[np.float64]
Derivatives = tuple[FloatArray, FloatArray, FloatArray]

POINTS = 9
# A profile is tabulated where its log-likelihood is within this of the highest: 4 standard errors.
REACH = 8.0
# Log odds beyond which nothing is tabulated: a risk of 1 in 22,000 against its like.
WIDEST = 10.0
# Table of a class: beyond its ends a log-likelihood in log odds is a straight line to 1e-13; between its
# points the cubic is off by n/8 times the fourth power of the step over 384: 1e-8 for 100 households.
TABLE_END, TABLE_POINTS = 30.0, 2401


class SiteLikelihood(Protocol):
    """Log-likelihood of one site's true effect."""

    def at(self, theta: FloatArray) -> Derivatives:
        """Log-likelihood, first and second derivative, each of the shape of `theta`."""
        ...

    def summary(self) -> tuple[float, float]:
        """Return a place and a spread that the likelihood speaks of, roughly."""
        ...


@dataclass(frozen=True, slots=True)
class ProfileLikelihood:
    """A log-likelihood known at some points with its slopes (a payload of POINTS points; more or fewer do).

    Between the points it is the cubic through values and slopes; beyond the ends it goes on with the last
    slope, which for an arm without events is nearly flat. Make it with `profile_likelihood_payload`.

    Attributes
    ----------
    points, values, slopes : (m,) arrays
        Increasing points; log-likelihood up to a constant; its derivative.
    """

    points: FloatArray
    values: FloatArray
    slopes: FloatArray

    def at(self, theta: FloatArray) -> Derivatives:
        """Log-likelihood and derivatives."""
        x, f, d = self.points, self.values, self.slopes
        place = np.clip(np.searchsorted(x, theta) - 1, 0, len(x) - 2)
        width = x[place + 1] - x[place]
        t = np.clip((theta - x[place]) / width, 0.0, 1.0)
        left, right = width * d[place], width * d[place + 1]
        rise = f[place + 1] - f[place]
        # f0 + left t + b t² + c t³ on the unit interval.
        b, c = 3.0 * rise - 2.0 * left - right, left + right - 2.0 * rise
        value = f[place] + t * (left + t * (b + t * c))
        first = (left + t * (2.0 * b + 3.0 * c * t)) / width
        second = (2.0 * b + 6.0 * c * t) / width**2
        outside = (theta < x[0]) | (theta > x[-1])
        beyond = theta - np.clip(theta, x[0], x[-1])
        return value + first * beyond, first, np.where(outside, 0.0, second)

    def summary(self) -> tuple[float, float]:
        """Place and spread."""
        weights = np.exp(self.values - self.values.max()) * np.gradient(self.points)
        weights /= weights.sum()
        centre = float(weights @ self.points)
        return centre, float(np.sqrt(weights @ (self.points - centre) ** 2)) + 0.1 * float(
            np.diff(self.points).min()
        )


@dataclass(frozen=True, slots=True)
class NormalLikelihood:
    """An estimate with its sampling variance."""

    estimate: float
    variance: float

    def at(self, theta: FloatArray) -> Derivatives:
        """Log-likelihood and derivatives."""
        gap = (self.estimate - theta) / self.variance
        return -0.5 * gap * (self.estimate - theta), gap, np.full_like(theta, -1.0 / self.variance)

    def summary(self) -> tuple[float, float]:
        """Place and spread."""
        return self.estimate, float(np.sqrt(self.variance))


@dataclass(frozen=True, slots=True)
class EventClass:
    """An arm with `low` to `high` events (inclusive) among `households`; θ is the log odds of the risk.

    ``EventClass(0, 0, n)`` is an arm without events, ``EventClass(0, 9, n)`` one under a floor of ten.
    """

    low: int
    high: int
    households: int

    def at(self, theta: FloatArray) -> Derivatives:
        """Log-likelihood and derivatives: those of a binomial known to lie in a class."""
        n, events = self.households, np.arange(self.low, self.high + 1, dtype=np.float64)
        choose = -special.betaln(n - events + 1.0, events + 1.0) - np.log(n + 1.0)
        each = choose + events * theta[..., None] - n * np.logaddexp(0.0, theta)[..., None]
        value = special.logsumexp(each, axis=-1)
        share = np.exp(each - value[..., None])
        mean = share @ events
        risk = special.expit(theta)
        spread = np.einsum("...e,...e->...", share, (events - mean[..., None]) ** 2)
        return value, mean - n * risk, spread - n * risk * (1.0 - risk)

    def summary(self) -> tuple[float, float]:
        """Place and spread."""
        middle = 0.5 * (self.low + self.high)
        up, down = middle + 0.5, self.households - middle + 0.5
        width = (self.high - self.low) / (2.0 * up)
        return float(np.log(up / down)), float(np.sqrt(1.0 / up + 1.0 / down + width**2))

    def table(self) -> ProfileLikelihood:
        """Return the same likelihood as a fine table, which is quicker to read than sums over the class."""
        points = np.linspace(-TABLE_END, TABLE_END, TABLE_POINTS)
        value, first, _ = self.at(points)
        return ProfileLikelihood(points, value, first)

    @property
    def ends(self) -> tuple[bool, bool]:
        """Whether the likelihood falls to the left and to the right."""
        return self.low > 0, self.high < self.households


def event_class(low: int, high: int, households: int) -> EventClass:
    """Check and make an `EventClass`.

    Raises
    ------
    MetaError
        ``meta-class`` unless 0 ≤ low ≤ high ≤ households and the class leaves something out.
    """
    if not 0 <= low <= high <= households or households < 1 or high - low >= households:
        raise MetaError(
            "meta-class",
            expected="0 <= low <= high <= households, and a class that does not hold everything",
            found="another",
            mend="Give the smallest and the largest number of events the class allows.",
        )
    return EventClass(int(low), int(high), int(households))


def profile_likelihood_payload(points: Any, values: Any, slopes: Any) -> ProfileLikelihood:
    """Check a log-likelihood at some points, with its slopes.

    Raises
    ------
    MetaError
        ``meta-profile``: fewer than three points, not increasing, of different lengths, not finite, or rising
        at the right end or falling at the left one while the other end does so too.
    """
    x, f, d = (as_floats(n, v) for n, v in (("points", points), ("values", values), ("slopes", slopes)))
    shapes = x.ndim == 1 and len(x) >= 3 and x.shape == f.shape == d.shape
    if not shapes or not np.isfinite(np.concatenate([x, f, d])).all() or not (np.diff(x) > 0.0).all():
        raise MetaError(
            "meta-profile",
            expected="three or more increasing points, each with a finite value and slope",
            found=f"shapes {x.shape}, {f.shape}, {d.shape}, or points that do not increase",
            mend="Tabulate the log-likelihood around its maximum.",
        )
    if d[0] < 0.0 or d[-1] > 0.0:
        raise MetaError(
            "meta-profile",
            expected="a log-likelihood that does not rise beyond its ends",
            found="one that does",
            mend="Tabulate it to both sides of its maximum; an arm without events is nearly flat at one end.",
        )
    return ProfileLikelihood(freeze(x), freeze(f), freeze(d))


def profile_of_log_odds_ratio(
    events: int, households: int, reference_events: int, reference_households: int
) -> ProfileLikelihood:
    """Profile log-likelihood of a log odds ratio from two arms' counts, at POINTS points with slopes.

    The odds of the reference arm are profiled out. An arm without events gives a likelihood that flattens to
    one side, which is what it knows. The slope is ``events - expected events`` (the envelope theorem).

    Raises
    ------
    MetaError
        ``meta-class`` when neither arm, or every household, had an event: that says nothing of the ratio (it
        does of the arms' own risks: see `event_class`).
    """
    total, n = events + reference_events, households + reference_households
    if not (0 <= events <= households and 0 <= reference_events <= reference_households) or not 0 < total < n:
        raise MetaError(
            "meta-class",
            expected="events between zero and households, in one arm at least, and not everyone",
            found="another table",
            mend="Use the arms' own risks where no arm, or everybody, had an event.",
        )
    counts = (float(events), float(households), float(reference_events), float(reference_households))
    wide = np.linspace(-WIDEST, WIDEST, 2001)
    heights = _profiled(wide, *counts)[0]
    inside = wide[heights >= heights.max() - REACH]
    points = np.linspace(inside[0], inside[-1], POINTS)
    values, slopes = _profiled(points, *counts)
    # Where the reach ends at WIDEST a slope of the right sign may be lost in rounding.
    slopes[0], slopes[-1] = max(slopes[0], 0.0), min(slopes[-1], 0.0)
    return profile_likelihood_payload(points, values - values.max(), slopes)


def _profiled(theta: FloatArray, e1: float, n1: float, e0: float, n0: float) -> tuple[FloatArray, FloatArray]:
    """Log-likelihood and slope at log odds ratios, the reference odds x solved for.

    ``n1 r x/(1 + r x) + n0 x/(1 + x) = e1 + e0`` with r = e^θ is a quadratic in x with one positive root.
    """
    r, total = np.exp(theta), e1 + e0
    a = r * (n1 + n0 - total)
    b = n1 * r + n0 - total * (1.0 + r)
    root = np.sqrt(b * b + 4.0 * a * total)
    # The form without cancellation for either sign of b.
    x = np.where(b > 0.0, 2.0 * total / (b + root), (root - b) / (2.0 * a))
    value = total * np.log(x) + e1 * theta - n1 * np.log1p(r * x) - n0 * np.log1p(x)
    return value, e1 - n1 * r * x / (1.0 + r * x)
