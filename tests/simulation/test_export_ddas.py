"""The DDAS export of an invented municipality reads back, and agrees with its workbook where both speak."""

from __future__ import annotations

import json
import re
from functools import cache

import numpy as np
import pandas as pd
import pytest

from causalsig.errors import SimulationError
from causalsig.simulation import draw_sites, load_scenario, simulate_site
from causalsig.simulation.export import write_ddas
from causalsig.simulation.export.ddas import address_of, person_of
from causalsig.simulation.xxllnc import write_workbook
from causalsig.sources import read_ddas, read_xxllnc_2026
from causalsig.sources.ddas_versions import VERSIONS

CARRIED_BY_BOTH = {
    "signals": ["received_on", "creditor_type", "amount_cents", "crisis", "age", "forwarded_on"],
    "episodes": ["matched_on", "period_start", "period_end"],
    "cases": ["opened_on", "result"],
    "attempts": ["attempted_on", "method", "daypart", "reached"],
}
WEIGHTS = (9, 8, 7, 6, 5, 4, 3, 2, -1)


@cache
def simulated(retention: str = "full"):
    scenario = load_scenario("ignorable")
    spec = draw_sites(scenario, 1, 3, inhabitants=10_000, retention=retention)[0]
    return spec, simulate_site(spec, scenario, 3, months=12, truth=False).tables


def read(path, spec, **options):
    return read_ddas(path, municipality=spec.code, matching=spec.matching, **options).tables


def comparable(tables) -> dict[str, pd.DataFrame]:
    """What DDAS and the workbook both carry, with households and cases named by their first signal."""
    signals = tables.signals.sort_values("signal_id", ignore_index=True)
    first = {key: signals.groupby(key)["signal_id"].min() for key in ("household_key", "case_id")}
    frames = {}
    for table, columns in CARRIED_BY_BOTH.items():
        frame = getattr(tables, table)
        named = pd.DataFrame(index=frame.index)
        if table == "signals":
            named["signal_id"] = frame["signal_id"]
        for key, names in first.items():
            if key in frame:
                named[key] = frame[key].map(names.to_dict()).astype(object)
        frame = pd.concat([named, frame[columns]], axis=1)
        if table == "signals":
            frame["amount_cents"] = np.floor((frame["amount_cents"] + 50) / 100) * 100
        if table in ("cases", "attempts"):
            # A case none of whose signals is kept has no place in DDAS.
            frame = frame[frame["case_id"].notna()]
        frames[table] = frame.sort_values([*frame.columns], ignore_index=True)
    return frames


@pytest.mark.parametrize("retention", ["full", "strict6"])
@pytest.mark.parametrize("version", ["1.2", "0.9"])
def test_the_file_and_the_workbook_of_one_municipality_agree(tmp_path, version, retention):
    spec, tables = simulated(retention)
    write_ddas(tables, tmp_path / "site.json", version=version)
    write_workbook(tables, tmp_path / "site.xlsx", name=spec.name)
    from_file = comparable(read(tmp_path / "site.json", spec))
    workbook = read_xxllnc_2026(
        tmp_path / "site.xlsx",
        municipality=spec.code,
        name=spec.name,
        matching=spec.matching,
        extracted_on=tables.extracted_on,
    ).tables
    from_workbook = comparable(workbook)
    if version == "0.9":
        result = from_workbook["cases"]["result"]
        from_workbook["cases"]["result"] = result.replace({"follow_up_help": "follow_up_help_financial"})
        from_workbook = {
            table: frame.sort_values([*frame.columns], ignore_index=True)
            for table, frame in from_workbook.items()
        }
    for table, frame in from_file.items():
        assert len(frame) > 100
        pd.testing.assert_frame_equal(frame, from_workbook[table], obj=table)


def test_new_arrears_are_told_alike_but_for_creditors_of_one_kind_on_one_day(tmp_path):
    """The standard names kinds, not creditors: two of a kind on one day cannot be told apart."""
    spec, tables = simulated()
    write_ddas(tables, tmp_path / "site.json")
    result = read(tmp_path / "site.json", spec)
    both = tables.signals.merge(result.signals[["signal_id", "new_arrears"]], on="signal_id")
    same_day = both.duplicated(["household_key", "creditor_type", "received_on"], keep=False)
    differ = both["new_arrears_x"] != both["new_arrears_y"]
    assert both["new_arrears_x"].nunique() == 2
    assert not (differ & ~same_day).any()


def test_the_same_tables_give_the_same_bytes_in_every_version(tmp_path):
    _, tables = simulated()
    written = set()
    for version in VERSIONS:
        for name in ("a", "b"):
            write_ddas(tables, tmp_path / name, version=version)
        assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
        written.add((tmp_path / "a").read_bytes())
    assert len(written) == len(VERSIONS)
    with pytest.raises(SimulationError, match="simulation-ddas-version"):
        write_ddas(tables, tmp_path / "c", version="2.0")


def test_no_address_or_citizen_number_can_exist(tmp_path):
    _, tables = simulated()
    write_ddas(tables, tmp_path / "site.json", version="0.9", by_person=("health_insurance", "rent"))
    delivery = json.loads((tmp_path / "site.json").read_bytes())["leveringen"][0]
    clients = [record["client"] for record in delivery["vroegsignalen"]]
    assert all(re.fullmatch("0[0-9]{3}S[ADS]", client["Postcode"]) for client in clients)
    persons = [client["Burgerservicenummer"] for client in clients if "Burgerservicenummer" in client]
    assert len(persons) > 100
    for person in persons:
        assert len(person) == 9
        assert sum(weight * int(digit) for weight, digit in zip(WEIGHTS, person, strict=True)) % 11
    assert not {"Achternaam", "Straatnaam", "Voorletters"} & set().union(*clients)


def test_households_stay_apart_and_keep_their_address():
    keys = [f"{number:016x}" for number in range(50_000)]
    assert len({address_of(key) for key in keys}) == len(keys)
    assert address_of(keys[7]) == address_of(keys[7])
    assert person_of(keys[7]) == person_of(keys[7])


def test_creditors_that_know_persons_only_are_linked_by_cases_and_the_rest_is_counted(tmp_path):
    spec, tables = simulated()
    write_ddas(tables, tmp_path / "site.json", by_person=("health_insurance",))
    result = read_ddas(tmp_path / "site.json", municipality=spec.code, matching=spec.matching)
    split = tables.signals["creditor_type"] == "health_insurance"
    counted = {f.code: f.count for f in result.findings}
    assert counted["source-household-by-person"] + counted["source-person-linked"] == int(split.sum())
    keys = ["signal_id", "household_key"]
    both = tables.signals[[*keys, "creditor_type", "episode_id"]].merge(
        result.tables.signals[keys], on="signal_id"
    )
    # No two households are ever joined.
    assert (both.groupby("household_key_y")["household_key_x"].nunique() == 1).all()
    # Every household of which one episode holds both kinds is whole again.
    kinds = both.assign(person=both["creditor_type"] == "health_insurance")
    mixed = kinds.groupby("episode_id")["person"].nunique() == 2
    whole = set(kinds.loc[kinds["episode_id"].map(mixed), "household_key_x"])
    assert len(whole) > 20
    pieces = both.groupby("household_key_x")["household_key_y"].nunique()
    assert (pieces[pieces.index.isin(whole)] == 1).all() and (pieces <= 2).all()


def test_several_municipalities_go_in_one_file_and_come_out_apart(tmp_path):
    scenario = load_scenario("ignorable")
    specs = draw_sites(scenario, 2, 5, inhabitants=8_000)
    sites = [simulate_site(spec, scenario, 5, months=8, truth=False).tables for spec in specs]
    write_ddas(sites, tmp_path / "both.json")
    for spec, site in zip(specs, sites, strict=True):
        write_ddas(site, tmp_path / "one.json")
        alone, out = read(tmp_path / "one.json", spec), read(tmp_path / "both.json", spec)
        assert len(alone.signals) > 20 and alone.municipality == spec.code
        for table in ("signals", "episodes", "cases", "attempts", "creditors"):
            pd.testing.assert_frame_equal(getattr(alone, table), getattr(out, table))
