"""What pydantic says of a setting that cannot be used, as one sentence of ours."""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from harness.errors import BadInput
from harness.flags import FLAGS, GROUPS, PLACES, flag_of
from harness.paths import quoted

# What may be a secret, or hold one, must not come back in an error.
_NEVER_SHOWN = ("header", "token_env", "url")


class BadSetting(BadInput):
    """A setting that cannot be used. It is named as a flag; `told_as` names it as it was given, in a file say.

    setting: its field's name, None where no one setting is to blame or there is none of that name. named: how it is
    called where it was given, if not as a flag.
    """

    def __init__(self, setting: str | None, said: str, named: str | None = None) -> None:
        super().__init__(said if setting is None else (named or flag_of(setting)) + said)
        self.setting = setting
        self._said = said

    def named(self, what: str) -> BadSetting:
        """Return the same with `what` as the setting's name, unless `told_as` says where it was given."""
        return BadSetting(self.setting, self._said, what)

    def told_as(self, what: str) -> str:
        """Return the sentence with `what` as the setting's name."""
        return self._said if self.setting is None else what + self._said


def first_of(error: ValidationError, group: str = "") -> BadSetting:
    """Return the first thing wrong; the rest would come up after it was mended. Holds no value that may be a secret.

    group: the part of the config that was checked; "" for the whole.
    """
    first, *others = error.errors(include_url=False)
    if isinstance(said := first.get("ctx", {}).get("error"), BadSetting):  # a part of the whole has found it
        return said
    message = first["msg"].removeprefix("Value error, ")
    place = [group, *first["loc"]] if group else [*first["loc"]]
    name = PLACES.get((str(place[0]), str(place[1]))) if len(place) > 1 else None
    if first["type"] == "value_error":
        return BadSetting(name, message if name is None else f": {message}")
    if name is None:
        if first["type"] != "extra_forbidden":
            return BadSetting(None, f"{place[-1]} is a part of the settings; give it as a table of them")
        return BadSetting(None, f"unknown setting {str(place[-1])!r}; {instead_of(str(place[-1]))}")
    given = "" if name in _NEVER_SHOWN else f", not {_shown(first['input'])}"
    word = next((f" or {other['ctx']['expected']}" for other in others if _is_word_for(other, first)), "")
    return BadSetting(name, f" {_must(first['type'], message, first.get('ctx', {}))}{word}{given}")


def of_model(error: ValidationError, model: type[BaseModel]) -> BadSetting:
    """Return the first thing wrong with a part of a Source made in Python: `per_page of Resource must be …`."""
    errors = error.errors(include_url=False)
    first = next(
        (one for one in errors if one["type"] == "extra_forbidden"), errors[0]
    )  # a typo is why another is missing
    if isinstance(said := first.get("ctx", {}).get("error"), BadSetting):
        return said
    place = ".".join(str(part) for part in first["loc"] if not isinstance(part, int))
    what = f"{place} of {model.__name__}" if place else model.__name__
    if first["type"] == "extra_forbidden":
        like = get_close_matches(str(first["loc"][-1]), list(model.model_fields), 1, 0.6)
        ask = f"leave it out, or write {like[0]}" if like else f"it has {', '.join(model.model_fields)}"
        return BadSetting(None, f"unknown field {str(first['loc'][-1])!r} of {model.__name__}; {ask}")
    if first["type"] == "missing":
        return BadSetting(None, f"{what} is missing; add it")
    if first["type"].startswith("union_tag"):
        return BadSetting(None, f"{what} has no type that is known; use one of {_known_types(first)}")
    if first["type"] in ("model_attributes_type", "model_type"):
        return BadSetting(None, f"{what} must be an object of harness, such as {_OBJECTS.get(place, 'Source')}(…)")
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "value_error":
        return BadSetting(None, f"{what}: {message}")
    return BadSetting(None, f"{what} {_must(first['type'], message, first.get('ctx', {}))}")


# What stands in a part of a Source, for example.
_OBJECTS = {"paging": "CursorPaging", "auth": "BearerAuth", "item": "Item", "resource": "Resource"}


def _known_types(error: ErrorDetails) -> str:
    tags = error.get("ctx", {}).get("expected_tags")
    return str(tags).replace("'", "") if tags else "those in docs/sources.md"


def near(name: str) -> str | None:
    """Return the setting that was probably meant by `name`, None where none is like it."""
    known = [*(flag.alias or key for key, flag in FLAGS.items()), *GROUPS]
    found = get_close_matches(name.replace("-", "_"), known, 1, 0.75)
    return found[0] if found else None


def instead_of(name: str) -> str:
    """Return what to do about a setting of a name that there is not."""
    meant = near(name)
    return "leave it out" if meant is None else f"leave it out, or write {meant}"


def _is_word_for(other: ErrorDetails, first: ErrorDetails) -> bool:
    """Whether it is the other way to write the same setting: `auto` for a number of workers."""
    same = other["loc"][:-1] == first["loc"][:-1] and other["type"] == "literal_error"
    return same and first["type"].endswith(("_parsing", "_type"))


_MUST = {
    "int_parsing": "a whole number",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_parsing": "a number or a duration such as 20s",
    "float_type": "a number or a duration such as 20s",
    "bool_parsing": "true or false",
    "bool_type": "true or false",
    "string_type": "text",
    "path_type": "the path of a folder",
    "greater_than": "more than {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than_equal": "at most {le}",
    "too_long": "{max_length} values at most",
    "literal_error": "{expected}",
}


def _must(kind: str, message: str, context: Mapping[str, Any]) -> str:
    """What pydantic asks for as the rest of a sentence: `must be at least 1`."""
    if kind in _MUST:
        about = {key: f"{value:,.12g}" if isinstance(value, (int, float)) else value for key, value in context.items()}
        return f"must be {_MUST[kind].format(**about)}"
    return f"is wrong: {message[0].lower()}{message[1:]}"


def _shown(value: Any) -> str:
    """A value as it was typed: numbers bare, other text quoted."""
    if isinstance(value, float):
        return f"{value:g}"
    return value if isinstance(value, str) and re.fullmatch(r"-?[0-9.]{1,40}", value) else quoted(value)
