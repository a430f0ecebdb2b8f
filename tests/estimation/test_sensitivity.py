"""Sensitivity to hidden causes: identities, numerical derivatives, exact populations, published numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from causalsig.errors import EstimationError
from causalsig.estimation import Nuisance, doubly_robust, fit_propensity
from causalsig.estimation.sensitivity import Sensitivity, bias_scores, share_of
from causalsig.estimation.sensitivity_benchmark import covariate_benchmarks
from causalsig.estimation.sensitivity_coding import e_value, tipping_point
from causalsig.estimation.sensitivity_fit import hidden_cause_sensitivity
from causalsig.estimation.tilting import orthogonal_tilt, tilt
from causalsig.meta import random_effects
from causalsig.pooling import pooled_robustness
from causalsig.results import Contrast

SAME = 1e-11
"""The same sums in another order."""
NUMERICAL = 1e-5
"""Central differences with steps of 1e-6 of one row's weight, on numbers of about 1."""
ROOT = 1e-9
"""Where a root was searched."""
REFIT = 1e-6
"""Newton's method stops when its scores are below 1e-10: probabilities then hold to 1e-7."""
ARMS = ("letter", "phone", "visit")
EVERY: tuple[Any, ...] = ("ATE", "ATO", "ATM", "entropy", ("ATT", "phone"), ("ATU", "phone"))


def site(n: int = 900, seed: int = 1, outcomes: int = 1) -> dict[str, Any]:
    r = np.random.default_rng(seed)
    x = r.normal(size=(n, 4))
    eta = 0.4 * x @ r.normal(size=(4, 3))
    codes = (eta + r.gumbel(size=eta.shape)).argmax(axis=1)
    risk = 1 / (1 + np.exp(-0.8 * x[:, :1] + 0.9 * (codes[:, None] == 2)))
    y = (r.random((n, outcomes)) < risk).astype(float)
    observed = r.random((n, outcomes)) < 0.9 - 0.1 * (x[:, 1:2] > 0)
    return {
        "covariates": x,
        "treatment": np.array(ARMS)[codes],
        "outcome": y[:, 0] if outcomes == 1 else y,
        "observed": observed[:, 0] if outcomes == 1 else observed,
        "households": np.arange(n) // 2,
    }


def analysed(data: dict[str, Any], repeats: int = 1, **options: Any) -> tuple[Sensitivity, ...]:
    fitted = fit_propensity(
        data["covariates"], data["treatment"], arms=ARMS, households=data["households"], repeats=repeats
    )
    rows = {name: data[name] for name in ("covariates", "treatment", "outcome", "observed")}
    return hidden_cause_sensitivity(**rows, propensity=fitted, **options)


@pytest.mark.parametrize("estimand", EVERY)
@pytest.mark.parametrize("repeats", [1, 2])
def test_the_contrast_and_its_error_are_those_of_the_doubly_robust_estimator(
    estimand: Any, repeats: int
) -> None:
    data = site(outcomes=2)
    found = analysed(data, repeats, estimand=estimand)
    assert [(s.outcome, s.arm, s.reference) for s in found] == [
        (j, *pair)
        for j in range(2)
        for pair in (("phone", "letter"), ("visit", "letter"), ("visit", "phone"))
    ]
    result = doubly_robust(**data, arms=ARMS, estimand=estimand, repeats=repeats)
    for s in found:
        one = result.outcome(s.outcome).contrast(s.arm, s.reference)
        assert s.estimate == pytest.approx(one.estimate, abs=SAME)
        assert s.components().std_error == pytest.approx(one.std_error, rel=SAME)
        assert s.estimand == result.estimand


def saturated(weights: Any, cell: Any, codes: Any, seen: Any, y: Any, estimand: Any) -> dict[str, Any]:
    """Everything from weighted cells, in plain loops; no formula of an influence enters."""
    cells, n = int(cell.max()) + 1, len(cell)
    p, kappa, m = (np.zeros((cells, 3)) for _ in range(3))
    for c in range(cells):
        for k in range(3):
            inside = (cell == c) & (codes == k)
            p[c, k] = weights[inside].sum() / weights[cell == c].sum()
            followed = inside & seen
            kappa[c, k] = weights[followed].sum() / weights[inside].sum()
            m[c, k] = (weights[followed] * y[followed]).sum() / weights[followed].sum()
    h = tilt(p, estimand, ARMS)[0]
    share = np.array([weights[cell == c].sum() for c in range(cells)]) / weights.sum()
    mass = float(share @ h)
    theta = float(share @ (h * (m[:, 2] - m[:, 0]))) / mass
    nu2 = float(share @ (h**2 * sum(1 / (p[:, k] * kappa[:, k]) for k in (0, 2)))) / mass**2
    sigma2 = 0.0
    for i in range(n):
        if seen[i] and codes[i] in (0, 2):
            sigma2 += weights[i] * (y[i] - m[cell[i], codes[i]]) ** 2 / weights.sum()
    return {"p": p, "kappa": kappa, "m": m, "values": np.array([theta, sigma2, nu2])}


@pytest.mark.parametrize("estimand", EVERY)
def test_the_influence_is_the_numerical_derivative_of_the_plain_quantities(estimand: Any) -> None:
    r = np.random.default_rng(4)
    n = 90
    cell, y = np.arange(n) % 3, r.normal(size=n)
    codes = np.concatenate([r.permutation(np.repeat([0, 1, 2], 10)) for _ in range(3)])
    codes[cell == 1] = np.where(codes[cell == 1] == 2, 0, codes[cell == 1])
    codes[:9] = np.repeat([0, 1, 2], 3)
    seen = r.random(n) < 0.8
    seen[:9] = True
    found = saturated(np.ones(n), cell, codes, seen, y, estimand)
    p, m, both = found["p"][cell], found["m"][cell], (found["p"] * found["kappa"])[cell]
    indicator = np.eye(3)[codes]
    own = indicator * seen[:, None]
    h, g = tilt(p, estimand, ARMS)[0], orthogonal_tilt(p, indicator, estimand, ARMS)
    w = own * h[:, None] / both
    sigma2, nu2 = bias_scores(y, m, w, both, h, g, own, (2, 0))
    assert [sigma2.mean(), nu2.mean()] == pytest.approx(found["values"][1:], rel=SAME)
    for i in range(0, n, 7):
        step = 1e-6 * np.eye(n)[i]
        ends = [saturated(1 + side * step, cell, codes, seen, y, estimand)["values"] for side in (1.0, -1.0)]
        slope = n * (ends[0] - ends[1]) / 2e-6
        assert sigma2[i] - sigma2.mean() == pytest.approx(slope[1], abs=NUMERICAL, rel=NUMERICAL)
        assert nu2[i] - nu2.mean() == pytest.approx(slope[2], abs=NUMERICAL, rel=NUMERICAL)


@pytest.mark.parametrize("estimand", EVERY)
def test_the_bias_of_a_known_hidden_cause_is_what_the_formula_says(estimand: Any) -> None:
    """A population of 2 x 2 cells (recorded x, hidden u) and three arms, all of it known: no sampling."""
    r = np.random.default_rng(8)
    share = r.dirichlet(np.ones(4)).reshape(2, 2)  # (x, u)
    p_u = r.dirichlet(3 * np.ones(3), size=(2, 2))  # (x, u, arm)
    g_u = r.normal(size=(2, 2, 3))
    of_x = share.sum(axis=1)
    joint = share[..., None] * p_u  # (x, u, arm)
    p = joint.sum(axis=1) / of_x[:, None]
    m = (joint * g_u).sum(axis=1) / joint.sum(axis=1)
    fixed = not isinstance(estimand, tuple)
    h = tilt(p, estimand, ARMS)[0][:, None] * np.ones((2, 2))
    if not fixed:  # who is in the arm, hidden cause and all
        h = tilt(p_u.reshape(4, 3), estimand, ARMS)[0].reshape(2, 2)
    mass = (share * h).sum()
    pair = np.array([-1.0, 0.0, 1.0])
    alpha_u = h[..., None] / mass * pair / p_u
    alpha = (joint * alpha_u).sum(axis=1) / joint.sum(axis=1)
    h_x = tilt(p, estimand, ARMS)[0]
    assert alpha == pytest.approx(h_x[:, None] / (of_x @ h_x) * pair / p, abs=SAME)
    truth = (share * h * (g_u[..., 2] - g_u[..., 0])).sum() / mass
    seen = (of_x * h_x * (m[:, 2] - m[:, 0])).sum() / mass
    noise = 0.7  # variance of the outcome given everything
    two = joint * (pair != 0)
    sigma2 = (two * ((g_u - m[:, None]) ** 2 + noise)).sum()
    nu2 = (of_x[:, None] * p * alpha**2).sum()
    gained = (two * (g_u - m[:, None]) ** 2).sum()
    r_outcome = gained / sigma2
    r_arm = 1 - nu2 / (joint * alpha_u**2).sum()
    added = (joint * (alpha_u - alpha[:, None]) ** 2).sum()
    rho = (joint * (g_u - m[:, None]) * (alpha_u - alpha[:, None])).sum() / np.sqrt(gained * added)
    site_like = Sensitivity(
        "visit", "letter", estimand, 0, seen, sigma2, nu2, 1e-6 * np.eye(3), np.ones((5, 3))
    )
    found = site_like.bounds(r_outcome, r_arm, correlation=float(rho))
    assert found.bias == pytest.approx(abs(truth - seen), rel=1e-9)
    assert site_like.bounds(r_outcome, r_arm).bias >= abs(truth - seen)


def test_the_robustness_value_brings_the_bound_and_its_interval_to_zero() -> None:
    data = site(2000)
    for s in analysed(data, contrasts=[("visit", "letter"), ("letter", "visit")]):
        value, of_interval = s.robustness_value(), s.robustness_value_of_interval()
        assert 0 < of_interval < value < 1
        end, limit = ("low", "conf_low") if s.estimate > 0 else ("high", "conf_high")
        assert getattr(s.bounds(value, value), end) == pytest.approx(0, abs=ROOT)
        assert getattr(s.bounds(of_interval, of_interval), limit) == pytest.approx(0, abs=ROOT)
        assert s.robustness_value_of_interval(reference="normal") > of_interval
        assert s.robustness_value_of_interval(level=0.99) < of_interval
        beyond = s.robustness_value(null=3 * s.estimate)
        assert s.bounds(beyond, beyond).bias == pytest.approx(2 * abs(s.estimate), rel=ROOT)


def test_an_interval_that_holds_zero_has_no_robustness() -> None:
    s = analysed(site(200, seed=3), contrasts=[("phone", "letter")])[0]
    assert s.robustness_value_of_interval(level=0.999) == 0.0
    assert share_of(0.0) == 0.0


def test_bounds_are_the_estimate_when_nothing_is_hidden() -> None:
    s = analysed(site())[1]
    for found in (s.bounds(0.0, 0.5), s.bounds(0.5, 0.0), s.bounds(0.5, 0.5, correlation=0.0)):
        assert (found.low, found.high, found.bias) == (s.estimate, s.estimate, 0.0)
        assert found.low_std_error == pytest.approx(s.components().std_error, rel=SAME)
    stronger = [s.bounds(r, r).bias for r in (0.1, 0.2, 0.4)]
    assert stronger == sorted(stronger)


def test_components_give_the_variance_of_every_bound() -> None:
    s = analysed(site())[1]
    one = s.components()
    for r in (0.05, 0.3):
        f = r / np.sqrt(1 - r)
        for side, error in ((-1, s.bounds(r, r).low_std_error), (1, s.bounds(r, r).high_std_error)):
            variance = one.std_error**2 + (f * one.scale_std_error) ** 2
            variance += 2 * side * f * one.correlation * one.std_error * one.scale_std_error
            assert error == pytest.approx(np.sqrt(variance), rel=1e-9)
    assert one.households == 450


def test_one_site_has_the_pools_robustness_value() -> None:
    one = analysed(site())[1]
    pooled = pooled_robustness(random_effects([one.estimate], [one.covariance[0, 0]]), [one.scale])
    assert pooled.value == pytest.approx(one.robustness_value(), rel=1e-9)


def test_the_row_order_changes_nothing() -> None:
    data = site(300)
    back = np.random.default_rng(0).permutation(300)
    one, other = analysed(data), analysed({name: value[back] for name, value in data.items()})
    for s, t in zip(one, other, strict=True):
        assert (s.estimate, s.sigma2, s.nu2) == (t.estimate, t.sigma2, t.nu2)


@pytest.mark.parametrize("outcome_model", ["auto", "logistic"])
@pytest.mark.parametrize("estimand", ["ATO", ("ATT", "visit")])
def test_leaving_a_covariate_out_is_refitting_without_it(estimand: Any, outcome_model: Any) -> None:
    data = site()
    x, rows = data["covariates"], {k: data[k] for k in ("treatment", "outcome", "observed")}
    fitted = fit_propensity(x, data["treatment"], arms=ARMS, households=data["households"])
    options = {"estimand": estimand, "outcome_model": outcome_model, "contrasts": [("visit", "letter")]}
    groups = {"first": [0], "two": [1, 3]}
    [long] = hidden_cause_sensitivity(x, **rows, propensity=fitted, **options)
    for found in covariate_benchmarks(x, **rows, groups=groups, propensity=fitted, **options):
        stay = [j for j in range(4) if j not in groups[found.covariate]]
        again = fit_propensity(x[:, stay], data["treatment"], arms=ARMS, households=data["households"])
        [short] = hidden_cause_sensitivity(x[:, stay], **rows, propensity=again, **options)
        assert found.shift == pytest.approx(short.estimate - long.estimate, abs=REFIT)
        outcome = max(short.sigma2 / long.sigma2 - 1, 0)
        assert found.outcome_gain == pytest.approx(outcome, abs=REFIT)
        assert found.arm_gain == pytest.approx(max(long.nu2 / short.nu2 - 1, 0), abs=REFIT)


def test_other_learners_are_asked_again_without_the_covariate() -> None:
    data = site(400)
    x, a, y = data["covariates"], data["treatment"], data["outcome"]
    learner = Nuisance(LogisticRegression(C=0.5), LogisticRegression(C=2.0))

    def fitted(columns: list[int]) -> Any:
        return fit_propensity(
            x[:, columns], a, arms=ARMS, households=data["households"], nuisance=learner, folds=3
        )

    options: dict[str, Any] = {"nuisance": learner, "contrasts": [("visit", "letter")]}
    full = fitted([0, 1, 2, 3])
    [long] = hidden_cause_sensitivity(x, a, y, propensity=full, **options)
    plain = doubly_robust(x, a, y, propensity=full, nuisance=learner, estimand="ATO")
    assert long.estimate == pytest.approx(plain.contrast("visit", "letter").estimate, abs=SAME)
    [found] = covariate_benchmarks(x, a, y, groups={"first": [0]}, propensity=full, **options)
    [short] = hidden_cause_sensitivity(x[:, 1:], a, y, propensity=fitted([1, 2, 3]), **options)
    assert found.shift == pytest.approx(short.estimate - long.estimate, abs=REFIT)
    assert found.outcome_gain == pytest.approx(max(short.sigma2 / long.sigma2 - 1, 0), abs=REFIT)


def test_half_of_the_chance_is_where_the_estimate_is() -> None:
    s = analysed(site())[1]
    assert s.robustness_value_of_interval(level=0.5) == pytest.approx(s.robustness_value(), rel=ROOT)


def test_a_column_that_says_nothing_of_its_own_moves_nothing() -> None:
    data = site(400)
    x = np.column_stack([data["covariates"], np.ones(400), data["covariates"][:, 0] * 2])
    fitted = fit_propensity(x, data["treatment"], arms=ARMS, households=data["households"])
    found = covariate_benchmarks(
        x, data["treatment"], data["outcome"], groups={"constant": [4], "copy": [5]}, propensity=fitted
    )
    assert {(b.outcome_gain, b.arm_gain, b.shift) for b in found} == {(0.0, 0.0, 0.0)}


def test_a_strong_covariate_has_larger_gains_than_noise() -> None:
    data = site(2000)
    fitted = fit_propensity(data["covariates"], data["treatment"], arms=ARMS, households=data["households"])
    strong, noise = covariate_benchmarks(
        data["covariates"],
        data["treatment"],
        data["outcome"],
        groups={"strong": [0], "noise": [3]},
        propensity=fitted,
        contrasts=[("visit", "letter")],
    )
    assert strong.outcome_gain > 0.05 > noise.outcome_gain


def contrast(estimate: float, low: float, high: float, scale: Any) -> Contrast:
    return Contrast("a", "b", scale, estimate, 0.1, 9.0, low, high, 0.0)


def test_the_published_e_value() -> None:
    """Breastfeeding: risk ratio 3.9 (1.8 to 8.7) has E-value 7.26 and 3.0 (VanderWeele and Ding 2017)."""
    found = e_value(contrast(*np.log([3.9, 1.8, 8.7]), "log_ratio"))
    assert round(found.value, 2) == 7.26 and round(found.value_of_interval, 1) == 3.0
    mirrored = e_value(contrast(*-np.log([3.9, 8.7, 1.8]), "log_ratio"))
    assert mirrored.value == pytest.approx(found.value)
    assert mirrored.value_of_interval == pytest.approx(found.value_of_interval)
    assert e_value(contrast(*np.log([1.2, 0.9, 1.6]), "log_ratio")).value_of_interval == 1.0


@pytest.mark.parametrize("recorded, moved", [("arm", 0.0), ("reference", 1.0), ("arm", 0.2)])
def test_recoding_the_tipping_share_makes_the_means_equal(recorded: str, moved: float) -> None:
    mean, other, share = 0.30, 0.36, 0.25
    found = tipping_point(
        contrast(mean - other, -0.09, -0.03, "difference"), mean, other, share, recorded=recorded,
        outcome=moved,
    )  # fmt: skip
    assert found.share is not None and found.share_of_interval is not None
    assert 0 < found.share_of_interval < found.share < 1
    sizes = {"arm": 1e6 * share, "reference": 1e6 * (1 - share)}
    events = {"arm": mean * sizes["arm"], "reference": other * sizes["reference"]}
    wrong = found.share * sizes[recorded]
    there = "reference" if recorded == "arm" else "arm"
    true = {
        recorded: (events[recorded] - wrong * moved) / (sizes[recorded] - wrong),
        there: (events[there] + wrong * moved) / (sizes[there] + wrong),
    }
    assert true["arm"] == pytest.approx(true["reference"], rel=1e-9)


def test_coding_errors_that_cannot_explain_it_have_no_share() -> None:
    worse = contrast(-0.06, -0.09, -0.03, "difference")
    assert tipping_point(worse, 0.30, 0.36, 0.25, recorded="arm", outcome=0.9).share is None
    wide = contrast(-0.06, -0.12, 0.02, "difference")
    found = tipping_point(wide, 0.30, 0.36, 0.25, recorded="arm", outcome=0.0)
    assert found.share_of_interval == 0.0 and found.share is not None


def test_what_cannot_be_asked_is_refused() -> None:
    data = site(200)
    x, a, y = data["covariates"], data["treatment"], data["outcome"]
    fitted = fit_propensity(x, a, arms=ARMS)
    s = hidden_cause_sensitivity(x, a, y, propensity=fitted)[0]
    with pytest.raises(EstimationError, match="estimation-strength"):
        s.bounds(0.1, 1.0)
    with pytest.raises(EstimationError, match="estimation-level"):
        s.bounds(0.1, 0.1, level=0.3)
    with pytest.raises(EstimationError, match="estimation-contrast"):
        hidden_cause_sensitivity(x, a, y, propensity=fitted, contrasts=[("visit", "visit")])
    with pytest.raises(EstimationError, match="estimation-folds"):
        hidden_cause_sensitivity(x, a, y, propensity=fit_propensity(x, a, arms=ARMS, folds=None))
    with pytest.raises(EstimationError, match="estimation-sensitivity-scale"):
        hidden_cause_sensitivity(x, a, np.zeros(200), propensity=fitted)
    for columns in ([7], [0, 1, 2, 3]):
        with pytest.raises(EstimationError, match="estimation-group"):
            covariate_benchmarks(x, a, y, groups={"g": columns}, propensity=fitted)
    with pytest.raises(EstimationError, match="estimation-shape"):
        covariate_benchmarks(x, a, np.column_stack([y, y]), groups={"g": [0]}, propensity=fitted)
    with pytest.raises(EstimationError, match="estimation-scale"):
        e_value(contrast(0.1, 0.0, 0.2, "difference"))
    with pytest.raises(EstimationError, match="estimation-scale"):
        tipping_point(contrast(0.1, 0.0, 0.2, "log_odds"), 0.3, 0.2, 0.5, recorded="arm", outcome=0.0)
    with pytest.raises(EstimationError, match="estimation-coding"):
        tipping_point(contrast(0.1, 0.0, 0.2, "difference"), 0.3, 0.2, 1.0, recorded="arm", outcome=0.0)
