"""Where the design gate failed no effect exists in any artefact: all that is written is searched for it.

The effects are computed beside the run, with gates that let everything through. What a page, a release or a
pool would have shown of them is searched for in all that the gated run wrote, down to its files' bytes.
"""

from __future__ import annotations

import base64
import io
import json
import re
from collections.abc import Iterable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from causalsig_cli.app import main
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from causalsig.execution.analyse import analyse_site
from causalsig.execution.pool import pool_folder
from causalsig.execution.record import site_record, why_not
from causalsig.execution.site import release_site
from causalsig.execution.truth import inventory_site
from causalsig.execution.worker import write_json
from causalsig.records import SiteResult
from causalsig.release.build import ReleaseIdentity, build_release, released_arms
from causalsig.release.household_sets import BY_THEMSELVES
from causalsig.release.keys import new_keys, read_signing_key
from causalsig.release.signed_study import sign_study
from causalsig.release.strict_json import canonical
from causalsig.report.effects import own_contrast, own_mean
from causalsig.report.words import Words
from causalsig.simulation import SiteSpec, load_scenario, simulate_site
from causalsig.study.models import Study
from causalsig.study.read import default_study_text, read_study
from tests.release.desk import approve_both

MONTHS = 30
SPECS = (SiteSpec("9011", "Voorbeeldstad 11", 60_000), SiteSpec("9012", "Voorbeeldstad 12", 45_000))
MOST_COUNTED = 5_000
"""Episodes of an arm; of random numbers fewer than one in a hundred thousand is as near to such a share."""
DIGITS = 8
"""Significant digits by which a number is known again in a file."""
OPEN = {
    "positivity_share": 0.9,
    "max_smd": 0.5,
    "min_equipoise_share": 0.0,
    "min_effective_sample_size": 30.0,
}
"""Gates that let everything through."""
ATTEMPTS = """
[falsification]
placebos = 100
random_causes = 1
subsets = 4
negative_controls = ["any_all_3m"]
"""
"""Every kind of attempt to falsify, and few of each."""
ATTEMPTED = {
    *("gate-placebo-outcome", "gate-placebo-spread", "gate-placebo-centre", "gate-negative-control"),
    *("gate-adjustment-shift", "gate-random-cause", "gate-subsets"),
}
EFFECTS = ("analyses", "rulers", "hidden", "falsification")
"""Parts of a site's record that are made of outcomes."""
IDENTITY = ReleaseIdentity("a" * 64, "b" * 64, "0.1.0", "c" * 64)


@dataclass(frozen=True)
class Known:
    """What gates that stand open let out of a site, a question: numbers, released blocks, words of a page."""

    numbers: dict[str, set[str]]
    blocks: dict[str, set[str]]
    words: dict[str, set[str]]


@dataclass(frozen=True, repr=False)
class Place:
    """One site in memory, and the effects that were computed of it."""

    tables: Any
    site: Any
    matching: Any
    known: Known


def study_text(**gates: float) -> str:
    """Give the default study with the house's smallest arms and these gates."""
    text = default_study_text().replace("expected_risk = 0.1", "expected_risk = 0.2")
    for name, value in gates.items():
        line = f"{name} = {value}"
        found = re.sub(rf"(?m)^{name} = .*$", line, text)
        text = (
            found
            if found != text or line in text
            else text.replace("[diagnostics]", f"[diagnostics]\n{line}")
        )
    assert "[falsification]" not in text
    return text + ATTEMPTS


def a_study(folder: Path, **gates: float) -> tuple[Path, Study]:
    path = folder / "study.toml"
    path.write_text(study_text(**gates), encoding="utf-8")
    return path, read_study(path)


def numbers_in(value: Any) -> set[str]:
    """Digits of every float in a record that has enough of them to be known again.

    A count over a count is left out: one of the design, such as the share that is trimmed, may be the same.
    """
    if isinstance(value, dict):
        of_the_design = ("effective_sample_size", "threshold")
        kept = [item for name, item in value.items() if name not in of_the_design]
        return set().union(*map(numbers_in, kept))
    if isinstance(value, list | tuple):
        return set().union(*map(numbers_in, value))
    return digits_of(repr(value)) if isinstance(value, float) and not is_share(value) else set()


def is_share(value: float) -> bool:
    return abs(Fraction(value).limit_denominator(MOST_COUNTED) - Fraction(value)) < 1e-13


def digits_of(text: str) -> set[str]:
    """First significant digits of every number with decimals in a text."""
    found = (one.replace(".", "").lstrip("0") for one in re.findall(r"(?<![\w.])\d+\.\d+", text))
    return {digits[:DIGITS] for digits in found if len(digits) >= DIGITS}


def text_of(path: Path) -> str:
    """Give the text of a file; of JSON in its canonical form, with what an envelope holds."""
    text = path.read_bytes().decode("utf-8", errors="replace")
    if path.suffix != ".json":
        return text
    values = json.loads(text)
    written = [json.dumps(values, sort_keys=True, separators=(",", ":"))]
    if isinstance(values, dict) and "payload" in values:
        written.append(base64.b64decode(values["payload"]).decode("utf-8"))
    return "\n".join(written)


def known_of(result: SiteResult, study: Study) -> Known:
    numbers: dict[str, set[str]] = {}
    for question in site_record(result)["questions"]:
        numbers[question["question"]] = numbers_in([question[part] for part in EFFECTS])
    document = build_release(result, study=study, identity=IDENTITY).document
    blocks: dict[str, set[str]] = {}
    for entry in document.questions:
        parts = [(arm, '"mean":') for block in entry.analyses for arm in block.arms]
        parts += [(one, '"scale":') for block in entry.analyses for one in block.sensitivity]
        dumped = [(canonical(part.model_dump(mode="json")).decode(), cut) for part, cut in parts]
        blocks[entry.question] = {text[text.index(cut) :] for text, cut in dumped}
    words: dict[str, set[str]] = {}
    for block in released_arms(document):
        said = words.setdefault(block.question, set())
        say = Words("nl")
        for arm in block.arms:
            mean, shown = own_mean(block, arm), own_contrast(block, arm, block.reference)
            assert mean is not None and shown is not None
            said |= {say.level(mean)} | ({say.signed(shown)} if arm != block.reference else set())
    return Known(numbers, blocks, words)


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Place]:
    _, study = a_study(tmp_path_factory.mktemp("open"), **OPEN)
    scenario = load_scenario("ignorable", "modest")
    found = {}
    for seed, spec in enumerate(SPECS):
        made = simulate_site(spec, scenario, seed + 1, months=MONTHS, truth=False)
        site = inventory_site(spec, months=MONTHS, extracted_on=scenario.extracted_on)
        result = analyse_site(made.tables, study, site, spec.matching, benchmarks=True)
        assert [question.status for question in result.questions] == ["estimated", "estimated"]
        for question in result.questions:
            assert any(ruler.benchmarks for ruler in question.rulers)
            assert question.falsification is not None
            assert {row.code for row in question.falsification.rows} == ATTEMPTED
        found[spec.code] = Place(made.tables, site, spec.matching, known_of(result, study))
    return found


def run_chain(folder: Path, places: dict[str, Place], codes: list[str], gates: dict[str, float]) -> Any:
    """Run sites, release, pool and pages as the commands do; give what every question came to."""
    path, study = a_study(folder, **gates)
    keys, outbox = folder / "keys", folder / "outbox"
    new_keys(keys, demo=True)
    status: dict[str, dict[str, str]] = {}
    for code in codes:
        place, said = places[code], []
        households: dict[str, Iterable[str]] = {}
        result = analyse_site(
            place.tables,
            study,
            place.site,
            place.matching,
            progress=said.append,
            benchmarks=True,
            members=households.__setitem__,
        )
        home = folder / "sites" / code
        release_site(
            result,
            study,
            households=households,
            known_again=BY_THEMSELVES,
            keys=keys,
            snapshot=code.encode() * 8,
            wave=1,
            folder=home,
        )
        write_json(home / "site.json", site_record(result))
        reasons = {q.question: why_not(q) for q in result.questions}
        write_json(home / "run.json", {"steps": said, "reasons": reasons})
        approve_both(home, keys, outbox, demo=True)
        status[code] = {question.question: question.status for question in result.questions}
    pool_folder(path, outbox, keys, folder / "pooled", allow_demo=True)
    commands(folder, path, codes)
    return status


def commands(folder: Path, study: Path, codes: list[str]) -> None:
    """Call every command that shows something, and keep what it printed as a log."""
    keys, outbox, pooled = str(folder / "keys"), folder / "outbox", folder / "pooled"
    shared = ["--keys", keys, "--demo", "--study", str(study), "--date", "2026-07-03"]
    runs = [["release", "review", str(folder / "sites" / code)] for code in codes]
    runs.append(["pool", str(study), str(outbox), "--keys", keys, "--out", str(pooled), "--demo", "--force"])
    for at, release in enumerate(sorted(outbox.glob("*.release.json"))):
        others = str(pooled / "others" / release.name.replace(".release", ""))
        own = ["--others", others, "--name", "Voorbeeldstad", "-o", str(folder / f"{at}.html")]
        runs.append(["report", "municipality", str(release), *shared, *own])
    for name, extra in (("all", []), ("sites", ["--sites"])):
        page = ["--releases", str(outbox), "-o", str(folder / f"{name}.html"), *extra]
        runs.append(["report", "national", str(pooled / "pool.json"), *shared, *page])
    flow = ["--keys", keys, "--demo", "--pool", str(pooled / "pool.json"), "--out", str(folder / "flow")]
    runs.append(["study", "flow", str(study), str(outbox), *flow])
    for at, arguments in enumerate(runs):
        printed = io.StringIO()
        with redirect_stdout(printed), redirect_stderr(printed), pytest.raises(SystemExit) as ended:
            main(arguments)
        assert not ended.value.code, (arguments[:3], printed.getvalue())
        (folder / f"log-{at}.txt").write_text(printed.getvalue(), encoding="utf-8")


def seen(places: dict[str, Place], status: dict[str, dict[str, str]], kind: str) -> set[str]:
    """What may stand in the files: effects of questions whose gate let them through."""
    through = [
        getattr(places[code].known, kind)[question]
        for code, questions in status.items()
        for question, what in questions.items()
        if what == "estimated"
    ]
    return set().union(*through)


def test_where_gates_stand_open_the_search_finds_every_kind_of_effect(
    places: dict[str, Place], tmp_path: Path
) -> None:
    run_chain(tmp_path, places, ["9011"], OPEN)
    texts = {path: text_of(path) for path in tmp_path.rglob("*") if path.is_file()}
    known = places["9011"].known
    record = digits_of(texts[tmp_path / "sites/9011/site.json"])
    [released] = [text for path, text in texts.items() if path.name.endswith(".release.json")]
    for question in ("accepted_help", "contact_method"):
        assert known.numbers[question] <= record and len(known.numbers[question]) > 80
        assert all(block in released for block in known.blocks[question])
        assert any(one in texts[tmp_path / "sites.html"] for one in known.words[question])


@given(
    codes=st.sampled_from([["9011"], ["9012"], ["9011", "9012"]]),
    share=st.sampled_from([0.0, 0.34, 0.5, 0.74, 1.0]),
    size=st.sampled_from([30.0, 160.0, 225.0, 5000.0]),
    positivity=st.sampled_from([0.0, 0.02, 0.9]),
)
@settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck))
def test_where_the_design_gate_failed_no_effect_exists_anywhere(
    places: dict[str, Place],
    tmp_path_factory: pytest.TempPathFactory,
    codes: list[str],
    share: float,
    size: float,
    positivity: float,
) -> None:
    assume(share >= 0.34 or size >= 160.0)
    folder = tmp_path_factory.mktemp("gated")
    gates = {"min_equipoise_share": share, "min_effective_sample_size": size, "positivity_share": positivity}
    status = run_chain(folder, places, codes, OPEN | gates)
    texts = {path: text_of(path) for path in folder.rglob("*") if path.is_file()}
    assert len(texts) > 15
    for code in codes:
        known = places[code].known
        record = json.loads((folder / "sites" / code / "site.json").read_text("utf-8"))
        for entry in record["questions"]:
            question = entry["question"]
            if status[code][question] == "estimated":
                continue
            assert status[code][question] == "withheld"
            numbers = known.numbers[question] - seen(places, status, "numbers")
            blocks = known.blocks[question] - seen(places, status, "blocks")
            words = known.words[question] - seen(places, status, "words")
            for path, text in texts.items():
                assert not numbers & digits_of(text), (path.name, question)
                assert not [one for one in (*blocks, *words) if one in text], (path.name, question)
            assert (entry["analyses"], entry["rulers"], entry["hidden"]) == ([], [], None)
            assert entry["balance_components"] is None and entry["falsification"] is None
            assert {verdict["tier"] for verdict in entry["verdicts"]} == {"design"}


def test_certify_and_site_run_write_no_effect_behind_a_closed_gate(provider: Any, tmp_path: Path) -> None:
    """On a provider's file: nothing that they write of effects with gates open is there with gates closed."""
    known: dict[str, set[str]] = {}
    open_text = provider.study.read_text(encoding="utf-8") + ATTEMPTS
    closed_text = open_text.replace("min_equipoise_share = 0.2", "min_equipoise_share = 1.0")
    assert closed_text != open_text
    for name, text in (("open", open_text), ("closed", closed_text)):
        provider.study.write_text(text, encoding="utf-8")
        sign_study(provider.study, key=read_signing_key(provider.keys, "university"))
        out = tmp_path / name
        given = [str(provider.study), str(provider.sources), "--inventory", str(provider.inventory)]
        printed = io.StringIO()
        codes = []
        for arguments in (
            ["certify", *given, "--site", "9001", "--out", str(out), "--replications", "3", "--workers", "1"],
            ["site", "run", *given, "--only", "9001", "--out", str(out), "--keys", str(provider.keys)],
        ):
            with redirect_stdout(printed), redirect_stderr(printed), pytest.raises(SystemExit) as ended:
                main(arguments)
            codes.append(ended.value.code)
        (out / "log.txt").write_text(printed.getvalue(), encoding="utf-8")
        folder = out / "sites" / "9001"
        certificate = json.loads((folder / "certificate.json").read_text("utf-8"))
        record = json.loads((folder / "site.json").read_text("utf-8"))
        [contact] = [one for one in record["questions"] if one["question"] == "contact_method"]
        assert json.loads((folder / "review.json").read_text("utf-8"))["document"]["certificate"]
        if name == "open":
            assert codes == [1, 0] and contact["status"] == "estimated"  # three copies certify nothing
            known["site run"] = numbers_in([contact[part] for part in EFFECTS])
            known["certify"] = numbers_in([one["simulated"] for one in certificate["questions"]])
            assert len(known["site run"]) > 80 and len(known["certify"]) > 5
        else:
            assert codes == [3, 0] and contact["status"] == "withheld"
            assert [contact[part] for part in EFFECTS] == [[], [], None, None]
            for path in filter(Path.is_file, out.rglob("*")):
                again = digits_of(text_of(path)) & (known["site run"] | known["certify"])
                assert again == set(), path.name
