"""A dask scheduler and its nodes on loopback: real processes, certificates of an authority of their own."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

from evidence.claim import ROOT
from evidence.claims._canary_runs import Desk
from evidence.environments import make_environment, package_folder

LOCK: Final = ROOT / "requirements" / "dask.txt"
PATIENCE: Final = 120.0
"""Seconds after which something that should have happened will not."""
POLL: Final = 0.02


@cache
def path_of_dask() -> str:
    """Folder with what the lock of the extra holds and this environment does not."""
    pins = re.findall(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", LOCK.read_text("utf-8"), re.MULTILINE)
    lacking = [f"{name}=={wanted}" for name, wanted in pins if _installed(name) is None]
    if _installed("distributed") is not None:
        return ""
    return str(package_folder(make_environment("dask", lacking, alone=True), "distributed").parent)


def _installed(name: str) -> str | None:
    with suppress(PackageNotFoundError):
        return version(name)
    return None


def with_dask(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Environment of a program that can speak with a scheduler, beside what else is asked for."""
    found = dict(more or {})
    paths = [found.get("PYTHONPATH", ""), path_of_dask()]
    return found | {"PYTHONPATH": os.pathsep.join(path for path in paths if path)}


def certificates(folder: Path, name: str) -> tuple[Path, Path, Path]:
    """Make an authority and a certificate of it; give the authority, the certificate and its key, as PEM."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    folder.mkdir(parents=True, exist_ok=True)

    def named(what: str) -> Any:
        return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, f"{name} {what}")])

    def made(what: str, key: Any, signer: Any, *, authority: bool) -> Any:
        begin = datetime.now(UTC) - timedelta(minutes=5)
        built = x509.CertificateBuilder(
            issuer_name=named("authority"), subject_name=named(what), public_key=key.public_key()
        )
        built = built.serial_number(x509.random_serial_number())
        built = built.not_valid_before(begin).not_valid_after(begin + timedelta(days=1))
        known = x509.BasicConstraints(ca=authority, path_length=None)
        return built.add_extension(known, critical=True).sign(signer, hashes.SHA256())

    above, own = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    pem = serialization.Encoding.PEM
    plain = own.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    written = {
        "ca.pem": made("authority", above, above, authority=True).public_bytes(pem),
        "cert.pem": made("node", own, above, authority=False).public_bytes(pem),
        "key.pem": plain,
    }
    for file, content in written.items():
        (folder / file).write_bytes(content)
        (folder / file).chmod(0o600)
    return folder / "ca.pem", folder / "cert.pem", folder / "key.pem"


@dataclass(slots=True)
class Nodes:
    """A scheduler and its nodes, and the words with which a run is sent there."""

    desk: Desk
    scheduler: subprocess.Popen[bytes]
    address: str
    tls: tuple[Path, Path, Path]
    nodes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def words(self, tls: tuple[Path, Path, Path] | None = None) -> tuple[object, ...]:
        """Options of a run on these nodes, by default with the certificate that the scheduler knows."""
        named = zip(("--tls-ca", "--tls-cert", "--tls-key"), tls or self.tls, strict=True)
        return ("--engine", "dask", "--scheduler", self.address, *(word for pair in named for word in pair))

    def running(self, code: str) -> subprocess.Popen[bytes] | None:
        """Give the node that has the process of a site under way."""
        for node in self.nodes:
            if any(f"/sites/{code}/job.json" in words for words in _commands_below(node.pid)):
                return node
        return None

    def kill(self, node: subprocess.Popen[bytes]) -> None:
        """End a node at once, as a machine that loses its power."""
        self.nodes.remove(node)
        node.send_signal(signal.SIGKILL)
        node.wait()

    def lets_in(self, tls: tuple[Path, Path, Path] | None) -> bool:
        """Say whether the scheduler speaks with one who shows this certificate, or none."""
        wire = ssl.create_default_context(cafile=str(self.tls[0]))
        wire.check_hostname = False
        if tls is not None:
            wire.load_cert_chain(tls[1], tls[2])
        host, _, port = self.address.removeprefix("tls://").rpartition(":")
        try:
            with (
                socket.create_connection((host, int(port)), timeout=PATIENCE) as plain,
                wire.wrap_socket(plain) as spoken,
            ):
                return bool(spoken.recv(1))  # a scheduler greets whom it accepts
        except OSError:
            return False


@contextmanager
def nodes(desk: Desk, number: int = 2, *, more: Mapping[str, str] | None = None) -> Iterator[Nodes]:
    """Start a scheduler and nodes of one site each; what they say is kept in the folder of the desk."""
    place = desk.folder / "nodes"
    tls = certificates(place / "tls", "nodes")
    given = [
        word for pair in zip(("--tls-ca-file", "--tls-cert", "--tls-key"), tls, strict=True) for word in pair
    ]
    told = place / "scheduler.json"
    heads = ("--protocol", "tls", "--host", "127.0.0.1", "--port", "0", "--no-dashboard")
    started = [_start(desk, "scheduler", (*heads, "--scheduler-file", told, *given), with_dask(more))]
    try:
        address = wait_for(lambda: _address(told), "a scheduler")
        made = Nodes(desk, started[0], address, tls)
        options = (
            "--nworkers",
            "1",
            "--nthreads",
            "1",
            "--no-nanny",
            "--no-dashboard",
            "--memory-limit",
            "0",
        )
        for at in range(number):
            own = ("--name", f"node{at}", "--local-directory", place / f"node{at}")
            made.nodes.append(_start(desk, "worker", (address, *options, *own, *given), with_dask(more), at))
            started.append(made.nodes[-1])
        logs = [place / f"worker{at}.log" for at in range(number)]
        wait_for(lambda: all("Registered to" in log.read_text("utf-8") for log in logs), "nodes")
        yield made
    finally:
        for process in started:
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGKILL)
            process.wait()


def wait_for(condition: Callable[[], Any], what: str) -> Any:
    """Wait until something holds, and give it."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        found = condition()
        if found:
            return found
        time.sleep(POLL)
    raise RuntimeError(f"waited in vain for {what}")


def _start(
    desk: Desk, what: str, words: tuple[object, ...], more: Mapping[str, str], at: int | str = ""
) -> subprocess.Popen[bytes]:
    with (desk.folder / "nodes" / f"{what}{at}.log").open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "dask", what, *map(str, words)],
            cwd=desk.folder,
            env=desk.environment(more),
            stdout=log,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )


def _address(told: Path) -> str:
    with suppress(OSError, ValueError, KeyError):
        return str(json.loads(told.read_text("utf-8"))["address"])
    return ""


def _commands_below(process: int) -> list[str]:
    from causalsig.execution.limits import family

    found = []
    for child in family(process)[1:]:
        with suppress(OSError):
            found.append(Path(f"/proc/{child}/cmdline").read_bytes().replace(b"\0", b" ").decode())
    return found
