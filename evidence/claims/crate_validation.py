"""Crates hold to RO-Crate 1.1 and Process Run Crate 0.5, as an independent validator reads them."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from evidence.claim import Verdict
from evidence.claims._released_crates import released
from evidence.context import Context
from evidence.environments import make_environment, run_peer

CLAIM = """In crates of 30 random releases (estimates, profiles and monitors), for outside and for the
provider, roc-validator 0.13 finds nothing that RO-Crate 1.1 or Process Run Crate 0.5 requires and is not
there. Of what they recommend it misses what is not so or may not be told: an address of the site and of the
package, an address as the id of the package and, outside only, when things were done. rocrate reads every
entity. Of ten ways to spoil a crate the validator sees every one."""
ISSUE = 12
COVERS = (
    "causalsig/release/crate*.py",
    "causalsig/release/folders.py",
    "evidence/claims/_payload_door.py",
    "evidence/claims/_released_crates.py",
    "evidence/environments.py",
    "evidence/peers/crate_validator.py",
)

PACKAGES: Final = ("roc-validator==0.13.0", "rocrate==0.13.0", "numpy==2.4.6")
SCRIPT: Final = Path(__file__).parents[1] / "peers" / "crate_validator.py"
EACH: Final = 10
SEED: Final = 12
METADATA: Final = "ro-crate-metadata.json"
MISSED: Final = {
    "The Application SHOULD have a url",
    "The SoftwareApplication id SHOULD be an absolute URI",
    "The organization SHOULD have a URL.",
}
"""Recommendations that no crate follows. The package's id is an absolute URI of scheme ``pkg``; the validator
asks for one of the web."""
OUTSIDE: Final = {"The Action SHOULD have an endTime in ISO 8601 format"}
Graph = dict[str, dict[str, Any]]


def _without(entity: str, name: str) -> Callable[[Graph], object]:
    return lambda graph: graph[entity].pop(name)


def _with(entity: str, name: str, value: Any) -> Callable[[Graph], object]:
    return lambda graph: graph[entity].update({name: value})


SPOILED: Final[Mapping[str, Callable[[Graph], object]]] = MappingProxyType(
    {
        "no day of publication": _without("./", "datePublished"),
        "a day that is none": _with("./", "datePublished", "last Monday"),
        "a root that is no data set": _with("./", "@type", "CreativeWork"),
        "no root described": lambda graph: graph.pop("./"),
        "a descriptor of nothing": _without(METADATA, "about"),
        "a descriptor of no specification": _without(METADATA, "conformsTo"),
        "no profile": _without("./", "conformsTo"),
        "a run with nothing that ran": _without("#run", "instrument"),
        "a release by something that is no program": _with("#release", "instrument", {"@id": "#site"}),
        "a part that is not in the folder": _with("./", "hasPart", {"@id": "more.json"}),
    }
)


def run(context: Context) -> Verdict:
    """Make the crates, spoil one in every way, and hand all over."""
    with tempfile.TemporaryDirectory() as place:
        top, crates = Path(place), Path(place) / "crates"
        kinds: dict[str, int] = {}
        for one in released(top / "work", EACH, SEED):
            name = one.folder.parent.name
            kinds[one.kind] = kinds.get(one.kind, 0) + 1
            one.crate(crates / f"{name}-outside", inside=False)
            one.crate(crates / f"{name}-inside", inside=True)
        spoil(crates, crates / "estimates-0-outside")
        given = {"folder": np.array(str(crates))}
        peer = run_peer(make_environment("rocrate", PACKAGES), SCRIPT, given)
        written = {path.parent.name: _ids(path) for path in crates.glob(f"*/{METADATA}")}
    return judge(peer, kinds, written)


def spoil(crates: Path, crate: Path) -> None:
    """Write a crate again, spoilt in one way each."""
    for number, change in enumerate(SPOILED.values()):
        copy = crates / f"spoiled-{number}"
        shutil.copytree(crate, copy)
        whole = json.loads((copy / METADATA).read_bytes())
        graph = {entity["@id"]: entity for entity in whole["@graph"]}
        change(graph)
        (copy / METADATA).write_text(json.dumps(whole | {"@graph": [*graph.values()]}), encoding="utf-8")


def judge(peer: Mapping[str, Any], kinds: Mapping[str, int], written: Mapping[str, set[str]]) -> Verdict:
    """Count what is required and missing, what is recommended and missing, and what was not read."""
    sound = {name: found for name, found in peer["validated"].items() if not name.startswith("spoiled")}
    required = [issue for found in sound.values() for issue in found if issue[0] == "REQUIRED"]
    missed = {
        side: {one[2] for name, found in sound.items() if name.endswith(side) for one in found}
        for side in ("outside", "inside")
    }
    seen = {
        way: sum(one[0] == "REQUIRED" for one in peer["validated"][f"spoiled-{number}"])
        for number, way in enumerate(SPOILED)
    }
    unread = sum(len(written[name] - set(ids)) for name, ids in peer["read"].items())
    passed = (
        not required
        and missed["outside"] <= MISSED | OUTSIDE
        and missed["inside"] <= MISSED
        and all(seen.values())
        and not unread
        and len(sound) == 2 * sum(kinds.values()) == 6 * EACH
    )
    figures = {
        "releases by kind": dict(kinds),
        "crates": len(sound),
        "required and missing": len(required),
        "recommended and missing, outside": sorted(missed["outside"]),
        "recommended and missing, inside": sorted(missed["inside"]),
        "entities that rocrate did not read": unread,
        "entities read": sum(map(len, peer["read"].values())),
        "issues in each spoiled crate": seen,
        "validator": peer["versions"],
    }
    return {"passed": passed, "figures": figures, "seed": SEED}


def _ids(path: Path) -> set[str]:
    return {entity["@id"] for entity in json.loads(path.read_bytes())["@graph"]}
