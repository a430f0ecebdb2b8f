"""What the routes to a moved threshold give back: frozen, the same for all five.

A moved threshold hands a band of scores to the other handling. Its size is observed; what it does to them is
not, because at such a score everybody got the same. Every route fills that gap by an assumption of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

from causalsig.moved import RouteName

Route = RouteName
ROUTES: tuple[Route, ...] = ("changed_band", "changed_jumps", "constant_bias", "safe_cutoffs", "continuation")
"""Strongest first: a threshold that really changed, sites with other thresholds, a bounded continuation."""
ERROR_RATE = 0.05
"""Of every check of an assumption."""


@dataclass(frozen=True, slots=True)
class Check:
    """A test of what a route assumes; a failing one takes the route away, a passing one proves nothing.

    Attributes
    ----------
    code : str, the refusal where it fails
    estimate, std_error : float
        Of what should be nothing, or within its bound; NaN for a test of several things at once.
    p_value : float
    passed : bool
    """

    code: str
    estimate: float
    std_error: float
    p_value: float
    passed: bool


@dataclass(frozen=True, slots=True)
class BandEffect:
    """Effect of the handling above the threshold on the episodes that a moved threshold handles otherwise.

    Attributes
    ----------
    route : str
    low, high : float
        The band: scores from `low` up to, not with, `high`.
    estimate, std_error : float
        Mean outcome of the band when handled as above the threshold less that when handled as below it.
    largest_bias : float
        Over everything the route's declared bound allows; 0 where the assumption names one value.
    conf_low, conf_high : float
        For every bias within that bound.
    level : float
    episodes : float
        That the band's mean is taken over.
    checks : tuple of Check, of the route's assumption; empty where nothing can check it
    bandwidths : tuple of float
        Of `bounded_continuation` that of its line; of `changed_jumps` left and right, at the threshold after
        the change and then at that before it. Empty of other routes.
    breakdown : float or None
        Of `changed_band`: the smallest drift a month, in the outcome's unit, that its interval need allow to
        hold zero; 0 where it does already. None of other routes.
    """

    route: Route
    low: float
    high: float
    estimate: float
    std_error: float
    largest_bias: float
    conf_low: float
    conf_high: float
    level: float
    episodes: float
    checks: tuple[Check, ...]
    bandwidths: tuple[float, ...] = ()
    breakdown: float | None = None

    @property
    def holds(self) -> bool:
        """Whether no check of the assumption fails."""
        return all(check.passed for check in self.checks)


def band_effect(
    route: Route,
    band: tuple[float, float],
    estimate: float,
    std_error: float,
    *,
    level: float,
    episodes: float,
    largest_bias: float = 0.0,
    checks: tuple[Check, ...] = (),
    bandwidths: tuple[float, ...] = (),
    breakdown: float | None = None,
) -> BandEffect:
    """Put an interval around an estimate whose bias is at most `largest_bias`.

    The interval is the shortest of its centre: its critical value is that of ``|N(bias / error, 1)|``
    (Armstrong and Kolesár 2018, doi:10.3982/ECTA14434).
    """
    from causalsig.estimation.threshold_honest import critical_value

    half = float("nan")
    if std_error > 0.0:
        half = critical_value(largest_bias / std_error, level) * std_error
    return BandEffect(
        route,
        float(band[0]),
        float(band[1]),
        float(estimate),
        float(std_error),
        float(largest_bias),
        float(estimate - half),
        float(estimate + half),
        level,
        float(episodes),
        checks,
        bandwidths,
        breakdown,
    )


def check_within(code: str, estimate: float, std_error: float, bound: float = 0.0) -> Check:
    """Test that a number lies within ``± bound``; two-sided where the bound is nothing."""
    from scipy.special import ndtr

    if not std_error > 0.0:
        passed = not abs(estimate) > bound
        return Check(code, float(estimate), float(std_error), float(passed), passed)
    size, ratio = abs(estimate) / std_error, bound / std_error
    p_value = min(1.0, float(ndtr(ratio - size) + ndtr(-ratio - size)))
    return Check(code, float(estimate), float(std_error), p_value, p_value >= ERROR_RATE)
