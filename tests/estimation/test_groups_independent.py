"""Groups, projections, joint intervals and rules against formulas written out, household by household."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

from causalsig.estimation import fit_propensity, group_means
from causalsig.estimation.effect_prediction import predicted_effects
from causalsig.estimation.nuisances import Nuisance
from causalsig.estimation.projection import best_linear_projection, wald_test
from causalsig.estimation.rules import learn_rule, value_of_rule

N, ARMS = 240, ("letter", "visit")
PEER = 1e-9  # the same sums in another order
NUMERIC = 1e-5  # central differences of the estimate, relative to the largest slope
DRAWN = 2e-3  # of a probability near 0.99 from 400,000 draws, on both sides
OUTCOME = Nuisance("linear", LinearRegression())


@pytest.fixture(scope="module")
def site():
    r = np.random.default_rng(41)
    x = np.column_stack([r.normal(size=N), r.random(N) < 0.4, r.normal(size=N)]).astype(float)
    households = r.integers(0, 150, N)
    codes = (r.random(N) < 1 / (1 + np.exp(-0.8 * x[:, 0]))).astype(int)
    y = x[:, 0] - (1.0 + x[:, 2]) * codes + r.normal(size=N)
    fitted = fit_propensity(x, np.array(ARMS)[codes], households=households)
    groups = {"rent": x[:, 1] > 0, "high": x[:, 2] > -0.2, "low": x[:, 2] <= 0.1}  # they overlap
    return x, codes, y, households, fitted, groups


def plain_pieces(site, estimand):
    """Tilt, weights and predictions: the propensity is held by tests of its own."""
    x, codes, y, _, fitted, _ = site
    p, folds = fitted.probabilities[0], fitted.folds[0]
    m = np.empty((N, 2))
    ones = np.column_stack([np.ones(N), x])
    for f in np.unique(folds):
        for a in range(2):
            train = (folds != f) & (codes == a)
            line = ones[folds == f] @ np.linalg.lstsq(ones[train], y[train], rcond=None)[0]
            m[folds == f, a] = np.clip(line, y[train].min(), y[train].max())  # nothing is foreseen unseen
    h = np.ones(N) if estimand == "ATE" else p[:, 0] * p[:, 1]
    own = p[np.arange(N), codes]
    g = np.ones(N) if estimand == "ATE" else (1.0 - own) ** 2
    return m, g, h / own


def plain_means(site, estimand, by_row):
    """Means (S K,) with a number of times for every row."""
    _, codes, y, _, _, groups = site
    m, g, w = plain_pieces(site, estimand)
    found = []
    for members in groups.values():
        for a in range(2):
            of_model, in_arm = by_row * members * g, by_row * members * w * (codes == a)
            found.append(of_model @ m[:, a] / of_model.sum() + in_arm @ (y - m[:, a]) / in_arm.sum())
    return np.array(found)


def plain_projection(site, estimand, by_row):
    """Slopes on two columns that are centred where the estimand looks."""
    x, codes, y, _, _, _ = site
    m, g, w = plain_pieces(site, estimand)
    g = g / (by_row @ g / by_row.sum())
    scores = g * (m[:, 1] - m[:, 0])
    for a, sign in ((1, 1.0), (0, -1.0)):
        in_arm = w * (codes == a)
        scores = scores + sign * in_arm / (by_row @ in_arm / by_row.sum()) * (y - m[:, a])
    z = np.column_stack([np.ones(N), x[:, 1:] - (by_row * g) @ x[:, 1:] / (by_row @ g)])
    return np.linalg.solve(z.T @ ((by_row * g)[:, None] * z), z.T @ (by_row * scores))


def by_households(estimate, households):
    """Covariance from what one household more or less would do, one household at a time."""
    slopes, step = [], 1e-4
    for household in np.unique(households):
        more = 1.0 + step * (households == household)
        less = 1.0 - step * (households == household)
        slopes.append((estimate(more) - estimate(less)) / (2.0 * step))
    slopes, total = np.array(slopes), len(np.unique(households))
    return total / (total - 1.0) * sum(np.outer(one, one) for one in slopes)


@pytest.mark.parametrize("estimand", ["ATE", "ATO"])
def test_group_means_and_their_covariance_equal_the_formula_by_hand(site, estimand):
    x, codes, y, households, fitted, groups = site
    found = group_means(
        x, np.array(ARMS)[codes], y, groups, propensity=fitted, estimand=estimand, nuisance=OUTCOME
    )
    np.testing.assert_allclose(found.means.ravel(), plain_means(site, estimand, np.ones(N)), rtol=PEER)
    plain = by_households(lambda times: plain_means(site, estimand, times), households)
    np.testing.assert_allclose(found.covariance, plain, atol=NUMERIC * np.abs(plain).max())
    between = found.differences("visit", "letter", [("rent", "high"), ("low", "rent")])
    combine = np.kron([[1, -1, 0], [-1, 0, 1]], [-1, 1])
    variances = np.diagonal(combine @ plain @ combine.T)
    np.testing.assert_allclose(between.std_errors, np.sqrt(variances), rtol=10 * NUMERIC)


@pytest.mark.parametrize("estimand", ["ATE", "ATO"])
def test_a_projection_and_its_covariance_equal_the_formula_by_hand(site, estimand):
    x, codes, y, households, fitted, _ = site
    found = best_linear_projection(
        x, np.array(ARMS)[codes], y, x[:, 1:], "visit", "letter",
        propensity=fitted, estimand=estimand, nuisance=OUTCOME,
    )  # fmt: skip
    np.testing.assert_allclose(
        found.coefficients, plain_projection(site, estimand, np.ones(N)), rtol=PEER, atol=PEER
    )
    plain = by_households(lambda times: plain_projection(site, estimand, times), households)
    np.testing.assert_allclose(found.covariance, plain, atol=NUMERIC * np.abs(plain).max())


def test_joint_intervals_hold_together_by_brute_force(site):
    x, codes, y, households, fitted, groups = site
    joint = group_means(
        x, np.array(ARMS)[codes], y, groups, propensity=fitted, estimand="ATE", nuisance=OUTCOME
    ).effects("visit", "letter")
    plain = by_households(lambda times: plain_means(site, "ATE", times), households)
    combine = np.kron(np.eye(3), [-1, 1])
    covariance = combine @ plain @ combine.T
    drawn = np.random.default_rng(7).multivariate_normal(np.zeros(3), covariance, 400_000)
    largest = np.abs(drawn / np.sqrt(np.diagonal(covariance))).max(axis=1)
    reach = np.quantile(largest, 0.95)
    alone = np.abs(np.random.default_rng(8).normal(size=400_000))
    assert joint.level_each == pytest.approx(np.mean(alone < reach), abs=DRAWN)


def test_the_test_of_a_family_asks_not_in_which_order(site):
    x, codes, y, _, fitted, groups = site
    found = group_means(
        x, np.array(ARMS)[codes], y, groups, propensity=fitted, estimand="ATE", nuisance=OUTCOME
    )
    tests = [
        found.test("visit", "letter", names) for names in (("rent", "high", "low"), ("low", "rent", "high"))
    ]
    assert tests[0].statistic == pytest.approx(tests[1].statistic) and tests[0].df == 2
    effects, covariance = found.effects("visit", "letter"), found.effect_covariance("visit", "letter")
    apart = np.array([[1.0, -1.0, 0.0], [1.0, 0.0, -1.0]])
    square = (
        (apart @ effects.estimates)
        @ np.linalg.inv(apart @ covariance @ apart.T)
        @ (apart @ effects.estimates)
    )
    freedom = tests[0].df_rest + 1.0
    assert tests[0].statistic == pytest.approx(square * (freedom - 1.0) / (2.0 * freedom))


def test_a_family_test_of_normal_numbers_is_hotellings():
    """With G households of equal size T² is Hotelling's, whose size is exact."""
    r, called, runs = np.random.default_rng(9), 0, 2000
    for _ in range(runs):
        rows = r.normal(size=(25, 3))
        called += wald_test(rows.mean(axis=0), np.cov(rows.T) / 25, 24.0).p_value < 0.05
    assert abs(called / runs - 0.05) < 4 * np.sqrt(0.05 * 0.95 / runs)


def plain_walk(rule, row, columns):
    """Arm of one episode, question by question."""
    fitting = []
    for leaf in rule.leaves:
        answers = [(row[columns.index(c.column)] > c.cut) == c.above for c in leaf.conditions]
        if all(answers):
            fitting.append(rule.arms.index(leaf.arm))
    [only] = fitting
    return only


def rule_world(gain, seed=3, n=600):
    r = np.random.default_rng(seed)
    x = np.column_stack([r.random(n) < 0.5, r.random(n) < 0.4, r.random(n) < 0.3]).astype(float)
    means = np.column_stack([np.zeros(n), gain * (2.0 * x[:, 0] - 1.0), np.full(n, -gain)])
    return x, means + r.normal(size=(n, 3)), np.sort(r.integers(0, 400, n))


COLUMNS, THREE = ("rent", "high", "again"), ("letter", "phone", "visit")


def test_a_rules_value_equals_a_loop_over_episodes():
    x, rewards, households = rule_world(0.6)
    now = rewards[:, 0] + 0.1
    found = value_of_rule(rewards, now, x, COLUMNS, THREE, households, folds=4)
    valued = [i for i in range(len(x)) if found.chosen[i] >= 0]
    assert 0 < len(valued) < len(x)
    walked = {i: [plain_walk(rule, x[i], COLUMNS) for rule, _ in found.tried] for i in valued}
    assert all(found.chosen[i] in row for i, row in walked.items())
    gaps = [rewards[i, found.chosen[i]] - rewards[i, found.single[i]] for i in valued]
    against_now = [rewards[i, found.chosen[i]] - now[i] for i in valued]
    for k, each in enumerate((gaps, against_now)):
        mean, sums = sum(each) / len(each), {}
        for household, one in zip(households[valued].tolist(), each, strict=True):
            sums[household] = sums.get(household, 0.0) + one - mean
        total = len(sums)
        error = np.sqrt(total / (total - 1) * sum(one**2 for one in sums.values())) / len(each)
        assert found.differences.estimates[k] == pytest.approx(mean)
        assert found.differences.std_errors[k] == pytest.approx(error)


def test_nobody_has_a_part_in_the_rule_they_are_valued_by():
    x, rewards, households = rule_world(0.6)
    plain = value_of_rule(rewards, rewards[:, 0], x, COLUMNS, THREE, households, folds=4)
    loud = rewards.copy()
    mine = households == households[np.flatnonzero(plain.chosen >= 0)[0]]
    loud[mine, 2] += 1e4  # for this household visits are worth everything
    other = value_of_rule(loud, rewards[:, 0], x, COLUMNS, THREE, households, folds=4)
    assert (other.chosen[mine] == plain.chosen[mine]).all()
    assert (other.single[mine] == plain.single[mine]).all()
    assert {leaf.arm for leaf in other.rule.leaves} != {leaf.arm for leaf in plain.rule.leaves}


def test_a_rule_uses_no_scarce_arm_more_than_there_is():
    for seed in range(10):
        x, rewards, households = rule_world(0.15, seed)
        rule = learn_rule(rewards, x, COLUMNS, THREE, households, capacity={"phone": 0.3, "visit": 0.2})
        used = np.bincount(rule.assign(x), minlength=3) / len(x)
        assert used[1] <= 0.3 and used[2] <= 0.2


def test_predicted_effects_are_judged_by_a_regression_written_out():
    r = np.random.default_rng(5)
    n = 600
    x = np.column_stack([r.normal(size=n), r.random(n) < 0.5]).astype(float)
    codes = (r.random(n) < 0.5).astype(int)
    y = x[:, 0] - x[:, 1] * codes + r.normal(size=n)
    fitted = fit_propensity(x, np.array(ARMS)[codes], households=np.arange(n) // 2)
    found = predicted_effects(
        x, np.array(ARMS)[codes], y, x, "visit", "letter", propensity=fitted, estimand="ATE"
    )
    folds = fitted.folds[0]
    teach = folds < 2  # of five
    assert np.array_equal(np.isnan(found.predictions), teach)
    assert len({round(found.predictions[folds == f].mean(), 9) for f in (2, 3, 4)}) == 1
    assert found.by_quantile.n.sum() == n - teach.sum()
    assert np.ptp(found.by_quantile.n.sum(axis=1)) <= len(np.unique(folds))
    # The slope is that of the effect's scores on the predictions, household by household of its own fold.
    centred = np.nan_to_num(found.predictions - np.nanmean(found.predictions))
    again = best_linear_projection(
        x, np.array(ARMS)[codes], y, centred, "visit", "letter", propensity=fitted, estimand="ATE"
    )
    assert found.slope.coefficients == pytest.approx(again.coefficients)
    changed = y.copy()
    changed[folds == 3] += 50.0 * codes[folds == 3]
    other = predicted_effects(
        x, np.array(ARMS)[codes], changed, x, "visit", "letter", propensity=fitted, estimand="ATE"
    )
    for f in (2, 3):  # nobody's own part, and none after it, has a say in what is predicted for it
        mine, theirs = found.predictions[folds == f], other.predictions[folds == f]
        assert theirs - theirs.mean() == pytest.approx(mine - mine.mean(), abs=1e-9)
    last = found.predictions[folds == 4], other.predictions[folds == 4]
    assert np.abs(np.diff(last, axis=0)).max() > 0.1
