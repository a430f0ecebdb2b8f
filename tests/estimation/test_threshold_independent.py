"""Threshold estimates against a second, plain implementation: row by row, by formulas of the papers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from causalsig.estimation import threshold_effect
from causalsig.results import Floats

SAME = 1e-9  # two ways to sum the same numbers
KERNELS = {
    "triangular": lambda u: np.maximum(1.0 - np.abs(u), 0.0),
    "epanechnikov": lambda u: np.maximum(1.0 - u**2, 0.0),
    "uniform": lambda u: (np.abs(u) <= 1.0).astype(float),
}


def plain_side(
    x: Floats, h: float, b: float, degree: int, kernel: str
) -> tuple[Floats, Floats, Floats, Floats]:
    """Weights an episode of the conventional and the corrected limit, and hat rows of both fits."""
    w, v = KERNELS[kernel](x / h), KERNELS[kernel](x / b)
    r = np.column_stack([x**j for j in range(degree + 1)])
    s = np.column_stack([x**j for j in range(degree + 2)])
    hat = np.linalg.inv((r * w[:, None]).T @ r) @ (r * w[:, None]).T
    beyond = np.linalg.inv((s * v[:, None]).T @ s) @ (s * v[:, None]).T
    corrected = hat[0] - (hat[0] @ x ** (degree + 1)) * beyond[-1]
    return hat[0], corrected, r @ hat, s @ beyond


def neighbour_residuals(x: Floats, d: Floats) -> Floats:
    """Three nearest by score; ties, of distance and of score, all taken."""
    found = np.empty_like(d)
    for i in range(len(x)):
        gap = np.abs(x - x[i])
        others = np.delete(np.arange(len(x)), i)
        third = np.sort(gap[others])[min(3, len(others)) - 1]
        near = others[gap[others] <= third * (1.0 + 1e-9)]
        j = len(near)
        found[i] = np.sqrt(j / (j + 1)) * (d[i] - d[near].mean(axis=0))
    return found


def plain_jump(
    x: Floats,
    d: Floats,
    h: float,
    b: float,
    *,
    degree: int = 1,
    kernel: str = "triangular",
    households: Any = None,
) -> tuple[Floats, Floats, Floats, Floats]:
    """Conventional and corrected jumps of columns d (n, m), and their covariances."""
    estimates: list[Any] = [0.0, 0.0]
    covariances: list[Any] = [0.0, 0.0]
    for sign in (-1, 1):
        own = ((x < 0) if sign < 0 else (x >= 0)) & (np.abs(x) < max(h, b))
        if kernel == "uniform":
            own = ((x < 0) if sign < 0 else (x >= 0)) & (np.abs(x) <= max(h, b))
        first, second, hat, beyond = plain_side(x[own], h, b, degree, kernel)
        for k, (weights, fitted) in enumerate(((first, hat), (second, beyond))):
            estimates[k] = estimates[k] + sign * weights @ d[own]
            if households is None:
                scores = weights[:, None] * neighbour_residuals(x[own], d[own])
                factor = 1.0
            else:
                errors = weights[:, None] * (d[own] - fitted @ d[own])
                names = households[own]
                scores = np.array([errors[names == g].sum(axis=0) for g in np.unique(names)])
                n, g, p = own.sum(), len(scores), degree + 1 + k
                factor = (n - 1) / (n - p) * g / (g - 1)
            covariances[k] = covariances[k] + factor * scores.T @ scores
    return estimates[0], estimates[1], covariances[0], covariances[1]


def invented(seed: int, n: int = 300, decimals: int | None = None) -> dict[str, Floats]:
    r = np.random.default_rng(seed)
    x = r.normal(size=n)
    x = x if decimals is None else np.round(x, decimals)
    t = (r.random(n) < np.where(x >= 0, 0.8, 0.3)).astype(float)
    y = np.sin(x) + 0.5 * t + r.normal(size=n)
    return {"x": x, "t": t, "y": y, "g": r.integers(0, n // 2, n), "z": r.normal(size=(n, 2)) + t[:, None]}


@pytest.mark.parametrize("kernel", list(KERNELS))
@pytest.mark.parametrize("degree", [1, 2])
@pytest.mark.parametrize("decimals", [None, 1])
@pytest.mark.parametrize("clustered", [False, True])
def test_a_sharp_effect_is_that_of_the_formulas(
    kernel: str, degree: int, decimals: int | None, clustered: bool
) -> None:
    data = invented(3, decimals=decimals)
    x, y = data["x"], data["y"]
    h, b = (0.9, 1.35) if degree == 1 else (1.35, 1.15)  # also the bias's bandwidth the smaller of the two
    households = data["g"] if clustered else None
    found = threshold_effect(
        x,
        y,
        0.0,
        kernel=kernel,
        degree=degree,
        bandwidth=(h, b),
        households=households,
        variance="cluster" if clustered else "nn",
    )
    plain, corrected, v, robust = plain_jump(
        x, y[:, None], h, b, degree=degree, kernel=kernel, households=households
    )
    assert found.conventional.estimate == pytest.approx(plain[0], rel=SAME)
    assert found.robust.estimate == found.bias_corrected.estimate == pytest.approx(corrected[0], rel=SAME)
    assert found.conventional.std_error == pytest.approx(np.sqrt(v[0, 0]), rel=SAME)
    assert found.robust.std_error == pytest.approx(np.sqrt(robust[0, 0]), rel=SAME)


def test_a_fuzzy_effect_is_the_ratio_of_two_jumps() -> None:
    data = invented(4)
    both = np.column_stack([data["y"], data["t"]])
    plain, corrected, v, robust = plain_jump(data["x"], both, 1.0, 1.5)
    found = threshold_effect(data["x"], data["y"], 0.0, taken_up=data["t"], bandwidth=(1.0, 1.5))
    slope = np.array([1.0 / plain[1], -plain[0] / plain[1] ** 2])
    assert found.conventional.estimate == pytest.approx(plain[0] / plain[1], rel=SAME)
    assert found.conventional.std_error == pytest.approx(np.sqrt(slope @ v @ slope), rel=SAME)
    assert found.robust.estimate == pytest.approx(plain[0] / plain[1] - slope @ (plain - corrected), rel=SAME)
    assert found.robust.std_error == pytest.approx(np.sqrt(slope @ robust @ slope), rel=SAME)
    assert found.first_stage is not None and found.covariance is not None and found.reduced_form is not None
    assert found.first_stage.robust.estimate == pytest.approx(corrected[1], rel=SAME)
    assert found.first_stage.f_statistic == pytest.approx(corrected[1] ** 2 / robust[1, 1], rel=SAME)
    assert found.reduced_form.robust.estimate == pytest.approx(corrected[0], rel=SAME)
    np.testing.assert_allclose(found.covariance, robust, rtol=SAME)


def test_covariates_have_the_slopes_of_one_regression_with_a_line_a_side() -> None:
    data = invented(5)
    x, h = data["x"], 1.2
    w = np.sqrt(KERNELS["triangular"](x / h))
    crossed = (x >= 0).astype(float)
    design = np.column_stack([np.ones_like(x), x, crossed, crossed * x, data["z"]])
    joint = np.linalg.lstsq(design * w[:, None], data["y"] * w, rcond=None)[0]
    found = threshold_effect(x, data["y"], 0.0, covariates=data["z"], bandwidth=h)
    assert found.conventional.estimate == pytest.approx(joint[2], rel=SAME)
    net = data["y"] - data["z"] @ joint[4:]
    _, corrected, v, robust = plain_jump(x, net[:, None], h, h)
    assert found.robust.estimate == pytest.approx(corrected[0], rel=SAME)
    assert found.conventional.std_error == pytest.approx(np.sqrt(v[0, 0]), rel=SAME)
    assert found.robust.std_error == pytest.approx(np.sqrt(robust[0, 0]), rel=SAME)


def test_households_on_both_sides_can_be_counted_across() -> None:
    data = invented(6)
    x, y, g = data["x"], data["y"], data["g"]
    y = y + np.random.default_rng(7).normal(size=200)[g]
    own = [np.abs(x) < 1.0, x >= 0]
    scores = []
    for side in (own[0] & ~own[1], own[0] & own[1]):
        weights, _, hat, _ = plain_side(x[side], 1.0, 1.0, 1, "triangular")
        errors = weights * (y[side] - hat @ y[side])
        n, groups = side.sum(), len(np.unique(g[side]))
        factor = np.sqrt((n - 1) / (n - 2) * groups / (groups - 1))
        scores.append(factor * np.bincount(g[side], weights=errors, minlength=200))
    found = threshold_effect(x, y, 0.0, bandwidth=1.0, households=g, variance="cluster_across")
    assert found.conventional.std_error == pytest.approx(
        np.sqrt(((scores[1] - scores[0]) ** 2).sum()), rel=SAME
    )
