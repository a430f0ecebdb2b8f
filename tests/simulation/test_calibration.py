"""The base scenario is near the monitor; the evidence holds it to the bands, over larger countries."""

from __future__ import annotations

import numpy as np
import pandas as pd

from causalsig.simulation import calibrate, load_scenario
from causalsig.simulation.calibration import _gap_to_next, compare, targets

ROOM = 2.5
"""Bands are for 200 municipalities; 25 have eight times their variance."""
SITES = 25


def test_a_small_base_country_is_near_every_figure():
    table = calibrate(load_scenario("base"), 1, SITES)
    assert list(table["figure"]) == [target.name for target in targets()]
    off = table[(table["simulated"] - table["target"]).abs() > ROOM * table["band"]]
    assert off.empty, off


def test_rates_have_five_per_cent_and_shares_two_points():
    for target in targets():
        assert target.band == (0.02 if target.kind == "share" else 0.05 * target.target)
        assert target.source.split()[0] in {"V", "D", "A"}


def test_a_figure_outside_its_band_or_without_cases_does_not_hold():
    right = {target.name: np.array((target.target * 1000, 1000.0)) for target in targets()}
    assert compare([right])["holds"].all()
    wrong = right | {"march_index": np.array((1400.0, 1000.0)), "reached": np.array((0.0, 0.0))}
    table = compare([wrong]).set_index("figure")
    assert set(table.index[~table["holds"]]) == {"march_index", "reached"}


def test_the_gap_to_the_next_episode_agrees_with_a_plain_search():
    rng = np.random.default_rng(1)
    rows = pd.DataFrame({"h": rng.integers(0, 40, 300), "m": rng.integers(0, 30, 300)}).drop_duplicates()
    rows = rows.sort_values(["h", "m"])
    household, month = rows["h"].to_numpy(), rows["m"].to_numpy()
    counts = rng.random(len(rows)) < 0.6
    plain = [
        min(
            (m2 - m for h2, m2, c in zip(household, month, counts, strict=True) if h2 == h and m2 > m and c),
            default=np.inf,
        )
        for h, m in zip(household, month, strict=True)
    ]
    np.testing.assert_array_equal(_gap_to_next(household, month, counts), plain)
