"""Every field of a profile and of a monitor: what it means, its unit, its grid, and its rule."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from causalsig.release.fields import ESTIMATES, Field

_CODE, _PUBLIC, _FLOOR = "code list", "public", "release-cell-floor"
_BAND = "band, 10 or more"
_HEADER: dict[str, Field] = {
    name: ESTIMATES[name]
    for name in (
        "schema_version",
        "package_version",
        "lock_digest",
        "snapshot",
        "site_code",
        "extracted",
        "floors.min_households_cell",
        "floors.max_largest_weight_per_mille",
        "floors.max_two_largest_weight_per_mille",
        "floors.max_parameter_share_per_mille",
    )
} | {"wave": Field("which extract of this site", "number", "integer", _PUBLIC)}
_HELD = {
    "suppressions[].rule": Field("rule that held cells back; empty ones count too", "code", "-", _CODE),
    "suppressions[].table": Field("of which table", "code", "-", _CODE),
}


def _band(meaning: str) -> Field:
    return Field(meaning, "households", _BAND, _FLOOR)


def _share(prefix: str, meaning: str) -> dict[str, Field]:
    """Describe the three fields of a share under a path."""
    grid = "a quarter of the standard error of one half at the band's lower end, as a power of two"
    return {
        f"{prefix}households": _band("households the share is of"),
        f"{prefix}value": Field(meaning, "share, in steps", grid, "release-class-floor"),
        f"{prefix}value_exponent": Field(
            "the step is two to this power", "-", "follows from the band", "release-grid"
        ),
    }


def _state(prefix: str, name: str, of: str, meaning: str) -> dict[str, Field]:
    state = "a share, all but fewer than 10 households, fewer than 10 (none included), or not in the format"
    return {
        f"{prefix}.{name}": Field(of, "code", "-", _CODE),
        f"{prefix}.state": Field(state, "code", "-", "release-class-floor"),
        **_share(f"{prefix}.", meaning),
    }


_TABLE = Field("canonical table", "code", "-", _CODE)
_COLUMN = Field("canonical column", "code", "-", _CODE)
PROFILE: Mapping[str, Field] = MappingProxyType(
    {
        **_HEADER,
        "kind": Field("kind of document", "code", "profile", _PUBLIC),
        "households": _band("households with a signal in the extract"),
        "amounts": Field("how the notation of amounts was settled", "code", "-", _CODE),
        "scale[].creditor_type": Field("kind of creditor", "code", "-", _CODE),
        "scale[].scale": Field(
            "whether the median arrear is within what is plausible, below or above it; 20 households or more",
            "code",
            "-",
            _FLOOR,
        ),
        "findings[].code": Field("finding of reading or of a check", "code", "-", _CODE),
        "findings[].table": _TABLE,
        "findings[].column": _COLUMN,
        "findings[].households": _band(
            "households its rows stand for at the least; none: it is about the file as a whole"
        ),
        "codes[].table": _TABLE,
        "codes[].column": _COLUMN,
        "codes[].code": Field("code of the column's list, yes, no or missing", "code", "-", _CODE),
        "codes[].households": _band("households with this code"),
        "months[].table": _TABLE,
        "months[].month": Field("month", "month", "year and month", _FLOOR),
        "months[].households": _band("households with a row in this month"),
        "missing[].table": _TABLE,
        **_state("missing[]", "column", "canonical column", "rows in which it is empty"),
        **_state("links[]", "link", "which rows refer to what", "rows that find what they refer to"),
        **_state("acceptance[]", "figure", "which share of which cases", "the share"),
        **_HELD,
    }
)
"""Kind ``profile``, by path; ``[]`` stands for every element of a list."""

_MONTH = Field("month; none: the whole window", "month", "year and month", _FLOOR)
MONITOR: Mapping[str, Field] = MappingProxyType(
    {
        **_HEADER,
        "kind": Field("kind of document", "code", "monitor", _PUBLIC),
        "households": _band("households with a signal in the window"),
        "first": Field("first month that the signals cover", "month", "year and month", _FLOOR),
        "last": Field("last month that the signals cover", "month", "year and month", _FLOOR),
        "contact_last": Field("last month of cases", "month", "year and month", _PUBLIC),
        "rates[].figure": Field("signals per 1,000 inhabitants a month, or per episode", "code", "-", _CODE),
        "rates[].month": _MONTH,
        "rates[].households": _band("households behind the signals"),
        "rates[].value": Field(
            "the rate",
            "signals, in steps",
            "at least a quarter of its Poisson standard error at the band's lower end, as a power of two",
            "release-dominance",
        ),
        "rates[].value_exponent": Field("the step is two to this power", "-", "integer", "release-grid"),
        "shares[].figure": Field("which share", "code", "-", _CODE),
        "shares[].group": Field("method, kind of creditor or kind of episode; none: all", "code", "-", _CODE),
        "shares[].month": _MONTH,
        **_share("shares[].", "the share"),
        "absent[].figure": Field("rate or share that the source cannot give", "code", "-", _CODE),
        "absent[].group": Field("group of it; none: all", "code", "-", _CODE),
        "absent[].reason": Field("finding that says why", "code", "-", _CODE),
        **_HELD,
    }
)
"""Kind ``monitor``, by path."""
