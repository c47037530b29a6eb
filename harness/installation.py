"""How this package is installed: its version, and the libraries that come with extras.

pyproject.toml is the one source of the version. An import from a URL needs none of the extras' libraries, so each is
loaded where it is used, and a missing one is named with the extra that brings it. This module loads nothing slow:
`server --help` asks it, too.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from harness.errors import MissingLibrary
from harness.paths import installation
from harness.signals import SCRIPT as PACKAGE

__all__ = ["PACKAGE", "version"]


def version() -> str:
    """Return this package's version: a checkout's own, installed or not, else the installed one's."""
    beside = Path(__file__).parent.parent / "pyproject.toml"
    if beside.is_file():  # what is installed may be another one, or as old as the last installation
        import tomllib

        project = tomllib.loads(beside.read_text(encoding="utf-8")).get("project", {})
        if project.get("name") == PACKAGE:
            return str(project["version"])
    from importlib import metadata  # slow to load

    return metadata.version(PACKAGE)


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
