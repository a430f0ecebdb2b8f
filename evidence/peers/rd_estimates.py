"""What rdrobust, rddensity and rdlocrand say of the designs in an .npz; run in an environment of their own.

Keys are ``design/name``; ``design/options`` is JSON. Writes JSON: an answer a design.
"""

from __future__ import annotations

import json
import sys
from importlib import import_module
from typing import Any

import numpy as np


def effect(arrays: dict[str, Any], options: dict[str, Any]) -> dict[str, Any]:
    """Run rdrobust at its own bandwidths, and again at those, equal on both sides."""
    rdrobust = import_module("rdrobust").rdrobust

    given = {
        "y": arrays["outcome"],
        "x": arrays["score"],
        "fuzzy": arrays.get("taken_up"),
        "cluster": arrays.get("households"),
        "covs": arrays.get("covariates"),
        **options,
    }
    chosen = rdrobust(**given)
    h, b = (float(v) for v in chosen.bws.to_numpy()[:, 0])
    given.pop("bwselect", None)
    return {"chosen": _figures(chosen), "given": _figures(rdrobust(**given, h=h, b=b))}


def _figures(found: Any) -> dict[str, Any]:
    answer = {
        "bandwidths": found.bws.to_numpy().ravel().tolist(),  # h left, h right, b left, b right
        "estimates": found.coef.to_numpy().ravel().tolist(),
        "std_errors": found.se.to_numpy().ravel().tolist(),
        "effective_n": [int(v) for v in found.N_h],
    }
    if found.tau_T is not None:
        answer["first_stage"] = np.ravel(np.asarray(found.tau_T, dtype=float)).tolist()
        answer["first_stage_errors"] = np.ravel(np.asarray(found.se_T, dtype=float)).tolist()
    return answer


def density(arrays: dict[str, Any], options: dict[str, Any]) -> dict[str, Any]:
    rddensity = import_module("rddensity").rddensity

    found = rddensity(X=arrays["score"], bino_flag=False, **options)
    return {
        "bandwidths": [float(found.h["left"]), float(found.h["right"])],
        "densities": [float(found.hat["left"]), float(found.hat["right"])],
        "std_errors": [float(found.sd_jk["left"]), float(found.sd_jk["right"]), float(found.sd_jk["diff"])],
        "statistic": float(found.test["t_jk"]),
        "p_value": float(found.test["p_jk"]),
        "effective_n": [int(found.n["eff_left"]), int(found.n["eff_right"])],
    }


def local(arrays: dict[str, Any], options: dict[str, Any]) -> dict[str, Any]:
    rdrandinf = import_module("rdlocrand").rdrandinf

    found = rdrandinf(arrays["outcome"], arrays["score"], quietly=True, **options)
    return {
        "estimate": float(np.ravel(found["obs.stat"])[0]),
        "p_value": float(np.ravel(found["p.value"])[0]),
        "large_sample_p_value": float(np.ravel(found["asy.pvalue"])[0]),
    }


def main() -> None:
    packed = np.load(sys.argv[1], allow_pickle=False)
    designs: dict[str, dict[str, Any]] = {}
    for key in packed.files:
        name, part = key.split("/")
        designs.setdefault(name, {})[part] = packed[key]
    answers = {}
    for name, arrays in designs.items():
        options = json.loads(str(arrays.pop("options")))
        kind = {"effect": effect, "density": density, "local": local}[options.pop("kind")]
        answers[name] = kind(arrays, options)
    with open(sys.argv[2], "w", encoding="utf-8") as file:
        json.dump(answers, file)


if __name__ == "__main__":
    main()
