"""Nodes of vantage6 beside one machine: the container's file contract, and the client its tools come with."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from evidence.claims._canary_failures import WORKER_CODES, plant, sabotage
from evidence.claims._canary_runs import ROOT, Desk, codes_of, desk
from evidence.claims._canary_search import search_text
from evidence.claims._provider_world import SIZES, world
from evidence.environments import make_environment, python_of

PACKAGES: Final = ("vantage6-algorithm-tools==4.15.2",)
FOLDERS: Final = ("study", "sources", "keys", "run", "outbox")
SECONDS: Final = 3_600
ALGORITHM: Final = ROOT / "engines" / "vantage6"
PEER: Final = ROOT / "evidence" / "peers" / "vantage6_nodes.py"
WRAP: Final = "from vantage6.algorithm.tools.wrap import wrap_algorithm; wrap_algorithm(log_traceback=False)"
Node = dict[str, str]


class Nodes:
    """A node of each municipality of a desk, and one of the university, each with folders of its own."""

    def __init__(self, at: Desk, codes: tuple[str, ...], study: Path, more: Mapping[str, str]) -> None:
        self.at, self.wrong = at, list[str]()
        self.python = python_of(make_environment("vantage6", PACKAGES))
        self.study = json.loads(at.run("study", "check", study, "--format", "json").out)["digest"]
        self.command = at.sources / "command"  # its environment may hold a cell
        set_ = "".join(f"export {name}='{value}'\n" for name, value in at.environment(more).items())
        self.command.write_text(
            f'#!/bin/sh\n{set_}exec {sys.executable} -m causalsig_cli.app "$@"\n', "utf-8"
        )
        self.command.chmod(0o700)
        self.nodes = {code: self._laid(code, study, code) for code in codes}
        self.centre = self._laid("university", study, None)

    def _laid(self, name: str, study: Path, code: str | None) -> Node:
        at, top = self.at, self.at.folder / "nodes" / name
        for label in ("study", "run", "outbox"):
            (top / label).mkdir(parents=True)
        for path in study.parent.glob("study.toml*"):
            shutil.copy(path, top / "study")
        shutil.copytree(at.keys, top / "keys")
        if code is not None:
            inside = at.sources / "nodes" / name
            inside.mkdir(parents=True)
            shutil.copy(at.sources / f"{code}.xlsx", inside)
            (top / "sources").symlink_to(inside)
        given = {f"{label.upper()}_DATABASE_URI": str(top / label) for label in FOLDERS}
        given |= {
            "INVENTORY_DATABASE_URI": str(_inventory(at, top, code)),
            "CAUSALSIG_COMMAND": str(self.command),
        }
        return given | {"CAUSALSIG_DEMO": "yes"}

    def asked(self, node: Node, method: str, **named: object) -> dict[str, Any]:
        """Ask as the node's daemon does: files and variables in, a file out; what is shown is searched."""
        place = Path(node["RUN_DATABASE_URI"]).parent
        files = {f"{name}_FILE": place / name.lower() for name in ("INPUT", "OUTPUT", "TOKEN")}
        files["INPUT_FILE"].write_text(json.dumps({"method": method, "kwargs": named}), "utf-8")
        files["TOKEN_FILE"].write_text("token", "utf-8")
        given = node | {name: str(path) for name, path in files.items()}
        given = {name: _as_the_node_writes(value) for name, value in given.items()}
        self._shown(
            [str(self.python), "-P", "-c", WRAP], given | {"PKG_NAME": "causalsig_vantage6.algorithm"}
        )
        said = files["OUTPUT_FILE"].read_text("utf-8")
        self._searched(said)
        answer: dict[str, Any] = json.loads(said)
        return answer

    def central(self, step: str) -> dict[str, Any]:
        """Ask the centre, which asks the nodes through the tools' own client."""
        numbered = {str(number): node for number, node in enumerate(self.nodes.values())}
        given, answer = self.at.folder / "given.json", self.at.folder / "answer.json"
        told = {"nodes": numbered, "centre": self.centre, "step": step, "study": self.study}
        given.write_text(json.dumps(told), "utf-8")
        self._shown([str(self.python), "-P", str(PEER), str(given), str(answer)], {})
        said = answer.read_text("utf-8")
        self._searched(said)
        found: dict[str, Any] = json.loads(said)["answer"]
        return found

    def _shown(self, command: list[str], given: Mapping[str, str]) -> None:
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ALGORITHM), **given}
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False, timeout=SECONDS
        )
        self._searched(done.stdout + done.stderr)
        self.wrong += [f"what wraps a task ended with {done.returncode}"] * (done.returncode != 0)
        self.wrong += ["a traceback in the log of a task"] * ("Traceback" in done.stdout + done.stderr)

    def _searched(self, text: str) -> None:
        self.wrong += [f"{kind} at the coordinator ({how})" for kind, how in sorted(search_text(text))]

    def approve(self) -> None:
        """Let both people of each node approve what waits there."""
        for node in self.nodes.values():
            for role in ("operator", "checker"):
                waits = Path(node["RUN_DATABASE_URI"]) / "run" / "sites"
                self.at.run("release", "review", waits)
                who = ("--as", role, "--name", f"demo {role}", "--keys", node["KEYS_DATABASE_URI"], "--demo")
                said = self.at.run("release", "approve", waits, *who, "--outbox", node["OUTBOX_DATABASE_URI"])
                self.wrong += [f"an approval ended with {said.code}"] * (said.code != 0)

    def payloads(self) -> dict[str, bytes]:
        """Give what would leave of each municipality, as its node made it."""
        return payloads(Path(node["RUN_DATABASE_URI"]) / "run" for node in self.nodes.values())


def payloads(runs: Any) -> dict[str, bytes]:
    """Give what would leave of each municipality of some runs, byte for byte."""
    return {
        path.parent.name: json.dumps(json.loads(path.read_bytes())["document"], sort_keys=True).encode()
        for run in runs
        for path in run.glob("sites/*/review.json")
    }


def file_contract() -> dict[str, Any]:
    """Run and release each municipality through the container's files; nothing leaves before two approve."""
    with world() as at:
        said = at.desk.run(*at.run())
        there = Nodes(at.desk, tuple(SIZES), at.desk.folder / "study.toml", {})
        wrong = [f"on one machine the run ended with {said.code}"] * (said.code != 0)
        for node in there.nodes.values():
            wrong += _other(there.asked(node, "partial_run", study="0" * 64), "other-study")
            wrong += _other(there.asked(node, "partial_run", study=there.study), "run-ended")
            wrong += _other(there.asked(node, "partial_release", study=there.study), "not-released")
        there.approve()
        for node in there.nodes.values():
            given = there.asked(node, "partial_release", study=there.study)
            held = [path.read_bytes() for path in Path(node["OUTBOX_DATABASE_URI"]).glob("*.release.json")]
            wrong += _other(given, "released")
            if [base64.b64decode(one) for one in given.get("envelopes", [])] != held or not held:
                wrong.append("other bytes than those two people signed")
        return _told(there, wrong, at.payloads())


def five_nodes() -> dict[str, Any]:
    """Let the centre ask five nodes with canaries in their cells: to run, and for what was approved."""
    codes = tuple(codes_of(5))
    with desk(codes) as at:
        for code in codes:
            plant(at, code)
        study = _signed_study(at)
        given = (study, at.sources, "--inventory", at.inventory, "--keys", at.keys)
        at.run("site", "run", *given, "--out", at.folder / "run")
        there = Nodes(at, codes, study, {})
        wrong = _other(there.central("run"), "asked") + _other(there.central("pool"), "not-released")
        there.approve()
        pooled = there.central("pool")
        wrong += _other(pooled, "pooled")
        if pooled.get("pool"):
            path = at.folder / "received.json"
            path.write_bytes(base64.b64decode(pooled["pool"]))
            said = at.run("release", "verify", path, "--keys", at.keys, "--demo")
            wrong += ["a pool that does not verify"] * (said.code != 0)
        return _told(there, wrong + at.search(), payloads([at.folder / "run"]))


def canaries(kinds: tuple[str, ...] = tuple(WORKER_CODES)) -> dict[str, Any]:
    """Let the process of each site end in another way beside planted rows; search what a server would see."""
    codes = tuple(codes_of(len(kinds)))
    with desk(codes) as at:
        for code in codes:
            plant(at, code)
        there = Nodes(at, codes, _signed_study(at), sabotage(dict(zip(codes, kinds, strict=True))))
        wrong = []
        for kind, node in zip(kinds, there.nodes.values(), strict=True):
            wanted = "run-ended" if kind == "speak" else "run-incomplete"
            found = there.asked(node, "partial_run", study=there.study)
            wrong += [f"{kind}: {text}" for text in _other(found, wanted)]
        return {"wrong": wrong + there.wrong + at.search(), "compared": 0, "differ": 0, "ends": len(kinds)}


def _inventory(at: Desk, top: Path, code: str | None) -> Path:
    """Write the part of the inventory that is of this node's site."""
    head, *sites = at.inventory.read_text("utf-8").split("[[sites]]")
    kept = [text for text in sites if f'code = "{code}"' in text]
    path = top / "inventory.toml"
    path.write_text("[[sites]]".join([head, *kept]), "utf-8")
    return path


def _signed_study(at: Desk) -> Path:
    from causalsig.release.keys import read_signing_key
    from causalsig.release.signed_study import sign_study
    from causalsig.study.read import default_study_text

    path = at.folder / "study.toml"
    path.write_text(default_study_text(), "utf-8")
    sign_study(path, key=read_signing_key(at.keys, "university"))
    return path


def _as_the_node_writes(value: str) -> str:
    """Encode a variable as a v4 node does: base32, with another sign for the padding."""
    return base64.b32encode(value.encode()).decode().replace("=", "!")


def _other(found: Mapping[str, Any], wanted: str) -> list[str]:
    return [f"{found.get('code')} in place of {wanted}"] * (found.get("code") != wanted)


def _told(there: Nodes, wrong: list[str], here: dict[str, bytes]) -> dict[str, Any]:
    found = there.payloads()
    differ = sum(found.get(code) != content for code, content in here.items())
    digest = hashlib.sha256(b"".join(here[code] for code in sorted(here))).hexdigest()
    return {
        "wrong": wrong + there.wrong + there.at.wrong,
        "compared": len(here),
        "differ": differ + len(found.keys() - here.keys()),
        "digest": digest,
    }


PARTS: Final[Mapping[str, Callable[[], dict[str, Any]]]] = {
    "vantage6, the container's files": file_contract,
    "vantage6, five nodes": five_nodes,
    "vantage6, canaries": canaries,
}
