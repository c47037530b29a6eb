"""The form and the buttons of the panel: widgets that say what was typed and call back, and decide nothing.

Before the start the form holds the settings of the import to come; while one runs, workers and limit steer it. The
number of workers is the browser's own slider with a label, because the toolkit's has none for screen readers.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

import anywidget
import ipywidgets as w
import traitlets

from harness.record.status import RunStatus
from harness.views.panel.html import esc

HERE = Path(__file__).parent


class Workers(anywidget.AnyWidget):
    """`value` is what was chosen last, 1 to 1000; the slider itself ends at `most`."""

    _esm = HERE / "workers.js"
    _css = HERE / "panel.css"
    value = traitlets.Int(10).tag(sync=True)
    most = traitlets.Int(100).tag(sync=True)
    disabled = traitlets.Bool(False).tag(sync=True)


Phase = RunStatus | str

# Which buttons there are to press, by what the import does. `retry` needs failed items besides.
ENABLED: dict[str, frozenset[str]] = {
    "idle": frozenset({"start"}),
    "starting": frozenset({"stop"}),
    "running": frozenset({"pause", "stop", "apply", "retry"}),
    "paused": frozenset({"resume", "stop", "apply", "retry"}),
    "stopping": frozenset({"stop"}),
    "complete": frozenset({"start"}),
    "complete with failures": frozenset({"start", "retry"}),
    "stopped": frozenset({"start", "resume", "retry"}),
    "interrupted": frozenset({"start", "resume", "retry"}),
    "failed": frozenset({"start", "resume", "retry"}),
}
BUTTONS = {
    "start": ("Start", "Import with these settings"),
    "pause": ("Pause", "Send no new requests until Resume; those in flight finish"),
    "resume": ("Resume", "Continue, also a run that was stopped"),
    "stop": ("Stop", "Finish the requests in flight, then end; it can be resumed. Twice: end at once"),
    "retry": ("Retry failed", "Fetch the failed items again"),
}
# Fields that say how an API of one's own is read.
_OF_URL = ("records", "id", "next", "cursor_param", "item", "auth")
_NO_LIMIT = "100/m, say; empty: learned or stated"
# By whether the source is a URL.
_ITEMS = {False: "1000", True: "all; or the most to import"}
_WIDE = {"description_width": "9em"}
_FIELD = {"width": "min(100%, 30em)"}


class Controls:
    """The form, the buttons and a line for what went wrong; `widget` is all of it.

    settings: what the form begins with, by the names of the settings, as text. scenarios: the ready-made test APIs,
    with a line on each. presets: the APIs that are known, with a line on each and their documented limits. on: what to
    call, by button; `workers` and `limit` get what was chosen while an import runs.
    """

    def __init__(
        self,
        settings: Mapping[str, Any],
        scenarios: Mapping[str, str],
        presets: Mapping[str, tuple[str, str]],
        strategies: list[str],
        on: Mapping[str, Callable[..., Any]],
    ) -> None:
        self._on = on
        self.enabled: frozenset[str] = frozenset()
        self._setting = False  # the form is being changed by us
        self._presets = presets
        self._for_test_api: dict[str, str] = {}  # what was filled in while no URL was
        self._source = w.ToggleButtons(options=["test API", "URL"], description="Source", style=_WIDE)
        about = [
            ("the known API; or fixed windows, stated truthfully", ""),
            *((f"{name}: {line}", name) for name, line in scenarios.items()),
        ]
        self._fields: dict[str, Any] = {
            "scenario": w.Dropdown(options=about, description="Behaves like", style=_WIDE, layout=_FIELD),
            "preset": w.Dropdown(
                options=[
                    ("none: it is guessed, or said below", ""),
                    *((f"{name}: {line}", name) for name, (line, _) in presets.items()),
                ],
                description="Known API",
                style=_WIDE,
                layout=_FIELD,
            ),
            "source": _text("Settings file", "TOML, as check --save writes it; or none"),
            "url": _text("URL of the list", "https://api.example.com/orders"),
            "token_env": _text("Token variable", "API_TOKEN, say: its name, not the key"),
            "items": _text("Items", _ITEMS[False]),
            "limit": _text("Limit", _NO_LIMIT),
            "server_limit": _text("Server's limit", "what the test API enforces; empty: the same"),
            "latency": _text("Latency", "of the test API, such as 50ms"),
            "pacing": w.Dropdown(
                options=[("as fits the limits", ""), *((name, name) for name in strategies)],
                description="Pacing",
                style=_WIDE,
                layout=_FIELD,
            ),
            "retry_delays": _text("Retry after", "30,60,120,240"),
            "run": _text("Name of the run", "a timestamp"),
            "records": _text("Records", "path in a page, such as data.orders; empty: guessed"),
            "id": _text("Id", "path in a record, such as order_id; empty: guessed"),
            "next": _text("Next page", "path of its URL or cursor, such as meta.next; empty: guessed"),
            "cursor_param": _text("Cursor parameter", "sends the cursor, such as after"),
            "item": _text("URL of an item", "such as {list}/{id}, or {url} of the record; empty: guessed"),
            "auth": _text("Auth", "bearer, basic:USER, header:NAME or query:NAME; empty: bearer"),
        }
        self.workers = Workers()
        self._auto = w.Checkbox(False, description="find the number of workers", indent=False)
        self.apply = w.Button(description="Apply limit", tooltip="Use this limit from now on", layout={"width": "auto"})
        self.buttons = {name: _button(*looks) for name, looks in BUTTONS.items()}
        self.limit = self._fields["limit"]
        self.note = w.HTML()
        self.fill(settings)
        self._listen()
        self.widget = self._laid_out()
        self._show_source()
        self.enable("idle", failed=0)

    def fill(self, settings: Mapping[str, Any]) -> None:
        """Put `settings` into the form, as text; what is not among them is left as it is."""
        given = {name: value for name, value in settings.items() if value is not None}
        if "max_items" in given:
            given["items"] = given["max_items"]
        self._setting = True
        if "url" in given:
            self._source.value = "URL" if given["url"] else "test API"
        if given.get("source"):
            self._source.value = "URL"
        if self._source.value != "URL":
            self._for_test_api |= {name: str(given[name]) for name in ("items", "limit") if name in given}
        for name in self._fields.keys() & given.keys():
            self._put(name, given[name])
        if "workers" in given:
            self._auto.value = given["workers"] == "auto"
            if not self._auto.value:
                self.workers.value = int(given["workers"])
        self._setting = False

    def _put(self, name: str, value: Any) -> None:
        """Put a setting into its field; a choice that is not offered, such as a preset in a file, is offered too."""
        field, text = self._fields[name], "\n".join(value) if isinstance(value, (list, tuple)) else str(value)
        if isinstance(field, w.Dropdown) and text not in [one for _, one in field.options]:
            field.options = [*field.options, (text, text)]
        field.value = text

    def values(self) -> dict[str, Any]:
        """Return what was typed, by the names of the settings; nothing for a field left empty."""
        typed = {name: field.value.strip() for name, field in self._fields.items() if field.value.strip()}
        typed["workers"] = "auto" if self._auto.value else self.workers.value
        if self._source.value == "URL":
            for name in ("scenario", "server_limit", "latency"):
                typed.pop(name, None)
            if "items" in typed:
                typed["max_items"] = typed.pop("items")
            return typed if "source" in typed else {"url": "", **typed}
        for name in ("source", "url", "token_env", *_OF_URL):
            typed.pop(name, None)
        return typed

    def say(self, text: str, *, bad: bool = False) -> None:
        """Show a sentence below the buttons; a screen reader speaks it at once where it is bad news."""
        role = "alert" if bad else "status"
        said = (
            f'<p role="{role}" class="hx {"hx-bad" if bad else ""}">{"✗ " if bad else ""}{esc(text)}</p>'
            if text
            else ""
        )
        if self.note.value != said:
            self.note.value = said

    def enable(self, phase: Phase, failed: int, besides: Collection[str] = ()) -> None:
        """Enable the buttons that are of use in `phase`, and `besides`."""
        enabled = ENABLED[phase] - (frozenset() if failed else {"retry"}) | frozenset(besides)
        if enabled == self.enabled:
            return
        self.enabled = enabled
        for name, button in self.buttons.items():
            button.disabled = name not in enabled
        self.apply.disabled = "apply" not in enabled
        busy = "start" not in enabled
        for name, field in self._fields.items():
            field.disabled = busy and name != "limit"
        self._source.disabled = self._auto.disabled = busy

    def _listen(self) -> None:
        for name, button in self.buttons.items():
            button.on_click(lambda _, name=name: self._on[name]())
        self.apply.on_click(lambda _: self._on["limit"](self._fields["limit"].value.strip()))
        self.workers.observe(self._workers_moved, "value")
        self._source.observe(lambda _: self._show_source(), "value")
        for chooses in (self._source, self._fields["preset"]):
            chooses.observe(lambda _: self._fit(), "value")

    def _workers_moved(self, change: Any) -> None:
        if "apply" in self.enabled and not self._setting:
            self._on["workers"](change["new"])

    def _fit(self) -> None:
        """Take back what was filled in for the test API where it would count for another, and say what counts then."""
        preset, url = self._fields["preset"].value, self._source.value == "URL"
        documented = self._presets[preset][1] if preset in self._presets else ""
        self.limit.placeholder = f"documented: {documented}" if documented else _NO_LIMIT
        if self._setting:
            return
        for name, foreign in (("items", url), ("limit", url or bool(preset))):
            field, mine = self._fields[name], self._for_test_api.get(name, "")
            if foreign and field.value == mine:
                field.value = ""
            elif not foreign and not field.value:
                field.value = mine

    def _show_source(self) -> None:
        """Show only the fields that this source has."""
        url = self._source.value == "URL"
        self._fields["items"].placeholder = _ITEMS[url]
        for name, of_url in (
            ("source", True),
            ("url", True),
            ("token_env", True),
            *((name, True) for name in _OF_URL),
            ("scenario", False),
            ("server_limit", False),
            ("latency", False),
        ):
            self._fields[name].layout.display = "" if of_url == url else "none"

    def _laid_out(self) -> Any:
        fields = self._fields
        names = ("preset", "scenario", "source", "url", "token_env", "items")
        first = w.VBox([self._source, *(fields[name] for name in names)], layout=_COLUMN)
        second = w.VBox(
            [self.workers, self._auto, w.HBox([fields["limit"], self.apply], layout=_WRAP), fields["pacing"]],
            layout=_COLUMN,
        )
        more = w.VBox([fields[name] for name in ("server_limit", "latency", "retry_delays", "run")])
        shape = w.VBox([fields[name] for name in _OF_URL])
        folded = w.Accordion([more, shape], titles=("More settings", "How this API differs"), selected_index=None)
        buttons = w.HBox(list(self.buttons.values()), layout=_WRAP)
        return w.VBox([w.HBox([first, second], layout=_WRAP), folded, buttons, self.note])


_COLUMN = {"flex": "1 1 26em", "min_width": "0"}
_WRAP = {"flex_flow": "row wrap", "align_items": "center"}


def _text(label: str, placeholder: str) -> Any:
    return w.Text(description=label, placeholder=placeholder, style=_WIDE, layout=_FIELD, continuous_update=False)


def _button(label: str, tooltip: str) -> Any:
    return w.Button(description=label, tooltip=tooltip, layout={"width": "auto"})
