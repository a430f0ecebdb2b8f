"""A site's process in a room of its own: no network, its own source to read, its own folder to write.

Done with bubblewrap (``bwrap``) where that is installed and the kernel lets a user make namespaces.
"""

from __future__ import annotations

import os
import shutil
import site
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from causalsig.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from causalsig.execution.worker import Job

Isolate = Literal["auto", "yes", "no"]
SECONDS: Final = 30.0
_SYSTEM: Final = (
    "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/etc/ld.so.cache", "/etc/localtime",
    "/etc/alternatives",
)  # fmt: skip
_ROOM: Final = ("--die-with-parent", "--unshare-all", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp")


def isolated(asked: Isolate) -> bool:
    """Say whether sites run in rooms of their own: as asked, and with "auto" where this machine can.

    Raises
    ------
    SourceError
        ``site-not-isolated``: asked for, and this machine cannot.
    """
    if asked == "no":
        return False
    reason = why_not()
    if reason is not None and asked == "yes":
        raise SourceError(
            "site-not-isolated",
            expected="a machine on which bubblewrap works",
            found=reason,
            mend="Install bubblewrap and allow user namespaces, or say --isolate auto or no.",
            where="--isolate",
        )
    return reason is None


def why_not() -> str | None:
    """Say what keeps sites from rooms of their own on this machine; None when nothing does."""
    program = shutil.which("bwrap")
    if program is None:
        return "no bwrap on the path"
    python = [sys.executable, "-P", "-c", "import causalsig"]
    try:
        done = subprocess.run(
            [program, *_ROOM, *_readable(_ours()), *python],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=environment(os.environ),
            timeout=SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return "bwrap that does not start"
    return None if done.returncode == 0 else "bwrap that this kernel does not let make a room"


def room(job: Job, command: Sequence[str]) -> list[str]:
    """Give the command that runs another one in the room of a job.

    It sees the system's and our own programs, the study, the inventory, the provider's key and the source,
    none of which it can write, and the site's folder. A source that is a database needs the network, and may
    be any file: its process reads what this user reads, and still writes nowhere else.
    """
    from causalsig.sources.database_address import is_address_file

    source = Path(job.source)
    if is_address_file(source):
        seen = ["--die-with-parent", "--unshare-all", "--share-net", "--ro-bind", "/", "/"]
        seen += ["--proc", "/proc", "--dev", "/dev"]
    else:
        given = (Path(job.study), Path(job.inventory), Path(job.keys) / "provider.key", source)
        seen = [*_ROOM, *_readable((*_ours(), *given))]
    return [shutil.which("bwrap") or "bwrap", *seen, "--bind", job.folder, job.folder, *command]


def environment(given: Iterable[tuple[str, str]] | os._Environ[str]) -> dict[str, str]:
    """Environment with the folders of PYTHONPATH told from the root: the room begins elsewhere."""
    found = dict(given)
    if found.get("PYTHONPATH"):
        parts = [part for part in found["PYTHONPATH"].split(os.pathsep) if part]
        found["PYTHONPATH"] = os.pathsep.join(str(Path(part).resolve()) for part in parts)
    return found


def _ours() -> list[Path]:
    """Folders that Python and causalsig are run from."""
    packages = [*site.getsitepackages(), site.getusersitepackages()]
    search = [part for part in os.environ.get("PYTHONPATH", "").split(os.pathsep) if part]
    prefixes = (sys.prefix, sys.base_prefix, sys.exec_prefix, str(Path(sys.executable).resolve().parent))
    own = str(Path(__file__).parents[1])
    return [Path(part).absolute() for part in (*_SYSTEM, *prefixes, *packages, *search, own)]


def _readable(paths: Iterable[Path]) -> list[str]:
    """Arguments that show paths read-only, a folder before what lies in it."""
    seen = sorted({str(path) for path in paths} | {str(path.resolve()) for path in paths if path.exists()})
    return [word for path in seen for word in ("--ro-bind-try", path, path)]
