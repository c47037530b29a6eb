"""Ready-made servers: one TOML file each, named after what it is like.

A file holds settings as docs/test-api.md describes them, and `about`, the line that `--list-scenarios` prints.
"""

from __future__ import annotations

import tomllib
from importlib.resources import files
from typing import Any

from harness_test_api.config import ServerConfig
from harness_test_api.errors import BadConfig


def names() -> list[str]:
    """All scenarios, in order of name."""
    found = (file.name for file in files(__name__).iterdir())
    return sorted(name.removesuffix(".toml") for name in found if name.endswith(".toml"))


def about(name: str) -> str:
    """One line that says what a scenario is like."""
    return str(_read(name)["about"])


def settings_of(name: str) -> dict[str, Any]:
    """A scenario's settings; BadConfig for a name that is none."""
    values = _read(name)
    del values["about"]
    return {key.replace("-", "_"): value for key, value in values.items()}


def scenario(name: str, **over: Any) -> ServerConfig:
    """The config of a scenario; `over` are settings that win: `scenario("github", items=50)`."""
    return ServerConfig.from_mapping(settings_of(name) | over)


def _read(name: str) -> dict[str, Any]:
    if name not in names():
        raise BadConfig(f"scenario: {name!r} is unknown; use one of {', '.join(names())}")
    return tomllib.loads((files(__name__) / f"{name}.toml").read_text(encoding="utf-8"))
