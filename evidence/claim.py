"""Find the claims, and the digest of the code each of them speaks of."""

from __future__ import annotations

import hashlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evidence import claims

if TYPE_CHECKING:
    from evidence.context import Context

ROOT = Path(__file__).parents[1]
Verdict = Mapping[str, Any]
"""What `run` of a claim returns: `passed` (bool), `figures` (dict), perhaps `seed` and `replications`."""


@dataclass(frozen=True, slots=True)
class Claim:
    """One claim: a module of `evidence.claims`.

    Attributes
    ----------
    name : str
        The module's name with hyphens.
    text : str
        What is claimed, in a sentence or two (`CLAIM`).
    issue : int
        The issue that asks for it (`ISSUE`).
    covers : tuple of str
        Globs, from the top of the repository, of the code the claim speaks of (`COVERS`).
    run : callable
        Takes a `Context`, returns a `Verdict`.
    simulates : tuple of str, optional
        Of these globs those that a replication runs (`SIMULATES`), where the claim's own module and the rest
        only judge: then another judgement does not throw an hour of replications away.
    """

    name: str
    text: str
    issue: int
    covers: tuple[str, ...]
    run: Callable[[Context], Verdict]
    simulates: tuple[str, ...] | None = None

    def digest(self, root: Path = ROOT) -> str:
        """SHA-256 over the paths and contents of the covered code and of the claim itself.

        Raises
        ------
        ValueError
            A glob matches no file: the claim would speak of nothing.
        """
        own = f"evidence/claims/{self.name.replace('-', '_')}.py"
        return self._over((*self.covers, own) if (root / own).exists() else self.covers, root)

    def replications_digest(self, root: Path = ROOT) -> str:
        """Take the digest of what a replication runs: by default of all that the claim speaks of."""
        return self.digest(root) if self.simulates is None else self._over(self.simulates, root)

    def _over(self, patterns: tuple[str, ...], root: Path) -> str:
        found: set[Path] = set()
        for pattern in patterns:
            files = {path for path in root.glob(pattern) if path.is_file() and path.suffix != ".pyc"}
            if not files:
                raise ValueError(
                    f"claim {self.name}: expected files under {pattern!r}; found none. Mend COVERS."
                )
            found |= files
        total = hashlib.sha256()
        for path in sorted(found):
            content = hashlib.sha256(path.read_bytes()).hexdigest()
            total.update(f"{path.relative_to(root).as_posix()} {content}\n".encode())
        return total.hexdigest()


def all_claims() -> dict[str, Claim]:
    """Return every claim by name."""
    modules = sorted(item.name for item in pkgutil.iter_modules(claims.__path__) if item.name[0] != "_")
    return {claim.name: claim for claim in map(_load, modules)}


def _load(module_name: str) -> Claim:
    module = import_module(f"evidence.claims.{module_name}")
    return Claim(
        name=module_name.replace("_", "-"),
        text=" ".join(module.CLAIM.split()),
        issue=module.ISSUE,
        covers=tuple(module.COVERS),
        run=module.run,
        simulates=getattr(module, "SIMULATES", None),
    )
