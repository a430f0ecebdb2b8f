"""A crate holds the signed file as it left, tells where it comes from, and tells outside nothing more."""

from __future__ import annotations

import hashlib
import io
import json
import re
import shutil
import stat
import zipfile
from collections.abc import Callable, Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from causalsig.errors import RefusedError, ReleaseError
from causalsig.records import SiteResult
from causalsig.release import read_signing_key, read_trusted, refuse, write_review
from causalsig.release.crate import crate_files
from causalsig.release.crate_entities import Metadata, Root
from causalsig.release.crate_words import WORDS
from causalsig.release.folders import write_files
from causalsig.release.keys import revoke_key
from causalsig.release.review import read_review
from causalsig.release.withdrawal import withdraw
from causalsig.study.models import Study
from tests.release.desk import approve_both, run
from tests.release.memories import memory_for
from tests.release.test_profile_document import FULL_MONITOR, FULL_PROFILE
from tests.release.test_release_withdrawal import Provider

Make = Callable[..., SiteResult]
DAY = date(2026, 11, 23)
METADATA = "ro-crate-metadata.json"
PEOPLE = ("One Person", "Another Person")


@pytest.fixture
def provider(tmp_path: Path, study: Study, make_site: Make) -> Provider:
    return Provider(tmp_path, study, make_site)


def crate(provider: Provider, release: Path, **choices: Any) -> dict[str, bytes]:
    return crate_files(release, **({"trusted": provider.trusted, "published": DAY} | choices))


def graph(files: dict[str, bytes]) -> dict[str, dict[str, Any]]:
    entities = json.loads(files[METADATA])["@graph"]
    found = {entity["@id"]: entity for entity in entities}
    assert len(found) == len(entities), "an id is there twice"
    return found


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from () if name == "@type" else strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from strings(inner)
    else:
        yield str(value)


def check_specification(files: dict[str, bytes]) -> None:
    """Hold a crate against RO-Crate 1.1 and Process Run Crate 0.5, read by hand."""
    whole, found = json.loads(files[METADATA]), graph(files)
    assert whole["@context"] == "https://w3id.org/ro/crate/1.1/context"
    descriptor, root = found[METADATA], found["./"]
    assert (descriptor["@type"], descriptor["about"]) == ("CreativeWork", {"@id": "./"})
    assert descriptor["conformsTo"] == {"@id": "https://w3id.org/ro/crate/1.1"}
    assert root["@type"] == "Dataset" and root["name"] and root["description"] and root["license"]
    assert date.fromisoformat(root["datePublished"]) == DAY
    profile = found[root["conformsTo"]["@id"]]
    assert (profile["@type"], profile["version"]) == ("CreativeWork", "0.5")
    assert {one["@id"] for one in listed(root["hasPart"])} == set(files) - {METADATA}
    named = {
        one["@id"]
        for entity in found.values()
        for value in entity.values()
        for one in listed(value)
        if isinstance(one, dict)
    }
    assert named - set(found) == {"https://w3id.org/ro/crate/1.1"}
    assert set(found) - named == {METADATA}
    for name, content in files.items():
        if name != METADATA:
            entity = found[name]
            assert (entity["@type"], entity["contentSize"]) == ("File", str(len(content)))
            assert found[entity["identifier"]["@id"]]["value"] == hashlib.sha256(content).hexdigest()
    actions = [entity for entity in found.values() if entity["@type"].endswith("Action")]
    assert {one["@id"] for one in root["mentions"]} == {action["@id"] for action in actions}
    for action in actions:
        assert found[action["agent"]["@id"]]["@type"] in ("Person", "Organization")
        assert action["name"] and action["description"] and action["object"]
        if action["@type"] == "CreateAction":
            software = found[action["instrument"]["@id"]]
            assert software["@type"] == "SoftwareApplication" and software["version"] == "0.1.0"
            assert found[action["result"]["@id"]]["@type"] in ("CreativeWork", "File")
        if "endTime" in action:
            assert datetime.fromisoformat(action["endTime"]).tzinfo is not None


@pytest.mark.parametrize("kind", ["estimates", "profile", "monitor"])
def test_a_crate_of_every_kind_holds_to_the_specification(kind: str, provider: Provider) -> None:
    folder = provider.folder / "sites" / "9001"
    if kind == "estimates":
        provider.put_up("9001")
    else:
        document = FULL_PROFILE if kind == "profile" else FULL_MONITOR
        write_review(folder, document, memory=memory_for(folder))
    release = provider.release(folder)
    outside, inside = crate(provider, release), crate(provider, release, review=folder)
    for files in (outside, inside):
        check_specification(files)
        assert files[release.name] == release.read_bytes()
    objects = {one["@id"] for one in listed(graph(outside)["#run"]["object"])}
    assert objects == ({"#study", "#extract"} if kind == "estimates" else {"#extract"})
    assert set(inside) - set(outside) == {"review.json"}
    assert inside["review.json"] == (folder / "review.json").read_bytes()


def test_the_check_of_the_specification_sees_what_is_wrong(provider: Provider) -> None:
    files = crate(provider, provider.release(provider.put_up("9001")))
    text = files[METADATA].decode()
    name = next(name for name in files if name != METADATA)
    for spoiled in (
        files | {METADATA: text.replace('"@id":"#study-digest"', '"@id":"#nowhere"', 1).encode()},
        files | {METADATA: text.replace("2026-11-23", "23-11-2026").encode()},
        files | {name: files[name] + b" "},
        files | {"more.txt": b""},
    ):
        with pytest.raises((AssertionError, ValueError)):
            check_specification(spoiled)


def test_outside_tells_what_the_signed_file_tells_and_no_more(provider: Provider) -> None:
    folder = provider.put_up("9001")
    release = provider.release(folder)
    files = crate(provider, release)
    review = read_review(folder)
    document = review.document.model_dump(mode="json")
    signed = {document[name] for name in ("study_digest", "snapshot", "site_code", "lock_digest")}
    signed |= {document["package_version"], document["extracted"], review.payload_hash, review.ledger}
    signed |= {one.key_id for one in review.signatures}
    content = release.read_bytes()
    of_file = {release.name, str(len(content)), hashlib.sha256(content).hexdigest(), DAY.isoformat()}
    standing = re.compile(
        r"#[a-z-]+|\./|https?://(w3id|schema|spdx)\.org/\S+|pkg:generic/causalsig@0\.1\.0|causalsig|0\.5"
        r"|ro-crate-metadata\.json|application/json|(SHA|HMAC-SHA)-?256"
    )
    told = set(strings(json.loads(files[METADATA])))
    typed = {one for one in told if not standing.fullmatch(one)} - set(WORDS.values())
    assert typed == signed | of_file
    everything = b"".join(files.values()).decode()
    assert not any(name in everything for name in (*PEOPLE, "9001", str(provider.folder)))
    assert not re.search(r"\dT\d\d:", files[METADATA].decode()), "when something was done"


def test_whoever_has_the_file_and_the_public_keys_makes_the_same_crate(provider: Provider) -> None:
    release = provider.release(provider.put_up("9001"))
    here = crate(provider, release)
    elsewhere = provider.folder / "elsewhere"
    (elsewhere / "keys").mkdir(parents=True)
    for path in (*provider.keys.glob("*.pub.json"), release):
        shutil.copy(path, elsewhere / ("keys" if path.name.endswith(".pub.json") else ""))
    there = crate_files(elsewhere / release.name, trusted=read_trusted(elsewhere / "keys"), published=DAY)
    assert list(there.items()) == list(here.items())
    first, second = (write_files(provider.folder / name, here).read_bytes() for name in ("a.zip", "b.zip"))
    assert first == second
    with zipfile.ZipFile(io.BytesIO(first)) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == here
        assert archive.namelist()[0] == METADATA
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_inside_tells_who_did_what_when_and_why(provider: Provider) -> None:
    folder = provider.put_up("9001")
    key = read_signing_key(provider.keys, "checker")
    refuse(folder, role="checker", name="A Third Person", reason="first ask the provider", key=key)
    earlier = read_review(folder).payload_hash
    provider.put_up("9001", seed=2)
    release = approve_both(folder, provider.keys, provider.outbox, reason="looked at all")  # type: ignore[arg-type]
    files = crate(provider, release, review=folder)
    check_specification(files)
    found, log = graph(files), read_review(folder).log
    done = [found[one["@id"]] for one in found["./"]["mentions"]]
    by_people = [one for one in done if found[one["agent"]["@id"]]["@type"] == "Person"]
    status = {"approved": "CompletedActionStatus", "refused": "FailedActionStatus"}
    assert [
        (
            found[one["agent"]["@id"]]["name"],
            found[one["agent"]["@id"]]["jobTitle"],
            one["endTime"],
            one["actionStatus"].rpartition("/")[2],
            one.get("error") or one["disambiguatingDescription"],
            found[found[one["object"]["@id"]]["identifier"]["@id"]]["value"],
        )
        for one in by_people
    ] == [
        (entry.name, entry.role, entry.at, status[entry.step], entry.reason, entry.payload_hash)
        for entry in log
        if entry.name
    ]
    assert [entry.name for entry in log if entry.name] == ["A Third Person", *PEOPLE]
    assert found[by_people[0]["object"]["@id"]]["name"] == "Earlier document"
    assert earlier != read_review(folder).payload_hash
    times = {one["@id"]: one["endTime"] for one in done if one not in by_people}
    last = {entry.step: entry.at for entry in log if entry.role == "site"}
    assert times == {"#run": last["computed"], "#check": last["checked"], "#release": last["released"]}
    signed = {one.key_id for one in read_review(folder).signatures}
    keys = [found[one["agent"]["@id"]].get("identifier") for one in by_people]
    assert keys[0] is None and {found[one["@id"]]["value"] for one in keys[1:]} == signed


def test_nothing_is_exported_that_may_not_leave(provider: Provider) -> None:
    release = provider.release(provider.put_up("9001"))
    values = json.loads(release.read_bytes())

    def other(code: str, **changes: Any) -> Path:
        path = provider.folder / f"{code}.json"
        path.write_text(json.dumps(values | changes, separators=(",", ":"), sort_keys=True))
        return path

    for path, code in (
        (other("unsigned", signatures=values["signatures"][:1]), "release-unsigned"),
        (other("tampered", payload="A" + values["payload"][1:]), "release-tampered"),
        (provider.folder / "sites" / "9001" / "review.json", "release-not-canonical"),
    ):
        with pytest.raises(ReleaseError, match=code):
            crate(provider, path)
    demo = provider.release(provider.put_up("9002", first=5000), demo=True)
    with pytest.raises(ReleaseError, match="release-demo"):
        crate(provider, demo)
    assert graph(crate(provider, demo, allow_demo=True))["./"]["creativeWorkStatus"] == "demo"
    assert "creativeWorkStatus" not in graph(crate(provider, release))["./"]


def test_a_revoked_key_and_a_withdrawal_hold(provider: Provider, tmp_path: Path) -> None:
    release = provider.release(provider.put_up("9001"))
    copy = Path(shutil.copy(release, tmp_path / "copy.json"))
    key = read_signing_key(provider.keys, "checker")
    withdraw(release, ledger=provider.ledger, reason="error", key=key, trusted=provider.trusted)
    shutil.copy(copy, release)  # somebody who kept it puts it back
    with pytest.raises(RefusedError, match="release-withdrawn"):
        crate(provider, release)
    revoke_key(provider.keys, key.public.key_id)
    with pytest.raises(ReleaseError, match="release-revoked-key"):
        crate(provider, copy)


def test_the_record_of_another_release_is_refused(provider: Provider) -> None:
    release = provider.release(provider.put_up("9001"))
    waiting = provider.put_up("9002", seed=3, first=5000)
    with pytest.raises(ReleaseError, match="release-other-review"):
        crate(provider, release, review=waiting)
    provider.release(waiting)
    with pytest.raises(ReleaseError, match="release-other-review"):
        crate(provider, release, review=waiting)


def test_a_folder_never_mixes_what_stays_with_what_leaves(
    provider: Provider, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = provider.put_up("9001")
    release, out = provider.release(folder), provider.folder / "crate"
    asked = ("release", "crate", release, "--keys", provider.keys, "--out", out, "--date", "2026-11-23")
    assert run(*asked, "--review", folder) == 0
    assert "keep it inside" in capsys.readouterr().err
    assert {stat.S_IMODE(path.stat().st_mode) for path in out.iterdir()} == {0o600}
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    assert run(*asked) == run(*asked, "--force") == 2
    assert "[release-folder-in-use]" in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    other = provider.folder / "outside"
    twice = (*asked[:5], "--out", other, *asked[7:])
    assert run(*twice) == run(*twice) == 0
    assert {path.name: path.read_bytes() for path in other.iterdir()} == crate(provider, release)
    (other / f".{METADATA}-a1b2c3d4").write_text("half of what a kill left")
    assert run(*twice) == 0 and len([*other.iterdir()]) == 2
    assert run("release", "verify", other / release.name, "--keys", provider.keys) == 0


def test_no_sentence_can_be_typed_into_a_crate(provider: Provider) -> None:
    files = crate(provider, provider.release(provider.put_up("9001")))
    values = graph(files)["./"]
    fields = {name: value for name, value in values.items() if name not in ("mentions", "hasPart")}
    lists = {"mentions": tuple(values["mentions"]), "hasPart": (values["hasPart"],)}
    assert Root.model_validate(fields | lists).name == values["name"]
    for name, wrong in (
        ("name", "Results of Examplecity"),
        ("datePublished", "2026-02-30"),
        ("@id", "file:///home/somebody"),
        ("comment", "a remark"),
    ):
        with pytest.raises(ValidationError):
            Root.model_validate(fields | lists | {name: wrong})


def test_a_crate_for_outside_cannot_carry_a_record(provider: Provider) -> None:
    folder = provider.put_up("9001")
    files = crate(provider, approve_both(folder, provider.keys, provider.outbox), review=folder)
    whole = json.loads(files[METADATA])
    for entity in whole["@graph"]:  # one value of a property stands without a list
        for name in ("hasPart", "mentions", "object"):
            if name in entity:
                entity[name] = listed(entity[name])
    text = json.dumps(whole | {"inside": True})
    assert Metadata.model_validate_json(text).inside
    with pytest.raises(ValidationError, match="what the review records"):
        Metadata.model_validate_json(text.replace('"inside": true', '"inside": false'))


def test_the_page_tells_of_everything_in_a_crate_for_outside(provider: Provider) -> None:
    page = (Path(__file__).parents[2] / "docs" / "provenance.md").read_text("utf-8")
    found = graph(crate(provider, provider.release(provider.put_up("9001"))))
    digests = {one["@id"] for one in found.values() if one["@type"] == "PropertyValue"} - {"#ledger-head"}
    standing = {METADATA, "https://w3id.org/ro/wfrun/process/0.5", "https://w3id.org/shp#DisclosureCheck"}
    for at, entity in found.items():
        if at in digests or at in standing or at in ("#terms", "https://spdx.org/licenses/Apache-2.0"):
            continue
        named = re.sub(r"#approve-\w+", "#approve-…", at).replace("@0.1.0", "@VERSION")
        assert f"`{entity['@type']}`" in page, at
        assert f"`{named}`" in page or entity["@type"] == "File", at
    assert all(one in page for one in standing)
