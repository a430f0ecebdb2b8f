"""Set up causalsig on a fresh machine and run it: `python3 bootstrap.py demo` or `python3 bootstrap.py test`.

Needs Python 3.11, 3.12 or 3.13 and nothing else. Makes `.venv` beside this file, installs the hashed lock
and then causalsig itself, remembers what is installed by a digest, and runs the demo or the tests. What comes
after `demo` or `test` is passed on (`python3 bootstrap.py test -k texts`).
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
ENVIRONMENT = ROOT / ".venv"
MEMORY = ENVIRONMENT / "causalsig-installed.json"
OLDEST, NEWEST = (3, 11), (3, 13)
# The development lock holds everything the runtime lock does (a test compares them).
LOCKS = {"demo": "runtime.txt", "test": "dev.txt"}
COVERS = {"runtime.txt": ("runtime.txt",), "dev.txt": ("dev.txt", "runtime.txt")}


def main(arguments: list[str]) -> int:
    """Set up what the task needs, run it, and return its exit code."""
    if not arguments or arguments[0] not in LOCKS:
        print("usage: python3 bootstrap.py demo|test [options passed on]", file=sys.stderr)
        return 2
    problem = missing()
    if problem:
        print(f"bootstrap: {problem}", file=sys.stderr)
        return 2
    task, options = arguments[0], arguments[1:]
    if not set_up(LOCKS[task]):
        return 2
    if task == "demo":
        command = [str(ENVIRONMENT / "bin" / "causalsig"), "demo", *options]
        return subprocess.call(command)
    side_by_side = ["--numprocesses", "logical", "--dist", "worksteal"]
    return subprocess.call([str(python()), "-m", "pytest", *side_by_side, *options], cwd=ROOT)


def missing() -> str:
    """Say what this Python lacks to make an environment; empty when nothing."""
    version = sys.version_info[:2]
    if not OLDEST <= version <= NEWEST:
        return (
            f"expected Python 3.11, 3.12 or 3.13; found {version[0]}.{version[1]}. "
            "Start this file with one of those, for instance: python3.12 bootstrap.py demo"
        )
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError:
        package = f"python{version[0]}.{version[1]}-venv"
        return (
            "this Python cannot make a virtual environment (no venv or ensurepip). "
            f"On Debian or Ubuntu install the package {package}: apt-get install {package}"
        )
    return ""


def python() -> Path:
    """Return the interpreter of the environment."""
    return ENVIRONMENT / "bin" / "python"


def set_up(lock: str) -> bool:
    """Make the environment and install what is not there yet; say on stderr what is being done."""
    if not usable() and not make_environment():
        return False
    done = remembered()
    wanted = digest(ROOT / "requirements" / lock)
    if done.get(lock) != wanted:
        say(f"installing requirements/{lock} (about two minutes the first time)")
        if not pip("install", "--require-hashes", "-r", str(ROOT / "requirements" / lock)):
            return False
        # An older lock of the other task no longer describes the environment.
        done = {name: digest(ROOT / "requirements" / name) for name in COVERS[lock]}
        remember(done)
    package = f"{ROOT} {digest(ROOT / 'pyproject.toml')}"
    if done.get("causalsig") != package:
        say("installing causalsig from this folder")
        if not pip("install", "--no-deps", "--no-build-isolation", "-e", str(ROOT)):
            return False
        remember({**done, "causalsig": package})
    return True


def usable() -> bool:
    """Tell whether the environment is there, works, and has a Python that causalsig supports."""
    if not python().exists():
        return False
    check = "import pip, sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))"
    try:
        return subprocess.run([str(python()), "-c", check], capture_output=True).returncode == 0
    except OSError:
        return False


def make_environment() -> bool:
    """Make `.venv`; one that was left half-made is made again."""
    say("making .venv")
    made = subprocess.run([sys.executable, "-m", "venv", "--clear", str(ENVIRONMENT)])
    return made.returncode == 0 or fail("the virtual environment could not be made; the reason is above")


def pip(*arguments: str) -> bool:
    """Run pip of the environment; it speaks only when something goes wrong."""
    options = ["-qq", "--disable-pip-version-check", "--no-input"]
    # The user's own packages and settings of pip that change what is installed stay out.
    environment = {key: value for key, value in os.environ.items() if key not in ("PIP_USER", "PIP_TARGET")}
    done = subprocess.run([str(python()), "-m", "pip", *arguments, *options], env=environment)
    return done.returncode == 0 or fail("pip could not install; the reason is above")


def digest(path: Path) -> str:
    """SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def remembered() -> dict[str, str]:
    """Return what was installed, by digest; empty when nothing or unreadable."""
    try:
        found = json.loads(MEMORY.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def remember(done: dict[str, str]) -> None:
    """Write down what is installed, whole or not at all."""
    draft = MEMORY.with_suffix(".part")
    draft.write_text(json.dumps(done, indent=1), encoding="utf-8")
    draft.replace(MEMORY)


def say(message: str) -> None:
    """Tell what is being done, on stderr."""
    print(f"bootstrap: {message}", file=sys.stderr, flush=True)


def fail(message: str) -> bool:
    """Tell what went wrong; always False."""
    say(message)
    return False


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
