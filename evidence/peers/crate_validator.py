"""What roc-validator and rocrate say of the crates in a folder; run in an environment of their own.

The .npz has ``folder``, with a crate a folder in it. Writes JSON: for each crate the issues, as (severity,
check, message), and the ids that rocrate reads. The one document that the validator would fetch, the context
of RO-Crate 1.1, is taken from rocrate 0.13, which carries it; anything else it asks for is not there.
"""

from __future__ import annotations

import json
import sys
from importlib import import_module, metadata, resources
from pathlib import Path
from typing import Any

import numpy as np

CONTEXT = "https://w3id.org/ro/crate/1.1/context"
PROFILE = "process-run-crate-0.5"


def stay_here() -> None:
    """Answer from the installed files what the validator asks of the network."""
    requests, http = import_module("requests"), import_module("rocrate_validator.utils.http")
    carried = (resources.files("rocrate") / "data" / "ro-crate.jsonld").read_bytes()
    if json.loads(carried)["@id"] != CONTEXT:
        raise SystemExit("expected a rocrate that carries the context of RO-Crate 1.1")

    def answer(url: str, *_: Any, **__: Any) -> Any:
        response = requests.Response()
        known = url == CONTEXT
        response.url, response.status_code = url, 200 if known else 504
        response._content = carried if known else b""
        response.headers["Content-Type"] = "application/ld+json"
        return response

    http.HttpRequester.get = http.HttpRequester.head = staticmethod(answer)


def issues(crate: Path) -> list[tuple[str, str, str]]:
    """Validate one crate against the profile and what it is based on, recommendations too."""
    services, models = import_module("rocrate_validator.services"), import_module("rocrate_validator.models")
    settings = services.ValidationSettings(
        rocrate_uri=str(crate),
        profile_identifier=PROFILE,
        requirement_severity=models.Severity.RECOMMENDED,
    )
    found = services.validate(settings).get_issues()
    return sorted({(one.severity.name, one.check.identifier, str(one.message)) for one in found})


def read(crate: Path) -> list[str]:
    """Read a crate with rocrate; return the ids of its entities."""
    found = import_module("rocrate.rocrate").ROCrate(str(crate))
    return sorted(entity.id for entity in found.get_entities())


def main() -> None:
    """Look at every crate."""
    stay_here()
    top = Path(str(np.load(sys.argv[1])["folder"]))
    crates = sorted(path for path in top.iterdir() if path.is_dir())
    answer = {
        "validated": {crate.name: issues(crate) for crate in crates},
        "read": {crate.name: read(crate) for crate in crates if not crate.name.startswith("spoiled")},
        "versions": {name: metadata.version(name) for name in ("roc-validator", "rocrate")},
    }
    Path(sys.argv[2]).write_text(json.dumps(answer), encoding="utf-8")


main()
