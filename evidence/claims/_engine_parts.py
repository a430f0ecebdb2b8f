"""Runs on the nodes of a scheduler beside runs on one machine: undisturbed, disturbed, refused, canaries."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final

from evidence.claims._canary_failures import WORKER_CODES, plant, sabotage
from evidence.claims._canary_runs import STUDY, Said, codes_of, desk
from evidence.claims._nodes import certificates, nodes, wait_for, with_dask
from evidence.claims._provider_world import SIZES, World, world

LARGE: Final = "9201"
"""Municipality whose process takes long enough to be met on its way."""
Part = Callable[[], dict[str, Any]]


@cache
def one_machine() -> dict[str, bytes]:
    """Payloads of a run on this machine, one site at a time, with dask installed but not used."""
    with world() as at:
        said = at.desk.run(*at.run("--workers", 1), more=with_dask())
        if said.code or at.desk.wrong or sorted(at.payloads()) != sorted(SIZES):
            raise RuntimeError("the run on one machine does not come to its end")
        return at.payloads()


def side_by_side() -> dict[str, Any]:
    """Run two at a time on this machine."""
    with world() as at:
        return _compared(at, at.desk.run(*at.run("--workers", 2), more=with_dask()))


def on_nodes() -> dict[str, Any]:
    """Run on two nodes that nothing disturbs."""
    with world() as at, nodes(at.desk) as there:
        return _compared(at, at.desk.run(*at.run(*there.words()), more=with_dask()))


def a_node_killed() -> dict[str, Any]:
    """End the node that has the largest site under way: another runs it, nothing is lost or doubled."""
    with world() as at, nodes(at.desk) as there:
        begun = at.desk.start(*at.run(*there.words()), more=with_dask())
        there.kill(wait_for(lambda: there.running(LARGE), "the process of a site"))
        found = _compared(at, _ended(at, begun))
        taken = [line.split()[1] for line in (at.out / "run.log").read_text("utf-8").splitlines()]
        if sorted(code for code in taken if code in SIZES) != sorted(SIZES):
            found["wrong"].append("a site that is told not once")
        return found


def nodes_and_then_none() -> dict[str, Any]:
    """End every node on its way: what was under way is told as lost, and the next run, here, makes it."""
    with world() as at, nodes(at.desk) as there:
        begun = at.desk.start(*at.run(*there.words()), more=with_dask())
        wait_for(lambda: there.running(LARGE), "the process of a site")
        for node in list(there.nodes):
            there.kill(node)
        said = _ended(at, begun)
        wrong = [f"without nodes the run ended with {said.code}"] * (said.code != 2)
        wrong += at.table(said, {LARGE: "site-node-lost"} | _other_rows(said))
        found = _compared(at, at.desk.run(*at.run("--retry-failed"), more=with_dask()), every=False)
        return found | {"wrong": wrong + found["wrong"]}


def the_scheduler_killed() -> dict[str, Any]:
    """End the scheduler on its way: the run says so, and the next one, here, makes what is lacking."""
    with world() as at, nodes(at.desk) as there:
        begun = at.desk.start(*at.run(*there.words()), more=with_dask())
        wait_for(lambda: there.running(LARGE), "the process of a site")
        there.scheduler.kill()
        said = _ended(at, begun)
        wrong = [f"without a scheduler the run ended with {said.code}"] * (said.code != 2)
        found = _compared(at, at.desk.run(*at.run("--retry-failed"), more=with_dask()), every=False)
        return found | {"wrong": wrong + found["wrong"]}


def strangers() -> dict[str, Any]:
    """Come without a certificate, with that of another authority, and without encryption."""
    with world() as at, nodes(at.desk, 1) as there:
        other = certificates(at.desk.folder / "nodes" / "other", "another")
        wrong = ["a stranger was let in"] * there.lets_in(None)
        wrong += ["a stranger with a certificate of another authority was let in"] * there.lets_in(other)
        wrong += ["who is known was not let in"] * (not there.lets_in(there.tls))
        words = there.words()
        plain = tuple(str(word).replace("tls://", "tcp://") for word in words)
        for name, given, code in (
            ("another authority", there.words((there.tls[0], *other[1:])), "run-scheduler-unreachable"),
            ("no encryption", plain, "run-scheduler-not-encrypted"),
            ("no certificate", words[:4], "run-scheduler-not-encrypted"),
        ):
            said = at.desk.run(*at.run(*given), more=with_dask())
            wrong += [f"{name}: not refused with {code}"] * (said.code != 2 or f"[{code}]" not in said.err)
        wrong += ["a site was begun for a stranger"] * any(at.out.glob("sites/*/job.json"))
        return {"wrong": wrong + at.desk.wrong, "compared": 0, "differ": 0}


def another_program() -> dict[str, Any]:
    """Offer a node with other packages: nothing is begun on it."""
    with world() as at:
        other = at.desk.folder / "other" / "stranger-1.0.dist-info"
        other.mkdir(parents=True)
        (other / "METADATA").write_text("Metadata-Version: 2.1\nName: stranger\nVersion: 1.0\n", "utf-8")
        with nodes(at.desk, 1, more={"PYTHONPATH": str(other.parent)}) as there:
            said = at.desk.run(*at.run(*there.words()), more=with_dask())
        wrong = ["a node with another program was not refused"] * (
            "[site-node-other-program]" not in said.err
        )
        wrong += ["a site was begun with another program"] * any(at.out.glob("sites/*"))
        return {"wrong": wrong + at.desk.wrong, "compared": 0, "differ": 0}


def canaries(kinds: tuple[str, ...] = tuple(WORKER_CODES)) -> dict[str, Any]:
    """Let the process of each site end in another way beside planted rows, on nodes.

    What the command shows, what the scheduler and the nodes log, and every file but the sources are searched.
    """
    codes = codes_of(len(kinds))
    with desk(codes) as at:
        for code in codes:
            plant(at, code)
        told_to = dict(zip(codes, kinds, strict=True))
        with nodes(at, more=sabotage(told_to)) as there:
            given = (at.sources, "--inventory", at.inventory, "--keys", at.keys, "--out", at.folder / "run")
            said = at.run("site", "run", STUDY, *given, *there.words(), more=with_dask(sabotage({})))
        wrong = list(at.search())
        rows = {line.split()[0]: line for line in said.out.splitlines() if line[:1].isdigit()}
        wrong += [
            f"{kind}: another code than {WORKER_CODES[kind]}"
            for code, kind in told_to.items()
            if kind != "speak" and WORKER_CODES[kind] not in rows.get(code, "")
        ]
        return {"wrong": wrong, "compared": 0, "differ": 0, "files": at.files, "ends": len(rows)}


def _ended(at: World, begun: Any) -> Said:
    out, err = begun.communicate()
    return at.desk.judged(Said(begun.returncode, out.decode(), err.decode()), ("site", "run"))


def _other_rows(said: Said) -> dict[str, str]:
    """Rows of the sites that may have ended before the nodes did, as they are."""
    rows = {line.split()[0]: line.split()[1] for line in said.out.splitlines() if line[:1].isdigit()}
    return {code: status for code, status in rows.items() if code != LARGE}


def _compared(at: World, said: Said, *, every: bool = True) -> dict[str, Any]:
    """Compare what would leave with the run on one machine; ``every``: each site must be in the table."""
    wrong = [f"the run ended with {said.code}"] * (said.code != 0) + at.desk.wrong + at.stray()
    wrong += at.table(said, dict.fromkeys(SIZES, "done")) if every else []
    record = json.loads((at.out / "run.json").read_text("utf-8"))
    wrong += ["a site with another status than done or kept"] * (
        not {row["status"] for row in record["sites"]} <= {"done", "kept"}
        or len(record["sites"]) != len(SIZES)
    )
    found, wanted = at.payloads(), one_machine()
    differ = sum(found.get(code) != content for code, content in wanted.items())
    return {"wrong": wrong, "compared": len(wanted), "differ": differ + len(found.keys() - wanted.keys())}


PARTS: Final[Mapping[str, Part]] = {
    "on one machine, two side by side": side_by_side,
    "on two nodes": on_nodes,
    "on two nodes, one killed": a_node_killed,
    "on nodes that all go": nodes_and_then_none,
    "the scheduler killed": the_scheduler_killed,
    "strangers": strangers,
    "a node with another program": another_program,
    "canaries on nodes": canaries,
}
