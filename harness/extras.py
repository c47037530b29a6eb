"""Libraries that an import from a URL does not need: they come with extras, and are asked for where they are used.

Loads none of them, and nothing else that is slow: `server` is asked for its help, too.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any

from harness.errors import MissingLibrary
from harness.paths import installation

# What serves the test API; it decides without them, in virtual time.
_WEB_SERVER = ("hypercorn", "quart", "quart_schema", "quart_trio")


def need(module: str, extra: str = "report") -> Any:
    """The module of that name; MissingLibrary says what to install where it is not there."""
    try:
        return import_module(module)
    except ImportError:
        name = module.partition(".")[0]
        raise MissingLibrary(f"this needs {name}, which is not installed; run: {installation(extra)}") from None


def need_server() -> None:
    """Raise MissingLibrary, which says what to install, where the test API cannot be served."""
    missing = next((name for name in _WEB_SERVER if find_spec(name) is None), None)
    if missing is not None:
        ask = f"run: {installation('server')}, or name an API with --url"
        raise MissingLibrary(f"the test API needs a web server, and {missing} is not installed; {ask}")
