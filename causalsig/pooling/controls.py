"""Negative controls that a study names, from released blocks: their tests over the sites, and calibration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from causalsig.diagnosed import CalibratedContrast, PooledControl
from causalsig.meta import random_effects
from causalsig.pooling.falsification import FEWEST, Falsification, negative_controls, systematic_error
from causalsig.pooling.lineup import Lineup, line_up
from causalsig.pooling.pool import reasons_to_hold

if TYPE_CHECKING:
    from causalsig.records import ReleasedArms
    from causalsig.study.models import Study

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Answer:
    """One question's primary contrast under its own estimator and estimand, on every outcome."""

    question: str
    contrast: tuple[str, str]
    lineups: Mapping[str, Lineup]

    def differences(self, outcome: str) -> dict[str, tuple[float, float]]:
        """Give estimate and variance by site, of the sites that have both arms."""
        lineup = self.lineups[outcome]
        if not set(self.contrast) <= set(lineup.arms):
            return {}
        a, b = (lineup.arms.index(arm) for arm in self.contrast)
        v = lineup.weighting_covariances()
        estimates = lineup.means[:, a] - lineup.means[:, b]
        variances = v[:, a, a] + v[:, b, b] - 2.0 * v[:, a, b]
        return {
            site: (float(y), float(e))
            for site, y, e in zip(lineup.sites, estimates, variances, strict=True)
            if not np.isnan(y)
        }


def controls_of_sites(
    blocks: Sequence[ReleasedArms], study: Study
) -> tuple[tuple[PooledControl, ...], tuple[CalibratedContrast, ...]]:
    """Test the study's negative controls over all sites; with ten or more calibrate the primary contrasts.

    Parameters
    ----------
    blocks : sequence of ReleasedArms
        At most one a site, question, outcome, estimand and estimator.
    study : Study
        A control that no site released is not there.

    Raises
    ------
    PoolError
        As `line_up`.
    """
    if not study.falsification.negative_controls:
        return (), ()
    whole = {question: tuple(settings.arms) for question, settings in study.asked.items()}
    lineups = line_up(blocks, whole)
    tests: list[PooledControl] = []
    calibrated: list[CalibratedContrast] = []
    for question, asked in study.asked.items():
        key = (question, study.estimands_of(question)[0], asked.estimator)
        own = {
            one.head.outcome: one
            for one in lineups
            if (one.head.question, one.head.estimand, one.head.estimator) == key
        }
        answer = _Answer(question, asked.primary_contrast, own)
        names = [n for n in study.falsification.negative_controls if n in own and answer.differences(n)]
        if not names:
            continue
        found = _pooled(answer, names, study)
        tests += _tests(answer, names, found, study)
        if asked.primary_outcome in own:
            calibrated += _calibrated(answer, names, found, asked.primary_outcome, study)
    return tuple(tests), tuple(calibrated)


def _pooled(answer: _Answer, names: Sequence[str], study: Study) -> Falsification:
    by_control = [answer.differences(name) for name in names]
    sites = sorted(set().union(*by_control))
    table = np.array([[one.get(site, (np.nan, np.nan)) for one in by_control] for site in sites])
    choices = study.pooling
    return negative_controls(
        table[..., 0], table[..., 1], level=choices.level, tau2=choices.tau2, interval=choices.interval
    )


def _tests(answer: _Answer, names: Sequence[str], found: Falsification, study: Study) -> list[PooledControl]:
    """Hold Holm's p-values against the level that the sites hold theirs against."""
    return [
        PooledControl(
            question=answer.question,
            outcome=name,
            estimand=answer.lineups[name].head.estimand,
            arm=answer.contrast[0],
            reference=answer.contrast[1],
            sites=int(found.sites[place]),
            p_value=float(found.adjusted[place]),
            passed=bool(found.adjusted[place] >= study.falsification.level),
            estimator=answer.lineups[name].head.estimator,
        )
        for place, name in enumerate(names)
    ]


def _calibrated(
    answer: _Answer, names: Sequence[str], found: Falsification, outcome: str, study: Study
) -> list[CalibratedContrast]:
    """Calibrate by the controls of the outcome's own kind: a count's error says nothing of a risk's."""
    head = answer.lineups[outcome].head
    alike = np.array([answer.lineups[name].head.kind == head.kind for name in names])
    own = answer.differences(outcome)
    if alike.sum() < FEWEST or not own:
        return []
    error = systematic_error(found.estimates[alike], found.std_errors[alike])
    estimates, variances = np.array(list(own.values())).T
    choices = study.pooling
    pooled = random_effects(
        estimates, variances, tau2=choices.tau2, interval=choices.interval, level=choices.level
    )
    made = error.calibrate(float(pooled.coefficients[0]), float(pooled.std_errors[0]), level=choices.level)
    return [
        CalibratedContrast(
            question=answer.question,
            outcome=outcome,
            estimand=head.estimand,
            arm=answer.contrast[0],
            reference=answer.contrast[1],
            controls=error.controls,
            mean=error.mean,
            spread=error.spread,
            estimate=made.estimate,
            conf_low=made.conf_low,
            conf_high=made.conf_high,
            publishable=not reasons_to_hold(pooled.weights, choices),
            estimator=head.estimator,
        )
    ]
