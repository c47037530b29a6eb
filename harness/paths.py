"""Paths, commands and installations as people type them."""

from __future__ import annotations

import os
import re
import shlex
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from harness.signals import SCRIPT

# Object stores that can hold results. `Path` makes one slash of two, and Python's users hand over paths.
_STORE = re.compile(r"(s3|gs):/{1,2}([^/].*)?")
# What a file system takes as one name, in bytes.
_LONGEST = 255


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


def results_folder(value: str | Path) -> Path:
    """Return the folder of runs that is named: a path itself, for a URL of an object store its working folder here.

    Looks at the text alone: the folder's name is the URL, so that `results_url` finds it again. ValueError for a URL
    that cannot be one.
    """
    text = str(value)
    found = _STORE.fullmatch(text)
    if found is None:
        if "://" in text:
            raise ValueError(f"{quoted(text)} is not a folder; write a path, s3://BUCKET/PREFIX or gs://BUCKET/PREFIX")
        return Path(value)
    bucket, _, prefix = (found[2] or "").strip("/").partition("/")
    parts = prefix.split("/") if prefix else []
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]+", bucket) or any(part in ("", ".", "..") for part in parts):
        raise ValueError(f"{quoted(text)} names no bucket and prefix; write {found[1]}://BUCKET/PREFIX")
    name = quote("/".join([f"{found[1]}:/", bucket, *parts]), safe="")
    if len(name) > _LONGEST:
        raise ValueError(f"{quoted(text)} is too long; choose a shorter prefix")
    return copies_folder() / name


def results_url(folder: Path) -> str | None:
    """Return the URL of the object store that the runs in `folder` are copied to; None for a folder of its own."""
    if "%3A" not in folder.name or folder.parent != copies_folder():
        return None
    return unquote(folder.name)


def copies_folder() -> Path:
    """Return where the working folders of runs in object stores lie: with the user's state, for no cache may go that
    holds what is not copied yet.
    """
    return state_folder() / "copies"


# Where what outlives runs is kept, if not where the system keeps a user's state.
STATE_VARIABLE = "HARNESS_STATE"


def state_folder() -> Path:
    """Return the folder of what outlives runs: HARNESS_STATE, or the user's state folder."""
    from platformdirs import user_state_path  # slow to load

    said = os.environ.get(STATE_VARIABLE)
    return Path(said) if said else user_state_path(SCRIPT, appauthor=False)


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
