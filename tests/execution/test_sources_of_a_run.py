"""A run takes sources of every format: files of exports, and folders named after the municipality."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from causalsig.errors import SourceError
from causalsig.execution.digests import file_digest
from causalsig.execution.given import find_sources
from causalsig.execution.site import read_site
from causalsig.simulation.export.canonical import write_canonical
from causalsig.simulation.export.ddas import write_ddas
from causalsig.study.read import read_inventory


def test_files_and_folders_are_matched_to_sites(provider: Any, invented: Any) -> None:
    (provider.sources / "9001.xlsx").unlink()
    (provider.sources / "9002.xlsx").unlink()
    write_canonical(invented["9001"].tables, provider.sources / "9001")
    write_ddas(invented["9002"].tables, provider.sources / "9002.json")
    (provider.sources / "notes").mkdir()
    sites = read_inventory(provider.inventory)
    found = find_sources([provider.sources], sites).by_site
    assert {code: path.name for code, path in found.items()} == {
        "9001": "9001",
        "9002": "9002.json",
        "9003": "9003.xlsx",
    }
    alone = find_sources([provider.sources / "9001"], sites)
    assert (alone.by_site, alone.strangers) == ({"9001": provider.sources / "9001"}, 0)
    for code in ("9001", "9002"):
        site = sites.site(code)
        assert site is not None
        assert len(read_site(found[code], site).tables.signals) == len(invented[code].tables.signals)


def test_a_folder_and_a_file_for_one_site_are_refused(provider: Any) -> None:
    (provider.sources / "9001").mkdir()
    with pytest.raises(SourceError, match="site-source-twice"):
        find_sources([provider.sources], read_inventory(provider.inventory))


def test_the_digest_of_a_folder_changes_with_names_and_contents(tmp_path: Path) -> None:
    digests = []
    for name, content in (("a", b"1"), ("a", b"2"), ("b", b"2")):
        folder = tmp_path / str(len(digests))
        folder.mkdir()
        (folder / name).write_bytes(content)
        digests.append(file_digest(folder))
    assert len(set(digests)) == 3
    assert file_digest(tmp_path / "2") == digests[2]
