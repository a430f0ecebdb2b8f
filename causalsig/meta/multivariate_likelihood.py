"""The (restricted) likelihood of a between-site covariance matrix, with its first two derivatives.

Notation: y_i the estimates of site i with sampling covariance S_i, Ψ the between-site covariance,
V_i = S_i + Ψ over the arms the site has, W_i its inverse with zeros for the arms it lacks, X_i = x_i' ⊗ I the
design, A = (Σ X_i'W_iX_i)⁻¹, r_i the residuals, u_i = W_i r_i, Z_i = W_i X_i A^(1/2), C_i = Z_i Z_i'.
Zeros in W_i make every sum over arms right whatever is missing, so all sites are one batch: an arm that is
missing takes a row of the identity in V_i, whose determinant and inverse leave the others alone.
Sources: Harville (1977), doi:10.1080/01621459.1977.10480998; Jackson, Riley & White (2011),
doi:10.1002/sim.4172.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from causalsig.meta.multivariate_inputs import ArmInputs

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class JointFit:
    """Generalised least squares at one Ψ.

    Attributes
    ----------
    log_likelihood : float
        Restricted or not, as asked; in the units of an orthonormal design.
    coefficients : (m p,)
        Row by row: the coefficients of one column of the design for all arms.
    covariance : (m p, m p)
    weights : (k, p, p)
        W.
    scores : (k, p)
        u.
    rss : float
        Σ r'Wr.
    half : (k, p, m p)
        Z.
    """

    log_likelihood: float
    coefficients: FloatArray
    covariance: FloatArray
    weights: FloatArray
    scores: FloatArray
    rss: float
    half: FloatArray


@dataclass(frozen=True, slots=True)
class Problem:
    """The data in the form the likelihood takes them.

    Attributes
    ----------
    y : (k, p)
    s : (k, p, p)
        With a one on the diagonal of a missing arm.
    mask : (k, p, p)
        One where both arms are present.
    x : (k, p, m p)
        Zero rows for missing arms.
    constant : float
        What the likelihood has beside its dependence on Ψ.
    restricted : bool
    """

    y: FloatArray
    s: FloatArray
    mask: FloatArray
    x: FloatArray
    constant: float
    restricted: bool


def problem_of(data: ArmInputs, scale: FloatArray, *, restricted: bool) -> Problem:
    """Put data into units of `scale` (p,); the likelihood stays that of the data as given."""
    present = data.present.astype(np.float64)
    mask = present[:, :, None] * present[:, None, :]
    k, p = present.shape
    eye = np.eye(p)
    s = data.covariances / np.outer(scale, scale) + eye * (1.0 - present)[:, :, None]
    x = np.einsum("im,ab->iamb", data.design, eye).reshape(k, p, -1) * present[:, :, None]
    n, count = float(present.sum()), x.shape[2]
    constant = -0.5 * (n - count * restricted) * np.log(2.0 * np.pi) - float((present @ np.log(scale)).sum())
    if restricted:
        plain = np.einsum("iac,iad->cd", x, x)
        # |X'WX| in these units against |X'X|: each coefficient of arm a is in units of scale[a].
        constant += 0.5 * float(np.linalg.slogdet(plain)[1]) + float(np.log(scale).sum()) * (count // p)
    return Problem(data.estimates / scale, s, mask, x, constant, restricted)


def fit_at(problem: Problem, psi: FloatArray) -> JointFit | None:
    """Fit at Ψ, or None where the covariance cannot be inverted."""
    try:
        root = np.linalg.cholesky(problem.s + problem.mask * psi)
        inverse_root = np.linalg.inv(root)
        w = np.swapaxes(inverse_root, 1, 2) @ inverse_root * problem.mask
        wx = w @ problem.x
        k, p, c = wx.shape
        gram = problem.x.reshape(k * p, c).T @ wx.reshape(k * p, c)
        gram_root = np.linalg.cholesky(gram)
        back = np.linalg.inv(gram_root)
    except np.linalg.LinAlgError:
        return None
    covariance = back.T @ back
    coefficients = covariance @ (wx.reshape(k * p, c).T @ problem.y.reshape(k * p))
    residuals = problem.y - problem.x @ coefficients
    scores = (w @ residuals[:, :, None])[:, :, 0]
    rss = float((scores * residuals).sum())
    value = -float(np.log(np.einsum("iaa->ia", root)).sum()) - 0.5 * rss
    if problem.restricted:
        value -= float(np.log(np.diagonal(gram_root)).sum())
    value += problem.constant
    if not np.isfinite(value):
        return None
    return JointFit(value, coefficients, covariance, w, scores, rss, wx @ back.T)


def gradient_at(problem: Problem, fit: JointFit) -> FloatArray:
    """Return the derivative G of the log-likelihood to Ψ: its change is ``Σ_ab G_ab dΨ_ab``, (p, p)."""
    gradient = fit.scores.T @ fit.scores - fit.weights.sum(axis=0)
    if problem.restricted:
        k, p, c = fit.half.shape
        wide = np.swapaxes(fit.half, 0, 1).reshape(p, k * c)
        gradient = gradient + wide @ wide.T
    return np.asarray(0.5 * gradient)


def curvature_at(problem: Problem, fit: JointFit) -> tuple[FloatArray, FloatArray]:
    """Return second derivative and expected information as forms on vec(Ψ), each (p p, p p).

    For symmetric D and E the second derivative of the log-likelihood is ``vec(D)'K vec(E)``.
    """
    w, u, z = fit.weights, fit.scores, fit.half
    k, p, c = z.shape
    flat = w.reshape(k, p * p)
    outer = flat
    if problem.restricted:
        outer = flat - 2.0 * (z @ np.swapaxes(z, 1, 2)).reshape(k, p * p)
    information = 0.5 * _pairs(outer.T @ flat, p)
    if problem.restricted:
        square = (z.reshape(k, p * c).T @ z.reshape(k, p * c)).reshape(p, c, p, c)
        joint = np.transpose(square, (0, 2, 1, 3)).reshape(p * p, c * c)
        information += 0.5 * joint @ joint.T
    # y'P D P E P y: between the u of a site stands W less what the fitted coefficients take.
    uw = (u[:, :, None] * u[:, None, :]).reshape(k, p * p)
    crossed = np.swapaxes((z.reshape(k, p * c).T @ u).reshape(p, c, p), 1, 2).reshape(p * p, c)
    quadratic = _pairs(uw.T @ flat, p) - crossed @ crossed.T
    return _symmetric(information - quadratic, p), _symmetric(information, p)


def _symmetric(form: FloatArray, p: int) -> FloatArray:
    """Only the action on symmetric matrices counts."""
    four = form.reshape(p, p, p, p)
    four = four + np.swapaxes(four, 0, 1)
    four = 0.25 * (four + np.swapaxes(four, 2, 3))
    form = four.reshape(p * p, p * p)
    return np.asarray(0.5 * (form + form.T))


def _pairs(product: FloatArray, p: int) -> FloatArray:
    """From ``Σ M[a,b] N[c,d]`` to the form of ``tr(M D N E)``: indices (b,c) and (d,a)."""
    four = product.reshape(p, p, p, p)
    return np.asarray(np.transpose(four, (1, 2, 3, 0)).reshape(p * p, p * p))
