"""Environments a claim makes for itself: other packages, or data that come in one, apart from our own."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evidence.claim import ROOT
from evidence.record import WORK

FOLDER = "environments"
DONE = "packages.txt"


def make_environment(name: str, packages: Sequence[str], *, root: Path = ROOT, alone: bool = False) -> Path:
    """Make a virtual environment with pinned packages, once, and return its folder.

    Parameters
    ----------
    name : str
        What it is for.
    packages : sequence of str
        Pinned, as ``name==version``.
    alone : bool
        Install these only, without what they depend on.

    Raises
    ------
    ValueError
        A package is not pinned.
    SystemExit
        It could not be made; says what is missing. A claim that cannot run does not hold.
    """
    if not all("==" in package for package in packages):
        raise ValueError(f"environment {name}: expected pinned packages, name==version; got {list(packages)}")
    wanted = "\n".join([sys.version.split()[0], str(alone), *packages])
    key = hashlib.sha256(wanted.encode()).hexdigest()[:12]
    folder = root / WORK / FOLDER / f"{name}-{key}"
    if (folder / DONE).exists():
        return folder
    shutil.rmtree(folder, ignore_errors=True)  # half made by a run that was killed
    folder.parent.mkdir(parents=True, exist_ok=True)
    _call(name, [sys.executable, "-m", "venv", str(folder)])
    install = [str(python_of(folder)), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    _call(name, [*install, *(["--no-deps"] if alone else []), *packages])
    (folder / DONE).write_text(wanted, encoding="utf-8")
    return folder


def python_of(folder: Path) -> Path:
    """Interpreter of an environment."""
    return folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def package_folder(folder: Path, package: str) -> Path:
    """Folder of an installed package, found without running anything of it."""
    found = sorted(folder.glob(f"[Ll]ib/**/site-packages/{package}"))
    if not found:
        raise SystemExit(f"expected {package} in {folder.name}; found none. Remove the folder and run again.")
    return found[0]


def run_peer(folder: Path, script: Path, arrays: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
    """Run a script in an environment: it reads an .npz (first argument) and writes JSON (second)."""
    with tempfile.TemporaryDirectory() as place:
        given, answer = Path(place) / "given.npz", Path(place) / "answer.json"
        np.savez(given, **dict(arrays))  # type: ignore[arg-type]
        _call(script.stem, [str(python_of(folder)), "-P", str(script), str(given), str(answer)])
        result: dict[str, Any] = json.loads(answer.read_text(encoding="utf-8"))
    return result


def _call(name: str, command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{name}: expected to run; it ended with {done.returncode}:\n{done.stderr[-2000:]}")
