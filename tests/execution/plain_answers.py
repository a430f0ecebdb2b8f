"""The answers in causalsig/execution/oracles/invented.json, worked out with nothing but Python's own floats.

No numpy, no BLAS and no code of the library: sums by ``math.fsum``, equations by Gaussian elimination, models
by Newton's method, and every variance but the cross-fitted one by moving a household's weight and fitting
everything again. Run ``python tests/execution/plain_answers.py`` from the repository's root to write the file
anew; a test holds that the file is what this gives.
"""

from __future__ import annotations

import json
import math
import random
from pathlib import Path

FILE = Path(__file__).parents[2] / "causalsig" / "execution" / "oracles" / "invented.json"
ARMS = 3
PERIODS = 3
FOLDS = 4
STEP = 1e-4
"""Change of a household's weight; the error of the central difference is of the order of its square."""
RIDGE = 1.0
SHARES = [10.0 ** (-4 + 6 * k / 18) for k in range(19)]
LARGEST_SHARE = 0.5
ABOUT = (
    "Invented data (a seeded draw, no household of any municipality) with answers worked out in plain "
    "Python: tests/execution/plain_answers.py. Made for causalsig; Apache-2.0, as causalsig itself."
)


def draw():
    """240 episodes of 180 households: arm by covariates, outcome by both, and what happened by period."""
    r = random.Random(20260101)
    x1 = [round(r.gauss(0, 1), 2) for _ in range(180)]
    x2 = [float(r.random() < 0.4) for _ in range(180)]
    household = [*range(180), *range(60)]
    rows = {"household": household, "x1": [], "x2": [], "arm": [], "outcome": []}
    periods = {"episode": [], "period": [], "x1": [], "x2": [], "since": [], "event": []}
    for i, h in enumerate(household):
        a, b = round(x1[h] + (0.3 if i >= 180 else 0.0), 2), x2[h]
        chances = [1.0, math.exp(0.4 * a - 0.3), math.exp(0.7 * b - 0.2 * a - 0.4)]
        pick, arm = r.random() * sum(chances), 0
        while pick > sum(chances[: arm + 1]):
            arm += 1
        rows["x1"].append(a)
        rows["x2"].append(b)
        rows["arm"].append(arm)
        rows["outcome"].append(float(r.random() < logistic(-0.6 + 0.5 * a + 0.4 * b - 0.3 * arm)))
        since = 0.0
        for t in range(PERIODS):
            event = int(r.random() < logistic(-1.5 + 0.3 * a + 0.6 * since))
            for name, value in zip(periods, (i, t, a, b, since, event), strict=True):
                periods[name].append(value)
            if event:
                break
            since = max(since, float(r.random() < 0.25))
    return rows, periods


def logistic(eta):
    return 1.0 / (1.0 + math.exp(-eta))


def solve(matrix, right):
    """Gaussian elimination with partial pivoting; right is a list of columns."""
    n = len(matrix)
    work = [[*row, *(column[i] for column in right)] for i, row in enumerate(matrix)]
    for k in range(n):
        pivot = max(range(k, n), key=lambda i: abs(work[i][k]))
        work[k], work[pivot] = work[pivot], work[k]
        for i in range(k + 1, n):
            factor = work[i][k] / work[k][k]
            for j in range(k, len(work[k])):
                work[i][j] -= factor * work[k][j]
    found = [[0.0] * n for _ in right]
    for c in range(len(right)):
        for k in reversed(range(n)):
            rest = math.fsum(work[k][j] * found[c][j] for j in range(k + 1, n))
            found[c][k] = (work[k][n + c] - rest) / work[k][k]
    return found


def softmax(z, b):
    eta = [math.fsum(c * v for c, v in zip(one, z, strict=True)) for one in b] + [0.0]
    top = max(eta)
    e = [math.exp(v - top) for v in eta]
    total = math.fsum(e)
    return [v / total for v in e]


def multinomial(z, codes, kinds, weight, ridge=0.0):
    """Weighted multinomial logit, the last kind the base; coefficients (kinds - 1, columns)."""
    free, width = kinds - 1, len(z[0])
    b = [[0.0] * width for _ in range(free)]
    for _ in range(60):
        gradient = [0.0] * (free * width)
        curve = [[0.0] * (free * width) for _ in range(free * width)]
        for row, code, w in zip(z, codes, weight, strict=True):
            if w == 0.0:
                continue
            p = softmax(row, b)
            for k in range(free):
                off = w * ((code == k) - p[k])
                for i in range(width):
                    gradient[k * width + i] += off * row[i]
                for m in range(free):
                    v = w * p[k] * ((k == m) - p[m])
                    for i in range(width):
                        for j in range(width):
                            curve[k * width + i][m * width + j] += v * row[i] * row[j]
        for k in range(free):
            for m in range(free):
                for i in range(1, width):
                    shrink = ridge * ((k == m) - 1.0 / kinds)
                    curve[k * width + i][m * width + i] += shrink
                    gradient[k * width + i] -= shrink * b[m][i]
        (step,) = solve(curve, [gradient])
        b = [[b[k][i] + step[k * width + i] for i in range(width)] for k in range(free)]
        if max(abs(v) for v in step) < 1e-13:
            break
    return b


def standard(columns):
    """Intercept and columns with mean 0 and variance 1, by row."""
    n = len(columns[0])
    z = [[1.0] for _ in range(n)]
    for column in columns:
        mean = math.fsum(column) / n
        spread = math.sqrt(math.fsum((v - mean) ** 2 for v in column) / n)
        for i, v in enumerate(column):
            z[i].append((v - mean) / spread)
    return z


def tilt(p, estimand):
    return 1.0 if estimand == "ATE" else 1.0 / math.fsum(1.0 / v for v in p)


def in_sample(rows, weight, estimand, augmented):
    """Weighted means of the arms, with a logistic outcome model per arm or without one."""
    z, codes, y = standard([rows["x1"], rows["x2"]]), rows["arm"], rows["outcome"]
    b = multinomial(z, codes, ARMS, weight)
    p = [softmax(row, b) for row in z]
    h = [tilt(one, estimand) for one in p]
    means = []
    for a in range(ARMS):
        m = [0.0] * len(y)
        if augmented:
            inside = [w if code == a else 0.0 for w, code in zip(weight, codes, strict=True)]
            c = multinomial(z, [int(v == 0.0) for v in y], 2, inside)
            m = [softmax(row, c)[0] for row in z]
        v = [w * (code == a) * t / q[a] for w, code, t, q in zip(weight, codes, h, p, strict=True)]
        everybody = math.fsum(w * t for w, t in zip(weight, h, strict=True))
        mean = math.fsum(w * t * one for w, t, one in zip(weight, h, m, strict=True)) / everybody
        rest = math.fsum(w * (one - two) for w, one, two in zip(v, y, m, strict=True)) / math.fsum(v)
        means.append(mean + rest)
    return means


def clones(periods, rows, weight, estimand):
    """Means of "event in the grace period" and "no event in it", weighted period by period."""
    assert estimand == "ATE"
    n = len(rows["outcome"])
    dummies = [[float(t == k) for t in periods["period"]] for k in range(1, PERIODS)]
    z = standard([*dummies, periods["x1"], periods["x2"], periods["since"]])
    of_row = [weight[i] for i in periods["episode"]]
    b = multinomial(z, [int(e == 0) for e in periods["event"]], 2, of_row)
    chance, event, last = [1.0] * n, [0] * n, [0] * n
    for row, i, t, e in zip(z, periods["episode"], periods["period"], periods["event"], strict=True):
        chance[i] *= softmax(row, b)[int(e == 0)]
        event[i], last[i] = e, t
    total = math.fsum(weight)
    cells: dict[tuple[int, int], float] = {}
    for e, t, w in zip(event, last, weight, strict=True):
        cells[e, t] = cells.get((e, t), 0.0) + w
    means = []
    for wanted in (1, 0):
        v = [
            w * cells[e, t] / total / c if e == wanted else 0.0
            for w, e, t, c in zip(weight, event, last, chance, strict=True)
        ]
        hits = math.fsum(one * y for one, y in zip(v, rows["outcome"], strict=True))
        means.append(hits / math.fsum(v))
    return means


def with_errors(household, estimate):
    """Means, and standard errors of every mean and of the first contrast, by moving households' weights."""
    n = len(household)
    means = estimate([1.0] * n)
    slopes = []
    for h in sorted(set(household)):
        ends = [estimate([1.0 + sign * STEP * (g == h) for g in household]) for sign in (1, -1)]
        slopes.append([(up - down) / (2 * STEP) for up, down in zip(*ends, strict=True)])
    groups = len(slopes)
    factor = groups / (groups - 1)
    errors = [math.sqrt(factor * math.fsum(s[a] ** 2 for s in slopes)) for a in range(len(means))]
    contrast = math.sqrt(factor * math.fsum((s[1] - s[0]) ** 2 for s in slopes))
    return {"means": means, "std_errors": errors, "contrast_std_error": contrast}


def generalised(z, y, train):
    """Ridge by generalised cross-validation on the rows named, predicted for all."""
    width, n = len(z[0]) - 1, len(train)
    x = [row[1:] for row in z]
    centre = [math.fsum(x[i][j] for i in train) / n for j in range(width)]
    middle = math.fsum(y[i] for i in train) / n
    a = [[x[i][j] - centre[j] for j in range(width)] for i in train]
    b = [y[i] - middle for i in train]
    gram = [[math.fsum(r[j] * r[k] for r in a) for k in range(width)] for j in range(width)]
    right = [math.fsum(r[j] * v for r, v in zip(a, b, strict=True)) for j in range(width)]
    best = (math.inf, [0.0])
    for share in SHARES:
        shrunk = [[gram[j][k] + n * share * (j == k) for k in range(width)] for j in range(width)]
        slopes, *inverse_gram = solve(shrunk, [right, *gram])
        used = 1.0 + math.fsum(inverse_gram[j][j] for j in range(width))
        left = [
            v - math.fsum(s * q for s, q in zip(slopes, r, strict=True)) for r, v in zip(a, b, strict=True)
        ]
        criterion = math.fsum(v * v for v in left) / (n - used) ** 2
        if used <= LARGEST_SHARE * n and criterion < best[0]:
            best = (criterion, slopes)
    return [
        middle + math.fsum(s * (v - c) for s, v, c in zip(best[1], row, centre, strict=True)) for row in x
    ]


def cross_fitted(rows, estimand):
    """Doubly robust means as the study asks for them: four folds of households, ridges, influence values."""
    z, codes, y, n = standard([rows["x1"], rows["x2"]]), rows["arm"], rows["outcome"], len(rows["arm"])
    folds = [h % FOLDS for h in rows["household"]]
    p, m = [[0.0] * ARMS for _ in range(n)], [[0.0] * ARMS for _ in range(n)]
    for f in range(FOLDS):
        b = multinomial(z, codes, ARMS, [float(one != f) for one in folds], RIDGE)
        fitted = [
            generalised(z, y, [i for i in range(n) if folds[i] != f and codes[i] == a]) for a in range(ARMS)
        ]
        for i in range(n):
            if folds[i] == f:
                p[i], m[i] = softmax(z[i], b), [fitted[a][i] for a in range(ARMS)]
    h = [tilt(one, estimand) for one in p]
    # The slope of 1 / Σ 1/π to π_k is h² / π_k².
    g = [
        t
        + (
            math.fsum(t * t / q**2 * ((code == k) - q) for k, q in enumerate(one))
            if estimand == "ATO"
            else 0.0
        )
        for t, one, code in zip(h, p, codes, strict=True)
    ]
    psi, phi = [], []
    for a in range(ARMS):
        w = [t / one[a] if code == a else 0.0 for t, one, code in zip(h, p, codes, strict=True)]
        rest = math.fsum(v * (one - q[a]) for v, one, q in zip(w, y, m, strict=True)) / math.fsum(w)
        mean = math.fsum(v * q[a] for v, q in zip(g, m, strict=True)) / math.fsum(g)
        psi.append(mean + rest)
        phi.append(
            [
                g[i] * (m[i][a] - mean) / (math.fsum(g) / n)
                + w[i] * (y[i] - m[i][a] - rest) / (math.fsum(w) / n)
                for i in range(n)
            ]
        )
    groups = sorted(set(rows["household"]))
    sums = [
        [math.fsum(v for v, one in zip(column, rows["household"], strict=True) if one == k) for column in phi]
        for k in groups
    ]
    factor = len(groups) / (len(groups) - 1) / n**2
    return {
        "means": psi,
        "std_errors": [math.sqrt(factor * math.fsum(s[a] ** 2 for s in sums)) for a in range(ARMS)],
        "contrast_std_error": math.sqrt(factor * math.fsum((s[1] - s[0]) ** 2 for s in sums)),
    }


def answers():
    """Everything in the file."""
    rows, periods = draw()
    household = rows["household"]

    def weighted(estimand, augmented):
        return with_errors(household, lambda w: in_sample(rows, w, estimand, augmented))

    return {
        "about": ABOUT,
        "rows": rows,
        "periods": periods,
        "answers": {
            "cross-fitted ATE": cross_fitted(rows, "ATE"),
            "cross-fitted ATO": cross_fitted(rows, "ATO"),
            "augmented ATE": weighted("ATE", True),
            "augmented ATO": weighted("ATO", True),
            "overlap ATO": weighted("ATO", False),
            "clones ATE": with_errors(household, lambda w: clones(periods, rows, w, "ATE")),
        },
    }


def text():
    """The file's text."""
    return json.dumps(answers(), separators=(",", ":")).replace('],"', '],\n"').replace('},"', '},\n"') + "\n"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
