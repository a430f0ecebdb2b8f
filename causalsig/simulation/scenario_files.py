"""Scenario files: found by name or path, inherited from a base, checked, or refused with where and why."""

from __future__ import annotations

import tomllib
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from causalsig.errors import SimulationError
from causalsig.simulation.scenario import EffectName, Scenario

if TYPE_CHECKING:
    from collections.abc import Mapping

_OWN: Final = ("name", "about")
"""Keys every file says for itself."""
_WHOLE: Final = ("policies", "retention", "acceptance_coding")
"""Tables of shares that add to 1: a file that gives one replaces it whole."""
_DEEPEST: Final = 8


def scenario_names() -> tuple[str, ...]:
    """Names of the packaged scenarios."""
    folder = resources.files("causalsig.simulation") / "scenarios"
    return tuple(sorted(Path(f.name).stem for f in folder.iterdir() if f.name.endswith(".toml")))


def list_scenarios() -> tuple[tuple[str, str], ...]:
    """Name and one sentence of every packaged scenario."""
    return tuple((name, load_scenario(name).about) for name in scenario_names())


def load_scenario(name: str | Path, effect: EffectName | None = None) -> Scenario:
    """Read a packaged scenario by name, or a TOML file by path.

    A file may begin with ``base = "..."``: another scenario by name, or a path beside the file. Its tables
    are merged into those of the base, key by key; tables of shares and lists replace the base's whole.

    Parameters
    ----------
    name : str or Path
        A name out of :func:`scenario_names`, or the path of a scenario file.
    effect : {"null", "modest", "fading", "subgroup", "harmful"}, optional
        Overrides the effect the file puts in force.

    Raises
    ------
    SimulationError
        ``simulation-scenario``: not found, not TOML, an unknown key or trap (the message says which was
        meant or lists what there is), a wrong type, no finite number, impossible shares, or
        files that are each other's base.
    """
    raw = _with_base(name, None, 0)
    if effect is not None:
        raw["effect"] = effect
    try:
        return Scenario.model_validate(raw)
    except ValidationError as failure:
        raise _invalid(name, failure) from None


def _with_base(name: str | Path, beside: Path | None, depth: int) -> dict[str, Any]:
    """Tables of a file merged into those of its bases."""
    if depth > _DEEPEST:
        raise _error(name, "a base that ends somewhere", "files that are each other's base")
    text, folder = _read(name, beside)
    try:
        raw: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        raise _error(name, "a TOML file", "text that is not TOML") from None
    if "base" not in raw:
        return raw
    base = raw.pop("base")
    if not isinstance(base, str):
        raise _error(name, "the name of a scenario at base", "something else")
    inherited = _with_base(base, folder, depth + 1)
    for key in _OWN:
        inherited.pop(key, None)
    return _merged(inherited, raw)


def _merged(base: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in own.items():
        deeper = isinstance(value, dict) and isinstance(merged.get(key), dict) and key not in _WHOLE
        merged[key] = _merged(merged[key], value) if deeper else value
    return merged


def _read(name: str | Path, beside: Path | None) -> tuple[str, Path | None]:
    """Text of a scenario, and the folder its own base is looked up in."""
    if isinstance(name, str) and name in scenario_names():
        return (resources.files("causalsig.simulation") / "scenarios" / f"{name}.toml").read_text(
            "utf-8"
        ), None
    path = Path(name) if beside is None else beside / name
    try:
        return path.read_text("utf-8"), path.parent
    except (OSError, UnicodeDecodeError):
        raise _error(name, f"one of {', '.join(scenario_names())}, or a readable file", "neither") from None


def _invalid(name: str | Path, failure: ValidationError) -> SimulationError:
    """Say where the first fault is and how to mend it, in the words a study's faults are told in."""
    from causalsig.study.read import explain_invalid

    details = failure.errors(include_input=False, include_url=False)
    # A misspelt key is missing as well; which one was meant says more.
    details.sort(key=lambda detail: detail["type"] != "extra_forbidden")
    key, expected, found, mend = explain_invalid(details[0], Scenario)
    more = f" ({len(details) - 1} more after this one)" if len(details) > 1 else ""
    return SimulationError(
        "simulation-scenario",
        expected=expected,
        found=found + more,
        mend=mend,
        where=f"scenario {Path(name).name}, {key}",
    )


def _error(name: str | Path, expected: str, found: str) -> SimulationError:
    return SimulationError(
        "simulation-scenario",
        expected=expected,
        found=found,
        mend="Copy a packaged scenario and change only the values you mean to change.",
        where=f"scenario {Path(name).name}",
    )
