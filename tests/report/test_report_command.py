"""`causalsig report` writes pages from signed files alone, and refuses what does not belong together."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from causalsig_cli.app import main

from causalsig.records import SiteResult
from causalsig.release import (
    ReleaseIdentity,
    build_pool_document,
    build_release,
    new_keys,
    read_provider_key,
    read_signing_key,
    site_code,
    write_pool,
    write_review,
)
from causalsig.study.digest import study_digest
from causalsig.study.read import read_study
from tests.release.conftest import question_result
from tests.release.desk import approve_both
from tests.release.memories import memory_for
from tests.release.test_profile_document import FULL_MONITOR
from tests.report.page_factory import pool

INVENTORY = """
schema_version = "0.1"
provider = "provider"
[[sites]]
code = "9001"
name = "Voorbeeldstad"
inhabitants = 120000
retention = "full"
retention_months = 36
"""


@dataclass(frozen=True)
class Files:
    folder: Path
    release: Path
    others: Path
    pool: Path
    keys: Path


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """One municipality's signed release, the pool of the others for it, and the pool of all; a demo."""
    folder = tmp_path_factory.mktemp("released")
    keys, study = folder / "keys", read_study("vroegsignalering")
    digest = study_digest(study)
    new_keys(keys, demo=True)
    code = site_code(read_provider_key(keys), "9001", digest)
    rng = np.random.default_rng(5)
    questions = (
        question_result("accepted_help", (240, 900), rng),
        question_result("contact_method", (420, 310, 260, 230, 510), rng),
    )
    site = SiteResult("9001", digest, date(2026, 6, 30), questions, ())
    identity = ReleaseIdentity(code, "b" * 64, "0.1.0", "c" * 64, 1)
    write_review(
        folder / "site",
        build_release(site, study=study, identity=identity),
        memory=memory_for(folder / "site"),
    )
    released = approve_both(folder / "site", keys, folder / "outbox", demo=True)
    assert released is not None
    university = read_signing_key(keys, "university")
    written = {}
    for kind, recipient in (("others", code), ("all", None)):
        document = build_pool_document(replace(pool(kind), study_digest=digest), recipient=recipient)
        written[kind] = write_pool(folder / f"{kind}.json", document, key=university)
    (folder / "inventory.toml").write_text(INVENTORY, encoding="utf-8")
    return Files(folder, released, written["others"], written["all"], keys)


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["report", *map(str, arguments)])
    return int(ended.value.code or 0)


def test_a_municipality_is_found_in_the_inventory_by_its_keyed_code(files: Files, tmp_path: Path) -> None:
    output = tmp_path / "report.html"
    common = (files.release, "--keys", files.keys, "--others", files.others, "--demo", "-o", output)
    assert run("municipality", *common, "--inventory", files.folder / "inventory.toml") == 0
    html = output.read_text(encoding="utf-8")
    assert "Voor Voorbeeldstad" in html and "andere gemeenten samen" in html


def test_the_page_with_a_name_holds_no_site_code_but_the_fingerprint_of_its_figures(
    files: Files, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A published page with both would say which release, and which row of a list, is whose."""
    for language in ("nl", "en"):
        output = tmp_path / f"{language}.html"
        common = (files.release, "--keys", files.keys, "--others", files.others, "--demo", "-o", output)
        assert run("municipality", *common, "--name", "Voorbeeldstad", "--language", language) == 0
        html = output.read_text(encoding="utf-8")
        code = files.release.name.removesuffix(".release.json")
        assert len(code) == 64
        assert not [start for start in range(57) if code[start : start + 8] in html]
        assert "causalsig release verify municipality.release.json --keys keys --demo" in html
        capsys.readouterr()
        with pytest.raises(SystemExit):
            main(["release", "verify", str(files.release), "--keys", str(files.keys), "--demo"])
        said = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
        assert said["payload"] in html


def test_the_page_on_groups_is_written_from_the_same_files(files: Files, tmp_path: Path) -> None:
    output = tmp_path / "fairness.html"
    common = (files.release, "--keys", files.keys, "--others", files.others, "--demo", "-o", output)
    assert run("fairness", *common, "--name", "Voorbeeldstad") == 0
    html = output.read_text(encoding="utf-8")
    assert "Over groepen kunnen wij voor Voorbeeldstad nog niets zeggen" in html
    assert "Wat u hieruit niet mag afleiden" in html
    assert files.release.name.removesuffix(".release.json")[:8] not in html


@pytest.fixture(scope="module")
def monitors(files: Files) -> dict[str, Path]:
    """The signed monitor of the municipality, and that of another one."""
    made = {}
    for code in ("9001", "9002"):
        folder = files.folder / f"monitor-{code}"
        own = site_code(read_provider_key(files.keys), code, "monitor")
        document = FULL_MONITOR.model_copy(update={"site_code": own})
        write_review(folder, document, memory=memory_for(folder))
        made[code] = approve_both(folder, files.keys, files.folder / f"outbox-{code}", demo=True)
    return made


def test_what_came_in_stands_before_the_effects(
    files: Files, monitors: dict[str, Path], tmp_path: Path
) -> None:
    output = tmp_path / "report.html"
    common = (files.release, "--keys", files.keys, "--others", files.others, "--demo", "-o", output)
    inventory = ("--inventory", files.folder / "inventory.toml")
    assert run("municipality", *common, *inventory, "--monitor", monitors["9001"]) == 0
    html = output.read_text(encoding="utf-8")
    assert html.index("Wat er bij u binnenkwam") < html.index("Dit zijn tellingen. Of de aanpak werkt")
    assert html.index('id="signals"') < html.index('id="accepted-help"')
    assert "60\u00a0%" in html and "Per 1.000 inwoners" in html
    codes = [path.name.split(".")[0] for path in (files.release, monitors["9001"])]
    assert not [code for code in codes if code[:8] in html]


def test_the_monitor_of_another_is_refused(
    files: Files, monitors: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "report.html"
    common = (files.release, "--keys", files.keys, "--demo", "-o", output)
    inventory = ("--inventory", files.folder / "inventory.toml")
    for other in (monitors["9002"], files.release):
        assert run("municipality", *common, *inventory, "--monitor", other) == 2
        assert "report-other-monitor" in capsys.readouterr().err
    assert run("municipality", *common, "--name", "X", "--monitor", monitors["9001"]) == 2
    assert "report-monitor-unmatched" in capsys.readouterr().err
    assert not output.exists()


def test_it_does_not_overwrite_without_force(
    files: Files, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "report.html"
    output.write_text("mine", encoding="utf-8")
    common = ("municipality", files.release, "--keys", files.keys, "--name", "X", "--demo", "-o", output)
    assert run(*common) == 2
    assert output.read_text(encoding="utf-8") == "mine"
    assert "--force" in capsys.readouterr().err
    assert run(*common, "--force") == 0
    assert output.read_text(encoding="utf-8") != "mine"


def test_a_demo_needs_to_be_asked_for(files: Files, tmp_path: Path) -> None:
    output = tmp_path / "report.html"
    assert run("municipality", files.release, "--keys", files.keys, "--name", "X", "-o", output) == 2
    assert not output.exists()


def test_the_pool_of_all_is_not_shown_to_a_municipality(
    files: Files, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "report.html"
    common = ("--keys", files.keys, "--name", "X", "--demo", "-o", output)
    assert run("municipality", files.release, *common, "--others", files.pool) == 2
    assert "report-not-others" in capsys.readouterr().err
    assert not output.exists()


def test_without_a_name_it_asks_for_one(
    files: Files, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "report.html"
    assert run("municipality", files.release, "--keys", files.keys, "--demo", "-o", output) == 2
    assert "report-no-name" in capsys.readouterr().err


def test_national_and_the_statisticians_version(files: Files, tmp_path: Path) -> None:
    common = (files.pool, "--keys", files.keys, "--demo", "--language", "en", "--date", "2026-07-03")
    first, again, inside = (tmp_path / name for name in ("a.html", "b.html", "c.html"))
    assert run("national", *common, "-o", first) == 0
    assert run("national", *common, "-o", again) == 0
    assert first.read_bytes() == again.read_bytes()
    assert "3 July 2026" in first.read_text(encoding="utf-8")
    assert run("national", *common, "--sites", "-o", inside) == 2
    assert run("national", *common, "--sites", "--releases", files.release.parent, "-o", inside) == 0
    code = files.release.name[:8]
    assert code in inside.read_text(encoding="utf-8") and code not in first.read_text(encoding="utf-8")


def test_the_numbers_of_the_national_page_are_written_beside_it(files: Files, tmp_path: Path) -> None:
    common = (files.pool, "--keys", files.keys, "--demo", "-o", tmp_path / "page.html")
    assert run("national", *common, "--tables", tmp_path / "tables") == 0
    lines = (tmp_path / "tables" / "effects.csv").read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("question,outcome,") and any("home_visit" in line for line in lines)
    assert all(line.endswith(",True") for line in lines[1:])
    assert (tmp_path / "tables" / "effects.parquet").read_bytes().startswith(b"PAR1")
