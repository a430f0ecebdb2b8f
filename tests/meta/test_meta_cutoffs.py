"""Effects over cutoffs: the line of a meta-regression, and a band that holds along it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

from causalsig.errors import MetaError
from causalsig.meta import cutoff_curve, random_effects
from causalsig.meta.cutoffs import band_critical_value
from causalsig.meta.intervals import critical_value

CUTOFFS = np.array([150.0, 250, 250, 300, 500, 500, 500, 750, 1000, 1000, 300, 500])
V = np.array([0.01, 0.004, 0.02, 0.006, 0.003, 0.008, 0.015, 0.005, 0.01, 0.02, 0.007, 0.009])
Y = np.array([-0.2, -0.15, -0.02, -0.16, -0.09, -0.1, -0.2, -0.01, -0.03, 0.12, -0.17, -0.05])
COVARIANCE = np.array([[0.04, -0.005], [-0.005, 0.001]])
# Monte Carlo error of a 95 % quantile of a maximum over 100,000 draws, three times.
DRAWN = 0.025


def test_the_line_is_the_meta_regressions() -> None:
    found = cutoff_curve(Y, V, CUTOFFS)
    fit = random_effects(Y, V, moderators=np.log(CUTOFFS), interval="knapp-hartung")
    assert found.cutoffs == pytest.approx([150, 250, 300, 500, 750, 1000])
    rows = np.column_stack([np.ones(6), np.log(found.cutoffs)])
    expected = fit.contrasts(rows)
    assert found.estimates == pytest.approx(expected.estimates, rel=1e-9)
    assert found.std_errors == pytest.approx(expected.std_errors, rel=1e-9)
    assert found.leverages @ Y == pytest.approx(found.estimates, rel=1e-9)
    assert (found.conf_low < expected.conf_low).all() and (found.conf_high > expected.conf_high).all()


@pytest.mark.parametrize("df", [8.0, np.inf])
@pytest.mark.parametrize("ends", [(4.0, 7.0), (5.0, 5.3), (-40.0, 60.0)])
def test_the_critical_value_is_that_of_the_largest_error_over_the_line(
    ends: tuple[float, float], df: float
) -> None:
    rng = np.random.default_rng(6)
    draws = rng.standard_normal((100_000, 2)) @ np.linalg.cholesky(COVARIANCE).T
    if np.isfinite(df):
        draws /= np.sqrt(rng.chisquare(df, len(draws)) / df)[:, None]
    # Even angles: the errors turn fastest around 5, where the line is known best.
    at = (5.0 + 3.9 * np.tan(np.linspace(-1.5, 1.5, 60))).clip(*ends)
    rows = np.column_stack([np.ones(len(at)), at])
    errors = np.sqrt(np.einsum("mp,pq,mq->m", rows, COVARIANCE, rows))
    drawn = np.quantile((np.abs(draws @ rows.T) / errors).max(axis=1), 0.95)
    found = band_critical_value(np.array([[1.0, ends[0]], [1.0, ends[1]]]), COVARIANCE, df, 0.95)
    assert found == pytest.approx(drawn, abs=DRAWN * (2.0 if np.isfinite(df) else 1.0))


def test_a_point_has_ts_value_and_a_line_without_ends_working_and_hotellings() -> None:
    point = np.array([[1.0, 6.0], [1.0, 6.0]])
    assert band_critical_value(point, COVARIANCE, 9.0, 0.95) == pytest.approx(critical_value(0.95, 9.0))
    whole = np.array([[1.0, -1e9], [1.0, 1e9]])
    hotelling = np.sqrt(2.0 * stats.f.ppf(0.95, 2, 9))
    assert band_critical_value(whole, COVARIANCE, 9.0, 0.95) == pytest.approx(hotelling, rel=1e-7)


def test_a_shorter_line_has_a_narrower_band_and_one_unit_is_as_good_as_another() -> None:
    found = cutoff_curve(Y, V, CUTOFFS)
    part = cutoff_curve(Y, V, CUTOFFS, at=[300, 500])
    cents = cutoff_curve(Y, V, 100 * CUTOFFS, at=[30_000, 50_000])
    assert part.critical_value < found.critical_value
    assert cents.critical_value == pytest.approx(part.critical_value, rel=1e-9)
    assert cents.conf_low == pytest.approx(part.conf_low, rel=1e-8)


def test_effects_on_one_line_have_a_band_without_width() -> None:
    found = cutoff_curve(0.1 * np.log(CUTOFFS), V, CUTOFFS)
    assert found.conf_high - found.conf_low == pytest.approx(np.zeros(6), abs=1e-6)


@pytest.mark.parametrize(
    ("code", "change"),
    [
        ("meta-few-cutoffs", {"estimates": Y[:9], "variances": V[:9], "cutoffs": CUTOFFS[:9]}),
        ("meta-few-cutoffs", {"cutoffs": np.where(CUTOFFS < 500, 250.0, np.minimum(CUTOFFS, 750))}),
        ("meta-cutoff", {"cutoffs": [0.0, *CUTOFFS[1:]]}),
        ("meta-cutoff", {"cutoffs": [np.nan, *CUTOFFS[1:]]}),
        ("meta-cutoff", {"at": [149.0]}),
        ("meta-cutoff", {"at": [500.0, 1001.0]}),
        ("meta-cutoff", {"at": []}),
        ("meta-shape", {"cutoffs": np.append(CUTOFFS, 400.0)}),
        ("meta-not-numbers", {"cutoffs": ["4321 euro", *CUTOFFS[1:]]}),
        ("meta-option", {"interval": "mixture"}),
    ],
)
def test_bad_input_is_named(code: str, change: dict[str, Any]) -> None:
    arguments: dict[str, Any] = {"estimates": Y, "variances": V, "cutoffs": CUTOFFS} | change
    with pytest.raises(MetaError) as caught:
        cutoff_curve(**arguments)
    assert caught.value.code == code
    assert "4321" not in str(caught.value)
