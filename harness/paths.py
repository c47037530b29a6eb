"""Paths, commands and installations as people type them."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import Any

from harness.signals import SCRIPT


def as_path(value: str | Path) -> str | Path:
    """A path as it came, if files can be looked for there and its name shown; else ValueError."""
    printable_path(value)
    try:
        os.lstat(value)
    except (FileNotFoundError, NotADirectoryError):
        pass  # it may be about to be made; whoever cannot says so
    except OSError as error:
        raise ValueError(f"{quoted(str(value))} cannot be reached ({error.strerror}); choose another path") from None
    return value


def printable_path(value: str | Path) -> str | Path:
    """A path as it came, if its name can be shown; else ValueError. Looks at the text alone."""
    if not str(value).isprintable():
        raise ValueError(f"{quoted(str(value))} contains an unprintable character; choose another path")
    return value


def quoted(value: Any) -> str:
    """A value as an error shows it."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"


def program(python: str = "python") -> str:
    """Return how this program is typed from here: by its script if that started it, else as a module of `python`."""
    script = Path(sys.argv[0]) if sys.argv else Path()
    if script.name != SCRIPT:
        return f"{shlex.quote(python)} -m harness"
    import shutil  # slow to load

    found = shutil.which(SCRIPT)
    if found is not None and Path(found).absolute() == script.absolute():
        return SCRIPT
    return shlex.quote(from_here(script))


def from_here(path: Path) -> str:
    """Return a program's path as it is to be typed in the current folder."""
    try:
        return str(path.absolute().relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def installation(extra: str) -> str:
    """Return the command that installs what `extra` names: of this checkout, if we run from one."""
    checkout = (Path(__file__).parent.parent / "pyproject.toml").is_file()
    return f"pip install -e '.[{extra}]'" if checkout else f"pip install '{SCRIPT}[{extra}]'"
