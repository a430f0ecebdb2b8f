"""Joint arm means: independent likelihood, metafor, identities, coherence, edges."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from causalsig.errors import MetaError
from causalsig.meta import multivariate_random_effects, random_effects
from causalsig.meta.multivariate import MultivariateRandomEffects
from evidence.claims import metafor_multivariate_agreement as claim

PINNED = json.loads((Path(__file__).parent / "reference/metafor_multivariate.json").read_text())
STRUCTURES = {"UN": "unstructured", "CS": "compound-symmetric", "DIAG": "diagonal", "ID": "identity"}
# Where two searches end: within 1e-9 standard errors each.
SEARCHED = 1e-7


def floats(values: Any) -> np.ndarray:
    return np.array(values, dtype=np.float64)


def network(seed: int, k: int = 9, p: int = 3, missing: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    roots = rng.normal(size=(k, p, p + 2)) * 0.1
    s = roots @ np.swapaxes(roots, 1, 2) / p
    psi = 0.02 * (0.4 * np.eye(p) + 0.6)
    y = 0.3 + np.array([rng.multivariate_normal(np.arange(p) * 0.1, each + psi) for each in s])
    gone = rng.random((k, p)) < missing
    gone[np.arange(k), rng.integers(0, p, k)] = False
    gone[:3] = False
    y[gone] = np.nan
    return y, s


def by_hand(y: np.ndarray, s: np.ndarray, psi: np.ndarray, x: np.ndarray, *, restricted: bool) -> float:
    """Log-likelihood of the stacked data by scipy's normal density, the coefficients fitted by lstsq."""
    k, p = y.shape
    keep = ~np.isnan(y).ravel()
    v = np.zeros((k * p, k * p))
    for i in range(k):
        v[i * p : i * p + p, i * p : i * p + p] = s[i] + psi
    v = v[np.ix_(keep, keep)]
    design = np.kron(x, np.eye(p))[keep]
    root = np.linalg.inv(np.linalg.cholesky(v))
    beta = np.linalg.lstsq(root @ design, root @ y.ravel()[keep], rcond=None)[0]
    value = stats.multivariate_normal.logpdf(y.ravel()[keep], design @ beta, v)
    if restricted:
        gram = design.T @ np.linalg.inv(v) @ design
        value += 0.5 * design.shape[1] * np.log(2 * np.pi)
        value += 0.5 * (np.linalg.slogdet(design.T @ design)[1] - np.linalg.slogdet(gram)[1])
    return float(value)


AT = json.loads(claim.AT.read_text())["datasets"]


@pytest.mark.parametrize("name", sorted(PINNED["datasets"]))
def test_everything_equals_metafor_at_our_between_site_covariance(name: str) -> None:
    data = PINNED["datasets"][name]
    for key in data["models"]:
        found = claim.row(name, key, data, AT[name][key])
        assert found["holds"], found


def test_the_claim_fails_where_a_figure_is_off() -> None:
    data, at = PINNED["datasets"]["berkey1998"], AT["berkey1998"]["UN/REML"]
    assert claim.row("berkey1998", "UN/REML", data, at)["holds"]
    for name in ("conf_low", "p_values", "covariance"):
        moved = at | {name: (1.0 + 1e-7) * floats(at[name])}
        assert not claim.row("berkey1998", "UN/REML", data, moved)["holds"]
    higher = {**data, "models": {"UN/REML": data["models"]["UN/REML"] | {"log_likelihood": 3.7}}}
    assert not claim.row("berkey1998", "UN/REML", higher, at)["holds"]


@pytest.mark.parametrize("method", ["REML", "ML"])
@pytest.mark.parametrize("structure", list(STRUCTURES.values()))
def test_the_likelihood_is_the_normal_density_and_nowhere_higher_nearby(structure: Any, method: Any) -> None:
    y, s = network(3, missing=0.2)
    x = np.column_stack([np.ones(9), np.linspace(-1, 1, 9)])
    fit = multivariate_random_effects(y, s, structure=structure, method=method, moderators=x[:, 1])
    args = {"restricted": method == "REML"}
    assert by_hand(y, s, fit.between, x, **args) == pytest.approx(fit.log_likelihood, abs=1e-9)
    rng = np.random.default_rng(1)
    for _ in range(40):
        near = perturbed(fit.between, structure, rng)
        assert by_hand(y, s, near, x, **args) <= fit.log_likelihood + 1e-10


def perturbed(psi: np.ndarray, structure: str, rng: np.random.Generator) -> np.ndarray:
    p, size = len(psi), 0.1 * np.trace(psi)
    if structure == "unstructured":
        move = rng.normal(size=(p, p)) * np.sqrt(size) * 0.3
        root = np.linalg.cholesky(psi + 1e-12 * np.eye(p)) + move
        return np.asarray(root @ root.T)
    if structure == "diagonal":
        return np.diag(np.maximum(np.diag(psi) + rng.normal(size=p) * size, 0.0))
    if structure == "identity":
        return np.asarray(max(psi[0, 0] + rng.normal() * size, 0.0) * np.eye(p))
    shared, apart = rng.normal(size=2) * size
    values = max(np.trace(psi) / p - psi[0, 1] + apart, 0.0), max(psi.sum() / p + shared, 0.0)
    return np.asarray(values[0] * (np.eye(p) - 1.0 / p) + values[1] * np.full((p, p), 1.0 / p))


def test_one_arm_is_the_univariate_model() -> None:
    y, s = network(5)
    one = random_effects(y[:, 0], s[:, 0, 0], moderators=np.arange(9.0), interval="knapp-hartung-floored")
    for structure in STRUCTURES.values():
        joint = multivariate_random_effects(
            y[:, :1],
            s[:, :1, :1],
            structure=structure,  # type: ignore[arg-type]
            moderators=np.arange(9.0),
        )
        assert joint.tau2[0] == pytest.approx(one.tau2, rel=1e-8)
        assert joint.conf_low[:, 0] == pytest.approx(one.conf_low, rel=1e-7)
        assert joint.p_values[:, 0] == pytest.approx(one.p_values, rel=1e-6)
        assert joint.q == pytest.approx(one.q, rel=1e-10)


def test_without_correlation_a_diagonal_model_is_a_model_an_arm() -> None:
    y, s = network(6, missing=0.2)
    s = s * np.eye(3)
    joint = multivariate_random_effects(y, s, structure="diagonal", interval="wald")
    for arm in range(3):
        there = ~np.isnan(y[:, arm])
        one = random_effects(y[there, arm], s[there, arm, arm], interval="wald")
        assert joint.coefficients[0, arm] == pytest.approx(one.coefficients[0], rel=1e-8)
        assert joint.tau2[arm] == pytest.approx(one.tau2, rel=1e-7, abs=1e-12)


@given(seed=st.integers(0, 500), order=st.permutations(range(4)), sites=st.randoms(use_true_random=False))
@settings(max_examples=15, deadline=None)
def test_relabelling_arms_or_sites_changes_nothing(seed: int, order: list[int], sites: Any) -> None:
    y, s = network(seed, k=8, p=4, missing=0.2)
    first = multivariate_random_effects(y, s)
    rows = list(range(8))
    sites.shuffle(rows)
    again = multivariate_random_effects(y[rows][:, order], s[rows][:, order][:, :, order])
    # The search ends within 1e-9 standard errors; degenerate corners of Ψ are flatter than that.
    assert again.log_likelihood == pytest.approx(first.log_likelihood, abs=1e-8)
    assert again.coefficients[0] == pytest.approx(first.coefficients[0][order], abs=1e-5)


@given(seed=st.integers(0, 500))
@settings(max_examples=10, deadline=None)
def test_contrasts_do_not_depend_on_the_reference_arm(seed: int) -> None:
    """Differences against arm 0, then among themselves, are the differences against any other arm."""
    y, s = network(seed, k=8, p=4, missing=0.2)
    fit = multivariate_random_effects(y, s)
    against = [fit.against(reference) for reference in range(4)]
    assert against[0].estimates[1] == pytest.approx(-against[2].estimates[0], abs=1e-14)
    assert against[0].conf_low[1] == pytest.approx(-against[2].conf_high[0], abs=1e-14)
    assert against[3].estimates[1] - against[3].estimates[0] == pytest.approx(against[0].estimates[0])
    joint = [each.joint.p_value for each in against]
    assert joint == pytest.approx([joint[0]] * 4, rel=1e-8)


@pytest.mark.parametrize("method", ["REML", "ML"])
def test_the_model_of_contrasts_with_one_reference_is_the_same_model(method: Any) -> None:
    """With every arm everywhere and as precise everywhere, nothing is lost by pooling y_a - y_0 jointly."""
    y, s = network(11, k=12)
    same = np.broadcast_to(0.2 * s.mean(axis=0), s.shape)
    lift = np.array([[-1.0, 1.0, 0.0], [-1.0, 0.0, 1.0]])
    arms = multivariate_random_effects(y, same, method=method, interval="wald")
    differences = multivariate_random_effects(
        y @ lift.T, lift @ same @ lift.T, method=method, interval="wald"
    )
    assert not arms.boundary
    whole = arms.against(0)
    assert whole.estimates == pytest.approx(differences.coefficients[0], rel=SEARCHED)
    assert whole.std_errors == pytest.approx(differences.std_errors[0], rel=SEARCHED)
    assert lift @ arms.between @ lift.T == pytest.approx(differences.between, rel=SEARCHED)


def test_a_missing_arm_borrows_strength_and_its_covariances_do_not_matter() -> None:
    y, s = network(7, missing=0.3)
    gone = np.isnan(y)
    dirty = s.copy()
    dirty[gone[:, :, None] | gone[:, None, :]] = np.nan
    fit = multivariate_random_effects(y, s)
    assert np.array_equal(multivariate_random_effects(y, dirty).coefficients, fit.coefficients)
    there = ~gone[:, 2]
    wald = multivariate_random_effects(y, s, interval="wald")
    # Least squares on all arms cannot be beaten by those on one, at one tau²; here it gains much.
    alone = (1.0 / (s[there, 2, 2] + wald.tau2[2])).sum() ** -0.5
    assert wald.std_errors[0, 2] < 0.9 * alone
    shrunken = fit.shrunken()
    assert np.isfinite(shrunken.estimates).all() and (shrunken.std_errors[gone] > 0).all()


def test_shrunken_estimates_are_the_conditional_normal() -> None:
    y, s = network(8, k=6)
    fit = multivariate_random_effects(y, s, interval="wald")
    mean, psi = fit.coefficients[0], fit.between
    expected = mean + (psi @ np.linalg.inv(psi + s[2])) @ (y[2] - mean)
    assert fit.shrunken().estimates[2] == pytest.approx(expected)


def test_one_site_is_that_site_and_two_are_told() -> None:
    y, s = network(1)
    alone = multivariate_random_effects(y[:1], s[:1])
    assert np.array_equal(alone.coefficients, y[:1]) and np.array_equal(alone.covariance, s[0])
    assert alone.notes == ("meta-one-site",) and np.isnan(alone.between).all()
    assert "meta-two-sites" in multivariate_random_effects(y[:2], s[:2], structure="identity").notes


def test_a_correlation_at_its_limit_and_equal_effects_are_said() -> None:
    data = PINNED["datasets"]["kalaian1996"]
    fit = multivariate_random_effects(floats(data["estimates"]), floats(data["covariances"]))
    assert fit.boundary and fit.rank == 1 and "meta-singular-between" in fit.notes and fit.converged
    assert abs(fit.correlations[0, 1]) == pytest.approx(1.0, abs=1e-6)
    _, s = network(2)
    equal = multivariate_random_effects(np.tile([0.1, 0.2, 0.3], (9, 1)), s)
    assert equal.rank == 0 and equal.boundary and equal.converged
    assert equal.coefficients[0] == pytest.approx([0.1, 0.2, 0.3], rel=1e-10)
    assert equal.between == pytest.approx(np.zeros((3, 3)), abs=1e-9)


def test_arms_that_never_meet_are_said() -> None:
    y, s = network(4, k=12, p=2)
    y[:6, 0], y[6:, 1] = np.nan, np.nan
    fit = multivariate_random_effects(y, s)
    assert "meta-arms-apart" in fit.notes and fit.converged
    assert "meta-arms-apart" not in multivariate_random_effects(y, s, structure="diagonal").notes


def ranked(means: tuple[float, ...], error: float) -> MultivariateRandomEffects:
    y = np.tile(means, (8, 1))
    return multivariate_random_effects(y, np.tile(np.eye(len(means)) * error**2 * 8, (8, 1, 1)))


def test_ranking_probabilities_are_those_of_the_normal() -> None:
    pair = ranked((0.1, 0.2), 0.1).ranking()
    assert pair.best[0] == pytest.approx(stats.norm.cdf(0.1 / np.sqrt(0.02)), abs=1e-9)
    three = ranked((0.1, 0.2, 0.3), 0.1)
    found = three.ranking()
    expected = stats.multivariate_normal.cdf([0.1, 0.2], cov=0.01 * (np.eye(2) + 1.0))
    assert found.best[0] == pytest.approx(expected, abs=0.004)  # the draws' own error
    assert found.probabilities.sum(axis=0) == pytest.approx(1.0)
    assert found.probabilities.sum(axis=1) == pytest.approx(1.0)
    high = three.ranking(better="high")
    assert high.best[2] == pytest.approx(found.best[0], abs=0.004)
    assert found.surface.mean() == pytest.approx(0.5)
    assert np.array_equal(three.ranking().probabilities, found.probabilities)
    assert three.ranking(new_site=True).best[0] <= found.best[0] + 1e-12


def test_a_band_holds_all_its_points_at_once() -> None:
    fit = ranked((0.1, 0.2, 0.3), 0.1)
    band = fit.simultaneous(level=0.9)
    assert band.level_each == pytest.approx(0.9 ** (1 / 3), abs=0.002)  # independent: Šidák's
    assert band.p_values[0] > fit.p_values[0, 0]
    one = fit.simultaneous([1.0, 0.0, 0.0])
    assert one.conf_low[0] == pytest.approx(fit.conf_low[0, 0]) and one.level_each == 0.95
    same = fit.simultaneous([[1.0, -1.0, 0.0], [-1.0, 1.0, 0.0], [2.0, -2.0, 0.0]])
    assert same.level_each == pytest.approx(0.95, abs=0.001)


def test_a_curve_over_thresholds_has_a_band() -> None:
    points, rng = np.linspace(0, 1, 6), np.random.default_rng(2)
    kernel = 0.01 * np.exp(-4 * (points[:, None] - points) ** 2) + 1e-5 * np.eye(6)
    y = np.array([rng.multivariate_normal(-0.05 + 0.02 * points, kernel * 1.3) for _ in range(15)])
    fit = multivariate_random_effects(y, np.tile(kernel, (15, 1, 1)), structure="compound-symmetric")
    band = fit.simultaneous()
    assert (band.conf_low < fit.conf_low[0]).all() and (band.conf_high > fit.conf_high[0]).all()
    assert 0.95 < band.level_each < 1 - 0.05 / 6 + 0.002  # never stricter than Bonferroni


def test_meta_regression_compares_arms_at_a_point() -> None:
    y, s = network(9, k=14)
    year = np.linspace(0.0, 3.0, 14)
    fit = multivariate_random_effects(y, s, moderators=year)
    at = fit.contrasts([-1.0, 1.0, 0.0], at=[2.0])
    full = fit.contrasts([-1.0, 1.0, 0.0, -2.0, 2.0, 0.0])
    assert at.estimates == pytest.approx(full.estimates) and at.conf_low == pytest.approx(full.conf_low)
    moved = multivariate_random_effects(y, s, moderators=year - 2.0)
    assert moved.contrasts([-1.0, 1.0, 0.0], at=[0.0]).conf_low == pytest.approx(at.conf_low, rel=1e-6)
    with pytest.raises(MetaError, match="1 moderators in at=; found none"):
        fit.contrasts([-1.0, 1.0, 0.0])


def test_a_new_site_is_less_certain_than_the_mean() -> None:
    y, s = network(10, k=12)
    fit = multivariate_random_effects(y, s)
    new, mean = fit.predict([-1.0, 1.0, 0.0]), fit.contrasts([-1.0, 1.0, 0.0])
    own = fit.between[0, 0] + fit.between[1, 1] - 2 * fit.between[0, 1]
    assert new.std_devs[0] ** 2 == pytest.approx(mean.std_errors[0] ** 2 + own)
    assert new.low[0] < mean.conf_low[0]


Y, S = network(0, k=5)


@pytest.mark.parametrize(
    ("code", "estimates", "covariances", "options"),
    [
        ("meta-shape", Y, S[:, :2], {}),
        ("meta-shape", Y[0], S, {}),
        ("meta-empty", np.full((5, 3), np.nan), S, {}),
        ("meta-empty", np.where(np.arange(3) == 1, np.nan, Y), S, {}),
        ("meta-empty", np.zeros((0, 3)), np.zeros((0, 3, 3)), {}),
        ("meta-not-finite", np.where(np.arange(3) == 1, np.inf, Y), S, {}),
        ("meta-not-finite", Y, np.where(np.eye(3) == 1, S, np.nan), {}),
        ("meta-not-numbers", [["a"]], S, {}),
        ("meta-variance", Y, S * (1 - np.eye(3)), {}),
        ("meta-covariance", Y, S + np.triu(np.ones((3, 3)), 1), {}),
        ("meta-covariance", Y, np.ones((5, 3, 3)), {}),
        ("meta-option", Y, S, {"structure": "UN"}),
        ("meta-option", Y, S, {"method": "DL"}),
        ("meta-option", Y, S, {"interval": "mixture"}),
        ("meta-level", Y, S, {"level": 95}),
        ("meta-too-many-moderators", Y, S, {"moderators": np.eye(5)[:, :4]}),
        ("meta-too-many-moderators", np.where(np.arange(5)[:, None] < 4, [1, np.nan, 1], Y), S, {}),
        ("meta-too-many-moderators", Y[:1], S[:1], {"moderators": [1.0]}),
        ("meta-collinear", Y, S, {"moderators": np.ones(5)}),
    ],
)
def test_unusable_input_is_refused(code: str, estimates: Any, covariances: Any, options: Any) -> None:
    with pytest.raises(MetaError) as caught:
        multivariate_random_effects(estimates, covariances, **options)
    assert caught.value.code == code
