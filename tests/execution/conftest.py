"""Small invented sites: one in memory, three as the files of a provider. Made once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from causalsig.execution.invent import inventory_toml
from causalsig.execution.run import RunRequest
from causalsig.execution.truth import inventory_site
from causalsig.release.keys import new_keys, read_signing_key
from causalsig.release.signed_study import sign_study
from causalsig.simulation import SiteSpec, load_scenario, simulate_site
from causalsig.simulation.xxllnc import write_workbook
from causalsig.sources.schema import SiteTables
from causalsig.study.inventory import Site
from causalsig.study.models import Study
from causalsig.study.read import default_study_text, read_study
from causalsig.study.site_policy import SitePolicy

MONTHS = 30
DECLARED = "expected_risk = 0.1"
SMALL_ARMS = 0.2
"""Declared risk that asks for arms of 100 households, where the default study asks for 200."""
LARGE = SiteSpec("9001", "Voorbeeldstad 01", 25_000)
CITY = SiteSpec("9009", "Voorbeeldstad 09", 160_000)
SPECS = (
    LARGE,
    SiteSpec("9002", "Voorbeeldstad 02", 8_000, retention="strict6"),
    SiteSpec("9003", "Voorbeeldstad 03", 6_000),
)
EXTRACTED = load_scenario("ignorable").extracted_on


@dataclass(frozen=True)
class Invented:
    """A site in memory, with its entry in the inventory."""

    spec: SiteSpec
    tables: SiteTables
    site: Site


def invent(spec: SiteSpec, scenario: str = "ignorable") -> Invented:
    made = simulate_site(spec, load_scenario(scenario, "modest"), 1, months=MONTHS, truth=False)
    return Invented(spec, made.tables, inventory_site(spec, months=MONTHS, extracted_on=EXTRACTED))


@pytest.fixture(scope="session")
def study() -> Study:
    """The default study with the house's smallest arms, which these small sites can fill."""
    default = read_study("vroegsignalering")
    floors = default.disclosure.model_copy(update={"expected_risk": SMALL_ARMS})
    return default.model_copy(update={"disclosure": floors})


@pytest.fixture(scope="session")
def invented() -> dict[str, Invented]:
    return {spec.code: invent(spec) for spec in SPECS}


@pytest.fixture(scope="session")
def city() -> Invented:
    """A city whose groups hold twice the smallest arm, where anybody may get any arm; never a file."""
    return invent(CITY, "clean")


@dataclass(frozen=True)
class Provider:
    """A provider's folder: sources, inventory and keys."""

    folder: Path
    sites: tuple[Site, ...]

    @property
    def study(self) -> Path:
        """The same study as the fixture `study`, as a file."""
        return self.folder / "study.toml"

    @property
    def inventory(self) -> Path:
        return self.folder / "inventory.toml"

    @property
    def sources(self) -> Path:
        return self.folder / "sources"

    @property
    def keys(self) -> Path:
        return self.folder / "keys"

    def request(self, out: Path, **changes: object) -> RunRequest:
        whole = RunRequest(self.study, self.inventory, (self.sources,), self.keys, out)
        return replace(whole, **changes)  # type: ignore[arg-type]

    def write_inventory(
        self, *, policies: Mapping[str, SitePolicy] | None = None, **agreements: dict[str, object]
    ) -> None:
        """Write the inventory anew; ``s9001={...}`` changes the agreement of site 9001."""
        own = policies or {}
        sites = tuple(
            site.model_copy(
                update={
                    "agreement": site.agreement.model_copy(update=agreements.get(f"s{site.code}", {})),
                    "policy": own.get(site.code, site.policy),
                }
            )
            for site in self.sites
        )
        self.inventory.write_text(inventory_toml(sites), encoding="utf-8")


@pytest.fixture(scope="session")
def original(tmp_path_factory: pytest.TempPathFactory, invented: dict[str, Invented]) -> Provider:
    provider = Provider(tmp_path_factory.mktemp("provider"), tuple(found.site for found in invented.values()))
    provider.sources.mkdir()
    for code, found in invented.items():
        write_workbook(found.tables, provider.sources / f"{code}.xlsx", name=found.spec.name)
    provider.write_inventory()
    text = default_study_text()
    assert DECLARED in text
    provider.study.write_text(text.replace(DECLARED, f"expected_risk = {SMALL_ARMS}"), encoding="utf-8")
    new_keys(provider.keys, demo=True)
    sign_study(provider.study, key=read_signing_key(provider.keys, "university"))
    return provider


@pytest.fixture
def provider(original: Provider, tmp_path: Path) -> Provider:
    """A provider of one's own, to spoil."""
    import shutil

    shutil.copytree(original.folder, tmp_path / "provider")
    return Provider(tmp_path / "provider", original.sites)


@pytest.fixture(scope="session")
def finished(original: Provider, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a whole run that nothing disturbed."""
    from causalsig.execution.run import run_sites

    out = tmp_path_factory.mktemp("finished") / "run"
    outcomes = run_sites(original.request(out))
    assert [outcome.status for outcome in outcomes] == ["done"] * 3, outcomes
    return out


@pytest.fixture
def leftovers() -> Callable[[Path], list[str]]:
    """Files that no reader should ever meet: temporary ones, and a run that counts without its record."""

    def find(out: Path) -> list[str]:
        found = [str(path) for path in out.rglob(".*")]
        for run in out.glob("sites/*/run.json"):
            found += [str(run) for name in ("site.json", "review.json") if not run.with_name(name).exists()]
        return found

    return find
