"""Whether the test API can be served: its web server is an extra, without which everything else works.

Loads no part of it, and nothing else that is slow: `server` is asked for its help, too.
"""

from __future__ import annotations

from importlib.util import find_spec

from harness.errors import MissingLibrary
from harness.paths import installation

# What serves it; it decides without them, in virtual time.
_WEB_SERVER = ("hypercorn", "quart", "quart_schema", "quart_trio")


def need_server() -> None:
    """Raise MissingLibrary, which says what to install, where the test API cannot be served."""
    missing = next((name for name in _WEB_SERVER if find_spec(name) is None), None)
    if missing is not None:
        ask = f"run: {installation('server')}, or name an API with --url"
        raise MissingLibrary(f"the test API needs a web server, and {missing} is not installed; {ask}")
