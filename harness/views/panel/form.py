"""The form of a new import: which fields there are, what stands in them, and the settings that they come to.

It holds text, as somebody types it, and decides nothing about it: whether it can be used is for `checked` to say. The
browser draws the fields (`form.js`) and tells what was typed; what is shown is always what stands here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from harness.flags import DURATIONS
from harness.units import format_period

Source = Literal["test API", "URL"]
SOURCES: tuple[Source, ...] = ("test API", "URL")


@dataclass(frozen=True, slots=True)
class Field:
    """A field: the name of its setting, a label, what an empty one means. options: (value, text) to choose from.

    of: the only source that has it; "" for both. group: the fold in which it lies; "" for none.
    """

    name: str
    label: str
    hint: str = ""
    options: tuple[tuple[str, str], ...] = ()
    of: Source | Literal[""] = ""
    group: Literal["", "More settings", "How this API differs"] = ""


_NO_LIMIT = "100/m, say; empty: learned or stated"
_ITEMS = {"test API": "1000", "URL": "all; or the most to import"}


class Form:
    """What stands in the form: `typed`, by the name of the setting, and `source` besides.

    scenarios: the ready-made test APIs, with a line on each. presets: the APIs that are known, with a line on each and
    their documented limits. `also` are settings that have no field, as those of a run that is cloned may.
    """

    def __init__(
        self, scenarios: Mapping[str, str], presets: Mapping[str, tuple[str, str]], strategies: list[str]
    ) -> None:
        self._presets = presets
        self.fields = _fields(scenarios, presets, strategies)
        self._names = {field.name for field in self.fields}
        self.typed: dict[str, str] = {}
        self.also: dict[str, Any] = {}
        self._for_test_api: dict[str, str] = {}  # what was filled in while no URL was
        self.clear()

    def clear(self) -> None:
        """Empty every field; the test API is what an import is from by default."""
        self.typed = dict.fromkeys(self._names, "") | {"source_of": "test API", "workers": "10"}
        self.also, self._for_test_api = {}, {}

    def fill(self, settings: Mapping[str, Any]) -> None:
        """Put `settings` into the form, as text; what is not among them is left as it is."""
        given = {name: value for name, value in settings.items() if value is not None}
        if "max_items" in given:
            given["items"] = given.pop("max_items")
        if "url" in given or given.get("source"):
            self.typed["source_of"] = "URL" if given.get("url") or given.get("source") else "test API"
        if self.typed["source_of"] != "URL":
            self._for_test_api |= {name: str(given[name]) for name in ("items", "limit") if name in given}
        for name, value in given.items():
            if name in self._names:
                self.typed[name] = _as_text(_with_unit(name, value))
            else:
                self.also[name] = value

    def type(self, name: str, text: str) -> None:
        """Take what somebody typed or chose; a name that no field has is ignored."""
        if (name != "source_of" and name not in self._names) or (name == "source_of" and text not in SOURCES):
            return
        before, self.typed = self.typed, {**self.typed, name: text}
        if name in ("source_of", "preset") and before[name] != text:
            self._fit()

    def hints(self) -> dict[str, str]:
        """Return what an empty field means now, by the name of the field."""
        documented = self._presets.get(self.typed["preset"], ("", ""))[1]
        of_source = {"items": _ITEMS[self.typed["source_of"]]}
        return {
            **{field.name: field.hint for field in self.fields},
            **of_source,
            "limit": f"documented: {documented}" if documented else _NO_LIMIT,
        }

    def values(self) -> dict[str, Any]:
        """Return what was typed, by the names of the settings; nothing for a field left empty."""
        source = self.typed["source_of"]
        shown = [field.name for field in self.fields if field.of in ("", source)]
        typed = {name: text for name in shown if (text := self.typed[name].strip())}
        if source == "URL":
            if "items" in typed:
                typed["max_items"] = typed.pop("items")
            return {**self.also, **typed} if "source" in typed else {**self.also, "url": "", **typed}
        return {**self.also, **typed}

    def data(self) -> list[dict[str, Any]]:
        """Return the fields as the browser gets them; a choice that is not offered, such as a file, is offered too."""
        return [asdict(field) | {"options": [*field.options, *self._besides(field)]} for field in self.fields]

    def _besides(self, field: Field) -> list[tuple[str, str]]:
        text = self.typed[field.name]
        return [(text, text)] if field.options and text not in dict(field.options) else []

    def _fit(self) -> None:
        """Take back what was filled in for the test API where it would count for another, and give it back after."""
        url, preset = self.typed["source_of"] == "URL", self.typed["preset"]
        for name, foreign in (("items", url), ("limit", url or bool(preset))):
            mine = self._for_test_api.get(name, "")
            if foreign and self.typed[name] == mine:
                self.typed[name] = ""
            elif not foreign and not self.typed[name]:
                self.typed[name] = mine


def _with_unit(name: str, value: Any) -> Any:
    """Return seconds as a duration is to be typed, `50ms`; anything else as it is."""
    return format_period(value) if name in DURATIONS and isinstance(value, (int, float)) else value


def _as_text(value: Any) -> str:
    """Return a setting as it is typed: a list of texts in lines, one of numbers with commas."""
    if not isinstance(value, (list, tuple)):
        return str(value)
    return ("\n" if all(isinstance(one, str) for one in value) else ",").join(map(str, value))


def _fields(
    scenarios: Mapping[str, str], presets: Mapping[str, tuple[str, str]], strategies: list[str]
) -> tuple[Field, ...]:
    about = ((name, f"{name}: {line}") for name, line in scenarios.items())
    like = (("", "the known API; or fixed windows, stated truthfully"), *about)
    known = (("", "none: it is guessed, or said below"), *((n, f"{n}: {line}") for n, (line, _) in presets.items()))
    pacing = (("", "as fits the limits"), *((name, name) for name in strategies))
    return (
        Field("url", "URL of the list", "https://api.example.com/orders", of="URL"),
        Field("preset", "Known API", options=known),
        Field("scenario", "Behaves like", options=like, of="test API"),
        Field("source", "Settings file", "TOML, as check --save writes it; or none", of="URL"),
        Field("token_env", "Token variable", "API_TOKEN, say: its name, not the key", of="URL"),
        Field("items", "Items"),
        Field("limit", "Limit", _NO_LIMIT),
        Field("workers", "Workers", "a number; or auto, to find it"),
        Field("pacing", "Pacing", options=pacing),
        Field("run", "Name of the run", "a timestamp"),
        Field("server_limit", "Server's limit", "which the test API enforces", of="test API", group=_MORE),
        Field("latency", "Latency", "of the test API, such as 50ms", of="test API", group=_MORE),
        Field("retry_delays", "Retry after", "30,60,120,240", group=_MORE),
        Field("records", "Records", "path in a page, such as data.orders; empty: guessed", of="URL", group=_SHAPE),
        Field("id", "Id", "path in a record, such as order_id; empty: guessed", of="URL", group=_SHAPE),
        Field("next", "Next page", "path of its URL or cursor, such as meta.next", of="URL", group=_SHAPE),
        Field("cursor_param", "Cursor parameter", "sends the cursor, such as after", of="URL", group=_SHAPE),
        Field("item", "URL of an item", "such as {list}/{id}, or {url} of the record", of="URL", group=_SHAPE),
        Field("auth", "Auth", "bearer, basic:USER, header:NAME or query:NAME", of="URL", group=_SHAPE),
    )


_MORE: Literal["More settings"] = "More settings"
_SHAPE: Literal["How this API differs"] = "How this API differs"
