"""Reading the study file and the inventory: TOML in, closed models out, one clear error otherwise."""

from __future__ import annotations

import tomllib
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, get_origin

from pydantic import BaseModel, ValidationError

from causalsig.errors import StudyError
from causalsig.study.inventory import Inventory
from causalsig.study.models import Study

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

DEFAULT_STUDY = "vroegsignalering"
_MAX_BYTES = 2_500_000
Model = TypeVar("Model", bound=BaseModel)


def read_study(path: str | Path) -> Study:
    """Read and check a study file.

    Parameters
    ----------
    path : str or Path
        A TOML file, or the name of a packaged study ("vroegsignalering").

    Raises
    ------
    StudyError
        The file is missing, is not TOML, or does not say a possible study.
    """
    if str(path) == DEFAULT_STUDY and not Path(path).exists():
        return _validate(Study, tomllib.loads(default_study_text()), DEFAULT_STUDY, "study")
    return _validate(Study, _read_toml(Path(path), "study"), str(path), "study")


def read_inventory(path: str | Path) -> Inventory:
    """Read and check a provider's inventory of sites; raises StudyError as :func:`read_study` does."""
    return _validate(Inventory, _read_toml(Path(path), "inventory"), str(path), "inventory")


def default_study_text() -> str:
    """Return the packaged default study as TOML, comments included."""
    return (resources.files("causalsig.study") / "studies" / f"{DEFAULT_STUDY}.toml").read_text("utf-8")


def _read_toml(path: Path, kind: str) -> dict[str, object]:
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
        if len(content) > _MAX_BYTES:
            raise OSError("too large")
        return tomllib.loads(content.decode("utf-8"))
    except RecursionError:
        raise StudyError(
            f"{kind}-not-toml",
            expected="valid TOML, every key once",
            found="tables and lists too deep in one another",
            mend="Write it as the default study does.",
            where=str(path),
        ) from None
    except FileNotFoundError:
        raise StudyError(
            f"{kind}-file-missing",
            expected=f"a {kind} file in TOML",
            found="no file at that path",
            mend="Check the path."
            + (" `causalsig study init FILE` writes a default study." if kind == "study" else ""),
            where=str(path),
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise StudyError(
            f"{kind}-file-unreadable",
            expected=f"a readable {kind} file in UTF-8",
            found=type(error).__name__,
            mend="Check that it is a text file, saved as UTF-8, that you may read.",
            where=str(path),
        ) from None
    except tomllib.TOMLDecodeError as error:
        raise StudyError(
            f"{kind}-not-toml",
            expected="valid TOML, every key once",
            found=str(error),
            mend="Correct that line.",
            where=str(path),
        ) from None


def _validate(model: type[Model], values: dict[str, object], where: str, kind: str) -> Model:
    try:
        return model.model_validate(values)
    except ValidationError as error:
        details = error.errors(include_input=False, include_url=False)
    key, expected, found, mend = explain_invalid(details[0], model)
    more = f" ({len(details) - 1} more after this one)" if len(details) > 1 else ""
    raise StudyError(
        f"{kind}-invalid", expected=expected, found=found + more, mend=mend, where=f"{where}, {key}"
    )


def explain_invalid(detail: ErrorDetails, model: type[BaseModel]) -> tuple[str, str, str, str]:
    """Turn a validation error into (key, expected, found, mend), without the value itself."""
    import difflib

    location = [str(part) for part in detail["loc"]]
    key = ".".join(location) or "the file"
    if detail["type"] == "extra_forbidden":
        known = _known_keys(model, location[:-1])
        near = difflib.get_close_matches(location[-1], known, n=1)
        mend = f"Did you mean {near[0]!r}?" if near else f"Known here: {', '.join(known)}."
        return key, "a key the file format knows", "an unknown key", mend
    if detail["type"] == "missing":
        return key, "a value", "none", "Add this key."
    if detail["type"] == "value_error":
        context = detail.get("ctx", {})
        reason = str(context.get("error", detail["msg"]))
        return key, "settings that go together", reason.split(";")[0], _sentence(reason)
    return (
        key,
        detail["msg"].removeprefix("Input should be ").rstrip("."),
        "something else",
        "Correct this key.",
    )


def _sentence(reason: str) -> str:
    mend = reason.split(";", 1)[1].strip() if ";" in reason else "Correct these settings."
    return mend[0].upper() + mend[1:].rstrip(".") + "."


def _known_keys(model: type[BaseModel], location: list[str]) -> list[str]:
    """Keys allowed in the table at this location, following the models as far as they are plain."""
    current: object = model
    named = False
    for part in location:
        if part.isdigit() or named:
            named = False  # the name of a table of the user's own, such as [nodes.debt]
            continue
        if not (isinstance(current, type) and issubclass(current, BaseModel)):
            return []
        field = current.model_fields.get(part)
        current = None if field is None else _inner_model(field.annotation)
        named = field is not None and get_origin(field.annotation) is dict
    if isinstance(current, type) and issubclass(current, BaseModel):
        return sorted(current.model_fields)
    return []


def _inner_model(annotation: object) -> object:
    from typing import get_args

    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in get_args(annotation):
        found = _inner_model(argument)
        if found is not None:
            return found
    return None
