"""The form: what stands in it, what it means under another source, and the settings that it comes to."""

from __future__ import annotations

from typing import Any

from harness.views.panel.form import Form

PRESETS = {"stripe": ("charges and customers", "100/s"), "plain": ("no limits", "")}


def form(**settings: Any) -> Form:
    made = Form({"laravel": "two windows"}, PRESETS, ["window", "auto"])
    made.fill(settings)
    return made


def test_it_comes_to_what_was_typed() -> None:
    """By the names of the settings; nothing for a field left empty, or one that the source does not have."""
    one = form(items=40, limit="10/1s", run=None)
    assert one.values() == {"items": "40", "limit": "10/1s", "workers": "10"}
    one.type("latency", " 50ms ")
    one.type("nonsense", "1")
    one.type("source_of", "nowhere")
    assert one.values() == {"items": "40", "limit": "10/1s", "workers": "10", "latency": "50ms"}
    one.type("source_of", "URL")
    one.type("url", "https://api.example.com/orders")
    assert one.values() == {"url": "https://api.example.com/orders", "workers": "10"}


def test_what_was_for_the_test_api_is_taken_back_and_given_back() -> None:
    """Neither its size nor its limits count for another API; what was typed there stays."""
    one = form(items=1000, limit="500/20s")
    one.type("preset", "stripe")
    assert (one.typed["items"], one.typed["limit"]) == ("1000", "")
    assert one.hints()["limit"] == "documented: 100/s"
    one.type("source_of", "URL")
    assert one.typed["items"] == ""
    one.type("limit", "100/m")
    one.type("source_of", "test API")
    assert (one.typed["items"], one.typed["limit"]) == ("1000", "100/m")
    one.type("limit", "")
    one.type("preset", "")
    assert one.typed["limit"] == "500/20s"


def test_a_run_that_is_cloned_brings_settings_without_a_field() -> None:
    """They count, are said, and go when the form is emptied; a choice that is not offered is offered too."""
    one = form(url="https://api.example.com/x", max_items=5, page_param="p", preset="own.toml", retry_delays=[1, 2])
    assert one.values() == {
        **{"page_param": "p", "url": "https://api.example.com/x", "preset": "own.toml"},
        **{"workers": "10", "max_items": "5", "retry_delays": "1,2"},
    }
    (preset,) = [field for field in one.data() if field["name"] == "preset"]
    assert preset["options"][-1] == ("own.toml", "own.toml")
    one.clear()
    assert one.values() == {"workers": "10"}
    assert form(source="orders.toml").values() == {"source": "orders.toml", "workers": "10"}
    assert form(url="").values() == {"workers": "10"}
