"""`bootstrap.py` needs a bare Python, says what is missing, and installs only what is not there yet."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def bootstrap(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleType:
    """`bootstrap.py` with an environment elsewhere and a pip that only writes down what it was asked."""
    module = ModuleType("bootstrap")
    module.__file__ = str(ROOT / "bootstrap.py")
    exec((ROOT / "bootstrap.py").read_text(encoding="utf-8"), module.__dict__)
    module.asked = []

    def pip(*arguments: str) -> bool:
        module.asked.append(arguments)
        return True

    monkeypatch.setattr(module, "pip", pip)
    monkeypatch.setattr(module, "usable", lambda: True)
    monkeypatch.setattr(module, "MEMORY", tmp_path / "memory.json")
    return module


def pins(lock: str) -> dict[str, str]:
    lines = (ROOT / "requirements" / lock).read_text(encoding="utf-8").splitlines()
    found = [re.match(r"(\S+)==(\S+?)(?: ;.*)? \\$", line) for line in lines]
    return {match[1]: match[2] for match in found if match}


def test_it_imports_the_standard_library_only() -> None:
    tree = ast.parse((ROOT / "bootstrap.py").read_text(encoding="utf-8"))
    names = {
        (node.module if isinstance(node, ast.ImportFrom) else alias.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    assert names and all(str(name).split(".")[0] in sys.stdlib_module_names for name in names), names


@pytest.mark.parametrize("version", [(3, 9, 2), (3, 10, 13), (3, 14, 0)])
def test_another_python_is_named_with_what_is_needed(bootstrap, monkeypatch, version) -> None:
    monkeypatch.setattr(sys, "version_info", version)
    assert re.match(rf"expected Python 3.11, 3.12 or 3.13; found 3\.{version[1]}\.", bootstrap.missing())


@pytest.mark.parametrize("module", ["venv", "ensurepip"])
def test_the_missing_debian_package_is_named(bootstrap, monkeypatch, module: str) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    package = f"python{sys.version_info[0]}.{sys.version_info[1]}-venv"
    assert f"apt-get install {package}" in bootstrap.missing()


@pytest.mark.parametrize("arguments", [[], ["install"]])
def test_an_unknown_task_is_a_usage_error(bootstrap, capsys, arguments: list[str]) -> None:
    assert bootstrap.main(arguments) == 2
    assert "demo|test" in capsys.readouterr().err


def test_the_second_set_up_installs_nothing(bootstrap) -> None:
    assert bootstrap.set_up("dev.txt")
    assert [arguments[1] for arguments in bootstrap.asked] == ["--require-hashes", "--no-deps"]
    assert bootstrap.set_up("dev.txt") and bootstrap.set_up("runtime.txt")
    assert len(bootstrap.asked) == 2


def test_after_the_demo_the_tests_still_get_their_lock(bootstrap) -> None:
    bootstrap.set_up("runtime.txt")
    bootstrap.set_up("dev.txt")
    assert [arguments[-1].rsplit("/")[-1] for arguments in bootstrap.asked if "-r" in arguments] == [
        "runtime.txt",
        "dev.txt",
    ]


def test_a_changed_lock_is_installed_again(bootstrap) -> None:
    bootstrap.set_up("dev.txt")
    bootstrap.remember({**bootstrap.remembered(), "dev.txt": "digest of an older lock"})
    bootstrap.asked.clear()
    bootstrap.set_up("dev.txt")
    assert any("-r" in arguments for arguments in bootstrap.asked)


def test_a_failed_install_is_not_remembered(bootstrap, monkeypatch) -> None:
    monkeypatch.setattr(bootstrap, "pip", lambda *_: False)
    assert not bootstrap.set_up("dev.txt")
    assert bootstrap.remembered() == {}


def test_the_development_lock_holds_the_runtime_lock() -> None:
    runtime, development = pins("runtime.txt"), pins("dev.txt")
    assert len(runtime) > 20
    assert runtime.items() <= development.items()


@pytest.mark.parametrize("lock", ["runtime.txt", "dev.txt"])
def test_a_lock_names_no_index(lock: str) -> None:
    text = (ROOT / "requirements" / lock).read_text(encoding="utf-8")
    assert "://" not in text and "--index" not in text and "--find-links" not in text


def test_the_readme_prints_both_commands() -> None:
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    assert {"python3 bootstrap.py demo", "python3 bootstrap.py test"} <= set(lines)
