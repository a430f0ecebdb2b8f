"""`causalsig doctor`: whether this machine is fit to run a study."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import warnings
from dataclasses import asdict, dataclass
from importlib import import_module, metadata
from pathlib import Path
from typing import Annotated, Literal

import typer

from causalsig import __version__
from causalsig.texts import LANGUAGES, catalogue

# Import name and distribution of what a run needs; the order is the order on the screen.
_LIBRARIES = {
    "numpy": "numpy",
    "scipy": "scipy",
    "pandas": "pandas",
    "sklearn": "scikit-learn",
    "pydantic": "pydantic",
    "python_calamine": "python-calamine",
    "xlsxwriter": "xlsxwriter",
    "cryptography": "cryptography",
    "rfc8785": "rfc8785",
    "jinja2": "jinja2",
    "matplotlib": "matplotlib",
    "threadpoolctl": "threadpoolctl",
    "dowhy": "dowhy",
    "econml": "econml",
}
_FREE_DISK_GB = 1.0  # the demo writes about 100 MB; below this a run may stop half-way
_MEMORY_GB = 2.0  # one site of a large city with its libraries loaded, two processes at a time


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at: its name, whether it is as it must be, and what was found."""

    name: str
    passed: bool
    found: str


def command(
    format_: Annotated[Literal["text", "json"], typer.Option("--format", help="How to print.")] = "text",
) -> None:
    """Check that this machine can run a study; exit code 1 when something is missing."""
    checks = examine()
    if format_ == "json":
        typer.echo(json.dumps([asdict(check) for check in checks], indent=2))
    else:
        for check in checks:
            typer.echo(f"{'ok     ' if check.passed else 'MISSING'}  {check.name}: {check.found}")
    if not all(check.passed for check in checks):
        typer.echo("causalsig: this machine is not ready; mend what is marked MISSING.", err=True)
        raise typer.Exit(1)


def examine() -> list[Check]:
    """Look at everything a run needs, and change nothing."""
    return [
        Check("causalsig", True, __version__),
        _python(),
        *(_library(module, name) for module, name in _LIBRARIES.items()),
        _texts(),
        _machine(),
        _isolation(),
        _disk(Path.cwd(), "working folder"),
        _disk(Path(tempfile.gettempdir()), "temporary folder"),
    ]


def _python() -> Check:
    version = sys.version_info
    found = f"{version.major}.{version.minor}.{version.micro} (needed: 3.11, 3.12 or 3.13)"
    return Check("Python", (3, 11) <= version[:2] <= (3, 13), found)


def _library(module: str, distribution: str) -> Check:
    """Import for real: an installed library whose binary part does not load is of no use."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # their deprecations are ours to read in the tests
            import_module(module)
        return Check(distribution, True, metadata.version(distribution))
    except Exception as error:
        return Check(distribution, False, f"does not load ({type(error).__name__}); install the lock again")


def _texts() -> Check:
    counts = {language: len(catalogue(language)) for language in LANGUAGES}
    found = ", ".join(f"{language} {count}" for language, count in counts.items())
    return Check("texts", len(set(counts.values())) == 1, found)


def _machine() -> Check:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    found = f"{os.cpu_count()} cores, {memory:.1f} GB memory (needed: {_MEMORY_GB:.0f})"
    return Check("machine", memory >= _MEMORY_GB, found)


def _isolation() -> Check:
    """Rooms of their own for sites are an extra: that there are none is no reason not to run."""
    from causalsig.execution.isolation import why_not

    reason = why_not()
    return Check("isolation", True, "bubblewrap works" if reason is None else f"none: {reason} (not needed)")


def _disk(folder: Path, name: str) -> Check:
    free = shutil.disk_usage(folder).free / 1e9
    writable = os.access(folder, os.W_OK)
    found = f"{'writable' if writable else 'not writable'}, {free:.1f} GB free (needed: {_FREE_DISK_GB:.0f})"
    return Check(name, writable and free >= _FREE_DISK_GB, found)
