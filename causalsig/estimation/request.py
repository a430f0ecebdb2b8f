"""What is asked of an effect function: one list of arguments, shared by all of them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import wraps
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

from causalsig.errors import EstimationError
from causalsig.results import Arm, ArmMeans, Estimand, Target

if TYPE_CHECKING:
    from causalsig.estimation.propensity import Propensity

OutcomeModel: TypeAlias = Literal["auto", "least_squares", "logistic", "poisson"]
TrimmingRule: TypeAlias = 'Literal["crump"] | tuple[Literal["symmetric", "per_arm"], float]'
Measure: TypeAlias = Literal["risk", "free", "time_lost", "time_free"]
OPTIONAL = ("outcome_model", "trim", "target", "normalise", "measure")
"""Options that only some effect functions take."""


@dataclass(frozen=True, slots=True, eq=False)
class Request:
    """Arguments of an effect function.

    Attributes
    ----------
    covariates : (n, p) numbers, an array or a DataFrame
    treatment : (n,) labels
    outcome : (n,) or (n, J) numbers; NaN only where not observed
    arms : order of the arms, default sorted
    households : (n,) ids; the clusters of the variance and of the folds
    observed : (n,) or (n, J) bool, True = followed to the end of the window
    estimand : "ATE", "ATO", "ATM", "entropy", ("ATT", arm) or ("ATU", arm)
    folds : number of folds, (n,) labels, or None for the in-sample estimator with its stacked variance
    repeats : independent splits; influence values are averaged, the covariance of the split is added
    seed : key of the splits
    nuisance : learner of the treatment and outcome models
    propensity : a fitted one, whose arms, households, folds, repeats, seed and learner of the arm then hold;
        an argument that contradicts it is an error. Where no treatment is modelled its arms and households
        hold.
    event, horizons : time to return, (n,) codes and whole periods; see `doubly_robust`
    level : confidence level
    outcome_model : "auto", "least_squares", "logistic" or "poisson"
    trim : "crump", ("symmetric", δ) or ("per_arm", quantile): who is left out; changes the estimand
    target : "population" (households like these) or "sample" (these households)
    normalise : divide inverse-probability weights by their mean (Hájek)
    measure : what is estimated of a time: "risk", "free", "time_lost" or "time_free"
    given : names of the arguments that the caller wrote, whatever their value
    """

    covariates: Any
    treatment: Any
    outcome: Any
    arms: Sequence[Arm] | None = None
    households: Any = None
    observed: Any = None
    estimand: Estimand = "ATE"
    folds: int | Any | None = 5
    repeats: int = 1
    seed: int = 0
    nuisance: Any = "linear"
    propensity: Propensity | None = None
    event: Any = None
    horizons: Any = None
    level: float = 0.95
    outcome_model: OutcomeModel = "auto"
    trim: TrimmingRule | None = None
    target: Target = "population"
    normalise: bool = True
    measure: Measure = "risk"
    given: frozenset[str] = frozenset()


class EffectFunction(Protocol):
    """An effect function: arrays in, arm means out. `Request` tells what each argument is."""

    def __call__(
        self,
        covariates: Any,
        treatment: Any,
        outcome: Any,
        *,
        arms: Sequence[Arm] | None = ...,
        households: Any = ...,
        observed: Any = ...,
        estimand: Estimand = ...,
        folds: int | Any | None = ...,
        repeats: int = ...,
        seed: int = ...,
        nuisance: Any = ...,
        propensity: Propensity | None = ...,
        event: Any = ...,
        horizons: Any = ...,
        level: float = ...,
        outcome_model: OutcomeModel = ...,
        trim: TrimmingRule | None = ...,
        target: Target = ...,
        normalise: bool = ...,
        measure: Measure = ...,
    ) -> ArmMeans:
        """Estimate."""


def effect_function(
    *, takes: Sequence[str] = (), estimand: Estimand = "ATE"
) -> Callable[[Callable[[Request], ArmMeans]], EffectFunction]:
    """Give a function of a `Request` the signature every effect function has.

    Parameters
    ----------
    takes : the options of `OPTIONAL` it knows; another one given is an error
    estimand : its default
    """
    refused = tuple(name for name in OPTIONAL if name not in takes)
    defaults = {field.name: field.default for field in fields(Request)}

    def decorate(compute: Callable[[Request], ArmMeans]) -> EffectFunction:
        @wraps(compute)
        def call(covariates: Any, treatment: Any, outcome: Any, **options: Any) -> ArmMeans:
            if "given" in options:
                raise TypeError(f"{compute.__name__}() takes no argument 'given'")
            asked = {"estimand": estimand, **options, "given": frozenset(options)}
            request = Request(covariates, treatment, outcome, **asked)
            for name in refused:
                if not _is(getattr(request, name), defaults[name]):
                    _refuse_option(name, compute.__name__)
            return compute(request)

        call.__signature__ = _signature(refused, estimand)  # type: ignore[attr-defined]
        return call

    return decorate


def _is(value: Any, default: Any) -> bool:
    """Whether an option was left at its default; never asks an array for its truth."""
    return value is default or (type(value) is type(default) and bool(value == default))


def _signature(refused: tuple[str, ...], estimand: Estimand) -> inspect.Signature:
    given = list(inspect.signature(Request).parameters.values())
    options = [
        p.replace(kind=p.KEYWORD_ONLY, default=estimand if p.name == "estimand" else p.default)
        for p in given[3:]
        if p.name not in refused and p.name != "given"
    ]
    return inspect.Signature([*given[:3], *options], return_annotation="ArmMeans")


def _refuse_option(name: str, function: str) -> None:
    raise EstimationError(
        "estimation-option",
        expected=f"only options that {function} takes",
        found=f"`{name}`",
        mend="Leave it out, or choose an estimator that takes it.",
        where=name,
    )
