"""A source written as the TOML file that declares it: what `check --save` leaves."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from harness.errors import BadInput
from harness.spec.source import Source

Table = Mapping[str, Any]


def to_toml(source: Source) -> str:
    """Return a file that declares `source`: `read_source` makes an equal one of it. BadInput for a body with null."""
    resource = source.resource
    inner = {"url": resource.url, **_said(resource)}
    for name in ("refused_when", "fail_when"):
        inner[name] = [str(rule) for rule in getattr(resource, name)]
    if resource.body is not None:
        inner["body"] = resource.body  # null within it is said, if only to be refused
    lines = ["[source]", *_entries(_said(source, "resource")), "", "[[resource]]", *_entries(inner)]
    return "\n".join(lines) + "\n"


def _said(model: BaseModel, but: str = "") -> dict[str, Any]:
    """Return the fields of a model that are not as they are where nothing is said, and of those with one the type."""
    said: dict[str, Any] = {}
    for name, about in type(model).model_fields.items():
        value = getattr(model, name)
        if name == "type":
            said = {name: value, **said}
        elif name != but and value != about.get_default(call_default_factory=True):
            said[name] = _said(value) if isinstance(value, BaseModel) else value
    return said


def _entries(table: Table) -> list[str]:
    return [f"{_key(name)} = {_value(value)}" for name, value in table.items() if value not in ([], ())]


def _key(name: str) -> str:
    return name if re.fullmatch("[A-Za-z0-9_-]+", name) else _quoted(name)


def _value(value: Any) -> str:
    """Return a JSON value in TOML, in one line. BadInput for null, which TOML has not."""
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, Mapping):
        inner = ", ".join(f"{_key(str(name))} = {_value(one)}" for name, one in value.items())
        return f"{{ {inner} }}" if inner else "{}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_value, value))}]"
    if value is None:
        raise BadInput("the body holds null, which TOML cannot say; give it as --body instead")
    return json.dumps(value)


def _quoted(text: str) -> str:
    """Return a basic string: JSON's escapes are TOML's, but for those of half a pair and of DEL."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
