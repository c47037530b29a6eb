"""Libraries that an importer inside something else does not need: loaded where they are used, asked for by name."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from harness.errors import MissingLibrary
from harness.paths import installation


def need(module: str, extra: str = "report") -> Any:
    """The module of that name; MissingLibrary says what to install where it is not there."""
    try:
        return import_module(module)
    except ImportError:
        name = module.partition(".")[0]
        raise MissingLibrary(f"this needs {name}, which is not installed; run: {installation(extra)}") from None
