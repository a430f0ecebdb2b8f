"""What is installed at run time is judged: versions against the lock, licences, known holes."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
LOCK = """numpy==2.4.6 \\
    --hash=sha256:00
colorama==0.4.6 ; sys_platform == 'win32' \\
    --hash=sha256:00
"""
SPEC = importlib.util.spec_from_file_location("supply", ROOT / ".ci/supply.py")
assert SPEC is not None and SPEC.loader is not None
supply = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(supply)


def component(name: str, version: str, *licences: str) -> dict[str, Any]:
    return {"name": name, "version": version, "licenses": [{"license": {"id": one}} for one in licences]}


def run(folder: Path, components: list[dict[str, Any]], audit: dict[str, Any] | None) -> int:
    lock, sbom, found = folder / "lock.txt", folder / "sbom.json", folder / "audit.json"
    lock.write_text(LOCK)
    sbom.write_text(json.dumps({"components": components}))
    if audit is not None:
        found.write_text(json.dumps(audit))
    return int(supply.main([str(lock), str(sbom), str(found)]))


@pytest.mark.parametrize(
    ("one", "told"),
    [
        (component("numpy", "2.4.6", "BSD-3-Clause"), ""),
        (component("numpy", "2.4.5", "BSD-3-Clause"), "numpy: expected ['2.4.6'], as locked; found 2.4.5"),
        (component("Other_Thing", "1", "MIT"), "other-thing: expected none, as locked; found 1"),
        (component("numpy", "2.4.6", "GPL-3.0-only"), "expected a permissive licence; found GPL-3.0-only"),
        (component("numpy", "2.4.6"), "expected a permissive licence; found none"),
    ],
)
def test_versions_and_licences(
    one: dict[str, Any], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = component("causalsig", "0.1.0", "Apache-2.0")
    assert run(tmp_path, [own, one], None) == (1 if told else 0)
    printed = capsys.readouterr().out
    assert told in printed and "none audited" in printed


def test_a_known_hole_that_a_later_version_mends(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hole = {"id": "PYSEC-0", "fix_versions": ["2.4.7"]}
    audit = {
        "dependencies": [
            {"name": "numpy", "version": "2.4.6", "vulns": [hole]},
            {"name": "x", "skip_reason": "-"},
        ]
    }
    assert run(tmp_path, [], audit) == 1
    printed = capsys.readouterr().out
    assert "1 of 2 audited" in printed and "numpy 2.4.6: PYSEC-0, mended in 2.4.7" in printed
    hole["fix_versions"] = []
    assert run(tmp_path, [], audit) == 0


def test_the_tools_are_locked_with_hashes_and_ci_runs_them() -> None:
    wanted = [line.split(">")[0] for line in (ROOT / "requirements/supply.in").read_text().split()]
    lock = (ROOT / "requirements/supply.txt").read_text()
    assert wanted and all(f"\n{name}==" in lock for name in wanted)
    assert lock.count("--hash=sha256:") >= lock.count("==")
    assert 'step "bill of materials, licences, audit" supply' in (ROOT / ".ci/run").read_text()
