"""Numbers leave on grids: no more digits than the standard error carries, no matrix that cannot be."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from causalsig.release import grid

# A two-digit number is at most a tenth above what it rounds (10 → 11), plus binary noise.
TWO_DIGITS_EXCESS = 0.1 + 1e-6
std_errors = st.floats(1e-6, 1e3)


@settings(max_examples=200)
@given(value=std_errors)
def test_a_standard_error_is_rounded_up_to_two_digits(value: float) -> None:
    digits, exponent = grid.two_digits_up(value)
    rounded = grid.from_two_digits(digits, exponent)
    assert 10 <= digits <= 99
    assert value * (1 - 1e-8) <= rounded <= value * (1 + TWO_DIGITS_EXCESS)


@settings(max_examples=200)
@given(value=std_errors)
def test_rounding_down_is_the_step_below(value: float) -> None:
    low = grid.from_two_digits(*grid.two_digits_down(value))
    assert value * (1 - TWO_DIGITS_EXCESS) <= low <= value * (1 + 1e-8)


def test_a_number_of_two_digits_stays_what_it_is() -> None:
    for digits in range(10, 100):
        for exponent in (-5, -2, 0, 3):
            value = grid.from_two_digits(digits, exponent)
            assert grid.two_digits_up(value) == (digits, exponent) == grid.two_digits_down(value)


@settings(max_examples=200)
@given(value=std_errors)
def test_the_step_is_the_smallest_power_of_two_that_holds_a_quarter(value: float) -> None:
    step = 2.0 ** grid.step_exponent(value)
    assert step >= value / 4 > step / 2


@settings(max_examples=200)
@given(mean=st.floats(-5, 5), std_error=st.floats(0.002, 1))
def test_the_round_trip_errs_by_half_a_step_at_most(mean: float, std_error: float) -> None:
    exponent = grid.step_exponent(std_error)
    back = grid.from_steps(grid.to_steps(mean, exponent), exponent)
    assert abs(back - mean) <= 2.0**exponent / 2


def random_covariance(seed: int, size: int, rank: int) -> np.ndarray:
    """A covariance close to singular when the rank is low: the case that rounding breaks."""
    rng = np.random.default_rng(seed)
    loadings = rng.normal(size=(size, rank))
    covariance = loadings @ loadings.T + 1e-6 * np.eye(size)
    scale = rng.uniform(0.01, 10, size)
    return np.asarray(covariance * np.outer(scale, scale))


@settings(max_examples=200)
@given(seed=st.integers(0, 2**32 - 1), size=st.integers(2, 8), rank=st.integers(1, 8))
def test_correlations_are_positive_definite_on_the_grid(seed: int, size: int, rank: int) -> None:
    twentieths = grid.correlations_on_grid(random_covariance(seed, size, rank))
    matrix = np.array(grid.covariance_from_grid([1.0] * size, twentieths))
    # 0.01 is what the grid promises; the rest is the eigenvalue routine's own rounding.
    assert np.linalg.eigvalsh(matrix).min() > 0.01 - 1e-9


@settings(max_examples=200)
@given(seed=st.integers(0, 2**32 - 1), size=st.integers(2, 6))
def test_correlations_that_can_be_rounded_are_only_rounded(seed: int, size: int) -> None:
    covariance = random_covariance(seed, size, 40)
    scale = np.sqrt(np.diag(covariance))
    nearest = np.rint(covariance / np.outer(scale, scale) * grid.CORRELATION_STEPS) / grid.CORRELATION_STEPS
    if np.linalg.eigvalsh(nearest).min() > 0.011:
        rows, columns = np.tril_indices(size, -1)
        found = np.array(grid.correlations_on_grid(covariance)) / grid.CORRELATION_STEPS
        assert found == pytest.approx(nearest[rows, columns])


@settings(max_examples=200)
@given(entries=st.lists(st.integers(-20, 20), min_size=6, max_size=6))
def test_the_exact_test_agrees_with_eigenvalues(entries: list[int]) -> None:
    matrix = np.array(grid.covariance_from_grid([1.0] * 4, entries))
    smallest = np.linalg.eigvalsh(matrix).min()
    if abs(smallest - 0.01) > 1e-9:  # on the edge, floats cannot tell
        assert grid.positive_definite_on_grid(entries, 4) == (smallest > 0.01)


@pytest.mark.parametrize(
    ("households", "code"),
    [(0, "under-10"), (9, "under-10"), (10, "10-29"), (29, "10-29"), (30, "30-99"), (99.7, "30-99"),
     (2999, "1000-2999"), (3000, "3000+"), (250_000, "3000+")],
)  # fmt: skip
def test_a_count_leaves_as_its_band(households: float, code: str) -> None:
    assert grid.band(households) == code
    low, high = grid.band_limits(code)
    assert low <= households and (high is None or households < high + 1)


@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf")])
def test_only_a_positive_finite_number_has_two_digits(value: float) -> None:
    with pytest.raises(ValueError, match="positive finite"):
        grid.two_digits_up(value)
