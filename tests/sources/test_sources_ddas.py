"""DDAS JSON: every version reads alike, nothing of a person stays, and bad input ends in one message."""

from __future__ import annotations

import copy
import datetime as dt
import json
import random
from functools import cache

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from causalsig.errors import SourceError
from causalsig.simulation import draw_sites, load_scenario, simulate_site
from causalsig.simulation.export.ddas import ddas_file
from causalsig.sources import Matching, read_ddas
from causalsig.sources.ddas_versions import (
    DAYS_TO_CLOSE,
    DAYS_TO_CLOSE_AT_THE_DESK,
    DAYS_TO_CLOSE_WITH_HELP,
    VERSIONS,
    all_tokens,
)
from causalsig.sources.findings import MEANINGS
from causalsig.sources.household import household_hashes, normalise_address
from causalsig.sources.schema import TABLES

MONTHLY = Matching("monthly", 15)
CANARY = "Zq7canary"
SECRET = b"only for these tests, thirty-two"


def signal(number: str, **changes):
    """A signal of version 1.2; ``client`` and the like replace what is here."""
    record = {
        "ID": number,
        "crisissignaal": False,
        "warmeOverdracht": False,
        "bedrag": 450,
        "ontstaansdatum": "2024-12-10",
        "signaaldatum": "2025-01-05",
        "status": "Opgepakt",
        "signaalpartner": {"type": "Energie"},
        "client": {
            "geslachtsaanduiding": "Onbekend",
            "geboortedatum": "1985-06-15",
            "postcode": "0123SS",
            "huisnummer": "10",
            "huisnummertoevoeging": "A",
        },
    }
    return {name: value for name, value in {**record, **changes}.items() if value is not None}


def case(*numbers: str, **changes):
    record = {
        "resultaat": "(Budget)advies en/of quick fix",
        "matchingsdatum": "2025-01-12",
        "startdatumMatchingperiode": "2025-01-01",
        "einddatumMatchingperiode": "2025-01-31",
        "datumOpgepakt": "2025-01-13",
        "vroegsignalen": [{"ID": number} for number in numbers],
        "contactpogingen": [
            {"soort": "Telefoon", "bereikt": False, "datum": "2025-01-14", "dagdeel": "Ochtend"},
            {"soort": "Huisbezoek", "bereikt": True, "datum": "2025-01-20", "dagdeel": "Avond"},
        ],
    }
    return {name: value for name, value in {**record, **changes}.items() if value is not None}


def file(signals, cases=(), code: object = "0518"):
    return {
        "codeGegevensleverancier": "LEVERANCIER",
        "startdatumLevering": "2025-01-01",
        "einddatumLevering": "2025-06-30",
        "aanleverdatumEnTijd": "2025-07-05T10:30:00Z",
        "leveringen": [
            {
                "teller": 1,
                "gemeentecode": code,
                "aanleverendeOrganisatie": {"naam": CANARY, "contactpersonen": [{"naam": CANARY}]},
                "vroegsignalen": list(signals),
                "vroegsignaalzaken": list(cases),
            }
        ],
    }


def in_version_0_9(content):
    """Spell a file of version 1.2 as version 0.9 does, with the names and streets it had."""
    renamed = {
        "aanleverendeOrganisatie": "aanleverende_organisatie",
        "contactpersonen": "contactpersoonen",
        "startdatumMatchingperiode": "startdatum_matchtingperiode",
        "einddatumMatchingperiode": "einddatum_matchingperiode",
        "datumOpgepakt": "datum_opgepakt",
    }
    words = {
        "(Budget)advies en/of quick fix": "(Budget)advies en/of \u2018quick fix\u2019",
        "Opgepakt": "Nog niet opgepakt",
    }
    if isinstance(content, list):
        return [in_version_0_9(item) for item in content]
    if isinstance(content, str):
        return words.get(content, content)
    if not isinstance(content, dict):
        return content
    if "postcode" in content or "burgerservicenummer" in content:
        known = {name.capitalize(): value for name, value in content.items() if name[:8] != "geslacht"}
        return {**known, "Achternaam": CANARY, "Straatnaam": CANARY, "Plaatsnaam": CANARY}
    return {renamed.get(name, name): in_version_0_9(value) for name, value in content.items()}


def write(folder, content, name="levering.json"):
    path = folder / name
    text = content if isinstance(content, str) else json.dumps(content, ensure_ascii=True)
    path.write_bytes(text.encode())
    return path


@pytest.fixture
def read(tmp_path):
    def reader(*contents, **options):
        paths = [write(tmp_path, content, f"{at}.json") for at, content in enumerate(contents)]
        arguments = {"municipality": "0518", "matching": MONTHLY, **options}
        return read_ddas(paths[0] if len(paths) == 1 else paths, **arguments)

    return reader


def codes(result) -> dict[str, int]:
    found: dict[str, int] = {}
    for finding in result.findings:
        found[finding.code] = found.get(finding.code, 0) + finding.count
    return found


def version_of(result) -> str:
    return next(f.column for f in result.findings if f.code == "source-format-version")


def everything(result) -> str:
    frames = [getattr(result.tables, table).to_csv() for table in TABLES]
    return "\n".join([*frames, repr(result.findings)])


def refusal(call) -> SourceError:
    with pytest.raises(SourceError) as caught:
        call()
    assert caught.value.__cause__ is None and CANARY not in str(caught.value)
    return caught.value


def comparable(result, names=None) -> dict[str, pd.DataFrame]:
    """Tables with households and cases named by their first signal, so that the naming does not matter."""
    tables = result.tables
    signals = tables.signals.copy()
    if names is not None:
        signals["signal_id"] = signals["signal_id"].map(names).astype(object)
    signals = signals.sort_values("signal_id", ignore_index=True)
    household, number = (
        signals.groupby(key)["signal_id"].min().to_dict() for key in ("household_key", "case_id")
    )
    frames = {}
    for table in ("signals", "episodes", "cases", "attempts"):
        frame = (signals if table == "signals" else getattr(tables, table)).copy()
        for column, named in (("household_key", household), ("case_id", number)):
            if column in frame:
                frame[column] = frame[column].map(named).astype(object)
        frame = frame.drop(columns=[c for c in ("episode_id", "attempt_id") if c in frame])
        frames[table] = frame.sort_values(list(frame.columns[:4]), ignore_index=True)
    return frames


def assert_same(left, right, names=None) -> None:
    a, b = comparable(left), comparable(right, names)
    for table in a:
        pd.testing.assert_frame_equal(a[table], b[table], obj=table)
    pd.testing.assert_frame_equal(left.tables.creditors, right.tables.creditors)
    assert left.tables.extracted_on == right.tables.extracted_on


TWO = [signal("VS-1"), signal("VS-2", signaalpartner={"type": "Water"}, signaaldatum="2025-01-07")]


def test_a_file_becomes_a_signal_an_episode_a_case_and_its_attempts(read):
    result = read(file(TWO, [case("VS-1", "VS-2")]))
    tables = result.tables
    assert tables.municipality == "0518" and tables.extracted_on == dt.date(2025, 6, 30)
    first = tables.signals.iloc[0]
    assert first["amount_cents"] == 45_000 and first["age"] == 39 and first["crisis"] == 0
    assert first["arrears_start"] == pd.Timestamp("2024-12-10")
    assert first["forwarded_on"] == pd.Timestamp("2025-01-13")
    assert list(tables.signals["creditor_type"]) == ["energy", "water"]
    episode = tables.episodes.iloc[0]
    assert len(tables.episodes) == 1 and episode["n_creditors"] == 2
    dates = [episode[name].date().isoformat() for name in ("matched_on", "period_start", "period_end")]
    assert dates == ["2025-01-12", "2025-01-01", "2025-01-31"]
    opened = tables.cases.iloc[0]
    assert opened["result"] == "quick_fix" and opened["opened_on"] == pd.Timestamp("2025-01-13")
    assert opened["closed_on"] == pd.Timestamp("2025-01-20") + pd.Timedelta(days=DAYS_TO_CLOSE_WITH_HELP)
    assert opened["household_key"] == episode["household_key"] == first["household_key"]
    assert list(tables.attempts["method"]) == ["phone", "home_visit"]
    assert list(tables.attempts["reached"]) == [0.0, 1.0]
    assert codes(result)["source-close-date-inferred"] == 1


@pytest.mark.parametrize(
    ("changes", "closed"),
    [
        ({}, ("2025-01-20", DAYS_TO_CLOSE_WITH_HELP)),
        ({"resultaat": "Definitief geen contact kunnen krijgen"}, ("2025-01-20", DAYS_TO_CLOSE)),
        ({"resultaat": "Inwoner is overleden"}, ("2025-01-20", DAYS_TO_CLOSE_AT_THE_DESK)),
        ({"resultaat": "Inwoner is overleden", "contactpogingen": None}, ("2025-01-13", 14)),
        ({"resultaat": None}, None),
        # Nine weeks after an attempt of May are beyond the extract, and the result is there already.
        ({"contactpogingen": [{"soort": "Telefoon", "datum": "2025-05-28"}]}, ("2025-06-30", 0)),
    ],
)
def test_a_case_with_a_result_closes_so_many_days_after_what_was_done_last(read, changes, closed):
    found = read(file(TWO, [case("VS-1", "VS-2", **changes)])).tables.cases["closed_on"].iloc[0]
    if closed is None:
        assert pd.isna(found)
    else:
        assert found == pd.Timestamp(closed[0]) + pd.Timedelta(days=closed[1])


def test_every_version_reads_alike_and_says_which_it_is(read):
    content = file(TWO, [case("VS-1", "VS-2")])
    newest = read(content)
    draft = json.loads(json.dumps(content).replace("startdatumMatchingperiode", "startdatumMatchtingperiode"))
    assert version_of(newest) == "1.2"
    for changed, version in ((draft, "1.2-draft"), (in_version_0_9(content), "0.9")):
        result = read(changed)
        assert version_of(result) == version
        assert "source-unknown-field" not in codes(result)
        assert_same(newest, result)
    assert version_of(read(draft, version="1.2")) == "1.2"
    assert codes(read(draft, version="1.2"))["source-unknown-field"] == 1
    assert refusal(lambda: read(content, version="2.0")).code == "source-ddas-version"


def test_nothing_of_a_person_comes_further_than_the_reader(read):
    person = {"burgerservicenummer": "987654323"}
    content = file([*TWO, signal("VS-3", client=person)], [case("VS-1", "VS-2", "VS-3")])
    for changed in (content, in_version_0_9(content)):
        for secret in (None, SECRET):
            text = everything(read(changed, household_secret=secret))
            for trace in (CANARY, "987654323", "0123SS", "0123 SS", "1985-06-15"):
                assert trace not in text


def test_one_address_is_one_household_however_it_is_written(read):
    spelled = [
        ("0123SS", "10", "A"),
        ("0123 ss", "010", "a"),
        ("0123ss", "10-A", ""),
        ("0123SS", "10A", None),
    ]
    signals = [
        signal(
            str(at), client={"postcode": code, "huisnummer": number, "huisnummertoevoeging": addition or ""}
        )
        for at, (code, number, addition) in enumerate(spelled)
    ]
    others = [
        signal("8", client={"postcode": "0123SS", "huisnummer": "10"}),
        signal("9", client={"postcode": "0123SD", "huisnummer": "10", "huisnummertoevoeging": "A"}),
    ]
    keys = read(file(signals + others)).tables.signals.set_index("signal_id")["household_key"]
    assert keys[["0", "1", "2", "3"]].nunique() == 1 and keys.nunique() == 3
    without = read(file(signals + others), household_rule="postcode_number")
    assert without.tables.signals["household_key"].nunique() == 2
    assert refusal(lambda: read(file(TWO), household_rule="straat")).code == "source-household-rule"


@pytest.mark.parametrize("postcode", ["012SS", "0123S", "SS0123", "0123", "", "0123S\u0161"])
def test_what_is_no_address_names_no_household(postcode):
    assert normalise_address(postcode, "1", "", "postcode_number_addition") is None
    assert normalise_address("0123SS", "", "A", "postcode_number_addition") is None
    assert normalise_address("0123SS", "0", "", "postcode_number_addition") is None


def test_a_citizen_number_and_an_address_are_never_one_household(read):
    content = file([*TWO, signal("VS-3", client={"burgerservicenummer": "123456789"})])
    result = read(content)
    assert codes(result)["source-household-by-person"] == 1
    assert result.tables.signals["household_key"].nunique() == 2
    # Version 0.9 has both: then the address counts, as it does when a municipality matches.
    both = {**TWO[0]["client"], "burgerservicenummer": "123456789"}
    old = read(in_version_0_9(file([TWO[0], signal("VS-3", client=both)])))
    assert old.tables.signals["household_key"].nunique() == 1
    assert "source-household-by-person" not in codes(old)


def test_a_given_secret_knows_households_again_and_leaves_no_trace_in_the_tables(read):
    results = [read(file(TWO), household_secret=secret) for secret in (SECRET, SECRET, SECRET[::-1], None)]
    again = [result.known_again for result in results]
    assert again[0] == again[1] and again[3] is None
    assert [len(key) for key in again[0].values()] == [32]
    assert not set(again[2].values()) & set(again[0].values())
    assert {tuple(result.tables.signals["household_key"]) for result in results} == {("h0", "h0")}
    for secret in (b"", b"short", b"x" * 65):
        error = refusal(lambda secret=secret: read(file(TWO), household_secret=secret))
        assert error.code == "source-household-key"


def test_two_readings_without_a_secret_hash_differently():
    one = (["0123SS"], ["1"], [""], [None])
    assert household_hashes(*one).hashes[0] != household_hashes(*one).hashes[0]
    assert household_hashes([None], [None], [None], [None]).hashes[0] is None


def test_the_matching_of_the_file_makes_the_episodes_and_the_inventory_the_others(read):
    signals = [
        signal("1", signaaldatum="2025-01-05"),
        signal("2", signaaldatum="2025-01-06", signaalpartner={"type": "Water"}),
        signal("3", signaaldatum="2025-03-20"),
        signal("4", signaaldatum="2025-01-09", signaalpartner={"type": "Huur"}),
    ]
    result = read(file(signals, [case("1", "2", matchingsdatum="2025-01-15")]))
    episodes = result.tables.episodes.set_index("matched_on")
    assert [day.date().isoformat() for day in episodes.index] == ["2025-01-15", "2025-04-15"]
    # Signal 4 is in no case; the inventory's day is the case's, so the municipality saw them as one.
    assert list(episodes["n_creditors"]) == [3, 1]
    assert episodes["case_id"].notna().tolist() == [True, False]
    assert result.tables.signals.set_index("signal_id").loc["4", "case_id"] is None
    undated = read(file(signals, [case("1", "2", matchingsdatum=None)]))
    assert codes(undated)["source-case-without-matching-date"] == 1
    assert list(undated.tables.episodes["matched_on"]) == list(episodes.index)


def test_a_case_that_was_left_at_matching_is_an_episode_only(read):
    left = case("1", resultaat="Niet opgepakt: herhaalde melding", datumOpgepakt=None, contactpogingen=None)
    moved = case(
        "2",
        resultaat="Persoon is geen inwoner (meer) in de gemeente",
        datumOpgepakt=None,
        contactpogingen=None,
    )
    result = read(
        file([signal("1"), signal("2", client={"postcode": "0124SS", "huisnummer": "1"})], [left, moved])
    )
    assert len(result.tables.episodes) == 2
    assert list(result.tables.cases["result"]) == ["not_resident"]
    assert codes(result)["source-case-not-taken-up"] == 1


def test_a_signal_of_two_cases_belongs_to_the_one_matched_first(read):
    later = case("VS-1", matchingsdatum="2025-02-12", resultaat=None)
    result = read(file(TWO, [later, case("VS-1", "VS-2")]))
    assert codes(result)["source-signal-of-several-cases"] == 1
    assert len(set(result.tables.signals["case_id"])) == 1 and len(result.tables.cases) == 2
    first = result.tables.cases.set_index("case_id").loc[result.tables.signals["case_id"].iloc[0]]
    assert first["result"] == "quick_fix"
    assert result.tables.cases["household_key"].nunique() == 1


def test_a_case_of_a_person_and_an_address_lives_at_the_address(read):
    signals = [signal("1", client={"burgerservicenummer": "123456789"}), signal("2")]
    result = read(file(signals, [case("1", "2")]))
    keys = result.tables.signals.set_index("signal_id")["household_key"]
    assert result.tables.cases["household_key"].tolist() == [keys["2"]] == [keys["1"]]
    assert codes(result)["source-person-linked"] == 1
    assert not {"source-case-of-several-households", "source-household-by-person"} & set(codes(result))


def test_references_to_signals_that_are_not_there_are_counted(read):
    result = read(file(TWO, [case("VS-1", CANARY), case(CANARY)]))
    assert codes(result)["source-reference-without-signal"] == 2
    assert CANARY not in everything(result)


def test_one_municipality_is_taken_out_of_several(read):
    alone = file(TWO, [case("VS-1", "VS-2")])
    content = copy.deepcopy(alone)
    other = file([signal("VS-1", client={"postcode": "0999SS", "huisnummer": "7"})], code="0307")
    content["leveringen"] += other["leveringen"]
    result = read(content)
    assert_same(read(alone), result)
    assert codes(result)["source-other-municipality"] == 1
    error = refusal(lambda: read(content, municipality="0363"))
    assert error.code == "source-municipality-not-found"
    assert "0363" in str(error) and "0518" not in str(error) and "0307" not in str(error)


@pytest.mark.parametrize("code", ["518", 518, " 0518 "])
def test_a_code_without_its_zeros_is_the_same_municipality(read, code):
    result = read(file(TWO, code=code))
    assert len(result.tables.signals) == 2
    assert ("source-wrong-json-type" in codes(result)) == isinstance(code, int)


@pytest.mark.parametrize("code", [None, "", 5.18, True, ["0518"], {"a": 1}])
def test_a_delivery_that_names_no_municipality_is_nobodys(read, code):
    assert refusal(lambda: read(file(TWO, code=code))).code == "source-municipality-not-found"
    content = file(TWO)
    content["leveringen"] += file([signal("9")], code=code)["leveringen"]
    assert codes(read(content))["source-municipality-blank"] == 1


def test_the_extract_ends_with_the_period_or_the_delivery(read):
    content = file(TWO)
    assert read(content).tables.extracted_on == dt.date(2025, 6, 30)
    content["aanleverdatumEnTijd"] = "2025-05-31T08:00:00Z"
    early = read(content)
    assert early.tables.extracted_on == dt.date(2025, 5, 31)
    assert codes(early)["source-delivery-dates-contradict"] == 1
    del content["aanleverdatumEnTijd"], content["einddatumLevering"]
    assert read(content).tables.extracted_on == dt.date(2025, 1, 7)
    given_day = read(content, extracted_on=dt.date(2025, 1, 6))
    assert codes(given_day)["source-date-after-extraction"] == 1


def test_a_day_of_delivery_before_every_signal_is_refused(read):
    content = {**file(TWO), "aanleverdatumEnTijd": "0001-01-01T08:00:00Z"}
    error = refusal(lambda: read(content))
    assert error.code == "source-no-signals"
    assert "extracted" in error.mend and "0001" not in str(error)


def test_a_day_of_delivery_before_most_signals_is_an_error(read):
    signals = [signal(str(number)) for number in range(30)]
    for number, one in enumerate(signals):
        one["signaaldatum"] = f"2025-0{1 + (number > 2)}-06"
    content = {**file(signals), "aanleverdatumEnTijd": "2025-01-31T08:00:00Z"}
    late = [f for f in read(content).findings if f.code == "source-date-after-extraction"]
    assert ("error", 27) in [(f.severity, f.count) for f in late]


def test_the_period_of_another_municipality_does_not_count(read):
    other = {**file([signal("9")], code="0307"), "einddatumLevering": "2025-07-04"}
    assert read(file(TWO), other).tables.extracted_on == dt.date(2025, 6, 30)
    next_quarter = {**other, **file([signal("9")]), "einddatumLevering": "2025-07-04"}
    assert read(file(TWO), next_quarter).tables.extracted_on == dt.date(2025, 7, 4)


@pytest.mark.parametrize("name", VERSIONS)
def test_the_words_of_every_version_are_read(read, name):
    version = VERSIONS[name]
    numbers = [str(at) for at in range(len(version.results))]
    signals = [
        signal(number, client={"postcode": "0123SS", "huisnummer": str(1 + at)})
        for at, number in enumerate(numbers)
    ]
    cases = [case(number, resultaat=word) for number, word in zip(numbers, version.results, strict=True)]
    cases[0]["contactpogingen"] = [{"soort": word, "datum": "2025-01-14"} for word in version.methods]
    result = read(file(signals, cases))
    assert sorted(result.tables.cases["result"]) == sorted(version.results.values())
    assert set(result.tables.attempts["method"]) >= set(version.methods.values())
    assert "source-unknown-code" not in codes(result)
    foreign = set(version.results) - set(VERSIONS["1.2"].results)
    assert ("source-code-of-another-version" in codes(result)) == bool(foreign)


def test_a_word_outside_the_lists_is_other_or_missing_and_counted(read):
    content = file(
        [signal("1", signaalpartner={"type": CANARY}, status=CANARY)],
        [case("1", resultaat=CANARY, contactpogingen=[{"soort": CANARY, "dagdeel": CANARY}])],
    )
    result = read(content)
    assert result.tables.signals["creditor_type"].tolist() == ["other"]
    assert result.tables.attempts["method"].tolist() == ["other"]
    assert result.tables.cases["result"].isna().all()
    assert codes(result)["source-unknown-code"] == 5
    assert CANARY not in everything(result)


def test_no_code_means_two_things_in_two_versions():
    for kind in ("results", "methods", "statuses"):
        for version in VERSIONS.values():
            assert getattr(version, kind).items() <= all_tokens(kind).items()


def test_amounts_are_whole_euros_and_the_rest_is_counted(read):
    bad = [450.5, "450", True, -3, 10**12, 1e300, [], {}]
    signals = [signal(str(at), bedrag=value) for at, value in enumerate([450, 450.0, *bad])]
    result = read(file(signals))
    amounts = result.tables.signals.set_index("signal_id")["amount_cents"]
    assert amounts["0"] == amounts["1"] == 45_000 and amounts.notna().sum() == 2
    found = codes(result)
    assert found["source-wrong-json-type"] == 4
    assert found["source-unreadable-amount"] == 3 and found["source-negative-amount"] == 1
    in_cents = [signal(str(at), bedrag=45_000 + at * 100) for at in range(30)]
    in_millions = [signal(str(at), bedrag=45_000_00 + at) for at in range(30)]
    assert refusal(lambda: read(file(in_cents))).code == "source-amount-scale"
    assert refusal(lambda: read(file(in_millions))).code == "source-amount-scale"


def test_impossible_dates_are_missing_and_counted(read):
    signals = [
        signal("0"),
        signal("1", signaaldatum="2025-02-30"),
        signal("2", signaaldatum="1925-01-05"),
        signal("3", ontstaansdatum="2025-03-01"),
        signal("4", signaaldatum="2025-09-01"),
        signal("5", signaaldatum=20250105),
        signal("6", client={"postcode": "0123SS", "huisnummer": "1", "geboortedatum": "1785-01-01"}),
    ]
    found = codes(read(file(signals)))
    assert found["source-unreadable-date"] == 1 and found["source-date-out-of-range"] == 1
    assert found["source-arrears-after-signal"] >= 1 and found["source-date-after-extraction"] == 1
    assert found["source-wrong-json-type"] == 1 and found["source-absurd-age"] == 1
    assert found["source-signal-without-date"] == 4


@pytest.mark.parametrize(
    ("born", "received", "age"),
    [
        ("1985-01-05", "2025-01-05", 40),
        ("1985-01-06", "2025-01-05", 39),
        ("2004-02-29", "2025-02-28", 20),
        ("2004-02-29", "2025-03-01", 21),
        ("2025-01-05", "2025-01-05", 0),
    ],
)
def test_age_is_in_whole_years_on_the_day_of_the_signal(read, born, received, age):
    client = {"postcode": "0123SS", "huisnummer": "1", "geboortedatum": born}
    result = read(file([signal("1", client=client, signaaldatum=received)]))
    assert result.tables.signals["age"].tolist() == [age]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("", "source-empty"),
        ("geen json " + CANARY, "source-not-json"),
        (json.dumps(file(TWO))[:-20], "source-not-json"),
        ('{"leveringen": ' + "[" * 100_000 + "]" * 100_000 + "}", "source-not-json"),
        ('{"leveringen": [], "leveringen": []}', "source-not-json"),
        ('{"leveringen": NaN}', "source-not-json"),
        ('{"leveringen": ' + "9" * 10_000 + "}", "source-not-json"),
        ("[]", "source-not-ddas"),
        ('"tekst"', "source-not-ddas"),
        ("null", "source-not-ddas"),
        ("{}", "source-not-ddas"),
        ('{"leveringen": []}', "source-not-ddas"),
        ('{"leveringen": {"gemeentecode": "0518"}}', "source-not-ddas"),
        ('{"leveringen": [1, null, "tekst", []]}', "source-municipality-not-found"),
        (json.dumps(file([])), "source-no-signals"),
        (json.dumps(file([signal("1", signaaldatum=None)])), "source-no-signals"),
        (json.dumps(file([signal("1"), signal("1")])), "source-duplicate-keys"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_with_one_message(read, content, code):
    assert refusal(lambda: read(content)).code == code


def test_a_file_that_is_not_there_or_not_utf_8_is_refused(tmp_path):
    def reader():
        return read_ddas(tmp_path / "levering.json", municipality="0518", matching=MONTHLY)

    assert refusal(reader).code == "source-not-found"
    (tmp_path / "levering.json").write_bytes(json.dumps(file(TWO)).encode("utf-16"))
    assert refusal(reader).code == "source-not-json"
    (tmp_path / "levering.json").write_bytes(json.dumps(file(TWO)).encode("utf-8-sig"))
    assert len(reader().tables.signals) == 2


def test_a_column_that_is_unreadable_as_a_whole_is_refused(read):
    signals = [signal(str(at), signaaldatum=f"{CANARY}{at}") for at in range(20)]
    assert refusal(lambda: read(file([*signals, signal("x")]))).code == "source-column-unreadable"


def test_fields_outside_the_standard_are_counted_and_never_named(read):
    content = file([signal("1", **{CANARY: CANARY})], [case("1", **{CANARY: 1})])
    content[CANARY] = 1
    result = read(content)
    assert codes(result)["source-unknown-field"] == 3
    assert CANARY not in everything(result)


def test_half_characters_never_break_a_table(read):
    odd = "\ud800" + CANARY
    client = {"postcode": odd, "huisnummer": odd, "huisnummertoevoeging": odd, "geboortedatum": odd}
    result = read(file([signal("1"), signal(odd, client=client, status=odd)], [case(odd), case("1")]))
    missing = [(f.table, f.count) for f in result.findings if f.code == "source-missing-key"]
    assert ("vroegsignalen", 1) in missing
    assert result.tables.signals["signal_id"].isna().sum() == 1
    assert CANARY not in everything(result)


def test_a_file_without_cases_has_episodes_by_the_inventory(read):
    content = file(TWO)
    del content["leveringen"][0]["vroegsignaalzaken"]
    result = read(content)
    assert len(result.tables.episodes) == 1 and result.tables.cases.empty and result.tables.attempts.empty


@cache
def simulated():
    scenario = load_scenario("ignorable")
    spec = draw_sites(scenario, 1, 3, inhabitants=12_000, retention="full")[0]
    return spec, simulate_site(spec, scenario, 3, months=8, truth=False).tables


def simulated_file():
    _, tables = simulated()
    return ddas_file([tables], VERSIONS["1.2"], by_person=("health_insurance",))


def read_simulated(folder, *contents):
    spec, _ = simulated()
    paths = [write(folder, content, f"{at}.json") for at, content in enumerate(contents)]
    return read_ddas(paths, municipality=spec.code, matching=spec.matching)


FEW = settings(
    max_examples=4,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)


@FEW
@given(seed=st.integers(0, 2**32 - 1))
def test_the_order_of_signals_cases_and_attempts_does_not_matter(tmp_path, seed):
    content = simulated_file()
    expected = read_simulated(tmp_path, content)
    chance = random.Random(seed)
    delivery = content["leveringen"][0]
    chance.shuffle(delivery["vroegsignalen"])
    chance.shuffle(delivery["vroegsignaalzaken"])
    for record in delivery["vroegsignaalzaken"]:
        chance.shuffle(record["vroegsignalen"])
        chance.shuffle(record.get("contactpogingen", []))
    result = read_simulated(tmp_path, content)
    # Not only the same up to names: the same tables to the letter, so that every later step is too.
    for table in TABLES:
        pd.testing.assert_frame_equal(getattr(expected.tables, table), getattr(result.tables, table))
    assert expected.findings == result.findings


@FEW
@given(seed=st.integers(0, 2**32 - 1))
def test_other_identifiers_change_nothing_but_the_names(tmp_path, seed):
    content = simulated_file()
    expected = read_simulated(tmp_path, content)
    delivery = content["leveringen"][0]
    old = [record["ID"] for record in delivery["vroegsignalen"]]
    new = [f"VS-{number:08d}" for number in random.Random(seed).sample(range(10**8), len(old))]
    renamed = dict(zip(old, new, strict=True))
    for record in delivery["vroegsignalen"]:
        record["ID"] = renamed[record["ID"]]
    for record in delivery["vroegsignaalzaken"]:
        for reference in record["vroegsignalen"]:
            reference["ID"] = renamed[reference["ID"]]
    result = read_simulated(tmp_path, content)
    assert_same(expected, result, {number: name for name, number in renamed.items()})


@FEW
@given(seed=st.integers(0, 2**32 - 1), parts=st.integers(2, 4))
def test_a_year_split_over_files_or_deliveries_reads_as_one(tmp_path, seed, parts):
    content = simulated_file()
    expected = read_simulated(tmp_path, content)
    chance = random.Random(seed)
    pieces = []
    for _ in range(parts):
        piece = copy.deepcopy({**content, "leveringen": []})
        empty = {**content["leveringen"][0], "vroegsignalen": [], "vroegsignaalzaken": []}
        piece["leveringen"] = [empty]
        pieces.append(piece)
    for kind in ("vroegsignalen", "vroegsignaalzaken"):
        for record in content["leveringen"][0][kind]:
            chance.choice(pieces)["leveringen"][0][kind].append(record)
    assert_same(expected, read_simulated(tmp_path, *pieces))
    together = {**content, "leveringen": [piece["leveringen"][0] for piece in pieces]}
    assert_same(expected, read_simulated(tmp_path, together))
    refusal_code = refusal(lambda: read_simulated(tmp_path, content, content)).code
    assert refusal_code == "source-duplicate-keys"


def places(content, path=()):
    """Every place in a file, objects and lists included."""
    yield path
    items = content.items() if isinstance(content, dict) else enumerate(content)
    for name, value in items if isinstance(content, dict | list) else ():
        if isinstance(value, dict | list):
            yield from places(value, (*path, name))
        else:
            yield (*path, name)


SMALL = file([*TWO, signal("VS-3", client={"burgerservicenummer": "123456789"})], [case("VS-1", "VS-2")])
PLACES = [path for path in places(SMALL) if path]
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([10**40, -1, 0, 1e308, 0.5, "", " ", "0", "2025-02-30", "0000-00-00", "9999-12-31"]),
    st.sampled_from([CANARY, CANARY + "\ud800", "\x00" + CANARY, "\u0661\u0662", [CANARY], {CANARY: CANARY}]),
    st.sampled_from([[], {}, [[]], [{}], [None], {"ID": None}, [{"ID": CANARY}], [{"ID": [1]}]]),
)


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)
@given(path=st.sampled_from(PLACES), value=VALUES, old=st.booleans())
def test_any_value_anywhere_ends_as_a_finding_or_a_refusal_without_it(tmp_path, path, value, old):
    content = copy.deepcopy(SMALL)
    place = content
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value
    if old:
        content = in_version_0_9(content)
    target = write(tmp_path, content)
    try:
        result = read_ddas(target, municipality="0518", matching=MONTHLY)
    except SourceError as error:
        assert CANARY not in str(error)
        return
    for finding in result.findings:
        assert finding.code in MEANINGS and finding.count > 0
    identifiers = set(result.tables.signals["signal_id"].dropna())
    assert CANARY not in everything(result) or any(CANARY in number for number in identifiers)


def test_absent_columns_are_missing_and_told(read):
    result = read(file(TWO, [case("VS-1", "VS-2")]))
    assert np.isnan(result.tables.signals["instalment_cents"]).all()
    assert result.tables.attempts["wants_help"].isna().all()
    told = {(f.table, f.column) for f in result.findings if f.code == "source-column-not-in-format"}
    assert ("signals", "instalment_cents") in told and ("attempts", "wants_help") in told
    assert "source-creditor-is-a-kind" in codes(result)
