"""What is installed at run time: whether it is what the lock says, its licences, and holes that are known.

``python .ci/supply.py LOCK SBOM AUDIT``: the runtime lock, a CycloneDX document of an environment with the
wheel and that lock, and what pip-audit wrote of the lock. Where no audit could be made, since no network was
there, it says so and goes on.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

OWN = frozenset({"causalsig", "pip", "setuptools"})
"""In every environment beside what the lock names."""
SILENT = {"qdldl": "Apache-2.0"}
"""Packages whose metadata name no licence, and the one in their source."""
_LOCKED = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", flags=re.MULTILINE)


def main(arguments: list[str]) -> int:
    """Print what was found; 1 where anything must be mended."""
    lock, sbom, audit = map(Path, arguments)
    components = json.loads(sbom.read_bytes())["components"]
    wrong = [*unlike_the_lock(lock.read_text("utf-8"), components), *copyleft(components)]
    found = json.loads(audit.read_bytes()) if audit.exists() and audit.stat().st_size else None
    print(f"{len(components)} packages in the bill of materials; {audited(found)}")
    wrong += holes(found)
    for line in wrong:
        print(line)
    return 1 if wrong else 0


def unlike_the_lock(lock: str, components: list[Mapping[str, Any]]) -> Iterator[str]:
    """Name what is installed and not locked so, whatever marker the lock's line has."""
    locked: dict[str, set[str]] = {}
    for name, version in _LOCKED.findall(lock):
        locked.setdefault(_normal(name), set()).add(version)
    for one in components:
        name, version = _normal(one["name"]), one.get("version")
        if name not in OWN and version not in locked.get(name, ()):
            yield f"{name}: expected {sorted(locked.get(name, ())) or 'none'}, as locked; found {version}"


def copyleft(components: list[Mapping[str, Any]]) -> Iterator[str]:
    """Name packages under a GPL, or under no licence that anybody can read."""
    for one in components:
        name = _normal(one["name"])
        told = [_licence(entry) for entry in one.get("licenses", ())] or [SILENT.get(name, "")]
        free = [text for text in told if text and "GPL" not in text and "General Public" not in text]
        if name not in OWN and not free:
            yield f"{name}: expected a permissive licence; found {', '.join(filter(None, told)) or 'none'}"


def holes(found: Mapping[str, Any] | None) -> list[str]:
    """Name packages with a known hole that a later version mends."""
    return [
        f"{one['name']} {one['version']}: {hole['id']}, mended in {', '.join(hole['fix_versions'])}"
        for one in (found or {}).get("dependencies", ())
        for hole in one.get("vulns", ())
        if hole["fix_versions"]
    ]


def audited(found: Mapping[str, Any] | None) -> str:
    """Say how many packages an advisory could be looked up for."""
    every = (found or {}).get("dependencies", ())
    known = [one for one in every if "skip_reason" not in one]
    return f"{len(known)} of {len(every)} audited" if known else "none audited: no advisories within reach"


def _licence(entry: Mapping[str, Any]) -> str:
    inner = entry.get("license", {})
    return str(inner.get("id") or inner.get("name") or entry.get("expression") or "")


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
