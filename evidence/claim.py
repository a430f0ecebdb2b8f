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
    """

    name: str
    text: str
    issue: int
    covers: tuple[str, ...]
    run: Callable[[Context], Verdict]

    def digest(self, root: Path = ROOT) -> str:
        """SHA-256 over the paths and contents of the covered code and of the claim itself.

        Raises
        ------
        ValueError
            A glob matches no file: the claim would speak of nothing.
        """
        own = f"evidence/claims/{self.name.replace('-', '_')}.py"
        found = {root / own} if (root / own).exists() else set()
        for pattern in self.covers:
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
    )
