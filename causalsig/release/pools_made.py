"""The pools that were made to be shown: so that no two of them differ by one municipality, or by two.

A pool of some sites and the pool after one more joined, subtracted, is that one. Each is held by floors of
its own, and only who remembers the first can refuse the second. ``pools/pools.jsonl`` lies beside the
university's private key, and not among the pools: another folder for the next pool does not forget. It is a
signed hash chain (:mod:`causalsig.release.chain`), and holds no number of anybody.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import Field, ValidationError, model_validator

from causalsig.errors import RefusedError, ReleaseError
from causalsig.release.chain import Chain, Link
from causalsig.release.files import sweep, write_atomic
from causalsig.release.keys import SigningKey, TrustedKeys, read_public_keys
from causalsig.release.ledger import now
from causalsig.release.strict_json import canonical
from causalsig.release.value_types import Closed, Hash

POOLS_FOLDER: Final = "pools"
POOLS_FILE: Final = "pools.jsonl"
FEWEST: Final = 3
"""Municipalities that come, or go, between two pools, unless nobody does: one of three that puts its own
result beside both pools still meets two others, as nobody else meets fewer than three."""
FEW_CHANGED: Final = "pool-few-changed"

Marks = frozenset[str]
Bits = Annotated[str, Field(pattern=r"^[0-9a-f]{1,250}$")]


class MadePool(Closed):
    """A line: a pool that was made to be shown.

    Attributes
    ----------
    sites : tuple of str
        A mark of each site with the releases of it that were in; sorted.
    shown : mapping of str to str
        By every number that was shown which of the sites were in it: bits in hexadecimal, the first site
        lowest.
    """

    event: Literal["made"] = "made"
    study_digest: Hash
    sites: tuple[Hash, ...] = Field(max_length=1000)
    shown: dict[str, Bits]
    at: str

    @model_validator(mode="after")
    def _of_its_sites(self) -> MadePool:
        if any(int(bits, 16) >> len(self.sites) for bits in self.shown.values()):
            raise ValueError("a number of sites that were not in the pool")
        return self

    @property
    def marks(self) -> Marks:
        """Marks of the sites that were in it."""
        return frozenset(self.sites)

    def marks_of(self, number: str) -> Marks | None:
        """Give the marks of the sites behind one number; None where it was not shown."""
        if number not in self.shown:
            return None
        bits = int(self.shown[number], 16)
        return frozenset(mark for place, mark in enumerate(self.sites) if bits >> place & 1)


@dataclass(frozen=True, slots=True)
class PoolsMade:
    """What is remembered beside a university's private key.

    Parameters
    ----------
    folder : Path
        Folder of the key.
    """

    folder: Path

    @property
    def chain(self) -> Chain:
        """Its lines."""
        return Chain(self.folder / POOLS_FOLDER / POOLS_FILE, "pools")

    def create(self) -> None:
        """Begin a memory that holds nothing; one that is there stays as it is."""
        if self.chain.path.exists():
            sweep(self.chain.path)
            return
        self.chain.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_atomic(self.chain.path, b"", mode=0o600)

    def of_study(self, digest: str, key: SigningKey) -> tuple[MadePool, ...]:
        """Give the pools of one study, every line signed by the university.

        Parameters
        ----------
        digest : str
        key : SigningKey
            The university's; its earlier ones stand beside it as public keys.

        Raises
        ------
        ReleaseError
            ``pool-memory-absent``; as :meth:`Chain.links`.
        """
        self._check_there()
        return _of_study(self.chain.links(self._trusted(key)), digest)

    def verify(self, trusted: TrustedKeys) -> tuple[Link, ...]:
        """Check every line and every signature, and give them.

        Raises
        ------
        ReleaseError
            ``pool-memory-absent``; as :meth:`Chain.links`.
        """
        self._check_there()
        links = self.chain.links(trusted)
        for link in links:
            _read(link.number, link.content)
        return links

    def _trusted(self, key: SigningKey) -> TrustedKeys:
        known = (one for one in read_public_keys(self.folder) if one.role == key.public.role)
        return TrustedKeys((key.public, *known))

    def _check_there(self) -> None:
        if not self.chain.path.exists():
            raise ReleaseError(
                "pool-memory-absent",
                expected=f"the memory of the pools that were made ({POOLS_FILE}), which is made with the "
                "university's key",
                found="none beside that key",
                mend="Put back a copy. Only if no pool was ever shown: causalsig ledger new FOLDER --pools, "
                "with the folder of that key.",
                where=self.folder.name,
            )

    def record(self, digest: str, sites: Marks, shown: Mapping[str, Marks], key: SigningKey) -> None:
        """Remember a pool before it is written; the same sites and numbers again are the same pool.

        Raises
        ------
        RefusedError
            ``pool-few-changed``.
        ReleaseError
            ``pool-memory-absent``; as :meth:`Chain.links`.
        """
        self._check_there()
        with self.chain.held() as links:
            self.chain.links(self._trusted(key))
            earlier = _of_study(links, digest)
            refuse_few_changed(sites, earlier)
            order = tuple(sorted(sites))
            bits = {number: _bits(order, marks) for number, marks in sorted(shown.items())}
            if any((one.sites, one.shown) == (order, bits) for one in earlier):
                return
            line = MadePool(study_digest=digest, sites=order, shown=bits, at=now())
            self.chain.append(links, line.model_dump(mode="json"), key)


def site_mark(code: str, releases: list[str]) -> str:
    """Give what stands for a site with its releases: another release of it gives another mark.

    Parameters
    ----------
    code : str
        The site's code.
    releases : list of str
        Hashes of its documents.
    """
    return hashlib.sha256(canonical({"releases": sorted(releases), "site": code})).hexdigest()


def few_changed(now_in: Marks, before: Marks) -> bool:
    """Say whether one or two came, or one or two went; a site whose release was replaced did both."""
    return any(0 < len(changed) < FEWEST for changed in (now_in - before, before - now_in))


def refuse_few_changed(sites: Marks, earlier: tuple[MadePool, ...]) -> None:
    """Refuse a pool that differs by one site or two from any that was made.

    Raises
    ------
    RefusedError
        ``pool-few-changed``.
    """
    if any(few_changed(sites, one.marks) for one in earlier):
        raise RefusedError(
            FEW_CHANGED,
            expected="the same releases as in an earlier pool of this study, or those of at least "
            f"{FEWEST} municipalities that came and of none or {FEWEST} that went",
            found="a pool with which an earlier one would tell what one or two municipalities found",
            mend="Pool again: it is then for the statistician only, and the earlier one stands.",
        )


def _of_study(links: tuple[Link, ...], digest: str) -> tuple[MadePool, ...]:
    found = (_read(link.number, link.content) for link in links)
    return tuple(one for one in found if one.study_digest == digest)


def _read(number: int, content: dict[str, Any]) -> MadePool:
    try:
        return MadePool.model_validate_json(json.dumps(content))
    except ValidationError:
        raise ReleaseError(
            "ledger-tampered",
            expected="lines of this version of causalsig",
            found=f"another at line {number}",
            mend="Use the version that wrote it, or put back a copy that verifies.",
            where=POOLS_FILE,
        ) from None


def _bits(order: tuple[str, ...], marks: Marks) -> str:
    return f"{sum(1 << place for place, mark in enumerate(order) if mark in marks):x}"
