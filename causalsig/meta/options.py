"""The names a caller may choose from, the defaults, and the notes a result may carry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal, get_args

from causalsig.errors import MetaError

Tau2Method = Literal["EE", "DL", "HE", "HS", "SJ", "ML", "REML", "PM", "EB"]
IntervalMethod = Literal["wald", "t", "knapp-hartung", "knapp-hartung-floored", "mixture"]
Tau2IntervalMethod = Literal["q-profile", "generalised-q", "profile-likelihood"]
PredictionMethod = Literal["mixture", "t(k-1)", "t(k-2)", "normal"]
ShrinkageMethod = Literal["plug-in", "mixture"]
PresetName = Literal["cochrane2025", "metafor"]

DEFAULT_INTERVAL: IntervalMethod = "mixture"
DEFAULT_PREDICTION: PredictionMethod = "mixture"


@dataclass(frozen=True, slots=True)
class Preset:
    """A named set of choices: what to give `random_effects`, and its result's methods.

    ``random_effects(y, v, **preset)`` takes the first two; the others go to ``tau2_interval`` and
    ``prediction_interval`` of the result.
    """

    tau2: Tau2Method
    interval: IntervalMethod
    tau2_interval: Tau2IntervalMethod
    prediction: PredictionMethod

    def keys(self) -> tuple[str, ...]:
        """Return the names of the arguments of `random_effects` that are chosen."""
        return ("tau2", "interval")

    def __getitem__(self, name: str) -> Any:
        """Return the choice of one of `keys`."""
        if name not in self.keys():
            raise KeyError(name)
        return getattr(self, name)


PRESETS: Mapping[str, Preset] = MappingProxyType(
    {
        # REML, Knapp-Hartung, Q-profile: the random-effects defaults of Cochrane's Review Manager in 2025.
        "cochrane2025": Preset("REML", "knapp-hartung", "q-profile", "t(k-1)"),
        # What `rma(yi, vi)`, `confint()` and `predict()` of R's metafor give unasked.
        "metafor": Preset("REML", "wald", "q-profile", "normal"),
    }
)


def preset(name: PresetName) -> Preset:
    """Return a named set of choices.

    ``random_effects(estimates, variances, **preset("cochrane2025"))`` fits as Cochrane's Review Manager has
    done since 2025; ``"metafor"`` is what R's metafor gives unasked.

    Raises
    ------
    MetaError
        ``meta-option``, naming what exists.
    """
    check_option("preset", name, PresetName)
    return PRESETS[name]


NOTE_ONE_SITE = "meta-one-site"
NOTE_TWO_SITES = "meta-two-sites"
NOTE_SEVERAL_MAXIMA = "meta-several-maxima"
NOTE_NOT_CONVERGED = "meta-not-converged"
NOTE_SINGULAR = "meta-singular-between"
NOTE_ARMS_APART = "meta-arms-apart"

NOTES: Mapping[str, str] = MappingProxyType(
    {
        NOTE_ONE_SITE: "One estimate: the pool is that estimate, with its own normal interval. "
        "Heterogeneity cannot be estimated.",
        NOTE_TWO_SITES: "Two estimates: heterogeneity rests on one degree of freedom and plug-in intervals "
        "of the mean are not reliable.",
        NOTE_SEVERAL_MAXIMA: "The likelihood of tau squared has more than one maximum; the highest is "
        "reported. Look at the profile before believing it.",
        NOTE_NOT_CONVERGED: "The score of tau squared is not zero at the estimate to the tolerance asked.",
        NOTE_SINGULAR: "The between-site covariance is singular: a variance is zero or a correlation is at "
        "its limit, because it may not go further.",
        NOTE_ARMS_APART: "Two arms are at no site together: nothing is known of their between-site "
        "correlation, and what hangs on it is a convention.",
    }
)


def check_option(name: str, value: object, options: Any) -> None:
    """Refuse a value outside the ``Literal`` `options`.

    Raises
    ------
    MetaError
        ``meta-option``, naming what exists.
    """
    names = get_args(options)
    if not isinstance(value, str) or value not in names:
        raise MetaError(
            "meta-option",
            expected=f"{name} to be one of {', '.join(repr(each) for each in names)}",
            found=repr(value) if isinstance(value, str) else type(value).__name__,
            mend="Choose one of these names.",
        )


def check_level(level: object) -> float:
    """Return the confidence level as a float strictly between 0 and 1, or raise ``meta-level``."""
    if isinstance(level, bool) or not isinstance(level, (int, float)) or not 0.0 < level < 1.0:
        raise MetaError(
            "meta-level",
            expected="a confidence level between 0 and 1, such as 0.95",
            found=repr(level) if isinstance(level, (int, float)) else type(level).__name__,
            mend="Give the level as a fraction, not in per cent.",
        )
    return float(level)
