"""Clone-censor-weight against explicit clones in a table, other code for every fit, and case weights."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize

from causalsig.estimation import PersonPeriods, clone_censor_weight

REFIT = 1e-8  # both sides solve their scores to rounding
NUMERIC = 1e-5  # central differences of a refit, relative to the largest influence
ROWS = (0, 57, 180)
LETTER, PHONE, VISIT, LOST, NEVER = 1, 2, 3, -1, 0
STRATEGIES = {"phone": PHONE, "none": NEVER, "letter": LETTER}  # a visit first deviates from all three


def draw(n=220, periods=3, kinds=(LETTER, PHONE, VISIT, LOST), seed=11):
    """Draw what happens week by week by what happened before; two episodes a household, some lost later."""
    r = np.random.default_rng(seed)
    x, batches = r.normal(size=n), np.zeros(n)
    rows, ending = [], np.zeros(n, dtype=int)
    at_risk = np.ones(n, dtype=bool)
    for t in range(periods):
        share = np.array([np.exp(-1.6 - 0.2 * k + 0.3 * x + 0.4 * batches) for k in range(len(kinds))]).T
        chance = np.column_stack([share, np.ones(n)]) / (1 + share.sum(axis=1, keepdims=True))
        picked = (r.random(n)[:, None] > np.cumsum(chance, axis=1)).sum(axis=1)
        event = np.array([*kinds, NEVER])[picked]
        rows += [(i, t, x[i], batches[i], event[i]) for i in np.flatnonzero(at_risk)]
        ending[at_risk] = event[at_risk]
        at_risk &= event == NEVER
        batches = batches + (r.random(n) < 0.3)
    y = np.column_stack([x + 0.5 * batches + 0.4 * ending, r.poisson(np.exp(0.2 * x))]) + r.normal(
        size=(n, 1)
    )
    seen = (ending != LOST)[:, None] & (r.random((n, 2)) < 1 / (1 + np.exp(-1.5 - 0.5 * x))[:, None])
    table = pd.DataFrame(rows, columns=["episode", "period", "x", "batches", "event"])
    return table.sample(frac=1.0, random_state=3), np.where(seen, y, np.nan), seen, np.arange(n) // 2


def arrays(table):
    return PersonPeriods(table["episode"], table["period"], table[["x", "batches"]], table["event"])


def newton_logit(z, kinds, weight):
    """Weighted multinomial logit, last column the base: probabilities (r, M)."""
    free, width = kinds.shape[1] - 1, z.shape[1]

    def softmax(b):
        e = np.exp(np.column_stack([z @ b.reshape(free, width).T, np.zeros(len(z))]))
        return e / e.sum(axis=1, keepdims=True)

    def value(b):
        return -np.sum(weight * np.sum(kinds * np.log(softmax(b)), axis=1))

    def slope(b):
        return -((weight[:, None] * (kinds - softmax(b)))[:, :-1].T @ z).ravel()

    def curve(b):
        p = softmax(b)
        return np.block(
            [
                [(z.T * (weight * p[:, k] * ((k == m) - p[:, m]))) @ z for m in range(free)]
                for k in range(free)
            ]
        )

    at = minimize(value, np.zeros(free * width), jac=slope, hess=curve, method="trust-exact").x
    for _ in range(4):
        at = at - np.linalg.solve(curve(at), slope(at))
    return softmax(at)


def clones_of(table, strategies, grace):
    """One row a clone and period until it is censored, with the chance of staying in that period."""
    everything = table[["p_-1", "p_0", "p_1", "p_2", "p_3"]].to_numpy()
    final, event = table["period"] == table["period"].max(), table["event"]
    happened = everything[np.arange(len(table)), event + 1]
    clones = []
    for arm, wanted in strategies.items():
        if wanted == NEVER:
            stays, kept = event == NEVER, table["p_0"]
        elif grace == "natural":
            stays = event.eq(wanted) | (event.eq(NEVER) & ~final)
            kept = np.where(final, table[f"p_{wanted}"], table["p_0"] + table[f"p_{wanted}"])
        else:
            stays, kept = event.eq(wanted) | (event.eq(NEVER) & ~final), happened
        done = final | event.ne(NEVER)
        clone = table[["episode", "period"]].assign(arm=arm, stays=stays, done=done, kept=kept)
        before = (
            clone["stays"].groupby(clone["episode"]).cumprod().groupby(clone["episode"]).shift(fill_value=1)
        )
        clones.append(clone[before == 1])
    return pd.concat(clones)


def tilts(weight, table, strategies, estimand):
    """Tilt of every episode that follows a strategy, by who follows which given the first week: (n,)."""
    start = table[table["period"] == 0].set_index("episode")["x"].reindex(range(len(weight))).to_numpy()
    ending = table.groupby("episode")["event"].last().reindex(range(len(weight))).to_numpy()
    on = (ending[:, None] == [*strategies.values()]).astype(float)
    rows = on.any(axis=1)
    z = np.column_stack([np.ones(len(weight)), start])
    p = newton_logit(z[rows], on[rows], weight[rows])
    h = np.ones(len(weight))
    h[rows] = 1 / (1 / p).sum(axis=1) if estimand == "ATO" else p[:, [*strategies].index(estimand[1])]
    return h


def plain(weight, table, y, seen, grace, truncate=None, estimand="ATE", strategies=STRATEGIES):
    """Means (J, K) with case weights, every step in the open."""
    table = table.sort_values(["episode", "period"]).reset_index(drop=True)
    kinds = [*(k for k in np.unique(table["event"]) if k != NEVER), NEVER]
    z = np.column_stack(
        [np.ones(len(table)), pd.get_dummies(table["period"])[[1, 2]], table["x"], table["batches"]]
    ).astype(float)
    happened = (table["event"].to_numpy()[:, None] == kinds).astype(float)
    p = newton_logit(z, happened, weight[table["episode"]])
    for k in (-1, 0, 1, 2, 3):
        table[f"p_{k}"] = p[:, kinds.index(k)] if k in kinds else 0.0
    clones = clones_of(table, strategies, grace)
    censored = clones.groupby(["arm", "episode"])["stays"].min()
    whole = clones.groupby(["arm", "episode"]).agg(period=("period", "max"), chance=("kept", "prod"))
    whole = whole[censored].reset_index()
    end = table.groupby("episode")[["x", "batches"]].last()
    h = np.ones(len(weight)) if estimand == "ATE" else tilts(weight, table, strategies, estimand)
    means = np.empty((y.shape[1], len(strategies)))
    for a, arm in enumerate(strategies):
        one = whole[whole["arm"] == arm].sort_values("episode")
        i = one["episode"].to_numpy()
        if grace == "observed":
            share = one["period"].map(
                pd.Series(weight[i]).groupby(one["period"].to_numpy()).sum() / weight.sum()
            )
        else:
            periods = one["period"].nunique() if grace == "uniform" and strategies[arm] != NEVER else 1
            share = np.full(len(one), weight[i].sum() / weight.sum() / periods)
        w = np.asarray(share) / one["chance"].to_numpy()
        if truncate is not None:
            w = np.minimum(w, truncate[1] if truncate[0] == "at" else np.quantile(w, truncate[1]))
        design = np.column_stack([np.ones(len(i)), end.loc[i]])
        for j in range(y.shape[1]):
            followed = seen[i, j]
            kappa = np.ones(len(i))
            if not followed.all():
                flags = np.column_stack([followed, ~followed]).astype(float)
                kappa = newton_logit(design, flags, weight[i])[:, 0]
            total = (weight[i] * w * h[i] / kappa)[followed]
            means[j, a] = total @ y[i, j][followed] / total.sum()
    return means


@pytest.mark.parametrize(
    ("grace", "truncate", "estimand"),
    [
        ("observed", None, "ATE"),
        ("uniform", None, ("ATT", "phone")),
        ("natural", None, "ATE"),
        ("observed", ("at", 1.2), "ATO"),
    ],
)
def test_means_and_influence_are_those_of_explicit_clones(grace, truncate, estimand):
    table, y, seen, households = draw()
    n = len(y)
    result = clone_censor_weight(
        arrays(table),
        y,
        strategies=STRATEGIES,
        households=households,
        observed=seen,
        grace=grace,
        truncate=truncate,
        estimand=estimand,
    )
    np.testing.assert_allclose(
        result.means, plain(np.ones(n), table, y, seen, grace, truncate, estimand), rtol=REFIT, atol=REFIT
    )
    scale = np.abs(result.influence - result.means[:, None, :]).max()
    for i in ROWS:
        step = 1e-4 * (np.arange(n) == i)
        ends = [plain(1 + sign * step, table, y, seen, grace, truncate, estimand) for sign in (1, -1)]
        slope = n * (ends[0] - ends[1]) / 2e-4
        np.testing.assert_allclose(result.influence[:, i] - result.means, slope, atol=NUMERIC * scale)
    sums = np.stack(
        [
            np.add.reduceat(one - mean, np.arange(0, n, 2))
            for one, mean in zip(result.influence, result.means, strict=True)
        ]
    )
    groups = n // 2
    meat = np.einsum("jga,jgb->jab", sums, sums) * groups / (groups - 1) / n**2
    np.testing.assert_allclose(result.covariance, meat, rtol=1e-9, atol=1e-12)


def test_a_quantile_truncates_the_weights_of_each_strategy():
    table, y, seen, _ = draw()
    rule = ("quantile", 0.9)
    result = clone_censor_weight(arrays(table), y, strategies=STRATEGIES, observed=seen, truncate=rule)
    expected = plain(np.ones(len(y)), table, y, seen, "observed", rule)
    np.testing.assert_allclose(result.means, expected, rtol=REFIT, atol=REFIT)
    assert result.estimand == "ATE truncated (quantile 0.9)"
    assert "estimation-weights-truncated" in result.notes
    assert (np.abs(result.checks.truncated - 0.1 * result.n) <= 1).all()


def test_checks_count_the_clones_still_on_their_strategy():
    table, y, seen, _ = draw()
    checks = clone_censor_weight(arrays(table), y, strategies=STRATEGIES, observed=seen).checks
    table = table.sort_values(["episode", "period"]).assign(**{f"p_{k}": 1.0 for k in (-1, 0, 1, 2, 3)})
    for grace in ("observed", "natural"):
        clones = clones_of(table, STRATEGIES, grace)
        for t in range(3):
            there = clones["stays"] & ((clones["period"] == t) | (clones["done"] & (clones["period"] < t)))
            counted = there.groupby(clones["arm"]).sum()
            assert checks.on_strategy[t].tolist() == counted[list(STRATEGIES)].tolist()
    assert checks.at_risk.tolist() == table["period"].value_counts().sort_index().tolist()
    assert checks.lost == (table["event"] == LOST).sum() > 0
    assert checks.on_strategy[-1, 0] == (table["event"] == PHONE).sum() > 0
    np.testing.assert_array_equal(checks.started.sum(axis=0), checks.on_strategy[-1])
