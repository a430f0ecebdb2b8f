"""The one register of disclosure rules: what each judges, its reason code, its source and its function.

A rule is registered where it is written, with :func:`rule`. The engines of blocks and cells run what stands
here; so do the code list of the release, the page of fields and the page of a review read it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from types import MappingProxyType
from typing import Any, Final, Literal, TypeVar, get_args

Kind = Literal[
    "arm", "block", "classes", "nested", "question", "sensitivity", "balance", "regions", "groups", "rule",
    "given", "contacts", "threshold", "moved", "cell", "table", "count", "state", "private", "pool",
]  # fmt: skip
_KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule on one kind of thing; of a `block` or a `cell` its function says whether it may leave.

    ``reads`` are the keys of the study's floors that it reads.
    """

    kind: Kind
    code: str
    source: str
    function: Callable[..., Any]
    reads: tuple[str, ...] = ()


_FOUND: list[Rule] = []
_INDEX: Final = re.compile(r"\[\d+\]")
_MODULES: Final = (
    "rules", "nested", "censored", "sift", "beside", "grouped", "given", "contacts", "threshold_rules",
    "cell_rules", "profile_document", "private_mechanism", "pool_contrasts",
)  # fmt: skip
"""Where rules are registered; a test holds that no other module of the release names a code of its own."""

_WHOLE: Final[tuple[Kind, ...]] = ("arm", "block", "nested", "question")
JUDGED: Final = MappingProxyType[str, tuple[Kind, ...]](
    {
        "questions[].analyses": _WHOLE,
        "questions[].analyses[].sensitivity": ("sensitivity", "question"),
        "questions[].censored": (*_WHOLE, "classes"),
        "questions[].private": ("arm", "block", "private"),
        "questions[].balance": ("balance", "question"),
        "questions[].regions": ("regions",),
        "questions[].groups": ("groups", "question"),
        "questions[].rule": ("rule", "question"),
        "questions[].given": ("given", "question"),
        "questions[].contacts": ("contacts",),
        "thresholds[].crossings": ("threshold",),
        "thresholds[].crossings[].moves": ("moved",),
        "shares": ("cell", "table"),
        "rates": ("cell", "table"),
        "codes": ("count",),
        "months": ("count",),
        "findings": ("count",),
        "scale": ("count",),
        "missing": ("state",),
        "links": ("state",),
        "acceptance": ("state",),
        "contrasts": ("pool",),
    }
)
"""What rules judge a list of entries of a document, by the path of the list; what is public has none."""


def rule(kind: Kind, code: str, source: str, reads: tuple[str, ...] = ()) -> Callable[[Function], Function]:
    """Register a function: adding a rule is adding one function, and its text in the catalogues.

    Parameters
    ----------
    kind : what it judges
    code : str
        Its reason code; a rule may have several functions, and a function several codes.
    source : str
    reads : tuple of str
        Keys of the study's floors.
    """

    def add(function: Function) -> Function:
        _FOUND.append(Rule(kind, code, source, function, reads))
        return function

    return add


def rules_of(*kinds: Kind) -> tuple[Rule, ...]:
    """Return the rules of some kinds among the modules that are loaded, in the order in which they run."""
    return tuple(one for one in _FOUND if one.kind in kinds)


@cache
def all_rules() -> tuple[Rule, ...]:
    """Load every module that has rules and return all of them, by what they judge."""
    for name in _MODULES:
        import_module(f"{__package__}.{name}")
    return tuple(sorted(_FOUND, key=lambda one: (_KINDS.index(one.kind), one.code)))


def judged(place: str) -> tuple[str, ...]:
    """Return the codes of all rules that judged every entry of a list, each once.

    Parameters
    ----------
    place : str
        Of the list, with indices: ``questions[0].analyses``. No code where no household is behind it.
    """
    kinds = JUDGED.get(_INDEX.sub("[]", place), ())
    return tuple(dict.fromkeys(one.code for kind in kinds for one in all_rules() if one.kind == kind))
