"""The version, of which pyproject.toml is the one source."""

from __future__ import annotations

from pathlib import Path

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
